/*
 * order_note.c
 *	  Notes on orders, which are added and never change.
 *
 * A note changes nothing that others decide by, so the order keeps its version:
 * who amends it with an expected_version is not put off by a remark.  The
 * event's version is the one that the order had.
 */
#include "order.h"

#include "idempotency.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#define NOTE_COLUMNS "id, note, actor, at"

static KeptPlan select_version = PLAN("SELECT version FROM oms.orders WHERE id = $1", INT8OID);

static KeptPlan insert_note =
	PLAN("INSERT INTO oms.order_note (order_id, note, actor) VALUES ($1, $2, $3) "
		 "RETURNING " NOTE_COLUMNS,
		 INT8OID, TEXTOID, TEXTOID);

static KeptPlan select_notes =
	PLAN("SELECT " NOTE_COLUMNS " FROM oms.order_note WHERE order_id = $1 ORDER BY id", INT8OID);

static void
raise_not_found(int64 id)
{
	ereport(ERROR, (oms_errcode(OMS_ORDER_NOT_FOUND), errmsg("there is no order " INT64_FORMAT, id),
					errhint("List the orders to see their ids.")));
}

/* note_add writes a note and tells of it; its row is then the last plan's */
static void
note_add(Verb *verb, int64 order_id, const char *note)
{
	SPITupleTable *table;
	int64 version;
	char *payload;
	Datum detail;

	if (plan_write(&select_version, (Datum[]){Int64GetDatum(order_id)}, NULL) == 0)
		raise_not_found(order_id);
	version = row_int64(0, 1);
	plan_write(&insert_note,
			   (Datum[]){Int64GetDatum(order_id), CStringGetTextDatum(note),
						 CStringGetTextDatum(verb->actor)},
			   NULL);
	table = SPI_tuptable;
	payload = psprintf("{\"note_id\": " INT64_FORMAT "}", row_int64(0, 1));
	detail = DirectFunctionCall1(jsonb_in, CStringGetDatum(payload));
	event_append(verb, "order.note_added", "order", 1, &order_id, &version, &detail);
	SPI_tuptable = table;
}

OMS_VERB(order_note_add);

static Datum
order_note_add(Verb *verb, FunctionCallInfo fcinfo)
{
	char *note = PG_ARGISNULL(1) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(1));
	Input input;

	input_start(&input);
	if (note == NULL)
		input_fault(&input, "/note", "is required");
	else
		input_text(&input, "/note", note, (int) strlen(note), 1, MAX_NOTE);
	input_end(&input);
	note_add(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), note);
	return Int64GetDatum(row_int64(0, 1));
}

REST_VERB(rest_order_note_add);

static Datum
rest_order_note_add(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {{"note", FIELD_TEXT, true, 1, MAX_NOTE}};
	int64 order_id = PG_GETARG_INT64(2);
	text *body = PG_GETARG_TEXT_PP(3);
	text *key = PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4);
	char *operation = psprintf("order_note_add " INT64_FORMAT, order_id);
	FieldValue values[lengthof(fields)];
	Input input;
	StringInfo reply;
	Datum answer;

	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	input_end(&input);
	note_add(verb, order_id, values[0].text);
	reply = reply_begin(verb);
	json_row(reply, SPI_tuptable, 0);
	answer = reply_datum(reply);
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}

REST_QUERY(rest_order_notes);

static Datum
rest_order_notes(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 order_id = PG_GETARG_INT64(2);
	StringInfo reply = reply_begin(verb);
	uint64 n;

	if (plan_read(&select_version, (Datum[]){Int64GetDatum(order_id)}, NULL) == 0)
		raise_not_found(order_id);
	n = plan_read(&select_notes, (Datum[]){Int64GetDatum(order_id)}, NULL);
	appendStringInfoChar(reply, '[');
	for (uint64 i = 0; i < n; i++)
	{
		appendStringInfoString(reply, i ? ", " : "");
		json_row(reply, SPI_tuptable, i);
	}
	appendStringInfoChar(reply, ']');
	return reply_datum(reply);
}
