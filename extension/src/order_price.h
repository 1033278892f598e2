/*
 * order_price.h
 *	  What the lines of an order cost: discounts, tax and totals.
 *
 * Pure functions on amounts in the currency's smallest unit (money.h).  They
 * return false when an amount leaves its range: the caller raises OM014.
 */
#ifndef OMS_ORDER_PRICE_H
#define OMS_ORDER_PRICE_H

#include "money.h"

/* PriceRules: how an order's channel wants amounts rounded */
typedef struct PriceRules
{
	Rounding rounding;
	bool tax_by_total; /* tax is rounded for the sum of each rate, then spread over the lines */
} PriceRules;

/* PriceLine: the amounts of a line */
typedef struct PriceLine
{
	int64 price;    /* of one unit */
	int64 quantity; /* units that are wanted: ordered less cancelled */
	int64 discount; /* its share of the order's discount included */
	int64 tax_rate; /* ten-thousandths of a percent */
	bool tax_included;
	int64 tax;   /* found by order_tax */
	int64 total; /* found by order_tax */
} PriceLine;

/* price * quantity - discount */
extern bool order_line_base(const PriceLine *line, int64 *base);
/* a line wants another number of units: its discount follows; then order_tax for all lines */
extern bool order_line_reprice(PriceLine *line, int64 quantity, const PriceRules *rules);
/* takes a discount of the whole order off its lines, in proportion to their bases, whatever their order */
extern bool order_discount(PriceLine *lines, int n, int64 discount);
/* finds tax and total of all lines of an order, in the order of their numbers */
extern bool order_tax(PriceLine *lines, int n, const PriceRules *rules);

#endif /* OMS_ORDER_PRICE_H */
