/*
 * event.c
 *	  The outbox: what happened, written in the transaction that made it happen.
 */
#include "oms.h"
#include "table.h"

#include "utils/builtins.h"

static Table events = TABLE("event", "type", "aggregate", "aggregate_id", "version", "actor",
							"request_id", "payload");

/*
 * event_append writes n events of one type about aggregates of one kind, such
 * as "order.confirmed" about "order"s.
 */
void
event_append(Verb *verb, const char *type, const char *aggregate, int n, const int64 *aggregate_ids,
			 const int64 *versions, const Datum *payloads)
{
	Datum values[7];
	bool nulls[7] = {false};

	values[0] = CStringGetTextDatum(type);
	values[1] = CStringGetTextDatum(aggregate);
	values[4] = CStringGetTextDatum(verb->actor);
	nulls[5] = verb->request_id == NULL;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(verb->request_id);
	nulls[6] = payloads == NULL;
	table_begin(&events);
	for (int i = 0; i < n; i++)
	{
		values[2] = Int64GetDatum(aggregate_ids[i]);
		values[3] = Int64GetDatum(versions[i]);
		values[6] = payloads ? payloads[i] : (Datum) 0;
		table_insert(&events, values, nulls);
	}
	table_end(&events);
}
