/*
 * order_hold.c
 *	  Orders put on hold and released.
 */
#include "order.h"
#include "order_change.h"

#include "utils/builtins.h"

#define MAX_REASON 1000 /* characters */

/* refuse_final raises OM002 when no step is left that a hold could keep an order from */
static void
refuse_final(const OpenOrder *order)
{
	if (strcmp(transitions_from(order->status), "[]") != 0)
		return;
	ereport(ERROR, (oms_errcode(OMS_TRANSITION_NOT_ALLOWED),
					errmsg("order " INT64_FORMAT " is %s, from where no step leads on", order->id,
						   order->status),
					errdetail_internal("{\"order_id\": " INT64_FORMAT
									   ", \"from\": \"%s\", \"allowed\": []}",
									   order->id, order->status),
					errhint("A hold would keep it from nothing; add a note instead.")));
}

/* hold puts an order on hold, or only says another reason */
static void
hold(Verb *verb, int64 id, const char *reason)
{
	OpenOrder *order = order_open(id, 0);

	refuse_final(order);
	if (order->hold_reason && strcmp(order->hold_reason, reason) == 0)
		return; /* a repeated request is harmless */
	order->hold_reason = reason;
	order_write(verb, order, &(OrderChange){"hold", "order.held", NULL, reason}, false);
}

/* release ends an order's hold, or raises OM055 */
static void
release(Verb *verb, int64 id, const char *reason)
{
	OpenOrder *order = order_open(id, 0);

	if (order->hold_reason == NULL)
		ereport(ERROR, (oms_errcode(OMS_ORDER_NOT_HELD),
						errmsg("order " INT64_FORMAT " is not on hold", id),
						errdetail_internal("{\"order_id\": " INT64_FORMAT ", \"status\": \"%s\"}",
										   id, order->status),
						errhint("It may have been released before: its history tells.")));
	order->hold_reason = NULL;
	order_write(verb, order, &(OrderChange){"release", "order.released", NULL, reason}, false);
}

OMS_VERB(order_hold);

static Datum
order_hold(Verb *verb, FunctionCallInfo fcinfo)
{
	char *reason = PG_ARGISNULL(1) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(1));
	Input input;

	input_start(&input);
	if (reason == NULL)
		input_fault(&input, "/reason", "is required");
	else
		input_text(&input, "/reason", reason, (int) strlen(reason), 1, MAX_REASON);
	input_end(&input);
	hold(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), reason);
	return (Datum) 0;
}

OMS_VERB(order_release);

static Datum
order_release(Verb *verb, FunctionCallInfo fcinfo)
{
	release(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
			PG_ARGISNULL(1) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(1)));
	return (Datum) 0;
}

/* read_reason reads {"reason": ...} */
static char *
read_reason(text *body, bool required)
{
	const Field fields[] = {{"reason", FIELD_TEXT, required, 1, MAX_REASON}};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	input_end(&input);
	return values[0].text;
}

REST_VERB(rest_order_hold);

static Datum
rest_order_hold(Verb *verb, FunctionCallInfo fcinfo)
{
	hold(verb, PG_GETARG_INT64(2), read_reason(PG_GETARG_TEXT_PP(3), true));
	return order_changed_reply(verb, PG_GETARG_INT64(2));
}

REST_VERB(rest_order_release);

static Datum
rest_order_release(Verb *verb, FunctionCallInfo fcinfo)
{
	release(verb, PG_GETARG_INT64(2), read_reason(PG_GETARG_TEXT_PP(3), false));
	return order_changed_reply(verb, PG_GETARG_INT64(2));
}
