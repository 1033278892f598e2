-- verbs inside the caller's transactions, savepoints, triggers and functions
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_transaction;
CREATE DATABASE oms_regress_transaction;
\c oms_regress_transaction
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

SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 1), oms.stock_receive(1, 100), oms.stock_receive(2, 100);
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]') FROM generate_series(1, 10);

-- a transaction undoes all of it, a savepoint its part
BEGIN;
SELECT oms.order_confirm(1), oms.order_cancel(2), oms.stock_adjust(1, 5, 'x'), oms.product_update(1, price => 9);
ROLLBACK;
SELECT status FROM oms.orders WHERE id IN (1, 2);
BEGIN;
SELECT oms.order_confirm(1);
SAVEPOINT a;
SELECT oms.order_cancel(1);
SAVEPOINT b;
SELECT oms.order_confirm(2);
ROLLBACK TO a;
SELECT oms.order_ship(1);
RELEASE a;
COMMIT;
SELECT id, status, version FROM oms.orders WHERE id IN (1, 2) ORDER BY 1;

-- after an error that was caught, a hand is no verb
DO $$
DECLARE
  statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY['SELECT oms.order_create(''[]'')', 'SELECT oms.order_confirm(99)', 'SELECT oms.order_ship(3)',
    'SELECT oms.stock_adjust(1, -9999, ''x'')', 'SELECT oms.product_create(''A'', ''a'', 1)', 'SELECT * FROM oms.orders_confirm(''{{1},{2}}'')'] LOOP
    BEGIN
      EXECUTE statement;
    EXCEPTION WHEN OTHERS THEN
      RAISE INFO '% %', sqlstate, sqlerrm;
      BEGIN
        UPDATE oms.orders SET status = 'DELIVERED';
      EXCEPTION WHEN OTHERS THEN
        RAISE INFO '% %', sqlstate, sqlerrm;
      END;
    END;
  END LOOP;
END $$;
SELECT * FROM fails('SELECT oms.order_confirm(3); UPDATE oms.orders SET status = ''X''');
-- nor within one statement
SELECT * FROM fails('WITH v AS MATERIALIZED (SELECT oms.order_confirm(3)), w AS (UPDATE oms.orders SET status = ''X'' RETURNING 1) SELECT FROM v, w');
SELECT status FROM oms.orders WHERE id = 3;

-- in a trigger of the user's table, all or nothing
CREATE TABLE parcel (order_id bigint, state text);
CREATE FUNCTION parcel_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM oms.order_move(new.order_id, new.state);
  RETURN new;
END $$;
CREATE TRIGGER moved AFTER UPDATE ON parcel FOR EACH ROW EXECUTE FUNCTION parcel_moved();
INSERT INTO parcel SELECT g, 'new' FROM generate_series(3, 5) AS g;
UPDATE parcel SET state = 'CONFIRMED';
UPDATE parcel SET state = CASE order_id WHEN 5 THEN 'DELIVERED' ELSE 'SHIPPED' END;
SELECT id, status FROM oms.orders WHERE id BETWEEN 3 AND 5 ORDER BY 1;
-- as a default, in a view, a check, a cursor, a procedure that commits
CREATE TABLE basket (id integer, order_id bigint DEFAULT oms.order_create('[{"product_id": 2, "quantity": 3}]'));
INSERT INTO basket (id) SELECT g FROM generate_series(1, 3) AS g;
SELECT count(*) FROM basket JOIN oms.orders AS o ON o.id = order_id WHERE total_amount = 3;
CREATE VIEW confirm_all AS SELECT id, ok FROM basket, oms.orders_confirm(ARRAY[basket.order_id]);
SELECT * FROM confirm_all ORDER BY id;
BEGIN;
DECLARE c CURSOR FOR SELECT oms.order_ship(order_id) FROM basket ORDER BY id;
FETCH 2 FROM c;
COMMIT;
SELECT status, count(*) FROM basket JOIN oms.orders AS o ON o.id = order_id GROUP BY 1 ORDER BY 1;
CREATE PROCEDURE in_pieces() LANGUAGE plpgsql AS $$
BEGIN
  FOR o IN 6 .. 9 LOOP
    PERFORM oms.order_confirm(o);
    IF o % 2 = 0 THEN COMMIT; ELSE ROLLBACK; END IF;
  END LOOP;
END $$;
CALL in_pieces();
SELECT id, status FROM oms.orders WHERE id BETWEEN 6 AND 9 ORDER BY 1;

-- a trigger on a table of oms may call verbs that write the same table
CREATE FUNCTION gift() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.customer_name = 'Ann' THEN
    PERFORM oms.order_create('[{"product_id": 2, "quantity": 1}]', 'gift for Ann');
    BEGIN
      PERFORM oms.order_create('[{"product_id": 99, "quantity": 1}]', 'no gift');
    EXCEPTION WHEN OTHERS THEN
      RAISE INFO '% %', sqlstate, sqlerrm;
    END;
  END IF;
  RETURN new;
END $$;
CREATE TRIGGER gift AFTER INSERT ON oms.orders FOR EACH ROW EXECUTE FUNCTION gift();
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', 'Ann') > 0;
SELECT count(*) FILTER (WHERE ok) FROM oms.orders_create((SELECT jsonb_agg('{"customer_name": "Ann", "items": [{"product_id": 1, "quantity": 1}]}'::jsonb) FROM generate_series(1, 3)));
DROP TRIGGER gift ON oms.orders;
CREATE TRIGGER gift BEFORE INSERT ON oms.orders FOR EACH ROW EXECUTE FUNCTION gift();
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', 'Ann') > 0;
SELECT customer_name, count(*) FROM oms.orders WHERE customer_name LIKE '%Ann' GROUP BY 1 ORDER BY 1;
DROP TRIGGER gift ON oms.orders;
CREATE FUNCTION pack_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF new.status = 'CONFIRMED' THEN PERFORM oms.order_pack(new.id); END IF;
  RETURN new;
END $$;
CREATE TRIGGER pack AFTER UPDATE ON oms.orders FOR EACH ROW EXECUTE FUNCTION pack_at_once();
SELECT count(*) FILTER (WHERE ok) FROM oms.orders_confirm((SELECT array_agg(id) FROM oms.orders WHERE customer_name LIKE '%Ann'));
SELECT status, min(version), max(version), count(*) FROM oms.orders WHERE customer_name LIKE '%Ann' GROUP BY 1;
DROP TRIGGER pack ON oms.orders;
-- one that fails leaves the session whole
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not today'; END$$;
CREATE TRIGGER refuse BEFORE UPDATE ON oms.orders FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT code FROM generate_series(1, 3), fails('SELECT oms.order_confirm(7)');
DROP TRIGGER refuse ON oms.orders;
CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON oms.orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT oms.order_confirm(7);
DROP TRIGGER refuse ON oms.orders;
-- nor does a constraint's refusal, met on one page after another
SELECT count(oms.stock_receive(oms.product_create('S' || g, 's', 1), 10)) FROM generate_series(1, 300) AS g;
ALTER TABLE oms.stock ADD CONSTRAINT few CHECK (allocated < 5 OR product_id < 3);
SELECT count(*) FROM generate_series(1, 300, 50) AS g,
  fails(format('SELECT oms.order_confirm(oms.order_create(''[{"product_id": %s, "quantity": 7}]''))', g + 4)) AS f WHERE f.code = '23514';
SELECT count(oms.order_confirm(oms.order_create(format('[{"product_id": %s, "quantity": 1}]', g + 4)::jsonb))) FROM generate_series(1, 300, 50) AS g;
ALTER TABLE oms.stock DROP CONSTRAINT few;

-- transactions that may not write, or must not
BEGIN READ ONLY;
SELECT oms_rest.order_get('ann', 'r', 1) ->> 'id', oms_rest.order_list('ann', 'r', 'u', '{}') ->> 'count' = (SELECT count(*)::text FROM oms.orders),
  oms_rest.product_get('ann', 'r', 1, '{}') ->> 'sku', oms_rest.inventory_get('ann', 'r', 1) ->> 'id', oms.status_holds('SHIPPED'),
  oms.report_summary() ->> 'total_orders' = (SELECT count(*)::text FROM oms.orders), oms_rest.ready('', 'r') ->> 'schema_version', (SELECT count(*) FROM oms.integrity);
SELECT code, message FROM unnest(ARRAY['SELECT oms.order_create(''[{"product_id": 1, "quantity": 1}]'')', 'SELECT oms.order_confirm(1)', 'SELECT oms.stock_receive(1, 1)',
  'SELECT oms_rest.product_delete(''a'', ''r'', 1)', 'SELECT oms.product_archive(1)']) AS s, fails(s);
COMMIT;
SET default_transaction_isolation = 'repeatable read';
SELECT oms.order_confirm(oms.order_create('[{"product_id": 1, "quantity": 1}]'));
SELECT oms_rest.product_list('ann', 'r', 'u', '{}') ->> 'count' = (SELECT count(*)::text FROM oms.product WHERE archived_at IS NULL);
SET default_transaction_isolation = 'serializable';
SELECT oms.order_confirm(oms.order_create('[{"product_id": 1, "quantity": 1}]'));
SELECT oms_rest.order_list('ann', 'r', 'u', '{}') ->> 'count' = (SELECT count(*)::text FROM oms.orders);
RESET default_transaction_isolation;

-- with every plan parallel that may be
SET force_parallel_mode = on;
SELECT oms.order_confirm(oms.order_create('[{"product_id": 1, "quantity": 1}]'));
SELECT oms_rest.order_list('ann', 'r', 'u', '{"page_size": "1"}') ->> 'count' = (SELECT count(*)::text FROM oms.orders);
SELECT count(*) FROM oms.integrity;
RESET force_parallel_mode;

-- the caller's settings and search_path are left alone
CREATE SCHEMA mine;
CREATE TABLE mine.orders (x int);
SET search_path = mine, pg_catalog;
SELECT oms.order_confirm(oms.order_create('[{"product_id": 1, "quantity": 1}]'));
SHOW search_path;
SELECT current_user = session_user;
SELECT * FROM public.fails('SELECT oms.order_confirm(99)');
SHOW search_path;
SELECT current_user = session_user;
RESET search_path;

-- two-phase commit, where the server allows it
SELECT current_setting('max_prepared_transactions')::int > 0 AS two_phase \gset
\if :two_phase
\o /dev/null
BEGIN;
SELECT oms.order_confirm(10), oms.stock_adjust(1, 1, 'x');
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 1, "quantity": 1}]}', 'two-phase');
PREPARE TRANSACTION 'oms_regress_transaction';
\o
DO $$
BEGIN
  PERFORM oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 1, "quantity": 1}]}', 'two-phase');
  RAISE 'a key in use was taken';
EXCEPTION WHEN SQLSTATE 'OM031' THEN NULL;
END $$;
COMMIT PREPARED 'oms_regress_transaction';
\else
SELECT oms.order_confirm(10) \g /dev/null
\endif
SELECT status FROM oms.orders WHERE id = 10;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_transaction;
