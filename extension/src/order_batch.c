/*
 * order_batch.c
 *	  Many orders in one call: the array verbs of SQL, and batches over REST.
 *
 * Each order has a result of its own, in the order given, unless it is to be
 * all or nothing: then the first that fails is raised, and nothing is done.
 */
#include "order.h"
#include "idempotency.h"
#include "problem.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* what is to be done when one of many fails; a function of 1.0 has no such argument */
static bool
all_or_nothing_argument(FunctionCallInfo fcinfo, int argument)
{
	return argument < PG_NARGS() && !PG_ARGISNULL(argument) && PG_GETARG_BOOL(argument);
}

/* -------------------------------------------------------------- creation */

/* create_each enters the orders of a JSON array; each has an outcome */
static Outcome *
create_each(Verb *verb, JsonbContainer *array, int n)
{
	NewOrder *orders = palloc0(sizeof(NewOrder) * Max(n, 1));
	Outcome *outcomes = palloc0(sizeof(Outcome) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);
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
	return outcomes;
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
	Outcome *outcomes;

	if (n < 0 || n > MAX_ORDERS)
		ereport(ERROR,
				(oms_errcode(OMS_INVALID_INPUT),
				 n < 0 ? errmsg("orders must be a JSON array of at most %d orders", MAX_ORDERS)
					   : errmsg("orders must be a JSON array of at most %d orders, has %d",
								MAX_ORDERS, n),
				 errhint("Give [{\"customer_name\": ..., \"items\": [{\"product_id\": ..., "
						 "\"quantity\": ...}]}, ...], in several calls if need be.")));
	outcomes = create_each(verb, &array->root, n);
	if (all_or_nothing_argument(fcinfo, 1))
		outcome_raise_first(outcomes, n, "orders");
	return outcome_return(fcinfo, outcomes, n);
}

/* ----------------------------------------------------------------- steps */

/* step_each takes each order to a status once, and tells of it wherever its id stands */
static Outcome *
step_each(Verb *verb, const int64 *ids, int n, const char *to, const char *reason)
{
	int64 *once = palloc(sizeof(int64) * Max(n, 1));
	Outcome *found = palloc0(sizeof(Outcome) * Max(n, 1));
	Outcome *outcomes = palloc0(sizeof(Outcome) * Max(n, 1));
	int m;

	memcpy(once, ids, sizeof(int64) * n);
	m = int8_sort_unique(once, n);
	orders_move(verb, once, m, to, reason, found);
	for (int i = 0; i < n; i++)
	{
		int64 *id = bsearch(&ids[i], once, m, sizeof(int64), int8_compare);

		outcomes[i] = found[id - once];
	}
	return outcomes;
}

/* orders_step takes many orders to a status; each has a row of the result */
static Datum
orders_step(Verb *verb, FunctionCallInfo fcinfo, const char *to, const char *reason,
			bool all_or_nothing)
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
			 n > MAX_ORDERS
				 ? errmsg("order_ids must be a flat array of at most %d ids without nulls, has %d",
						  MAX_ORDERS, n)
				 : errmsg("order_ids must be a flat array of at most %d ids without nulls",
						  MAX_ORDERS),
			 errhint("Use array_agg(id) over the orders you mean, in several calls if need be.")));
	outcomes = step_each(verb, (int64 *) ARR_DATA_PTR(array), n, to, reason);
	if (all_or_nothing)
		outcome_raise_first(outcomes, n, "order_ids");
	return outcome_return(fcinfo, outcomes, n);
}

/* ------------------------------------------------------------------ REST */

/* batch_reply answers with a result for each element, in the order given */
static Datum
batch_reply(Verb *verb, const Outcome *outcomes, int n)
{
	StringInfo reply = reply_begin(verb);
	int failed = 0;

	for (int i = 0; i < n; i++)
		failed += outcomes[i].message != NULL;
	appendStringInfo(reply, "{\"succeeded\": %d, \"failed\": %d, \"results\": [", n - failed,
					 failed);
	for (int i = 0; i < n; i++)
	{
		const Outcome *outcome = &outcomes[i];

		appendStringInfo(reply, "%s{\"row\": %d, ", i ? ", " : "", i);
		if (outcome->id != 0)
			appendStringInfo(reply, "\"order_id\": " INT64_FORMAT ", ", outcome->id);
		appendStringInfo(reply, "\"ok\": %s", outcome->message ? "false, " : "true");
		if (outcome->message)
			problem_json(reply, outcome->sqlstate, outcome->message, outcome->detail,
						 outcome->hint);
		appendStringInfoChar(reply, '}');
	}
	appendStringInfoString(reply, "]}");
	return reply_datum(reply);
}

static Outcome *
batch_create(Verb *verb, text *body, int *n, bool *all_or_nothing)
{
	static const Field fields[] = {
		{"orders", FIELD_ARRAY, true, 0, MAX_ORDERS},
		{"all_or_nothing", FIELD_BOOL, false, 0, 0},
	};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	input_end(&input);
	*n = JsonContainerSize(values[0].array);
	*all_or_nothing = values[1].number != 0;
	return create_each(verb, values[0].array, *n);
}

/* read_ids reads an array of ids */
static int64 *
read_ids(Input *input, JsonbContainer *array, int n)
{
	int64 *ids = palloc(sizeof(int64) * Max(n, 1));

	for (int i = 0; i < n; i++)
		ids[i] = input_integer(input, psprintf("/order_ids/%d", i),
							   getIthJsonbValueFromContainer(array, i), 1, PG_INT64_MAX);
	return ids;
}

static Outcome *
batch_step(Verb *verb, text *body, const char *to, int *n, bool *all_or_nothing)
{
	static const Field fields[] = {
		{"order_ids", FIELD_ARRAY, true, 0, MAX_ORDERS},
		{"all_or_nothing", FIELD_BOOL, false, 0, 0},
		{"reason", FIELD_TEXT, false, 1, 1000},
	};
	FieldValue values[lengthof(fields)];
	int64 *ids = NULL;
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	*n = values[0].array ? JsonContainerSize(values[0].array) : 0;
	if (values[0].array)
		ids = read_ids(&input, values[0].array, *n);
	input_end(&input);
	*all_or_nothing = values[1].number != 0;
	return step_each(verb, ids, *n, to, values[2].text);
}

/* order_batch does what the operations have in common: once for a key; to is NULL to create */
static Datum
order_batch(Verb *verb, FunctionCallInfo fcinfo, const char *operation, const char *to)
{
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	bool all_or_nothing;
	Outcome *outcomes;
	Datum answer;
	int n;

	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	outcomes = to ? batch_step(verb, body, to, &n, &all_or_nothing)
				  : batch_create(verb, body, &n, &all_or_nothing);
	if (all_or_nothing)
		outcome_raise_first(outcomes, n, to ? "order_ids" : "orders");
	answer = batch_reply(verb, outcomes, n);
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}

#define ORDER_BATCH(name, status)                                                                  \
	REST_VERB(rest_order_batch_##name);                                                            \
	static Datum rest_order_batch_##name(Verb *verb, FunctionCallInfo fcinfo)                      \
	{                                                                                              \
		return order_batch(verb, fcinfo, "order_batch_" #name, status);                            \
	}                                                                                              \
	extern int oms_require_semicolon

/* ORDERS_STEP defines the verb orders_NAME and the operation order_batch_NAME for one status */
#define ORDERS_STEP(name, status, reason, last)                                                    \
	OMS_VERB(orders_##name);                                                                       \
	static Datum orders_##name(Verb *verb, FunctionCallInfo fcinfo)                                \
	{                                                                                              \
		return orders_step(verb, fcinfo, status, reason, all_or_nothing_argument(fcinfo, last));   \
	}                                                                                              \
	ORDER_BATCH(name, status)

ORDER_BATCH(create, NULL);
ORDERS_STEP(confirm, "CONFIRMED", NULL, 1);
ORDERS_STEP(pack, "PACKED", NULL, 1);
ORDERS_STEP(ship, "SHIPPED", NULL, 1);
ORDERS_STEP(deliver, "DELIVERED", NULL, 1);
ORDERS_STEP(cancel, "CANCELLED", PG_ARGISNULL(1) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(1)),
			2);
