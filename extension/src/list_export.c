/*
 * list_export.c
 *	  Whole lists as CSV or NDJSON, a chunk at a time.
 *
 * An export is a walk over a list by its keys: each call gives the rows behind
 * a cursor and the cursor for the next call.  So no transaction and no memory
 * lasts longer than one chunk, however slowly somebody reads; and the price is
 * that the rows of different chunks are of different moments.
 *
 * oms_rest.list_export() calls the function of the list itself, with its checks
 * and its rights.  list.c finds "list_export" set and gives the rows as they are
 * wanted here instead of a page.
 */
#include "list.h"
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "parser/parse_func.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* a chunk ends after so many rows, or behind the slice that makes it so long */
#define EXPORT_ROWS 500
#define EXPORT_SLICE 100
#define EXPORT_BYTES (256 * 1024)

ListExport *list_export = NULL;

/* ------------------------------------------------------------------- CSV */

/* is_number tells whether a text with a sign in front is nothing but a number, as of a telephone */
static bool
is_number(const char *s)
{
	return strspn(s + 1, "0123456789 .,()/-") == strlen(s + 1);
}

/*
 * csv_text quotes a text (RFC 4180).  What a spreadsheet would take for a
 * formula gets an apostrophe in front, which makes it a text there too.
 */
static void
csv_text(StringInfo buf, const char *s, bool guard)
{
	bool formula =
		guard && *s && strchr("=@\t\r+-", *s) != NULL && !(strchr("+-", *s) && is_number(s));

	/* nothing between the commas is null, two quotes are the empty text */
	if (!formula && *s && strpbrk(s, "\",\r\n") == NULL && *s != ' ' && s[strlen(s) - 1] != ' ')
	{
		appendStringInfoString(buf, s);
		return;
	}
	appendStringInfoString(buf, formula ? "\"'" : "\"");
	for (; *s; s++)
	{
		if (*s == '"')
			appendStringInfoChar(buf, '"');
		appendStringInfoChar(buf, *s);
	}
	appendStringInfoChar(buf, '"');
}

/* csv_value appends a value as JSON has it, but without the quotes of amounts and times */
static void
csv_value(StringInfo buf, Datum value, Oid type)
{
	StringInfoData json;

	if (type == TEXTOID)
	{
		csv_text(buf, TextDatumGetCString(value), true);
		return;
	}
	initStringInfo(&json);
	json_value(&json, value, type);
	if (type == JSONOID || type == JSONBOID)
		csv_text(buf, json.data, false);
	else if (json.data[0] == '"')
		appendBinaryStringInfo(buf, json.data + 1, json.len - 2);
	else if (strcmp(json.data, "null") != 0)
		appendStringInfoString(buf, json.data);
	pfree(json.data);
}

static void
csv_row(StringInfo buf, SPITupleTable *table, uint64 row, int first)
{
	for (int column = first; column <= table->tupdesc->natts; column++)
	{
		bool isnull;
		Datum value = SPI_getbinval(table->vals[row], table->tupdesc, column, &isnull);

		if (column > first)
			appendStringInfoChar(buf, ',');
		if (!isnull)
			csv_value(buf, value, SPI_gettypeid(table->tupdesc, column));
	}
	appendStringInfoString(buf, "\r\n");
}

static void
csv_names(StringInfo buf, TupleDesc row, int first)
{
	for (int column = first; column <= row->natts; column++)
	{
		if (column > first)
			appendStringInfoChar(buf, ',');
		csv_text(buf, NameStr(TupleDescAttr(row, column - 1)->attname), false);
	}
	appendStringInfoString(buf, "\r\n");
}

/* ---------------------------------------------------------------- chunks */

static int64
row_id(SPITupleTable *table, uint64 row)
{
	bool isnull;

	return DatumGetInt64(SPI_getbinval(table->vals[row], table->tupdesc, 1, &isnull));
}

/* append_lines appends rows as NDJSON, extended where the list says so */
static void
append_lines(StringInfo buf, const Listing *list, SPITupleTable *table, uint64 from, uint64 to)
{
	StringInfoData lines[EXPORT_SLICE];
	StringInfo pointers[EXPORT_SLICE];
	int64 ids[EXPORT_SLICE] = {0};
	int first = list ? 3 : 1;
	int n = to - from;

	for (int i = 0; i < n; i++)
	{
		initStringInfo(&lines[i]);
		pointers[i] = &lines[i];
		json_columns(&lines[i], table, from + i, first, table->tupdesc->natts);
		ids[i] = list == NULL ? 0 : row_id(table, from + i);
	}
	if (list && list->extend)
		list->extend(pointers, ids, n);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoChar(buf, '{');
		appendBinaryStringInfo(buf, lines[i].data, lines[i].len);
		appendStringInfoString(buf, "}\n");
		pfree(lines[i].data);
	}
}

/* list_export_limit is how many rows list_export_rows wants to see, to know if there are more */
int64
list_export_limit(void)
{
	return EXPORT_ROWS + 1;
}

/*
 * list_export_rows gives the chunk made of the last statement's rows and notes
 * where it ended.  The rows of a list begin with id and value of the ordering.
 */
Datum
list_export_rows(Verb *verb, const Listing *list, uint64 n)
{
	SPITupleTable *table = SPI_tuptable;
	StringInfo chunk = reply_begin(verb);
	uint64 most = list && n > EXPORT_ROWS ? EXPORT_ROWS : n;
	uint64 done = 0;
	MemoryContext old;

	if (list_export->csv && list_export->cursor == NULL)
		csv_names(chunk, table->tupdesc, list ? 3 : 1);
	while (done < most && (list == NULL || chunk->len < EXPORT_BYTES))
	{
		uint64 to = Min(done + EXPORT_SLICE, most);

		if (!list_export->csv)
			append_lines(chunk, list, table, done, to);
		else
			for (uint64 row = done; row < to; row++)
				csv_row(chunk, table, row, list ? 3 : 1);
		done = to;
	}
	old = MemoryContextSwitchTo(verb->caller);
	list_export->next = NULL;
	if (done < n)
		list_export->next = list_cursor(table, done - 1);
	list_export->done = true;
	MemoryContextSwitchTo(old);
	return reply_datum(chunk);
}

/* call_list calls the function of a list, whichever form it has, with the caller's rights */
static Datum
call_list(const char *name, Datum actor, Datum request_id, Datum id, Datum query, bool has_id)
{
	static const Oid whole[] = {TEXTOID, TEXTOID};
	static const Oid plain[] = {TEXTOID, TEXTOID, TEXTOID, JSONBOID};
	static const Oid within[] = {TEXTOID, TEXTOID, INT8OID, TEXTOID, JSONBOID};
	List *qualified = list_make2(makeString("oms_rest"), makeString(pstrdup(name)));
	Datum url = CStringGetTextDatum("");
	Oid function = has_id ? LookupFuncName(qualified, lengthof(within), within, true)
						  : LookupFuncName(qualified, lengthof(plain), plain, true);
	bool is_whole = !OidIsValid(function) && !has_id;

	if (is_whole)
		function = LookupFuncName(qualified, lengthof(whole), whole, true);
	if (!OidIsValid(function))
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT), errmsg("there is no list \"%s\"", name),
						errhint("Name a function of schema oms_rest that answers with a list.")));
	if (function_aclcheck(function, GetUserId()) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_FUNCTION, name);
	if (has_id)
		return OidFunctionCall5(function, actor, request_id, id, url, query);
	if (is_whole)
		return OidFunctionCall2(function, actor, request_id);
	return OidFunctionCall4(function, actor, request_id, url, query);
}

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_rest_list_export);

/* list_export(actor, request_id, list, id, query, format, cursor): rows, next */
Datum
oms_rest_list_export(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"actor", "request_id", "list", NULL, "query", "format"};
	ListExport export = {0};
	TupleDesc tupdesc;
	Datum values[2];
	bool nulls[2] = {false, false};
	const char *format;

	check_actor_trusted();
	for (int i = 0; i < (int) lengthof(names); i++)
		if (PG_ARGISNULL(i) && names[i])
			ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT), errmsg("%s must not be null", names[i]),
							errhint("Give a value for %s.", names[i])));
	format = TextDatumGetCString(PG_GETARG_DATUM(5));
	export.csv = strcmp(format, "csv") == 0;
	if (!export.csv && strcmp(format, "ndjson") != 0)
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT), errmsg("there is no format \"%s\"", format),
						errhint("Use csv or ndjson.")));
	if (!PG_ARGISNULL(6))
		export.cursor = TextDatumGetCString(PG_GETARG_DATUM(6));
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "list_export is called in a place that takes no row");
	list_export = &export;
	PG_TRY();
	{
		values[0] =
			call_list(TextDatumGetCString(PG_GETARG_DATUM(2)), PG_GETARG_DATUM(0),
					  PG_GETARG_DATUM(1), PG_GETARG_DATUM(3), PG_GETARG_DATUM(4), !PG_ARGISNULL(3));
	}
	PG_FINALLY();
	{
		list_export = NULL;
	}
	PG_END_TRY();
	if (!export.done)
		ereport(ERROR,
				(oms_errcode(OMS_INVALID_INPUT), errmsg("this function answers with no list"),
				 errhint("Name a function of schema oms_rest that answers with a list.")));
	nulls[1] = export.next == NULL;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(export.next);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls)));
}
