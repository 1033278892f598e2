/*
 * stock_book.c
 *	  The verbs that receive and adjust stock, and set what a row of it allows.
 */
#include "stock.h"
#include "json.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* a value below 0 leaves what is there */
static KeptPlan update_settings =
	PLAN("UPDATE oms.stock SET updated_at = now(), "
		 "low_stock_threshold = CASE WHEN $3 < 0 THEN low_stock_threshold ELSE $3 END, "
		 "reorder_quantity = CASE WHEN $4 < 0 THEN reorder_quantity ELSE nullif($4, 0) END, "
		 "backorder_limit = CASE WHEN $5 < 0 THEN backorder_limit ELSE $5 END "
		 "WHERE product_id = $1 AND location_id = $2 AND ($3 >= 0 AND low_stock_threshold <> $3 "
		 "OR $4 >= 0 AND coalesce(reorder_quantity, 0) <> $4 "
		 "OR $5 >= 0 AND backorder_limit <> $5)",
		 INT8OID, INT4OID, INT8OID, INT8OID, INT8OID);

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
	return Int64GetDatum(stock_adjust_row(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
										  location_arg(fcinfo, 3), quantity, "receive", reason));
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
	return Int64GetDatum(stock_adjust_row(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
										  location_arg(fcinfo, 3), delta, "adjust", reason));
}

/* stock_settings writes what is not below 0 of a locked row's settings */
void
stock_settings(const StockRow *row, int64 threshold, int64 reorder_quantity, int64 backorder_limit)
{
	int64 needed = row->reserved + row->allocated - row->on_hand;

	if (backorder_limit >= 0 && backorder_limit < needed)
		ereport(ERROR, (oms_errcode(OMS_INSUFFICIENT_STOCK),
						errmsg(INT64_FORMAT " units of product " INT64_FORMAT
											" are promised beyond the shelf",
							   needed, row->product_id),
						errdetail_internal("{\"product_id\": " INT64_FORMAT
										   ", \"backorder_limit\": " INT64_FORMAT
										   ", \"backordered\": " INT64_FORMAT "}",
										   row->product_id, backorder_limit, needed),
						errhint("Receive stock or cancel orders first, or set a higher limit.")));
	plan_write(&update_settings,
			   (Datum[]){Int64GetDatum(row->product_id), Int32GetDatum(row->location_id),
						 Int64GetDatum(threshold), Int64GetDatum(reorder_quantity),
						 Int64GetDatum(backorder_limit)},
			   NULL);
}

OMS_VERB(stock_set);

static Datum
stock_set(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"location", FIELD_TEXT, true, 1, MAX_LOCATION_CODE},
		{"low_stock_threshold", FIELD_INTEGER, false, 0, MAX_STOCK},
		{"reorder_quantity", FIELD_INTEGER, false, 0, MAX_STOCK},
		{"backorder_limit", FIELD_INTEGER, false, 0, MAX_STOCK},
	};
	FieldValue values[lengthof(fields)];
	StockBatch batch;
	Input input;

	input_fields(&input, input_begin(&input, json_arguments(fcinfo, 1)), "", fields,
				 lengthof(fields), values);
	input_end(&input);
	stock_settings(stock_open(&batch, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
							  location_find(values[0].text)->id, NULL),
				   values[1].given ? values[1].number : -1, values[2].given ? values[2].number : -1,
				   values[3].given ? values[3].number : -1);
	return (Datum) 0;
}
