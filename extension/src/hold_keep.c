/*
 * hold_keep.c
 *	  Stock kept for somebody for a while: made, renewed, released.
 *
 * The order of locks is that of confirming: rows of stock, lines, then the hold.
 */
#include "allocation.h"
#include "hold.h"
#include "idempotency.h"
#include "json.h"
#include "list.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define MAX_HOLD_LINES 1000
#define MAX_HOLD_UNITS 1000000
#define MAX_OWNER 200                        /* characters */
#define MAX_HOLD_SECONDS INT64CONST(2592000) /* 30 days */
#define DEFAULT_HOLD_SECONDS (15 * 60)

/* NewHold: what is asked to be kept */
typedef struct NewHold
{
	char *owner;
	int64 microseconds;
	StockWant *wants;
	int nwants;
} NewHold;

static KeptPlan select_product =
	PLAN("SELECT sku FROM oms.product WHERE id = $1 AND archived_at IS NULL", INT8OID);

static KeptPlan insert_hold =
	PLAN("INSERT INTO oms.hold (owner, created_by) VALUES ($1, $2) RETURNING id", TEXTOID, TEXTOID);

static KeptPlan insert_line =
	PLAN("INSERT INTO oms.hold_line (hold_id, line_no, product_id, location_id, quantity, "
		 "expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
		 INT8OID, INT4OID, INT8OID, INT4OID, INT8OID, TIMESTAMPTZOID);

static KeptPlan products_of =
	PLAN("SELECT DISTINCT product_id FROM oms.hold_line WHERE hold_id = $1 ORDER BY 1", INT8OID);

static KeptPlan held_lines =
	PLAN("SELECT hold_id, line_no, product_id, location_id, quantity, ctid, expires_at <= $2 "
		 "FROM oms.hold_line WHERE hold_id = $1 AND state = 'held' ORDER BY line_no "
		 "FOR NO KEY UPDATE",
		 INT8OID, TIMESTAMPTZOID);

static KeptPlan count_lines =
	PLAN("SELECT count(*) FROM oms.hold_line WHERE hold_id = $1", INT8OID);

static KeptPlan select_order_of =
	PLAN("SELECT coalesce(order_id, 0) FROM oms.hold WHERE id = $1", INT8OID);

static KeptPlan renew_lines =
	PLAN("UPDATE oms.hold_line SET expires_at = $2 WHERE hold_id = $1", INT8OID, TIMESTAMPTZOID);

/* --------------------------------------------------------------- reading */

static void
read_item(Input *input, JsonbValue *element, int i, StockWant *want)
{
	static const Field fields[] = {
		{"product_id", FIELD_INTEGER, true, 1, PG_INT64_MAX},
		{"quantity", FIELD_INTEGER, true, 1, MAX_HOLD_UNITS},
	};
	FieldValue values[lengthof(fields)];
	const char *path = psprintf("/items/%d", i);

	if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
	{
		input_fault(input, path, "must be an object with product_id and quantity");
		return;
	}
	input_fields(input, element->val.binary.data, path, fields, lengthof(fields), values);
	want->line_no = i + 1;
	want->product_id = values[0].number;
	want->quantity = values[1].number;
	if (!values[0].given || values[0].number < 1)
		return;
	if (plan_write(&select_product, (Datum[]){Int64GetDatum(want->product_id)}, NULL) == 0)
		input_fault(input, psprintf("%s/product_id", path),
					"there is no product " INT64_FORMAT " on sale", want->product_id);
	else
		want->sku = row_cstring(0, 1);
}

static void
read_items(Input *input, JsonbContainer *items, NewHold *hold)
{
	hold->nwants = JsonContainerSize(items);
	hold->wants = palloc0(sizeof(StockWant) * Max(hold->nwants, 1));
	for (int i = 0; i < hold->nwants; i++)
		read_item(input, getIthJsonbValueFromContainer(items, i), i, &hold->wants[i]);
}

/* interval_microseconds reads an interval of 1 second to 30 days, or notes a fault */
static int64
interval_microseconds(Input *input, FunctionCallInfo fcinfo, int argument)
{
	double length;
	Interval *interval;

	if (PG_ARGISNULL(argument))
	{
		input_fault(input, "/expires_in", "is required");
		return 0;
	}
	interval = PG_GETARG_INTERVAL_P(argument);
	length = interval->time + (interval->day + interval->month * 30.0) * USECS_PER_DAY;
	if (length < USECS_PER_SEC || length > (double) MAX_HOLD_SECONDS * USECS_PER_SEC)
	{
		input_fault(input, "/expires_in", "must be from 1 second to 30 days");
		return 0;
	}
	return (int64) length;
}

/* -------------------------------------------------------------- keeping */

/* find_units finds where the units come from, ending expired holds if it must */
static StockTake *
find_units(Verb *verb, StockBatch *batch, const NewHold *hold, int *ntakes)
{
	int64 *products = palloc(sizeof(int64) * Max(hold->nwants, 1));
	Outcome outcome = {0};
	StockTake *takes;

	for (int i = 0; i < hold->nwants; i++)
		products[i] = hold->wants[i].product_id;
	stock_lock(batch, products, int8_sort_unique(products, hold->nwants));
	takes = allocation_find(batch, hold->wants, hold->nwants, ntakes);
	if (takes == NULL && holds_end_expired(verb, batch) > 0)
		takes = allocation_find(batch, hold->wants, hold->nwants, ntakes);
	if (takes == NULL)
	{
		allocation_fail(&outcome, batch, "the hold", 0, hold->wants, hold->nwants);
		outcome_raise(&outcome);
	}
	return takes;
}

static int64
hold_make(Verb *verb, const NewHold *hold)
{
	StockBatch batch;
	int ntakes;
	StockTake *takes = find_units(verb, &batch, hold, &ntakes);
	Datum expires = TimestampTzGetDatum(GetCurrentTimestamp() + hold->microseconds);
	int64 version = 1;
	int64 id;
	char *document;

	plan_write(&insert_hold,
			   (Datum[]){CStringGetTextDatum(hold->owner), CStringGetTextDatum(verb->actor)}, NULL);
	id = row_int64(0, 1);
	document = psprintf("hold " INT64_FORMAT, id);
	for (int i = 0; i < ntakes; i++)
	{
		StockRow *row = takes[i].row;

		stock_move(
			&batch, row,
			&(StockMove){.kind = "hold", .d_reserved = takes[i].quantity, .document = document});
		plan_write(&insert_line,
				   (Datum[]){Int64GetDatum(id), Int32GetDatum(i + 1),
							 Int64GetDatum(row->product_id), Int32GetDatum(row->location_id),
							 Int64GetDatum(takes[i].quantity), expires},
				   NULL);
	}
	stock_write(verb, &batch);
	event_append(verb, "hold.created", "hold", 1, &id, &version, NULL);
	return id;
}

/* hold_fail_unknown raises OM035 */
void
hold_fail_unknown(int64 id)
{
	ereport(ERROR, (oms_errcode(OMS_HOLD_NOT_FOUND), errmsg("there is no hold " INT64_FORMAT, id),
					errhint("List the holds to see their ids.")));
}

/* fail_ended raises OM046, with the order that the hold became */
static void
fail_ended(int64 id)
{
	int64 order_id;

	plan_write(&select_order_of, (Datum[]){Int64GetDatum(id)}, NULL);
	order_id = row_int64(0, 1);
	if (order_id != 0)
		ereport(
			ERROR,
			(oms_errcode(OMS_HOLD_ENDED),
			 errmsg("hold " INT64_FORMAT " has become order " INT64_FORMAT, id, order_id),
			 errdetail_internal("{\"hold_id\": " INT64_FORMAT ", \"order_id\": " INT64_FORMAT "}",
								id, order_id),
			 errhint("Go on with the order, which has its units.")));
	ereport(ERROR, (oms_errcode(OMS_HOLD_ENDED), errmsg("hold " INT64_FORMAT " has ended", id),
					errdetail_internal("{\"hold_id\": " INT64_FORMAT "}", id),
					errhint("Its lines say how; make a new hold.")));
}

/* hold_lines locks the lines of a hold that are held, once their stock is locked */
uint64
hold_lines(int64 id, bool alive)
{
	Datum args[] = {Int64GetDatum(id), TimestampTzGetDatum(GetCurrentTimestamp())};
	int64 lines;
	uint64 found;

	plan_write(&count_lines, args, NULL);
	lines = row_int64(0, 1);
	found = plan_write(&held_lines, args, NULL);
	if (found == 0 || (alive && ((int64) found < lines || row_bool(0, 7))))
		fail_ended(id);
	return found;
}

/* hold_open locks the stock of a hold and its lines as hold_lines does */
static uint64
hold_open(StockBatch *batch, int64 id, bool alive)
{
	uint64 found = plan_write(&products_of, (Datum[]){Int64GetDatum(id)}, NULL);
	int64 *products = palloc(sizeof(int64) * Max(found, 1));

	if (found == 0)
		hold_fail_unknown(id);
	for (uint64 i = 0; i < found; i++)
		products[i] = row_int64(i, 1);
	stock_lock(batch, products, (int) found);
	return hold_lines(id, alive);
}

static TimestampTz
hold_prolong(Verb *verb, int64 id, int64 microseconds)
{
	StockBatch batch;
	TimestampTz expires;

	hold_open(&batch, id, true);
	expires = GetCurrentTimestamp() + microseconds;
	plan_write(&renew_lines, (Datum[]){Int64GetDatum(id), TimestampTzGetDatum(expires)}, NULL);
	holds_changed(verb, "hold.renewed", &id, 1);
	return expires;
}

static void
hold_free(Verb *verb, int64 id)
{
	StockBatch batch;
	uint64 found = hold_open(&batch, id, false);
	int nids;

	(void) hold_end_lines(&batch, found, "released", &nids);
	stock_write(verb, &batch);
	holds_changed(verb, "hold.released", &id, 1);
}

/* ------------------------------------------------------------------- SQL */

OMS_VERB(hold_create);

static Datum
hold_create(Verb *verb, FunctionCallInfo fcinfo)
{
	NewHold hold = {0};
	Input input;
	Jsonb *items = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
	int n =
		items && JB_ROOT_IS_ARRAY(items) && !JB_ROOT_IS_SCALAR(items) ? JB_ROOT_COUNT(items) : 0;

	input_start(&input);
	if (n < 1 || n > MAX_HOLD_LINES)
		input_fault(&input, "/items", "must be an array of 1 to %d elements", MAX_HOLD_LINES);
	else
		read_items(&input, &items->root, &hold);
	hold.owner = PG_ARGISNULL(1) ? "" : TextDatumGetCString(PG_GETARG_DATUM(1));
	(void) input_text(&input, "/owner", hold.owner, (int) strlen(hold.owner), 1, MAX_OWNER);
	hold.microseconds = interval_microseconds(&input, fcinfo, 2);
	input_end(&input);
	return Int64GetDatum(hold_make(verb, &hold));
}

OMS_VERB(hold_renew);

static Datum
hold_renew(Verb *verb, FunctionCallInfo fcinfo)
{
	Input input;
	int64 microseconds;

	input_start(&input);
	microseconds = interval_microseconds(&input, fcinfo, 1);
	input_end(&input);
	return TimestampTzGetDatum(
		hold_prolong(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), microseconds));
}

OMS_VERB(hold_release);

static Datum
hold_release(Verb *verb, FunctionCallInfo fcinfo)
{
	hold_free(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0));
	return (Datum) 0;
}

OMS_VERB(hold_expire);

static Datum
hold_expire(Verb *verb, FunctionCallInfo fcinfo)
{
	int32 batch = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT32(0);
	Input input;

	input_start(&input);
	if (batch < 1)
		input_fault(&input, "/batch", "must be at least 1");
	input_end(&input);
	return Int32GetDatum(holds_expire(verb, batch));
}

/* ------------------------------------------------------------------ REST */

#define HOLD_COLUMNS                                                                               \
	"h.id, h.owner, CASE WHEN l.consumed THEN 'consumed' WHEN l.held AND l.expires_at > "          \
	"statement_timestamp() THEN 'held' WHEN l.held OR l.expired THEN 'expired' ELSE 'released' "   \
	"END AS state, l.expires_at, h.order_id AS \"order\", h.version, h.created_by, h.created_at, " \
	"h.updated_at, l.items"
#define HOLD_FROM                                                                                  \
	"oms.hold h CROSS JOIN LATERAL (SELECT max(n.expires_at) AS expires_at, bool_or(n.state = "    \
	"'held') AS held, bool_or(n.state = 'expired') AS expired, bool_or(n.state = 'consumed') AS "  \
	"consumed, json_agg(json_build_object('line', n.line_no, 'product', n.product_id, "            \
	"'location', p.code, 'quantity', n.quantity, 'state', n.state) ORDER BY n.line_no) AS items "  \
	"FROM oms.hold_line n JOIN oms.location p ON p.id = n.location_id "                            \
	"WHERE n.hold_id = h.id) l"

static KeptPlan select_hold =
	PLAN("SELECT " HOLD_COLUMNS " FROM " HOLD_FROM " WHERE h.id = $1", INT8OID);

static const ListFilter hold_filters[] = {
	{"owner", FILTER_VALUE, "h.owner = $?", NULL, NULL, NULL},
	{"held", FILTER_FLAG, "l.held AND l.expires_at > statement_timestamp()",
	 "NOT (l.held AND l.expires_at > statement_timestamp())", NULL, NULL},
};

static const ListOrdering hold_orderings[] = {{"id", "h.id", "bigint"}};

static const Listing hold_list = {HOLD_COLUMNS,   HOLD_FROM,
								  "h.id",         "-id",
								  hold_filters,   lengthof(hold_filters),
								  hold_orderings, lengthof(hold_orderings),
								  NULL,           NULL};

static const Field seconds_field = {"expires_in", FIELD_INTEGER, false, 1, MAX_HOLD_SECONDS};

static int64
seconds_microseconds(const FieldValue *value)
{
	return (value->given ? value->number : DEFAULT_HOLD_SECONDS) * USECS_PER_SEC;
}

static Datum
hold_reply(Verb *verb, int64 id, bool writing)
{
	StringInfo reply = reply_begin(verb);
	Datum args[] = {Int64GetDatum(id)};

	if ((writing ? plan_write : plan_read)(&select_hold, args, NULL) == 0)
		hold_fail_unknown(id);
	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

REST_QUERY(rest_hold_list);

static Datum
rest_hold_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &hold_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}

REST_QUERY(rest_hold_get);

static Datum
rest_hold_get(Verb *verb, FunctionCallInfo fcinfo)
{
	return hold_reply(verb, PG_GETARG_INT64(2), false);
}

REST_VERB(rest_hold_create);

static Datum
rest_hold_create(Verb *verb, FunctionCallInfo fcinfo)
{
	const Field fields[] = {{"items", FIELD_ARRAY, true, 1, MAX_HOLD_LINES},
							{"owner", FIELD_TEXT, true, 1, MAX_OWNER},
							seconds_field};
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	FieldValue values[lengthof(fields)];
	NewHold hold = {0};
	Input input;
	Datum answer;

	if (idempotency_find(verb, key, "hold_create", body, &answer))
		return answer;
	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	if (values[0].array)
		read_items(&input, values[0].array, &hold);
	input_end(&input);
	hold.owner = values[1].text;
	hold.microseconds = seconds_microseconds(&values[2]);
	answer = hold_reply(verb, hold_make(verb, &hold), true);
	idempotency_keep(verb, key, "hold_create", body, answer);
	return answer;
}

REST_VERB(rest_hold_renew);

static Datum
rest_hold_renew(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue value;
	Input input;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", &seconds_field, 1, &value);
	input_end(&input);
	hold_prolong(verb, PG_GETARG_INT64(2), seconds_microseconds(&value));
	return hold_reply(verb, PG_GETARG_INT64(2), true);
}

REST_VERB(rest_hold_release);

static Datum
rest_hold_release(Verb *verb, FunctionCallInfo fcinfo)
{
	hold_free(verb, PG_GETARG_INT64(2));
	return hold_reply(verb, PG_GETARG_INT64(2), true);
}
