/*
 * hold.h
 *	  Stock kept for somebody for a while.
 */
#ifndef OMS_HOLD_H
#define OMS_HOLD_H

#include "order.h"
#include "stock.h"

/*
 * holds_end_expired frees what expired holds keep of the products whose rows are
 * locked in the batch, once, and tells of how many.  The caller writes the batch.
 */
extern int holds_end_expired(Verb *verb, StockBatch *batch);
/* ends holds that have expired, at least those of the first so many lines, and tells of how many */
extern int holds_expire(Verb *verb, int lines);
/*
 * hold_lines locks the lines of a hold that are held, once their stock is locked;
 * they become the rows of the last plan_ call, for hold_end_lines.  Raises OM035,
 * and OM046 when none is held or, "alive", when the hold has ended or expired.
 */
extern uint64 hold_lines(int64 id, bool alive);
extern void hold_fail_unknown(int64 id); /* raises OM035 */
/* hands the units of a hold over to a new order, whose stock is locked; hold_order.c */
extern void hold_hand_over(Verb *verb, StockBatch *batch, const NewOrder *order);
/* gives the units of the lines of the last plan_ call back; returns the holds' ids */
extern int64 *hold_end_lines(StockBatch *batch, uint64 found, const char *state, int *nids);
/* raises the versions of some holds, ids sorted, and tells of it */
extern void holds_changed(Verb *verb, const char *event, const int64 *ids, int n);

#endif /* OMS_HOLD_H */
