/*
 * lookup.c
 *	  Rows found by an index, and locked, without a statement.
 *
 * The executor's start and end for a statement of one row cost several times
 * what finding and locking that row does.  Here the steps are the executor's
 * own (nodeIndexscan.c, nodeLockRows.c), without a plan to set up.
 */
#include "lookup.h"
#include "compat.h"

#include "access/genam.h"
#include "access/skey.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#define LOOKUP_MAX_COLUMNS 32

/* what the catalogs say of a lookup, kept until its table changes */
typedef struct LookupState
{
	MemoryContext context;
	Oid relid;
	Oid index;
	bool stale;
	TupleDesc desc; /* of the rows returned */
	AttrNumber attnums[LOOKUP_MAX_COLUMNS];
	AttrNumber order;
	FmgrInfo equal;
	struct LookupState *next;
} LookupState;

/* a row that was found and is to be locked */
typedef struct FoundRow
{
	ItemPointerData tid;
	int64 order;
} FoundRow;

/* a lookup that is running */
typedef struct LookupRun
{
	Lookup *lookup;
	Relation relation;
	Relation index;
	Snapshot snapshot;
	TupleTableSlot *slot;
	FoundRow *found; /* of the key at hand */
	int nfound;
	int max_found;
	SPITupleTable *rows;
} LookupRun;

static LookupState *states = NULL;
static uint64 changes = 0; /* of relations, as far as this session has heard */

static void
mark_stale(Datum arg, Oid relid)
{
	changes++;
	for (LookupState *state = states; state; state = state->next)
		if (state->relid == relid || state->index == relid || relid == InvalidOid)
			state->stale = true;
}

static void
forget_state(Lookup *lookup)
{
	LookupState **link = &states;

	while (*link != lookup->state)
		link = &(*link)->next;
	*link = lookup->state->next;
	MemoryContextDelete(lookup->state->context);
	lookup->state = NULL;
}

static AttrNumber
find_attribute(const Lookup *lookup, const LookupState *state, const char *name)
{
	AttrNumber attnum = get_attnum(state->relid, name);

	if (attnum == InvalidAttrNumber)
		ereport(ERROR, (oms_errcode(OMS_WRONG_VERSION),
						errmsg("table oms.%s has no column \"%s\"", lookup->table, name),
						errhint("Run SELECT oms.install() as a superuser.")));
	return attnum;
}

/* find_column looks a column up, and describes it as one of the rows returned */
static void
find_column(const Lookup *lookup, LookupState *state, int i, const char *name)
{
	Oid type = TIDOID;

	if (strcmp(name, "ctid") == 0)
		state->attnums[i] = SelfItemPointerAttributeNumber;
	else
	{
		state->attnums[i] = find_attribute(lookup, state, name);
		type = get_atttype(state->relid, state->attnums[i]);
	}
	TupleDescInitEntry(state->desc, (AttrNumber) (i + 1), name, type, -1, 0);
}

static void
find_columns(const Lookup *lookup, LookupState *state)
{
	List *names;
	ListCell *cell;

	if (!SplitIdentifierString(pstrdup(lookup->columns), ',', &names) ||
		list_length(names) > LOOKUP_MAX_COLUMNS)
		elog(ERROR, "wrong columns of oms.%s: %s", lookup->table, lookup->columns);
	state->desc = CreateTemplateTupleDesc(list_length(names));
	foreach (cell, names)
		find_column(lookup, state, foreach_current_index(cell), lfirst(cell));
}

/* make_state looks a lookup up, once for the session or until its table changes */
static void
make_state(Lookup *lookup)
{
	static bool registered = false;
	uint64 before = changes;
	Oid schema = get_namespace_oid("oms", false);
	/* an error on the way takes it along */
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "oms lookup", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	LookupState *state = palloc0(sizeof(LookupState));

	if (!registered)
	{
		CacheRegisterRelcacheCallback(mark_stale, (Datum) 0);
		registered = true;
	}
	state->context = context;
	state->relid = get_relname_relid(lookup->table, schema);
	state->index = get_relname_relid(lookup->index, schema);
	find_columns(lookup, state);
	if (lookup->order)
		state->order = find_attribute(lookup, state, lookup->order);
	fmgr_info_cxt(F_INT8EQ, &state->equal, context);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, TopMemoryContext);
	/* what changed meanwhile was not told to a state that nobody knew of */
	state->stale = changes != before;
	state->next = states;
	states = lookup->state = state;
}

/* open_index opens the index; false when what is known of it is out of date */
static bool
open_index(LookupRun *run, LOCKMODE mode)
{
	LookupState *state = run->lookup->state;

	if (OidIsValid(state->index))
		run->index = index_open(state->index, mode);
	if (run->index && run->index->rd_index->indisvalid)
		return true;
	if (run->index)
		index_close(run->index, NoLock);
	run->index = NULL;
	/* who brings an index back tells of the index alone, which is not known here */
	state->stale = true;
	return false;
}

/* open_relations opens table and index, which are looked up when that is not done or they changed */
static void
open_relations(LookupRun *run)
{
	Lookup *lookup = run->lookup;
	LOCKMODE mode = lookup->lock ? RowShareLock : AccessShareLock;

	for (int tries = 0; tries < 3; tries++)
	{
		if (lookup->state && lookup->state->stale)
			forget_state(lookup);
		if (lookup->state == NULL)
			make_state(lookup);
		run->relation = table_open(lookup->state->relid, mode);
		/* taking the lock may have told of a change */
		if (!lookup->state->stale && open_index(run, mode))
			return;
		table_close(run->relation, NoLock);
	}
	ereport(ERROR, (oms_errcode(OMS_WRONG_VERSION),
					errmsg("table oms.%s has no valid index \"%s\"", lookup->table, lookup->index),
					errhint("Run SELECT oms.install() as a superuser, or REINDEX the table.")));
}

/* note_row notes the row in the slot, which is to be locked in its turn */
static void
note_row(LookupRun *run)
{
	FoundRow row = {.tid = run->slot->tts_tid};
	bool isnull;
	int i;

	if (run->lookup->order)
		row.order = DatumGetInt64(slot_getattr(run->slot, run->lookup->state->order, &isnull));
	if (run->nfound == run->max_found)
	{
		run->max_found = Max(4, run->max_found * 2);
		run->found = run->found ? repalloc(run->found, sizeof(FoundRow) * run->max_found)
								: palloc(sizeof(FoundRow) * run->max_found);
	}
	for (i = run->nfound++; i > 0 && run->found[i - 1].order > row.order; i--)
		run->found[i] = run->found[i - 1];
	run->found[i] = row;
}

/* lock_row locks a row and puts its last version into the slot; false when it is gone */
static bool
lock_row(LookupRun *run, ItemPointerData tid)
{
	TM_FailureData failure;
	uint8 flags = IsolationUsesXactSnapshot() ? 0 : TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	TM_Result result =
		table_tuple_lock(run->relation, &tid, run->snapshot, run->slot, run->snapshot->curcid,
						 LockTupleNoKeyExclusive, LockWaitBlock, flags, &failure);

	if (result == TM_Ok)
		return true;
	if ((result == TM_Updated || result == TM_Deleted) && IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent update")));
	if (result != TM_Deleted && result != TM_SelfModified)
		elog(ERROR, "unexpected status %d of a row of oms.%s", (int) result, run->lookup->table);
	return false;
}

/* keep_row copies the columns of the row in the slot */
static void
keep_row(LookupRun *run)
{
	SPITupleTable *rows = run->rows;
	Datum values[LOOKUP_MAX_COLUMNS];
	bool nulls[LOOKUP_MAX_COLUMNS];

	for (int i = 0; i < rows->tupdesc->natts; i++)
	{
		AttrNumber attnum = run->lookup->state->attnums[i];

		nulls[i] = false;
		values[i] = attnum < 0 ? PointerGetDatum(&run->slot->tts_tid)
							   : slot_getattr(run->slot, attnum, &nulls[i]);
	}
	if (rows->numvals == rows->alloced)
	{
		rows->alloced *= 2;
		rows->vals = repalloc_huge(rows->vals, sizeof(HeapTuple) * rows->alloced);
	}
	rows->vals[rows->numvals++] = heap_form_tuple(rows->tupdesc, values, nulls);
}

/* keep_locked locks and keeps what was noted */
static void
keep_locked(LookupRun *run)
{
	for (int i = 0; i < run->nfound; i++)
		if (lock_row(run, run->found[i].tid))
			keep_row(run);
	run->nfound = 0;
}

static void
find_rows(LookupRun *run, const int64 *keys, int n)
{
	IndexScanDesc scan = index_scan_begin(run->relation, run->index, run->snapshot, 1);

	for (int i = 0; i < n; i++)
	{
		ScanKeyData key;

		ScanKeyEntryInitializeWithInfo(&key, 0, 1, BTEqualStrategyNumber, INT8OID, InvalidOid,
									   &run->lookup->state->equal, Int64GetDatum(keys[i]));
		index_rescan(scan, &key, 1, NULL, 0);
		while (index_getnext_slot(scan, ForwardScanDirection, run->slot))
		{
			if (run->lookup->lock)
				note_row(run);
			else
				keep_row(run);
		}
		keep_locked(run);
	}
	index_endscan(scan);
}

uint64
lookup_rows(Lookup *lookup, const int64 *keys, int n)
{
	LookupRun run = {.lookup = lookup, .rows = palloc0(sizeof(SPITupleTable))};

	open_relations(&run);
	/* a copy: the table may change while its rows are still in use */
	run.rows->tupdesc = CreateTupleDescCopy(lookup->state->desc);
	run.rows->alloced = Max(n, 1);
	run.rows->vals = palloc(sizeof(HeapTuple) * run.rows->alloced);
	run.slot = table_slot_create(run.relation, NULL);
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	run.snapshot = GetActiveSnapshot();
	find_rows(&run, keys, n);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(run.slot);
	index_close(run.index, NoLock);
	table_close(run.relation, NoLock);
	SPI_tuptable = run.rows;
	return run.rows->numvals;
}
