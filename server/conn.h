/*
 * conn.h
 *	  One pipelined connection to the database.
 */
#ifndef OMSD_CONN_H
#define OMSD_CONN_H

#include "pool.h"

typedef struct Conn Conn;

/* connections of a pool; they connect with the next tick */
extern Conn *conn_create(Pool *pool, unsigned count);
extern void conn_destroy(Conn *conns, unsigned count);

/* the connection with the least to do that has room, or NULL */
extern Conn *conn_choose(Pool *pool);

/* takes the query over */
extern void conn_send(Conn *conn, Query *query);

/* sends the flushes that calls wait for; at the end of a turn of the loop */
extern void conn_soon(Pool *pool);

/* reconnects, drops connections that hang, looks for missing functions if asked */
extern void conn_tick(Pool *pool, bool recheck);
extern bool conn_busy(const Pool *pool);

/* checks the setting database; false with a message */
extern bool conn_check_setting(Buf *error);

#endif
