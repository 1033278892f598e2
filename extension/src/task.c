/*
 * task.c
 *	  Tasks as their users see them: queued, listed, retried and cancelled.
 *
 * The worker's side of them is in queue.c, the states in worker.h.
 */
#include "oms.h"
#include "guc.h"
#include "json.h"
#include "list.h"
#include "table.h"
#include "worker.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#define TASK_COLUMNS                                                                               \
	"id, handler, payload, state, due_at, attempts, max_attempts, last_error, "                    \
	"created_by, request_id, created_at, finished_at"

static KeptPlan select_handler =
	PLAN("SELECT coalesce(max_attempts, 0) FROM oms.task_handler WHERE name = $1", TEXTOID);

static Table tasks =
	TABLE("task", "id", "handler", "payload", "due_at", "max_attempts", "created_by", "request_id");

static KeptPlan select_task = PLAN("SELECT " TASK_COLUMNS " FROM oms.task WHERE id = $1", INT8OID);

/* a row that is locked is in the hands of a worker: not to be waited for */
static KeptPlan retry_task =
	PLAN("UPDATE oms.task SET state = 'ready', due_at = now(), attempts = 0, finished_at = NULL "
		 "WHERE id = (SELECT id FROM oms.task WHERE id = $1 "
		 "AND state IN ('ready', 'dead', 'cancelled') FOR UPDATE SKIP LOCKED) "
		 "RETURNING " TASK_COLUMNS,
		 INT8OID);

static KeptPlan cancel_task =
	PLAN("UPDATE oms.task SET state = 'cancelled', finished_at = now() "
		 "WHERE id = (SELECT id FROM oms.task WHERE id = $1 "
		 "AND state IN ('ready', 'dead', 'cancelled') FOR UPDATE SKIP LOCKED) "
		 "RETURNING " TASK_COLUMNS,
		 INT8OID);

/* --------------------------------------------------------------- queueing */

/* TaskOptions: when and how often; 0 where the defaults hold */
typedef struct TaskOptions
{
	TimestampTz due_at;
	int32 max_attempts;
} TaskOptions;

/* handler_attempts returns the attempts that a handler allows, 0 for the setting's */
static int32
handler_attempts(const char *handler)
{
	Datum name = CStringGetTextDatum(handler);

	if (plan_write(&select_handler, &name, NULL) == 0)
		ereport(ERROR, (oms_errcode(OMS_HANDLER_INVALID),
						errmsg("there is no task handler \"%s\"", handler),
						errhint("SELECT name FROM oms.task_handler lists them; "
								"oms.task_handler_register() adds one.")));
	return row_int32(0, 1);
}

/* task_insert queues n tasks for a handler and returns the id of the last */
static int64
task_insert(Verb *verb, const char *handler, int n, const Datum *payloads, TaskOptions options)
{
	Oid sequence = get_relname_relid("task_id_seq", get_namespace_oid("oms", false));
	TimestampTz due_at = options.due_at ? options.due_at : GetCurrentTransactionStartTimestamp();
	bool nulls[7] = {false};
	Datum values[7];
	int64 id = 0;

	values[1] = CStringGetTextDatum(handler);
	values[3] = TimestampTzGetDatum(due_at);
	values[4] = Int32GetDatum(options.max_attempts ? options.max_attempts : oms_task_max_attempts);
	values[5] = CStringGetTextDatum(verb->actor);
	nulls[6] = verb->request_id == NULL;
	values[6] = nulls[6] ? (Datum) 0 : CStringGetTextDatum(verb->request_id);
	table_begin(&tasks);
	for (int i = 0; i < n; i++)
	{
		id = nextval_internal(sequence, false);
		values[0] = Int64GetDatum(id);
		values[2] = payloads[i];
		table_insert(&tasks, values, nulls);
	}
	table_end(&tasks);
	worker_wake_at_commit();
	return id;
}

/* task_enqueue is for handlers built into oms, which are always there */
void
task_enqueue(Verb *verb, const char *handler, int n, const Datum *payloads)
{
	if (n > 0)
		task_insert(verb, handler, n, payloads, (TaskOptions){0, 0});
}

/* ------------------------------------------------------------------- SQL */

OMS_VERB(task_enqueue_one);

/* task_enqueue_one is oms.task_enqueue(handler, payload, due_at, max_attempts) */
static Datum
task_enqueue_one(Verb *verb, FunctionCallInfo fcinfo)
{
	TaskOptions options = {0, 0};
	const char *handler;
	Datum payload;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (oms_errcode(OMS_HANDLER_INVALID),
						errmsg("the handler of a task must not be null")));
	payload =
		PG_ARGISNULL(1) ? DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")) : PG_GETARG_DATUM(1);
	if (!PG_ARGISNULL(2))
		options.due_at = PG_GETARG_TIMESTAMPTZ(2);
	if (TIMESTAMP_NOT_FINITE(options.due_at))
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
						errmsg("due_at must be a point in time, not infinity")));
	if (!PG_ARGISNULL(3))
	{
		options.max_attempts = PG_GETARG_INT32(3);
		if (options.max_attempts < 1 || options.max_attempts > 100)
			ereport(ERROR,
					(oms_errcode(OMS_INVALID_INPUT),
					 errmsg("max_attempts must be from 1 to 100, is %d", options.max_attempts)));
	}
	handler = TextDatumGetCString(PG_GETARG_DATUM(0));
	if (options.max_attempts == 0)
		options.max_attempts = handler_attempts(handler);
	else
		(void) handler_attempts(handler); /* it must exist all the same */
	return Int64GetDatum(task_insert(verb, handler, 1, &payload, options));
}

static void
task_find(int64 id)
{
	Datum arg = Int64GetDatum(id);

	if (plan_write(&select_task, &arg, NULL) == 0)
		ereport(
			ERROR,
			(oms_errcode(OMS_TASK_NOT_FOUND), errmsg("there is no task " INT64_FORMAT, id),
			 errhint("Tasks that are done or cancelled are removed after oms.task_retention.")));
}

/* task_change retries or cancels a task; its row is then the last plan's */
static void
task_change(KeptPlan *plan, int64 id, const char *done)
{
	Datum arg = Int64GetDatum(id);
	char *state;

	if (plan_write(plan, &arg, NULL) == 1)
		return;
	task_find(id);
	state = row_cstring(0, 4);
	if (strcmp(state, "done") == 0)
		ereport(ERROR,
				(oms_errcode(OMS_TASK_STATE),
				 errmsg("task " INT64_FORMAT " is done and cannot be %s", id, done),
				 errhint("Queue another one with oms.task_enqueue() if it is to run again.")));
	ereport(ERROR, (oms_errcode(OMS_TASK_STATE),
					errmsg("task " INT64_FORMAT " is running and cannot be %s", id, done),
					errhint("Try again when this attempt has ended.")));
}

static void
task_retry_id(int64 id)
{
	task_change(&retry_task, id, "retried");
	worker_wake_at_commit();
}

OMS_VERB(task_retry);

static Datum
task_retry(Verb *verb, FunctionCallInfo fcinfo)
{
	task_retry_id(PG_GETARG_INT64(0));
	return (Datum) 0;
}

OMS_VERB(task_cancel);

static Datum
task_cancel(Verb *verb, FunctionCallInfo fcinfo)
{
	task_change(&cancel_task, PG_GETARG_INT64(0), "cancelled");
	return (Datum) 0;
}

/* ------------------------------------------------------------------ REST */

/* task_reply answers with the task in the first row of the last plan */
static Datum
task_reply(Verb *verb)
{
	StringInfo reply = reply_begin(verb);

	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

REST_QUERY(rest_task_get);

static Datum
rest_task_get(Verb *verb, FunctionCallInfo fcinfo)
{
	task_find(PG_GETARG_INT64(2));
	return task_reply(verb);
}

REST_VERB(rest_task_retry);

static Datum
rest_task_retry(Verb *verb, FunctionCallInfo fcinfo)
{
	task_retry_id(PG_GETARG_INT64(2));
	return task_reply(verb);
}

REST_VERB(rest_task_cancel);

static Datum
rest_task_cancel(Verb *verb, FunctionCallInfo fcinfo)
{
	task_change(&cancel_task, PG_GETARG_INT64(2), "cancelled");
	return task_reply(verb);
}

static const ListFilter task_filters[] = {
	{"state", FILTER_VALUE, "state = $?", NULL, NULL, NULL},
	{"handler", FILTER_VALUE, "handler = $?", NULL, NULL, NULL}};

static const ListOrdering task_orderings[] = {{"id", "id", "bigint"},
											  {"due_at", "due_at", "timestamptz"},
											  {"created_at", "created_at", "timestamptz"}};

static const Listing task_list = {TASK_COLUMNS,   "oms.task",
								  "id",           "-id",
								  task_filters,   lengthof(task_filters),
								  task_orderings, lengthof(task_orderings),
								  NULL,           NULL};

REST_QUERY(rest_task_list);

static Datum
rest_task_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &task_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
