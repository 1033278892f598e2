/*
 * import_view.c
 *	  Rows of an import as COPY and INSERT bring them: triggers on the views
 *	  oms.import_product, oms.import_stock and oms.import_order.
 *
 * The views have text columns, so that a bad value fails its row and not the
 * COPY.  A statement's first row locks the import; its end counts the rows.
 */
#include "import.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/rel.h"

/* the import that the running statement adds to, kept with the trigger's state */
typedef struct Adding
{
	Import import;
	int64 id;
} Adding;

/* the import whose rows are to be counted at the end of the statement, or 0 */
static int64 touched = 0;

static KeptPlan last_row =
	PLAN("SELECT coalesce(max(row_no), 0) FROM oms.import_row WHERE import_id = $1", INT8OID);

static KeptPlan count_rows =
	PLAN("UPDATE oms.import SET rows = (SELECT coalesce(max(row_no), 0) FROM oms.import_row "
		 "WHERE import_id = $1) WHERE id = $1 AND state = 'OPEN'",
		 INT8OID);

static void
check_view(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("functions of imports' views can only be called as triggers")));
}

/* count_touched counts the rows that statements have added */
static void
count_touched(void)
{
	if (touched != 0)
		plan_write(&count_rows, (Datum[]){Int64GetDatum(touched)}, NULL);
	touched = 0;
}

/* view_kind returns the kind whose rows a view takes */
static const ImportKind *
view_kind(Relation view)
{
	const char *name = RelationGetRelationName(view);

	return strcmp(name, "import_product") == 0 ? &import_products
		   : strcmp(name, "import_stock") == 0 ? &import_stock
											   : &import_orders;
}

/* adding_to finds the import of a row, which the statement's rows before it mostly have too */
static Import *
adding_to(Verb *verb, FunctionCallInfo fcinfo, int64 id, Relation view)
{
	Adding *adding = fcinfo->flinfo->fn_extra;
	const ImportKind *kind = view_kind(view);
	Import *import;

	if (adding && adding->id == id)
		return &adding->import;
	if (touched != id)
		count_touched();
	import = import_open(verb, id);
	import_expect(import, false);
	if (import->kind != kind)
		ereport(
			ERROR,
			(oms_errcode(OMS_INVALID_INPUT),
			 errmsg("import " INT64_FORMAT " takes %s, not %s", id, import->kind->name, kind->name),
			 errhint("Begin an import with SELECT oms.import_begin('%s').", kind->name)));
	if (adding == NULL)
		adding = fcinfo->flinfo->fn_extra =
			MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Adding));
	plan_write(&last_row, (Datum[]){Int64GetDatum(id)}, NULL);
	adding->import = (Import){.id = id, .kind = kind, .rows = row_int64(0, 1)};
	adding->id = id;
	touched = id;
	return &adding->import;
}

/* given_by_oms tells the columns that a row of a view cannot bring */
static bool
given_by_oms(Form_pg_attribute attribute, int natts)
{
	/* the first two, and the last four */
	return attribute->attnum <= 2 || attribute->attnum > natts - 4;
}

/* row_data makes an object of the columns of a row that are not null */
static Jsonb *
row_data(HeapTuple row, TupleDesc desc)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		JsonbValue name;
		JsonbValue value;
		bool isnull;
		Datum datum = heap_getattr(row, i + 1, desc, &isnull);
		text *string;

		if (isnull || given_by_oms(attribute, desc->natts))
			continue;
		string = DatumGetTextPP(datum);
		name.type = value.type = jbvString;
		name.val.string.val = NameStr(attribute->attname);
		name.val.string.len = (int) strlen(NameStr(attribute->attname));
		value.val.string.val = VARDATA_ANY(string);
		value.val.string.len = (int) VARSIZE_ANY_EXHDR(string);
		(void) pushJsonbValue(&state, WJB_KEY, &name);
		(void) pushJsonbValue(&state, WJB_VALUE, &value);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

static Datum
add_row(Verb *verb, FunctionCallInfo fcinfo)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc desc = RelationGetDescr(trigger->tg_relation);
	bool isnull;
	Datum given = heap_getattr(trigger->tg_trigtuple, 1, desc, &isnull);
	Import *import = adding_to(verb, fcinfo, isnull ? import_last() : DatumGetInt64(given),
							   trigger->tg_relation);
	ImportNew row = {.data = row_data(trigger->tg_trigtuple, desc)};

	import_room(import, 1);
	import_rows_begin();
	import_row_insert(import, &row);
	import_rows_end();
	return (Datum) 0;
}

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_import_adding);

/* oms_import_adding takes the place of the INSERT of a row */
Datum
oms_import_adding(PG_FUNCTION_ARGS)
{
	check_view(fcinfo);
	(void) verb_call(fcinfo, add_row, false, true);
	return PointerGetDatum(((TriggerData *) fcinfo->context)->tg_trigtuple);
}

static Datum
end_statement(Verb *verb, FunctionCallInfo fcinfo)
{
	count_touched();
	return (Datum) 0;
}

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_import_added);

/* oms_import_added counts what a statement has added */
Datum
oms_import_added(PG_FUNCTION_ARGS)
{
	check_view(fcinfo);
	(void) verb_call(fcinfo, end_statement, false, true);
	PG_RETURN_POINTER(NULL);
}
