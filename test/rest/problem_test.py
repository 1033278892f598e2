"""One error of each kind, and the fields that it must have."""
import client
from client import Client, document, raw_request
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
        problem = self.problem(staff().post("orders/", raw=b"{"), 400, "OM106")
        self.assertIn("line 1, column 1", problem["detail"])

    def test_not_json_at_a_value(self):
        """What is wrong with a value is said by its pointer."""
        for raw, pointer in (
                (b'{"a":1,"a":2}', "/a"), (b'{"items":[{},{"quantity":1,"quantity":1}]}', "/items/1/quantity"),
                (b'{"a/b~":{"x":{"y,]":[1,{"z":1}],"":1,"":2}}}', "/a~1b~0/x/"),
                (b'{"x\\"\\u0041":1,"x\\"A":1}', '/x"A'), (b'{"a":"\\u0000"}', "/a"),
                (b'{"a":[0,[1,"\\u0000"]]}', "/a/1/1"), (b'{"b":{"\\u0000":1}}', "/b"),
                (b"[" * 33 + b"]" * 33, "")):
            with self.subTest(raw=raw):
                self.problem(staff().post("orders/", raw=raw), 400, "OM106", pointer)

    def test_numbers_out_of_range(self):
        for raw, pointer in ((b'{"price":1e400}', "/price"), (b"1e400", ""),
                             (b'{"sku":"a","items":[[],{"b":-1e999}],"z":1}', "/items/1/b"),
                             ('{"name":"\u65e5\u672c","\u00e9":1e400}'.encode(), "/\u00e9"),
                             (b'{"price":' + b"9" * 400 + b"}", "/price")):
            with self.subTest(raw=raw[:40]):
                self.problem(admin().post("products/", raw=raw), 422, "OM010", pointer)

    def test_no_body(self):
        self.problem(staff().post("orders/", raw=b""), 422, "OM010", "")

    def test_not_an_object(self):
        for raw in (b"[]", b"null", b"1", b'"x"', b"true"):
            with self.subTest(raw=raw):
                self.problem(staff().post("orders/", raw=raw), 422, "OM010", "")

    def test_check_of_an_administrator(self):
        """A rule that was added to a table is named."""
        client.rows("ALTER TABLE oms.product ADD CONSTRAINT no_bad_luck CHECK (price <> 13.13)")
        try:
            made = make_product()
            for answer in (admin().post("products/", {"name": "x", "sku": "x", "price": "13.13"}),
                           admin().patch("products/%d/" % made["id"], {"price": "13.13"})):
                problem = self.problem(answer, 422, "23514")
                self.assertIn('"no_bad_luck"', problem["detail"])
                self.assertEqual(problem["context"], {"constraint": "no_bad_luck", "table": "product"})
        finally:
            client.rows("ALTER TABLE oms.product DROP CONSTRAINT no_bad_luck")

    def test_no_token(self):
        self.problem(nobody().get("orders/"), 401, "OM100")

    def test_bad_token(self):
        self.problem(Client("x.y.z").get("orders/"), 401, "OM101")

    def test_not_allowed(self):
        problem = self.problem(staff().get("orders/reports/"), 403, "OM103")
        self.assertIn("role admin", problem["hint"])

    def test_bad_id(self):
        for text in ("0", "x", "-1", "9223372036854775808"):
            with self.subTest(id=text):
                self.problem(staff().get("orders/%s/" % text), 404, "OM104", "/id")

    def test_bad_headers(self):
        token = {"Authorization": "Bearer " + admin().token, "Content-Type": "application/json"}
        for headers, pointer in (({"Idempotency-Key": "a b"}, "/Idempotency-Key"),
                                 ({"Idempotency-Key": "x" * 256}, "/Idempotency-Key")):
            with self.subTest(headers=str(headers)[:40]):
                answer = staff().post("orders/", {"items": []}, headers=headers)
                problem = self.problem(answer, 422, "OM110", pointer)
                self.assertNotIn("[!", problem["errors"][0]["detail"])
        lines = "".join("%s: %s\r\n" % pair for pair in token.items())
        for more in ("Host: x\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n", "Host: x/y\r\n",
                     "Host: x\r\nHost: y\r\n", "Host: x\r\nX-Long: %s\r\n" % ("x" * 20000), ""):
            method = "POST" if "Key" in more else "GET"
            with self.subTest(headers=more[:40]):
                answer = raw_request(("%s /api/v1/orders/ HTTP/1.1\r\n%s%sContent-Length: 2\r\n"
                                      "Connection: close\r\n\r\n{}" % (method, more, lines)).encode())
                self.problem(answer, 400, "OM107")
        self.problem(raw_request(b"no HTTP\r\n\r\n"), 400, "OM107")

    def test_unknown_route(self):
        for path in ("/api/v1/nothing/", "/api/v1/", "/api/v2/orders/", "/nothing", "/api/v1/orders/1/x/",
                     "/API/v1/orders/", "/api/v1//orders/", "/api/v1/order", "/api/v1/orders.json"):
            with self.subTest(path=path):
                answer = admin().get(path)
                problem = self.problem(answer, 404, "OM104")
                self.assertIn("/api/schema/", problem["hint"])

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
        for size in (300000, 5000000):
            with self.subTest(size=size):
                answer = staff().post("orders/", raw=b'{"customer_name":"' + b"x" * size + b'"}')
                problem = self.problem(answer, 413, "OM108")
                self.assertRegex(problem["detail"], r"may have [0-9]+")

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
