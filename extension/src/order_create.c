/*
 * order_create.c
 *	  Orders are born: read, priced, checked and written, many in one pass.
 */
#include "order_create.h"
#include "hold.h"
#include "order_stock.h"

#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static Table orders_table =
	TABLE("orders", "id", "order_number", "status", "version", "customer_name", "total_amount",
		  "created_by", "discount_amount", "tax_amount", "currency", "channel", "takes_stock",
		  "customer_id", "series_number", "external_ref", "attributes");

static Table lines_table =
	TABLE("order_line", "order_id", "line_no", "product_id", "quantity", "sku", "name", "price",
		  "line_total", "discount", "tax", "tax_rate", "tax_included");

static Table notes_table = TABLE("order_note", "order_id", "note", "actor");

/* ---------------------------------------------------------------- stock */

/* reserve books the units of an order that takes them at its birth */
static void
reserve(Verb *verb, StockBatch *batch, NewOrder *order, SPITupleTable *products)
{
	StockWant *wants = palloc0(sizeof(StockWant) * order->nlines);

	for (int i = 0; i < order->nlines; i++)
	{
		HeapTuple product = products->vals[order->lines[i].product];

		wants[i] = (StockWant){.line_no = i + 1,
							   .product_id = order->lines[i].product_id,
							   .quantity = order->lines[i].quantity,
							   .sku = SPI_getvalue(product, products->tupdesc, 4)};
	}
	order_reserve(verb, batch, order->id, wants, order->nlines, order->outcome);
}

/* takes_now says whether an order takes stock at its birth */
static bool
takes_now(const NewOrder *order)
{
	return order->outcome->message == NULL &&
		   strcmp(order->channel->takes_stock, TAKES_AT_CREATE) == 0;
}

/* reserve_all locks stock for all orders that take it now; those that lack it fail */
static void
reserve_all(Verb *verb, StockBatch *batch, NewOrder *orders, int n, SPITupleTable *products)
{
	int nids = 0;
	int64 *ids;

	for (int i = 0; i < n; i++)
		if (takes_now(&orders[i]))
			nids += orders[i].nlines;
	if (nids == 0)
		return;
	ids = palloc(sizeof(int64) * nids);
	nids = 0;
	for (int i = 0; i < n; i++)
		for (int j = 0; takes_now(&orders[i]) && j < orders[i].nlines; j++)
			ids[nids++] = orders[i].lines[j].product_id;
	stock_lock(batch, ids, int8_sort_unique(ids, nids));
	for (int i = 0; i < n; i++)
	{
		if (!takes_now(&orders[i]))
			continue;
		if (orders[i].hold_id != 0)
			hold_hand_over(verb, batch, &orders[i]);
		else
			reserve(verb, batch, &orders[i], products);
	}
}

/* --------------------------------------------------------------- writing */

static void
write_header(const NewOrder *order, Datum status, Datum actor)
{
	const Channel *channel = order->channel;
	const bool nulls[16] = {[12] = order->customer_id == 0,
							[13] = order->series_number == 0,
							[14] = order->external_ref == NULL,
							[15] = order->attributes == NULL};

	table_insert(
		&orders_table,
		(Datum[]){
			Int64GetDatum(order->id), CStringGetTextDatum(order->number), status, Int64GetDatum(1),
			CStringGetTextDatum(order->customer), money_datum(order->total, channel->decimals),
			actor, money_datum(order->discounts, channel->decimals),
			money_datum(order->tax, channel->decimals), CStringGetTextDatum(channel->currency),
			CStringGetTextDatum(channel->code), CStringGetTextDatum(channel->takes_stock),
			Int64GetDatum(order->customer_id), Int64GetDatum(order->series_number),
			order->external_ref ? CStringGetTextDatum(order->external_ref) : (Datum) 0,
			JsonbPGetDatum(order->attributes)},
		nulls);
}

static void
write_headers(Verb *verb, NewOrder **orders, int n)
{
	Datum status = CStringGetTextDatum(STATUS_INITIAL);
	Datum actor = CStringGetTextDatum(verb->actor);
	const bool history_nulls[6] = {false, false, true, false, false, true};

	table_begin(&orders_table);
	for (int i = 0; i < n; i++)
		write_header(orders[i], status, actor);
	table_end(&orders_table);
	table_begin(&order_history);
	for (int i = 0; i < n; i++)
		table_insert(&order_history,
					 (Datum[]){Int64GetDatum(orders[i]->id), Int64GetDatum(1), (Datum) 0, status,
							   actor, (Datum) 0},
					 history_nulls);
	table_end(&order_history);
}

static void
write_line(SPITupleTable *products, const NewOrder *order, int i)
{
	const NewLine *line = &order->lines[i];
	const PriceLine *price = &order->prices[i];
	HeapTuple product = products->vals[line->product];
	int decimals = order->channel->decimals;
	bool isnull;

	table_insert(&lines_table,
				 (Datum[]){Int64GetDatum(order->id), Int32GetDatum(order->nbefore + i + 1),
						   Int64GetDatum(line->product_id), Int64GetDatum(line->quantity),
						   SPI_getbinval(product, products->tupdesc, 4, &isnull),
						   SPI_getbinval(product, products->tupdesc, 2, &isnull),
						   money_datum(price->price, decimals), money_datum(price->total, decimals),
						   money_datum(price->discount, decimals),
						   money_datum(price->tax, decimals), rate_datum(price->tax_rate),
						   BoolGetDatum(price->tax_included)},
				 NULL);
}

/* lines_insert writes lines that are priced, behind those that the orders have already */
void
lines_insert(SPITupleTable *products, NewOrder **orders, int n)
{
	table_begin(&lines_table);
	for (int i = 0; i < n; i++)
		for (int j = 0; j < orders[i]->nlines; j++)
			write_line(products, orders[i], j);
	table_end(&lines_table);
}

/* write_notes writes the notes of the orders that have one */
static void
write_notes(Verb *verb, NewOrder **orders, int n)
{
	bool begun = false;

	for (int i = 0; i < n; i++)
	{
		if (orders[i]->note == NULL)
			continue;
		if (!begun)
			table_begin(&notes_table);
		begun = true;
		table_insert(&notes_table,
					 (Datum[]){Int64GetDatum(orders[i]->id), CStringGetTextDatum(orders[i]->note),
							   CStringGetTextDatum(verb->actor)},
					 NULL);
	}
	if (begun)
		table_end(&notes_table);
}

/* write_traces writes the events and tasks of new orders */
static void
write_traces(Verb *verb, NewOrder **orders, int n)
{
	int64 *ids = palloc(sizeof(int64) * n);
	int64 *versions = palloc(sizeof(int64) * n);
	Datum *payloads = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
	{
		char *payload = psprintf("{\"order_id\": " INT64_FORMAT "}", orders[i]->id);

		ids[i] = orders[i]->id;
		versions[i] = 1;
		payloads[i] = DirectFunctionCall1(jsonb_in, CStringGetDatum(payload));
	}
	event_append(verb, "order.created", "order", n, ids, versions, NULL);
	task_enqueue(verb, "order_created", n, payloads);
}

/*
 * orders_insert prices orders and writes those that have not failed, with their
 * lines, history, event and task.  It returns the rows of the products, which
 * the lines' "product" points into.
 */
SPITupleTable *
orders_insert(Verb *verb, NewOrder *orders, int n)
{
	NewOrder **good = palloc(sizeof(NewOrder *) * Max(n, 1));
	Pricing pricing;
	StockBatch batch = {0};
	SPITupleTable *products;
	Oid sequence = get_relname_relid("orders_id_seq", get_namespace_oid("oms", false));
	int ngood = 0;

	origins_check(orders, n);
	series_lock(orders, n);
	products = find_products(&pricing, orders, n);
	for (int i = 0; i < n; i++)
	{
		price_order(verb, &pricing, &orders[i]);
		if (orders[i].outcome->message == NULL)
			orders[i].id = nextval_internal(sequence, false);
	}
	reserve_all(verb, &batch, orders, n, products);
	for (int i = 0; i < n; i++)
	{
		if (orders[i].outcome->message)
			continue;
		orders[i].outcome->id = orders[i].id;
		good[ngood++] = &orders[i];
	}
	if (ngood > 0)
	{
		series_number(good, ngood);
		write_headers(verb, good, ngood);
		lines_insert(products, good, ngood);
		write_notes(verb, good, ngood);
		write_traces(verb, good, ngood);
	}
	/* also when all have failed: expired holds may have been ended for them */
	stock_write(verb, &batch);
	return products;
}
