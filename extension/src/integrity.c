/*
 * integrity.c
 *	  Runs the checks of oms.integrity_rules() and keeps what they found.
 *
 * All queries of a run see the snapshot of the statement that called it, so
 * verbs that commit meanwhile cannot look like faults, and none is made to wait.
 * Only the result is written: at the end, and in the caller's transaction.
 */
#include "integrity.h"
#include "json.h"
#include "list.h"
#include "compat.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#define CHECK_MEMORY "65536" /* kilobytes for each sort and hash of a check, at least */
#define MAX_EXAMPLES 1000
#define KEPT_RUNS 1000

static KeptPlan select_rules =
	PLAN("SELECT check_name, description, scope, examined, query, oms.integrity_base($1) "
		 "FROM oms.integrity_rules($1)",
		 TEXTOID);

/* in a run's snapshot: it, the last event, and the last id that cannot be new to a later run */
static KeptPlan select_seen =
	PLAN0("WITH seen AS MATERIALIZED (SELECT pg_current_snapshot() AS snapshot, "
		  "coalesce((SELECT max(id) FROM oms.event), 0) AS last_event, "
		  "(SELECT system_identifier FROM pg_control_system()) AS system_identifier) "
		  "SELECT snapshot::text, last_event, CASE "
		  "WHEN NOT EXISTS (SELECT FROM pg_snapshot_xip(snapshot)) THEN last_event "
		  "ELSE coalesce((SELECT max(r.last_event) FROM oms.integrity_run r "
		  "WHERE r.system_identifier = seen.system_identifier "
		  "AND pg_snapshot_xmax(r.snapshot) <= pg_snapshot_xmin(seen.snapshot)), 0) END, "
		  "system_identifier FROM seen");

/* how far the ledgers go in a run's snapshot, as four arrays */
#define SELECT_MARKS(condition)                                                                    \
	"SELECT array_agg(s.product_id), array_agg(s.location_id), array_agg(s.moves), "               \
	"array_agg(coalesce(h.held, 0)) FROM oms.stock s LEFT JOIN (SELECT product_id, location_id, "  \
	"sum(quantity)::bigint AS held FROM oms.hold_line WHERE state = 'held' GROUP BY 1, 2) h "      \
	"ON h.product_id = s.product_id AND h.location_id = s.location_id WHERE " condition

static KeptPlan write_marks =
	PLAN("INSERT INTO oms.integrity_mark AS m (product_id, location_id, seq, held) "
		 "SELECT * FROM unnest($1, $2, $3, $4) AS n(product_id, location_id, seq, held) "
		 "ORDER BY 1, 2 ON CONFLICT (product_id, location_id) DO UPDATE "
		 "SET seq = excluded.seq, held = excluded.held "
		 "WHERE (m.seq, m.held) IS DISTINCT FROM (excluded.seq, excluded.held)",
		 INT8ARRAYOID, INT4ARRAYOID, INT8ARRAYOID, INT8ARRAYOID);

static KeptPlan insert_run =
	PLAN("INSERT INTO oms.integrity_run (kind, started_at, finished_at, actor, examined, problems, "
		 "checks, snapshot, last_event, settled_event, system_identifier) "
		 "VALUES ($1, $2, $3, $4, $5, $6, $7::jsonb, $8::pg_snapshot, $9, $10, $11) RETURNING id",
		 TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, INT8OID, INT8OID, TEXTOID, TEXTOID,
		 INT8OID, INT8OID, INT8OID);

static KeptPlan forget_runs =
	PLAN("DELETE FROM oms.integrity_run WHERE id <= $1 AND id < (SELECT max(id) "
		 "FROM oms.integrity_run WHERE kind IN ('full', 'incremental'))",
		 INT8OID);

/* --------------------------------------------------------------- checking */

/* read_checks reads the checks that a range chooses */
static void
read_checks(IntegrityRun *run, char **base)
{
	uint64 n = plan_read(&select_rules, (Datum[]){CStringGetTextDatum(run->range.form)}, NULL);

	run->checks = palloc0(sizeof(IntegrityCheck) * n);
	for (uint64 i = 0; i < n; i++)
	{
		IntegrityCheck *check = &run->checks[run->nchecks];

		check->scope = scope_find(row_cstring(i, 3));
		if (!run->range.chosen[check->scope])
			continue;
		check->name = row_cstring(i, 1);
		check->description = row_cstring(i, 2);
		check->examined_from = row_cstring(i, 4);
		check->query = row_cstring(i, 5);
		*base = row_cstring(i, 6);
		run->nchecks++;
	}
}

/* count_examined counts the rows of a check, once for all that look at the same */
static void
count_examined(IntegrityRun *run, IntegrityCheck *check)
{
	for (IntegrityCheck *other = run->checks; other < check; other++)
		if (strcmp(other->examined_from, check->examined_from) == 0)
		{
			check->examined = other->examined;
			return;
		}
	(void) integrity_query(psprintf("SELECT count(*) FROM %s", check->examined_from),
						   run->range.args);
	check->examined = row_int64(0, 1);
}

static void
run_check(IntegrityRun *run, IntegrityCheck *check, const char *base, int examples)
{
	instr_time begin;
	instr_time end;

	CHECK_FOR_INTERRUPTS();
	INSTR_TIME_SET_CURRENT(begin);
	(void) integrity_query(
		psprintf("%s SELECT count(*), coalesce(jsonb_agg(subject) FILTER (WHERE n <= %d), "
				 "'[]')::text FROM (SELECT subject, row_number() OVER (ORDER BY subject) AS n "
				 "FROM (%s) AS f (subject)) AS g",
				 base, examples, check->query),
		run->range.args);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, begin);
	check->problems = row_int64(0, 1);
	check->found = row_cstring(0, 2);
	check->ms = INSTR_TIME_GET_MILLISEC(end);
	SPI_freetuptable(SPI_tuptable);
	count_examined(run, check);
	run->examined += check->examined;
	run->problems += check->problems;
}

/* run_checks runs them with memory enough for hashes of millions of rows */
static void
run_checks(IntegrityRun *run, int examples)
{
	int level = NewGUCNestLevel();
	char *base = NULL;

	if (work_mem < atoi(CHECK_MEMORY))
		(void) set_config_option("work_mem", CHECK_MEMORY, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	read_checks(run, &base);
	for (int i = 0; i < run->nchecks; i++)
		run_check(run, &run->checks[i], base, examples);
	AtEOXact_GUC(true, level);
}

/* ---------------------------------------------------------------- keeping */

/* append_check appends a check as a JSON object */
static void
append_check(StringInfo buf, const IntegrityRun *run, const IntegrityCheck *check)
{
	const char *members[] = {"check_name", "description", "scope", "first", "last"};
	const char *values[] = {check->name, check->description, scope_name(check->scope),
							run->range.first[check->scope], run->range.last[check->scope]};

	for (int i = 0; i < (int) lengthof(members); i++)
	{
		appendStringInfo(buf, "%s\"%s\": ", i ? ", " : "{", members[i]);
		if (values[i])
			escape_json(buf, values[i]);
		else
			appendStringInfoString(buf, "null");
	}
	appendStringInfo(buf,
					 ", \"examined\": " INT64_FORMAT ", \"problems\": " INT64_FORMAT
					 ", \"ms\": %.1f, \"found\": %s}",
					 check->examined, check->problems, check->ms, check->found);
}

static char *
checks_json(const IntegrityRun *run)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	for (int i = 0; i < run->nchecks; i++)
	{
		if (i > 0)
			appendStringInfoString(&buf, ", ");
		append_check(&buf, run, &run->checks[i]);
	}
	appendStringInfoChar(&buf, ']');
	return buf.data;
}

/* keep_marks notes how far the ledgers have been checked; what is written was read in the snapshot */
static void
keep_marks(const IntegrityRun *run)
{
	bool all = strcmp(run->range.form, "all") == 0;
	Datum marks[4];
	bool isnull;

	(void) integrity_query(all ? SELECT_MARKS("true") : SELECT_MARKS("s.product_id = ANY ($6)"),
						   run->range.args);
	for (int i = 0; i < 4; i++)
	{
		marks[i] = row_datum(0, i + 1, &isnull);
		if (isnull)
			return;
	}
	plan_write(&write_marks, marks, NULL);
}

/* keep_run writes the run, and its event when something is wrong */
static void
keep_run(Verb *verb, IntegrityRun *run)
{
	bool all = strcmp(run->range.kind, "full") == 0 || strcmp(run->range.kind, "incremental") == 0;
	Datum args[11];
	const int64 version = 1;

	plan_read(&select_seen, NULL, NULL);
	args[0] = CStringGetTextDatum(run->range.kind);
	args[1] = TimestampTzGetDatum(run->started_at);
	args[2] = TimestampTzGetDatum(run->finished_at);
	args[3] = CStringGetTextDatum(verb->actor);
	args[4] = Int64GetDatum(run->examined);
	args[5] = Int64GetDatum(run->problems);
	args[6] = CStringGetTextDatum(checks_json(run));
	args[7] = CStringGetTextDatum(row_cstring(0, 1));
	for (int i = 0; i < 3; i++)
		args[8 + i] = Int64GetDatum(row_int64(0, 2 + i));
	if (all)
		keep_marks(run);
	plan_write(&insert_run, args, NULL);
	run->id = row_int64(0, 1);
	plan_write(&forget_runs, (Datum[]){Int64GetDatum(run->id - KEPT_RUNS)}, NULL);
	if (run->problems > 0)
	{
		StringInfoData payload;
		Datum value;
		const char *comma = "";

		initStringInfo(&payload);
		appendStringInfo(&payload, "{\"problems\": " INT64_FORMAT ", \"checks\": [", run->problems);
		for (int i = 0; i < run->nchecks; i++)
			if (run->checks[i].problems > 0)
			{
				appendStringInfo(&payload, "%s\"%s\"", comma, run->checks[i].name);
				comma = ", ";
			}
		appendStringInfoString(&payload, "]}");
		value = DirectFunctionCall1(jsonb_in, CStringGetDatum(payload.data));
		event_append(verb, "integrity.problem", "integrity", 1, &run->id, &version, &value);
	}
}

/* integrity_run makes a run and keeps it */
IntegrityRun *
integrity_run(Verb *verb, const IntegrityWish *wish)
{
	IntegrityRun *run = palloc0(sizeof(IntegrityRun));

	run->started_at = GetCurrentTimestamp();
	integrity_choose(&run->range, wish);
	run_checks(run, wish->examples);
	run->finished_at = GetCurrentTimestamp();
	keep_run(verb, run);
	return run;
}

/* -------------------------------------------------------------------- SQL */

/* check_wish raises OM010 when a wish makes no sense */
static void
check_wish(Input *input, const IntegrityWish *wish)
{
	static const char *const firsts[] = {"/first_order", "/first_product"};
	bool ranges = false;

	for (int i = 0; i < 2; i++)
	{
		ranges |= wish->first[i] != 0 || wish->last[i] != 0;
		if (wish->last[i] != 0 && wish->first[i] > wish->last[i])
			input_fault(input, firsts[i], "must not be above the last, " INT64_FORMAT,
						wish->last[i]);
	}
	if (wish->incremental + wish->has_since + ranges > 1)
		input_fault(input, wish->incremental ? "/incremental" : "/since",
					"must stand alone: what has changed since then is looked at, whatever its id");
	input_end(input);
}

OMS_VERB(integrity_check);

static Datum
integrity_check(Verb *verb, FunctionCallInfo fcinfo)
{
	static const char *const names[] = {"/first_order", "/last_order", "/first_product",
										"/last_product"};
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	IntegrityWish wish = {0};
	IntegrityRun *run;
	Input input;

	input_start(&input);
	wish.incremental = !PG_ARGISNULL(0) && PG_GETARG_BOOL(0);
	wish.has_since = !PG_ARGISNULL(1);
	wish.since = wish.has_since ? PG_GETARG_TIMESTAMPTZ(1) : 0;
	for (int i = 0; i < 4; i++)
	{
		int64 *bound = i % 2 == 0 ? &wish.first[i / 2] : &wish.last[i / 2];

		*bound = PG_ARGISNULL(2 + i) ? 0 : PG_GETARG_INT64(2 + i);
		if (!PG_ARGISNULL(2 + i) && *bound < 1)
			input_fault(&input, names[i], "must be 1 or more, is " INT64_FORMAT, *bound);
	}
	wish.examples = PG_ARGISNULL(6) ? 10 : PG_GETARG_INT32(6);
	if (wish.examples < 0 || wish.examples > MAX_EXAMPLES)
		input_fault(&input, "/examples", "must be 0 to %d, is %d", MAX_EXAMPLES, wish.examples);
	check_wish(&input, &wish);
	run = integrity_run(verb, &wish);
	materialized_srf(fcinfo);
	for (int i = 0; i < run->nchecks; i++)
	{
		const IntegrityCheck *check = &run->checks[i];
		const char *first = run->range.first[check->scope];
		const char *last = run->range.last[check->scope];
		const bool nulls[9] = {[3] = first == NULL, [4] = last == NULL};

		tuplestore_putvalues(
			rsinfo->setResult, rsinfo->setDesc,
			(Datum[]){CStringGetTextDatum(check->name), CStringGetTextDatum(check->description),
					  CStringGetTextDatum(scope_name(check->scope)),
					  first ? CStringGetTextDatum(first) : 0, last ? CStringGetTextDatum(last) : 0,
					  Int64GetDatum(check->examined), Int64GetDatum(check->problems),
					  Float8GetDatum(check->ms),
					  DirectFunctionCall1(jsonb_in, CStringGetDatum(check->found))},
			(bool *) nulls);
	}
	return (Datum) 0;
}

/* ------------------------------------------------------------------- REST */

static const ListFilter run_filters[] = {
	{"kind", FILTER_VALUE, "r.kind = $?", NULL, NULL, NULL},
	{"wrong", FILTER_FLAG, "r.problems > 0", "r.problems = 0", NULL, NULL},
};

static const ListOrdering run_orderings[] = {{"id", "r.id", "bigint"}};

static const Listing run_list = {
	"r.id, r.kind, r.started_at, r.finished_at, r.actor, r.examined, r.problems, "
	"(SELECT coalesce(jsonb_agg(c), '[]') FROM jsonb_array_elements(r.checks) AS c "
	"WHERE (c ->> 'problems')::bigint > 0) AS checks",
	"oms.integrity_run r",
	"r.id",
	"-id",
	run_filters,
	lengthof(run_filters),
	run_orderings,
	lengthof(run_orderings),
	NULL,
	NULL};

REST_QUERY(rest_integrity_list);

static Datum
rest_integrity_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_reply(verb, &run_list, TextDatumGetCString(PG_GETARG_DATUM(2)),
					  PG_GETARG_JSONB_P(3));
}

/* read_since reads a time of the body; 15 has no input function that would not raise */
static void
read_since(Input *input, IntegrityWish *wish, const char *text)
{
	MemoryContext context = CurrentMemoryContext;

	wish->has_since = true;
	PG_TRY();
	{
		wish->since = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
															  ObjectIdGetDatum(InvalidOid),
															  Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		input_fault(input, "/since", "must be a time, such as 2030-01-31T12:00:00Z");
	}
	PG_END_TRY();
}

REST_VERB(rest_integrity_check);

static Datum
rest_integrity_check(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {
		{"incremental", FIELD_BOOL, false, 0, 0},
		{"since", FIELD_TEXT, false, 1, 64},
		{"first_order", FIELD_INTEGER, false, 1, PG_INT64_MAX},
		{"last_order", FIELD_INTEGER, false, 1, PG_INT64_MAX},
		{"first_product", FIELD_INTEGER, false, 1, PG_INT64_MAX},
		{"last_product", FIELD_INTEGER, false, 1, PG_INT64_MAX},
		{"examples", FIELD_INTEGER, false, 0, MAX_EXAMPLES},
	};
	FieldValue values[lengthof(fields)];
	IntegrityWish wish = {0};
	StringInfo reply;
	IntegrityRun *run;
	Input input;

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(2)), "", fields, lengthof(fields),
				 values);
	wish.incremental = values[0].given && values[0].number != 0;
	for (int i = 0; i < 4; i++)
		*(i % 2 == 0 ? &wish.first[i / 2] : &wish.last[i / 2]) =
			values[2 + i].given ? values[2 + i].number : 0;
	wish.examples = values[6].given ? (int) values[6].number : 10;
	if (values[1].given && values[1].text)
		read_since(&input, &wish, values[1].text);
	check_wish(&input, &wish);
	run = integrity_run(verb, &wish);
	reply = reply_begin(verb);
	appendStringInfo(reply,
					 "{\"id\": " INT64_FORMAT ", \"kind\": \"%s\", \"started_at\": ", run->id,
					 run->range.kind);
	json_time(reply, run->started_at);
	appendStringInfoString(reply, ", \"finished_at\": ");
	json_time(reply, run->finished_at);
	appendStringInfoString(reply, ", \"actor\": ");
	escape_json(reply, verb->actor);
	appendStringInfo(
		reply, ", \"examined\": " INT64_FORMAT ", \"problems\": " INT64_FORMAT ", \"checks\": %s}",
		run->examined, run->problems, checks_json(run));
	return reply_datum(reply);
}
