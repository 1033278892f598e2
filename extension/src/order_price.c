/*
 * order_price.c
 *	  What the lines of an order cost: discounts, tax and totals.
 */
#include "order_price.h"

#include "common/int.h"

/* order_line_base finds what the units of a line cost before tax is looked at */
bool
order_line_base(const PriceLine *line, int64 *base)
{
	return !pg_mul_s64_overflow(line->price, line->quantity, base) &&
		   !pg_sub_s64_overflow(*base, line->discount, base);
}

/*
 * order_line_reprice changes the units of a line; its discount shrinks or grows
 * in proportion, and is at most what the units cost.
 */
bool
order_line_reprice(PriceLine *line, int64 quantity, const PriceRules *rules)
{
	int64 before = line->quantity;
	int64 most;

	line->quantity = quantity;
	if (line->discount == 0)
		return true;
	if (pg_mul_s64_overflow(line->price, quantity, &most))
		return false;
	if (before == 0)
		line->discount = 0;
	else if (!money_scale(line->discount, quantity, before, rules->rounding, &line->discount))
		return false;
	line->discount = Min(line->discount, most);
	return true;
}

/* read_bases finds the bases of all lines and their sum */
static bool
read_bases(const PriceLine *lines, int n, int64 *bases, int64 *sum)
{
	*sum = 0;
	for (int i = 0; i < n; i++)
		if (!order_line_base(&lines[i], &bases[i]) || pg_add_s64_overflow(*sum, bases[i], sum))
			return false;
	return true;
}

/* order_discount spreads a discount, at most the sum of the bases, over the lines */
bool
order_discount(PriceLine *lines, int n, int64 discount)
{
	int64 *bases = palloc(sizeof(int64) * n);
	int64 *shares = palloc(sizeof(int64) * n);
	int64 sum;

	if (!read_bases(lines, n, bases, &sum) || !money_spread(discount, bases, n, shares))
		return false;
	for (int i = 0; i < n; i++)
		lines[i].discount += shares[i];
	return true;
}

/* tax of a base is base * tax_rate / tax_divisor */
static int64
tax_divisor(const PriceLine *line)
{
	return line->tax_included ? RATE_ONE + line->tax_rate : RATE_ONE;
}

/* tax_of_rate spreads the tax of all lines that are taxed as line "first" is */
static bool
tax_of_rate(PriceLine *lines, int n, int first, const int64 *bases, const PriceRules *rules)
{
	int64 *mine = palloc(sizeof(int64) * n);
	int64 *shares = palloc(sizeof(int64) * n);
	int64 sum = 0;
	int64 tax;

	for (int i = 0; i < n; i++)
	{
		bool same = lines[i].tax_rate == lines[first].tax_rate &&
					lines[i].tax_included == lines[first].tax_included;

		mine[i] = same ? bases[i] : 0;
		if (same && i < first)
			return true; /* done with that line */
		sum += mine[i];
	}
	if (!money_scale(sum, lines[first].tax_rate, tax_divisor(&lines[first]), rules->rounding,
					 &tax) ||
		!money_spread(tax, mine, n, shares))
		return false;
	for (int i = 0; i < n; i++)
		lines[i].tax += shares[i];
	return true;
}

/* order_tax finds tax and total of each line */
bool
order_tax(PriceLine *lines, int n, const PriceRules *rules)
{
	int64 *bases = palloc(sizeof(int64) * n);
	int64 sum;

	if (!read_bases(lines, n, bases, &sum))
		return false;
	for (int i = 0; i < n; i++)
		lines[i].tax = 0;
	for (int i = 0; i < n; i++)
	{
		if (lines[i].tax_rate == 0)
			continue;
		if (rules->tax_by_total ? !tax_of_rate(lines, n, i, bases, rules)
								: !money_scale(bases[i], lines[i].tax_rate, tax_divisor(&lines[i]),
											   rules->rounding, &lines[i].tax))
			return false;
	}
	for (int i = 0; i < n; i++)
		if (pg_add_s64_overflow(bases[i], lines[i].tax_included ? 0 : lines[i].tax,
								&lines[i].total))
			return false;
	return true;
}
