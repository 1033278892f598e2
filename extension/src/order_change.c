/*
 * order_change.c
 *	  An order opened to be changed within its status.
 *
 * The order's row is locked first, and protects its lines, shipments, returns
 * and notes; then the rows of stock.  Every change raises the order's version
 * and leaves a row of history and an event with that number.
 */
#include "order_change.h"
#include "order.h"
#include "table.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

static KeptPlan lock_order =
	PLAN("SELECT id, version, status, channel, currency, takes_stock, fulfilment, hold_reason, "
		 "shipments, ctid FROM oms.orders WHERE id = $1 FOR NO KEY UPDATE",
		 INT8OID);

static KeptPlan select_lines =
	PLAN("SELECT line_no, product_id, sku, quantity, cancelled, returned, ctid FROM oms.order_line "
		 "WHERE order_id = $1 ORDER BY line_no",
		 INT8OID);

static KeptPlan add_up_totals =
	PLAN("UPDATE oms.orders SET (total_amount, discount_amount, tax_amount) = (SELECT "
		 "sum(line_total), sum(discount), sum(tax) FROM oms.order_line WHERE order_id = $1) "
		 "WHERE id = $1",
		 INT8OID);

static Table order_header =
	TABLE("orders", "version", "updated_at", "fulfilment", "hold_reason", "shipments");

static Table order_action = TABLE("order_history", "order_id", "seq", "from_status", "to_status",
								  "actor", "reason", "action", "detail");

/* order_open locks an order; raises OM001, and OM041 when it has not the expected version */
OpenOrder *
order_open(int64 id, int64 expected)
{
	OpenOrder *order = palloc0(sizeof(OpenOrder));

	if (plan_write(&lock_order, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_ORDER_NOT_FOUND), errmsg("there is no order " INT64_FORMAT, id),
				 errhint("List the orders to see their ids.")));
	order->id = id;
	order->version = row_int64(0, 2);
	order->status = row_cstring(0, 3);
	order->channel = row_cstring(0, 4);
	order->currency = row_cstring(0, 5);
	order->takes_stock = row_cstring(0, 6);
	order->fulfilment = row_cstring(0, 7);
	order->hold_reason = row_cstring(0, 8);
	order->shipments = row_int32(0, 9);
	order->tid = *row_tid(0, 10);
	if (expected != 0 && expected != order->version)
		ereport(ERROR,
				(oms_errcode(OMS_VERSION_CONFLICT),
				 errmsg("order " INT64_FORMAT " has version " INT64_FORMAT ", not " INT64_FORMAT,
						id, order->version, expected),
				 errdetail_internal("{\"order_id\": " INT64_FORMAT ", \"version\": " INT64_FORMAT
									", \"expected_version\": " INT64_FORMAT "}",
									id, order->version, expected),
				 errhint("Read the order again, and decide anew.")));
	return order;
}

/* order_refuse_held raises OM043 when an order is on hold */
void
order_refuse_held(const OpenOrder *order)
{
	Outcome outcome = {0};

	if (order->hold_reason == NULL)
		return;
	order_fail_held(&outcome, order->id, order->hold_reason);
	outcome_raise(&outcome);
}

static KeptPlan select_parcels =
	PLAN("SELECT l.line_no, s.location_id, l.quantity FROM oms.shipment s "
		 "JOIN oms.shipment_line l ON l.shipment_id = s.id "
		 "WHERE s.order_id = $1 AND s.state IN ('OPEN', 'PACKED')",
		 INT8OID);

/* read_parcels notes what of the holdings lies in shipments that have not left */
static void
read_parcels(OpenOrder *order)
{
	int n = (int) plan_write(&select_parcels, (Datum[]){Int64GetDatum(order->id)}, NULL);

	for (int i = 0; i < n; i++)
		for (int j = 0; j < order->nholdings; j++)
			if (order->holdings[j].line_no == row_int32(i, 1) &&
				order->holdings[j].location_id == row_int32(i, 2))
				order->holdings[j].parcelled += row_int64(i, 3);
}

/* share_holdings gives each line its part of the order's holdings */
static void
share_holdings(OpenOrder *order)
{
	bool untracked = strcmp(order->takes_stock, TAKES_NEVER) == 0;

	for (int i = 0; i < order->nlines; i++)
	{
		OpenLine *line = &order->lines[i];

		if (untracked && strcmp(order->fulfilment, "full") == 0)
			line->shipped = line_active(line);
		for (int j = 0; j < order->nholdings; j++)
		{
			OrderHolding *holding = &order->holdings[j];

			if (holding->line_no != line->line_no)
				continue;
			if (line->nholdings++ == 0)
				line->holdings = holding;
			line->reserved += holding->reserved;
			line->allocated += holding->allocated;
			line->shipped += holding->shipped;
			line->parcelled += holding->parcelled;
		}
	}
}

/* order_read_lines reads the lines of an open order, and what they hold */
void
order_read_lines(OpenOrder *order)
{
	int n = (int) plan_write(&select_lines, (Datum[]){Int64GetDatum(order->id)}, NULL);

	order->lines = palloc0(sizeof(OpenLine) * Max(n, 1));
	order->nlines = n;
	for (int i = 0; i < n; i++)
	{
		OpenLine *line = &order->lines[i];

		line->line_no = row_int32(i, 1);
		line->product_id = row_int64(i, 2);
		line->sku = row_cstring(i, 3);
		line->quantity = row_int64(i, 4);
		line->cancelled = row_int64(i, 5);
		line->returned = row_int64(i, 6);
		line->tid = *row_tid(i, 7);
	}
	order->holdings = holdings_read(&order->id, 1, &order->nholdings);
	if (order->shipments > 0)
		read_parcels(order);
	share_holdings(order);
}

/* order_line returns the line with a number, or raises OM039 */
OpenLine *
order_line(OpenOrder *order, int64 line_no)
{
	for (int i = 0; i < order->nlines; i++)
		if (order->lines[i].line_no == line_no)
			return &order->lines[i];
	ereport(ERROR, (oms_errcode(OMS_LINE_NOT_FOUND),
					errmsg("order " INT64_FORMAT " has no line " INT64_FORMAT, order->id, line_no),
					errdetail_internal("{\"order_id\": " INT64_FORMAT ", \"line\": " INT64_FORMAT
									   ", \"lines\": %d}",
									   order->id, line_no, order->nlines),
					errhint("Lines are numbered from 1; read the order to see them.")));
}

/* order_lock_stock locks the stock of the order's products and of some more */
void
order_lock_stock(OpenOrder *order, const int64 *more, int nmore)
{
	int64 *products = palloc(sizeof(int64) * (order->nlines + nmore + 1));
	int n = 0;

	for (int i = 0; i < order->nlines; i++)
		products[n++] = order->lines[i].product_id;
	for (int i = 0; i < nmore; i++)
		products[n++] = more[i];
	n = int8_sort_unique(products, n);
	stock_lock(&order->stock, products, n);
}

/* raise_exceeded raises OM045 for units that have left the shelf or are in a parcel */
static void
raise_exceeded(const OpenOrder *order, const OpenLine *line, int64 quantity)
{
	ereport(ERROR,
			(oms_errcode(OMS_QUANTITY_EXCEEDED),
			 errmsg("line %d of order " INT64_FORMAT " (%s) has " INT64_FORMAT
					" units that can be cancelled, not " INT64_FORMAT,
					line->line_no, order->id, line->sku, line_free(line), quantity),
			 errdetail_internal(
				 "{\"order_id\": " INT64_FORMAT ", \"line\": %d, \"wanted\": " INT64_FORMAT
				 ", \"available\": " INT64_FORMAT ", \"shipped\": " INT64_FORMAT
				 ", \"in_parcels\": " INT64_FORMAT ", \"cancelled\": " INT64_FORMAT "}",
				 order->id, line->line_no, quantity, line_free(line), line->shipped,
				 line->parcelled, line->cancelled),
			 errhint("Shipped units can be returned; undo a shipment to cancel what is in it.")));
}

/*
 * order_give_back gives back what an order holds of units that are taken off a
 * line, from the place that was taken last; raises OM045 for those that are
 * not free.  The line's own numbers are the caller's to change afterwards.
 */
void
order_give_back(OpenOrder *order, OpenLine *line, int64 quantity, const char *reason)
{
	if (quantity > line_free(line))
		raise_exceeded(order, line, quantity);
	for (int i = line->nholdings - 1; i >= 0 && quantity > 0; i--)
	{
		OrderHolding *holding = &line->holdings[i];
		int64 reserved = Min(quantity, holding->reserved);
		int64 allocated = Min(quantity - reserved, holding->allocated - holding->parcelled);

		holding_release(&order->stock, holding, reserved, allocated, reason);
		holding->reserved -= reserved;
		holding->allocated -= allocated;
		line->reserved -= reserved;
		line->allocated -= allocated;
		quantity -= reserved + allocated;
	}
}

/* order_fulfilment says how much of what is wanted has left the shelf */
const char *
order_fulfilment(const OpenOrder *order)
{
	int64 active = 0;
	int64 shipped = 0;

	for (int i = 0; i < order->nlines; i++)
	{
		active += line_active(&order->lines[i]);
		shipped += order->lines[i].shipped;
	}
	return shipped == 0 ? "none" : shipped < active ? "partial" : "full";
}

/* write_header writes the next version of an order's header */
static void
write_header(OpenOrder *order)
{
	const bool nulls[5] = {false, false, false, order->hold_reason == NULL, false};

	table_begin(&order_header);
	table_update(&order_header, &order->tid,
				 (Datum[]){Int64GetDatum(order->version),
						   TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
						   CStringGetTextDatum(order->fulfilment),
						   order->hold_reason ? CStringGetTextDatum(order->hold_reason) : (Datum) 0,
						   Int32GetDatum(order->shipments)},
				 nulls);
	table_end(&order_header);
}

/*
 * order_write writes stock, header (the next version, and the totals anew where
 * lines have changed), history and event of a change.
 */
void
order_write(Verb *verb, OpenOrder *order, const OrderChange *change, bool totals)
{
	Datum detail =
		change->detail ? DirectFunctionCall1(jsonb_in, CStringGetDatum(change->detail)) : (Datum) 0;
	const bool nulls[8] = {
		false, false, false, false, false, change->reason == NULL, false, change->detail == NULL};

	stock_write(verb, &order->stock);
	order->stock.nmoves = 0;
	order->version++;
	write_header(order);
	if (totals)
		plan_write(&add_up_totals, (Datum[]){Int64GetDatum(order->id)}, NULL);
	table_begin(&order_action);
	table_insert(&order_action,
				 (Datum[]){Int64GetDatum(order->id), Int64GetDatum(order->version),
						   CStringGetTextDatum(order->status), CStringGetTextDatum(order->status),
						   CStringGetTextDatum(verb->actor),
						   change->reason ? CStringGetTextDatum(change->reason) : (Datum) 0,
						   CStringGetTextDatum(change->action), detail},
				 nulls);
	table_end(&order_action);
	if (change->event)
		event_append(verb, change->event, "order", 1, &order->id, &order->version,
					 change->detail ? &detail : NULL);
}

/*
 * order_settle takes the step that follows from the lines: to the status that
 * the machine's shipping step leads to when all that is wanted has shipped, to
 * CANCELLED when nothing is wanted any more.
 */
void
order_settle(Verb *verb, OpenOrder *order, const char *reason)
{
	int64 active = 0;
	int64 shipped = 0;
	Outcome outcome = {0};
	const char *to = NULL;

	for (int i = 0; i < order->nlines; i++)
	{
		active += line_active(&order->lines[i]);
		shipped += order->lines[i].shipped;
	}
	if (active == 0)
		to = "CANCELLED";
	else if (shipped == active)
		to = transition_shipping(order->status);
	if (to == NULL || strcmp(to, order->status) == 0)
		return;
	orders_move(verb, &order->id, 1, to, reason, &outcome);
	outcome_raise(&outcome);
	order->status = to;
	order->version++;
}
