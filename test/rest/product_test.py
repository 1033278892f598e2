"""Products: life, fields, refused values."""
from decimal import Decimal

from client import instant
from fixture import (Test, admin, make_order, make_product, make_sellable, make_stock,
                     nobody, staff, unique)


class Life(Test):
    def test_create(self):
        sku = unique("C")
        made = self.ok(admin().post("products/", {"name": "Käse \U0001f9c0", "about": "rund",
                                                  "sku": sku, "price": "12.50"}), 201)
        self.assertLessEqual({"id", "name", "about", "sku", "price", "created_at"}, set(made))
        self.assertEqual((made["name"], made["about"], made["sku"], made["price"]),
                         ("Käse \U0001f9c0", "rund", sku, "12.50"))
        instant(made["created_at"])
        self.assertEqual(self.ok(staff().get("products/%d/" % made["id"])), made)

    def test_location_header(self):
        sku = unique("L")
        answer = admin().post("products/", {"name": sku, "sku": sku, "price": "1"})
        self.ok(answer, 201)
        where = answer.headers.get("location")
        if where is None:
            self.skipTest("no Location header")
        self.assertTrue(where.rstrip("/").endswith("/products/%d" % answer.json["id"]), where)

    def test_replace(self):
        made = make_product()
        body = {"name": "new", "about": "new about", "sku": unique("R"), "price": "3.00"}
        now = self.ok(admin().put("products/%d/" % made["id"], body))
        self.assertEqual({k: now[k] for k in body}, body)
        self.assertEqual(now["id"], made["id"])

    def test_put_back_what_was_read(self):
        made = make_product("7.77")
        read = self.ok(staff().get("products/%d/" % made["id"]))
        now = self.ok(admin().put("products/%d/" % made["id"], read))
        for field in ("id", "name", "about", "sku", "price", "created_at"):
            self.assertEqual(now[field], read[field])

    def test_update_touches_what_is_named(self):
        made = make_product()
        now = self.ok(admin().patch("products/%d/" % made["id"], {"price": "99.99"}))
        self.assertEqual(now["price"], "99.99")
        self.assertEqual((now["name"], now["sku"], now["about"]),
                         (made["name"], made["sku"], made["about"]))

    def test_empty_update(self):
        made = make_product()
        now = self.ok(admin().patch("products/%d/" % made["id"], {}))
        self.assertEqual(now["name"], made["name"])

    def test_read_only_fields_are_ignored(self):
        made = make_product()
        now = self.ok(admin().patch("products/%d/" % made["id"],
                                    {"id": 1, "created_at": "2001-01-01T00:00:00Z", "name": "x"}))
        self.assertEqual((now["id"], now["created_at"], now["name"]),
                         (made["id"], made["created_at"], "x"))

    def test_delete_unsold(self):
        made = make_product()
        answer = admin().delete("products/%d/" % made["id"])
        self.ok(answer, 204)
        self.assertEqual(answer.body, b"")
        self.problem(staff().get("products/%d/" % made["id"]), 404, "OM004")
        answer = admin().delete("products/%d/" % made["id"])
        if answer.status != 204:        # harmless when repeated, or gone
            self.problem(answer, 404, "OM004")

    def test_staff_lists_what_it_sells(self):
        made = make_product()
        page = self.ok(staff().get("products/", search=made["sku"]))
        self.assertEqual([p["id"] for p in page["results"]], [made["id"]])


class Sold(Test):
    """A product that was sold is archived; its lines stay."""

    def test_delete_keeps_lines(self):
        product = make_sellable(10, "4.20")
        order = make_order((product, 3), status="CONFIRMED")
        sku = self.ok(staff().get("products/%d/" % product))["sku"]
        self.ok(admin().delete("products/%d/" % product), 204)
        read = self.ok(staff().get("orders/%d/" % order["id"]))
        self.assertEqual([(i["sku"], i["quantity"], i["price"]) for i in read["items"]],
                         [(sku, 3, "4.20")])
        self.assertEqual(read["total_amount"], "12.60")
        self.ok(staff().patch("orders/%d/status/" % order["id"], {"status": "SHIPPED"}))
        self.ok(staff().patch("orders/%d/status/" % order["id"], {"status": "DELIVERED"}))

    def test_archived_is_hidden_but_readable(self):
        product = make_sellable(10)
        make_order((product, 1))
        sku = self.ok(staff().get("products/%d/" % product))["sku"]
        self.ok(admin().delete("products/%d/" % product), 204)
        read = self.ok(staff().get("products/%d/" % product, archived="true"))
        self.assertIsNotNone(read["archived_at"])
        self.assertEqual(self.ok(staff().get("products/", sku=sku))["count"], 0)
        self.assertEqual(self.ok(staff().get("products/", sku=sku, archived="true"))["count"], 1)

    def test_archived_cannot_be_ordered(self):
        product = make_sellable(10)
        make_order((product, 1))
        self.ok(admin().delete("products/%d/" % product), 204)
        answer = staff().post("orders/", {"items": [{"product_id": product, "quantity": 1}]})
        self.problem(answer, 422)

    def test_stocked_is_archived(self):
        product = make_sellable(10)
        self.ok(admin().delete("products/%d/" % product), 204)
        self.assertIsNotNone(self.ok(staff().get("products/%d/" % product, archived="true"))["archived_at"])

    def test_line_keeps_name_sku_and_price_as_sold(self):
        product = make_sellable(10, "5.00")
        order = make_order((product, 2))
        before = order["items"][0]
        self.ok(admin().patch("products/%d/" % product,
                              {"price": "6.00", "name": "renamed", "sku": unique("new")}))
        after = self.ok(staff().get("orders/%d/" % order["id"]))
        line = after["items"][0]
        self.assertEqual((line["sku"], line["name"], line["price"], line["line_total"]),
                         (before["sku"], before["name"], "5.00", "10.00"))
        self.assertEqual(after["total_amount"], "10.00")


class Refused(Test):
    def create(self, **change):
        sku = unique("X")
        body = {"name": sku, "about": "", "sku": sku, "price": "1.00"}
        body.update(change)
        return admin().post("products/", {k: v for k, v in body.items() if v is not ...})

    def test_sku_taken(self):
        made = make_product()
        self.problem(self.create(sku=made["sku"]), 409, "OM011")
        other = make_product()
        self.problem(admin().patch("products/%d/" % other["id"], {"sku": made["sku"]}),
                     409, "OM011")

    def test_price(self):
        for price in ("-1", -1, "-0.01", "1.234", 1.234, "abc", "", " 1", "1e3", "NaN", "Infinity",
                      True, None, [], {}, "1" * 400, 10 ** 30, "0x10", "1,50"):
            with self.subTest(price=price):
                self.problem(self.create(price=price), 422, pointer="/price")

    def test_price_beyond_json(self):
        for number in (b"1e400", b"-1e400", b"NaN", b"Infinity", b"1E999999999"):
            with self.subTest(number=number):
                sku = unique("X").encode()
                answer = admin().post("products/", raw=b'{"name":"x","sku":"' + sku +
                                      b'","price":' + number + b'}')
                self.problem(answer, (400, 422))

    def test_price_accepted(self):
        for given, wanted in (("0", "0.00"), (0, "0.00"), (12.5, "12.50"), ("12.5", "12.50"),
                              (3, "3.00"), ("19.99", "19.99"), (0.1, "0.10"), (1.10, "1.10"),
                              (8.95, "8.95"), (4.35, "4.35"), ("1000000.01", "1000000.01")):
            with self.subTest(given=given):
                made = self.ok(self.create(price=given), 201)
                self.assertEqual(made["price"], wanted)
                self.assertEqual(Decimal(made["price"]), Decimal(str(given)))

    def test_name(self):
        for name in ("", None, 5, [], "x" * 5000):
            with self.subTest(name=str(name)[:20]):
                self.problem(self.create(name=name), 422, pointer="/name")

    def test_sku(self):
        for sku in ("", None, 5, {}, "x" * 5000):
            with self.subTest(sku=str(sku)[:20]):
                self.problem(self.create(sku=sku), 422, pointer="/sku")

    def test_missing(self):
        for field in ("name", "price"):
            with self.subTest(field=field):
                self.problem(self.create(**{field: ...}), 422, pointer="/" + field)

    def test_unknown_field(self):
        self.problem(self.create(colour="red"), 422, pointer="/colour")
        self.problem(self.create(**{"a/b~c": 1}), 422, pointer="/a~1b~0c")

    def test_all_errors_at_once(self):
        answer = admin().post("products/", {"name": 5, "sku": 6, "price": "x", "colour": 1})
        problem = self.problem(answer, 422)
        self.assertGreaterEqual(len(problem["errors"]), 2, problem)

    def test_unknown_product(self):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            body = {"name": "x", "about": "", "sku": unique("X"), "price": "1"} \
                if method in ("PUT", "PATCH") else None
            with self.subTest(method=method):
                answer = admin().call(method, "products/999999999999/", body)
                self.problem(answer, 404, "OM004")

    def test_nobody(self):
        self.problem(nobody().get("products/"), 401)


class Stocked(Test):
    def test_product_delete_keeps_the_ledger(self):
        import client
        product = make_product()["id"]
        make_stock(product, 5)
        moves = client.value("SELECT count(*) FROM oms.stock_move WHERE product_id = %s", product)
        self.assertGreaterEqual(moves, 1)
        self.ok(admin().delete("products/%d/" % product), 204)
        self.assertEqual(moves, client.value(
            "SELECT count(*) FROM oms.stock_move WHERE product_id = %s", product))
