"""Inventory: quantity is what is available, and each change is booked."""
import client
from fixture import (Test, available, make_order, make_product, make_stock, set_status, staff, stock)


def ledger(product_id):
    """Number of moves of a product and the sum of their effect on hand."""
    return client.value("SELECT count(*) FROM oms.stock_move WHERE product_id = %s", product_id)


class Life(Test):
    def test_create(self):
        product = make_product()
        made = make_stock(product["id"], 7)
        self.assertEqual((made["product"], made["quantity"], made["on_hand"], made["reserved"],
                          made["allocated"], made["sku"]), (product["id"], 7, 7, 0, 0, product["sku"]))
        self.assertEqual(self.ok(staff().get("inventory/%d/" % made["id"])), made)
        self.assertEqual(stock(product["id"]), (7, 0, 0, 7))

    def test_create_with_nothing(self):
        product = make_product()
        self.assertEqual(make_stock(product["id"], 0)["quantity"], 0)

    def test_second_record_of_a_product(self):
        product = make_product()
        make_stock(product["id"], 7)
        answer = staff().post("inventory/", {"product": product["id"], "quantity": 1})
        self.problem(answer, 409, "OM012")
        self.assertEqual(available(product["id"]), 7)

    def test_two_records_at_once(self):
        from fixture import at_once
        product = make_product()["id"]
        answers = at_once(4, lambda i: staff().post("inventory/", {"product": product, "quantity": 5}))
        self.assertEqual(sorted(a.status for a in answers), [201, 409, 409, 409])
        self.assertEqual(available(product), 5)

    def test_writing_books_the_difference(self):
        product = make_product()["id"]
        made = make_stock(product, 7)
        before = ledger(product)
        for quantity in (10, 4, 4, 0):
            now = self.ok(staff().patch("inventory/%d/" % made["id"], {"quantity": quantity}))
            self.assertEqual(now["quantity"], quantity)
            self.assertEqual(available(product), quantity)
        self.assertEqual(ledger(product), before + 3, "one move for each change")

    def test_quantity_is_what_is_available(self):
        product = make_product()["id"]
        made = make_stock(product, 10)
        order = make_order((product, 4), status="CONFIRMED")
        read = self.ok(staff().get("inventory/%d/" % made["id"]))
        self.assertEqual((read["quantity"], read["on_hand"], read["allocated"]), (6, 10, 4))
        now = self.ok(staff().put("inventory/%d/" % made["id"],
                                  {"product": product, "quantity": 20}))
        self.assertEqual((now["quantity"], now["on_hand"], now["allocated"]), (20, 24, 4))
        self.ok(set_status(order["id"], "SHIPPED"))
        read = self.ok(staff().get("inventory/%d/" % made["id"]))
        self.assertEqual((read["quantity"], read["on_hand"], read["allocated"]), (20, 20, 0))

    def test_put_back_what_was_read(self):
        made = make_stock(make_product()["id"], 5)
        before = ledger(made["product"])
        now = self.ok(staff().put("inventory/%d/" % made["id"], made))
        self.assertEqual(now["quantity"], 5)
        self.assertEqual(ledger(made["product"]), before)

    def test_product_of_a_record_does_not_change(self):
        made, other = make_stock(make_product()["id"], 5), make_product()["id"]
        answer = staff().patch("inventory/%d/" % made["id"], {"product": other})
        if answer.status == 200:
            self.assertEqual(answer.json["product"], made["product"])
        else:
            self.problem(answer, (409, 422))
        self.assertEqual((available(made["product"]), available(other)), (5, 0))

    def test_low_stock_threshold(self):
        product = make_product()
        made = make_stock(product["id"], 5)
        self.ok(staff().patch("inventory/%d/" % made["id"], {"low_stock_threshold": 6}))
        page = self.ok(staff().get("inventory/", low_stock="true", sku=product["sku"]))
        self.assertEqual([r["id"] for r in page["results"]], [made["id"]])
        self.ok(staff().patch("inventory/%d/" % made["id"], {"low_stock_threshold": 1}))
        page = self.ok(staff().get("inventory/", low_stock="true", sku=product["sku"]))
        self.assertEqual(page["results"], [])

    def test_delete_what_is_promised(self):
        made = make_stock(make_product()["id"], 5)
        make_order((made["product"], 2), status="CONFIRMED")
        self.problem(staff().delete("inventory/%d/" % made["id"]), 409, "OM013")
        self.assertEqual(available(made["product"]), 3)

    def test_delete_what_was_used(self):
        """The rest is booked out, and the ledger stays."""
        made = make_stock(make_product()["id"], 5)
        self.ok(staff().delete("inventory/%d/" % made["id"]), 204)
        self.problem(staff().get("inventory/%d/" % made["id"]), 404, "OM005")

    def test_delete_unused(self):
        made = make_stock(make_product()["id"], 0)
        self.ok(staff().delete("inventory/%d/" % made["id"]), 204)
        self.problem(staff().get("inventory/%d/" % made["id"]), 404, "OM005")

    def test_filters(self):
        product = make_product()
        made = make_stock(product["id"], 3)
        for query in ({"product": product["id"]}, {"sku": product["sku"]},
                      {"search": product["sku"]}, {"name": product["name"].lower()}):
            with self.subTest(query=query):
                page = self.ok(staff().get("inventory/", **query))
                self.assertEqual([r["id"] for r in page["results"]], [made["id"]])

    def test_written_at_once(self):
        """Concurrent writes of quantity end at one of the values asked for."""
        from fixture import at_once
        made = make_stock(make_product()["id"], 50)
        answers = at_once(8, lambda i: staff().patch("inventory/%d/" % made["id"],
                                                     {"quantity": 10 + i}))
        for answer in answers:
            self.ok(answer)
        self.assertIn(available(made["product"]), range(10, 18))


class Refused(Test):
    def test_quantity(self):
        product = make_product()["id"]
        made = make_stock(make_product()["id"], 5)
        for quantity in (-1, -5, 1.5, "3", "x", None, True, [], {}, 10 ** 20, 2 ** 63, 2 ** 64, -2 ** 63):
            with self.subTest(quantity=quantity):
                answer = staff().post("inventory/", {"product": product, "quantity": quantity})
                self.problem(answer, 422, pointer="/quantity")
                answer = staff().patch("inventory/%d/" % made["id"], {"quantity": quantity})
                self.problem(answer, 422, pointer="/quantity")
        self.assertEqual((available(product), available(made["product"])), (0, 5))

    def test_numbers_beyond_json(self):
        product = make_product()["id"]
        for number in (b"1e400", b"NaN", b"-Infinity", b"1e5.5", b"0x10", b"010"):
            with self.subTest(number=number):
                answer = staff().post("inventory/", raw=b'{"product":%d,"quantity":%s}'
                                      % (product, number))
                self.problem(answer, (400, 422))

    def test_product(self):
        for product in (None, "x", 1.5, True, [], -1, 0, 2 ** 63, 10 ** 30):
            with self.subTest(product=product):
                answer = staff().post("inventory/", {"product": product, "quantity": 1})
                self.problem(answer, 422, "OM010", "/product")

    def test_unknown_product(self):
        answer = staff().post("inventory/", {"product": 2 ** 62, "quantity": 1})
        self.problem(answer, 422, "OM010", "/product")

    def test_missing(self):
        product = make_product()["id"]
        self.problem(staff().post("inventory/", {"quantity": 1}), 422, pointer="/product")
        self.problem(staff().post("inventory/", {"product": product, "amount": 1}), 422,
                     pointer="/amount")
