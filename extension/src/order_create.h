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
extern SPITupleTable *find_products(NewOrder *orders, int n, uint64 *nproducts);
extern void price_order(Verb *verb, Pricing *pricing, NewOrder *order);

/* order_origin.c: customers, external references and numbers; orders that have none cost nothing */
extern void origins_check(NewOrder *orders, int n);
extern void origin_settle(NewOrder *order); /* once those before it have their outcomes */
extern void series_lock(NewOrder *orders, int n);
extern void series_number(NewOrder **orders, int n);

#endif /* OMS_ORDER_CREATE_H */
