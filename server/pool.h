/*
 * pool.h
 *	  Connections to the database, and the requests that wait for them.
 *
 * A pool is a set of connections that log in as one role.  Fast pools are
 * pipelined, slow ones take one request at a time, so that a report or a
 * password hash never stands in front of an order.
 */
#ifndef OMSD_POOL_H
#define OMSD_POOL_H

#include "http.h"

struct Conn;

typedef enum QueryKind
{
	QUERY_CALL,    /* a function for a request */
	QUERY_EXPORT,  /* oms_rest.list_export() for a request */
	QUERY_READY,   /* oms_rest.ready(), for /readyz or after connecting */
	QUERY_PREPARE, /* after connecting */
	QUERY_FLUSH    /* oms_rest.wal_flush() */
} QueryKind;

#define MAX_VALUES (2 + MAX_ARGS)

/*
 * Something sent, or to be sent, to the database.  It has two owners: the
 * request, which may go first, and the queue or connection that it is in.
 * Values belong to the request; once sent they are not looked at again,
 * unless the call is repeated and the request is still there.
 */
typedef struct Query
{
	struct Query *next;
	Request *request;    /* NULL once the client has left */
	const Operation *op; /* NULL but for calls, exports and the preparation of calls */
	PGresult *result;    /* kept until the sync that follows it */
	QueryKind kind;
	bool failed;
	bool writes; /* what it did must be on disk before it is answered */
	bool dry_run;
	bool waited; /* was not sent at once */
	uint8_t attempts;
	int64_t deadline; /* for being sent, monotonic ms */
	int nvalues;
	const char *values[MAX_VALUES];
	int lengths[MAX_VALUES];
	int formats[MAX_VALUES];
} Query;

typedef struct Pool
{
	Thread *thread;
	char name[32];
	Role role;
	bool slow;
	unsigned depth;  /* requests under way on one connection */
	int64_t timeout; /* statement_timeout, ms */
	struct Conn *conns;
	unsigned nconns;
	unsigned nready;
	bool down;       /* no connection, and the last attempt failed */
	bool exports;    /* whole lists are asked for here */
	bool no_exports; /* their function cannot be called */
	bool *missing;   /* by operation: its function cannot be called */
	unsigned nmissing;
	int64_t recheck_at; /* when to look for missing functions again */
	Query *head;
	Query **tail;
	unsigned queued;
} Pool;

/* sends the request's call, or queues it, or replies why neither can be done */
extern void pool_submit(Request *request, Query *query);

/* an empty query for a request, which then points to it */
extern Query *query_new(Thread *thread, QueryKind kind, Request *request);
extern void query_add(Query *query, Span value, int format);
extern void query_free(Thread *thread, Query *query);

/* sends what waits, as far as connections have room */
extern void pool_pump(Pool *pool);

/* puts a query back into its queue; for calls that may be repeated */
extern void pool_requeue(Pool *pool, Query *query);

/* replies to everything that waits, since there is no database */
extern void pool_fail_queued(Pool *pool);

/* true for what clients ask, and what is asked again if the connection breaks */
extern bool query_is_call(const Query *query);
extern bool pool_serves(const Pool *pool, const Operation *op);
extern void pool_tick(Thread *thread);

/* at the end of a turn of the loop, if loop_soon() was called in it */
extern void pool_soon(Thread *thread);

/* true while a query is queued or under way */
extern bool pool_busy(const Thread *thread);
extern void pool_thread_open(Thread *thread);
extern void pool_thread_close(Thread *thread);

#endif
