/*
 * order_move.c
 *	  Orders move from status to status, many in one pass.
 *
 * Orders are locked by id, then stock by product: everybody in this order, so
 * verbs that meet wait but never deadlock.  All checks come before the first
 * write, so an order that fails costs nothing and holds up no other.
 */
#include "order.h"
#include "lookup.h"
#include "order_stock.h"
#include "shipment.h"
#include "table.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

static Lookup lock_orders = LOOKUP_LOCK("orders", "orders_pkey", ORDER_COLUMNS ", shipments, ctid");

static Table orders_status = TABLE("orders", "status", "version", "updated_at", "fulfilment");

Table order_history = TABLE("order_history", "order_id", "seq", "from_status", "to_status", "actor",
							"reason", "changed_at");

/* order_fail_held notes OM043 */
void
order_fail_held(Outcome *outcome, int64 order_id, const char *reason)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfo(&detail, "{\"order_id\": " INT64_FORMAT ", \"hold_reason\": ", order_id);
	escape_json(&detail, reason);
	appendStringInfoChar(&detail, '}');
	outcome_fail(outcome, OMS_ORDER_HELD,
				 psprintf("order " INT64_FORMAT " is on hold: %s", order_id, reason), detail.data,
				 "Release the hold first with oms.order_release(), or cancel the order.");
}

/* refuse notes OM002 with where the order may go instead */
static void
refuse(MovingOrder *order, const char *to, const char *why, const char *hint)
{
	char *allowed = transitions_from(order->from);

	outcome_fail(order->outcome, OMS_TRANSITION_NOT_ALLOWED,
				 psprintf("order " INT64_FORMAT " is %s and cannot become %s%s", order->id,
						  order->from, to, why),
				 psprintf("{\"order_id\": " INT64_FORMAT ", \"from\": \"%s\", \"to\": \"%s\", "
						  "\"allowed\": %s}",
						  order->id, order->from, to, allowed),
				 hint ? pstrdup(hint)
				 : strcmp(allowed, "[]") == 0
					 ? psprintf("No step leads on from %s.", order->from)
					 : psprintf("From %s it may become one of %s.", order->from, allowed));
	order->step = NULL;
}

/* find_step finds the step of one order, or says why there is none */
static void
find_step(MovingOrder *order, const char *to, bool admin)
{
	if (strcmp(order->from, to) == 0)
		return; /* it is there already: a repeated request is harmless */
	order->step = transition_find(order->from, to);
	if (order->step == NULL)
		refuse(order, to, "", NULL);
	else if (order->step->admin && !admin)
	{
		outcome_fail(
			order->outcome, OMS_ROLE_REQUIRED,
			psprintf("only an administrator may take an order from %s to %s", order->from, to),
			NULL, "Ask a user with the role admin.");
		order->step = NULL;
	}
	else if (order->hold_reason && order->step->effect != EFFECT_RELEASE)
	{
		order_fail_held(order->outcome, order->id, order->hold_reason);
		order->step = NULL;
	}
	else if (order->step->effect == EFFECT_RELEASE && strcmp(order->fulfilment, "partial") == 0)
		refuse(order, to, ", for a part of it has shipped",
			   "Cancel what has not shipped with oms.order_close().");
}

/* read_order takes what it has to know of an order from its row */
static void
read_order(MovingOrder *order, SPITupleTable *table, uint64 row)
{
	Datum values[ORDER_COLUMN_COUNT + 2];
	bool nulls[ORDER_COLUMN_COUNT + 2];

	heap_deform_tuple(table->vals[row], table->tupdesc, values, nulls);
	order->from = TextDatumGetCString(values[ORDER_STATUS_COLUMN - 1]);
	order->version = DatumGetInt64(values[ORDER_VERSION_COLUMN - 1]);
	order->takes_stock = TextDatumGetCString(values[ORDER_TAKES_STOCK_COLUMN - 1]);
	order->fulfilment = TextDatumGetCString(values[ORDER_FULFILMENT_COLUMN - 1]);
	if (!nulls[ORDER_HOLD_REASON_COLUMN - 1])
		order->hold_reason = TextDatumGetCString(values[ORDER_HOLD_REASON_COLUMN - 1]);
	order->shipments = DatumGetInt32(values[ORDER_COLUMN_COUNT]);
	order->tid = (ItemPointer) DatumGetPointer(values[ORDER_COLUMN_COUNT + 1]);
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
	found = lookup_rows(&lock_orders, ids, n);
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
		read_order(order, table, next++);
		find_step(order, to, admin);
	}
	return table;
}

/* moved_at says when an order took its step */
static Datum
moved_at(const MovingOrder *order)
{
	return TimestampTzGetDatum(order->outcome->at ? order->outcome->at
												  : GetCurrentTransactionStartTimestamp());
}

/* write_headers writes status, version and history of the orders that move */
static void
write_headers(Verb *verb, MovingOrder **orders, int n, const char *to, const char *reason)
{
	Datum status = CStringGetTextDatum(to);
	Datum actor = CStringGetTextDatum(verb->actor);
	Datum why = reason ? CStringGetTextDatum(reason) : (Datum) 0;
	const bool nulls[7] = {false, false, false, false, false, reason == NULL, false};

	table_begin(&orders_status);
	for (int i = 0; i < n; i++)
		table_update(&orders_status, orders[i]->tid,
					 (Datum[]){status, Int64GetDatum(orders[i]->version + 1), moved_at(orders[i]),
							   CStringGetTextDatum(orders[i]->step->effect == EFFECT_SHIP
													   ? "full"
													   : orders[i]->fulfilment)},
					 NULL);
	table_end(&orders_status);
	table_begin(&order_history);
	for (int i = 0; i < n; i++)
		table_insert(&order_history,
					 (Datum[]){Int64GetDatum(orders[i]->id), Int64GetDatum(orders[i]->version + 1),
							   CStringGetTextDatum(orders[i]->from), status, actor, why,
							   moved_at(orders[i])},
					 nulls);
	table_end(&order_history);
}

/* end_shipments ships or undoes the shipments of orders that ship or release all they hold */
static void
end_shipments(Verb *verb, MovingOrder **orders, int n)
{
	for (int i = 0; i < n; i++)
		if (orders[i]->shipments > 0 &&
			(orders[i]->step->effect == EFFECT_SHIP || orders[i]->step->effect == EFFECT_RELEASE))
			shipments_end(verb, orders[i]->id, orders[i]->step->effect == EFFECT_SHIP);
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
	end_shipments(verb, moving, m);
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
	orders_move_stock(verb, orders, n);
	write_moves(verb, orders, n, to, reason);
	return found;
}
