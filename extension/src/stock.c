/*
 * stock.c
 *	  Stock rows locked, changed and written together with their ledger.
 *
 * Rows are always locked in the order of their products and ids, so verbs that meet on several
 * products wait for each other but never in a circle.  It is ids and not locations, for a row
 * that is made later must come last: who waited for the others meanwhile does not know it yet.
 */
#include "stock.h"

#include "lookup.h"
#include "table.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

static Lookup lock_stock = LOOKUP_LOCK_BY(
	"stock", "stock_pkey", "id",
	"product_id, location_id, on_hand, reserved, allocated, backorder_limit, moves, ctid");

#define MAX_TRIES 10 /* to make a row and find it */

static Table stock_counters =
	TABLE("stock", "on_hand", "reserved", "allocated", "moves", "updated_at");

static Table stock_moves = TABLE("stock_move", "product_id", "location_id", "seq", "kind",
								 "d_on_hand", "d_reserved", "d_allocated", "on_hand", "reserved",
								 "allocated", "order_id", "line_no", "document", "reason", "actor");

static KeptPlan missing_rows =
	PLAN("SELECT DISTINCT w.product_id, w.location_id FROM unnest($1, $2) AS w (product_id, "
		 "location_id) WHERE NOT EXISTS (SELECT FROM oms.stock s WHERE s.product_id = w.product_id "
		 "AND s.location_id = w.location_id) ORDER BY 1, 2",
		 INT8ARRAYOID, INT4ARRAYOID);

static KeptPlan lock_products = PLAN(
	"SELECT id FROM oms.product WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE", INT8ARRAYOID);

static KeptPlan insert_stock =
	PLAN("INSERT INTO oms.stock (product_id, location_id) SELECT w.product_id, w.location_id "
		 "FROM unnest($1, $2) AS w (product_id, location_id) ORDER BY 1, 2 "
		 "ON CONFLICT (product_id, location_id) DO NOTHING",
		 INT8ARRAYOID, INT4ARRAYOID);

/* a row that comes back after a deletion goes on in its old ledger, read once the row is ours */
static KeptPlan adopt_ledgers =
	PLAN("UPDATE oms.stock s SET moves = l.seq FROM (SELECT w.product_id, w.location_id, "
		 "(SELECT max(m.seq) FROM oms.stock_move m WHERE m.product_id = w.product_id "
		 "AND m.location_id = w.location_id) AS seq FROM (SELECT DISTINCT * FROM unnest($1, $2)) "
		 "AS w (product_id, location_id)) AS l WHERE s.product_id = l.product_id "
		 "AND s.location_id = l.location_id AND s.moves = 0 AND l.seq > 0",
		 INT8ARRAYOID, INT4ARRAYOID);

/* stock_lock locks the rows of some products, sorted and without doubles, at all locations */
void
stock_lock(StockBatch *batch, const int64 *product_ids, int n)
{
	uint64 found = lookup_rows(&lock_stock, product_ids, n);
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

/* pairs makes the arguments of a plan of pairs of a product and a location */
static void
pairs(Datum *args, const int64 *product_ids, const int32 *location_ids, int n)
{
	Datum *locations = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		locations[i] = Int32GetDatum(location_ids[i]);
	args[0] = int8_array(product_ids, n);
	args[1] =
		PointerGetDatum(construct_array(locations, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* lock_makers locks the products of rows to be made, sorted; raises OM004 */
static void
lock_makers(const int64 *product_ids, int n)
{
	int64 *once = palloc(sizeof(int64) * n);
	uint64 found;
	uint64 m;

	memcpy(once, product_ids, sizeof(int64) * n);
	m = (uint64) int8_sort_unique(once, n);
	found = plan_write(&lock_products, (Datum[]){int8_array(once, (int) m)}, NULL);
	for (uint64 i = 0; i < m; i++)
		if (i == found || row_int64(i, 1) != once[i])
			ereport(ERROR, (oms_errcode(OMS_PRODUCT_NOT_FOUND),
							errmsg("there is no product " INT64_FORMAT, once[i]),
							errhint("List the products to see their ids.")));
}

/*
 * stock_make makes the rows of products at locations, n pairs, that are missing,
 * and returns how many it made.  Nobody who calls it has locked rows of stock
 * yet: those who make rows of a product take turns by the lock of the product,
 * so that the rows' ids grow in the order in which others come to know them.
 */
int
stock_make(const int64 *product_ids, const int32 *location_ids, int n)
{
	Datum args[2];
	int64 *products;
	int32 *locations;
	int missing;
	int made;

	pairs(args, product_ids, location_ids, n);
	missing = (int) plan_write(&missing_rows, args, NULL);
	if (missing == 0)
		return 0;
	products = palloc(sizeof(int64) * missing);
	locations = palloc(sizeof(int32) * missing);
	for (int i = 0; i < missing; i++)
	{
		products[i] = row_int64(i, 1);
		locations[i] = row_int32(i, 2);
	}
	lock_makers(products, missing);
	pairs(args, products, locations, missing);
	made = (int) plan_write(&insert_stock, args, NULL);
	if (made > 0)
		plan_write(&adopt_ledgers, args, NULL);
	return made;
}

/*
 * stock_gone is told how often a row that was made was not there when it was to be
 * locked.  Somebody may have deleted it: the next statement will see that, unless
 * the snapshot is an old one.  But whatever a trigger takes away never comes.
 */
void
stock_gone(int tries)
{
	if (IsolationUsesXactSnapshot())
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("could not serialize access due to concurrent update")));
	if (tries >= MAX_TRIES)
		ereport(ERROR,
				(oms_errcode(OMS_STOCK_NOT_FOUND),
				 errmsg("a row of stock was made %d times and was never there to be locked", tries),
				 errhint("See which triggers of yours oms.stock has, or try again.")));
}

/* stock_open_many locks the rows of products, making those at some locations that are missing */
void
stock_open_many(StockBatch *batch, const int64 *product_ids, const int32 *location_ids, int n)
{
	int64 *once = palloc(sizeof(int64) * Max(n, 1));
	bool gone;
	int tries = 0;
	int m;

	memcpy(once, product_ids, sizeof(int64) * n);
	m = int8_sort_unique(once, n);
	do
	{
		(void) stock_make(product_ids, location_ids, n);
		stock_lock(batch, once, m);
		gone = false;
		for (int i = 0; i < n && !gone; i++)
			gone = stock_find(batch, product_ids[i], location_ids[i]) == NULL;
		if (gone)
			stock_gone(++tries);
	} while (gone);
}

/*
 * stock_open locks the rows of one product, making the one at a location when
 * it is missing, and returns that one.  "made", if not NULL, tells whether it did.
 */
StockRow *
stock_open(StockBatch *batch, int64 product_id, int32 location_id, bool *made)
{
	for (int tries = 1;; tries++)
	{
		bool inserted = stock_make(&product_id, &location_id, 1) > 0;
		StockRow *row;

		stock_lock(batch, &product_id, 1);
		row = stock_find(batch, product_id, location_id);
		if (made)
			*made = inserted;
		if (row)
			return row;
		stock_gone(tries);
	}
}

/* fail_room notes OM014 */
static void
fail_room(Outcome *outcome, const StockRow *row)
{
	outcome_fail(outcome, OMS_AMOUNT_TOO_LARGE,
				 psprintf("stock of product " INT64_FORMAT " would pass " INT64_FORMAT " units",
						  row->product_id, MAX_STOCK),
				 NULL, "Book a smaller quantity.");
}

/* fail_short notes OM003 */
static void
fail_short(Outcome *outcome, const StockRow *row, int64 wanted, int64 available, const char *hint)
{
	outcome_fail(outcome, OMS_INSUFFICIENT_STOCK,
				 psprintf("only " INT64_FORMAT " units of product " INT64_FORMAT " are available",
						  available, row->product_id),
				 psprintf("{\"shortages\": [{\"product_id\": " INT64_FORMAT
						  ", \"wanted\": " INT64_FORMAT ", \"available\": " INT64_FORMAT "}]}",
						  row->product_id, wanted, available),
				 pstrdup(hint));
}

/* stock_room raises OM014 when a row has no room for so many units more */
void
stock_room(const StockRow *row, int64 units)
{
	Outcome outcome = {0};

	if (row->on_hand > MAX_STOCK - units)
		fail_room(&outcome, row);
	outcome_raise(&outcome);
}

/* stock_short raises OM003: a row has fewer units that are free than are wanted */
void
stock_short(const StockRow *row, int64 wanted, int64 available, const char *hint)
{
	Outcome outcome = {0};

	fail_short(&outcome, row, wanted, available, hint);
	outcome_raise(&outcome);
}

/* stock_judge notes what keeps a change of on_hand from being booked */
void
stock_judge(const StockRow *row, int64 delta, Outcome *outcome)
{
	int64 free = Min(stock_available(row) + row->backorder_limit, row->on_hand);

	if (delta > 0 && row->on_hand > MAX_STOCK - delta)
		fail_room(outcome, row);
	else if (delta < 0 && free < -delta)
		fail_short(outcome, row, -delta, free,
				   "Units promised to orders cannot be taken away: cancel orders first.");
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
	Outcome outcome = {0};

	if (delta == 0)
		return stock_available(row);
	stock_judge(row, delta, &outcome);
	outcome_raise(&outcome);
	stock_move(&batch, row, &(StockMove){.kind = kind, .d_on_hand = delta, .reason = reason});
	stock_write(verb, &batch);
	stock_event(verb, strcmp(kind, "receive") == 0 ? "stock.received" : "stock.adjusted", row,
				NULL);
	return stock_available(row);
}
