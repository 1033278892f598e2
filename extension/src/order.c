/*
 * order.c
 *	  The order verbs of SQL: one at a time and many at once.
 */
#include "order.h"
#include "order_stock.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
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

OMS_VERB(orders_create);

/* orders_create enters an array of orders; each has a row of the result */
static Datum
orders_create(Verb *verb, FunctionCallInfo fcinfo)
{
	Jsonb *array = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	int n = array && JB_ROOT_IS_ARRAY(array) && !JB_ROOT_IS_SCALAR(array)
				? (int) JB_ROOT_COUNT(array)
				: -1;
	NewOrder *orders;
	Outcome *outcomes;

	if (n < 0 || n > MAX_ORDERS)
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
						errmsg("orders must be a JSON array of at most %d orders", MAX_ORDERS),
						errhint("Give [{\"customer_name\": ..., \"items\": [{\"product_id\": ..., "
								"\"quantity\": ...}]}, ...], in several calls if need be.")));
	orders = palloc0(sizeof(NewOrder) * Max(n, 1));
	outcomes = palloc0(sizeof(Outcome) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(&array->root, i);
		Input input;

		orders[i].outcome = &outcomes[i];
		input_start(&input);
		if (element->type == jbvBinary && JsonContainerIsObject(element->val.binary.data))
			order_read(&input, element->val.binary.data, "", &orders[i]);
		else
			input_fault(&input, "", "must be an object with items");
		if (input.nfaults > 0)
			outcome_fail(&outcomes[i], OMS_INVALID_INPUT,
						 "the order has values that are not acceptable", input_faults(&input),
						 "Correct what each pointer names.");
	}
	orders_insert(verb, orders, n);
	return outcome_return(fcinfo, outcomes, n);
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

/* step_each_once takes each order to a status once, and tells of it wherever its id stands */
static void
step_each_once(Verb *verb, const int64 *ids, int n, const char *to, const char *reason,
			   Outcome *outcomes)
{
	int64 *once = palloc(sizeof(int64) * Max(n, 1));
	Outcome *found = palloc0(sizeof(Outcome) * Max(n, 1));
	int m;

	memcpy(once, ids, sizeof(int64) * n);
	m = int8_sort_unique(once, n);
	orders_move(verb, once, m, to, reason, found);
	for (int i = 0; i < n; i++)
	{
		int64 *id = bsearch(&ids[i], once, m, sizeof(int64), int8_compare);

		outcomes[i] = found[id - once];
	}
}

/* orders_step takes many orders to a status; each has a row of the result */
static Datum
orders_step(Verb *verb, FunctionCallInfo fcinfo, const char *to, const char *reason)
{
	ArrayType *array;
	int n;
	Outcome *outcomes;

	if (PG_ARGISNULL(0)) /* array_agg() over no rows */
		return outcome_return(fcinfo, NULL, 0);
	array = PG_GETARG_ARRAYTYPE_P(0);
	n = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (ARR_NDIM(array) > 1 || array_contains_nulls(array) || n > MAX_ORDERS)
		ereport(
			ERROR,
			(oms_errcode(OMS_INVALID_INPUT),
			 errmsg("order_ids must be a flat array of at most %d ids without nulls", MAX_ORDERS),
			 errhint("Use array_agg(id) over the orders you mean, in several calls if need be.")));
	outcomes = palloc0(sizeof(Outcome) * Max(n, 1));
	step_each_once(verb, (int64 *) ARR_DATA_PTR(array), n, to, reason, outcomes);
	return outcome_return(fcinfo, outcomes, n);
}

static const char *
optional_reason(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(1) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(1));
}

/* ORDERS_STEP defines the verb orders_NAME for one status, ORDER_STEP also order_NAME */
#define ORDER_STEP(name, status, reason)                                                           \
	OMS_VERB(order_##name);                                                                        \
	static Datum order_##name(Verb *verb, FunctionCallInfo fcinfo)                                 \
	{                                                                                              \
		return order_step(verb, fcinfo, status, reason);                                           \
	}                                                                                              \
	ORDERS_STEP(name, status, reason)
#define ORDERS_STEP(name, status, reason)                                                          \
	OMS_VERB(orders_##name);                                                                       \
	static Datum orders_##name(Verb *verb, FunctionCallInfo fcinfo)                                \
	{                                                                                              \
		return orders_step(verb, fcinfo, status, reason);                                          \
	}                                                                                              \
	extern int oms_require_semicolon

ORDERS_STEP(confirm, "CONFIRMED", NULL);
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
