-- tasks, their handlers, and whether the workers may run them
CREATE TABLE IF NOT EXISTS oms.task_handler (
  name text PRIMARY KEY CHECK (name <> '' AND octet_length(name) < 64),
  function text,
  run_as text CONSTRAINT task_handler_check CHECK ((run_as IS NULL) = (function IS NULL)),
  max_attempts integer CHECK (max_attempts BETWEEN 1 AND 100),
  timeout_ms integer CHECK (timeout_ms BETWEEN 10 AND 3600000),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE oms.task_handler IS 'What tasks can run. Written by oms.task_handler_register() and _remove() only.';
COMMENT ON COLUMN oms.task_handler.name IS 'Name that tasks give, 1 to 63 bytes.';
COMMENT ON COLUMN oms.task_handler.function IS 'Function (task_id bigint, payload jsonb) with its schema, or null for a handler built into oms.';
COMMENT ON COLUMN oms.task_handler.run_as IS 'Role that the function runs as, never a superuser; null for a handler built into oms.';
COMMENT ON COLUMN oms.task_handler.max_attempts IS 'Attempts after which a task is dead, or null for the setting oms.task_max_attempts.';
COMMENT ON COLUMN oms.task_handler.timeout_ms IS 'Longest run of a task in milliseconds, or null for the setting oms.task_timeout.';
COMMENT ON COLUMN oms.task_handler.created_by IS 'Database role that registered it.';
COMMENT ON COLUMN oms.task_handler.created_at IS 'When it was registered.';
COMMENT ON CONSTRAINT task_handler_pkey ON oms.task_handler IS 'A name stands for one handler.';
COMMENT ON CONSTRAINT task_handler_name_check ON oms.task_handler IS 'A name has 1 to 63 bytes.';
COMMENT ON CONSTRAINT task_handler_check ON oms.task_handler IS 'A handler has a role to run as if it has a function, and only then.';
COMMENT ON CONSTRAINT task_handler_max_attempts_check ON oms.task_handler IS 'A task is given 1 to 100 attempts.';
COMMENT ON CONSTRAINT task_handler_timeout_ms_check ON oms.task_handler IS 'A run may last 10 to 3600000 milliseconds.';
IF NOT EXISTS (SELECT FROM oms.task_handler WHERE name = 'order_created') THEN
  INSERT INTO oms.task_handler (name, created_by) VALUES ('order_created', 'oms');
END IF;
IF NOT EXISTS (SELECT FROM oms.task_handler WHERE name = 'import_run') THEN
  -- tables of an earlier version have their guard, and this is no verb
  ALTER TABLE oms.task_handler DISABLE TRIGGER USER;
  INSERT INTO oms.task_handler (name, timeout_ms, created_by) VALUES ('import_run', 3600000, 'oms');
  ALTER TABLE oms.task_handler ENABLE TRIGGER USER;
END IF;

-- a task's state is part of each index but the first, so that no update could be HOT: all room is filled
CREATE TABLE IF NOT EXISTS oms.task (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  due_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz,
  finished_at timestamptz,
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  max_attempts integer NOT NULL CHECK (max_attempts BETWEEN 1 AND 100),
  worker_pid integer,
  state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'done', 'dead', 'cancelled')),
  handler text NOT NULL,
  payload jsonb NOT NULL,
  last_error text,
  created_by text NOT NULL,
  request_id text,
  CONSTRAINT task_lease_while_running CHECK ((state = 'running') = (lease_until IS NOT NULL)),
  CONSTRAINT task_finished CHECK ((state IN ('ready', 'running')) = (finished_at IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.1);
CREATE INDEX IF NOT EXISTS task_ready_idx ON oms.task (handler, due_at, id) WHERE state = 'ready';
CREATE INDEX IF NOT EXISTS task_running_idx ON oms.task (lease_until) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS task_finished_idx ON oms.task (finished_at) WHERE state IN ('done', 'cancelled');
CREATE INDEX IF NOT EXISTS task_created_at_idx ON oms.task USING brin (created_at);
CREATE INDEX IF NOT EXISTS task_dead_idx ON oms.task (handler, id) WHERE state = 'dead';
COMMENT ON TABLE oms.task IS 'Work for later, queued in the transaction that wants it. Written by the task_ verbs and the workers only.';
COMMENT ON COLUMN oms.task.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.task.due_at IS 'Not to be run before this time; moved on by each failed attempt.';
COMMENT ON COLUMN oms.task.created_at IS 'Start of the transaction that queued it.';
COMMENT ON COLUMN oms.task.lease_until IS 'While running: when the attempt is given up for lost.';
COMMENT ON COLUMN oms.task.finished_at IS 'When it became done, dead or cancelled.';
COMMENT ON COLUMN oms.task.attempts IS 'Attempts that were begun.';
COMMENT ON COLUMN oms.task.max_attempts IS 'Attempts after which it is dead.';
COMMENT ON COLUMN oms.task.worker_pid IS 'Process id of the worker that runs or ran it.';
COMMENT ON COLUMN oms.task.state IS 'ready, running, done, dead (the last attempt failed) or cancelled.';
COMMENT ON COLUMN oms.task.handler IS 'Name of the row of oms.task_handler that says what runs.';
COMMENT ON COLUMN oms.task.payload IS 'What the handler is given.';
COMMENT ON COLUMN oms.task.last_error IS 'SQLSTATE and message of the last attempt that failed.';
COMMENT ON COLUMN oms.task.created_by IS 'User of the API or database role that queued it.';
COMMENT ON COLUMN oms.task.request_id IS 'X-Request-Id of the REST request that queued it, or null.';
COMMENT ON CONSTRAINT task_pkey ON oms.task IS 'An id names one task.';
COMMENT ON CONSTRAINT task_attempts_check ON oms.task IS 'The number of attempts begun is not negative.';
COMMENT ON CONSTRAINT task_max_attempts_check ON oms.task IS 'A task is given 1 to 100 attempts.';
COMMENT ON CONSTRAINT task_state_check ON oms.task IS 'The state is ready, running, done, dead or cancelled.';
COMMENT ON CONSTRAINT task_lease_while_running ON oms.task IS 'A task has a lease while it runs, and only then.';
COMMENT ON CONSTRAINT task_finished ON oms.task IS 'A task has a time of its end once it is done, dead or cancelled, and only then.';
COMMENT ON INDEX oms.task_ready_idx IS 'Serves the workers, which take a handler''s ready tasks in the order they are due.';
COMMENT ON INDEX oms.task_running_idx IS 'Serves the workers, which look for attempts whose lease has run out.';
COMMENT ON INDEX oms.task_finished_idx IS 'Serves the worker, which removes tasks that finished longer ago than oms.task_retention, the oldest first.';
COMMENT ON INDEX oms.task_created_at_idx IS 'Serves the tasks that a transaction queued; BRIN, for it costs next to nothing.';
COMMENT ON INDEX oms.task_dead_idx IS 'Serves the views oms.queue and oms.dead_task.';
COMMENT ON SEQUENCE oms.task_id_seq IS 'Gives tasks their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.stock_alert (
  product_id bigint NOT NULL,
  location_id integer NOT NULL,
  seq bigint NOT NULL,
  available bigint NOT NULL,
  threshold bigint NOT NULL,
  raised_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (product_id, location_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE oms.stock_alert IS 'The last event stock.low of each product and location. Another is raised only after oms.stock_move shows stock above the threshold since.';
COMMENT ON COLUMN oms.stock_alert.product_id IS 'The product.';
COMMENT ON COLUMN oms.stock_alert.location_id IS 'The location.';
COMMENT ON COLUMN oms.stock_alert.seq IS 'The oms.stock_move up to which the ledger was read.';
COMMENT ON COLUMN oms.stock_alert.available IS 'Units that were available after it.';
COMMENT ON COLUMN oms.stock_alert.threshold IS 'Threshold at that time, in units.';
COMMENT ON COLUMN oms.stock_alert.raised_at IS 'When the event was written.';
COMMENT ON CONSTRAINT stock_alert_pkey ON oms.stock_alert IS 'A product has one last alert at a location.';

CREATE TABLE IF NOT EXISTS oms.worker_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  system_identifier bigint NOT NULL,
  database_oid bigint NOT NULL,
  paused_at timestamptz,
  paused_by text
);
COMMENT ON TABLE oms.worker_state IS 'Which database the tasks belong to, in one row. Where it differs from the database itself, as in a restored copy, no task runs until oms.worker_resume().';
COMMENT ON COLUMN oms.worker_state.one IS 'Always true: there is one row.';
COMMENT ON COLUMN oms.worker_state.system_identifier IS 'System identifier of the cluster, as pg_control_system() gives it.';
COMMENT ON COLUMN oms.worker_state.database_oid IS 'OID of the database.';
COMMENT ON COLUMN oms.worker_state.paused_at IS 'Since when oms.worker_pause() holds, or null.';
COMMENT ON COLUMN oms.worker_state.paused_by IS 'Who paused it.';
COMMENT ON CONSTRAINT worker_state_pkey ON oms.worker_state IS 'With worker_state_one_check: there is no second row.';
COMMENT ON CONSTRAINT worker_state_one_check ON oms.worker_state IS 'The key can only be true, so that there is one row.';
IF NOT EXISTS (SELECT FROM oms.worker_state) THEN
  PERFORM oms.worker_resume();
END IF;

DO $guard$
DECLARE
  guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY['task', 'task_handler', 'stock_alert', 'worker_state'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.guard()', guarded);
    EXECUTE format('COMMENT ON TRIGGER guard ON oms.%I IS ''Refuses writes that do not come from a verb (OM040).''', guarded);
  END LOOP;
END
$guard$;

CREATE OR REPLACE VIEW oms.worker AS
SELECT worker, pid, state, handler, date_trunc('second', now() - since) AS "for", done, failed, starts
FROM oms.worker_list();
COMMENT ON VIEW oms.worker IS 'The background workers of this server. Empty without oms in shared_preload_libraries.';
COMMENT ON COLUMN oms.worker.worker IS 'Number of the worker, from 1 to the setting oms.workers.';
COMMENT ON COLUMN oms.worker.pid IS 'Its process id, or null while it does not run.';
COMMENT ON COLUMN oms.worker.state IS 'stopped, starting, idle, busy, purging, checking, paused, copied (a restored copy: oms.worker_resume()), not installed, read only, or error (see the server''s log).';
COMMENT ON COLUMN oms.worker.handler IS 'Handler of the task that runs.';
COMMENT ON COLUMN oms.worker."for" IS 'How long it has been in this state.';
COMMENT ON COLUMN oms.worker.done IS 'Tasks it completed since the server started.';
COMMENT ON COLUMN oms.worker.failed IS 'Attempts that failed since the server started.';
COMMENT ON COLUMN oms.worker.starts IS 'How often it was started since the server started.';

CREATE OR REPLACE VIEW oms.queue AS
SELECT h.name AS handler,
  (SELECT count(*) FROM oms.task t WHERE t.handler = h.name AND t.state = 'ready' AND t.due_at <= now()) AS ready,
  (SELECT count(*) FROM oms.task t WHERE t.handler = h.name AND t.state = 'ready' AND t.due_at > now()) AS later,
  (SELECT count(*) FROM oms.task t WHERE t.handler = h.name AND t.state = 'running') AS running,
  (SELECT count(*) FROM oms.task t WHERE t.handler = h.name AND t.state = 'dead') AS dead,
  (SELECT date_trunc('second', now() - min(t.due_at)) FROM oms.task t
   WHERE t.handler = h.name AND t.state = 'ready' AND t.due_at <= now()) AS oldest
FROM oms.task_handler h;
COMMENT ON VIEW oms.queue IS 'How many tasks wait for each handler.';
COMMENT ON COLUMN oms.queue.handler IS 'Name of the handler.';
COMMENT ON COLUMN oms.queue.ready IS 'Tasks that a worker may take now.';
COMMENT ON COLUMN oms.queue.later IS 'Tasks whose time has not come.';
COMMENT ON COLUMN oms.queue.running IS 'Tasks that run.';
COMMENT ON COLUMN oms.queue.dead IS 'Tasks whose last attempt failed.';
COMMENT ON COLUMN oms.queue.oldest IS 'How long the first of the ready ones has been due.';

CREATE OR REPLACE VIEW oms.dead_task AS
SELECT id, handler, left(last_error, 24) AS error, format('SELECT oms.task_retry(%s);', id) AS retry
FROM oms.task WHERE state = 'dead';
COMMENT ON VIEW oms.dead_task IS 'Tasks whose last attempt failed, and how to retry them.';
COMMENT ON COLUMN oms.dead_task.id IS 'The task; oms.task has the whole error.';
COMMENT ON COLUMN oms.dead_task.handler IS 'Its handler.';
COMMENT ON COLUMN oms.dead_task.error IS 'Beginning of its last error.';
COMMENT ON COLUMN oms.dead_task.retry IS 'Statement that makes it ready again.';

GRANT SELECT ON oms.task, oms.task_handler, oms.stock_alert, oms.worker_state, oms.worker, oms.queue, oms.dead_task TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.worker_list TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.task_enqueue, oms.task_retry, oms.task_cancel, oms.task_handler_register, oms.task_handler_remove,
  oms.worker_pause, oms.worker_resume,
  oms_rest.task_list, oms_rest.task_get, oms_rest.task_retry, oms_rest.task_cancel TO oms_admin;
