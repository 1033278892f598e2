/*
 * stock.h
 *	  Stock rows locked, changed and written together with their ledger.
 */
#ifndef OMS_STOCK_H
#define OMS_STOCK_H

#include "location.h"

#include "storage/itemptr.h"

#define MAX_STOCK INT64CONST(1000000000000) /* units of one product at one location */
#define MAX_STOCK_REASON 1000               /* characters */

/* StockRow: a row of oms.stock, locked by this transaction */
typedef struct StockRow
{
	int64 product_id;
	int32 location_id;
	int rank; /* of the location, see location.h */
	int64 on_hand;
	int64 reserved;
	int64 allocated;
	int64 backorder_limit;
	int64 moves;
	bool moved;
	ItemPointerData tid;
} StockRow;

/* StockMove: a row for oms.stock_move; "after" is set by stock_move() */
typedef struct StockMove
{
	const char *kind;
	int64 d_on_hand;
	int64 d_reserved;
	int64 d_allocated;
	int64 order_id;       /* 0 for none */
	int32 line_no;        /* 0 for none */
	const char *document; /* or NULL */
	const char *reason;   /* or NULL */
	StockRow after;
} StockMove;

/* StockBatch: rows sorted by product and id, and moves to be written */
typedef struct StockBatch
{
	StockRow *rows;
	int nrows;
	StockMove *moves;
	int nmoves;
	int max_moves;
	bool swept; /* expired holds of its products have been ended */
} StockBatch;

#define stock_available(row) ((row)->on_hand - (row)->reserved - (row)->allocated)

/* locks the rows of some products, sorted and without doubles, at all locations */
extern void stock_lock(StockBatch *batch, const int64 *product_ids, int n);
/* makes missing rows of n products at locations, before any row of stock is locked; returns how many */
extern int stock_make(const int64 *product_ids, const int32 *location_ids, int n);
/* locks the rows of a product and makes the one at a location if it is missing; *made may be NULL */
extern StockRow *stock_open(StockBatch *batch, int64 product_id, int32 location_id, bool *made);
/* the same for some products and the rows at some locations, n of each */
extern void stock_open_many(StockBatch *batch, const int64 *product_ids, const int32 *location_ids,
							int n);
/* the first row of a product, or NULL, and how many there are */
extern StockRow *stock_of(StockBatch *batch, int64 product_id, int *n);
extern StockRow *stock_find(StockBatch *batch, int64 product_id, int32 location_id);
/* changes a row of the batch and notes the move; the caller has checked it */
extern void stock_move(StockBatch *batch, StockRow *row, const StockMove *move);
/* writes the rows that moved and their moves */
extern void stock_write(Verb *verb, StockBatch *batch);

/* notes what keeps a change of on_hand from being booked: OM003, OM014 */
extern void stock_judge(const StockRow *row, int64 delta, Outcome *outcome);
/* notes what keeps a count from being booked: OM003, OM041 unless expected_version is below 0 */
extern void stock_judge_count(const StockRow *row, int64 counted, int64 expected_version,
							  Outcome *outcome);
/* a row was gone since stock_make, so many times: raises 40001 or OM005, unless it can be tried again */
extern void stock_gone(int tries);
extern void stock_room(const StockRow *row, int64 units); /* raises OM014 */
/* raises OM003 */
extern void stock_short(const StockRow *row, int64 wanted, int64 available, const char *hint);
/* tells of the last move of a row, which is the event's version; "to" is where its units went, or NULL */
extern void stock_event(Verb *verb, const char *type, const StockRow *row, const StockRow *to);

/* books a change of on_hand with its move and event; returns what is available there then */
extern int64 stock_adjust_row(Verb *verb, int64 product_id, int32 location_id, int64 delta,
							  const char *kind, const char *reason);
/* writes what is not below 0 of a locked row's settings; a reorder_quantity of 0 is none */
extern void stock_settings(const StockRow *row, int64 threshold, int64 reorder_quantity,
						   int64 backorder_limit);

/* books a count of what lies there; raises OM041 when moves is not expected_version, OM003 */
extern int64 stock_count_row(Verb *verb, int64 product_id, int32 location_id, int64 counted,
							 int64 expected_version, const char *reason);
/* moves free units between two locations, by code, and returns the transfer's id */
extern int64 stock_transfer_units(Verb *verb, int64 product_id, int64 quantity, const char *from,
								  const char *to, const char *reason);

#endif /* OMS_STOCK_H */
