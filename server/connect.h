/*
 * connect.h
 *	  Connecting and preparing; what conn.c and connect.c share.
 */
#ifndef OMSD_CONNECT_H
#define OMSD_CONNECT_H

#include "conn.h"
#include "loop.h"

#define STATEMENT_FLUSH "wal_flush"
#define SQL_FLUSH "SELECT oms_rest.wal_flush()"
#define STATEMENT_DRY_RUN "dry_run"
#define SQL_DRY_RUN "SELECT pg_catalog.set_config('oms.dry_run', 'on', true)"
#define STATEMENT_EXPORT "list_export"
#define SQL_EXPORT "SELECT rows, next FROM oms_rest.list_export($1,$2,$3,$4,$5,$6,$7)"
#define SQL_READY "SELECT oms_rest.ready(NULL, NULL)"

typedef enum ConnState
{
	CONN_CLOSED,
	CONN_CONNECTING,
	CONN_PREPARING,
	CONN_READY
} ConnState;

struct Conn
{
	Pool *pool;
	PGconn *pg;
	Watch *watch;
	ConnState state;
	Query *head; /* sent, in order, without an answer yet */
	Query **tail;
	Query *unflushed; /* done, but not known to be on disk */
	Query **unflushed_tail;
	unsigned calls;   /* queries of requests among those sent */
	unsigned writes;  /* calls that write, sent after the last flush */
	bool flushing;    /* a flush is under way */
	bool retiring;    /* to be replaced as soon as it is idle */
	int64_t deadline; /* closed: when to connect; else when it counts as dead */
	int64_t pause;    /* between attempts to connect, ms */
};

/* conn.c */
extern bool conn_flush(Conn *conn);
extern bool conn_append(Conn *conn, Query *query, int sent);
extern void conn_on_writable(void *data);
extern void conn_start_reading(Conn *conn);

/* why NULL closes without a word */
extern void conn_drop(Conn *conn, const char *why);

/* connect.c */
extern void conn_connect(Conn *conn);
extern void conn_reset(Conn *conn);

/* the answer to one of the queries that follow connecting */
extern void conn_on_prepared(Conn *conn, Query *query);

#endif
