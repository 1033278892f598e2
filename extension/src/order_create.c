/*
 * order_create.c
 *	  Orders are born: read, priced, checked and written, many in one pass.
 */
#include "order.h"
#include "product.h"
#include "table.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "common/int.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

/* cents and archived come after the columns of a product's JSON */
#define CENTS_COLUMN (PRODUCT_COLUMN_COUNT + 1)
#define ARCHIVED_COLUMN (PRODUCT_COLUMN_COUNT + 2)

static KeptPlan select_products =
	PLAN("SELECT " PRODUCT_COLUMNS ", (price * 100)::bigint, archived_at IS NOT NULL "
		 "FROM oms.product WHERE id = ANY ($1) ORDER BY id",
		 INT8ARRAYOID);

static Table orders_table = TABLE("orders", "id", "order_number", "status", "version",
								  "customer_name", "total_amount", "created_by");

static Table lines_table = TABLE("order_line", "order_id", "line_no", "product_id", "quantity",
								 "sku", "name", "price", "line_total");

/* --------------------------------------------------------------- reading */

static void
read_line(Input *input, JsonbValue *element, const char *path, NewLine *line)
{
	static const Field fields[] = {
		{"product_id", FIELD_INTEGER, true, 1, PG_INT64_MAX},
		{"quantity", FIELD_INTEGER, true, 1, 1000000},
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
		read_line(input, getIthJsonbValueFromContainer(items, i), psprintf("%s/%d", path, i),
				  &order->lines[i]);
}

/* order_read reads an order from the object of a request */
void
order_read(Input *input, JsonbContainer *object, const char *path, NewOrder *order)
{
	static const Field fields[] = {
		{"customer_name", FIELD_TEXT, false, 1, MAX_CUSTOMER},
		{"items", FIELD_ARRAY, true, 1, MAX_LINES},
		{"status", FIELD_TEXT, false, 1, 32},
		{"id", FIELD_READ_ONLY, false, 0, 0},
		{"order_number", FIELD_READ_ONLY, false, 0, 0},
		{"total_amount", FIELD_READ_ONLY, false, 0, 0},
		{"created_at", FIELD_READ_ONLY, false, 0, 0},
		{"updated_at", FIELD_READ_ONLY, false, 0, 0},
		{"version", FIELD_READ_ONLY, false, 0, 0},
		{"created_by", FIELD_READ_ONLY, false, 0, 0},
	};
	FieldValue values[lengthof(fields)];

	input_fields(input, object, path, fields, lengthof(fields), values);
	order->customer = values[0].given ? values[0].text : DEFAULT_CUSTOMER;
	if (values[1].given)
		items_read(input, values[1].array, psprintf("%s/items", path), order);
	if (values[2].given && strcmp(values[2].text, STATUS_INITIAL) != 0)
		input_fault(input, psprintf("%s/status", path),
					"an order is born " STATUS_INITIAL ": leave it out, then change the status");
}

/* --------------------------------------------------------------- pricing */

/* find_products reads the products of all lines; the rows are sorted by id */
static SPITupleTable *
find_products(NewOrder *orders, int n, uint64 *nproducts)
{
	int nids = 0;
	int64 *ids;

	for (int i = 0; i < n; i++)
		nids += orders[i].nlines;
	ids = palloc(sizeof(int64) * Max(nids, 1));
	nids = 0;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < orders[i].nlines; j++)
			ids[nids++] = orders[i].lines[j].product_id;
	nids = int8_sort_unique(ids, nids);
	*nproducts = plan_write(&select_products, (Datum[]){int8_array(ids, nids)}, NULL);
	return SPI_tuptable;
}

/* product_row returns the row of a product by its id, or -1 */
static int
product_row(uint64 nproducts, int64 id)
{
	int low = 0;
	int high = (int) nproducts - 1;

	while (low <= high)
	{
		int middle = (low + high) / 2;
		int64 found = row_int64(middle, 1);

		if (found == id)
			return middle;
		if (found < id)
			low = middle + 1;
		else
			high = middle - 1;
	}
	return -1;
}

/* price_order finds products and prices of the lines, and the total */
static void
price_order(NewOrder *order, uint64 nproducts)
{
	Input input;

	if (order->outcome->message)
		return;
	input_start(&input);
	order->total = 0;
	for (int i = 0; i < order->nlines; i++)
	{
		NewLine *line = &order->lines[i];

		line->product = product_row(nproducts, line->product_id);
		if (line->product < 0 || row_bool(line->product, ARCHIVED_COLUMN))
		{
			input_fault(&input, psprintf("/items/%d/product_id", i),
						line->product < 0 ? "there is no product " INT64_FORMAT
										  : "product " INT64_FORMAT
											" is archived and no longer sold",
						line->product_id);
			continue;
		}
		line->cents = row_int64(line->product, CENTS_COLUMN);
		if (pg_mul_s64_overflow(line->cents, line->quantity, &line->total) ||
			pg_add_s64_overflow(order->total, line->total, &order->total))
		{
			outcome_fail(order->outcome, OMS_AMOUNT_TOO_LARGE,
						 "the order's total is larger than any amount of money here", NULL,
						 "Split the order.");
			return;
		}
	}
	if (input.nfaults > 0)
		outcome_fail(order->outcome, OMS_INVALID_INPUT, "the order has lines that cannot be sold",
					 input_faults(&input), "Correct what each pointer names and try again.");
}

/* --------------------------------------------------------------- writing */

static Datum
money_datum(int64 cents)
{
	return NumericGetDatum(int64_div_fast_to_numeric(cents, 2));
}

static void
write_headers(Verb *verb, NewOrder **orders, int n)
{
	Datum status = CStringGetTextDatum(STATUS_INITIAL);
	Datum actor = CStringGetTextDatum(verb->actor);
	const bool history_nulls[6] = {false, false, true, false, false, true};

	table_begin(&orders_table);
	for (int i = 0; i < n; i++)
		table_insert(&orders_table,
					 (Datum[]){Int64GetDatum(orders[i]->id), CStringGetTextDatum(orders[i]->number),
							   status, Int64GetDatum(1), CStringGetTextDatum(orders[i]->customer),
							   money_datum(orders[i]->total), actor},
					 NULL);
	table_end(&orders_table);
	table_begin(&order_history);
	for (int i = 0; i < n; i++)
		table_insert(&order_history,
					 (Datum[]){Int64GetDatum(orders[i]->id), Int64GetDatum(1), (Datum) 0, status,
							   actor, (Datum) 0},
					 history_nulls);
	table_end(&order_history);
}

static void
write_lines(SPITupleTable *products, NewOrder **orders, int n)
{
	table_begin(&lines_table);
	for (int i = 0; i < n; i++)
	{
		for (int j = 0; j < orders[i]->nlines; j++)
		{
			NewLine *line = &orders[i]->lines[j];
			HeapTuple product = products->vals[line->product];
			bool isnull;

			table_insert(&lines_table,
						 (Datum[]){Int64GetDatum(orders[i]->id), Int32GetDatum(j + 1),
								   Int64GetDatum(line->product_id), Int64GetDatum(line->quantity),
								   SPI_getbinval(product, products->tupdesc, 4, &isnull),
								   SPI_getbinval(product, products->tupdesc, 2, &isnull),
								   money_datum(line->cents), money_datum(line->total)},
						 NULL);
		}
	}
	table_end(&lines_table);
}

/* write_traces writes the events and tasks of new orders */
static void
write_traces(Verb *verb, NewOrder **orders, int n)
{
	int64 *ids = palloc(sizeof(int64) * n);
	int64 *versions = palloc(sizeof(int64) * n);
	Datum *payloads = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
	{
		char *payload = psprintf("{\"order_id\": " INT64_FORMAT "}", orders[i]->id);

		ids[i] = orders[i]->id;
		versions[i] = 1;
		payloads[i] = DirectFunctionCall1(jsonb_in, CStringGetDatum(payload));
	}
	event_append(verb, "order.created", "order", n, ids, versions, NULL);
	task_enqueue(verb, "order_created", n, payloads);
}

/*
 * orders_insert prices orders and writes those that have not failed, with their
 * lines, history, event and task.  It returns the rows of the products, which
 * the lines' "product" points into.
 */
SPITupleTable *
orders_insert(Verb *verb, NewOrder *orders, int n)
{
	NewOrder **good = palloc(sizeof(NewOrder *) * n);
	int ngood = 0;
	uint64 nproducts;
	SPITupleTable *products = find_products(orders, n, &nproducts);
	Oid sequence = get_relname_relid("orders_id_seq", get_namespace_oid("oms", false));

	for (int i = 0; i < n; i++)
	{
		price_order(&orders[i], nproducts);
		if (orders[i].outcome->message)
			continue;
		orders[i].id = nextval_internal(sequence, false);
		orders[i].outcome->id = orders[i].id;
		orders[i].number = psprintf("SO-%08lld", (long long) orders[i].id);
		good[ngood++] = &orders[i];
	}
	if (ngood > 0)
	{
		write_headers(verb, good, ngood);
		write_lines(products, good, ngood);
		write_traces(verb, good, ngood);
	}
	return products;
}
