/*
 * order_rest.c
 *	  Orders as the REST API reads and writes them.
 */
#include "order.h"

#include "count.h"
#include "idempotency.h"
#include "list.h"
#include "product.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

static KeptPlan select_order =
	PLAN("SELECT " ORDER_COLUMNS " FROM oms.orders WHERE id = $1", INT8OID);

/* the members of a line come first, then those of its product as it is now */
#define LINE_COLUMN_COUNT 12
#define LINE_PRODUCT_COLUMN (LINE_COLUMN_COUNT + 2)

static KeptPlan select_lines =
	PLAN("SELECT l.line_no AS id, l.sku, l.name, l.quantity, l.price, l.line_total, "
		 "l.discount, l.tax, l.tax_rate, l.tax_included, l.cancelled, l.returned, "
		 "l.order_id, " PRODUCT_P_COLUMNS
		 " FROM oms.order_line l JOIN oms.product p ON p.id = l.product_id "
		 "WHERE l.order_id = ANY ($1) ORDER BY l.order_id, l.line_no",
		 INT8ARRAYOID);

static KeptPlan select_history =
	PLAN("SELECT seq AS id, from_status, to_status, changed_at, actor, reason, action, detail "
		 "FROM oms.order_history WHERE order_id = $1 ORDER BY seq",
		 INT8OID);

static void
raise_not_found(int64 id)
{
	ereport(ERROR, (oms_errcode(OMS_ORDER_NOT_FOUND), errmsg("there is no order " INT64_FORMAT, id),
					errhint("List the orders to see their ids.")));
}

/* ------------------------------------------------------- orders with lines */

static void
append_line(StringInfo buf, SPITupleTable *table, uint64 row)
{
	appendStringInfoChar(buf, '{');
	json_columns(buf, table, row, 1, LINE_COLUMN_COUNT);
	appendStringInfoString(buf, ", \"product\": {");
	json_columns(buf, table, row, LINE_PRODUCT_COLUMN,
				 LINE_PRODUCT_COLUMN + PRODUCT_COLUMN_COUNT - 1);
	appendStringInfoString(buf, "}}");
}

/* extend_with_items appends "items" to the members of each order */
static void
extend_with_items(StringInfo *results, const int64 *ids, int n)
{
	uint64 nlines = plan_read(&select_lines, (Datum[]){int8_array(ids, n)}, NULL);
	uint64 *first = palloc(sizeof(uint64) * n);
	uint64 line = 0;

	/* lines come by order id, results in any order */
	for (int i = 0; i < n; i++)
	{
		first[i] = nlines;
		for (line = 0; line < nlines; line++)
			if (row_int64(line, LINE_COLUMN_COUNT + 1) == ids[i])
			{
				first[i] = line;
				break;
			}
	}
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(results[i], ", \"items\": [");
		for (line = first[i]; line < nlines && row_int64(line, LINE_COLUMN_COUNT + 1) == ids[i];
			 line++)
		{
			if (line > first[i])
				appendStringInfoString(results[i], ", ");
			append_line(results[i], SPI_tuptable, line);
		}
		appendStringInfoChar(results[i], ']');
	}
}

/* order_reply answers with an order and its lines, as the active snapshot sees them */
static Datum
order_reply(Verb *verb, int64 id)
{
	StringInfo reply = reply_begin(verb);

	if (plan_read(&select_order, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		raise_not_found(id);
	appendStringInfoChar(reply, '{');
	json_columns(reply, SPI_tuptable, 0, 1, SPI_tuptable->tupdesc->natts);
	extend_with_items(&reply, &id, 1);
	appendStringInfoChar(reply, '}');
	return reply_datum(reply);
}

/* order_changed_reply is order_reply for a verb, which sees what it has written */
Datum
order_changed_reply(Verb *verb, int64 id)
{
	Datum reply;

	CommandCounterIncrement();
	PushCopiedSnapshot(GetTransactionSnapshot());
	UpdateActiveSnapshotCommandId();
	reply = order_reply(verb, id);
	PopActiveSnapshot();
	return reply;
}

REST_QUERY(rest_order_get);

static Datum
rest_order_get(Verb *verb, FunctionCallInfo fcinfo)
{
	return order_reply(verb, PG_GETARG_INT64(2));
}

REST_QUERY(rest_order_history);

static Datum
rest_order_history(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = PG_GETARG_INT64(2);
	StringInfo reply = reply_begin(verb);
	uint64 n = plan_read(&select_history, (Datum[]){Int64GetDatum(id)}, NULL);

	if (n == 0) /* every order has its birth there */
		raise_not_found(id);
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

/* ------------------------------------------------------------------ lists */

/* the number ends with the id, or with the number in the series of the channel with its prefix */
#define NUMBER_DIGITS                                                                              \
	"CASE WHEN $? ~ '[0-9]{8,18}$' THEN substring($? FROM '[0-9]{8,18}$')::bigint END"
#define NUMBER_CONDITION                                                                           \
	"id = ANY (ARRAY(SELECT o.id FROM oms.channel c JOIN oms.orders o ON o.channel = c.code "      \
	"WHERE c.number_prefix = regexp_replace(upper($?), '[0-9]+$', '') "                            \
	"AND o.series_number = " NUMBER_DIGITS " UNION ALL SELECT " NUMBER_DIGITS                      \
	")) AND order_number = upper($?)"

static const ListFilter order_filters[] = {
	{"status", FILTER_LIST, "status = $?", "status = ANY (string_to_array($?, ','))", NULL,
	 status_exists},
	{"customer", FILTER_CONTAINS, "customer_name ILIKE $?", NULL, NULL, NULL},
	{"customer_name", FILTER_CONTAINS, "customer_name ILIKE $?", NULL, NULL, NULL},
	{"order_number", FILTER_VALUE, NUMBER_CONDITION, NULL, NULL, NULL},
	{"number", FILTER_VALUE, NUMBER_CONDITION, NULL, NULL, NULL},
	{"created_after", FILTER_VALUE, "created_at >= $?::timestamptz", NULL, NULL, NULL},
	{"created_before", FILTER_VALUE, "created_at < $?::timestamptz", NULL, NULL, NULL},
	{"min_total", FILTER_VALUE, "total_amount >= $?::numeric", NULL, NULL, NULL},
	{"max_total", FILTER_VALUE, "total_amount <= $?::numeric", NULL, NULL, NULL},
	{"channel", FILTER_VALUE, "channel = $?", NULL, NULL, NULL},
	{"currency", FILTER_VALUE, "currency = upper($?)", NULL, NULL, NULL},
	{"customer_id", FILTER_VALUE, "customer_id = $?::bigint", NULL, NULL, NULL},
	/* by channel, for the index begins with it */
	{"external_ref", FILTER_VALUE,
	 "external_ref = $? AND channel IN (SELECT code FROM oms.channel)", NULL, NULL, NULL},
	{"fulfilment", FILTER_VALUE, "fulfilment = $?", NULL, NULL, NULL},
	{"held", FILTER_FLAG, "hold_reason IS NOT NULL", "hold_reason IS NULL", NULL, NULL},
	{"search", FILTER_CONTAINS, "customer_name ILIKE $? OR order_number ILIKE $?", NULL, NULL,
	 NULL},
};

/* ids follow the order of entry, so the key serves for created_at as well */
static const ListOrdering order_orderings[] = {
	{"created_at", "id", "bigint"},
	{"id", "id", "bigint"},
	{"order_number", "id", "bigint"},
	{"total_amount", "total_amount", "numeric"},
	{"customer_name", "customer_name", "text"},
	{"status", "status", "text"},
	{"updated_at", "updated_at", "timestamptz"},
};

static const Listing order_list = {ORDER_COLUMNS,
								   "oms.orders",
								   "id",
								   "-created_at",
								   order_filters,
								   lengthof(order_filters),
								   order_orderings,
								   lengthof(order_orderings),
								   orders_count,
								   extend_with_items};

REST_QUERY(rest_order_list);

static Datum
rest_order_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &order_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}

static KeptPlan customer_exists = PLAN("SELECT FROM oms.customer WHERE id = $1", INT8OID);

REST_QUERY(rest_customer_orders);

static Datum
rest_customer_orders(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = PG_GETARG_INT64(2);

	if (plan_read(&customer_exists, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		ereport(ERROR, (oms_errcode(OMS_CUSTOMER_NOT_FOUND),
						errmsg("there is no customer " INT64_FORMAT, id),
						errhint("List the customers to see their ids; archived ones are listed "
								"with archived=true.")));
	return list_reply_within(verb, &order_list, TextDatumGetCString(PG_GETARG_DATUM(3)),
							 PG_GETARG_JSONB_P(4), "customer_id = $?::bigint",
							 psprintf(INT64_FORMAT, id));
}

/* ----------------------------------------------------------------- writing */

/* append_text appends a string, or null */
static void
append_text(StringInfo buf, const char *name, const char *s)
{
	appendStringInfo(buf, ", \"%s\": ", name);
	if (s)
		escape_json(buf, s);
	else
		appendStringInfoString(buf, "null");
}

static void
append_amount(StringInfo buf, const char *name, int64 amount, const NewOrder *order)
{
	appendStringInfo(buf, ", \"%s\": ", name);
	json_amount(buf, amount, order->channel->decimals);
}

/* append_created_header appends the members of a header in the order of ORDER_COLUMNS */
static void
append_created_header(StringInfo reply, Verb *verb, NewOrder *order)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	appendStringInfo(reply, "\"id\": " INT64_FORMAT ", \"order_number\": \"%s\"", order->id,
					 order->number);
	append_text(reply, "customer_name", order->customer);
	append_text(reply, "status", STATUS_INITIAL);
	append_amount(reply, "total_amount", order->total, order);
	appendStringInfoString(reply, ", \"created_at\": ");
	json_time(reply, now);
	appendStringInfoString(reply, ", \"updated_at\": ");
	json_time(reply, now);
	appendStringInfoString(reply, ", \"version\": 1");
	append_text(reply, "created_by", verb->actor);
	append_text(reply, "channel", order->channel->code);
	append_text(reply, "currency", order->channel->currency);
	if (order->customer_id)
		appendStringInfo(reply, ", \"customer_id\": " INT64_FORMAT, order->customer_id);
	else
		append_text(reply, "customer_id", NULL);
	append_text(reply, "external_ref", order->external_ref);
	append_amount(reply, "discount_amount", order->discounts, order);
	append_amount(reply, "tax_amount", order->tax, order);
	append_text(reply, "takes_stock", order->channel->takes_stock);
	append_text(reply, "fulfilment", "none");
	append_text(reply, "hold_reason", NULL);
	appendStringInfoString(reply, ", \"attributes\": ");
	if (order->attributes)
		(void) JsonbToCString(reply, &order->attributes->root, VARSIZE(order->attributes));
	else
		appendStringInfoString(reply, "null");
}

static void
append_created_line(StringInfo reply, const NewOrder *order, int i, SPITupleTable *products)
{
	const NewLine *line = &order->lines[i];
	const PriceLine *price = &order->prices[i];
	HeapTuple product = products->vals[line->product];

	appendStringInfo(reply, "%s{\"id\": %d", i ? ", " : "", i + 1);
	append_text(reply, "sku", SPI_getvalue(product, products->tupdesc, 4));
	append_text(reply, "name", SPI_getvalue(product, products->tupdesc, 2));
	appendStringInfo(reply, ", \"quantity\": " INT64_FORMAT, line->quantity);
	append_amount(reply, "price", price->price, order);
	append_amount(reply, "line_total", price->total, order);
	append_amount(reply, "discount", price->discount, order);
	append_amount(reply, "tax", price->tax, order);
	appendStringInfoString(reply, ", \"tax_rate\": ");
	json_rate(reply, price->tax_rate);
	appendStringInfo(reply,
					 ", \"tax_included\": %s, \"cancelled\": 0, \"returned\": 0, \"product\": {",
					 price->tax_included ? "true" : "false");
	json_columns(reply, products, line->product, 1, PRODUCT_COLUMN_COUNT);
	appendStringInfoString(reply, "}}");
}

/* created_reply answers with an order that was just written, without reading it back */
static Datum
created_reply(Verb *verb, NewOrder *order, SPITupleTable *products)
{
	StringInfo reply = reply_begin(verb);

	appendStringInfoChar(reply, '{');
	append_created_header(reply, verb, order);
	appendStringInfoString(reply, ", \"items\": [");
	for (int i = 0; i < order->nlines; i++)
		append_created_line(reply, order, i, products);
	appendStringInfoString(reply, "]}");
	return reply_datum(reply);
}

REST_VERB(rest_order_create);

static Datum
rest_order_create(Verb *verb, FunctionCallInfo fcinfo)
{
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	NewOrder order = {0};
	Outcome outcome = {0};
	Input input;
	SPITupleTable *products;
	Datum answer;

	if (idempotency_find(verb, key, "order_create", body, &answer))
		return answer;
	order.outcome = &outcome;
	order_read(&input, input_begin(&input, body), "", &order);
	input_end(&input);
	products = orders_insert(verb, &order, 1);
	outcome_raise(&outcome);
	answer = created_reply(verb, &order, products);
	idempotency_keep(verb, key, "order_create", body, answer);
	return answer;
}

/* fulfilment_after says what a step left of the fulfilment before it */
static const char *
fulfilment_after(SPITupleTable *before, const char *status)
{
	const Transition *step;

	SPI_tuptable = before;
	step = transition_find(row_cstring(0, ORDER_STATUS_COLUMN), status);
	return step && step->effect == EFFECT_SHIP ? "full" : row_cstring(0, ORDER_FULFILMENT_COLUMN);
}

/* moved_reply answers with an order's header after a step, from its row before */
static Datum
moved_reply(Verb *verb, SPITupleTable *before, const char *status, const Outcome *outcome)
{
	StringInfo reply = reply_begin(verb);

	appendStringInfoChar(reply, '{');
	if (!outcome->moved)
		json_columns(reply, before, 0, 1, ORDER_COLUMN_COUNT);
	else
	{
		json_columns(reply, before, 0, 1, ORDER_STATUS_COLUMN - 1);
		appendStringInfoString(reply, ", \"status\": ");
		escape_json(reply, status);
		appendStringInfoString(reply, ", ");
		json_columns(reply, before, 0, ORDER_STATUS_COLUMN + 1, ORDER_UPDATED_AT_COLUMN - 1);
		appendStringInfoString(reply, ", \"updated_at\": ");
		json_time(reply, GetCurrentTransactionStartTimestamp());
		SPI_tuptable = before;
		appendStringInfo(reply, ", \"version\": " INT64_FORMAT ", ",
						 row_int64(0, ORDER_VERSION_COLUMN) + 1);
		json_columns(reply, before, 0, ORDER_VERSION_COLUMN + 1, ORDER_FULFILMENT_COLUMN - 1);
		append_text(reply, "fulfilment", fulfilment_after(before, status));
		appendStringInfoString(reply, ", ");
		json_columns(reply, before, 0, ORDER_FULFILMENT_COLUMN + 1, ORDER_COLUMN_COUNT);
		if (outcome->split)
			appendStringInfo(reply, ", \"allocation\": %s", outcome->split);
	}
	appendStringInfoChar(reply, '}');
	return reply_datum(reply);
}

REST_VERB(rest_order_status);

static Datum
rest_order_status(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"status", FIELD_TEXT, true, 1, 32},
		{"reason", FIELD_TEXT, false, 1, 1000},
	};
	int64 id = PG_GETARG_INT64(2);
	FieldValue values[lengthof(fields)];
	Outcome outcome = {.wants_split = true};
	Input input;
	SPITupleTable *before;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", fields, lengthof(fields),
				 values);
	input_end(&input);
	before = orders_move(verb, &id, 1, values[0].text, values[1].text, &outcome);
	outcome_raise(&outcome);
	return moved_reply(verb, before, values[0].text, &outcome);
}
