"""Lists: paging, cursors, ordering, search, filters."""
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import client
from client import URL, instant
from fixture import (Test, admin, make_order, make_product, make_sellable, make_stock, set_status,
                     staff, unique)


def follow(url, step="next"):
    """All pages from url on, by the links that the server gives."""
    pages = []
    while url is not None:
        assert len(pages) < 200, "the links never end"
        parts = urlsplit(url)
        answer = staff().call("GET", parts.path + "?" + parts.query)
        assert answer.status == 200, answer
        pages.append(answer.json)
        url = answer.json[step]
    return pages


class Products(Test):
    @classmethod
    def setUpClass(cls):
        cls.stem = unique("page")
        cls.made = [make_product("%d.50" % (i % 5), name="%s %02d" % (cls.stem, 24 - i))
                    for i in range(25)]

    def page(self, **query):
        query.setdefault("search", self.stem)
        return self.ok(staff().get("products/", **query))

    def test_shape(self):
        page = self.page()
        self.assertEqual(set(page), {"count", "next", "previous", "results"})
        self.assertEqual((page["count"], len(page["results"]), page["previous"]), (25, 10, None))
        self.assertTrue(page["next"].startswith(URL + "/api/v1/products/?"), page["next"])

    def test_next_keeps_the_query_and_the_base(self):
        for base in ("/api/products/", "/api/v1/products/"):
            page = self.ok(staff().get(base, search=self.stem, page_size=7, ordering="-price"))
            self.assertEqual(urlsplit(page["next"]).path, base)
            query = parse_qs(urlsplit(page["next"]).query)
            self.assertEqual((query["search"], query["page_size"], query["ordering"]),
                             ([self.stem], ["7"], ["-price"]))

    def test_links_reach_everything_once(self):
        for size in (1, 7, 10, 25, 100):
            with self.subTest(size=size):
                pages = follow(URL + "/api/v1/products/?search=%s&page_size=%d" % (self.stem, size))
                ids = [p["id"] for page in pages for p in page["results"]]
                self.assertEqual(sorted(ids), sorted(p["id"] for p in self.made))

    def test_pages_by_number(self):
        ids = []
        for number in (1, 2, 3):
            page = self.page(page=number, ordering="id")
            ids += [p["id"] for p in page["results"]]
            self.assertEqual(page["previous"] is None, number == 1)
            self.assertEqual(page["next"] is None, number == 3)
        self.assertEqual(ids, [p["id"] for p in self.made])

    def test_previous_leads_back(self):
        second = self.page(page=2, ordering="id")
        back = follow(second["previous"], "previous")
        self.assertEqual([p["id"] for p in back[0]["results"]], [p["id"] for p in self.made[:10]])

    def test_page_beyond_the_end(self):
        answer = staff().get("products/", search=self.stem, page=4)
        self.problem(answer, 404, "OM009")
        page = self.page(search=self.stem + "no such")
        self.assertEqual((page["count"], page["results"], page["next"]), (0, [], None))

    def test_ordering(self):
        for key, read in (("name", lambda p: p["name"]), ("price", lambda p: Decimal(p["price"])),
                          ("sku", lambda p: p["sku"]), ("id", lambda p: p["id"]),
                          ("created_at", lambda p: instant(p["created_at"]))):
            for sign in ("", "-"):
                with self.subTest(ordering=sign + key):
                    pages = follow(URL + "/api/v1/products/?search=%s&page_size=6&ordering=%s"
                                   % (self.stem, sign + key))
                    rows = [p for page in pages for p in page["results"]]
                    self.assertEqual(len({p["id"] for p in rows}), 25)
                    values = [read(p) for p in rows]
                    self.assertEqual(values, sorted(values, reverse=sign == "-"))

    def test_filters(self):
        page = self.page(min_price="3.00", page_size=100)
        self.assertEqual({p["price"] for p in page["results"]}, {"3.50", "4.50"})
        page = self.page(max_price="1.5", page_size=100)
        self.assertEqual({p["price"] for p in page["results"]}, {"0.50", "1.50"})
        page = self.page(min_price="2.5", max_price="2.5", page_size=100)
        self.assertEqual([p["price"] for p in page["results"]], ["2.50"] * 5)
        one = self.made[3]
        page = self.ok(staff().get("products/", sku=one["sku"]))
        self.assertEqual([p["id"] for p in page["results"]], [one["id"]])
        page = self.ok(staff().get("products/", name=one["name"]))
        self.assertIn(one["id"], [p["id"] for p in page["results"]])
        page = self.page(price="2.5", page_size=100)
        self.assertEqual([p["price"] for p in page["results"]], ["2.50"] * 5)

    def test_low_stock(self):
        stem = unique("low")
        low, high, none = (make_product(name=stem)["id"] for _ in range(3))
        make_stock(low, 1)
        make_stock(high, 100)
        for text, ids in (("true", [low]), ("False", [high, none]), ("1", [low]), ("0", [high, none])):
            with self.subTest(low_stock=text):
                page = self.ok(staff().get("products/", search=stem, low_stock=text))
                self.assertEqual([p["id"] for p in page["results"]], ids)

    def test_booleans(self):
        for text in ("true", "TRUE", "True", "tRuE", "1"):
            with self.subTest(archived=text):
                self.assertEqual(self.page(archived=text)["count"], 0)
        for text in ("false", "FALSE", "False", "0"):
            with self.subTest(archived=text):
                self.assertEqual(self.page(archived=text)["count"], 25)
        for text in ("yes", "t", "01", "10", "-1", "true ", "truefalse", "\u0131"):
            with self.subTest(archived=text):
                self.problem(staff().get("products/", archived=text), 422, "OM110", "/archived")

    def test_search_is_literal(self):
        for text in ("%", "_", "%" + self.stem[:4], "\\", "'", '"', self.stem + "_", self.stem + "%"):
            with self.subTest(text=text):
                page = self.ok(staff().get("products/", search=text))
                for product in page["results"]:
                    self.assertIn(text.lower(), (product["name"] + product["sku"] +
                                                 product["about"]).lower())

    def test_bad_parameters(self):
        for name, texts in {
                "page": ("0", "-1", "x", "1.5", "", "99999999999999999999", "1e3", " 1"),
                "page_size": ("0", "101", "-1", "x", "", "99999999999999999999"),
                "ordering": ("colour", "", "-", "--id", "id;DROP TABLE", "password"),
                "min_price": ("x", "", "1e400", "NaN"), "max_price": ("x",),
                "archived": ("maybe", "2"), "cursor": ("x", "!!", "AAAA", "A" * 3000),
                "colour": ("red",), "": ("x",)}.items():
            for text in texts:
                with self.subTest(parameter=name, text=text[:25]):
                    self.problem(staff().get("products/", **{name: text}), 422)

    def test_parameter_given_twice(self):
        answer = staff().call("GET", "/api/v1/products/?page=1&page=2")
        self.problem(answer, 422, "OM110", "/page")

    def test_pointers(self):
        """The same pointer, whether the server or the database refuses."""
        self.problem(staff().get("products/", page="x"), 422, "OM110", "/page")
        self.problem(staff().get("products/", cursor="x"), 422, "OM010", "/cursor")
        self.problem(staff().get("products/", **{"a/b~c": "x"}), 422, "OM110", "/a~1b~0c")

    def test_patterns_are_not_shown(self):
        """What is wrong is said in words, for every parameter with a pattern."""
        tried = 0
        for (method, path), operation in client.document().operations.items():
            for parameter in map(client.document().deref, operation["parameters"]):
                schema = parameter["schema"]
                pattern = schema.get("pattern") or schema.get("items", {}).get("pattern")
                if not pattern or parameter["in"] != "query":
                    continue
                tried += 1
                answer = admin().get(client.document().url(path, "1"), **{parameter["name"]: "!"})
                problem = self.problem(answer, 422, "OM110", "/" + parameter["name"])
                self.assertNotIn(pattern[:6], answer.body.decode())
                self.assertTrue(problem["errors"][0]["detail"].startswith("must be "), answer)
        self.assertGreater(tried, 4)
        problem = self.problem(staff().get("products/", min_price="x"), 422)
        self.assertIn("12.50", problem["errors"][0]["detail"])

    def test_broken_escapes(self):
        for query in ("search=%", "search=%zz", "search=%ff", "search=%00", "search=a%c3", "%ff=1"):
            with self.subTest(query=query):
                self.problem(staff().call("GET", "/api/v1/products/?" + query), (400, 422))

    def test_cursor_is_not_shifted_by_new_rows(self):
        stem = unique("shift")
        made = [make_product(name=stem)["id"] for _ in range(6)]
        page = self.ok(staff().get("products/", search=stem, page_size=3, ordering="-id"))
        self.assertEqual([p["id"] for p in page["results"]], made[:2:-1])
        if "cursor" not in parse_qs(urlsplit(page["next"]).query):
            self.skipTest("next goes by page number here")
        make_product(name=stem)
        rest = follow(page["next"])
        self.assertEqual([p["id"] for p in rest[0]["results"]], made[2::-1])


class Orders(Test):
    @classmethod
    def setUpClass(cls):
        cls.customer = unique("customer")
        product = make_sellable(1000, "2.00")
        cls.made = [make_order((product, i + 1), customer=cls.customer) for i in range(13)]
        for order, status in zip(cls.made, ("CONFIRMED", "CONFIRMED", "CANCELLED")):
            assert set_status(order["id"], status).status == 200

    def page(self, **query):
        return self.ok(staff().get("orders/", customer=self.customer, **query))

    def test_newest_first(self):
        page = self.page()
        self.assertEqual((page["count"], len(page["results"])), (13, 10))
        self.assertEqual([o["id"] for o in page["results"]],
                         [o["id"] for o in self.made][:2:-1])

    def test_results_are_orders(self):
        read = self.ok(staff().get("orders/%d/" % self.made[5]["id"]))
        found = [o for o in self.page(page_size=100)["results"] if o["id"] == read["id"]]
        self.assertEqual(found, [read])

    def test_status(self):
        for text, count in (("PENDING", 10), ("CONFIRMED", 2), ("CANCELLED", 1),
                            ("CONFIRMED,CANCELLED", 3), ("SHIPPED", 0)):
            with self.subTest(status=text):
                page = self.page(status=text, page_size=100)
                self.assertEqual((page["count"], len(page["results"])), (count, count))
                self.assertLessEqual({o["status"] for o in page["results"]}, set(text.split(",")))

    def test_status_in_any_case(self):
        for text, count in (("pending", 10), ("Confirmed,cancelled", 3)):
            with self.subTest(status=text):
                self.assertEqual(self.page(status=text)["count"], count)

    def test_unknown_status(self):
        for text in ("X", "PENDING,x", "PENDING_"):
            with self.subTest(status=text):
                self.problem(staff().get("orders/", status=text), 422, "OM010", "/status")

    def test_number(self):
        order = self.made[4]
        for name in ("order_number", "number"):
            page = self.ok(staff().get("orders/", **{name: order["order_number"]}))
            self.assertEqual([o["id"] for o in page["results"]], [order["id"]])

    def test_customer_name(self):
        page = self.ok(staff().get("orders/", customer_name=self.customer))
        self.assertEqual((page["count"], page["results"]), (13, self.page()["results"]))

    def test_dates(self):
        """A date alone is its midnight in UTC."""
        day = self.made[0]["created_at"][:10]
        self.assertEqual(self.page(created_after=day), self.page(created_after=day + "T00:00:00Z"))
        self.assertEqual(self.page(created_before=day)["count"], 0)
        self.assertEqual(self.page(created_before="9999-12-31", created_after="2024-02-29")["count"], 13)
        report = self.ok(admin().get("orders/reports/", created_before="2000-01-01"))
        self.assertEqual(instant(report["to"]), instant("2000-01-01T00:00:00Z"))
        for text in ("2023-02-29", "2100-02-29", "2024-04-31", "2024-00-10", "2024-1-1", "20240101",
                     "0000-01-01", "2024-02-30T00:00:00Z", "2024-02-20T00:00:00+16:00"):
            with self.subTest(created_after=text):
                self.problem(staff().get("orders/", created_after=text), 422, "OM110", "/created_after")

    def test_plus_in_a_time(self):
        """In a query + means a blank, which is the usual mistake."""
        answer = staff().call("GET", "/api/v1/orders/?created_after=2024-05-31T13:00:00+02:00")
        problem = self.problem(answer, 422, "OM110", "/created_after")
        self.assertIn("%2B", problem["errors"][0]["detail"])
        answer = staff().call("GET", "/api/v1/orders/?created_after=2024-05-31T13:00:00%2B02:00")
        self.ok(answer)

    def test_created_range(self):
        middle = self.made[6]["created_at"]
        after = {o["id"] for o in self.page(created_after=middle, page_size=100)["results"]}
        before = {o["id"] for o in self.page(created_before=middle, page_size=100)["results"]}
        ids = [o["id"] for o in self.made]
        self.assertLessEqual(set(ids[7:]), after)
        self.assertLessEqual(set(ids[:6]), before)
        self.assertFalse(set(ids[:6]) & after)
        self.assertFalse(set(ids[7:]) & before)
        other = middle.replace("Z", "%2B00:00").replace("+00:00", "%2B00:00")
        answer = staff().call("GET", "/api/v1/orders/?customer=%s&page_size=100&created_after=%s"
                              % (self.customer, other))
        self.assertEqual({o["id"] for o in self.ok(answer)["results"]}, after)

    def test_total_range(self):
        page = self.page(min_total="10.00", max_total="12.00", page_size=100)
        self.assertEqual(sorted(o["total_amount"] for o in page["results"]), ["10.00", "12.00"])

    def test_ordering(self):
        for key, read in (("id", lambda o: o["id"]), ("created_at", lambda o: instant(o["created_at"])),
                          ("total_amount", lambda o: Decimal(o["total_amount"]))):
            for sign in ("", "-"):
                with self.subTest(ordering=sign + key):
                    pages = follow(URL + "/api/v1/orders/?customer=%s&page_size=4&ordering=%s"
                                   % (self.customer, sign + key))
                    rows = [o for page in pages for o in page["results"]]
                    self.assertEqual(len({o["id"] for o in rows}), 13)
                    values = [read(o) for o in rows]
                    self.assertEqual(values, sorted(values, reverse=sign == "-"))

    def test_bad_parameters(self):
        for name, texts in {"status": ("X", "+", ",", "", "PENDING,", ",PENDING", "PENDING,x", "A" * 33),
                            "created_after": ("yesterday", "2020-13-01T00:00:00Z", "", "infinity"),
                            "created_before": ("1",), "min_total": ("x", "1e400"),
                            "ordering": ("customer", "status;"), "colour": ("red",)}.items():
            for text in texts:
                with self.subTest(parameter=name, text=text):
                    self.problem(staff().get("orders/", **{name: text}), 422)


class Inventory(Test):
    def test_ordering_and_low(self):
        stem = unique("inv")
        made = [make_stock(make_product(name="%s %d" % (stem, i))["id"], 40 - 5 * i)
                for i in range(8)]
        pages = follow(URL + "/api/v1/inventory/?search=%s&page_size=3&ordering=quantity" % stem)
        rows = [r for page in pages for r in page["results"]]
        self.assertEqual([r["quantity"] for r in rows], [5, 10, 15, 20, 25, 30, 35, 40])
        pages = follow(URL + "/api/v1/inventory/?search=%s&page_size=3&ordering=-id" % stem)
        self.assertEqual([r["id"] for page in pages for r in page["results"]],
                         [r["id"] for r in made[::-1]])
        low = self.ok(staff().get("inventory/", search=stem, low_stock="true"))
        for row in low["results"]:
            self.assertLessEqual(row["quantity"], row["low_stock_threshold"])
        self.assertIn(made[7]["id"], [r["id"] for r in low["results"]])


class Tasks(Test):
    def test_list_and_get(self):
        make_order((make_sellable(), 1))
        page = self.ok(admin().get("tasks/", handler="order_created"))
        self.assertGreaterEqual(page["count"], 1)
        task = page["results"][0]
        self.assertEqual(task["handler"], "order_created")
        self.assertEqual(self.ok(admin().get("tasks/%d/" % task["id"]))["id"], task["id"])
        page = self.ok(admin().get("tasks/", state=task["state"]))
        self.assertEqual({t["state"] for t in page["results"]} - {task["state"]}, set())

    def test_refused(self):
        self.problem(admin().get("tasks/%d/" % 2 ** 62), 404, "OM006")
        self.problem(admin().post("tasks/%d/retry/" % 2 ** 62), 404, "OM006")
        self.problem(admin().post("tasks/%d/cancel/" % 2 ** 62), 404, "OM006")
        self.problem(admin().get("tasks/", state="no such"), 422)
