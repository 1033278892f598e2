"""What staff, administrators and nobody may, by REST and by SQL."""
import re

import psycopg2

import client
from client import document
from fixture import (Test, admin, make_order, make_product, make_sellable, make_stock, nobody, staff,
                     stock, unique)

GUARDED = ("oms.product", "oms.stock", "oms.stock_move", "oms.orders", "oms.order_line",
           "oms.order_history")
READABLE = ("oms.product", "oms.stock", "oms.stock_move", "oms.orders", "oms.order_line",
            "oms.order_history", "oms.order_transition")
SECRET = re.compile("account|session|refresh|idempotency|secret")


class Rest(Test):
    def test_every_operation(self):
        """Each operation by everybody whom its role shuts out.  The ids do
        not exist, so nothing happens even where the wall is missing."""
        for (method, path), operation in document().operations.items():
            role = operation["x-oms"].get("role", "none")
            self.assertIn(role, ("none", "staff", "admin"), (method, path))
            real = document().url(path, str(2 ** 62))
            body = None if method in ("GET", "DELETE") else {}
            shut = {"none": (), "staff": ((nobody(), 401),),
                    "admin": ((nobody(), 401), (staff(), 403))}[role]
            for who, status in shut:
                with self.subTest(operation=method + " " + path, status=status):
                    self.problem(who.call(method, real, body), status)

    def test_roles_of_the_contract(self):
        for method, path, role in (
                ("POST", "token/", "none"), ("POST", "token/refresh/", "none"),
                ("GET", "products/", "staff"), ("POST", "products/", "admin"),
                ("PUT", "products/1/", "admin"), ("PATCH", "products/1/", "admin"),
                ("DELETE", "products/1/", "admin"), ("GET", "products/1/", "staff"),
                ("GET", "inventory/", "staff"), ("POST", "inventory/", "staff"),
                ("PUT", "inventory/1/", "staff"), ("PATCH", "inventory/1/", "staff"),
                ("DELETE", "inventory/1/", "staff"), ("GET", "orders/", "staff"),
                ("POST", "orders/", "staff"), ("POST", "orders/create/", "staff"),
                ("GET", "orders/1/history/", "staff"), ("PATCH", "orders/1/status/", "staff"),
                ("GET", "orders/reports/", "admin"), ("GET", "tasks/", "admin"),
                ("GET", "tasks/1/", "admin"), ("POST", "tasks/1/retry/", "admin"),
                ("POST", "tasks/1/cancel/", "admin")):
            with self.subTest(operation=method + " " + path):
                operation = document().find(method, "/api/v1/" + path)
                self.assertEqual(operation["x-oms"]["role"], role)

    def test_staff_does_not_write_products(self):
        made = make_product("5.00")
        body = {"name": "x", "about": "", "sku": unique("X"), "price": "0.01"}
        one = "products/%d/" % made["id"]
        for answer in (staff().post("products/", body), staff().put(one, body),
                       staff().patch(one, {"price": "0.01"}), staff().delete(one)):
            self.problem(answer, 403, "OM103")
        self.assertEqual(self.ok(staff().get(one)), made)

    def test_forbidden_wins_over_bad_body(self):
        """Who may not call an operation learns nothing from its body checks."""
        for raw in (b"{", b"", b'{"bogus":1}', b"\xff"):
            with self.subTest(raw=raw):
                self.problem(staff().post("products/", raw=raw), 403)
                self.problem(nobody().post("products/", raw=raw), 401)


class Sql(Test):
    """The walls in the database, met by login roles of each kind."""

    @classmethod
    def setUpClass(cls):
        cls.product = make_sellable(100)
        cls.order = make_order((cls.product, 1), status="CONFIRMED")["id"]
        cls.roles = {}
        for kind in ("reader", "staff", "admin", "nobody"):
            name = ("t_%s_%s" % (kind, unique())).lower().replace("-", "_")
            client.rows('CREATE ROLE "%s" LOGIN' % name)
            if kind != "nobody":
                client.rows('GRANT oms_%s TO "%s"' % (kind, name))
            cls.roles[kind] = name

    @classmethod
    def tearDownClass(cls):
        for name in cls.roles.values():
            client.rows('DROP ROLE "%s"' % name)
        super().tearDownClass()

    def as_role(self, kind, *statements):
        """Results of the last statement, run as a login role of that kind in
        a transaction that is rolled back."""
        connection = client.connect(autocommit=False)
        try:
            with connection.cursor() as cursor:
                if kind != "superuser":
                    cursor.execute('SET SESSION AUTHORIZATION "%s"' % self.roles[kind])
                for statement in statements:
                    cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.rollback()
            connection.close()

    def refused(self, kind, *statements, states=("42501",)):
        try:
            got = self.as_role(kind, *statements)
        except psycopg2.Error as error:
            self.assertIn(error.pgcode, states, "%s: %s: %s" % (kind, statements, error))
            return
        self.fail("%s may %s: %r" % (kind, statements, got[:3]))

    def test_public_has_nothing(self):
        for table in client.tables() + ["oms.integrity"]:
            self.refused("nobody", "SELECT * FROM %s LIMIT 1" % table)
        open_to_all = client.rows(
            "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n "
            "ON n.oid = pronamespace WHERE n.nspname LIKE 'oms%%' AND prorettype <> 'trigger'::regtype "
            "AND has_function_privilege(%s, p.oid, 'EXECUTE') "
            "AND has_schema_privilege(%s, n.oid, 'USAGE')",
            self.roles["nobody"], self.roles["nobody"])
        self.assertEqual(open_to_all, [])
        self.refused("nobody", "SELECT oms.order_confirm(1)")

    def test_reader_reads(self):
        for table in READABLE:
            with self.subTest(table=table):
                self.as_role("reader", "SELECT * FROM %s LIMIT 1" % table)

    def test_reader_does_not_act(self):
        line = "'[{\"product_id\":%d,\"quantity\":1}]'" % self.product
        for call in ("oms.order_create(items => %s)" % line, "oms.order_confirm(%d)" % self.order,
                     "oms.order_cancel(%d)" % self.order, "oms.order_ship(%d)" % self.order,
                     "oms.stock_receive(%d, 1)" % self.product,
                     "oms.stock_adjust(%d, 1, 'x')" % self.product,
                     "oms.task_enqueue('order_created', '{}')",
                     "oms.account_create('x', 'a long enough password', 'admin')"):
            with self.subTest(call=call):
                self.refused("reader", "SELECT " + call)

    def test_staff_acts(self):
        line = "'[{\"product_id\":%d,\"quantity\":1}]'" % self.product
        got = self.as_role("staff", "CREATE TEMP TABLE o ON COMMIT DROP AS "
                           "SELECT oms.order_create(items => %s) AS id" % line,
                           "SELECT oms.order_confirm(id) FROM o",
                           "SELECT status, created_by FROM oms.orders JOIN o USING (id)")
        self.assertEqual(got, [("CONFIRMED", self.roles["staff"])])
        self.as_role("staff", "SELECT oms.stock_receive(%d, 5)" % self.product)
        self.as_role("staff", "SELECT oms.stock_adjust(%d, -1, 'broken')" % self.product)

    def test_staff_is_no_administrator(self):
        for call in ("oms.account_create('x', 'a long enough password', 'admin')",
                     "oms.install()"):
            with self.subTest(call=call):
                self.refused("staff", "SELECT " + call)
        self.refused("staff", "INSERT INTO oms.order_transition VALUES ('PENDING', 'LOST')",
                     states=("42501", "OM040"))

    def test_secrets(self):
        for table in client.tables():
            if SECRET.search(table):
                for kind in ("nobody", "reader", "staff"):
                    with self.subTest(table=table, kind=kind):
                        self.refused(kind, "SELECT * FROM %s LIMIT 1" % table)

    def test_nobody_writes_tables(self):
        for table in client.tables():
            column = client.value(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                "AND NOT attisdropped AND attidentity = '' AND attgenerated = '' LIMIT 1", table)
            for kind in ("nobody", "reader", "staff"):
                for statement in ("UPDATE %s SET %s = %s" % (table, column, column),
                                  "DELETE FROM %s" % table, "TRUNCATE %s CASCADE" % table,
                                  "INSERT INTO %s DEFAULT VALUES" % table):
                    with self.subTest(kind=kind, statement=statement):
                        self.refused(kind, statement, states=("42501", "OM040"))

    def test_even_a_superuser_writes_by_verbs_only(self):
        for statement in (
                "UPDATE oms.orders SET status = 'DELIVERED'", "UPDATE oms.orders SET total_amount = 0",
                "UPDATE oms.orders SET status = 'CONFIRMED' WHERE false",
                "UPDATE oms.stock SET on_hand = on_hand + 1", "UPDATE oms.stock SET allocated = 0",
                "UPDATE oms.stock_move SET d_on_hand = 1", "UPDATE oms.order_line SET quantity = 1",
                "UPDATE oms.order_history SET to_status = 'PENDING'", "UPDATE oms.product SET price = 0",
                "WITH x AS (UPDATE oms.stock SET on_hand = 9 RETURNING 1) SELECT * FROM x",
                "MERGE INTO oms.stock s USING (SELECT 1) x ON true WHEN MATCHED THEN UPDATE "
                "SET on_hand = 9",
                "DO $$ BEGIN UPDATE oms.stock SET on_hand = 9; END $$",
                "INSERT INTO oms.order_history (order_id, seq, from_status, to_status, actor) "
                "VALUES (1, 99, 'PENDING', 'CANCELLED', 'x')",
                "INSERT INTO oms.stock_move SELECT * FROM oms.stock_move LIMIT 1",
                *("DELETE FROM %s" % t for t in GUARDED),
                *("TRUNCATE %s CASCADE" % t for t in GUARDED)):
            with self.subTest(statement=statement):
                self.refused("superuser", statement, states=("OM040",))

    def test_guards_stay_up_after_an_error_in_a_verb(self):
        update = "UPDATE oms.stock SET on_hand = on_hand + 1"
        self.refused("superuser", "SAVEPOINT a",
                     "DO $$ BEGIN PERFORM oms.order_confirm(-1); EXCEPTION WHEN OTHERS THEN END $$",
                     update, states=("OM040",))
        self.refused("superuser", "SELECT oms.stock_receive(%d, 1)" % self.product, update,
                     states=("OM040",))
        connection = client.connect()
        with connection.cursor() as cursor:
            for statement in ("SELECT oms.order_confirm(-1)", "SELECT oms.stock_receive(-1, 1)",
                              "SELECT oms.order_create(items => '[]')"):
                with self.assertRaises(psycopg2.Error):
                    cursor.execute(statement)
                with self.assertRaises(psycopg2.Error) as caught:
                    cursor.execute(update)
                self.assertEqual(caught.exception.pgcode, "OM040")
        connection.close()

    def test_no_setting_opens_the_guards(self):
        for name in [r[0] for r in client.rows("SELECT name FROM pg_settings WHERE name LIKE 'oms.%%' "
                                               "AND vartype = 'bool' AND context IN ('user', 'superuser')")]:
            for text in ("on", "off"):
                with self.subTest(setting=name):
                    self.refused("superuser", "SET LOCAL %s = %s" % (name, text),
                                 "UPDATE oms.stock SET on_hand = on_hand + 1", states=("OM040",))

    def test_actor_cannot_be_borrowed(self):
        body = '{"items":[{"product_id":%d,"quantity":1}]}' % self.product
        for kind in ("nobody", "reader", "staff", "admin"):
            with self.subTest(kind=kind):
                self.refused(kind, "SELECT oms_rest.order_create('admin', 'x', '%s', NULL)" % body,
                             states=("42501", "OM024"))

    def test_search_path_is_pinned(self):
        line = "'[{\"product_id\":%d,\"quantity\":1}]'" % self.product
        got = self.as_role(
            "staff", "CREATE TEMP TABLE product AS SELECT * FROM oms.product WHERE false",
            "CREATE TEMP TABLE orders (LIKE oms.orders)",
            "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS "
            "'SELECT timestamptz ''2001-01-01''' ",
            "SET LOCAL search_path = pg_temp, oms, pg_catalog",
            "CREATE TEMP TABLE made AS SELECT oms.order_create(items => %s) AS id" % line,
            "SELECT count(*), min(extract(year FROM created_at)) > 2020 FROM oms.orders "
            "WHERE id = (SELECT id FROM made)")
        self.assertEqual(got, [(1, True)])

    def test_hand_written_update_changed_nothing(self):
        self.assertEqual(stock(self.product)[2], 1)
        record = make_stock(make_product()["id"], 3)
        self.refused("superuser", "UPDATE oms.stock SET on_hand = 100 WHERE id = %d" % record["id"],
                     states=("OM040",))
        self.assertEqual(stock(record["product"]), (3, 0, 0, 3))
        self.ok(admin().get("inventory/%d/" % record["id"]))
