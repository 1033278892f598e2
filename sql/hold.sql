-- hold: stock kept for somebody for a while
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_hold;
CREATE DATABASE oms_regress_hold;
\c oms_regress_hold
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

CREATE VIEW shelf AS SELECT product_id, location_id, on_hand, reserved, allocated, available FROM oms.stock ORDER BY 1, 2;
CREATE VIEW kept AS SELECT l.hold_id, h.owner, h.version, l.line_no, l.product_id, l.location_id, l.quantity, l.state,
  round(extract(epoch FROM l.expires_at - h.created_at)) AS seconds FROM oms.hold AS h JOIN oms.hold_line AS l ON l.hold_id = h.id ORDER BY 1, 4;
INSERT INTO oms.location (code, name, priority) VALUES ('EAST', 'East', 200);
SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 1), oms.product_create('C', 'c', 1);
SELECT oms.stock_receive(1, 10), oms.stock_receive(2, 4), oms.stock_receive(2, 3, NULL, 'EAST');
SELECT oms.product_archive(3);

SELECT oms.hold_create('[{"product_id": 1, "quantity": 4}]', 'cart 1');
SELECT oms.hold_create('[{"product_id": 2, "quantity": 6}, {"product_id": 1, "quantity": 1}]', 'cart 2', expires_in => '1 hour');
TABLE kept;
TABLE shelf;
SELECT product_id, location_id, kind, d_reserved, reserved, document FROM oms.stock_move WHERE kind = 'hold' ORDER BY 1, 2, seq;

-- what is held is not sold to others
SELECT oms.order_create('[{"product_id": 1, "quantity": 6}]');
SELECT * FROM fails($$SELECT oms.order_confirm(1)$$);
SELECT * FROM fails($$SELECT oms.hold_create('[{"product_id": 1, "quantity": 6}, {"product_id": 2, "quantity": 2}]', 'cart 3')$$);
SELECT * FROM fails($$SELECT oms.hold_create('[{"product_id": 99, "quantity": 1}, {"product_id": 3, "quantity": 0}, 7]', '', '0')$$);
SELECT * FROM fails($$SELECT oms.hold_create('[]', NULL, '31 days')$$);
SELECT * FROM fails($$SELECT oms.hold_create(NULL, 'x', NULL)$$);
SELECT * FROM fails($$SELECT oms.hold_create('{}', 'x', '-1 month')$$);
SELECT * FROM fails($$SELECT oms.hold_create('7', 'x', '178000000 years')$$);

-- renewed and released
SELECT abs(extract(epoch FROM oms.hold_renew(1, '2 hours') - now()) - 7200) < 60;
SELECT * FROM fails($$SELECT oms.hold_renew(1, '0.5 s')$$);
SELECT * FROM fails($$SELECT oms.hold_renew(99)$$);
SELECT oms.hold_release(2);
SELECT * FROM fails($$SELECT oms.hold_release(2)$$);
SELECT * FROM fails($$SELECT oms.hold_renew(2)$$);
SELECT * FROM fails($$SELECT oms.hold_release(99)$$);
TABLE shelf;

-- a confirm ends what has expired when it needs the units, and only then
SELECT oms.hold_renew(1, '1 s') IS NOT NULL;
SELECT pg_sleep(1.1);
SELECT * FROM fails($$SELECT oms.hold_renew(1)$$);
SELECT oms.order_confirm(1) IS NOT NULL;
SELECT hold_id, line_no, state FROM kept;
SELECT oms.order_create('[{"product_id": 1, "quantity": 4}]');
SELECT oms.order_confirm(2) IS NOT NULL;
SELECT hold_id, line_no, state FROM kept;
SELECT * FROM fails($$SELECT oms.hold_release(1)$$);
TABLE shelf;

-- what has expired is ended in time, and what has not stays; a new hold takes expired units too
SELECT oms.hold_create('[{"product_id": 2, "quantity": 7}]', 'cart 4', '2 s'), oms.stock_receive(1, 1), oms.hold_create('[{"product_id": 1, "quantity": 1}]', 'cart 5');
SELECT oms.hold_expire();
SELECT pg_sleep(2.1);
SELECT oms.hold_create('[{"product_id": 2, "quantity": 2}]', 'cart 6', '1 s');
SELECT pg_sleep(1.1);
SELECT oms.hold_expire(), oms.hold_expire(1);
SELECT * FROM fails($$SELECT oms.hold_expire(0)$$);
SELECT hold_id, line_no, state, version FROM kept;
TABLE shelf;

-- expired units are free for others also when those who wanted them get none
SELECT oms.channel_create('web', 'Web', 'create'), oms.product_create('D', 'd', 1), oms.stock_receive(4, 5);
SELECT oms.hold_create('[{"product_id": 4, "quantity": 5}]', 'cart 7', '1 s');
SELECT pg_sleep(1.1);
SELECT sqlstate FROM oms.orders_create('[{"channel": "web", "items": [{"product_id": 4, "quantity": 6}]}]');
SELECT available FROM oms.stock WHERE product_id = 4;
SELECT * FROM oms.integrity;

SELECT type, aggregate_id, version FROM oms.event WHERE aggregate = 'hold' ORDER BY id;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_hold;
