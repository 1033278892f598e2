/*
 * event.c
 *	  The outbox: what happened, written in the transaction that made it happen.
 */
#include "oms.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

static KeptPlan insert_events =
PLAN("INSERT INTO oms.event (type, aggregate, aggregate_id, version, actor, request_id, payload) "
	 "SELECT $1, $2, u.id, u.version, $3, $4, u.payload "
	 "FROM unnest($5, $6, $7) AS u(id, version, payload)",
	 TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8ARRAYOID, INT8ARRAYOID, JSONBARRAYOID);

/*
 * event_append writes n events of one type about aggregates of one kind, such
 * as "order.confirmed" about "order"s.
 */
void
event_append(Verb *verb, const char *type, const char *aggregate, int n,
			 const int64 *aggregate_ids, const int64 *versions, const Datum *payloads)
{
	Datum		args[7];
	char		nulls[8] = "       ";
	Datum	   *datums;
	bool	   *isnull;
	int			lower = 1;

	if (n == 0)
		return;
	datums = palloc0(sizeof(Datum) * n);
	isnull = palloc(sizeof(bool) * n);
	for (int i = 0; i < n; i++)
	{
		isnull[i] = payloads == NULL;
		if (payloads)
			datums[i] = payloads[i];
	}
	args[0] = CStringGetTextDatum(type);
	args[1] = CStringGetTextDatum(aggregate);
	args[2] = CStringGetTextDatum(verb->actor);
	if (verb->request_id)
		args[3] = CStringGetTextDatum(verb->request_id);
	else
		nulls[3] = 'n';
	args[4] = int8_array(aggregate_ids, n);
	args[5] = int8_array(versions, n);
	args[6] = PointerGetDatum(construct_md_array(datums, isnull, 1, &n, &lower, JSONBOID, -1,
												 false, TYPALIGN_INT));
	plan_write(&insert_events, args, nulls);
}
