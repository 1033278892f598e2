/*
 * return.h
 *	  Goods that come back.
 */
#ifndef OMS_RETURN_H
#define OMS_RETURN_H

#include "json.h"

/* ReturnItem: units of an order's line that are to come back, or have come */
typedef struct ReturnItem
{
	int64 line_no;
	int64 quantity; /* of a request */
	int64 restock;  /* of a receipt: put on the shelf */
	int64 scrap;    /* of a receipt: thrown away */
} ReturnItem;

/* ReturnStep: what happens to a return that nothing comes in by */
typedef enum ReturnStep
{
	RETURN_APPROVE,
	RETURN_REJECT,
	RETURN_CANCEL,
	RETURN_CLOSE
} ReturnStep;

#define MAX_RETURN_TEXT 1000 /* characters of a reason or an answer */

/* reads the items of a request, or of a receipt */
extern ReturnItem *return_read_items(Input *input, JsonbContainer *items, const char *path,
									 bool receipt, int *n);
extern int64 return_enter(Verb *verb, int64 order_id, const ReturnItem *items, int n,
						  const char *reason);
extern void return_step(Verb *verb, int64 id, ReturnStep step, const char *answer);
/* books what has come in at a location, by its code; NULL is MAIN */
extern void return_book(Verb *verb, int64 id, const ReturnItem *items, int n, const char *location);

#endif /* OMS_RETURN_H */
