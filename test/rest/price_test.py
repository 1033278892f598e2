"""Currencies, and prices of products in others than the shop's own."""
from fixture import Test, admin, make_product, staff


class Prices(Test):
    def test_replace(self):
        made = make_product()
        path = "products/%d/prices/" % made["id"]
        self.assertEqual(self.ok(staff().get(path)), {})
        now = self.ok(admin().put(path, {"JPY": "1200", "EUR": 7.5, "KWD": "1.250"}))
        self.assertEqual(now, {"EUR": "7.50", "JPY": "1200", "KWD": "1.250"})
        self.assertEqual(self.ok(staff().get(path)), now)
        version = self.ok(staff().get("products/%d/" % made["id"]))["version"]
        self.assertEqual(version, made["version"] + 1)
        self.ok(admin().put(path, now))     # nothing differs
        self.assertEqual(self.ok(staff().get("products/%d/" % made["id"]))["version"], version)
        self.assertEqual(self.ok(admin().put(path, {"JPY": "1201", "EUR": None})), {"JPY": "1201"})
        self.assertEqual(self.ok(admin().put(path, {})), {})

    def test_refused(self):
        path = "products/%d/prices/" % make_product()["id"]
        self.ok(admin().put(path, {"JPY": "5"}))
        for body, pointer in (({"JPY": "1.5"}, "/JPY"), ({"EUR": "1.234"}, "/EUR"),
                              ({"EUR": "-1"}, "/EUR"), ({"EUR": []}, "/EUR"), ({"EUR": ""}, "/EUR"),
                              ({"EUR": "1e3"}, "/EUR"), ({"EUR": 10 ** 30}, "/EUR"),
                              ({"USD": "1"}, "/USD"), ({"XXX": "1"}, "/XXX"), ({"eur": "1"}, "/eur"), ({"a/b": "1"}, "/a~1b")):
            with self.subTest(body=body):
                self.problem(admin().put(path, body), 422, "OM010", pointer=pointer)
        self.assertEqual(self.ok(staff().get(path)), {"JPY": "5"})

    def test_unknown(self):
        self.problem(staff().get("products/999999999/prices/"), 404, "OM004")
        self.problem(admin().put("products/999999999/prices/", {}), 404, "OM004")
        self.problem(staff().put("products/1/prices/", {}), 403)

    def test_currencies(self):
        page = self.ok(staff().get("currencies/"))
        decimals = {c["code"]: c["decimals"] for c in page["results"]}
        self.assertEqual((decimals["JPY"], decimals["USD"], decimals["KWD"]), (0, 2, 3))
        self.assertEqual(page["count"], len(decimals))
