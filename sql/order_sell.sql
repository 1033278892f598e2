-- counter sales: an order that is entered and delivered in one call
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_order_sell;
CREATE DATABASE oms_regress_order_sell;
\c oms_regress_order_sell
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
CREATE VIEW shelf AS SELECT product_id, on_hand, reserved, allocated, available FROM oms.stock ORDER BY 1;
SELECT oms.product_create('A', 'a', 2.50), oms.product_create('B', 'b', 3);
SELECT oms.stock_receive(1, 10), oms.stock_receive(2, 4);
SELECT oms.channel_create('till', 'Till', 'create');
SELECT oms.customer_create('Cid');

SELECT oms.order_sell('[{"product_id": 1, "quantity": 4}, {"product_id": 2, "quantity": 1, "discount": "10%"}]', 'Ann', external_ref => 'R-1', discount => '1.00', attributes => '{"till": 3}', note => 'gift');
SELECT id, status, version, customer_name, total_amount, fulfilment, external_ref, attributes FROM oms.orders;
SELECT seq, from_status, to_status FROM oms.order_history ORDER BY 1;
SELECT type, version FROM oms.event WHERE aggregate = 'order' ORDER BY id;
SELECT note FROM oms.order_note;
TABLE shelf;

-- a channel that takes stock at create, with a customer of ours
SELECT oms.order_sell('[{"product_id": 1, "quantity": 2}]', customer_id => 1, channel => 'till');
SELECT id, status, customer_name, takes_stock FROM oms.orders WHERE id = 2;
TABLE shelf;

-- all or nothing
SELECT * FROM fails($$SELECT oms.order_sell('[{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 4}]')$$);
SELECT * FROM fails($$SELECT oms.order_sell('[{"product_id": 2, "quantity": 4}]', channel => 'till')$$);
SELECT * FROM fails($$SELECT oms.order_sell('[{"product_id": 1, "quantity": 1}]', external_ref => 'R-1')$$);
SELECT * FROM fails($$SELECT oms.order_sell('[{"product_id": 9, "quantity": 0}]', '', 0, 'none')$$);
SELECT * FROM fails($$SELECT oms.order_sell(NULL)$$);
SELECT * FROM fails($$SELECT oms.order_sell('{}')$$);
-- backordered units cannot be handed over
SELECT oms.stock_set(2, backorder_limit => 5);
SELECT * FROM fails($$SELECT oms.order_sell('[{"product_id": 2, "quantity": 4}]')$$);
SELECT count(*) FROM oms.orders;
TABLE shelf;

-- the machine says which way is the shortest, and whether there is one
BEGIN;
DELETE FROM oms.order_transition WHERE from_status = 'CONFIRMED' AND to_status = 'SHIPPED';
SELECT oms.order_sell('[{"product_id": 1, "quantity": 1}]') AS id \gset
SELECT to_status FROM oms.order_history WHERE order_id = :id ORDER BY seq;
UPDATE oms.order_transition SET least_role = 'oms_admin' WHERE to_status = 'DELIVERED';
SET LOCAL ROLE oms_staff;
SELECT * FROM public.fails($$SELECT oms.order_sell('[{"product_id": 1, "quantity": 1}]')$$);
ROLLBACK;
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT oms.order_sell('[{"product_id": 1, "quantity": 1}]') > 0;
COMMIT;
TABLE shelf;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_order_sell;
