/*
 * order_stock.h
 *	  What orders hold and have shipped, and how a step changes it.
 */
#ifndef OMS_ORDER_STOCK_H
#define OMS_ORDER_STOCK_H

#include "allocation.h"
#include "order_state.h"

/* when an order takes stock: oms.orders.takes_stock */
#define TAKES_AT_CONFIRM "confirm"
#define TAKES_AT_CREATE "create"
#define TAKES_NEVER "never"

/* OrderHolding: what a line has of a product at a location, the sum of its moves */
typedef struct OrderHolding
{
	int64 order_id;
	int32 line_no;
	int64 product_id;
	int32 location_id;
	int64 reserved;
	int64 allocated;
	int64 shipped;
	int64 parcelled; /* of those allocated, in shipments that have not left; see order_read_lines */
} OrderHolding;

/* MovingOrder: an order that is asked to take a step, locked */
typedef struct MovingOrder
{
	int64 id;
	int64 version;
	ItemPointer tid;
	const char *from;
	const char *takes_stock;
	const char *fulfilment;
	int32 shipments;
	const char *hold_reason; /* or NULL */
	const Transition *step;  /* NULL when it does not move */
	StockWant *wants;        /* of a step that allocates */
	int nwants;
	OrderHolding *holdings; /* of any other */
	int nholdings;
	Outcome *outcome;
} MovingOrder;

/* reads what orders (ids sorted) hold, sorted by order, line and location */
extern OrderHolding *holdings_read(const int64 *order_ids, int n, int *nholdings);
/* books the stock effects of the orders' steps; one that cannot be loses its step and has failed */
extern void orders_move_stock(Verb *verb, MovingOrder *orders, int n);
/* books units for an order that takes them at its birth; the rows are locked, the caller writes */
extern void order_reserve(Verb *verb, StockBatch *batch, int64 order_id, const StockWant *wants,
						  int nwants, Outcome *outcome);
/* books more units for lines of an order, reserved or allocated; the rows are locked, the caller writes */
extern void order_take(Verb *verb, StockBatch *batch, int64 order_id, const StockWant *wants,
					   int nwants, bool allocated, Outcome *outcome);
/* appends where the units lie that are promised to an order, as allocation_json does */
extern void order_split(StringInfo buf, int64 order_id);
/* takes units of a holding off the shelf; notes OM049 when they do not lie there */
extern bool holding_ship(StockBatch *batch, const OrderHolding *holding, int64 quantity,
						 const char *document, Outcome *outcome);
/* gives reserved and allocated units of a holding back */
extern void holding_release(StockBatch *batch, const OrderHolding *holding, int64 reserved,
							int64 allocated, const char *reason);

#endif /* OMS_ORDER_STOCK_H */
