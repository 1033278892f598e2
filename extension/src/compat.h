/*
 * compat.h
 *	  Differences between PostgreSQL 14 and 18, each with what changed.
 */
#ifndef OMS_COMPAT_H
#define OMS_COMPAT_H

#include "postgres.h"

#include "access/genam.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/parse_relation.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#if PG_VERSION_NUM < 140000
#error "oms needs PostgreSQL 14 or later"
#endif

/* 15 took away the settings of a reserved prefix that nobody defined, 14 only warns */
#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

/* 16 merged the pg_xxx_aclcheck functions into one */
#if PG_VERSION_NUM < 160000
#define function_aclcheck(function, role) pg_proc_aclcheck(function, role, ACL_EXECUTE)
#define namespace_aclcheck(schema, role) pg_namespace_aclcheck(schema, role, ACL_USAGE)
#else
#define function_aclcheck(function, role)                                                          \
	object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE)
#define namespace_aclcheck(schema, role)                                                           \
	object_aclcheck(NamespaceRelationId, schema, role, ACL_USAGE)
#endif

/*
 * search_path_pin sets the search_path to pg_catalog, pg_temp until
 * search_path_unpin or the end of the (sub)transaction.  17 took the override
 * stack away and made the GUC's own nesting cheap instead.
 */
#if PG_VERSION_NUM >= 170000
typedef int SearchPathState;

static inline void
search_path_pin(SearchPathState *state)
{
	*state = NewGUCNestLevel();
	RestrictSearchPath();
}

static inline void
search_path_unpin(SearchPathState *state)
{
	AtEOXact_GUC(false, *state);
}
#else
typedef char SearchPathState;

static inline void
search_path_pin(SearchPathState *state)
{
	static OverrideSearchPath path = {.schemas = NIL, .addCatalog = true, .addTemp = false};

	*state = 0;
	PushOverrideSearchPath(&path);
}

static inline void
search_path_unpin(SearchPathState *state)
{
	(void) state;
	PopOverrideSearchPath();
}
#endif

/* materialized_srf prepares rsinfo to take rows; 15 has it as a core function */
static inline void
materialized_srf(FunctionCallInfo fcinfo)
{
#if PG_VERSION_NUM >= 150000
	InitMaterializedSRF(fcinfo, 0);
#else
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext old = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult = tuplestore_begin_heap(true, false, work_mem);
	rsinfo->setDesc = CreateTupleDescCopy(desc);
	MemoryContextSwitchTo(old);
#endif
}

/* eval_plan_qual_init readies an EPQState that runs no plan; 16 took one argument more */
static inline void
eval_plan_qual_init(EPQState *epq, EState *estate)
{
#if PG_VERSION_NUM >= 160000
	EvalPlanQualInit(epq, estate, NULL, NIL, -1, NIL);
#else
	EvalPlanQualInit(epq, estate, NULL, NIL, -1);
#endif
}

/*
 * init_range_table tells an executor's state of its only table, and which of
 * its columns are updated.  16 moved these to a list of their own, 18 asks which
 * tables are left after pruning.
 */
static inline void
init_range_table(EState *estate, Relation relation, Bitmapset *updated)
{
	RangeTblEntry *entry = makeNode(RangeTblEntry);
#if PG_VERSION_NUM >= 160000
	List *permissions = NIL;
#endif

	entry->rtekind = RTE_RELATION;
	entry->relid = RelationGetRelid(relation);
	entry->relkind = relation->rd_rel->relkind;
	entry->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
	addRTEPermissionInfo(&permissions, entry)->updatedCols = updated;
#else
	entry->updatedCols = updated;
#endif
#if PG_VERSION_NUM >= 180000
	ExecInitRangeTable(estate, list_make1(entry), permissions, bms_make_singleton(1));
#elif PG_VERSION_NUM >= 160000
	ExecInitRangeTable(estate, list_make1(entry), permissions);
#else
	ExecInitRangeTable(estate, list_make1(entry));
#endif
}

/* index_scan_begin begins a plain scan; 18 took an argument more, for EXPLAIN */
static inline IndexScanDesc
index_scan_begin(Relation relation, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(relation, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(relation, index, snapshot, nkeys, 0);
#endif
}

/* index_insert_end lets an index give back what it held between inserts: 17's BRIN a buffer */
static inline void
index_insert_end(Relation index, IndexInfo *info)
{
#if PG_VERSION_NUM >= 170000
	index_insert_cleanup(index, info);
#else
	(void) index;
	(void) info;
#endif
}

/* 16 tells more of an error in a date */
#if PG_VERSION_NUM >= 160000
#define decode_datetime(field, types, n, type, tm, fsec, zone)                                     \
	DecodeDateTime(field, types, n, type, tm, fsec, zone, &(DateTimeErrorExtra){0})
#else
#define decode_datetime DecodeDateTime
#endif

#endif /* OMS_COMPAT_H */
