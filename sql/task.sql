-- tasks and their handlers; no worker runs in this database, so that nothing moves by itself
\set SHOW_CONTEXT never
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SELECT oms.install();
-- ids that do not depend on the tests before this one
ALTER SEQUENCE oms.task_id_seq RESTART WITH 1000001;
CREATE ROLE regress_handler;
CREATE ROLE regress_admin IN ROLE oms_admin;
CREATE SCHEMA regress_app;
GRANT USAGE ON SCHEMA regress_app TO regress_handler, regress_admin;
CREATE FUNCTION regress_app.handle(task_id bigint, payload jsonb) RETURNS void LANGUAGE sql AS 'SELECT';
CREATE FUNCTION regress_app."Odd Name"(task_id bigint, payload jsonb) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION regress_app.set(task_id bigint, payload jsonb) RETURNS SETOF integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION regress_app.other(payload jsonb) RETURNS void LANGUAGE sql AS 'SELECT';
CREATE FUNCTION regress_app.secret(task_id bigint, payload jsonb) RETURNS void LANGUAGE sql AS 'SELECT';
REVOKE ALL ON FUNCTION regress_app.secret FROM PUBLIC;
CREATE PROCEDURE regress_app.procedure(task_id bigint, payload jsonb) LANGUAGE sql AS 'SELECT';

-- what may be a handler
SELECT oms.task_handler_register('handle', 'regress_app.handle', 'regress_handler', 3, 5000);
SELECT oms.task_handler_register('odd', 'regress_app."Odd Name"(bigint, jsonb)', 'regress_handler');
SELECT oms.task_handler_register('x', 'regress_app.handle');
SELECT oms.task_handler_register('x', 'regress_app.handle', 'regress_nobody');
SELECT oms.task_handler_register('x', 'regress_app.missing', 'regress_handler');
SELECT oms.task_handler_register('x', 'handle', 'regress_handler');
SELECT oms.task_handler_register('x', 'regress_app.set', 'regress_handler');
SELECT oms.task_handler_register('x', 'regress_app.other(jsonb)', 'regress_handler');
SELECT oms.task_handler_register('x', 'regress_app.procedure', 'regress_handler');
SELECT oms.task_handler_register('x', 'regress_app.secret', 'regress_handler');
SELECT oms.task_handler_register('x', NULL, 'regress_handler');
SELECT oms.task_handler_register('', 'regress_app.handle', 'regress_handler');
SELECT oms.task_handler_register('x', 'regress_app.handle', 'regress_handler', 0);
SELECT oms.task_handler_register('x', 'regress_app.handle', 'regress_handler', 1, 1);
SELECT oms.task_handler_register('order_created', 'regress_app.handle', 'regress_handler');
SELECT oms.task_handler_remove('order_created');
SELECT oms.task_handler_remove('missing');
SET ROLE regress_admin;
SELECT oms.task_handler_register('own', 'regress_app.handle');
SELECT oms.task_handler_register('x', 'regress_app.handle', 'regress_handler');
SELECT oms.task_handler_register('x', 'regress_app.secret');
RESET ROLE;
SELECT name, function, run_as, max_attempts, timeout_ms FROM oms.task_handler ORDER BY name;

-- queueing
SELECT oms.task_enqueue('handle', '{"n": 1}') AS first \gset
SELECT oms.task_enqueue('handle', due_at => '2100-01-01 00:00Z', max_attempts => 7) AS later \gset
SELECT oms.task_enqueue('odd', NULL, NULL) AS odd \gset
SELECT oms.task_enqueue('missing');
SELECT oms.task_enqueue(NULL);
SELECT oms.task_enqueue('handle', max_attempts => 0);
SELECT oms.task_enqueue('handle', due_at => 'infinity');
BEGIN;
SELECT oms.task_enqueue('handle') > 0 AS queued;
ROLLBACK;
SELECT id - :first AS n, handler, payload, state, due_at <= now() AS due, attempts, max_attempts, created_by = current_user AS mine
FROM oms.task WHERE id >= :first ORDER BY id;
SELECT handler, ready, later, running, dead FROM oms.queue WHERE handler <> 'order_created' ORDER BY handler;

-- retry and cancel
SELECT oms.task_cancel(:first);
SELECT oms.task_cancel(:first);
SELECT state, finished_at IS NOT NULL AS finished FROM oms.task WHERE id = :first;
SELECT oms.task_retry(:first);
SELECT state, finished_at IS NOT NULL AS finished FROM oms.task WHERE id = :first;
SELECT oms.task_retry(:later);
SELECT due_at = (SELECT due_at FROM oms.task WHERE id = :later) AS due_at_once FROM oms.task WHERE id = :later AND due_at <= now();
SELECT oms.task_retry(0);
SELECT oms.task_cancel(9223372036854775807);
-- a state that only a worker makes; triggers are the superuser's to lift
SET session_replication_role = replica;
UPDATE oms.task SET state = 'done', finished_at = now() WHERE id = :first;
UPDATE oms.task SET state = 'dead', finished_at = now(), attempts = 7, last_error = 'P0001: boom' WHERE id = :later;
UPDATE oms.task SET state = 'running', lease_until = now() + interval '1 day', worker_pid = 1 WHERE id = :odd;
RESET session_replication_role;
SELECT oms.task_retry(:first);
SELECT oms.task_cancel(:first);
SELECT oms.task_retry(:odd);
SELECT oms.task_cancel(:odd);
SELECT handler, error, retry = format('SELECT oms.task_retry(%s);', :later) AS retry FROM oms.dead_task;
SELECT oms.task_handler_remove('odd');
SELECT handler, ready, later, running, dead FROM oms.queue WHERE handler <> 'order_created' ORDER BY handler;

-- REST
SELECT reply ->> 'state' AS state, reply ->> 'attempts' AS attempts, reply ->> 'last_error' AS last_error
FROM oms_rest.task_get('boss', 'r1', :later) AS reply;
SELECT reply ->> 'state' AS state, reply ->> 'attempts' AS attempts FROM oms_rest.task_retry('boss', 'r1', :later) AS reply;
SELECT reply ->> 'state' AS state FROM oms_rest.task_cancel('boss', 'r1', :later) AS reply;
SELECT array_agg(name ORDER BY n) AS fields
FROM json_object_keys(oms_rest.task_get('boss', 'r1', :later)) WITH ORDINALITY AS k(name, n);
SELECT reply ->> 'count' AS count, reply ->> 'next' AS next, reply #>> '{results,0,handler}' AS handler
FROM oms_rest.task_list('boss', 'r1', 'http://x/api/v1/tasks/', '{"state": "cancelled"}') AS reply;
SELECT reply ->> 'count' AS count FROM oms_rest.task_list('boss', 'r1', 'http://x/', '{"handler": "handle", "ordering": "due_at"}') AS reply;
SELECT oms_rest.task_list('boss', 'r1', 'http://x/', '{"colour": "red"}');
SELECT oms_rest.task_get('boss', 'r1', 0);
SELECT oms_rest.task_retry('boss', 'r1', 0);
SELECT oms_rest.task_cancel('boss', 'r1', :odd);

-- only verbs write, and only administrators call them
UPDATE oms.task SET state = 'done';
DELETE FROM oms.task_handler;
UPDATE oms.worker_state SET paused_at = NULL;
SET ROLE oms_staff;
SELECT count(*) > 0 AS may_look FROM oms.task;
SELECT oms.task_enqueue('handle');
SELECT oms.task_retry(:later);
SELECT oms.worker_pause();
SELECT oms.task_handler_register('x', 'regress_app.handle');
RESET ROLE;

-- a new order queues a task; the workers' state
SELECT count(*) AS orders FROM oms.task WHERE handler = 'order_created' \gset
SELECT oms.product_create('REGRESS-TASK', 'Thing', 1) AS product \gset
SELECT oms.order_create(jsonb_build_array(jsonb_build_object('product_id', :product, 'quantity', 1))) AS order \gset
SELECT count(*) - :orders AS queued FROM oms.task WHERE handler = 'order_created';
SELECT payload = jsonb_build_object('order_id', :order) AS payload FROM oms.task WHERE handler = 'order_created' ORDER BY id DESC LIMIT 1;
SELECT oms.worker_pause();
SELECT paused_at IS NOT NULL AS paused, paused_by = current_user AS by_me FROM oms.worker_state;
SELECT oms.worker_resume();
SELECT paused_at IS NOT NULL AS paused, system_identifier = (SELECT system_identifier FROM pg_control_system()) AS here
FROM oms.worker_state;
SELECT count(*) AS lists FROM oms.worker WHERE false;

-- a handler without work can go
SET session_replication_role = replica;
DELETE FROM oms.task WHERE id IN (:first, :later, :odd);
RESET session_replication_role;
SELECT oms.task_handler_remove('odd');
SELECT oms.task_handler_remove('own');
SELECT oms.task_handler_remove('handle');
DROP SCHEMA regress_app CASCADE;
DROP ROLE regress_handler, regress_admin;
