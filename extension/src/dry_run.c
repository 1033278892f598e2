/*
 * dry_run.c
 *	  Work that is done to see how it would end, and is undone then.
 *
 * With the setting oms.dry_run on, each outermost verb that writes runs in a
 * subtransaction that is rolled back once its result was copied out.  Nothing
 * is simulated: locks, triggers and constraints are those of the real call, and
 * caches that were filled meanwhile hear of the rollback as of any other.
 */
#include "dry_run.h"
#include "order.h"
#include "problem.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/resowner.h"
#include "utils/tuplestore.h"

#include "compat.h"

ErrorData *
rehearse(void (*act)(void *arg), void *arg)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile failure = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		act(arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		failure = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return failure;
}

/* --------------------------------------------------------------- of a verb */

typedef struct DryRun
{
	Verb *verb;
	FunctionCallInfo fcinfo;
	VerbBody body;
	ResourceOwner owner; /* of the caller */
	Datum result;
} DryRun;

/* keep_rows moves the rows returned to a tuplestore whose files outlive the subtransaction */
static void
keep_rows(DryRun *run)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) run->fcinfo->resultinfo;
	ResourceOwner inner = CurrentResourceOwner;
	MemoryContext old;
	Tuplestorestate *rows;
	TupleTableSlot *slot;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) || rsinfo->setResult == NULL)
		return;
	old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	CurrentResourceOwner = run->owner;
	rows = tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0, false,
								 work_mem);
	CurrentResourceOwner = inner;
	slot = MakeSingleTupleTableSlot(rsinfo->setDesc, &TTSOpsMinimalTuple);
	while (tuplestore_gettupleslot(rsinfo->setResult, true, false, slot))
		tuplestore_puttupleslot(rows, slot);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_end(rsinfo->setResult);
	rsinfo->setResult = rows;
	MemoryContextSwitchTo(old);
}

static void
run_verb(void *arg)
{
	DryRun *run = arg;

	run->result = verb_body(run->verb, run->fcinfo, run->body, true);
	keep_rows(run);
}

Datum
dry_run(Verb *verb, FunctionCallInfo fcinfo, VerbBody body)
{
	DryRun run = {verb, fcinfo, body, CurrentResourceOwner, (Datum) 0};
	ErrorData *failure = rehearse(run_verb, &run);

	if (failure)
		ReThrowError(failure);
	return run.result;
}

/* ------------------------------------------------------------ why not? */

/* Step: one that is tried */
typedef struct Step
{
	Verb *verb;
	int64 id;
	const char *to;
	Outcome outcome;
} Step;

static void
try_step(void *arg)
{
	Step *step = arg;

	orders_move(step->verb, &step->id, 1, step->to, NULL, &step->outcome);
}

/* error_of_input tells an error that is about what was asked for from one of the server */
bool
error_of_input(int sqlstate)
{
	int category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_TO_CATEGORY(MAKE_SQLSTATE('O', 'M', '0', '0', '0')) ||
		   category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		   category == ERRCODE_DATA_EXCEPTION || category == ERRCODE_PLPGSQL_ERROR;
}

/* find_problem tries a step; the outcome says what is in its way */
static Outcome
find_problem(Verb *verb, int64 id, const char *to)
{
	Step step = {.verb = verb, .id = id, .to = to};
	ErrorData *failure;

	if (to == NULL)
		ereport(ERROR,
				(oms_errcode(OMS_INVALID_INPUT), errmsg("a status is required"),
				 errdetail_internal("[{\"pointer\": \"/status\", \"detail\": \"is required\"}]"),
				 errhint("Name the status that the order should take.")));
	failure = rehearse(try_step, &step);
	if (failure == NULL)
		return step.outcome;
	if (!error_of_input(failure->sqlerrcode))
		ReThrowError(failure);
	return (Outcome){.id = id,
					 .sqlstate = failure->sqlerrcode,
					 .message = failure->message,
					 .detail = failure->detail,
					 .hint = failure->hint};
}

OMS_VERB(why_not);

static Datum
why_not(Verb *verb, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Outcome outcome =
		find_problem(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
					 PG_ARGISNULL(1) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(1)));
	const char *texts[] = {unpack_sql_state(outcome.sqlstate), outcome.message, outcome.detail,
						   outcome.hint};
	Datum values[lengthof(texts)] = {0};
	bool nulls[lengthof(texts)];

	materialized_srf(fcinfo);
	if (outcome.message == NULL)
		return (Datum) 0;
	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		nulls[i] = texts[i] == NULL;
		if (texts[i])
			values[i] = CStringGetTextDatum(texts[i]);
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	return (Datum) 0;
}

static KeptPlan order_exists = PLAN("SELECT FROM oms.orders WHERE id = $1", INT8OID);

REST_VERB(rest_order_why_not);

static Datum
rest_order_why_not(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = PG_GETARG_INT64(2);
	char *status = query_text(PG_GETARG_JSONB_P(3), "status");
	Outcome outcome;
	StringInfo reply;

	/* an id that is none counts for more than a parameter that lacks */
	if (plan_read(&order_exists, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_ORDER_NOT_FOUND), errmsg("there is no order " INT64_FORMAT, id),
				 errhint("List the orders to see their ids.")));
	outcome = find_problem(verb, id, status);

	/* what the address names must exist */
	if (outcome.message && (outcome.sqlstate == oms_sqlstate(OMS_ORDER_NOT_FOUND) ||
							outcome.sqlstate == oms_sqlstate(OMS_INVALID_INPUT)))
		outcome_raise(&outcome);
	reply = reply_begin(verb);
	appendStringInfo(reply, "{\"possible\": %s, \"problems\": [",
					 outcome.message ? "false" : "true");
	if (outcome.message)
	{
		appendStringInfoChar(reply, '{');
		problem_json(reply, outcome.sqlstate, outcome.message, outcome.detail, outcome.hint);
		appendStringInfoChar(reply, '}');
	}
	appendStringInfoString(reply, "]}");
	return reply_datum(reply);
}
