/*
 * stock.c
 *	  Stock rows locked, changed and written together with their ledger; the
 *	  verbs that receive and adjust stock.
 *
 * Rows are always locked in the order of their products, so verbs that meet on
 * several products wait for each other but never in a circle.
 */
#include "stock.h"

#include "json.h"
#include "table.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "utils/builtins.h"

static KeptPlan lock_stock =
	PLAN("SELECT product_id, on_hand, reserved, allocated, moves, ctid FROM oms.stock "
		 "WHERE product_id = ANY ($1) AND location_id = 1 ORDER BY product_id FOR NO KEY UPDATE",
		 INT8ARRAYOID);

static Table stock_counters =
	TABLE("stock", "on_hand", "reserved", "allocated", "moves", "updated_at");

static Table stock_moves =
	TABLE("stock_move", "product_id", "location_id", "seq", "kind", "d_on_hand", "d_reserved",
		  "d_allocated", "on_hand", "reserved", "allocated", "order_id", "reason", "actor");

/* a row that comes back after a deletion goes on in its old ledger, read once the row is ours */
static KeptPlan insert_stock = PLAN("INSERT INTO oms.stock (product_id, location_id) "
									"SELECT id, 1 FROM oms.product WHERE id = $1 "
									"ON CONFLICT (product_id, location_id) DO NOTHING",
									INT8OID);

static KeptPlan adopt_ledger =
	PLAN("UPDATE oms.stock SET moves = (SELECT max(seq) FROM oms.stock_move m "
		 "WHERE m.product_id = $1 AND m.location_id = 1) "
		 "WHERE product_id = $1 AND location_id = 1 AND EXISTS (SELECT FROM oms.stock_move m "
		 "WHERE m.product_id = $1 AND m.location_id = 1)",
		 INT8OID);

static KeptPlan product_exists = PLAN("SELECT FROM oms.product WHERE id = $1", INT8OID);

/* stock_lock locks the rows of some products, sorted and without doubles, at MAIN */
void
stock_lock(StockBatch *batch, const int64 *product_ids, int n)
{
	uint64 found = plan_write(&lock_stock, (Datum[]){int8_array(product_ids, n)}, NULL);
	uint64 next = 0;

	memset(batch, 0, sizeof(*batch));
	batch->rows = palloc0(sizeof(StockRow) * Max(n, 1));
	batch->nrows = n;
	for (int i = 0; i < n; i++)
	{
		StockRow *row = &batch->rows[i];

		row->product_id = product_ids[i];
		if (next == found || row_int64(next, 1) != product_ids[i])
			continue;
		row->exists = true;
		row->on_hand = row_int64(next, 2);
		row->reserved = row_int64(next, 3);
		row->allocated = row_int64(next, 4);
		row->moves = row_int64(next, 5);
		row->tid = *row_tid(next, 6);
		next++;
	}
}

/* stock_find returns the row of a product of the batch */
StockRow *
stock_find(StockBatch *batch, int64 product_id)
{
	int low = 0;
	int high = batch->nrows - 1;

	while (low <= high)
	{
		int middle = (low + high) / 2;
		StockRow *row = &batch->rows[middle];

		if (row->product_id == product_id)
			return row;
		if (row->product_id < product_id)
			low = middle + 1;
		else
			high = middle - 1;
	}
	elog(ERROR, "product " INT64_FORMAT " was not locked", product_id);
}

/* stock_move changes a row of the batch and notes the move; the caller has checked it */
void
stock_move(StockBatch *batch, StockRow *row, const char *kind, int64 d_on_hand, int64 d_allocated,
		   int64 order_id, const char *reason)
{
	StockMove *move;

	if (batch->nmoves == batch->max_moves)
	{
		batch->max_moves = Max(16, batch->max_moves * 2);
		batch->moves = batch->moves ? repalloc(batch->moves, sizeof(StockMove) * batch->max_moves)
									: palloc(sizeof(StockMove) * batch->max_moves);
	}
	row->on_hand += d_on_hand;
	row->allocated += d_allocated;
	row->moves++;
	row->moved = true;
	move = &batch->moves[batch->nmoves++];
	move->after = *row;
	move->kind = kind;
	move->d_on_hand = d_on_hand;
	move->d_allocated = d_allocated;
	move->order_id = order_id;
	move->reason = reason;
}

static void
write_rows(StockBatch *batch)
{
	Datum now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());

	table_begin(&stock_counters);
	for (int i = 0; i < batch->nrows; i++)
	{
		StockRow *row = &batch->rows[i];

		if (row->moved)
			table_update(&stock_counters, &row->tid,
						 (Datum[]){Int64GetDatum(row->on_hand), Int64GetDatum(row->reserved),
								   Int64GetDatum(row->allocated), Int64GetDatum(row->moves), now},
						 NULL);
	}
	table_end(&stock_counters);
}

static void
write_moves(Verb *verb, StockBatch *batch)
{
	Datum values[13];
	bool nulls[13] = {false};

	values[1] = Int32GetDatum(MAIN_LOCATION);
	values[5] = Int64GetDatum(0);
	values[12] = CStringGetTextDatum(verb->actor);
	table_begin(&stock_moves);
	for (int i = 0; i < batch->nmoves; i++)
	{
		StockMove *move = &batch->moves[i];

		values[0] = Int64GetDatum(move->after.product_id);
		values[2] = Int64GetDatum(move->after.moves);
		values[3] = CStringGetTextDatum(move->kind);
		values[4] = Int64GetDatum(move->d_on_hand);
		values[6] = Int64GetDatum(move->d_allocated);
		values[7] = Int64GetDatum(move->after.on_hand);
		values[8] = Int64GetDatum(move->after.reserved);
		values[9] = Int64GetDatum(move->after.allocated);
		values[10] = Int64GetDatum(move->order_id);
		nulls[10] = move->order_id == 0;
		nulls[11] = move->reason == NULL;
		values[11] = nulls[11] ? (Datum) 0 : CStringGetTextDatum(move->reason);
		table_insert(&stock_moves, values, nulls);
	}
	table_end(&stock_moves);
}

/* stock_write writes the rows that moved and their moves */
void
stock_write(Verb *verb, StockBatch *batch)
{
	if (batch->nmoves == 0)
		return;
	write_rows(batch);
	write_moves(verb, batch);
}

/* ----------------------------------------------------------- adjustments */

/*
 * stock_open locks the row of one product, making it when it is missing.  It
 * returns whether it made it.
 */
bool
stock_open(StockBatch *batch, int64 product_id)
{
	bool made;

	stock_lock(batch, &product_id, 1);
	if (batch->rows[0].exists)
		return false;
	made = plan_write(&insert_stock, (Datum[]){Int64GetDatum(product_id)}, NULL) > 0;
	if (made)
		plan_write(&adopt_ledger, (Datum[]){Int64GetDatum(product_id)}, NULL);
	stock_lock(batch, &product_id, 1);
	if (batch->rows[0].exists)
		return made;
	/* a snapshot older than the row that somebody else has just made */
	if (plan_write(&product_exists, (Datum[]){Int64GetDatum(product_id)}, NULL) > 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent update")));
	ereport(ERROR, (oms_errcode(OMS_PRODUCT_NOT_FOUND),
					errmsg("there is no product " INT64_FORMAT, product_id),
					errhint("List the products to see their ids.")));
}

/*
 * stock_adjust_row books a change of on_hand for one product at MAIN, with its
 * move and event.  It returns how many units are available then.
 */
int64
stock_adjust_row(Verb *verb, int64 product_id, int64 delta, const char *kind, const char *reason)
{
	StockBatch batch;
	StockRow *row;

	stock_open(&batch, product_id);
	row = &batch.rows[0];
	if (delta == 0)
		return stock_available(row);
	if (delta > 0 && row->on_hand > MAX_STOCK - delta)
		ereport(ERROR,
				(oms_errcode(OMS_AMOUNT_TOO_LARGE),
				 errmsg("stock of product " INT64_FORMAT " would pass " INT64_FORMAT " units",
						product_id, MAX_STOCK),
				 errhint("Book a smaller quantity.")));
	if (delta < 0 && stock_available(row) < -delta)
		ereport(ERROR,
				(oms_errcode(OMS_INSUFFICIENT_STOCK),
				 errmsg("only " INT64_FORMAT " units of product " INT64_FORMAT " are available",
						stock_available(row), product_id),
				 errdetail_internal("{\"shortages\": [{\"product_id\": " INT64_FORMAT
									", \"wanted\": " INT64_FORMAT ", \"available\": " INT64_FORMAT
									"}]}",
									product_id, -delta, stock_available(row)),
				 errhint("Units promised to orders cannot be taken away: cancel orders first.")));
	stock_move(&batch, row, kind, delta, 0, 0, reason);
	stock_write(verb, &batch);
	event_append(verb, strcmp(kind, "receive") == 0 ? "stock.received" : "stock.adjusted",
				 "product", 1, &product_id, &row->moves, NULL);
	return stock_available(row);
}

static void
check_quantity(const char *name, int64 quantity, int64 min)
{
	if (quantity < min || quantity > MAX_STOCK || quantity == 0)
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
						errmsg("%s must be from " INT64_FORMAT " to " INT64_FORMAT " and not 0",
							   name, min, MAX_STOCK),
						errdetail_internal(
							"[{\"pointer\": \"/%s\", \"detail\": \"is out of range\"}]", name),
						errhint("Give a whole number of units.")));
}

OMS_VERB(stock_receive);

static Datum
stock_receive(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 quantity = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	char *reason = PG_ARGISNULL(2) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(2));

	check_quantity("quantity", quantity, 1);
	return Int64GetDatum(stock_adjust_row(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), quantity,
										  "receive", reason));
}

OMS_VERB(stock_adjust);

static Datum
stock_adjust(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 delta = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	char *reason = PG_ARGISNULL(2) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(2));

	check_quantity("delta", delta, -MAX_STOCK);
	if (reason == NULL || reason[0] == '\0')
		ereport(ERROR,
				(oms_errcode(OMS_INVALID_INPUT), errmsg("an adjustment needs a reason"),
				 errdetail_internal("[{\"pointer\": \"/reason\", \"detail\": \"is required\"}]"),
				 errhint("Say why the stock differs, such as 'broken' or 'found'.")));
	return Int64GetDatum(
		stock_adjust_row(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), delta, "adjust", reason));
}
