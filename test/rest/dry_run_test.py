"""Dry runs of write operations, what stands in the way, timeline and state machine."""
import uuid

import client
from fixture import (Test, admin, available, make_order, make_sellable, set_status,
                     staff)

DIGEST = """SELECT md5(string_agg(md5(query_to_xml(format('SELECT * FROM oms.%I AS x ORDER BY x::text',
relname), true, true, '')::text), ',' ORDER BY relname)) FROM pg_class
WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r'
AND relname NOT IN ('task', 'session', 'worker_state', 'stock_alert', 'account')"""


def document():
    return client.Client(checked=False).get("/api/schema/").json


def write_operations():
    """(method, path, operation) of all that writes, without log-ins."""
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            extension = operation.get("x-oms", {}) if isinstance(operation, dict) else {}
            if extension.get("write") and extension["role"] != "none":
                yield method.upper(), path, operation


class DryRun(Test):
    def test_each_write_operation_has_the_parameter(self):
        for method, path, operation in write_operations():
            with self.subTest(operation=method + " " + path):
                self.assertIn({"$ref": "#/components/parameters/dry_run"},
                              operation.get("parameters", []))

    def test_each_write_operation_changes_nothing(self):
        """Whatever the answer to a body is, a dry run leaves no trace."""
        product = make_sellable()
        order = make_order((product, 2))["id"]
        item = {"product_id": product, "quantity": 1}
        bodies = ({}, {"items": [item]}, {"status": "CONFIRMED"}, {"reason": "test"},
                  {"name": "Dry", "sku": "DRY-%s" % uuid.uuid4(), "price": "1.00"},
                  {"code": "DRY", "name": "Dry", "take_stock": "confirm"},
                  {"quantity": 7, "reason": "test"}, {"product_id": product, "quantity": 7})
        before = client.value(DIGEST)
        worked = set()
        for method, path, operation in write_operations():
            target = product if "/products/" in path or "/inventory/" in path else order
            path = path.lstrip("/").replace("{id}", str(target)) + "?dry_run=true"
            for body in bodies if "requestBody" in operation else (None,):
                answer = admin().call(method, path, body)
                self.assertLess(answer.status, 500, (method, path, answer))
                self.assertNotEqual(answer.status, 201, (method, path, answer))
                if answer.status < 300:
                    self.assertEqual(answer.headers.get("oms-dry-run"), "true")
                    self.assertNotIn("location", answer.headers)
                    worked.add(operation["operationId"])
                self.assertEqual(client.value(DIGEST), before, (method, path, body))
        self.assertLessEqual({"product_create", "product_delete", "order_create", "order_advance",
                              "order_hold"}, worked)

    def test_next_request_on_the_connection_is_for_real(self):
        product = make_sellable()
        for _ in range(20):
            order = make_order((product, 1))["id"]
            path = "orders/%d/status/" % order
            dry = self.ok(staff().patch(path + "?dry_run=true", {"status": "CONFIRMED"}))
            self.assertEqual(dry["status"], "CONFIRMED")
            self.assertEqual(self.ok(staff().get("orders/%d/" % order))["status"], "PENDING")
            self.ok(staff().patch(path + "?dry_run=false", {"status": "CONFIRMED"}))
            self.assertEqual(self.ok(staff().get("orders/%d/" % order))["status"], "CONFIRMED")
        self.assertEqual(available(product), 80)

    def test_errors_are_the_real_ones(self):
        order = make_order((make_sellable(), 100000))["id"]
        answer = staff().patch("orders/%d/status/?dry_run=true" % order, {"status": "CONFIRMED"})
        self.problem(answer, 409, "OM003")
        self.problem(staff().post("orders/?dry_run=maybe", {"items": []}), 422)
        self.problem(staff().post("orders/?dryrun=true", {"items": []}), 422)
        self.problem(staff().get("orders/?dry_run=true"), 422)

    def test_no_key_is_kept(self):
        product = make_sellable()
        body = {"items": [{"product_id": product, "quantity": 1}]}
        key = {"Idempotency-Key": str(uuid.uuid4())}
        dry = self.ok(staff().post("orders/?dry_run=true", body, headers=key), 200)
        self.problem(staff().get("orders/%d/" % dry["id"]), 404)
        real = self.ok(staff().post("orders/", body, headers=key), 201)
        self.assertGreater(real["id"], dry["id"])


class WhyNot(Test):
    def test_possible(self):
        order = make_order((make_sellable(), 1))["id"]
        path = "orders/%d/why-not/?status=" % order
        self.assertEqual(self.ok(staff().get(path + "CONFIRMED")),
                         {"possible": True, "problems": []})
        self.assertEqual(self.ok(staff().get("orders/%d/" % order))["version"], 1)
        answer = self.ok(staff().get(path + "DELIVERED"))
        self.assertEqual((answer["possible"], [p["code"] for p in answer["problems"]]),
                         (False, ["OM002"]))

    def test_shortage(self):
        product = make_sellable()
        order = make_order((product, 101))["id"]
        answer = self.ok(staff().get("orders/%d/why-not/?status=CONFIRMED" % order))
        shortage = answer["problems"][0]["context"]["shortages"][0]
        self.assertEqual((shortage["product_id"], shortage["wanted"], shortage["available"]),
                         (product, 101, 100))

    def test_refused(self):
        order = make_order((make_sellable(), 1))["id"]
        self.problem(staff().get("orders/999999999/why-not/?status=CONFIRMED"), 404, "OM001")
        self.problem(staff().get("orders/%d/why-not/?status=NEVER" % order), 422, "OM010")
        self.problem(staff().get("orders/%d/why-not/" % order), 422)


class Reading(Test):
    def test_timeline(self):
        order = make_order((make_sellable(), 2))["id"]
        set_status(order, "CONFIRMED")
        rows = self.ok(staff().get("orders/%d/timeline/" % order))
        self.assertEqual([row["at"] for row in rows], sorted(row["at"] for row in rows))
        self.assertLessEqual({("history", "PENDING"), ("history", "CONFIRMED"),
                              ("stock", "allocate"), ("event", "order.confirmed")},
                             {(row["kind"], row["what"]) for row in rows})
        self.problem(staff().get("orders/999999999/timeline/"), 404, "OM001")

    def test_states(self):
        machine = self.ok(staff().get("orders/states/"))
        self.assertIn({"status": "DELIVERED", "final": True, "holds": "shipped"},
                      machine["statuses"])
        self.assertIn({"from": "PENDING", "to": "CONFIRMED", "stock_effect": "allocate",
                       "least_role": "oms_staff"}, machine["steps"])

    def test_diagram(self):
        answer = self.ok(staff().get("orders/diagram/"))
        self.assertEqual(answer["format"], "mermaid")
        self.assertIn("PENDING --> CONFIRMED : allocate", answer["diagram"])
        self.assertIn("digraph", self.ok(staff().get("orders/diagram/?format=dot"))["diagram"])
        self.problem(staff().get("orders/diagram/?format=svg"), 422)
