"""Many orders in one request."""
from client import value
from fixture import Test, available, make_order, make_sellable, nobody, staff, unique


def order(product, quantity, **more):
    return dict({"customer_name": unique("C"), "items": [{"product_id": product, "quantity": quantity}]}, **more)


class Batch(Test):
    def test_each_for_itself(self):
        product = make_sellable(10)
        answer = self.ok(staff().post("orders/batch/create/", {"orders": [
            order(product, 6), order(product, 0), order(product, 6), order(999999999, 1)]}))
        self.assertEqual((answer["succeeded"], answer["failed"]), (2, 2))
        self.assertEqual([(r["row"], r["ok"], r.get("code"), r.get("status")) for r in answer["results"]],
                         [(0, True, None, None), (1, False, "OM010", 422), (2, True, None, None), (3, False, "OM010", 422)])
        self.assertEqual(answer["results"][1]["errors"][0]["pointer"], "/items/0/quantity")
        ids = [r["order_id"] for r in answer["results"] if r["ok"]]
        answer = self.ok(staff().post("orders/batch/confirm/", {"order_ids": ids + [999999999]}))
        self.assertEqual([(r["order_id"], r["ok"], r.get("code")) for r in answer["results"]],
                         [(ids[0], True, None), (ids[1], False, "OM003"), (999999999, False, "OM001")])
        self.assertEqual(answer["results"][1]["context"]["shortages"][0]["available"], 4)
        self.assertEqual((answer["results"][1]["status"], answer["results"][1]["title"]), (409, "Insufficient stock"))
        self.assertEqual(available(product), 4)

    def test_all_steps(self):
        product = make_sellable(10)
        ids = [make_order((product, 1))["id"] for _ in range(3)]
        for step, status in (("confirm", "CONFIRMED"), ("pack", "PACKED"), ("ship", "SHIPPED"), ("deliver", "DELIVERED")):
            answer = self.ok(staff().post("orders/batch/%s/" % step, {"order_ids": ids[:2], "all_or_nothing": True}))
            self.assertEqual(answer["succeeded"], 2)
            self.assertEqual({self.ok(staff().get("orders/%d/" % i))["status"] for i in ids[:2]}, {status})
        answer = self.ok(staff().post("orders/batch/cancel/", {"order_ids": ids, "reason": "too late"}))
        self.assertEqual([r.get("code", "done") for r in answer["results"]], ["OM002", "OM002", "done"])
        self.assertEqual(self.ok(staff().get("orders/%d/history/" % ids[2]))[-1]["reason"], "too late")

    def test_all_or_nothing(self):
        product = make_sellable(10)
        ids = [make_order((product, 6))["id"] for _ in range(2)]
        problem = self.problem(staff().post("orders/batch/confirm/", {"order_ids": ids, "all_or_nothing": True}), 409, "OM003")
        self.assertEqual((problem["context"]["row"], problem["context"]["shortages"][0]["available"]), (1, 4))
        self.assertTrue(problem["detail"].startswith("row 1: "))
        self.assertEqual(available(product), 10)
        before = value("SELECT count(*) FROM oms.orders")
        problem = self.problem(staff().post("orders/batch/create/", {
            "orders": [order(product, 1), order(product, 0)], "all_or_nothing": True}), 422, "OM010")
        self.assertEqual([e["pointer"] for e in problem["errors"]], ["/orders/1/items/0/quantity"])
        self.assertEqual(value("SELECT count(*) FROM oms.orders"), before)

    def test_same_key(self):
        product, key = make_sellable(10), unique("K")
        body = {"orders": [order(product, 1), order(product, 1)]}
        answers = [self.ok(staff().post("orders/batch/create/", body, headers={"Idempotency-Key": key})) for _ in range(2)]
        self.assertEqual(*answers)
        self.problem(staff().post("orders/batch/create/", {"orders": []}, headers={"Idempotency-Key": key}), 422, "OM030")

    def test_dry_run(self):
        product = make_sellable(10)
        ids = [make_order((product, 6))["id"] for _ in range(2)]
        answer = staff().post("orders/batch/confirm/?dry_run=true", {"order_ids": ids})
        self.assertEqual((self.ok(answer)["succeeded"], answer.headers["oms-dry-run"]), (1, "true"))
        self.assertEqual(available(product), 10)

    def test_limits(self):
        problem = self.problem(staff().post("orders/batch/confirm/", {"order_ids": [1] * 10001}), 422, "OM010")
        self.assertEqual(problem["errors"][0]["detail"], "must have 0 to 10000 elements, has 10001")
        self.problem(staff().post("orders/batch/confirm/", {"order_ids": [1, "x"]}), 422, "OM010")
        self.problem(staff().post("orders/batch/confirm/", {"orders": []}), 422, "OM010")
        self.problem(nobody().post("orders/batch/confirm/", {"order_ids": [1]}), 401, "OM100")
