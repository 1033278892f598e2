"""The worker is killed, reloaded, and its ground pulled away: each task is
done once in the end, and nobody is held up."""
import os
import signal
import time

from rig import ADMIN_PASSWORD, Client, Load, RigTest, client, wait_for

TABLE = """
CREATE SCHEMA effect;
CREATE TABLE effect.done (task_id bigint, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION effect.slowly(task_id bigint, payload jsonb) RETURNS void LANGUAGE sql AS $$
  SELECT pg_sleep((payload->>'sleep')::float); INSERT INTO effect.done VALUES (task_id) $$;
CREATE FUNCTION effect.fails_twice(task_id bigint, payload jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM nextval('effect.tries');
  INSERT INTO effect.done VALUES (task_id);
  IF currval('effect.tries') <= 2 THEN RAISE 'not yet'; END IF;
END $$;
CREATE FUNCTION effect.always_fails(task_id bigint, payload jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN RAISE 'never'; END $$;
CREATE SEQUENCE effect.tries;
GRANT USAGE ON SCHEMA effect TO effect_role;
GRANT ALL ON ALL TABLES IN SCHEMA effect TO effect_role;
GRANT ALL ON ALL SEQUENCES IN SCHEMA effect TO effect_role;
"""


class Worker(RigTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rig.sql("CREATE ROLE effect_role")
        cls.rig.sql("ALTER SYSTEM SET oms.task_backoff = '200ms'")
        cls.rig.sql("SELECT pg_reload_conf()")
        cls.prepare()

    @classmethod
    def prepare(cls):
        cls.rig.sql(TABLE)
        cls.register()

    @classmethod
    def register(cls):
        for name in ("slowly", "fails_twice", "always_fails"):
            cls.rig.sql("SELECT oms.task_handler_register(%s, %s, run_as => 'effect_role')",
                        name, "effect." + name)

    def worker(self):
        """The process id of a worker that runs."""
        return wait_for("a worker", lambda: self.rig.backends("oms worker%"), 20)[0]

    def enqueue(self, count, sleep=0.0, handler="slowly"):
        return [self.rig.value("SELECT oms.task_enqueue(%s, %s)", handler,
                               client.json.dumps({"sleep": sleep})) for _ in range(count)]

    def finished(self, tasks, seconds=40):
        """All are done, and their effect was once."""
        wait_for("tasks are done", lambda: self.rig.value(
            "SELECT count(*) FROM oms.task WHERE id = ANY (%s) AND state = 'done'", tasks) == len(tasks),
            seconds, 0.1)
        effects = self.rig.sql("SELECT task_id, count(*) FROM effect.done WHERE task_id = ANY (%s) "
                               "GROUP BY 1", tasks)
        self.assertEqual(sorted(effects), [(t, 1) for t in sorted(tasks)])

    def test_wakes_at_commit(self):
        self.worker()
        self.finished(self.enqueue(1), 10)
        began = time.monotonic()
        self.finished(self.enqueue(3), 10)
        self.assertLess(time.monotonic() - began, 2, "the worker was not woken")

    def test_rolled_back_tasks_are_not_run(self):
        connection = client.connect(self.rig.conninfo, autocommit=False)
        with connection.cursor() as cursor:
            cursor.execute("SELECT oms.task_enqueue('slowly', '{\"sleep\":0}')")
            task = cursor.fetchone()[0]
        connection.rollback()
        connection.close()
        self.finished(self.enqueue(1))
        self.assertEqual(self.rig.value("SELECT count(*) FROM effect.done WHERE task_id = %s", task), 0)

    def test_failure_is_tried_again(self):
        self.rig.sql("SELECT setval('effect.tries', 1, false)")
        task = self.enqueue(1, handler="fails_twice")
        self.finished(task)
        self.assertEqual(self.rig.value("SELECT attempts FROM oms.task WHERE id = %s", task[0]), 3)

    def test_buried_retried_cancelled(self):
        task = self.rig.value("SELECT oms.task_enqueue('always_fails', '{}', max_attempts => 2)")

        def state():
            answer = self.api.get("tasks/%d/" % task)
            assert answer.status == 200, answer
            return answer.json

        wait_for("the task is dead", lambda: state()["state"] == "dead")
        self.assertIn("never", state()["last_error"])
        self.assertEqual(self.api.post("tasks/%d/retry/" % task).status, 200)
        wait_for("the task is dead again", lambda: state()["state"] == "dead")
        answer = self.api.post("tasks/%d/cancel/" % task)
        self.assertEqual((answer.status, answer.json["state"]), (200, "cancelled"))
        done = self.enqueue(1)
        self.finished(done)
        answer = self.api.post("tasks/%d/cancel/" % done[0])
        self.assertEqual((answer.status, answer.json["code"]), (409, "OM017"))

    def test_killed(self):
        """kill -9 in the middle of tasks: PostgreSQL recovers, the worker
        comes back, each task is done once."""
        tasks = self.enqueue(30, 0.05)
        wait_for("some are done", lambda: self.rig.value(
            "SELECT count(*) FROM effect.done WHERE task_id = ANY (%s)", tasks) > 3)
        old = self.worker()
        os.kill(old, signal.SIGKILL)
        wait_for("the server is back", lambda: self.rig.value("SELECT 1") == 1)
        wait_for("another worker", lambda: [p for p in self.rig.backends("oms worker%") if p != old], 20)
        self.finished(tasks, 60)

    def test_terminated_and_reloaded(self):
        tasks = self.enqueue(20, 0.05)
        for _ in range(3):
            os.kill(self.worker(), signal.SIGHUP)
            time.sleep(0.1)
        self.rig.sql("SELECT pg_terminate_backend(%s)", self.worker())
        self.finished(tasks, 60)

    def test_orders_are_taken_while_it_is_stopped(self):
        """An order needs no worker: what it queued waits."""
        product = self.rig.sellable(self.api, 100)
        self.rig.sql("SELECT oms.worker_pause()")
        try:
            made = self.api.post("orders/", {"items": [{"product_id": product, "quantity": 95}]})
            self.assertEqual(made.status, 201, made)
            answer = self.api.patch("orders/%d/status/" % made.json["id"], {"status": "CONFIRMED"})
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(self.rig.value("SELECT count(*) FROM oms.task WHERE state = 'ready' "
                                            "AND handler = 'order_created'"), 1)
        finally:
            self.rig.sql("SELECT oms.worker_resume()")
        wait_for("the task is done", lambda: self.rig.value(
            "SELECT count(*) FROM oms.task WHERE state IN ('ready', 'running')") == 0)

    def test_low_stock_raises_an_event(self):
        product = self.rig.sellable(self.api, 3)
        listener = client.connect(self.rig.conninfo)
        with listener.cursor() as cursor:
            cursor.execute("LISTEN oms_event")
        made = self.api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]})
        self.assertEqual(made.status, 201, made)
        wait_for("an event says so", lambda: self.rig.value(
            "SELECT count(*) FROM oms.event WHERE type = 'stock.low' AND aggregate_id IN (%s, "
            "(SELECT id FROM oms.stock WHERE product_id = %s))", product, product) > 0, 10)

        def notified():
            listener.poll()
            return listener.notifies
        wait_for("a notification came", notified, 10)
        listener.close()

    def test_under_load(self):
        """Orders go on while the worker is killed, each acknowledged one
        with its task done."""
        products = [self.rig.sellable(self.api, 100000)]
        load = Load(self.api, products, 3)
        try:
            wait_for("the load runs", lambda: len(load.confirmed) > 20)
            os.kill(self.worker(), signal.SIGKILL)
            before = len(load.confirmed)
            wait_for("the load goes on", lambda: len(load.confirmed) > before + 20)
        finally:
            load.finish()
        load.check(self.rig)
        wait_for("all tasks are done", lambda: self.rig.value(
            "SELECT count(*) FROM oms.task WHERE state IN ('ready', 'running')") == 0, 60)

    def test_what_is_wrong_is_told(self):
        """The worker looks by itself at what has changed, and says what it found."""
        spoil = "BEGIN; SET LOCAL session_replication_role = replica; UPDATE oms.orders SET total_amount = total_amount + %d WHERE id = %d; COMMIT"
        self.rig.sql("SELECT count(*) FROM oms.integrity_check(true)")
        order = self.rig.value("SELECT oms.order_create(jsonb_build_array(jsonb_build_object('product_id', %s, 'quantity', 1)))",
                               self.rig.sellable(self.api, 5))
        self.rig.sql(spoil % (1, order))
        self.rig.sql("ALTER SYSTEM SET oms.integrity_interval = '1s'")
        self.rig.sql("SELECT pg_reload_conf()")
        time.sleep(1)
        try:
            os.kill(self.worker(), signal.SIGTERM)      # one that starts does its chores at once
            told = wait_for("it is told", lambda: self.rig.sql(
                "SELECT payload, actor, aggregate_id FROM oms.event WHERE type = 'integrity.problem'"), 30)
        finally:
            self.rig.sql("ALTER SYSTEM RESET oms.integrity_interval")
            self.rig.sql("SELECT pg_reload_conf()")
            self.rig.sql(spoil % (-1, order))
        self.assertEqual(told[0][0], {"problems": 1, "checks": ["order_total"]})
        self.assertEqual(self.rig.value("SELECT kind FROM oms.integrity_run WHERE id = %s", told[0][2]), "incremental")
        log = self.rig.value("SELECT pg_read_file(pg_current_logfile())")
        self.assertIn("oms.integrity: check order_total found 1 problem", log)
        self.assertIn('["order %d"]' % order, log)

    def test_extension_dropped_and_made_again(self):
        """The data is the user's: it outlives DROP EXTENSION."""
        self.finished(self.enqueue(2))
        before = self.rig.value("SELECT count(*) FROM oms.stock_move")
        self.rig.sql("SELECT oms.worker_pause()")
        tasks = self.enqueue(10, 0.01)
        self.rig.sql("DROP EXTENSION oms CASCADE")
        self.assertEqual(self.rig.value("SELECT count(*) FROM oms.stock_move"), before)
        time.sleep(1)
        self.rig.cluster("install")
        self.rig.sql("SELECT oms.worker_resume()")
        self.register()
        self.finished(tasks, 60)
        self.assertEqual(self.rig.sql("SELECT * FROM oms.integrity"), [])
        with self.assertRaises(client.psycopg2.Error) as caught:
            self.rig.sql("UPDATE oms.stock SET on_hand = on_hand + 1")
        self.assertEqual(caught.exception.pgcode, "OM040")
        # omsd finds its functions again, too
        product = wait_for("omsd works", lambda: self.api.get("products/").status == 200, 15) and \
            self.rig.sellable(self.api, 5)
        answer = self.api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]})
        self.assertEqual(answer.status, 201, answer)

    def test_extension_dropped_at_work(self):
        """The worker neither hinders DROP EXTENSION nor dies of it."""
        self.enqueue(50, 0.02)
        began = time.monotonic()
        self.rig.sql("DROP EXTENSION oms CASCADE")
        self.assertLess(time.monotonic() - began, 10)
        time.sleep(0.5)
        self.rig.cluster("install")
        self.register()
        wait_for("all tasks are done", lambda: self.rig.value(
            "SELECT count(*) FROM oms.task WHERE state IN ('ready', 'running')") == 0, 60)
        self.assertEqual(self.rig.sql("SELECT task_id FROM effect.done GROUP BY 1 HAVING count(*) > 1"), [])


class Database(RigTest):
    """DROP DATABASE ... WITH (FORCE) under a worker and omsd at work."""

    def test_dropped_and_made_again(self):
        rig = self.rig
        wait_for("a worker", lambda: rig.backends("oms worker%"), 20)
        product = rig.sellable(self.api, 1000)
        for _ in range(20):
            answer = self.api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]})
            self.assertEqual(answer.status, 201, answer)
        rig.kept.close()
        for _ in range(2):
            began = time.monotonic()
            rig.sql("DROP DATABASE oms WITH (FORCE)", dbname="postgres")
            self.assertLess(time.monotonic() - began, 8, "DROP DATABASE was held up")
            time.sleep(3)
            rig.sql("CREATE DATABASE oms", dbname="postgres")
        rig.cluster("install")
        rig.sql("SELECT oms.account_create('admin', %s, 'admin')", ADMIN_PASSWORD)
        wait_for("omsd works again", lambda: Client(checked=False, url=rig.url).get(
            "/readyz").status == 200, 20)
        wait_for("log-ins work again", lambda: Client(checked=False, url=rig.url).post(
            "token/", {"username": "admin", "password": ADMIN_PASSWORD}).status == 200, 20)
        api = rig.login()
        # each role has connections of its own, which come back when they have paused long enough
        wait_for("administrators are served again", lambda: api.get("products/").status == 200, 20)
        product = rig.sellable(api, 1000)
        answer = api.post("orders/", {"items": [{"product_id": product, "quantity": 1}]})
        self.assertEqual(answer.status, 201, answer)
        wait_for("the worker works again", lambda: rig.value(
            "SELECT count(*) FROM oms.task WHERE state = 'done'") == 1, 90, 0.2)
