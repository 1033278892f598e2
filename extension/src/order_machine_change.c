/*
 * order_machine_change.c
 *	  Changes of the state machine of orders: many rows in one call, and every
 *	  version that the machine has had.
 *
 * Administrators may as well write oms.order_transition and oms.order_status by
 * hand: the trigger on both checks and records either way.
 */
#include "order_machine.h"
#include "list.h"
#include "table.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#define MAX_STEPS 500

/* --------------------------------------------------------------- versions */

static KeptPlan last_version =
	PLAN0("SELECT version, machine::text FROM oms.order_machine ORDER BY version DESC LIMIT 1");

static Table machines = TABLE("order_machine", "version", "machine", "actor");

/* the rows of one statement are one version, and so is a statement that leaves all as it was */
static Datum
record_body(Verb *verb, FunctionCallInfo fcinfo)
{
	bool any = machine_read(&last_version, NULL) > 0;
	int64 version = any ? row_int64(0, 1) + 1 : 1;
	const char *before = any ? row_cstring(0, 2) : "";
	int64 machine = 0; /* there is one */
	StringInfoData json;
	Datum value;

	initStringInfo(&json);
	machine_json(&json);
	value = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
	if (strcmp(before, DatumGetCString(DirectFunctionCall1(jsonb_out, value))) == 0)
		return (Datum) 0;
	table_begin(&machines);
	table_insert(&machines,
				 (Datum[]){Int64GetDatum(version), value, CStringGetTextDatum(verb->actor)}, NULL);
	table_end(&machines);
	event_append(verb, "order_machine.changed", "order_machine", 1, &machine, &version, &value);
	return (Datum) 0;
}

void
machine_record(void)
{
	LOCAL_FCINFO(fcinfo, 0);

	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	(void) verb_call(fcinfo, record_body, false, true);
}

/* ---------------------------------------------------------------- reading */

static const char *const effects[] = {"none", "allocate", "release", "ship"};
static const char *const roles[] = {"oms_staff", "oms_admin"};

/* is_status tells whether a text is written as a status is */
static bool
is_status(const char *s)
{
	size_t length = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return s[length] == '\0' && length < STATUS_MAX && s[0] >= 'A' && s[0] <= 'Z';
}

static void
check_status(Input *input, const char *path, const char *name, const FieldValue *value)
{
	if (value->text && !is_status(value->text))
		input_fault(input, psprintf("%s/%s", path, name),
					"must be a capital letter and up to 31 more capital letters, digits and "
					"underscores");
}

/* ElementReader checks the values of one element and appends it to the JSON of its array */
typedef void (*ElementReader)(Input *input, const char *path, const FieldValue *values,
							  StringInfo json);

static void
read_way(Input *input, const char *path, const FieldValue *values, StringInfo json)
{
	check_status(input, path, "from", &values[0]);
	check_status(input, path, "to", &values[1]);
	if (values[0].text == NULL || values[1].text == NULL)
		return;
	if (strcmp(values[0].text, values[1].text) == 0)
		input_fault(input, path, "must lead from one status to another");
	appendStringInfo(json, "\"from\": \"%s\", \"to\": \"%s\"", values[0].text, values[1].text);
}

static void
read_step(Input *input, const char *path, const FieldValue *values, StringInfo json)
{
	read_way(input, path, values, json);
	if (values[2].text)
		input_choice(input, psprintf("%s/stock_effect", path), values[2].text, effects,
					 lengthof(effects));
	if (values[3].text)
		input_choice(input, psprintf("%s/least_role", path), values[3].text, roles,
					 lengthof(roles));
	appendStringInfo(json, ", \"stock_effect\": \"%s\", \"least_role\": \"%s\"",
					 values[2].text ? values[2].text : effects[0],
					 values[3].text ? values[3].text : roles[0]);
}

static void
read_final(Input *input, const char *path, const FieldValue *values, StringInfo json)
{
	check_status(input, path, "status", &values[0]);
	if (values[0].text)
		appendStringInfo(json, "\"status\": \"%s\", \"final\": %s", values[0].text,
						 values[1].number ? "true" : "false");
}

static const Field way_fields[] = {
	{"from", FIELD_TEXT, true, 1, STATUS_MAX - 1},
	{"to", FIELD_TEXT, true, 1, STATUS_MAX - 1},
	{"stock_effect", FIELD_TEXT, false, 1, 8},
	{"least_role", FIELD_TEXT, false, 1, 9},
};

static const Field status_fields[] = {
	{"status", FIELD_TEXT, true, 1, STATUS_MAX - 1},
	{"final", FIELD_BOOL, true, 0, 0},
	{"holds", FIELD_READ_ONLY, false, 0, 0},
};

/* Part: an array of a change */
typedef struct Part
{
	const char *name;
	const Field *fields;
	int nfields;
	ElementReader read;
} Part;

static const Part parts[] = {
	{"steps", way_fields, 4, read_step},
	{"remove", way_fields, 2, read_way},
	{"statuses", status_fields, 3, read_final},
};

/* read_part reads one array, which may be absent, and returns it as JSON in the form of the plan */
static Datum
read_part(Input *input, const Part *part, JsonbContainer *array)
{
	int n = array ? JsonContainerSize(array) : 0;
	StringInfoData json;
	FieldValue values[lengthof(way_fields)];

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(array, i);
		char *path = psprintf("/%s/%d", part->name, i);

		memset(values, 0, sizeof(values));
		appendStringInfoString(&json, i ? ", {" : "{");
		if (element->type == jbvBinary && JsonContainerIsObject(element->val.binary.data))
		{
			input_fields(input, element->val.binary.data, path, part->fields, part->nfields,
						 values);
			part->read(input, path, values, &json);
		}
		else
			input_fault(input, path, "must be an object");
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return input->nfaults > 0 ? (Datum) 0
							  : DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

/* read_change reads {"steps": [...], "remove": [...], "statuses": [...]} as arguments of the plan */
static void
read_change(text *body, Datum *args)
{
	static const Field fields[] = {
		{"steps", FIELD_ARRAY, false, 0, MAX_STEPS},
		{"remove", FIELD_ARRAY, false, 0, MAX_STEPS},
		{"statuses", FIELD_ARRAY, false, 0, MAX_STEPS},
	};
	FieldValue values[lengthof(fields)];
	Input input;
	bool given = false;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), values);
	for (int i = 0; i < (int) lengthof(parts); i++)
	{
		given |= values[i].given;
		args[i] = read_part(&input, &parts[i], values[i].array);
	}
	if (!given && input.nfaults == 0)
		input_fault(&input, "", "must have steps, remove or statuses");
	input_end(&input);
}

/* --------------------------------------------------------------- changing */

static KeptPlan missing_steps =
	PLAN("SELECT ordinality - 1, r->>'from', r->>'to' FROM jsonb_array_elements($1) "
		 "WITH ORDINALITY AS e(r, ordinality) WHERE NOT EXISTS (SELECT FROM oms.order_transition "
		 "WHERE from_status = r->>'from' AND to_status = r->>'to') ORDER BY 1",
		 JSONBOID);

/* each row that is named twice, in the one part or in both */
static KeptPlan named_twice =
	PLAN("SELECT name, place FROM (SELECT name, place, row_number() OVER (PARTITION BY kind, name "
		 "ORDER BY part, place) AS nth, part FROM ("
		 "SELECT 'step' AS kind, r->>'from' || ' to ' || (r->>'to') AS name, 1 AS part, "
		 "'/steps/' || n - 1 AS place FROM jsonb_array_elements($1) WITH ORDINALITY AS e(r, n) "
		 "UNION ALL SELECT 'step', r->>'from' || ' to ' || (r->>'to'), 2, '/remove/' || n - 1 "
		 "FROM jsonb_array_elements($2) WITH ORDINALITY AS e(r, n) "
		 "UNION ALL SELECT 'status', r->>'status', 3, '/statuses/' || n - 1 "
		 "FROM jsonb_array_elements($3) WITH ORDINALITY AS e(r, n)) AS named) AS numbered "
		 "WHERE nth > 1 ORDER BY part, place",
		 JSONBOID, JSONBOID, JSONBOID);

/* one statement, for the machine is checked at the end of each */
static KeptPlan change_machine =
	PLAN("WITH status AS (INSERT INTO oms.order_status (status, final) "
		 "SELECT r->>'status', (r->>'final')::boolean FROM jsonb_array_elements($3) AS r "
		 "ON CONFLICT (status) DO UPDATE SET final = excluded.final), "
		 "gone AS (DELETE FROM oms.order_transition t USING jsonb_array_elements($2) AS r "
		 "WHERE t.from_status = r->>'from' AND t.to_status = r->>'to') "
		 "INSERT INTO oms.order_transition (from_status, to_status, stock_effect, least_role) "
		 "SELECT r->>'from', r->>'to', r->>'stock_effect', r->>'least_role' "
		 "FROM jsonb_array_elements($1) AS r ON CONFLICT (from_status, to_status) DO UPDATE SET "
		 "stock_effect = excluded.stock_effect, least_role = excluded.least_role",
		 JSONBOID, JSONBOID, JSONBOID);

/* check_rows raises OM010 for what is named twice, or to be removed and not there */
static void
check_rows(Datum *args)
{
	Input input;
	uint64 n;

	input_start(&input);
	n = plan_write(&named_twice, args, NULL);
	for (uint64 i = 0; i < n; i++)
		input_fault(&input, row_cstring(i, 2), "names %s again", row_cstring(i, 1));
	n = plan_write(&missing_steps, &args[1], NULL);
	for (uint64 i = 0; i < n; i++)
		input_fault(&input, psprintf("/remove/" INT64_FORMAT, row_int64(i, 1)),
					"there is no step from %s to %s", row_cstring(i, 2), row_cstring(i, 3));
	input_end(&input);
}

/* change changes the machine and returns the version that it has then */
static int64
change(text *body)
{
	Datum args[lengthof(parts)];

	read_change(body, args);
	check_rows(args);
	plan_write(&change_machine, args, NULL);
	return machine_read(&last_version, NULL) > 0 ? row_int64(0, 1) : 0;
}

OMS_VERB(order_machine_change);

static Datum
order_machine_change(Verb *verb, FunctionCallInfo fcinfo)
{
	return Int64GetDatum(change(json_arguments(fcinfo, 0)));
}

REST_VERB(rest_order_states_update);

static Datum
rest_order_states_update(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply;

	(void) change(PG_GETARG_TEXT_PP(2));
	reply = reply_begin(verb);
	machine_json(reply);
	return reply_datum(reply);
}

static const ListOrdering machine_orderings[] = {{"version", "version", "bigint"}};

static const Listing machine_list = {"version, machine, actor, changed_at",
									 "oms.order_machine",
									 "version",
									 "-version",
									 NULL,
									 0,
									 machine_orderings,
									 lengthof(machine_orderings),
									 NULL,
									 NULL};

REST_QUERY(rest_order_states_history);

static Datum
rest_order_states_history(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &machine_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}
