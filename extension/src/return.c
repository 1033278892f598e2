/*
 * return.c
 *	  Goods that come back: requested, approved, received in parts, refunded.
 *
 * Returns are written under the lock of their order.  Refunds are computed, not
 * paid: what is due for a line grows with the units that came, so that the whole
 * line back is the whole line's total, whatever was rounded on the way.  It never
 * shrinks, also when a cancelled line leaves this one a smaller share of the tax.
 */
#include "return.h"
#include "order.h"
#include "order_change.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

static KeptPlan insert_return =
	PLAN("INSERT INTO oms.return_order (order_id, state, reason, created_by) "
		 "VALUES ($1, 'REQUESTED', $2, $3) RETURNING id",
		 INT8OID, TEXTOID, TEXTOID);

static KeptPlan insert_line =
	PLAN("INSERT INTO oms.return_line (return_id, line_no, quantity) VALUES ($1, $2, $3)", INT8OID,
		 INT4OID, INT8OID);

static KeptPlan select_order_of =
	PLAN("SELECT order_id FROM oms.return_order WHERE id = $1", INT8OID);

static KeptPlan select_return =
	PLAN("SELECT r.state, r.version, (SELECT coalesce(sum(restocked + scrapped), 0)::bigint "
		 "FROM oms.return_line WHERE return_id = r.id) FROM oms.return_order r WHERE id = $1 "
		 "FOR NO KEY UPDATE OF r",
		 INT8OID);

static KeptPlan update_return =
	PLAN("UPDATE oms.return_order SET state = $2, version = version + 1, updated_at = now(), "
		 "answer = coalesce($3, answer), refund_amount = (SELECT coalesce(sum(refund), 0) "
		 "FROM oms.return_line WHERE return_id = $1) WHERE id = $1",
		 INT8OID, TEXTOID, TEXTOID);

/* units of a line that returns under way still wait for, and what was refunded before, in $3ths */
static KeptPlan select_claims =
	PLAN("SELECT coalesce(sum(CASE WHEN r.state IN ('REQUESTED', 'APPROVED') "
		 "THEN l.quantity - l.restocked - l.scrapped ELSE 0 END), 0)::bigint, "
		 "coalesce(sum(l.refund) * power(10::numeric, $3), 0)::bigint "
		 "FROM oms.return_order r JOIN oms.return_line l ON l.return_id = r.id "
		 "WHERE r.order_id = $1 AND l.line_no = $2",
		 INT8OID, INT4OID, INT4OID);

static KeptPlan select_line = PLAN("SELECT quantity - restocked - scrapped FROM oms.return_line "
								   "WHERE return_id = $1 AND line_no = $2",
								   INT8OID, INT4OID);

static KeptPlan update_line =
	PLAN("UPDATE oms.return_line SET restocked = restocked + $3, scrapped = scrapped + $4, "
		 "refund = refund + $5 WHERE return_id = $1 AND line_no = $2",
		 INT8OID, INT4OID, INT8OID, INT8OID, NUMERICOID);

static KeptPlan update_order_line =
	PLAN("UPDATE oms.order_line SET returned = returned + $3 WHERE order_id = $1 AND line_no = $2",
		 INT8OID, INT4OID, INT8OID);

static KeptPlan is_complete = PLAN(
	"SELECT FROM oms.return_line WHERE return_id = $1 AND restocked + scrapped < quantity LIMIT 1",
	INT8OID);

/* return_read_items reads the items of a request, or of a receipt */
ReturnItem *
return_read_items(Input *input, JsonbContainer *items, const char *path, bool receipt, int *n)
{
	const Field fields[] = {
		{"line", FIELD_INTEGER, true, 1, PG_INT32_MAX},
		{receipt ? "restock" : "quantity", FIELD_INTEGER, !receipt, receipt ? 0 : 1, 1000000},
		{"scrap", FIELD_INTEGER, false, 0, 1000000},
	};
	ReturnItem *read;

	*n = JsonContainerSize(items);
	if (*n < 1 || *n > MAX_LINES)
	{
		input_fault(input, path, "must have 1 to %d elements, has %d", MAX_LINES, *n);
		*n = 0;
	}
	read = palloc0(sizeof(ReturnItem) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(items, i);
		char *here = psprintf("%s/%d", path, i);
		FieldValue values[lengthof(fields)] = {0};

		if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
		{
			input_fault(input, here, "must be an object with line and units");
			continue;
		}
		input_fields(input, element->val.binary.data, here, fields, receipt ? 3 : 2, values);
		read[i].line_no = values[0].number;
		if (receipt)
		{
			read[i].restock = values[1].number;
			read[i].scrap = values[2].number;
		}
		else
			read[i].quantity = values[1].number;
		if (receipt && values[0].number > 0 && read[i].restock + read[i].scrap == 0)
			input_fault(input, here, "must say how many units to restock or to scrap");
		for (int j = 0; j < i; j++)
			if (values[0].number > 0 && read[j].line_no == values[0].number)
				input_fault(input, here, "names line " INT64_FORMAT " again", values[0].number);
	}
	return read;
}

/* raise_exceeded raises OM045 */
static void
raise_exceeded(const OpenOrder *order, const OpenLine *line, int64 wanted, int64 available,
			   const char *what)
{
	ereport(ERROR, (oms_errcode(OMS_QUANTITY_EXCEEDED),
					errmsg("line %d of order " INT64_FORMAT " (%s) has " INT64_FORMAT
						   " units %s, not " INT64_FORMAT,
						   line->line_no, order->id, line->sku, available, what, wanted),
					errdetail_internal(
						"{\"order_id\": " INT64_FORMAT ", \"line\": %d, \"wanted\": " INT64_FORMAT
						", \"available\": " INT64_FORMAT ", \"shipped\": " INT64_FORMAT
						", \"returned\": " INT64_FORMAT "}",
						order->id, line->line_no, wanted, available, line->shipped, line->returned),
					errhint("No more can come back than has shipped and is not on its way back.")));
}

/* read_claims reads what other returns wait for of a line, and what was refunded for it */
static void
read_claims(const OpenOrder *order, const OpenLine *line, int64 *waiting, int64 *refunded)
{
	plan_write(&select_claims,
			   (Datum[]){Int64GetDatum(order->id), Int32GetDatum(line->line_no),
						 Int32GetDatum(order->decimals)},
			   NULL);
	*waiting = row_int64(0, 1);
	*refunded = row_int64(0, 2);
}

/* tell writes the order's next version and the return's event */
static void
tell(Verb *verb, OpenOrder *order, int64 id, int64 version, const char *state, const char *event,
	 const char *reason)
{
	order_write(
		verb, order,
		&(OrderChange){"return", NULL,
					   psprintf("{\"return_id\": " INT64_FORMAT ", \"state\": \"%s\"}", id, state),
					   reason},
		false);
	event_append(verb, event, "return", 1, &id, &version, NULL);
}

/* return_enter enters a return, never of more units than have shipped; returns its id */
int64
return_enter(Verb *verb, int64 order_id, const ReturnItem *items, int n, const char *reason)
{
	OpenOrder *order = order_open(order_id, 0);
	int64 id;

	order_read_lines(order);
	for (int i = 0; i < n; i++)
	{
		OpenLine *line = order_line(order, items[i].line_no);
		int64 waiting;
		int64 refunded;

		read_claims(order, line, &waiting, &refunded);
		if (items[i].quantity > line->shipped - line->returned - waiting)
			raise_exceeded(order, line, items[i].quantity, line->shipped - line->returned - waiting,
						   "that can be returned");
	}
	plan_write(&insert_return,
			   (Datum[]){Int64GetDatum(order_id), CStringGetTextDatum(reason),
						 CStringGetTextDatum(verb->actor)},
			   NULL);
	id = row_int64(0, 1);
	for (int i = 0; i < n; i++)
		plan_write(&insert_line,
				   (Datum[]){Int64GetDatum(id), Int32GetDatum((int32) items[i].line_no),
							 Int64GetDatum(items[i].quantity)},
				   NULL);
	tell(verb, order, id, 1, "REQUESTED", "return.requested", reason);
	return id;
}

/* open_return opens the order of a return and reads the return; raises OM037 */
static OpenOrder *
open_return(int64 id, char **state, int64 *version, int64 *received)
{
	OpenOrder *order;

	if (plan_write(&select_order_of, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_RETURN_NOT_FOUND), errmsg("there is no return " INT64_FORMAT, id),
				 errhint("List the returns to see their ids.")));
	order = order_open(row_int64(0, 1), 0);
	plan_write(&select_return, (Datum[]){Int64GetDatum(id)}, NULL);
	*state = row_cstring(0, 1);
	*version = row_int64(0, 2);
	*received = row_int64(0, 3);
	return order;
}

static void
raise_state(int64 id, const char *state, int64 received, const char *to)
{
	ereport(ERROR, (oms_errcode(OMS_RETURN_STATE),
					errmsg("return " INT64_FORMAT " is %s with " INT64_FORMAT
						   " units received and cannot become %s",
						   id, state, received, to),
					errdetail_internal("{\"return_id\": " INT64_FORMAT
									   ", \"state\": \"%s\", \"received\": " INT64_FORMAT
									   ", \"to\": \"%s\"}",
									   id, state, received, to),
					errhint("REQUESTED may be approved, rejected or cancelled; APPROVED received, "
							"or cancelled while nothing has come; close it when no more will.")));
}

/* return_step takes a return a step on; to the state it has is harmless */
void
return_step(Verb *verb, int64 id, ReturnStep step, const char *answer)
{
	static const struct
	{
		const char *to;
		const char *event;
		bool requested; /* whether it may be taken from REQUESTED */
		bool approved;  /* and from APPROVED */
		int received;   /* whether units must have come: 1, must not: -1 */
	} steps[] = {
		[RETURN_APPROVE] = {"APPROVED", "return.approved", true, false, 0},
		[RETURN_REJECT] = {"REJECTED", "return.rejected", true, false, 0},
		[RETURN_CANCEL] = {"CANCELLED", "return.cancelled", true, true, -1},
		[RETURN_CLOSE] = {"RECEIVED", "return.received", false, true, 1},
	};
	char *state;
	int64 version;
	int64 received;
	OpenOrder *order = open_return(id, &state, &version, &received);
	const char nulls[4] = {' ', ' ', answer ? ' ' : 'n', '\0'};

	if (strcmp(state, steps[step].to) == 0)
		return;
	if (!(strcmp(state, "REQUESTED") == 0 && steps[step].requested) &&
		!(strcmp(state, "APPROVED") == 0 && steps[step].approved))
		raise_state(id, state, received, steps[step].to);
	if ((steps[step].received > 0 && received == 0) || (steps[step].received < 0 && received > 0))
		raise_state(id, state, received, steps[step].to);
	plan_write(&update_return,
			   (Datum[]){Int64GetDatum(id), CStringGetTextDatum(steps[step].to),
						 answer ? CStringGetTextDatum(answer) : (Datum) 0},
			   nulls);
	tell(verb, order, id, version + 1, steps[step].to, steps[step].event, answer);
}

/* receive_line books what has come of one line: shelf, line, refund */
static void
receive_line(OpenOrder *order, int64 id, const ReturnItem *item, int32 location_id)
{
	OpenLine *line = order_line(order, item->line_no);
	Datum key[] = {Int64GetDatum(id), Int32GetDatum(line->line_no)};
	int64 units = item->restock + item->scrap;
	int64 expected = plan_write(&select_line, key, NULL) > 0 ? row_int64(0, 1) : 0;
	int64 waiting;
	int64 refunded;
	int64 due;

	if (units > expected)
		raise_exceeded(order, line, units, expected, "still expected by this return");
	read_claims(order, line, &waiting, &refunded);
	line->returned += units;
	if (!money_scale(line->price.total, line->returned, line_active(line), order->rules.rounding,
					 &due))
		ereport(ERROR, (oms_errcode(OMS_AMOUNT_TOO_LARGE), errmsg("the refund is too large"),
						errhint("Receive fewer units at once.")));
	if (item->restock > 0)
	{
		StockRow *row = stock_find(&order->stock, line->product_id, location_id);

		stock_room(row, item->restock);
		stock_move(&order->stock, row,
				   &(StockMove){.kind = "return",
								.d_on_hand = item->restock,
								.order_id = order->id,
								.line_no = line->line_no,
								.document = psprintf("return " INT64_FORMAT, id)});
	}
	plan_write(&update_line,
			   (Datum[]){key[0], key[1], Int64GetDatum(item->restock), Int64GetDatum(item->scrap),
						 money_datum(due - refunded, order->decimals)},
			   NULL);
	plan_write(&update_order_line,
			   (Datum[]){Int64GetDatum(order->id), key[1], Int64GetDatum(units)}, NULL);
}

/* lock_rows locks the stock of an order, with the rows where units will lie; false if one is gone again */
static bool
lock_rows(OpenOrder *order, const ReturnItem *items, int n, int32 location_id)
{
	int64 *products = palloc(sizeof(int64) * Max(n, 1));
	int32 *locations = palloc(sizeof(int32) * Max(n, 1));
	int m = 0;

	for (int i = 0; i < n; i++)
	{
		locations[i] = location_id;
		if (items[i].restock > 0)
			products[m++] = order_line(order, items[i].line_no)->product_id;
	}
	m = int8_sort_unique(products, m);
	(void) stock_make(products, locations, m);
	order_lock_stock(order, NULL, 0);
	for (int i = 0; i < m; i++)
		if (stock_find(&order->stock, products[i], location_id) == NULL)
			return false;
	return true;
}

/* return_book books what has come in at a location */
void
return_book(Verb *verb, int64 id, const ReturnItem *items, int n, const char *location)
{
	char *state;
	int64 version;
	int64 received;
	OpenOrder *order = open_return(id, &state, &version, &received);
	int32 location_id = location_find(location ? location : MAIN_CODE)->id;
	bool complete;

	if (strcmp(state, "APPROVED") != 0)
		raise_state(id, state, received, "RECEIVED");
	order_read_lines(order);
	order_read_prices(order);
	for (int tries = 1; !lock_rows(order, items, n, location_id); tries++)
		stock_gone(tries);
	for (int i = 0; i < n; i++)
		receive_line(order, id, &items[i], location_id);
	complete = plan_write(&is_complete, (Datum[]){Int64GetDatum(id)}, NULL) == 0;
	plan_write(&update_return,
			   (Datum[]){Int64GetDatum(id), CStringGetTextDatum(complete ? "RECEIVED" : "APPROVED"),
						 (Datum) 0},
			   "  n");
	tell(verb, order, id, version + 1, complete ? "RECEIVED" : "APPROVED", "return.received", NULL);
}
