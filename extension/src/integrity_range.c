/*
 * integrity_range.c
 *	  What a run of the checks looks at: all, ranges of ids, or what has changed.
 *
 * The change log is oms.event: each verb writes there what it touched.  An
 * incremental run takes the events that the last run's snapshot did not see,
 * whatever their ids and times, so a transaction that was in progress then is
 * looked at once it has committed.  To find them by id: a transaction that
 * begins after a snapshot was taken draws higher ids than any event the snapshot
 * sees.  So nothing at or below the last event of a run is new to a later one
 * whose snapshot has no older transaction in progress; that id is kept as the
 * run's settled_event.
 */
#include "integrity.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static const char *const scope_names[SCOPES] = {"orders", "products", "holds", "customers",
												"events", "answers",  "schema"};

const char *
scope_name(Scope scope)
{
	return scope_names[scope];
}

Scope
scope_find(const char *name)
{
	for (int i = 0; i < SCOPES; i++)
		if (strcmp(scope_names[i], name) == 0)
			return (Scope) i;
	elog(ERROR, "unknown scope \"%s\"", name);
}

/*
 * integrity_query runs a query with the arguments of a range, planned for them,
 * in the snapshot of the calling statement; parallel workers may help.
 */
uint64
integrity_query(const char *sql, const Datum *args)
{
	static const Oid types[INTEGRITY_ARGS] = {INT8OID, INT8OID,      INT8ARRAYOID,  INT8OID,
											  INT8OID, INT8ARRAYOID, INT8ARRAYOID,  INT8ARRAYOID,
											  INT8OID, INT8OID,      TIMESTAMPTZOID};
	int result =
		SPI_execute_with_args(sql, INTEGRITY_ARGS, (Oid *) types, (Datum *) args, NULL, true, 0);

	if (result < 0)
		elog(ERROR, "could not run \"%s\": %s", sql, SPI_result_code_string(result));
	return SPI_processed;
}

static KeptPlan select_bounds =
	PLAN0("SELECT (SELECT min(id) FROM oms.orders)::text, (SELECT max(id) FROM oms.orders)::text, "
		  "(SELECT min(id) FROM oms.product)::text, (SELECT max(id) FROM oms.product)::text, "
		  "(SELECT min(id) FROM oms.hold)::text, (SELECT max(id) FROM oms.hold)::text, "
		  "(SELECT min(id) FROM oms.customer)::text, (SELECT max(id) FROM oms.customer)::text, "
		  "(SELECT min(id) FROM oms.event)::text, (SELECT max(id) FROM oms.event)::text");

/* the last run that saw all there was */
static KeptPlan select_last =
	PLAN0("SELECT settled_event, snapshot::text, xid::text FROM oms.integrity_run "
		  "WHERE kind IN ('full', 'incremental') "
		  "AND system_identifier = (SELECT system_identifier FROM pg_control_system()) "
		  "AND last_event <= coalesce(pg_sequence_last_value('oms.event_id_seq'), 0) "
		  "ORDER BY id DESC LIMIT 1");

#define CHANGED                                                                                    \
	"WITH changed AS MATERIALIZED (SELECT id, at, aggregate, aggregate_id FROM oms.event "         \
	"WHERE id > $1 AND ($2 IS NULL OR NOT pg_visible_in_snapshot(xid, $2::pg_snapshot) "           \
	"OR xid = $3::xid8) AND ($4 IS NULL OR at >= $4)) "
#define CHANGED_IDS(aggregate)                                                                     \
	"(SELECT aggregate_id FROM changed WHERE aggregate = '" aggregate "')"

static KeptPlan select_changed = PLAN(
	CHANGED
	"SELECT ARRAY(SELECT aggregate_id FROM changed WHERE aggregate = 'order' "
	"UNION SELECT order_id FROM oms.shipment WHERE id IN " CHANGED_IDS(
		"shipment") " "
					"UNION SELECT order_id FROM oms.return_order WHERE id IN " CHANGED_IDS(
						"return") " "
								  "UNION SELECT order_id FROM oms.hold WHERE order_id IS NOT NULL "
								  "AND id IN " CHANGED_IDS(
									  "hold") " ORDER BY 1), "
											  "ARRAY(SELECT DISTINCT aggregate_id FROM changed "
											  "WHERE aggregate = 'product'), "
											  "ARRAY(SELECT DISTINCT aggregate_id FROM changed "
											  "WHERE aggregate = 'hold' ORDER BY 1), "
											  "ARRAY(SELECT DISTINCT aggregate_id FROM changed "
											  "WHERE aggregate = 'customer' ORDER BY 1), "
											  "coalesce(min(id), 1), coalesce(max(id), 0), "
											  "coalesce(min(at), 'infinity') FROM changed",
	INT8OID, TEXTOID, TEXTOID, TIMESTAMPTZOID);

/* set_bounds tells people what ids the arrays of a range hold */
static void
set_bounds(IntegrityRange *range, Scope scope, Datum array)
{
	ArrayType *ids = DatumGetArrayTypeP(array);
	int n = ArrayGetNItems(ARR_NDIM(ids), ARR_DIMS(ids));
	int64 *values = (int64 *) ARR_DATA_PTR(ids);

	range->first[scope] = n > 0 ? psprintf(INT64_FORMAT, values[0]) : NULL;
	range->last[scope] = n > 0 ? psprintf(INT64_FORMAT, values[n - 1]) : NULL;
}

static Datum
copied(uint64 row, int column)
{
	bool isnull;
	Datum value = row_datum(row, column, &isnull);

	return PointerGetDatum(DatumGetArrayTypePCopy(value));
}

/* choose_changed fills a range with what the events of select_changed tell of */
static void
choose_changed(IntegrityRange *range)
{
	bool isnull;

	range->args[2] = copied(0, 1);
	range->args[5] = copied(0, 2);
	range->args[6] = copied(0, 3);
	range->args[7] = copied(0, 4);
	range->args[8] = Int64GetDatum(row_int64(0, 5));
	range->args[9] = Int64GetDatum(row_int64(0, 6));
	range->args[10] = row_datum(0, 7, &isnull);
	/* what the orders and holds that changed are made of */
	(void) integrity_query(
		"SELECT ARRAY(SELECT unnest($6) UNION SELECT product_id FROM oms.order_line "
		"WHERE order_id = ANY ($3) UNION SELECT product_id FROM oms.hold_line "
		"WHERE hold_id = ANY ($7) ORDER BY 1)",
		range->args);
	range->args[5] = copied(0, 1);
	set_bounds(range, SCOPE_ORDERS, range->args[2]);
	set_bounds(range, SCOPE_PRODUCTS, range->args[5]);
	set_bounds(range, SCOPE_HOLDS, range->args[6]);
	set_bounds(range, SCOPE_CUSTOMERS, range->args[7]);
	if (DatumGetInt64(range->args[9]) > 0)
	{
		range->first[SCOPE_EVENTS] = psprintf(INT64_FORMAT, DatumGetInt64(range->args[8]));
		range->last[SCOPE_EVENTS] = psprintf(INT64_FORMAT, DatumGetInt64(range->args[9]));
		range->first[SCOPE_ANSWERS] =
			pstrdup(timestamptz_to_str(DatumGetTimestampTz(range->args[10])));
	}
}

/* choose_all takes everything */
static void
choose_all(IntegrityRange *range)
{
	range->kind = "full";
	range->form = "all";
	plan_read(&select_bounds, NULL, NULL);
	for (int i = 0; i <= SCOPE_EVENTS; i++)
	{
		range->first[i] = row_cstring(0, 1 + 2 * i);
		range->last[i] = row_cstring(0, 2 + 2 * i);
	}
}

/* choose_ids takes ranges of orders, of products or of both, and no other checks */
static void
choose_ids(IntegrityRange *range, const IntegrityWish *wish)
{
	static const int first_arg[] = {[SCOPE_ORDERS] = 0, [SCOPE_PRODUCTS] = 3};

	choose_all(range);
	range->kind = range->form = "range";
	for (int i = 0; i < SCOPES; i++)
	{
		int64 first;
		int64 last;

		range->chosen[i] = i <= SCOPE_PRODUCTS && (wish->first[i] != 0 || wish->last[i] != 0);
		if (!range->chosen[i])
			continue;
		first = Max(wish->first[i], 1);
		last = wish->last[i] ? wish->last[i] : PG_INT64_MAX;
		range->args[first_arg[i]] = Int64GetDatum(first);
		range->args[first_arg[i] + 1] = Int64GetDatum(last);
		if (wish->first[i] || range->first[i] == NULL)
			range->first[i] = psprintf(INT64_FORMAT, first);
		if (wish->last[i])
			range->last[i] = psprintf(INT64_FORMAT, last);
	}
}

/* integrity_choose finds what is to be looked at */
void
integrity_choose(IntegrityRange *range, const IntegrityWish *wish)
{
	Datum none = int8_array(NULL, 0);

	memset(range, 0, sizeof(IntegrityRange));
	range->args[2] = range->args[5] = range->args[6] = range->args[7] = none;
	for (int i = 0; i < SCOPES; i++)
		range->chosen[i] = true;
	if (wish->has_since)
	{
		range->kind = range->form = "since";
		plan_read(&select_changed,
				  (Datum[]){Int64GetDatum(0), 0, 0, TimestampTzGetDatum(wish->since)}, " nn ");
		choose_changed(range);
		range->args[10] = TimestampTzGetDatum(wish->since);
	}
	else if (wish->incremental && plan_read(&select_last, NULL, NULL) > 0)
	{
		range->kind = range->form = "incremental";
		plan_read(&select_changed,
				  (Datum[]){Int64GetDatum(row_int64(0, 1)), CStringGetTextDatum(row_cstring(0, 2)),
							CStringGetTextDatum(row_cstring(0, 3)), 0},
				  "   n");
		choose_changed(range);
	}
	else if (wish->first[0] || wish->last[0] || wish->first[1] || wish->last[1])
		choose_ids(range, wish);
	else
		choose_all(range);
}
