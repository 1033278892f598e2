-- the header of an order put right
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_order_update;
CREATE DATABASE oms_regress_order_update;
\c oms_regress_order_update
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
CREATE FUNCTION fails(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  code := 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
END $$;
CREATE VIEW o AS SELECT id, status, version, customer_name, customer_id, channel, external_ref, attributes FROM oms.orders ORDER BY 1;
SELECT oms.product_create('A', 'a', 1), oms.stock_receive(1, 10);
SELECT oms.customer_create('Cid'), oms.customer_create('Dora'), oms.customer_create('Eve');
SELECT oms.customer_archive(3);
SELECT oms.channel_create('web', 'Web', 'confirm');
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', 'Ann', external_ref => 'R-1', attributes => '{"a": 1}');
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', 'Bob', external_ref => 'R-2');
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', 'Bea', external_ref => 'R-3', channel => 'web');

-- what is given changes, all else stays
SELECT oms.order_update(1, 'Anna');
SELECT oms.order_update(1, customer_id => 1, external_ref => 'R-3');
SELECT oms.order_update(1, attributes => '{"b": [2, null]}', expected_version => 3);
TABLE o;
-- nothing new: no new version
SELECT oms.order_update(1), oms.order_update(1, 'Anna', 1, 'R-3', '{"b": [2, null]}', 4);
-- taken away
SELECT oms.order_update(1, customer_id => 0, external_ref => '', attributes => 'null');
SELECT oms.order_update(1, customer_id => 0, external_ref => '', attributes => 'null');
SELECT oms.order_update(1, attributes => '{}');
SELECT * FROM o WHERE id = 1;
-- a reference that was given up is free
SELECT oms.order_update(2, external_ref => 'R-1');
SELECT seq, from_status, to_status, action, detail, reason FROM oms.order_history WHERE order_id = 1 ORDER BY seq;
SELECT version, type, payload FROM oms.event WHERE aggregate = 'order' AND aggregate_id = 1 ORDER BY id;
SELECT * FROM oms.integrity;

-- in any status, on hold as well
SELECT oms.order_hold(2, 'wait'), oms.order_update(2, 'Bo'), oms.order_cancel(2), oms.order_update(2, 'Bob');
SELECT oms.order_advance(3), oms.order_update(3, 'Beata', 2);
TABLE o;

-- refused
SELECT * FROM fails($$SELECT oms.order_update(1, external_ref => 'R-1')$$);
SELECT * FROM fails($$SELECT oms.order_update(1, customer_id => 99)$$);
SELECT * FROM fails($$SELECT oms.order_update(1, customer_id => 3)$$);
SELECT * FROM fails($$SELECT oms.order_update(1, 'x', expected_version => 2)$$);
SELECT * FROM fails($$SELECT oms.order_update(9, 'x')$$);
SELECT * FROM fails($$SELECT oms.order_update(1, '', -1, repeat('x', 201), '[1]', 0)$$);
-- who is archived stays with the orders that he has
SELECT oms.customer_archive(2);
SELECT oms.order_update(3, 'Dora', 2);
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT oms.order_update(1, 'Nobody');
COMMIT;
TABLE o;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_order_update;
