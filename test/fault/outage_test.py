"""The database goes away, or hangs; the server says so and finds it again."""
import os
import signal
import threading
import time

from rig import Client, RigTest, problem, wait_for


class Outage(RigTest):
    settings = {"fast_timeout": "2s"}

    def timed(self, call):
        began = time.monotonic()
        answer = call()
        return answer, time.monotonic() - began

    def recovered(self):
        return self.api.get("products/").status == 200 and \
            Client(checked=False, url=self.rig.url).get("/readyz").status == 200

    def test_stopped_and_back(self):
        product = self.rig.sellable(self.api, 10)
        self.rig.stop_postgres()
        nobody = Client(checked=False, url=self.rig.url)
        for call in (lambda: self.api.get("products/"),
                     lambda: self.api.get("orders/reports/"),
                     lambda: self.api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]}),
                     lambda: nobody.post("token/", {"username": "admin", "password": "x"}),
                     lambda: nobody.get("/readyz")):
            answer, took = self.timed(call)
            problem(answer, 503)
            self.assertLess(took, 5)
        self.assertEqual(nobody.get("/healthz").status, 200)
        # what needs no database is answered as before
        problem(nobody.get("products/"), 401)
        self.assertEqual(nobody.get("/api/schema/").status, 200)
        self.rig.start_postgres()
        wait_for("omsd finds the database again", self.recovered, 10)
        made = self.api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]})
        self.assertEqual(made.status, 201, made)

    def test_many_waiting_clients_are_all_answered(self):
        self.rig.stop_postgres()
        answers = []

        def ask():
            for _ in range(3):
                answers.append(self.timed(lambda: self.api.get("products/")))

        threads = [threading.Thread(target=ask) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.rig.start_postgres()
        self.assertEqual(len(answers), 120)
        for answer, took in answers:
            problem(answer, 503)
            self.assertLess(took, 6)
        wait_for("omsd finds the database again", self.recovered, 10)

    def test_backends_terminated(self):
        for _ in range(3):
            self.rig.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'omsd'")
            wait_for("omsd connects again", self.recovered, 10)

    def test_hung(self):
        """Backends that do not move: everybody is answered, at the latest
        when the connection is given up."""
        # the postmaster first, lest it begins another one
        pids = [self.rig.postgres.pid]
        os.kill(pids[0], signal.SIGSTOP)
        with open("/proc/%d/task/%d/children" % (pids[0], pids[0])) as file:
            pids += map(int, file.read().split())
        for pid in pids[1:]:
            os.kill(pid, signal.SIGSTOP)
        try:
            answer, took = self.timed(lambda: self.api.get("products/"))
            problem(answer, (503, 504))
            self.assertLess(took, 22)
            self.assertEqual(Client(checked=False, url=self.rig.url).get("/healthz").status, 200)
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        wait_for("omsd works again", self.recovered, 15)

    def test_a_lock_held_too_long(self):
        """A verb that waits for a lock is given up with 409, 503 or 504."""
        from rig import client
        product = self.rig.sellable(self.api, 10)
        order = self.api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]}).json["id"]
        holder = client.connect(self.rig.conninfo, autocommit=False)
        try:
            with holder.cursor() as cursor:
                cursor.execute("SELECT FROM oms.orders WHERE id = %s FOR UPDATE", (order,))
                answer, took = self.timed(lambda: self.api.patch("orders/%d/status/" % order,
                                                                 {"status": "CONFIRMED"}))
                problem(answer, (409, 503, 504))
                self.assertLess(took, 20)
                # others are served meanwhile
        finally:
            holder.rollback()
            holder.close()
        self.assertEqual(self.api.get("orders/%d/" % order).json["status"], "PENDING")
        wait_for("the order can be confirmed", lambda: self.api.patch(
            "orders/%d/status/" % order, {"status": "CONFIRMED"}).status == 200, 10)
