-- carrier and tracking number of shipments, known late
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_shipment_update;
CREATE DATABASE oms_regress_shipment_update;
\c oms_regress_shipment_update
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
CREATE VIEW p AS SELECT id, state, carrier, tracking, version FROM oms.shipment ORDER BY id;
SELECT oms.product_create('A', 'a', 1), oms.stock_receive(1, 10);
SELECT oms.order_create('[{"product_id": 1, "quantity": 4}]');
SELECT oms.order_confirm(1);
SELECT * FROM oms.shipment_create(1, '[{"line": 1, "quantity": 1}]', carrier => 'DHL');
SELECT * FROM oms.shipment_create(1, '[{"line": 1, "quantity": 1}]');
SELECT oms.shipment_update(1, tracking => 'T-1');
SELECT oms.shipment_ship(1);
SELECT oms.shipment_update(1, 'UPS', 'T-2');
SELECT oms.shipment_update(1, 'UPS', 'T-2'), oms.shipment_update(1);
TABLE p;
SELECT oms.shipment_deliver(1), oms.shipment_update(1, carrier => '');
SELECT oms.shipment_cancel(2);
TABLE p;
SELECT seq, action, detail FROM oms.order_history WHERE action IS NOT NULL ORDER BY seq;
SELECT type, aggregate_id, version, payload FROM oms.event WHERE aggregate = 'shipment' ORDER BY id;
SELECT kind, what, detail -> 'payload' FROM oms.order_timeline(1) WHERE what = 'shipment.updated';
SELECT * FROM fails($$SELECT oms.shipment_update(2, 'x')$$);
SELECT * FROM fails($$SELECT oms.shipment_update(3, 'x')$$);
SELECT * FROM fails($$SELECT oms.shipment_update(NULL, 'x')$$);
SELECT * FROM fails($$SELECT oms.shipment_update(1, repeat('x', 101), repeat('x', 201))$$);
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT oms.shipment_update(1, 'x');
COMMIT;
TABLE p;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_shipment_update;
