/*
 * import_order_read.c
 *	  Rows of an import read into past orders.
 *
 * A row is a whole order with its items, or, as in CSV, one line of an order:
 * those next to each other that have one reference are lines of one order.
 */
#include "import_order.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#define MAX_AMOUNT 40 /* characters */

/* the places of the fields in the table below */
enum
{
	REFERENCE,
	NUMBER,
	CHANNEL,
	CURRENCY,
	CUSTOMER_NAME,
	CUSTOMER_ID,
	CUSTOMER_EMAIL,
	STATUS,
	CREATED_AT,
	UPDATED_AT,
	ORDER_DISCOUNT,
	NOTE,
	LAST_HEADER = NOTE,
	ATTRIBUTES,
	TIMES,
	ITEMS,
	PRODUCT_ID, /* from here on those of a line */
	SKU,
	QUANTITY,
	PRICE,
	DISCOUNT,
	TAX_RATE,
	NFIELDS
};

const Field import_order_fields[IMPORT_ORDER_NFIELDS] = {
	[REFERENCE] = {"external_ref", FIELD_TEXT_OR_NULL, false, 1, 200},
	[NUMBER] = {"number", FIELD_TEXT_OR_NULL, false, 1, 200},
	[CHANNEL] = {"channel", FIELD_TEXT_OR_NULL, false, 1, 32},
	[CURRENCY] = {"currency", FIELD_TEXT_OR_NULL, false, 1, 3},
	[CUSTOMER_NAME] = {"customer_name", FIELD_TEXT_OR_NULL, false, 1, MAX_CUSTOMER},
	[CUSTOMER_ID] = {"customer_id", FIELD_ID_OR_NULL, false, 1, PG_INT64_MAX},
	[CUSTOMER_EMAIL] = {"customer_email", FIELD_TEXT_OR_NULL, false, 1, 254},
	[STATUS] = {"status", FIELD_TEXT_OR_NULL, false, 1, 32},
	[CREATED_AT] = {"created_at", FIELD_TEXT_OR_NULL, false, 1, 64},
	[UPDATED_AT] = {"updated_at", FIELD_TEXT_OR_NULL, false, 1, 64},
	[ORDER_DISCOUNT] = {"order_discount", FIELD_AMOUNT, false, 1, MAX_AMOUNT},
	[NOTE] = {"note", FIELD_TEXT_OR_NULL, false, 1, 10000},
	[ATTRIBUTES] = {"attributes", FIELD_OBJECT, false, 0, 65536},
	[TIMES] = {"times", FIELD_OBJECT, false, 0, 4096},
	[ITEMS] = {"items", FIELD_ARRAY, false, 1, MAX_LINES},
	[PRODUCT_ID] = {"product_id", FIELD_ID_OR_NULL, false, 1, PG_INT64_MAX},
	[SKU] = {"sku", FIELD_TEXT_OR_NULL, false, 1, 64},
	[QUANTITY] = {"quantity", FIELD_ID_OR_NULL, false, 1, 1000000},
	[PRICE] = {"price", FIELD_AMOUNT, false, 1, MAX_AMOUNT},
	[DISCOUNT] = {"discount", FIELD_AMOUNT, false, 1, MAX_AMOUNT},
	[TAX_RATE] = {"tax_rate", FIELD_RATE, false, 0, INT64CONST(9999999)},
};
StaticAssertDecl(NFIELDS == IMPORT_ORDER_NFIELDS, "each field has a row of the table");

/* ------------------------------------------------------------------ times */

bool
past_time(const char *s, TimestampTz *time)
{
	size_t length = strlen(s);
	/* a day has ten characters; behind it a zone is told by these */
	const char *text = length <= 10              ? psprintf("%s 00:00Z", s)
					   : strpbrk(s + 10, "zZ+-") ? s
												 : psprintf("%sZ", s);
	char buffer[MAXDATELEN + MAXDATEFIELDS];
	char *field[MAXDATEFIELDS];
	int types[MAXDATEFIELDS];
	struct pg_tm tm;
	fsec_t fsec;
	int n;
	int type;
	int zone;

	/* year, month, day: nothing that depends on DateStyle */
	if (strspn(s, "0123456789") != 4 || s[4] != '-' ||
		ParseDateTime(text, buffer, sizeof(buffer), field, types, MAXDATEFIELDS, &n) != 0 ||
		decode_datetime(field, types, n, &type, &tm, &fsec, &zone) != 0 || type != DTK_DATE ||
		tm2timestamp(&tm, fsec, &zone, time) != 0)
		return false;
	return *time <= GetCurrentTimestamp();
}

/* read_time reads the time of a field, 0 where there is none */
static TimestampTz
read_time(Input *input, const char *pointer, const char *s)
{
	TimestampTz time = 0;

	if (s && !past_time(s, &time))
		input_fault(input, pointer,
					"must be a time such as 2024-05-31T10:00:00Z, and not after now");
	return time;
}

/* read_times checks the times of steps, {"CONFIRMED": "2024-05-31T10:00:00Z"} */
static void
read_times(Input *input, PastOrder *past)
{
	JsonbIterator *it = JsonbIteratorInit(&past->times->root);
	JsonbValue name;
	JsonbValue value;
	TimestampTz time;

	(void) JsonbIteratorNext(&it, &name, true); /* WJB_BEGIN_OBJECT */
	while (JsonbIteratorNext(&it, &name, true) == WJB_KEY)
	{
		char *status = pnstrdup(name.val.string.val, name.val.string.len);
		char *pointer = pointer_of("/times", status, (int) strlen(status));

		(void) JsonbIteratorNext(&it, &value, true);
		if (!status_exists(status))
			input_fault(input, pointer, "is not a status of oms.order_transition");
		else if (value.type != jbvString ||
				 !past_time(pnstrdup(value.val.string.val, value.val.string.len), &time))
			input_fault(input, pointer,
						"must be a time such as 2024-05-31T10:00:00Z, and not after now");
	}
}

/* ------------------------------------------------------------------ lines */

/* read_line takes what the fields of a line say */
static void
read_line(Input *input, const char *path, const FieldValue *values, PastOrder *past, int i)
{
	past->skus[i] = values[SKU].text;
	past->order.lines[i] =
		(NewLine){.product_id = values[PRODUCT_ID].number,
				  .quantity = values[QUANTITY].number,
				  .discount = values[DISCOUNT].text,
				  .price = values[PRICE].text,
				  .tax_rate = values[TAX_RATE].given ? values[TAX_RATE].number : -1};
	if ((values[SKU].text != NULL) == (values[PRODUCT_ID].number != 0))
		input_fault(input, psprintf("%s/sku", path), "or product_id must be given, and not both");
	if (values[QUANTITY].number == 0)
		input_fault(input, psprintf("%s/quantity", path), "is required");
}

static void
make_lines(PastOrder *past, int n)
{
	past->order.lines = palloc0(sizeof(NewLine) * Max(n, 1));
	past->skus = palloc0(sizeof(char *) * Max(n, 1));
	past->order.nlines = n;
}

/* read_items reads the array of an order's lines */
static void
read_items(Input *input, JsonbContainer *items, PastOrder *past)
{
	FieldValue values[NFIELDS] = {0};
	int n = JsonContainerSize(items);

	make_lines(past, n);
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(items, i);
		char *path = psprintf("/items/%d", i);
		int faults = input->nfaults;

		if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
		{
			input_fault(input, path, "must be an object with sku or product_id, and quantity");
			continue;
		}
		input_fields(input, element->val.binary.data, path, import_order_fields + PRODUCT_ID,
					 NFIELDS - PRODUCT_ID, values + PRODUCT_ID);
		if (input->nfaults == faults)
			read_line(input, path, values, past, i);
	}
}

/* ----------------------------------------------------------------- orders */

/* read_header takes what the fields of a row say of the whole order */
static void
read_header(Input *input, const FieldValue *values, PastOrder *past)
{
	NewOrder *order = &past->order;
	const char *channel = values[CHANNEL].text ? values[CHANNEL].text : DEFAULT_CHANNEL;

	order->channel = channel_get(channel);
	if (order->channel == NULL)
		input_fault(input, "/channel", "there is no channel \"%s\"", channel);
	else if (values[CURRENCY].text && strcmp(values[CURRENCY].text, order->channel->currency) != 0)
		input_fault(input, "/currency", "must be that of the channel, %s",
					order->channel->currency);
	if (values[REFERENCE].text && values[NUMBER].text)
		input_fault(input, "/number", "is another name of external_ref: give one of them");
	if (values[CUSTOMER_ID].number != 0 && values[CUSTOMER_EMAIL].text)
		input_fault(input, "/customer_email", "names the customer as customer_id does: give one");
	order->external_ref = values[REFERENCE].text ? values[REFERENCE].text : values[NUMBER].text;
	order->customer = values[CUSTOMER_NAME].text;
	order->customer_id = values[CUSTOMER_ID].number;
	order->discount = values[ORDER_DISCOUNT].text;
	order->note = values[NOTE].text;
	order->attributes = values[ATTRIBUTES].object;
	order->imported = true;
	order->created_at = read_time(input, "/created_at", values[CREATED_AT].text);
	past->updated_at = read_time(input, "/updated_at", values[UPDATED_AT].text);
	past->times = values[TIMES].object;
	past->customer_email = values[CUSTOMER_EMAIL].text;
	past->status = values[STATUS].text ? values[STATUS].text : STATUS_INITIAL;
	if (past->times)
		read_times(input, past);
	if (!status_exists(past->status))
		input_fault(input, "/status", "is not a status of oms.order_transition");
}

/* check_same faults what a further row says otherwise of the order than the first */
static void
check_same(Input *input, const FieldValue *first, const FieldValue *values, int64 row_no)
{
	for (int i = 0; i <= LAST_HEADER; i++)
		if ((values[i].text && (!first[i].text || strcmp(values[i].text, first[i].text) != 0)) ||
			(values[i].number != 0 && values[i].number != first[i].number))
			input_fault(input, psprintf("/%s", import_order_fields[i].name),
						"of row " INT64_FORMAT " is another than that of the order's first row",
						row_no);
}

/* row_reference returns what joins the rows of one order, or NULL */
static char *
row_reference(const ImportRow *row)
{
	static const char *const names[] = {"external_ref", "number"};
	JsonbValue value;

	if (!JB_ROOT_IS_OBJECT(row->data) ||
		getKeyJsonValueFromContainer(&row->data->root, "items", strlen("items"), &value))
		return NULL;
	for (int i = 0; i < (int) lengthof(names); i++)
		if (getKeyJsonValueFromContainer(&row->data->root, names[i], (int) strlen(names[i]),
										 &value) &&
			value.type == jbvString)
			return pnstrdup(value.val.string.val, value.val.string.len);
	return NULL;
}

/* read_rest reads the rows of an order behind the first, each a line */
static void
read_rest(Input *input, ImportUnit *unit, const FieldValue *first, PastOrder *past)
{
	for (int i = 1; i < unit->nrows; i++)
	{
		FieldValue values[NFIELDS];
		int faults = input->nfaults;

		input_fields(input, &unit->rows[i].data->root, "", import_order_fields, NFIELDS, values);
		if (input->nfaults > faults)
			continue;
		check_same(input, first, values, unit->rows[i].row_no);
		read_line(input, "", values, past, i);
	}
}

static void
read_order(ImportUnit *unit)
{
	PastOrder *past = unit->parsed = palloc0(sizeof(PastOrder));
	FieldValue values[NFIELDS];
	Input input;

	if (!import_read_row(unit, import_order_fields, NFIELDS, values))
		return;
	input_start(&input);
	input.lenient = true;
	past->order.outcome = &unit->outcome;
	if (unit->nrows > MAX_LINES)
		input_fault(&input, "", "must have at most %d lines, has %d", MAX_LINES, unit->nrows);
	else if (unit->rows[unit->nrows - 1].row_no - unit->rows[0].row_no >= unit->nrows)
		input_fault(&input, "", "has a row between its lines that could not be read");
	else if (values[ITEMS].array)
	{
		read_items(&input, values[ITEMS].array, past);
		for (int i = PRODUCT_ID; i < NFIELDS; i++)
			if (values[i].given && i != DISCOUNT)
				input_fault(&input, psprintf("/%s", import_order_fields[i].name),
							"belongs into items where there are some");
		/* as in a new order, it is that of the whole */
		if (values[ORDER_DISCOUNT].text == NULL)
			values[ORDER_DISCOUNT].text = values[DISCOUNT].text;
	}
	else
	{
		make_lines(past, unit->nrows);
		read_line(&input, "", values, past, 0);
		read_rest(&input, unit, values, past);
	}
	read_header(&input, values, past);
	import_note_faults(unit, &input);
}

static KeptPlan select_row =
	PLAN("SELECT data FROM oms.import_row WHERE import_id = $1 AND row_no = $2", INT8OID, INT8OID);

/* tried_reference returns the reference of the last row that was tried, where row_no is the next */
static char *
tried_reference(const Import *import, int64 row_no)
{
	ImportRow tried = {0};
	bool isnull;

	if (row_no != import->position + 1 ||
		plan_write(&select_row,
				   (Datum[]){Int64GetDatum(import->id), Int64GetDatum(import->position)},
				   NULL) == 0)
		return NULL;
	tried.data = DatumGetJsonbP(row_datum(0, 1, &isnull));
	return row_reference(&tried);
}

/* fail_rest fails a unit that goes on with an order of which a batch had no end */
static void
fail_rest(ImportUnit *unit, const char *reference)
{
	outcome_fail(
		&unit->outcome, OMS_INVALID_INPUT,
		psprintf("the order \"%s\" has more than %d lines", reference, MAX_LINES),
		psprintf("[{\"pointer\": \"\", \"detail\": \"must have at most %d lines\"}]", MAX_LINES),
		"Split the order.");
}

ImportUnit *
import_orders_read(Import *import, ImportRow *rows, int n, int *nunits)
{
	ImportUnit *units = palloc0(sizeof(ImportUnit) * n);
	char *before = NULL;
	char *tried = tried_reference(import, rows[0].row_no);

	*nunits = 0;
	for (int i = 0; i < n; i++)
	{
		char *reference = row_reference(&rows[i]);

		if (reference && before && strcmp(reference, before) == 0)
			units[*nunits - 1].nrows++;
		else
			units[(*nunits)++] = (ImportUnit){.rows = &rows[i], .nrows = 1};
		before = reference;
	}
	for (int i = 0; i < *nunits; i++)
	{
		char *reference = i == 0 && tried ? row_reference(units[0].rows) : NULL;

		if (reference && strcmp(reference, tried) == 0)
			fail_rest(&units[0], reference);
		else
			read_order(&units[i]);
	}
	return units;
}
