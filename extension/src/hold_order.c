/*
 * hold_order.c
 *	  Stock kept for somebody becomes an order.
 *
 * The order has a line for each product of the hold, and takes its units where
 * they lie: what the hold gives up the order reserves in the same batch, so
 * nobody else can have them.  Whatever its channel says, such an order takes
 * stock at create.
 */
#include "hold.h"
#include "idempotency.h"
#include "order_stock.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

/* which units a hold keeps never changes, so it is read before anything is locked */
static KeptPlan select_items =
	PLAN("SELECT product_id, sum(quantity)::bigint FROM oms.hold_line WHERE hold_id = $1 "
		 "GROUP BY product_id ORDER BY min(line_no)",
		 INT8OID);

static KeptPlan consume_hold =
	PLAN("UPDATE oms.hold SET order_id = $2, version = version + 1, updated_at = now() "
		 "WHERE id = $1 RETURNING version",
		 INT8OID, INT8OID);

/* read_items makes the lines of the order, or raises why the hold cannot become one */
static void
read_items(NewOrder *order)
{
	Input input;
	int n = (int) plan_write(&select_items, (Datum[]){Int64GetDatum(order->hold_id)}, NULL);

	if (n == 0)
		hold_fail_unknown(order->hold_id);
	input_start(&input);
	if (n > MAX_LINES)
		input_fault(&input, "/hold_id", "keeps %d products, an order has at most %d lines", n,
					MAX_LINES);
	order->lines = palloc0(sizeof(NewLine) * n);
	order->nlines = n;
	for (int i = 0; i < n; i++)
	{
		order->lines[i] =
			(NewLine){.product_id = row_int64(i, 1), .quantity = row_int64(i, 2), .tax_rate = -1};
		if (order->lines[i].quantity > MAX_LINE_UNITS)
			input_fault(&input, "/hold_id",
						"keeps " INT64_FORMAT " units of product " INT64_FORMAT
						", a line has at most %d",
						order->lines[i].quantity, order->lines[i].product_id, MAX_LINE_UNITS);
	}
	input_end(&input);
}

/* line_of returns the number of the order's line of a product */
static int32
line_of(const NewOrder *order, int64 product_id)
{
	for (int i = 0; i < order->nlines; i++)
		if (order->lines[i].product_id == product_id)
			return i + 1;
	elog(ERROR, "order " INT64_FORMAT " has no line of product " INT64_FORMAT, order->id,
		 product_id);
}

/* tell writes which order the hold became */
static void
tell(Verb *verb, const NewOrder *order)
{
	char *payload = psprintf("{\"order_id\": " INT64_FORMAT "}", order->id);
	Datum detail = DirectFunctionCall1(jsonb_in, CStringGetDatum(payload));
	int64 version;

	plan_write(&consume_hold, (Datum[]){Int64GetDatum(order->hold_id), Int64GetDatum(order->id)},
			   NULL);
	version = row_int64(0, 1);
	event_append(verb, "hold.consumed", "hold", 1, &order->hold_id, &version, &detail);
}

/* hold_hand_over hands the units of a hold over to a new order; the caller writes the batch */
void
hold_hand_over(Verb *verb, StockBatch *batch, const NewOrder *order)
{
	uint64 found = hold_lines(order->hold_id, true);
	SPITupleTable *table = SPI_tuptable;
	char *document = psprintf("hold " INT64_FORMAT, order->hold_id);
	int nids;

	(void) hold_end_lines(batch, found, "consumed", &nids);
	for (uint64 i = 0; i < found; i++)
	{
		int64 product_id;

		SPI_tuptable = table;
		product_id = row_int64(i, 3);
		stock_move(batch, stock_find(batch, product_id, row_int32(i, 4)),
				   &(StockMove){.kind = "reserve",
								.d_reserved = row_int64(i, 5),
								.order_id = order->id,
								.line_no = line_of(order, product_id),
								.document = document});
	}
	tell(verb, order);
}

/* order_from_hold enters an order whose header has been read */
static int64
order_from_hold(Verb *verb, NewOrder *order)
{
	Channel *channel = palloc(sizeof(Channel));
	Outcome outcome = {0};

	*channel = *order->channel;
	strlcpy(channel->takes_stock, TAKES_AT_CREATE, sizeof(channel->takes_stock));
	order->channel = channel;
	order->outcome = &outcome;
	read_items(order);
	orders_insert(verb, order, 1);
	outcome_raise(&outcome);
	return order->id;
}

OMS_VERB(hold_order);

static Datum
hold_order(Verb *verb, FunctionCallInfo fcinfo)
{
	NewOrder order = {0};
	Input input;

	input_start(&input);
	if (PG_ARGISNULL(0))
		input_fault(&input, "/hold_id", "is required");
	else
		order.hold_id = PG_GETARG_INT64(0);
	order_arguments(&input, fcinfo, 1, &order);
	input_end(&input);
	return Int64GetDatum(order_from_hold(verb, &order));
}

REST_VERB(rest_hold_order);

static Datum
rest_hold_order(Verb *verb, FunctionCallInfo fcinfo)
{
	NewOrder order = {.hold_id = PG_GETARG_INT64(2)};
	text *body = PG_GETARG_TEXT_PP(3);
	text *key = PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4);
	char *operation = psprintf("hold_order " INT64_FORMAT, order.hold_id);
	Input input;
	Datum answer;

	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	order_read(&input, input_begin(&input, body), "", &order);
	input_end(&input);
	answer = order_changed_reply(verb, order_from_hold(verb, &order));
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}
