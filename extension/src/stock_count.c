/*
 * stock_count.c
 *	  Stock counted: what lies there takes the place of what was believed.
 *
 * Counting takes time.  Who counts notes the version of the row before, and the
 * count is refused when the row has moved since.
 */
#include "stock.h"
#include "json.h"

/* stock_count_row books a count of one product at a location, and returns what is available */
int64
stock_count_row(Verb *verb, int64 product_id, int32 location_id, int64 counted,
				int64 expected_version, const char *reason)
{
	StockBatch batch;
	StockRow *row = stock_open(&batch, product_id, location_id, NULL);
	int64 promised = row->reserved + row->allocated - row->backorder_limit;
	const char *code = location_get(location_id)->code;

	if (row->moves != expected_version)
		ereport(ERROR,
				(oms_errcode(OMS_VERSION_CONFLICT),
				 errmsg("stock of product " INT64_FORMAT " at %s has version " INT64_FORMAT
						", not " INT64_FORMAT,
						product_id, code, row->moves, expected_version),
				 errdetail_internal("{\"product_id\": " INT64_FORMAT ", \"version\": " INT64_FORMAT
									", \"expected_version\": " INT64_FORMAT "}",
									product_id, row->moves, expected_version),
				 errhint("It has moved since it was counted: read the version and count again.")));
	if (counted < promised)
		ereport(ERROR, (oms_errcode(OMS_INSUFFICIENT_STOCK),
						errmsg("at least " INT64_FORMAT " units of product " INT64_FORMAT
							   " at %s are promised, but " INT64_FORMAT " were counted",
							   promised, product_id, code, counted),
						errdetail_internal("{\"shortages\": [{\"product_id\": " INT64_FORMAT
										   ", \"wanted\": " INT64_FORMAT
										   ", \"available\": " INT64_FORMAT "}]}",
										   product_id, promised, counted),
						errhint("Cancel orders or release holds first.")));
	stock_move(
		&batch, row,
		&(StockMove){.kind = "count", .d_on_hand = counted - row->on_hand, .reason = reason});
	stock_write(verb, &batch);
	stock_event(verb, "stock.counted", row, NULL);
	return stock_available(row);
}

OMS_VERB(stock_count);

static Datum
stock_count(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"counted", FIELD_INTEGER, true, 0, MAX_STOCK},
		{"expected_version", FIELD_INTEGER, true, 0, PG_INT64_MAX},
		{"location", FIELD_TEXT, true, 1, MAX_LOCATION_CODE},
		{"reason", FIELD_TEXT, false, 1, MAX_STOCK_REASON},
	};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, json_arguments(fcinfo, 1)), "", fields,
				 lengthof(fields), values);
	input_end(&input);
	return Int64GetDatum(stock_count_row(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
										 location_find(values[2].text)->id, values[0].number,
										 values[1].number, values[3].text));
}
