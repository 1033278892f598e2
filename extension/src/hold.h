/*
 * hold.h
 *	  Stock kept for somebody for a while.
 */
#ifndef OMS_HOLD_H
#define OMS_HOLD_H

#include "stock.h"

/*
 * holds_end_expired frees what expired holds keep of all products of the batch,
 * once, and tells of how many.  The caller writes the batch.
 */
extern int holds_end_expired(Verb *verb, StockBatch *batch);
/* ends holds that have expired, at least those of the first so many lines, and tells of how many */
extern int holds_expire(Verb *verb, int lines);
/* gives the units of the lines of the last plan_ call back; returns the holds' ids */
extern int64 *hold_end_lines(StockBatch *batch, uint64 found, const char *state, int *nids);
/* raises the versions of some holds, ids sorted, and tells of it */
extern void holds_changed(Verb *verb, const char *event, const int64 *ids, int n);

#endif /* OMS_HOLD_H */
