"""An import goes on where it was when its worker, or the server, was killed:
no row is lost, and none is done twice."""
import os
import signal
import time

from rig import ADMIN_PASSWORD, RigTest, client, wait_for

ROWS = 20000


class Import(RigTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rig.sql("ALTER SYSTEM SET oms.task_backoff = '100ms'")
        cls.rig.sql("SELECT pg_reload_conf()")

    def begin(self, mode, rows=ROWS):
        """An import of receipts of one unit each, queued; its id and the product."""
        sku = "I%d" % time.monotonic_ns()
        product = self.rig.value("SELECT oms.product_create(%s, 'i', 1)", sku)
        number = self.rig.value("SELECT oms.import_begin('stock', %s)", mode)
        self.rig.sql("SELECT oms.import_add(%s, (SELECT jsonb_agg(jsonb_build_object('sku', %s::text, 'receive', 1)) "
                     "FROM generate_series(1, %s)))", number, sku, rows)
        self.rig.sql("SELECT oms.import_queue(%s)", number)
        return number, product

    def progress(self, number):
        return self.rig.sql("SELECT state, done, failed FROM oms.import WHERE id = %s", number)[0]

    def kill_worker(self):
        os.kill(wait_for("a worker", lambda: self.rig.backends("oms worker%"), 30)[0], signal.SIGKILL)
        wait_for("PostgreSQL is back", self.answers, 60)

    def answers(self):
        try:
            return self.rig.value("SELECT 1") == 1
        except client.psycopg2.Error:
            return False

    def all_done(self, number, product, rows=ROWS):
        wait_for("the import ends", lambda: self.progress(number)[0] == "DONE", 120, 0.1)
        self.assertEqual(self.progress(number), ("DONE", rows, 0))
        self.assertEqual(self.rig.value("SELECT on_hand FROM oms.stock WHERE product_id = %s", product), rows)
        self.assertEqual(self.rig.value("SELECT count(*) FROM oms.stock_move WHERE product_id = %s", product), rows)
        self.assertEqual(self.rig.value("SELECT count(*) FROM oms.import_row WHERE import_id = %s AND state = 'ok'",
                                        number), rows)
        self.assertEqual(self.rig.sql("SELECT * FROM oms.integrity"), [])

    def test_killed_in_the_middle(self):
        number, product = self.begin("each")
        for part in (1, 3):
            wait_for("some rows are done", lambda: self.progress(number)[1] >= part * 1000, 60, 0.005)
            before = self.progress(number)
            self.assertEqual(before[0], "RUNNING", "too fast to be killed")
            self.kill_worker()
            self.assertGreaterEqual(self.progress(number)[1], before[1])
        self.all_done(number, product)

    def test_all_killed_in_the_middle(self):
        number, product = self.begin("all")
        wait_for("it runs", lambda: self.rig.value(
            "SELECT count(*) FROM oms.task WHERE handler = 'import_run' AND state = 'running'") == 1, 60, 0.005)
        self.kill_worker()
        self.assertEqual(self.rig.value("SELECT count(*) FROM oms.stock_move WHERE product_id = %s", product) % ROWS, 0)
        self.all_done(number, product)

    def test_cancelled_in_the_middle(self):
        number, product = self.begin("each")
        wait_for("some rows are done", lambda: self.progress(number)[1] >= 1000, 60, 0.005)
        self.rig.sql("SELECT oms.import_cancel(%s)", number)
        state, done, failed = self.progress(number)
        self.assertEqual((state, failed), ("CANCELLED", 0))
        time.sleep(1)
        self.assertEqual(self.progress(number), (state, done, failed))
        self.assertEqual(self.rig.value("SELECT on_hand FROM oms.stock WHERE product_id = %s", product), done)
        self.assertEqual(self.rig.value("SELECT count(*) FROM oms.import_row WHERE import_id = %s AND state = 'waiting'",
                                        number), ROWS - done)

    def test_rows_are_removed_in_time(self):
        number, _ = self.begin("each", 1500)
        wait_for("the import ends", lambda: self.progress(number)[0] == "DONE", 60, 0.1)
        self.rig.sql("ALTER SYSTEM SET oms.import_retention = 0")
        self.rig.sql("SELECT pg_reload_conf()")
        self.kill_worker()  # the next one purges at its start
        wait_for("the rows are removed", lambda: self.rig.value(
            "SELECT count(*) FROM oms.import_row WHERE import_id = %s", number) == 0, 90, 0.1)
        self.assertEqual(self.progress(number), ("DONE", 1500, 0))
        self.rig.sql("ALTER SYSTEM RESET oms.import_retention")
        self.rig.sql("SELECT pg_reload_conf()")
