"""The report: what counts, what does not."""
from decimal import Decimal

import client
from fixture import Test, admin, make_order, make_sellable, nobody, set_status, staff, unique


def report(**query):
    answer = admin().get("orders/reports/", **query)
    assert answer.status == 200, answer
    return answer.json


class Report(Test):
    def test_fields(self):
        got = report()
        self.assertLessEqual({"total_orders", "total_revenue", "low_stock_items"}, set(got))
        self.assertIsInstance(got["total_orders"], int)
        self.assertRegex(got["total_revenue"], r"^\d+\.\d\d$")

    def test_cancelled_is_not_revenue(self):
        product = make_sellable(100, "12.34")
        before = Decimal(report()["total_revenue"])
        order = make_order((product, 10), status="CONFIRMED")
        during = Decimal(report()["total_revenue"])
        self.assertEqual(during - before, Decimal("123.40"))
        self.ok(set_status(order["id"], "CANCELLED"))
        self.assertEqual(Decimal(report()["total_revenue"]), before)
        order = make_order((product, 10))
        self.ok(set_status(order["id"], "CANCELLED"))
        self.assertEqual(Decimal(report()["total_revenue"]), before)

    def test_shipped_and_delivered_stay_revenue(self):
        product = make_sellable(100, "1.01")
        before = Decimal(report()["total_revenue"])
        make_order((product, 1), status="SHIPPED")
        make_order((product, 2), status="DELIVERED")
        self.assertEqual(Decimal(report()["total_revenue"]) - before, Decimal("3.03"))

    def test_orders_are_counted(self):
        product = make_sellable()
        before = report()["total_orders"]
        for _ in range(3):
            make_order((product, 1), status="CONFIRMED")
        self.assertEqual(report()["total_orders"], before + 3)

    def test_equals_the_tables(self):
        """Revenue is the sum of the orders that were confirmed and not
        cancelled; whether one that waits counts is the document's to say."""
        revenue = Decimal(report()["total_revenue"])
        sums = {status: total for status, total in client.rows(
            "SELECT status, sum(total_amount) FROM oms.orders WHERE currency = %s GROUP BY status",
            report()["currency"])}
        without = sum(total for status, total in sums.items()
                      if status not in ("CANCELLED", "PENDING"))
        self.assertIn(revenue, (without, without + sums.get("PENDING", 0)))

    def test_currencies_are_not_added_up(self):
        """Yen are no dollars: each currency has a sum of its own."""
        code = unique("rep").lower().replace("_", "-")[:30]
        self.ok(admin().post("channels/", {"code": code, "name": "Shop", "take_stock": "confirm", "currency": "JPY",
                                           "number_prefix": unique("R").upper()[:15] + "-"}), 201)
        product = make_sellable(10, "1.00")
        self.ok(admin().put("products/%d/prices/" % product, {"JPY": "1500"}))
        before = report()
        order = self.ok(admin().post("orders/", {"channel": code, "items": [{"product_id": product, "quantity": 2}]}), 201)
        self.ok(set_status(order["id"], "CONFIRMED"))
        after = report()
        self.assertEqual(after["total_revenue"], before["total_revenue"])
        self.assertEqual(after["total_orders"], before["total_orders"] + 1)
        yen = Decimal(before["by_currency"].get("JPY", {"revenue": "0"})["revenue"])
        self.assertEqual(Decimal(after["by_currency"]["JPY"]["revenue"]) - yen, 3000)

    def test_low_stock(self):
        before = report()["low_stock_items"]
        product = make_sellable(1)
        after = report()["low_stock_items"]
        if isinstance(after, int):
            self.assertEqual(after, before + 1)
        else:
            found = [i for i in after if i.get("product", i.get("product_id")) == product]
            if not found and len(after) < 100:
                self.fail("product %d is low on stock: %r" % (product, after))

    def test_range(self):
        product = make_sellable(100, "5.00")
        order = make_order((product, 1), status="CONFIRMED")
        names = {p["name"] for p in map(client.document().deref, client.document().find(
            "GET", "/api/v1/orders/reports/").get("parameters", []))}
        if not {"from", "to"} <= names and not {"created_after", "created_before"} <= names:
            self.skipTest("the report takes no range: %s" % sorted(names))
        since, until = ("from", "to") if "from" in names else ("created_after", "created_before")
        got = report(**{since: "2001-01-01T00:00:00Z", until: "2001-02-01T00:00:00Z"})
        self.assertEqual((got["total_orders"], Decimal(got["total_revenue"])), (0, 0))
        got = report(**{since: order["created_at"]})
        self.assertGreaterEqual(Decimal(got["total_revenue"]), Decimal("5.00"))

    def test_who_may(self):
        self.problem(staff().get("orders/reports/"), 403)
        self.problem(nobody().get("orders/reports/"), 401)
