/*
 * order_update.c
 *	  The header of an order put right: whose it is, what others call it, what
 *	  they keep with it.
 */
#include "order.h"
#include "order_change.h"
#include "order_create.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* the members that may be given, and which of them are written */
enum
{
	NAME,
	CUSTOMER,
	REFERENCE,
	ATTRIBUTES,
	MEMBERS,
	EXPECTED = MEMBERS,
	GIVEN
};

static KeptPlan select_customer =
	PLAN("SELECT FROM oms.customer WHERE id = $1 AND archived_at IS NULL "
		 "UNION ALL SELECT FROM oms.orders WHERE id = $2 AND customer_id = $1",
		 INT8OID, INT8OID);

/* $6 to $9 say which of the values before are given; what is not stays */
static KeptPlan update_order =
	PLAN("WITH new AS (SELECT CASE WHEN $6 THEN $2 ELSE customer_name END AS customer_name, "
		 "CASE WHEN $7 THEN $3 ELSE customer_id END AS customer_id, "
		 "CASE WHEN $8 THEN $4 ELSE external_ref END AS external_ref, "
		 "CASE WHEN $9 THEN $5 ELSE attributes END AS attributes "
		 "FROM oms.orders WHERE id = $1), "
		 "diff AS (SELECT jsonb_object_agg(n.key, "
		 "jsonb_build_object('from', o.value, 'to', n.value)) AS changes "
		 "FROM new, oms.orders AS old, jsonb_each(to_jsonb(new)) AS n, "
		 "jsonb_each(to_jsonb(old)) AS o "
		 "WHERE old.id = $1 AND o.key = n.key AND o.value <> n.value) "
		 "UPDATE oms.orders AS t SET customer_name = new.customer_name, "
		 "customer_id = new.customer_id, external_ref = new.external_ref, "
		 "attributes = new.attributes FROM new, diff "
		 "WHERE t.id = $1 AND diff.changes IS NOT NULL RETURNING t.ctid, diff.changes::text",
		 INT8OID, TEXTOID, INT8OID, TEXTOID, JSONBOID, BOOLOID, BOOLOID, BOOLOID, BOOLOID);

/* read_header reads what is to change; an empty reference and customer 0 are none */
static void
read_header(text *body, FieldValue *values)
{
	static const Field fields[] = {
		[NAME] = {"customer_name", FIELD_TEXT, false, 1, MAX_CUSTOMER},
		[CUSTOMER] = {"customer_id", FIELD_ID_OR_NULL, false, 0, PG_INT64_MAX},
		[REFERENCE] = {"external_ref", FIELD_TEXT_OR_NULL, false, 0, MAX_REFERENCE},
		[ATTRIBUTES] = {"attributes", FIELD_OBJECT, false, 0, MAX_ATTRIBUTES},
		[EXPECTED] = {"expected_version", FIELD_INTEGER, false, 1, PG_INT64_MAX},
	};
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	input_end(&input);
	if (values[REFERENCE].text && *values[REFERENCE].text == '\0')
		values[REFERENCE].text = NULL;
}

/* check_header raises OM034 and OM042 */
static void
check_header(const OpenOrder *order, const FieldValue *values)
{
	Datum args[] = {Int64GetDatum(values[CUSTOMER].number), Int64GetDatum(order->id)};
	Outcome outcome = {0};

	if (values[CUSTOMER].number != 0 && plan_write(&select_customer, args, NULL) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_CUSTOMER_NOT_FOUND),
				 errmsg("there is no customer " INT64_FORMAT ", or it is archived",
						values[CUSTOMER].number),
				 errdetail_internal("{\"customer_id\": " INT64_FORMAT "}", values[CUSTOMER].number),
				 errhint("List the customers to see their ids; archived ones are listed with "
						 "archived=true.")));
	if (values[REFERENCE].text == NULL)
		return;
	CommandCounterIncrement();
	reference_check(&outcome, order->channel, values[REFERENCE].text, order->id);
	outcome_raise(&outcome);
}

/* order_correct writes what differs and returns the order's version after it */
static int64
order_correct(Verb *verb, int64 id, const FieldValue *values)
{
	Datum args[1 + 2 * MEMBERS] = {Int64GetDatum(id)};
	char nulls[2 + 2 * MEMBERS] = "         ";
	OpenOrder *order;

	/* as those who enter orders do: references before orders */
	if (values[REFERENCE].text)
		reference_lock(values[REFERENCE].text);
	order = order_open(id, values[EXPECTED].number);
	check_header(order, values);
	args[1 + NAME] = values[NAME].text ? CStringGetTextDatum(values[NAME].text) : (Datum) 0;
	args[1 + CUSTOMER] = Int64GetDatum(values[CUSTOMER].number);
	args[1 + REFERENCE] =
		values[REFERENCE].text ? CStringGetTextDatum(values[REFERENCE].text) : (Datum) 0;
	args[1 + ATTRIBUTES] = JsonbPGetDatum(values[ATTRIBUTES].object);
	nulls[1 + NAME] = values[NAME].text ? ' ' : 'n';
	nulls[1 + CUSTOMER] = values[CUSTOMER].number ? ' ' : 'n';
	nulls[1 + REFERENCE] = values[REFERENCE].text ? ' ' : 'n';
	nulls[1 + ATTRIBUTES] = values[ATTRIBUTES].object ? ' ' : 'n';
	for (int i = 0; i < MEMBERS; i++)
		args[1 + MEMBERS + i] = BoolGetDatum(values[i].given);
	if (plan_write(&update_order, args, nulls) == 0)
		return order->version;
	order->tid = *row_tid(0, 1);
	order_write(verb, order, &(OrderChange){"update", "order.updated", row_cstring(0, 2), NULL},
				false);
	return order->version;
}

OMS_VERB(order_update);

static Datum
order_update(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[GIVEN];

	read_header(json_arguments(fcinfo, 1), values);
	return Int64GetDatum(order_correct(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), values));
}

REST_VERB(rest_order_update);

static Datum
rest_order_update(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[GIVEN];

	read_header(PG_GETARG_TEXT_PP(3), values);
	(void) order_correct(verb, PG_GETARG_INT64(2), values);
	return order_changed_reply(verb, PG_GETARG_INT64(2));
}
