-- locations: entered and changed
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_location;
CREATE DATABASE oms_regress_location;
\c oms_regress_location
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT oms.location_create('LOC-E', 'East') > 1 AS made;
SELECT oms.location_create('LOC-W', 'West', 5) > 1 AS made;
SELECT code, name, priority, active FROM oms.location WHERE code LIKE 'LOC-%' ORDER BY priority;
SELECT oms.location_create('LOC-W', 'West');
SELECT oms.location_create('', NULL);
SELECT oms.location_create(repeat('x', 33), 'x', NULL);
SELECT oms.location_update('LOC-W', name => 'Far west', priority => -1, active => false);
SELECT oms.location_update('LOC-W', name => 'Far west');
SELECT oms.location_update('LOC-W', name => '');
SELECT oms.location_update('LOC-N', active => true);
SELECT code, name, priority, active FROM oms.location WHERE code LIKE 'LOC-%' ORDER BY priority;
SELECT type, version FROM oms.event AS e JOIN oms.location AS l ON l.id = aggregate_id WHERE aggregate = 'location' AND code LIKE 'LOC-%' ORDER BY e.id;

-- with no active location there is nothing to take from, and the order says so
SELECT oms.product_create('LOC-1', 'Cup', 2.50) AS cup \gset
SELECT oms.stock_receive(:cup, 5);
SELECT oms.order_create(format('[{"product_id": %s, "quantity": 1}]', :cup)::jsonb) AS nr \gset
SELECT oms.location_update(code, active => false) FROM oms.location WHERE active;
\set VERBOSITY terse
SELECT oms.order_confirm(:nr);
ROLLBACK;
\c postgres
DROP DATABASE oms_regress_location;
