-- orders: many in one call
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_order_many;
CREATE DATABASE oms_regress_order_many;
\c oms_regress_order_many
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

SELECT oms.product_create('A', 'a', 2.50), oms.product_create('B', 'b', 1), oms.product_create('GOLD', 'g', 9999999999.99);
SELECT oms.stock_receive(1, 5), oms.stock_receive(2, 100);

-- each has a row, in its order; the bad hinder no good
SELECT * FROM oms.orders_create('[
  {"customer_name": "Ann", "items": [{"product_id": 1, "quantity": 2}]},
  {"items": []},
  {"customer_name": "Bob", "items": [{"product_id": 1, "quantity": 2}, {"product_id": 2, "quantity": 1}]},
  7,
  {"items": [{"product_id": 99, "quantity": 1}]},
  {"items": [{"product_id": 3, "quantity": 1000000}, {"product_id": 3, "quantity": 1000000}, {"product_id": 3, "quantity": 1000000},
    {"product_id": 3, "quantity": 1000000}, {"product_id": 3, "quantity": 1000000}, {"product_id": 3, "quantity": 1000000},
    {"product_id": 3, "quantity": 1000000}, {"product_id": 3, "quantity": 1000000}, {"product_id": 3, "quantity": 1000000},
    {"product_id": 3, "quantity": 1000000}]},
  {"customer_name": "Carl", "items": [{"product_id": 1, "quantity": 2}], "status": "SHIPPED"},
  {"customer_name": "Dora", "items": [{"product_id": 1, "quantity": 2}]}]');
SELECT id, order_number, customer_name, total_amount FROM oms.orders ORDER BY id;
SELECT * FROM oms.orders_create('[]');
SELECT * FROM oms.orders_create(NULL);
SELECT * FROM fails($$SELECT * FROM oms.orders_create('{}')$$);
SELECT * FROM fails($$SELECT * FROM oms.orders_create('null')$$);
SELECT * FROM fails($$SELECT * FROM oms.orders_create((SELECT jsonb_agg(1) FROM generate_series(1, 10001)))$$);

-- stock goes to the lowest ids first, whatever the order of the array; an id that comes twice is told of twice
SELECT * FROM oms.orders_confirm('{3,2,99,1,3,99,-1,0}');
SELECT id, status, version FROM oms.orders ORDER BY id;
SELECT product_id, on_hand, allocated, available FROM oms.stock ORDER BY 1;
SELECT product_id, seq, kind, d_allocated, order_id FROM oms.stock_move WHERE order_id IS NOT NULL ORDER BY 1, 2;
SELECT * FROM oms.orders_confirm('{1,2}');
SELECT * FROM oms.orders_pack('{1,3}');
SELECT * FROM oms.orders_ship('{1,2}');
SELECT * FROM oms.orders_deliver('{2,1}');
SELECT * FROM oms.orders_cancel('{1,3}', 'no more');
SELECT order_id, seq, from_status, to_status, reason FROM oms.order_history ORDER BY 1, 2;
SELECT type, aggregate_id, version FROM oms.event WHERE aggregate = 'order' ORDER BY id;
SELECT product_id, on_hand, allocated FROM oms.stock ORDER BY 1;

-- arrays of every shape
SELECT * FROM oms.orders_confirm('{}');
SELECT * FROM oms.orders_confirm(NULL);
SELECT * FROM oms.orders_cancel(NULL);
SELECT * FROM oms.orders_cancel(NULL, 'x');
SELECT * FROM oms.orders_cancel('[7:8]={3,3}', NULL);
SELECT * FROM oms.orders_pack(ARRAY[9223372036854775807, -9223372036854775808]);
SELECT * FROM fails($$SELECT * FROM oms.orders_confirm('{1,NULL}')$$);
SELECT * FROM fails($$SELECT * FROM oms.orders_confirm('{{1},{2}}')$$);
SELECT * FROM fails($$SELECT * FROM oms.orders_confirm((SELECT array_agg(g) FROM generate_series(1, 10001) AS g))$$);

-- ten thousand at once
SELECT count(*), count(*) FILTER (WHERE ok), count(DISTINCT order_id) FROM oms.orders_create(
  (SELECT jsonb_agg('{"items": [{"product_id": 2, "quantity": 1}]}'::jsonb) FROM generate_series(1, 10000)));
SELECT sqlstate, count(*), min(order_id) FROM oms.orders_confirm((SELECT array_agg(id ORDER BY id DESC) FROM oms.orders WHERE id > 3)) GROUP BY 1 ORDER BY 1;
SELECT count(*), count(*) FILTER (WHERE ok) FROM oms.orders_cancel((SELECT array_agg(id) FROM oms.orders WHERE id > 3));
SELECT status, count(*) FROM oms.orders GROUP BY 1 ORDER BY 1;
SELECT on_hand, allocated FROM oms.stock WHERE product_id = 2;
-- one that cannot be, among many, costs nobody his place
SELECT order_id IS NOT NULL, sqlstate, count(*) FROM oms.orders_create(
  (SELECT jsonb_agg(jsonb_build_object('items', jsonb_build_array(jsonb_build_object('product_id', g % 5, 'quantity', 1)))) FROM generate_series(1, 100) AS g))
GROUP BY 1, 2 ORDER BY 1, 2;
-- in a target list and through a cursor
SELECT (oms.orders_confirm('{1,2}')).*;
BEGIN;
DECLARE c CURSOR FOR SELECT ok, sqlstate FROM oms.orders_cancel((SELECT array_agg(id) FROM oms.orders WHERE id <= 3));
FETCH 2 FROM c;
COMMIT;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_order_many;
