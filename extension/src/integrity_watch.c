/*
 * integrity_watch.c
 *	  The worker's look at the checks: every oms.integrity_interval, at what has
 *	  changed.
 */
#include "worker.h"
#include "guc.h"
#include "integrity.h"

#include "catalog/pg_type.h"

#define WATCH_EXAMPLES 10

/* whether a run is due, which another session may have made; and the first one is a full one */
static KeptPlan is_due = PLAN("SELECT FROM oms.integrity_run WHERE kind IN ('full', 'incremental') "
							  "AND started_at > now() - $1 * interval '1 s' LIMIT 1",
							  INT4OID);

static Datum
watch_body(Verb *verb, FunctionCallInfo fcinfo)
{
	IntegrityWish wish = {.incremental = true, .examples = WATCH_EXAMPLES};
	IntegrityRun *run;

	if (plan_read(&is_due, (Datum[]){Int32GetDatum(oms_integrity_interval)}, NULL) > 0)
		return (Datum) 0;
	slot_show("checking", NULL);
	run = integrity_run(verb, &wish);
	for (int i = 0; i < run->nchecks; i++)
		if (run->checks[i].problems > 0)
			ereport(WARNING, (errmsg("oms.integrity: check %s found " INT64_FORMAT " problems",
									 run->checks[i].name, run->checks[i].problems),
							  errdetail_internal("%s", run->checks[i].found),
							  errhint("See run " INT64_FORMAT " of oms.integrity_run.", run->id)));
	return (Datum) 0;
}

static void
watch_step(void *arg)
{
	worker_call(watch_body, arg);
}

/* integrity_watch makes a run when one is due */
void
integrity_watch(void)
{
	ErrorData *error;

	if (oms_integrity_interval == 0)
		return;
	error = worker_attempt(watch_step, NULL);
	if (error)
		ereport(LOG, (errmsg("could not check oms.integrity: %s", error->message)));
	worker_interrupts();
}
