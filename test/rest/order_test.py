"""Orders: birth, life, history, totals, refused values."""
from decimal import Decimal
import random

import client
from client import instant
from fixture import (Test, admin, available, make_order, make_product, make_sellable, make_stock,
                     set_status, staff, stock)

# every pair of statuses: what a PATCH of the second on the first answers
STATUSES = ("PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED")
ALLOWED = {("PENDING", "CONFIRMED"), ("PENDING", "CANCELLED"), ("CONFIRMED", "SHIPPED"),
           ("CONFIRMED", "CANCELLED"), ("SHIPPED", "DELIVERED")}
# quantities that nobody can order
BAD_QUANTITIES = (-5, -1, 0, 1.5, 0.5, 1000001, 2 ** 31, 2 ** 53 + 1, 2 ** 63, 2 ** 64 + 1, 10 ** 40,
                  "3", "", "x", None, True, False, [], [1], {})


def history(order_id):
    """(from, to) of each step."""
    answer = staff().get("orders/%d/history/" % order_id)
    assert answer.status == 200, answer
    return [(row["from_status"], row["to_status"]) for row in answer.json]


def order_count():
    return client.value("SELECT count(*) FROM oms.orders")


class Birth(Test):
    def test_fields(self):
        product = make_product("12.50")
        order = self.ok(staff().post("orders/", {
            "customer_name": "Ødegård & Söhne", "items": [{"product_id": product["id"],
                                                           "quantity": 3}]}), 201)
        self.assertLessEqual({"id", "order_number", "customer_name", "status", "total_amount",
                              "created_at", "updated_at", "version", "created_by", "items"},
                             set(order))
        self.assertEqual((order["customer_name"], order["status"], order["total_amount"]),
                         ("Ødegård & Söhne", "PENDING", "37.50"))
        instant(order["created_at"])
        line = order["items"][0]
        self.assertEqual((line["quantity"], line["price"], line["line_total"], line["sku"],
                          line["name"], line["product"]["id"], line["product"]["price"]),
                         (3, "12.50", "37.50", product["sku"], product["name"],
                          product["id"], "12.50"))
        self.assertEqual(self.ok(staff().get("orders/%d/" % order["id"])), order)

    def test_both_paths(self):
        product = make_sellable()
        for path in ("orders/", "orders/create/", "/api/orders/create", "/api/orders"):
            with self.subTest(path=path):
                order = self.ok(staff().post(path, {"items": [{"product_id": product,
                                                               "quantity": 1}]}), 201)
                self.assertEqual(order["customer_name"], "User")

    def test_number_is_unique(self):
        product = make_sellable()
        numbers = {make_order((product, 1))["order_number"] for _ in range(20)}
        self.assertEqual(len(numbers), 20)

    def test_born_pending_only(self):
        product, before = make_sellable(), order_count()
        for status in ("CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED", "PACKED", "pending", "",
                       None, 1, "X" * 100):
            with self.subTest(status=status):
                answer = staff().post("orders/", {"status": status, "items": [
                    {"product_id": product, "quantity": 1}]})
                self.problem(answer, 422)
        self.assertEqual(order_count(), before)
        order = self.ok(staff().post("orders/", {"status": "PENDING", "items": [
            {"product_id": product, "quantity": 1}]}), 201)
        self.assertEqual(order["status"], "PENDING")
        self.assertEqual(available(product), 100, "an order that waits takes nothing")

    def test_order_lines_keep_their_order(self):
        products = [make_sellable() for _ in range(4)]
        random.shuffle(products)
        order = make_order(*[(p, i + 1) for i, p in enumerate(products)])
        self.assertEqual([(i["product"]["id"], i["quantity"]) for i in order["items"]],
                         [(p, i + 1) for i, p in enumerate(products)])

    def test_order_needs_no_stock_to_wait(self):
        product = make_product()["id"]
        order = make_order((product, 5))
        self.problem(set_status(order["id"], "CONFIRMED"), 409, "OM003")

    def test_totals_are_exact(self):
        rng = random.Random(7)
        for _ in range(15):
            prices = [Decimal(rng.randrange(0, 10 ** rng.randrange(1, 10))) / 100
                      for _ in range(rng.randrange(1, 6))]
            lines = [(make_product(str(p))["id"], rng.choice([1, 2, 3, 7, 999, 1000000]))
                     for p in prices]
            order = make_order(*lines)
            wanted = sum(p * q for p, (_, q) in zip(prices, lines))
            self.assertEqual(Decimal(order["total_amount"]), wanted)
            self.assertRegex(order["total_amount"], r"^\d+\.\d\d$")
            for price, (_, quantity), item in zip(prices, lines, order["items"]):
                self.assertEqual(Decimal(item["line_total"]), price * quantity)

    def test_many_lines(self):
        product = [make_sellable(1000, "0.01") for _ in range(20)]
        order = make_order(*[(product[i % 20], 1) for i in range(500)])
        self.assertEqual((len(order["items"]), order["total_amount"]), (500, "5.00"))
        self.ok(set_status(order["id"], "CONFIRMED"))
        self.assertEqual([available(p) for p in product], [975] * 20)

    def test_created_event_and_task(self):
        order = make_order((make_sellable(), 1))
        self.assertEqual(client.value(
            "SELECT count(*) FROM oms.event WHERE aggregate = 'order' AND aggregate_id = %s "
            "AND type = 'order.created'", order["id"]), 1)


class Refused(Test):
    def refuse(self, body, pointer=None, status=422):
        before = order_count()
        answer = staff().post("orders/", body)
        problem = self.problem(answer, status, pointer=pointer)
        self.assertEqual(order_count(), before)
        return problem

    def test_quantities(self):
        product, other = make_sellable(), make_sellable()
        for quantity in BAD_QUANTITIES:
            with self.subTest(quantity=quantity):
                self.refuse({"items": [{"product_id": other, "quantity": 1},
                                       {"product_id": product, "quantity": quantity}]},
                            "/items/1/quantity")
        self.refuse({"items": [{"product_id": product}]}, "/items/0/quantity")
        self.assertEqual((available(product), available(other)), (100, 100))

    def test_numbers_beyond_json(self):
        product, before = make_sellable(), order_count()
        for number in (b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"01", b"+1", b".5",
                       b"1e-400", b"0x1", b"1_000", b"1.0e0.1", b"9" * 400, b"1e1000000000"):
            with self.subTest(number=number[:12]):
                answer = staff().post("orders/", raw=b'{"items":[{"product_id":%d,"quantity":%s}]}'
                                      % (product, number))
                self.problem(answer, (400, 422))
        self.assertEqual(order_count(), before)

    def test_product_ids(self):
        for product in (0, -1, 1.5, "1", None, True, [], {}, 2 ** 63, 2 ** 64 + 1, 10 ** 40):
            with self.subTest(product=product):
                self.refuse({"items": [{"product_id": product, "quantity": 1}]},
                            "/items/0/product_id")
        self.refuse({"items": [{"quantity": 1}]}, "/items/0/product_id")

    def test_unknown_product(self):
        known = make_sellable()
        problem = self.refuse({"items": [{"product_id": known, "quantity": 1},
                                         {"product_id": 2 ** 62, "quantity": 1}]},
                              status=(404, 422))
        if problem["status"] == 422:
            self.assertIn("/items/1/product_id", [e["pointer"] for e in problem["errors"]])

    def test_items(self):
        product = make_sellable()
        line = {"product_id": product, "quantity": 1}
        for items in ([], None, {}, "x", 1, True, [None], [1], ["x"], [[]], [{}], [line, None],
                      [line] * 501):
            with self.subTest(items=str(items)[:30]):
                self.refuse({"items": items})
        self.refuse({}, "/items")
        self.refuse({"customer_name": "x"}, "/items")

    def test_unknown_fields(self):
        line = {"product_id": make_sellable(), "quantity": 1}
        self.refuse({"items": [line], "colour": 1}, "/colour")
        self.refuse({"items": [dict(line, rebate=1)]}, "/items/0/rebate")
        self.refuse({"items": [line], "Items": [line]}, "/Items")

    def test_a_price_cannot_be_dictated(self):
        product = make_sellable(price="10.00")
        lines = [{"product_id": product, "quantity": 1}]
        answer = staff().post("orders/", {"total_amount": "0.01", "items": lines})
        self.assertEqual((answer.status, answer.json["total_amount"]), (201, "10.00"))
        lines[0]["price"] = "0.01"
        self.problem(staff().post("orders/", {"items": lines}), 403, "OM023")

    def test_discounts(self):
        line = {"product_id": make_sellable(price="10.00"), "quantity": 3}
        answer = staff().post("orders/", {"items": [dict(line, discount="10%", tax_rate="7.7"), line], "discount": "5.70",
                                          "attributes": {"gift": True}, "note": "by telephone"})
        self.assertEqual(answer.status, 201)
        order = answer.json
        # 27.00 and 30.00 less 2.70 and 3.00; tax of 24.30 is 1.8711
        self.assertEqual([(i["discount"], i["tax"], i["line_total"]) for i in order["items"]],
                         [("5.70", "1.87", "26.17"), ("3.00", "0.00", "27.00")])
        self.assertEqual((order["discount_amount"], order["tax_amount"], order["total_amount"]), ("8.70", "1.87", "53.17"))
        self.assertEqual(staff().get("orders/%d/" % order["id"]).json, order)
        for discount in ("-1", "30.01", "101%", "1.001", "x", "%", True, []):
            with self.subTest(discount=str(discount)):
                self.refuse({"items": [dict(line, discount=discount)]}, "/items/0/discount")

    def test_external_reference(self):
        body = {"items": [{"product_id": make_sellable(), "quantity": 1}], "external_ref": "ref-%d" % make_sellable()}
        first = staff().post("orders/", body)
        self.assertEqual(first.status, 201)
        again = self.problem(staff().post("orders/", body), 409, "OM042")
        self.assertEqual(again["context"]["order_id"], first.json["id"])
        found = staff().get("orders/?external_ref=%s&held=false&fulfilment=none&channel=default" % body["external_ref"])
        self.assertEqual([o["id"] for o in found.json["results"]], [first.json["id"]])

    def test_customer_name(self):
        line = {"product_id": make_sellable(), "quantity": 1}
        for name in ("", None, 1, [], {}, True, "x" * 201, "\u00e4" * 201):
            with self.subTest(name=str(name)[:10]):
                self.refuse({"customer_name": name, "items": [line]}, "/customer_name")
        for name in ("x", "x" * 200, "\u00e4" * 200, "\U0001f600" * 200, "O'Neil; DROP TABLE--",
                     '"\\/\b\f\n\r\t', "<script>alert(1)</script>", "%s%n{}$1"):
            with self.subTest(name=name[:10]):
                order = self.ok(staff().post("orders/", {"customer_name": name,
                                                         "items": [line]}), 201)
                self.assertEqual(order["customer_name"], name)
                read = self.ok(staff().get("orders/%d/" % order["id"]))
                self.assertEqual(read["customer_name"], name)

    def test_total_too_large(self):
        products = [make_product("9999999999.99")["id"] for _ in range(2)]
        body = {"items": [{"product_id": products[i % 2], "quantity": 1000000}
                          for i in range(500)]}
        answer = staff().post("orders/", body)
        if answer.status == 201:
            wanted = Decimal("9999999999.99") * 1000000 * 500
            self.assertEqual(Decimal(answer.json["total_amount"]), wanted)
        else:
            self.problem(answer, 422)

    def test_two_lines_of_one_product(self):
        """Each line alone would pass; together they are too many."""
        product = make_sellable(5)
        order = make_order((product, 3), (product, 3))
        answer = set_status(order["id"], "CONFIRMED")
        problem = self.problem(answer, 409, "OM003")
        short = problem["context"]["shortages"]
        self.assertEqual([(s["product_id"], s["wanted"], s["available"]) for s in short],
                         [(product, 6, 5)])
        self.assertEqual(stock(product), (5, 0, 0, 5))
        order = make_order((product, 2), (product, 3))
        self.ok(set_status(order["id"], "CONFIRMED"))
        self.assertEqual(stock(product), (5, 0, 5, 0))
        self.ok(set_status(order["id"], "CANCELLED"))
        self.assertEqual(stock(product), (5, 0, 0, 5))


class Life(Test):
    def test_deduct_and_restore(self):
        product = make_sellable(10)
        order = make_order((product, 4))
        self.assertEqual(stock(product), (10, 0, 0, 10))
        self.ok(set_status(order["id"], "CONFIRMED"))
        self.assertEqual(stock(product), (10, 0, 4, 6))
        self.ok(set_status(order["id"], "CANCELLED"))
        self.assertEqual(stock(product), (10, 0, 0, 10))

    def test_ship_and_deliver(self):
        product = make_sellable(10)
        order = make_order((product, 4), status="SHIPPED")
        self.assertEqual(stock(product), (6, 0, 0, 6))
        self.ok(set_status(order["id"], "DELIVERED"))
        self.assertEqual(stock(product), (6, 0, 0, 6))

    def test_packed_on_the_way(self):
        product = make_sellable(10)
        order = make_order((product, 4), status="CONFIRMED")
        self.ok(set_status(order["id"], "PACKED"))
        self.assertEqual(stock(product), (10, 0, 4, 6))
        self.ok(set_status(order["id"], "SHIPPED"))
        self.assertEqual(stock(product), (6, 0, 0, 6))
        order = make_order((product, 4), status="CONFIRMED")
        self.ok(set_status(order["id"], "PACKED"))
        self.ok(set_status(order["id"], "CANCELLED"))
        self.assertEqual(stock(product), (6, 0, 0, 6))

    def test_cancel_pending_raises_nothing(self):
        product = make_sellable(10)
        order = make_order((product, 4))
        self.ok(set_status(order["id"], "CANCELLED"))
        self.assertEqual(stock(product), (10, 0, 0, 10))
        self.assertEqual(client.value("SELECT count(*) FROM oms.stock_move WHERE order_id = %s",
                                      order["id"]), 0)

    def test_every_pair(self):
        product = make_sellable(1000)
        for was in STATUSES:
            for to in STATUSES:
                with self.subTest(was=was, to=to):
                    order = make_order((product, 1), status=was)
                    before, books = history(order["id"]), stock(product)
                    answer = set_status(order["id"], to)
                    if was == to:
                        self.assertEqual(self.ok(answer)["status"], to)
                        self.assertEqual((history(order["id"]), stock(product)), (before, books))
                    elif (was, to) in ALLOWED:
                        self.assertEqual(self.ok(answer)["status"], to)
                        self.assertEqual(history(order["id"]), before + [(was, to)])
                    else:
                        self.problem(answer, 409, "OM002")
                        self.assertEqual((history(order["id"]), stock(product)), (before, books))
                        read = self.ok(staff().get("orders/%d/" % order["id"]))
                        self.assertEqual(read["status"], was)

    def test_put_is_patch(self):
        order = make_order((make_sellable(), 1))
        answer = staff().put("orders/%d/status/" % order["id"], {"status": "CONFIRMED"})
        self.assertEqual(self.ok(answer)["status"], "CONFIRMED")

    def test_history_is_complete(self):
        order = make_order((make_sellable(), 1), status="DELIVERED")
        rows = self.ok(staff().get("orders/%d/history/" % order["id"]))
        steps = [(r["from_status"], r["to_status"]) for r in rows]
        self.assertEqual(steps, [(None, "PENDING"), ("PENDING", "CONFIRMED"),
                                 ("CONFIRMED", "SHIPPED"), ("SHIPPED", "DELIVERED")])
        times = [instant(r["changed_at"]) for r in rows]
        self.assertEqual(times, sorted(times))
        self.assertEqual(instant(order["created_at"]), times[0])
        from fixture import STAFF
        self.assertEqual({r["actor"] for r in rows}, {STAFF})

    def test_reason_is_kept(self):
        order = make_order((make_sellable(), 1))
        self.ok(set_status(order["id"], "CANCELLED", reason="changed their mind"))
        rows = self.ok(staff().get("orders/%d/history/" % order["id"]))
        self.assertEqual(rows[-1]["reason"], "changed their mind")

    def test_version_grows(self):
        order = make_order((make_sellable(), 1))
        now = self.ok(set_status(order["id"], "CONFIRMED"))
        self.assertGreater(now["version"], order["version"])

    def test_short_stock(self):
        first, second, third = make_sellable(1), make_sellable(5), make_sellable(2)
        order = make_order((first, 2), (second, 5), (third, 9))
        problem = self.problem(set_status(order["id"], "CONFIRMED"), 409, "OM003")
        self.assertEqual(sorted((s["product_id"], s["wanted"], s["available"])
                                for s in problem["context"]["shortages"]),
                         sorted([(first, 2, 1), (third, 9, 2)]))
        for short in problem["context"]["shortages"]:
            self.assertTrue(short["sku"])
        self.assertTrue(problem.get("hint"))
        self.assertEqual([available(p) for p in (first, second, third)], [1, 5, 2])
        self.assertEqual(history(order["id"]), [(None, "PENDING")])

    def test_exactly_all_of_it(self):
        product = make_sellable(5)
        order = make_order((product, 5), status="CONFIRMED")
        self.assertEqual(stock(product), (5, 0, 5, 0))
        self.ok(set_status(order["id"], "SHIPPED"))
        self.assertEqual(stock(product), (0, 0, 0, 0))

    def test_bad_status(self):
        order = make_order((make_sellable(), 1))
        for status in ("", "confirmed", "CONFIRMED ", "NEW", None, 1, True, [], {}, "X" * 1000,
                       "CONFIRMED\n"):
            with self.subTest(status=str(status)[:12]):
                self.problem(set_status(order["id"], status), (409, 422))
        self.problem(staff().patch("orders/%d/status/" % order["id"], {}), 422, pointer="/status")
        self.problem(set_status(order["id"], "CONFIRMED", colour=1), 422, pointer="/colour")
        self.assertEqual(history(order["id"]), [(None, "PENDING")])

    def test_unknown_order(self):
        for answer in (staff().get("orders/%d/" % 2 ** 62), set_status(2 ** 62, "CONFIRMED"),
                       staff().get("orders/%d/history/" % 2 ** 62)):
            self.problem(answer, 404, "OM001")

    def test_an_order_is_never_deleted(self):
        order = make_order((make_sellable(), 1))
        answer = admin().delete("orders/%d/" % order["id"])
        self.problem(answer, 405)

    def test_receive_after_shortage(self):
        product = make_product()["id"]
        record = make_stock(product, 0)
        order = make_order((product, 3))
        self.problem(set_status(order["id"], "CONFIRMED"), 409, "OM003")
        self.ok(staff().patch("inventory/%d/" % record["id"], {"quantity": 3}))
        self.ok(set_status(order["id"], "CONFIRMED"))
        self.assertEqual(available(product), 0)
