/*
 * transfer.c
 *	  Units moved from one location to another, as two moves of one document.
 */
#include "stock.h"
#include "json.h"

#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "utils/lsyscache.h"

/*
 * stock_transfer_units takes units that lie on the shelf and are free at one
 * location to another.  All rows of the product are locked before, so transfers
 * that cross and orders wait for each other but never in a circle.
 */
int64
stock_transfer_units(Verb *verb, int64 product_id, int64 quantity, const char *from, const char *to,
					 const char *reason)
{
	int32 source = location_find(from)->id;
	int32 target = location_find(to)->id;
	StockBatch batch;
	StockRow *in;
	StockRow *out;
	int64 free;
	int64 id;
	char *document;

	if (source == target)
		ereport(ERROR,
				(oms_errcode(OMS_SAME_LOCATION),
				 errmsg("units of product " INT64_FORMAT " are at %s already", product_id, from),
				 errhint("Name two locations that differ.")));
	in = stock_open(&batch, product_id, target, NULL);
	out = stock_find(&batch, product_id, source);
	free = out ? Max(Min(stock_available(out), out->on_hand), 0) : 0;
	if (free < quantity)
		stock_short(in, quantity, free,
					psprintf("Transfer less from %s; promised units stay where they are.", from));
	stock_room(in, quantity);
	id = nextval_internal(get_relname_relid("transfer_id_seq", get_namespace_oid("oms", false)),
						  false);
	document = psprintf("transfer " INT64_FORMAT, id);
	stock_move(
		&batch, out,
		&(StockMove){
			.kind = "transfer", .d_on_hand = -quantity, .document = document, .reason = reason});
	stock_move(
		&batch, in,
		&(StockMove){
			.kind = "transfer", .d_on_hand = quantity, .document = document, .reason = reason});
	stock_write(verb, &batch);
	stock_event(verb, "stock.transferred", out, in);
	return id;
}

OMS_VERB(stock_transfer);

static Datum
stock_transfer(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"quantity", FIELD_INTEGER, true, 1, MAX_STOCK},
		{"from_location", FIELD_TEXT, true, 1, MAX_LOCATION_CODE},
		{"to_location", FIELD_TEXT, true, 1, MAX_LOCATION_CODE},
		{"reason", FIELD_TEXT, false, 1, MAX_STOCK_REASON},
	};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, json_arguments(fcinfo, 1)), "", fields,
				 lengthof(fields), values);
	input_end(&input);
	return Int64GetDatum(stock_transfer_units(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
											  values[0].number, values[1].text, values[2].text,
											  values[3].text));
}
