/*
 * order_create.h
 *	  The steps by which an order is born, for each other.
 */
#ifndef OMS_ORDER_CREATE_H
#define OMS_ORDER_CREATE_H

#include "order.h"
#include "product.h"

/* Pricing: what orders are priced from */
typedef struct Pricing
{
	uint64 nproducts;             /* rows of the last plan */
	const char *product_currency; /* of oms.product.price */
	Input input;                  /* faults of the order at hand */
	int missing;                  /* of them, prices */
} Pricing;

/* order_pricing.c */
extern SPITupleTable *find_products(Pricing *pricing, NewOrder *orders, int n);
extern void price_order(Verb *verb, Pricing *pricing, NewOrder *order);
/* whether prices may be set at all: else notes OM023 */
extern bool prices_allowed(Verb *verb, Outcome *outcome);
/* read what a unit costs, and what is taken off a base; note faults */
extern bool price_read(Input *input, const Channel *channel, const char *pointer, const char *s,
					   int64 *price);
extern bool discount_read(Input *input, const Channel *channel, const char *pointer, const char *s,
						  int64 base, int64 *discount);

/* order_create.c: writes lines that are priced, behind those that the orders have already */
extern void lines_insert(SPITupleTable *products, NewOrder **orders, int n);

/* order_origin.c: customers, external references and numbers; orders that have none cost nothing */
extern void origins_check(NewOrder *orders, int n);
extern void reference_lock(const char *reference);
extern void reference_check(Outcome *outcome, const char *channel, const char *reference,
							int64 own_id);
extern void series_lock(NewOrder *orders, int n);
extern void series_number(NewOrder **orders, int n);

#endif /* OMS_ORDER_CREATE_H */
