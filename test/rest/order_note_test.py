"""Notes on orders."""
from fixture import Test, make_order, make_sellable, nobody, staff, unique


class Notes(Test):
    def test_added_and_listed(self):
        product = make_sellable()
        order = self.ok(staff().post("orders/", {"note": "first", "items": [{"product_id": product, "quantity": 1}]}), 201)
        path = "orders/%d/notes/" % order["id"]
        note = self.ok(staff().post(path, {"note": "Ring \u00fc twice.\n"}), 201)
        self.assertEqual((note["note"], set(note)), ("Ring \u00fc twice.\n", {"id", "note", "actor", "at"}))
        rows = self.ok(staff().get(path))
        self.assertEqual([row["note"] for row in rows], ["first", "Ring \u00fc twice.\n"])
        self.assertEqual(rows[1], note)
        self.assertEqual(self.ok(staff().get("orders/%d/" % order["id"]))["version"], 1)
        told = [row for row in self.ok(staff().get("orders/%d/timeline/" % order["id"])) if row["kind"] == "note"]
        self.assertEqual([row["detail"]["note_id"] for row in told], [row["id"] for row in rows])

    def test_same_key(self):
        path, key = "orders/%d/notes/" % make_order((make_sellable(), 1))["id"], unique("K")
        ids = {self.ok(staff().post(path, {"note": "x"}, headers={"Idempotency-Key": key}), 201)["id"] for _ in range(2)}
        self.assertEqual((len(ids), len(self.ok(staff().get(path)))), (1, 1))

    def test_refused(self):
        path = "orders/%d/notes/" % make_order((make_sellable(), 1), status="CANCELLED")["id"]
        for body, pointer in (({}, "/note"), ({"note": ""}, "/note"), ({"note": "x" * 10001}, "/note"),
                              ({"note": None}, "/note"), ({"note": "x", "at": "now"}, "/at")):
            with self.subTest(body=body):
                self.problem(staff().post(path, body), 422, "OM010", pointer)
        self.assertEqual(self.ok(staff().get(path)), [])
        self.ok(staff().post(path + "?dry_run=true", {"note": "x"}))
        self.assertEqual(self.ok(staff().get(path)), [])
        for answer in (staff().get("orders/999999999/notes/"), staff().post("orders/999999999/notes/", {"note": "x"})):
            self.problem(answer, 404, "OM001")
        self.problem(nobody().get(path), 401)
