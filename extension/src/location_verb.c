/*
 * location_verb.c
 *	  Where stock lies: locations entered and changed.
 *
 * Any location may be made inactive, MAIN too: it then only keeps what it has,
 * and an order that finds no active location is told of a shortage.
 */
#include "oms.h"
#include "idempotency.h"
#include "json.h"
#include "list.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define LOCATION_COLUMNS "id, code, name, priority, active"

/* the members that may be written, in the order of the statements' arguments */
enum
{
	CODE,
	NAME,
	PRIORITY,
	ACTIVE,
	MEMBERS
};

static KeptPlan insert_location = PLAN("INSERT INTO oms.location (code, name, priority, active) "
									   "VALUES ($1, $2, coalesce($3, 100), coalesce($4, true)) "
									   "ON CONFLICT (code) DO NOTHING RETURNING " LOCATION_COLUMNS,
									   TEXTOID, TEXTOID, INT4OID, BOOLOID);

/* null leaves a value as it is */
static KeptPlan update_location =
	PLAN("UPDATE oms.location SET name = coalesce($2, name), priority = coalesce($3, priority), "
		 "active = coalesce($4, active) WHERE code = $1 AND (name, priority, active) "
		 "IS DISTINCT FROM (coalesce($2, name), coalesce($3, priority), coalesce($4, active)) "
		 "RETURNING " LOCATION_COLUMNS,
		 TEXTOID, TEXTOID, INT4OID, BOOLOID);

static KeptPlan select_location =
	PLAN("SELECT " LOCATION_COLUMNS " FROM oms.location WHERE code = $1", TEXTOID);

static KeptPlan select_by_id =
	PLAN("SELECT " LOCATION_COLUMNS " FROM oms.location WHERE id = $1", INT8OID);

static void
raise_not_found(const char *which)
{
	ereport(ERROR, (oms_errcode(OMS_LOCATION_NOT_FOUND), errmsg("there is no location %s", which),
					errhint("List the locations to see their ids and codes.")));
}

/* location_read reads a body; a new location must have code and name */
static void
location_read(text *body, bool birth, FieldValue *values)
{
	const Field fields[] = {
		{"code", birth ? FIELD_TEXT : FIELD_READ_ONLY, birth, 1, 32},
		{"name", FIELD_TEXT, birth, 1, 200},
		{"priority", FIELD_INTEGER, false, PG_INT32_MIN, PG_INT32_MAX},
		{"active", FIELD_BOOL, false, 0, 0},
		{"id", FIELD_READ_ONLY, false, 0, 0},
	};
	FieldValue read[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), read);
	input_end(&input);
	memcpy(values, read, sizeof(FieldValue) * MEMBERS);
}

static void
make_args(const FieldValue *values, Datum *args, char *nulls)
{
	for (int i = 0; i < MEMBERS; i++)
		nulls[i] = values[i].given ? ' ' : 'n';
	nulls[MEMBERS] = '\0';
	args[CODE] = values[CODE].given ? CStringGetTextDatum(values[CODE].text) : (Datum) 0;
	args[NAME] = values[NAME].given ? CStringGetTextDatum(values[NAME].text) : (Datum) 0;
	args[PRIORITY] = Int32GetDatum((int32) values[PRIORITY].number);
	args[ACTIVE] = BoolGetDatum(values[ACTIVE].number != 0);
}

/* location_event tells of a change to the location in the first row of the last plan */
static void
location_event(Verb *verb, const char *type)
{
	SPITupleTable *table = SPI_tuptable;
	int64 id = row_int32(0, 1);
	int64 version = 0; /* locations have none */

	event_append(verb, type, "location", 1, &id, &version, NULL);
	SPI_tuptable = table;
}

/* location_insert enters a location; its row is then the last plan's */
static int32
location_insert(Verb *verb, const FieldValue *values)
{
	Datum args[MEMBERS];
	char nulls[MEMBERS + 1];

	make_args(values, args, nulls);
	if (plan_write(&insert_location, args, nulls) == 0)
		ereport(ERROR, (oms_errcode(OMS_CODE_TAKEN),
						errmsg("another location has the code \"%s\"", values[CODE].text),
						errdetail_internal(
							"[{\"pointer\": \"/code\", \"detail\": \"another location has it\"}]"),
						errhint("Choose another code.")));
	location_event(verb, "location.created");
	return row_int32(0, 1);
}

/* location_change writes what differs; the location's row is then the last plan's */
static void
location_change(Verb *verb, const char *code, FieldValue *values)
{
	Datum args[MEMBERS];
	char nulls[MEMBERS + 1];

	values[CODE].text = pstrdup(code);
	values[CODE].given = true;
	make_args(values, args, nulls);
	if (plan_write(&update_location, args, nulls) > 0)
		location_event(verb, "location.updated");
	else if (plan_write(&select_location, args, NULL) == 0)
		raise_not_found(psprintf("\"%s\"", code));
}

/* -------------------------------------------------------------------- SQL */

OMS_VERB(location_create);

static Datum
location_create(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[MEMBERS];

	location_read(json_arguments(fcinfo, 0), true, values);
	return Int32GetDatum(location_insert(verb, values));
}

OMS_VERB(location_update);

static Datum
location_update(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[MEMBERS];

	location_read(json_arguments(fcinfo, 1), false, values);
	location_change(verb, PG_ARGISNULL(0) ? "" : TextDatumGetCString(PG_GETARG_DATUM(0)), values);
	return (Datum) 0;
}

/* ------------------------------------------------------------------- REST */

/* location_reply answers with the location in the first row of the last plan */
static Datum
location_reply(Verb *verb)
{
	StringInfo reply = reply_begin(verb);

	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

REST_VERB(rest_location_create);

static Datum
rest_location_create(Verb *verb, FunctionCallInfo fcinfo)
{
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	FieldValue values[MEMBERS];
	Datum answer;

	if (idempotency_find(verb, key, "location_create", body, &answer))
		return answer;
	location_read(body, true, values);
	location_insert(verb, values);
	answer = location_reply(verb);
	idempotency_keep(verb, key, "location_create", body, answer);
	return answer;
}

REST_QUERY(rest_location_get);

static Datum
rest_location_get(Verb *verb, FunctionCallInfo fcinfo)
{
	Datum id = PG_GETARG_DATUM(2);

	if (plan_read(&select_by_id, &id, NULL) == 0)
		raise_not_found(psprintf(INT64_FORMAT, DatumGetInt64(id)));
	return location_reply(verb);
}

REST_VERB(rest_location_update);

static Datum
rest_location_update(Verb *verb, FunctionCallInfo fcinfo)
{
	Datum id = PG_GETARG_DATUM(2);
	FieldValue values[MEMBERS];

	location_read(PG_GETARG_TEXT_PP(3), false, values);
	if (plan_write(&select_by_id, &id, NULL) == 0)
		raise_not_found(psprintf(INT64_FORMAT, DatumGetInt64(id)));
	location_change(verb, row_cstring(0, 2), values);
	return location_reply(verb);
}

static const ListFilter location_filters[] = {
	{"code", FILTER_VALUE, "code = $?", NULL, NULL, NULL},
	{"active", FILTER_FLAG, "active", "NOT active", NULL, NULL},
};

static const ListOrdering location_orderings[] = {
	{"id", "id::bigint", "bigint"},
	{"code", "code", "text"},
	{"name", "name", "text"},
	{"priority", "priority", "integer"},
};

static const Listing location_list = {LOCATION_COLUMNS,
									  "oms.location",
									  "id::bigint",
									  "priority",
									  location_filters,
									  lengthof(location_filters),
									  location_orderings,
									  lengthof(location_orderings),
									  NULL,
									  NULL};

REST_QUERY(rest_location_list);

static Datum
rest_location_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &location_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
