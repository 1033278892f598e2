/*
 * hold.c
 *	  Stock kept for somebody for a while: how it ends.
 *
 * A line of a hold changes only while its row of stock is locked.  So a confirm
 * that finds too little may end what has expired at once, whether the worker has
 * seen it or not.
 */
#include "hold.h"

#include "table.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static KeptPlan expired_lines =
	PLAN("SELECT hold_id, line_no, product_id, location_id, quantity, ctid FROM oms.hold_line "
		 "WHERE state = 'held' AND product_id = ANY ($1) AND expires_at <= $2 "
		 "ORDER BY hold_id, line_no FOR NO KEY UPDATE",
		 INT8ARRAYOID, TIMESTAMPTZOID);

static KeptPlan expired_products =
	PLAN("SELECT product_id FROM oms.hold_line WHERE state = 'held' AND expires_at <= $1 "
		 "ORDER BY expires_at LIMIT $2",
		 TIMESTAMPTZOID, INT4OID);

/* in the order of ids, so that those who end lines of the same holds wait in no circle */
static KeptPlan raise_versions =
	PLAN("WITH ours AS MATERIALIZED (SELECT id FROM oms.hold WHERE id = ANY ($1) ORDER BY id "
		 "FOR NO KEY UPDATE) UPDATE oms.hold h SET version = version + 1, updated_at = now() "
		 "FROM ours WHERE h.id = ours.id RETURNING h.id, h.version",
		 INT8ARRAYOID);

static Table line_state = TABLE("hold_line", "state");

/* holds_changed raises the versions of some holds, ids sorted, and tells of it */
void
holds_changed(Verb *verb, const char *event, const int64 *ids, int n)
{
	int64 *changed = palloc(sizeof(int64) * Max(n, 1));
	int64 *versions = palloc(sizeof(int64) * Max(n, 1));
	uint64 found = plan_write(&raise_versions, (Datum[]){int8_array(ids, n)}, NULL);

	for (uint64 i = 0; i < found; i++)
	{
		changed[i] = row_int64(i, 1);
		versions[i] = row_int64(i, 2);
	}
	event_append(verb, event, "hold", (int) found, changed, versions, NULL);
}

/*
 * hold_end_lines gives units back: of the rows of the last plan_ call, which are
 * hold_id, line_no, product_id, location_id, quantity, ctid.  It returns the
 * holds' ids, sorted, and how many they are.
 */
int64 *
hold_end_lines(StockBatch *batch, uint64 found, const char *state, int *nids)
{
	SPITupleTable *table = SPI_tuptable;
	Datum value = CStringGetTextDatum(state);
	int64 *ids = palloc(sizeof(int64) * Max(found, 1));

	table_begin(&line_state);
	for (uint64 i = 0; i < found; i++)
	{
		StockRow *row;

		SPI_tuptable = table;
		ids[i] = row_int64(i, 1);
		row = stock_find(batch, row_int64(i, 3), row_int32(i, 4));
		if (row == NULL || row->reserved < row_int64(i, 5))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("hold " INT64_FORMAT " keeps units that are not reserved", ids[i]),
					 errhint("SELECT * FROM oms.integrity shows what is wrong.")));
		stock_move(batch, row,
				   &(StockMove){.kind = "unhold",
								.d_reserved = -row_int64(i, 5),
								.document = psprintf("hold " INT64_FORMAT, ids[i]),
								.reason = state});
		table_update(&line_state, row_tid(i, 6), &value, NULL);
	}
	table_end(&line_state);
	*nids = int8_sort_unique(ids, (int) found);
	return ids;
}

/* products_of returns the products whose rows are locked in a batch */
static Datum
products_of(const StockBatch *batch)
{
	int64 *products = palloc(sizeof(int64) * Max(batch->nrows, 1));
	int n = 0;

	for (int i = 0; i < batch->nrows; i++)
		if (n == 0 || products[n - 1] != batch->rows[i].product_id)
			products[n++] = batch->rows[i].product_id;
	return int8_array(products, n);
}

/*
 * holds_end_expired frees what expired holds keep of the products whose rows are
 * locked in the batch, and tells of how many.  The caller writes the batch.
 *
 * It does so once for a batch, for all of its products: a hold has lines of
 * products that others have locked, so who locked the rows of holds one by one,
 * as orders come to need them, could meet those others in a circle.
 */
int
holds_end_expired(Verb *verb, StockBatch *batch)
{
	uint64 found;
	int64 *ids;
	int nids;

	if (batch->swept)
		return 0;
	batch->swept = true;
	found =
		plan_write(&expired_lines,
				   (Datum[]){products_of(batch), TimestampTzGetDatum(GetCurrentTimestamp())}, NULL);
	if (found == 0)
		return 0;
	ids = hold_end_lines(batch, found, "expired", &nids);
	holds_changed(verb, "hold.expired", ids, nids);
	return nids;
}

/* holds_expire ends holds that have expired, at least those of the first so many lines */
int
holds_expire(Verb *verb, int lines)
{
	Datum args[] = {TimestampTzGetDatum(GetCurrentTimestamp()), Int32GetDatum(lines)};
	uint64 found = plan_write(&expired_products, args, NULL);
	int64 *products = palloc(sizeof(int64) * Max(found, 1));
	StockBatch batch;
	int nproducts;
	int ended;

	if (found == 0)
		return 0;
	for (uint64 i = 0; i < found; i++)
		products[i] = row_int64(i, 1);
	nproducts = int8_sort_unique(products, (int) found);
	stock_lock(&batch, products, nproducts);
	ended = holds_end_expired(verb, &batch);
	stock_write(verb, &batch);
	return ended;
}
