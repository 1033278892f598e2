/*
 * integrity.h
 *	  The proof that nothing is wrong: what to look at, and what was found.
 */
#ifndef OMS_INTEGRITY_H
#define OMS_INTEGRITY_H

#include "oms.h"

/* Scope: what the rows of a check are chosen by, as oms.integrity_rules() names it */
typedef enum Scope
{
	SCOPE_ORDERS,
	SCOPE_PRODUCTS,
	SCOPE_HOLDS,
	SCOPE_CUSTOMERS,
	SCOPE_EVENTS,
	SCOPE_ANSWERS,
	SCOPE_SCHEMA
} Scope;

#define SCOPES (SCOPE_SCHEMA + 1)

/* the parameters of the queries that oms.integrity_form() makes */
#define INTEGRITY_ARGS 11

/* IntegrityWish: what the caller wants looked at; ids of 0 are not given */
typedef struct IntegrityWish
{
	bool incremental;
	bool has_since;
	TimestampTz since;
	int64 first[2]; /* of SCOPE_ORDERS and SCOPE_PRODUCTS */
	int64 last[2];
	int examples;
} IntegrityWish;

/* IntegrityRange: what a run looks at */
typedef struct IntegrityRange
{
	const char *kind; /* of oms.integrity_run */
	const char *form; /* of oms.integrity_form() */
	Datum args[INTEGRITY_ARGS];
	bool chosen[SCOPES];
	char *first[SCOPES]; /* for people: ids or times, or NULL */
	char *last[SCOPES];
} IntegrityRange;

/* IntegrityCheck: one check of a run */
typedef struct IntegrityCheck
{
	char *name;
	char *description;
	Scope scope;
	char *examined_from; /* FROM clause of the rows it looks at */
	char *query;
	int64 examined;
	int64 problems;
	double ms;
	char *found; /* JSON array of subjects */
} IntegrityCheck;

/* IntegrityRun: a run that was made */
typedef struct IntegrityRun
{
	int64 id;
	TimestampTz started_at;
	TimestampTz finished_at;
	IntegrityRange range;
	int nchecks;
	IntegrityCheck *checks;
	int64 examined;
	int64 problems;
} IntegrityRun;

/* integrity_range.c */
extern void integrity_choose(IntegrityRange *range, const IntegrityWish *wish);
extern const char *scope_name(Scope scope);
extern Scope scope_find(const char *name);
extern uint64 integrity_query(const char *sql, const Datum *args);

/* integrity.c */
extern IntegrityRun *integrity_run(Verb *verb, const IntegrityWish *wish);

#endif /* OMS_INTEGRITY_H */
