"""Whatever a client can send: a problem that says what to do, never a 5xx,
nothing written, the server and the database as alive as before.

Bodies, parameters and routes are driven by the published document, so an
operation that is added is tested too.
"""
import copy
import json

import client
from client import Client, check_problem, document, raw_request
from fixture import (Test, admin, make_order, make_product, make_sellable, make_stock, unique)

DEEP = b'{"a":' * 20000 + b"1" + b"}" * 20000
CANDIDATES = (None, True, False, 0, -1, 1, 1.5, 10 ** 40, -10 ** 40, 2 ** 63, "", "x", "x" * 300,
              "x" * 20000, [], [1], [None], [[]], {}, {"a": 1})
RAW = {
    "cut": b"{", "cut string": b'{"a":"', "cut name": b'{"a', "two values": b"{} {}",
    "trailing comma": b'{"a":1,}', "single quotes": b"{'a':1}", "comment": b"{/**/}",
    "no quotes": b"{a:1}", "bad escape": b'{"a":"\\x"}', "control": b'{"a":"\x01"}',
    "newline in string": b'{"a":"\n"}', "NUL": b'{"a":"\x00"}', "only NUL": b"\x00",
    "NUL at end": b"{}\x00", "escaped NUL": b'{"a":"\\u0000"}', "NUL name": b'{"\\u0000":1}',
    "lone surrogate": b'{"a":"\\ud800"}', "swapped surrogates": b'{"a":"\\udc00\\ud800"}',
    "bad UTF-8": b'{"a":"\xff"}', "overlong": b'{"a":"\xc0\xaf"}', "cut UTF-8": b'{"a":"\xe2\x82"}',
    "UTF-8 surrogate": b'{"a":"\xed\xa0\x80"}', "too high": b'{"a":"\xf5\x80\x80\x80"}',
    "UTF-16": '{"a":1}'.encode("utf-16"), "latin-1": '{"a":"é"}'.encode("latin-1"),
    "twice": b'{"a":1,"a":2}', "twice inside": b'{"a":{"b":1,"b":1}}',
    "twice by escape": b'{"a":1,"\\u0061":2}', "deep object": DEEP, "deep array": b"[" * 30000,
    "deep inside": b'{"items":' + b"[" * 9000 + b"]" * 9000 + b"}",
    "1e400": b'{"a":1e400}', "NaN": b'{"a":NaN}', "Infinity": b'{"a":Infinity}',
    "null": b"null", "array": b"[]", "string": b'"x"', "number": b"1", "empty": b"", "space": b" ",
    "form": b"a=1&b=2", "XML": b"<a/>", "binary": bytes(range(256)), "large": b'{"a":"' + b"x" * 300000 + b'"}',
    "larger": b'{"a":"' + b"x" * 3000000 + b'"}', "many names": json.dumps(
        {"n%d" % i: i for i in range(15000)}).encode(),
}
TYPES = (None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
         "application/json; charset=latin-1", "application/json; charset=utf-16", "application/jsonx",
         "application", "/", "text/json", "application/xml", "application/json, text/plain", "x" * 3000)
IDS = ("0", "-1", "+1", "01x", "1.5", "1e1", "x", "9223372036854775808", "1" * 400, "%00", "1%00", "%ff",
       "%2e%2e", "1;DROP%20TABLE%20oms.orders", "1%20", "%D9%A1", "null", "NaN", "0x1", "'", "1,2", "*")


class BadInput(Test):
    @classmethod
    def setUpClass(cls):
        product = make_product("5.00")
        record = make_stock(make_product()["id"], 5)
        order = make_order((make_sellable(), 1))
        cls.ids = {"products": product["id"], "inventory": record["id"], "orders": order["id"]}
        cls.alive = client.connect()
        client.settle()
        cls.before = client.snapshot()

    @classmethod
    def tearDownClass(cls):
        # this connection would be gone if the database had crashed meanwhile
        with cls.alive.cursor() as cursor:
            cursor.execute("SELECT 1")
        cls.alive.close()
        super().tearDownClass()

    def tearDown(self):
        client.settle()
        self.assertEqual(client.snapshot(), self.before, "something was written")
        self.ok(Client().get("/healthz"))
        self.ok(Client().get("/readyz"))

    def real(self, path):
        """A path of the document with ids of things that exist."""
        name = path.strip("/").split("/")[0]
        return document().url(path, str(self.ids.get(name, 2 ** 62)))

    def operations(self, *methods):
        for (method, path), operation in sorted(document().operations.items()):
            if method in methods:
                yield method, path, operation

    def valid(self, path, method):
        """A body that would be taken."""
        name = path.strip("/").split("/")
        sku = unique("bad")
        if name in (["products"], ["products", "{id}"]):
            return {"name": sku, "about": "", "sku": sku, "price": "1.00"}
        if name in (["inventory"], ["inventory", "{id}"]):
            return {"product": self.ids["products"], "quantity": 5}
        if name in (["orders"], ["orders", "create"], ["orders", "sell"]):
            return {"customer_name": "x", "items": [{"product_id": self.ids["products"], "quantity": 1}]}
        if name[-1] == "refresh":
            return {"refresh": "x"}
        if name[0] == "token":
            return {"username": "x", "password": "y"}
        schema = document().body_schema(document().operations[method, path]) or {}
        fields = {name: document().deref(field) for name, field in schema.get("properties", {}).items()}
        return {name: (field.get("examples") or field["enum"])[0] for name, field in fields.items()
                if field.get("examples") or field.get("enum")}

    def bodies(self):
        for method, path, operation in self.operations("POST", "PUT", "PATCH"):
            if document().body_schema(operation):
                yield method, path, document().body_schema(operation)

    def test_raw_bodies(self):
        for method, path, _ in self.bodies():
            for name, raw in RAW.items():
                with self.subTest(operation=method + " " + path, body=name):
                    answer = admin().call(method, self.real(path), raw=raw)
                    self.problem(answer, (400, 413, 422))
                    if name in ("cut", "two values", "bad UTF-8", "twice", "NUL", "deep array"):
                        self.problem(answer, 400, "OM106")

    def test_content_types(self):
        for method, path, _ in self.bodies():
            for text in TYPES:
                with self.subTest(operation=method + " " + path, type=text):
                    answer = admin().call(method, self.real(path), raw=b'{"bogus":1}',
                                          headers={"Content-Type": text})
                    self.problem(answer, 415)
            for text in ("application/json", "application/json;charset=UTF-8",
                         'Application/JSON; charset="utf-8"'):
                with self.subTest(operation=method + " " + path, type=text):
                    answer = admin().call(method, self.real(path), raw=b'{"bogus":1}',
                                          headers={"Content-Type": text})
                    self.problem(answer, 422)

    def test_fields(self):
        """Every field with every value that its schema refuses."""
        tried = 0
        for method, path, schema in self.bodies():
            for where, value in self.mutations(schema, self.valid(path, method)):
                with self.subTest(operation=method + " " + path, field=where, value=str(value)[:40]):
                    body = self.changed(self.valid(path, method), where, value)
                    if document().valid(schema, body):
                        continue
                    tried += 1
                    answer = admin().call(method, self.real(path), body)
                    problem = self.problem(answer, 422)
                    self.assertTrue(problem.get("errors"), answer)
                    self.assertTrue(any(e["pointer"].startswith("/" + str(where[0]))
                                        for e in problem["errors"]), answer)
        self.assertGreater(tried, 300)

    def mutations(self, schema, body):
        """(path to a field, refused value) pairs."""
        schema = document().deref(schema)
        names = set(schema.get("properties", {})) | set(body)
        for name in sorted(names):
            node = document().deref(schema.get("properties", {}).get(name, {}))
            if node.get("readOnly"):
                continue
            for value in CANDIDATES:
                yield [name], value
            if isinstance(body.get(name), list) and body[name] and isinstance(body[name][0], dict):
                for inner in body[name][0]:
                    for value in CANDIDATES:
                        yield [name, 0, inner], value

    @staticmethod
    def changed(body, where, value):
        body = copy.deepcopy(body)
        node = body
        for key in where[:-1]:
            node = node[key]
        node[where[-1]] = value
        return body

    def test_missing_fields(self):
        for method, path, schema in self.bodies():
            for name in document().deref(schema).get("required", []):
                with self.subTest(operation=method + " " + path, field=name):
                    body = self.valid(path, method)
                    body.pop(name, None)
                    answer = admin().call(method, self.real(path), body)
                    self.problem(answer, 422, pointer="/" + name)

    def test_unknown_fields(self):
        for method, path, _ in self.bodies():
            for name in ("bogus", "", "a/b", "~", "__proto__", "\u00e9", "x" * 60):
                with self.subTest(operation=method + " " + path, field=name[:20]):
                    body = dict(self.valid(path, method), **{name: 1})
                    answer = admin().call(method, self.real(path), body)
                    self.problem(answer, 422, pointer="/" + name.replace("~", "~0").replace("/", "~1"))

    def test_bodies_where_none_belongs(self):
        for method, path, operation in self.operations("GET", "DELETE", "POST"):
            if method == "POST" and document().body_schema(operation):
                continue
            real = document().url(path, str(2 ** 62)) if method == "DELETE" else self.real(path)
            for raw in (b"{}", b"{", b"\xff", b"x" * 100000):
                with self.subTest(operation=method + " " + path, raw=raw[:5]):
                    answer = admin().call(method, real, raw=raw)
                    self.assertLess(answer.status, 500, answer)

    def test_ids(self):
        for method, path, operation in self.operations("GET", "PUT", "PATCH", "DELETE", "POST"):
            if "{" not in path:
                continue
            for text in IDS + (str(2 ** 62), str(2 ** 63 - 1)):
                with self.subTest(operation=method + " " + path, id=text[:30]):
                    real = document().url(path, text)
                    body = None if method in ("GET", "DELETE") else self.valid(path, method)
                    answer = admin().call(method, real, body)
                    self.problem(answer, (404, 400) if "%" in real else 404)

    def test_query_parameters(self):
        for method, path, operation in self.operations("GET"):
            names = {}
            for parameter in map(document().deref, operation["parameters"]):
                if parameter["in"] == "query":
                    names[parameter["name"]] = document().deref(parameter["schema"])
            if "builtin" in operation["x-oms"]:
                continue        # pages and probes, where nothing hangs on a parameter
            with self.subTest(operation=path, parameter="bogus"):
                self.problem(admin().get(self.real(path), bogus="1"), 422)
            for name, schema in names.items():
                for text in ("", "x", "-1", "0", "1.5", "1e400", "NaN", "\x00", "\x01", "9" * 30,
                             "x" * 6000, "[]", "null", "'"):
                    with self.subTest(operation=path, parameter=name, text=text[:10]):
                        answer = admin().get(self.real(path), **{name: text})
                        if answer.status != 200:
                            self.problem(answer, (400, 404, 414, 422, 431))
                        elif schema.get("type") in ("integer", "number"):
                            number = float(text)
                            self.assertTrue(document().valid(schema, int(number)), answer)
                        elif schema.get("type") == "boolean":
                            self.assertEqual(text, "0", answer)
                        elif schema.get("enum") or \
                                schema.get("format"):
                            self.fail("taken: %r" % answer)

    def test_methods(self):
        for _, path, _ in self.operations("GET", "POST", "PUT", "PATCH", "DELETE"):
            have = {m for m, p in document().operations if p.strip("/") == path.strip("/")}
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "BREW", "get", "TRACE"} - have:
                with self.subTest(operation=method + " " + path):
                    answer = admin().call(method, self.real(path), raw=b"{}")
                    self.problem(answer, (405, 400), None)
                    if answer.status == 405:
                        self.assertEqual({m.strip() for m in answer.headers["allow"].split(",")}
                                         - {"HEAD", "OPTIONS"}, have)

    def test_tokens_everywhere(self):
        for method, path, operation in self.operations("GET", "POST", "PUT", "PATCH", "DELETE"):
            if operation["x-oms"].get("role", "none") == "none":
                continue
            body = None if method in ("GET", "DELETE") else self.valid(path, method)
            good = admin().token
            for token in ("", ".", "..", "...", "a.b.c", good[:-1], good[:-3] + "AAA", good + "x",
                          good.split(".")[0] + ".." + good.split(".")[2]):
                with self.subTest(operation=method + " " + path, token=token[:12]):
                    answer = Client().call(method, self.real(path), body,
                                           headers={"Authorization": "Bearer " + token})
                    self.problem(answer, 401)

    def test_paths(self):
        for path in ("//", "/..", "/../../etc/passwd", "/%", "/%zz", "/%00", "/\xff", "/api/%2e%2e/", "/api/v1/",
                     "/" + "a" * 3000, "/api/v1/orders/%2fhistory", "/api/v1/orders/1/history/1",
                     "/api/v1/orders/./", "/api/v1/orders/../products/x", "/?", "*", "/api/v1/orders;x=1"):
            with self.subTest(path=path[:30]):
                answer = raw_request(("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
                                      % path).encode("latin-1"))
                self.assertTrue(answer is None or 300 <= answer.status < 500, answer)
                if answer is not None and answer.status >= 400:
                    check_problem(answer)
