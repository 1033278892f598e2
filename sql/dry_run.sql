-- the setting oms.dry_run, and oms.why_not
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_dry_run;
CREATE DATABASE oms_regress_dry_run;
\c oms_regress_dry_run
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
-- all rows of all tables, as one number
CREATE FUNCTION digest() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  part text;
  everything text := '';
  t regclass;
BEGIN
  FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' ORDER BY relname LOOP
    EXECUTE format('SELECT coalesce(md5(string_agg(x::text, %L ORDER BY x::text)), %L) FROM %s AS x', ',', '', t) INTO part;
    everything := everything || t || part;
  END LOOP;
  RETURN md5(everything);
END $$;
-- runs a statement that must fail
CREATE FUNCTION fails(statement text, OUT code text, OUT message text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  code := 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT;
END $$;
SELECT oms.product_create('A', 'a', 1), oms.stock_receive(1, 10);
SELECT oms.order_create('[{"product_id": 1, "quantity": 3}]'), oms.order_create('[{"product_id": 1, "quantity": 30}]');

-- each verb answers as ever, and nothing is left of it
SELECT digest() AS before \gset
SET oms.dry_run = on;
SELECT oms.order_confirm(1);
SELECT oms.stock_receive(1, 5), oms.stock_receive(1, 5);
SELECT order_id, ok, sqlstate FROM oms.orders_confirm('{1,2,99}');
SELECT ok, count(*) FROM oms.orders_create((SELECT jsonb_agg('{"items": [{"product_id": 1, "quantity": 1}]}'::jsonb) FROM generate_series(1, 1000))) GROUP BY ok;
SELECT oms.product_create('B', 'b', 1) > 1;
SELECT * FROM fails('SELECT oms.order_confirm(2)');
SELECT * FROM fails('SELECT oms.order_ship(1)');
SELECT * FROM fails('SELECT oms.order_confirm(99)');
SELECT digest() = :'before';
-- rows that do not fit into memory come out as well
SET work_mem = '64kB';
SELECT ok, count(*), count(DISTINCT order_id) FROM oms.orders_create((SELECT jsonb_agg('{"items": [{"product_id": 1, "quantity": 1}]}'::jsonb) FROM generate_series(1, 5000))) GROUP BY ok;
RESET work_mem;
SELECT digest() = :'before';
-- for one transaction, and beside what is done for real
RESET oms.dry_run;
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT oms.order_confirm(1);
SET LOCAL oms.dry_run = off;
SELECT oms.stock_receive(1, 1);
SAVEPOINT a;
SET LOCAL oms.dry_run = on;
SELECT oms.order_confirm(1);
SELECT oms.order_confirm(2);
ROLLBACK TO a;
SELECT oms.order_confirm(1);
COMMIT;
SHOW oms.dry_run;
SELECT on_hand, allocated FROM oms.stock;
-- within a handler of errors, and after it
DO $$
BEGIN
  SET LOCAL oms.dry_run = on;
  BEGIN
    PERFORM oms.order_confirm(2);
  EXCEPTION WHEN OTHERS THEN
    RAISE WARNING '%', SQLSTATE;
  END;
  PERFORM oms.order_confirm(1);
  SET LOCAL oms.dry_run = off;
  PERFORM oms.order_confirm(1);
END $$;
SELECT id, status FROM oms.orders ORDER BY id;
SELECT on_hand, allocated FROM oms.stock;
-- what is kept by the session is right after it: lists count, verbs write
SET oms.dry_run = on;
SELECT oms.product_create('C', 'c', 1) > 1;
SELECT oms_rest.product_list('a', 'r', 'u', '{}') ->> 'count';
RESET oms.dry_run;
SELECT oms_rest.product_list('a', 'r', 'u', '{}') ->> 'count', count(*) FROM oms.product;
SELECT oms.order_pack(1);
SELECT status FROM oms.orders WHERE id = 1;
-- a verb in the trigger of another belongs to it
CREATE FUNCTION also() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM oms.stock_receive(1, 100); RETURN NULL; END $$;
CREATE TRIGGER also AFTER INSERT ON oms.product FOR EACH ROW EXECUTE FUNCTION also();
SELECT digest() AS before \gset
SET oms.dry_run = on;
SELECT oms.product_create('D', 'd', 1) > 1;
RESET oms.dry_run;
SELECT digest() = :'before';
DROP TRIGGER also ON oms.product;

-- what stands in the way of a step
SELECT * FROM oms.why_not(1, 'SHIPPED');
SELECT sqlstate, message, detail::jsonb, hint <> '' FROM oms.why_not(2, 'CONFIRMED');
SELECT sqlstate, message, hint <> '' FROM oms.why_not(2, 'DELIVERED');
SELECT sqlstate, message FROM oms.why_not(99, 'CONFIRMED');
SELECT sqlstate, message FROM oms.why_not(2, 'LOST');
SELECT * FROM fails('SELECT * FROM oms.why_not(1, NULL)');
SELECT sqlstate FROM oms.why_not(NULL, 'CONFIRMED');
SELECT o.id, count(w.sqlstate) FROM oms.orders o LEFT JOIN LATERAL oms.why_not(o.id, 'CANCELLED') w ON true GROUP BY o.id ORDER BY 1;
-- a rule of the administrator's is told as well
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not on Sundays'; END $$;
CREATE TRIGGER refuse AFTER UPDATE ON oms.orders FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT sqlstate, message FROM oms.why_not(1, 'SHIPPED');
DROP TRIGGER refuse ON oms.orders;
SELECT * FROM fails('SET LOCAL transaction_read_only = on; SELECT * FROM oms.why_not(1, ''SHIPPED'')');
SELECT digest() = :'before';
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_dry_run;
