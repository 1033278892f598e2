"""What two clients at the same moment must not be able to do."""
import random
import threading
import time

import client
from fixture import (Test, at_once, available, make_order, make_sellable, set_status, staff, stock)

THREADS = 12


def moves(order_id, kind):
    return client.value("SELECT count(*) FROM oms.stock_move WHERE order_id = %s AND kind = %s",
                        order_id, kind)


class Race(Test):
    def test_two_confirms_deduct_once(self):
        for _ in range(10):
            product = make_sellable(100)
            order = make_order((product, 7))["id"]
            for answer in at_once(THREADS, lambda i: set_status(order, "CONFIRMED")):
                self.assertEqual(self.ok(answer)["status"], "CONFIRMED")
            self.assertEqual(stock(product), (100, 0, 7, 93))
            self.assertEqual(moves(order, "allocate"), 1)
            self.assertEqual(client.value("SELECT count(*) FROM oms.order_history "
                                          "WHERE order_id = %s", order), 2)

    def test_two_cancels_restore_once(self):
        for _ in range(10):
            product = make_sellable(100)
            order = make_order((product, 7), status="CONFIRMED")["id"]
            for answer in at_once(THREADS, lambda i: set_status(order, "CANCELLED")):
                self.assertEqual(self.ok(answer)["status"], "CANCELLED")
            self.assertEqual(stock(product), (100, 0, 0, 100))
            self.assertEqual(moves(order, "release"), 1)

    def test_ship_or_cancel_not_both(self):
        for _ in range(10):
            product = make_sellable(100)
            order = make_order((product, 7), status="CONFIRMED")["id"]
            answers = at_once(THREADS, lambda i: set_status(
                order, "SHIPPED" if i % 2 else "CANCELLED"))
            status = self.ok(staff().get("orders/%d/" % order))["status"]
            self.assertIn(status, ("SHIPPED", "CANCELLED"))
            for i, answer in enumerate(answers):
                if ("SHIPPED" if i % 2 else "CANCELLED") == status:
                    self.ok(answer)
                else:
                    self.problem(answer, 409, "OM002")
            self.assertEqual(stock(product), (93, 0, 0, 93) if status == "SHIPPED"
                             else (100, 0, 0, 100))

    def test_confirm_or_cancel(self):
        for _ in range(10):
            product = make_sellable(100)
            order = make_order((product, 7))["id"]
            for i, answer in enumerate(at_once(THREADS, lambda i: set_status(
                    order, "CONFIRMED" if i % 2 else "CANCELLED"))):
                if i % 2 == 0:
                    self.ok(answer)       # both roads end at CANCELLED
                elif answer.status != 200:
                    self.problem(answer, 409, "OM002")
            self.assertEqual(self.ok(staff().get("orders/%d/" % order))["status"], "CANCELLED")
            self.assertEqual(stock(product), (100, 0, 0, 100))

    def test_last_piece_is_sold_once(self):
        for _ in range(5):
            product = make_sellable(5)
            orders = [make_order((product, 1))["id"] for _ in range(THREADS)]
            answers = at_once(THREADS, lambda i: set_status(orders[i], "CONFIRMED"))
            self.assertEqual([a.status for a in answers].count(200), 5)
            for answer in answers:
                if answer.status != 200:
                    self.problem(answer, 409, "OM003")
            self.assertEqual(stock(product), (5, 0, 5, 0))

    def test_opposite_order_of_products_does_not_deadlock(self):
        first, second = make_sellable(10000), make_sellable(10000)
        pairs = 30
        orders = [make_order(*((first, 1), (second, 1)) if i % 2 else ((second, 1), (first, 1)))["id"]
                  for i in range(2 * pairs)]
        before = client.value("SELECT deadlocks FROM pg_stat_database "
                              "WHERE datname = current_database()")
        began = time.monotonic()

        def work(index):
            return [set_status(order, status)
                    for order in orders[index::THREADS] for status in ("CONFIRMED", "CANCELLED",)]

        for answers in at_once(THREADS, work):
            for answer in answers:
                self.ok(answer)
        # a deadlock is found only after deadlock_timeout, a second at least
        self.assertLess(time.monotonic() - began, 20)
        time.sleep(0.6)
        self.assertEqual(client.value("SELECT deadlocks FROM pg_stat_database "
                                      "WHERE datname = current_database()"), before)
        self.assertEqual((available(first), available(second)), (10000, 10000))

    def test_create_and_delete_of_a_product(self):
        """An order that is created beside the deletion of its product has
        its lines, whoever was first."""
        from fixture import admin
        for _ in range(10):
            product = make_sellable(10)
            answers = at_once(6, lambda i: admin().delete("products/%d/" % product) if i == 0
                              else staff().post("orders/", {"items": [
                                  {"product_id": product, "quantity": 1}]}))
            self.ok(answers[0], 204)
            for answer in answers[1:]:
                if answer.status == 201:
                    read = self.ok(staff().get("orders/%d/" % answer.json["id"]))
                    self.assertEqual(len(read["items"]), 1)
                else:
                    self.problem(answer, 422)

    def test_mix_keeps_the_books(self):
        """Many clients, few products, every verb: afterwards what lies there
        is what was put there minus what was shipped."""
        products = [make_sellable(400) for _ in range(4)]
        shipped, lock = {p: 0 for p in products}, threading.Lock()

        def work(index):
            rng = random.Random(index)
            for _ in range(12):
                lines = [(p, rng.randrange(1, 4)) for p in rng.sample(products, 3)]
                order = make_order(*lines)["id"]
                road = rng.choice((("CONFIRMED", "SHIPPED", "DELIVERED"), ("CONFIRMED", "CANCELLED"),
                                   ("CANCELLED",), ("CONFIRMED",), ("CONFIRMED", "PACKED", "SHIPPED")))
                for status in road:
                    answer = set_status(order, status)
                    if answer.status == 409:
                        self.problem(answer, 409, "OM003")
                        break
                    self.ok(answer)
                    if status == "SHIPPED":
                        with lock:
                            for p, q in lines:
                                shipped[p] += q

        at_once(THREADS, work)
        for product in products:
            self.assertEqual(stock(product)[0], 400 - shipped[product])
            promised = client.value(
                "SELECT coalesce(sum(l.quantity), 0) FROM oms.orders o JOIN oms.order_line l "
                "ON l.order_id = o.id WHERE l.product_id = %s AND o.status IN "
                "('CONFIRMED', 'PACKED')", product)
            self.assertEqual(stock(product)[2], promised)
        self.assertEqual(client.integrity(), [])

    def test_stock_written_beside_confirms(self):
        from fixture import make_product, make_stock
        product = make_product()["id"]
        record = make_stock(product, 500)["id"]
        orders = [make_order((product, 2))["id"] for _ in range(THREADS)]
        for answer in at_once(THREADS, lambda i: set_status(orders[i], "CONFIRMED") if i % 2 else
                              staff().patch("inventory/%d/" % record, {"quantity": 300})):
            self.ok(answer)
        on_hand, reserved, allocated, free = stock(product)
        self.assertEqual((reserved, allocated), (0, 2 * (THREADS // 2)))
        self.assertEqual(on_hand - allocated, free)
        self.assertTrue(300 - allocated <= free <= 300, free)
