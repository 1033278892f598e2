"""The Northwind company's 830 orders, placed over REST: every total checked.

Prices at the time of an order differ from the list price, so before an order
is placed, the products' prices are set to those of its lines.
"""
import csv
import os
import unittest
from decimal import ROUND_HALF_UP, Decimal

import client
from fixture import Test, admin, set_status, staff, stock, unique

HERE = os.path.dirname(os.path.abspath(__file__))
CENT = Decimal("0.01")


def directory():
    for path in (os.path.join(os.environ.get("OMS_DATA", ""), "northwind"),
                 os.environ.get("OMS_DATA", ""),
                 os.path.join(HERE, "..", "..", "..", "shared", "data", "northwind")):
        if path and os.path.exists(os.path.join(path, "orders.csv")):
            return path
    return None


def table(name):
    with open(os.path.join(directory(), name), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def cents(text):
    return Decimal(text).quantize(CENT, ROUND_HALF_UP)


@unittest.skipUnless(directory(), "no Northwind data: set OMS_DATA to the directory that has northwind/")
class Northwind(Test):
    # by the order's number: what becomes of it
    ROADS = ((), ("CONFIRMED",), ("CONFIRMED", "SHIPPED"), ("CONFIRMED", "SHIPPED", "DELIVERED"),
             ("CONFIRMED", "CANCELLED"))

    def test_all_orders(self):
        stem, products, sold, price = unique("nw"), {}, {}, {}
        rows = table("products.csv")
        lines = {}
        for line in table("lines.csv"):
            lines.setdefault(line["order"], []).append(line)
        self.assertEqual((len(rows), len(lines), sum(map(len, lines.values()))), (77, 830, 2155))
        for row in rows:
            made = self.ok(admin().post("products/", {
                "name": row["name"], "about": "Northwind", "sku": "%s-%s" % (stem, row["id"]),
                "price": str(cents(row["price"]))}), 201)
            self.assertEqual((made["name"], Decimal(made["price"])),
                             (row["name"], cents(row["price"])))
            products[row["id"]], price[row["id"]] = made["id"], cents(row["price"])
            self.ok(staff().post("inventory/", {"product": made["id"], "quantity": 10000}), 201)
            sold[row["id"]] = {"CONFIRMED": 0, "SHIPPED": 0, "PENDING": 0, "CANCELLED": 0,
                               "DELIVERED": 0}

        grand, placed, revenue = Decimal(0), [], Decimal(0)
        before = Decimal(admin().get("orders/reports/").json["total_revenue"])
        for number, order in enumerate(table("orders.csv")):
            road = self.ROADS[number % len(self.ROADS)]
            total = self.place(order, lines[order["id"]], products, price, placed)
            for status in road:
                self.ok(set_status(placed[-1], status))
            grand += total
            last = road[-1] if road else "PENDING"
            revenue += total if last not in ("PENDING", "CANCELLED") else 0
            for line in lines[order["id"]]:
                sold[line["product"]][last] += int(line["quantity"])

        # rounded to cents line by line, so a little off the sum that is known unrounded
        self.assertLess(abs(grand - Decimal("1354458.59")), 1)
        self.assertEqual(client.value("SELECT sum(total_amount) FROM oms.orders "
                                      "WHERE id = ANY (%s)", placed), grand)
        for old, new in products.items():
            gone = sold[old]["SHIPPED"] + sold[old]["DELIVERED"]
            held = sold[old]["CONFIRMED"]
            self.assertEqual(stock(new), (10000 - gone, 0, held, 10000 - gone - held), old)
        after = Decimal(admin().get("orders/reports/").json["total_revenue"])
        pending = client.value("SELECT sum(total_amount) FROM oms.orders WHERE id = ANY (%s) "
                               "AND status = 'PENDING'", placed)
        self.assertIn(after - before, (revenue, revenue + pending))
        self.assertEqual(client.integrity(), [])

    def place(self, order, lines, products, price, placed):
        """Place one order; returns its total, checked against the answer."""
        for line in lines:
            at = cents(line["price"])
            if price[line["product"]] != at:
                self.ok(admin().patch("products/%d/" % products[line["product"]],
                                      {"price": str(at)}))
                price[line["product"]] = at
        made = self.ok(staff().post("orders/create/", {
            "customer_name": order["customer"],
            "items": [{"product_id": products[x["product"]], "quantity": int(x["quantity"])}
                      for x in lines]}), 201)
        total = sum(cents(x["price"]) * int(x["quantity"]) for x in lines)
        self.assertEqual((made["customer_name"], made["total_amount"]),
                         (order["customer"], str(total.quantize(CENT))), order["id"])
        self.assertEqual([(i["product"]["id"], i["quantity"], i["price"], i["line_total"])
                          for i in made["items"]],
                         [(products[x["product"]], int(x["quantity"]), str(cents(x["price"])),
                           str(cents(x["price"]) * int(x["quantity"]))) for x in lines])
        placed.append(made["id"])
        return total
