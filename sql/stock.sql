-- stock: received, adjusted, and its ledger
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_stock;
CREATE DATABASE oms_regress_stock;
\c oms_regress_stock
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

SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 1);
SELECT oms.stock_receive(1, 10);
SELECT oms.stock_receive(product_id => 1, quantity => 5, reason => 'delivery 7');
SELECT oms.stock_adjust(1, -3, 'broken');
SELECT oms.stock_adjust(1, 1, 'found one');
SELECT oms.stock_adjust(2, 4, 'first count');
SELECT product_id, location_id, on_hand, reserved, allocated, available, moves, low_stock_threshold FROM oms.stock ORDER BY 1;
SELECT product_id, seq, kind, d_on_hand, d_reserved, d_allocated, on_hand, reserved, allocated, order_id, reason,
  actor = current_user FROM oms.stock_move ORDER BY 1, 2;
SELECT type, aggregate, aggregate_id, version, payload FROM oms.event WHERE aggregate = 'product' AND type LIKE 'stock%' ORDER BY id;

-- what cannot be
SELECT left(quantity::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest('{0,-1,1000000000001,9223372036854775807,-9223372036854775808,null}'::bigint[]) AS quantity,
  fails(format('SELECT oms.stock_receive(1, %L)', quantity)) AS f;
SELECT left(delta::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest('{0,1000000000001,9223372036854775807,-9223372036854775808,null}'::bigint[]) AS delta,
  fails(format('SELECT oms.stock_adjust(1, %L, %L)', delta, 'x')) AS f;
SELECT * FROM fails($$SELECT oms.stock_adjust(1, 1, NULL)$$);
SELECT * FROM fails($$SELECT oms.stock_adjust(1, 1, '')$$);
SELECT * FROM fails($$SELECT oms.stock_adjust(1, -14, 'more than there are')$$);
SELECT * FROM fails($$SELECT oms.stock_adjust(1, -1000000000000, 'far more')$$);
SELECT * FROM fails($$SELECT oms.stock_receive(99, 1)$$);
SELECT * FROM fails($$SELECT oms.stock_receive(NULL, 1)$$);
SELECT * FROM fails($$SELECT oms.stock_adjust(-1, 1, 'x')$$);

-- the limit is a limit of the row
SELECT oms.stock_receive(2, 1000000000000 - 4);
SELECT * FROM fails($$SELECT oms.stock_receive(2, 1)$$);
SELECT * FROM fails($$SELECT oms.stock_adjust(2, 1000000000000, 'x')$$);
SELECT oms.stock_adjust(2, -1000000000000, 'gone');

-- promised units cannot be taken away
SELECT oms.order_create('[{"product_id": 1, "quantity": 13}]');
SELECT oms.order_confirm(1);
SELECT * FROM fails($$SELECT oms.stock_adjust(1, -1, 'theft')$$);
SELECT oms.stock_receive(1, 1);
SELECT oms.stock_adjust(1, -1, 'theft');
SELECT oms.order_ship(1);
SELECT on_hand, allocated, available FROM oms.stock WHERE product_id = 1;
SELECT kind, d_on_hand, d_allocated, order_id FROM oms.stock_move WHERE product_id = 1 ORDER BY seq DESC LIMIT 2;

-- an archived product's stock can still be counted
SELECT oms.product_archive(2);
SELECT oms.stock_adjust(2, 3, 'found behind the shelf');

-- reasons are kept as they were said
SELECT oms.stock_adjust(1, 5, E'日本 "quote" \\ \n' || repeat('x', 5));
SELECT reason FROM oms.stock_move ORDER BY at DESC, seq DESC LIMIT 1;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_stock;
