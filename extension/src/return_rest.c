/*
 * return_rest.c
 *	  The verbs of returns for SQL and the REST API.
 */
#include "idempotency.h"
#include "list.h"
#include "order.h"
#include "return.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datum.h"

#define RETURN_COLUMNS                                                                             \
	"r.id, r.order_id, r.state, r.reason, r.answer, r.refund_amount, r.version, r.created_by, "    \
	"r.created_at, r.updated_at, (SELECT jsonb_agg(jsonb_build_object('line', line_no, "           \
	"'quantity', quantity, 'restocked', restocked, 'scrapped', scrapped, 'refund', "               \
	"refund::text) ORDER BY line_no) FROM oms.return_line WHERE return_id = r.id) AS items"
#define RETURN_FROM "oms.return_order r"

static KeptPlan select_return =
	PLAN("SELECT " RETURN_COLUMNS " FROM " RETURN_FROM " WHERE r.id = $1", INT8OID);

static KeptPlan select_of_order = PLAN(
	"SELECT " RETURN_COLUMNS " FROM " RETURN_FROM " WHERE r.order_id = $1 ORDER BY r.id", INT8OID);

static KeptPlan select_refund =
	PLAN("SELECT refund_amount FROM oms.return_order WHERE id = $1", INT8OID);

static KeptPlan order_exists = PLAN("SELECT FROM oms.orders WHERE id = $1", INT8OID);

static char *
text_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(argument));
}

static int64
id_argument(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
}

/* sql_items reads the items of an SQL argument */
static ReturnItem *
sql_items(Input *input, FunctionCallInfo fcinfo, bool receipt, int *n)
{
	Jsonb *items = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);

	*n = 0;
	if (items && JB_ROOT_IS_ARRAY(items) && !JB_ROOT_IS_SCALAR(items))
		return return_read_items(input, &items->root, "/items", receipt, n);
	input_fault(input, "/items", "must be an array of objects with line and units");
	return NULL;
}

/* -------------------------------------------------------------------- SQL */

OMS_VERB(return_request);

static Datum
return_request(Verb *verb, FunctionCallInfo fcinfo)
{
	char *reason = text_argument(fcinfo, 2);
	Input input;
	ReturnItem *items;
	int n;

	input_start(&input);
	items = sql_items(&input, fcinfo, false, &n);
	if (reason == NULL)
		input_fault(&input, "/reason", "is required");
	else
		input_text(&input, "/reason", reason, (int) strlen(reason), 1, MAX_RETURN_TEXT);
	input_end(&input);
	return Int64GetDatum(return_enter(verb, id_argument(fcinfo), items, n, reason));
}

OMS_VERB(return_receive);

/* return_receive returns what is due for all that has come so far */
static Datum
return_receive(Verb *verb, FunctionCallInfo fcinfo)
{
	Input input;
	ReturnItem *items;
	MemoryContext old;
	Datum refund;
	bool isnull;
	int n;

	input_start(&input);
	items = sql_items(&input, fcinfo, true, &n);
	input_end(&input);
	return_book(verb, id_argument(fcinfo), items, n, text_argument(fcinfo, 2));
	plan_write(&select_refund, (Datum[]){Int64GetDatum(id_argument(fcinfo))}, NULL);
	old = MemoryContextSwitchTo(verb->caller);
	refund = datumCopy(row_datum(0, 1, &isnull), false, -1);
	MemoryContextSwitchTo(old);
	return refund;
}

/* ------------------------------------------------------------------- REST */

static void
raise_not_found(int64 id)
{
	ereport(ERROR,
			(oms_errcode(OMS_RETURN_NOT_FOUND), errmsg("there is no return " INT64_FORMAT, id),
			 errhint("List the returns to see their ids.")));
}

static Datum
return_reply(Verb *verb, int64 id)
{
	StringInfo reply = reply_begin(verb);

	if (plan_write(&select_return, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		raise_not_found(id);
	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

REST_VERB(rest_return_create);

static Datum
rest_return_create(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"items", FIELD_ARRAY, true, 1, MAX_LINES},
		{"reason", FIELD_TEXT, true, 1, MAX_RETURN_TEXT},
	};
	int64 order_id = PG_GETARG_INT64(2);
	text *body = PG_GETARG_TEXT_PP(3);
	text *key = PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4);
	char *operation = psprintf("return_create " INT64_FORMAT, order_id);
	FieldValue values[lengthof(fields)];
	ReturnItem *items = NULL;
	Input input;
	int n = 0;
	Datum answer;

	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	if (values[0].given && values[0].array)
		items = return_read_items(&input, values[0].array, "/items", false, &n);
	input_end(&input);
	answer = return_reply(verb, return_enter(verb, order_id, items, n, values[1].text));
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}

REST_VERB(rest_return_receive);

static Datum
rest_return_receive(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"items", FIELD_ARRAY, true, 1, MAX_LINES},
		{"location", FIELD_TEXT, false, 1, 32},
	};
	FieldValue values[lengthof(fields)];
	ReturnItem *items = NULL;
	Input input;
	int n = 0;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", fields, lengthof(fields),
				 values);
	if (values[0].given && values[0].array)
		items = return_read_items(&input, values[0].array, "/items", true, &n);
	input_end(&input);
	return_book(verb, PG_GETARG_INT64(2), items, n, values[1].text);
	return return_reply(verb, PG_GETARG_INT64(2));
}

/* answer_of_rest reads {"reason": ...} */
static char *
answer_of_rest(FunctionCallInfo fcinfo)
{
	static const Field fields[] = {{"reason", FIELD_TEXT, false, 1, MAX_RETURN_TEXT}};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", fields, lengthof(fields),
				 values);
	input_end(&input);
	return values[0].text;
}

/* RETURN_STEP_VERB defines the verbs return_NAME of SQL and of the API */
#define RETURN_STEP_VERB(name, step)                                                               \
	OMS_VERB(return_##name);                                                                       \
	static Datum return_##name(Verb *verb, FunctionCallInfo fcinfo)                                \
	{                                                                                              \
		return_step(verb, id_argument(fcinfo), step,                                               \
					PG_NARGS() > 1 ? text_argument(fcinfo, 1) : NULL);                             \
		return (Datum) 0;                                                                          \
	}                                                                                              \
	REST_VERB(rest_return_##name);                                                                 \
	static Datum rest_return_##name(Verb *verb, FunctionCallInfo fcinfo)                           \
	{                                                                                              \
		return_step(verb, PG_GETARG_INT64(2), step, answer_of_rest(fcinfo));                       \
		return return_reply(verb, PG_GETARG_INT64(2));                                             \
	}                                                                                              \
	extern int oms_require_semicolon

RETURN_STEP_VERB(approve, RETURN_APPROVE);
RETURN_STEP_VERB(reject, RETURN_REJECT);
RETURN_STEP_VERB(cancel, RETURN_CANCEL);
RETURN_STEP_VERB(close, RETURN_CLOSE);

REST_QUERY(rest_return_get);

static Datum
rest_return_get(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);

	if (plan_read(&select_return, (Datum[]){PG_GETARG_DATUM(2)}, NULL) == 0)
		raise_not_found(PG_GETARG_INT64(2));
	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

REST_QUERY(rest_order_returns);

static Datum
rest_order_returns(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);
	uint64 n;

	if (plan_read(&order_exists, (Datum[]){PG_GETARG_DATUM(2)}, NULL) == 0)
		ereport(ERROR, (oms_errcode(OMS_ORDER_NOT_FOUND),
						errmsg("there is no order " INT64_FORMAT, PG_GETARG_INT64(2)),
						errhint("List the orders to see their ids.")));
	n = plan_read(&select_of_order, (Datum[]){PG_GETARG_DATUM(2)}, NULL);
	appendStringInfoChar(reply, '[');
	for (uint64 i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(reply, ", ");
		json_row(reply, SPI_tuptable, i);
	}
	appendStringInfoChar(reply, ']');
	return reply_datum(reply);
}

static const ListFilter return_filters[] = {
	{"order", FILTER_VALUE, "r.order_id = $?::bigint", NULL, NULL, NULL},
	{"state", FILTER_VALUE, "r.state = upper($?)", NULL, NULL, NULL},
};

static const ListOrdering return_orderings[] = {
	{"id", "r.id", "bigint"},
	{"order", "r.order_id", "bigint"},
};

static const Listing return_list = {RETURN_COLUMNS,
									RETURN_FROM,
									"r.id",
									"-id",
									return_filters,
									lengthof(return_filters),
									return_orderings,
									lengthof(return_orderings),
									NULL,
									NULL};

REST_QUERY(rest_return_list);

static Datum
rest_return_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &return_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
