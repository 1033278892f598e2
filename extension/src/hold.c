/*
 * hold.c
 *	  Stock kept for somebody for a while.
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

static Table line_state = TABLE("hold_line", "state");

/* end_line gives a line's units back to its row, and says why */
static void
end_line(StockBatch *batch, StockRow *row, int64 hold_id, int64 quantity, const char *reason)
{
	stock_move(batch, row,
			   &(StockMove){.kind = "unhold",
							.d_reserved = -quantity,
							.document = psprintf("hold " INT64_FORMAT, hold_id),
							.reason = reason});
}

/*
 * holds_end_expired frees what expired holds keep of products whose rows are
 * locked in the batch, and tells whether it freed any.  The caller writes the batch.
 */
bool
holds_end_expired(Verb *verb, StockBatch *batch, const int64 *product_ids, int n)
{
	Datum args[] = {int8_array(product_ids, n), TimestampTzGetDatum(GetCurrentTimestamp())};
	uint64 found = plan_write(&expired_lines, args, NULL);
	SPITupleTable *table = SPI_tuptable;
	Datum state = CStringGetTextDatum("expired");
	int64 *ids;
	int64 *versions;
	int nids;

	if (found == 0)
		return false;
	ids = palloc(sizeof(int64) * found);
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
		end_line(batch, row, ids[i], row_int64(i, 5), "expired");
		table_update(&line_state, row_tid(i, 6), &state, NULL);
	}
	table_end(&line_state);
	nids = int8_sort_unique(ids, (int) found);
	versions = palloc(sizeof(int64) * nids);
	for (int i = 0; i < nids; i++)
		versions[i] = 2;
	event_append(verb, "hold.expired", "hold", nids, ids, versions, NULL);
	return true;
}
