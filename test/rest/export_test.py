"""Whole lists as CSV and NDJSON: the same rows as the pages, in the form that was asked for."""
import csv
import gzip
import io
import json
import socket

import client
from client import HOST, PORT, Client, document
from fixture import Test, admin, make_order, make_product, make_sellable, make_stock, staff, unique

CSV, NDJSON, JSON = "text/csv", "application/x-ndjson", "application/json"


def accepting(path, accept, api=None, **query):
    return (api or admin()).call("GET", path, headers={"Accept": accept}, query=query)


def table(answer):
    """The rows of a CSV reply as dicts."""
    return list(csv.DictReader(io.StringIO(answer.body.decode("utf-8"), newline="")))


class Form(Test):
    """Which form a list is answered in."""

    def test_by_parameter(self):
        for form, kind in (("csv", CSV), ("ndjson", NDJSON), ("json", JSON)):
            with self.subTest(format=form):
                answer = admin().get("products/", format=form)
                self.assertEqual((answer.status, answer.type), (200, kind), answer)
                # it wins over the header
                answer = accepting("products/", "text/csv" if form != "csv" else NDJSON, format=form)
                self.assertEqual(answer.type, kind)

    def test_by_header(self):
        for accept, kind in (
                (None, JSON), ("*/*", JSON), ("", JSON), ("application/json, text/plain, */*", JSON),
                ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
                ("text/csv", CSV), ("application/x-ndjson", NDJSON), ("TEXT/CSV", CSV),
                ("text/*", JSON), ("text/*, application/json;q=0.1", JSON), ("text/html", JSON),
                ("text/csv, application/json", JSON), ("application/json, text/csv", JSON),
                ("text/csv, application/json;q=0.9", CSV), ("text/csv;q=0.8, application/json;q=0.9", JSON),
                ("text/csv;q=0.5, */*;q=0.1", CSV), ("text/csv, */*", CSV), ("text/csv;q=0.5, */*", JSON),
                ("text/csv;q=0", JSON), ("text/csv;q=0, */*", JSON), ("text/csv;q=0.000", JSON),
                ("text/csv;q=0.001", CSV), ("text/csv;q=0.2, application/*;q=0.3", JSON),
                ("text/csv;q=0.2, application/json;q=0.1, */*", CSV),
                ("text/csv;q=0.5, application/x-ndjson;q=0.7", NDJSON),
                ("application/x-ndjson;q=0.5, text/csv;q=0.7", CSV),
                ("text/csv; charset=utf-8; header=present; q=0.3", CSV), ("text/csv ; q = 0.3", CSV),
                ("text/csv;q=x", JSON), ("text/csv;q=2", JSON), ("text/csv;q=", JSON), ("text/csv;q=-1", JSON),
                ("text/csv;q=0.1234", JSON), (";;,,;q=1,text/csv", CSV), ("text/csv;a=\"b;q=0,\"", CSV),
                (",", JSON), ("text/csv;", CSV), ("q=1", JSON), ("text/csvx, xtext/csv", JSON)):
            with self.subTest(accept=accept):
                answer = accepting("products/", accept, page_size=1) if kind == JSON else \
                    accepting("products/", accept)
                self.assertEqual((answer.status, answer.type), (200, kind), answer)

    def test_several_headers(self):
        data = "GET /api/v1/channels/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\n" \
            "Accept: application/json;q=0.5\r\nAccept: text/csv\r\n\r\n" % admin().token
        self.assertEqual(client.raw_request(data.encode()).type, CSV)

    def test_only_lists(self):
        product = make_product()["id"]
        self.problem(admin().get("products/%d/" % product, format="csv"), 422, "OM110", "/format")
        self.assertEqual(accepting("products/%d/" % product, CSV).type, JSON)
        self.problem(admin().get("products/", format="xml"), 422, "OM110", "/format")
        self.problem(admin().get("products/", format=""), 422, "OM110", "/format")

    def test_file(self):
        for path, name in (("orders/", "orders"), ("inventory/", "inventory"), ("tasks/", "tasks")):
            answer = admin().get(path, format="csv")
            self.assertEqual(answer.headers["content-disposition"], 'attachment; filename="%s.csv"' % name)
            self.assertEqual(answer.headers["content-type"], "text/csv; charset=utf-8; header=present")
            self.assertEqual(answer.headers["transfer-encoding"], "chunked")
            self.assertNotIn("content-length", answer.headers)
            self.assertIn("no-store", answer.headers["cache-control"])


class Rows(Test):
    def lists(self):
        """(path, operation) of every list that can be exported."""
        record = make_stock(make_product()["id"], 5)["id"]
        customer = self.ok(admin().post("customers/", {"name": "Ann"}), 201)["id"]
        self.ok(admin().post("orders/", {"customer_id": customer, "items": [{"product_id": make_sellable(), "quantity": 1}]}), 201)
        begun = admin().post("imports/?kind=stock&open=true", {"rows": [{"sku": "none", "receive": 1}, [1, "a,b"], 7]})
        ids = {"imports": begun.json["id"], "customers": customer}
        for (method, path), operation in document().operations.items():
            if method == "GET" and CSV in operation["responses"]["200"].get("content", {}):
                yield document().url(path, str(ids.get(path.split("/")[1], record))), operation

    def test_every_list_says_so(self):
        """A list that is paged can be had as a whole, and says how."""
        exported = 0
        for (method, path), operation in document().operations.items():
            names = [document().deref(p)["name"] for p in operation["parameters"]]
            with self.subTest(path=path, method=method):
                if method == "GET" and "page_size" in names:
                    self.assertIn("format", names)
                if "export" in operation["x-oms"]:
                    exported += 1
                    self.assertIn("format", names)
                    content = operation["responses"]["200"]["content"]
                    self.assertLessEqual({CSV, NDJSON, JSON}, set(content))
        self.assertGreaterEqual(exported, 13)

    def test_every_list(self):
        for path, operation in self.lists():
            with self.subTest(path=path):
                paged = "page_size" in [document().deref(p)["name"] for p in operation["parameters"]]
                query = {"at": "2100-01-01"} if "as-of" in path else {}
                page = self.ok(admin().get(path, **query, **({"page_size": 100} if paged else {})))
                lines = admin().get(path, format="ndjson", **query)
                self.assertEqual(lines.type, NDJSON)
                self.assertEqual(lines.lines[:len(page["results"])], page["results"])
                if page.get("count_exact", True):
                    self.assertEqual(len(lines.lines), page["count"])
                rows = admin().get(path, format="csv", **query)
                self.assertEqual(rows.type, CSV)
                read = table(rows)
                self.assertEqual(len(read), len(lines.lines))
                for row, line in zip(read[:100], lines.lines):
                    for name, text in row.items():
                        self.same(text, line[name])

    def same(self, text, value):
        """A text of CSV stands for a value of JSON."""
        if value is None or value == "":
            self.assertEqual(text, "")
        elif isinstance(value, bool):
            self.assertEqual(text, str(value).lower())
        elif isinstance(value, str):
            self.assertIn(text, (value, "'" + value))
        else:
            self.assertEqual(json.loads(text), value)

    def test_filters_and_ordering(self):
        stem = unique("F")
        ids = [make_product(str(price), name=stem + str(price))["id"] for price in (3, 1, 2)]
        answer = admin().get("products/", format="ndjson", search=stem, ordering="-price")
        self.assertEqual([line["id"] for line in answer.lines], [ids[0], ids[2], ids[1]])
        answer = admin().get("products/", format="csv", search=stem, min_price="2", ordering="price")
        self.assertEqual([int(row["id"]) for row in table(answer)], [ids[2], ids[0]])
        answer = admin().get("products/", format="csv", search=stem, min_price="99")
        self.assertEqual(answer.body.count(b"\r\n"), 1)
        self.assertEqual(admin().get("products/", format="ndjson", search=stem, min_price="99").body, b"")

    def test_more_than_a_chunk(self):
        """Rows beyond the first chunk, each once; orders with their lines."""
        stem = unique("B")
        client.rows("SELECT count(oms.product_create(%s || n, %s, n %% 3, repeat('x', 400))) "
                    "FROM generate_series(1, 1700) AS n", stem, stem)
        for query in ({}, {"ordering": "-price"}, {"ordering": "name"}):
            with self.subTest(query=query):
                lines = admin().get("products/", format="ndjson", name=stem, **query).lines
                self.assertEqual(len(lines), 1700)
                self.assertEqual(len({line["id"] for line in lines}), 1700)
                rows = table(admin().get("products/", format="csv", name=stem, **query))
                self.assertEqual([int(row["id"]) for row in rows], [line["id"] for line in lines])
        customer = unique("C")
        product = make_sellable(5000)
        client.rows("SELECT count(*) FROM oms.orders_create((SELECT jsonb_agg(jsonb_build_object('customer_name', %s, "
                    "'items', jsonb_build_array(jsonb_build_object('product_id', %s, 'quantity', 2)))) "
                    "FROM generate_series(1, 1000)))", customer, product)
        lines = staff().get("orders/", format="ndjson", customer_name=customer).lines
        self.assertEqual(len({line["id"] for line in lines}), 1000)
        self.assertEqual({line["items"][0]["product"]["id"] for line in lines}, {product})
        self.assertEqual([line["id"] for line in lines], sorted((line["id"] for line in lines), reverse=True))

    def test_values_survive(self):
        """What Python and PostgreSQL read from the CSV is what was written."""
        stem = unique("V")
        texts = ["plain", 'say "x"', "a,b", "one\ntwo\r\nthree", " blank ", "größer 😀", "back\\slash", "'", "-12.5",
                 "+49 (30) 12-3", "{}", "null", "\u2028"]
        for i, text in enumerate(texts):
            make_product(name="%s%d" % (stem, i), about=text)
        answer = admin().get("products/", format="csv", name=stem)
        self.assertEqual([row["about"] for row in table(answer)], texts)
        connection = client.connect(autocommit=False)
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMP TABLE back (id bigint, name text, about text, sku text, price numeric, "
                           "created_at timestamptz, updated_at timestamptz, version bigint, archived_at timestamptz)")
            cursor.copy_expert("COPY back FROM STDIN (FORMAT csv, HEADER)", io.BytesIO(answer.body))
            cursor.execute("SELECT b.about, (b.price, b.created_at, b.archived_at) IS NOT DISTINCT FROM "
                           "(p.price, p.created_at, p.archived_at) FROM back AS b JOIN oms.product AS p USING (id) ORDER BY id")
            self.assertEqual(cursor.fetchall(), [(text, True) for text in texts])
        connection.close()

    def test_formulas_are_texts(self):
        stem = unique("X")
        bad = ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd", "\t=1", "\r=1"]
        for i, text in enumerate(bad):
            make_product(name="%s%d" % (stem, i), about=text)
        rows = table(admin().get("products/", format="csv", name=stem))
        self.assertEqual([row["about"] for row in rows], ["'" + text for text in bad])
        lines = admin().get("products/", format="ndjson", name=stem).lines
        self.assertEqual([line["about"] for line in lines], bad)


class Wire(Test):
    def test_gzip(self):
        plain = admin().get("products/", format="csv")
        packed = admin().call("GET", "products/", query={"format": "csv"}, headers={"Accept-Encoding": "gzip"})
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        lines = Client(admin().token, checked=False).call(
            "GET", "products/", query={"format": "ndjson"}, headers={"Accept-Encoding": "gzip"})
        self.assertEqual(gzip.decompress(lines.body), admin().get("products/", format="ndjson").body)

    def test_head(self):
        api = Client(admin().token, checked=False)
        for _ in range(2):      # on one connection
            answer = api.call("HEAD", "products/", query={"format": "csv"})
            self.assertEqual((answer.status, answer.type, answer.body), (200, CSV, b""))
            self.assertIn("products.csv", answer.headers["content-disposition"])
        answer = api.call("HEAD", "products/", query={"format": "csv", "page": 1})
        self.assertEqual((answer.status, answer.body), (422, b""))

    def test_connection_is_kept(self):
        data = b"".join(("GET /api/v1/products/?format=%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n" % (
            form, admin().token, "Connection: close\r\n" if form == "json" else "")).encode()
            for form in ("csv", "ndjson", "json"))
        with socket.create_connection((HOST, PORT), timeout=20) as sock:
            sock.sendall(data)
            got = b"".join(iter(lambda: sock.recv(65536), b""))
        self.assertEqual(got.count(b"HTTP/1.1 200 OK"), 3)
        self.assertEqual(got.count(b"\r\n0\r\n\r\n"), 2)

    def test_http_1_0(self):
        """Where there are no chunks the end of the connection is the end."""
        with socket.create_connection((HOST, PORT), timeout=20) as sock:
            sock.sendall(("GET /api/v1/products/?format=csv HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n"
                          "Authorization: Bearer %s\r\n\r\n" % admin().token).encode())
            got = b"".join(iter(lambda: sock.recv(65536), b""))
        head, _, body = got.partition(b"\r\n\r\n")
        self.assertNotIn(b"chunked", head)
        self.assertIn(b"Connection: close", head)
        self.assertEqual(body, admin().get("products/", format="csv").body)


class Refused(Test):
    def test_pages(self):
        for form in ("csv", "ndjson"):
            for name, value in (("page", 1), ("page_size", 10), ("cursor", "1:1")):
                with self.subTest(format=form, name=name):
                    answer = staff().get("orders/", format=form, **{name: value})
                    problem = self.problem(answer, 422, "OM010", "/" + name)
                    self.assertIn("all rows", problem["errors"][0]["detail"])
        self.problem(accepting("orders/", CSV, page=2), 422, "OM010", "/page")

    def test_parameters(self):
        self.problem(staff().get("orders/", format="csv", colour="red"), 422, "OM110", "/colour")
        self.problem(staff().get("orders/", format="csv", status="NOWHERE"), 422, "OM010", "/status")
        self.problem(staff().get("orders/", format="csv", ordering="colour"), 422, "OM110", "/ordering")

    def test_roles(self):
        self.problem(Client().get("orders/", format="csv"), 401)
        self.problem(staff().get("tasks/", format="csv"), 403)
        self.problem(staff().get("inventory/%d/moves/" % 2 ** 62, format="csv"), 404, "OM005")
        self.problem(staff().call("POST", "orders/", {}, query={"format": "csv"}), 422)
