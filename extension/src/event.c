/*
 * event.c
 *	  The outbox: what happened, written in the transaction that made it happen.
 */
#include "oms.h"
#include "table.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

static Table events = TABLE("event", "type", "aggregate", "aggregate_id", "version", "actor",
							"request_id", "payload");

/* import_mark is the payload of events without one that an import causes: nobody is to be told today */
static Datum
import_mark(int64 import_id)
{
	char *payload = psprintf("{\"imported\": true, \"import_id\": " INT64_FORMAT "}", import_id);

	return DirectFunctionCall1(jsonb_in, CStringGetDatum(payload));
}

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
	Datum mark = (Datum) 0;

	if (payloads == NULL && verb->import_id != 0)
		mark = import_mark(verb->import_id);
	nulls[6] = payloads == NULL && verb->import_id == 0;
	values[0] = CStringGetTextDatum(type);
	values[1] = CStringGetTextDatum(aggregate);
	values[4] = CStringGetTextDatum(verb->actor);
	nulls[5] = verb->request_id == NULL;
	values[5] = nulls[5] ? (Datum) 0 : CStringGetTextDatum(verb->request_id);
	table_begin(&events);
	for (int i = 0; i < n; i++)
	{
		values[2] = Int64GetDatum(aggregate_ids[i]);
		values[3] = Int64GetDatum(versions[i]);
		values[6] = payloads ? payloads[i] : mark;
		table_insert(&events, values, nulls);
	}
	table_end(&events);
}
