/*
 * order.c
 *	  The order verbs of SQL, for one order at a time.
 */
#include "order.h"
#include "order_stock.h"

#include "utils/builtins.h"

static void
require(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(oms_errcode(OMS_INVALID_INPUT), errmsg("%s must not be null", name),
				 errdetail_internal("[{\"pointer\": \"/%s\", \"detail\": \"is required\"}]", name),
				 errhint("Give a value for %s.", name)));
}

/* order_enter enters the order that the arguments of order_create say, and returns its id */
int64
order_enter(Verb *verb, FunctionCallInfo fcinfo)
{
	NewOrder order = {0};
	Outcome outcome = {0};
	Input input;
	Jsonb *items;

	require(fcinfo, 0, "items");
	items = PG_GETARG_JSONB_P(0);
	order.outcome = &outcome;
	input_start(&input);
	order_arguments(&input, fcinfo, 1, &order);
	if (JB_ROOT_IS_ARRAY(items) && !JB_ROOT_IS_SCALAR(items))
		items_read(&input, &items->root, "/items", &order);
	else
		input_fault(&input, "/items", "must be an array of objects with product_id and quantity");
	input_end(&input);
	orders_insert(verb, &order, 1);
	outcome_raise(&outcome);
	return order.id;
}

OMS_VERB(order_create);

static Datum
order_create(Verb *verb, FunctionCallInfo fcinfo)
{
	return Int64GetDatum(order_enter(verb, fcinfo));
}

/* order_step takes one order to a status; raises what went wrong */
static Datum
order_step(Verb *verb, FunctionCallInfo fcinfo, const char *to, const char *reason)
{
	Outcome outcome = {0};
	int64 id;

	require(fcinfo, 0, "order_id");
	id = PG_GETARG_INT64(0);
	orders_move(verb, &id, 1, to, reason, &outcome);
	outcome_raise(&outcome);
	return (Datum) 0;
}

OMS_VERB(order_confirm);

/* order_confirm returns where the units come from; nothing new when it was confirmed before */
static Datum
order_confirm(Verb *verb, FunctionCallInfo fcinfo)
{
	Outcome outcome = {.wants_split = true};
	StringInfo split;
	int64 id;

	require(fcinfo, 0, "order_id");
	id = PG_GETARG_INT64(0);
	orders_move(verb, &id, 1, "CONFIRMED", NULL, &outcome);
	outcome_raise(&outcome);
	split = reply_begin(verb);
	if (outcome.split)
		appendStringInfoString(split, outcome.split);
	else
		order_split(split, id);
	return reply_datum(split);
}

static const char *
optional_reason(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(1) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(1));
}

#define ORDER_STEP(name, status, reason)                                                           \
	OMS_VERB(order_##name);                                                                        \
	static Datum order_##name(Verb *verb, FunctionCallInfo fcinfo)                                 \
	{                                                                                              \
		return order_step(verb, fcinfo, status, reason);                                           \
	}                                                                                              \
	extern int oms_require_semicolon

ORDER_STEP(pack, "PACKED", NULL);
ORDER_STEP(ship, "SHIPPED", NULL);
ORDER_STEP(deliver, "DELIVERED", NULL);
ORDER_STEP(cancel, "CANCELLED", optional_reason(fcinfo));

OMS_VERB(order_move);

/* order_move takes one order to any status, such as one an administrator added */
static Datum
order_move(Verb *verb, FunctionCallInfo fcinfo)
{
	require(fcinfo, 1, "status");
	return order_step(verb, fcinfo, TextDatumGetCString(PG_GETARG_DATUM(1)),
					  PG_ARGISNULL(2) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(2)));
}
