"""The proof over REST: runs, what they looked at, what they found."""
import threading

import client
from fixture import Test, admin, at_once, make_order, make_product, make_sellable, set_status, staff


def check(body, query=""):
    return admin().post("integrity/check/" + query, body)


def corrupt(statement):
    """What no verb would do."""
    client.rows("BEGIN; SET LOCAL session_replication_role = replica; %s; COMMIT" % statement)


class Integrity(Test):
    def test_full_run(self):
        order = make_order((make_sellable(10), 1), status="CONFIRMED")["id"]
        run = self.ok(check({}))
        self.assertEqual((run["kind"], run["problems"], run["actor"]), ("full", 0, "admin"))
        names = [c["check_name"] for c in run["checks"]]
        self.assertEqual(sorted(names), sorted(set(names)))
        self.assertGreater(len(names), 40)
        by_name = {c["check_name"]: c for c in run["checks"]}
        self.assertEqual(by_name["order_total"]["examined"], client.value("SELECT count(*) FROM oms.orders"))
        self.assertGreaterEqual(int(by_name["order_total"]["last"]), order)
        self.assertEqual(run["examined"], sum(c["examined"] for c in run["checks"]))
        self.assertEqual(client.value("SELECT count(*) FROM oms.integrity_rules()"), len(names))

    def test_incremental_looks_at_what_changed(self):
        self.ok(check({"incremental": True}))
        self.assertEqual(self.ok(check({"incremental": True}))["kind"], "incremental")
        first = make_order((make_sellable(10), 1))["id"]
        last = make_order((make_sellable(10), 1))["id"]
        run = self.ok(check({"incremental": True}))
        seen = {c["check_name"]: (c["first"], c["last"], c["examined"]) for c in run["checks"]}
        self.assertEqual(seen["order_total"], (str(first), str(last), 2))

    def test_what_is_wrong_is_found_and_told(self):
        order = make_order((make_sellable(10), 1))["id"]
        corrupt("UPDATE oms.orders SET total_amount = total_amount + 1 WHERE id = %d" % order)
        try:
            run = self.ok(check({"first_order": order, "last_order": order}))
        finally:
            corrupt("UPDATE oms.orders SET total_amount = total_amount - 1 WHERE id = %d" % order)
        self.assertEqual((run["kind"], run["problems"]), ("range", 1))
        wrong = [c for c in run["checks"] if c["problems"]]
        self.assertEqual([(c["check_name"], c["found"]) for c in wrong], [("order_total", ["order %d" % order])])
        self.assertEqual({c["scope"] for c in run["checks"]}, {"orders"})
        listed = self.ok(admin().get("integrity/", wrong="true", kind="range"))["results"][0]
        self.assertEqual((listed["id"], listed["checks"]), (run["id"], wrong))
        payload = client.value("SELECT payload FROM oms.event WHERE type = 'integrity.problem' AND aggregate_id = %s", run["id"])
        self.assertEqual(payload, {"problems": 1, "checks": ["order_total"]})
        self.assertEqual(self.ok(check({"first_order": order, "last_order": order}))["problems"], 0)

    def test_ranges(self):
        product = make_product()["id"]
        run = self.ok(check({"first_product": product, "last_product": product, "examples": 0}))
        self.assertEqual({(c["scope"], c["first"], c["last"]) for c in run["checks"]}, {("products", str(product), str(product))})
        run = self.ok(check({"since": "2001-01-01T00:00:00Z"}))
        self.assertEqual((run["kind"], run["problems"]), ("since", 0))
        self.assertEqual({c["check_name"]: c["examined"] for c in run["checks"]}["event_reference"],
                         client.value("SELECT count(*) FROM oms.event"))

    def test_bad_input(self):
        for body, pointer in (({"first_order": 2, "last_order": 1}, "/first_order"),
                              ({"incremental": True, "since": "2001-01-01T00:00:00Z"}, "/incremental"),
                              ({"incremental": True, "first_order": 1}, "/incremental"),
                              ({"since": "2001-01-01T00:00:00Z", "last_product": 1}, "/since"),
                              ({"first_order": 0}, "/first_order"), ({"examples": 1001}, "/examples"),
                              ({"since": "some day"}, "/since"),
                              ({"everything": True}, "/everything")):
            problem = self.problem(check(body), 422, "OM010")
            self.assertEqual([e["pointer"] for e in problem["errors"]], [pointer], body)
        self.problem(admin().get("integrity/", kind="quick"), 422)

    def test_admin_only(self):
        self.problem(staff().get("integrity/"), 403)
        self.problem(staff().post("integrity/check/", {}), 403)

    def test_dry_run_keeps_nothing(self):
        before = client.value("SELECT count(*) FROM oms.integrity_run")
        self.assertEqual(self.ok(check({}, "?dry_run=true"))["problems"], 0)
        self.assertEqual(client.value("SELECT count(*) FROM oms.integrity_run"), before)

    def test_no_false_alarm_while_others_work(self):
        """Every kind of run, again and again, while orders come, move and go."""
        products = [make_sellable(1000) for _ in range(3)]
        stop = threading.Event()
        runs = []

        def look():
            bodies = ({"incremental": True}, {}, {"first_product": products[0]}, {"since": "2001-01-01T00:00:00Z"})
            while not stop.is_set() or len(runs) < len(bodies):
                runs.append(self.ok(check(bodies[len(runs) % len(bodies)])))

        looker = threading.Thread(target=look)
        looker.start()

        def work(i):
            for n in range(12):
                order = make_order((products[(i + n) % 3], 1), (products[(i + n + 1) % 3], 2))["id"]
                for status in (("CONFIRMED", "SHIPPED"), ("CONFIRMED", "CANCELLED"), ("CANCELLED",))[n % 3]:
                    self.ok(set_status(order, status))
                self.ok(staff().post("holds/", {"owner": "x", "items": [{"product_id": products[i % 3], "quantity": 1}]}), 201)

        at_once(6, work)
        stop.set()
        looker.join()
        self.assertEqual([c for run in runs for c in run["checks"] if c["problems"]], [])
        # what was under way in one run was looked at in a later one
        self.assertEqual(self.ok(check({"incremental": True}))["problems"], 0)
        self.assertEqual(self.ok(check({"incremental": True}))["examined"],
                         sum(c["examined"] for c in self.ok(check({"incremental": True}))["checks"]))
