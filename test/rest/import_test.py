"""Imports: many rows in one request, done in the background."""
import json
import time

from client import rows, value
from fixture import Test, admin, make_product, make_sellable, nobody, staff, stock, unique


def send(kind, text, mime="text/csv", client=None, headers=None, path="imports/", **query):
    """The answer to a body of rows."""
    query = "&".join("%s=%s" % pair for pair in dict({"kind": kind} if kind else {}, **query).items())
    return (client or admin()).call("POST", path + "?" + query, raw=text.encode(),
                                    headers=dict({"Content-Type": mime}, **(headers or {})))


class Import(Test):
    def ended(self, number):
        """The import, once the worker has done it."""
        for _ in range(600):
            found = self.ok(admin().get("imports/%d/" % number))
            if found["state"] not in ("OPEN", "RUNNING"):
                return found
            time.sleep(0.05)
        self.fail("import %d does not end: %r" % (number, found))

    def imported(self, *args, **more):
        return self.ended(self.ok(send(*args, **more), 202)["id"])

    def test_products_by_csv(self):
        skus = [unique("I") for _ in range(4)]
        answer = send("products", "sku,name,price\n%s,\"a, b\",1.50\n%s,b,x\n%s,c\n%s,d,2\n" % tuple(skus))
        begun = self.ok(answer, 202)
        self.assertEqual((begun["rows"], begun["state"], begun["created_by"]), (4, "RUNNING", "admin"))
        self.assertTrue(answer.headers["location"].endswith("/imports/%d/" % begun["id"]))
        ended = self.ended(begun["id"])
        self.assertEqual((ended["state"], ended["done"], ended["failed"]), ("DONE", 2, 2))
        failed = self.ok(admin().get("imports/%d/rows/" % begun["id"], state="failed"))["results"]
        self.assertEqual([(r["row"], r["line"], r["code"]) for r in failed], [(2, 3, "OM010"), (3, 4, "OM010")])
        self.assertEqual((failed[0]["errors"][0]["pointer"], failed[1]["context"]),
                         ("/price", {"line": 4, "fields": 2, "columns": 3}))
        self.assertEqual(self.ok(admin().get("products/", sku=skus[0]))["results"][0]["name"], "a, b")
        good = self.ok(admin().get("imports/%d/rows/" % begun["id"], failed="false", ordering="-row"))["results"]
        self.assertEqual([r["row"] for r in good], [4, 1])
        self.assertEqual(good[0]["id"], self.ok(admin().get("products/", sku=skus[3]))["results"][0]["id"])

    def test_stock_by_staff(self):
        product = make_product()
        lines = [{"sku": product["sku"], "quantity": 7}, {"sku": product["sku"], "receive": 5},
                 {"sku": "no such", "receive": 5}, {"sku": product["sku"], "adjust": -2, "reason": "broken"}]
        ended = self.imported("stock", "\n".join(map(json.dumps, lines)), "application/x-ndjson", staff())
        self.assertEqual((ended["done"], ended["failed"]), (3, 1))
        self.assertEqual(stock(product["id"]), (10, 0, 0, 10))
        self.assertEqual({r[0] for r in rows("SELECT actor FROM oms.stock_move WHERE product_id = %s", product["id"])},
                         {ended["created_by"]})
        for kind in ("products", "orders"):
            self.problem(send(kind, '{"rows": []}', "application/json", staff()), 403, "OM023")
        self.problem(send("stock", '{"rows": []}', "application/json", nobody()), 401, "OM100")

    def test_all_or_nothing(self):
        product = make_product()
        ended = self.imported("stock", "sku,receive\n%s,5\nnone,1\n%s,x\n" % (product["sku"], product["sku"]), mode="all")
        self.assertEqual((ended["state"], ended["done"], ended["failed"]), ("FAILED", 0, 2))
        self.assertEqual(ended["message"], "2 of 3 rows failed, so that nothing was done")
        self.assertEqual(rows("SELECT count(*) FROM oms.stock WHERE product_id = %s", product["id"]), [(0,)])

    def test_past_orders(self):
        product, reference = make_sellable(10), unique("R")
        sku = self.ok(admin().get("products/%d/" % product))["sku"]
        body = {"rows": [{"external_ref": reference, "customer_name": "Ann", "status": "DELIVERED",
                          "created_at": "2024-03-01T10:00:00Z", "updated_at": "2024-03-05T10:00:00Z",
                          "items": [{"sku": sku, "quantity": 2, "price": "3.00"}]},
                         {"external_ref": reference + "b", "status": "CONFIRMED", "items": [{"sku": sku, "quantity": 99}]}]}
        ended = self.imported("orders", json.dumps(body), "application/json")
        self.assertEqual((ended["done"], ended["failed"]), (1, 1))
        order = self.ok(admin().get("orders/", external_ref=reference))["results"][0]
        self.assertEqual((order["status"], order["total_amount"], order["created_at"][:10], order["updated_at"][:10]),
                         ("DELIVERED", "6.00", "2024-03-01", "2024-03-05"))
        self.assertEqual([h["changed_at"][:10] for h in self.ok(admin().get("orders/%d/history/" % order["id"]))],
                         ["2024-03-01"] * 3 + ["2024-03-05"])
        self.assertEqual(stock(product), (8, 0, 0, 8))
        self.assertEqual(value("SELECT count(*) FROM oms.event WHERE aggregate = 'order' AND aggregate_id = %s "
                               "AND payload->>'imported' = 'true'", order["id"]), 4)
        self.assertEqual(value("SELECT count(*) FROM oms.task WHERE payload->>'order_id' = %s", str(order["id"])), 0)
        body["rows"][1]["external_ref"] = reference + "c"
        self.assertEqual(self.imported("orders", json.dumps(body), "application/json", policy="force")["done"], 1)
        self.assertEqual(stock(product), (99, 0, 99, 0))

    def test_in_parts(self):
        product = make_product()
        number = self.ok(send("stock", "sku,receive\n%s,1\n" % product["sku"], open="true"), 202)["id"]
        path = "imports/%d/" % number
        self.assertEqual(self.ok(send(None, '{"rows": [{"sku": "%s", "receive": 2}]}' % product["sku"], "application/json",
                                      path=path + "rows/"))["rows"], 2)
        self.assertEqual(self.ok(admin().get(path))["state"], "OPEN")
        self.ok(admin().post(path + "run/"), 202)
        self.assertEqual(self.ended(number)["done"], 2)
        self.assertEqual(stock(product["id"])[0], 3)
        self.problem(admin().post(path + "run/"), 409, "OM054")
        self.problem(admin().post(path + "cancel/"), 409, "OM054")
        self.problem(send(None, "sku,receive\n", path=path + "rows/"), 409, "OM054")

    def test_cancelled(self):
        number = self.ok(send("stock", "sku,receive\nx,1\n", open="true"), 202)["id"]
        for _ in range(2):
            self.assertEqual(self.ok(admin().post("imports/%d/cancel/" % number))["state"], "CANCELLED")
        self.problem(admin().post("imports/%d/run/" % number), 409, "OM054")
        for path in ("imports/%d/cancel/", "imports/%d/run/"):
            self.problem(admin().post(path % 2 ** 62), 404, "OM038")
        for path in ("imports/%d/", "imports/%d/rows/"):
            self.problem(admin().get(path % 2 ** 62), 404, "OM038")

    def test_dry_run(self):
        product = make_product()
        text = "sku,receive\n%s,5\nnone,1\n" % product["sku"]
        answer = send("stock", text, dry_run="true")
        told = self.ok(answer)
        self.assertEqual((told["state"], told["done"], told["failed"], answer.headers["oms-dry-run"]), ("DONE", 1, 1, "true"))
        self.assertEqual([(r["row"], r["code"]) for r in told["failures"]], [(2, "OM004")])
        self.problem(admin().get("imports/%d/" % told["id"]), 404, "OM038")
        self.assertEqual(rows("SELECT count(*) FROM oms.stock WHERE product_id = %s", product["id"]), [(0,)])
        number = self.ok(send("stock", text, open="true"), 202)["id"]
        self.assertEqual(self.ok(admin().post("imports/%d/run/?dry_run=true" % number))["done"], 1)
        self.assertEqual(self.ok(admin().get("imports/%d/" % number))["state"], "OPEN")

    def test_same_key(self):
        product, key = make_product(), {"Idempotency-Key": unique("K")}
        text = "sku,receive\n%s,5\n" % product["sku"]
        ids = {self.ok(send("stock", text, headers=key), 202)["id"] for _ in range(2)}
        self.assertEqual(len(ids), 1)
        self.ended(ids.pop())
        self.assertEqual(stock(product["id"])[0], 5)
        self.problem(send("stock", text, headers=key, mode="all"), 422, "OM030")

    def test_bad_texts(self):
        self.assertEqual(self.problem(send("stock", "sku,prize\nA,1\n"), 422, "OM010", pointer="/prize")["status"], 422)
        self.problem(send("stock", "quantity\n1\n"), 422, "OM010", pointer="/sku")
        self.problem(send("stock", "<a/>", "application/xml"), 415, "OM109")
        self.problem(send("stock", '{"rows": 7}', "application/json"), 422, "OM010", pointer="/rows")
        self.problem(send("things", "sku\n"), 422, "OM110", pointer="/kind")
        self.problem(send("stock", "sku\n", policy="force"), 422, "OM010", pointer="/policy")
        ended = self.imported("stock", 'sku,receive\nnone,1\n"none,2\nnone,3\n')
        failed = self.ok(admin().get("imports/%d/rows/" % ended["id"], failed="true"))["results"]
        self.assertEqual([(r["line"], r["code"]) for r in failed], [(2, "OM004"), (3, "OM010")])

    def test_list(self):
        numbers = [self.ok(send("stock", "sku,receive\n", open="true"), 202)["id"] for _ in range(3)]
        page = self.ok(admin().get("imports/", state="OPEN", kind="stock", page_size=2))
        self.assertEqual([i["id"] for i in page["results"]], numbers[:0:-1])
        self.assertEqual(self.ok(admin().get("imports/", created_by=unique("nobody")))["results"], [])

    def test_many(self):
        """More rows than a batch has, and progress that only grows."""
        product = make_product()
        number = self.ok(send("stock", "sku,receive\n" + "%s,1\n" % product["sku"] * 5000), 202)["id"]
        seen = [0]
        while self.ok(admin().get("imports/%d/" % number))["state"] == "RUNNING":
            seen.append(self.ok(admin().get("imports/%d/" % number))["done"])
        self.assertEqual(seen, sorted(seen))
        self.assertEqual((self.ended(number)["done"], stock(product["id"])[0]), (5000, 5000))
