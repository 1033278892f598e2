/*
 * pool.c
 *	  Pools of connections and their queues.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "conn.h"
#include "log.h"
#include "metrics.h"
#include "pool.h"
#include "reply.h"

#define RECHECK_MS 15000

static const char *const role_names[ROLE_COUNT] = {"login", "staff", "admin"};

Query *
query_new(Thread *thread, QueryKind kind, Request *request)
{
	Query *query = thread->free_query;

	if (query)
		thread->free_query = query->next;
	else
		query = xcalloc(1, sizeof *query);
	memset(query, 0, sizeof *query);
	query->kind = kind;
	query->request = request;
	if (request)
	{
		query->op = request->op;
		query->writes = kind == QUERY_CALL && request->op->write;
		request->query = query;
	}
	return query;
}

void
query_free(Thread *thread, Query *query)
{
	if (query->result)
		PQclear(query->result);
	if (query->request)
		query->request->query = NULL;
	query->next = thread->free_query;
	thread->free_query = query;
}

/* values that are not NUL-terminated go in binary format, 1, which for text is the same bytes */
void
query_add(Query *query, Span value, int format)
{
	query->values[query->nvalues] = value.base;
	query->lengths[query->nvalues] = (int) value.len;
	query->formats[query->nvalues] = format;
	query->nvalues++;
}

bool
query_is_call(const Query *query)
{
	return query->kind == QUERY_CALL || query->kind == QUERY_EXPORT;
}

bool
pool_serves(const Pool *pool, const Operation *op)
{
	if (!op->call || op->slow != pool->slow)
		return false;
	return op->role == ROLE_NONE ? pool->role == ROLE_NONE
								 : pool->role != ROLE_NONE && pool->role >= op->role;
}

/* true if a slow pool of a role that may ask for whole lists */
static bool
pool_exports(const Pool *pool)
{
	bool found = false;

	for (unsigned k = 0; k < route_count() && !found; k++)
		found = route_operation(k)->export && route_operation(k)->role <= pool->role;
	return found && pool->slow && pool->role != ROLE_NONE;
}

/* a pool for each kind and role that some operation needs */
void
pool_thread_open(Thread *thread)
{
	thread->pools = xcalloc(2 * ROLE_COUNT, sizeof *thread->pools);
	for (unsigned i = 0; i < 2 * ROLE_COUNT; i++)
	{
		Pool *pool = &thread->pools[thread->npools];
		bool needed = false;

		pool->slow = i >= ROLE_COUNT;
		pool->role = (Role) (i % ROLE_COUNT);
		for (unsigned k = 0; k < route_count() && !needed; k++)
		{
			const Operation *op = route_operation(k);

			needed = pool_serves(pool, op) && op->role <= pool->role;
		}
		pool->exports = pool_exports(pool);
		needed |= pool->exports;
		if (!needed)
			continue;
		snprintf(pool->name, sizeof pool->name, "%s_%s", pool->slow ? "slow" : "fast",
				 role_names[pool->role]);
		pool->thread = thread;
		pool->tail = &pool->head;
		pool->depth = pool->slow ? 1 : (unsigned) config()->pipeline_depth;
		pool->timeout = pool->slow ? config()->slow_timeout : config()->fast_timeout;
		pool->nconns = (unsigned) (!pool->slow               ? config()->pool_fast
								   : pool->role == ROLE_NONE ? config()->pool_login
															 : config()->pool_slow);
		pool->missing = xcalloc(route_count(), sizeof *pool->missing);
		pool->conns = conn_create(pool, pool->nconns);
		thread->npools++;
	}
}

void
pool_thread_close(Thread *thread)
{
	for (unsigned i = 0; i < thread->npools; i++)
	{
		Pool *pool = &thread->pools[i];

		pool_fail_queued(pool);
		conn_destroy(pool->conns, pool->nconns);
		free(pool->missing);
	}
	free(thread->pools);
	thread->npools = 0;
	while (thread->free_query)
	{
		Query *query = thread->free_query;

		thread->free_query = query->next;
		free(query);
	}
}

/* the pool for a request: of the user's own role, so that the database sees who it is */
static Pool *
find_pool(const Request *request, QueryKind kind)
{
	Thread *thread = request->thread;
	const Operation *op = request->op;

	for (unsigned i = 0; i < thread->npools; i++)
	{
		Pool *pool = &thread->pools[i];

		if (kind == QUERY_EXPORT ? pool->exports && pool->role == request->role
			: op->builtin == BUILTIN_READYZ
				? !pool->slow
				: pool_serves(pool, op) && (op->role == ROLE_NONE || pool->role == request->role))
			return pool;
	}
	return NULL;
}

static bool
is_missing(const Pool *pool, const Query *query)
{
	return query->kind == QUERY_EXPORT ? pool->no_exports
									   : query->op->call && pool->missing[query->op->index];
}

/* one that has begun to reply can only be cut off, so it waits with more patience */
static void
set_deadline(Pool *pool, Query *query)
{
	bool begun = query->request && query->request->replied;

	query->deadline = pool->thread->now_ms + (begun ? pool->timeout : config()->queue_timeout);
}

void
pool_submit(Request *request, Query *query)
{
	Pool *pool = find_pool(request, query->kind);
	Thread *thread = request->thread;

	if (!pool || pool->down)
		reply_problem(request, ERR_DATABASE_UNAVAILABLE, "the database cannot be reached", NULL);
	else if (is_missing(pool, query))
		reply_problem(request, ERR_NOT_INSTALLED,
					  "the database lacks the function of this operation", NULL);
	else if (pool->queued >= (unsigned) config()->queue_limit && !request->replied)
		reply_problem(request, ERR_OVERLOADED, "too many requests wait for the database", NULL);
	else
	{
		set_deadline(pool, query);
		*pool->tail = query;
		pool->tail = &query->next;
		pool->queued++;
		pool_pump(pool);
		return;
	}
	query_free(thread, query);
}

void
pool_requeue(Pool *pool, Query *query)
{
	if (query->result)
		PQclear(query->result);
	query->result = NULL;
	query->failed = false;
	query->next = NULL;
	query->attempts++;
	set_deadline(pool, query);
	*pool->tail = query;
	pool->tail = &query->next;
	pool->queued++;
	metrics_add(pool->thread, COUNT_DB_RETRIES, 1);
}

static Query *
dequeue(Pool *pool)
{
	Query *query = pool->head;

	pool->head = query->next;
	if (!pool->head)
		pool->tail = &pool->head;
	query->next = NULL;
	pool->queued--;
	return query;
}

/* true if the query need not be sent any more; it is gone then */
static bool
is_settled(Pool *pool, Query *query)
{
	Request *request = query->request;

	if (request && is_missing(pool, query))
		reply_problem(request, ERR_NOT_INSTALLED,
					  "the database lacks the function of this operation", NULL);
	else
	{
		/* h2o does not read while a request is served, so one has to ask */
		if (request && (!query->waited || !http_client_left(request)))
			return false;
		if (request)
			reply_left(request);
		metrics_add(pool->thread, COUNT_DB_ORPHANS, 1);
	}
	query_free(pool->thread, query);
	return true;
}

void
pool_pump(Pool *pool)
{
	while (pool->head)
	{
		struct Conn *conn = conn_choose(pool);
		Query *query;

		if (!conn)
			break;
		query = dequeue(pool);
		if (!is_settled(pool, query))
			conn_send(conn, query);
	}
	for (Query *query = pool->head; query && !query->waited; query = query->next)
		query->waited = true;
}

void
pool_fail_queued(Pool *pool)
{
	while (pool->head)
	{
		Query *query = dequeue(pool);

		if (query->request)
			reply_problem(query->request, ERR_DATABASE_UNAVAILABLE,
						  "the database cannot be reached", NULL);
		query_free(pool->thread, query);
	}
}

/* answers requests that waited too long */
static void
expire_queued(Pool *pool)
{
	while (pool->head && pool->head->deadline <= pool->thread->now_ms)
	{
		Query *query = dequeue(pool);

		if (query->request)
			reply_problem(query->request, pool->nready ? ERR_OVERLOADED : ERR_DATABASE_UNAVAILABLE,
						  pool->nready ? "no connection to the database became free in time"
									   : "the database cannot be reached",
						  NULL);
		query_free(pool->thread, query);
	}
}

void
pool_tick(Thread *thread)
{
	for (unsigned i = 0; i < thread->npools; i++)
	{
		Pool *pool = &thread->pools[i];
		bool recheck = pool->nmissing > 0 && pool->recheck_at <= thread->now_ms;

		if (recheck)
			pool->recheck_at = thread->now_ms + RECHECK_MS;
		conn_tick(pool, recheck);
		expire_queued(pool);
		pool_pump(pool);
	}
}

void
pool_soon(Thread *thread)
{
	for (unsigned i = 0; i < thread->npools; i++)
		conn_soon(&thread->pools[i]);
}

bool
pool_busy(const Thread *thread)
{
	for (unsigned i = 0; i < thread->npools; i++)
		if (thread->pools[i].head || conn_busy(&thread->pools[i]))
			return true;
	return false;
}
