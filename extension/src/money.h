/*
 * money.h
 *	  Amounts of money: whole numbers of a currency's smallest unit.
 *
 * Nothing here raises: functions return false where an amount is malformed or
 * leaves the range of int64, and the caller says which amount it was (OM014).
 */
#ifndef OMS_MONEY_H
#define OMS_MONEY_H

#include "oms.h"

#define RATE_DECIMALS 4      /* of a percentage */
#define RATE_ONE 1000000     /* the factor 1, that is 100 percent, as a rate */
#define MONEY_MAX_DECIMALS 3 /* of a currency */

typedef enum Rounding
{
	ROUND_HALF_UP, /* away from zero */
	ROUND_HALF_EVEN
} Rounding;

/* "amount * factor / divisor", rounded; divisor above 0, the others not negative */
extern bool money_scale(int64 amount, int64 factor, int64 divisor, Rounding rounding,
						int64 *result);
/*
 * money_spread splits "amount" in proportion to n weights, to whole units, by
 * largest remainder, ties to the first; none is negative, and the weights' sum
 * is above 0 unless the amount is 0.
 */
extern bool money_spread(int64 amount, const int64 *weights, int n, int64 *shares);
/* takes an amount with some decimals to another number of them; false if digits would be lost */
extern bool money_rescale(int64 amount, int from, int to, int64 *result);

extern Datum money_datum(int64 amount, int decimals); /* numeric with these decimals */
extern Datum rate_datum(int64 rate);                  /* numeric percent without trailing zeros */
extern void json_amount(StringInfo buf, int64 amount, int decimals); /* "12.500" with quotes */
extern void json_rate(StringInfo buf, int64 rate);                   /* "7.7" with quotes */

#endif /* OMS_MONEY_H */
