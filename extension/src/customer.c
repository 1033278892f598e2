/*
 * customer.c
 *	  Who orders: entered, changed and archived, with the history of each.
 */
#include "oms.h"
#include "idempotency.h"
#include "json.h"
#include "list.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* the members of a customer in JSON, in this order; id comes first */
#define CUSTOMER_COLUMNS                                                                           \
	"id, code, name, email, phone, address, attributes, version, archived_at, created_at, "        \
	"updated_at"
#define CUSTOMER_COLUMN_COUNT 11
#define CUSTOMER_VERSION_COLUMN 8
#define CUSTOMER_CHANGES_COLUMN 12 /* of the statements that write */
#define MAX_ATTRIBUTES 16384       /* bytes of JSON */

/* the members that may be written, in the order of the statements' arguments */
enum
{
	CODE,
	NAME,
	EMAIL,
	PHONE,
	ADDRESS,
	ATTRIBUTES,
	MEMBERS
};

static KeptPlan insert_customer =
	PLAN("INSERT INTO oms.customer AS c (code, name, email, phone, address, attributes) "
		 "VALUES ($1, $2, $3, $4, $5, $6) "
		 "ON CONFLICT (code) WHERE archived_at IS NULL AND code IS NOT NULL DO NOTHING "
		 "RETURNING " CUSTOMER_COLUMNS ", (SELECT jsonb_object_agg(key, "
		 "jsonb_build_object('from', NULL, 'to', value)) FROM jsonb_each(to_jsonb(c)) "
		 "WHERE key IN ('code', 'name', 'email', 'phone', 'address', 'attributes') "
		 "AND value <> 'null')",
		 TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID);

static KeptPlan select_customer = PLAN(
	"SELECT " CUSTOMER_COLUMNS " FROM oms.customer WHERE id = $1 AND (archived_at IS NULL OR $2)",
	INT8OID, BOOLOID);

static KeptPlan lock_customer =
	PLAN("SELECT FROM oms.customer WHERE id = $1 AND archived_at IS NULL FOR UPDATE", INT8OID);

static KeptPlan code_taken =
	PLAN("SELECT FROM oms.customer WHERE code = $2 AND archived_at IS NULL AND id <> $1", INT8OID,
		 TEXTOID);

/* $8 to $13 say which of the values before are given; what is not stays */
static KeptPlan update_customer =
	PLAN("WITH new AS (SELECT CASE WHEN $8 THEN $2 ELSE code END AS code, "
		 "CASE WHEN $9 THEN $3 ELSE name END AS name, "
		 "CASE WHEN $10 THEN $4 ELSE email END AS email, "
		 "CASE WHEN $11 THEN $5 ELSE phone END AS phone, "
		 "CASE WHEN $12 THEN $6 ELSE address END AS address, "
		 "CASE WHEN $13 THEN $7 ELSE attributes END AS attributes "
		 "FROM oms.customer WHERE id = $1), "
		 "diff AS (SELECT jsonb_object_agg(n.key, "
		 "jsonb_build_object('from', o.value, 'to', n.value)) AS changes "
		 "FROM new, oms.customer AS old, jsonb_each(to_jsonb(new)) AS n, "
		 "jsonb_each(to_jsonb(old)) AS o "
		 "WHERE old.id = $1 AND o.key = n.key AND o.value <> n.value) "
		 "UPDATE oms.customer AS c SET code = new.code, name = new.name, email = new.email, "
		 "phone = new.phone, address = new.address, attributes = new.attributes, "
		 "version = c.version + 1, updated_at = now() FROM new, diff "
		 "WHERE c.id = $1 AND diff.changes IS NOT NULL "
		 "RETURNING c.id, c.code, c.name, c.email, c.phone, c.address, c.attributes, c.version, "
		 "c.archived_at, c.created_at, c.updated_at, diff.changes",
		 INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, BOOLOID, BOOLOID,
		 BOOLOID, BOOLOID, BOOLOID);

static KeptPlan archive_customer =
	PLAN("UPDATE oms.customer SET archived_at = now(), version = version + 1, updated_at = now() "
		 "WHERE id = $1 AND archived_at IS NULL RETURNING " CUSTOMER_COLUMNS
		 ", jsonb_build_object('archived_at', jsonb_build_object('from', NULL, 'to', archived_at))",
		 INT8OID);

static KeptPlan insert_history =
	PLAN("INSERT INTO oms.customer_history (customer_id, seq, changes, actor) "
		 "VALUES ($1, $2, $3, $4)",
		 INT8OID, INT8OID, JSONBOID, TEXTOID);

static KeptPlan select_history =
	PLAN("SELECT seq, changes, actor, changed_at FROM oms.customer_history "
		 "WHERE customer_id = $1 ORDER BY seq",
		 INT8OID);

static void
raise_not_found(int64 id)
{
	ereport(ERROR,
			(oms_errcode(OMS_CUSTOMER_NOT_FOUND), errmsg("there is no customer " INT64_FORMAT, id),
			 errhint("List the customers to see their ids; archived ones are listed with "
					 "archived=true.")));
}

static void
raise_code_taken(const char *code)
{
	ereport(
		ERROR,
		(oms_errcode(OMS_CODE_TAKEN), errmsg("another customer has the code \"%s\"", code),
		 errdetail_internal("[{\"pointer\": \"/code\", \"detail\": \"another customer has it\"}]"),
		 errhint("Choose another code, or archive the other customer first.")));
}

/* ---------------------------------------------------------------- reading */

/* check_email looks for what no address can do without */
static void
check_email(Input *input, const char *email)
{
	const char *at = strchr(email, '@');
	bool plausible = at && at > email && at[1] != '\0' && strchr(at + 1, '@') == NULL;

	for (const char *c = email; *c; c++)
		if ((unsigned char) *c <= ' ' || *c == 0x7F)
			plausible = false;
	if (!plausible)
		input_fault(input, "/email",
					"must have one @ with something on both sides of it, and no blanks");
}

/* customer_read reads a body; "all" are written, so that what is not given becomes null */
static void
customer_read(text *body, bool name_required, bool all, FieldValue *values)
{
	const Field fields[] = {
		{"code", FIELD_TEXT_OR_NULL, false, 0, 64},
		{"name", FIELD_TEXT, name_required, 1, 200},
		{"email", FIELD_TEXT_OR_NULL, false, 0, 254},
		{"phone", FIELD_TEXT_OR_NULL, false, 0, 64},
		{"address", FIELD_TEXT_OR_NULL, false, 0, 2000},
		{"attributes", FIELD_OBJECT, false, 0, MAX_ATTRIBUTES},
		{"id", FIELD_READ_ONLY, false, 0, 0},
		{"version", FIELD_READ_ONLY, false, 0, 0},
		{"archived_at", FIELD_READ_ONLY, false, 0, 0},
		{"created_at", FIELD_READ_ONLY, false, 0, 0},
		{"updated_at", FIELD_READ_ONLY, false, 0, 0},
	};
	FieldValue read[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), read);
	memcpy(values, read, sizeof(FieldValue) * MEMBERS);
	for (int i = 0; i < ATTRIBUTES; i++)
	{
		if (values[i].text && *values[i].text == '\0')
			values[i].text = NULL;
		else if (values[i].text && i != NAME)
			(void) input_text(&input, psprintf("/%s", fields[i].name), values[i].text,
							  (int) strlen(values[i].text), 1, fields[i].max);
	}
	if (values[EMAIL].text)
		check_email(&input, values[EMAIL].text);
	input_end(&input);
	for (int i = 0; all && i < MEMBERS; i++)
		values[i].given = true;
}

/* make_args makes the values of the members, and null where there is none */
static void
make_args(const FieldValue *values, Datum *args, char *nulls)
{
	for (int i = 0; i < MEMBERS; i++)
	{
		nulls[i] = values[i].text || values[i].object ? ' ' : 'n';
		if (values[i].object)
			args[i] = JsonbPGetDatum(values[i].object);
		else
			args[i] = values[i].text ? CStringGetTextDatum(values[i].text) : (Datum) 0;
	}
}

/* ---------------------------------------------------------------- writing */

/* customer_changed writes history and event of the change that the last plan returned */
static void
customer_changed(Verb *verb, const char *type)
{
	SPITupleTable *table = SPI_tuptable;
	int64 id = row_int64(0, 1);
	int64 version = row_int64(0, CUSTOMER_VERSION_COLUMN);
	bool isnull;
	Datum changes = row_datum(0, CUSTOMER_CHANGES_COLUMN, &isnull);

	plan_write(&insert_history,
			   (Datum[]){Int64GetDatum(id), Int64GetDatum(version), changes,
						 CStringGetTextDatum(verb->actor)},
			   NULL);
	event_append(verb, type, "customer", 1, &id, &version, NULL);
	SPI_tuptable = table;
}

/* customer_insert enters a customer; its row is then the last plan's */
static int64
customer_insert(Verb *verb, const FieldValue *values)
{
	Datum args[MEMBERS];
	char nulls[MEMBERS + 1] = "";

	make_args(values, args, nulls);
	if (plan_write(&insert_customer, args, nulls) == 0)
		raise_code_taken(values[CODE].text);
	customer_changed(verb, "customer.created");
	return row_int64(0, 1);
}

/* customer_change writes what differs; the customer's row is then the last plan's */
static void
customer_change(Verb *verb, int64 id, const FieldValue *values)
{
	Datum args[1 + 2 * MEMBERS] = {Int64GetDatum(id)};
	char nulls[2 + 2 * MEMBERS] = " ";

	make_args(values, args + 1, nulls + 1);
	for (int i = 0; i < MEMBERS; i++)
	{
		args[1 + MEMBERS + i] = BoolGetDatum(values[i].given);
		nulls[1 + MEMBERS + i] = ' ';
	}
	if (plan_write(&lock_customer, args, NULL) == 0)
		raise_not_found(id);
	if (values[CODE].text && plan_write(&code_taken, args, NULL) > 0)
		raise_code_taken(values[CODE].text);
	if (plan_write(&update_customer, args, nulls) > 0)
		customer_changed(verb, "customer.updated");
	else
		plan_write(&select_customer, (Datum[]){args[0], BoolGetDatum(false)}, NULL);
}

static void
customer_archive_row(Verb *verb, int64 id)
{
	Datum args[2] = {Int64GetDatum(id), BoolGetDatum(true)};

	if (plan_write(&archive_customer, args, NULL) > 0)
		customer_changed(verb, "customer.archived");
	else if (plan_write(&select_customer, args, NULL) == 0)
		raise_not_found(id);
}

/* -------------------------------------------------------------------- SQL */

OMS_VERB(customer_create);

static Datum
customer_create(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[MEMBERS];

	customer_read(json_arguments(fcinfo, 0), true, true, values);
	return Int64GetDatum(customer_insert(verb, values));
}

OMS_VERB(customer_update);

static Datum
customer_update(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[MEMBERS];

	customer_read(json_arguments(fcinfo, 1), false, false, values);
	customer_change(verb, PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0), values);
	return (Datum) 0;
}

OMS_VERB(customer_archive);

static Datum
customer_archive(Verb *verb, FunctionCallInfo fcinfo)
{
	customer_archive_row(verb, PG_GETARG_INT64(0));
	return (Datum) 0;
}

/* ------------------------------------------------------------------- REST */

/* customer_reply answers with the customer in the first row of the last plan */
static Datum
customer_reply(Verb *verb)
{
	StringInfo reply = reply_begin(verb);

	appendStringInfoChar(reply, '{');
	json_columns(reply, SPI_tuptable, 0, 1, CUSTOMER_COLUMN_COUNT);
	appendStringInfoChar(reply, '}');
	return reply_datum(reply);
}

REST_VERB(rest_customer_create);

static Datum
rest_customer_create(Verb *verb, FunctionCallInfo fcinfo)
{
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	FieldValue values[MEMBERS];
	Datum answer;

	if (idempotency_find(verb, key, "customer_create", body, &answer))
		return answer;
	customer_read(body, true, true, values);
	customer_insert(verb, values);
	answer = customer_reply(verb);
	idempotency_keep(verb, key, "customer_create", body, answer);
	return answer;
}

REST_QUERY(rest_customer_get);

static Datum
rest_customer_get(Verb *verb, FunctionCallInfo fcinfo)
{
	if (plan_read(&select_customer, (Datum[]){PG_GETARG_DATUM(2), BoolGetDatum(true)}, NULL) == 0)
		raise_not_found(PG_GETARG_INT64(2));
	return customer_reply(verb);
}

static Datum
rest_change(Verb *verb, FunctionCallInfo fcinfo, bool all)
{
	FieldValue values[MEMBERS];

	customer_read(PG_GETARG_TEXT_PP(3), all, all, values);
	customer_change(verb, PG_GETARG_INT64(2), values);
	return customer_reply(verb);
}

REST_VERB(rest_customer_replace);

static Datum
rest_customer_replace(Verb *verb, FunctionCallInfo fcinfo)
{
	return rest_change(verb, fcinfo, true);
}

REST_VERB(rest_customer_update);

static Datum
rest_customer_update(Verb *verb, FunctionCallInfo fcinfo)
{
	return rest_change(verb, fcinfo, false);
}

REST_VERB(rest_customer_delete);

static Datum
rest_customer_delete(Verb *verb, FunctionCallInfo fcinfo)
{
	customer_archive_row(verb, PG_GETARG_INT64(2));
	PG_RETURN_NULL();
}

REST_QUERY(rest_customer_history);

static Datum
rest_customer_history(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);
	uint64 n = plan_read(&select_history, (Datum[]){PG_GETARG_DATUM(2)}, NULL);

	if (n == 0) /* every customer has its entry there */
		raise_not_found(PG_GETARG_INT64(2));
	for (uint64 i = 0; i < n; i++)
	{
		appendStringInfoString(reply, i ? ", " : "[");
		json_row(reply, SPI_tuptable, i);
	}
	appendStringInfoChar(reply, ']');
	return reply_datum(reply);
}

static const ListFilter customer_filters[] = {
	{"archived", FILTER_FLAG, "archived_at IS NOT NULL", "archived_at IS NULL", "false", NULL},
	{"code", FILTER_VALUE, "code = $?", NULL, NULL, NULL},
	{"name", FILTER_CONTAINS, "name ILIKE $?", NULL, NULL, NULL},
	{"email", FILTER_VALUE, "lower(email) = lower($?)", NULL, NULL, NULL},
	{"phone", FILTER_CONTAINS, "phone ILIKE $?", NULL, NULL, NULL},
	{"search", FILTER_CONTAINS,
	 "name ILIKE $? OR code ILIKE $? OR email ILIKE $? OR phone ILIKE $? OR address ILIKE $?", NULL,
	 NULL, NULL},
};

static const ListOrdering customer_orderings[] = {
	{"id", "id", "bigint"},
	{"name", "name", "text"},
	{"code", "coalesce(code, '')", "text"},
	{"created_at", "created_at", "timestamptz"},
};

static const Listing customer_list = {CUSTOMER_COLUMNS,
									  "oms.customer",
									  "id",
									  "id",
									  customer_filters,
									  lengthof(customer_filters),
									  customer_orderings,
									  lengthof(customer_orderings),
									  NULL,
									  NULL};

REST_QUERY(rest_customer_list);

static Datum
rest_customer_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &customer_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
