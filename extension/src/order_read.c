/*
 * order_read.c
 *	  Orders to be entered, as requests and arguments say them.
 */
#include "order.h"

#include "utils/builtins.h"
#include "utils/numeric.h"

/* line_read reads a line to be sold */
void
line_read(Input *input, JsonbValue *element, const char *path, NewLine *line)
{
	static const Field fields[] = {
		{"product_id", FIELD_INTEGER, true, 1, PG_INT64_MAX},
		{"quantity", FIELD_INTEGER, true, 1, MAX_LINE_UNITS},
		{"discount", FIELD_AMOUNT, false, 1, MAX_AMOUNT},
		{"tax_rate", FIELD_RATE, false, 0, INT64CONST(9999999)},
		{"price", FIELD_AMOUNT, false, 1, MAX_AMOUNT},
	};
	FieldValue values[lengthof(fields)];

	if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
	{
		input_fault(input, path, "must be an object with product_id and quantity");
		return;
	}
	input_fields(input, element->val.binary.data, path, fields, lengthof(fields), values);
	line->product_id = values[0].number;
	line->quantity = values[1].number;
	line->discount = values[2].text;
	line->tax_rate = values[3].given ? values[3].number : -1;
	line->price = values[4].text;
}

/* items_read reads the array of an order's lines */
void
items_read(Input *input, JsonbContainer *items, const char *path, NewOrder *order)
{
	int n = JsonContainerSize(items);

	if (n < 1 || n > MAX_LINES)
	{
		input_fault(input, path, "must have 1 to %d elements, has %d", MAX_LINES, n);
		return;
	}
	order->lines = palloc0(sizeof(NewLine) * n);
	order->nlines = n;
	for (int i = 0; i < n; i++)
		line_read(input, getIthJsonbValueFromContainer(items, i), psprintf("%s/%d", path, i),
				  &order->lines[i]);
}

/* channel_read finds the channel that an order comes by */
void
channel_read(Input *input, const char *pointer, const char *code, NewOrder *order)
{
	order->channel = channel_get(code);
	if (order->channel == NULL)
		input_fault(input, pointer, "there is no channel \"%s\"", code);
	else if (!order->channel->active)
		input_fault(input, pointer, "channel \"%s\" is not active", code);
}

/* order_read reads an order from the object of a request, which has no items for a hold's */
void
order_read(Input *input, JsonbContainer *object, const char *path, NewOrder *order)
{
	static const Field fields[] = {
		{"customer_name", FIELD_TEXT, false, 1, MAX_CUSTOMER},
		{"status", FIELD_TEXT, false, 1, 32},
		{"channel", FIELD_TEXT_OR_NULL, false, 1, 32},
		{"currency", FIELD_TEXT_OR_NULL, false, 1, 3},
		{"customer_id", FIELD_ID_OR_NULL, false, 1, PG_INT64_MAX},
		{"external_ref", FIELD_TEXT_OR_NULL, false, 1, MAX_REFERENCE},
		{"discount", FIELD_AMOUNT, false, 1, MAX_AMOUNT},
		{"attributes", FIELD_OBJECT, false, 0, MAX_ATTRIBUTES},
		{"note", FIELD_TEXT_OR_NULL, false, 1, MAX_NOTE},
		{"id", FIELD_READ_ONLY, false, 0, 0},
		{"order_number", FIELD_READ_ONLY, false, 0, 0},
		{"total_amount", FIELD_READ_ONLY, false, 0, 0},
		{"discount_amount", FIELD_READ_ONLY, false, 0, 0},
		{"tax_amount", FIELD_READ_ONLY, false, 0, 0},
		{"takes_stock", FIELD_READ_ONLY, false, 0, 0},
		{"fulfilment", FIELD_READ_ONLY, false, 0, 0},
		{"hold_reason", FIELD_READ_ONLY, false, 0, 0},
		{"created_at", FIELD_READ_ONLY, false, 0, 0},
		{"updated_at", FIELD_READ_ONLY, false, 0, 0},
		{"version", FIELD_READ_ONLY, false, 0, 0},
		{"created_by", FIELD_READ_ONLY, false, 0, 0},
		{"items", FIELD_ARRAY, true, 1, MAX_LINES},
	};
	FieldValue values[lengthof(fields)] = {0};
	const FieldValue *items = &values[lengthof(fields) - 1];

	input_fields(input, object, path, fields, lengthof(fields) - (order->hold_id ? 1 : 0), values);
	order->customer = values[0].text;
	if (items->given)
		items_read(input, items->array, psprintf("%s/items", path), order);
	if (values[1].given && strcmp(values[1].text, STATUS_INITIAL) != 0)
		input_fault(input, psprintf("%s/status", path),
					"an order is born " STATUS_INITIAL ": leave it out, then change the status");
	channel_read(input, psprintf("%s/channel", path),
				 values[2].text ? values[2].text : DEFAULT_CHANNEL, order);
	if (values[3].text && order->channel && strcmp(values[3].text, order->channel->currency) != 0)
		input_fault(input, psprintf("%s/currency", path), "must be that of the channel, %s",
					order->channel->currency);
	order->customer_id = values[4].number;
	order->external_ref = values[5].text;
	order->discount = values[6].text;
	order->attributes = values[7].object;
	order->note = values[8].text;
}

/* text_argument reads a text of the arguments, or NULL */
static char *
text_argument(Input *input, FunctionCallInfo fcinfo, int argument, const char *pointer, int max)
{
	char *s;

	if (PG_ARGISNULL(argument))
		return NULL;
	s = TextDatumGetCString(PG_GETARG_DATUM(argument));
	input_text(input, pointer, s, (int) strlen(s), 1, max);
	return s;
}

/*
 * order_arguments reads what a verb says of an order beside its lines:
 * customer_name, customer_id, channel, external_ref, discount, attributes, note.
 */
void
order_arguments(Input *input, FunctionCallInfo fcinfo, int first, NewOrder *order)
{
	char *channel = text_argument(input, fcinfo, first + 2, "/channel", 32);

	order->customer = text_argument(input, fcinfo, first, "/customer_name", MAX_CUSTOMER);
	if (!PG_ARGISNULL(first + 1))
	{
		order->customer_id = PG_GETARG_INT64(first + 1);
		if (order->customer_id < 1)
			input_fault(input, "/customer_id", "must be 1 or more");
	}
	channel_read(input, "/channel", channel ? channel : DEFAULT_CHANNEL, order);
	order->external_ref = text_argument(input, fcinfo, first + 3, "/external_ref", MAX_REFERENCE);
	order->discount = text_argument(input, fcinfo, first + 4, "/discount", MAX_AMOUNT);
	if (!PG_ARGISNULL(first + 5))
	{
		order->attributes = PG_GETARG_JSONB_P(first + 5);
		if (!JB_ROOT_IS_OBJECT(order->attributes))
			input_fault(input, "/attributes", "must be an object");
		else if (VARSIZE(order->attributes) > MAX_ATTRIBUTES)
			input_fault(input, "/attributes", "must have at most %d bytes", MAX_ATTRIBUTES);
	}
	order->note = text_argument(input, fcinfo, first + 6, "/note", MAX_NOTE);
}
