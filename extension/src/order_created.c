/*
 * order_created.c
 *	  The built-in handler of tasks that the birth of an order queues.
 *
 * It notifies the channel oms_event, and looks whether the order's products
 * have run low.
 */
#include "worker.h"

#include "catalog/pg_type.h"
#include "commands/async.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define CHANNEL "oms_event"

static KeptPlan count_orders =
	PLAN("SELECT count(*) FROM oms.orders WHERE id = ANY ($1)", INT8ARRAYOID);

/*
 * An alert is raised when stock is low, and again only after the ledger shows
 * that it was above the threshold since.  oms.stock_alert keeps how far the
 * ledger has been read, so each move is looked at once.
 */
static KeptPlan raise_alerts =
	PLAN("WITH alert AS ("
		 "INSERT INTO oms.stock_alert AS a (product_id, location_id, seq, available, threshold) "
		 "SELECT s.product_id, s.location_id, s.moves, s.available, s.low_stock_threshold "
		 "FROM oms.stock s WHERE s.available <= s.low_stock_threshold AND s.product_id IN "
		 "(SELECT l.product_id FROM oms.order_line l WHERE l.order_id = ANY ($1)) "
		 "ORDER BY s.product_id, s.location_id "
		 "ON CONFLICT (product_id, location_id) DO UPDATE SET seq = excluded.seq, "
		 "available = excluded.available, threshold = excluded.threshold, "
		 "raised_at = CASE WHEN EXISTS (SELECT FROM oms.stock_move m "
		 "WHERE m.product_id = a.product_id AND m.location_id = a.location_id "
		 "AND m.seq > a.seq AND m.seq <= excluded.seq "
		 "AND m.on_hand - m.reserved - m.allocated > excluded.threshold) "
		 "THEN excluded.raised_at ELSE a.raised_at END "
		 "WHERE a.seq < excluded.seq RETURNING *) "
		 "SELECT a.product_id, a.seq, jsonb_build_object('product_id', a.product_id, 'sku', p.sku, "
		 "'location', l.code, 'available', a.available, 'threshold', a.threshold) "
		 "FROM alert a JOIN oms.product p ON p.id = a.product_id "
		 "JOIN oms.location l ON l.id = a.location_id WHERE a.raised_at = now() "
		 "ORDER BY a.product_id, a.location_id",
		 INT8ARRAYOID);

/* payload_order_id reads {"order_id": N} */
static int64
payload_order_id(const Task *task)
{
	JsonbValue value;

	if (JB_ROOT_IS_OBJECT(task->payload) &&
		getKeyJsonValueFromContainer(&task->payload->root, "order_id", strlen("order_id"),
									 &value) &&
		value.type == jbvNumeric)
	{
		char *digits = numeric_normalize(value.val.numeric);
		char *end;
		int64 id;

		errno = 0;
		id = strtoi64(digits, &end, 10);
		if (*end == '\0' && errno == 0)
			return id;
	}
	ereport(ERROR,
			(oms_errcode(OMS_INVALID_INPUT),
			 errmsg("the payload of task " INT64_FORMAT " is not {\"order_id\": N}", task->id),
			 errhint("Cancel it with SELECT oms.task_cancel(" INT64_FORMAT ").", task->id)));
}

static void
check_orders_exist(const int64 *ids, int n, Datum array)
{
	plan_write(&count_orders, &array, NULL);
	if (row_int64(0, 1) == n)
		return;
	if (n == 1)
		ereport(ERROR, (oms_errcode(OMS_ORDER_NOT_FOUND),
						errmsg("there is no order " INT64_FORMAT, ids[0])));
	ereport(ERROR, (oms_errcode(OMS_ORDER_NOT_FOUND),
					errmsg("of %d orders there are only " INT64_FORMAT, n, row_int64(0, 1))));
}

static void
check_low_stock(Verb *verb, Datum order_ids)
{
	uint64 n = plan_write(&raise_alerts, &order_ids, NULL);
	int64 *products = palloc(sizeof(int64) * (n + 1));
	int64 *versions = palloc(sizeof(int64) * (n + 1));
	Datum *payloads = palloc(sizeof(Datum) * (n + 1));

	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;

		products[i] = row_int64(i, 1);
		versions[i] = row_int64(i, 2);
		payloads[i] = row_datum(i, 3, &isnull);
	}
	event_append(verb, "stock.low", "product", (int) n, products, versions, payloads);
}

void
order_created(Verb *verb, const Task *tasks, int n)
{
	int64 *ids = palloc(sizeof(int64) * n);
	int nids = 0;
	Datum array;

	for (int i = 0; i < n; i++)
	{
		int64 id = payload_order_id(&tasks[i]);
		char *payload = psprintf("{\"type\":\"order.created\",\"order_id\":" INT64_FORMAT "}", id);

		/* a task that was run by hand may name an order once more */
		if (nids == 0 || ids[nids - 1] != id)
			ids[nids++] = id;
		Async_Notify(CHANNEL, payload);
	}
	array = int8_array(ids, nids);
	check_orders_exist(ids, nids, array);
	check_low_stock(verb, array);
}
