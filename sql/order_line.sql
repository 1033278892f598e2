-- lines of an order that are no longer wanted, in whole or in part
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_order_line;
CREATE DATABASE oms_regress_order_line;
\c oms_regress_order_line
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
CREATE VIEW o AS SELECT id, status, version, total_amount, fulfilment, hold_reason FROM oms.orders;
CREATE VIEW l AS SELECT order_id, line_no, quantity, cancelled, line_total FROM oms.order_line ORDER BY 1, 2;
CREATE VIEW s AS SELECT product_id, on_hand, allocated, available FROM oms.stock ORDER BY 1;
SELECT oms.product_create('A', 'a', 2.50), oms.product_create('B', 'b', 3);
SELECT oms.stock_receive(1, 10), oms.stock_receive(2, 10);

-- PENDING: nothing is held, totals follow
SELECT oms.order_create('[{"product_id": 1, "quantity": 4}, {"product_id": 2, "quantity": 2}, {"product_id": 1, "quantity": 1}]') AS id \gset
SELECT oms.order_cancel_lines(:id, '[{"line": 1, "quantity": 1}]', 'one less');
SELECT * FROM o WHERE id = :id;
SELECT * FROM l;
-- CONFIRMED takes what is still wanted, and gives back what is cancelled then
SELECT oms.order_confirm(:id);
SELECT * FROM s;
SELECT oms.order_cancel_lines(:id, '[{"line": 3}, {"line": 2, "quantity": 1}]');
SELECT * FROM s;
SELECT * FROM o WHERE id = :id;
SELECT * FROM oms.integrity;
-- too much, again, unknown, twice, none
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 1, "quantity": 4}]'')', :id));
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 3}]'')', :id));
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 4}]'')', :id));
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 1}, {"line": 1}]'')', :id));
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[]'')', :id));
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''{"line": 1}'')', :id));
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 1, "quantity": 0}, 5, {"quantity": 1}]'')', :id));
SELECT * FROM fails('SELECT oms.order_cancel_lines(0, ''[{"line": 1}]'')');
SELECT * FROM fails(format('SELECT oms.order_close(%s)', :id));
SELECT * FROM s;
-- what is left ships, and nothing of it can be cancelled any more
SELECT oms.order_ship(:id);
SELECT * FROM s;
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 1}]'')', :id));
SELECT * FROM fails(format('SELECT oms.order_close(%s)', :id));
SELECT oms.order_deliver(:id);
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 1}]'')', :id));
SELECT seq, from_status, to_status, action, detail, reason FROM oms.order_history WHERE order_id = :id ORDER BY seq;
SELECT version, type, payload FROM oms.event WHERE aggregate = 'order' AND aggregate_id = :id ORDER BY id;
SELECT * FROM oms.integrity;

-- the last unit takes the order with it, also one on hold
SELECT oms.order_create('[{"product_id": 1, "quantity": 2}, {"product_id": 2, "quantity": 2}]') AS id \gset
SELECT oms.order_confirm(:id);
SELECT oms.order_hold(:id, 'wait');
SELECT oms.order_cancel_lines(:id, '[{"line": 1}]');
SELECT * FROM o WHERE id = :id;
SELECT oms.order_cancel_lines(:id, '[{"line": 2}]', 'never mind');
SELECT * FROM o WHERE id = :id;
SELECT * FROM s;
SELECT seq, from_status, to_status, action, reason FROM oms.order_history WHERE order_id = :id ORDER BY seq;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_order_line;
