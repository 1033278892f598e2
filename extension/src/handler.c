/*
 * handler.c
 *	  What a task runs: functions in SQL that administrators register, and
 *	  built-in ones in C.
 *
 * Either way a task's effect and its completion commit together, so the effect
 * happens exactly once.  A handler in SQL runs alone in its transaction, as its
 * own role; built-in ones share a transaction until one of them fails.
 */
#include "worker.h"
#include "guc.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/prepare.h"
#include "commands/sequence.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/portal.h"
#include "utils/timeout.h"

#define MAX_ERROR_BYTES 2000

static const struct
{
	const char *name;
	BuiltinHandler run;
	bool alone; /* a task has a transaction of its own */
} builtins[] = {{"order_created", order_created, false}, {"import_run", import_task, true}};

/* builtin_find sets the C function of a built-in handler, or NULL */
void
builtin_find(Handler *handler)
{
	handler->builtin = NULL;
	for (size_t i = 0; i < lengthof(builtins); i++)
		if (strcmp(builtins[i].name, handler->name) == 0)
		{
			handler->builtin = builtins[i].run;
			handler->alone = builtins[i].alone;
		}
}

/* set_durable makes this commit wait for the disk, against the worker's habit */
static void
set_durable(const char *level)
{
	(void) set_config_option("synchronous_commit", level, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

/* --------------------------------------------------------- many at once */

static Datum
run_batch_body(Verb *verb, FunctionCallInfo fcinfo)
{
	Batch *batch = worker_arg(fcinfo);

	verb->actor = batch->handler->name;
	batch_claim(batch);
	if (batch->n > 0)
		batch->handler->builtin(verb, batch->tasks, batch->n);
	return (Datum) 0;
}

/* run_batch_step is durable, for listeners hear of it once it has committed */
static void
run_batch_step(void *arg)
{
	set_durable("on");
	worker_call(run_batch_body, arg);
}

/* run_batch runs ready tasks of a built-in handler in one transaction; -1 if one failed */
static int
run_batch(const Handler *handler, int limit)
{
	Batch batch = {.handler = handler, .limit = limit, .settled = true};
	ErrorData *error;

	batch.context = CurrentMemoryContext;
	pgstat_report_activity(STATE_RUNNING, psprintf("%s: up to %d tasks", handler->name, limit));
	error = worker_attempt(run_batch_step, &batch);
	if (error)
	{
		ereport(DEBUG1,
				(errmsg("a batch of handler \"%s\" failed: %s", handler->name, error->message)));
		return -1;
	}
	worker_count(batch.n, 0);
	return batch.n;
}

/* ---------------------------------------------------------- one by one */

/* Run: one attempt of one task */
typedef struct Run
{
	const Handler *handler;
	const Task *task;
	bool held; /* the task was still ours when it began */
	const char *error;
} Run;

static Datum
claim_body(Verb *verb, FunctionCallInfo fcinfo)
{
	batch_claim(worker_arg(fcinfo));
	return (Datum) 0;
}

/* claim_step is durable, so that a task that crashes the server is counted */
static void
claim_step(void *arg)
{
	set_durable("local");
	worker_call(claim_body, arg);
}

static Datum
lock_body(Verb *verb, FunctionCallInfo fcinfo)
{
	Run *run = worker_arg(fcinfo);

	run->held = task_lock(run->task);
	return (Datum) 0;
}

static Datum
builtin_body(Verb *verb, FunctionCallInfo fcinfo)
{
	Run *run = worker_arg(fcinfo);

	verb->actor = run->handler->name;
	run->handler->builtin(verb, run->task, 1);
	return (Datum) 0;
}

static Datum
settle_body(Verb *verb, FunctionCallInfo fcinfo)
{
	Run *run = worker_arg(fcinfo);

	task_settle(run->task);
	return (Datum) 0;
}

static Datum
fail_body(Verb *verb, FunctionCallInfo fcinfo)
{
	Run *run = worker_arg(fcinfo);

	task_fail(run->task, run->error);
	return (Datum) 0;
}

static void
fail_step(void *arg)
{
	worker_call(fail_body, arg);
}

/* handler_role returns the role of a handler in SQL, which is never a superuser */
static Oid
handler_role(const Handler *handler)
{
	Oid role = get_role_oid(handler->run_as, true);

	if (!OidIsValid(role))
		ereport(ERROR, (oms_errcode(OMS_HANDLER_INVALID),
						errmsg("role \"%s\" of handler \"%s\" does not exist", handler->run_as,
							   handler->name)));
	if (superuser_arg(role))
		ereport(ERROR, (oms_errcode(OMS_HANDLER_INVALID),
						errmsg("role \"%s\" of handler \"%s\" is a superuser", handler->run_as,
							   handler->name)));
	return role;
}

/*
 * run_function calls a handler in SQL.  The role stays to the end of the
 * transaction, so deferred triggers run as that, not as the worker.
 */
static void
run_function(const Run *run)
{
	static const Oid types[2] = {INT8OID, JSONBOID};
	Datum args[2];
	char *sql;

	if (run->handler->function == NULL)
		ereport(ERROR,
				(oms_errcode(OMS_HANDLER_INVALID),
				 errmsg("this version of oms has no built-in handler \"%s\"", run->handler->name)));
	SetUserIdAndSecContext(handler_role(run->handler), SECURITY_LOCAL_USERID_CHANGE);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	sql = psprintf("SELECT %s($1, $2)", run->handler->function);
	args[0] = Int64GetDatum(run->task->id);
	args[1] = JsonbPGetDatum(run->task->payload);
	plan_write(plan_lookup(sql, 2, types), args, NULL);
	SPI_finish();
}

static void
run_step(void *arg)
{
	Run *run = arg;

	worker_call(lock_body, run);
	if (!run->held)
		return;
	enable_timeout_after(STATEMENT_TIMEOUT, run->handler->timeout);
	if (run->handler->builtin)
	{
		set_durable("on");
		worker_call(builtin_body, run);
	}
	else
		run_function(run);
	worker_call(settle_body, run);
}

/*
 * reset_step removes what a handler in SQL may have left in the session: it is
 * DISCARD ALL, but for the kept plans.
 */
static void
reset_step(void *arg)
{
	PortalHashTableDeleteAll();
	ResetAllOptions();
	DropAllPreparedStatements();
	Async_UnlistenAll();
	LockReleaseAll(USER_LOCKMETHOD, true);
	ResetTempTableNamespace();
	ResetSequenceCaches();
}

static const char *
error_text(const ErrorData *error)
{
	char *text = psprintf("%s: %s%s%s", unpack_sql_state(error->sqlerrcode), error->message,
						  error->detail ? " | " : "", error->detail ? error->detail : "");

	text[pg_mbcliplen(text, strlen(text), MAX_ERROR_BYTES)] = '\0';
	return text;
}

static void
log_error(const ErrorData *error)
{
	if (error)
		ereport(LOG, (errmsg("oms worker: %s", error->message)));
}

/* run_one runs the first ready task of a handler; returns 0 if there was none to take */
static int
run_one(const Handler *handler)
{
	Batch batch = {.handler = handler, .limit = 1};
	Run run = {.handler = handler};
	ErrorData *error;

	batch.context = CurrentMemoryContext;
	error = worker_attempt(claim_step, &batch);
	log_error(error);
	if (error || batch.n == 0)
		return 0;

	run.task = &batch.tasks[0];
	pgstat_report_activity(STATE_RUNNING,
						   psprintf("%s: task " INT64_FORMAT, handler->name, run.task->id));
	error = worker_attempt(run_step, &run);
	worker_count(error == NULL, error != NULL);
	if (error)
	{
		run.error = error_text(error);
		log_error(worker_attempt(fail_step, &run));
	}
	if (!handler->builtin)
		log_error(worker_attempt(reset_step, NULL));
	return 1;
}

/*
 * handler_run runs tasks of a handler that has ready ones, and returns how many
 * it took, setting "more" when there may be more.  Batches of built-in tasks
 * start small and grow; a failure halves them until the task that fails is
 * alone, its attempt counted and recorded.  So is the first one after a start:
 * it may be what brought the server down.
 */
int
handler_run(const Handler *handler, bool *more)
{
	static int limit = 1;
	int n;

	if (handler->builtin == NULL || handler->alone)
	{
		n = run_one(handler);
		*more |= n > 0;
		return n;
	}
	while (limit > 1)
	{
		n = run_batch(handler, limit);
		if (n >= 0)
		{
			*more |= n == limit;
			limit = Max(Min(limit * 2, oms_worker_batch), 1);
			return n;
		}
		limit /= 2;
		worker_interrupts();
	}
	n = run_one(handler);
	*more |= n > 0;
	limit = Min(2, oms_worker_batch);
	return n;
}
