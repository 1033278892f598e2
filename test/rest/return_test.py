"""Goods that come back."""
from fixture import Test, available, make_order, make_sellable, nobody, staff, stock


class Return(Test):
    def request(self, order, *items):
        return self.ok(staff().post("orders/%d/returns/" % order["id"], {
            "items": [{"line": line, "quantity": units} for line, units in items], "reason": "too small"}), 201)

    def step(self, goods, name, body=None, status=200):
        return self.ok(staff().post("returns/%d/%s/" % (goods["id"], name), body or {}), status)

    def test_in_parts(self):
        product = make_sellable(10, "3.33")
        order = make_order((product, 3), status="SHIPPED")
        goods = self.request(order, (1, 3))
        self.assertEqual((goods["state"], goods["refund_amount"]), ("REQUESTED", "0"))
        self.assertEqual(self.step(goods, "approve")["state"], "APPROVED")
        part = self.step(goods, "receive", {"items": [{"line": 1, "restock": 1, "scrap": 1}]})
        self.assertEqual((part["state"], part["refund_amount"]), ("APPROVED", "6.66"))
        whole = self.step(goods, "receive", {"items": [{"line": 1, "restock": 1}]})
        self.assertEqual((whole["state"], whole["refund_amount"], whole["items"][0]["scrapped"]),
                         ("RECEIVED", "9.99", 1))
        self.assertEqual((available(product), stock(product)[0]), (9, 9))
        rows = self.ok(staff().get("orders/%d/returns/" % order["id"]))
        self.assertEqual(rows, [self.ok(staff().get("returns/%d/" % goods["id"]))])
        page = self.ok(staff().get("returns/", order=order["id"], state="RECEIVED"))
        self.assertEqual([row["id"] for row in page["results"]], [goods["id"]])

    def test_never_more_than_shipped(self):
        order = make_order((make_sellable(), 2), status="SHIPPED")
        self.request(order, (1, 1))
        problem = self.problem(staff().post("orders/%d/returns/" % order["id"], {
            "items": [{"line": 1, "quantity": 2}], "reason": "x"}), 409, "OM045")
        self.assertEqual((problem["context"]["wanted"], problem["context"]["available"]), (2, 1))

    def test_refused(self):
        order = make_order((make_sellable(), 1), status="SHIPPED")
        goods = self.request(order, (1, 1))
        receive = "returns/%d/receive/" % goods["id"]
        self.problem(staff().post(receive, {"items": [{"line": 1, "scrap": 1}]}), 409, "OM048")
        self.step(goods, "approve")
        self.problem(staff().post(receive, {"items": [{"line": 1}]}), 422, "OM010", "/items/0")
        self.problem(staff().post(receive, {"items": [{"line": 2, "scrap": 1}]}), 422, "OM039")
        self.problem(staff().post(receive, {"items": [{"line": 1, "scrap": 2}]}), 409, "OM045")
        self.problem(staff().post(receive, {"items": [{"line": 1, "scrap": 1}], "location": "X"}), 404, "OM032")
        self.problem(staff().post("returns/%d/reject/" % goods["id"], {}), 409, "OM048")
        self.problem(staff().post("returns/999999999/approve/", {}), 404, "OM037")
        self.problem(nobody().get("returns/"), 401)
