"""Holds: stock kept for somebody for a while."""
import time

from fixture import Test, at_once, available, make_order, make_sellable, set_status, staff, unique


def make_hold(product, quantity, **more):
    """The answer to the making of a hold."""
    return staff().post("holds/", dict({"owner": unique("cart"), "items": [
        {"product_id": product, "quantity": quantity}]}, **more))


class Life(Test):
    def test_made_renewed_released(self):
        product = make_sellable(10)
        made = self.ok(make_hold(product, 4), 201)
        self.assertEqual((made["state"], made["version"], available(product)), ("held", 1, 6))
        self.assertEqual([(i["product"], i["location"], i["quantity"], i["state"]) for i in made["items"]],
                         [(product, "MAIN", 4, "held")])
        path = "holds/%d/" % made["id"]
        self.assertEqual(self.ok(staff().get(path)), made)
        now = self.ok(staff().post(path + "renew/", {"expires_in": 7200}))
        self.assertGreater(now["expires_at"], made["expires_at"])
        self.assertEqual(self.ok(staff().post(path + "release/"))["state"], "released")
        self.assertEqual(available(product), 10)
        self.problem(staff().post(path + "release/"), 409, "OM046")
        self.problem(staff().post(path + "renew/", {}), 409, "OM046")

    def test_expired(self):
        """Who confirms gets the units of a hold that has expired."""
        product = make_sellable(5)
        made = self.ok(make_hold(product, 5, expires_in=1), 201)
        order = make_order((product, 5))
        self.problem(set_status(order["id"], "CONFIRMED"), 409, "OM003")
        time.sleep(1.1)
        self.assertEqual(self.ok(staff().get("holds/%d/" % made["id"]))["state"], "expired")
        self.ok(set_status(order["id"], "CONFIRMED"))
        self.assertEqual(self.ok(staff().get("holds/%d/" % made["id"]))["items"][0]["state"], "expired")

    def test_last_units(self):
        product = make_sellable(5)
        answers = at_once(4, lambda i: make_hold(product, 2))
        self.assertEqual(sorted(a.status for a in answers), [201, 201, 409, 409])
        self.assertEqual(available(product), 1)

    def test_list(self):
        product, owner = make_sellable(5), unique("cart")
        ids = [self.ok(make_hold(product, 1, owner=owner), 201)["id"] for _ in range(3)]
        self.ok(staff().post("holds/%d/release/" % ids[0]))
        self.assertEqual([h["id"] for h in self.ok(staff().get("holds/", owner=owner))["results"]], ids[::-1])
        page = self.ok(staff().get("holds/", owner=owner, held="true"))
        self.assertEqual([h["id"] for h in page["results"]], ids[:0:-1])

    def test_same_key(self):
        product, key = make_sellable(5), unique("K")
        body = {"owner": "x", "items": [{"product_id": product, "quantity": 2}]}
        ids = {self.ok(staff().post("holds/", body, headers={"Idempotency-Key": key}), 201)["id"] for _ in range(2)}
        self.assertEqual((len(ids), available(product)), (1, 3))


class Refused(Test):
    def test_values(self):
        product = make_sellable(5)
        for more, pointer in (({"owner": ""}, "/owner"), ({"items": []}, "/items"), ({"expires_in": 0}, "/expires_in"),
                              ({"expires_in": 2592001}, "/expires_in"), ({"items": [7]}, "/items/0"),
                              ({"items": [{"product_id": 2 ** 62, "quantity": 1}]}, "/items/0/product_id")):
            with self.subTest(more=more):
                self.problem(make_hold(product, 1, **more), 422, "OM010", pointer)
        self.problem(make_hold(product, 6), 409, "OM003")
        self.assertEqual(available(product), 5)

    def test_unknown(self):
        self.problem(staff().get("holds/4611686018427387904/"), 404, "OM035")
        self.problem(staff().post("holds/4611686018427387904/renew/", {}), 404, "OM035")
        self.problem(staff().post("holds/4611686018427387904/release/"), 404, "OM035")
