/*
 * inventory.c
 *	  Stock as the REST API shows it: one record for each product and location,
 *	  whose quantity is what is available.
 */
#include "inventory.h"
#include "idempotency.h"
#include "list.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define INVENTORY_COLUMNS                                                                          \
	"s.id, s.product_id AS product, p.sku, p.name, l.code AS location, s.available AS quantity, "  \
	"s.on_hand, s.reserved, s.allocated, s.low_stock_threshold, "                                  \
	"coalesce(s.reorder_quantity, 0) AS reorder_quantity, s.backorder_limit, s.moves AS version, " \
	"s.updated_at"
#define INVENTORY_FROM                                                                             \
	"oms.stock s JOIN oms.product p ON p.id = s.product_id JOIN oms.location l ON l.id = "         \
	"s.location_id"

static KeptPlan select_inventory =
	PLAN("SELECT " INVENTORY_COLUMNS " FROM " INVENTORY_FROM " WHERE s.id = $1", INT8OID);

static KeptPlan select_of_row = PLAN("SELECT " INVENTORY_COLUMNS " FROM " INVENTORY_FROM
									 " WHERE s.product_id = $1 AND s.location_id = $2",
									 INT8OID, INT4OID);

static KeptPlan product_on_sale =
	PLAN("SELECT FROM oms.product WHERE id = $1 AND archived_at IS NULL", INT8OID);

static KeptPlan row_of =
	PLAN("SELECT product_id, location_id FROM oms.stock WHERE id = $1", INT8OID);

static KeptPlan delete_stock =
	PLAN("DELETE FROM oms.stock WHERE product_id = $1 AND location_id = $2", INT8OID, INT4OID);

/* InventoryChange: values to write; what is not given stays */
typedef struct InventoryChange
{
	FieldValue product;
	FieldValue quantity;
	FieldValue threshold;
	FieldValue location;
	FieldValue reorder_quantity;
	FieldValue backorder_limit;
} InventoryChange;

static void
inventory_read(text *body, bool all, InventoryChange *change)
{
	const Field fields[] = {
		{"product", FIELD_INTEGER, all, 1, PG_INT64_MAX},
		{"quantity", FIELD_INTEGER, all, 0, MAX_STOCK},
		{"low_stock_threshold", FIELD_INTEGER, false, 0, MAX_STOCK},
		{"location", FIELD_TEXT, false, 1, MAX_LOCATION_CODE},
		{"reorder_quantity", FIELD_INTEGER, false, 0, MAX_STOCK},
		{"backorder_limit", FIELD_INTEGER, false, 0, MAX_STOCK},
		{"id", FIELD_READ_ONLY, false, 0, 0},
		{"sku", FIELD_READ_ONLY, false, 0, 0},
		{"name", FIELD_READ_ONLY, false, 0, 0},
		{"on_hand", FIELD_READ_ONLY, false, 0, 0},
		{"reserved", FIELD_READ_ONLY, false, 0, 0},
		{"allocated", FIELD_READ_ONLY, false, 0, 0},
		{"version", FIELD_READ_ONLY, false, 0, 0},
		{"updated_at", FIELD_READ_ONLY, false, 0, 0},
	};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	input_end(&input);
	change->product = values[0];
	change->quantity = values[1];
	change->threshold = values[2];
	change->location = values[3];
	change->reorder_quantity = values[4];
	change->backorder_limit = values[5];
}

static void
raise_not_found(int64 id)
{
	ereport(ERROR, (oms_errcode(OMS_STOCK_NOT_FOUND),
					errmsg("there is no inventory record " INT64_FORMAT, id),
					errhint("List the inventory to see the ids.")));
}

static int64
number_or_none(const FieldValue *value)
{
	return value->given ? value->number : -1;
}

/* inventory_write books what a locked record should be, as differences to what it is */
static void
inventory_write(Verb *verb, StockRow *row, InventoryChange *change)
{
	if (change->threshold.given || change->reorder_quantity.given || change->backorder_limit.given)
		stock_settings(row, number_or_none(&change->threshold),
					   number_or_none(&change->reorder_quantity),
					   number_or_none(&change->backorder_limit));
	if (change->quantity.given)
		stock_adjust_row(verb, row->product_id, row->location_id,
						 change->quantity.number - stock_available(row), "adjust",
						 "quantity set by the API");
}

/* inventory_reply answers with the record of a row */
Datum
inventory_reply(Verb *verb, const StockRow *row)
{
	StringInfo reply = reply_begin(verb);

	plan_write(&select_of_row,
			   (Datum[]){Int64GetDatum(row->product_id), Int32GetDatum(row->location_id)}, NULL);
	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

/* inventory_find tells product and location of the record with an id, or raises OM005 */
void
inventory_find(int64 id, bool writing, int64 *product_id, int32 *location_id)
{
	Datum args[] = {Int64GetDatum(id)};

	if ((writing ? plan_write : plan_read)(&row_of, args, NULL) == 0)
		raise_not_found(id);
	*product_id = row_int64(0, 1);
	*location_id = row_int32(0, 2);
}

/* inventory_lock locks the record with an id, and returns its row */
StockRow *
inventory_lock(int64 id, StockBatch *batch)
{
	int64 product_id;
	int32 location_id;

	inventory_find(id, true, &product_id, &location_id);
	stock_lock(batch, &product_id, 1);
	/* somebody may have removed it before the lock was ours */
	inventory_find(id, true, &product_id, &location_id);
	return stock_find(batch, product_id, location_id);
}

REST_VERB(rest_inventory_create);

static Datum
rest_inventory_create(Verb *verb, FunctionCallInfo fcinfo)
{
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	InventoryChange change;
	StockBatch batch;
	StockRow *row;
	bool made;
	Datum answer;

	if (idempotency_find(verb, key, "inventory_create", body, &answer))
		return answer;
	inventory_read(body, true, &change);
	if (plan_write(&product_on_sale, (Datum[]){Int64GetDatum(change.product.number)}, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_INVALID_INPUT),
				 errmsg("there is no product " INT64_FORMAT " on sale", change.product.number),
				 errdetail_internal("[{\"pointer\": \"/product\", \"detail\": \"must be the id of "
									"a product that is not archived\"}]"),
				 errhint("List the products to see their ids.")));
	row = stock_open(
		&batch, change.product.number,
		change.location.given ? location_find(change.location.text)->id : MAIN_LOCATION, &made);
	if (!made)
		ereport(ERROR,
				(oms_errcode(OMS_STOCK_EXISTS),
				 errmsg("product " INT64_FORMAT " has an inventory record", change.product.number),
				 errhint("Change the quantity of that record with PATCH.")));
	inventory_write(verb, row, &change);
	answer = inventory_reply(verb, row);
	idempotency_keep(verb, key, "inventory_create", body, answer);
	return answer;
}

REST_QUERY(rest_inventory_get);

static Datum
rest_inventory_get(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);

	if (plan_read(&select_inventory, (Datum[]){PG_GETARG_DATUM(2)}, NULL) == 0)
		raise_not_found(PG_GETARG_INT64(2));
	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

/* refuse_moving raises OM010 when a record is asked to become another's */
static void
refuse_moving(const StockRow *row, const InventoryChange *change)
{
	const char *code = location_get(row->location_id)->code;

	if (change->product.given && change->product.number != row->product_id)
		ereport(
			ERROR,
			(oms_errcode(OMS_INVALID_INPUT), errmsg("an inventory record stays with its product"),
			 errdetail_internal("[{\"pointer\": \"/product\", \"detail\": \"must be " INT64_FORMAT
								"\"}]",
								row->product_id),
			 errhint("Create a record for the other product.")));
	if (change->location.given && strcmp(change->location.text, code) != 0)
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
						errmsg("an inventory record stays at its location"),
						errdetail_internal(
							"[{\"pointer\": \"/location\", \"detail\": \"must stay what it is\"}]"),
						errhint("Create a record at the other location, or transfer units.")));
}

static Datum
rest_change(Verb *verb, FunctionCallInfo fcinfo, bool all)
{
	InventoryChange change;
	StockBatch batch;
	StockRow *row;

	inventory_read(PG_GETARG_TEXT_PP(3), all, &change);
	row = inventory_lock(PG_GETARG_INT64(2), &batch);
	refuse_moving(row, &change);
	inventory_write(verb, row, &change);
	return inventory_reply(verb, row);
}

REST_VERB(rest_inventory_replace);

static Datum
rest_inventory_replace(Verb *verb, FunctionCallInfo fcinfo)
{
	return rest_change(verb, fcinfo, true);
}

REST_VERB(rest_inventory_update);

static Datum
rest_inventory_update(Verb *verb, FunctionCallInfo fcinfo)
{
	return rest_change(verb, fcinfo, false);
}

REST_VERB(rest_inventory_delete);

/* books the rest out and removes the record; the ledger stays */
static Datum
rest_inventory_delete(Verb *verb, FunctionCallInfo fcinfo)
{
	StockBatch batch;
	StockRow *row = inventory_lock(PG_GETARG_INT64(2), &batch);
	int64 product_id = row->product_id;

	if (row->reserved > 0 || row->allocated > 0)
		ereport(ERROR,
				(oms_errcode(OMS_STOCK_IN_USE),
				 errmsg(INT64_FORMAT " units of product " INT64_FORMAT " are promised to orders",
						row->reserved + row->allocated, product_id),
				 errhint("Ship or cancel those orders first.")));
	stock_adjust_row(verb, product_id, row->location_id, -row->on_hand, "adjust",
					 "inventory record removed by the API");
	plan_write(&delete_stock, (Datum[]){Int64GetDatum(product_id), Int32GetDatum(row->location_id)},
			   NULL);
	PG_RETURN_NULL();
}

static const ListFilter inventory_filters[] = {
	{"product", FILTER_VALUE, "s.product_id = $?::bigint", NULL, NULL, NULL},
	{"sku", FILTER_VALUE, "p.sku = $?", NULL, NULL, NULL},
	{"name", FILTER_CONTAINS, "p.name ILIKE $?", NULL, NULL, NULL},
	{"location", FILTER_VALUE, "l.code = $?", NULL, NULL, NULL},
	{"low_stock", FILTER_FLAG, "s.available <= s.low_stock_threshold AND p.archived_at IS NULL",
	 "s.available > s.low_stock_threshold", NULL, NULL},
	{"search", FILTER_CONTAINS, "p.name ILIKE $? OR p.sku ILIKE $?", NULL, NULL, NULL},
};

static const ListOrdering inventory_orderings[] = {
	{"id", "s.id", "bigint"},
	{"product", "s.product_id", "bigint"},
	{"quantity", "s.available", "bigint"},
	{"updated_at", "s.updated_at", "timestamptz"},
};

static const Listing inventory_list = {INVENTORY_COLUMNS,
									   INVENTORY_FROM,
									   "s.id",
									   "id",
									   inventory_filters,
									   lengthof(inventory_filters),
									   inventory_orderings,
									   lengthof(inventory_orderings),
									   NULL,
									   NULL};

REST_QUERY(rest_inventory_list);

static Datum
rest_inventory_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &inventory_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
