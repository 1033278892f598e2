/*
 * inventory_book.c
 *	  Stock booked by the REST API, and its ledger there.
 */
#include "inventory.h"
#include "idempotency.h"
#include "list.h"

#include "utils/builtins.h"

/* Booking: what a request books to a locked record */
typedef void (*Booking)(Verb *verb, const StockRow *row, const FieldValue *values);

static void
book_receipt(Verb *verb, const StockRow *row, const FieldValue *values)
{
	stock_adjust_row(verb, row->product_id, row->location_id, values[0].number, "receive",
					 values[1].text);
}

static void
book_adjustment(Verb *verb, const StockRow *row, const FieldValue *values)
{
	stock_adjust_row(verb, row->product_id, row->location_id, values[0].number, "adjust",
					 values[1].text);
}

static void
book_count(Verb *verb, const StockRow *row, const FieldValue *values)
{
	stock_count_row(verb, row->product_id, row->location_id, values[0].number, values[2].number,
					values[1].text);
}

/* book does what the operations for one record have in common: once for a key */
static Datum
book(Verb *verb, FunctionCallInfo fcinfo, const char *operation, Booking booking,
	 const Field *fields, int nfields)
{
	int64 id = PG_GETARG_INT64(2);
	text *body = PG_GETARG_TEXT_PP(3);
	text *key = PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4);
	FieldValue values[4];
	StockBatch batch;
	StockRow *row;
	Input input;
	Datum answer;

	Assert(nfields <= (int) lengthof(values));
	operation = psprintf("%s " INT64_FORMAT, operation, id);
	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	input_fields(&input, input_begin(&input, body), "", fields, nfields, values);
	if (booking == book_adjustment && values[0].given && values[0].number == 0)
		input_fault(&input, "/delta", "must not be 0");
	input_end(&input);
	row = inventory_lock(id, &batch);
	booking(verb, row, values);
	answer = inventory_reply(verb, row);
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}

REST_VERB(rest_inventory_receive);

static Datum
rest_inventory_receive(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {{"quantity", FIELD_INTEGER, true, 1, MAX_STOCK},
								   {"reason", FIELD_TEXT, false, 1, MAX_STOCK_REASON}};

	return book(verb, fcinfo, "inventory_receive", book_receipt, fields, lengthof(fields));
}

REST_VERB(rest_inventory_adjust);

static Datum
rest_inventory_adjust(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {{"delta", FIELD_INTEGER, true, -MAX_STOCK, MAX_STOCK},
								   {"reason", FIELD_TEXT, true, 1, MAX_STOCK_REASON}};

	return book(verb, fcinfo, "inventory_adjust", book_adjustment, fields, lengthof(fields));
}

REST_VERB(rest_inventory_count);

static Datum
rest_inventory_count(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {{"counted", FIELD_INTEGER, true, 0, MAX_STOCK},
								   {"reason", FIELD_TEXT, false, 1, MAX_STOCK_REASON},
								   {"expected_version", FIELD_INTEGER, true, 0, PG_INT64_MAX}};

	return book(verb, fcinfo, "inventory_count", book_count, fields, lengthof(fields));
}

REST_VERB(rest_inventory_transfer);

static Datum
rest_inventory_transfer(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"product", FIELD_INTEGER, true, 1, PG_INT64_MAX},
		{"quantity", FIELD_INTEGER, true, 1, MAX_STOCK},
		{"from_location", FIELD_TEXT, true, 1, MAX_LOCATION_CODE},
		{"to_location", FIELD_TEXT, true, 1, MAX_LOCATION_CODE},
		{"reason", FIELD_TEXT, false, 1, MAX_STOCK_REASON},
	};
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	FieldValue values[lengthof(fields)];
	StringInfo reply;
	Input input;
	int64 id;
	Datum answer;

	if (idempotency_find(verb, key, "inventory_transfer", body, &answer))
		return answer;
	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	input_end(&input);
	id = stock_transfer_units(verb, values[0].number, values[1].number, values[2].text,
							  values[3].text, values[4].text);
	reply = reply_begin(verb);
	appendStringInfo(reply,
					 "{\"id\": " INT64_FORMAT ", \"product\": " INT64_FORMAT
					 ", \"quantity\": " INT64_FORMAT ", \"from_location\": ",
					 id, values[0].number, values[1].number);
	escape_json(reply, values[2].text);
	appendStringInfoString(reply, ", \"to_location\": ");
	escape_json(reply, values[3].text);
	appendStringInfoChar(reply, '}');
	answer = reply_datum(reply);
	idempotency_keep(verb, key, "inventory_transfer", body, answer);
	return answer;
}

/* ---------------------------------------------------------------- ledger */

static const ListFilter move_filters[] = {
	{"kind", FILTER_VALUE, "m.kind = $?", NULL, NULL, NULL},
};

static const ListOrdering move_orderings[] = {{"seq", "m.seq", "bigint"}};

static const Listing move_list = {
	"m.seq, m.kind, m.d_on_hand, m.d_reserved, m.d_allocated, m.on_hand, m.reserved, m.allocated, "
	"m.on_hand - m.reserved - m.allocated AS quantity, m.order_id AS \"order\", "
	"m.line_no AS line, m.document, m.reason, m.actor, m.at",
	"oms.stock_move m",
	"m.seq",
	"-seq",
	move_filters,
	lengthof(move_filters),
	move_orderings,
	lengthof(move_orderings),
	NULL,
	NULL};

REST_QUERY(rest_inventory_moves);

static Datum
rest_inventory_moves(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 product_id;
	int32 location_id;

	inventory_find(PG_GETARG_INT64(2), false, &product_id, &location_id);
	return list_reply_within(
		verb, &move_list, TextDatumGetCString(PG_GETARG_DATUM(3)), PG_GETARG_JSONB_P(4),
		psprintf("m.product_id = $?::bigint AND m.location_id = %d", location_id),
		psprintf(INT64_FORMAT, product_id));
}

/*
 * The last move of each record that a transaction begun by then has made.  A
 * record may have been deleted since, so products and locations lead the way.
 */
static const ListFilter as_of_filters[] = {
	{"at", FILTER_VALUE,
	 "m.seq = (SELECT e.seq FROM oms.stock_move e WHERE e.product_id = p.id "
	 "AND e.location_id = l.id AND e.at <= $?::timestamptz ORDER BY e.seq DESC LIMIT 1)",
	 NULL, "now", NULL},
	{"product", FILTER_VALUE, "p.id = $?::bigint", NULL, NULL, NULL},
	{"location", FILTER_VALUE, "l.code = $?", NULL, NULL, NULL},
};

static const ListOrdering as_of_orderings[] = {{"product", "p.id", "bigint"}};

static const Listing as_of_list = {
	"s.id, p.id AS product, p.sku, p.name, l.code AS location, "
	"m.on_hand - m.reserved - m.allocated AS quantity, m.on_hand, m.reserved, m.allocated, "
	"m.seq AS version, m.at AS updated_at",
	"oms.product p CROSS JOIN oms.location l "
	"JOIN oms.stock_move m ON m.product_id = p.id AND m.location_id = l.id "
	"LEFT JOIN oms.stock s ON s.product_id = p.id AND s.location_id = l.id",
	"l.id::bigint",
	"product",
	as_of_filters,
	lengthof(as_of_filters),
	as_of_orderings,
	lengthof(as_of_orderings),
	NULL,
	NULL};

REST_QUERY(rest_inventory_as_of);

static Datum
rest_inventory_as_of(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &as_of_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
