-- which locations an order's units come from
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_allocation;
CREATE DATABASE oms_regress_allocation;
\c oms_regress_allocation
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
INSERT INTO oms.location (code, name, priority) VALUES ('NEAR', 'near', 10), ('FAR', 'far', 200), ('EQUAL', 'as far', 200);
SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 1), oms.product_create('C', 'c', 1);
-- stock at places other than MAIN, put there by hand with its ledger
CREATE FUNCTION put(sku text, place text, units bigint, backorder bigint DEFAULT 0) RETURNS void LANGUAGE plpgsql AS $$
DECLARE p bigint := (SELECT id FROM oms.product AS t WHERE t.sku = put.sku); l int := (SELECT id FROM oms.location WHERE code = place);
BEGIN
  SET LOCAL session_replication_role = replica;
  INSERT INTO oms.stock (product_id, location_id, on_hand, backorder_limit, moves) VALUES (p, l, units, backorder, 1);
  INSERT INTO oms.stock_move (product_id, location_id, seq, kind, d_on_hand, d_reserved, d_allocated, on_hand, reserved, allocated, actor)
  VALUES (p, l, 1, 'count', units, 0, 0, units, 0, 0, 'test');
  SET LOCAL session_replication_role = origin;
END $$;
SELECT put('A', 'MAIN', 10), put('A', 'NEAR', 4), put('A', 'FAR', 20), put('A', 'EQUAL', 20), put('B', 'MAIN', 1), put('B', 'FAR', 5), put('B', 'EQUAL', 5), put('C', 'NEAR', 2, 3), put('C', 'FAR', 0, 4);
-- what a confirm would take, without keeping it
CREATE FUNCTION try(items jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE answer text; detail text;
BEGIN
  BEGIN
    answer := (SELECT string_agg(format('%s:%s %s', line, location, quantity), ', ') FROM json_to_recordset(oms.order_confirm(oms.order_create(items))) AS t(line int, location text, quantity bigint));
    PERFORM 1 FROM oms.integrity;
    IF FOUND THEN answer := answer || ' BUT NOT SOUND'; END IF;
    RAISE SQLSTATE 'TTTTT';
  EXCEPTION WHEN SQLSTATE 'TTTTT' THEN RETURN answer;
  WHEN OTHERS THEN GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL; RETURN SQLSTATE || ' ' || (detail::jsonb->'shortages')::text;
  END;
END $$;
-- one that has all: by priority, though another has more
SELECT try('[{"product_id": 1, "quantity": 4}]');
SELECT try('[{"product_id": 1, "quantity": 5}]');
-- equals: in the order of their ids
SELECT try('[{"product_id": 1, "quantity": 11}]');
-- one place that has both lines beats two that are nearer
SELECT try('[{"product_id": 1, "quantity": 4}, {"product_id": 2, "quantity": 2}]');
-- several lines of one product are added up before anything is promised
SELECT try('[{"product_id": 1, "quantity": 4}, {"product_id": 1, "quantity": 6}, {"product_id": 2, "quantity": 1}]');
SELECT try('[{"product_id": 2, "quantity": 3}, {"product_id": 2, "quantity": 3}, {"product_id": 2, "quantity": 3}]');
-- no place has all: the smallest set, and of those the nearest
SELECT try('[{"product_id": 1, "quantity": 24}]');
SELECT try('[{"product_id": 1, "quantity": 31}]');
SELECT try('[{"product_id": 1, "quantity": 54}, {"product_id": 2, "quantity": 11}]');
-- too much in all
SELECT try('[{"product_id": 1, "quantity": 55}, {"product_id": 2, "quantity": 12}]');
-- what lies on the shelf goes first, backorders only when nothing else is left
SELECT try('[{"product_id": 3, "quantity": 2}]');
SELECT try('[{"product_id": 3, "quantity": 3}]');
SELECT try('[{"product_id": 3, "quantity": 9}]');
SELECT try('[{"product_id": 3, "quantity": 10}]');
-- a place that is not active gives nothing
UPDATE oms.location SET active = false WHERE code IN ('FAR', 'NEAR');
SELECT try('[{"product_id": 1, "quantity": 11}]');
SELECT try('[{"product_id": 1, "quantity": 31}]');
UPDATE oms.location SET active = true, priority = 300 - priority;
SELECT try('[{"product_id": 1, "quantity": 4}]');
UPDATE oms.location SET priority = 300 - priority;

-- a life over two places
SELECT oms.order_create('[{"product_id": 1, "quantity": 24}, {"product_id": 2, "quantity": 1}]') AS id \gset
SELECT oms.order_confirm(:id);
SELECT oms.order_confirm(:id);
SELECT product_id, code, on_hand, allocated, available FROM oms.stock JOIN oms.location AS l ON l.id = location_id ORDER BY 1, 2;
SELECT oms.order_ship(:id);
SELECT product_id, code, on_hand, allocated, available FROM oms.stock JOIN oms.location AS l ON l.id = location_id ORDER BY 1, 2;
SELECT status, fulfilment FROM oms.orders WHERE id = :id;
SELECT oms.order_create('[{"product_id": 1, "quantity": 22}]') AS id \gset
SELECT oms.order_confirm(:id);
SELECT oms.order_cancel(:id);
SELECT product_id, code, on_hand, allocated, available FROM oms.stock JOIN oms.location AS l ON l.id = location_id WHERE product_id = 1 ORDER BY 1, 2;
SELECT * FROM oms.integrity;
-- promised but not there: it does not ship, and says what is missing
SELECT oms.order_create('[{"product_id": 3, "quantity": 3}]') AS id \gset
SELECT oms.order_confirm(:id);

SELECT oms.order_ship(:id);
\echo :SQLSTATE
SELECT status, fulfilment FROM oms.orders WHERE id = :id;
SELECT * FROM oms.integrity;
-- an order that is on hold, and the shortest way
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]') AS id \gset
SELECT oms.order_hold(:id, 'fraud?');
SELECT oms.order_confirm(:id);
SELECT oms.order_advance(:id);
SELECT oms.order_hold(:id, ' ');
SELECT oms.order_hold(:id, 'fraud?');
SELECT oms.order_release(:id, 'paid');
SELECT oms.order_release(:id);
SELECT oms.order_hold(0, 'x');
SELECT oms.order_advance(:id);
SELECT oms.order_advance(:id);
SELECT oms.order_advance(:id, 'CONFIRMED');
SELECT oms.order_advance(:id, 'NOWHERE');
SELECT oms.order_hold(:id, 'too late');
SELECT seq, from_status, to_status, action, reason FROM oms.order_history WHERE order_id = :id ORDER BY seq;
SELECT version, type FROM oms.event WHERE aggregate = 'order' AND aggregate_id = :id ORDER BY id;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_allocation;
