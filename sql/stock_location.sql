-- stock_location: stock at several locations, counted, transferred, set, and read from the ledger
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_stock_location;
CREATE DATABASE oms_regress_stock_location;
\c oms_regress_stock_location
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
CREATE VIEW shelf AS SELECT product_id, location_id, on_hand, reserved, allocated, available, moves FROM oms.stock ORDER BY 1, 2;

INSERT INTO oms.location (code, name, priority) VALUES ('EAST', 'East', 200), ('WEST', 'West', 300);
SELECT oms.product_create('A', 'a', 1), oms.product_create('B', 'b', 1);

-- received and adjusted where it is said
SELECT oms.stock_receive(1, 10), oms.stock_receive(1, 4, 'van', 'EAST'), oms.stock_adjust(1, 3, 'found', location => 'WEST');
SELECT oms.stock_adjust(1, -1, 'broken', 'EAST');
SELECT oms.stock_receive(1, 1, location => NULL);
TABLE shelf;
SELECT * FROM fails($$SELECT oms.stock_receive(1, 1, NULL, 'NORTH')$$);
SELECT * FROM fails($$SELECT oms.stock_adjust(1, -4, 'theft', 'EAST')$$);

-- a count takes the place of what was believed, unless the row has moved since
SELECT oms.stock_count(1, 9, 2);
SELECT oms.stock_count(product_id => 1, counted => 3, expected_version => 2, location => 'EAST', reason => 'yearly');
SELECT * FROM fails($$SELECT oms.stock_count(1, 9, 2)$$);
SELECT * FROM fails($$SELECT oms.stock_count(1, 9, NULL)$$);
SELECT * FROM fails($$SELECT oms.stock_count(1, -1, -1, '', '')$$);
SELECT * FROM fails($$SELECT oms.stock_count(99, 1, 0)$$);
SELECT oms.stock_count(2, 5, 0, 'WEST');
SELECT * FROM fails($$SELECT oms.stock_count(2, 5, 1, 'MAIN')$$);
SELECT product_id, location_id, seq, kind, d_on_hand, on_hand, reason FROM oms.stock_move WHERE kind = 'count' ORDER BY 1, 2, 3;
TABLE shelf;

-- a transfer is two moves of one document
SELECT oms.stock_transfer(1, 4, 'MAIN', 'EAST');
SELECT oms.stock_transfer(2, 2, 'WEST', 'EAST', 'nearer');
SELECT product_id, location_id, seq, d_on_hand, on_hand, document, reason FROM oms.stock_move WHERE kind = 'transfer' ORDER BY document, 1, 2;
SELECT * FROM fails($$SELECT oms.stock_transfer(1, 1, 'MAIN', 'MAIN')$$);
SELECT * FROM fails($$SELECT oms.stock_transfer(1, 6, 'MAIN', 'EAST')$$);
SELECT * FROM fails($$SELECT oms.stock_transfer(2, 1, 'MAIN', 'EAST')$$);
SELECT * FROM fails($$SELECT oms.stock_transfer(1, 0, 'MAIN', 'EAST')$$);
SELECT * FROM fails($$SELECT oms.stock_transfer(1, 1, 'MAIN', 'NORTH')$$);
SELECT * FROM fails($$SELECT oms.stock_transfer(99, 1, 'MAIN', 'EAST')$$);
SELECT * FROM fails($$SELECT oms.stock_transfer(NULL, NULL, NULL, NULL)$$);
TABLE shelf;

-- promised units neither leave nor vanish in a count; a limit lets more be promised
SELECT oms.order_create('[{"product_id": 1, "quantity": 5}]');
SELECT oms.order_confirm(1) IS NOT NULL;
SELECT * FROM fails($$SELECT oms.stock_transfer(1, 1, 'MAIN', 'EAST')$$);
SELECT * FROM fails($$SELECT oms.stock_count(1, 4, (SELECT moves FROM oms.stock WHERE product_id = 1 AND location_id = 1))$$);
SELECT oms.stock_set(1, backorder_limit => 2, reorder_quantity => 50, low_stock_threshold => 0);
SELECT oms.stock_count(1, 4, (SELECT moves FROM oms.stock WHERE product_id = 1 AND location_id = 1));
SELECT * FROM fails($$SELECT oms.stock_transfer(1, 1, 'MAIN', 'EAST')$$);
SELECT * FROM fails($$SELECT oms.stock_set(1, backorder_limit => 0)$$);
SELECT * FROM fails($$SELECT oms.stock_set(1, 'MAIN', -1, -1, 1000000000001)$$);
SELECT * FROM fails($$SELECT oms.stock_set(1, 'NORTH')$$);
SELECT oms.stock_set(1), oms.stock_set(1, 'EAST', 0), oms.stock_set(2, 'EAST', reorder_quantity => 7), oms.stock_set(2, 'EAST', reorder_quantity => 0);
SELECT product_id, location_id, low_stock_threshold, reorder_quantity, backorder_limit FROM oms.stock ORDER BY 1, 2;
SELECT * FROM oms.stock_low();
SELECT oms.product_archive(2);
SELECT * FROM oms.stock_low();

-- the ledger with its balances, and stock as it was
SELECT location, seq, kind, d_on_hand, d_reserved, d_allocated, on_hand, reserved, allocated, available, order_id, line_no, document, reason
FROM oms.stock_ledger(1);
SELECT seq, on_hand FROM oms.stock_ledger(1, 'WEST');
SELECT count(*) FROM oms.stock_ledger(1, 'NORTH');
SELECT * FROM oms.stock_as_of(now());
SELECT * FROM oms.stock_as_of(now(), 1, 'EAST');
SELECT * FROM oms.stock_as_of('-infinity');
-- each statement before was a transaction of its own: just before each move stands what the move before it left
SELECT m.product_id, m.location_id, m.seq FROM oms.stock_move AS m
LEFT JOIN LATERAL oms.stock_as_of(m.at - interval '1 us', m.product_id) AS a ON a.location_id = m.location_id
WHERE coalesce(a.on_hand, 0) <> m.on_hand - m.d_on_hand OR coalesce(a.allocated, 0) <> m.allocated - m.d_allocated;

-- also of a record that was deleted later
SELECT oms.product_create('C', 'c', 1), oms.stock_receive(3, 5);
SELECT s.id, clock_timestamp() AS before FROM oms.stock AS s WHERE product_id = 3 AND location_id = 1 \gset
SELECT oms_rest.inventory_delete('ann', 'r', :id);
SELECT count(*) FROM oms.stock WHERE product_id = 3 AND location_id = 1;
SELECT * FROM oms.stock_as_of(:'before', 3);
SELECT * FROM oms.stock_as_of(now(), 3);
SELECT oms_rest.inventory_as_of('ann', 'r', '/', jsonb_build_object('product', '3', 'at', :'before')) #> '{results,0}' ->> 'id', r ->> 'quantity', r ->> 'location'
FROM json_array_elements(oms_rest.inventory_as_of('ann', 'r', '/', jsonb_build_object('product', '3', 'at', :'before')) -> 'results') AS r;
SELECT type, version, payload FROM oms.event WHERE aggregate = 'product' AND aggregate_id = 1 AND type LIKE 'stock%' ORDER BY id;
-- version and location name the move that an event tells of
SELECT e.id FROM oms.event AS e LEFT JOIN oms.location AS l ON l.code = e.payload ->> 'location'
LEFT JOIN oms.stock_move AS m ON (m.product_id, m.location_id, m.seq) = (e.aggregate_id, l.id, e.version)
WHERE e.aggregate = 'product' AND e.type LIKE 'stock%' AND m.seq IS NULL;
-- a trigger that takes new rows away is found out
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$;
CREATE TRIGGER nothing BEFORE INSERT ON oms.stock FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT oms.product_create('D', 'd', 1) AS id \gset
SELECT code, message FROM fails(format('SELECT oms.stock_receive(%s, 1)', :id));
DROP TRIGGER nothing ON oms.stock;
SELECT oms.stock_receive(:id, 1);
-- an index that is away and comes back is found again
ALTER INDEX oms.stock_pkey RENAME TO away;
SELECT code, message FROM fails(format('SELECT oms.stock_receive(%s, 1)', :id));
ALTER INDEX oms.away RENAME TO stock_pkey;
SELECT oms.stock_receive(:id, 1);
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_stock_location;
