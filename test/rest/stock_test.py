"""Stock at several locations: received, adjusted, counted, transferred, and its ledger."""
import client
from page_test import follow
from fixture import Test, at_once, make_order, make_product, make_stock, staff, unique


def make_location():
    """The code of a new location that orders do not take from."""
    code = unique("L")
    client.rows("INSERT INTO oms.location (code, name, active) VALUES (%s, %s, false) RETURNING id", code, code)
    return code


class Book(Test):
    def setUp(self):
        self.record = make_stock(make_product()["id"], 10)
        self.path = "inventory/%d/" % self.record["id"]

    def post(self, what, body, **more):
        return staff().post(self.path + what + "/", body, **more)

    def test_receive(self):
        now = self.ok(self.post("receive", {"quantity": 5, "reason": "van"}))
        self.assertEqual((now["quantity"], now["version"]), (15, self.record["version"] + 1))
        self.assertEqual(self.ok(staff().get(self.path)), now)

    def test_adjust(self):
        self.assertEqual(self.ok(self.post("adjust", {"delta": -3, "reason": "broken"}))["on_hand"], 7)
        self.problem(self.post("adjust", {"delta": -8, "reason": "broken"}), 409, "OM003")

    def test_count(self):
        version = self.record["version"]
        now = self.ok(self.post("count", {"counted": 8, "expected_version": version}))
        self.assertEqual((now["on_hand"], now["version"]), (8, version + 1))
        problem = self.problem(self.post("count", {"counted": 7, "expected_version": version}), 409, "OM041")
        self.assertEqual((problem["context"]["version"], problem["context"]["expected_version"]),
                         (version + 1, version))

    def test_count_what_is_promised(self):
        make_order((self.record["product"], 6), status="CONFIRMED")
        version = self.ok(staff().get(self.path))["version"]
        self.problem(self.post("count", {"counted": 5, "expected_version": version}), 409, "OM003")
        self.assertEqual(self.ok(self.post("count", {"counted": 6, "expected_version": version}))["quantity"], 0)

    def test_counts_at_once(self):
        """One of those who counted the same shelf is believed."""
        body = {"counted": 4, "expected_version": self.record["version"]}
        answers = at_once(4, lambda i: self.post("count", body))
        self.assertEqual(sorted(a.status for a in answers), [200, 409, 409, 409])

    def test_same_key(self):
        key = unique("K")
        for _ in range(2):
            now = self.ok(self.post("receive", {"quantity": 5}, headers={"Idempotency-Key": key}))
            self.assertEqual(now["quantity"], 15)
        self.assertEqual(self.ok(staff().get(self.path))["quantity"], 15)

    def test_refused(self):
        for what, body, pointer in (
                ("receive", {}, "/quantity"), ("receive", {"quantity": 0}, "/quantity"),
                ("receive", {"quantity": "1"}, "/quantity"), ("adjust", {"delta": 0, "reason": "x"}, "/delta"),
                ("adjust", {"delta": 1}, "/reason"), ("adjust", {"delta": 1, "reason": " "}, "/reason"),
                ("count", {"counted": 1}, "/expected_version"),
                ("count", {"counted": -1, "expected_version": 1}, "/counted")):
            with self.subTest(what=what, body=body):
                self.problem(self.post(what, body), 422, "OM010", pointer)
        self.assertEqual(self.ok(staff().get(self.path)), self.record)

    def test_no_record(self):
        for what, body in (("receive", {"quantity": 1}), ("adjust", {"delta": 1, "reason": "x"}),
                           ("count", {"counted": 1, "expected_version": 0})):
            self.problem(staff().post("inventory/%d/%s/" % (2 ** 62, what), body), 404, "OM005")
        self.problem(staff().get("inventory/%d/moves/" % (2 ** 62)), 404, "OM005")

    def test_settings(self):
        body = {"reorder_quantity": 40, "backorder_limit": 3, "low_stock_threshold": 2}
        now = self.ok(staff().patch(self.path, body))
        self.assertEqual({k: now[k] for k in body}, body)
        self.assertEqual(self.ok(staff().put(self.path, now))["version"], now["version"])
        make_order((self.record["product"], 12), status="CONFIRMED")
        self.assertEqual(self.ok(staff().get(self.path))["quantity"], -2)
        self.problem(staff().patch(self.path, {"backorder_limit": 1}), 409, "OM003")


class Locations(Test):
    def test_a_record_at_each(self):
        product, code = make_product()["id"], make_location()
        main = make_stock(product, 5)
        there = self.ok(staff().post("inventory/", {"product": product, "quantity": 7, "location": code}), 201)
        self.assertEqual((main["location"], there["location"], there["quantity"]), ("MAIN", code, 7))
        self.problem(staff().post("inventory/", {"product": product, "quantity": 1, "location": code}), 409, "OM012")
        self.problem(staff().post("inventory/", {"product": product, "quantity": 1, "location": "none"}), 404, "OM032")
        self.problem(staff().patch("inventory/%d/" % there["id"], {"location": "MAIN"}), 422, "OM010", "/location")
        now = self.ok(staff().patch("inventory/%d/" % there["id"], {"quantity": 2}))
        self.assertEqual((now["quantity"], self.ok(staff().get("inventory/%d/" % main["id"]))["quantity"]), (2, 5))
        self.ok(staff().delete("inventory/%d/" % there["id"]), 204)
        self.assertEqual(self.ok(staff().get("inventory/", product=product))["count"], 1)

    def test_transfer(self):
        product, code = make_product()["id"], make_location()
        main = make_stock(product, 5)
        body = {"product": product, "quantity": 4, "from_location": "MAIN", "to_location": code}
        done = self.ok(staff().post("inventory/transfer/", body))
        self.assertEqual({k: done[k] for k in body}, body)
        page = self.ok(staff().get("inventory/", product=product, ordering="quantity"))
        self.assertEqual([(r["location"], r["quantity"]) for r in page["results"]], [("MAIN", 1), (code, 4)])
        moves = self.ok(staff().get("inventory/%d/moves/" % main["id"]))["results"]
        self.assertEqual((moves[0]["kind"], moves[0]["d_on_hand"], moves[0]["document"]),
                         ("transfer", -4, "transfer %d" % done["id"]))
        self.problem(staff().post("inventory/transfer/", body), 409, "OM003")
        self.problem(staff().post("inventory/transfer/", dict(body, to_location="MAIN")), 422, "OM050")
        self.problem(staff().post("inventory/transfer/", dict(body, to_location="none")), 404, "OM032")
        self.problem(staff().post("inventory/transfer/", dict(body, product=2 ** 62)), 404, "OM004")
        self.problem(staff().post("inventory/transfer/", dict(body, quantity=0)), 422, "OM010", "/quantity")

    def test_transfers_that_cross(self):
        product, code = make_product()["id"], make_location()
        make_stock(product, 50)
        self.ok(staff().post("inventory/", {"product": product, "quantity": 50, "location": code}), 201)
        ends = (("MAIN", code), (code, "MAIN"))
        for answer in at_once(8, lambda i: staff().post("inventory/transfer/", {
                "product": product, "quantity": 5, "from_location": ends[i % 2][0], "to_location": ends[i % 2][1]})):
            self.ok(answer)
        page = self.ok(staff().get("inventory/", product=product))
        self.assertEqual([r["quantity"] for r in page["results"]], [50, 50])


class Ledger(Test):
    def test_moves(self):
        record = make_stock(make_product()["id"], 0)
        path = "inventory/%d/" % record["id"]
        for n in range(1, 13):
            self.ok(staff().post(path + "receive/", {"quantity": n}))
        page = self.ok(staff().get(path + "moves/"))
        self.assertEqual((page["count"], [m["seq"] for m in page["results"]]), (12, list(range(12, 2, -1))))
        self.assertEqual([m["quantity"] for m in page["results"]], [n * (n + 1) // 2 for n in range(12, 2, -1)])
        pages = follow(client.URL + "/api/v1/" + path + "moves/?page_size=5")
        self.assertEqual([m["seq"] for p in pages for m in p["results"]], list(range(12, 0, -1)))
        self.assertEqual(self.ok(staff().get(path + "moves/", kind="ship"))["count"], 0)

    def test_as_of(self):
        product = make_product()["id"]
        record = make_stock(product, 3)
        then = self.ok(staff().get("inventory/%d/" % record["id"]))["updated_at"]
        self.ok(staff().post("inventory/%d/receive/" % record["id"], {"quantity": 4}))
        for query, quantities in (({"at": then}, [3]), ({}, [7]), ({"at": "2001-01-01T00:00:00Z"}, []),
                                  ({"location": "MAIN"}, [7]), ({"location": "none"}, [])):
            page = self.ok(staff().get("inventory/as-of/", product=product, **query))
            self.assertEqual([r["quantity"] for r in page["results"]], quantities, query)
        self.problem(staff().get("inventory/as-of/", at="yesterday-ish"), 422)
