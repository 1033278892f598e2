-- orders: entered and read; by SQL and by REST
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_order;
CREATE DATABASE oms_regress_order;
\c oms_regress_order
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
-- a reply without its times
CREATE FUNCTION timeless(reply json) RETURNS text
RETURN regexp_replace(reply::text, '"(\w+_at)": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"', '"\1": "T"', 'g');

SELECT oms.product_create('TEA', 'Tea', 3.35), oms.product_create('MUG', 'Mug', 0.10), oms.product_create('GOLD', 'Gold', 9999999999.99);

-- totals are sums of lines, a product may come twice, the name is optional
SELECT oms.order_create('[{"product_id": 1, "quantity": 3}, {"product_id": 2, "quantity": 7}, {"product_id": 1, "quantity": 1}]', 'Ann');
SELECT oms.order_create(items => '[{"product_id": 2, "quantity": 1.0}]');
SELECT oms.order_create('[{"product_id": 3, "quantity": 1000000}]', repeat('é', 200));
SELECT oms.order_create('[{"quantity": 1e2, "product_id": 2}]', NULL);
SELECT id, order_number, status, version, left(customer_name, 5), total_amount, created_by = current_user FROM oms.orders ORDER BY id;
SELECT order_id, line_no, product_id, quantity, sku, name, price, line_total FROM oms.order_line ORDER BY 1, 2;
SELECT order_id, seq, from_status, to_status, actor = current_user, reason FROM oms.order_history ORDER BY 1, 2;
SELECT type, aggregate, aggregate_id, version FROM oms.event WHERE aggregate = 'order' ORDER BY id;
SELECT handler, payload, state FROM oms.task ORDER BY id;
-- entering takes no stock
SELECT count(*) FROM oms.stock_move;

-- lines keep what the product was when it was sold
SELECT oms.product_update(1, sku => 'TEA2', name => 'Better tea', price => 99);
SELECT sku, name, price, line_total FROM oms.order_line WHERE order_id = 1 AND line_no = 1;
SELECT (oms_rest.order_get('ann', 'r', 1)::jsonb #> '{items,0}') - 'product';
SELECT oms_rest.order_get('ann', 'r', 1)::jsonb #>> '{items,0,product,price}';

-- the largest order
SELECT oms.order_create((SELECT jsonb_agg(jsonb_build_object('product_id', 2, 'quantity', g)) FROM generate_series(1, 500) AS g));
SELECT total_amount, (SELECT count(*) FROM oms.order_line WHERE order_id = o.id) FROM oms.orders AS o WHERE id = 5;
-- money is exact up to the limit, and an error beyond
SELECT oms.order_create((SELECT jsonb_agg('{"product_id": 3, "quantity": 1000000}'::jsonb) FROM generate_series(1, 9)));
SELECT total_amount FROM oms.orders WHERE id = 6;
SELECT * FROM fails($$SELECT oms.order_create((SELECT jsonb_agg('{"product_id": 3, "quantity": 1000000}'::jsonb) FROM generate_series(1, 10)))$$);

-- what is no order
SELECT left(items::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest(ARRAY[NULL, '[]', '{}', 'null', '1', '"x"', '[1]', '[null]', '[[]]', '[{}]', '{"items": []}',
  '[{"product_id": 1}]', '[{"quantity": 1}]', '[{"product_id": 1, "quantity": 0}]', '[{"product_id": 1, "quantity": -1}]',
  '[{"product_id": 1, "quantity": 1000001}]', '[{"product_id": 1, "quantity": 1.5}]', '[{"product_id": 1, "quantity": "1"}]',
  '[{"product_id": 1, "quantity": null}]', '[{"product_id": 1, "quantity": true}]', '[{"product_id": 1, "quantity": [1]}]',
  '[{"product_id": 1, "quantity": 1e400}]', '[{"product_id": 1, "quantity": 1e-400}]',
  '[{"product_id": 1.5, "quantity": 1}]', '[{"product_id": 9223372036854775808, "quantity": 1}]',
  '[{"product_id": 1, "quantity": 1}, {"product_id": 99, "quantity": 1}]',
  '[{"product_id": 1, "quantity": 1, "price": "0.001"}]', '[{"product_id": 1, "quantity": 1}, {"product_id": "x"}]']) AS items,
  fails(format('SELECT oms.order_create(%L)', items)) AS f;
SELECT * FROM fails($$SELECT oms.order_create((SELECT jsonb_agg('{"product_id": 1, "quantity": 1}'::jsonb) FROM generate_series(1, 501)))$$);
-- many faults make no endless answer
SELECT code, message, jsonb_array_length(detail::jsonb)
FROM fails($$SELECT oms.order_create((SELECT jsonb_agg('{"product_id": 1, "quantity": 0}'::jsonb) FROM generate_series(1, 500)))$$);
SELECT * FROM fails($$SELECT oms.order_create((repeat('[', 5000) || repeat(']', 5000))::jsonb)$$);
SELECT * FROM fails($$SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', '')$$);
SELECT * FROM fails($$SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', repeat('é', 201))$$);
SELECT * FROM fails($$SELECT oms.order_create('[{"product_id": 1}]', E' \n\t')$$);
SELECT oms.product_archive(2);
SELECT * FROM fails($$SELECT oms.order_create('[{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 1}]')$$);
SELECT count(*), max(id) FROM oms.orders;
-- old lines of an archived product are still read
SELECT timeless(oms_rest.order_get('ann', 'r', 2));

-- REST
SELECT timeless(oms_rest.order_create('ann', 'r1', '{"customer_name": "Zoë \"Z\" 😀\n", "items": [{"product_id": 3, "quantity": 2}]}', NULL));
SELECT timeless(oms_rest.order_create('ann', 'r2', '{"items": [{"product_id": 1, "quantity": 1}], "status": "PENDING", "id": 77, "total_amount": "0.01", "created_by": "eve"}', NULL));
-- what is answered is what is read
SELECT oms_rest.order_create('ann', 'r4', '{"items": [{"product_id": 3, "quantity": 2}, {"product_id": 1, "quantity": 1}]}', NULL) AS answer \gset
SELECT :'answer'::jsonb = oms_rest.order_get('ann', 'r', (:'answer'::jsonb ->> 'id')::bigint)::jsonb;
SELECT left(body::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest(ARRAY['{}', '[]', '{"items": []}', '{"items": {}}', '{"items": [{"product_id": 1, "quantity": 1}], "status": "CONFIRMED"}',
  '{"items": [{"product_id": 1, "quantity": 1}], "customer_name": ""}', '{"items": [{"product_id": 1, "quantity": 1}], "customer_name": null}',
  '{"items": [{"product_id": 99, "quantity": 1}, {"product_id": 2, "quantity": 1}]}',
  '{"items": [{"product_id": 1, "quantity": 1}], "discount": -5}', '{"items": "x", "status": 1, "customer_name": 2}']) AS body,
  fails(format('SELECT oms_rest.order_create(%L, %L, %L, NULL)', 'ann', 'r', body)) AS f;
SELECT * FROM fails($$SELECT oms_rest.order_get('ann', 'r', 999)$$);
SELECT * FROM fails($$SELECT oms_rest.order_get('ann', 'r', -1)$$);
SELECT * FROM fails($$SELECT oms_rest.order_history('ann', 'r', 999)$$);
SELECT * FROM fails($$SELECT oms_rest.order_create('ann', 'r', NULL, NULL)$$);

-- REST: the status
SELECT oms.stock_receive(1, 5);
SELECT timeless(oms_rest.order_status('bob', 'r5', 8, '{"status": "CONFIRMED"}'));
SELECT timeless(oms_rest.order_status('bob', 'r6', 8, '{"status": "CONFIRMED"}'));
SELECT timeless(oms_rest.order_status('bob', 'r7', 8, '{"status": "CANCELLED", "reason": "changed \"mind\""}'));
SELECT timeless(oms_rest.order_history('bob', 'r8', 8));
SELECT actor, request_id, type, version FROM oms.event WHERE aggregate = 'order' AND aggregate_id = 8 ORDER BY id;
SELECT left(body::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest(ARRAY['{}', '{"status": 1}', '{"status": ""}', '{"status": "confirmed"}', '{"status": "LOST"}', '{"status": "SHIPPED"}',
  '{"status": "CONFIRMED"}', '{"status": "CONFIRMED", "reason": 1}', '{"status": "CONFIRMED", "force": true}',
  '{"status": "A123456789012345678901234567890123"}']) AS body,
  fails(format('SELECT oms_rest.order_status(%L, %L, 7, %L)', 'bob', 'r', body)) AS f;
SELECT * FROM fails($$SELECT oms_rest.order_status('bob', 'r', 999, '{"status": "CONFIRMED"}')$$);
SELECT * FROM fails($$SELECT oms_rest.order_status('bob', 'r', 8, '{"status": "CONFIRMED"}')$$);
SELECT status, version FROM oms.orders WHERE id IN (7, 8) ORDER BY id;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_order;
