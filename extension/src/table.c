/*
 * table.c
 *	  Rows written straight into a table, with all that belongs to it.
 *
 * An SQL statement sets up an executor for each run, and that parses each CHECK
 * constraint and generated column of the table from its text anew: several
 * times the price of the row.  Here the executor's state for a table, compiled
 * expressions included, is kept for the session and thrown away when the
 * relation cache says that the table has changed.
 */
#include "table.h"
#include "compat.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "rewrite/rewriteHandler.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

typedef struct TableState
{
	MemoryContext context;
	Oid relid;
	bool stale;            /* the table has changed since */
	bool single_use;       /* row triggers hold on to what belongs to the transaction */
	Relation relation;     /* between table_begin and table_end */
	FullTransactionId xid; /* who called table_begin */
	SubTransactionId subid;
	MemoryContext write_context; /* where it was called */
	struct TableState *outer;    /* of the write whose row trigger writes the table again */
	EState *estate;
	ResultRelInfo *result;
	int nindexes;
	Oid *index_oids;
	bool *on_demand;          /* opened for the first row that belongs into it */
	TupleTableSlot *slot;     /* the row to be written */
	TupleTableSlot *old_slot; /* the row to be updated */
	AttrNumber attnums[TABLE_MAX_COLUMNS];
	ExprState **defaults; /* for each attribute, or NULL */
	EPQState epq;
	struct TableState *next;
} TableState;

static TableState *states = NULL;

/* mark_stale is told of each change in the relation cache */
static void
mark_stale(Datum arg, Oid relid)
{
	for (TableState *state = states; state; state = state->next)
		if (state->relid == relid || relid == InvalidOid)
			state->stale = true;
}

static void
forget_state(Table *table)
{
	TableState *state = table->state;
	TableState **link = &states;

	while (*link != state)
		link = &(*link)->next;
	*link = state->next;
	table->state = state->outer;
	MemoryContextDelete(state->context);
}

/* is_writing tells whether a state is still between table_begin and table_end */
static bool
is_writing(const TableState *state)
{
	return state->relation != NULL &&
		   FullTransactionIdEquals(state->xid, GetTopFullTransactionIdIfAny()) &&
		   SubTransactionIsActive(state->subid);
}

/*
 * current_state returns the state to write by, or NULL.  One that an error left
 * half-way is thrown away: what it held open was closed by the abort.
 */
static TableState *
current_state(Table *table)
{
	while (table->state && table->state->relation && !is_writing(table->state))
		forget_state(table);
	return table->state;
}

static void
find_columns(const Table *table, TableState *state)
{
	for (int i = 0; i < table->ncolumns; i++)
	{
		AttrNumber attnum = get_attnum(state->relid, table->columns[i]);

		if (attnum == InvalidAttrNumber)
			ereport(ERROR,
					(oms_errcode(OMS_WRONG_VERSION),
					 errmsg("table oms.%s has no column \"%s\"", table->name, table->columns[i]),
					 errhint("Run SELECT oms.install() as a superuser.")));
		state->attnums[i] = attnum;
	}
}

/* updated_columns returns what table_update writes, for triggers on UPDATE OF a column */
static Bitmapset *
updated_columns(const Table *table, const TableState *state)
{
	Bitmapset *columns = NULL;

	for (int i = 0; i < table->ncolumns; i++)
		columns = bms_add_member(columns, state->attnums[i] - FirstLowInvalidHeapAttributeNumber);
	return columns;
}

/* prepare_defaults compiles the defaults of the columns that are not written */
static void
prepare_defaults(const Table *table, TableState *state, Relation relation)
{
	TupleDesc desc = RelationGetDescr(relation);

	state->defaults = palloc0(sizeof(ExprState *) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);
		bool written = false;
		Node *expression;

		for (int j = 0; j < table->ncolumns; j++)
			written |= state->attnums[j] == attribute->attnum;
		if (written || attribute->attisdropped || attribute->attgenerated)
			continue;
		expression = build_column_default(relation, attribute->attnum);
		if (expression)
			state->defaults[i] = ExecPrepareExpr((Expr *) expression, state->estate);
	}
}

static bool
has_row_triggers(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;

	return triggers && (triggers->trig_insert_before_row || triggers->trig_insert_after_row ||
						triggers->trig_update_before_row || triggers->trig_update_after_row);
}

/*
 * has_settled_rows tells whether rows are written as they are given: nothing is
 * computed or changed later that the predicate of an index could look at.
 */
static bool
has_settled_rows(Relation relation)
{
	TriggerDesc *triggers = relation->trigdesc;
	TupleConstr *constr = RelationGetDescr(relation)->constr;

	return !(triggers && (triggers->trig_insert_before_row || triggers->trig_update_before_row)) &&
		   !(constr && constr->has_generated_stored);
}

/* keep_index notes what ExecInsertIndexTuples needs of one of the table's indexes */
static void
keep_index(TableState *state, Relation relation, int i, Oid oid)
{
	Relation index = index_open(oid, RowExclusiveLock);
	IndexInfo *info = BuildIndexInfo(index);

	state->index_oids[i] = oid;
	state->result->ri_IndexRelationInfo[i] = info;
	state->on_demand[i] = info->ii_Predicate != NIL && has_settled_rows(relation);
	if (state->on_demand[i])
		info->ii_PredicateState = ExecPrepareQual(info->ii_Predicate, state->estate);
	index_close(index, NoLock);
}

static void
keep_indexes(TableState *state, Relation relation)
{
	List *oids = RelationGetIndexList(relation);
	int n = list_length(oids);
	ListCell *cell;

	state->nindexes = n;
	state->index_oids = palloc(sizeof(Oid) * (n + 1));
	state->on_demand = palloc0(sizeof(bool) * (n + 1));
	state->result->ri_NumIndices = n;
	state->result->ri_IndexRelationDescs = palloc0(sizeof(Relation) * (n + 1));
	state->result->ri_IndexRelationInfo = palloc0(sizeof(IndexInfo *) * (n + 1));
	foreach (cell, oids)
		keep_index(state, relation, foreach_current_index(cell), lfirst_oid(cell));
}

/* make_state looks a table up, once for the session or until it changes */
static TableState *
make_state(Table *table, Relation relation)
{
	static bool registered = false;
	/* an error on the way takes it along */
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "oms table", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	TableState *state = palloc0(sizeof(TableState));
	TupleDesc desc = CreateTupleDescCopyConstr(RelationGetDescr(relation));

	if (!registered)
	{
		CacheRegisterRelcacheCallback(mark_stale, (Datum) 0);
		registered = true;
	}
	state->context = context;
	state->relid = RelationGetRelid(relation);
	state->single_use = has_row_triggers(relation);
	state->estate = CreateExecutorState();
	MemoryContextSwitchTo(state->estate->es_query_cxt);
	find_columns(table, state);
	state->result = makeNode(ResultRelInfo);
	init_range_table(state->estate, relation, updated_columns(table, state));
	InitResultRelInfo(state->result, relation, 1, NULL, 0);
	keep_indexes(state, relation);
	/* slots of a private descriptor are not tied to a transaction */
	state->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	state->old_slot = MakeSingleTupleTableSlot(desc, table_slot_callbacks(relation));
	prepare_defaults(table, state, relation);
	eval_plan_qual_init(&state->epq, state->estate);
	MemoryContextSwitchTo(old);
	MemoryContextSetParent(context, TopMemoryContext);
	state->next = states;
	states = state;
	state->outer = table->state;
	return table->state = state;
}

static void
open_index(TableState *state, int i)
{
	IndexInfo *info = state->result->ri_IndexRelationInfo[i];

	state->result->ri_IndexRelationDescs[i] = index_open(state->index_oids[i], RowExclusiveLock);
	/* BRIN and GIN keep pointers to the open index there */
	info->ii_AmCache = NULL;
	info->ii_Context = state->write_context;
}

/*
 * open_indexes_of opens the partial indexes that the row in the slot belongs
 * into; ExecInsertIndexTuples passes over those that are not open.  The lock on
 * the table is enough to keep them where they are.
 */
static void
open_indexes_of(TableState *state, TupleTableSlot *slot)
{
	ExprContext *context = GetPerTupleExprContext(state->estate);

	context->ecxt_scantuple = slot;
	for (int i = 0; i < state->nindexes; i++)
		if (state->on_demand[i] && state->result->ri_IndexRelationDescs[i] == NULL &&
			ExecQual(state->result->ri_IndexRelationInfo[i]->ii_PredicateState, context))
			open_index(state, i);
}

/* table_begin opens the table and its indexes, and gathers row triggers' events */
void
table_begin(Table *table)
{
	TableState *state = current_state(table);
	Relation relation;

	if (state && !state->relation && state->stale)
	{
		forget_state(table);
		state = NULL;
	}
	relation = table_open(state ? state->relid
								: get_relname_relid(table->name, get_namespace_oid("oms", false)),
						  RowExclusiveLock);
	/* taking the lock may have told of a change */
	if (state && !state->relation && state->stale)
	{
		forget_state(table);
		state = NULL;
	}
	/* a row trigger that writes the table again, through a verb, has a state of its own */
	if (state == NULL || state->relation)
		state = make_state(table, relation);
	state->relation = relation;
	state->xid = GetTopFullTransactionId();
	state->subid = GetCurrentSubTransactionId();
	state->result->ri_RelationDesc = relation;
	state->write_context = CurrentMemoryContext;
	for (int i = 0; i < state->nindexes; i++)
		if (!state->on_demand[i])
			open_index(state, i);
	state->estate->es_snapshot = GetActiveSnapshot();
	state->estate->es_output_cid = GetCurrentCommandId(true);
	AfterTriggerBeginQuery();
}

/* table_end closes what table_begin opened; later statements see the rows */
void
table_end(Table *table)
{
	TableState *state = current_state(table);

	AfterTriggerEndQuery(state->estate);
	if (state->single_use)
	{
		ExecResetTupleTable(state->estate->es_tupleTable, false);
		ExecCloseResultRelations(state->estate);
	}
	for (int i = 0; i < state->nindexes; i++)
	{
		Relation index = state->result->ri_IndexRelationDescs[i];

		if (index == NULL)
			continue;
		index_insert_end(index, state->result->ri_IndexRelationInfo[i]);
		index_close(index, NoLock);
		state->result->ri_IndexRelationDescs[i] = NULL;
	}
	table_close(state->relation, NoLock);
	ResetPerTupleExprContext(state->estate);
	state->relation = NULL;
	if (state->single_use || state->outer)
	{
		/* triggers that failed may have left states on top of this one */
		while (table->state != state)
			forget_state(table);
		forget_state(table);
	}
	CommandCounterIncrement();
}

static void
set_values(const Table *table, TableState *state, const Datum *values, const bool *nulls)
{
	TupleTableSlot *slot = state->slot;

	for (int i = 0; i < table->ncolumns; i++)
	{
		int attribute = state->attnums[i] - 1;

		slot->tts_values[attribute] = values[i];
		slot->tts_isnull[attribute] = nulls && nulls[i];
	}
	ExecStoreVirtualTuple(slot);
}

void
table_insert(Table *table, const Datum *values, const bool *nulls)
{
	TableState *state = current_state(table);
	ExprContext *context = GetPerTupleExprContext(state->estate);
	TupleTableSlot *slot = ExecClearTuple(state->slot);
	MemoryContext old;

	ResetExprContext(context);
	for (int i = 0; i < slot->tts_tupleDescriptor->natts; i++)
	{
		slot->tts_isnull[i] = true;
		slot->tts_values[i] = (Datum) 0;
		if (state->defaults[i])
			slot->tts_values[i] =
				ExecEvalExprSwitchContext(state->defaults[i], context, &slot->tts_isnull[i]);
	}
	set_values(table, state, values, nulls);
	open_indexes_of(state, slot);
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(state->estate));
	ExecSimpleRelationInsert(state->result, state->estate, slot);
	MemoryContextSwitchTo(old);
	ExecClearTuple(slot);
}

/* table_update changes a row that this transaction has locked, found by its ctid */
void
table_update(Table *table, ItemPointer tid, const Datum *values, const bool *nulls)
{
	TableState *state = current_state(table);
	TupleTableSlot *slot = ExecClearTuple(state->slot);
	int natts = slot->tts_tupleDescriptor->natts;
	MemoryContext old;

	ResetPerTupleExprContext(state->estate);
	if (!table_tuple_fetch_row_version(state->relation, tid, SnapshotAny, state->old_slot))
		elog(ERROR, "a locked row of oms.%s has gone", table->name);
	/* a copy: an error must leave no pinned buffer behind in the slot */
	ExecMaterializeSlot(state->old_slot);
	slot_getallattrs(state->old_slot);
	memcpy(slot->tts_values, state->old_slot->tts_values, natts * sizeof(Datum));
	memcpy(slot->tts_isnull, state->old_slot->tts_isnull, natts * sizeof(bool));
	set_values(table, state, values, nulls);
	open_indexes_of(state, slot);
	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(state->estate));
	ExecSimpleRelationUpdate(state->result, state->estate, &state->epq, state->old_slot, slot);
	MemoryContextSwitchTo(old);
	ExecClearTuple(state->old_slot);
	ExecClearTuple(slot);
}
