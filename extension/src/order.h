/*
 * order.h
 *	  Orders: how they are born and how they move from status to status.
 */
#ifndef OMS_ORDER_H
#define OMS_ORDER_H

#include "channel.h"
#include "json.h"
#include "order_price.h"
#include "order_state.h"
#include "table.h"

/* the members of an order's header in JSON, in this order */
#define ORDER_COLUMNS                                                                              \
	"id, order_number, customer_name, status, total_amount, created_at, updated_at, version, "     \
	"created_by, channel, currency, customer_id, external_ref, discount_amount, tax_amount, "      \
	"takes_stock, fulfilment, hold_reason, attributes"
#define ORDER_STATUS_COLUMN 4
#define ORDER_UPDATED_AT_COLUMN 7
#define ORDER_VERSION_COLUMN 8
#define ORDER_FULFILMENT_COLUMN 17
#define ORDER_COLUMN_COUNT 19

#define DEFAULT_CUSTOMER "User"
#define MAX_CUSTOMER 200 /* characters */
#define MAX_LINES 500
#define MAX_LINE_UNITS 1000000 /* of a line */
#define MAX_AMOUNT 40          /* characters of an amount */
#define MAX_REFERENCE 200      /* characters */
#define MAX_NOTE 10000
#define MAX_ATTRIBUTES 65536 /* bytes */
#define MAX_ORDERS 10000     /* in one call */

typedef struct NewLine
{
	int64 product_id;
	int64 quantity;
	const char *discount; /* an amount, or percent with % behind, or NULL */
	const char *price;    /* other than the product's, or NULL */
	int64 tax_rate;       /* ten-thousandths of a percent, or -1 for the channel's */
	int product;          /* row of the product, once it is known */
} NewLine;

/* NewOrder: an order to be entered */
typedef struct NewOrder
{
	int64 id;
	const char *number;
	int64 series_number; /* 0 for none */
	const Channel *channel;
	const char *customer; /* name, or NULL for the customer's own */
	int64 customer_id;    /* 0 for none */
	const char *external_ref;
	const char *discount; /* of the whole order, as a line's */
	Jsonb *attributes;
	const char *note;
	int64 hold_id; /* whose units it takes over, or 0 */
	NewLine *lines;
	const int *places; /* of the lines in the request's items, or NULL for one after the other */
	int nbefore;       /* lines that the order has already */
	PriceLine *prices; /* of the lines, once they are known */
	int nlines;
	int64 total; /* the header's sums, in the smallest unit of the currency */
	int64 discounts;
	int64 tax;
	Outcome *outcome;
} NewOrder;

/* columns order_id, seq, from_status, to_status, actor, reason of the history */
extern Table order_history;

/* order_read.c */
extern void channel_read(Input *input, const char *pointer, const char *code, NewOrder *order);
/* reads the named arguments customer_name, customer_id, channel, ... of a verb, which follow "first" */
extern void order_arguments(Input *input, FunctionCallInfo fcinfo, int first, NewOrder *order);
extern void order_read(Input *input, JsonbContainer *object, const char *path, NewOrder *order);
extern void items_read(Input *input, JsonbContainer *items, const char *path, NewOrder *order);
extern void line_read(Input *input, JsonbValue *element, const char *path, NewLine *line);
/* order.c */
extern int64 order_enter(Verb *verb, FunctionCallInfo fcinfo);
/* order_create.c */
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
