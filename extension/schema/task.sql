-- task: queueing, handlers, workers
CREATE FUNCTION oms.task_enqueue(handler text, payload jsonb DEFAULT '{}', due_at timestamptz DEFAULT now(), max_attempts integer DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_task_enqueue_one' LANGUAGE C;
COMMENT ON FUNCTION oms.task_enqueue(text, jsonb, timestamptz, integer) IS
'Queues a task for a handler, to be run once this transaction has committed and due_at has come. max_attempts of 1 to 100, null for the handler''s. Returns the task''s id. Raises OM010 (bad value), OM016 (no such handler).';

CREATE FUNCTION oms.task_retry(task_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_task_retry' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.task_retry(bigint) IS
'Makes a dead, cancelled or waiting task ready at once, its attempts counted anew. Raises OM006 (no such task), OM017 (running or done).';

CREATE FUNCTION oms.task_cancel(task_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_task_cancel' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.task_cancel(bigint) IS
'Cancels a waiting or dead task; cancelling again does nothing. Raises OM006 (no such task), OM017 (running or done).';

CREATE FUNCTION oms.task_handler_register(name text, function text, run_as text DEFAULT NULL, max_attempts integer DEFAULT NULL, timeout_ms integer DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_task_handler_register' LANGUAGE C;
COMMENT ON FUNCTION oms.task_handler_register(text, text, text, integer, integer) IS
'Lets tasks of this name run a function (task_id bigint, payload jsonb), given with its schema. It runs in a transaction of its own, with search_path pg_catalog, pg_temp, as the role run_as: yours by default, one you are a member of, never a superuser. max_attempts of 1 to 100 and timeout_ms of 10 to 3600000 milliseconds are the settings oms.task_max_attempts and oms.task_timeout when null. A name that is registered is changed. Raises OM016.';

CREATE FUNCTION oms.task_handler_remove(name text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_task_handler_remove' LANGUAGE C;
COMMENT ON FUNCTION oms.task_handler_remove(text) IS
'Removes a registered handler that has no ready or running tasks. Raises OM016.';

CREATE FUNCTION oms.worker_list(OUT worker integer, OUT pid integer, OUT state text, OUT handler text, OUT since timestamptz, OUT done bigint, OUT failed bigint, OUT starts integer) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_worker_list' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.worker_list() IS
'The background workers of the server, as the view oms.worker shows them. No row when oms is not in shared_preload_libraries.';

CREATE FUNCTION oms.worker_pause() RETURNS void
AS 'MODULE_PATHNAME', 'oms_worker_pause' LANGUAGE C;
COMMENT ON FUNCTION oms.worker_pause() IS
'Keeps the workers from beginning tasks of this database until oms.worker_resume(). Tasks that run are finished.';

CREATE FUNCTION oms.worker_resume() RETURNS void
AS 'MODULE_PATHNAME', 'oms_worker_resume' LANGUAGE C;
COMMENT ON FUNCTION oms.worker_resume() IS
'Lets the workers run the tasks of this database: after oms.worker_pause(), and in a database that was restored or copied from another, where nothing runs until this is called.';

CREATE FUNCTION oms_rest.task_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_task_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.task_list(text, text, text, jsonb) IS 'GET tasks/: a page, filtered by state and handler.';
CREATE FUNCTION oms_rest.task_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_task_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.task_get(text, text, bigint) IS 'GET tasks/{id}/';
CREATE FUNCTION oms_rest.task_retry(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_task_retry' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.task_retry(text, text, bigint) IS 'POST tasks/{id}/retry/: returns the task.';
CREATE FUNCTION oms_rest.task_cancel(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_task_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.task_cancel(text, text, bigint) IS 'POST tasks/{id}/cancel/: returns the task.';
