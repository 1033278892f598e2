/*
 * order_advance.c
 *	  Orders that take several steps in one call.
 */
#include "order.h"
#include "order_change.h"

#include "utils/builtins.h"

/* no_way raises OM002 */
static void
no_way(int64 id, const char *from, const char *to)
{
	ereport(ERROR, (oms_errcode(OMS_TRANSITION_NOT_ALLOWED),
					errmsg("no way leads order " INT64_FORMAT " from %s to %s", id, from, to),
					errdetail_internal("{\"order_id\": " INT64_FORMAT
									   ", \"from\": \"%s\", \"to\": \"%s\", \"allowed\": %s}",
									   id, from, to, transitions_from(from)),
					errhint("SELECT * FROM oms.order_transition shows the steps that there are.")));
}

/* order_walk takes an order the shortest way to a status, or raises what stands in the way */
void
order_walk(Verb *verb, int64 id, const char *to, const char *reason)
{
	const char *status = order_open(id, 0)->status;

	if (!status_exists(to)) /* orders_move says so */
		orders_move(verb, &id, 1, to, reason, palloc0(sizeof(Outcome)));
	while (strcmp(status, to) != 0)
	{
		const Transition *step = transition_next(status, to);
		Outcome outcome = {0};

		if (step == NULL)
			no_way(id, status, to);
		orders_move(verb, &id, 1, step->to, reason, &outcome);
		outcome_raise(&outcome);
		status = step->to;
	}
}

OMS_VERB(order_advance);

static Datum
order_advance(Verb *verb, FunctionCallInfo fcinfo)
{
	order_walk(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
			   PG_ARGISNULL(1) ? "DELIVERED" : TextDatumGetCString(PG_GETARG_DATUM(1)),
			   PG_ARGISNULL(2) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(2)));
	return (Datum) 0;
}

REST_VERB(rest_order_advance);

static Datum
rest_order_advance(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"status", FIELD_TEXT, false, 1, 32},
		{"reason", FIELD_TEXT, false, 1, 1000},
	};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", fields, lengthof(fields),
				 values);
	input_end(&input);
	order_walk(verb, PG_GETARG_INT64(2), values[0].given ? values[0].text : "DELIVERED",
			   values[1].text);
	return order_changed_reply(verb, PG_GETARG_INT64(2));
}
