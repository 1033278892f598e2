/*
 * order_stock.c
 *	  What orders hold and have shipped, and how a step changes it.
 *
 * The ledger is the only place where that is written: what a line holds at a
 * location is the sum of its moves there.
 */
#include "order_stock.h"
#include "hold.h"

#include "catalog/pg_type.h"

static KeptPlan select_wants =
	PLAN("SELECT order_id, line_no, product_id, quantity - cancelled, sku FROM oms.order_line "
		 "WHERE order_id = ANY ($1) ORDER BY order_id, line_no",
		 INT8ARRAYOID);

static KeptPlan select_moves =
	PLAN("SELECT order_id, line_no, product_id, location_id, d_reserved, d_allocated, "
		 "CASE kind WHEN 'ship' THEN -d_on_hand ELSE 0 END FROM oms.stock_move "
		 "WHERE order_id = ANY ($1) ORDER BY order_id, line_no, location_id",
		 INT8ARRAYOID);

/* --------------------------------------------------------------- reading */

/* holdings_read reads what orders (ids sorted) hold, sorted by order, line and location */
OrderHolding *
holdings_read(const int64 *order_ids, int n, int *nholdings)
{
	uint64 nmoves = plan_write(&select_moves, (Datum[]){int8_array(order_ids, n)}, NULL);
	OrderHolding *holdings = palloc(sizeof(OrderHolding) * Max(nmoves, 1));
	int m = 0;

	for (uint64 i = 0; i < nmoves; i++)
	{
		OrderHolding move = {row_int64(i, 1), row_int32(i, 2), row_int64(i, 3), row_int32(i, 4),
							 row_int64(i, 5), row_int64(i, 6), row_int64(i, 7), 0};
		OrderHolding *last = m > 0 ? &holdings[m - 1] : NULL;

		if (last && last->order_id == move.order_id && last->line_no == move.line_no &&
			last->location_id == move.location_id)
		{
			last->reserved += move.reserved;
			last->allocated += move.allocated;
			last->shipped += move.shipped;
		}
		else
			holdings[m++] = move;
	}
	*nholdings = m;
	return holdings;
}

static bool
is_untracked(const MovingOrder *order)
{
	return strcmp(order->takes_stock, TAKES_NEVER) == 0;
}

/* may_hold tells whether the ledger has to be asked what an order holds */
static bool
may_hold(const MovingOrder *order)
{
	if (!order->step || order->step->effect == EFFECT_NONE || is_untracked(order))
		return false;
	/* born without units, and not moved since */
	return strcmp(order->takes_stock, TAKES_AT_CONFIRM) != 0 ||
		   (order->step->effect != EFFECT_ALLOCATE && strcmp(order->from, STATUS_INITIAL) != 0);
}

static bool
has_wants(const MovingOrder *order)
{
	return order->step && order->step->effect == EFFECT_ALLOCATE && !is_untracked(order);
}

/* chosen_ids returns the ids of the orders that a test picks */
static int64 *
chosen_ids(const MovingOrder *orders, int n, bool (*test)(const MovingOrder *), int *nids)
{
	int64 *ids = palloc(sizeof(int64) * Max(n, 1));

	*nids = 0;
	for (int i = 0; i < n; i++)
		if (test(&orders[i]))
			ids[(*nids)++] = orders[i].id;
	return ids;
}

/* read_wants reads the lines of the orders that allocate */
static void
read_wants(MovingOrder *orders, int n)
{
	int nids;
	int64 *ids = chosen_ids(orders, n, has_wants, &nids);
	uint64 nlines = 0;
	uint64 line = 0;
	StockWant *wants;

	if (nids > 0)
		nlines = plan_write(&select_wants, (Datum[]){int8_array(ids, nids)}, NULL);
	wants = palloc(sizeof(StockWant) * Max(nlines, 1));
	for (int i = 0; i < n && line < nlines; i++)
	{
		orders[i].wants = wants;
		for (; line < nlines && row_int64(line, 1) == orders[i].id; line++)
		{
			if (row_int64(line, 4) == 0) /* cancelled */
				continue;
			*wants++ = (StockWant){row_int32(line, 2), row_int64(line, 3), row_int64(line, 4),
								   row_cstring(line, 5)};
			orders[i].nwants++;
		}
	}
}

/* read_holdings reads what the orders hold that may hold something */
static void
read_holdings(MovingOrder *orders, int n)
{
	int nids;
	int64 *ids = chosen_ids(orders, n, may_hold, &nids);
	int nholdings = 0;
	int next = 0;
	OrderHolding *holdings = nids > 0 ? holdings_read(ids, nids, &nholdings) : NULL;

	for (int i = 0; i < n && next < nholdings; i++)
	{
		orders[i].holdings = &holdings[next];
		for (; next < nholdings && holdings[next].order_id == orders[i].id; next++)
			orders[i].nholdings++;
	}
}

/* products_of returns all products that the orders touch, sorted */
static int64 *
products_of(const MovingOrder *orders, int n, int *nproducts)
{
	int64 *products;
	int m = 0;

	for (int i = 0; i < n; i++)
		m += orders[i].nwants + orders[i].nholdings;
	products = palloc(sizeof(int64) * Max(m, 1));
	m = 0;
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < orders[i].nwants; j++)
			products[m++] = orders[i].wants[j].product_id;
		for (int j = 0; j < orders[i].nholdings; j++)
			products[m++] = orders[i].holdings[j].product_id;
	}
	*nproducts = int8_sort_unique(products, m);
	return products;
}

/* --------------------------------------------------------------- booking */

/* holding_row returns the row of stock of a holding, which must have what is held */
static StockRow *
holding_row(StockBatch *batch, const OrderHolding *holding)
{
	StockRow *row = stock_find(batch, holding->product_id, holding->location_id);

	if (row == NULL || row->allocated < holding->allocated || row->reserved < holding->reserved)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("order " INT64_FORMAT " holds more units of product " INT64_FORMAT
							   " than are held in all",
							   holding->order_id, holding->product_id),
						errhint("SELECT * FROM oms.integrity shows what is wrong.")));
	return row;
}

/* holding_release gives reserved and allocated units of a holding back */
void
holding_release(StockBatch *batch, const OrderHolding *holding, int64 reserved, int64 allocated,
				const char *reason)
{
	if (reserved + allocated == 0)
		return;
	stock_move(batch, holding_row(batch, holding),
			   &(StockMove){.kind = "release",
							.d_reserved = -reserved,
							.d_allocated = -allocated,
							.order_id = holding->order_id,
							.line_no = holding->line_no,
							.reason = reason});
}

/* not_on_shelf notes OM049: promised, but not there yet */
static void
not_on_shelf(Outcome *outcome, const OrderHolding *holding, int64 quantity, int64 on_hand)
{
	const Location *location = location_get(holding->location_id);

	outcome_fail(
		outcome, OMS_NOT_ON_SHELF,
		psprintf("order " INT64_FORMAT " needs " INT64_FORMAT " units of product " INT64_FORMAT
				 " from %s, where " INT64_FORMAT " lie on the shelf",
				 holding->order_id, quantity, holding->product_id, location ? location->code : "?",
				 on_hand),
		psprintf("{\"order_id\": " INT64_FORMAT ", \"line\": %d, \"product_id\": " INT64_FORMAT
				 ", \"location\": \"%s\", \"wanted\": " INT64_FORMAT ", \"on_hand\": " INT64_FORMAT
				 "}",
				 holding->order_id, holding->line_no, holding->product_id,
				 location ? location->code : "?", quantity, on_hand),
		"Receive the backordered units first, or ship a part.");
}

/* holding_ship takes units of a holding off the shelf; notes OM049 when they do not lie there */
bool
holding_ship(StockBatch *batch, const OrderHolding *holding, int64 quantity, const char *document,
			 Outcome *outcome)
{
	StockRow *row = holding_row(batch, holding);

	if (row->on_hand < quantity)
	{
		not_on_shelf(outcome, holding, quantity, row->on_hand);
		return false;
	}
	stock_move(batch, row,
			   &(StockMove){.kind = "ship",
							.d_on_hand = -quantity,
							.d_allocated = -quantity,
							.order_id = holding->order_id,
							.line_no = holding->line_no,
							.document = document});
	return true;
}

/* find_takes finds where wants come from, ending expired holds when that is needed */
static StockTake *
find_takes(Verb *verb, StockBatch *batch, const char *what, int64 order_id, const StockWant *wants,
		   int nwants, int *ntakes, Outcome *outcome)
{
	StockTake *takes = allocation_find(batch, wants, nwants, ntakes);

	if (takes)
		return takes;
	if (holds_end_expired(verb, batch) > 0)
		takes = allocation_find(batch, wants, nwants, ntakes);
	if (takes == NULL)
		allocation_fail(outcome, batch, what, order_id, wants, nwants);
	return takes;
}

/* book_takes books what was found for an order, reserved or allocated */
static void
book_takes(StockBatch *batch, int64 order_id, const StockTake *takes, int ntakes, bool allocated)
{
	for (int i = 0; i < ntakes; i++)
		stock_move(batch, takes[i].row,
				   &(StockMove){.kind = allocated ? "allocate" : "reserve",
								.d_reserved = allocated ? 0 : takes[i].quantity,
								.d_allocated = allocated ? takes[i].quantity : 0,
								.order_id = order_id,
								.line_no = takes[i].want->line_no});
}

/* order_reserve books units for an order that takes them at its birth; the caller writes */
void
order_reserve(Verb *verb, StockBatch *batch, int64 order_id, const StockWant *wants, int nwants,
			  Outcome *outcome)
{
	int ntakes;
	StockTake *takes = find_takes(verb, batch, "the order", 0, wants, nwants, &ntakes, outcome);

	if (takes)
		book_takes(batch, order_id, takes, ntakes, false);
}

/* order_take books more units for lines of an order, reserved or allocated; the caller writes */
void
order_take(Verb *verb, StockBatch *batch, int64 order_id, const StockWant *wants, int nwants,
		   bool allocated, Outcome *outcome)
{
	int ntakes;
	StockTake *takes = find_takes(verb, batch, psprintf("order " INT64_FORMAT, order_id), order_id,
								  wants, nwants, &ntakes, outcome);

	if (takes)
		book_takes(batch, order_id, takes, ntakes, allocated);
}

/* want_the_rest takes what an order has reserved off what it wants */
static void
want_the_rest(MovingOrder *order)
{
	int m = 0;

	for (int i = 0; i < order->nwants; i++)
	{
		StockWant want = order->wants[i];

		for (int j = 0; j < order->nholdings; j++)
			if (order->holdings[j].line_no == want.line_no)
				want.quantity -= order->holdings[j].reserved;
		if (want.quantity > 0)
			order->wants[m++] = want;
	}
	order->nwants = m;
}

/* holding_take shows units of a holding as if they were just taken */
static StockTake
holding_take(const OrderHolding *holding, int64 quantity)
{
	StockWant *want = palloc0(sizeof(StockWant));
	StockRow *row = palloc0(sizeof(StockRow));

	want->line_no = holding->line_no;
	want->product_id = holding->product_id;
	row->location_id = holding->location_id;
	return (StockTake){want, row, quantity};
}

/* order_split appends where an order's units lie that are promised to it */
void
order_split(StringInfo buf, int64 order_id)
{
	int n;
	OrderHolding *holdings = holdings_read(&order_id, 1, &n);
	StockTake *takes = palloc(sizeof(StockTake) * Max(n, 1));
	int m = 0;

	for (int i = 0; i < n; i++)
		if (holdings[i].allocated > 0)
			takes[m++] = holding_take(&holdings[i], holdings[i].allocated);
	allocation_json(buf, takes, m);
}

/* tell_split notes where the units of an order come from, for the answer */
static void
tell_split(MovingOrder *order, const StockTake *takes, int ntakes)
{
	StringInfoData split;
	StockTake *all;
	int n = 0;

	if (!order->outcome->wants_split)
		return;
	all = palloc(sizeof(StockTake) * (order->nholdings + ntakes + 1));
	for (int i = 0; i < order->nholdings; i++)
		if (order->holdings[i].reserved > 0)
			all[n++] = holding_take(&order->holdings[i], order->holdings[i].reserved);
	for (int i = 0; i < ntakes; i++)
		all[n++] = takes[i];
	initStringInfo(&split);
	allocation_json(&split, all, n);
	order->outcome->split = split.data;
}

static void
allocate_order(Verb *verb, StockBatch *batch, MovingOrder *order)
{
	int ntakes = 0;
	StockTake *takes = NULL;

	if (order->nholdings > 0)
		want_the_rest(order);
	if (order->nwants > 0)
	{
		takes = find_takes(verb, batch, psprintf("order " INT64_FORMAT, order->id), order->id,
						   order->wants, order->nwants, &ntakes, order->outcome);
		if (takes == NULL)
		{
			order->step = NULL;
			return;
		}
	}
	for (int i = 0; i < order->nholdings; i++)
		if (order->holdings[i].reserved > 0)
			stock_move(batch, holding_row(batch, &order->holdings[i]),
					   &(StockMove){.kind = "allocate",
									.d_reserved = -order->holdings[i].reserved,
									.d_allocated = order->holdings[i].reserved,
									.order_id = order->id,
									.line_no = order->holdings[i].line_no});
	book_takes(batch, order->id, takes, ntakes, true);
	tell_split(order, takes, ntakes);
}

static void
release_order(StockBatch *batch, MovingOrder *order)
{
	for (int i = 0; i < order->nholdings; i++)
		holding_release(batch, &order->holdings[i], order->holdings[i].reserved,
						order->holdings[i].allocated, NULL);
}

/* ship_order ships all that an order holds, or nothing */
static void
ship_order(StockBatch *batch, MovingOrder *order)
{
	for (int i = 0; i < order->nholdings; i++)
	{
		OrderHolding *holding = &order->holdings[i];
		StockRow *row = holding_row(batch, holding);
		int64 wanted = 0;

		for (int j = 0; j < order->nholdings; j++)
			if (order->holdings[j].product_id == holding->product_id &&
				order->holdings[j].location_id == holding->location_id)
				wanted += order->holdings[j].allocated;
		if (row->on_hand >= wanted)
			continue;
		not_on_shelf(order->outcome, holding, wanted, row->on_hand);
		order->step = NULL;
		return;
	}
	for (int i = 0; i < order->nholdings; i++)
		if (order->holdings[i].allocated > 0)
			holding_ship(batch, &order->holdings[i], order->holdings[i].allocated, NULL,
						 order->outcome);
}

/*
 * orders_move_stock books the stock effects of the orders' steps.  All checks of
 * an order come before its first move, so one that fails leaves no trace; it
 * loses its step.
 */
void
orders_move_stock(Verb *verb, MovingOrder *orders, int n)
{
	StockBatch batch;
	int64 *products;
	int nproducts;

	read_wants(orders, n);
	read_holdings(orders, n);
	products = products_of(orders, n, &nproducts);
	if (nproducts == 0)
		return;
	stock_lock(&batch, products, nproducts);
	for (int i = 0; i < n; i++)
	{
		if (orders[i].step == NULL || orders[i].nwants + orders[i].nholdings == 0)
			continue;
		switch (orders[i].step->effect)
		{
			case EFFECT_NONE:
				break;
			case EFFECT_ALLOCATE:
				allocate_order(verb, &batch, &orders[i]);
				break;
			case EFFECT_RELEASE:
				release_order(&batch, &orders[i]);
				break;
			case EFFECT_SHIP:
				ship_order(&batch, &orders[i]);
				break;
		}
	}
	stock_write(verb, &batch);
}
