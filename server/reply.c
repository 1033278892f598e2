/*
 * reply.c
 *	  Replies: results of the database, and problems (RFC 9457).
 */
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
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
} Problem;

static const Problem problems[] = {
#define OMS_ERROR(code, name, status, title) {"OM" code, #name, status, title, NULL},
#include "../extension/src/errcode.h"
#undef OMS_ERROR
};

static const char conflict[] = "other requests were in the way each time";
static const char away[] = "the database cannot be reached";
static const char absent[] = "the database lacks the function of this operation";

/* PostgreSQL's own SQLSTATEs, by their first characters; the first that fits counts */
static const Problem standard[] = {
	{"40001", "SERIALIZATION_FAILURE", 503, "Too many at the same time", conflict},
	{"40P01", "DEADLOCK_DETECTED", 503, "Too many at the same time", conflict},
	{"57014", "TIMED_OUT", 504, "Timed out", "the database took too long and was stopped"},
	{"55P03", "LOCKED", 409, "Locked by another request",
	 "another request holds what this one needs"},
	{"23505", "ALREADY_EXISTS", 409, "Already exists", "something with this key exists already"},
	{"23503", "STILL_REFERENCED", 409, "Conflict with other data", "other data depends on this"},
	{"23502", "INVALID_INPUT", 422, "Invalid input", "a value is missing"},
	{"23514", "INVALID_INPUT", 422, "Invalid input", "a value is not allowed"},
	{"22", "INVALID_INPUT", 422, "Invalid input", NULL},
	{"42501", "FORBIDDEN", 403, "Not allowed", "the role does not allow this"},
	{"53300", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away},
	{"57P", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away},
	{"08", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away},
	{"0A000", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away},
	{"25006", "DATABASE_UNAVAILABLE", 503, "Database unavailable",
	 "the database takes no writes now"},
	{"26000", "DATABASE_UNAVAILABLE", 503, "Database unavailable", away},
	{"42883", "NOT_INSTALLED", 503, "oms is not installed in this database", absent},
	{"3F000", "NOT_INSTALLED", 503, "oms is not installed in this database", absent},
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

void
reply_invalid(Request *request, OmsError error, const char *detail, const Buf *errors)
{
	Buf array = {0};

	buf_fmt(&array, "[%.*s]", (int) errors->len, errors->data);
	send_problem(request, &problems[error], problems[error].code, detail, NULL,
				 (Part){"errors", buf_span(&array), NULL});
	buf_free(&array);
}

void
reply_left(Request *request)
{
	http_reply(request, 499, NULL, SPAN_NONE);
}

void
problem_write(Buf *out, const Request *request, OmsError error, const char *detail)
{
	write_problem(out, request, &problems[error], problems[error].code, detail, NULL, (Part){0});
}

Span
problem_for_status(Request *request, int status)
{
	static const struct
	{
		int status;
		OmsError error;
		const char *detail;
	} known[] = {
		{404, ERR_ROUTE_NOT_FOUND, "there is nothing here"},
		{405, ERR_METHOD_NOT_ALLOWED, "the method is not allowed here"},
		{413, ERR_BODY_TOO_LARGE, "the body is larger than this server takes"},
		{500, ERR_INTERNAL, "the server failed; its log says why"},
		{400, ERR_BAD_REQUEST, "the request is not well-formed HTTP"},
	};
	size_t count = sizeof known / sizeof known[0];
	size_t i = 0;
	Problem problem;
	Buf text = {0};
	Span body;

	while (i < count - 1 && known[i].status != status)
		i++;
	problem = problems[known[i].error];
	problem.status = status;
	write_problem(&text, request, &problem, problem.code, known[i].detail, NULL, (Part){0});
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
		send_problem(request, problem, state,
					 problem->detail          ? problem->detail
					 : problem->status == 500 ? "the server failed; its log says why"
											  : message,
					 problem->status == 503 ? "repeat the request" : NULL, (Part){0});
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
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
	{
		reply_error(request, result);
		return;
	}
	if (PQntuples(result) > 0 && !PQgetisnull(result, 0, 0))
		body = (Span){PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0)};
	if (op->token)
		token_reply(request, body);
	else if (!body.base || op->status == 204)
		http_reply(request, op->status, NULL, SPAN_NONE);
	else
	{
		add_location(request, body);
		http_reply(request, op->status, TYPE_JSON, body);
	}
}
