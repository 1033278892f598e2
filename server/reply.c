/*
 * reply.c
 *	  Replies: results of the database, and problems (RFC 9457).
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "export.h"
#include "log.h"
#include "metrics.h"
#include "reply.h"
#include "token.h"

#define TYPE_JSON "application/json"
#define TYPE_PROBLEM "application/problem+json"

typedef struct Problem
{
	char code[6];
	const char *name;
	int status;
	const char *title;
	const char *detail; /* where the database's own words are not for clients */
	const char *hint;
} Problem;

static const Problem problems[] = {
#define OMS_ERROR(code, name, status, title) {"OM" code, #name, status, title, NULL, NULL},
#include "../extension/src/errcode.h"
#undef OMS_ERROR
};

static const char conflict[] = "other requests were in the way each time";
static const char away[] = "the database cannot be reached";
static const char absent[] = "the database lacks the function of this operation";
static const char repeat[] = "repeat the request";
static const char install[] = "an administrator of the database must install oms there";

/* PostgreSQL's own SQLSTATEs, by their first characters; the first that fits counts */
static const Problem standard[] = {
	{"40001", "SERIALIZATION_FAILURE", 503, "Too many at the same time", conflict, repeat},
	{"40P01", "DEADLOCK_DETECTED", 503, "Too many at the same time", conflict, repeat},
	{"57014", "TIMED_OUT", 504, "Timed out", "the database took too long and was stopped",
	 "ask for less at once, or repeat the request later"},
	{"55P03", "LOCKED", 409, "Locked by another request",
	 "another request holds what this one needs", repeat},
	{"23505", "ALREADY_EXISTS", 409, "Already exists", "something with this key exists already",
	 "choose another value, or change what exists"},
	{"23503", "STILL_REFERENCED", 409, "Conflict with other data", "other data depends on this",
	 "name only what exists, and remove what depends on this first"},
	{"23P01", "ALREADY_EXISTS", 409, "Already exists",
	 "something that excludes this exists already", "choose another value, or change what exists"},
	{"23502", "INVALID_INPUT", 422, "Invalid input", "a value is missing",
	 "give a value; the rule was added by an administrator of the database, who can explain it"},
	{"23514", "INVALID_INPUT", 422, "Invalid input", "a value is not allowed",
	 "choose other values; the rule was added by an administrator of the database, who can "
	 "explain it"},
	{"22", "INVALID_INPUT", 422, "Invalid input", NULL,
	 "correct the value that detail speaks of and send the request again"},
	{"P0001", "REFUSED", 409, "Refused by a rule of this installation", NULL,
	 "a trigger that an administrator of the database added refused this, and can be asked why"},
	{"42501", "FORBIDDEN", 403, "Not allowed", "the role does not allow this",
	 "log in with an account that may, or ask an administrator for the right"},
	{"53300", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away, repeat},
	{"57P", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away, repeat},
	{"08", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away, repeat},
	{"0A000", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away, repeat},
	{"25006", "DATABASE_UNAVAILABLE", 503, "Database unavailable",
	 "the database takes no writes now", repeat},
	{"26000", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away, repeat},
	{"42883", "NOT_INSTALLED", 503, "oms is not installed in this database", absent, install},
	{"3F000", "NOT_INSTALLED", 503, "oms is not installed in this database", absent, install},
};

typedef struct Part
{
	const char *key;
	Span json; /* written as it is */
	const char *text;
} Part;

static void send_problem(Request *request, const Problem *problem, const char *code,
						 const char *detail, const char *hint, Part extra);

/* {"type":"/problems/invalid-input",...}; parts that are empty are left out */
static void
write_problem(Buf *out, const Request *request, const Problem *problem, const char *code,
			  const char *detail, const char *hint, Part extra)
{
	Part parts[] = {{"detail", SPAN_NONE, detail},
					{"code", SPAN_NONE, code},
					{"hint", SPAN_NONE, hint},
					extra,
					{"request_id", SPAN_NONE, request->id}};

	buf_str(out, "{\"type\":\"/problems/");
	for (const char *c = problem->name; *c; c++)
		buf_char(out, *c == '_' ? '-' : (char) tolower((unsigned char) *c));
	buf_fmt(out, "\",\"title\":\"%s\",\"status\":%d", problem->title, problem->status);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
	{
		if (!parts[i].text && !parts[i].json.base)
			continue;
		buf_fmt(out, ",\"%s\":", parts[i].key);
		if (parts[i].text)
			buf_json(out, span_z(parts[i].text));
		else
			buf_add(out, parts[i].json.base, parts[i].json.len);
	}
	buf_char(out, '}');
}

/* headers that a status calls for */
static void
add_status_headers(Request *request, const Problem *problem)
{
	if (problem->status == 401)
	{
		Span value = SPAN("Bearer realm=\"oms\"");

		if (problem == &problems[ERR_TOKEN_INVALID])
			value = SPAN("Bearer realm=\"oms\", error=\"invalid_token\"");
		else if (problem == &problems[ERR_TOKEN_EXPIRED])
			value = SPAN("Bearer realm=\"oms\", error=\"invalid_token\", "
						 "error_description=\"the access token expired\"");
		http_add_header(request, SPAN("www-authenticate"), value);
	}
	else if (problem->status == 503)
		http_add_header(request, SPAN("retry-after"), SPAN("1"));
}

static void
send_problem(Request *request, const Problem *problem, const char *code, const char *detail,
			 const char *hint, Part extra)
{
	Buf text = {0};
	Span body;

	/* a part is with the client already */
	if (request->replied)
	{
		log_note(LOG_LEVEL_WARNING, "request %s was cut off: %s", request->id, detail);
		metrics_add(request->thread, COUNT_CUT, 1);
		http_stream_cut(request);
		return;
	}
	write_problem(&text, request, problem, code, detail, hint, extra);
	body = http_copy(request, buf_span(&text));
	buf_free(&text);
	add_status_headers(request, problem);
	http_reply(request, problem->status, TYPE_PROBLEM, body);
}

void
reply_problem(Request *request, OmsError error, const char *detail, const char *hint)
{
	send_problem(request, &problems[error], problems[error].code, detail, hint, (Part){0});
}

/* an array of the elements given, or nothing */
static Part
error_array(const Buf *errors, Buf *array)
{
	if (errors->len == 0)
		return (Part){0};
	buf_char(array, '[');
	buf_add(array, errors->data, errors->len);
	buf_char(array, ']');
	return (Part){"errors", buf_span(array), NULL};
}

void
reply_invalid(Request *request, OmsError error, const char *detail, const char *hint,
			  const Buf *errors)
{
	Buf array = {0};

	send_problem(request, &problems[error], problems[error].code, detail, hint,
				 error_array(errors, &array));
	buf_free(&array);
}

void
problem_error(Buf *errors, Span pointer, const char *detail)
{
	buf_str(errors, errors->len ? ",{\"pointer\":" : "{\"pointer\":");
	buf_json(errors, pointer);
	buf_str(errors, ",\"detail\":");
	buf_json(errors, span_z(detail));
	buf_char(errors, '}');
}

void
reply_left(Request *request)
{
	if (request->replied)
		http_stream_cut(request);
	else
		http_reply(request, 499, NULL, SPAN_NONE);
}

void
problem_write(Buf *out, const Request *request, OmsError error, const char *detail,
			  const char *hint)
{
	write_problem(out, request, &problems[error], problems[error].code, detail, hint, (Part){0});
}

Span
problem_body(Request *request, OmsError error, const char *detail, const char *hint)
{
	Buf text = {0};
	Span body;

	problem_write(&text, request, error, detail, hint);
	body = http_copy(request, buf_span(&text));
	buf_free(&text);
	request->status = problems[error].status;
	add_status_headers(request, &problems[error]);
	return body;
}

Span
problem_for_status(Request *request)
{
	static const struct
	{
		int status;
		OmsError error;
		const char *detail;
		const char *hint;
	} known[] = {
		{404, ERR_ROUTE_NOT_FOUND, "there is nothing here", HINT_ROUTES},
		{405, ERR_METHOD_NOT_ALLOWED, "the method is not allowed here", "use GET or HEAD"},
		{500, ERR_INTERNAL, "the server failed; its log says why", NULL},
		{400, ERR_BAD_REQUEST, "the request is not well-formed HTTP", HINT_HTTP},
	};
	size_t i = 0;
	Problem problem;
	Buf text = {0};
	Span body;

	while (i < sizeof known / sizeof known[0] - 1 && known[i].status != request->status)
		i++;
	problem = problems[known[i].error];
	problem.status = request->status;
	write_problem(&text, request, &problem, problem.code, known[i].detail, known[i].hint,
				  (Part){0});
	body = http_copy(request, buf_span(&text));
	buf_free(&text);
	return body;
}

static const Problem *
find_problem(const char *state)
{
	if (strncmp(state, "OM", 2) == 0)
		for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
			if (strcmp(problems[i].code, state) == 0)
				return &problems[i];
	for (size_t i = 0; i < sizeof standard / sizeof standard[0]; i++)
		if (strncmp(standard[i].code, state, strlen(standard[i].code)) == 0)
			return &standard[i];
	return &problems[ERR_INTERNAL];
}

/* the DETAIL of an oms error is JSON: an array of errors, or an object */
static Part
json_detail(const char *text)
{
	json_t *tree = text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
	Part part = {0};

	if (json_is_array(tree))
		part = (Part){"errors", span_z(text), NULL};
	else if (json_is_object(tree))
		part = (Part){"context", span_z(text), NULL};
	json_decref(tree);
	return part;
}

/* what a constraint refused, in words and as the object context */
static void
describe_constraint(const PGresult *result, const char *fact, Buf *detail, Buf *context)
{
	static const struct
	{
		const char *name;
		int field;
	} parts[] = {{"constraint", PG_DIAG_CONSTRAINT_NAME},
				 {"column", PG_DIAG_COLUMN_NAME},
				 {"table", PG_DIAG_TABLE_NAME}};

	buf_str(detail, fact);
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
	{
		const char *value = PQresultErrorField(result, parts[i].field);

		if (!value)
			continue;
		buf_fmt(detail, "%s %s \"%s\"", context->len ? " of" : ":",
				parts[i].field == PG_DIAG_CONSTRAINT_NAME ? "rule" : parts[i].name, value);
		buf_fmt(context, "%c\"%s\":", context->len ? ',' : '{', parts[i].name);
		buf_json(context, span_z(value));
	}
	if (context->len)
		buf_char(context, '}');
}

/* an error that has PostgreSQL's own SQLSTATE */
static void
reply_standard_error(Request *request, const PGresult *result, const Problem *problem,
					 const char *state)
{
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = problem->detail;
	Buf words = {0};
	Buf object = {0};
	Part extra = {0};

	if (!detail)
		detail =
			problem->status == 500 || !message ? "the server failed; its log says why" : message;
	if (strncmp(state, "23", 2) == 0 && problem->detail)
	{
		describe_constraint(result, detail, &words, &object);
		detail = words.data;
		if (object.len)
			extra = (Part){"context", buf_span(&object), NULL};
	}
	else if (strncmp(state, "22", 2) == 0)
	{
		/* the database does not say which one it is */
		problem_error(&words, SPAN(""), detail);
		extra = error_array(&words, &object);
	}
	send_problem(request, problem, state, detail, problem->hint, extra);
	buf_free(&words);
	buf_free(&object);
}

static void
reply_error(Request *request, const PGresult *result)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const Problem *problem;
	bool ours;

	/* libpq's own errors have no SQLSTATE: the connection broke */
	if (!state)
		state = "08006";
	problem = find_problem(state);
	ours = strncmp(state, "OM", 2) == 0;
	metrics_add(request->thread, COUNT_DB_ERRORS, 1);
	log_database(problem->status >= 500 ? LOG_LEVEL_ERROR
				 : ours                 ? LOG_LEVEL_DEBUG
										: LOG_LEVEL_INFO,
				 request, request->op->call, result);
	if (ours)
		send_problem(request, problem, state, message,
					 PQresultErrorField(result, PG_DIAG_MESSAGE_HINT),
					 json_detail(PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL)));
	else
		reply_standard_error(request, result, problem, state);
}

/* the path of what was created: its id is the first member of the reply */
static void
add_location(Request *request, Span body)
{
	static const char start[] = "{\"id\":";
	const char *location = request->op->location;
	Buf path = {0};
	size_t at = sizeof start - 1;
	size_t end;

	if (!location || body.len < sizeof start || memcmp(body.base, start, at) != 0)
		return;
	while (body.base[at] == ' ')
		at++;
	end = at;
	while (end < body.len && isdigit((unsigned char) body.base[end]))
		end++;
	buf_add(&path, request->prefix.base, request->prefix.len);
	buf_str(&path, location);
	buf_add(&path, body.base + at, end - at);
	buf_char(&path, '/');
	if (end > at)
		http_add_header(request, SPAN("location"), http_copy(request, buf_span(&path)));
	buf_free(&path);
}

void
reply_result(Request *request, PGresult *result)
{
	const Operation *op = request->op;
	Span body = SPAN_NONE;

	/* the text is sent from where libpq put it; the request clears the result */
	request->result = result;
	if (request->dry_run)
		http_add_header(request, SPAN("oms-dry-run"), SPAN("true"));
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		reply_error(request, result);
		return;
	}
	if (request->export)
	{
		export_chunk(request, result);
		return;
	}
	if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
		body = (Span){PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0)};
	if (op->token)
		token_reply(request, body);
	else if (request->dry_run)
		http_reply(request, body.base ? 200 : op->status, body.base ? TYPE_JSON : NULL, body);
	else if (!body.base || op->status == 204)
		http_reply(request, op->status, NULL, SPAN_NONE);
	else
	{
		add_location(request, body);
		http_reply(request, op->status, TYPE_JSON, body);
	}
}
