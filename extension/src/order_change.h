/*
 * order_change.h
 *	  An order opened to be changed within its status.
 *
 * order_open, then order_read_lines and order_lock_stock where lines and stock
 * are concerned, the change itself, order_write, and order_settle when units
 * were cancelled or shipped.
 */
#ifndef OMS_ORDER_CHANGE_H
#define OMS_ORDER_CHANGE_H

#include "order_price.h"
#include "order_stock.h"

/* OpenLine: a line of an open order, with what the ledger says of it */
typedef struct OpenLine
{
	int32 line_no;
	int64 product_id;
	const char *sku;
	int64 quantity;
	int64 cancelled;
	int64 returned;
	int64 reserved; /* at all locations together, as the next three */
	int64 allocated;
	int64 shipped;   /* for an order that takes no stock, as its status says */
	int64 parcelled; /* in shipments that have not left */
	OrderHolding *holdings;
	int nholdings;
	PriceLine price; /* see order_read_prices */
	bool changed;    /* to be written */
	ItemPointerData tid;
} OpenLine;

#define line_active(line) ((line)->quantity - (line)->cancelled)
#define line_open(line) ((line)->quantity - (line)->cancelled - (line)->shipped)
/* units that can still be taken off a line: neither shipped nor in a parcel */
#define line_free(line) (line_open(line) - (line)->parcelled)

/* OpenOrder: an order whose row this transaction has locked */
typedef struct OpenOrder
{
	int64 id;
	int64 version;
	const char *status;
	const char *channel;
	const char *currency;
	const char *takes_stock;
	const char *fulfilment;
	const char *hold_reason; /* or NULL */
	int32 shipments;
	ItemPointerData tid;
	OpenLine *lines;
	int nlines;
	OrderHolding *holdings;
	int nholdings;
	StockBatch stock;
	int decimals;     /* of the currency, see order_read_prices */
	PriceRules rules; /* of the channel */
} OpenOrder;

/* OrderChange: what is told of a change */
typedef struct OrderChange
{
	const char *action; /* oms.order_history.action */
	const char *event;  /* type of the event, or NULL for none */
	const char *detail; /* JSON object, or NULL; also the event's payload */
	const char *reason; /* or NULL */
} OrderChange;

/* locks an order; raises OM001, and OM041 when "expected" is not 0 and not its version */
extern OpenOrder *order_open(int64 id, int64 expected);
extern void order_refuse_held(const OpenOrder *order); /* raises OM043 */
extern void order_read_lines(OpenOrder *order);
/* returns the line with a number; raises OM039 */
extern OpenLine *order_line(OpenOrder *order, int64 line_no);
/* reads what the lines cost, after order_read_lines */
extern void order_read_prices(OpenOrder *order);
/* finds tax and totals of all lines anew and writes those that have changed, new ones not; raises OM014 */
extern void order_write_lines(OpenOrder *order);
extern void order_raise_too_large(const OpenOrder *order) pg_attribute_noreturn(); /* OM014 */
/* locks the stock of the order's products and of some more */
extern void order_lock_stock(OpenOrder *order, const int64 *more, int nmore);
/* gives back what is held of units that are taken off a line; raises OM045 */
extern void order_give_back(OpenOrder *order, OpenLine *line, int64 quantity, const char *reason);
/* writes stock, header (the next version, totals if asked for), history and event */
extern void order_write(Verb *verb, OpenOrder *order, const OrderChange *change, bool totals);
/* says how much of what is wanted has left the shelf, by the lines: none, partial or full */
extern const char *order_fulfilment(const OpenOrder *order);
/* takes the step that follows from the lines: all shipped, or nothing wanted any more */
extern void order_settle(Verb *verb, OpenOrder *order, const char *reason);

#endif /* OMS_ORDER_CHANGE_H */
