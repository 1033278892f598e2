-- orders: many in one call, all or nothing, and batches as the REST API answers them
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_order_batch;
CREATE DATABASE oms_regress_order_batch;
\c oms_regress_order_batch
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

SELECT oms.product_create('A', 'a', 2.50), oms.product_create('B', 'b', 1);
SELECT oms.stock_receive(1, 5), oms.stock_receive(2, 100);
SELECT oms.channel_create('shop', 'Shop', 'create', number_prefix => 'SH-');

-- all or nothing: the first that fails is raised with its row, and nothing is done
SELECT * FROM fails($$SELECT * FROM oms.orders_create('[
  {"customer_name": "Ann", "items": [{"product_id": 1, "quantity": 1}]},
  {"customer_name": "", "items": [{"product_id": 1, "quantity": 0}, {"product_id": 2, "quantity": "{\"pointer\": \"/x\"}"}]},
  7]', all_or_nothing => true)$$);
SELECT * FROM fails($$SELECT * FROM oms.orders_create('[
  {"customer_name": "Ann", "items": [{"product_id": 1, "quantity": 1}]},
  {"items": [{"product_id": 2, "quantity": 1}, {"product_id": 99, "quantity": 1}]}]', true)$$);
SELECT * FROM fails($$SELECT * FROM oms.orders_create('[
  {"channel": "shop", "items": [{"product_id": 1, "quantity": 3}]},
  {"channel": "shop", "items": [{"product_id": 1, "quantity": 3}]}]', true)$$);
SELECT count(*) FROM oms.orders;
SELECT count(*) FROM oms.event WHERE aggregate = 'order';
SELECT ok, message FROM oms.orders_create('[
  {"customer_name": "Ann", "items": [{"product_id": 1, "quantity": 2}]},
  {"customer_name": "Bob", "items": [{"product_id": 1, "quantity": 2}]},
  {"customer_name": "Cid", "items": [{"product_id": 1, "quantity": 2}]},
  {"customer_name": "Dan", "items": [{"product_id": 2, "quantity": 1}]}]', true);
SELECT array_agg(id ORDER BY id) AS ids, min(id) AS first FROM oms.orders \gset
SELECT code, replace(message, (:first + 2)::text, 'third'), detail::jsonb - 'order_id', hint
FROM fails(format($$SELECT * FROM oms.orders_confirm(%L, true)$$, :'ids'));
SELECT status, count(*) FROM oms.orders GROUP BY 1;
SELECT product_id, on_hand, allocated FROM oms.stock ORDER BY 1;
-- the first in the order given, not of the ids
SELECT code, message, detail FROM fails(format($$SELECT * FROM oms.orders_pack(ARRAY[777777, %s, %s], true)$$, :first, :first));
SELECT code, message, detail FROM fails(format($$SELECT * FROM oms.orders_cancel(ARRAY[%s, 777777], 'x', true)$$, :first));
SELECT order_id - :first, ok FROM oms.orders_confirm(ARRAY[:first, :first + 1, :first + 3, :first], true);
SELECT ok FROM oms.orders_pack(ARRAY[:first], true);
SELECT ok FROM oms.orders_ship(ARRAY[:first, :first + 1], all_or_nothing => true);
SELECT ok FROM oms.orders_deliver(ARRAY[:first], true);
SELECT ok FROM oms.orders_cancel(ARRAY[:first + 2], NULL, true);
SELECT id - :first, status, version FROM oms.orders ORDER BY id;
-- nothing at all is all; without a word each stands for itself
SELECT * FROM oms.orders_create('[]', true);
SELECT * FROM oms.orders_confirm('{}', true);
SELECT order_id, ok, sqlstate FROM oms.orders_confirm('{777777}', NULL);

-- a reference that comes twice belongs to the first that can be entered
SELECT row_number() OVER (), ok, sqlstate, message FROM oms.orders_create('[
  {"external_ref": "R1", "items": [{"product_id": 99, "quantity": 1}]},
  {"external_ref": "R1", "items": [{"product_id": 2, "quantity": 1}]},
  {"external_ref": "R1", "items": [{"product_id": 2, "quantity": 2}]},
  {"external_ref": "R2", "items": []},
  {"external_ref": "R2", "channel": "shop", "items": [{"product_id": 1, "quantity": 9}]},
  {"external_ref": "R2", "channel": "shop", "items": [{"product_id": 2, "quantity": 1}]},
  {"external_ref": "R2", "channel": "default", "items": [{"product_id": 2, "quantity": 1}]},
  {"external_ref": "R2", "channel": "shop", "items": [{"product_id": 2, "quantity": 1}]}]');
SELECT channel, external_ref FROM oms.orders WHERE external_ref IS NOT NULL ORDER BY 1, 2;
SELECT regexp_replace(message, '[0-9]+', 'N') FROM oms.orders_create('[{"external_ref": "R1", "items": [{"product_id": 2, "quantity": 1}]}]');
SELECT ok, count(*) FROM oms.orders_create((SELECT jsonb_agg(jsonb_build_object('external_ref', 'M' || g % 2500,
  'items', jsonb_build_array(jsonb_build_object('product_id', CASE WHEN g <= 2500 THEN 99 ELSE 2 END, 'quantity', 1)))) FROM generate_series(1, 10000) AS g)) GROUP BY 1;

-- as the REST API answers
CREATE FUNCTION batch(name text, body text, key text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb;
BEGIN
  EXECUTE format('SELECT oms_rest.order_batch_%s(''eve'', ''r1'', $1, $2)::jsonb', name) INTO answer USING body, key;
  RETURN jsonb_pretty(answer);
END $$;
SELECT regexp_replace(batch('create', '{"orders": [{"items": [{"product_id": 2, "quantity": 1}]}, {"items": [{"product_id": 98, "quantity": 1}]}, {"items": [{"product_id": 1, "quantity": 1000}], "channel": "shop"}]}'),
  '"order_id": [0-9]+', '"order_id": N');
SELECT batch('confirm', format('{"order_ids": [%s, 777777, %s]}', :first + 3, :first + 3))::jsonb = jsonb_build_object('succeeded', 2, 'failed', 1, 'results', jsonb_build_array(
  jsonb_build_object('row', 0, 'order_id', :first + 3, 'ok', true),
  jsonb_build_object('row', 1, 'order_id', 777777, 'ok', false, 'code', 'OM001', 'status', 404, 'title', 'Order not found', 'detail', 'there is no order 777777', 'hint', 'List the orders to see their ids.'),
  jsonb_build_object('row', 2, 'order_id', :first + 3, 'ok', true)));
SELECT * FROM fails($$SELECT batch('confirm', '{"order_ids": [1, 0, "2", 1.5, 9223372036854775808], "all": true}')$$);
SELECT * FROM fails($$SELECT batch('create', '{"order_ids": [1]}')$$);
SELECT * FROM fails($$SELECT batch('ship', '{"order_ids": [777777], "all_or_nothing": true}')$$);
SELECT * FROM fails($$SELECT batch('create', (SELECT jsonb_build_object('orders', jsonb_agg(1)) FROM generate_series(1, 10001))::text)$$);
-- once for a key
SELECT count(*) AS before FROM oms.orders \gset
SELECT batch('create', '{"orders": [{"items": [{"product_id": 2, "quantity": 1}]}]}', 'k1') = batch('create', '{"orders": [{"items": [{"product_id": 2, "quantity": 1}]}]}', 'k1');
SELECT count(*) - :before FROM oms.orders;
SELECT code FROM fails($$SELECT batch('create', '{"orders": []}', 'k1')$$);
SELECT code FROM fails($$SELECT batch('confirm', '{"order_ids": []}', 'k1')$$);
SELECT batch('cancel', format('{"order_ids": [%s], "reason": "not wanted"}', :first + 3), 'k2')::jsonb->'succeeded';
SELECT reason FROM oms.order_history WHERE order_id = :first + 3 ORDER BY seq DESC LIMIT 1;
-- dry, nothing is done
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT batch('create', '{"orders": [{"items": [{"product_id": 2, "quantity": 1}]}, {"items": []}]}')::jsonb - 'results';
COMMIT;
SELECT count(*) - :before FROM oms.orders;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_order_batch;
