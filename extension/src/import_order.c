/*
 * import_order.c
 *	  Past orders are entered, and taken through the state machine to where
 *	  they were, each step with its time.
 *
 * They pass through the code of live orders.  How they take stock is the
 * import's policy: as live orders do, not at all, or also what is not there,
 * which is received just before.
 */
#include "import_order.h"
#include "order_stock.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

static KeptPlan select_customers =
	PLAN("SELECT id FROM oms.customer WHERE lower(email) = lower($1) AND archived_at IS NULL "
		 "ORDER BY id LIMIT 2",
		 TEXTOID);

#define past_of(unit) ((PastOrder *) (unit)->parsed)
#define is_good(unit) ((unit)->outcome.message == NULL)

/* --------------------------------------------------------------- finding */

/* find_customer finds the customer with an order's e-mail address */
static void
find_customer(ImportUnit *unit)
{
	PastOrder *past = past_of(unit);
	Datum email = CStringGetTextDatum(past->customer_email);
	uint64 found = plan_write(&select_customers, &email, NULL);

	if (found == 1)
		past->order.customer_id = row_int64(0, 1);
	else
		outcome_fail(&unit->outcome, OMS_CUSTOMER_NOT_FOUND,
					 psprintf(found == 0 ? "no customer has the e-mail address \"%s\""
										 : "several customers have the e-mail address \"%s\"",
							  past->customer_email),
					 NULL, "Enter the customer first, or give customer_id.");
}

/* find_products_by_sku finds the products that lines name by SKU; archived ones will do */
static void
find_products_by_sku(ImportUnit **units, int n)
{
	const char **skus;
	SkuMap map;
	int m = 0;

	for (int i = 0; i < n; i++)
		m += past_of(units[i])->order.nlines;
	skus = palloc(sizeof(char *) * Max(m, 1));
	m = 0;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < past_of(units[i])->order.nlines; j++)
			if (past_of(units[i])->skus[j])
				skus[m++] = past_of(units[i])->skus[j];
	map = sku_map(skus, m, true);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < past_of(units[i])->order.nlines; j++)
		{
			const char *sku = past_of(units[i])->skus[j];
			NewLine *line = &past_of(units[i])->order.lines[j];

			if (sku)
				line->product_id = sku_find(&map, sku);
			if (line->product_id == 0)
				outcome_fail(&units[i]->outcome, OMS_PRODUCT_NOT_FOUND,
							 psprintf("there is no product \"%s\"", sku),
							 psprintf("{\"line\": %d}", j + 1),
							 "Enter the product first, or correct the SKU.");
		}
}

/* ------------------------------------------------------------------ steps */

/* no_way notes OM002 */
static void
no_way(ImportUnit *unit, const char *from)
{
	const char *to = past_of(unit)->status;

	outcome_fail(&unit->outcome, OMS_TRANSITION_NOT_ALLOWED,
				 psprintf("no way leads an order from %s to %s", from, to),
				 psprintf("{\"from\": \"%s\", \"to\": \"%s\", \"allowed\": %s}", from, to,
						  transitions_from(from)),
				 "SELECT * FROM oms.order_transition shows the steps that there are.");
}

/* step_time says when an order took a step, and notes a time before that of the step before */
static TimestampTz
step_time(ImportUnit *unit, const char *from, const char *to, TimestampTz before)
{
	PastOrder *past = past_of(unit);
	TimestampTz time = before;
	const char *pointer = "/created_at";
	JsonbValue value;

	if (past->times &&
		getKeyJsonValueFromContainer(&past->times->root, to, (int) strlen(to), &value))
	{
		(void) past_time(pnstrdup(value.val.string.val, value.val.string.len), &time);
		pointer = psprintf("/times/%s", to);
	}
	else if (past->updated_at != 0 && strcmp(to, past->status) == 0)
	{
		time = past->updated_at;
		pointer = "/updated_at";
	}
	if (time < before)
		outcome_fail(
			&unit->outcome, OMS_INVALID_INPUT,
			psprintf("the order became %s before it was %s", to, from),
			psprintf("[{\"pointer\": \"%s\", \"detail\": \"must not be before that of %s\"}]",
					 pointer, from),
			"Correct the times of the order.");
	return time;
}

/* plan_steps finds the steps that lead to an order's status, and when it took them */
static void
plan_steps(ImportUnit *unit)
{
	PastOrder *past = past_of(unit);
	const char *at = STATUS_INITIAL;
	TimestampTz last =
		past->order.created_at ? past->order.created_at : GetCurrentTransactionStartTimestamp();
	int max = 0;

	past->nsteps = past->taken = 0;
	while (is_good(unit) && strcmp(at, past->status) != 0)
	{
		const Transition *step = transition_next(at, past->status);

		if (step == NULL)
		{
			no_way(unit, at);
			return;
		}
		if (past->nsteps == max)
		{
			max = Max(8, max * 2);
			past->steps = past->nsteps ? repalloc(past->steps, sizeof(PastStep) * max)
									   : palloc(sizeof(PastStep) * max);
		}
		last = step_time(unit, at, step->to, last);
		past->steps[past->nsteps++] =
			(PastStep){pstrdup(step->to), last, step->effect == EFFECT_ALLOCATE};
		at = past->steps[past->nsteps - 1].to;
	}
}

/* ------------------------------------------------------------------ stock */

/* takes_stock tells whether the way to an order's status allocates its units */
static bool
takes_stock(const PastOrder *past)
{
	for (int i = 0; i < past->nsteps; i++)
		if (past->steps[i].allocates)
			return true;
	return false;
}

/* Need: units of a product that orders will take */
typedef struct Need
{
	int64 product_id;
	int64 quantity;
} Need;

static int
compare_need(const void *a, const void *b)
{
	return int8_compare(&((const Need *) a)->product_id, &((const Need *) b)->product_id);
}

/* add_up_needs adds up what orders will take of each product */
static Need *
add_up_needs(ImportUnit **units, int n, int *nneeds)
{
	Need *needs;
	int m = 0;
	int sums = 0;

	for (int i = 0; i < n; i++)
		m += past_of(units[i])->order.nlines;
	needs = palloc(sizeof(Need) * Max(m, 1));
	m = 0;
	for (int i = 0; i < n; i++)
		for (int j = 0; is_good(units[i]) && takes_stock(past_of(units[i])) &&
						j < past_of(units[i])->order.nlines;
			 j++)
			needs[m++] = (Need){past_of(units[i])->order.lines[j].product_id,
								past_of(units[i])->order.lines[j].quantity};
	qsort(needs, m, sizeof(Need), compare_need);
	for (int i = 0; i < m; i++)
	{
		if (sums > 0 && needs[sums - 1].product_id == needs[i].product_id)
			needs[sums - 1].quantity += needs[i].quantity;
		else
			needs[sums++] = needs[i];
	}
	*nneeds = sums;
	return needs;
}

/* lacking says how many units must come to a place so that a need can be met */
static int64
lacking(StockBatch *batch, const Need *need, const StockRow *place)
{
	int nrows;
	const StockRow *rows = stock_of(batch, need->product_id, &nrows);
	int64 free = 0;

	for (int i = 0; i < nrows; i++)
		if (rows[i].rank >= 0)
			free += Max(stock_available(&rows[i]), 0);
	if (need->quantity <= free)
		return 0;
	/* what is promised there beyond the shelf must be covered first */
	return need->quantity - free + Max(-stock_available(place), 0);
}

/* receive_missing receives what orders will take and is not there */
static void
receive_missing(Verb *verb, const Import *import, ImportUnit **units, int n)
{
	char *document = psprintf("import " INT64_FORMAT, import->id);
	int32 location = location_first();
	int m;
	Need *needs = add_up_needs(units, n, &m);
	int64 *products = palloc(sizeof(int64) * Max(m, 1));
	int32 *locations = palloc(sizeof(int32) * Max(m, 1));
	StockBatch batch;

	if (m == 0 || location == 0) /* without a location each order says so */
		return;
	for (int i = 0; i < m; i++)
	{
		products[i] = needs[i].product_id;
		locations[i] = location;
	}
	stock_open_many(&batch, products, locations, m);
	for (int i = 0; i < m; i++)
	{
		StockRow *row = stock_find(&batch, needs[i].product_id, location);
		int64 units_lacking = lacking(&batch, &needs[i], row);

		if (units_lacking == 0)
			continue;
		stock_room(row, units_lacking);
		stock_move(&batch, row,
				   &(StockMove){.kind = "receive",
								.d_on_hand = units_lacking,
								.document = document,
								.reason = "not there for past orders"});
	}
	stock_write(verb, &batch);
}

/* ---------------------------------------------------------------- the way */

/* next_step returns the step that an order takes next, or NULL */
static const PastStep *
next_step(const ImportUnit *unit)
{
	const PastOrder *past = past_of(unit);

	return is_good(unit) && past->taken < past->nsteps ? &past->steps[past->taken] : NULL;
}

/* forget_id takes the id of an order that will not stay out of what is told of it */
static void
forget_id(Outcome *outcome, int64 id)
{
	char *name = psprintf("order " INT64_FORMAT " ", id);
	char *member = psprintf("{\"order_id\": " INT64_FORMAT ", ", id);

	if (strncmp(outcome->message, name, strlen(name)) == 0)
		outcome->message = psprintf("the order %s", outcome->message + strlen(name));
	if (outcome->detail && strncmp(outcome->detail, member, strlen(member)) == 0)
		outcome->detail = psprintf("{%s", outcome->detail + strlen(member));
}

/* step_together takes orders the same step */
static void
step_together(Verb *verb, const Import *import, ImportUnit **units, int n, const char *to)
{
	int64 *ids = palloc(sizeof(int64) * n);
	Outcome *outcomes = palloc0(sizeof(Outcome) * n);

	for (int i = 0; i < n; i++)
	{
		ids[i] = past_of(units[i])->order.id;
		outcomes[i].at = next_step(units[i])->at;
	}
	orders_move(verb, ids, n, to, psprintf("import " INT64_FORMAT, import->id), outcomes);
	for (int i = 0; i < n; i++)
	{
		past_of(units[i])->taken++;
		if (outcomes[i].message == NULL)
			continue;
		forget_id(&outcomes[i], ids[i]);
		units[i]->outcome = outcomes[i];
	}
}

/* walk takes all orders to their statuses, those together that take the same step next */
static void
walk(Verb *verb, const Import *import, ImportUnit **units, int n)
{
	ImportUnit **together = palloc(sizeof(ImportUnit *) * n);

	for (;;)
	{
		const char *to = NULL;
		int m = 0;

		/* the ids ascend, for they were drawn in this order */
		for (int i = 0; i < n; i++)
		{
			const PastStep *step = next_step(units[i]);

			if (step && to == NULL)
				to = step->to;
			if (step && strcmp(step->to, to) == 0)
				together[m++] = units[i];
		}
		if (m == 0)
			return;
		step_together(verb, import, together, m, to);
	}
}

/* ------------------------------------------------------------------ doing */

/* prepare finds what the orders name, and how they came to where they are to be */
static void
prepare(const Import *import, ImportUnit **units, NewOrder *orders, int n)
{
	for (int i = 0; i < n; i++)
	{
		PastOrder *past = past_of(units[i]);

		plan_steps(units[i]);
		if (past->customer_email)
			find_customer(units[i]);
	}
	find_products_by_sku(units, n);
	for (int i = 0; i < n; i++)
	{
		orders[i] = past_of(units[i])->order;
		if (strcmp(import->policy, "skip") == 0)
			orders[i].takes_stock = TAKES_NEVER;
		else if (strcmp(import->policy, "force") == 0)
			orders[i].takes_stock = TAKES_AT_CONFIRM;
	}
}

static void
run_orders(Verb *verb, Import *import, ImportUnit **units, int n)
{
	NewOrder *orders = palloc(sizeof(NewOrder) * n);

	prepare(import, units, orders, n);
	(void) orders_insert(verb, orders, n);
	for (int i = 0; i < n; i++)
		past_of(units[i])->order.id = orders[i].id;
	if (strcmp(import->policy, "force") == 0)
		receive_missing(verb, import, units, n);
	walk(verb, import, units, n);
	for (int i = 0; i < n; i++)
		if (is_good(units[i]))
			units[i]->outcome.id = past_of(units[i])->order.id;
}

const ImportKind import_orders = {"orders", true,         import_order_fields, IMPORT_ORDER_NFIELDS,
								  "sku",    "product_id", import_orders_read,  run_orders};
