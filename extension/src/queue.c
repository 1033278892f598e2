/*
 * queue.c
 *	  How the worker moves tasks between their states.
 *
 * A claim takes rows with SKIP LOCKED, so workers never wait for each other,
 * and counts the attempt before it begins, so a task that kills its worker is
 * dead one day.  While an attempt runs it holds the row's lock, which proves
 * that it lives even past its lease.  A result counts only when task, attempt
 * and process are still those that claimed it.
 */
#include "worker.h"
#include "guc.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static KeptPlan select_state =
	PLAN("SELECT system_identifier = $1 AND database_oid = $2, paused_at IS NOT NULL "
		 "FROM oms.worker_state",
		 INT8OID, INT8OID);

static KeptPlan select_due =
	PLAN("SELECT h.name, h.function, h.run_as, coalesce(h.timeout_ms, $1), first.due_at "
		 "FROM oms.task_handler h, LATERAL (SELECT t.due_at FROM oms.task t "
		 "WHERE t.handler = h.name AND t.state = 'ready' ORDER BY t.due_at LIMIT 1) AS first "
		 "ORDER BY first.due_at",
		 INT4OID);

static KeptPlan select_lease =
	PLAN0("SELECT coalesce(min(lease_until), 'infinity') FROM oms.task WHERE state = 'running'");

static KeptPlan claim_tasks =
	PLAN("UPDATE oms.task SET state = 'running', attempts = attempts + 1, worker_pid = $3, "
		 "lease_until = clock_timestamp() + $4 * interval '1 ms' "
		 "WHERE id = ANY (ARRAY(SELECT id FROM oms.task WHERE handler = $1 AND state = 'ready' "
		 "AND due_at <= now() ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)) "
		 "RETURNING id, attempts, payload",
		 TEXTOID, INT8OID, INT4OID, INT8OID);

static KeptPlan claim_tasks_as_done =
	PLAN("UPDATE oms.task SET state = 'done', attempts = attempts + 1, worker_pid = $3, "
		 "finished_at = clock_timestamp() "
		 "WHERE id = ANY (ARRAY(SELECT id FROM oms.task WHERE handler = $1 AND state = 'ready' "
		 "AND due_at <= now() ORDER BY due_at, id LIMIT $2 FOR UPDATE SKIP LOCKED)) "
		 "RETURNING id, attempts, payload",
		 TEXTOID, INT8OID, INT4OID);

static KeptPlan lock_task =
	PLAN("SELECT FROM oms.task WHERE id = $1 AND attempts = $2 AND worker_pid = $3 "
		 "AND state = 'running' FOR UPDATE SKIP LOCKED",
		 INT8OID, INT4OID, INT4OID);

static KeptPlan settle_task =
	PLAN("UPDATE oms.task SET state = 'done', lease_until = NULL, finished_at = clock_timestamp() "
		 "WHERE id = $1 AND attempts = $2 AND worker_pid = $3 AND state = 'running'",
		 INT8OID, INT4OID, INT4OID);

/* what a failed attempt leaves behind; $1 is the backoff in ms, $2 the error */
#define SET_FAILED                                                                                 \
	"SET state = CASE WHEN attempts >= max_attempts THEN 'dead' ELSE 'ready' END, "                \
	"due_at = CASE WHEN attempts >= max_attempts THEN due_at ELSE clock_timestamp() + "            \
	"least($1 * 2.0 ^ (attempts - 1), 3600000) * (0.85 + 0.3 * random()) * interval '1 ms' END, "  \
	"finished_at = CASE WHEN attempts >= max_attempts THEN clock_timestamp() END, "                \
	"last_error = $2, lease_until = NULL, worker_pid = NULL "

static KeptPlan fail_task =
	PLAN("UPDATE oms.task " SET_FAILED
		 "WHERE id = $3 AND attempts = $4 AND worker_pid = $5 AND state = 'running' "
		 "RETURNING state, handler, attempts, max_attempts",
		 INT4OID, TEXTOID, INT8OID, INT4OID, INT4OID);

static KeptPlan recover_tasks =
	PLAN("UPDATE oms.task " SET_FAILED
		 "WHERE id = ANY (ARRAY(SELECT id FROM oms.task WHERE state = 'running' "
		 "AND (lease_until < now() OR worker_pid <> ALL ($3)) LIMIT 1000 FOR UPDATE SKIP LOCKED))",
		 INT4OID, TEXTOID, INT4ARRAYOID);

/* ------------------------------------------------------------------ look */

/* is_installed tells whether extension and tables are both there */
static bool
is_installed(void)
{
	Oid schema;

	if (!OidIsValid(get_extension_oid("oms", true)))
		return false;
	schema = get_namespace_oid("oms", true);
	return OidIsValid(schema) && OidIsValid(get_relname_relid("orders", schema)) &&
		   OidIsValid(get_relname_relid("task", schema)) &&
		   OidIsValid(get_relname_relid("worker_state", schema));
}

/* read_status compares where the tables were installed with where they are */
static QueueStatus
read_status(void)
{
	Datum args[2];

	if (XactReadOnly)
		return QUEUE_READ_ONLY;
	args[0] = Int64GetDatum((int64) GetSystemIdentifier());
	args[1] = Int64GetDatum((int64) MyDatabaseId);
	if (plan_read(&select_state, args, NULL) == 0)
		return QUEUE_MISSING;
	if (!row_bool(0, 1))
		return QUEUE_COPIED;
	return row_bool(0, 2) ? QUEUE_PAUSED : QUEUE_READY;
}

static void
read_handlers(Queue *queue)
{
	Datum timeout = Int32GetDatum(oms_task_timeout);
	uint64 n = plan_read(&select_due, &timeout, NULL);
	MemoryContext old = MemoryContextSwitchTo(queue->context);

	queue->handlers = palloc0(sizeof(Handler) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		Handler *handler = &queue->handlers[i];

		handler->name = row_cstring(i, 1);
		handler->function = row_cstring(i, 2);
		if (handler->function == NULL)
			builtin_find(handler);
		handler->run_as = row_cstring(i, 3);
		handler->timeout = row_int32(i, 4);
		handler->due = DatumGetTimestampTz(row_int64(i, 5));
	}
	queue->nhandlers = (int) n;
	MemoryContextSwitchTo(old);
}

static Datum
look_body(Verb *verb, FunctionCallInfo fcinfo)
{
	Queue *queue = worker_arg(fcinfo);

	queue->status = read_status();
	if (queue->status != QUEUE_READY)
		return (Datum) 0;
	read_handlers(queue);
	plan_read(&select_lease, NULL, NULL);
	queue->lease = DatumGetTimestampTz(row_int64(0, 1));
	return (Datum) 0;
}

static void
look_step(void *arg)
{
	Queue *queue = arg;

	if (is_installed())
		worker_query(look_body, queue);
}

/* queue_look finds out whether tasks may be run here, and which are ready */
void
queue_look(Queue *queue)
{
	ErrorData *error;

	memset(queue, 0, sizeof(*queue));
	queue->status = QUEUE_MISSING;
	queue->lease = DT_NOEND;
	queue->context = CurrentMemoryContext;
	error = worker_attempt(look_step, queue);
	if (error)
	{
		queue->status = QUEUE_BROKEN;
		queue->error = error->message;
	}
}

/* ----------------------------------------------------------------- claim */

static int
compare_tasks(const void *a, const void *b)
{
	int64 left = ((const Task *) a)->id;
	int64 right = ((const Task *) b)->id;

	return left < right ? -1 : left > right;
}

/*
 * batch_claim takes tasks for this worker; to be called in a verb.  Their
 * lease ends after the time that each of them may take.
 */
void
batch_claim(Batch *batch)
{
	Datum args[4];
	uint64 n;
	MemoryContext old;

	args[0] = CStringGetTextDatum(batch->handler->name);
	args[1] = Int64GetDatum(batch->limit);
	args[2] = Int32GetDatum(MyProcPid);
	args[3] = Int64GetDatum((int64) oms_task_lease + batch->handler->timeout);
	n = plan_write(batch->settled ? &claim_tasks_as_done : &claim_tasks, args, NULL);

	old = MemoryContextSwitchTo(batch->context);
	batch->n = (int) n;
	batch->tasks = palloc(sizeof(Task) * Max(n, 1));
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		Datum payload = row_datum(i, 3, &isnull);

		batch->tasks[i].id = row_int64(i, 1);
		batch->tasks[i].attempt = row_int32(i, 2);
		batch->tasks[i].payload = (Jsonb *) PG_DETOAST_DATUM_COPY(payload);
	}
	MemoryContextSwitchTo(old);
	qsort(batch->tasks, n, sizeof(Task), compare_tasks);
}

/* ---------------------------------------------------------------- settle */

/*
 * task_lock holds the row of a claimed task to the end of the transaction;
 * false when the task has been taken from this worker.
 */
bool
task_lock(const Task *task)
{
	Datum args[3];

	args[0] = Int64GetDatum(task->id);
	args[1] = Int32GetDatum(task->attempt);
	args[2] = Int32GetDatum(MyProcPid);
	return plan_write(&lock_task, args, NULL) == 1;
}

/* task_settle completes a task that task_lock holds */
void
task_settle(const Task *task)
{
	Datum args[3];

	args[0] = Int64GetDatum(task->id);
	args[1] = Int32GetDatum(task->attempt);
	args[2] = Int32GetDatum(MyProcPid);
	if (plan_write(&settle_task, args, NULL) != 1)
		elog(ERROR, "task " INT64_FORMAT " changed while it was locked", task->id);
}

/* task_fail records an attempt that failed: another one later, or the end */
void
task_fail(const Task *task, const char *error)
{
	Datum args[5];

	args[0] = Int32GetDatum(oms_task_backoff);
	args[1] = CStringGetTextDatum(error);
	args[2] = Int64GetDatum(task->id);
	args[3] = Int32GetDatum(task->attempt);
	args[4] = Int32GetDatum(MyProcPid);
	if (plan_write(&fail_task, args, NULL) == 0)
		return; /* it is somebody else's by now */
	ereport(LOG, (errmsg("task " INT64_FORMAT " (%s) failed, attempt %d of %d%s", task->id,
						 row_cstring(0, 2), row_int32(0, 3), row_int32(0, 4),
						 strcmp(row_cstring(0, 1), "dead") == 0 ? ": it is dead" : ""),
				  errdetail_internal("%s", error)));
}

static Datum
recover_body(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 *recovered = worker_arg(fcinfo);
	Datum args[3];

	args[0] = Int32GetDatum(oms_task_backoff);
	args[1] = CStringGetTextDatum("the worker died, or the task outlived its lease");
	args[2] = worker_other_pids();
	*recovered = (int64) plan_write(&recover_tasks, args, NULL);
	return (Datum) 0;
}

static void
recover_step(void *arg)
{
	worker_call(recover_body, arg);
}

/*
 * queue_recover ends the attempts whose worker is gone, as failed ones.  A row
 * that is locked belongs to an attempt that runs, so it is left alone.  This
 * worker is between two tasks, so what bears its own number is a namesake's.
 */
int64
queue_recover(void)
{
	int64 recovered = 0;
	ErrorData *error = worker_attempt(recover_step, &recovered);

	if (error)
		ereport(LOG, (errmsg("could not recover tasks: %s", error->message)));
	else if (recovered > 0)
		ereport(LOG, (errmsg_plural("recovered " INT64_FORMAT " task of a worker that died",
									"recovered " INT64_FORMAT " tasks of workers that died",
									recovered, recovered)));
	return error ? 0 : recovered;
}

/* ---------------------------------------------------------- pause, resume */

static KeptPlan pause_worker =
	PLAN("UPDATE oms.worker_state SET paused_at = coalesce(paused_at, now()), "
		 "paused_by = coalesce(paused_by, $1)",
		 TEXTOID);

static KeptPlan resume_worker =
	PLAN("INSERT INTO oms.worker_state (system_identifier, database_oid) VALUES ($1, $2) "
		 "ON CONFLICT (one) DO UPDATE SET system_identifier = excluded.system_identifier, "
		 "database_oid = excluded.database_oid, paused_at = NULL, paused_by = NULL",
		 INT8OID, INT8OID);

OMS_VERB(worker_pause);

/* worker_pause keeps the workers from beginning any task */
static Datum
worker_pause(Verb *verb, FunctionCallInfo fcinfo)
{
	Datum arg = CStringGetTextDatum(verb->actor);

	plan_write(&pause_worker, &arg, NULL);
	worker_wake_at_commit();
	return (Datum) 0;
}

OMS_VERB(worker_resume);

/* worker_resume lets the workers run the tasks of this database, be it a copy or not */
static Datum
worker_resume(Verb *verb, FunctionCallInfo fcinfo)
{
	Datum args[2];

	args[0] = Int64GetDatum((int64) GetSystemIdentifier());
	args[1] = Int64GetDatum((int64) MyDatabaseId);
	plan_write(&resume_worker, args, NULL);
	worker_wake_at_commit();
	return (Datum) 0;
}
