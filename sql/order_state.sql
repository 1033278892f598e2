-- the state machine of orders: each step, what it does to stock, and its changes
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_order_state;
CREATE DATABASE oms_regress_order_state;
\c oms_regress_order_state
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

SELECT * FROM oms.order_transition ORDER BY 1, 2;
SELECT status, oms.status_holds(status) FROM unnest('{PENDING,CONFIRMED,PACKED,SHIPPED,DELIVERED,CANCELLED,LOST,pending,""}'::text[]) AS status;

SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 1);
SELECT oms.stock_receive(1, 100), oms.stock_receive(2, 10);

-- the whole life of an order
SELECT oms.order_create('[{"product_id": 2, "quantity": 3}, {"product_id": 1, "quantity": 2}, {"product_id": 2, "quantity": 1}]');
SELECT oms.order_confirm(1);
SELECT product_id, on_hand, allocated, available FROM oms.stock ORDER BY 1;
SELECT oms.order_pack(1);
SELECT oms.order_ship(1);
SELECT product_id, on_hand, allocated, available FROM oms.stock ORDER BY 1;
SELECT oms.order_deliver(1);
SELECT product_id, seq, kind, d_on_hand, d_allocated, order_id FROM oms.stock_move ORDER BY 1, 2;
SELECT seq, from_status, to_status, reason FROM oms.order_history WHERE order_id = 1 ORDER BY seq;
SELECT type, version FROM oms.event WHERE aggregate = 'order' AND aggregate_id = 1 ORDER BY id;
SELECT status, version FROM oms.orders WHERE id = 1;

-- every pair of statuses: a step of the table, no change, or OM002
CREATE FUNCTION walk(path text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE o bigint := oms.order_create('[{"product_id": 1, "quantity": 1}]');
BEGIN
  FOR i IN 1 .. cardinality(path) LOOP PERFORM oms.order_move(o, path[i]); END LOOP;
  RETURN o;
END $$;
WITH way(status, path) AS (VALUES ('PENDING', '{}'::text[]), ('CONFIRMED', '{CONFIRMED}'), ('PACKED', '{CONFIRMED,PACKED}'),
  ('SHIPPED', '{CONFIRMED,SHIPPED}'), ('DELIVERED', '{CONFIRMED,SHIPPED,DELIVERED}'), ('CANCELLED', '{CANCELLED}'))
SELECT way.status, string_agg(target.status || ' ' || f.code, ', ' ORDER BY target.status)
FROM way, (SELECT status FROM way) AS target, fails(format('SELECT oms.order_move(walk(%L), %L)', way.path, target.status)) AS f
GROUP BY way.status ORDER BY 1;
SELECT on_hand - allocated = available, allocated FROM oms.stock WHERE product_id = 1;

-- errors say what would be allowed
SELECT * FROM fails($$SELECT oms.order_deliver(walk('{}'))$$);
SELECT * FROM fails($$SELECT oms.order_cancel(1)$$);
SELECT * FROM fails($$SELECT oms.order_move(1, 'LOST')$$);
SELECT * FROM fails($$SELECT oms.order_move(1, 'confirmed')$$);
SELECT * FROM fails($$SELECT oms.order_move(1, '')$$);
SELECT * FROM fails($$SELECT oms.order_move(1, NULL)$$);
SELECT * FROM fails($$SELECT oms.order_confirm(NULL)$$);
SELECT * FROM fails($$SELECT oms.order_confirm(99999)$$);
SELECT * FROM fails($$SELECT oms.order_confirm(-9223372036854775808)$$);

-- cancelling gives back what is held: nothing when pending, and once
SELECT available AS before FROM oms.stock WHERE product_id = 2 \gset
SELECT oms.order_create('[{"product_id": 2, "quantity": 2}]') AS o \gset
SELECT oms.order_cancel(:o, 'no'), oms.order_cancel(:o, 'no again');
SELECT available = :before FROM oms.stock WHERE product_id = 2;
SELECT oms.order_create('[{"product_id": 2, "quantity": 2}]') AS o \gset
SELECT oms.order_confirm(:o), oms.order_confirm(:o);
SELECT available = :before - 2 FROM oms.stock WHERE product_id = 2;
SELECT oms.order_cancel(:o, 'customer''s wish'), oms.order_cancel(:o);
SELECT available = :before FROM oms.stock WHERE product_id = 2;
SELECT seq, to_status, reason FROM oms.order_history WHERE order_id = :o ORDER BY seq;
SELECT seq - min(seq) OVER (), kind, d_allocated FROM oms.stock_move WHERE order_id = :o ORDER BY seq;

-- too little stock: two lines of one product do not pass alone, nothing is taken
SELECT oms.stock_adjust(2, 5 - available, 'exactly five') FROM oms.stock WHERE product_id = 2;
SELECT oms.order_create('[{"product_id": 2, "quantity": 3}, {"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 3}]') AS o \gset
SELECT code, message LIKE 'order % needs more than is available of 1 product', detail::jsonb -> 'shortages', hint FROM fails(format('SELECT oms.order_confirm(%s)', :o));
SELECT oms.product_create('C', 'no stock at all', 1);
SELECT oms.order_create('[{"product_id": 3, "quantity": 1}, {"product_id": 2, "quantity": 6}]') AS o \gset
SELECT code, detail::jsonb -> 'shortages' FROM fails(format('SELECT oms.order_confirm(%s)', :o));
SELECT status, version FROM oms.orders WHERE id = :o;
SELECT available, allocated FROM oms.stock WHERE product_id = 2;

-- administrators extend the machine
INSERT INTO oms.order_transition VALUES ('CONFIRMED', 'HOLD', 'none', 'oms_admin'), ('HOLD', 'CONFIRMED', 'none', 'oms_staff');
SELECT oms.status_holds('HOLD');
SELECT oms.order_create('[{"product_id": 2, "quantity": 1}]') AS o \gset
SELECT oms.order_confirm(:o), oms.order_move(:o, 'HOLD', 'credit check'), oms.order_move(:o, 'CONFIRMED');
SELECT seq, to_status, reason FROM oms.order_history WHERE order_id = :o ORDER BY seq;
SELECT type FROM oms.event WHERE aggregate = 'order' AND aggregate_id = :o ORDER BY id;
-- a step that needs an administrator is refused to staff
DROP ROLE IF EXISTS oms_regress_order_state;
CREATE ROLE oms_regress_order_state IN ROLE oms_staff;
SET ROLE oms_regress_order_state;
SELECT code, message, hint FROM public.fails(format('SELECT oms.order_move(%s, %L)', :o, 'HOLD'));
RESET ROLE;
DROP ROLE oms_regress_order_state;

-- a machine that does not add up is refused
SELECT * FROM fails($$INSERT INTO oms.order_transition VALUES ('SHIPPED', 'RETURNED', 'release')$$);
SELECT * FROM fails($$INSERT INTO oms.order_transition VALUES ('PENDING', 'SHIPPED', 'ship')$$);
SELECT * FROM fails($$INSERT INTO oms.order_transition VALUES ('CONFIRMED', 'DELIVERED', 'none')$$);
SELECT * FROM fails($$INSERT INTO oms.order_transition VALUES ('NOWHERE', 'CANCELLED')$$);
SELECT * FROM fails($$INSERT INTO oms.order_transition VALUES ('CONFIRMED', 'CONFIRMED')$$);
SELECT code, message FROM fails($$INSERT INTO oms.order_transition VALUES ('CONFIRMED', 'lost')$$);
SELECT code, message FROM fails($$INSERT INTO oms.order_transition VALUES ('CONFIRMED', 'LOST', 'double')$$);
SELECT code, message FROM fails($$INSERT INTO oms.order_transition VALUES ('CONFIRMED', 'LOST', 'none', 'postgres')$$);
SELECT code, message FROM fails($$INSERT INTO oms.order_transition VALUES ('CONFIRMED', NULL)$$);
SELECT * FROM fails($$DELETE FROM oms.order_transition WHERE from_status = 'CONFIRMED'$$);
SELECT * FROM fails($$UPDATE oms.order_transition SET stock_effect = 'none' WHERE to_status = 'CONFIRMED'$$);
-- one that adds up but makes the stock of orders wrong as well
SELECT * FROM fails($$UPDATE oms.order_transition SET stock_effect = 'none'$$);
SELECT * FROM fails($$DELETE FROM oms.order_transition$$);
SELECT * FROM fails($$TRUNCATE oms.order_transition$$);
SELECT count(*) FROM oms.order_transition;
-- what no order is in may go
DELETE FROM oms.order_transition WHERE 'HOLD' IN (from_status, to_status);
INSERT INTO oms.order_transition VALUES ('PENDING', 'DRAFT'), ('DRAFT', 'CANCELLED');
SELECT oms.status_holds('DRAFT');
DELETE FROM oms.order_transition WHERE 'DRAFT' IN (from_status, to_status);
SELECT oms.status_holds('DRAFT');
-- what was rolled back is forgotten
BEGIN;
INSERT INTO oms.order_transition VALUES ('PENDING', 'DRAFT'), ('DRAFT', 'CANCELLED');
SELECT oms.status_holds('DRAFT');
SAVEPOINT a;
DELETE FROM oms.order_transition WHERE 'DRAFT' IN (from_status, to_status);
SELECT oms.status_holds('DRAFT');
ROLLBACK TO a;
SELECT oms.status_holds('DRAFT');
ROLLBACK;
SELECT oms.status_holds('DRAFT');
-- every order must be able to end: a dead end, a cycle without a way out, a final status that is none any more
SELECT * FROM fails($$INSERT INTO oms.order_transition VALUES ('SHIPPED', 'LOST')$$);
SELECT * FROM fails($$INSERT INTO oms.order_transition VALUES ('PENDING', 'CHECK_A'), ('CHECK_A', 'CHECK_B'), ('CHECK_B', 'CHECK_A')$$);
SELECT * FROM fails($$UPDATE oms.order_status SET final = false WHERE status = 'DELIVERED'$$);
SELECT code, message FROM fails($$DELETE FROM oms.order_status WHERE status = 'CANCELLED'$$);
SELECT code, message FROM fails($$TRUNCATE oms.order_status$$);
-- said to be final before, it may stay; and may be left none the less
BEGIN;
INSERT INTO oms.order_status VALUES ('LOST', true);
INSERT INTO oms.order_transition VALUES ('SHIPPED', 'LOST'), ('LOST', 'DELIVERED');
UPDATE oms.order_status SET final = false WHERE status = 'LOST';
SELECT oms.order_diagram();
SELECT * FROM fails($$DELETE FROM oms.order_transition WHERE from_status = 'LOST'$$);
ROLLBACK;
SELECT * FROM fails($$INSERT INTO oms.order_status VALUES ('lost', true)$$);
SELECT oms.order_diagram('mermaid') = oms.order_diagram(), oms.order_diagram('dot');
SELECT * FROM fails($$SELECT oms.order_diagram('svg')$$);
SELECT * FROM fails($$SELECT oms.order_diagram(NULL)$$);
-- installing again leaves the machine as it is
SELECT oms.install();
SELECT count(*) FROM oms.order_transition;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_order_state;
