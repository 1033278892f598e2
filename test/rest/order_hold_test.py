"""Orders on hold, orders that take several steps at once, and where confirmed units come from."""
from fixture import (Test, available, make_order, make_product, make_sellable, make_stock, nobody,
                     set_status, staff, stock)


class Hold(Test):
    def post(self, order, what, body, status=200):
        return self.ok(staff().post("orders/%d/%s/" % (order["id"], what), body), status)

    def test_only_cancelling_is_left(self):
        order = make_order((make_sellable(), 1))
        held = self.post(order, "hold", {"reason": "address unclear"})
        self.assertEqual((held["status"], held["version"]), ("PENDING", 2))
        problem = self.problem(set_status(order["id"], "CONFIRMED"), 409, "OM043")
        self.assertEqual(problem["context"], {"order_id": order["id"], "hold_reason": "address unclear"})
        self.problem(staff().post("orders/%d/advance/" % order["id"], {}), 409, "OM043")
        self.ok(set_status(order["id"], "CANCELLED"))

    def test_released(self):
        order = make_order((make_sellable(), 1))
        self.post(order, "hold", {"reason": "a"})
        self.post(order, "release", {"reason": "b"})
        self.problem(staff().post("orders/%d/release/" % order["id"], {}), 409, "OM055")
        self.ok(set_status(order["id"], "CONFIRMED"))
        rows = self.ok(staff().get("orders/%d/history/" % order["id"]))
        self.assertEqual([(row["action"], row["reason"]) for row in rows],
                         [(None, None), ("hold", "a"), ("release", "b"), (None, None)])

    def test_final(self):
        for status in ("DELIVERED", "CANCELLED"):
            order = make_order((make_sellable(), 1), status=status)
            problem = self.problem(staff().post("orders/%d/hold/" % order["id"], {"reason": "x"}), 409, "OM002")
            self.assertEqual(problem["context"], {"order_id": order["id"], "from": status, "allowed": []})
        order = make_order((make_sellable(), 1), status="SHIPPED")
        self.post(order, "hold", {"reason": "stop the van"})

    def test_bad_input(self):
        order = make_order((make_sellable(), 1))
        path = "orders/%d/hold/" % order["id"]
        for body, pointer in (({}, "/reason"), ({"reason": ""}, "/reason"), ({"reason": 1}, "/reason"),
                              ({"reason": "x" * 1001}, "/reason"), ({"reason": "x", "y": 1}, "/y")):
            with self.subTest(body=body):
                self.problem(staff().post(path, body), 422, "OM010", pointer)
        self.problem(staff().post("orders/999999999/hold/", {"reason": "x"}), 404, "OM001")
        self.problem(nobody().post(path, {"reason": "x"}), 401)


class Advance(Test):
    def test_counter_sale(self):
        product = make_sellable(5)
        order = make_order((product, 2))
        done = self.ok(staff().post("orders/%d/advance/" % order["id"], {}))
        self.assertEqual((done["status"], done["version"], len(done["items"])), ("DELIVERED", 4, 1))
        self.assertEqual(available(product), 3)
        self.assertEqual(stock(product)[0], 3)

    def test_all_or_nothing(self):
        product = make_sellable(1)
        order = make_order((product, 2))
        self.problem(staff().post("orders/%d/advance/" % order["id"], {}), 409, "OM003")
        self.assertEqual(self.ok(staff().get("orders/%d/" % order["id"]))["version"], 1)
        self.assertEqual(available(product), 1)

    def test_no_way(self):
        order = make_order((make_sellable(), 1), status="CANCELLED")
        self.problem(staff().post("orders/%d/advance/" % order["id"], {"status": "SHIPPED"}), 409, "OM002")
        self.problem(staff().post("orders/%d/advance/" % order["id"], {"status": "LOST"}), 422, "OM010")


class Allocation(Test):
    def test_confirm_tells_where_units_come_from(self):
        one, two = make_product(), make_product()
        for product in (one, two):
            make_stock(product["id"], 5)
        order = make_order((one["id"], 2), (two["id"], 3))
        moved = self.ok(set_status(order["id"], "CONFIRMED"))
        self.assertEqual(moved["allocation"], [
            {"line": 1, "product_id": one["id"], "location": "MAIN", "quantity": 2},
            {"line": 2, "product_id": two["id"], "location": "MAIN", "quantity": 3}])
        self.assertNotIn("allocation", self.ok(set_status(order["id"], "SHIPPED")))


class Cancel(Test):
    def test_a_part(self):
        product = make_sellable(10, "2.50")
        order = make_order((product, 4), (product, 2), status="CONFIRMED")
        cut = self.ok(staff().post("orders/%d/cancel-lines/" % order["id"], {
            "items": [{"line": 1, "quantity": 3}, {"line": 2}], "reason": "smaller box"}))
        self.assertEqual((cut["status"], cut["total_amount"], available(product)), ("CONFIRMED", "2.50", 9))
        problem = self.problem(staff().post("orders/%d/cancel-lines/" % order["id"], {
            "items": [{"line": 1, "quantity": 2}]}), 409, "OM045")
        self.assertEqual((problem["context"]["wanted"], problem["context"]["available"]), (2, 1))
        cut = self.ok(staff().post("orders/%d/cancel-lines/" % order["id"], {"items": [{"line": 1}]}))
        self.assertEqual((cut["status"], cut["total_amount"], available(product)), ("CANCELLED", "0.00", 10))

    def test_refused(self):
        order = make_order((make_sellable(), 1))
        path = "orders/%d/cancel-lines/" % order["id"]
        self.problem(staff().post(path, {"items": [{"line": 2}]}), 422, "OM039")
        self.problem(staff().post(path, {"items": [{"line": 1}, {"line": 1}]}), 422, "OM010", "/items/1")
        self.problem(staff().post(path, {"items": []}), 422, "OM010", "/items")
        self.problem(staff().post("orders/%d/close/" % order["id"], {}), 409, "OM002")
        self.problem(staff().post("orders/999999999/close/", {}), 404, "OM001")
