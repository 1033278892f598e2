/*
 * shipment_rest.c
 *	  The verbs of shipments for SQL and the REST API.
 */
#include "compat.h"
#include "idempotency.h"
#include "list.h"
#include "order.h"
#include "shipment.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#define SHIPMENT_COLUMNS                                                                           \
	"s.id, s.order_id, l.code AS location, s.state, s.carrier, s.tracking, s.version, "            \
	"s.created_by, s.created_at, s.packed_at, s.shipped_at, s.delivered_at, s.cancelled_at, "      \
	"(SELECT jsonb_agg(jsonb_build_object('line', line_no, 'quantity', quantity) ORDER BY "        \
	"line_no) FROM oms.shipment_line WHERE shipment_id = s.id) AS items"
#define SHIPMENT_FROM "oms.shipment s JOIN oms.location l ON l.id = s.location_id"

static KeptPlan select_shipments =
	PLAN("SELECT " SHIPMENT_COLUMNS " FROM " SHIPMENT_FROM " WHERE s.id = ANY ($1) ORDER BY s.id",
		 INT8ARRAYOID);

static KeptPlan select_of_order =
	PLAN("SELECT " SHIPMENT_COLUMNS " FROM " SHIPMENT_FROM " WHERE s.order_id = $1 ORDER BY s.id",
		 INT8OID);

static KeptPlan order_exists = PLAN("SELECT FROM oms.orders WHERE id = $1", INT8OID);

static void
raise_not_found(int64 id)
{
	ereport(ERROR,
			(oms_errcode(OMS_SHIPMENT_NOT_FOUND), errmsg("there is no shipment " INT64_FORMAT, id),
			 errhint("List the shipments to see their ids.")));
}

/* append_shipments appends the rows of the last plan as a JSON array */
static void
append_shipments(StringInfo reply, uint64 n)
{
	appendStringInfoChar(reply, '[');
	for (uint64 i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(reply, ", ");
		json_row(reply, SPI_tuptable, i);
	}
	appendStringInfoChar(reply, ']');
}

/* -------------------------------------------------------------------- SQL */

static char *
text_argument(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(argument));
}

static void
check_text(Input *input, const char *pointer, const char *value, int max)
{
	if (value)
		input_text(input, pointer, value, (int) strlen(value), 1, max);
}

OMS_VERB(shipment_create);

/* shipment_create returns a row for each shipment made: its id and location */
static Datum
shipment_create(Verb *verb, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Jsonb *items = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	NewShipment shipment = {.location = text_argument(fcinfo, 2),
							.carrier = text_argument(fcinfo, 3),
							.tracking = text_argument(fcinfo, 4)};
	Input input;
	int64 *ids;
	int n;

	input_start(&input);
	if (items && JB_ROOT_IS_ARRAY(items) && !JB_ROOT_IS_SCALAR(items))
		shipment_read_items(&input, &items->root, "/items", &shipment);
	else if (items)
		input_fault(&input, "/items", "must be an array of objects with line and quantity");
	check_text(&input, "/carrier", shipment.carrier, MAX_CARRIER);
	check_text(&input, "/tracking", shipment.tracking, MAX_TRACKING);
	input_end(&input);
	ids = shipments_create(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), &shipment, &n);
	materialized_srf(fcinfo);
	plan_write(&select_shipments, (Datum[]){int8_array(ids, n)}, NULL);
	for (int i = 0; i < n; i++)
		tuplestore_putvalues(
			rsinfo->setResult, rsinfo->setDesc,
			(Datum[]){Int64GetDatum(row_int64(i, 1)), CStringGetTextDatum(row_cstring(i, 3))},
			(bool[]){false, false});
	return (Datum) 0;
}

/* step_of_sql takes a step; what is text comes from the given arguments, -1 for none */
static Datum
step_of_sql(Verb *verb, FunctionCallInfo fcinfo, ShipmentStep step, int carrier, int reason)
{
	char *carrier_text = carrier < 0 ? NULL : text_argument(fcinfo, carrier);
	char *tracking_text = carrier < 0 ? NULL : text_argument(fcinfo, carrier + 1);
	Input input;

	input_start(&input);
	check_text(&input, "/carrier", carrier_text, MAX_CARRIER);
	check_text(&input, "/tracking", tracking_text, MAX_TRACKING);
	input_end(&input);
	shipment_step(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), step, carrier_text, tracking_text,
				  reason < 0 ? NULL : text_argument(fcinfo, reason));
	return (Datum) 0;
}

OMS_VERB(shipment_update);

/* shipment_update takes away what is empty, and leaves what is null */
static Datum
shipment_update(Verb *verb, FunctionCallInfo fcinfo)
{
	ShipmentText texts[2];
	Input input;

	input_start(&input);
	for (int i = 0; i < 2; i++)
	{
		texts[i].text = text_argument(fcinfo, i + 1);
		texts[i].given = texts[i].text != NULL;
		if (texts[i].given && *texts[i].text == '\0')
			texts[i].text = NULL;
	}
	check_text(&input, "/carrier", texts[0].text, MAX_CARRIER);
	check_text(&input, "/tracking", texts[1].text, MAX_TRACKING);
	input_end(&input);
	shipment_change(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), texts[0], texts[1]);
	return (Datum) 0;
}

/* --------------------------------------------------------------- REST steps */

static Datum
shipment_reply(Verb *verb, int64 id)
{
	StringInfo reply = reply_begin(verb);

	if (plan_write(&select_shipments, (Datum[]){int8_array(&id, 1)}, NULL) == 0)
		raise_not_found(id);
	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

static Datum
step_of_rest(Verb *verb, FunctionCallInfo fcinfo, ShipmentStep step)
{
	bool ships = step == SHIPMENT_SHIP;
	const Field fields[] = {
		{"reason", FIELD_TEXT, false, 1, 1000},
		{"carrier", ships ? FIELD_TEXT : FIELD_READ_ONLY, false, 1, MAX_CARRIER},
		{"tracking", ships ? FIELD_TEXT : FIELD_READ_ONLY, false, 1, MAX_TRACKING},
	};
	FieldValue values[lengthof(fields)] = {0};
	Input input;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", fields, ships ? 3 : 1,
				 values);
	input_end(&input);
	shipment_step(verb, PG_GETARG_INT64(2), step, values[1].text, values[2].text, values[0].text);
	return shipment_reply(verb, PG_GETARG_INT64(2));
}

/* SHIPMENT_STEP defines the verbs shipment_NAME of SQL and of the API */
#define SHIPMENT_STEP_VERB(name, step, carrier, reason)                                            \
	OMS_VERB(shipment_##name);                                                                     \
	static Datum shipment_##name(Verb *verb, FunctionCallInfo fcinfo)                              \
	{                                                                                              \
		return step_of_sql(verb, fcinfo, step, carrier, reason);                                   \
	}                                                                                              \
	REST_VERB(rest_shipment_##name);                                                               \
	static Datum rest_shipment_##name(Verb *verb, FunctionCallInfo fcinfo)                         \
	{                                                                                              \
		return step_of_rest(verb, fcinfo, step);                                                   \
	}                                                                                              \
	extern int oms_require_semicolon

SHIPMENT_STEP_VERB(pack, SHIPMENT_PACK, -1, -1);
SHIPMENT_STEP_VERB(ship, SHIPMENT_SHIP, 1, -1);
SHIPMENT_STEP_VERB(deliver, SHIPMENT_DELIVER, -1, -1);
SHIPMENT_STEP_VERB(cancel, SHIPMENT_CANCEL, -1, 1);

/* ------------------------------------------------------------------- REST */

REST_VERB(rest_shipment_update);

static Datum
rest_shipment_update(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"carrier", FIELD_TEXT_OR_NULL, false, 1, MAX_CARRIER},
		{"tracking", FIELD_TEXT_OR_NULL, false, 1, MAX_TRACKING},
	};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", fields, lengthof(fields),
				 values);
	input_end(&input);
	shipment_change(verb, PG_GETARG_INT64(2), (ShipmentText){values[0].given, values[0].text},
					(ShipmentText){values[1].given, values[1].text});
	return shipment_reply(verb, PG_GETARG_INT64(2));
}

REST_VERB(rest_shipment_create);

static Datum
rest_shipment_create(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"items", FIELD_ARRAY, false, 1, MAX_LINES},
		{"location", FIELD_TEXT, false, 1, 32},
		{"carrier", FIELD_TEXT, false, 1, MAX_CARRIER},
		{"tracking", FIELD_TEXT, false, 1, MAX_TRACKING},
	};
	int64 order_id = PG_GETARG_INT64(2);
	text *body = PG_GETARG_TEXT_PP(3);
	text *key = PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4);
	char *operation = psprintf("shipment_create " INT64_FORMAT, order_id);
	FieldValue values[lengthof(fields)];
	NewShipment shipment = {0};
	Input input;
	StringInfo reply;
	int64 *ids;
	int n;
	Datum answer;

	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	if (values[0].given && values[0].array)
		shipment_read_items(&input, values[0].array, "/items", &shipment);
	input_end(&input);
	shipment.location = values[1].text;
	shipment.carrier = values[2].text;
	shipment.tracking = values[3].text;
	ids = shipments_create(verb, order_id, &shipment, &n);
	reply = reply_begin(verb);
	append_shipments(reply, plan_write(&select_shipments, (Datum[]){int8_array(ids, n)}, NULL));
	answer = reply_datum(reply);
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}

REST_QUERY(rest_shipment_get);

static Datum
rest_shipment_get(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);
	int64 id = PG_GETARG_INT64(2);

	if (plan_read(&select_shipments, (Datum[]){int8_array(&id, 1)}, NULL) == 0)
		raise_not_found(id);
	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

REST_QUERY(rest_order_shipments);

static Datum
rest_order_shipments(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);

	if (plan_read(&order_exists, (Datum[]){PG_GETARG_DATUM(2)}, NULL) == 0)
		ereport(ERROR, (oms_errcode(OMS_ORDER_NOT_FOUND),
						errmsg("there is no order " INT64_FORMAT, PG_GETARG_INT64(2)),
						errhint("List the orders to see their ids.")));
	append_shipments(reply, plan_read(&select_of_order, (Datum[]){PG_GETARG_DATUM(2)}, NULL));
	return reply_datum(reply);
}

static const ListFilter shipment_filters[] = {
	{"order", FILTER_VALUE, "s.order_id = $?::bigint", NULL, NULL, NULL},
	{"state", FILTER_VALUE, "s.state = upper($?)", NULL, NULL, NULL},
	{"location", FILTER_VALUE, "l.code = $?", NULL, NULL, NULL},
	{"tracking", FILTER_VALUE, "s.tracking = $?", NULL, NULL, NULL},
};

static const ListOrdering shipment_orderings[] = {
	{"id", "s.id", "bigint"},
	{"order", "s.order_id", "bigint"},
};

static const Listing shipment_list = {SHIPMENT_COLUMNS,
									  SHIPMENT_FROM,
									  "s.id",
									  "-id",
									  shipment_filters,
									  lengthof(shipment_filters),
									  shipment_orderings,
									  lengthof(shipment_orderings),
									  NULL,
									  NULL};

REST_QUERY(rest_shipment_list);

static Datum
rest_shipment_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &shipment_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
