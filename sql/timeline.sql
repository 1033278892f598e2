-- all that happened to an order
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_timeline;
CREATE DATABASE oms_regress_timeline;
\c oms_regress_timeline
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
SELECT oms.product_create('A', 'a', 1), oms.stock_receive(1, 1000000);
SELECT oms.order_create('[{"product_id": 1, "quantity": 3}]');
SELECT oms.order_confirm(1);
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]');
SELECT oms.order_ship(1);
SELECT oms.order_deliver(1);
SELECT kind, what FROM oms.order_timeline(1);
SELECT bool_and(at >= lag) FROM (SELECT at, lag(at) OVER (ROWS UNBOUNDED PRECEDING) AS lag FROM oms.order_timeline(1)) AS t;
SELECT DISTINCT actor = session_user FROM oms.order_timeline(1) WHERE kind IN ('history', 'event', 'task', 'stock');
SELECT detail - 'event_id' FROM oms.order_timeline(1) WHERE kind = 'history' ORDER BY detail ->> 'seq';
SELECT kind, what FROM oms.order_timeline(2) WHERE kind IN ('history', 'event', 'task');
SELECT oms.order_timeline(99);
SELECT oms.order_timeline(NULL);
-- with events of what belongs to it
SELECT oms.return_request(1, '[{"line": 1, "quantity": 1}]', 'too small');
SELECT oms.order_confirm(2);
SELECT shipment_id FROM oms.shipment_create(2);
SELECT oms.shipment_ship(1);
SELECT kind, what FROM oms.order_timeline(1) WHERE what LIKE 'return%';
SELECT kind, what FROM oms.order_timeline(2) WHERE what LIKE 'shipment%';
-- among many orders it reads the blocks of its own times, no table as a whole
SELECT count(*) FROM generate_series(1, 20) AS g, LATERAL oms.orders_create((SELECT jsonb_agg('{"items": [{"product_id": 1, "quantity": 1}]}'::jsonb) FROM generate_series(1, 1000 + 0 * g)));
VACUUM ANALYZE oms.event, oms.task, oms.stock_move, oms.order_history;
SELECT pg_stat_force_next_flush();
SELECT sum(seq_scan) AS before FROM pg_stat_user_tables WHERE schemaname = 'oms' AND relname IN ('event', 'task', 'stock_move', 'order_history') \gset
SELECT count(*) FROM oms.order_timeline(1);
SELECT count(*) FROM oms.order_timeline(2);
SELECT pg_stat_force_next_flush();
SELECT sum(seq_scan) - :before FROM pg_stat_user_tables WHERE schemaname = 'oms' AND relname IN ('event', 'task', 'stock_move', 'order_history');
SHOW enable_seqscan;
\c postgres
DROP DATABASE oms_regress_timeline;
