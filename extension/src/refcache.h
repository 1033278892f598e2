/*
 * refcache.h
 *	  Small tables that are read once and kept until somebody changes them.
 */
#ifndef OMS_REFCACHE_H
#define OMS_REFCACHE_H

#include "oms.h"

/*
 * RefCache: a table of schema oms whose rows a session keeps.  "fill" makes the
 * caller's copy, in TopMemoryContext, from the n rows of the last plan_ call.
 */
typedef struct RefCache
{
	const char *table;
	KeptPlan *select;
	void (*fill)(uint64 n);
	Oid relid;
	uint64 changes; /* of the table, as far as this session has heard */
	uint64 read_at; /* "changes" before the rows were read */
	struct RefCache *next;
} RefCache;

#define REFCACHE(table, select, fill)                                                              \
	{                                                                                              \
		table, select, fill, InvalidOid, 1, 0, NULL                                                \
	}

/* refcache_need sees to it that "fill" has run since the last change that was heard of */
extern void refcache_need(RefCache *cache);

#endif /* OMS_REFCACHE_H */
