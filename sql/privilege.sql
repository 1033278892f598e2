-- privileges: each role does what it may, as itself
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_privilege;
CREATE DATABASE oms_regress_privilege;
\c oms_regress_privilege
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
-- runs a statement that must fail
CREATE FUNCTION fails(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  code := 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
END $$;
GRANT EXECUTE ON FUNCTION fails TO PUBLIC;
-- what a role gets when it does one thing of each kind
CREATE TABLE attempt (id integer GENERATED ALWAYS AS IDENTITY, kind text, statement text);
GRANT SELECT ON attempt TO PUBLIC;
INSERT INTO attempt (kind, statement) VALUES
  ('read a table', 'SELECT * FROM oms.orders'),
  ('read the ledger', 'SELECT * FROM oms.stock_move'),
  ('read the outbox', 'SELECT * FROM oms.event'),
  ('check integrity', 'SELECT * FROM oms.integrity'),
  ('read kept answers', 'SELECT * FROM oms.idempotency'),
  ('read password hashes', 'SELECT password_hash FROM oms.account'),
  ('read accounts', 'SELECT username FROM oms.account'),
  ('read refresh tokens', 'SELECT * FROM oms.refresh_token'),
  ('enter an order', $$SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]')$$),
  ('confirm an order', 'SELECT oms.order_confirm(1)'),
  ('confirm orders', 'SELECT * FROM oms.orders_confirm(''{1}'')'),
  ('book stock', $$SELECT oms.stock_adjust(1, 1, 'found')$$),
  ('enter a product', $$SELECT oms.product_create('X' || pg_backend_pid() || random(), 'x', 1)$$),
  ('change a product', 'SELECT oms.product_update(1, price => 2)'),
  ('archive a product', 'SELECT oms.product_archive(2)'),
  ('read the report', 'SELECT oms.report_summary()'),
  ('change the state machine', $$UPDATE oms.order_transition SET least_role = 'oms_staff' WHERE to_status = 'PACKED'$$),
  ('make a location', $$INSERT INTO oms.location (code, name) VALUES (left(md5(random()::text), 8), 'x')$$),
  ('make an account', $$SELECT oms.account_create('x' || substr(md5(random()::text), 1, 8), 'correct horse')$$),
  ('queue a task', $$SELECT oms.task_enqueue('order_created', '{"order_id": 1}')$$),
  ('write a table', $$UPDATE oms.orders SET status = 'DELIVERED'$$),
  ('write the ledger', 'DELETE FROM oms.stock_move'),
  ('empty a table', 'TRUNCATE oms.event'),
  ('draw an id', $$SELECT nextval('oms.orders_id_seq')$$),
  ('set a sequence', $$SELECT setval('oms.orders_id_seq', 1)$$),
  ('lock a table', 'LOCK TABLE oms.orders IN EXCLUSIVE MODE'),
  ('make a trigger', 'CREATE TRIGGER t BEFORE INSERT ON oms.orders FOR EACH ROW EXECUTE FUNCTION pg_temp.t()'),
  ('make an object', 'CREATE TABLE oms.mine (x int)'),
  ('call a guard', 'SELECT oms.guard()'),
  ('install', 'SELECT oms.install()'),
  ('be another user: read', $$SELECT oms_rest.order_list('eve', 'r', 'u', '{}')$$),
  ('be another user: write', $$SELECT oms_rest.order_create('eve', 'r', '{"items": [{"product_id": 1, "quantity": 1}]}', NULL)$$),
  ('be another user: product', $$SELECT oms_rest.product_update('eve', 'r', 1, '{"price": 1}')$$),
  ('log in', $$SELECT oms_rest.token_create('', 'r', '{"username": "nobody", "password": "wrong horse"}')$$);
SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 1), oms.stock_receive(1, 1000), oms.order_create('[{"product_id": 1, "quantity": 1}]');
DROP ROLE IF EXISTS oms_regress_nobody, oms_regress_reader, oms_regress_staff, oms_regress_admin;
CREATE ROLE oms_regress_nobody;
CREATE ROLE oms_regress_reader IN ROLE oms_reader;
CREATE ROLE oms_regress_staff IN ROLE oms_staff;
CREATE ROLE oms_regress_admin IN ROLE oms_admin;
SET oms.password_ops = 1;
SET oms.password_memory = '1MB';
CREATE TEMP TABLE result (role text, id integer, code text);
GRANT INSERT ON result TO PUBLIC;

-- each as its own login; an error of PostgreSQL's is 42501, the guard's OM040, the forged actor's OM024
SET SESSION AUTHORIZATION oms_regress_nobody;
INSERT INTO result SELECT 'nobody', a.id, f.code FROM public.attempt AS a, public.fails(a.statement) AS f;
SET SESSION AUTHORIZATION oms_regress_reader;
INSERT INTO result SELECT 'reader', a.id, f.code FROM public.attempt AS a, public.fails(a.statement) AS f;
SET SESSION AUTHORIZATION oms_regress_staff;
INSERT INTO result SELECT 'staff', a.id, f.code FROM public.attempt AS a, public.fails(a.statement) AS f;
SET SESSION AUTHORIZATION oms_regress_admin;
INSERT INTO result SELECT 'admin', a.id, f.code FROM public.attempt AS a, public.fails(a.statement) AS f;
-- omsd has nothing of its own but the log-in; it acts by SET ROLE
SET SESSION AUTHORIZATION omsd;
INSERT INTO result SELECT 'omsd', a.id, f.code FROM public.attempt AS a, public.fails(a.statement) AS f;
SET ROLE oms_staff;
INSERT INTO result SELECT 'omsd as staff', a.id, f.code FROM public.attempt AS a, public.fails(a.statement) AS f;
SET ROLE oms_admin;
INSERT INTO result SELECT 'omsd as admin', a.id, f.code FROM public.attempt AS a, public.fails(a.statement) AS f;
RESET SESSION AUTHORIZATION;
INSERT INTO result SELECT 'superuser', a.id, f.code FROM public.attempt AS a, public.fails(a.statement) AS f
WHERE kind LIKE 'write%' OR kind LIKE 'empty%';
SELECT a.kind, string_agg(r.role || ' ' || r.code, ', ' ORDER BY array_position('{nobody,reader,staff,admin,omsd,omsd as staff,omsd as admin,superuser}', r.role))
FROM attempt AS a JOIN result AS r ON r.id = a.id GROUP BY a.id, a.kind ORDER BY a.id;

-- who did it is recorded: direct callers by their role, omsd's by the user it names
SELECT DISTINCT actor FROM oms.order_history ORDER BY 1;
SELECT DISTINCT actor FROM oms.stock_move ORDER BY 1;
-- a role that is changed to is the one that acts
GRANT oms_regress_staff TO oms_regress_admin;
SET SESSION AUTHORIZATION oms_regress_admin;
SET ROLE oms_regress_staff;
SELECT oms.stock_adjust(1, 1, 'as another role') > 0;
SELECT * FROM public.fails($$SELECT oms.product_archive(1)$$);
RESET SESSION AUTHORIZATION;
SELECT actor FROM oms.stock_move WHERE reason = 'as another role';
-- the words of a refusal
SET SESSION AUTHORIZATION oms_regress_staff;
SELECT * FROM public.fails($$SELECT oms_rest.order_get('admin', 'r', 1)$$);
SELECT * FROM public.fails($$UPDATE oms.stock SET on_hand = 0$$);
RESET SESSION AUTHORIZATION;
SELECT * FROM fails($$UPDATE oms.stock SET on_hand = 0$$);
-- a function of a caller with less rights runs with the rights of who owns it
CREATE FUNCTION confirm_for_all(o bigint) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT oms.order_confirm(o)';
GRANT EXECUTE ON FUNCTION confirm_for_all TO PUBLIC;
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]') AS o \gset
SET SESSION AUTHORIZATION oms_regress_nobody;
SELECT public.confirm_for_all(:o);
RESET SESSION AUTHORIZATION;
SELECT actor = current_user FROM oms.order_history WHERE order_id = :o AND seq = 2;

DROP OWNED BY oms_regress_nobody, oms_regress_reader, oms_regress_staff, oms_regress_admin;
DROP ROLE oms_regress_nobody, oms_regress_reader, oms_regress_staff, oms_regress_admin;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_privilege;
