/*
 * report.c
 *	  What the business looks like: orders, revenue and low stock.
 */
#include "oms.h"
#include "json.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define LOW_STOCK_ROWS 100

/*
 * Pending and cancelled orders hold no stock and are no revenue.  Amounts are
 * those of orders in the currency of channel default: there is no sum of several
 * currencies, each of which has its own in by_currency.
 */
static KeptPlan sum_orders = PLAN(
	"WITH s AS MATERIALIZED (SELECT status, currency, count(*) AS orders, sum(total_amount) AS "
	"amount, oms.status_holds(status) IN ('allocated', 'shipped') AS sold FROM oms.orders "
	"WHERE created_at >= $1 AND created_at < $2 GROUP BY status, currency), "
	"base AS (SELECT y.code, y.decimals::integer FROM oms.channel c JOIN oms.currency y "
	"ON y.code = c.currency WHERE c.code = 'default'), "
	"by_status AS (SELECT status, sum(orders)::bigint AS orders, "
	"sum(amount) FILTER (WHERE currency = code) AS amount FROM s, base GROUP BY status), "
	"by_currency AS (SELECT currency, sum(orders)::bigint AS orders, "
	"sum(amount) AS amount FROM s WHERE sold GROUP BY currency) "
	"SELECT coalesce(sum(orders), 0)::bigint AS total_orders, "
	"coalesce(sum(amount) FILTER (WHERE sold AND currency = code), round(0.0, decimals)) "
	"AS total_revenue, code AS currency, "
	"coalesce(sum(orders) FILTER (WHERE sold), 0)::bigint AS orders_sold, "
	"round(coalesce(sum(amount) FILTER (WHERE sold AND currency = code) / "
	"nullif(sum(orders) FILTER (WHERE sold AND currency = code), 0), 0), decimals) "
	"AS average_order, "
	"(SELECT coalesce(json_object_agg(status, json_build_object('orders', orders, 'amount', "
	"coalesce(amount, round(0.0, decimals))::text) ORDER BY status), '{}') FROM by_status) "
	"AS by_status, "
	"(SELECT coalesce(json_object_agg(currency, json_build_object('orders', orders, 'revenue', "
	"amount::text) ORDER BY currency), '{}') FROM by_currency) AS by_currency "
	"FROM base LEFT JOIN s ON true GROUP BY code, decimals",
	TIMESTAMPTZOID, TIMESTAMPTZOID);

static KeptPlan count_low =
	PLAN0("SELECT count(*) FROM oms.stock s JOIN oms.product p ON p.id = s.product_id "
		  "WHERE s.available <= s.low_stock_threshold AND p.archived_at IS NULL");

static KeptPlan select_low =
	PLAN("SELECT p.id AS product_id, p.sku, p.name, l.code AS location, s.available AS quantity, "
		 "s.low_stock_threshold FROM oms.stock s JOIN oms.product p ON p.id = s.product_id "
		 "JOIN oms.location l ON l.id = s.location_id "
		 "WHERE s.available <= s.low_stock_threshold AND p.archived_at IS NULL "
		 "ORDER BY s.available - s.low_stock_threshold, p.id LIMIT $1",
		 INT8OID);

static void
append_low_stock(StringInfo reply)
{
	uint64 n;

	plan_read(&count_low, NULL, NULL);
	appendStringInfo(reply, ", \"low_stock_count\": " INT64_FORMAT ", \"low_stock_items\": [",
					 row_int64(0, 1));
	n = plan_read(&select_low, (Datum[]){Int64GetDatum(LOW_STOCK_ROWS)}, NULL);
	for (uint64 i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(reply, ", ");
		json_row(reply, SPI_tuptable, i);
	}
	appendStringInfoChar(reply, ']');
}

/* summary answers with the report over orders entered in [from, to) */
static Datum
summary(Verb *verb, TimestampTz from, TimestampTz to)
{
	StringInfo reply = reply_begin(verb);
	Datum span[2] = {TimestampTzGetDatum(from), TimestampTzGetDatum(to)};

	plan_read(&sum_orders, span, NULL);
	appendStringInfoChar(reply, '{');
	json_columns(reply, SPI_tuptable, 0, 1, SPI_tuptable->tupdesc->natts);
	append_low_stock(reply);
	appendStringInfoString(reply, ", \"from\": ");
	json_time(reply, from);
	appendStringInfoString(reply, ", \"to\": ");
	json_time(reply, to);
	appendStringInfoString(reply, ", \"generated_at\": ");
	json_time(reply, GetCurrentTimestamp());
	appendStringInfoChar(reply, '}');
	return reply_datum(reply);
}

OMS_QUERY(report_summary);

static Datum
report_summary(Verb *verb, FunctionCallInfo fcinfo)
{
	return summary(verb, PG_ARGISNULL(0) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(0),
				   PG_ARGISNULL(1) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(1));
}

/* query_time reads a time of the query, or returns what stands for no limit */
static TimestampTz
query_time(Jsonb *query, const char *name, TimestampTz otherwise)
{
	JsonbValue value;

	if (!getKeyJsonValueFromContainer(&query->root, name, strlen(name), &value) ||
		value.type != jbvString)
		return otherwise;
	return DatumGetTimestampTz(DirectFunctionCall3(
		timestamptz_in, CStringGetDatum(pnstrdup(value.val.string.val, value.val.string.len)),
		ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

REST_QUERY(rest_report_summary);

static Datum
rest_report_summary(Verb *verb, FunctionCallInfo fcinfo)
{
	Jsonb *query = PG_GETARG_JSONB_P(2);

	return summary(verb, query_time(query, "created_after", DT_NOBEGIN),
				   query_time(query, "created_before", DT_NOEND));
}
