-- the state machine changed by one call, and every version that it has had
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: versions begin at 1
DROP DATABASE IF EXISTS oms_regress_order_machine;
CREATE DATABASE oms_regress_order_machine;
\c oms_regress_order_machine
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
SELECT version, actor, jsonb_array_length(machine->'statuses'), jsonb_array_length(machine->'steps') FROM oms.order_machine;
SELECT machine = oms_rest.order_states(NULL, NULL)::jsonb FROM oms.order_machine;

-- a way to wait, PACKED is mandatory: one change, one version, one event
SELECT oms.order_machine_change(
  steps => '[{"from": "CONFIRMED", "to": "ON_HOLD"}, {"from": "ON_HOLD", "to": "CONFIRMED"},
    {"from": "ON_HOLD", "to": "CANCELLED", "stock_effect": "release", "least_role": "oms_admin"}]',
  remove => '[{"from": "CONFIRMED", "to": "SHIPPED"}]');
SELECT oms.order_diagram();
SELECT version, type, aggregate, aggregate_id, payload = (SELECT machine FROM oms.order_machine WHERE version = 2) FROM oms.event;
-- the verbs follow: by the shortest way, which is now over PACKED
SELECT oms.product_create('A', 'a', 1), oms.stock_receive(1, 10), oms.order_create('[{"product_id": 1, "quantity": 4}]');
SELECT oms.order_move(1, 'CONFIRMED'), oms.order_move(1, 'ON_HOLD');
SELECT * FROM fails($$SELECT oms.order_ship(1)$$);
SELECT oms.order_move(1, 'CONFIRMED'), oms.order_advance(1);
SELECT string_agg(to_status, ' ' ORDER BY seq) FROM oms.order_history;
-- what is so already is no version; a step that is there is changed
SELECT oms.order_machine_change(steps => '[{"from": "CONFIRMED", "to": "ON_HOLD"}]');
SELECT oms.order_machine_change(steps => '[{"from": "CONFIRMED", "to": "ON_HOLD", "least_role": "oms_admin"}]');
-- a trap, unless it is said to be one
SELECT * FROM fails($$SELECT oms.order_machine_change(steps => '[{"from": "SHIPPED", "to": "LOST"}]')$$);
SELECT oms.order_machine_change(steps => '[{"from": "SHIPPED", "to": "LOST"}]', statuses => '[{"status": "LOST", "final": true, "holds": "shipped"}]');
-- by hand it is the same, a version for a statement
INSERT INTO oms.order_transition VALUES ('CONFIRMED', 'SHIPPED', 'ship');
DELETE FROM oms.order_transition WHERE to_status = 'NEVER';
CREATE ROLE oms_regress_order_machine IN ROLE oms_admin;
SET ROLE oms_regress_order_machine;
DELETE FROM oms.order_transition WHERE to_status = 'LOST';
RESET ROLE;
SELECT version, actor, jsonb_array_length(machine->'steps') FROM oms.order_machine ORDER BY 1;
SELECT version, actor FROM oms.event WHERE aggregate = 'order_machine' ORDER BY id;
SELECT machine = oms_rest.order_states(NULL, NULL)::jsonb FROM oms.order_machine ORDER BY version DESC LIMIT 1;

-- a dry run of the verb changes nothing; by hand there is none
SET oms.dry_run = on;
SELECT oms.order_machine_change(remove => '[{"from": "CONFIRMED", "to": "ON_HOLD"}, {"from": "ON_HOLD", "to": "CONFIRMED"}, {"from": "ON_HOLD", "to": "CANCELLED"}]');
SELECT * FROM fails($$SELECT oms.order_machine_change(remove => '[{"from": "CONFIRMED", "to": "ON_HOLD"}]')$$);
SELECT * FROM fails($$DELETE FROM oms.order_transition$$);
SET oms.dry_run = off;
SELECT count(*), max(version) FROM oms.order_machine;
SELECT oms.status_holds('ON_HOLD');
-- what was rolled back is forgotten
BEGIN;
SELECT oms.order_machine_change(steps => '[{"from": "PENDING", "to": "DRAFT"}, {"from": "DRAFT", "to": "PENDING"}]');
ROLLBACK;
SELECT oms.status_holds('DRAFT'), (SELECT max(version) FROM oms.order_machine);

-- bad input
SELECT * FROM fails($$SELECT oms.order_machine_change()$$);
SELECT * FROM fails($$SELECT oms.order_machine_change(steps => '{}')$$);
SELECT * FROM fails($$SELECT oms.order_machine_change(steps => '[7, {"from": "confirmed", "to": "CONFIRMED", "stock_effect": "eat", "least_role": "postgres", "x": 1}, {"from": "A", "to": "A"}]', statuses => '[{"status": "É", "final": 1}]')$$);
SELECT * FROM fails($$SELECT oms.order_machine_change(steps => '[{"from": "A", "to": "B"}, {"from": "A", "to": "B"}]', remove => '[{"from": "A", "to": "B"}, {"from": "X", "to": "Y"}]', statuses => '[{"status": "A", "final": true}, {"status": "A", "final": false}]')$$);
SELECT code, message, detail FROM fails($$SELECT oms.order_machine_change(steps => (SELECT jsonb_agg(jsonb_build_object('from', 'A', 'to', 'B' || n)) FROM generate_series(1, 501) AS n))$$);
SET ROLE oms_staff;
SELECT code, message FROM public.fails($$SELECT oms.order_machine_change(remove => '[]')$$);
SELECT count(*) > 0 FROM oms.order_machine;
RESET ROLE;
SELECT code, message FROM fails($$UPDATE oms.order_machine SET actor = 'eve'$$);
-- a machine of many statuses, each of which leads to each: what is read anew meanwhile is not what is looked at
BEGIN;
SELECT oms.order_machine_change(steps => (SELECT jsonb_agg(jsonb_build_object('from', f, 'to', t, 'stock_effect', CASE t WHEN 'CANCELLED' THEN 'release' ELSE 'none' END))
  FROM (SELECT 'S' || n FROM generate_series(0, 19) AS n UNION ALL SELECT 'PENDING') AS a(f), (SELECT 'S' || n FROM generate_series(0, 19) AS n UNION ALL SELECT 'CANCELLED') AS b(t)
  WHERE f <> t AND (f, t) <> ('PENDING', 'CANCELLED'))) > 6;
SELECT count(*), count(DISTINCT from_status) FROM oms.order_transition;
ROLLBACK;
BEGIN;
INSERT INTO oms.order_transition (from_status, to_status, stock_effect) SELECT f, t, CASE t WHEN 'CANCELLED' THEN 'release' ELSE 'none' END
FROM (SELECT 'S' || n FROM generate_series(0, 59) AS n UNION ALL SELECT 'PENDING') AS a(f), (SELECT 'S' || n FROM generate_series(0, 59) AS n UNION ALL SELECT 'CANCELLED') AS b(t)
WHERE f <> t AND (f, t) <> ('PENDING', 'CANCELLED');
SELECT count(*), oms.status_holds('S59') FROM oms.order_transition;
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]') AS id \gset
SELECT oms.order_move(:id, 'S7'), oms.order_advance(:id, 'S3'), oms.order_cancel(:id);
SELECT string_agg(to_status, ' ' ORDER BY seq) FROM oms.order_history WHERE order_id = :id;
ROLLBACK;
SELECT count(*) FROM oms.order_transition;
-- installing again leaves the versions as they are
SELECT oms.install();
SELECT max(version) FROM oms.order_machine;
SELECT * FROM oms.integrity;
DROP OWNED BY oms_regress_order_machine;
DROP ROLE oms_regress_order_machine;
\c postgres
DROP DATABASE oms_regress_order_machine;
