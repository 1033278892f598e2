"""Idempotency-Key: a request and its repetitions have one effect."""
import client
from fixture import (Test, admin, at_once, available, make_product, make_sellable,
                     set_status, staff, unique)


def orders_of(customer):
    return client.value("SELECT count(*) FROM oms.orders WHERE customer_name = %s", customer)


class Key(Test):
    def setUp(self):
        self.product = make_sellable()
        self.customer = unique("customer")
        self.key = {"Idempotency-Key": unique("key")}
        self.body = {"customer_name": self.customer,
                     "items": [{"product_id": self.product, "quantity": 1}]}

    def test_same_again(self):
        first = staff().post("orders/", self.body, headers=self.key)
        again = staff().post("orders/", self.body, headers=self.key)
        self.assertEqual((self.ok(first, 201), first.body), (self.ok(again, 201), again.body))
        self.assertEqual(orders_of(self.customer), 1)

    def test_same_after_the_order_went_on(self):
        first = self.ok(staff().post("orders/", self.body, headers=self.key), 201)
        self.ok(set_status(first["id"], "CONFIRMED"))
        again = self.ok(staff().post("orders/", self.body, headers=self.key), 201)
        self.assertEqual(again["id"], first["id"])
        self.assertEqual((orders_of(self.customer), available(self.product)), (1, 99))

    def test_both_paths_are_one_operation(self):
        first = self.ok(staff().post("orders/create/", self.body, headers=self.key), 201)
        again = self.ok(staff().post("/api/orders/", self.body, headers=self.key), 201)
        self.assertEqual(first["id"], again["id"])

    def test_other_body(self):
        self.ok(staff().post("orders/", self.body, headers=self.key), 201)
        self.body["items"][0]["quantity"] = 2
        self.problem(staff().post("orders/", self.body, headers=self.key), 422, "OM030")
        self.assertEqual(orders_of(self.customer), 1)

    def test_other_operation(self):
        self.ok(staff().post("orders/", self.body, headers=self.key), 201)
        product = make_product()["id"]
        answer = staff().post("inventory/", {"product": product, "quantity": 1}, headers=self.key)
        self.problem(answer, 422, "OM030")

    def test_other_user(self):
        first = self.ok(staff().post("orders/", self.body, headers=self.key), 201)
        other = self.ok(admin().post("orders/", self.body, headers=self.key), 201)
        self.assertNotEqual(first["id"], other["id"])

    def test_many_at_once(self):
        for _ in range(5):
            self.key = {"Idempotency-Key": unique("key")}
            self.customer = self.body["customer_name"] = unique("customer")
            answers = at_once(12, lambda i: staff().post("orders/", self.body, headers=self.key))
            ids = set()
            for answer in answers:
                if answer.status == 201:
                    ids.add(answer.json["id"])
                else:
                    self.problem(answer, 409, "OM031")
            self.assertEqual((len(ids), orders_of(self.customer)), (1, 1))

    def test_failure_does_not_burn_the_key(self):
        broken = {"customer_name": self.customer, "items": []}
        self.problem(staff().post("orders/", broken, headers=self.key), 422)
        self.assertEqual(orders_of(self.customer), 0)
        self.ok(staff().post("orders/", self.body, headers=self.key), 201)
        self.assertEqual(orders_of(self.customer), 1)

    def test_no_key_no_memory(self):
        first = self.ok(staff().post("orders/", self.body), 201)
        again = self.ok(staff().post("orders/", self.body), 201)
        self.assertNotEqual(first["id"], again["id"])

    def test_products_and_inventory(self):
        sku = unique("K")
        body = {"name": sku, "about": "", "sku": sku, "price": "1.00"}
        first = self.ok(admin().post("products/", body, headers=self.key), 201)
        self.assertEqual(self.ok(admin().post("products/", body, headers=self.key), 201), first)
        key = {"Idempotency-Key": unique("key")}
        body = {"product": first["id"], "quantity": 3}
        made = self.ok(staff().post("inventory/", body, headers=key), 201)
        self.assertEqual(self.ok(staff().post("inventory/", body, headers=key), 201), made)
        self.assertEqual(available(first["id"]), 3)

    def test_bad_keys(self):
        for key in ("", " ", "x" * 256, "x" * 5000, "a\tb", "\u00e9".encode().decode("latin-1"),
                    "\x7f"):
            with self.subTest(key=key[:10]):
                answer = staff().post("orders/", self.body, headers={"Idempotency-Key": key})
                self.problem(answer, (400, 422, 431))
        self.assertEqual(orders_of(self.customer), 0)

    def test_long_key(self):
        key = {"Idempotency-Key": unique("k") + "x" * 200}
        first = self.ok(staff().post("orders/", self.body, headers=key), 201)
        again = self.ok(staff().post("orders/", self.body, headers=key), 201)
        self.assertEqual(first["id"], again["id"])
