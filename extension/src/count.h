/*
 * count.h
 *	  Counts of whole tables that cost the same however large the table is.
 */
#ifndef OMS_COUNT_H
#define OMS_COUNT_H

#include "oms.h"

extern int64 orders_count(void);
extern int64 products_count(void); /* not archived */
extern void products_changed(void);

#endif /* OMS_COUNT_H */
