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
  FOR fault IN SELECT * FROM oms.integrity ORDER BY 1, 2, 3 LOOP
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

-- of everything a little: a gapless channel that reserves at create, tax, customers, holds, parcels, returns, transfers
SELECT oms.location_create('BACK', 'Back room', 900) > 1, oms.channel_create('tokyo', 'Tokyo', 'create', 'JPY', 'JP-', true, 10.50, true, 'total', 'half_even');
SELECT oms.product_price_set(1, 'JPY', 121), oms.product_price_set(2, 'JPY', 77), oms.stock_receive(1, 90), oms.stock_receive(2, 90);
SELECT oms.customer_create('Ann', code => 'C1'), oms.customer_update(1, name => 'Anna'), oms.customer_create('Ben');
SELECT oms.order_create('[{"product_id": 1, "quantity": 3}, {"product_id": 2, "quantity": 5, "discount": "10%"}]', channel => 'tokyo', customer_id => 1, external_ref => 'R' || n, note => 'call first') - n AS before FROM generate_series(1, 4) AS n;
SELECT oms.order_cancel(7), oms.order_hold(8, 'who is it?'), oms.order_hold(9, 'and who?'), oms.order_release(9);
SELECT oms.stock_transfer(1, 10, 'MAIN', 'BACK'), oms.hold_create('[{"product_id": 1, "quantity": 4}, {"product_id": 2, "quantity": 1}]', 'cart 1'), oms.hold_create('[{"product_id": 2, "quantity": 1}]', 'cart 2');
SELECT oms.hold_release(2), oms.order_create('[{"product_id": 1, "quantity": 6}, {"product_id": 2, "quantity": 6}]');
SELECT length(oms.order_confirm(10)::text) > 2, oms.order_cancel_lines(10, '[{"line": 2, "quantity": 1}]');
SELECT count(*) FROM oms.shipment_create(10, '[{"line": 1, "quantity": 4}]');
SELECT oms.shipment_ship(1), count(*) FROM oms.shipment_create(10, '[{"line": 1, "quantity": 1}]');
SELECT oms.return_request(10, '[{"line": 1, "quantity": 3}]', 'broken'), oms.return_approve(1), oms.return_receive(1, '[{"line": 1, "restock": 1, "scrap": 1}]', 'BACK');
SELECT oms_rest.order_create('ann', 'q', '{"customer_name": "Cid", "items": [{"product_id": 1, "quantity": 1}]}', 'key 1') ->> 'id';
SELECT * FROM oms.integrity;
SELECT check_name, scope, first, last, examined, problems, found FROM oms.integrity_check();

-- each check finds what it is there for: in the view, in a full run, and in a run over the range where it is
CREATE TABLE fault (nr integer GENERATED ALWAYS AS IDENTITY, check_name text, statement text);
INSERT INTO fault (check_name, statement) VALUES
  ('ledger_chain', 'UPDATE oms.stock_move SET d_on_hand = d_on_hand + 1 WHERE product_id = 2 AND seq = 1'),
  ('ledger_chain', 'DELETE FROM oms.stock_move WHERE product_id = 1 AND location_id = 1 AND seq = 1'),
  ('ledger_reference', 'INSERT INTO oms.stock_move (product_id, location_id, seq, kind, d_on_hand, d_reserved, d_allocated, on_hand, reserved, allocated, actor) VALUES (77, 1, 1, ''count'', 0, 0, 0, 0, 0, 0, ''x'')'),
  ('ledger_reference', 'UPDATE oms.stock_move SET location_id = 77 WHERE location_id <> 1'),
  ('stock_ledger', 'UPDATE oms.stock SET moves = moves + 1 WHERE product_id = 1'),
  ('stock_ledger', 'DELETE FROM oms.stock WHERE product_id = 2'),
  ('stock_available', 'ALTER TABLE oms.stock ALTER COLUMN available DROP EXPRESSION; UPDATE oms.stock SET available = 0 WHERE product_id = 1'),
  ('stock_available', 'ALTER TABLE oms.stock DROP CONSTRAINT stock_never_oversold; UPDATE oms.stock SET allocated = 999 WHERE product_id = 1'),
  ('stock_reference', 'INSERT INTO oms.stock (product_id, location_id) VALUES (77, 1)'),
  ('stock_held', 'UPDATE oms.hold_line SET state = ''released'' WHERE hold_id = 1 AND line_no = 1'),
  ('stock_held', 'INSERT INTO oms.hold_line (hold_id, line_no, product_id, location_id, quantity, expires_at) VALUES (1, 3, 1, 1, 1, now())'),
  ('stock_alert', 'INSERT INTO oms.stock_alert (product_id, location_id, seq, available, threshold) VALUES (1, 1, 2, 3, 10)'),
  ('stock_alert', 'INSERT INTO oms.stock_alert (product_id, location_id, seq, available, threshold) VALUES (1, 1, 9999, 3, 10)'),
  ('transfer', 'UPDATE oms.stock_move SET document = ''transfer 9'' WHERE kind = ''transfer'' AND d_on_hand > 0'),
  ('product_price', 'INSERT INTO oms.product_price VALUES (77, ''EUR'', 1)'),
  ('product_price', 'UPDATE oms.product_price SET price = 1.5 WHERE product_id = 1 AND currency = ''JPY'''),
  ('product_sku', 'DROP INDEX oms.product_sku_key; UPDATE oms.product SET sku = ''A'''),
  ('order_total', 'UPDATE oms.orders SET tax_amount = tax_amount + 1 WHERE id = 6'),
  ('order_total', 'DELETE FROM oms.order_line WHERE order_id = 1'),
  ('order_status', 'UPDATE oms.orders SET status = ''LOST'' WHERE id = 2'),
  ('order_reference', 'UPDATE oms.orders SET customer_id = 77 WHERE id = 1'),
  ('order_reference', 'UPDATE oms.orders SET channel = ''nowhere'' WHERE id = 1'),
  ('order_number', 'UPDATE oms.orders SET order_number = ''SO-00000002'' WHERE id = 1'),
  ('order_ref', 'DROP INDEX oms.orders_external_ref_key; UPDATE oms.orders SET external_ref = ''R1'' WHERE id = 7'),
  ('order_series', 'UPDATE oms.orders SET series_number = NULL, order_number = ''JP-00000007'' WHERE id = 7'),
  ('order_series', 'DROP INDEX oms.orders_series_number_key; UPDATE oms.orders SET series_number = 1 WHERE id = 7'),
  ('order_series', 'UPDATE oms.number_series SET last_number = 3'),
  ('order_hold', 'UPDATE oms.orders SET hold_reason = NULL WHERE id = 8'),
  ('order_hold', 'UPDATE oms.orders SET hold_reason = ''x'' WHERE id = 9'),
  ('order_note', 'UPDATE oms.order_note SET order_id = 77 WHERE order_id = 6'),
  ('line_order', 'DELETE FROM oms.orders WHERE id = 3'),
  ('line_number', 'UPDATE oms.order_line SET line_no = 9 WHERE order_id = 1 AND line_no = 3'),
  ('line_product', 'UPDATE oms.order_line SET product_id = 77 WHERE order_id = 1 AND line_no = 2'),
  ('line_amount', 'ALTER TABLE oms.order_line DROP CONSTRAINT order_line_adds_up; UPDATE oms.order_line SET line_total = line_total + 1 WHERE order_id = 1 AND line_no = 2'),
  ('line_amount', 'ALTER TABLE oms.order_line DROP CONSTRAINT order_line_counts; UPDATE oms.order_line SET returned = 99 WHERE order_id = 1 AND line_no = 2'),
  ('line_tax', 'UPDATE oms.order_line SET tax = tax + 2 WHERE order_id = 6 AND line_no = 1'),
  ('line_tax', 'UPDATE oms.order_line SET tax = 1, line_total = line_total + 1 WHERE order_id = 2 AND line_no = 1'),
  ('line_stock', 'UPDATE oms.stock_move SET line_no = 1 WHERE order_id = 2 AND line_no = 3'),
  ('line_stock', 'UPDATE oms.orders SET takes_stock = ''never'' WHERE id = 2'),
  ('line_stock', 'UPDATE oms.orders SET takes_stock = ''confirm'' WHERE id = 6'),
  ('line_stock', 'UPDATE oms.orders SET takes_stock = ''create'' WHERE id = 1'),
  ('line_stock', 'UPDATE oms.order_line SET cancelled = 2, line_total = line_total - price WHERE order_id = 10 AND line_no = 2'),
  ('history_chain', 'DELETE FROM oms.order_history WHERE order_id = 3 AND seq = 2'),
  ('history_chain', 'UPDATE oms.order_history SET to_status = ''PACKED'' WHERE order_id = 3 AND seq = 2'),
  ('history_step', 'UPDATE oms.order_history SET action = ''look'' WHERE order_id = 3 AND seq = 2'),
  ('history_step', 'UPDATE oms.order_history SET action = NULL WHERE order_id = 8 AND seq = 2'),
  ('order_history', 'UPDATE oms.orders SET version = 9 WHERE id = 1'),
  ('order_history', 'DELETE FROM oms.order_history WHERE order_id = 1'),
  ('order_event', 'DELETE FROM oms.event WHERE aggregate = ''order'' AND aggregate_id = 3 AND version = 2'),
  ('order_event', 'DELETE FROM oms.event WHERE aggregate = ''order'' AND aggregate_id = 8 AND version = 2'),
  ('order_event', 'DELETE FROM oms.event WHERE aggregate = ''order'' AND aggregate_id = 1; UPDATE oms.event SET at = at - interval ''2 hours'''),
  ('event_double', 'INSERT INTO oms.event (type, aggregate, aggregate_id, version, actor) VALUES (''order.created'', ''order'', 1, 1, ''x'')'),
  ('event_reference', 'INSERT INTO oms.event (type, aggregate, aggregate_id, version, actor) VALUES (''order.created'', ''order'', 77, 1, ''x'')'),
  ('event_reference', 'INSERT INTO oms.event (type, aggregate, aggregate_id, version, actor) VALUES (''stock.received'', ''product'', 77, 1, ''x'')'),
  ('event_reference', 'UPDATE oms.event SET version = 9 WHERE type = ''customer.created'' AND aggregate_id = 1'),
  ('event_reference', 'DELETE FROM oms.hold WHERE id = 2'),
  ('fulfilment', 'UPDATE oms.orders SET fulfilment = ''full'' WHERE id = 10'),
  ('shipment_count', 'UPDATE oms.orders SET shipments = 7 WHERE id = 10'),
  ('shipment_count', 'DELETE FROM oms.shipment WHERE id = 2'),
  ('shipment_line', 'DELETE FROM oms.shipment_line WHERE shipment_id = 2'),
  ('shipment_line', 'UPDATE oms.shipment_line SET line_no = 7 WHERE shipment_id = 2'),
  ('shipment_line', 'UPDATE oms.shipment SET location_id = 77 WHERE id = 2'),
  ('shipment_shipped', 'UPDATE oms.shipment_line SET quantity = 5 WHERE shipment_id = 1'),
  ('shipment_open', 'UPDATE oms.shipment_line SET quantity = 3 WHERE shipment_id = 2'),
  ('shipment_open', 'UPDATE oms.shipment SET location_id = 2 WHERE id = 2'),
  ('return_units', 'UPDATE oms.order_line SET returned = 1 WHERE order_id = 10 AND line_no = 1'),
  ('return_move', 'UPDATE oms.stock_move SET document = ''return 9'' WHERE kind = ''return'''),
  ('return_claim', 'UPDATE oms.return_line SET quantity = 5 WHERE return_id = 1'),
  ('return_state', 'UPDATE oms.return_order SET state = ''CANCELLED'' WHERE id = 1'),
  ('return_state', 'UPDATE oms.return_line SET quantity = 2 WHERE return_id = 1'),
  ('return_state', 'DELETE FROM oms.return_line WHERE return_id = 1'),
  ('return_refund', 'UPDATE oms.return_order SET refund_amount = refund_amount + 0.01 WHERE id = 1'),
  ('hold_line', 'DELETE FROM oms.hold_line WHERE hold_id = 2'),
  ('hold_line', 'DELETE FROM oms.hold WHERE id = 2'),
  ('hold_line', 'UPDATE oms.hold_line SET product_id = 77 WHERE hold_id = 2'),
  ('hold_order', 'UPDATE oms.hold_line SET state = ''consumed'' WHERE hold_id = 2'),
  ('hold_order', 'UPDATE oms.hold SET order_id = 77 WHERE id = 2'),
  ('customer_history', 'UPDATE oms.customer SET name = ''Otto'' WHERE id = 1'),
  ('customer_history', 'DELETE FROM oms.customer_history WHERE customer_id = 1 AND seq = 1'),
  ('idempotency', 'UPDATE oms.idempotency SET response = ''{"id": 77, "order_number": "SO-77"}'''),
  ('series_last', 'UPDATE oms.number_series SET last_number = 9'),
  ('schema_guard', 'ALTER TABLE oms.orders DISABLE TRIGGER guard'),
  ('schema_constraint', 'ALTER TABLE oms.orders ADD CONSTRAINT later CHECK (id > 0) NOT VALID');
-- no check without a fault, and no fault without a check
SELECT 'without a fault', check_name FROM oms.integrity_rules() EXCEPT SELECT 'without a fault', check_name FROM fault;
SELECT 'without a check', check_name FROM fault EXCEPT SELECT 'without a check', check_name FROM oms.integrity_rules();
-- every problem of the view is found by a full run, and the range of all ids finds the same of orders and products
CREATE PROCEDURE find(nr integer) LANGUAGE plpgsql AS $$
DECLARE
  f fault;
  seen text;
  checked text;
  ranged text;
BEGIN
  SELECT * INTO f FROM fault WHERE fault.nr = find.nr;
  SET LOCAL session_replication_role = replica;
  EXECUTE f.statement;
  SELECT string_agg(check_name || ' ' || n, ', ' ORDER BY check_name COLLATE "C") INTO seen
  FROM (SELECT check_name, count(*) AS n FROM oms.integrity GROUP BY check_name) AS s;
  SELECT string_agg(check_name || ' ' || problems, ', ' ORDER BY check_name COLLATE "C") INTO checked
  FROM oms.integrity_check() WHERE problems > 0;
  SELECT string_agg(check_name || ' ' || problems, ', ' ORDER BY check_name COLLATE "C") INTO ranged
  FROM (SELECT r.check_name, coalesce(c.problems, a.problems) AS problems FROM oms.integrity_rules() AS r
    LEFT JOIN oms.integrity_check(first_order => 1, last_order => 1000, first_product => 1, last_product => 1000) AS c USING (check_name)
    LEFT JOIN oms.integrity_check() AS a USING (check_name)) AS s WHERE problems > 0;
  RAISE INFO '%: %', f.check_name, CASE WHEN seen IS DISTINCT FROM checked THEN format('view %s, run %s', seen, checked)
    WHEN ranged IS DISTINCT FROM checked THEN format('run %s, range %s', checked, ranged)
    WHEN seen !~ ('\m' || f.check_name || '\M') THEN 'not found, but ' || seen ELSE seen END;
  ROLLBACK;
END $$;
SELECT format('CALL find(%s)', nr) FROM fault ORDER BY nr \gexec
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
