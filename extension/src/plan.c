/*
 * plan.c
 *	  Kept SPI plans, the rows they return, and arrays to feed them with.
 *
 * PostgreSQL revalidates kept plans itself when a table changes, so a plan
 * lives as long as the session.
 */
#include "oms.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "common/hashfn.h"
#include "lib/qunique.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

static void
plan_prepare(KeptPlan *plan)
{
	/* statements that are written down here are planned once, for any argument */
	SPIPlanPtr prepared = SPI_prepare_cursor(plan->sql, plan->nargs, plan->argtypes,
											 plan->custom ? 0 : CURSOR_OPT_GENERIC_PLAN);

	if (prepared == NULL)
		elog(ERROR, "could not prepare \"%s\": %s", plan->sql, SPI_result_code_string(SPI_result));
	if (SPI_keepplan(prepared) != 0)
		elog(ERROR, "could not keep the plan of \"%s\"", plan->sql);
	plan->plan = prepared;
}

static uint64
plan_run(KeptPlan *plan, Datum *args, const char *nulls, bool read_only)
{
	int result;

	if (plan->plan == NULL)
		plan_prepare(plan);
	result = SPI_execute_plan(plan->plan, args, nulls, read_only, 0);
	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", plan->sql, SPI_result_code_string(result));
	return SPI_processed;
}

uint64
plan_write(KeptPlan *plan, Datum *args, const char *nulls)
{
	return plan_run(plan, args, nulls, false);
}

uint64
plan_read(KeptPlan *plan, Datum *args, const char *nulls)
{
	return plan_run(plan, args, nulls, true);
}

/*
 * plan_lookup returns the plan of a statement that was put together at run
 * time, such as a list with filters.  The number of shapes is bounded by the
 * parameters there are, not by what clients send as their values.
 */
#define MAX_LOOKED_UP 128 /* plans of this kind in a session; then they start over */

typedef struct PlanEntry
{
	uint32 hash; /* of the statement: the key */
	KeptPlan plan;
} PlanEntry;

/* forget_plans frees all plans of this kind; none of them is running */
static void
forget_plans(HTAB *plans)
{
	HASH_SEQ_STATUS all;
	PlanEntry *entry;

	hash_seq_init(&all, plans);
	while ((entry = hash_seq_search(&all)) != NULL)
	{
		if (entry->plan.plan)
			SPI_freeplan(entry->plan.plan);
		pfree((char *) entry->plan.sql);
		hash_search(plans, &entry->hash, HASH_REMOVE, NULL);
	}
}

KeptPlan *
plan_lookup(const char *sql, int nargs, const Oid *argtypes)
{
	static HTAB *plans = NULL;
	uint32 hash = DatumGetUInt32(hash_any((const unsigned char *) sql, strlen(sql)));
	PlanEntry *entry;
	bool found;

	if (plans == NULL)
	{
		HASHCTL info = {.keysize = sizeof(uint32), .entrysize = sizeof(PlanEntry)};

		plans = hash_create("oms plans", 64, &info, HASH_ELEM | HASH_BLOBS);
	}
	/* a second statement of the same hash moves on to the next free key */
	while ((entry = hash_search(plans, &hash, HASH_FIND, NULL)) != NULL)
	{
		if (strcmp(entry->plan.sql, sql) == 0)
			return &entry->plan;
		hash++;
	}
	if (hash_get_num_entries(plans) >= MAX_LOOKED_UP)
		forget_plans(plans);
	sql = MemoryContextStrdup(TopMemoryContext, sql);
	entry = hash_search(plans, &hash, HASH_ENTER, &found);
	memset(&entry->plan, 0, sizeof(KeptPlan));
	entry->plan.sql = sql;
	entry->plan.nargs = nargs;
	entry->plan.custom = true;
	memcpy(entry->plan.argtypes, argtypes, nargs * sizeof(Oid));
	return &entry->plan;
}

/* ------------------------------------------------------------------ rows */

Datum
row_datum(uint64 row, int column, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, isnull);
}

static Datum
row_value(uint64 row, int column)
{
	bool isnull;
	Datum value = row_datum(row, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column %d", column);
	return value;
}

int64
row_int64(uint64 row, int column)
{
	return DatumGetInt64(row_value(row, column));
}

int32
row_int32(uint64 row, int column)
{
	return DatumGetInt32(row_value(row, column));
}

bool
row_bool(uint64 row, int column)
{
	return DatumGetBool(row_value(row, column));
}

/* row_tid returns the ctid of a row, which lives as long as the rows do */
ItemPointer
row_tid(uint64 row, int column)
{
	return (ItemPointer) DatumGetPointer(row_value(row, column));
}

char *
row_cstring(uint64 row, int column)
{
	bool isnull;
	Datum value = row_datum(row, column, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* ---------------------------------------------------------------- arrays */

int
int8_compare(const void *a, const void *b)
{
	int64 x = *(const int64 *) a;
	int64 y = *(const int64 *) b;

	return (x > y) - (x < y);
}

int
int8_sort_unique(int64 *values, int n)
{
	qsort(values, n, sizeof(int64), int8_compare);
	return (int) qunique(values, n, sizeof(int64), int8_compare);
}

Datum
int8_array(const int64 *values, int n)
{
	Datum *datums = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		datums[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(
		construct_array(datums, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
