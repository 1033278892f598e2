/*
 * allocation.h
 *	  Which locations the units of an order or a hold come from.
 */
#ifndef OMS_ALLOCATION_H
#define OMS_ALLOCATION_H

#include "stock.h"

/* StockWant: units that a line needs */
typedef struct StockWant
{
	int32 line_no;
	int64 product_id;
	int64 quantity;
	const char *sku;
} StockWant;

/* StockTake: units for a want out of a row */
typedef struct StockTake
{
	const StockWant *want;
	StockRow *row;
	int64 quantity;
} StockTake;

/* finds where the wants come from; NULL when there is not enough.  The batch is not changed. */
extern StockTake *allocation_find(StockBatch *batch, const StockWant *wants, int nwants,
								  int *ntakes);
/* notes what allocation_find found too little of: OM003 */
extern void allocation_fail(Outcome *outcome, StockBatch *batch, const char *what, int64 order_id,
							const StockWant *wants, int nwants);
/* appends [{"line", "product_id", "location", "quantity"}, ...] */
extern void allocation_json(StringInfo buf, const StockTake *takes, int ntakes);

#endif /* OMS_ALLOCATION_H */
