/*
 * stock.c
 *	  Stock rows locked, changed and written together with their ledger.
 *
 * Rows are always locked in the order of their products and locations, so verbs that meet on
 * several products wait for each other but never in a circle.
 */
#include "stock.h"

#include "table.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static KeptPlan lock_stock = PLAN(
	"SELECT product_id, location_id, on_hand, reserved, allocated, backorder_limit, moves, ctid "
	"FROM oms.stock WHERE product_id = ANY ($1) ORDER BY product_id, location_id "
	"FOR NO KEY UPDATE",
	INT8ARRAYOID);

static Table stock_counters =
	TABLE("stock", "on_hand", "reserved", "allocated", "moves", "updated_at");

static Table stock_moves = TABLE("stock_move", "product_id", "location_id", "seq", "kind",
								 "d_on_hand", "d_reserved", "d_allocated", "on_hand", "reserved",
								 "allocated", "order_id", "line_no", "document", "reason", "actor");

/* a row that comes back after a deletion goes on in its old ledger, read once the row is ours */
static KeptPlan insert_stock =
	PLAN("INSERT INTO oms.stock (product_id, location_id) SELECT id, $2 FROM oms.product "
		 "WHERE id = $1 AND NOT EXISTS (SELECT FROM oms.stock WHERE product_id = $1 "
		 "AND location_id = $2) ON CONFLICT (product_id, location_id) DO NOTHING",
		 INT8OID, INT4OID);

static KeptPlan adopt_ledger =
	PLAN("UPDATE oms.stock SET moves = (SELECT max(seq) FROM oms.stock_move m "
		 "WHERE m.product_id = $1 AND m.location_id = $2) "
		 "WHERE product_id = $1 AND location_id = $2 AND EXISTS (SELECT FROM oms.stock_move m "
		 "WHERE m.product_id = $1 AND m.location_id = $2)",
		 INT8OID, INT4OID);

static KeptPlan product_exists = PLAN("SELECT FROM oms.product WHERE id = $1", INT8OID);

/* stock_lock locks the rows of some products, sorted and without doubles, at all locations */
void
stock_lock(StockBatch *batch, const int64 *product_ids, int n)
{
	uint64 found = plan_write(&lock_stock, (Datum[]){int8_array(product_ids, n)}, NULL);
	SPITupleTable *table = SPI_tuptable;
	int32 known = 0;
	int rank = -1;

	memset(batch, 0, sizeof(*batch));
	batch->rows = palloc0(sizeof(StockRow) * Max(found, 1));
	batch->nrows = (int) found;
	for (uint64 i = 0; i < found; i++)
	{
		StockRow *row = &batch->rows[i];

		row->product_id = row_int64(i, 1);
		row->location_id = row_int32(i, 2);
		row->on_hand = row_int64(i, 3);
		row->reserved = row_int64(i, 4);
		row->allocated = row_int64(i, 5);
		row->backorder_limit = row_int64(i, 6);
		row->moves = row_int64(i, 7);
		row->tid = *row_tid(i, 8);
		if (row->location_id != known)
		{
			known = row->location_id;
			rank = location_rank(known);
			SPI_tuptable = table;
		}
		row->rank = rank;
	}
}

/* stock_of returns the first row of a product, or NULL, and how many it has */
StockRow *
stock_of(StockBatch *batch, int64 product_id, int *n)
{
	int low = 0;
	int high = batch->nrows;

	while (low < high)
	{
		int middle = (low + high) / 2;

		if (batch->rows[middle].product_id < product_id)
			low = middle + 1;
		else
			high = middle;
	}
	*n = 0;
	while (low + *n < batch->nrows && batch->rows[low + *n].product_id == product_id)
		(*n)++;
	return *n > 0 ? &batch->rows[low] : NULL;
}

/* stock_find returns the row of a product at a location, or NULL */
StockRow *
stock_find(StockBatch *batch, int64 product_id, int32 location_id)
{
	int n;
	StockRow *rows = stock_of(batch, product_id, &n);

	for (int i = 0; i < n; i++)
		if (rows[i].location_id == location_id)
			return &rows[i];
	return NULL;
}

/* stock_move changes a row of the batch and notes the move; the caller has checked it */
void
stock_move(StockBatch *batch, StockRow *row, const StockMove *move)
{
	if (batch->nmoves == batch->max_moves)
	{
		batch->max_moves = Max(16, batch->max_moves * 2);
		batch->moves = batch->moves ? repalloc(batch->moves, sizeof(StockMove) * batch->max_moves)
									: palloc(sizeof(StockMove) * batch->max_moves);
	}
	row->on_hand += move->d_on_hand;
	row->reserved += move->d_reserved;
	row->allocated += move->d_allocated;
	row->moves++;
	row->moved = true;
	batch->moves[batch->nmoves] = *move;
	batch->moves[batch->nmoves++].after = *row;
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
	Datum values[15];
	bool nulls[15] = {false};

	values[14] = CStringGetTextDatum(verb->actor);
	table_begin(&stock_moves);
	for (int i = 0; i < batch->nmoves; i++)
	{
		StockMove *move = &batch->moves[i];

		values[0] = Int64GetDatum(move->after.product_id);
		values[1] = Int32GetDatum(move->after.location_id);
		values[2] = Int64GetDatum(move->after.moves);
		values[3] = CStringGetTextDatum(move->kind);
		values[4] = Int64GetDatum(move->d_on_hand);
		values[5] = Int64GetDatum(move->d_reserved);
		values[6] = Int64GetDatum(move->d_allocated);
		values[7] = Int64GetDatum(move->after.on_hand);
		values[8] = Int64GetDatum(move->after.reserved);
		values[9] = Int64GetDatum(move->after.allocated);
		values[10] = Int64GetDatum(move->order_id);
		nulls[10] = move->order_id == 0;
		values[11] = Int32GetDatum(move->line_no);
		nulls[11] = move->line_no == 0;
		nulls[12] = move->document == NULL;
		values[12] = nulls[12] ? (Datum) 0 : CStringGetTextDatum(move->document);
		nulls[13] = move->reason == NULL;
		values[13] = nulls[13] ? (Datum) 0 : CStringGetTextDatum(move->reason);
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
 * stock_make makes the rows at a location that are missing, of products that are
 * sorted and without doubles, and tells whether it made one.  It comes before
 * rows are locked: who waits for a row that somebody else is making must hold
 * none that the other one, or who locks the new row first, still needs.
 */
bool
stock_make(const int64 *product_ids, int n, int32 location_id)
{
	bool made = false;

	for (int i = 0; i < n; i++)
	{
		Datum args[] = {Int64GetDatum(product_ids[i]), Int32GetDatum(location_id)};

		if (plan_write(&insert_stock, args, NULL) == 0)
			continue;
		plan_write(&adopt_ledger, args, NULL);
		made = true;
	}
	return made;
}

/* stock_need returns the row of a product at a location, or raises OM004 */
StockRow *
stock_need(StockBatch *batch, int64 product_id, int32 location_id)
{
	StockRow *row = stock_find(batch, product_id, location_id);

	if (row)
		return row;
	/* a snapshot older than the row that somebody else has just made */
	if (plan_write(&product_exists, (Datum[]){Int64GetDatum(product_id)}, NULL) > 0)
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent update")));
	ereport(ERROR, (oms_errcode(OMS_PRODUCT_NOT_FOUND),
					errmsg("there is no product " INT64_FORMAT, product_id),
					errhint("List the products to see their ids.")));
}

/*
 * stock_open locks the rows of one product, making the one at a location when
 * it is missing, and returns that one.  "made", if not NULL, tells whether it did.
 */
StockRow *
stock_open(StockBatch *batch, int64 product_id, int32 location_id, bool *made)
{
	bool inserted = stock_make(&product_id, 1, location_id);

	stock_lock(batch, &product_id, 1);
	/* somebody may have deleted it before it was locked */
	if (stock_find(batch, product_id, location_id) == NULL &&
		stock_make(&product_id, 1, location_id))
	{
		inserted = true;
		stock_lock(batch, &product_id, 1);
	}
	if (made)
		*made = inserted;
	return stock_need(batch, product_id, location_id);
}

/* stock_room raises OM014 when a row has no room for so many units more */
void
stock_room(const StockRow *row, int64 units)
{
	if (row->on_hand > MAX_STOCK - units)
		ereport(ERROR,
				(oms_errcode(OMS_AMOUNT_TOO_LARGE),
				 errmsg("stock of product " INT64_FORMAT " would pass " INT64_FORMAT " units",
						row->product_id, MAX_STOCK),
				 errhint("Book a smaller quantity.")));
}

/* stock_short raises OM003: a row has fewer units that are free than are wanted */
void
stock_short(const StockRow *row, int64 wanted, int64 available, const char *hint)
{
	ereport(ERROR, (oms_errcode(OMS_INSUFFICIENT_STOCK),
					errmsg("only " INT64_FORMAT " units of product " INT64_FORMAT " are available",
						   available, row->product_id),
					errdetail_internal("{\"shortages\": [{\"product_id\": " INT64_FORMAT
									   ", \"wanted\": " INT64_FORMAT
									   ", \"available\": " INT64_FORMAT "}]}",
									   row->product_id, wanted, available),
					errhint("%s", hint)));
}

/* stock_event tells of the last move of a row */
void
stock_event(Verb *verb, const char *type, const StockRow *row)
{
	event_append(verb, type, "product", 1, &row->product_id, &row->moves, NULL);
}

/*
 * stock_adjust_row books a change of on_hand for one product at a location,
 * with its move and event.  It returns how many units are available there then.
 */
int64
stock_adjust_row(Verb *verb, int64 product_id, int32 location_id, int64 delta, const char *kind,
				 const char *reason)
{
	StockBatch batch;
	StockRow *row = stock_open(&batch, product_id, location_id, NULL);
	int64 free = Min(stock_available(row) + row->backorder_limit, row->on_hand);

	if (delta == 0)
		return stock_available(row);
	if (delta > 0)
		stock_room(row, delta);
	else if (free < -delta)
		stock_short(row, -delta, free,
					"Units promised to orders cannot be taken away: cancel orders first.");
	stock_move(&batch, row, &(StockMove){.kind = kind, .d_on_hand = delta, .reason = reason});
	stock_write(verb, &batch);
	stock_event(verb, strcmp(kind, "receive") == 0 ? "stock.received" : "stock.adjusted", row);
	return stock_available(row);
}
