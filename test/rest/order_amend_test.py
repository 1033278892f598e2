"""Orders amended while nothing of them has shipped: lines added, removed and changed."""
from fixture import (Test, admin, at_once, available, make_order, make_product, make_sellable, nobody,
                     set_status, staff, stock, unique)


class Amend(Test):
    def amend(self, order, *items, status=200, client=None, headers=None, **more):
        answer = (client or staff()).post("orders/%d/amend/" % order["id"], dict({"items": list(items)}, **more),
                                          headers=headers)
        return self.ok(answer) if status == 200 else answer

    def refused(self, order, *items, status, code, pointer=None, **more):
        return self.problem(self.amend(order, *items, status=status, **more), status, code, pointer)

    def wanted(self, order):
        return [(line["id"], line["quantity"] - line["cancelled"]) for line in order["items"]]

    def test_stock_follows_by_the_difference(self):
        one, two = make_sellable(10, "2.50"), make_sellable(10, "3.00")
        order = make_order((one, 4), (two, 2), status="CONFIRMED")
        after = self.amend(order, {"line": 1, "quantity": 6}, {"line": 2, "remove": True},
                           {"product_id": two, "quantity": 3, "discount": "10%", "tax_rate": "20"},
                           reason="customer called", expected_version=2)
        self.assertEqual((after["status"], after["version"], after["fulfilment"]), ("CONFIRMED", 3, "none"))
        self.assertEqual(self.wanted(after), [(1, 6), (2, 0), (3, 3)])
        self.assertEqual((after["total_amount"], after["discount_amount"], after["tax_amount"]), ("24.72", "0.90", "1.62"))
        self.assertEqual(after, self.ok(staff().get("orders/%d/" % order["id"])))
        self.assertEqual((available(one), available(two)), (4, 7))
        less = self.amend(order, {"line": 1, "quantity": 1})
        self.assertEqual((less["total_amount"], available(one)), ("12.22", 9))
        self.ok(set_status(order["id"], "SHIPPED"))
        self.assertEqual((stock(one), stock(two)), ((9, 0, 0, 9), (7, 0, 0, 7)))

    def test_told_in_history_and_timeline(self):
        product = make_sellable(10, "2.50")
        order = make_order((product, 4))
        self.amend(order, {"line": 1, "quantity": 5}, reason="one more")
        sku = order["items"][0]["sku"]
        row = self.ok(staff().get("orders/%d/history/" % order["id"]))[-1]
        self.assertEqual((row["action"], row["reason"], row["from_status"], row["to_status"]),
                         ("amend", "one more", "PENDING", "PENDING"))
        self.assertEqual(row["detail"], {
            "lines": [{"line": 1, "product_id": product, "sku": sku, "change": "changed", "quantity": {"from": 4, "to": 5}}],
            "total_amount": {"from": "10.00", "to": "12.50"}})
        found = {(r["kind"], r["what"]): r["detail"] for r in self.ok(staff().get("orders/%d/timeline/" % order["id"]))}
        self.assertEqual(found["history", "amend"]["detail"], row["detail"])
        self.assertEqual(found["event", "order.amended"]["payload"], row["detail"])

    def test_what_is_so_already(self):
        product = make_sellable()
        order = make_order((product, 2), (product, 1))
        self.assertEqual(self.amend(order, {"line": 1, "quantity": 2}, {"line": 2, "discount": "0"})["version"], 1)
        self.assertEqual(self.amend(order, {"line": 2, "remove": True})["version"], 2)
        self.assertEqual(self.amend(order, {"line": 2, "remove": True}, {"line": 1, "quantity": 2})["version"], 2)

    def test_same_key_adds_once(self):
        order = make_order((make_sellable(), 1))
        new = {"product_id": order["items"][0]["product"]["id"], "quantity": 1}
        key = {"Idempotency-Key": unique("k")}
        first = self.amend(order, new, headers=key)
        self.assertEqual(self.amend(order, new, headers=key), first)
        self.assertEqual(len(first["items"]), 2)
        self.problem(self.amend(order, dict(new, quantity=2), headers=key, status=422), 422, "OM030")

    def test_dry_run(self):
        product = make_sellable(10)
        order = make_order((product, 1), status="CONFIRMED")
        answer = staff().post("orders/%d/amend/?dry_run=true" % order["id"], {"items": [{"line": 1, "quantity": 9}]})
        self.assertEqual((self.ok(answer)["version"], answer.headers.get("oms-dry-run")), (3, "true"))
        self.assertEqual((available(product), self.ok(staff().get("orders/%d/" % order["id"]))["version"]), (9, 2))

    def test_beyond_stock(self):
        one, two = make_sellable(5), make_sellable(5)
        order = make_order((one, 3), (two, 1), status="CONFIRMED")
        problem = self.refused(order, {"line": 1, "quantity": 1}, {"line": 2, "quantity": 7}, status=409, code="OM003")
        self.assertEqual([(s["product_id"], s["wanted"], s["available"]) for s in problem["context"]["shortages"]], [(two, 6, 4)])
        self.assertEqual((available(one), available(two)), (2, 4))
        self.assertEqual(self.ok(staff().get("orders/%d/" % order["id"]))["version"], 2)

    def test_prices(self):
        product = make_sellable(10, "10.00")
        order = make_order((product, 2))
        self.refused(order, {"line": 1, "price": "1.00"}, status=403, code="OM023")
        self.refused(order, {"product_id": product, "quantity": 1, "price": "1.00"}, status=403, code="OM023")
        changed = self.amend(order, {"line": 1, "price": "8.00", "discount": "50%"}, client=admin())
        self.assertEqual(changed["total_amount"], "8.00")
        self.ok(admin().patch("products/%d/" % product, {"price": "12.00"}))
        added = self.amend(order, {"line": 1, "quantity": 1}, {"product_id": product, "quantity": 1})
        self.assertEqual([line["line_total"] for line in added["items"]], ["4.00", "12.00"])

    def test_when_it_is_too_late(self):
        product = make_sellable(10)
        order = make_order((product, 3), status="CONFIRMED")
        shipment, = self.ok(staff().post("orders/%d/shipments/" % order["id"], {"items": [{"line": 1, "quantity": 2}]}), 201)
        problem = self.refused(order, {"line": 1, "quantity": 1}, status=409, code="OM045")
        self.assertEqual((problem["context"]["wanted"], problem["context"]["available"], problem["context"]["in_parcels"]), (2, 1, 2))
        self.amend(order, {"line": 1, "quantity": 4})
        self.ok(staff().post("shipments/%d/ship/" % shipment["id"], {}))
        problem = self.refused(order, {"line": 1, "quantity": 3}, status=409, code="OM044")
        self.assertEqual(problem["context"], {"order_id": order["id"], "status": "CONFIRMED", "fulfilment": "partial",
                                              "shipped": 2, "wanted": 4})
        self.assertIn("oms.order_cancel_lines()", problem["hint"])
        order = make_order((product, 1), status="CANCELLED")
        self.refused(order, {"line": 1, "quantity": 3}, status=409, code="OM044")

    def test_refused(self):
        product = make_sellable()
        order = make_order((product, 1), (product, 1))
        self.refused(order, {"line": 3, "quantity": 1}, status=422, code="OM039")
        self.refused(order, {"line": 1, "remove": True}, {"line": 2, "remove": True}, status=422, code="OM010", pointer="/items")
        self.refused(order, {"line": 1, "quantity": 2}, status=409, code="OM041", expected_version=2)
        self.refused(order, {"line": 1, "quantity": 2}, {"line": 1, "discount": "1"}, status=422, code="OM010", pointer="/items/1")
        self.refused(order, *[{"product_id": product, "quantity": 1}] * 499, status=422, code="OM010", pointer="/items")
        unpriced = make_product()["id"]
        self.ok(admin().delete("products/%d/" % unpriced), 204)
        self.refused(order, {"line": 1, "quantity": 2}, {"product_id": unpriced, "quantity": 1}, status=422, code="OM010",
                     pointer="/items/1/product_id")
        for item, pointer in (({"line": 1}, "/items/0"), ({"line": 1, "quantity": 0}, "/items/0/quantity"),
                              ({"line": 1, "quantity": 1000001}, "/items/0/quantity"), ({"line": 1, "remove": False}, "/items/0/remove"),
                              ({"line": 1, "remove": True, "quantity": 1}, "/items/0"), ({"line": 0, "quantity": 1}, "/items/0/line"),
                              ({"line": 1, "tax_rate": "7"}, "/items/0/tax_rate"), ({"line": 1, "discount": "1000"}, "/items/0/discount"),
                              ({"line": 1, "discount": "1.005"}, "/items/0/discount"), ({"product_id": product}, "/items/0/quantity"),
                              ({"product_id": product, "quantity": 1, "remove": True}, "/items/0/remove"), ({}, "/items/0/product_id"),
                              (7, "/items/0"), (None, "/items/0"), ([], "/items/0")):
            with self.subTest(item=item):
                self.refused(order, item, status=422, code="OM010", pointer=pointer)
        path = "orders/%d/amend/" % order["id"]
        for body, pointer in (({}, "/items"), ({"items": []}, "/items"), ({"items": {"line": 1}}, "/items"),
                              ({"items": [{"line": 1, "quantity": 1}], "reason": ""}, "/reason"),
                              ({"items": [{"line": 1, "quantity": 1}], "expected_version": 0}, "/expected_version"),
                              ({"items": [{"line": 1, "quantity": 1}], "status": "CONFIRMED"}, "/status")):
            with self.subTest(body=body):
                self.problem(staff().post(path, body), 422, "OM010", pointer)
        self.ok(staff().post("orders/%d/hold/" % order["id"], {"reason": "wait"}))
        self.refused(order, {"line": 1, "quantity": 2}, status=409, code="OM043")
        self.problem(staff().post("orders/999999999/amend/", {"items": [{"line": 1, "quantity": 1}]}), 404, "OM001")
        self.problem(nobody().post(path, {"items": [{"line": 1, "quantity": 1}]}), 401)

    def test_many_at_once(self):
        """Orders that share two products grow and shrink at the same time: none deadlocks, nothing is oversold."""
        one, two = make_sellable(20), make_sellable(20)
        orders = [make_order((one, 1), (two, 1), status="CONFIRMED") if i % 2 else
                  make_order((two, 1), (one, 1), status="CONFIRMED") for i in range(8)]

        def work(i):
            return [staff().post("orders/%d/amend/" % orders[i]["id"], {"items": [
                {"line": 1, "quantity": 1 + (i + k) % 4}, {"line": 2, "quantity": 4 - (i + k) % 4}]}) for k in range(10)]
        answers = [a for results in at_once(8, work) for a in results]
        for answer in answers:
            if answer.status != 200:
                self.problem(answer, 409, "OM003")
        self.assertTrue(any(a.status == 200 for a in answers))
        for product in (one, two):
            on_hand, reserved, allocated, free = stock(product)
            self.assertEqual((on_hand, reserved), (20, 0))
            self.assertGreaterEqual(free, 0)
