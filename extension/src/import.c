/*
 * import.c
 *	  Imports: begun, filled with rows, handed to the worker, cancelled.
 */
#include "import.h"
#include "guc.h"
#include "table.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/acl.h"
#include "utils/builtins.h"

static const ImportKind *const kinds[] = {&import_products, &import_stock, &import_orders};

static KeptPlan insert_import =
	PLAN("INSERT INTO oms.import (kind, mode, policy, created_by, request_id) "
		 "VALUES ($1, $2, $3, $4, $5) RETURNING id",
		 TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID);

static KeptPlan lock_import =
	PLAN("SELECT kind, mode, policy, state, rows, done, failed, position, version, created_by, "
		 "request_id FROM oms.import WHERE id = $1 FOR NO KEY UPDATE",
		 INT8OID);

static KeptPlan update_import =
	PLAN("UPDATE oms.import SET state = $2, rows = $3, done = $4, failed = $5, position = $6, "
		 "version = $7, message = $8, started_at = CASE WHEN $2 IN ('RUNNING', 'DONE', 'FAILED') "
		 "THEN coalesce(started_at, now()) ELSE started_at END, finished_at = CASE WHEN $2 IN "
		 "('OPEN', 'RUNNING') THEN NULL ELSE clock_timestamp() END WHERE id = $1",
		 INT8OID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID);

static Table import_rows = TABLE("import_row", "import_id", "row_no", "line", "key", "data",
								 "state", "sqlstate", "message", "detail", "hint");

/* the import that this session has begun last, or 0 */
static int64 last_import = 0;

/* ----------------------------------------------------------- one import */

/* check_role lets only administrators import what only they may write */
static void
check_role(Verb *verb, const ImportKind *kind)
{
	if (kind->admin && !has_privs_of_role(verb->userid, get_role_oid("oms_admin", false)))
		ereport(ERROR, (oms_errcode(OMS_ROLE_REQUIRED),
						errmsg("only an administrator may import %s", kind->name),
						errhint("Ask a user with the role admin; staff may import stock.")));
}

static const ImportKind *
find_kind(const char *name)
{
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

/* import_new begins an import, and returns its id */
int64
import_new(Verb *verb, const char *kind, const char *mode, const char *policy)
{
	static const char *const names[] = {"products", "stock", "orders"};
	static const char *const modes[] = {"each", "all"};
	static const char *const policies[] = {"check", "skip", "force"};
	Datum args[] = {CStringGetTextDatum(kind), CStringGetTextDatum(mode),
					CStringGetTextDatum(policy), CStringGetTextDatum(verb->actor),
					verb->request_id ? CStringGetTextDatum(verb->request_id) : (Datum) 0};
	Input input;

	input_start(&input);
	(void) input_choice(&input, "/kind", kind, names, lengthof(names));
	(void) input_choice(&input, "/mode", mode, modes, lengthof(modes));
	if (input_choice(&input, "/policy", policy, policies, lengthof(policies)) &&
		strcmp(policy, "check") != 0 && strcmp(kind, import_orders.name) != 0)
		input_fault(&input, "/policy", "must be check: %s is for orders", policy);
	input_end(&input);
	check_role(verb, find_kind(kind));
	plan_write(&insert_import, args, verb->request_id ? "     " : "    n");
	return row_int64(0, 1);
}

int64
import_last(void)
{
	if (last_import == 0)
		ereport(ERROR,
				(oms_errcode(OMS_IMPORT_NOT_FOUND), errmsg("this session has not begun an import"),
				 errhint("Begin one with SELECT oms.import_begin('products'), or name one.")));
	return last_import;
}

/* import_open locks an import; raises OM038, and OM023 when it is for administrators */
Import *
import_open(Verb *verb, int64 id)
{
	Import *import = palloc0(sizeof(Import));

	if (plan_write(&lock_import, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_IMPORT_NOT_FOUND), errmsg("there is no import " INT64_FORMAT, id),
				 errhint("SELECT * FROM oms.import shows those that there are.")));
	import->id = id;
	import->kind = find_kind(row_cstring(0, 1));
	import->all = strcmp(row_cstring(0, 2), "all") == 0;
	import->policy = row_cstring(0, 3);
	import->state = row_cstring(0, 4);
	import->rows = row_int64(0, 5);
	import->done = row_int64(0, 6);
	import->failed = row_int64(0, 7);
	import->position = row_int64(0, 8);
	import->version = row_int64(0, 9);
	import->created_by = row_cstring(0, 10);
	import->request_id = row_cstring(0, 11);
	check_role(verb, import->kind);
	return import;
}

void
import_expect(const Import *import, bool running)
{
	if (strcmp(import->state, IMPORT_OPEN) == 0 ||
		(running && strcmp(import->state, IMPORT_RUNNING) == 0))
		return;
	ereport(ERROR, (oms_errcode(OMS_IMPORT_STATE),
					errmsg("import " INT64_FORMAT " is %s, not OPEN%s", import->id, import->state,
						   running ? " or RUNNING" : ""),
					errdetail_internal("{\"import_id\": " INT64_FORMAT ", \"state\": \"%s\"}",
									   import->id, import->state),
					errhint("Begin another import for further rows.")));
}

/* import_write writes state and counts, and tells of them by an event */
void
import_write(Verb *verb, Import *import, const char *event)
{
	char nulls[] = "        ";
	char *payload;

	if (event)
		import->version++;
	if (import->message == NULL)
		nulls[7] = 'n';
	plan_write(&update_import,
			   (Datum[]){Int64GetDatum(import->id), CStringGetTextDatum(import->state),
						 Int64GetDatum(import->rows), Int64GetDatum(import->done),
						 Int64GetDatum(import->failed), Int64GetDatum(import->position),
						 Int64GetDatum(import->version),
						 import->message ? CStringGetTextDatum(import->message) : (Datum) 0},
			   nulls);
	if (event == NULL)
		return;
	payload = psprintf("{\"kind\": \"%s\", \"rows\": " INT64_FORMAT ", \"done\": " INT64_FORMAT
					   ", \"failed\": " INT64_FORMAT "}",
					   import->kind->name, import->rows, import->done, import->failed);
	event_append(verb, event, "import", 1, &import->id, &import->version,
				 (Datum[]){DirectFunctionCall1(jsonb_in, CStringGetDatum(payload))});
}

/* import_start hands an import to the worker */
void
import_start(Verb *verb, Import *import)
{
	char *payload = psprintf("{\"import_id\": " INT64_FORMAT "}", import->id);

	import_expect(import, false);
	import->state = IMPORT_RUNNING;
	import_write(verb, import, "import.started");
	task_enqueue(verb, "import_run", 1,
				 (Datum[]){DirectFunctionCall1(jsonb_in, CStringGetDatum(payload))});
}

/* import_end cancels an import that has not ended */
void
import_end(Verb *verb, Import *import)
{
	if (strcmp(import->state, IMPORT_CANCELLED) == 0)
		return; /* repeated */
	import_expect(import, true);
	import->state = IMPORT_CANCELLED;
	import_write(verb, import, "import.cancelled");
}

/* ------------------------------------------------------------------ rows */

/* import_room raises OM010 when an import cannot take n rows more */
void
import_room(const Import *import, int64 n)
{
	if (import->rows + n > MAX_IMPORT_ROWS)
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
						errmsg("import " INT64_FORMAT " would have " INT64_FORMAT
							   " rows, more than " INT64_FORMAT,
							   import->id, import->rows + n, MAX_IMPORT_ROWS),
						errhint("Begin another import for the rest.")));
}

void
import_rows_begin(void)
{
	table_begin(&import_rows);
}

void
import_rows_end(void)
{
	table_end(&import_rows);
}

/* row_key returns what an import may have once, or 0 */
static Datum
row_key(const Import *import, Jsonb *data)
{
	JsonbValue value;

	if (import->kind != &import_products || !JB_ROOT_IS_OBJECT(data) ||
		!getKeyJsonValueFromContainer(&data->root, "sku", strlen("sku"), &value) ||
		value.type != jbvString || value.val.string.len > 256)
		return (Datum) 0;
	return PointerGetDatum(cstring_to_text_with_len(value.val.string.val, value.val.string.len));
}

/* import_row_insert adds a row, between import_rows_begin and import_rows_end */
void
import_row_insert(Import *import, const ImportNew *row)
{
	const Outcome *fault = &row->fault;
	bool failed = fault->message != NULL;
	Datum key = row_key(import, row->data);
	const bool nulls[10] = {
		false, false,   row->line == 0, key == (Datum) 0,      false,
		false, !failed, !failed,        fault->detail == NULL, fault->hint == NULL};

	import->rows++;
	import->failed += failed;
	table_insert(
		&import_rows,
		(Datum[]){Int64GetDatum(import->id), Int64GetDatum(import->rows), Int64GetDatum(row->line),
				  key, JsonbPGetDatum(row->data),
				  CStringGetTextDatum(failed ? "failed" : "waiting"),
				  failed ? CStringGetTextDatum(unpack_sql_state(fault->sqlstate)) : (Datum) 0,
				  failed ? CStringGetTextDatum(fault->message) : (Datum) 0,
				  fault->detail ? CStringGetTextDatum(fault->detail) : (Datum) 0,
				  fault->hint ? CStringGetTextDatum(fault->hint) : (Datum) 0},
		nulls);
}

/* import_fill adds rows, and counts them */
void
import_fill(Import *import, ImportList *list)
{
	MemoryContext row_context =
		AllocSetContextCreate(CurrentMemoryContext, "oms import row", ALLOCSET_SMALL_SIZES);
	MemoryContext old;

	import_expect(import, false);
	import_room(import, list->n);
	import_rows_begin();
	old = MemoryContextSwitchTo(row_context);
	for (int i = 0; i < list->n; i++)
	{
		import_row_insert(import, &list->rows[i]);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
	import_rows_end();
	MemoryContextDelete(row_context);
	import_write(NULL, import, NULL);
}

/* ------------------------------------------------------------------- SQL */

static char *
text_arg(FunctionCallInfo fcinfo, int argument, char *otherwise)
{
	return PG_ARGISNULL(argument) ? otherwise : TextDatumGetCString(PG_GETARG_DATUM(argument));
}

static Import *
import_arg(Verb *verb, FunctionCallInfo fcinfo)
{
	return import_open(verb, PG_ARGISNULL(0) ? import_last() : PG_GETARG_INT64(0));
}

OMS_VERB(import_begin);

static Datum
import_begin(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = import_new(verb, text_arg(fcinfo, 0, ""), text_arg(fcinfo, 1, "each"),
						  text_arg(fcinfo, 2, "check"));

	if (!oms_dry_run)
		last_import = id;
	return Int64GetDatum(id);
}

OMS_VERB(import_add);

static Datum
import_add(Verb *verb, FunctionCallInfo fcinfo)
{
	Import *import = import_arg(verb, fcinfo);
	Jsonb *rows = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	ImportList list = {.context = CurrentMemoryContext};

	if (rows == NULL || !JB_ROOT_IS_ARRAY(rows) || JB_ROOT_IS_SCALAR(rows))
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT), errmsg("rows must be a JSON array"),
						errhint("Give [{...}, ...], an object for each row.")));
	import_read_array(&rows->root, &list);
	import_fill(import, &list);
	return Int64GetDatum(import->rows);
}

OMS_VERB(import_add_text);

static Datum
import_add_text(Verb *verb, FunctionCallInfo fcinfo)
{
	Import *import = import_arg(verb, fcinfo);
	ImportList list = {.context = CurrentMemoryContext};

	import_expect(import, false);
	import_read_text(import, text_arg(fcinfo, 1, ""),
					 PG_ARGISNULL(2) ? cstring_to_text("") : PG_GETARG_TEXT_PP(2), &list);
	import_fill(import, &list);
	return Int64GetDatum(import->rows);
}

OMS_VERB(import_run);

/* import_run runs an import here and now, and returns its state and counts */
static Datum
import_run(Verb *verb, FunctionCallInfo fcinfo)
{
	Import *import = import_arg(verb, fcinfo);
	const bool nulls[4] = {false};
	TupleDesc desc;
	HeapTuple row;

	import_expect(import, true);
	import_run_now(verb, import);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	row = heap_form_tuple(BlessTupleDesc(desc),
						  (Datum[]){CStringGetTextDatum(import->state), Int64GetDatum(import->rows),
									Int64GetDatum(import->done), Int64GetDatum(import->failed)},
						  (bool *) nulls);
	return PointerGetDatum(SPI_returntuple(row, desc));
}

OMS_VERB(import_queue);

static Datum
import_queue(Verb *verb, FunctionCallInfo fcinfo)
{
	import_start(verb, import_arg(verb, fcinfo));
	return (Datum) 0;
}

OMS_VERB(import_cancel);

static Datum
import_cancel(Verb *verb, FunctionCallInfo fcinfo)
{
	import_end(verb, import_arg(verb, fcinfo));
	return (Datum) 0;
}
