-- oms.integrity finds what is wrong, and the tables refuse it
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_integrity;
CREATE DATABASE oms_regress_integrity;
\c oms_regress_integrity
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

SELECT oms.product_create('A', 'a', 2), oms.product_create('B', 'b', 3), oms.stock_receive(1, 10), oms.stock_receive(2, 10);
SELECT count(oms.order_create('[{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 2}, {"product_id": 1, "quantity": 1}]')) FROM generate_series(1, 4);
SELECT oms.order_confirm(2), oms.order_confirm(3), oms.order_ship(3), oms.order_confirm(4), oms.order_cancel(4);
SELECT * FROM oms.integrity;

-- by hand, with the guards off, each fault shows; and is undone
CREATE PROCEDURE spoil(statement text) LANGUAGE plpgsql AS $$
DECLARE
  fault record;
BEGIN
  SET LOCAL session_replication_role = replica;
  EXECUTE statement;
  FOR fault IN SELECT * FROM oms.integrity ORDER BY 1, 2 LOOP
    RAISE INFO '%: %', fault.problem, fault.subject;
  END LOOP;
  ROLLBACK;
END $$;
CALL spoil('UPDATE oms.stock SET on_hand = on_hand + 1 WHERE product_id = 1');
CALL spoil('UPDATE oms.stock SET allocated = 0 WHERE product_id = 1');
CALL spoil('UPDATE oms.stock SET moves = moves + 1 WHERE product_id = 1');
CALL spoil('DELETE FROM oms.stock WHERE product_id = 2');
CALL spoil('INSERT INTO oms.stock (product_id, location_id) VALUES (77, 1)');
CALL spoil('INSERT INTO oms.stock (product_id, location_id) VALUES (1, 77)');
CALL spoil('DELETE FROM oms.stock_move WHERE product_id = 1 AND seq = 1');
CALL spoil('DELETE FROM oms.stock_move WHERE product_id = 1 AND seq = (SELECT max(seq) FROM oms.stock_move WHERE product_id = 1)');
CALL spoil('UPDATE oms.stock_move SET d_on_hand = d_on_hand + 1 WHERE product_id = 2 AND seq = 1');
CALL spoil('UPDATE oms.stock_move SET order_id = 1 WHERE order_id = 2');
CALL spoil('UPDATE oms.orders SET total_amount = total_amount + 0.01 WHERE id = 1');
CALL spoil('UPDATE oms.orders SET status = ''CONFIRMED'', version = 2 WHERE id = 1');
CALL spoil('UPDATE oms.orders SET version = 9 WHERE id = 1');
CALL spoil('UPDATE oms.orders SET status = ''LOST'' WHERE id = 2');
CALL spoil('DELETE FROM oms.orders WHERE id = 3');
CALL spoil('INSERT INTO oms.orders (order_number, status, version, customer_name, total_amount, created_by) VALUES (''x'', ''PENDING'', 1, ''x'', 0, ''x'')');
CALL spoil('DELETE FROM oms.order_line WHERE order_id = 1');
CALL spoil('DELETE FROM oms.order_line WHERE order_id = 2 AND line_no = 2');
CALL spoil('UPDATE oms.order_line SET quantity = 2, line_total = price * 2 WHERE order_id = 2 AND line_no = 1');
CALL spoil('UPDATE oms.order_line SET product_id = 77 WHERE order_id = 1 AND line_no = 2');
CALL spoil('DELETE FROM oms.product WHERE id = 2');
CALL spoil('DELETE FROM oms.order_history WHERE order_id = 3 AND seq = 2');
CALL spoil('DELETE FROM oms.order_history WHERE order_id = 1');
CALL spoil('UPDATE oms.order_history SET to_status = ''PACKED'' WHERE order_id = 3 AND seq = 2');
CALL spoil('UPDATE oms.order_line SET tax = 1, line_total = line_total + 1 WHERE order_id = 2 AND line_no = 1');
CALL spoil('UPDATE oms.order_line SET cancelled = 1, line_total = line_total - price WHERE order_id = 2 AND line_no = 1');
CALL spoil('UPDATE oms.orders SET fulfilment = ''partial'' WHERE id = 2');
CALL spoil('UPDATE oms.orders SET takes_stock = ''never'' WHERE id = 2');
CALL spoil('INSERT INTO oms.hold_line (hold_id, line_no, product_id, location_id, quantity, expires_at) VALUES (1, 1, 1, 1, 1, now())');
CALL spoil('UPDATE oms.stock_move SET line_no = 1 WHERE order_id = 2 AND line_no = 3');
SELECT * FROM oms.integrity;

-- what no trigger need be asked about: constraints
CREATE FUNCTION refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  SET LOCAL session_replication_role = replica;
  EXECUTE statement;
  RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS name = CONSTRAINT_NAME;
  RETURN sqlstate || ' ' || name;
END $$;
SELECT statement, refused(statement) FROM unnest(ARRAY[
  'UPDATE oms.stock SET on_hand = -1', 'UPDATE oms.stock SET allocated = -1', 'UPDATE oms.stock SET reserved = -1',
  'UPDATE oms.stock SET allocated = 99', 'UPDATE oms.stock SET reserved = 99', 'UPDATE oms.stock SET low_stock_threshold = -1',
  'UPDATE oms.stock SET available = 1', 'UPDATE oms.stock SET product_id = 1',
  'UPDATE oms.stock_move SET kind = ''theft''', 'UPDATE oms.stock_move SET d_on_hand = 0 WHERE kind = ''receive''',
  'UPDATE oms.stock_move SET order_id = NULL WHERE kind = ''ship''', 'UPDATE oms.stock_move SET seq = 0',
  'UPDATE oms.stock_move SET seq = 1', 'UPDATE oms.stock_move SET kind = ''adjust'' WHERE kind = ''receive''',
  'UPDATE oms.orders SET version = 1 WHERE status <> ''PENDING''', 'UPDATE oms.orders SET version = 0', 'UPDATE oms.orders SET customer_name = ''''',
  'UPDATE oms.orders SET total_amount = -1', 'UPDATE oms.orders SET id = 1', 'UPDATE oms.orders SET status = NULL',
  'UPDATE oms.order_line SET quantity = 0', 'UPDATE oms.order_line SET quantity = -1, line_total = -price', 'UPDATE oms.order_line SET line_total = line_total + 1',
  'UPDATE oms.order_line SET price = -1', 'UPDATE oms.order_line SET line_no = 0', 'UPDATE oms.order_line SET line_no = 1',
  'UPDATE oms.order_history SET from_status = NULL WHERE seq > 1', 'UPDATE oms.order_history SET from_status = ''X''', 'UPDATE oms.order_history SET seq = 0',
  'UPDATE oms.product SET price = -1', 'UPDATE oms.product SET price = 1.001', 'UPDATE oms.product SET price = ''NaN''', 'UPDATE oms.product SET price = ''Infinity''',
  'UPDATE oms.product SET price = 1', 'UPDATE oms.product SET price = 10000000000.00', 'UPDATE oms.product SET sku = ''''', 'UPDATE oms.product SET sku = ''A''',
  'UPDATE oms.product SET name = repeat(''x'', 201)', 'UPDATE oms.idempotency SET key = ''''']) AS statement;

-- every guarded table refuses every kind of write, even a superuser's, and even when no row is meant
SELECT t.relname, string_agg(f.code, ' ')
FROM pg_class AS t, unnest(ARRAY['INSERT INTO oms.%I SELECT FROM oms.%1$I WHERE false', 'INSERT INTO oms.%I DEFAULT VALUES',
  'UPDATE oms.%I SET %2$I = DEFAULT', 'UPDATE oms.%I SET %2$I = DEFAULT WHERE false', 'DELETE FROM oms.%I', 'TRUNCATE oms.%I CASCADE',
  'MERGE INTO oms.%I AS t USING (SELECT 1 AS one) AS s ON false WHEN NOT MATCHED THEN INSERT DEFAULT VALUES',
  'WITH w AS (DELETE FROM oms.%I RETURNING 1) SELECT * FROM w']) AS way,
  fails(format(way, t.relname, (SELECT attname FROM pg_attribute WHERE attrelid = t.oid AND attnum = 1))) AS f
WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' AND relname NOT IN ('location', 'order_transition', 'schema_version')
GROUP BY 1 ORDER BY 1;
COPY oms.orders FROM STDIN;
\.

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_integrity;
