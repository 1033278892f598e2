/*
 * order_amend.h
 *	  An amendment of an order.
 */
#ifndef OMS_ORDER_AMEND_H
#define OMS_ORDER_AMEND_H

#include "order_create.h"

/* Amend: what a line that is there shall be */
typedef struct Amend
{
	int place; /* in the items of the request */
	int64 line_no;
	bool remove;
	int64 quantity;       /* units wanted, 0 for as many as now */
	const char *discount; /* or NULL, as the next */
	const char *price;
} Amend;

/* Amendment: all that a call asks for */
typedef struct Amendment
{
	Amend *amends;
	int namends;
	NewOrder added; /* its lines are those to be added */
	const char *reason;
	int64 expected; /* version of the order, 0 for any */
} Amendment;

/*
 * amends an order and returns its version; raises OM001, OM003, OM010, OM014,
 * OM023, OM039, OM041, OM043, OM044, OM045 and OM053
 */
extern int64 order_amend_lines(Verb *verb, int64 id, Amendment *amendment);

#endif /* OMS_ORDER_AMEND_H */
