"""Channels: life, policy, refused values."""
from fixture import Test, admin, make_order, make_sellable, staff, unique


def make_code():
    return unique("ch").lower().replace("_", "-")[:30]


class Life(Test):
    def create(self, **change):
        body = {"code": make_code(), "name": "Shop", "take_stock": "confirm",
                "number_prefix": unique("P").upper()[:15] + "-"}
        body.update(change)
        return admin().post("channels/", {k: v for k, v in body.items() if v is not ...})

    def test_create_and_read(self):
        made = self.ok(self.create(take_stock="create", tax_rate="7.70", tax_included=True,
                                   rounding="half_even", currency="EUR"), 201)
        self.assertEqual((made["take_stock"], made["tax_rate"], made["tax_included"],
                          made["tax_rounding"], made["rounding"], made["currency"],
                          made["gapless"], made["active"], made["version"]),
                         ("create", "7.7", True, "line", "half_even", "EUR", False, True, 1))
        self.assertEqual(self.ok(staff().get("channels/%s/" % made["code"])), made)
        page = self.ok(staff().get("channels/"))
        self.assertIn(made, page["results"])
        self.assertEqual(page["count"], len(page["results"]))

    def test_update(self):
        made = self.ok(self.create(), 201)
        path = "channels/%s/" % made["code"]
        now = self.ok(admin().patch(path, {"name": "Other", "active": False, "gapless": True}))
        self.assertEqual((now["name"], now["active"], now["gapless"], now["version"]),
                         ("Other", False, True, 2))
        self.assertEqual(self.ok(admin().patch(path, now)), now)
        self.assertEqual(self.ok(staff().get(path)), now)

    def test_default_has_orders(self):
        make_order((make_sellable(1), 1))
        now = self.ok(staff().get("channels/default/"))
        for change in ({"currency": "JPY"}, {"number_prefix": "QQ-"}):
            with self.subTest(change=change):
                self.problem(admin().patch("channels/default/", change), 422, "OM010",
                             pointer="/" + list(change)[0])
        self.assertEqual(self.ok(staff().get("channels/default/")), now)

    def test_refused(self):
        self.problem(self.create(take_stock=...), 422, "OM056", pointer="/take_stock")
        for change, pointer in (({"take_stock": "never"}, "/take_stock"),
                                ({"currency": "XXX"}, "/currency"), ({"code": "A b"}, "/code"),
                                ({"code": "-a"}, "/code"), ({"name": ""}, "/name"),
                                ({"name": ...}, "/name"), ({"tax_rate": "7.12345"}, "/tax_rate"),
                                ({"tax_rate": 1000}, "/tax_rate"), ({"rounding": "up"}, "/rounding"),
                                ({"tax_rounding": "none"}, "/tax_rounding"),
                                ({"number_prefix": "A1"}, "/number_prefix"),
                                ({"gapless": "yes"}, "/gapless"), ({"colour": "red"}, "/colour")):
            with self.subTest(change=change):
                self.problem(self.create(**change), 422, "OM010", pointer=pointer)

    def test_taken(self):
        made = self.ok(self.create(), 201)
        self.problem(self.create(code=made["code"]), 409, "OM052", pointer="/code")
        self.problem(self.create(number_prefix=made["number_prefix"]), 409, "OM052",
                     pointer="/number_prefix")
        other = self.ok(self.create(), 201)
        self.problem(admin().patch("channels/%s/" % other["code"],
                                   {"number_prefix": made["number_prefix"]}), 409, "OM052",
                     pointer="/number_prefix")

    def test_unknown(self):
        self.problem(staff().get("channels/no-such/"), 404, "OM033")
        self.problem(admin().patch("channels/no-such/", {"name": "x"}), 404, "OM033")
        self.problem(staff().get("channels/No%20Such/"), 404, pointer="/code")
        self.problem(staff().get("channels/%s/" % ("x" * 33)), 404, pointer="/code")

    def test_staff_only_reads(self):
        self.problem(staff().post("channels/", {"code": "x", "name": "x", "take_stock": "confirm"}),
                     403)
        self.problem(staff().patch("channels/default/", {"name": "x"}), 403)
