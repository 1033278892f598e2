-- one effect and one answer for requests that share an Idempotency-Key
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_idempotency;
CREATE DATABASE oms_regress_idempotency;
\c oms_regress_idempotency
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

SELECT oms_rest.product_create('ann', 'r1', '{"sku": "A", "name": "a", "price": 1}', 'key-1') AS first \gset
SELECT oms_rest.product_create('ann', 'r2', '{"sku": "A", "name": "a", "price": 1}', 'key-1')::text = :'first';
SELECT count(*) FROM oms.product;
SELECT oms_rest.order_create('ann', 'r3', '{"items": [{"product_id": 1, "quantity": 2}]}', 'key-2') AS first \gset
SELECT oms_rest.order_create('ann', 'r4', '{"items": [{"product_id": 1, "quantity": 2}]}', 'key-2')::text = :'first';
SELECT oms_rest.inventory_create('ann', 'r5', '{"product": 1, "quantity": 9}', 'key-3') AS first \gset
SELECT oms_rest.inventory_create('ann', 'r6', '{"product": 1, "quantity": 9}', 'key-3')::text = :'first';
SELECT count(*), max(id) FROM oms.orders;
SELECT count(*) FROM oms.stock_move;
SELECT count(*) FROM oms.event;
SELECT actor, key, octet_length(request_hash), response ->> 'id' FROM oms.idempotency ORDER BY key;

-- the answer is the first one, whatever has happened since
SELECT oms_rest.product_update('ann', 'r7', 1, '{"price": 5}') IS NOT NULL;
SELECT oms_rest.product_create('ann', 'r8', '{"sku": "A", "name": "a", "price": 1}', 'key-1') ->> 'price';

-- another body or another operation is another request
SELECT * FROM fails($$SELECT oms_rest.product_create('ann', 'r', '{"sku": "A", "name": "a", "price": 2}', 'key-1')$$);
SELECT * FROM fails($$SELECT oms_rest.product_create('ann', 'r', '{"sku": "A", "name": "a",  "price": 1}', 'key-1')$$);
SELECT * FROM fails($$SELECT oms_rest.inventory_create('ann', 'r', '{"sku": "A", "name": "a", "price": 1}', 'key-1')$$);
-- keys of one user do not meet those of another
SELECT oms_rest.order_create('bob', 'r', '{"items": [{"product_id": 1, "quantity": 1}]}', 'key-2') ->> 'id';

-- what failed may be tried again under its key
SELECT * FROM fails($$SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', 'key-4')$$);
SELECT oms.product_create('B', 'b', 1);
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', 'key-4') ->> 'total_amount';
BEGIN;
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', 'key-5') ->> 'status';
-- in its own transaction a key is known already
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', 'key-5') ->> 'status';
SELECT count(*) FROM oms.orders;
ROLLBACK;
SELECT count(*) FROM oms.orders;
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', 'key-5') ->> 'status';

-- no key, no memory
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', NULL) ->> 'status';
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', NULL) ->> 'status';
SELECT count(*) FROM oms.orders;
SELECT count(*) FROM oms.idempotency;

-- keys are any 1 to 255 bytes
SELECT * FROM fails($$SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', '')$$);
SELECT * FROM fails($$SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', repeat('k', 256))$$);
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', repeat('k', 255)) ->> 'status';
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', E'\U0001F600 '' \\ %s \n') ->> 'status';
SELECT oms_rest.order_create('ann', 'r', '{"items": [{"product_id": 2, "quantity": 1}]}', E'\U0001F600 '' \\ %s \n') ->> 'status';
SELECT count(*) FROM oms.orders;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_idempotency;
