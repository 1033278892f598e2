/*
 * stock.c
 *	  Stock rows locked, changed and written together with their ledger.
 *
 * Rows are always locked in the order of their products and ids, so verbs that meet on several
 * products wait for each other but never in a circle.  It is ids and not locations, for a row
 * that is made later must come last: who waited for the others meanwhile does not know it yet.
 */
#include "stock.h"

#include "table.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

static KeptPlan lock_stock = PLAN(
	"SELECT product_id, location_id, on_hand, reserved, allocated, backorder_limit, moves, ctid "
	"FROM oms.stock WHERE product_id = ANY ($1) ORDER BY product_id, id "
	"FOR NO KEY UPDATE",
	INT8ARRAYOID);

static Table stock_counters =
	TABLE("stock", "on_hand", "reserved", "allocated", "moves", "updated_at");

static Table stock_moves = TABLE("stock_move", "product_id", "location_id", "seq", "kind",
								 "d_on_hand", "d_reserved", "d_allocated", "on_hand", "reserved",
								 "allocated", "order_id", "line_no", "document", "reason", "actor");

static KeptPlan row_exists =
	PLAN("SELECT FROM oms.stock WHERE product_id = $1 AND location_id = $2", INT8OID, INT4OID);

static KeptPlan lock_product =
	PLAN("SELECT FROM oms.product WHERE id = $1 FOR NO KEY UPDATE", INT8OID);

/* a row that comes back after a deletion goes on in its old ledger, read once the row is ours */
static KeptPlan insert_stock = PLAN("INSERT INTO oms.stock (product_id, location_id) "
									"VALUES ($1, $2) "
									"ON CONFLICT (product_id, location_id) DO NOTHING",
									INT8OID, INT4OID);

static KeptPlan adopt_ledger =
	PLAN("UPDATE oms.stock SET moves = (SELECT max(seq) FROM oms.stock_move m "
		 "WHERE m.product_id = $1 AND m.location_id = $2) "
		 "WHERE product_id = $1 AND location_id = $2 AND EXISTS (SELECT FROM oms.stock_move m "
		 "WHERE m.product_id = $1 AND m.location_id = $2)",
		 INT8OID, INT4OID);

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
 * stock_make makes the row of a product at a location when it is missing, and
 * tells whether it did.  Nobody who calls it has locked rows of stock yet: those
 * who make rows of a product take turns by the lock of the product, so that the
 * rows' ids grow in the order in which others come to know them.
 */
bool
stock_make(int64 product_id, int32 location_id)
{
	Datum args[] = {Int64GetDatum(product_id), Int32GetDatum(location_id)};

	if (plan_write(&row_exists, args, NULL) > 0)
		return false;
	if (plan_write(&lock_product, args, NULL) == 0)
		ereport(ERROR, (oms_errcode(OMS_PRODUCT_NOT_FOUND),
						errmsg("there is no product " INT64_FORMAT, product_id),
						errhint("List the products to see their ids.")));
	if (plan_write(&insert_stock, args, NULL) == 0)
		return false;
	plan_write(&adopt_ledger, args, NULL);
	return true;
}

/* stock_gone raises 40001 for a row that was deleted meanwhile, unless the next statement will see that */
void
stock_gone(void)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent update")));
}

/*
 * stock_open locks the rows of one product, making the one at a location when
 * it is missing, and returns that one.  "made", if not NULL, tells whether it did.
 */
StockRow *
stock_open(StockBatch *batch, int64 product_id, int32 location_id, bool *made)
{
	for (;;)
	{
		bool inserted = stock_make(product_id, location_id);
		StockRow *row;

		stock_lock(batch, &product_id, 1);
		row = stock_find(batch, product_id, location_id);
		if (made)
			*made = inserted;
		if (row)
			return row;
		stock_gone();
	}
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

/* append_location appends a location's code as a JSON string */
static void
append_location(StringInfo buf, int32 location_id)
{
	const Location *location = location_get(location_id);

	escape_json(buf, location ? location->code : "");
}

/*
 * stock_event tells of the last move of a row, and where it was; "to" is the row
 * that the units have gone to, or NULL.
 */
void
stock_event(Verb *verb, const char *type, const StockRow *row, const StockRow *to)
{
	StringInfoData payload;
	Datum detail;

	initStringInfo(&payload);
	appendStringInfoString(&payload, "{\"location\": ");
	append_location(&payload, row->location_id);
	if (to)
	{
		appendStringInfoString(&payload, ", \"to_location\": ");
		append_location(&payload, to->location_id);
	}
	appendStringInfoChar(&payload, '}');
	detail = DirectFunctionCall1(jsonb_in, CStringGetDatum(payload.data));
	event_append(verb, type, "product", 1, &row->product_id, &row->moves, &detail);
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
	stock_event(verb, strcmp(kind, "receive") == 0 ? "stock.received" : "stock.adjusted", row,
				NULL);
	return stock_available(row);
}
