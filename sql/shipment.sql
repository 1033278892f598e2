-- parcels: partial, split over locations, packed, shipped, delivered, undone
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_shipment;
CREATE DATABASE oms_regress_shipment;
\c oms_regress_shipment
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
CREATE VIEW o AS SELECT id, status, version, fulfilment, shipments FROM oms.orders;
CREATE VIEW s AS SELECT product_id, location_id, on_hand, allocated FROM oms.stock ORDER BY 1, 2;
CREATE VIEW p AS SELECT id, location_id, state, carrier, tracking, version, (SELECT string_agg(format('%s*%s', quantity, line_no), ' ' ORDER BY line_no) FROM oms.shipment_line WHERE shipment_id = id) AS lines,
  concat_ws(' ', 'packed' || left(packed_at::text, 0), 'shipped' || left(shipped_at::text, 0), 'delivered' || left(delivered_at::text, 0), 'cancelled' || left(cancelled_at::text, 0)) AS stamps FROM oms.shipment ORDER BY id;
INSERT INTO oms.location (code, name) VALUES ('WEST', 'west');
SELECT oms.product_create('A', 'a', 2.50), oms.product_create('B', 'b', 3);
SELECT oms.stock_receive(1, 5), oms.stock_receive(1, 5, NULL, 'WEST'), oms.stock_receive(2, 5);

-- nothing ships before it is confirmed
SELECT oms.order_create('[{"product_id": 1, "quantity": 8}, {"product_id": 2, "quantity": 2}]') AS id \gset
SELECT * FROM fails(format('SELECT oms.shipment_create(%s)', :id));
SELECT oms.order_confirm(:id);
-- one from each location
SELECT oms.shipment_create(:id);
SELECT * FROM p;
SELECT * FROM fails(format('SELECT oms.shipment_create(%s)', :id));
SELECT * FROM o;
-- undone: the order keeps its units
SELECT oms.shipment_cancel(1, 'wrong box');
SELECT oms.shipment_cancel(1);
SELECT * FROM fails('SELECT oms.shipment_ship(1)');
-- too much, from the wrong place, unknown
SELECT * FROM fails(format('SELECT oms.shipment_create(%s, ''[{"line": 1, "quantity": 6}]'')', :id));
SELECT * FROM fails(format('SELECT oms.shipment_create(%s, ''[{"line": 2, "quantity": 1}]'', ''WEST'')', :id));
SELECT * FROM fails(format('SELECT oms.shipment_create(%s, location => ''NOWHERE'')', :id));
SELECT * FROM fails(format('SELECT oms.shipment_create(%s, ''[{"line": 3}]'')', :id));
SELECT * FROM fails('SELECT oms.shipment_create(0)');
SELECT * FROM fails('SELECT oms.shipment_ship(0)');
-- a part
SELECT oms.shipment_create(:id, '[{"line": 1, "quantity": 2}, {"line": 2}]', 'MAIN', 'DHL');
SELECT oms.shipment_ship(3, tracking => 'T1');
SELECT oms.shipment_ship(3);
SELECT * FROM s;
SELECT * FROM o;
SELECT * FROM fails('SELECT oms.shipment_cancel(3)');
SELECT * FROM fails('SELECT oms.shipment_pack(3)');
-- a partly shipped order is not cancelled whole, and what is in a parcel is not cancelled at all
SELECT * FROM fails(format('SELECT oms.order_cancel(%s)', :id));
SELECT * FROM fails(format('SELECT oms.order_close(%s)', :id));
SELECT * FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 1, "quantity": 4}]'')', :id));
SELECT * FROM oms.integrity;
-- on hold nothing ships
SELECT oms.order_hold(:id, 'wait');
SELECT * FROM fails('SELECT oms.shipment_ship(2)');
SELECT oms.order_release(:id);
-- closed short: the rest is free again, and what is left follows
SELECT oms.shipment_cancel(2);
SELECT oms.order_close(:id, 'no more');
SELECT * FROM s;
SELECT * FROM o;
SELECT oms.shipment_deliver(3);
SELECT * FROM o;
SELECT * FROM p;
SELECT seq, from_status, to_status, action, detail, reason FROM oms.order_history WHERE order_id = :id ORDER BY seq;
SELECT aggregate, aggregate_id, version, type FROM oms.event WHERE aggregate IN ('order', 'shipment') ORDER BY id;
SELECT * FROM oms.integrity;

-- packed one by one, shipped one by one: the order follows
SELECT oms.stock_receive(1, 5);
SELECT oms.order_create('[{"product_id": 1, "quantity": 9}]') AS id \gset
SELECT oms.order_confirm(:id);
SELECT oms.shipment_create(:id) AS parcel;
SELECT oms.shipment_pack(4);
SELECT status FROM o WHERE id = :id;
SELECT oms.shipment_pack(5);
SELECT status FROM o WHERE id = :id;
SELECT oms.shipment_ship(4);
SELECT status, fulfilment FROM o WHERE id = :id;
SELECT oms.shipment_deliver(4);
SELECT status, fulfilment FROM o WHERE id = :id;
SELECT oms.shipment_ship(5, 'UPS', 'T2');
SELECT status, fulfilment FROM o WHERE id = :id;
SELECT oms.shipment_deliver(5);
SELECT * FROM o WHERE id = :id;
SELECT * FROM s;
SELECT * FROM oms.integrity;

-- what has arrived before the rest was closed short takes the order with it; on hold nothing is delivered
SELECT oms.order_create('[{"product_id": 2, "quantity": 2}]') AS id \gset
SELECT oms.order_confirm(:id);
SELECT shipment_id AS parcel FROM oms.shipment_create(:id, '[{"line": 1, "quantity": 1}]') \gset
SELECT oms.shipment_ship(:parcel);
SELECT oms.order_hold(:id, 'wait');
SELECT code, message FROM fails(format('SELECT oms.shipment_deliver(%s)', :parcel));
SELECT oms.order_release(:id);
SELECT oms.shipment_deliver(:parcel);
SELECT status, fulfilment FROM o WHERE id = :id;
SELECT oms.order_close(:id);
SELECT status, fulfilment FROM o WHERE id = :id;

-- PACKED made mandatory
DELETE FROM oms.order_transition WHERE from_status = 'CONFIRMED' AND to_status = 'SHIPPED';
SELECT oms.order_create('[{"product_id": 2, "quantity": 1}]') AS id \gset
SELECT oms.order_confirm(:id);
SELECT * FROM fails(format('SELECT oms.shipment_create(%s)', :id));
SELECT oms.order_pack(:id);
SELECT oms.shipment_create(:id) AS parcel;
-- a step of the order takes its parcels along
SELECT oms.order_ship(:id);
SELECT state FROM p WHERE id = 7;
SELECT oms.order_create('[{"product_id": 2, "quantity": 1}]') AS id \gset
SELECT oms.order_advance(:id, 'PACKED');
SELECT oms.shipment_create(:id) AS parcel;
SELECT oms.order_cancel(:id);
SELECT state FROM p WHERE id = 8;
-- and cancelling what has not shipped takes an order to DELIVERED when the rest has arrived
SELECT oms.stock_receive(2, 1);
SELECT oms.order_create('[{"product_id": 2, "quantity": 2}]') AS id \gset
SELECT oms.order_advance(:id, 'PACKED');
SELECT shipment_id AS parcel FROM oms.shipment_create(:id, '[{"line": 1, "quantity": 1}]') \gset
SELECT oms.shipment_ship(:parcel);
SELECT oms.shipment_deliver(:parcel);
SELECT oms.order_hold(:id, 'wait');
SELECT code, message FROM fails(format('SELECT oms.order_cancel_lines(%s, ''[{"line": 1}]'')', :id));
SELECT oms.order_release(:id);
SELECT oms.order_cancel_lines(:id, '[{"line": 1}]');
SELECT status, fulfilment FROM o WHERE id = :id;
SELECT coalesce(action, to_status) FROM oms.order_history WHERE order_id = :id ORDER BY seq;
SELECT * FROM s;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_shipment;
