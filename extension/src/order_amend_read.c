/*
 * order_amend_read.c
 *	  What an amendment asks for, as requests and arguments say it.
 */
#include "idempotency.h"
#include "order_amend.h"

#include "utils/builtins.h"

#define MAX_REASON 1000 /* characters */

/* read_amend reads {"line": 1, ...} */
static void
read_amend(Input *input, JsonbContainer *object, const char *path, Amend *amend)
{
	static const Field fields[] = {
		{"line", FIELD_INTEGER, true, 1, PG_INT32_MAX},
		{"remove", FIELD_BOOL, false, 0, 0},
		{"quantity", FIELD_INTEGER, false, 1, MAX_LINE_UNITS},
		{"discount", FIELD_AMOUNT, false, 1, MAX_AMOUNT},
		{"price", FIELD_AMOUNT, false, 1, MAX_AMOUNT},
	};
	FieldValue values[lengthof(fields)];
	int faults = input->nfaults;
	bool others;

	input_fields(input, object, path, fields, lengthof(fields), values);
	if (input->nfaults > faults)
		return;
	others = values[2].given || values[3].text || values[4].text;
	if (values[1].given && values[1].number == 0)
		input_fault(input, psprintf("%s/remove", path), "must be true, or left out");
	else if (values[1].given && others)
		input_fault(input, path, "must not have quantity, discount or price beside remove");
	else if (!values[1].given && !others)
		input_fault(input, path, "must have quantity, discount, price or remove");
	amend->line_no = values[0].number;
	amend->remove = values[1].number != 0;
	amend->quantity = values[2].number;
	amend->discount = values[3].text;
	amend->price = values[4].text;
}

/* read_item reads a line that is changed, when it names one, or a new line */
static void
read_item(Input *input, JsonbContainer *items, int place, int *places, Amendment *amendment)
{
	JsonbValue *element = getIthJsonbValueFromContainer(items, place);
	char *path = psprintf("/items/%d", place);
	NewOrder *added = &amendment->added;
	Amend *amend = &amendment->amends[amendment->namends];
	JsonbValue line;

	if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
		input_fault(input, path, "must be an object with line, or with product_id and quantity");
	else if (getKeyJsonValueFromContainer(element->val.binary.data, "line", strlen("line"), &line))
	{
		read_amend(input, element->val.binary.data, path, amend);
		amend->place = place;
		for (int i = 0; i < amendment->namends && amend->line_no > 0; i++)
			if (amendment->amends[i].line_no == amend->line_no)
			{
				input_fault(input, path, "names line " INT64_FORMAT " again", amend->line_no);
				break;
			}
		amendment->namends++;
	}
	else
	{
		places[added->nlines] = place;
		line_read(input, element, path, &added->lines[added->nlines++]);
	}
}

static void
read_items(Input *input, JsonbContainer *items, Amendment *amendment)
{
	int n = JsonContainerSize(items);
	int *places = palloc(sizeof(int) * Max(n, 1));

	if (n < 1 || n > MAX_LINES)
	{
		input_fault(input, "/items", "must have 1 to %d elements, has %d", MAX_LINES, n);
		return;
	}
	amendment->amends = palloc0(sizeof(Amend) * n);
	amendment->added.lines = palloc0(sizeof(NewLine) * n);
	amendment->added.places = places;
	for (int i = 0; i < n; i++)
		read_item(input, items, i, places, amendment);
}

OMS_VERB(order_amend);

static Datum
order_amend(Verb *verb, FunctionCallInfo fcinfo)
{
	Jsonb *items = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	char *reason = PG_ARGISNULL(2) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(2));
	Amendment amendment = {.reason = reason};
	Input input;

	input_start(&input);
	if (items && JB_ROOT_IS_ARRAY(items) && !JB_ROOT_IS_SCALAR(items))
		read_items(&input, &items->root, &amendment);
	else
		input_fault(&input, "/items",
					"must be an array of objects with line, or with product_id and quantity");
	if (reason)
		input_text(&input, "/reason", reason, (int) strlen(reason), 1, MAX_REASON);
	if (!PG_ARGISNULL(3))
		amendment.expected = PG_GETARG_INT64(3);
	if (!PG_ARGISNULL(3) && amendment.expected < 1)
		input_fault(&input, "/expected_version", "must be 1 or more");
	input_end(&input);
	return Int64GetDatum(
		order_amend_lines(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), &amendment));
}

REST_VERB(rest_order_amend);

static Datum
rest_order_amend(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"items", FIELD_ARRAY, true, 1, MAX_LINES},
		{"reason", FIELD_TEXT, false, 1, MAX_REASON},
		{"expected_version", FIELD_INTEGER, false, 1, PG_INT64_MAX},
	};
	int64 id = PG_GETARG_INT64(2);
	text *body = PG_GETARG_TEXT_PP(3);
	text *key = PG_ARGISNULL(4) ? NULL : PG_GETARG_TEXT_PP(4);
	char *operation = psprintf("order_amend " INT64_FORMAT, id);
	FieldValue values[lengthof(fields)];
	Amendment amendment = {0};
	Input input;
	Datum answer;

	if (idempotency_find(verb, key, operation, body, &answer))
		return answer;
	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	if (values[0].given && values[0].array)
		read_items(&input, values[0].array, &amendment);
	input_end(&input);
	amendment.reason = values[1].text;
	amendment.expected = values[2].number;
	(void) order_amend_lines(verb, id, &amendment);
	answer = order_changed_reply(verb, id);
	idempotency_keep(verb, key, operation, body, answer);
	return answer;
}
