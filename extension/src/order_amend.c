/*
 * order_amend.c
 *	  Lines of an order added, removed and changed while nothing of it has shipped.
 *
 * A line's units that are wanted are quantity less cancelled: an amended line
 * keeps what was cancelled before, and its quantity follows; of one that is
 * removed all is cancelled.  Stock follows by the difference.
 */
#include "order_amend.h"
#include "order_change.h"

/* Amending: an order while it is amended; arrays have an element for each line, also the new ones */
typedef struct Amending
{
	OpenOrder *order;
	const Channel *channel;
	const char *holds;       /* what an order in its status has of stock */
	PriceLine *before;       /* what the lines were; nothing, for new ones */
	int64 *wanted;           /* units that are wanted now */
	SPITupleTable *products; /* of the new lines */
} Amending;

/* --------------------------------------------------------------- checking */

/* find_status returns what is known of a status, or NULL */
static const MachineStatus *
find_status(const char *status)
{
	int n;
	const MachineStatus *statuses = machine_statuses(&n);

	for (int i = 0; i < n; i++)
		if (strcmp(statuses[i].status, status) == 0)
			return &statuses[i];
	return NULL;
}

/* raise_not_amendable raises OM044 */
static void
raise_not_amendable(const OpenOrder *order)
{
	int64 shipped = 0;
	int64 active = 0;

	for (int i = 0; i < order->nlines; i++)
	{
		shipped += order->lines[i].shipped;
		active += line_active(&order->lines[i]);
	}
	ereport(ERROR,
			(oms_errcode(OMS_ORDER_NOT_AMENDABLE),
			 errmsg("order " INT64_FORMAT " is %s with " INT64_FORMAT " of " INT64_FORMAT
					" units shipped, and can no longer be amended",
					order->id, order->status, shipped, active),
			 errdetail_internal("{\"order_id\": " INT64_FORMAT
								", \"status\": \"%s\", \"fulfilment\": \"%s\", "
								"\"shipped\": " INT64_FORMAT ", \"wanted\": " INT64_FORMAT "}",
								order->id, order->status, order->fulfilment, shipped, active),
			 errhint("%s", shipped == 0 ? "Enter a new order."
						   : shipped < active
							   ? "Cancel what has not shipped with oms.order_cancel_lines() or "
								 "oms.order_close(); what has shipped can be returned."
							   : "What has shipped can be returned; enter a new order for more.")));
}

/* open_to_amend opens an order that may be amended; raises OM001, OM041, OM043, OM044 */
static OpenOrder *
open_to_amend(int64 id, int64 expected, const char **holds)
{
	OpenOrder *order = order_open(id, expected);
	const MachineStatus *status = find_status(order->status);

	order_read_lines(order);
	if (status == NULL || status->final || strcmp(status->holds, "shipped") == 0 ||
		strcmp(order->fulfilment, "none") != 0)
		raise_not_amendable(order);
	order_refuse_held(order);
	order_read_prices(order);
	*holds = status->holds;
	return order;
}

/* refuse_items raises OM010 for all items of a request together */
static void
refuse_items(const char *detail, char *message, char *hint)
{
	Outcome outcome = {0};
	Input input;

	input_start(&input);
	input_fault(&input, "/items", "%s", detail);
	outcome_fail(&outcome, OMS_INVALID_INPUT, message, input_faults(&input), hint);
	outcome_raise(&outcome);
}

/* refuse_empty refuses to take all that is wanted off an order */
static void
refuse_empty(const Amending *amending)
{
	for (int i = 0; i < amending->order->nlines; i++)
		if (amending->wanted[i] > 0)
			return;
	refuse_items("leaves nothing that is wanted",
				 psprintf("nothing of order " INT64_FORMAT "'s %d line%s would be wanted any more",
						  amending->order->id, amending->order->nlines,
						  amending->order->nlines == 1 ? "" : "s"),
				 "Cancel the order with oms.order_cancel(), or leave a unit of a line.");
}

/* line_differs tells whether a line is to be other than it was */
static bool
line_differs(const Amending *amending, int i)
{
	const PriceLine *before = &amending->before[i];
	const PriceLine *now = &amending->order->lines[i].price;

	return amending->wanted[i] != before->quantity || now->price != before->price ||
		   now->discount != before->discount;
}

/* ---------------------------------------------------------------- amending */

/* change_line finds the units and the terms that a line shall have; notes faults, raises OM039 */
static void
change_line(Input *input, Amending *amending, const Amend *amend)
{
	OpenOrder *order = amending->order;
	OpenLine *line = order_line(order, amend->line_no);
	int64 *wanted = &amending->wanted[line - order->lines];
	int64 base;

	*wanted = amend->remove ? 0 : amend->quantity > 0 ? amend->quantity : line_active(line);
	line->changed = true;
	if (amend->price)
		(void) price_read(input, amending->channel, psprintf("/items/%d/price", amend->place),
						  amend->price, &line->price.price);
	if (amend->discount == NULL)
		return;
	line->price.quantity = *wanted;
	line->price.discount = 0;
	if (!order_line_base(&line->price, &base) ||
		!discount_read(input, amending->channel, psprintf("/items/%d/discount", amend->place),
					   amend->discount, base, &line->price.discount))
		order_raise_too_large(order);
}

/* change_lines does so for all lines that are named */
static void
change_lines(Verb *verb, Amending *amending, const Amendment *amendment)
{
	Outcome outcome = {0};
	Input input;

	input_start(&input);
	for (int i = 0; i < amendment->namends; i++)
	{
		if (amendment->amends[i].price && !prices_allowed(verb, &outcome))
			outcome_raise(&outcome);
		change_line(&input, amending, &amendment->amends[i]);
	}
	input_end(&input);
}

/* price_added prices the new lines, as those of a new order */
static void
price_added(Verb *verb, Amending *amending, NewOrder *added)
{
	OpenOrder *order = amending->order;
	Outcome outcome = {0};
	Pricing pricing;

	if (order->nlines + added->nlines > MAX_LINES)
		refuse_items(
			psprintf("makes %d lines, of at most %d", order->nlines + added->nlines, MAX_LINES),
			psprintf("order " INT64_FORMAT " would have %d lines, more than %d", order->id,
					 order->nlines + added->nlines, MAX_LINES),
			"Enter another order for the rest.");
	added->id = order->id;
	added->channel = amending->channel;
	added->nbefore = order->nlines;
	added->outcome = &outcome;
	amending->products = find_products(&pricing, added, 1);
	price_order(verb, &pricing, added);
	outcome_raise(&outcome);
}

/* add_lines adds new lines to the open order, nothing of which is wanted yet */
static void
add_lines(Verb *verb, Amending *amending, NewOrder *added)
{
	OpenOrder *order = amending->order;
	OpenLine *lines;

	price_added(verb, amending, added);
	lines = palloc0(sizeof(OpenLine) * (order->nlines + added->nlines));
	memcpy(lines, order->lines, sizeof(OpenLine) * order->nlines);
	order->lines = lines;
	for (int i = 0; i < added->nlines; i++)
	{
		const NewLine *new = &added->lines[i];
		HeapTuple product = amending->products->vals[new->product];

		amending->wanted[order->nlines] = new->quantity;
		order->lines[order->nlines++] =
			(OpenLine){.line_no = added->nbefore + i + 1,
					   .product_id = new->product_id,
					   .sku = SPI_getvalue(product, amending->products->tupdesc, 4),
					   .price = added->prices[i]};
	}
}

/*
 * holds_stock tells whether the order holds the units that are wanted, as its
 * status and its channel say.  One that came back to a status where units are
 * only reserved has none, and gets none before it is confirmed.
 */
static bool
holds_stock(const Amending *amending)
{
	const OpenOrder *order = amending->order;
	int64 reserved = 0;
	int64 active = 0;

	if (strcmp(order->takes_stock, TAKES_NEVER) == 0)
		return false;
	if (strcmp(amending->holds, "allocated") == 0)
		return true;
	for (int i = 0; i < order->nlines; i++)
	{
		reserved += order->lines[i].reserved;
		active += line_active(&order->lines[i]);
	}
	return strcmp(order->takes_stock, TAKES_AT_CREATE) == 0 && reserved == active;
}

/* take_more takes stock for the lines of which more is wanted; raises OM003 */
static void
take_more(Verb *verb, Amending *amending)
{
	OpenOrder *order = amending->order;
	StockWant *wants = palloc(sizeof(StockWant) * order->nlines);
	Outcome outcome = {0};
	int n = 0;

	for (int i = 0; i < order->nlines; i++)
	{
		OpenLine *line = &order->lines[i];

		if (amending->wanted[i] > line_active(line))
			wants[n++] = (StockWant){line->line_no, line->product_id,
									 amending->wanted[i] - line_active(line), line->sku};
	}
	if (n == 0)
		return;
	order_take(verb, &order->stock, order->id, wants, n, strcmp(amending->holds, "allocated") == 0,
			   &outcome);
	outcome_raise(&outcome);
}

/* move_units takes units off lines and adds units to others, and stock follows */
static void
move_units(Verb *verb, Amending *amending, const char *reason)
{
	OpenOrder *order = amending->order;
	bool holds = holds_stock(amending);
	bool moves = false;

	for (int i = 0; i < order->nlines; i++)
		moves |= amending->wanted[i] != line_active(&order->lines[i]);
	if (moves && holds)
		order_lock_stock(order, NULL, 0);
	for (int i = 0; i < order->nlines; i++)
		if (amending->wanted[i] < line_active(&order->lines[i]))
			order_give_back(order, &order->lines[i],
							line_active(&order->lines[i]) - amending->wanted[i], reason);
	if (holds)
		take_more(verb, amending);
	for (int i = 0; i < order->nlines; i++)
	{
		OpenLine *line = &order->lines[i];

		if (amending->wanted[i] > 0)
			line->quantity = line->cancelled + amending->wanted[i];
		else
			line->cancelled = line->quantity;
	}
}

/* --------------------------------------------------------------- writing */

/* append_amounts appends what an amount was, NULL for none, and is */
static void
append_amounts(StringInfo buf, const char *name, const int64 *from, int64 to, int decimals)
{
	appendStringInfo(buf, ", \"%s\": {\"from\": ", name);
	if (from)
		json_amount(buf, *from, decimals);
	else
		appendStringInfoString(buf, "null");
	appendStringInfoString(buf, ", \"to\": ");
	json_amount(buf, to, decimals);
	appendStringInfoChar(buf, '}');
}

/* append_change appends what became of a line */
static void
append_change(StringInfo buf, const Amending *amending, int i)
{
	const OpenLine *line = &amending->order->lines[i];
	const PriceLine *before = &amending->before[i];
	bool added = !ItemPointerIsValid(&line->tid);
	int decimals = amending->order->decimals;

	appendStringInfo(buf,
					 "{\"line\": %d, \"product_id\": " INT64_FORMAT ", \"sku\": ", line->line_no,
					 line->product_id);
	escape_json(buf, line->sku);
	appendStringInfo(buf,
					 ", \"change\": \"%s\", \"quantity\": {\"from\": " INT64_FORMAT
					 ", \"to\": " INT64_FORMAT "}",
					 added                      ? "added"
					 : amending->wanted[i] == 0 ? "removed"
												: "changed",
					 before->quantity, amending->wanted[i]);
	if (added || line->price.price != before->price)
		append_amounts(buf, "price", added ? NULL : &before->price, line->price.price, decimals);
	if (line->price.discount != before->discount)
		append_amounts(buf, "discount", added ? NULL : &before->discount, line->price.discount,
					   decimals);
	appendStringInfoChar(buf, '}');
}

/* describe makes the detail of the history, and the event's payload */
static char *
describe(const Amending *amending)
{
	const OpenOrder *order = amending->order;
	StringInfoData buf;
	int64 from = 0;
	int64 to = 0;
	int n = 0;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"lines\": [");
	for (int i = 0; i < order->nlines; i++)
	{
		from += amending->before[i].total;
		to += order->lines[i].price.total;
		if (!line_differs(amending, i))
			continue;
		appendStringInfoString(&buf, n++ ? ", " : "");
		append_change(&buf, amending, i);
	}
	appendStringInfoChar(&buf, ']');
	append_amounts(&buf, "total_amount", &from, to, order->decimals);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* write_amended writes lines, stock, totals, history and event */
static void
write_amended(Verb *verb, Amending *amending, Amendment *amendment)
{
	OpenOrder *order = amending->order;
	NewOrder *added = &amendment->added;

	order_write_lines(order);
	for (int i = 0; i < added->nlines; i++)
		added->prices[i] = order->lines[added->nbefore + i].price;
	if (added->nlines > 0)
		lines_insert(amending->products, &added, 1);
	order_write(verb, order,
				&(OrderChange){"amend", "order.amended", describe(amending), amendment->reason},
				true);
}

/* order_amend_lines amends an order and returns its version; what is so already changes nothing */
int64
order_amend_lines(Verb *verb, int64 id, Amendment *amendment)
{
	Amending amending = {0};
	OpenOrder *order = open_to_amend(id, amendment->expected, &amending.holds);
	int nlines = order->nlines + amendment->added.nlines;
	bool differs = false;

	amending.order = order;
	amending.channel = channel_get(order->channel);
	amending.before = palloc0(sizeof(PriceLine) * nlines);
	amending.wanted = palloc(sizeof(int64) * nlines);
	for (int i = 0; i < order->nlines; i++)
	{
		amending.before[i] = order->lines[i].price;
		amending.wanted[i] = line_active(&order->lines[i]);
	}
	change_lines(verb, &amending, amendment);
	if (amendment->added.nlines > 0)
		add_lines(verb, &amending, &amendment->added);
	refuse_empty(&amending);
	for (int i = 0; i < order->nlines; i++)
		differs |= line_differs(&amending, i);
	if (!differs)
		return order->version;
	move_units(verb, &amending, amendment->reason);
	write_amended(verb, &amending, amendment);
	return order->version;
}
