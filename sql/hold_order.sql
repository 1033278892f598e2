-- hold: stock kept for somebody becomes an order
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_hold_order;
CREATE DATABASE oms_regress_hold_order;
\c oms_regress_hold_order
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
CREATE VIEW shelf AS SELECT product_id, location_id, on_hand, reserved, allocated, available FROM oms.stock ORDER BY 1, 2;
CREATE VIEW kept AS SELECT h.id, h.order_id, h.version, l.line_no, l.product_id, l.location_id, l.quantity, l.state FROM oms.hold AS h JOIN oms.hold_line AS l ON l.hold_id = h.id ORDER BY 1, 4;
CREATE VIEW o AS SELECT id, status, version, customer_name, channel, takes_stock, currency, total_amount, external_ref, attributes FROM oms.orders ORDER BY 1;
CREATE VIEW l AS SELECT order_id, line_no, product_id, quantity, price, line_total FROM oms.order_line ORDER BY 1, 2;
INSERT INTO oms.location (code, name, priority) VALUES ('EAST', 'East', 200);
SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 2);
SELECT oms.stock_receive(1, 10), oms.stock_receive(2, 4), oms.stock_receive(2, 3, NULL, 'EAST');
SELECT oms.channel_create('yen', 'Yen', 'confirm', 'JPY');
SELECT oms.customer_create('Cid');

-- a line for each product, whatever the locations; the price is today's, not that of the hold's day
SELECT oms.hold_create('[{"product_id": 2, "quantity": 6}, {"product_id": 1, "quantity": 3}, {"product_id": 2, "quantity": 1}]', 'cart 1');
SELECT oms.product_update(1, price => 1.50);
TABLE kept;
TABLE shelf;
SELECT oms.hold_order(1, 'Ann', external_ref => 'R-1', discount => '10%', attributes => '{"a": 1}', note => 'ring');
TABLE o;
TABLE l;
TABLE kept;
TABLE shelf;
SELECT product_id, location_id, kind, d_reserved, reserved, allocated, order_id, line_no, document, reason FROM oms.stock_move WHERE kind IN ('unhold', 'reserve') ORDER BY 1, 2, seq;
SELECT type, aggregate_id, version, payload FROM oms.event WHERE aggregate IN ('hold', 'order') ORDER BY id;
SELECT kind, what, detail - 'event_id' - 'note_id' - 'task_id' - 'attempts' FROM oms.order_timeline(1) WHERE kind IN ('hold', 'note', 'stock');
SELECT * FROM oms.integrity;

-- once only, and no other end is left
SELECT * FROM fails('SELECT oms.hold_order(1)');
SELECT * FROM fails('SELECT oms.hold_release(1)');
SELECT * FROM fails('SELECT oms.hold_renew(1)');
SELECT oms.hold_expire();

-- CONFIRMED allocates just these units, though no other is free
SELECT oms.order_confirm(1);
TABLE shelf;
SELECT * FROM oms.integrity;
SELECT oms.order_ship(1);
TABLE shelf;

-- CANCELLED gives them back; a customer of ours, another currency
SELECT oms.product_price_set(1, 'JPY', '150');
SELECT oms.hold_create('[{"product_id": 1, "quantity": 7}]', 'cart 2') AS hold \gset
SELECT oms.hold_order(:hold, customer_id => 1, channel => 'yen') AS id \gset
SELECT * FROM o WHERE id = :id;
TABLE shelf;
SELECT * FROM oms.integrity;
SELECT oms.order_cancel(:id);
TABLE shelf;
SELECT * FROM oms.integrity;

-- refused: released, expired though nobody has seen it yet, expired and seen, unknown
SELECT oms.hold_create('[{"product_id": 1, "quantity": 1}]', 'cart 3') AS hold \gset
SELECT oms.hold_release(:hold);
SELECT * FROM fails(format('SELECT oms.hold_order(%s)', :hold));
SELECT oms.hold_create('[{"product_id": 1, "quantity": 1}]', 'cart 4', '1 s') AS hold \gset
SELECT pg_sleep(1.1);
SELECT * FROM fails(format('SELECT oms.hold_order(%s)', :hold));
SELECT oms.hold_expire();
SELECT * FROM fails(format('SELECT oms.hold_order(%s)', :hold));
SELECT * FROM fails('SELECT oms.hold_order(99)');
SELECT * FROM fails('SELECT oms.hold_order(NULL, '''', 0, ''none'')');
-- a reference that is taken, a product without price or no longer on sale: the hold stays
SELECT oms.stock_receive(2, 5), oms.hold_create('[{"product_id": 2, "quantity": 1}]', 'cart 5') AS hold \gset
SELECT * FROM fails(format('SELECT oms.hold_order(%s, external_ref => ''R-1'')', :hold));
SELECT * FROM fails(format('SELECT oms.hold_order(%s, channel => ''yen'')', :hold));
SELECT * FROM fails(format('SELECT oms.hold_order(%s, discount => ''100'')', :hold));
SELECT oms.product_archive(2);
SELECT * FROM fails(format('SELECT oms.hold_order(%s)', :hold));
SELECT * FROM kept WHERE id = :hold;
-- more of a product than a line may have
SELECT oms.stock_receive(1, 2000000), oms.hold_create('[{"product_id": 1, "quantity": 1000000}, {"product_id": 1, "quantity": 1}]', 'cart 6') AS hold \gset
SELECT * FROM fails(format('SELECT oms.hold_order(%s)', :hold));
SELECT oms.hold_release(:hold);
-- more products than an order may have lines
SELECT count(oms.stock_receive(oms.product_create('X' || i, 'x', 1), 1)) FROM generate_series(1, 501) AS i;
SELECT oms.hold_create(jsonb_agg(jsonb_build_object('product_id', id, 'quantity', 1) ORDER BY id), 'cart 7') AS hold FROM oms.product WHERE sku LIKE 'X%' \gset
SELECT * FROM fails(format('SELECT oms.hold_order(%s)', :hold));
-- nothing stays of a dry run
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT oms.hold_create('[{"product_id": 1, "quantity": 1}]', 'cart 8') > 0;
COMMIT;
SELECT oms.hold_create('[{"product_id": 1, "quantity": 1}]', 'cart 9') AS hold \gset
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT oms.hold_order(:hold) > 0;
COMMIT;
SELECT state, order_id FROM kept WHERE id = :hold;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_hold_order;
