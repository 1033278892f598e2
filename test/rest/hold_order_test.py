"""Holds that become orders."""
import time

from fixture import (Test, at_once, make_product, make_sellable, make_stock, nobody, set_status,
                     staff, stock, unique)


def make_hold(*items, **more):
    """A new hold of (product id, quantity) items."""
    answer = staff().post("holds/", dict({"owner": unique("cart"), "items": [
        {"product_id": p, "quantity": q} for p, q in items]}, **more))
    assert answer.status == 201, answer
    return answer.json


def order_of(hold, key=None, **body):
    """The answer to making an order of a hold."""
    return staff().post("holds/%d/order/" % hold["id"], body, headers={"Idempotency-Key": key} if key else None)


class Life(Test):
    def test_ordered_and_confirmed(self):
        one, two = make_sellable(5, "2.50"), make_sellable(5)
        hold = make_hold((one, 2), (two, 5), (one, 1))
        answer = order_of(hold, customer_name="Ann", note="ring", external_ref=unique("R"))
        order = self.ok(answer, 201)
        self.assertTrue(answer.headers["location"].endswith("/orders/%d/" % order["id"]), answer)
        self.assertEqual((order["status"], order["takes_stock"], order["customer_name"], order["total_amount"]),
                         ("PENDING", "create", "Ann", "57.50"))
        self.assertEqual([(i["product"]["id"], i["quantity"]) for i in order["items"]], [(one, 3), (two, 5)])
        self.assertEqual((stock(one), stock(two)), ((5, 3, 0, 2), (5, 5, 0, 0)))
        now = self.ok(staff().get("holds/%d/" % hold["id"]))
        self.assertEqual((now["state"], now["order"]), ("consumed", order["id"]))
        self.ok(set_status(order["id"], "CONFIRMED"))
        self.assertEqual((stock(one), stock(two)), ((5, 0, 3, 2), (5, 0, 5, 0)))

    def test_same_key(self):
        product, key = make_sellable(5), unique("K")
        hold = make_hold((product, 2))
        ids = {self.ok(order_of(hold, key), 201)["id"] for _ in range(2)}
        self.assertEqual((len(ids), stock(product)), (1, (5, 2, 0, 3)))
        self.problem(order_of(hold, key, note="x"), 422, "OM030")

    def test_once(self):
        product = make_sellable(5)
        hold = make_hold((product, 2))
        answers = at_once(4, lambda i: order_of(hold))
        self.assertEqual(sorted(a.status for a in answers), [201, 409, 409, 409])
        made = [a.json["id"] for a in answers if a.status == 201]
        for answer in answers:
            if answer.status == 409:
                problem = self.problem(answer, 409, "OM046")
                self.assertEqual(problem["context"], {"hold_id": hold["id"], "order_id": made[0]})
        self.assertEqual(stock(product), (5, 2, 0, 3))

    def test_dry_run(self):
        product = make_sellable(5)
        hold = make_hold((product, 2))
        self.ok(staff().post("holds/%d/order/?dry_run=true" % hold["id"], {}))
        self.assertEqual(self.ok(staff().get("holds/%d/" % hold["id"])), hold)


class Refused(Test):
    def test_ended(self):
        product = make_sellable(5)
        hold = make_hold((product, 2), expires_in=1)
        time.sleep(1.1)
        self.problem(order_of(hold), 409, "OM046")
        hold = make_hold((product, 2))
        self.ok(staff().post("holds/%d/release/" % hold["id"]))
        self.problem(order_of(hold), 409, "OM046")
        self.problem(staff().post("holds/4611686018427387904/order/", {}), 404, "OM035")

    def test_values(self):
        product = make_product()["id"]
        make_stock(product, 5)
        hold = make_hold((product, 2))
        for body, pointer in (({"items": []}, "/items"), ({"channel": "none"}, "/channel"), ({"note": ""}, "/note"),
                              ({"customer_id": 0}, "/customer_id"), ({"status": "CONFIRMED"}, "/status")):
            with self.subTest(body=body):
                self.problem(order_of(hold, **body), 422, "OM010", pointer)
        self.problem(nobody().post("holds/%d/order/" % hold["id"], {}), 401)
        self.assertEqual(stock(product), (5, 2, 0, 3))
