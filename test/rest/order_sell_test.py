"""Counter sales: orders that are entered and delivered in one call."""
from fixture import Test, at_once, available, make_sellable, nobody, staff, stock, unique


def sell(product, quantity, key=None, **more):
    """The answer to a counter sale of a product."""
    body = dict({"items": [{"product_id": product, "quantity": quantity}]}, **more)
    return staff().post("orders/sell/", body, headers={"Idempotency-Key": key} if key else None)


class Sale(Test):
    def test_sold(self):
        product = make_sellable(5, "2.50")
        answer = sell(product, 2, customer_name="Ann", note="gift")
        sold = self.ok(answer, 201)
        self.assertTrue(answer.headers["location"].endswith("/orders/%d/" % sold["id"]), answer)
        self.assertEqual((sold["status"], sold["version"], sold["fulfilment"], sold["total_amount"], len(sold["items"])),
                         ("DELIVERED", 4, "full", "5.00", 1))
        self.assertEqual(self.ok(staff().get("orders/%d/" % sold["id"])), sold)
        self.assertEqual(stock(product), (3, 0, 0, 3))

    def test_same_key(self):
        product, key = make_sellable(5), unique("K")
        ids = {self.ok(sell(product, 2, key), 201)["id"] for _ in range(2)}
        self.assertEqual((len(ids), available(product)), (1, 3))
        self.problem(sell(product, 1, key), 422, "OM030")

    def test_dry_run(self):
        product = make_sellable(5)
        answer = staff().post("orders/sell/?dry_run=true", {"items": [{"product_id": product, "quantity": 2}]})
        self.assertEqual(self.ok(answer)["status"], "DELIVERED")
        self.assertEqual(available(product), 5)
        self.problem(staff().get("orders/%d/" % answer.json["id"]), 404, "OM001")

    def test_last_units(self):
        product = make_sellable(5)
        answers = at_once(4, lambda i: sell(product, 2))
        self.assertEqual(sorted(a.status for a in answers), [201, 201, 409, 409])
        self.assertEqual(stock(product), (1, 0, 0, 1))

    def test_refused(self):
        product = make_sellable(1)
        problem = self.problem(sell(product, 2), 409, "OM003")
        self.assertEqual(problem["context"]["shortages"][0]["wanted"], 2)
        self.problem(sell(product, 0), 422, "OM010", "/items/0/quantity")
        self.problem(staff().post("orders/sell/", {}), 422, "OM010", "/items")
        self.problem(nobody().post("orders/sell/", {}), 401)
        self.assertEqual(available(product), 1)
