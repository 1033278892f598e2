/*
 * order_move.c
 *	  Orders move from status to status, many in one pass.
 *
 * Orders are locked by id, then stock by product: everybody in this order, so
 * verbs that meet wait but never deadlock.  All checks come before the first
 * write, so an order that fails costs nothing and holds up no other.
 */
#include "order.h"
#include "stock.h"
#include "table.h"

#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

/* Demand: units of a product that an order has */
typedef struct Demand
{
	int64 product_id;
	int64 quantity;
	const char *sku;
} Demand;

/* MovingOrder: an order that is asked to move, sorted by id */
typedef struct MovingOrder
{
	int64 id;
	int64 version;
	ItemPointer tid;
	const char *from;
	const Transition *step; /* NULL when it does not move */
	Demand *demands;        /* sorted by product, one for each */
	int ndemands;
	Outcome *outcome;
} MovingOrder;

static KeptPlan lock_orders =
	PLAN("SELECT " ORDER_COLUMNS ", ctid FROM oms.orders WHERE id = ANY ($1) ORDER BY id "
		 "FOR NO KEY UPDATE",
		 INT8ARRAYOID);

static KeptPlan select_demand =
	PLAN("SELECT order_id, product_id, quantity, sku FROM oms.order_line WHERE order_id = ANY ($1) "
		 "ORDER BY order_id, line_no",
		 INT8ARRAYOID);

static Table orders_status = TABLE("orders", "status", "version", "updated_at");

Table order_history =
	TABLE("order_history", "order_id", "seq", "from_status", "to_status", "actor", "reason");

static int
compare_product(const void *a, const void *b)
{
	int64 x = ((const Demand *) a)->product_id;
	int64 y = ((const Demand *) b)->product_id;

	return (x > y) - (x < y);
}

/* find_step finds the step of one order, or says why there is none */
static void
find_step(Verb *verb, MovingOrder *order, const char *to, bool admin)
{
	char *allowed;

	if (strcmp(order->from, to) == 0)
		return; /* it is there already: a repeated request is harmless */
	order->step = transition_find(order->from, to);
	if (order->step == NULL)
	{
		allowed = transitions_from(order->from);
		outcome_fail(order->outcome, OMS_TRANSITION_NOT_ALLOWED,
					 psprintf("order " INT64_FORMAT " is %s and cannot become %s", order->id,
							  order->from, to),
					 psprintf("{\"order_id\": " INT64_FORMAT ", \"from\": \"%s\", \"to\": \"%s\", "
							  "\"allowed\": %s}",
							  order->id, order->from, to, allowed),
					 strcmp(allowed, "[]") == 0
						 ? psprintf("No step leads on from %s.", order->from)
						 : psprintf("From %s it may become one of %s.", order->from, allowed));
	}
	else if (order->step->admin && !admin)
	{
		outcome_fail(
			order->outcome, OMS_ROLE_REQUIRED,
			psprintf("only an administrator may take an order from %s to %s", order->from, to),
			NULL, "Ask a user with the role admin.");
		order->step = NULL;
	}
}

/* lock_and_judge locks the orders and finds the step of each; it returns their rows */
static SPITupleTable *
lock_and_judge(Verb *verb, MovingOrder *orders, int n, const char *to)
{
	int64 *ids = palloc(sizeof(int64) * n);
	bool admin = has_privs_of_role(verb->userid, get_role_oid("oms_admin", false));
	uint64 found;
	uint64 next = 0;
	SPITupleTable *table;

	for (int i = 0; i < n; i++)
		ids[i] = orders[i].id;
	found = plan_write(&lock_orders, (Datum[]){int8_array(ids, n)}, NULL);
	table = SPI_tuptable;
	for (int i = 0; i < n; i++)
	{
		MovingOrder *order = &orders[i];

		SPI_tuptable = table;
		if (next == found || row_int64(next, 1) != order->id)
		{
			outcome_fail(order->outcome, OMS_ORDER_NOT_FOUND,
						 psprintf("there is no order " INT64_FORMAT, order->id), NULL,
						 "List the orders to see their ids.");
			continue;
		}
		order->from = row_cstring(next, ORDER_STATUS_COLUMN);
		order->version = row_int64(next, ORDER_VERSION_COLUMN);
		order->tid = row_tid(next, ORDER_COLUMN_COUNT + 1);
		next++;
		find_step(verb, order, to, admin);
	}
	return table;
}

/* merge_demands adds up the lines of one product, so none passes alone */
static void
merge_demands(MovingOrder *order)
{
	int m = 0;

	qsort(order->demands, order->ndemands, sizeof(Demand), compare_product);
	for (int i = 1; i < order->ndemands; i++)
	{
		if (order->demands[i].product_id == order->demands[m].product_id)
			order->demands[m].quantity += order->demands[i].quantity;
		else
			order->demands[++m] = order->demands[i];
	}
	order->ndemands = m + 1;
}

/* read_demands reads what the orders that touch stock have; it returns all products, sorted */
static int64 *
read_demands(MovingOrder *orders, int n, int *nproducts)
{
	int64 *ids = palloc(sizeof(int64) * n);
	int nids = 0;
	uint64 nlines;
	uint64 line = 0;
	Demand *demands;
	int64 *products;

	for (int i = 0; i < n; i++)
		if (orders[i].step && orders[i].step->effect != EFFECT_NONE)
			ids[nids++] = orders[i].id;
	*nproducts = 0;
	if (nids == 0)
		return NULL;
	nlines = plan_write(&select_demand, (Datum[]){int8_array(ids, nids)}, NULL);
	demands = palloc(sizeof(Demand) * Max(nlines, 1));
	products = palloc(sizeof(int64) * Max(nlines, 1));
	for (int i = 0; i < n; i++)
	{
		MovingOrder *order = &orders[i];

		if (!order->step || order->step->effect == EFFECT_NONE)
			continue;
		order->demands = &demands[line];
		for (; line < nlines && row_int64(line, 1) == order->id; line++)
		{
			demands[line].product_id = products[line] = row_int64(line, 2);
			demands[line].quantity = row_int64(line, 3);
			demands[line].sku = row_cstring(line, 4);
			order->ndemands++;
		}
		if (order->ndemands > 0)
			merge_demands(order);
	}
	*nproducts = int8_sort_unique(products, (int) nlines);
	return products;
}

/* check_stock notes the shortages of an order that allocates */
static void
check_stock(StockBatch *stock, MovingOrder *order)
{
	StringInfoData shortages;
	int n = 0;

	initStringInfo(&shortages);
	for (int i = 0; i < order->ndemands; i++)
	{
		Demand *demand = &order->demands[i];
		int64 available = stock_available(stock_find(stock, demand->product_id));

		if (available >= demand->quantity)
			continue;
		appendStringInfo(&shortages,
						 "%s{\"product_id\": " INT64_FORMAT ", \"sku\": ", n++ ? ", " : "",
						 demand->product_id);
		escape_json(&shortages, demand->sku);
		appendStringInfo(&shortages,
						 ", \"wanted\": " INT64_FORMAT ", \"available\": " INT64_FORMAT "}",
						 demand->quantity, available);
	}
	if (n == 0)
		return;
	outcome_fail(order->outcome, OMS_INSUFFICIENT_STOCK,
				 psprintf("order " INT64_FORMAT " needs more than is available of %d product%s",
						  order->id, n, n > 1 ? "s" : ""),
				 psprintf("{\"order_id\": " INT64_FORMAT ", \"shortages\": [%s]}", order->id,
						  shortages.data),
				 "Receive stock, or order less.");
	order->step = NULL;
}

/* move_stock books the effect of one order's step on its products */
static void
move_stock(StockBatch *stock, MovingOrder *order)
{
	for (int i = 0; i < order->ndemands; i++)
	{
		Demand *demand = &order->demands[i];
		StockRow *row = stock_find(stock, demand->product_id);
		int64 q = demand->quantity;

		if (order->step->effect != EFFECT_ALLOCATE && row->allocated < q)
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
							errmsg("order " INT64_FORMAT " should hold " INT64_FORMAT
								   " units of product " INT64_FORMAT ", but only " INT64_FORMAT
								   " are allocated in all",
								   order->id, q, demand->product_id, row->allocated),
							errhint("SELECT * FROM oms.integrity shows what is wrong.")));
		switch (order->step->effect)
		{
			case EFFECT_NONE:
				break;
			case EFFECT_ALLOCATE:
				stock_move(stock, row, "allocate", 0, q, order->id, NULL);
				break;
			case EFFECT_RELEASE:
				stock_move(stock, row, "release", 0, -q, order->id, NULL);
				break;
			case EFFECT_SHIP:
				stock_move(stock, row, "ship", -q, -q, order->id, NULL);
				break;
		}
	}
}

static void
apply_stock(Verb *verb, MovingOrder *orders, int n)
{
	int nproducts;
	int64 *products = read_demands(orders, n, &nproducts);
	StockBatch stock;

	if (nproducts == 0)
		return;
	stock_lock(&stock, products, nproducts);
	for (int i = 0; i < n; i++)
	{
		if (orders[i].step && orders[i].step->effect == EFFECT_ALLOCATE)
			check_stock(&stock, &orders[i]);
		if (orders[i].step)
			move_stock(&stock, &orders[i]);
	}
	stock_write(verb, &stock);
}

/* write_headers writes status, version and history of the orders that move */
static void
write_headers(Verb *verb, MovingOrder **orders, int n, const char *to, const char *reason)
{
	Datum now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	Datum status = CStringGetTextDatum(to);
	Datum actor = CStringGetTextDatum(verb->actor);
	Datum why = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	const bool nulls[6] = {false, false, false, false, false, reason == NULL};

	table_begin(&orders_status);
	for (int i = 0; i < n; i++)
		table_update(&orders_status, orders[i]->tid,
					 (Datum[]){status, Int64GetDatum(orders[i]->version + 1), now}, NULL);
	table_end(&orders_status);
	table_begin(&order_history);
	for (int i = 0; i < n; i++)
		table_insert(&order_history,
					 (Datum[]){Int64GetDatum(orders[i]->id), Int64GetDatum(orders[i]->version + 1),
							   CStringGetTextDatum(orders[i]->from), status, actor, why},
					 nulls);
	table_end(&order_history);
}

/* write_moves writes the orders that move, with their history and events */
static void
write_moves(Verb *verb, MovingOrder *orders, int n, const char *to, const char *reason)
{
	MovingOrder **moving = palloc(sizeof(MovingOrder *) * n);
	int64 *ids = palloc(sizeof(int64) * n);
	int64 *versions = palloc(sizeof(int64) * n);
	int m = 0;

	for (int i = 0; i < n; i++)
	{
		if (orders[i].step == NULL)
			continue;
		orders[i].outcome->moved = true;
		ids[m] = orders[i].id;
		versions[m] = orders[i].version + 1;
		moving[m++] = &orders[i];
	}
	if (m == 0)
		return;
	write_headers(verb, moving, m, to, reason);
	event_append(verb, psprintf("order.%s", asc_tolower(to, strlen(to))), "order", m, ids, versions,
				 NULL);
}

/*
 * orders_move takes orders to a status.  The ids are sorted and without doubles;
 * outcomes[i] tells of ids[i], and an order that is there already has not
 * failed.  It returns the rows, with ORDER_COLUMNS, of the orders that were
 * found, as they were before.
 */
SPITupleTable *
orders_move(Verb *verb, const int64 *ids, int n, const char *to, const char *reason,
			Outcome *outcomes)
{
	MovingOrder *orders = palloc0(sizeof(MovingOrder) * Max(n, 1));
	SPITupleTable *found;

	if (n == 0)
		return NULL;
	for (int i = 0; i < n; i++)
	{
		outcomes[i].id = ids[i];
		orders[i].id = ids[i];
		orders[i].outcome = &outcomes[i];
	}
	if (!status_exists(to))
		ereport(ERROR,
				(oms_errcode(OMS_INVALID_INPUT), errmsg("there is no status \"%s\"", to),
				 errdetail_internal("[{\"pointer\": \"/status\", \"detail\": \"is not a status of "
									"oms.order_transition\"}]"),
				 errhint("Statuses are written in capitals, such as CONFIRMED or CANCELLED.")));
	found = lock_and_judge(verb, orders, n, to);
	apply_stock(verb, orders, n);
	write_moves(verb, orders, n, to, reason);
	return found;
}
