-- notes on orders
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_order_note;
CREATE DATABASE oms_regress_order_note;
\c oms_regress_order_note
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
SELECT oms.product_create('A', 'a', 1);
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', note => 'the first');
SELECT oms.order_note_add(1, 'the second'), oms.order_note_add(1, repeat('x', 10000));
SELECT oms.order_cancel(1);
SELECT oms.order_note_add(1, 'after the end');
SELECT id, order_id, left(note, 20), length(note), actor FROM oms.order_note ORDER BY id;
-- the order's version stays, events and timeline tell
SELECT status, version FROM oms.orders;
SELECT type, aggregate, aggregate_id, version, payload FROM oms.event WHERE type LIKE 'order.%' ORDER BY id;
SELECT kind, what, left(detail ->> 'note', 20), detail ->> 'note_id' FROM oms.order_timeline(1) WHERE kind = 'note' OR what = 'order.note_added';
SELECT oms_rest.order_notes('ann', 'r', 1)::jsonb -> 0 ->> 'note';
SELECT * FROM fails($$SELECT oms.order_note_add(2, 'x')$$);
SELECT * FROM fails($$SELECT oms.order_note_add(NULL, 'x')$$);
SELECT * FROM fails($$SELECT oms.order_note_add(1, '')$$);
SELECT * FROM fails($$SELECT oms.order_note_add(1, NULL)$$);
SELECT * FROM fails($$SELECT oms.order_note_add(1, repeat('x', 10001))$$);
-- a note is never changed, and a dry run adds none
SELECT * FROM fails($$UPDATE oms.order_note SET note = 'x'$$);
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT oms.order_note_add(1, 'x') > 0;
COMMIT;
SELECT count(*) FROM oms.order_note;
SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_order_note;
