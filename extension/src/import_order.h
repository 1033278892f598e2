/*
 * import_order.h
 *	  Past orders, as an import reads and enters them.
 */
#ifndef OMS_IMPORT_ORDER_H
#define OMS_IMPORT_ORDER_H

#include "import.h"
#include "order.h"

/* PastStep: a step that an order took */
typedef struct PastStep
{
	const char *to;
	TimestampTz at;
	bool allocates;
} PastStep;

/* PastOrder: an order that happened elsewhere, with the statuses that it went through */
typedef struct PastOrder
{
	NewOrder order;
	const char **skus;          /* of its lines, NULL where a line has product_id */
	const char *customer_email; /* or NULL */
	const char *status;         /* where it is to be */
	TimestampTz updated_at;     /* of the last step, or 0 */
	Jsonb *times;               /* of steps, by status, or NULL */
	PastStep *steps;            /* from the first status to that one */
	int nsteps;
	int taken; /* of the steps */
} PastOrder;

#define IMPORT_ORDER_NFIELDS 21
extern const Field import_order_fields[IMPORT_ORDER_NFIELDS];

/* reads rows into orders; those next to each other with one reference are lines of one */
extern ImportUnit *import_orders_read(Import *import, ImportRow *rows, int n, int *nunits);
/* the time that a string says, RFC 3339 or SQL, in UTC unless it has a zone; not after now */
extern bool past_time(const char *s, TimestampTz *time);

#endif /* OMS_IMPORT_ORDER_H */
