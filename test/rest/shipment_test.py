"""Parcels of orders: made, packed, shipped, delivered, undone."""
from fixture import Test, available, make_order, make_sellable, nobody, set_status, staff, stock, unique


class Shipment(Test):
    def make(self, order, body=None, status=201, **more):
        return self.ok(staff().post("orders/%d/shipments/" % order["id"], body or {}, **more), status)

    def step(self, shipment, name, body=None):
        return self.ok(staff().post("shipments/%d/%s/" % (shipment["id"], name), body or {}))

    def status(self, order):
        found = self.ok(staff().get("orders/%d/" % order["id"]))
        return found["status"]

    def test_in_two_parts(self):
        product = make_sellable(10)
        order = make_order((product, 5), status="CONFIRMED")
        first, = self.make(order, {"items": [{"line": 1, "quantity": 2}], "carrier": "DHL"})
        self.assertEqual((first["state"], first["location"], first["carrier"], first["items"]),
                         ("OPEN", "MAIN", "DHL", [{"line": 1, "quantity": 2}]))
        second, = self.make(order)
        self.assertEqual(second["items"], [{"line": 1, "quantity": 3}])
        self.problem(staff().post("orders/%d/shipments/" % order["id"], {}), 409, "OM045")
        self.assertEqual(self.step(first, "pack")["state"], "PACKED")
        tracking = unique("T")
        self.assertEqual(self.step(first, "ship", {"tracking": tracking})["tracking"], tracking)
        self.assertEqual((self.status(order), stock(product)), ("CONFIRMED", (8, 0, 3, 5)))
        self.problem(set_status(order["id"], "CANCELLED"), 409, "OM002")
        self.problem(staff().post("shipments/%d/cancel/" % first["id"], {}), 409, "OM047")
        self.step(second, "ship")
        self.assertEqual((self.status(order), stock(product)), ("SHIPPED", (5, 0, 0, 5)))
        self.step(first, "deliver")
        self.assertEqual(self.status(order), "SHIPPED")
        self.step(second, "deliver")
        self.assertEqual(self.status(order), "DELIVERED")
        page = self.ok(staff().get("shipments/", tracking=tracking))
        self.assertEqual([row["id"] for row in page["results"]], [first["id"]])
        rows = self.ok(staff().get("orders/%d/shipments/" % order["id"]))
        self.assertEqual([row["id"] for row in rows], [first["id"], second["id"]])
        self.assertEqual(self.ok(staff().get("shipments/%d/" % first["id"])), rows[0])

    def test_closed_short(self):
        product = make_sellable(10)
        order = make_order((product, 5), status="CONFIRMED")
        shipment, = self.make(order, {"items": [{"line": 1, "quantity": 2}]})
        self.step(shipment, "ship")
        closed = self.ok(staff().post("orders/%d/close/" % order["id"], {"reason": "no more"}))
        self.assertEqual((closed["status"], available(product)), ("SHIPPED", 8))

    def test_repeated(self):
        order = make_order((make_sellable(), 1), status="CONFIRMED")
        key = {"Idempotency-Key": unique("k")}
        first = self.make(order, headers=key)
        self.assertEqual(self.make(order, headers=key), first)
        for name in ("ship", "deliver"):
            once = self.step(first[0], name)
            self.assertEqual(self.step(first[0], name), once)

    def test_carrier_known_late(self):
        order = make_order((make_sellable(), 2), status="CONFIRMED")
        shipment, = self.make(order, {"items": [{"line": 1, "quantity": 1}]})
        self.step(shipment, "ship")
        path, tracking = "shipments/%d/" % shipment["id"], unique("T")
        now = self.ok(staff().patch(path, {"carrier": "DHL", "tracking": tracking}))
        self.assertEqual((now["state"], now["carrier"], now["tracking"], now["version"]), ("SHIPPED", "DHL", tracking, 3))
        self.assertEqual(self.ok(staff().get(path)), now)
        self.assertEqual(self.ok(staff().patch(path, {"carrier": "DHL"})), now)
        self.assertIsNone(self.ok(staff().patch(path + "?dry_run=true", {"carrier": None}))["carrier"])
        self.assertEqual(self.ok(staff().get(path)), now)
        self.assertIsNone(self.ok(staff().patch(path, {"carrier": None}))["carrier"])
        other, = self.make(order)
        self.step(other, "cancel")
        self.problem(staff().patch("shipments/%d/" % other["id"], {"carrier": "x"}), 409, "OM047")
        self.problem(staff().patch("shipments/999999999/", {"carrier": "x"}), 404, "OM036")
        self.problem(nobody().patch(path, {"carrier": "x"}), 401)
        for body, pointer in (({"carrier": ""}, "/carrier"), ({"tracking": "x" * 201}, "/tracking"), ({"state": "OPEN"}, "/state")):
            with self.subTest(body=body):
                self.problem(staff().patch(path, body), 422, "OM010", pointer)

    def test_refused(self):
        order = make_order((make_sellable(), 1))
        path = "orders/%d/shipments/" % order["id"]
        self.problem(staff().post(path, {}), 409, "OM002")
        self.ok(set_status(order["id"], "CONFIRMED"))
        self.problem(staff().post(path, {"location": "NOWHERE"}), 404, "OM032")
        self.problem(staff().post(path, {"items": [{"line": 1, "quantity": 2}]}), 409, "OM045")
        self.problem(staff().post(path, {"items": [{"line": 9}]}), 422, "OM039")
        self.problem(staff().post(path, {"items": []}), 422, "OM010", "/items")
        self.problem(staff().get("shipments/999999999/"), 404, "OM036")
        self.problem(staff().post("shipments/999999999/ship/", {}), 404, "OM036")
        self.problem(staff().get("orders/999999999/shipments/"), 404, "OM001")
        self.problem(nobody().post(path, {}), 401)
