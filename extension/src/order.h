/*
 * order.h
 *	  Orders: how they are born and how they move from status to status.
 */
#ifndef OMS_ORDER_H
#define OMS_ORDER_H

#include "json.h"
#include "order_state.h"
#include "table.h"

/* the members of an order's header in JSON, in this order */
#define ORDER_COLUMNS                                                                              \
	"id, order_number, customer_name, status, total_amount, created_at, updated_at, version, "     \
	"created_by"
#define ORDER_STATUS_COLUMN 4
#define ORDER_UPDATED_AT_COLUMN 7
#define ORDER_VERSION_COLUMN 8
#define ORDER_COLUMN_COUNT 9

#define DEFAULT_CUSTOMER "User"
#define MAX_CUSTOMER 200 /* characters */
#define MAX_LINES 500
#define MAX_ORDERS 10000 /* in one call */

typedef struct NewLine
{
	int64 product_id;
	int64 quantity;
	int product; /* row of the product, once it is known */
	int64 cents; /* price of one unit */
	int64 total; /* in cents */
} NewLine;

/* NewOrder: an order to be entered */
typedef struct NewOrder
{
	int64 id;
	const char *number;
	const char *customer;
	NewLine *lines;
	int nlines;
	int64 total; /* in cents */
	Outcome *outcome;
} NewOrder;

/* columns order_id, seq, from_status, to_status, actor, reason of the history */
extern Table order_history;

/* order_create.c */
extern void order_read(Input *input, JsonbContainer *object, const char *path, NewOrder *order);
extern void items_read(Input *input, JsonbContainer *items, const char *path, NewOrder *order);
extern SPITupleTable *orders_insert(Verb *verb, NewOrder *orders, int n);

/*
 * orders_move (order_move.c) takes orders to a status.  outcomes[i] belongs to
 * ids[i], which are sorted and without doubles; the rows returned are the orders as they were before, with ORDER_COLUMNS.
 */
extern SPITupleTable *orders_move(Verb *verb, const int64 *ids, int n, const char *to,
								  const char *reason, Outcome *outcomes);

/* order_rest.c: the order with its lines as this verb has left them, as JSON; raises OM001 */
extern Datum order_changed_reply(Verb *verb, int64 id);
/* order_advance.c: takes an order the shortest way to a status, or raises */
extern void order_walk(Verb *verb, int64 id, const char *to, const char *reason);
extern void order_fail_held(Outcome *outcome, int64 order_id, const char *reason);

#endif /* OMS_ORDER_H */
