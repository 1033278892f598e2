-- CREATE EXTENSION, oms.install(), DROP and again; two databases
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_install;
DROP DATABASE IF EXISTS oms_regress_install2;
CREATE DATABASE oms_regress_install;
CREATE DATABASE oms_regress_install2;
\c oms_regress_install
SET client_min_messages = warning;
CREATE EXTENSION oms;
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

-- the code is there, the tables are not
SELECT * FROM fails($$SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]')$$);
SELECT * FROM fails($$SELECT oms_rest.ready('', 'r')$$);
SELECT * FROM fails($$SELECT oms_rest.product_list('ann', 'r', 'u', '{}')$$);
SELECT count(*) FROM pg_class WHERE relnamespace = 'oms'::regnamespace;
SELECT deptype, count(*) > 50 FROM pg_depend WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'oms') GROUP BY 1;

SELECT oms.install();
SELECT oms_rest.ready('', 'r');
SELECT relname, relkind FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname COLLATE "C";
-- none of them belongs to the extension
SELECT c.relname FROM pg_depend AS d JOIN pg_class AS c ON c.oid = d.objid AND d.classid = 'pg_class'::regclass WHERE d.deptype = 'e';
SELECT version FROM oms.schema_version;
SELECT id, code FROM oms.location;
SELECT rolname, rolcanlogin, rolinherit, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles
WHERE rolname IN ('oms_reader', 'oms_staff', 'oms_admin', 'omsd') ORDER BY 1;

-- installing again changes nothing, whatever an administrator has added, and brings back what is missing
SELECT oms.product_create('A', 'a', 1), oms.stock_receive(1, 9), oms.order_create('[{"product_id": 1, "quantity": 2}]');
ALTER TABLE oms.orders ADD COLUMN shop text DEFAULT 'web';
CREATE INDEX orders_shop_idx ON oms.orders (shop);
INSERT INTO oms.location (code, name) VALUES ('BACK', 'Back room');
INSERT INTO oms.order_status VALUES ('QUOTED', true);
INSERT INTO oms.order_transition VALUES ('PENDING', 'QUOTED', 'none', 'oms_staff');
DROP TRIGGER guard ON oms.orders;
DROP VIEW oms.integrity;
REVOKE EXECUTE ON FUNCTION oms.order_confirm FROM oms_staff;
CREATE TEMP TABLE before AS SELECT c.oid, c.relfilenode, c.relacl FROM pg_class AS c WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'i');
SELECT oms.install();
SELECT oms.install();
SELECT count(*) FROM before AS b LEFT JOIN pg_class AS c USING (oid, relfilenode) WHERE c.oid IS NULL;
SELECT * FROM fails('DELETE FROM oms.orders');
SELECT has_function_privilege('oms_staff', 'oms.order_confirm(bigint)', 'EXECUTE');
SELECT count(*) FROM oms.order_transition;
SELECT code FROM oms.location ORDER BY id;
SELECT oms.order_move(1, 'QUOTED'), oms.order_create('[{"product_id": 1, "quantity": 2}]');
SELECT id, status, shop FROM oms.orders ORDER BY id;
-- verbs go on when the tables change under them
ALTER TABLE oms.orders DROP COLUMN shop;
ALTER TABLE oms.stock ADD COLUMN shelf text NOT NULL DEFAULT 'A1';
ALTER TABLE oms.order_history ALTER COLUMN reason SET DEFAULT 'because';
SELECT oms.order_create('[{"product_id": 1, "quantity": 2}]'), oms.order_confirm(2), oms.order_confirm(3);
SELECT shelf, available FROM oms.stock;
VACUUM FULL oms.orders, oms.stock, oms.order_line, oms.order_history, oms.event, oms.stock_move;
REINDEX TABLE oms.stock;
SELECT oms.order_cancel(3);
CLUSTER oms.orders USING orders_pkey;
SELECT oms.order_create('[{"product_id": 1, "quantity": 2}]'), oms.order_ship(2);
SELECT * FROM oms.integrity;

-- another database has its own
\c oms_regress_install2
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
SELECT oms.product_create('A', 'another a', 2), oms.order_create('[{"product_id": 1, "quantity": 1}]');
SELECT count(*) FROM oms.orders;
\c oms_regress_install
SET client_min_messages = warning;
SELECT count(*) FROM oms.orders;

-- who may not
SET ROLE oms_admin;
SELECT * FROM public.fails('SELECT oms.install()');
SELECT code FROM public.fails('DROP EXTENSION oms CASCADE');
RESET ROLE;

-- without the extension the data stays; with it all goes on, in a session that knew the old one too
SELECT code FROM fails('DROP EXTENSION oms');
DROP EXTENSION oms CASCADE;
SELECT count(*) FROM oms.orders;
SELECT count(*) FROM oms.stock_move;
CREATE EXTENSION oms;
SELECT oms.install();
SELECT oms.order_deliver(2), oms.order_create('[{"product_id": 1, "quantity": 1}]');
SELECT * FROM fails('DELETE FROM oms.orders');
SELECT * FROM oms.integrity;
-- nor is anything left that a fresh beginning would stumble over
DROP EXTENSION oms CASCADE;
DROP SCHEMA oms CASCADE;
CREATE EXTENSION oms;
SELECT code, message FROM fails('SELECT oms.order_confirm(1)');
SELECT oms.install();
SELECT oms.product_create('A', 'a', 1), oms.stock_receive(1, 5), oms.order_create('[{"product_id": 1, "quantity": 1}]'), oms.order_confirm(1);
SELECT oms_rest.order_list('ann', 'r', 'u', '{}') ->> 'count', oms_rest.product_list('ann', 'r', 'u', '{}') ->> 'count';
SELECT * FROM oms.integrity;
-- of the wrong version
BEGIN;
INSERT INTO oms.schema_version (version) VALUES (99);
SELECT * FROM fails($$SELECT oms_rest.ready('', 'r')$$);
ROLLBACK;
-- the schema of the extension is fixed
\c oms_regress_install2
SELECT extname, extrelocatable, extnamespace::regnamespace FROM pg_extension WHERE extname = 'oms';
\c postgres
DROP DATABASE oms_regress_install;
DROP DATABASE oms_regress_install2;
