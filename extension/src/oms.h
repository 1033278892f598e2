/*
 * oms.h
 *	  What every file of the extension shares: errors, verbs, kept plans, rows.
 */
#ifndef OMS_H
#define OMS_H

#include "postgres.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"

#define OMS_VERSION "1.1"
#define OMS_SCHEMA_VERSION 2 /* of the tables made by oms.install() */

/* ---------------------------------------------------------------- errors */

/* OmsError: one name for each line of errcode.h, as OMS_ORDER_NOT_FOUND */
typedef enum OmsError
{
#define OMS_ERROR(digits, name, http, title) OMS_##name,
#include "errcode.h"
#undef OMS_ERROR
} OmsError;

extern int oms_sqlstate(OmsError error);

/* for use inside ereport(), beside errmsg() */
#define oms_errcode(error) errcode(oms_sqlstate(error))

/*
 * Outcome: what became of one element of a call for many at once.  A message
 * of NULL means success; single verbs raise it, array verbs return it.
 */
typedef struct Outcome
{
	int64 id;         /* of the order, once it is known */
	bool moved;       /* for a transition: it was not there already */
	TimestampTz at;   /* set by the caller: when it happened, or 0 for now */
	bool wants_split; /* set by the caller: tell where the units come from */
	char *split;      /* then a JSON array, or NULL when none were allocated */
	int sqlstate;
	bool by_twin; /* failed because another of the same call succeeds */
	char *message;
	char *detail; /* JSON, or NULL */
	char *hint;
} Outcome;

extern void outcome_fail(Outcome *outcome, OmsError error, char *message, char *detail, char *hint);
extern void outcome_raise(const Outcome *outcome);
/* raises the error of the first of n elements of an argument that failed, with its row from 0 */
extern void outcome_raise_first(const Outcome *outcomes, int n, const char *argument);
extern Datum outcome_return(FunctionCallInfo fcinfo, const Outcome *outcomes, int n);

/* ----------------------------------------------------------------- verbs */

/*
 * Verb: one call into oms, from its SQL function's first line to its last.
 * While it runs, tables may be written (verb_running), SQL runs with the rights
 * of the tables' owner and a pinned search_path, and SPI is connected.
 */
typedef struct Verb
{
	MemoryContext caller;   /* where results must be made */
	Oid userid;             /* the role that called */
	const char *actor;      /* who acts: a user of the API or a database role */
	const char *request_id; /* of the REST request, or NULL */
	int64 import_id;        /* of the import whose rows are run: its events say so; else 0 */
	struct Verb *outer;     /* the verb whose trigger called this one */
} Verb;

typedef Datum (*VerbBody)(Verb *verb, FunctionCallInfo fcinfo);

extern bool verb_running(void);
extern void check_actor_trusted(void); /* raises OM024 */
extern Datum verb_call(FunctionCallInfo fcinfo, VerbBody body, bool rest, bool write);
extern Datum verb_body(Verb *verb, FunctionCallInfo fcinfo, VerbBody body, bool write);

/*
 * Defines the SQL-callable C function oms_NAME, whose work is NAME(verb, fcinfo).
 * OMS_VERB writes, OMS_QUERY only reads; the REST_ forms take the actor and the
 * request id as their first two arguments.
 */
#define OMS_FUNCTION(name, rest, write)                                                            \
	static Datum name(Verb *verb, FunctionCallInfo fcinfo);                                        \
	PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_##name);                                                   \
	Datum oms_##name(PG_FUNCTION_ARGS)                                                             \
	{                                                                                              \
		return verb_call(fcinfo, name, rest, write);                                               \
	}                                                                                              \
	extern int oms_require_semicolon

#define OMS_VERB(name) OMS_FUNCTION(name, false, true)
#define OMS_QUERY(name) OMS_FUNCTION(name, false, false)
#define REST_VERB(name) OMS_FUNCTION(name, true, true)
#define REST_QUERY(name) OMS_FUNCTION(name, true, false)

/* ----------------------------------------------------------------- plans */

#define PLAN_MAX_ARGS 24

/* KeptPlan: one SQL statement, prepared at its first use and kept for the session */
typedef struct KeptPlan
{
	const char *sql;
	int nargs;
	Oid argtypes[PLAN_MAX_ARGS];
	SPIPlanPtr plan;
	bool custom; /* may be planned for the values at hand */
} KeptPlan;

#define PLAN(sql, ...)                                                                             \
	{                                                                                              \
		sql, sizeof((Oid[]){__VA_ARGS__}) / sizeof(Oid), {__VA_ARGS__}, NULL, false                \
	}
#define PLAN0(sql)                                                                                 \
	{                                                                                              \
		sql, 0, {InvalidOid}, NULL, false                                                          \
	}

/*
 * plan_write runs a statement that sees all before it; plan_read one that sees
 * what the calling statement sees.  Both return the number of rows, which are
 * then read by the row_ functions.  Arguments are Datums; "nulls" may be NULL,
 * else a string with 'n' where an argument is null and ' ' elsewhere.
 */
extern uint64 plan_write(KeptPlan *plan, Datum *args, const char *nulls);
extern uint64 plan_read(KeptPlan *plan, Datum *args, const char *nulls);
extern KeptPlan *plan_lookup(const char *sql, int nargs, const Oid *argtypes);

/* columns count from 1; the rows are those of the last plan_ call */
extern Datum row_datum(uint64 row, int column, bool *isnull);
extern int64 row_int64(uint64 row, int column);
extern int32 row_int32(uint64 row, int column);
extern bool row_bool(uint64 row, int column);
extern ItemPointer row_tid(uint64 row, int column);
extern char *row_cstring(uint64 row, int column); /* NULL where SQL says NULL */

extern int int8_compare(const void *a, const void *b); /* for qsort and bsearch */
extern int int8_sort_unique(int64 *values, int n);     /* returns how many are left */
extern Datum int8_array(const int64 *values, int n);

/* ---------------------------------------------------------------- events */

/*
 * event_append writes n events of one type in this transaction.  "payloads"
 * holds jsonb Datums, or is NULL for empty ones.
 */
extern void event_append(Verb *verb, const char *type, const char *aggregate, int n,
						 const int64 *aggregate_ids, const int64 *versions, const Datum *payloads);

/* task_enqueue queues n tasks for a handler; payloads are jsonb Datums */
extern void task_enqueue(Verb *verb, const char *handler, int n, const Datum *payloads);

/* worker_wake_at_commit sets the workers' latches when this transaction commits */
extern void worker_wake_at_commit(void);

#endif /* OMS_H */
