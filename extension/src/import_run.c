/*
 * import_run.c
 *	  The rows of an import are done, a batch at a time.
 *
 * A batch runs in a subtransaction.  When some of its units fail it is undone
 * and run again without them; an error that is raised, as by a trigger, is
 * traced by halving the batch.  What became of a row is written in the
 * transaction of its effect, so that a crash neither loses nor doubles a row.
 */
#include "import.h"
#include "dry_run.h"
#include "table.h"
#include "worker.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/resowner.h"

static KeptPlan select_rows =
	PLAN("SELECT row_no, data, ctid FROM oms.import_row WHERE import_id = $1 AND row_no > $2 "
		 "AND state = 'waiting' ORDER BY row_no LIMIT $3",
		 INT8OID, INT8OID, INT8OID);

static Table row_results =
	TABLE("import_row", "state", "id", "sqlstate", "message", "detail", "hint");

/* Failure: a row that has failed, while all or none is to be done */
typedef struct Failure
{
	ItemPointerData tid;
	Outcome outcome;
} Failure;

typedef struct Failures
{
	MemoryContext context;
	Failure *rows;
	int n;
	int max;
} Failures;

/* ----------------------------------------------------------- one batch */

/* still_good moves the units that have not failed to the front, and counts them */
static int
still_good(ImportUnit **units, int n)
{
	int m = 0;

	for (int i = 0; i < n; i++)
		if (units[i]->outcome.message == NULL)
			units[m++] = units[i];
	return m;
}

static bool
any_failed(ImportUnit **units, int n)
{
	for (int i = 0; i < n; i++)
		if (units[i]->outcome.message)
			return true;
	return false;
}

/*
 * forgive takes back failures that an undone attempt does not prove: all of
 * them when it ended by an error, else those that hang on units that failed too.
 */
static void
forgive(ImportUnit **units, int n, bool all)
{
	bool others = all;

	for (int i = 0; i < n; i++)
		others |= units[i]->outcome.message && !units[i]->outcome.by_twin;
	for (int i = 0; i < n && others; i++)
		if (all || units[i]->outcome.by_twin)
			units[i]->outcome = (Outcome){0};
}

/* try_units does units in a subtransaction, which stays unless one of them failed */
static ErrorData *
try_units(Verb *verb, Import *import, ImportUnit **units, int n)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		import->kind->run(verb, import, units, n);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	if (error || any_failed(units, n))
		RollbackAndReleaseCurrentSubTransaction();
	else
		ReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	return error;
}

/* write_result writes what became of a row */
static void
write_result(ItemPointer tid, const Outcome *outcome)
{
	bool failed = outcome->message != NULL;
	const bool nulls[6] = {
		false,   failed || outcome->id == 0,         !failed,
		!failed, !failed || outcome->detail == NULL, !failed || outcome->hint == NULL};

	table_update(
		&row_results, tid,
		(Datum[]){CStringGetTextDatum(failed ? "failed" : "ok"), Int64GetDatum(outcome->id),
				  failed ? CStringGetTextDatum(unpack_sql_state(outcome->sqlstate)) : (Datum) 0,
				  failed ? CStringGetTextDatum(outcome->message) : (Datum) 0,
				  nulls[4] ? (Datum) 0 : CStringGetTextDatum(outcome->detail),
				  nulls[5] ? (Datum) 0 : CStringGetTextDatum(outcome->hint)},
		nulls);
}

/* keep_failure keeps what became of a row past the end of the transaction that is undone */
static void
keep_failure(Failures *failures, const ImportRow *row, const Outcome *outcome)
{
	MemoryContext old = MemoryContextSwitchTo(failures->context);

	if (failures->n == failures->max)
	{
		failures->max = Max(64, failures->max * 2);
		failures->rows = failures->rows
							 ? repalloc_huge(failures->rows, sizeof(Failure) * failures->max)
							 : palloc(sizeof(Failure) * failures->max);
	}
	failures->rows[failures->n++] =
		(Failure){row->tid,
				  {.sqlstate = outcome->sqlstate,
				   .message = pstrdup(outcome->message),
				   .detail = outcome->detail ? pstrdup(outcome->detail) : NULL,
				   .hint = outcome->hint ? pstrdup(outcome->hint) : NULL}};
	MemoryContextSwitchTo(old);
}

/* write_results writes what became of the rows of units, and counts them */
static void
write_results(Import *import, ImportUnit **units, int n, Failures *failures)
{
	table_begin(&row_results);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < units[i]->nrows; j++)
		{
			ImportRow *row = &units[i]->rows[j];

			write_result(&row->tid, &units[i]->outcome);
			if (units[i]->outcome.message == NULL)
				import->done++;
			else
			{
				import->failed++;
				if (failures)
					keep_failure(failures, row, &units[i]->outcome);
			}
		}
	table_end(&row_results);
}

/* run_units does units, each that can be, and writes what became of those */
static void
run_units(Verb *verb, Import *import, ImportUnit **units, int n)
{
	while (n > 0)
	{
		ErrorData *error = try_units(verb, import, units, n);

		if (error == NULL && !any_failed(units, n))
		{
			write_results(import, units, n, NULL);
			return;
		}
		if (error && !error_of_input(error->sqlerrcode))
			ReThrowError(error);
		forgive(units, n, error != NULL);
		if (error && n > 1)
		{
			run_units(verb, import, units, n / 2);
			run_units(verb, import, units + n / 2, n - n / 2);
			return;
		}
		if (error)
			units[0]->outcome = (Outcome){.sqlstate = error->sqlerrcode,
										  .message = error->message,
										  .detail = error->detail,
										  .hint = error->hint};
		n = still_good(units, n);
	}
}

/* read_rows reads the rows of a batch */
static ImportRow *
read_rows(const Import *import, int *n)
{
	uint64 found = plan_write(&select_rows,
							  (Datum[]){Int64GetDatum(import->id), Int64GetDatum(import->position),
										Int64GetDatum(IMPORT_BATCH)},
							  NULL);
	ImportRow *rows = palloc(sizeof(ImportRow) * Max(found, 1));

	for (uint64 i = 0; i < found; i++)
	{
		bool isnull;

		rows[i].row_no = row_int64(i, 1);
		rows[i].data = DatumGetJsonbP(row_datum(i, 2, &isnull));
		rows[i].tid = *row_tid(i, 3);
	}
	*n = (int) found;
	return rows;
}

/* run_batch does the next rows; false when there were none */
static bool
run_batch(Verb *verb, Import *import, Failures *failures)
{
	int n;
	int nunits;
	ImportRow *rows = read_rows(import, &n);
	int failed;
	ImportUnit *units;
	ImportUnit **tried;

	if (n == 0)
		return false;
	units = import->kind->read(import, rows, n, &nunits);
	if (n == IMPORT_BATCH && nunits > 1)
		nunits--; /* the next batch may have more of it */
	tried = palloc(sizeof(ImportUnit *) * nunits);
	for (int i = 0; i < nunits; i++)
		tried[i] = &units[i];
	verb->import_id = import->id;
	run_units(verb, import, tried, still_good(tried, nunits));
	verb->import_id = 0;
	failed = 0;
	for (int i = 0; i < nunits; i++)
		if (units[i].outcome.message)
			tried[failed++] = &units[i];
	write_results(import, tried, failed, failures);
	n = units[nunits - 1].nrows;
	import->position = units[nunits - 1].rows[n - 1].row_no;
	return true;
}

/* next_batch is run_batch in memory of its own */
static bool
next_batch(Verb *verb, Import *import, Failures *failures)
{
	bool more;

	CHECK_FOR_INTERRUPTS();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	more = run_batch(verb, import, failures);
	SPI_finish();
	return more;
}

/* ----------------------------------------------------------- all of them */

static void
finish(Verb *verb, Import *import, const char *state)
{
	import->state = state;
	import_write(verb, import,
				 strcmp(state, IMPORT_DONE) == 0 ? "import.finished" : "import.failed");
}

/* write_failures writes what became of the rows that failed, when nothing was done */
static void
write_failures(const Failures *failures)
{
	table_begin(&row_results);
	for (int i = 0; i < failures->n; i++)
		write_result(&failures->rows[i].tid, &failures->rows[i].outcome);
	table_end(&row_results);
}

/* run_all does all rows, or undoes what it did when one failed; it tries them all, to find all errors */
static void
run_all(Verb *verb, Import *import)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	Failures failures = {.context = caller};

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	while (next_batch(verb, import, &failures))
		;
	if (import->failed > 0)
		RollbackAndReleaseCurrentSubTransaction();
	else
		ReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	if (import->failed == 0)
	{
		finish(verb, import, IMPORT_DONE);
		return;
	}
	write_failures(&failures);
	import->done = 0;
	import->message =
		psprintf(INT64_FORMAT " of " INT64_FORMAT " rows failed, so that nothing was done",
				 import->failed, import->rows);
	finish(verb, import, IMPORT_FAILED);
}

/* import_run_now runs an import to its end in this transaction */
void
import_run_now(Verb *verb, Import *import)
{
	if (strcmp(import->state, IMPORT_OPEN) == 0)
	{
		import->state = IMPORT_RUNNING;
		import_write(verb, import, "import.started");
	}
	if (import->all)
	{
		run_all(verb, import);
		return;
	}
	while (next_batch(verb, import, NULL))
		;
	finish(verb, import, IMPORT_DONE);
}

/* ---------------------------------------------------------------- worker */

/* payload_import_id reads {"import_id": N} */
static int64
payload_import_id(const Task *task)
{
	static const Field fields[] = {{"import_id", FIELD_INTEGER, true, 1, PG_INT64_MAX}};
	FieldValue value;
	Input input;

	input_start(&input);
	if (JB_ROOT_IS_OBJECT(task->payload))
		input_fields(&input, &task->payload->root, "", fields, 1, &value);
	else
		input_fault(&input, "", "must be {\"import_id\": N}");
	input_end(&input);
	return value.number;
}

/*
 * import_task is the built-in handler of imports: in mode each it does a batch
 * and queues a task for the next, so each has its own transaction and attempts.
 */
void
import_task(Verb *verb, const Task *tasks, int n)
{
	for (int i = 0; i < n; i++)
	{
		Import *import = import_open(verb, payload_import_id(&tasks[i]));
		Datum payload = JsonbPGetDatum(tasks[i].payload);

		if (strcmp(import->state, IMPORT_RUNNING) != 0)
			continue; /* cancelled, or run by somebody */
		verb->actor = import->created_by;
		verb->request_id = import->request_id;
		if (import->all)
			run_all(verb, import);
		else if (next_batch(verb, import, NULL))
		{
			import_write(verb, import, NULL);
			task_enqueue(verb, "import_run", 1, &payload);
		}
		else
			finish(verb, import, IMPORT_DONE);
	}
}
