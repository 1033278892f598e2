"""Too much at once: answered with 429 or 503 and Retry-After, then served."""
import threading
import time

from rig import ADMIN_PASSWORD, Client, RigTest, client, problem, wait_for


class Limit(RigTest):
    def restart(self, **settings):
        self.rig.stop_omsd()
        self.rig.start_omsd(**settings)

    def attempt(self, password, name="admin", address="127.0.0.1"):
        # below Client.call, which waits and repeats as the server says
        raw = client.json.dumps({"username": name, "password": password}).encode()
        return Client(checked=False, url=self.rig.url).exchange(
            "POST", "/api/v1/token/", raw,
            {"Content-Type": "application/json", "X-Forwarded-For": address})

    def test_guesses_lock_nobody_else_out(self):
        """An account is counted together with the address, and the address
        ten times as far."""
        self.restart(login_burst=2, login_interval="1h", trusted_proxies="127.0.0.1")
        statuses = [self.attempt("wrong", name).status for name in ("admin", "ADMIN", "Admin")]
        self.assertEqual(statuses, [401, 401, 429])
        self.assertGreater(int(self.attempt("wrong").headers["retry-after"]), 3000)
        # another account from there, and the same account from elsewhere
        statuses = [self.attempt("wrong", "name%d" % i).status for i in range(19)]
        self.assertEqual(statuses, [401] * 18 + [429])
        self.assertEqual(self.attempt(ADMIN_PASSWORD, address="192.0.2.7").status, 200)
        self.assertEqual(self.attempt("wrong", address="192.0.2.7").status, 401)

    def test_failed_logins_are_slowed_down(self):
        self.restart(login_burst=3, login_interval="1s")
        attempt = self.attempt
        statuses = []
        for _ in range(8):
            answer = attempt("wrong")
            statuses.append(answer.status)
            problem(answer, (401, 429))
        self.assertEqual(statuses[:3], [401] * 3)
        self.assertIn(429, statuses)
        answer = attempt("wrong")
        self.assertEqual(answer.status, 429)
        time.sleep(float(answer.headers["retry-after"]) + 0.2)
        self.assertEqual(attempt(ADMIN_PASSWORD).status, 200)

    def test_full_queue(self):
        """More requests than may wait, while the first waits for a lock: the
        rest is told to come back, and can."""
        self.restart(queue_limit=20, pipeline_depth=2, pool_fast=1)
        product = self.rig.sellable(self.api, 1000)
        order = self.api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]}).json["id"]
        holder = client.connect(self.rig.conninfo, autocommit=False)
        answers = []
        with holder.cursor() as cursor:
            cursor.execute("SELECT FROM oms.orders WHERE id = %s FOR UPDATE", (order,))
            threads = [threading.Thread(target=lambda: answers.append(self.api.patch(
                "orders/%d/status/" % order, {"status": "CONFIRMED"}))) for _ in range(60)]
            for thread in threads:
                thread.start()
            wait_for("some are refused", lambda: len(answers) >= 30, 10)
            self.assertEqual(Client(checked=False, url=self.rig.url).get("/healthz").status, 200)
            holder.rollback()
        holder.close()
        for thread in threads:
            thread.join(30)
        self.assertEqual(len(answers), 60)
        for answer in answers:
            if answer.status != 200:
                problem(answer, (409, 503, 504))
        self.assertTrue(any(a.status == 503 for a in answers), {a.status for a in answers})
        wait_for("the order can be confirmed", lambda: self.api.patch(
            "orders/%d/status/" % order, {"status": "CONFIRMED"}).status == 200, 10)
