"""pg_dump and restore: a fresh database with equal contents that works."""
import os

from rig import RigTest, client, wait_for


def contents(rig, dbname):
    """Rows of every table of oms as text, and the values of its sequences."""
    state = {}
    for (table,) in rig.sql(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE nspname LIKE 'oms%%' AND relkind IN ('r', 'p') ORDER BY 1", dbname=dbname):
        state[table] = sorted(r[0] for r in rig.sql("SELECT t::text FROM %s t" % table, dbname=dbname))
    return state


class Dump(RigTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        products = [cls.rig.sellable(cls.api, 100, "%d.99" % i) for i in range(5)]
        for number in range(25):
            made = cls.api.post("orders/", {"customer_name": "Käufer %d \"'\\" % number, "items": [
                {"product_id": p, "quantity": 1 + number % 3} for p in products[:1 + number % 5]]},
                headers={"Idempotency-Key": "key%d" % number})
            assert made.status == 201, made
            for status in (("CONFIRMED", "SHIPPED", "DELIVERED"), ("CONFIRMED",), (), ("CANCELLED",),
                           ("CONFIRMED", "CANCELLED"))[number % 5]:
                answer = cls.api.patch("orders/%d/status/" % made.json["id"], {"status": status})
                assert answer.status == 200, answer
        cls.api.delete("products/%d/" % products[4])
        # nothing may change between the dump and the comparison
        cls.rig.stop_omsd()
        wait_for("the tasks are done", lambda: cls.rig.value(
            "SELECT count(*) FROM oms.task WHERE state IN ('ready', 'running')") == 0)
        cls.rig.sql("SELECT oms.worker_pause()")

    def restored(self, name, restore):
        rig = self.rig
        rig.sql("CREATE DATABASE %s" % name, dbname="postgres")
        before = contents(rig, "oms")
        restore(rig.conninfo.replace("dbname=oms", "dbname=" + name))
        self.assertEqual(contents(rig, "oms"), before, "the original changed meanwhile")
        after = contents(rig, name)
        self.assertEqual(set(after), set(before))
        for table in before:
            self.assertEqual(after[table], before[table], table)
        self.assertGreater(len(after["oms.orders"]), 20)
        self.assertEqual(rig.sql("SELECT * FROM oms.integrity", dbname=name), [])
        self.works(name)
        rig.sql("DROP DATABASE %s WITH (FORCE)" % name, dbname="postgres")

    def works(self, name):
        """Verbs, guards and privileges of the copy."""
        rig = self.rig
        connection = client.connect(rig.conninfo.replace("dbname=oms", "dbname=" + name))
        with connection.cursor() as cursor:
            cursor.execute("SELECT oms.install()")
            cursor.execute("SELECT product_id FROM oms.stock s JOIN oms.product p ON p.id = product_id "
                           "WHERE archived_at IS NULL AND on_hand - reserved - allocated > 1 LIMIT 1")
            product = cursor.fetchone()[0]
            cursor.execute("SELECT max(id) FROM oms.orders")
            last = cursor.fetchone()[0]
            cursor.execute("SELECT oms.order_create(items => %s)",
                           ('[{"product_id":%d,"quantity":1}]' % product,))
            order = cursor.fetchone()[0]
            self.assertGreater(order, last)
            for verb in ("order_confirm", "order_ship", "order_deliver"):
                cursor.execute("SELECT oms.%s(%%s)" % verb, (order,))
            cursor.execute("SELECT status FROM oms.orders WHERE id = %s", (order,))
            self.assertEqual(cursor.fetchone()[0], "DELIVERED")
            with self.assertRaises(client.psycopg2.Error) as caught:
                cursor.execute("UPDATE oms.stock SET on_hand = 0")
            self.assertEqual(caught.exception.pgcode, "OM040")
            cursor.execute("SELECT has_table_privilege('oms_reader', 'oms.orders', 'SELECT'), "
                           "has_table_privilege('oms_staff', 'oms.orders', 'UPDATE'), "
                           "has_function_privilege('public', 'oms.order_confirm(bigint)', 'EXECUTE')")
            self.assertEqual(cursor.fetchone(), (True, False, False))
        connection.close()
        self.assertEqual(rig.sql("SELECT * FROM oms.integrity", dbname=name), [])

    def test_plain(self):
        def restore(conninfo):
            text = self.rig.tool("pg_dump", "-d", self.rig.conninfo)
            self.rig.tool("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo, input=text)
        self.restored("copy_plain", restore)

    def test_directory_in_parallel(self):
        def restore(conninfo):
            where = os.path.join(self.rig.dir, "dump")
            self.rig.tool("pg_dump", "-Fd", "-j2", "-f", where, "-d", self.rig.conninfo)
            self.rig.tool("pg_restore", "--exit-on-error", "-j2", "-d", conninfo, where)
        self.restored("copy_parallel", restore)

    def test_with_a_column_and_an_index_of_the_administrator(self):
        rig = self.rig
        rig.sql("ALTER TABLE oms.product ADD COLUMN colour text DEFAULT 'red'")
        rig.sql("CREATE INDEX product_colour_idx ON oms.product (colour)")

        def restore(conninfo):
            text = rig.tool("pg_dump", "-d", rig.conninfo)
            rig.tool("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo, input=text)
        try:
            self.restored("copy_wider", restore)
        finally:
            rig.sql("ALTER TABLE oms.product DROP COLUMN colour")
