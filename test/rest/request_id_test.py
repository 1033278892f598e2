"""X-Request-Id: taken or made, returned, kept, and in the database's log."""
import os
import re
import time
import unittest

import client
from fixture import Test, make_order, make_sellable, nobody, staff, unique


def log_text(since):
    """What the database server logged after the position since."""
    name = os.environ.get("OMS_PGLOG")
    if name:
        with open(name, errors="replace") as file:
            file.seek(since)
            return file.read()
    return client.value("SELECT pg_read_file(pg_current_logfile(), %s, 100000000)", since)


def log_position():
    name = os.environ.get("OMS_PGLOG")
    if name:
        return os.path.getsize(name)
    if client.value("SELECT pg_current_logfile()") is None:
        raise unittest.SkipTest("no log of the database server: set OMS_PGLOG")
    return client.value("SELECT (pg_stat_file(pg_current_logfile())).size")


class RequestId(Test):
    def test_made(self):
        ids = {staff().get("products/").headers["x-request-id"] for _ in range(20)}
        self.assertEqual(len(ids), 20)
        for text in ids:
            self.assertRegex(text, r"^[!-~]{8,128}$")

    def test_taken(self):
        given = unique("request")
        for who, path, status in ((staff(), "products/", 200), (staff(), "nothing/", 404),
                                  (nobody(), "products/", 401), (staff(), "/healthz", 200),
                                  (staff(), "orders/%d/" % 2 ** 62, 404)):
            with self.subTest(path=path):
                answer = who.call("GET", path, headers={"X-Request-Id": given})
                self.assertEqual((answer.status, answer.headers["x-request-id"]), (status, given))

    def test_nonsense_is_not_taken(self):
        for given in ("", " ", "x" * 2000, "a b", "a\tb", "\u00e9", "<script>", "a'b", "\\", "%n%s"):
            with self.subTest(given=given[:10]):
                answer = staff().call("GET", "products/", headers={"X-Request-Id": given})
                if answer.status == 200:
                    self.assertRegex(answer.headers["x-request-id"], r"^[!-~]{1,255}$")
                else:
                    self.problem(answer, (400, 422, 431))

    def test_on_the_event(self):
        given, product = unique("request"), make_sellable()
        order = self.ok(staff().post("orders/", {"items": [{"product_id": product, "quantity": 1}]},
                                     headers={"X-Request-Id": given}), 201)
        self.assertEqual(client.value("SELECT request_id FROM oms.event WHERE aggregate = 'order' "
                                      "AND aggregate_id = %s", order["id"]), given)

    def test_in_the_database_log(self):
        given, since = unique("request"), log_position()
        order = make_order((make_sellable(0), 1))
        answer = staff().call("PATCH", "orders/%d/status/" % order["id"], {"status": "CONFIRMED"},
                              headers={"X-Request-Id": given})
        self.problem(answer, 409, "OM003")
        for _ in range(20):
            text = log_text(since)
            if given in text:
                break
            time.sleep(0.1)
        self.assertIn(given, text)

    def test_ids_of_neighbours_do_not_mix(self):
        from fixture import at_once
        product, since = make_sellable(0), log_position()
        orders = [make_order((product, 1))["id"] for _ in range(16)]
        given = [unique("mix") for _ in orders]

        def work(i):
            return staff().call("PATCH", "orders/%d/status/" % orders[i], {"status": "CONFIRMED"},
                                headers={"X-Request-Id": given[i]})

        for i, answer in enumerate(at_once(16, work)):
            problem = self.problem(answer, 409, "OM003")
            self.assertEqual(problem["request_id"], given[i])
        time.sleep(0.3)
        text = log_text(since)
        for name in given:
            self.assertTrue(re.search(re.escape(name) + r"\b", text), name)
