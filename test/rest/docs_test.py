"""The documents: schema, Swagger UI, health, metrics."""
import json
import re
from urllib.parse import urljoin, urlsplit

import jsonschema

from client import Client, URL, document
from fixture import Test, admin, staff


class Schema(Test):
    def test_is_openapi(self):
        for path in ("/api/schema/", "/api/schema", "/api/v1/schema/"):
            answer = Client().get(path)
            doc = self.ok(answer)
            self.assertTrue(doc["openapi"].startswith("3.1"))
            self.assertIn("json", answer.type)

    def test_every_schema_is_a_schema(self):
        doc = document()
        for name, schema in doc.doc["components"]["schemas"].items():
            with self.subTest(schema=name):
                jsonschema.Draft202012Validator.check_schema(schema)

    def test_references_resolve(self):
        def walk(node):
            if isinstance(node, dict):
                if isinstance(node.get("$ref"), str):
                    document().resolver.resolve(node["$ref"])
                for child in node.values():
                    walk(child)
            elif isinstance(node, list):
                for child in node:
                    walk(child)
        walk(document().doc)

    def test_every_operation_is_documented(self):
        seen = set()
        for (method, path), operation in document().operations.items():
            with self.subTest(operation=method + " " + path):
                self.assertTrue(operation.get("summary") or operation.get("description"))
                self.assertTrue(operation.get("operationId"))
                self.assertNotIn(operation["operationId"], seen)
                seen.add(operation["operationId"])
                self.assertTrue(operation["responses"])
                names = {p["name"] for p in map(document().deref, operation["parameters"])
                         if p["in"] == "path"}
                self.assertEqual(names, set(re.findall(r"\{([^}]*)\}", path)))

    def test_paths_of_the_contract(self):
        wanted = {("POST", "token"), ("POST", "token/refresh"), ("GET", "products"),
                  ("POST", "products"), ("GET", "products/1"), ("PUT", "products/1"),
                  ("PATCH", "products/1"), ("DELETE", "products/1"), ("GET", "inventory"),
                  ("POST", "inventory"), ("GET", "inventory/1"), ("PUT", "inventory/1"),
                  ("PATCH", "inventory/1"), ("DELETE", "inventory/1"), ("GET", "orders"),
                  ("POST", "orders"), ("POST", "orders/create"), ("GET", "orders/1"),
                  ("GET", "orders/1/history"), ("PATCH", "orders/1/status"),
                  ("PUT", "orders/1/status"), ("GET", "orders/reports"), ("GET", "tasks"),
                  ("GET", "tasks/1"), ("POST", "tasks/1/retry"), ("POST", "tasks/1/cancel")}
        missing = {w for w in wanted if document().find(w[0], "/api/v1/%s/" % w[1]) is None}
        self.assertEqual(missing, set())

    def test_cached_by_etag(self):
        answer = Client().get("/api/schema/")
        tag = answer.headers.get("etag")
        if tag is None:
            self.skipTest("no ETag")
        again = Client().call("GET", "/api/schema/", headers={"If-None-Match": tag})
        self.assertEqual((again.status, again.body), (304, b""))


class SwaggerUi(Test):
    def test_assets_are_local(self):
        page = Client().get("/api/docs/")
        self.assertEqual((page.status, page.type), (200, "text/html"), page)
        text = page.body.decode()
        links = re.findall(r"""(?:src|href)=["']([^"']+)["']""", text)
        scripts = [link for link in links if link.split("?")[0].endswith(".js")]
        styles = [link for link in links if link.split("?")[0].endswith(".css")]
        self.assertTrue(scripts and styles, links)
        for link in links:
            if link.startswith("data:"):
                continue
            url = urljoin(URL + "/api/docs/", link)
            self.assertEqual(urlsplit(url).netloc, urlsplit(URL).netloc, link)
            asset = Client().get(urlsplit(url).path)
            self.assertEqual(asset.status, 200, link)
            self.assertTrue(asset.body, link)
            wanted = {"js": "javascript", "css": "css", "png": "png"}.get(
                urlsplit(url).path.rsplit(".", 1)[-1], "")
            self.assertIn(wanted, asset.type, link)

    def test_guarded(self):
        page = Client().get("/api/docs/")
        self.assertIn("'self'", page.headers.get("content-security-policy", ""), page.headers)
        self.assertEqual(page.headers.get("x-content-type-options"), "nosniff")

    def test_without_slash(self):
        answer = Client(checked=False).get("/api/docs")
        self.assertIn(answer.status, (200, 301, 302, 307, 308))

    def test_nothing_outside_the_directory(self):
        for path in ("/api/docs/../openapi.json", "/api/docs/..%2f..%2fetc%2fpasswd",
                     "/api/docs/%2e%2e/%2e%2e/etc/passwd", "/api/docs//etc/passwd",
                     "/api/docs/swagger-ui.css%00.html", "/api/docs/.", "/api/docs/nothing.js",
                     "/api/docs/..\\..\\etc\\passwd", "/api/docs/" + "a" * 3000):
            with self.subTest(path=path[:40]):
                answer = Client().get(path)
                self.assertNotIn(b"root:", answer.body)
                if answer.status not in (200, 301, 302, 307, 308):
                    self.problem(answer, (400, 404, 414, 431))
                elif answer.status == 200:
                    self.assertEqual(answer.type, "text/html", answer)


class Health(Test):
    def test_live_and_ready(self):
        for path in ("/healthz", "/readyz"):
            with self.subTest(path=path):
                self.ok(Client().get(path))

    def test_metrics(self):
        answer = Client().get("/metrics")
        self.assertEqual((answer.status, answer.type), (200, "text/plain"), answer)
        lines = [line for line in answer.body.decode().splitlines() if line and line[0] != "#"]
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line, r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eEInfNa]+$')

    def test_metrics_count(self):
        def total():
            text = Client().get("/metrics").body.decode()
            return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                       if re.match(r"^\w*requests_total\b", line))
        before = total()
        for _ in range(5):
            staff().get("products/")
        self.assertGreaterEqual(total(), before + 5)

    def test_metrics_through_a_proxy(self):
        """Who comes through a proxy is not on the loopback interface: the
        header alone must not open anything either way."""
        answer = Client().call("GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
        self.assertIn(answer.status, (200, 401, 403))
        self.assertEqual(admin().get("/metrics").status, 200)


class Headers(Test):
    def test_json_is_labelled(self):
        answer = staff().get("products/")
        self.assertRegex(answer.headers["content-type"],
                         r"^application/json(; ?charset=utf-8)?$")
        self.assertEqual(answer.headers.get("x-content-type-options"), "nosniff")
        json.loads(answer.body.decode("utf-8"))

    def test_tokens_are_not_cached(self):
        answer = Client().post("token/", {"username": "admin", "password": "wrong"})
        self.assertIn("no-store", answer.headers.get("cache-control", ""))
        answer = staff().get("orders/")
        self.assertRegex(answer.headers.get("cache-control", "no-store"), "no-store|private|no-cache")
