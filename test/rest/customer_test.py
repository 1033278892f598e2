"""Customers: life, history, lists, refused values."""
from fixture import Test, make_sellable, staff, unique


def make(**change):
    body = {"name": unique("Customer")}
    body.update(change)
    return staff().post("customers/", {k: v for k, v in body.items() if v is not ...})


class Life(Test):
    def test_create_and_read(self):
        code = unique("C")
        answer = make(code=code, email="a@example.org", phone="+1 555", address="Street 1",
                      attributes={"tier": "gold", "n": [1, 2]})
        made = self.ok(answer, 201)
        self.assertTrue(answer.headers.get("location").rstrip("/").endswith("/customers/%d" % made["id"]))
        self.assertEqual((made["code"], made["email"], made["attributes"], made["version"]),
                         (code, "a@example.org", {"tier": "gold", "n": [1, 2]}, 1))
        self.assertEqual(self.ok(staff().get("customers/%d/" % made["id"])), made)

    def test_change_and_history(self):
        made = self.ok(make(email="old@example.org", phone="1"), 201)
        path = "customers/%d/" % made["id"]
        now = self.ok(staff().patch(path, {"email": "new@example.org", "phone": None}))
        self.assertEqual((now["email"], now["phone"], now["name"], now["version"]),
                         ("new@example.org", None, made["name"], 2))
        self.assertEqual(self.ok(staff().patch(path, now)), now)    # nothing differs
        now = self.ok(staff().put(path, {"name": "Other"}))
        self.assertEqual((now["name"], now["email"], now["version"]), ("Other", None, 3))
        self.ok(staff().delete(path), 204)
        history = self.ok(staff().get(path + "history/"))
        self.assertEqual([h["seq"] for h in history], [1, 2, 3, 4])
        self.assertEqual(history[0]["changes"]["name"], {"from": None, "to": made["name"]})
        self.assertEqual(history[1]["changes"], {
            "email": {"from": "old@example.org", "to": "new@example.org"},
            "phone": {"from": "1", "to": None}})
        self.assertEqual(set(history[2]["changes"]), {"name", "email"})
        self.assertEqual(set(history[3]["changes"]), {"archived_at"})

    def test_archive(self):
        code = unique("A")
        made = self.ok(make(code=code), 201)
        path = "customers/%d/" % made["id"]
        self.problem(make(code=code), 409, "OM052", pointer="/code")
        self.ok(staff().delete(path), 204)
        self.ok(staff().delete(path), 204)
        self.assertIsNotNone(self.ok(staff().get(path))["archived_at"])
        self.problem(staff().patch(path, {"name": "x"}), 404, "OM034")
        again = self.ok(make(code=code), 201)
        self.assertEqual([c["id"] for c in self.ok(staff().get("customers/", code=code))["results"]],
                         [again["id"]])
        page = self.ok(staff().get("customers/", code=code, archived="true"))
        self.assertEqual([c["id"] for c in page["results"]], [made["id"]])

    def test_idempotency(self):
        key = unique("key")
        body = {"name": "once", "code": unique("I")}
        made = self.ok(staff().post("customers/", body, headers={"Idempotency-Key": key}), 201)
        self.assertEqual(self.ok(staff().post("customers/", body, headers={"Idempotency-Key": key}), 201),
                         made)

    def test_filters(self):
        mark = unique("F")
        made = self.ok(make(name="Ann " + mark, code=mark, email=mark + "@Example.org",
                            phone="55-" + mark), 201)
        for query in ({"code": mark}, {"name": mark.lower()}, {"email": mark.lower() + "@example.ORG"},
                      {"phone": mark}, {"search": mark}, {"search": mark, "ordering": "-code"},
                      {"search": mark, "ordering": "name"}):
            with self.subTest(query=query):
                page = self.ok(staff().get("customers/", **query))
                self.assertEqual([c["id"] for c in page["results"]], [made["id"]])

    def test_orders(self):
        customer, other = (self.ok(make(), 201)["id"] for _ in range(2))
        product = make_sellable()
        ids = [self.ok(staff().post("orders/", {"customer_id": c, "items": [{"product_id": product, "quantity": q}]}), 201)["id"]
               for c, q in ((customer, 1), (other, 1), (customer, 2), (customer, 3))]
        mine = [ids[3], ids[2], ids[0]]
        path = "customers/%d/orders/" % customer
        page = self.ok(staff().get(path))
        self.assertEqual(([o["id"] for o in page["results"]], page["count"], page["next"]), (mine, 3, None))
        self.assertEqual(page["results"][0], self.ok(staff().get("orders/%d/" % ids[3])))
        self.assertEqual([o["id"] for o in self.ok(staff().get(path, min_total="20.00", ordering="id"))["results"]], [ids[2], ids[3]])
        self.assertEqual(self.ok(staff().get(path, status="CANCELLED"))["count"], 0)
        walked, page = [], self.ok(staff().get(path, page_size=2))
        while True:
            walked += [o["id"] for o in page["results"]]
            if page["next"] is None:
                break
            page = self.ok(staff().get(page["next"].split("/api/v1/")[1]))
        self.assertEqual(walked, mine)
        self.ok(staff().delete("customers/%d/" % customer), 204)
        self.assertEqual(self.ok(staff().get(path))["count"], 3)
        self.assertEqual(self.ok(staff().get("customers/%d/orders/" % self.ok(make(), 201)["id"]))["results"], [])
        self.problem(staff().get(path, customer_id=other), 422, "OM110")
        self.problem(staff().get(path, page=9), 404, "OM009")


class Refused(Test):
    def test_values(self):
        for change, pointer in (({"name": ...}, "/name"), ({"name": " "}, "/name"),
                                ({"email": "nobody"}, "/email"), ({"email": "a b@c"}, "/email"),
                                ({"email": "a@b@c"}, "/email"), ({"email": "@c"}, "/email"),
                                ({"email": "a@"}, "/email"), ({"email": 5}, "/email"),
                                ({"code": "x" * 65}, "/code"), ({"code": "  "}, "/code"),
                                ({"phone": "1" * 65}, "/phone"), ({"address": "x" * 2001}, "/address"),
                                ({"attributes": []}, "/attributes"), ({"attributes": "x"}, "/attributes"),
                                ({"attributes": {"x": "y" * 16400}}, "/attributes"),
                                ({"nickname": "x"}, "/nickname")):
            with self.subTest(change=str(change)[:40]):
                self.problem(make(**change), 422, "OM010", pointer=pointer)

    def test_unknown(self):
        self.problem(staff().get("customers/999999999/"), 404, "OM034")
        self.problem(staff().get("customers/999999999/history/"), 404, "OM034")
        self.problem(staff().get("customers/999999999/orders/"), 404, "OM034")
        self.problem(staff().delete("customers/999999999/"), 404, "OM034")

    def test_code_of_another(self):
        first = self.ok(make(code=unique("T")), 201)
        other = self.ok(make(), 201)
        self.problem(staff().patch("customers/%d/" % other["id"], {"code": first["code"]}), 409,
                     "OM052", pointer="/code")
