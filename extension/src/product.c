/*
 * product.c
 *	  What is sold: entered, changed and archived.
 */
#include "oms.h"
#include "count.h"
#include "idempotency.h"
#include "json.h"
#include "list.h"
#include "product.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

static KeptPlan insert_product =
	PLAN("INSERT INTO oms.product (sku, name, about, price) VALUES ($1, $2, coalesce($3, ''), $4) "
		 "ON CONFLICT (sku) WHERE archived_at IS NULL DO NOTHING RETURNING " PRODUCT_COLUMNS,
		 TEXTOID, TEXTOID, TEXTOID, NUMERICOID);

static KeptPlan insert_products =
	PLAN("INSERT INTO oms.product (sku, name, about, price) "
		 "SELECT sku, name, coalesce(about, ''), round(cents::numeric / 100, 2) "
		 "FROM unnest($1, $2, $3, $4) AS p (sku, name, about, cents) "
		 "ON CONFLICT (sku) WHERE archived_at IS NULL DO NOTHING RETURNING id, sku, version",
		 TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT8ARRAYOID);

static KeptPlan select_product = PLAN(
	"SELECT " PRODUCT_COLUMNS " FROM oms.product WHERE id = $1 AND (archived_at IS NULL OR $2)",
	INT8OID, BOOLOID);

static KeptPlan sku_taken =
	PLAN("SELECT FROM oms.product WHERE sku = $2 AND archived_at IS NULL AND id <> $1", INT8OID,
		 TEXTOID);

static KeptPlan update_product =
	PLAN("UPDATE oms.product SET sku = coalesce($2, sku), name = coalesce($3, name), "
		 "about = coalesce($4, about), price = coalesce($5, price), "
		 "version = version + 1, updated_at = now() "
		 "WHERE id = $1 AND archived_at IS NULL AND (sku, name, about, price) IS DISTINCT FROM "
		 "(coalesce($2, sku), coalesce($3, name), coalesce($4, about), coalesce($5, price)) "
		 "RETURNING " PRODUCT_COLUMNS,
		 INT8OID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID);

static KeptPlan archive_product =
	PLAN("UPDATE oms.product SET archived_at = now(), version = version + 1, updated_at = now() "
		 "WHERE id = $1 AND archived_at IS NULL RETURNING " PRODUCT_COLUMNS,
		 INT8OID);

static Datum
optional_text(const char *value, char *null)
{
	*null = value ? ' ' : 'n';
	return value ? CStringGetTextDatum(value) : (Datum) 0;
}

static void
raise_not_found(int64 id)
{
	ereport(
		ERROR,
		(oms_errcode(OMS_PRODUCT_NOT_FOUND), errmsg("there is no product " INT64_FORMAT, id),
		 errhint(
			 "List the products to see their ids; archived ones are listed with archived=true.")));
}

static void
raise_sku_taken(const char *sku)
{
	ereport(ERROR, (oms_errcode(OMS_SKU_TAKEN), errmsg("another product has the SKU \"%s\"", sku),
					errdetail_internal(
						"[{\"pointer\": \"/sku\", \"detail\": \"another product has it\"}]"),
					errhint("Choose another SKU, or archive the other product first.")));
}

/* product_event tells of a change to the product in the first row of the last plan */
static void
product_event(Verb *verb, const char *type)
{
	SPITupleTable *table = SPI_tuptable;
	int64 id = row_int64(0, 1);
	int64 version = row_int64(0, PRODUCT_VERSION_COLUMN);

	event_append(verb, type, "product", 1, &id, &version, NULL);
	SPI_tuptable = table;
}

/* product_insert enters a product; its row is then the last plan's */
int64
product_insert(Verb *verb, const ProductChange *product)
{
	char nulls[5] = "    ";
	Datum args[4];

	args[0] = CStringGetTextDatum(product->sku);
	args[1] = CStringGetTextDatum(product->name);
	args[2] = optional_text(product->about, &nulls[2]);
	args[3] = NumericGetDatum(int64_div_fast_to_numeric(product->cents, 2));
	if (plan_write(&insert_product, args, nulls) == 0)
		raise_sku_taken(product->sku);
	products_changed();
	product_event(verb, "product.created");
	return row_int64(0, 1);
}

static int
compare_sku(const void *a, const void *b)
{
	return strcmp((*(const ProductChange *const *) a)->sku,
				  (*(const ProductChange *const *) b)->sku);
}

/* text_array makes an array of texts, null where there is none */
static Datum
text_array(Datum *texts, bool *nulls, int n)
{
	int lower = 1;

	return PointerGetDatum(
		construct_md_array(texts, nulls, 1, &n, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}

/* insert_all runs the statement that enters products; its rows are then the last plan's */
static uint64
insert_all(const ProductChange *products, int n)
{
	Datum *texts[3];
	bool *nulls[3];
	int64 *cents = palloc(sizeof(int64) * n);
	Datum args[4];

	for (int column = 0; column < 3; column++)
	{
		texts[column] = palloc(sizeof(Datum) * n);
		nulls[column] = palloc(sizeof(bool) * n);
	}
	for (int i = 0; i < n; i++)
	{
		const char *values[] = {products[i].sku, products[i].name, products[i].about};

		for (int column = 0; column < 3; column++)
		{
			nulls[column][i] = values[column] == NULL;
			texts[column][i] = values[column] ? CStringGetTextDatum(values[column]) : (Datum) 0;
		}
		cents[i] = products[i].cents;
	}
	for (int column = 0; column < 3; column++)
		args[column] = text_array(texts[column], nulls[column], n);
	args[3] = int8_array(cents, n);
	return plan_write(&insert_products, args, NULL);
}

/* products_insert enters many products; ids[i] becomes 0 where another has the SKU by now */
void
products_insert(Verb *verb, const ProductChange *products, int n, int64 *ids)
{
	const ProductChange **sorted = palloc(sizeof(ProductChange *) * Max(n, 1));
	int64 *made;
	int64 *versions;
	int found;

	if (n == 0)
		return;
	memset(ids, 0, sizeof(int64) * n);
	for (int i = 0; i < n; i++)
		sorted[i] = &products[i];
	qsort(sorted, n, sizeof(ProductChange *), compare_sku);
	found = (int) insert_all(products, n);
	made = palloc(sizeof(int64) * Max(found, 1));
	versions = palloc(sizeof(int64) * Max(found, 1));
	for (int i = 0; i < found; i++)
	{
		ProductChange row = {.sku = row_cstring(i, 2)};
		const ProductChange *key = &row;
		const ProductChange **product =
			bsearch(&key, sorted, n, sizeof(ProductChange *), compare_sku);

		made[i] = row_int64(i, 1);
		versions[i] = row_int64(i, 3);
		ids[*product - products] = made[i];
	}
	if (found == 0)
		return;
	products_changed();
	event_append(verb, "product.created", "product", found, made, versions, NULL);
}

/* product_change writes what differs; the product's row is then the last plan's */
void
product_change(Verb *verb, int64 id, const ProductChange *change)
{
	char nulls[6] = "     ";
	Datum args[5];

	args[0] = Int64GetDatum(id);
	args[1] = optional_text(change->sku, &nulls[1]);
	if (change->sku && plan_write(&sku_taken, args, nulls) > 0)
		raise_sku_taken(change->sku);
	args[2] = optional_text(change->name, &nulls[2]);
	args[3] = optional_text(change->about, &nulls[3]);
	nulls[4] = change->has_price ? ' ' : 'n';
	args[4] = change->has_price ? NumericGetDatum(int64_div_fast_to_numeric(change->cents, 2))
								: (Datum) 0;
	if (plan_write(&update_product, args, nulls) > 0)
		product_event(verb, "product.updated");
	else if (plan_write(&select_product, (Datum[]){args[0], BoolGetDatum(false)}, NULL) == 0)
		raise_not_found(id);
}

void
product_archive_row(Verb *verb, int64 id)
{
	Datum args[2] = {Int64GetDatum(id), BoolGetDatum(true)};

	if (plan_write(&archive_product, args, NULL) == 0)
	{
		if (plan_write(&select_product, args, NULL) == 0)
			raise_not_found(id);
		return; /* archived before: nothing left to do */
	}
	products_changed();
	product_event(verb, "product.archived");
}

/*
 * product_read reads a body into a change; "all" are required at birth and by
 * PUT.  about may be left out always.
 */
static void
product_read(text *body, bool all, ProductChange *change)
{
	const Field fields[] = {
		{"sku", FIELD_TEXT, all, 1, 64},
		{"name", FIELD_TEXT, all, 1, 200},
		{"about", FIELD_TEXT, false, 0, 10000},
		{"price", FIELD_MONEY, all, 0, MAX_PRICE_CENTS},
		{"id", FIELD_READ_ONLY, false, 0, 0},
		{"created_at", FIELD_READ_ONLY, false, 0, 0},
		{"updated_at", FIELD_READ_ONLY, false, 0, 0},
		{"version", FIELD_READ_ONLY, false, 0, 0},
		{"archived_at", FIELD_READ_ONLY, false, 0, 0},
	};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	input_end(&input);
	change->sku = values[0].text;
	change->name = values[1].text;
	change->about = values[2].text;
	change->has_price = values[3].given;
	change->cents = values[3].number;
}

/* ------------------------------------------------------------------ SQL */

/*
 * sql_change reads the named arguments from position "first" on through the
 * same table of fields as a JSON body, so that both obey the same limits.
 */
static void
sql_change(FunctionCallInfo fcinfo, int first, ProductChange *change)
{
	static const char *const names[] = {"sku", "name", "price", "about"};
	StringInfoData body;
	const char *separator = "";

	initStringInfo(&body);
	appendStringInfoChar(&body, '{');
	for (int i = 0; i < 4; i++)
	{
		if (PG_ARGISNULL(first + i))
			continue;
		appendStringInfo(&body, "%s\"%s\": ", separator, names[i]);
		escape_json(&body, i == 2 ? DatumGetCString(DirectFunctionCall1(numeric_out,
																		PG_GETARG_DATUM(first + i)))
								  : TextDatumGetCString(PG_GETARG_DATUM(first + i)));
		separator = ", ";
	}
	appendStringInfoChar(&body, '}');
	product_read(cstring_to_text(body.data), first == 0, change);
}

OMS_VERB(product_create);

static Datum
product_create(Verb *verb, FunctionCallInfo fcinfo)
{
	ProductChange product;

	sql_change(fcinfo, 0, &product);
	return Int64GetDatum(product_insert(verb, &product));
}

OMS_VERB(product_update);

static Datum
product_update(Verb *verb, FunctionCallInfo fcinfo)
{
	ProductChange change;

	sql_change(fcinfo, 1, &change);
	product_change(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), &change);
	return (Datum) 0;
}

OMS_VERB(product_archive);

static Datum
product_archive(Verb *verb, FunctionCallInfo fcinfo)
{
	product_archive_row(verb, PG_GETARG_INT64(0));
	return (Datum) 0;
}

/* ----------------------------------------------------------------- REST */

/* product_reply answers with the product in the first row of the last plan */
static Datum
product_reply(Verb *verb)
{
	StringInfo reply = reply_begin(verb);

	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

REST_VERB(rest_product_create);

static Datum
rest_product_create(Verb *verb, FunctionCallInfo fcinfo)
{
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	ProductChange product;
	Datum answer;

	if (idempotency_find(verb, key, "product_create", body, &answer))
		return answer;
	product_read(body, true, &product);
	product_insert(verb, &product);
	answer = product_reply(verb);
	idempotency_keep(verb, key, "product_create", body, answer);
	return answer;
}

REST_QUERY(rest_product_get);

static Datum
rest_product_get(Verb *verb, FunctionCallInfo fcinfo)
{
	Datum args[2] = {PG_GETARG_DATUM(2), BoolGetDatum(false)};

	if (!PG_ARGISNULL(3))
	{
		Jsonb *query = PG_GETARG_JSONB_P(3);
		JsonbValue value;

		if (getKeyJsonValueFromContainer(&query->root, "archived", 8, &value) &&
			value.type == jbvString)
			args[1] = BoolGetDatum(value.val.string.len == 4 &&
								   memcmp(value.val.string.val, "true", 4) == 0);
	}
	if (plan_read(&select_product, args, NULL) == 0)
		raise_not_found(PG_GETARG_INT64(2));
	return product_reply(verb);
}

static Datum
rest_change(Verb *verb, FunctionCallInfo fcinfo, bool all)
{
	ProductChange change;

	product_read(PG_GETARG_TEXT_PP(3), all, &change);
	product_change(verb, PG_GETARG_INT64(2), &change);
	return product_reply(verb);
}

REST_VERB(rest_product_replace);

static Datum
rest_product_replace(Verb *verb, FunctionCallInfo fcinfo)
{
	return rest_change(verb, fcinfo, true);
}

REST_VERB(rest_product_update);

static Datum
rest_product_update(Verb *verb, FunctionCallInfo fcinfo)
{
	return rest_change(verb, fcinfo, false);
}

REST_VERB(rest_product_delete);

static Datum
rest_product_delete(Verb *verb, FunctionCallInfo fcinfo)
{
	product_archive_row(verb, PG_GETARG_INT64(2));
	PG_RETURN_NULL();
}

static const ListFilter product_filters[] = {
	{"archived", FILTER_FLAG, "archived_at IS NOT NULL", "archived_at IS NULL", "false", NULL},
	{"sku", FILTER_VALUE, "sku = $?", NULL, NULL, NULL},
	{"price", FILTER_VALUE, "price = $?::numeric", NULL, NULL, NULL},
	{"low_stock", FILTER_FLAG,
	 "EXISTS (SELECT FROM oms.stock s WHERE s.product_id = product.id "
	 "AND s.available <= s.low_stock_threshold)",
	 "NOT EXISTS (SELECT FROM oms.stock s WHERE s.product_id = product.id "
	 "AND s.available <= s.low_stock_threshold)",
	 NULL, NULL},
	{"name", FILTER_CONTAINS, "name ILIKE $?", NULL, NULL, NULL},
	{"min_price", FILTER_VALUE, "price >= $?::numeric", NULL, NULL, NULL},
	{"max_price", FILTER_VALUE, "price <= $?::numeric", NULL, NULL, NULL},
	{"search", FILTER_CONTAINS, "name ILIKE $? OR sku ILIKE $? OR about ILIKE $?", NULL, NULL,
	 NULL},
};

static const ListOrdering product_orderings[] = {
	{"id", "id", "bigint"},
	{"name", "name", "text"},
	{"sku", "sku", "text"},
	{"price", "price", "numeric"},
	{"created_at", "created_at", "timestamptz"},
};

static const Listing product_list = {PRODUCT_COLUMNS,
									 "oms.product",
									 "id",
									 "id",
									 product_filters,
									 lengthof(product_filters),
									 product_orderings,
									 lengthof(product_orderings),
									 products_count,
									 NULL};

REST_QUERY(rest_product_list);

static Datum
rest_product_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &product_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
