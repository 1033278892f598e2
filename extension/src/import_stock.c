/*
 * import_stock.c
 *	  Imports of stock: counted, received or adjusted, and what a record allows.
 *
 * Rows of one product and location are booked in their order.
 */
#include "import.h"
#include "stock.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

static const Field fields[] = {
	{"sku", FIELD_TEXT, true, 1, 64},
	{"location", FIELD_TEXT_OR_NULL, false, 1, MAX_LOCATION_CODE},
	{"quantity", FIELD_ID_OR_NULL, false, 0, MAX_STOCK},
	{"receive", FIELD_ID_OR_NULL, false, 1, MAX_STOCK},
	{"adjust", FIELD_ID_OR_NULL, false, -MAX_STOCK, MAX_STOCK},
	{"reason", FIELD_TEXT_OR_NULL, false, 1, MAX_STOCK_REASON},
	{"expected_version", FIELD_ID_OR_NULL, false, 0, PG_INT64_MAX},
	{"low_stock_threshold", FIELD_INTEGER, false, 0, MAX_STOCK},
	{"reorder_quantity", FIELD_INTEGER, false, 0, MAX_STOCK},
	{"backorder_limit", FIELD_INTEGER, false, 0, MAX_STOCK},
};

/* StockRecord: what a row says of a product at a location */
typedef struct StockRecord
{
	const char *sku;
	int32 location_id; /* 0 where there is none */
	int64 product_id;
	const char *kind; /* of the move, or NULL for settings alone */
	int64 number;     /* counted, received or adjusted */
	const char *reason;
	int64 expected_version; /* or -1 */
	int64 threshold;        /* or -1, as the next two */
	int64 reorder_quantity;
	int64 backorder_limit;
} StockRecord;

/* --------------------------------------------------------------- reading */

/* is_there tells whether a field was given other than as null */
static bool
is_there(ImportUnit *unit, const FieldValue *values, int i)
{
	JsonbValue value;

	return values[i].given &&
		   getKeyJsonValueFromContainer(&unit->rows[0].data->root, fields[i].name,
										strlen(fields[i].name), &value) &&
		   value.type != jbvNull;
}

/* check_record checks what a row says beyond its single values */
static void
check_record(ImportUnit *unit, StockRecord *record, const FieldValue *values, int nactions)
{
	bool settings =
		record->threshold >= 0 || record->reorder_quantity >= 0 || record->backorder_limit >= 0;
	Input input;

	input_start(&input);
	if (nactions > 1 || (nactions == 0 && !settings))
		input_fault(&input, "", "must have one of quantity, receive and adjust%s",
					nactions == 0 ? ", or a setting" : ", not several");
	if (record->kind && strcmp(record->kind, "adjust") == 0)
	{
		if (record->number == 0)
			input_fault(&input, "/adjust", "must not be 0");
		if (record->reason == NULL)
			input_fault(&input, "/reason", "is required with adjust");
	}
	if (record->expected_version >= 0 && (!record->kind || strcmp(record->kind, "count") != 0))
		input_fault(&input, "/expected_version", "goes with quantity alone");
	import_note_faults(unit, &input);
}

static void
read_record(ImportUnit *unit)
{
	static const char *const kinds[] = {"count", "receive", "adjust"};
	StockRecord *record = unit->parsed;
	FieldValue values[lengthof(fields)];
	const Location *location;
	int nactions = 0;

	if (!import_read_row(unit, fields, lengthof(fields), values))
		return;
	*record = (StockRecord){
		.sku = values[0].text,
		.reason = values[5].text,
		.expected_version = is_there(unit, values, 6) ? values[6].number : -1,
		.threshold = values[7].given ? values[7].number : -1,
		.reorder_quantity = values[8].given ? values[8].number : -1,
		.backorder_limit = values[9].given ? values[9].number : -1,
	};
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (is_there(unit, values, 2 + i))
		{
			record->kind = kinds[i];
			record->number = values[2 + i].number;
			nactions++;
		}
	check_record(unit, record, values, nactions);
	location = location_by_code(values[1].text ? values[1].text : MAIN_CODE);
	if (location)
		record->location_id = location->id;
	else
		outcome_fail(
			&unit->outcome, OMS_LOCATION_NOT_FOUND,
			psprintf("there is no location \"%s\"", values[1].text ? values[1].text : MAIN_CODE),
			NULL, "List the locations to see their codes.");
}

static ImportUnit *
read_records(Import *import, ImportRow *rows, int n, int *nunits)
{
	ImportUnit *units = palloc0(sizeof(ImportUnit) * n);
	StockRecord *records = palloc0(sizeof(StockRecord) * n);

	*nunits = n;
	for (int i = 0; i < n; i++)
	{
		units[i] = (ImportUnit){.rows = &rows[i], .nrows = 1, .parsed = &records[i]};
		read_record(&units[i]);
	}
	return units;
}

/* ----------------------------------------------------------------- doing */

/* find_products finds the products of records, which fail where there is none */
static void
find_products(ImportUnit **units, int n)
{
	const char **skus = palloc(sizeof(char *) * n);
	SkuMap map;

	for (int i = 0; i < n; i++)
		skus[i] = ((StockRecord *) units[i]->parsed)->sku;
	map = sku_map(skus, n, false);
	for (int i = 0; i < n; i++)
	{
		StockRecord *record = units[i]->parsed;

		record->product_id = sku_find(&map, record->sku);
		units[i]->outcome.id = record->product_id;
		if (record->product_id == 0)
			outcome_fail(&units[i]->outcome, OMS_PRODUCT_NOT_FOUND,
						 psprintf("there is no product \"%s\"", record->sku), NULL,
						 "Enter the product first, or correct the SKU.");
	}
}

/* lock_records locks the rows of stock of all records, making those that are missing */
static void
lock_records(StockBatch *batch, ImportUnit **units, int n)
{
	int64 *products = palloc(sizeof(int64) * Max(n, 1));
	int32 *locations = palloc(sizeof(int32) * Max(n, 1));
	int m = 0;

	for (int i = 0; i < n; i++)
	{
		StockRecord *record = units[i]->parsed;

		if (units[i]->outcome.message)
			continue;
		products[m] = record->product_id;
		locations[m++] = record->location_id;
	}
	stock_open_many(batch, products, locations, m);
}

static void
set_records(ImportUnit **units, int n, StockBatch *batch)
{
	bool set = false;

	for (int i = 0; i < n; i++)
	{
		StockRecord *record = units[i]->parsed;

		if (units[i]->outcome.message ||
			(record->threshold < 0 && record->reorder_quantity < 0 && record->backorder_limit < 0))
			continue;
		stock_settings(stock_find(batch, record->product_id, record->location_id),
					   record->threshold, record->reorder_quantity, record->backorder_limit);
		set = true;
	}
	if (set) /* the rows are others now */
		lock_records(batch, units, n);
}

/* book notes the move of a record */
static void
book(StockBatch *batch, ImportUnit *unit, const char *document)
{
	StockRecord *record = unit->parsed;
	StockRow *row = stock_find(batch, record->product_id, record->location_id);
	int64 delta = record->number;

	if (strcmp(record->kind, "count") == 0)
	{
		stock_judge_count(row, record->number, record->expected_version, &unit->outcome);
		delta = record->number - row->on_hand;
	}
	else
		stock_judge(row, delta, &unit->outcome);
	if (unit->outcome.message)
		return;
	stock_move(batch, row,
			   &(StockMove){.kind = record->kind,
							.d_on_hand = delta,
							.document = document,
							.reason = record->reason});
}

/* tell writes an event for each move of a kind */
static void
tell(Verb *verb, const StockBatch *batch, const char *kind, const char *event)
{
	int64 *products = palloc(sizeof(int64) * Max(batch->nmoves, 1));
	int64 *versions = palloc(sizeof(int64) * Max(batch->nmoves, 1));
	int n = 0;

	for (int i = 0; i < batch->nmoves; i++)
	{
		if (strcmp(batch->moves[i].kind, kind) != 0)
			continue;
		products[n] = batch->moves[i].after.product_id;
		versions[n++] = batch->moves[i].after.moves;
	}
	if (n > 0)
		event_append(verb, event, "product", n, products, versions, NULL);
}

static void
run_records(Verb *verb, Import *import, ImportUnit **units, int n)
{
	char *document = psprintf("import " INT64_FORMAT, import->id);
	StockBatch batch = {0};

	find_products(units, n);
	lock_records(&batch, units, n);
	set_records(units, n, &batch);
	for (int i = 0; i < n; i++)
		if (units[i]->outcome.message == NULL && ((StockRecord *) units[i]->parsed)->kind)
			book(&batch, units[i], document);
	stock_write(verb, &batch);
	tell(verb, &batch, "count", "stock.counted");
	tell(verb, &batch, "receive", "stock.received");
	tell(verb, &batch, "adjust", "stock.adjusted");
}

const ImportKind import_stock = {"stock", false, fields,       lengthof(fields),
								 "sku",   NULL,  read_records, run_records};
