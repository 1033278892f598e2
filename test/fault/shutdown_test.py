"""omsd stops, reloads and is restarted without losing an answer it began."""
import http.client
import os
import secrets
import signal
import socket
import threading
import time

from rig import ADMIN_PASSWORD, Client, RigTest, alive, check_problem, client, wait_for


class Shutdown(RigTest):
    def setUp(self):
        if self.rig.omsd is None or self.rig.omsd.poll() is not None:
            self.rig.start_omsd()

    def test_request_in_progress_is_answered(self):
        """A confirm that waits for a lock when SIGTERM comes."""
        product = self.rig.sellable(self.api, 10)
        order = self.api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]}).json["id"]
        holder = client.connect(self.rig.conninfo, autocommit=False)
        got = []
        with holder.cursor() as cursor:
            cursor.execute("SELECT FROM oms.orders WHERE id = %s FOR UPDATE", (order,))
            waiter = threading.Thread(target=lambda: got.append(
                self.api.patch("orders/%d/status/" % order, {"status": "CONFIRMED"})))
            waiter.start()
            wait_for("the confirm waits", lambda: self.rig.value(
                "SELECT count(*) FROM pg_stat_activity WHERE usename = 'omsd' "
                "AND wait_event_type = 'Lock'"))
            self.rig.omsd.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            self.assertTrue(alive(self.rig.omsd.pid), "omsd ended with a request unanswered")
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", self.rig.port), timeout=2).close()
            holder.rollback()
        holder.close()
        waiter.join(20)
        self.assertEqual(self.rig.omsd.wait(20), 0)
        self.rig.omsd = None
        self.assertEqual([a.status for a in got], [200], got)

    def test_under_load(self):
        """Every order that omsd created was answered, though it stopped."""
        product = self.rig.sellable(self.api, 100000)
        stem, lock = secrets.token_hex(6), threading.Lock()
        answered, odd = [], []
        start = threading.Barrier(9)

        def send():
            start.wait()
            while True:
                try:
                    answer = self.api.post("orders/", {"customer_name": stem, "items": [
                        {"product_id": product, "quantity": 1}]})
                except (OSError, http.client.HTTPException):
                    return
                with lock:
                    if answer.status == 201:
                        answered.append(answer.json["id"])
                    else:
                        odd.append(answer)
                if answer.status != 201:
                    return

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        start.wait()
        wait_for("the load runs", lambda: len(answered) > 50)
        status = self.rig.stop_omsd()
        for thread in threads:
            thread.join(30)
        self.assertEqual(status, 0)
        for answer in odd:
            check_problem(answer, 503, "OM116")
        made = {r[0] for r in self.rig.sql("SELECT id FROM oms.orders WHERE customer_name = %s", stem)}
        self.assertEqual(made - set(answered), set(), "created, but never answered")
        self.assertEqual(set(answered) - made, set(), "answered, but never created")

    def test_interrupt(self):
        self.assertEqual(self.rig.stop_omsd(signal.SIGINT), 0)

    def test_idle_connections_do_not_hold_it_up(self):
        socks = [socket.create_connection(("127.0.0.1", self.rig.port)) for _ in range(20)]
        keep = Client(checked=False, url=self.rig.url)
        self.assertEqual(keep.get("/healthz").status, 200)
        socks[0].sendall(b"GET /heal")
        began = time.monotonic()
        self.assertEqual(self.rig.stop_omsd(), 0)
        self.assertLess(time.monotonic() - began, 12)
        for sock in socks:
            sock.close()

    def test_twice(self):
        """The second signal while it drains does no harm."""
        self.rig.omsd.send_signal(signal.SIGTERM)
        self.assertEqual(self.rig.stop_omsd(), 0)

    def test_access_log(self):
        """One JSON object for each request, with its id; no secrets."""
        import json
        given = "log-" + secrets.token_hex(6)
        self.api.call("GET", "products/", headers={"X-Request-Id": given})
        Client(checked=False, url=self.rig.url).post("token/", {"username": "admin",
                                                               "password": "the-secret-word"})
        path = self.rig.values["access_log"]

        def lines():
            with open(path) as file:
                return [line for line in file if given in line]
        found = json.loads(wait_for("the log has it", lines, 5)[0])
        self.assertIn(200, found.values())
        with open(path) as file:
            text = file.read()
        for line in text.splitlines():
            json.loads(line)
        for secret in ("the-secret-word", self.api.token):
            self.assertNotIn(secret, text)

    def test_hangup(self):
        """SIGHUP under load: settings change, logs are opened anew, no
        request is lost; a broken file changes nothing."""
        rig, stop, wrong, count = self.rig, threading.Event(), [], [0]

        def ask():
            while not stop.is_set():
                answer = self.api.get("products/")
                count[0] += 1
                if answer.status != 200:
                    wrong.append(answer)

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            os.rename(rig.values["access_log"], rig.values["access_log"] + ".1")
            rig.write_config(dict(rig.values, body_limit="2kB"))
            rig.omsd.send_signal(signal.SIGHUP)
            wait_for("the log is opened anew", lambda: os.path.exists(rig.values["access_log"]))
            wait_for("the new limit holds", lambda: self.api.post("orders/", raw=b" " * 5000).status == 413)
            good = rig.values
            rig.write_config(dict(good, body_limit="nonsense"))
            rig.omsd.send_signal(signal.SIGHUP)
            time.sleep(0.5)
            self.assertEqual(self.api.post("orders/", raw=b" " * 5000).status, 413)
            rig.write_config(dict(good, body_limit="1MB", access_token_time="1s"))
            rig.omsd.send_signal(signal.SIGHUP)
            wait_for("the limit is raised", lambda: self.api.post("orders/", raw=b" " * 5000).status != 413)
            # a new life of tokens holds for those that are given out from now on
            pair = Client(checked=False, url=rig.url).post(
                "token/", {"username": "admin", "password": ADMIN_PASSWORD}).json
            self.assertEqual(pair["expires_in"], 1, pair)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertGreater(count[0], 50)
        self.assertTrue(alive(rig.omsd.pid))
