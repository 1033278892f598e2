/*
 * conn.c
 *	  One pipelined connection to the database.
 *
 * Every query has a Sync of its own, so it is a transaction of its own, and
 * is answered only when that Sync has come back: an error at commit arrives
 * after the rows.  Connections run with synchronous_commit off, so that locks
 * are released early; a call that writes is therefore answered only after
 * wal_flush(), sent behind it on the same connection, has come back too.  At
 * most one flush is under way, and when it returns everything sent before it
 * is on disk: an idle system flushes at once, a busy one once for many calls.
 * A flush goes at the end of the loop's turn, so that it covers all calls that
 * came in with the same turn.
 *
 * A dry run has the statement that sets oms.dry_run for its transaction in front
 * of the call, with no Sync between: the setting ends with the call.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "conn.h"
#include "connect.h"
#include "log.h"
#include "metrics.h"
#include "reply.h"

/* what a connection may take beyond statement_timeout before it counts as dead */
#define GRACE_MS 2000

#define MAX_ATTEMPTS 3

static void on_input(void *data);
static void finish(Conn *conn, Query *query);

Conn *
conn_choose(Pool *pool)
{
	Conn *best = NULL;

	for (unsigned i = 0; i < pool->nconns; i++)
	{
		Conn *conn = &pool->conns[i];

		if (conn->state == CONN_READY && !conn->retiring && conn->calls < pool->depth &&
			(!best || conn->calls < best->calls))
			best = conn;
	}
	return best;
}

/* sends what libpq holds back; what the socket does not take goes when it does */
bool
conn_flush(Conn *conn)
{
	int left = PQflush(conn->pg);

	if (left > 0)
		watch_write(conn->watch, conn_on_writable);
	return left >= 0;
}

void
conn_on_writable(void *data)
{
	Conn *conn = data;

	if (!conn_flush(conn))
		conn_drop(conn, PQerrorMessage(conn->pg));
}

/* puts a query behind those under way; what follows is its Sync */
bool
conn_append(Conn *conn, Query *query, int sent)
{
	if (!conn->head)
		conn->deadline = conn->pool->thread->now_ms + conn->pool->timeout + GRACE_MS;
	*conn->tail = query;
	conn->tail = &query->next;
	return sent == 1 && PQpipelineSync(conn->pg) == 1;
}

static bool
send_flush(Conn *conn)
{
	Query *query = query_new(conn->pool->thread, QUERY_FLUSH, NULL);

	conn->flushing = true;
	conn->writes = 0;
	return conn_append(conn, query,
					   PQsendQueryPrepared(conn->pg, STATEMENT_FLUSH, 0, NULL, NULL, NULL, 0));
}

void
conn_send(Conn *conn, Query *query)
{
	bool ok;

	conn->calls++;
	if (query->kind == QUERY_READY)
		ok = conn_append(conn, query,
						 PQsendQueryParams(conn->pg, SQL_READY, 0, NULL, NULL, NULL, NULL, 0));
	else
	{
		bool sent = !query->dry_run ||
					PQsendQueryPrepared(conn->pg, STATEMENT_DRY_RUN, 0, NULL, NULL, NULL, 0) == 1;

		ok = conn_append(
			conn, query,
			sent && PQsendQueryPrepared(
						conn->pg, query->kind == QUERY_EXPORT ? STATEMENT_EXPORT : query->op->call,
						query->nvalues, query->values, query->lengths, query->formats, 0));
	}
	if (query->writes && conn->writes++ == 0)
		loop_soon(conn->pool->thread);
	if (!ok || !conn_flush(conn))
		conn_drop(conn, PQerrorMessage(conn->pg));
}

/* the answer to a query whose connection is gone */
static void
lose(Pool *pool, Query *query)
{
	Request *request = query->request;

	if (request && query_is_call(query) && !query->writes && query->attempts == 0)
	{
		pool_requeue(pool, query);
		return;
	}
	if (request && query->kind == QUERY_CALL && query->writes)
		reply_problem(request, ERR_DATABASE_UNAVAILABLE,
					  "the connection to the database was lost; whether this was done is not known",
					  "repeat it with the same Idempotency-Key, or look before you repeat it");
	else if (request)
		reply_problem(request, ERR_DATABASE_UNAVAILABLE, "the connection to the database was lost",
					  NULL);
	query_free(pool->thread, query);
}

static void
lose_all(Pool *pool, Query *query)
{
	while (query)
	{
		Query *next = query->next;

		query->next = NULL;
		lose(pool, query);
		query = next;
	}
}

/* closes a connection and says when to try again */
void
conn_drop(Conn *conn, const char *why)
{
	Pool *pool = conn->pool;
	Query *under_way = conn->head;
	Query *unflushed = conn->unflushed;
	bool was_ready = conn->state == CONN_READY;

	if (why && (was_ready || !pool->down))
		log_note(LOG_LEVEL_WARNING, "connection of pool %s: %s", pool->name, why);
	if (was_ready)
	{
		pool->nready--;
		conn->pause = 0;
		metrics_add(pool->thread, COUNT_DB_LOST, why != NULL);
	}
	else
	{
		int64_t longest = config()->reconnect_max;

		conn->pause = conn->pause ? conn->pause * 2 : 100;
		if (conn->pause > longest)
			conn->pause = longest;
	}
	watch_close(conn->watch);
	PQfinish(conn->pg);
	conn_reset(conn);
	/* not all at the same moment */
	conn->deadline = pool->thread->now_ms + conn->pause - conn->pause * (random() % 256) / 1024;
	lose_all(pool, unflushed);
	lose_all(pool, under_way);
	if (!was_ready && why && pool->nready == 0)
	{
		pool->down = true;
		pool_fail_queued(pool);
	}
}

/* everything sent before the flush is on disk, or not known to be */
static void
finish_flush(Conn *conn, Query *flush)
{
	Query *query = conn->unflushed;
	bool ok = !flush->failed;
	unsigned n = 0;

	conn->unflushed = NULL;
	conn->unflushed_tail = &conn->unflushed;
	conn->flushing = false;
	if (!ok)
		log_database(LOG_LEVEL_ERROR, NULL, "wal_flush", flush->result);
	query_free(conn->pool->thread, flush);
	while (query)
	{
		Query *next = query->next;

		query->next = NULL;
		if (ok)
			finish(conn, query);
		else
			lose(conn->pool, query);
		query = next;
		n++;
	}
	metrics_add(conn->pool->thread, COUNT_DB_FLUSHES, 1);
	metrics_add(conn->pool->thread, COUNT_DB_FLUSHED, n);
	if (conn->writes > 0)
		loop_soon(conn->pool->thread);
}

static bool
is_state(const Query *query, const char *const *states)
{
	const char *state = query->failed ? PQresultErrorField(query->result, PG_DIAG_SQLSTATE) : NULL;

	for (; state && *states; states++)
		if (strcmp(state, *states) == 0)
			return true;
	return false;
}

/* replies to a call, or repeats it */
static void
finish(Conn *conn, Query *query)
{
	static const char *const repeatable[] = {"40001", "40P01", NULL};
	static const char *const stale[] = {"0A000", "26000", "42883", "3F000", NULL};
	Pool *pool = conn->pool;
	Request *request = query->request;
	PGresult *result;

	if (query->failed && is_state(query, stale))
		conn->retiring = true;
	if (query->failed && request && query_is_call(query) && query->attempts < MAX_ATTEMPTS &&
		(is_state(query, repeatable) || (conn->retiring && is_state(query, stale))))
	{
		pool_requeue(pool, query);
		return;
	}
	if (!request)
	{
		metrics_add(pool->thread, COUNT_DB_ORPHANS, 1);
		query_free(pool->thread, query);
		return;
	}
	result = query->result;
	query->result = NULL;
	query_free(pool->thread, query);
	reply_result(request, result);
}

/* the Sync of the first query under way has come back */
static void
on_sync(Conn *conn)
{
	Query *query = conn->head;

	conn->head = query->next;
	if (!conn->head)
		conn->tail = &conn->head;
	query->next = NULL;
	conn->deadline = conn->pool->thread->now_ms + conn->pool->timeout + GRACE_MS;
	if (conn->state != CONN_READY)
		conn_on_prepared(conn, query);
	else if (query->kind == QUERY_FLUSH)
		finish_flush(conn, query);
	else
	{
		metrics_add(conn->pool->thread, COUNT_DB_CALLS, 1);
		conn->calls--;
		if (query->writes && !query->failed)
		{
			*conn->unflushed_tail = query;
			conn->unflushed_tail = &query->next;
		}
		else
			finish(conn, query);
	}
}

/* keeps the outcome of the first query under way; an error may follow the rows */
static void
keep_result(Query *query, PGresult *result, bool failed)
{
	if (query->result)
		PQclear(query->result);
	query->result = result;
	query->failed = failed;
}

/* reads results while there are any; false if the connection is of no use any more */
static bool
read_results(Conn *conn)
{
	int nothing = 0;

	while (conn->pg && !PQisBusy(conn->pg) && conn->head)
	{
		PGresult *result = PQgetResult(conn->pg);

		if (!result)
		{
			/* a separator between queries; a row of them means libpq lost its way */
			if (++nothing > 4)
				return false;
			continue;
		}
		nothing = 0;
		switch (PQresultStatus(result))
		{
			case PGRES_PIPELINE_SYNC:
				PQclear(result);
				on_sync(conn);
				break;
			case PGRES_PIPELINE_ABORTED:
				PQclear(result);
				break;
			case PGRES_TUPLES_OK:
			case PGRES_COMMAND_OK:
				keep_result(conn->head, result, false);
				break;
			default:
				keep_result(conn->head, result, true);
		}
	}
	return !conn->pg || PQstatus(conn->pg) != CONNECTION_BAD;
}

static void
on_input(void *data)
{
	Conn *conn = data;
	PGnotify *notify;

	if (!PQconsumeInput(conn->pg) || !conn_flush(conn) || !read_results(conn))
	{
		if (conn->pg)
			conn_drop(conn, PQerrorMessage(conn->pg));
		return;
	}
	if (!conn->pg)
		return;
	while ((notify = PQnotifies(conn->pg)) != NULL)
		PQfreemem(notify);
	if (conn->retiring && !conn->head && !conn->unflushed)
		conn_drop(conn, NULL);
	else if (conn->state == CONN_READY && !conn_flush(conn))
		conn_drop(conn, PQerrorMessage(conn->pg));
	pool_pump(conn->pool);
}

void
conn_start_reading(Conn *conn)
{
	watch_read(conn->watch, on_input);
}

void
conn_soon(Pool *pool)
{
	for (unsigned i = 0; i < pool->nconns; i++)
	{
		Conn *conn = &pool->conns[i];

		if (conn->writes > 0 && !conn->flushing && (!send_flush(conn) || !conn_flush(conn)))
			conn_drop(conn, PQerrorMessage(conn->pg));
	}
}

void
conn_tick(Pool *pool, bool recheck)
{
	for (unsigned i = 0; i < pool->nconns; i++)
	{
		Conn *conn = &pool->conns[i];
		bool due = conn->deadline <= pool->thread->now_ms;

		if (conn->state == CONN_CLOSED)
		{
			if (due && !pool->thread->stopping)
				conn_connect(conn);
		}
		else if (due && (conn->state != CONN_READY || conn->head))
			conn_drop(conn, "no answer in time");
		else if (conn->state == CONN_READY && !conn->head && !conn->unflushed &&
				 (recheck || conn->retiring))
			conn_drop(conn, NULL);
	}
}

bool
conn_busy(const Pool *pool)
{
	for (unsigned i = 0; i < pool->nconns; i++)
		if (pool->conns[i].state == CONN_READY && pool->conns[i].head)
			return true;
	return false;
}
