"""Locations of stock."""
from fixture import Test, admin, staff, unique


class Life(Test):
    def create(self, **change):
        body = {"code": unique("L")[:32], "name": "East"}
        body.update(change)
        return admin().post("locations/", {k: v for k, v in body.items() if v is not ...})

    def test_create_and_change(self):
        made = self.ok(self.create(priority=500), 201)
        path = "locations/%d/" % made["id"]
        self.assertEqual((made["name"], made["priority"], made["active"]), ("East", 500, True))
        self.assertEqual(self.ok(staff().get(path)), made)
        now = self.ok(admin().patch(path, {"name": "West", "priority": 501, "active": False}))
        self.assertEqual(now, {**made, "name": "West", "priority": 501, "active": False})
        self.assertEqual(self.ok(admin().patch(path, now)), now)
        page = self.ok(staff().get("locations/", code=made["code"], active="false"))
        self.assertEqual(page["results"], [now])
        self.assertEqual(self.ok(staff().get("locations/", code=made["code"], active="true"))["count"], 0)

    def test_main(self):
        self.assertEqual(self.ok(staff().get("locations/1/"))["code"], "MAIN")

    def test_refused(self):
        made = self.ok(self.create(active=False), 201)
        self.problem(self.create(code=made["code"]), 409, "OM052", pointer="/code")
        for change, pointer in (({"code": ""}, "/code"), ({"code": "x" * 33}, "/code"),
                                ({"name": ...}, "/name"), ({"priority": 2 ** 31}, "/priority"),
                                ({"priority": "1"}, "/priority"), ({"active": 1}, "/active")):
            with self.subTest(change=change):
                self.problem(self.create(**change), 422, "OM010", pointer=pointer)
        self.problem(staff().get("locations/999999999999/"), 404, "OM032")
        self.problem(admin().patch("locations/2000000000/", {"name": "x"}), 404, "OM032")
        self.problem(staff().patch("locations/1/", {"name": "x"}), 403)
        self.problem(staff().post("locations/", {"code": "x", "name": "x"}), 403)
