/*
 * lookup.h
 *	  Rows found by an index, and locked, without a statement.
 */
#ifndef OMS_LOOKUP_H
#define OMS_LOOKUP_H

#include "oms.h"

/*
 * Lookup: some columns of the rows of a table of schema oms that have a key.
 * The key is the first column of a B-tree index, a bigint that rows never
 * change: so a row that was changed while it was waited for is still the one
 * that was looked for.
 */
typedef struct Lookup
{
	const char *table;
	const char *index;
	bool lock;           /* FOR NO KEY UPDATE */
	const char *order;   /* a bigint, by which the rows of a key are locked and returned, or NULL */
	const char *columns; /* as in SELECT; "ctid" may be one */
	struct LookupState *state;
} Lookup;

#define LOOKUP(table, index, columns)                                                              \
	{                                                                                              \
		table, index, false, NULL, columns, NULL                                                   \
	}
#define LOOKUP_LOCK(table, index, columns)                                                         \
	{                                                                                              \
		table, index, true, NULL, columns, NULL                                                    \
	}
#define LOOKUP_LOCK_BY(table, index, order, columns)                                               \
	{                                                                                              \
		table, index, true, order, columns, NULL                                                   \
	}

/*
 * lookup_rows finds the rows of some keys, one key after the other, each one's in
 * the order of "order" or else of the index, and locks them in this order.  It
 * sees what plan_write sees, and leaves its rows to the row_ functions as that
 * does.
 */
extern uint64 lookup_rows(Lookup *lookup, const int64 *keys, int n);

#endif /* OMS_LOOKUP_H */
