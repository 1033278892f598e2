/*
 * money.c
 *	  Amounts of money: whole numbers of a currency's smallest unit.
 *
 * Products of two amounts are made in 128 bits, so that every result is exact
 * before it is rounded once.
 */
#include "money.h"

#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

/* in_range stores a result, if an int64 can hold it */
static bool
in_range(int128 value, int64 *result)
{
	if (value > PG_INT64_MAX || value < PG_INT64_MIN)
		return false;
	*result = (int64) value;
	return true;
}

bool
money_scale(int64 amount, int64 factor, int64 divisor, Rounding rounding, int64 *result)
{
	int128 product = (int128) amount * factor;
	int128 whole = product / divisor;
	int128 twice = (product % divisor) * 2;

	if (twice > divisor || (twice == divisor && (rounding == ROUND_HALF_UP || (whole & 1) != 0)))
		whole++;
	return in_range(whole, result);
}

bool
money_spread(int64 amount, const int64 *weights, int n, int64 *shares)
{
	int128 sum = 0;
	int128 *remainders = palloc(sizeof(int128) * Max(n, 1));
	int64 left = amount;

	for (int i = 0; i < n; i++)
		sum += weights[i];
	for (int i = 0; i < n; i++)
	{
		int128 product = (int128) amount * weights[i];

		if (!in_range(sum == 0 ? 0 : product / sum, &shares[i]))
			return false;
		remainders[i] = sum == 0 ? 0 : product % sum;
		left -= shares[i];
	}
	for (; left > 0 && sum > 0; left--)
	{
		int largest = 0;

		for (int i = 1; i < n; i++)
			if (remainders[i] > remainders[largest])
				largest = i;
		shares[largest]++;
		remainders[largest] = -1;
	}
	pfree(remainders);
	return left == 0;
}

bool
money_rescale(int64 amount, int from, int to, int64 *result)
{
	int128 value = amount;

	for (; from < to; from++)
		value *= 10;
	for (; from > to; from--)
	{
		if (value % 10 != 0)
			return false;
		value /= 10;
	}
	return in_range(value, result);
}

/* zero_datum returns 0 with some decimals, made once: most orders have neither discount nor tax */
static Datum
zero_datum(int decimals)
{
	static Datum zeros[MONEY_MAX_DECIMALS + 1] = {0};

	if (zeros[decimals] == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		zeros[decimals] = NumericGetDatum(int64_div_fast_to_numeric(0, decimals));
		MemoryContextSwitchTo(old);
	}
	return zeros[decimals];
}

Datum
money_datum(int64 amount, int decimals)
{
	if (amount == 0 && decimals <= MONEY_MAX_DECIMALS)
		return zero_datum(decimals);
	return NumericGetDatum(int64_div_fast_to_numeric(amount, decimals));
}

/* trim_rate takes trailing zeros off a rate, and returns how many decimals are left */
static int
trim_rate(int64 *rate)
{
	int decimals = RATE_DECIMALS;

	while (decimals > 0 && *rate % 10 == 0)
	{
		*rate /= 10;
		decimals--;
	}
	return decimals;
}

Datum
rate_datum(int64 rate)
{
	int decimals = trim_rate(&rate);

	return money_datum(rate, decimals);
}

/* append_decimal appends a number of units of the last decimal */
static void
append_decimal(StringInfo buf, int64 amount, int decimals)
{
	uint64 units = amount < 0 ? -(uint64) amount : (uint64) amount;
	uint64 one = 1;

	for (int i = 0; i < decimals; i++)
		one *= 10;
	appendStringInfo(buf, "%s" UINT64_FORMAT, amount < 0 ? "-" : "", units / one);
	if (decimals > 0)
		appendStringInfo(buf, ".%0*d", decimals, (int) (units % one));
}

void
json_amount(StringInfo buf, int64 amount, int decimals)
{
	appendStringInfoChar(buf, '"');
	append_decimal(buf, amount, decimals);
	appendStringInfoChar(buf, '"');
}

void
json_rate(StringInfo buf, int64 rate)
{
	int decimals = trim_rate(&rate);

	json_amount(buf, rate, decimals);
}
