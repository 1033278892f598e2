/*
 * order_line.c
 *	  Units of an order's lines that are no longer wanted: cancelled in part, or
 *	  all that has not shipped.
 */
#include "order.h"
#include "order_change.h"
#include "shipment.h"

#include "utils/builtins.h"
#include "utils/jsonb.h"

#define MAX_REASON 1000 /* characters */

/* Cut: units of a line to be cancelled */
typedef struct Cut
{
	int64 line_no;
	bool all; /* that may be */
	int64 quantity;
} Cut;

/* cut_line cancels units of a line, or raises OM045 */
static void
cut_line(OpenOrder *order, OpenLine *line, const Cut *cut, const char *reason)
{
	int64 quantity = cut->all ? Max(line_free(line), 1) : cut->quantity;

	order_give_back(order, line, quantity, reason);
	line->cancelled += quantity;
	line->changed = true;
}

/* refuse_final raises OM002 for an order that no step leads on from */
static void
refuse_final(const OpenOrder *order, const char *hint)
{
	ereport(ERROR,
			(oms_errcode(OMS_TRANSITION_NOT_ALLOWED),
			 errmsg("order " INT64_FORMAT " is %s, and nothing of it can be cancelled this way",
					order->id, order->status),
			 errdetail_internal("{\"order_id\": " INT64_FORMAT
								", \"from\": \"%s\", \"fulfilment\": \"%s\"}",
								order->id, order->status, order->fulfilment),
			 errhint("%s", hint)));
}

/* write_cuts writes what was cut, with the units of each line, and takes the steps that follow */
static void
write_cuts(Verb *verb, OpenOrder *order, const int64 *before, const OrderChange *change)
{
	OrderChange told = *change;
	StringInfoData detail;
	int n = 0;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"lines\": [");
	for (int i = 0; i < order->nlines; i++)
		if (order->lines[i].cancelled != before[i])
			appendStringInfo(&detail, "%s{\"line\": %d, \"cancelled\": " INT64_FORMAT "}",
							 n++ ? ", " : "", order->lines[i].line_no,
							 order->lines[i].cancelled - before[i]);
	appendStringInfoString(&detail, "]}");
	told.detail = detail.data;
	order->fulfilment = order_fulfilment(order);
	order_write_lines(order);
	order_write(verb, order, &told, true);
	order_settle(verb, order, change->reason);
	shipments_arrived(verb, order);
}

/* open_to_cut opens an order with its lines, prices and stock, and what was cancelled before */
static OpenOrder *
open_to_cut(int64 id, int64 **before)
{
	OpenOrder *order = order_open(id, 0);

	if (strcmp(transitions_from(order->status), "[]") == 0)
		refuse_final(order, "Goods that have shipped can be returned.");
	order_read_lines(order);
	order_read_prices(order);
	order_lock_stock(order, NULL, 0);
	*before = palloc(sizeof(int64) * Max(order->nlines, 1));
	for (int i = 0; i < order->nlines; i++)
		(*before)[i] = order->lines[i].cancelled;
	return order;
}

static void
cancel_lines(Verb *verb, int64 id, const Cut *cuts, int n, const char *reason)
{
	int64 *before;
	OpenOrder *order = open_to_cut(id, &before);

	for (int i = 0; i < n; i++)
		cut_line(order, order_line(order, cuts[i].line_no), &cuts[i], reason);
	write_cuts(verb, order, before,
			   &(OrderChange){"cancel_lines", "order.lines_cancelled", NULL, reason});
}

/* close_short cancels all that has not shipped of a partly shipped order */
static void
close_short(Verb *verb, int64 id, const char *reason)
{
	int64 *before;
	OpenOrder *order = open_to_cut(id, &before);

	if (strcmp(order->fulfilment, "partial") != 0)
		refuse_final(order, strcmp(order->fulfilment, "none") == 0
								? "Nothing of it has shipped: cancel the order."
								: "All of it has shipped.");
	for (int i = 0; i < order->nlines; i++)
		if (line_open(&order->lines[i]) > 0)
			cut_line(order, &order->lines[i], &(Cut){.quantity = line_open(&order->lines[i])},
					 reason);
	write_cuts(verb, order, before, &(OrderChange){"close", "order.closed", NULL, reason});
}

/* --------------------------------------------------------------- reading */

/* read_cuts reads [{"line": 1, "quantity": 2}, ...]; without a quantity, all units that may be */
static Cut *
read_cuts(Input *input, JsonbContainer *items, const char *path, int *n)
{
	static const Field fields[] = {
		{"line", FIELD_INTEGER, true, 1, PG_INT32_MAX},
		{"quantity", FIELD_INTEGER, false, 1, 1000000},
	};
	Cut *cuts;

	*n = JsonContainerSize(items);
	cuts = palloc0(sizeof(Cut) * Max(*n, 1));
	if (*n < 1 || *n > MAX_LINES)
		input_fault(input, path, "must have 1 to %d elements, has %d", MAX_LINES, *n);
	for (int i = 0; i < *n && *n <= MAX_LINES; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(items, i);
		char *here = psprintf("%s/%d", path, i);
		FieldValue values[lengthof(fields)];

		if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
		{
			input_fault(input, here, "must be an object with line and quantity");
			continue;
		}
		input_fields(input, element->val.binary.data, here, fields, lengthof(fields), values);
		cuts[i] = (Cut){values[0].number, !values[1].given, values[1].number};
		for (int j = 0; j < i; j++)
			if (cuts[j].line_no == cuts[i].line_no && cuts[i].line_no > 0)
				input_fault(input, here, "names line " INT64_FORMAT " again", cuts[i].line_no);
	}
	return cuts;
}

OMS_VERB(order_cancel_lines);

static Datum
order_cancel_lines(Verb *verb, FunctionCallInfo fcinfo)
{
	Jsonb *items = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	char *reason = PG_ARGISNULL(2) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(2));
	Cut *cuts = NULL;
	int n = 0;
	Input input;

	input_start(&input);
	if (items && JB_ROOT_IS_ARRAY(items) && !JB_ROOT_IS_SCALAR(items))
		cuts = read_cuts(&input, &items->root, "/items", &n);
	else
		input_fault(&input, "/items", "must be an array of objects with line and quantity");
	if (reason)
		input_text(&input, "/reason", reason, (int) strlen(reason), 1, MAX_REASON);
	input_end(&input);
	cancel_lines(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), cuts, n, reason);
	return (Datum) 0;
}

OMS_VERB(order_close);

static Datum
order_close(Verb *verb, FunctionCallInfo fcinfo)
{
	close_short(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0),
				PG_ARGISNULL(1) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(1)));
	return (Datum) 0;
}

REST_VERB(rest_order_cancel_lines);

static Datum
rest_order_cancel_lines(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"items", FIELD_ARRAY, true, 1, MAX_LINES},
		{"reason", FIELD_TEXT, false, 1, MAX_REASON},
	};
	FieldValue values[lengthof(fields)];
	Cut *cuts = NULL;
	int n = 0;
	Input input;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", fields, lengthof(fields),
				 values);
	if (values[0].given && values[0].array)
		cuts = read_cuts(&input, values[0].array, "/items", &n);
	input_end(&input);
	cancel_lines(verb, PG_GETARG_INT64(2), cuts, n, values[1].text);
	return order_changed_reply(verb, PG_GETARG_INT64(2));
}

REST_VERB(rest_order_close);

static Datum
rest_order_close(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {{"reason", FIELD_TEXT, false, 1, MAX_REASON}};
	FieldValue values[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(3)), "", fields, lengthof(fields),
				 values);
	input_end(&input);
	close_short(verb, PG_GETARG_INT64(2), values[0].text);
	return order_changed_reply(verb, PG_GETARG_INT64(2));
}
