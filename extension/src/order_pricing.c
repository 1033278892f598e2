/*
 * order_pricing.c
 *	  Lines are priced when they are sold: products, prices, discounts and tax.
 */
#include "order_create.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/acl.h"
#include "utils/builtins.h"

/* cents and archived come after the columns of a product's JSON */
#define CENTS_COLUMN (PRODUCT_COLUMN_COUNT + 1)
#define ARCHIVED_COLUMN (PRODUCT_COLUMN_COUNT + 2)

static KeptPlan select_products =
	PLAN("SELECT " PRODUCT_COLUMNS ", (price * 100)::bigint, archived_at IS NOT NULL "
		 "FROM oms.product WHERE id = ANY ($1) ORDER BY id",
		 INT8ARRAYOID);

static KeptPlan select_price = PLAN("SELECT (price * 1000)::bigint FROM oms.product_price "
									"WHERE product_id = $1 AND currency = $2",
									INT8OID, TEXTOID);

/* find_products reads the products of all lines; the rows are sorted by id */
SPITupleTable *
find_products(Pricing *pricing, NewOrder *orders, int n)
{
	const Channel *standard = channel_get(DEFAULT_CHANNEL);
	int nids = 0;
	int64 *ids;

	pricing->product_currency = standard ? standard->currency : "";
	for (int i = 0; i < n; i++)
		nids += orders[i].nlines;
	ids = palloc(sizeof(int64) * Max(nids, 1));
	nids = 0;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < orders[i].nlines; j++)
			ids[nids++] = orders[i].lines[j].product_id;
	nids = int8_sort_unique(ids, nids);
	pricing->nproducts = plan_write(&select_products, (Datum[]){int8_array(ids, nids)}, NULL);
	return SPI_tuptable;
}

/* product_row returns the row of a product by its id, or -1 */
static int
product_row(uint64 nproducts, int64 id)
{
	int low = 0;
	int high = (int) nproducts - 1;

	while (low <= high)
	{
		int middle = (low + high) / 2;
		int64 found = row_int64(middle, 1);

		if (found == id)
			return middle;
		if (found < id)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

/* pointer_to points to a member of a line in the request */
static char *
pointer_to(const NewOrder *order, int i, const char *member)
{
	return psprintf("/items/%d/%s", order->places ? order->places[i] : i, member);
}

/* price_read reads what a unit shall cost; notes a fault */
bool
price_read(Input *input, const Channel *channel, const char *pointer, const char *s, int64 *price)
{
	if (decimal_read(s, channel->decimals, price) && *price >= 0)
		return true;
	input_fault(input, pointer, "must be a decimal number from 0 with at most %d decimals, for %s",
				channel->decimals, channel->currency);
	return false;
}

/* find_price finds what a unit costs in the order's currency; notes a fault */
static bool
find_price(Pricing *pricing, const NewOrder *order, int i, int64 *price)
{
	const NewLine *line = &order->lines[i];
	const Channel *channel = order->channel;
	SPITupleTable *products = SPI_tuptable;
	bool found;

	if (line->price)
		return price_read(&pricing->input, channel, pointer_to(order, i, "price"), line->price,
						  price);
	if (strcmp(channel->currency, pricing->product_currency) == 0)
		found = money_rescale(row_int64(line->product, CENTS_COLUMN), 2, channel->decimals, price);
	else
	{
		Datum args[] = {Int64GetDatum(line->product_id), CStringGetTextDatum(channel->currency)};

		found = plan_write(&select_price, args, NULL) > 0 &&
				money_rescale(row_int64(0, 1), MONEY_MAX_DECIMALS, channel->decimals, price);
		SPI_tuptable = products;
	}
	if (!found)
	{
		pricing->missing++;
		input_fault(&pricing->input, pointer_to(order, i, "product_id"),
					"product " INT64_FORMAT " has no price in %s", line->product_id,
					channel->currency);
	}
	return found;
}

/*
 * discount_read reads an amount, or a percentage with % behind, of a base; what
 * is taken off is never more than the base.
 */
bool
discount_read(Input *input, const Channel *channel, const char *pointer, const char *s, int64 base,
			  int64 *discount)
{
	size_t length = strlen(s);
	int64 units;

	if (length > 0 && s[length - 1] == '%')
	{
		if (decimal_read(pnstrdup(s, length - 1), RATE_DECIMALS, &units) && units >= 0 &&
			units <= RATE_ONE)
			return money_scale(base, units, RATE_ONE, channel->rules.rounding, discount);
		input_fault(input, pointer, "must be from 0%% to 100%% with at most %d decimals",
					RATE_DECIMALS);
	}
	else if (!decimal_read(s, channel->decimals, &units) || units < 0)
		input_fault(input, pointer,
					"must be an amount from 0 with at most %d decimals, or percent such as 10%%",
					channel->decimals);
	else if (units > base)
		input_fault(input, pointer, "must not be more than what it is taken off");
	else
		*discount = units;
	return true;
}

/* price_line prices a line before the order's own discount; false when an amount is too large */
static bool
price_line(Pricing *pricing, NewOrder *order, int i)
{
	NewLine *line = &order->lines[i];
	PriceLine *price = &order->prices[i];
	int64 base;

	line->product = product_row(pricing->nproducts, line->product_id);
	if (line->product < 0 || row_bool(line->product, ARCHIVED_COLUMN))
	{
		input_fault(&pricing->input, pointer_to(order, i, "product_id"),
					line->product < 0 ? "there is no product " INT64_FORMAT
									  : "product " INT64_FORMAT " is archived and no longer sold",
					line->product_id);
		return true;
	}
	if (!find_price(pricing, order, i, &price->price))
		return true;
	price->quantity = line->quantity;
	price->tax_rate = line->tax_rate < 0 ? order->channel->tax_rate : line->tax_rate;
	price->tax_included = order->channel->tax_included;
	if (line->discount == NULL)
		return true;
	return order_line_base(price, &base) &&
		   discount_read(&pricing->input, order->channel, pointer_to(order, i, "discount"),
						 line->discount, base, &price->discount);
}

/* discount_order takes the order's own discount off its lines */
static bool
discount_order(Pricing *pricing, NewOrder *order)
{
	int64 sum = 0;
	int64 base;
	int64 discount = 0;

	for (int i = 0; i < order->nlines; i++)
		if (!order_line_base(&order->prices[i], &base) || pg_add_s64_overflow(sum, base, &sum))
			return false;
	return discount_read(&pricing->input, order->channel, "/discount", order->discount, sum,
						 &discount) &&
		   order_discount(order->prices, order->nlines, discount);
}

/* add_up makes the sums of the header */
static bool
add_up(NewOrder *order)
{
	for (int i = 0; i < order->nlines; i++)
	{
		PriceLine *line = &order->prices[i];

		if (pg_add_s64_overflow(order->total, line->total, &order->total) ||
			pg_add_s64_overflow(order->discounts, line->discount, &order->discounts) ||
			pg_add_s64_overflow(order->tax, line->tax, &order->tax))
			return false;
	}
	return true;
}

/* price_lines prices all of an order; false when an amount is too large */
static bool
price_lines(Pricing *pricing, NewOrder *order)
{
	for (int i = 0; i < order->nlines; i++)
		if (!price_line(pricing, order, i))
			return false;
	if (pricing->input.nfaults > 0)
		return true;
	if (order->discount && !discount_order(pricing, order))
		return false;
	return order_tax(order->prices, order->nlines, &order->channel->rules) && add_up(order);
}

/* prices_allowed lets only administrators set prices */
bool
prices_allowed(Verb *verb, Outcome *outcome)
{
	if (has_privs_of_role(verb->userid, get_role_oid("oms_admin", false)))
		return true;
	outcome_fail(outcome, OMS_ROLE_REQUIRED,
				 pstrdup("only an administrator may set the price of a line"), NULL,
				 "Leave price out, or ask a user with the role admin.");
	return false;
}

/* refuse_prices notes OM023 when a line has a price that may not be set */
static void
refuse_prices(Verb *verb, NewOrder *order)
{
	for (int i = 0; i < order->nlines; i++)
		if (order->lines[i].price)
		{
			(void) prices_allowed(verb, order->outcome);
			return;
		}
}

/* price_order finds products, prices, discounts and tax of the lines, and the sums */
void
price_order(Verb *verb, Pricing *pricing, NewOrder *order)
{
	if (order->outcome->message == NULL)
		refuse_prices(verb, order);
	if (order->outcome->message)
		return;
	input_start(&pricing->input);
	pricing->missing = 0;
	order->prices = palloc0(sizeof(PriceLine) * order->nlines);
	if (!price_lines(pricing, order))
		outcome_fail(order->outcome, OMS_AMOUNT_TOO_LARGE,
					 "the order's total is larger than any amount of money here", NULL,
					 "Split the order.");
	else if (pricing->input.nfaults > 0 && pricing->input.nfaults == pricing->missing)
		outcome_fail(
			order->outcome, OMS_PRICE_MISSING,
			psprintf("the order has products without a price in %s", order->channel->currency),
			input_faults(&pricing->input),
			"Set the prices with oms.product_price_set(), or use another channel.");
	else if (pricing->input.nfaults > 0)
		outcome_fail(order->outcome, OMS_INVALID_INPUT, "the order has lines that cannot be sold",
					 input_faults(&pricing->input),
					 "Correct what each pointer names and try again.");
}
