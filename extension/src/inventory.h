/*
 * inventory.h
 *	  Stock as the REST API shows it.
 */
#ifndef OMS_INVENTORY_H
#define OMS_INVENTORY_H

#include "json.h"
#include "stock.h"

/* inventory_find tells product and location of the record with an id, or raises OM005 */
extern void inventory_find(int64 id, bool writing, int64 *product_id, int32 *location_id);
/* inventory_lock locks the record with an id, and returns its row */
extern StockRow *inventory_lock(int64 id, StockBatch *batch);
/* inventory_reply answers with the record of a row */
extern Datum inventory_reply(Verb *verb, const StockRow *row);

#endif /* OMS_INVENTORY_H */
