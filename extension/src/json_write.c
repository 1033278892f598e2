/*
 * json_write.c
 *	  Writing of JSON replies from rows and values.
 */
#include "json.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* reply_begin leaves room for the varlena header in front of the text */
StringInfo
reply_begin(Verb *verb)
{
	MemoryContext old = MemoryContextSwitchTo(verb->caller);
	StringInfo reply = makeStringInfo();

	MemoryContextSwitchTo(old);
	appendStringInfoSpaces(reply, VARHDRSZ);
	return reply;
}

Datum
reply_datum(StringInfo reply)
{
	SET_VARSIZE(reply->data, reply->len);
	return PointerGetDatum(reply->data);
}

void
json_money(StringInfo buf, int64 cents)
{
	int64 whole = cents / 100;

	appendStringInfo(buf, "\"%s" INT64_FORMAT ".%02d\"", cents < 0 && whole == 0 ? "-" : "", whole,
					 abs((int) (cents % 100)));
}

void
json_time(StringInfo buf, TimestampTz time)
{
	struct pg_tm tm;
	fsec_t fsec;

	if (TIMESTAMP_NOT_FINITE(time) || timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0)
	{
		appendStringInfoString(buf, "null");
		return;
	}
	appendStringInfo(buf, "\"%04d-%02d-%02dT%02d:%02d:%02d.%06dZ\"", tm.tm_year, tm.tm_mon,
					 tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec);
}

void
json_value(StringInfo buf, Datum value, Oid type)
{
	char digits[MAXINT8LEN + 1];
	Jsonb *json;

	switch (type)
	{
		case INT8OID:
			appendBinaryStringInfo(buf, digits, pg_lltoa(DatumGetInt64(value), digits));
			break;
		case INT4OID:
			appendBinaryStringInfo(buf, digits, pg_ltoa(DatumGetInt32(value), digits));
			break;
		case BOOLOID:
			appendStringInfoString(buf, DatumGetBool(value) ? "true" : "false");
			break;
		case NUMERICOID:
			appendStringInfoChar(buf, '"');
			appendStringInfoString(buf, DatumGetCString(DirectFunctionCall1(numeric_out, value)));
			appendStringInfoChar(buf, '"');
			break;
		case TIMESTAMPTZOID:
			json_time(buf, DatumGetTimestampTz(value));
			break;
		case TEXTOID:
			escape_json(buf, TextDatumGetCString(value));
			break;
		case JSONOID:
			appendStringInfoString(buf, TextDatumGetCString(value));
			break;
		case JSONBOID:
			json = DatumGetJsonbP(value); /* only then its size can be read */
			(void) JsonbToCString(buf, &json->root, VARSIZE(json));
			break;
		default:
			elog(ERROR, "no JSON form for type %u", type);
	}
}

void
json_columns(StringInfo buf, SPITupleTable *table, uint64 row, int first, int last)
{
	for (int column = first; column <= last; column++)
	{
		Form_pg_attribute attribute = TupleDescAttr(table->tupdesc, column - 1);
		bool isnull;
		Datum value = SPI_getbinval(table->vals[row], table->tupdesc, column, &isnull);

		if (column > first)
			appendStringInfoString(buf, ", ");
		appendStringInfoChar(buf, '"');
		appendStringInfoString(buf, NameStr(attribute->attname));
		appendStringInfoString(buf, "\": ");
		if (isnull)
			appendStringInfoString(buf, "null");
		else
			json_value(buf, value, attribute->atttypid);
	}
}

void
json_row(StringInfo buf, SPITupleTable *table, uint64 row)
{
	appendStringInfoChar(buf, '{');
	json_columns(buf, table, row, 1, table->tupdesc->natts);
	appendStringInfoChar(buf, '}');
}

/*
 * json_arguments makes a body of the named arguments from "first" on that are
 * not null, so that SQL and REST obey the same table of fields.
 */
text *
json_arguments(FunctionCallInfo fcinfo, int first)
{
	HeapTuple function;
	StringInfoData body;
	const char *separator = "";
	Oid *types;
	char **names;
	char *modes;

	function = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
	if (!HeapTupleIsValid(function))
		elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
	(void) get_func_arg_info(function, &types, &names, &modes);
	ReleaseSysCache(function);
	initStringInfo(&body);
	appendStringInfoChar(&body, '{');
	for (int i = first; i < PG_NARGS(); i++)
	{
		if (PG_ARGISNULL(i))
			continue;
		appendStringInfo(&body, "%s\"%s\": ", separator, names[i]);
		json_value(&body, PG_GETARG_DATUM(i), types[i]);
		separator = ", ";
	}
	appendStringInfoChar(&body, '}');
	return cstring_to_text_with_len(body.data, body.len);
}
