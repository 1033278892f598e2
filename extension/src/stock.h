/*
 * stock.h
 *	  Stock rows locked, changed and written together with their ledger.
 */
#ifndef OMS_STOCK_H
#define OMS_STOCK_H

#include "oms.h"

#define MAIN_LOCATION 1                     /* oms.location.id that orders take from */
#define MAX_STOCK INT64CONST(1000000000000) /* units of one product at one location */

/* StockRow: a row of oms.stock, locked by this transaction */
typedef struct StockRow
{
	int64 product_id;
	bool exists;
	int64 on_hand;
	int64 reserved;
	int64 allocated;
	int64 moves;
	bool moved;
	ItemPointerData tid;
} StockRow;

/* StockMove: a row for oms.stock_move, with the counters after it */
typedef struct StockMove
{
	StockRow after;
	const char *kind;
	int64 d_on_hand;
	int64 d_allocated;
	int64 order_id;     /* 0 for none */
	const char *reason; /* or NULL */
} StockMove;

/* StockBatch: rows at one location, sorted by product, and moves to be written */
typedef struct StockBatch
{
	StockRow *rows;
	int nrows;
	StockMove *moves;
	int nmoves;
	int max_moves;
} StockBatch;

#define stock_available(row) ((row)->on_hand - (row)->reserved - (row)->allocated)

extern bool stock_open(StockBatch *batch, int64 product_id);
extern int64 stock_adjust_row(Verb *verb, int64 product_id, int64 delta, const char *kind,
							  const char *reason);
extern void stock_lock(StockBatch *batch, const int64 *product_ids, int n);
extern StockRow *stock_find(StockBatch *batch, int64 product_id);
extern void stock_move(StockBatch *batch, StockRow *row, const char *kind, int64 d_on_hand,
					   int64 d_allocated, int64 order_id, const char *reason);
extern void stock_write(Verb *verb, StockBatch *batch);

#endif /* OMS_STOCK_H */
