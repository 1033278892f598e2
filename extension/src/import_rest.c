/*
 * import_rest.c
 *	  Imports as the REST API begins, fills, runs and reads them.
 */
#include "import.h"
#include "guc.h"
#include "idempotency.h"
#include "list.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define IMPORT_COLUMNS                                                                             \
	"id, kind, mode, policy, state, rows, done, failed, message, created_by, created_at, "         \
	"started_at, finished_at, version"

static KeptPlan select_import =
	PLAN("SELECT " IMPORT_COLUMNS " FROM oms.import WHERE id = $1", INT8OID);

#define ROW_COLUMNS                                                                                \
	"r.row_no AS row, r.line, r.state, r.id, r.sqlstate AS code, r.message AS detail, r.hint, "    \
	"CASE WHEN r.sqlstate LIKE 'OM%' AND r.detail LIKE '[%' THEN r.detail::json END AS errors, "   \
	"CASE WHEN r.sqlstate LIKE 'OM%' AND r.detail LIKE '{%' THEN r.detail::json END AS context, "  \
	"r.data"

/* the first of the rows that failed in a dry run */
static KeptPlan select_failed =
	PLAN("SELECT " ROW_COLUMNS " FROM oms.import_row r WHERE r.import_id = $1 "
		 "AND r.sqlstate IS NOT NULL ORDER BY r.row_no LIMIT 100",
		 INT8OID);

/* --------------------------------------------------------------- reading */

static bool
known_state(const char *name)
{
	static const char *const states[] = {IMPORT_OPEN, IMPORT_RUNNING, IMPORT_DONE, IMPORT_FAILED,
										 IMPORT_CANCELLED};

	for (int i = 0; i < (int) lengthof(states); i++)
		if (strcmp(states[i], name) == 0)
			return true;
	return false;
}

static const ListFilter import_filters[] = {
	{"state", FILTER_LIST, "state = $?", "state = ANY (string_to_array($?, ','))", NULL,
	 known_state},
	{"kind", FILTER_VALUE, "kind = $?", NULL, NULL, NULL},
	{"created_by", FILTER_VALUE, "created_by = $?", NULL, NULL, NULL},
};

static const ListOrdering import_orderings[] = {{"id", "id", "bigint"}};

static const Listing import_listing = {IMPORT_COLUMNS,
									   "oms.import",
									   "id",
									   "-id",
									   import_filters,
									   lengthof(import_filters),
									   import_orderings,
									   lengthof(import_orderings),
									   NULL,
									   NULL};

REST_QUERY(rest_import_list);

static Datum
rest_import_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &import_listing, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}

/* append_import appends the members of an import, or raises OM038 */
static void
append_import(StringInfo reply, int64 id, bool writing)
{
	Datum args[] = {Int64GetDatum(id)};

	if ((writing ? plan_write : plan_read)(&select_import, args, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_IMPORT_NOT_FOUND), errmsg("there is no import " INT64_FORMAT, id),
				 errhint("List the imports to see their ids.")));
	json_columns(reply, SPI_tuptable, 0, 1, SPI_tuptable->tupdesc->natts);
}

REST_QUERY(rest_import_get);

static Datum
rest_import_get(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);

	appendStringInfoChar(reply, '{');
	append_import(reply, PG_GETARG_INT64(2), false);
	appendStringInfoChar(reply, '}');
	return reply_datum(reply);
}

/* a condition of its own for each, so that the index of those that failed serves */
static const ListFilter row_filters[] = {
	{"state", FILTER_VALUE, "r.state = $? AND (r.sqlstate IS NOT NULL OR r.state <> 'failed')",
	 NULL, NULL, NULL},
	{"failed", FILTER_FLAG, "r.sqlstate IS NOT NULL", "r.sqlstate IS NULL", NULL, NULL},
};

static const ListOrdering row_orderings[] = {{"row", "r.row_no", "bigint"}};

static const Listing row_listing = {
	ROW_COLUMNS,   "oms.import_row r",      "r.row_no", "row", row_filters, lengthof(row_filters),
	row_orderings, lengthof(row_orderings), NULL,       NULL};

REST_QUERY(rest_import_rows);

static Datum
rest_import_rows(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = PG_GETARG_INT64(2);
	StringInfoData found;

	initStringInfo(&found);
	append_import(&found, id, false);
	return list_reply_within(verb, &row_listing, TextDatumGetCString(PG_GETARG_DATUM(3)),
							 PG_GETARG_JSONB_P(4), "r.import_id = $?::bigint",
							 psprintf(INT64_FORMAT, id));
}

/* --------------------------------------------------------------- writing */

/* append_failed appends the rows that would fail */
static void
append_failed(StringInfo reply, int64 id)
{
	uint64 n = plan_write(&select_failed, (Datum[]){Int64GetDatum(id)}, NULL);

	appendStringInfoString(reply, ", \"failures\": [");
	for (uint64 i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(reply, ", ");
		json_row(reply, SPI_tuptable, i);
	}
	appendStringInfoChar(reply, ']');
}

/* written_reply answers with an import after a write; with the rows that failed where it was run dry */
static Datum
written_reply(Verb *verb, int64 id, bool ran)
{
	StringInfo reply = reply_begin(verb);

	appendStringInfoChar(reply, '{');
	append_import(reply, id, true);
	if (ran)
		append_failed(reply, id);
	appendStringInfoChar(reply, '}');
	return reply_datum(reply);
}

/* run_or_queue lets the worker run an import; what is only tried is run at once, to tell the results */
static void
run_or_queue(Verb *verb, Import *import)
{
	import_expect(import, false);
	if (oms_dry_run)
		import_run_now(verb, import);
	else
		import_start(verb, import);
}

static char *
query_or(Jsonb *query, const char *name, char *otherwise)
{
	char *value = query_text(query, name);

	return value ? value : otherwise;
}

static void
fill_from_body(Import *import, FunctionCallInfo fcinfo, int body)
{
	ImportList list = {.context = CurrentMemoryContext};

	import_expect(import, false);
	import_read_text(import, TextDatumGetCString(PG_GETARG_DATUM(body + 1)),
					 PG_GETARG_TEXT_PP(body), &list);
	import_fill(import, &list);
}

REST_VERB(rest_import_create);

static Datum
rest_import_create(Verb *verb, FunctionCallInfo fcinfo)
{
	Jsonb *query = PG_GETARG_JSONB_P(2);
	text *body = PG_GETARG_TEXT_PP(3);
	text *key = PG_ARGISNULL(5) ? NULL : PG_GETARG_TEXT_PP(5);
	bool open = strcmp(query_or(query, "open", "false"), "true") == 0;
	char *operation = psprintf("import_create %s %s", TextDatumGetCString(PG_GETARG_DATUM(4)),
							   JsonbToCString(NULL, &query->root, VARSIZE(query)));
	Import *import;
	Datum answer;

	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	import = import_open(verb, import_new(verb, query_or(query, "kind", ""),
										  query_or(query, "mode", "each"),
										  query_or(query, "policy", "check")));
	fill_from_body(import, fcinfo, 3);
	if (!open)
		run_or_queue(verb, import);
	answer = written_reply(verb, import->id, !open && oms_dry_run);
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}

REST_VERB(rest_import_add);

static Datum
rest_import_add(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = PG_GETARG_INT64(2);
	text *body = PG_GETARG_TEXT_PP(3);
	text *key = PG_ARGISNULL(5) ? NULL : PG_GETARG_TEXT_PP(5);
	char *operation =
		psprintf("import_add " INT64_FORMAT " %s", id, TextDatumGetCString(PG_GETARG_DATUM(4)));
	Datum answer;

	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	fill_from_body(import_open(verb, id), fcinfo, 3);
	answer = written_reply(verb, id, false);
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}

REST_VERB(rest_import_run);

static Datum
rest_import_run(Verb *verb, FunctionCallInfo fcinfo)
{
	Import *import = import_open(verb, PG_GETARG_INT64(2));

	run_or_queue(verb, import);
	return written_reply(verb, import->id, oms_dry_run);
}

REST_VERB(rest_import_cancel);

static Datum
rest_import_cancel(Verb *verb, FunctionCallInfo fcinfo)
{
	Import *import = import_open(verb, PG_GETARG_INT64(2));

	import_end(verb, import);
	return written_reply(verb, import->id, false);
}
