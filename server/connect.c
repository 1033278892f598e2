/*
 * connect.c
 *	  Connecting to the database and preparing the calls of the API.
 */
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "connect.h"
#include "log.h"
#include "reply.h"

/* types of arguments, so that a function of another shape is not called by mistake */
#define OID_TEXT 25
#define OID_BIGINT 20
#define OID_JSONB 3802

static const Oid arg_types[ARG_COUNT] = {
	[ARG_PATH_ID] = OID_BIGINT,       [ARG_PATH_TEXT] = OID_TEXT, [ARG_URL] = OID_TEXT,
	[ARG_QUERY] = OID_JSONB,          [ARG_BODY] = OID_TEXT,      [ARG_CONTENT_TYPE] = OID_TEXT,
	[ARG_IDEMPOTENCY_KEY] = OID_TEXT,
};

static const Oid export_types[] = {OID_TEXT,  OID_TEXT, OID_TEXT, OID_BIGINT,
								   OID_JSONB, OID_TEXT, OID_TEXT};

#define EXPORT_ARGS ((int) (sizeof export_types / sizeof export_types[0]))

static const char *const database_roles[ROLE_COUNT] = {
	[ROLE_NONE] = NULL, [ROLE_STAFF] = "oms_staff", [ROLE_ADMIN] = "oms_admin"};

static void poll_connection(void *data);
static void prepare_all(Conn *conn);

Conn *
conn_create(Pool *pool, unsigned count)
{
	Conn *conns = xcalloc(count, sizeof *conns);

	for (unsigned i = 0; i < count; i++)
	{
		conns[i].pool = pool;
		conn_reset(&conns[i]);
	}
	return conns;
}

void
conn_reset(Conn *conn)
{
	Conn fresh = {.pool = conn->pool, .pause = conn->pause};

	*conn = fresh;
	conn->tail = &conn->head;
	conn->unflushed_tail = &conn->unflushed;
}

void
conn_destroy(Conn *conns, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (conns[i].state != CONN_CLOSED)
			conn_drop(&conns[i], NULL);
	free(conns);
}

/* the options of the setting database, if it has any; malloc'ed */
static char *
given_options(Buf *error)
{
	char *message = NULL;
	PQconninfoOption *all = PQconninfoParse(config()->database, &message);
	char *options = NULL;

	if (!all)
	{
		buf_fmt(error, "the setting database is no libpq connection string: %s",
				message ? message : "out of memory");
		PQfreemem(message);
		return NULL;
	}
	for (PQconninfoOption *one = all; one->keyword; one++)
		if (strcmp(one->keyword, "options") == 0)
			options = xstrdup(one->val ? one->val : "");
	PQconninfoFree(all);
	return options;
}

bool
conn_check_setting(Buf *error)
{
	char *options = given_options(error);

	free(options);
	return options != NULL;
}

static void
on_notice(void *data, const char *message)
{
	Conn *conn = data;

	log_note(LOG_LEVEL_INFO, "connection of pool %s: %s", conn->pool->name, message);
}

void
conn_connect(Conn *conn)
{
	Pool *pool = conn->pool;
	Buf ignored = {0};
	Buf options = {0};
	char *given = given_options(&ignored);
	const char *role = database_roles[pool->role];
	/* a later keyword overrides what the connection string in dbname has */
	const char *const keywords[] = {"dbname", "options", "application_name", "client_encoding",
									NULL};
	const char *values[] = {config()->database, NULL, "omsd", "UTF8", NULL};

	buf_fmt(&options, "%s -c synchronous_commit=off -c statement_timeout=%lld", given ? given : "",
			(long long) pool->timeout);
	if (role)
		buf_fmt(&options, " -c role=%s", role);
	values[1] = options.data;
	conn->state = CONN_CONNECTING;
	conn->deadline = pool->thread->now_ms + config()->connect_timeout;
	conn->pg = PQconnectStartParams(keywords, values, 1);
	buf_free(&options);
	buf_free(&ignored);
	free(given);
	if (!conn->pg || PQstatus(conn->pg) == CONNECTION_BAD)
	{
		conn_drop(conn, conn->pg ? PQerrorMessage(conn->pg) : "out of memory");
		return;
	}
	PQsetNoticeProcessor(conn->pg, on_notice, conn);
	conn->watch = watch_open(pool->thread, PQsocket(conn->pg), conn);
	if (conn->watch)
		watch_write(conn->watch, poll_connection);
	else
		conn_drop(conn, "no descriptor left");
}

static void
poll_connection(void *data)
{
	Conn *conn = data;
	PostgresPollingStatusType state = PQconnectPoll(conn->pg);

	/* libpq may have opened another socket under the same number */
	watch_close(conn->watch);
	conn->watch = NULL;
	if (state == PGRES_POLLING_FAILED ||
		(conn->watch = watch_open(conn->pool->thread, PQsocket(conn->pg), conn)) == NULL)
		conn_drop(conn, PQerrorMessage(conn->pg));
	else if (state == PGRES_POLLING_READING)
		watch_read(conn->watch, poll_connection);
	else if (state == PGRES_POLLING_WRITING)
		watch_write(conn->watch, poll_connection);
	else
		prepare_all(conn);
}

/* sends the preparation of one call */
static bool
prepare(Conn *conn, const Operation *op)
{
	Query *query = query_new(conn->pool->thread, QUERY_PREPARE, NULL);
	Oid types[MAX_VALUES] = {OID_TEXT, OID_TEXT};
	Buf sql = {0};
	bool ok;

	query->op = op;
	buf_fmt(&sql, "SELECT oms_rest.%s($1,$2", op->call);
	for (unsigned i = 0; i < op->nargs; i++)
	{
		types[2 + i] = arg_types[op->args[i]];
		buf_fmt(&sql, ",$%u", 3 + i);
	}
	buf_char(&sql, ')');
	ok = conn_append(conn, query,
					 PQsendPrepare(conn->pg, op->call, sql.data, 2 + (int) op->nargs, types));
	buf_free(&sql);
	return ok;
}

/* true for the first operation of the pool that calls its function */
static bool
is_first(const Pool *pool, unsigned index)
{
	const Operation *op = route_operation(index);

	if (!pool_serves(pool, op))
		return false;
	for (unsigned i = 0; i < index; i++)
		if (pool_serves(pool, route_operation(i)) &&
			strcmp(route_operation(i)->call, op->call) == 0)
			return false;
	return true;
}

/* everything in one pipeline; the last answer makes the connection ready */
static void
prepare_all(Conn *conn)
{
	Pool *pool = conn->pool;
	Thread *thread = pool->thread;
	bool ok = PQsetnonblocking(conn->pg, 1) == 0 && PQenterPipelineMode(conn->pg) == 1;

	conn->state = CONN_PREPARING;
	for (unsigned i = 0; i < route_count() && ok; i++)
		if (is_first(pool, i))
			ok = prepare(conn, route_operation(i));
	if (ok)
		ok = conn_append(conn, query_new(thread, QUERY_FLUSH, NULL),
						 PQsendPrepare(conn->pg, STATEMENT_FLUSH, SQL_FLUSH, 0, NULL));
	if (ok)
		ok = conn_append(conn, query_new(thread, QUERY_FLUSH, NULL),
						 PQsendPrepare(conn->pg, STATEMENT_DRY_RUN, SQL_DRY_RUN, 0, NULL));
	if (ok && pool->exports)
		ok = conn_append(
			conn, query_new(thread, QUERY_EXPORT, NULL),
			PQsendPrepare(conn->pg, STATEMENT_EXPORT, SQL_EXPORT, EXPORT_ARGS, export_types));
	if (ok)
		ok = conn_append(conn, query_new(thread, QUERY_READY, NULL),
						 PQsendQueryParams(conn->pg, SQL_READY, 0, NULL, NULL, NULL, NULL, 0));
	/* appending set the deadline of a query; this is the connection's */
	conn->deadline = thread->now_ms + config()->connect_timeout;
	if (!ok || !conn_flush(conn))
	{
		conn_drop(conn, PQerrorMessage(conn->pg));
		return;
	}
	conn_start_reading(conn);
}

/* notes whether the function of some operations can be called */
static void
note_call(Pool *pool, const Query *query)
{
	for (unsigned i = 0; i < route_count(); i++)
	{
		const Operation *op = route_operation(i);

		if (!pool_serves(pool, op) || strcmp(op->call, query->op->call) != 0 ||
			pool->missing[i] == query->failed)
			continue;
		pool->missing[i] = query->failed;
		pool->nmissing += query->failed ? 1 : -1u;
		if (!query->failed)
			log_note(LOG_LEVEL_INFO, "operation %s is there now (pool %s)", op->id, pool->name);
		else if (op == query->op)
			log_database(LOG_LEVEL_ERROR, NULL, op->call, query->result);
	}
}

/* the same for whole lists */
static void
note_exports(Pool *pool, const Query *query)
{
	if (pool->no_exports == query->failed)
		return;
	pool->no_exports = query->failed;
	pool->nmissing += query->failed ? 1 : -1u;
	if (query->failed)
		log_database(LOG_LEVEL_ERROR, NULL, STATEMENT_EXPORT, query->result);
}

void
conn_on_prepared(Conn *conn, Query *query)
{
	Pool *pool = conn->pool;
	QueryKind kind = query->kind;
	bool failed = query->failed;
	char why[400] = "";

	conn->deadline = pool->thread->now_ms + config()->connect_timeout;
	if (kind == QUERY_PREPARE)
		note_call(pool, query);
	else if (kind == QUERY_EXPORT)
		note_exports(pool, query);
	else if (failed)
		snprintf(why, sizeof why, "%s", PQresultErrorMessage(query->result));
	query_free(pool->thread, query);
	if (failed && kind != QUERY_PREPARE && kind != QUERY_EXPORT)
	{
		conn_drop(conn, why);
		return;
	}
	if (kind != QUERY_READY)
		return;
	conn->state = CONN_READY;
	conn->pause = 0;
	pool->nready++;
	if (pool->down)
		log_note(LOG_LEVEL_INFO, "pool %s reaches the database again", pool->name);
	pool->down = false;
}
