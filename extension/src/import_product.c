/*
 * import_product.c
 *	  Imports of products: entered, changed or archived, by SKU.
 */
#include "import.h"
#include "product.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

static KeptPlan select_active = PLAN(
	"SELECT sku, id FROM oms.product WHERE sku = ANY ($1) AND archived_at IS NULL", TEXTARRAYOID);

/* those that change are locked by id, so that imports that meet do not deadlock */
static KeptPlan lock_products =
	PLAN("SELECT FROM oms.product WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE", INT8ARRAYOID);

static KeptPlan select_archived =
	PLAN("SELECT sku, max(id) FROM oms.product WHERE sku = ANY ($1) AND archived_at IS NOT NULL "
		 "GROUP BY sku",
		 TEXTARRAYOID);

static KeptPlan select_twins =
	PLAN("SELECT key, min(row_no) FROM oms.import_row WHERE import_id = $1 AND key = ANY ($2) "
		 "AND state = 'ok' GROUP BY key",
		 INT8OID, TEXTARRAYOID);

/* --------------------------------------------------------------- by SKU */

static int
compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static Datum
text_array(const char **texts, int n)
{
	Datum *datums = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		datums[i] = CStringGetTextDatum(texts[i]);
	return PointerGetDatum(construct_array(datums, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static int
sku_place(const SkuMap *map, const char *sku)
{
	const char **found = bsearch(&sku, map->skus, map->n, sizeof(char *), compare_text);

	return found ? (int) (found - map->skus) : -1;
}

int64
sku_find(const SkuMap *map, const char *sku)
{
	int place = sku_place(map, sku);

	return place < 0 ? 0 : map->ids[place];
}

/* fill_map takes what rows (text, bigint) say of the map's texts */
static void
fill_map(SkuMap *map, uint64 nrows)
{
	for (uint64 i = 0; i < nrows; i++)
	{
		int place = sku_place(map, row_cstring(i, 1));

		if (place >= 0)
			map->ids[place] = row_int64(i, 2);
	}
}

static SkuMap
empty_map(const char **skus, int n)
{
	SkuMap map = {palloc(sizeof(char *) * Max(n, 1)), palloc0(sizeof(int64) * Max(n, 1)), 0};

	memcpy(map.skus, skus, sizeof(char *) * n);
	qsort(map.skus, n, sizeof(char *), compare_text);
	for (int i = 0; i < n; i++)
		if (i == 0 || strcmp(map.skus[i], map.skus[map.n - 1]) != 0)
			map.skus[map.n++] = map.skus[i];
	return map;
}

/* sku_map finds products by SKU; those that are archived too, where no other has the SKU */
SkuMap
sku_map(const char **skus, int n, bool archived)
{
	SkuMap map = empty_map(skus, n);
	const char **missing = palloc(sizeof(char *) * Max(n, 1));
	int nmissing = 0;
	Datum array = text_array(map.skus, map.n);

	fill_map(&map, plan_write(&select_active, &array, NULL));
	for (int i = 0; i < map.n; i++)
		if (map.ids[i] == 0)
			missing[nmissing++] = map.skus[i];
	if (archived && nmissing > 0)
	{
		array = text_array(missing, nmissing);
		fill_map(&map, plan_write(&select_archived, &array, NULL));
	}
	return map;
}

/* --------------------------------------------------------------- reading */

static const Field fields[] = {
	{"sku", FIELD_TEXT, true, 1, 64},
	{"name", FIELD_TEXT_OR_NULL, false, 1, 200},
	{"price", FIELD_MONEY, false, 0, MAX_PRICE_CENTS},
	{"about", FIELD_TEXT_OR_NULL, false, 0, 10000},
	{"archived", FIELD_BOOL, false, 0, 0},
};

/* ProductRow: what a row says of a product */
typedef struct ProductRow
{
	ProductChange change;
	bool archived;
} ProductRow;

static ImportUnit *
read_products(Import *import, ImportRow *rows, int n, int *nunits)
{
	ImportUnit *units = palloc0(sizeof(ImportUnit) * n);
	ProductRow *products = palloc0(sizeof(ProductRow) * n);

	*nunits = n;
	for (int i = 0; i < n; i++)
	{
		FieldValue values[lengthof(fields)];

		units[i] = (ImportUnit){.rows = &rows[i], .nrows = 1, .parsed = &products[i]};
		if (!import_read_row(&units[i], fields, lengthof(fields), values))
			continue;
		products[i] = (ProductRow){
			{values[0].text, values[1].text, values[3].text, values[2].given, values[2].number},
			values[4].number != 0};
	}
	return units;
}

/* ----------------------------------------------------------------- doing */

/* fail_twins fails rows whose SKU a row before them has that has not failed */
static void
fail_twins(const Import *import, ImportUnit **units, int n, const char **skus)
{
	SkuMap first = empty_map(skus, n);
	Datum args[] = {Int64GetDatum(import->id), text_array(first.skus, first.n)};

	fill_map(&first, plan_write(&select_twins, args, NULL));
	for (int i = 0; i < n; i++)
	{
		int place = sku_place(&first, skus[i]);

		units[i]->outcome.by_twin = first.ids[place] != 0;
		if (first.ids[place] != 0)
			outcome_fail(&units[i]->outcome, OMS_SKU_TAKEN,
						 psprintf("row " INT64_FORMAT " has the SKU \"%s\" as well",
								  first.ids[place], skus[i]),
						 psprintf("{\"row\": " INT64_FORMAT "}", first.ids[place]),
						 "Leave one of the two out.");
		else
			first.ids[place] = units[i]->rows[0].row_no;
	}
}

static void
fail_missing(ImportUnit *unit, const ProductChange *change)
{
	Input input;

	input_start(&input);
	if (change->name == NULL)
		input_fault(&input, "/name", "is required, for there is no such product yet");
	if (!change->has_price)
		input_fault(&input, "/price", "is required, for there is no such product yet");
	if (input.nfaults > 0)
		outcome_fail(&unit->outcome, OMS_INVALID_INPUT,
					 psprintf("a product \"%s\" cannot be entered", change->sku),
					 input_faults(&input), "Give what each pointer names.");
}

/* archive_product archives the product that a row names */
static void
archive_product(Verb *verb, ImportUnit *unit, const SkuMap *all)
{
	const char *sku = ((ProductRow *) unit->parsed)->change.sku;

	unit->outcome.id = sku_find(all, sku);
	if (unit->outcome.id == 0)
		outcome_fail(&unit->outcome, OMS_PRODUCT_NOT_FOUND,
					 psprintf("there is no product \"%s\" to be archived", sku), NULL,
					 "Correct the SKU, or leave the row out.");
	else
		product_archive_row(verb, unit->outcome.id);
}

/* change_product changes a product that is there */
static void
change_product(Verb *verb, ImportUnit *unit, int64 id)
{
	ProductChange change = ((ProductRow *) unit->parsed)->change;

	change.sku = NULL; /* it has it */
	product_change(verb, id, &change);
	unit->outcome.id = id;
}

/* enter_products enters the products that are new */
static void
enter_products(Verb *verb, ImportUnit **units, int n)
{
	ProductChange *changes = palloc(sizeof(ProductChange) * Max(n, 1));
	int64 *ids = palloc(sizeof(int64) * Max(n, 1));

	for (int i = 0; i < n; i++)
		changes[i] = ((ProductRow *) units[i]->parsed)->change;
	products_insert(verb, changes, n, ids);
	for (int i = 0; i < n; i++)
	{
		units[i]->outcome.id = ids[i];
		if (ids[i] == 0)
			outcome_fail(
				&units[i]->outcome, OMS_SKU_TAKEN,
				psprintf("another product has got the SKU \"%s\" meanwhile", changes[i].sku), NULL,
				"Import the row once more to change that product.");
	}
}

static void
run_products(Verb *verb, Import *import, ImportUnit **units, int n)
{
	const char **skus = palloc(sizeof(char *) * n);
	ImportUnit **fresh = palloc(sizeof(ImportUnit *) * n);
	bool archived = false;
	int nfresh = 0;
	SkuMap active;
	SkuMap all;

	for (int i = 0; i < n; i++)
	{
		skus[i] = ((ProductRow *) units[i]->parsed)->change.sku;
		archived |= ((ProductRow *) units[i]->parsed)->archived;
	}
	fail_twins(import, units, n, skus);
	active = sku_map(skus, n, false);
	plan_write(&lock_products, (Datum[]){int8_array(active.ids, active.n)}, NULL);
	all = archived ? sku_map(skus, n, true) : active;
	for (int i = 0; i < n; i++)
	{
		const ProductRow *row = units[i]->parsed;
		int64 id = sku_find(&active, skus[i]);

		if (units[i]->outcome.message)
			continue;
		if (row->archived)
			archive_product(verb, units[i], &all);
		else if (id != 0)
			change_product(verb, units[i], id);
		else
		{
			fail_missing(units[i], &row->change);
			if (units[i]->outcome.message == NULL)
				fresh[nfresh++] = units[i];
		}
	}
	enter_products(verb, fresh, nfresh);
}

const ImportKind import_products = {"products", true, fields,        lengthof(fields),
									"sku",      NULL, read_products, run_products};
