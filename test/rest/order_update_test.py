"""The header of an order, changed after it was entered."""
from fixture import Test, at_once, make_order, make_sellable, nobody, set_status, staff, unique


def update(order, **body):
    """The answer to a change of an order's header."""
    return staff().patch("orders/%d/" % order["id"], body)


class Update(Test):
    def test_changed_and_taken_away(self):
        order = make_order((make_sellable(), 1), customer="Ann")
        customer = self.ok(staff().post("customers/", {"name": "Cid"}), 201)["id"]
        ref = unique("R")
        now = self.ok(update(order, customer_name="Anna", customer_id=customer, external_ref=ref,
                             attributes={"a": [1, None]}, expected_version=1))
        self.assertEqual((now["version"], now["customer_name"], now["customer_id"], now["external_ref"],
                          now["attributes"], len(now["items"])), (2, "Anna", customer, ref, {"a": [1, None]}, 1))
        self.assertEqual(self.ok(staff().get("orders/%d/" % order["id"])), now)
        self.assertEqual(self.ok(update(order, customer_name="Anna")), now)
        now = self.ok(update(order, customer_id=None, external_ref=None, attributes=None))
        self.assertEqual((now["version"], now["customer_name"], now["customer_id"], now["external_ref"], now["attributes"]),
                         (3, "Anna", None, None, None))
        last = self.ok(staff().get("orders/%d/history/" % order["id"]))[-1]
        self.assertEqual((last["action"], last["detail"]), ("update", {
            "customer_id": {"from": customer, "to": None}, "external_ref": {"from": ref, "to": None},
            "attributes": {"from": {"a": [1, None]}, "to": None}}))

    def test_any_status(self):
        for status in ("SHIPPED", "DELIVERED", "CANCELLED"):
            order = make_order((make_sellable(), 1), status=status)
            self.assertEqual(self.ok(update(order, customer_name="New"))["status"], status)

    def test_refused(self):
        product, ref = make_sellable(), unique("R")
        self.ok(staff().post("orders/", {"external_ref": ref, "items": [{"product_id": product, "quantity": 1}]}), 201)
        order = make_order((product, 1))
        problem = self.problem(update(order, external_ref=ref), 409, "OM042")
        self.assertEqual(problem["context"]["external_ref"], ref)
        self.problem(update(order, customer_id=2 ** 60), 404, "OM034")
        problem = self.problem(update(order, customer_name="x", expected_version=7), 409, "OM041")
        self.assertEqual(problem["context"]["version"], 1)
        self.problem(staff().patch("orders/999999999/", {"customer_name": "x"}), 404, "OM001")
        self.problem(nobody().patch("orders/%d/" % order["id"], {}), 401)
        for body, pointer in (({"customer_name": None}, "/customer_name"), ({"customer_name": ""}, "/customer_name"),
                              ({"external_ref": "x" * 201}, "/external_ref"), ({"attributes": [1]}, "/attributes"),
                              ({"customer_id": -1}, "/customer_id"), ({"status": "CONFIRMED"}, "/status"),
                              ({"items": []}, "/items"), ({"expected_version": 0}, "/expected_version")):
            with self.subTest(body=body):
                self.problem(update(order, **body), 422, "OM010", pointer)
        self.assertEqual(self.ok(staff().get("orders/%d/" % order["id"]))["version"], 1)

    def test_one_reference(self):
        product, ref = make_sellable(), unique("R")
        orders = [make_order((product, 1)) for _ in range(4)]
        answers = at_once(4, lambda i: update(orders[i], external_ref=ref))
        self.assertEqual(sorted(a.status for a in answers), [200, 409, 409, 409])

    def test_versions(self):
        order = make_order((make_sellable(), 1))
        answers = at_once(4, lambda i: update(order, customer_name="N%d" % i, expected_version=1))
        self.assertEqual(sorted(a.status for a in answers), [200, 409, 409, 409])
        self.ok(set_status(order["id"], "CONFIRMED"))
