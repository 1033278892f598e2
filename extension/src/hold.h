/*
 * hold.h
 *	  Stock kept for somebody for a while.
 */
#ifndef OMS_HOLD_H
#define OMS_HOLD_H

#include "stock.h"

/*
 * holds_end_expired frees what expired holds keep of products whose rows are
 * locked in the batch, and tells whether it freed any.  The caller writes the batch.
 */
extern bool holds_end_expired(Verb *verb, StockBatch *batch, const int64 *product_ids, int n);

#endif /* OMS_HOLD_H */
