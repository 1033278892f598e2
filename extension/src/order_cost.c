/*
 * order_cost.c
 *	  What the lines of an open order cost: read, reckoned anew and written.
 */
#include "order_change.h"
#include "table.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static KeptPlan select_rules = PLAN(
	"SELECT c.rounding, c.tax_rounding, y.decimals::integer FROM oms.channel c, oms.currency y "
	"WHERE c.code = $1 AND y.code = $2",
	TEXTOID, TEXTOID);

static KeptPlan select_prices =
	PLAN("SELECT (price * unit)::bigint, (discount * unit)::bigint, (tax_rate * 10000)::bigint, "
		 "tax_included, (tax * unit)::bigint, (line_total * unit)::bigint "
		 "FROM oms.order_line, (SELECT power(10::numeric, $2)) AS u(unit) "
		 "WHERE order_id = $1 ORDER BY line_no",
		 INT8OID, INT4OID);

static Table line_costs =
	TABLE("order_line", "quantity", "cancelled", "price", "discount", "tax", "line_total");

static void
read_rules(OpenOrder *order)
{
	Datum args[] = {CStringGetTextDatum(order->channel), CStringGetTextDatum(order->currency)};

	if (plan_write(&select_rules, args, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_CHANNEL_NOT_FOUND),
				 errmsg("channel \"%s\" or currency \"%s\" of order " INT64_FORMAT " is missing",
						order->channel, order->currency, order->id),
				 errhint("Enter them again.")));
	order->rules.rounding =
		strcmp(row_cstring(0, 1), "half_even") == 0 ? ROUND_HALF_EVEN : ROUND_HALF_UP;
	order->rules.tax_by_total = strcmp(row_cstring(0, 2), "total") == 0;
	order->decimals = row_int32(0, 3);
}

/* order_read_prices reads what the lines of an open order cost */
void
order_read_prices(OpenOrder *order)
{
	read_rules(order);
	plan_write(&select_prices, (Datum[]){Int64GetDatum(order->id), Int32GetDatum(order->decimals)},
			   NULL);
	for (int i = 0; i < order->nlines; i++)
		order->lines[i].price = (PriceLine){.price = row_int64(i, 1),
											.quantity = line_active(&order->lines[i]),
											.discount = row_int64(i, 2),
											.tax_rate = row_int64(i, 3),
											.tax_included = row_bool(i, 4),
											.tax = row_int64(i, 5),
											.total = row_int64(i, 6)};
}

/* order_raise_too_large raises OM014 */
void
order_raise_too_large(const OpenOrder *order)
{
	ereport(ERROR, (oms_errcode(OMS_AMOUNT_TOO_LARGE),
					errmsg("the total of order " INT64_FORMAT " would be larger than any amount "
						   "of money here",
						   order->id),
					errhint("Split the order.")));
}

/* reprice finds discount, tax and total of each line for the units that are wanted now */
static void
reprice(OpenOrder *order)
{
	PriceLine *prices = palloc(sizeof(PriceLine) * Max(order->nlines, 1));

	for (int i = 0; i < order->nlines; i++)
	{
		OpenLine *line = &order->lines[i];

		if (!order_line_reprice(&line->price, line_active(line), &order->rules))
			order_raise_too_large(order);
		prices[i] = line->price;
	}
	if (!order_tax(prices, order->nlines, &order->rules))
		order_raise_too_large(order);
	for (int i = 0; i < order->nlines; i++)
	{
		OpenLine *line = &order->lines[i];

		line->changed |= prices[i].tax != line->price.tax || prices[i].total != line->price.total;
		line->price = prices[i];
	}
}

/*
 * order_write_lines finds tax and totals of all lines anew and writes those
 * that have changed.  New lines have no row yet: who adds them writes them.
 */
void
order_write_lines(OpenOrder *order)
{
	reprice(order);
	table_begin(&line_costs);
	for (int i = 0; i < order->nlines; i++)
	{
		OpenLine *line = &order->lines[i];

		if (line->changed && ItemPointerIsValid(&line->tid))
			table_update(&line_costs, &line->tid,
						 (Datum[]){Int64GetDatum(line->quantity), Int64GetDatum(line->cancelled),
								   money_datum(line->price.price, order->decimals),
								   money_datum(line->price.discount, order->decimals),
								   money_datum(line->price.tax, order->decimals),
								   money_datum(line->price.total, order->decimals)},
						 NULL);
	}
	table_end(&line_costs);
}
