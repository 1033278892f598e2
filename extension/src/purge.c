/*
 * purge.c
 *	  Removes what is out of date, a little at a time.
 */
#include "worker.h"
#include "guc.h"
#include "hold.h"

#include "catalog/pg_type.h"

#define PURGE_BATCH 1000

/* Purge: rows older than *retention seconds go; -1 keeps them all */
typedef struct Purge
{
	const char *what;
	int *retention;
	KeptPlan plan;
} Purge;

static int at_once = 0;

static Purge purges[] = {
	{"tasks", &oms_task_retention,
	 PLAN("DELETE FROM oms.task WHERE id = ANY (ARRAY(SELECT id FROM oms.task "
		  "WHERE state IN ('done', 'cancelled') AND finished_at < now() - $1 * interval '1 s' "
		  "ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
		  INT4OID, INT4OID)},
	{"idempotency keys", &oms_idempotency_retention,
	 PLAN("DELETE FROM oms.idempotency WHERE ctid = ANY (ARRAY(SELECT ctid FROM oms.idempotency "
		  "WHERE created_at < now() - $1 * interval '1 s' LIMIT $2 FOR UPDATE SKIP LOCKED))",
		  INT4OID, INT4OID)},
	{"rows of imports", &oms_import_retention,
	 PLAN("DELETE FROM oms.import_row WHERE ctid = ANY (ARRAY(SELECT r.ctid FROM oms.import i "
		  "JOIN oms.import_row r ON r.import_id = i.id "
		  "WHERE i.finished_at < now() - $1 * interval '1 s' LIMIT $2))",
		  INT4OID, INT4OID)},
	{"sessions", &at_once,
	 PLAN("DELETE FROM oms.session WHERE id = ANY (ARRAY(SELECT id FROM oms.session "
		  "WHERE expires_at < now() - $1 * interval '1 s' "
		  "ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
		  INT4OID, INT4OID)}};

/* PurgeRun: one transaction's work */
typedef struct PurgeRun
{
	Purge *purge;
	uint64 removed;
} PurgeRun;

static Datum
purge_body(Verb *verb, FunctionCallInfo fcinfo)
{
	PurgeRun *run = worker_arg(fcinfo);
	Datum args[2];

	args[0] = Int32GetDatum(*run->purge->retention);
	args[1] = Int32GetDatum(PURGE_BATCH);
	run->removed = plan_write(&run->purge->plan, args, NULL);
	return (Datum) 0;
}

static void
purge_step(void *arg)
{
	worker_call(purge_body, arg);
}

static Datum
expire_body(Verb *verb, FunctionCallInfo fcinfo)
{
	uint64 *ended = worker_arg(fcinfo);

	*ended = holds_expire(verb, PURGE_BATCH);
	return (Datum) 0;
}

static void
expire_step(void *arg)
{
	worker_call(expire_body, arg);
}

/* end_holds ends a batch of expired holds, and tells whether it found any */
static bool
end_holds(void)
{
	uint64 ended = 0;
	ErrorData *error = worker_attempt(expire_step, &ended);

	if (error)
		ereport(LOG, (errmsg("could not end expired holds: %s", error->message)));
	worker_interrupts();
	return error == NULL && ended > 0;
}

/* purge_some removes a batch of each kind, each in a transaction of its own */
bool
purge_some(void)
{
	bool more = end_holds();

	for (size_t i = 0; i < lengthof(purges); i++)
	{
		PurgeRun run = {&purges[i], 0};
		ErrorData *error;

		if (*run.purge->retention < 0)
			continue;
		error = worker_attempt(purge_step, &run);
		if (error)
			ereport(LOG, (errmsg("could not purge %s: %s", run.purge->what, error->message)));
		else if (run.removed == PURGE_BATCH)
			more = true;
		worker_interrupts();
	}
	return more;
}
