"""One error of each kind, and the fields that it must have."""
from client import Client, document
from fixture import (Test, admin, make_order, make_product, make_sellable, nobody, set_status,
                     staff)


class Problem(Test):
    def test_bad_field(self):
        answer = staff().post("orders/", {"items": [{"product_id": make_sellable(),
                                                     "quantity": "3"}]})
        problem = self.problem(answer, 422, "OM010", "/items/0/quantity")
        self.assertRegex(problem["type"], r"^/problems/[a-z0-9-]+$")
        self.assertTrue(all(e["detail"] for e in problem["errors"]))

    def test_not_json(self):
        self.problem(staff().post("orders/", raw=b"{"), 400, "OM106")

    def test_no_body(self):
        self.problem(staff().post("orders/", raw=b""), 422)

    def test_not_an_object(self):
        for raw in (b"[]", b"null", b"1", b'"x"', b"true"):
            with self.subTest(raw=raw):
                self.problem(staff().post("orders/", raw=raw), 422)

    def test_no_token(self):
        self.problem(nobody().get("orders/"), 401, "OM100")

    def test_bad_token(self):
        self.problem(Client("x.y.z").get("orders/"), 401, "OM101")

    def test_not_allowed(self):
        self.problem(staff().get("orders/reports/"), 403, "OM103")

    def test_unknown_route(self):
        for path in ("/api/v1/nothing/", "/api/v1/", "/api/v2/orders/", "/nothing", "/api/v1/orders/1/x/",
                     "/API/v1/orders/", "/api/v1//orders/", "/api/v1/order", "/api/v1/orders.json"):
            with self.subTest(path=path):
                answer = admin().get(path)
                self.problem(answer, 404, "OM104")

    def test_method_not_allowed(self):
        for method, path in (("DELETE", "orders/"), ("PUT", "orders/"), ("PATCH", "products/"),
                             ("DELETE", "token/"), ("POST", "orders/reports/"), ("TRACE", "orders/"),
                             ("BREW", "orders/"), ("POST", "schema/"), ("CONNECT", "orders/")):
            with self.subTest(method=method, path=path):
                answer = admin().call(method, path, headers={"Content-Length": "0"})
                problem = self.problem(answer, (405, 400) if method == "CONNECT" else 405)
                if problem["status"] == 405:
                    self.assertEqual(problem["code"], "OM105")
                    self.assertTrue(answer.headers.get("allow"), answer)

    def test_allow_lists_what_there_is(self):
        for path in {key[1] for key in document().operations}:
            answer = admin().call("BREW", document().url(path, "1"), headers={"Content-Length": "0"})
            self.problem(answer, 405)
            allowed = {m.strip() for m in answer.headers["allow"].split(",")} - {"HEAD", "OPTIONS"}
            wanted = {m for m, p in document().operations if p.strip("/") == path.strip("/")}
            self.assertEqual(allowed, wanted, path)

    def test_unknown_things(self):
        for path, code in (("products", "OM004"), ("inventory", "OM005"), ("orders", "OM001")):
            with self.subTest(path=path):
                self.problem(admin().get("%s/%d/" % (path, 2 ** 62)), 404, code)

    def test_transition(self):
        order = make_order((make_sellable(), 1), status="CANCELLED")
        problem = self.problem(set_status(order["id"], "CONFIRMED"), 409, "OM002")
        self.assertTrue(problem["hint"])

    def test_type(self):
        answer = staff().post("orders/", raw=b"{}", headers={"Content-Type": "text/plain"})
        self.problem(answer, 415, "OM109")

    def test_too_large(self):
        answer = staff().post("orders/", raw=b'{"customer_name":"' + b"x" * 5000000 + b'"}')
        self.problem(answer, 413, "OM108")

    def test_error_is_not_cached(self):
        answer = staff().get("products/%d/" % 2 ** 62)
        self.assertIn("no-store", answer.headers.get("cache-control", ""), answer.headers)

    def test_nothing_inside_leaks(self):
        made = make_product()
        for answer in (admin().post("products/", {"name": "x", "sku": made["sku"], "price": 1}),
                       staff().post("orders/", {"items": [{"product_id": 2 ** 63, "quantity": 1}]}),
                       set_status(2 ** 62, "CONFIRMED"),
                       nobody().post("token/", {"username": "x", "password": "y"})):
            problem = self.problem(answer, (401, 404, 409, 422))
            for word in ("pg_", "oms.", "SELECT", "INSERT", "constraint", ".c:", "libpq", "SPI"):
                self.assertNotIn(word, problem["detail"] + problem["title"])
