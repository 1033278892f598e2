-- inventory: stock as the REST API shows it
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_inventory;
CREATE DATABASE oms_regress_inventory;
\c oms_regress_inventory
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

SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 1), oms.product_create('C', 'c', 1);
SELECT timeless(oms_rest.inventory_create('ann', 'r1', '{"product": 1, "quantity": 5}', NULL));
SELECT timeless(oms_rest.inventory_create('ann', 'r2', '{"product": 2, "quantity": 0, "low_stock_threshold": 3}', NULL));
SELECT timeless(oms_rest.inventory_get('ann', 'r3', 1));
SELECT * FROM fails($$SELECT oms_rest.inventory_create('ann', 'r4', '{"product": 1, "quantity": 5}', NULL)$$);
SELECT * FROM fails($$SELECT oms_rest.inventory_create('ann', 'r4', '{"product": 99, "quantity": 5}', NULL)$$);
SELECT left(body::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest(ARRAY[
  '{}', '{"product": "1", "quantity": "5"}', '{"product": 0, "quantity": -1}', '{"product": 3, "quantity": 1.5}',
  '{"product": 3, "quantity": 1000000000001}', '{"product": 3, "quantity": 1, "low_stock_threshold": -1}',
  '{"product": 3, "quantity": null, "colour": 1}', '{"product": 9223372036854775808, "quantity": 1e400}']) AS body,
  fails(format('SELECT oms_rest.inventory_create(%L, %L, %L, NULL)', 'ann', 'r', body)) AS f;

-- writing the quantity books the difference
SELECT timeless(oms_rest.inventory_replace('ann', 'r5', 1, '{"product": 1, "quantity": 8}'));
SELECT timeless(oms_rest.inventory_update('ann', 'r6', 1, '{"quantity": 2}'));
SELECT timeless(oms_rest.inventory_update('ann', 'r7', 1, '{"quantity": 2}'));
SELECT timeless(oms_rest.inventory_update('ann', 'r8', 1, '{"low_stock_threshold": 0}'));
SELECT timeless(oms_rest.inventory_update('ann', 'r9', 1, '{}'));
-- a client may send back what it read
SELECT timeless(oms_rest.inventory_replace('ann', 'r10', 1, oms_rest.inventory_get('ann', 'r10', 1)::text));
SELECT seq, kind, d_on_hand, on_hand, actor, reason FROM oms.stock_move WHERE product_id = 1 ORDER BY seq;

-- the quantity is what is available, whatever is promised
SELECT oms.order_create('[{"product_id": 1, "quantity": 2}]');
SELECT oms.order_confirm(1);
SELECT timeless(oms_rest.inventory_get('ann', 'r11', 1));
SELECT timeless(oms_rest.inventory_update('ann', 'r12', 1, '{"quantity": 7}'));
SELECT timeless(oms_rest.inventory_update('ann', 'r13', 1, '{"quantity": 0}'));
SELECT * FROM fails($$SELECT oms_rest.inventory_delete('ann', 'r14', 1)$$);
SELECT * FROM fails($$SELECT oms_rest.inventory_replace('ann', 'r15', 1, '{"product": 2, "quantity": 1}')$$);
SELECT * FROM fails($$SELECT oms_rest.inventory_replace('ann', 'r16', 1, '{"quantity": 1}')$$);
SELECT * FROM fails($$SELECT oms_rest.inventory_get('ann', 'r17', 99)$$);
SELECT * FROM fails($$SELECT oms_rest.inventory_update('ann', 'r18', 99, '{"quantity": 1}')$$);
SELECT * FROM fails($$SELECT oms_rest.inventory_delete('ann', 'r19', 99)$$);
SELECT * FROM fails($$SELECT oms_rest.inventory_update('ann', 'r20', 1, NULL)$$);

-- a record that is removed is booked out, and its ledger goes on when it comes back
SELECT oms.order_ship(1);
SELECT timeless(oms_rest.inventory_update('ann', 'r21', 1, '{"quantity": 4}'));
SELECT oms_rest.inventory_delete('ann', 'r22', 1) IS NULL;
SELECT * FROM fails($$SELECT oms_rest.inventory_delete('ann', 'r23', 1)$$);
SELECT oms.stock_receive(1, 3);
SELECT id > 2, on_hand, moves FROM oms.stock WHERE product_id = 1;
SELECT seq, kind, d_on_hand, on_hand FROM oms.stock_move WHERE product_id = 1 ORDER BY seq DESC LIMIT 3;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_inventory;
