/*
 * order_timeline.c
 *	  All that happened to an order, in the order of time.
 *
 * What belongs to an order is found by its id, but for tasks, which have no index
 * by order.  Whatever happened to the order left its mark at the very time of its
 * transaction: so the times of the other rows, each looked up in a BRIN index,
 * find these at a bounded price.
 */
#include "json.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "compat.h"

#define TIMELINE_COLUMNS 5

static KeptPlan select_timeline = PLAN(
	"WITH shipments AS MATERIALIZED (SELECT * FROM oms.shipment WHERE order_id = $1), "
	"returns AS MATERIALIZED (SELECT * FROM oms.return_order WHERE order_id = $1), "
	"moves AS MATERIALIZED (SELECT * FROM oms.stock_move WHERE order_id = $1), "
	"history AS MATERIALIZED (SELECT * FROM oms.order_history WHERE order_id = $1), "
	"notes AS MATERIALIZED (SELECT * FROM oms.order_note WHERE order_id = $1), "
	"times AS MATERIALIZED (SELECT changed_at AS at FROM history UNION SELECT at FROM moves "
	"UNION SELECT at FROM notes "
	"UNION SELECT unnest(ARRAY[created_at, packed_at, shipped_at, delivered_at, cancelled_at]) "
	"FROM shipments "
	"UNION SELECT unnest(ARRAY[created_at, updated_at]) FROM returns), "
	"events AS MATERIALIZED (SELECT * FROM oms.event WHERE aggregate = 'order' "
	"AND aggregate_id = $1 UNION ALL SELECT e.* FROM shipments JOIN LATERAL (SELECT * FROM "
	"oms.event "
	"WHERE aggregate = 'shipment' AND aggregate_id = shipments.id OFFSET 0) AS e ON true "
	"UNION ALL SELECT e.* FROM returns JOIN LATERAL (SELECT * FROM oms.event "
	"WHERE aggregate = 'return' AND aggregate_id = returns.id OFFSET 0) AS e ON true), "
	"tasks AS MATERIALIZED (SELECT t.* FROM times JOIN LATERAL (SELECT * FROM oms.task "
	"WHERE task.created_at = times.at) AS t ON t.payload @> jsonb_build_object('order_id', $1)), "
	"found(at, rank, id, kind, what, actor, detail) AS ("
	"SELECT changed_at, 1, seq, 'history', coalesce(action, to_status), actor, "
	"jsonb_strip_nulls(jsonb_build_object('seq', seq, 'from_status', from_status, 'to_status', "
	"to_status, 'reason', reason, 'detail', detail)) FROM history "
	"UNION ALL SELECT at, 2, seq, 'stock', kind, actor, jsonb_strip_nulls(jsonb_build_object("
	"'product_id', product_id, 'location_id', location_id, 'seq', seq, 'line', line_no, "
	"'on_hand', d_on_hand, 'reserved', d_reserved, 'allocated', d_allocated, "
	"'document', document, 'reason', reason)) FROM moves "
	"UNION ALL SELECT created_at, 3, id, 'shipment', 'created', created_by, "
	"jsonb_strip_nulls(jsonb_build_object('shipment_id', id, 'location_id', location_id, 'state', "
	"state, 'carrier', carrier, 'tracking', tracking)) FROM shipments "
	"UNION ALL SELECT s.at, 3, id, 'shipment', s.what, NULL, jsonb_build_object('shipment_id', id) "
	"FROM shipments, LATERAL (VALUES (packed_at, 'packed'), (shipped_at, 'shipped'), "
	"(delivered_at, 'delivered'), (cancelled_at, 'cancelled')) AS s (at, what) "
	"WHERE s.at IS NOT NULL "
	"UNION ALL SELECT created_at, 4, id, 'return', 'requested', created_by, "
	"jsonb_strip_nulls(jsonb_build_object('return_id', id, 'state', state, 'reason', reason, "
	"'answer', answer, 'refund_amount', refund_amount::text)) FROM returns "
	"UNION ALL SELECT at, 5, id, 'note', 'added', actor, jsonb_build_object('note_id', id, "
	"'note', note) FROM notes "
	"UNION ALL SELECT updated_at, 6, id, 'hold', 'consumed', created_by, jsonb_build_object("
	"'hold_id', id, 'owner', owner) FROM oms.hold WHERE order_id = $1 "
	"UNION ALL SELECT at, 7, id, 'event', type, actor, jsonb_strip_nulls(jsonb_build_object("
	"'event_id', id, 'version', version, 'request_id', request_id)) || "
	"CASE WHEN payload IS NULL THEN '{}' ELSE jsonb_build_object('payload', payload) END "
	"FROM events "
	"UNION ALL SELECT created_at, 8, id, 'task', handler, created_by, jsonb_strip_nulls("
	"jsonb_build_object('task_id', id, 'state', state, 'attempts', attempts, 'last_error', "
	"last_error, 'finished_at', finished_at)) FROM tasks) "
	"SELECT at, kind, what, actor, detail FROM found ORDER BY at, rank, id",
	INT8OID);

static KeptPlan order_exists = PLAN("SELECT FROM oms.orders WHERE id = $1", INT8OID);

/* read_timeline leaves the rows to the row_ functions and returns their number, or raises OM001 */
static uint64
read_timeline(int64 id)
{
	uint64 n;
	int level;

	if (plan_read(&order_exists, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_ORDER_NOT_FOUND), errmsg("there is no order " INT64_FORMAT, id),
				 errhint("List the orders to see their ids.")));
	/* large tables must never be read as a whole, whatever statistics say */
	level = NewGUCNestLevel();
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
	n = plan_read(&select_timeline, (Datum[]){Int64GetDatum(id)}, NULL);
	AtEOXact_GUC(true, level);
	return n;
}

OMS_QUERY(order_timeline);

static Datum
order_timeline(Verb *verb, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	uint64 n = read_timeline(PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0));

	materialized_srf(fcinfo);
	for (uint64 i = 0; i < n; i++)
	{
		Datum values[TIMELINE_COLUMNS];
		bool nulls[TIMELINE_COLUMNS];

		for (int k = 0; k < TIMELINE_COLUMNS; k++)
			values[k] = row_datum(i, k + 1, &nulls[k]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

REST_QUERY(rest_order_timeline);

static Datum
rest_order_timeline(Verb *verb, FunctionCallInfo fcinfo)
{
	uint64 n = read_timeline(PG_GETARG_INT64(2));
	StringInfo reply = reply_begin(verb);

	appendStringInfoChar(reply, '[');
	for (uint64 i = 0; i < n; i++)
	{
		appendStringInfoString(reply, i ? ", " : "");
		json_row(reply, SPI_tuptable, i);
	}
	appendStringInfoChar(reply, ']');
	return reply_datum(reply);
}
