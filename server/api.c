/*
 * api.c
 *	  The way of a request: route, identity, limits, parameters, body, call.
 */
#include <ctype.h>
#include <stdio.h>

#include "admit.h"
#include "config.h"
#include "export.h"
#include "limit.h"
#include "log.h"
#include "media.h"
#include "metrics.h"
#include "param.h"
#include "pool.h"
#include "reply.h"

static bool find_operation(Request *request);
static bool check_rate(Request *request);
static bool check_login(Request *request);
static bool check_body(Request *request);
static bool add_values(Request *request, Query *query);

/* replies 429 */
static void
reply_limited(Request *request, unsigned seconds, const char *detail)
{
	char text[16];
	int len = snprintf(text, sizeof text, "%u", seconds);

	metrics_add(request->thread, COUNT_LIMITED, 1);
	http_add_header(request, SPAN("retry-after"), http_copy(request, (Span){text, (size_t) len}));
	reply_problem(request, ERR_TOO_MANY_REQUESTS, detail, "wait as long as Retry-After says");
}

static void
reply_metrics(Request *request)
{
	Buf text = {0};

	if (!request->loopback && !admit_role(request, ROLE_ADMIN))
		return;
	metrics_write(&text);
	http_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8",
			   http_copy(request, buf_span(&text)));
	buf_free(&text);
}

static void
reply_ready(Request *request)
{
	if (request->thread->stopping)
		reply_problem(request, ERR_SHUTTING_DOWN, "the server is shutting down", NULL);
	else
		pool_submit(request, query_new(request->thread, QUERY_READY, request));
}

/* the document does not change while the server runs */
static void
reply_schema(Request *request)
{
	Span tag = route_document_tag();
	Span known = SPAN_NONE;

	request->cacheable = true;
	http_add_header(request, SPAN("etag"), tag);
	http_add_header(request, SPAN("cache-control"), SPAN("no-cache"));
	if (http_header(request, HEADER_IF_NONE_MATCH, &known) > 0 &&
		(span_is(known, tag) || span_is(known, SPAN("*"))))
		http_reply(request, 304, NULL, SPAN_NONE);
	else
		http_reply(request, 200, "application/json", route_document());
}

static void
handle_builtin(Request *request)
{
	switch (request->op->builtin)
	{
		case BUILTIN_HEALTHZ:
			http_reply(request, 200, "application/json", SPAN("{\"status\":\"ok\"}"));
			break;
		case BUILTIN_SCHEMA:
			reply_schema(request);
			break;
		case BUILTIN_READYZ:
			reply_ready(request);
			break;
		case BUILTIN_METRICS:
			reply_metrics(request);
			break;
		default:
			reply_problem(request, ERR_ROUTE_NOT_FOUND, "there is nothing here", NULL);
	}
}

/* the form of a list: what the parameter format says, or else the header Accept */
static void
choose_form(Request *request)
{
	if (request->op->export && !request->wanted_given)
		request->wanted = media_accept(http_header_list(request, HEADER_ACCEPT));
}

void
api_handle(Request *request)
{
	Query *query;

	if (!find_operation(request))
		return;
	if (request->op->builtin)
	{
		handle_builtin(request);
		return;
	}
	if (!admit_role(request, request->op->role) || !check_rate(request))
		return;
	query = query_new(request->thread, QUERY_CALL, request);
	if (add_values(request, query) && (!request->op->token || check_login(request)))
	{
		choose_form(request);
		if (request->wanted == BODY_JSON)
		{
			pool_submit(request, query);
			return;
		}
		query_free(request->thread, query);
		export_begin(request);
	}
	else
		query_free(request->thread, query);
}

/* 404: nothing has such an id */
static void
refuse_id(Request *request)
{
	Buf errors = {0};

	problem_error(&errors, SPAN("/id"), "must be a whole number from 1 to 9223372036854775807");
	reply_invalid(request, ERR_ROUTE_NOT_FOUND, "there is nothing with this id",
				  "correct the id in the path; lists name what there is", &errors);
	buf_free(&errors);
}

/* takes a text from the path, or answers that nothing can have this name */
static bool
check_path(Request *request, Span value)
{
	Buf errors = {0};

	param_path(request->op, value, &errors);
	if (errors.len)
		reply_invalid(request, ERR_ROUTE_NOT_FOUND, "there is nothing with this name",
					  "correct the name in the path; lists name what there is", &errors);
	else
		request->path_text = http_copy(request, value).base;
	buf_free(&errors);
	return request->path_text != NULL;
}

/* 404, 405 and OPTIONS */
static bool
find_operation(Request *request)
{
	Match match = route_find(request->path, request->method);
	Buf allow = {0};

	request->op = match.op;
	request->prefix = match.prefix;
	if (match.found && !match.op)
	{
		route_allow(&match, &allow);
		http_add_header(request, SPAN("allow"), http_copy(request, buf_span(&allow)));
		buf_free(&allow);
		if (request->method == METHOD_OPTIONS)
			http_reply(request, 204, NULL, SPAN_NONE);
		else
			reply_problem(request, ERR_METHOD_NOT_ALLOWED, "the method is not allowed here",
						  "the header Allow lists what is");
		return false;
	}
	if (match.found && match.id.base && match.op->path_text)
	{
		if (!check_path(request, match.id))
			return false;
	}
	else if (match.found && match.id.base)
	{
		/* an id is a whole number from 1, written in one way only */
		if (match.id.base[0] == '0' || !parse_int64(match.id, &request->path_id))
		{
			refuse_id(request);
			return false;
		}
		request->path_text = http_copy(request, match.id).base;
	}
	if (!match.found)
		reply_problem(request, ERR_ROUTE_NOT_FOUND, "there is nothing here", HINT_ROUTES);
	return match.found;
}

/* 429 */
static bool
check_rate(Request *request)
{
	unsigned wait = limit_request(request);

	if (wait > 0)
		reply_limited(request, wait, "too many requests");
	return wait == 0;
}

/* 429, once the body is known to be well-formed */
static bool
check_login(Request *request)
{
	unsigned wait;

	request->login = body_text(request, "username");
	wait = limit_login(request);
	if (wait > 0)
		reply_limited(request, wait, "too many failed logins to this account or from this address");
	return wait == 0;
}

/* 415 */
static bool
check_type(Request *request)
{
	Span header = SPAN("");
	Buf detail = {0};
	Buf hint = {0};
	int count = http_header(request, HEADER_CONTENT_TYPE, &header);
	bool ok;

	/* without a body there is nothing to have a type */
	if (count > 1)
	{
		buf_str(&detail, "the header Content-Type is there more than once");
		buf_str(&hint, "send one Content-Type");
	}
	else if (request->body.len || (count && request->op->body_types != 1u << BODY_JSON))
		media_read(request->op, header, &request->body_type, &detail, &hint);
	if (request->body.len && !detail.len &&
		http_header(request, HEADER_CONTENT_ENCODING, &header) > 0)
	{
		buf_str(&detail, "the body must not be compressed");
		buf_str(&hint, "send it without Content-Encoding");
	}
	ok = detail.len == 0;
	if (!ok)
		reply_problem(request, ERR_NOT_ACCEPTED_TYPE, detail.data, hint.data);
	buf_free(&detail);
	buf_free(&hint);
	return ok;
}

/* 415, 400 and 422; larger bodies than may be have not come as far as here */
static bool
check_body(Request *request)
{
	BodyFault fault = {0};
	BodyState state;

	if (!check_type(request))
		return false;
	state = body_check(request->body, request->body_type, &fault);
	if (state != BODY_OK)
		reply_invalid(request, state == BODY_NOT_JSON ? ERR_NOT_JSON : ERR_INVALID_INPUT,
					  fault.detail.data, fault.hint, &fault.errors);
	buf_free(&fault.detail);
	buf_free(&fault.errors);
	return state == BODY_OK;
}

static bool
is_host(Span host)
{
	for (size_t i = 0; i < host.len; i++)
		if (!isalnum((unsigned char) host.base[i]) && !strchr(".-_:[]", host.base[i]))
			return false;
	return host.len > 0 && host.len <= 255;
}

/* scheme://host/path, which links of a list begin with */
static bool
make_url(Request *request, Span *url)
{
	Span host = http_host(request);
	const char *public_url = config()->public_url;
	Buf *text = &request->thread->scratch;

	text->len = 0;
	if (*public_url)
		buf_add(text, public_url, strlen(public_url) - (public_url[strlen(public_url) - 1] == '/'));
	else if (!is_host(host))
	{
		reply_problem(request, ERR_BAD_REQUEST, "the header Host is missing or not well-formed",
					  "send Host, the name of this server");
		return false;
	}
	else
	{
		buf_fmt(text, "%s://", http_scheme(request));
		buf_add(text, host.base, host.len);
	}
	buf_add(text, request->path.base, request->path.len);
	*url = http_copy(request, buf_span(text));
	return true;
}

/* the query as a JSON object, or 422 */
static bool
make_query(Request *request, Span *object)
{
	Buf *text = &request->thread->scratch;
	Buf errors = {0};

	text->len = 0;
	param_query(request, text, &errors);
	if (errors.len == 0)
	{
		request->query_object = *object = http_copy(request, buf_span(text));
		return true;
	}
	reply_invalid(request, ERR_PARAMETER_INVALID, "the query is not valid",
				  "correct or remove the parameters that errors names; /api/schema/ describes them",
				  &errors);
	buf_free(&errors);
	return false;
}

/* the Idempotency-Key, none if there is none, or 422 */
static bool
make_key(Request *request, Span *key)
{
	Buf errors = {0};
	int count = http_header(request, HEADER_IDEMPOTENCY_KEY, key);

	if (count > 1)
	{
		problem_error(&errors, SPAN("/Idempotency-Key"), "must be there only once");
		reply_invalid(request, ERR_BAD_REQUEST, "Idempotency-Key is there more than once",
					  "send one Idempotency-Key, or none", &errors);
		buf_free(&errors);
		return false;
	}
	param_header(request->op, "Idempotency-Key", count ? key : NULL, &errors);
	if (errors.len == 0)
		return true;
	reply_invalid(request, ERR_PARAMETER_INVALID, "a header is not valid",
				  "correct the header that errors names", &errors);
	buf_free(&errors);
	return false;
}

/* the arguments of the operation's function, in the order of x-oms */
static bool
add_values(Request *request, Query *query)
{
	const Operation *op = request->op;
	bool asked = false;
	Span ignored;

	query_add(query, request->user ? span_z(request->user) : SPAN_NONE, 0);
	query_add(query, span_z(request->id), 0);
	for (unsigned i = 0; i < op->nargs; i++)
	{
		Span value = SPAN_NONE;
		int format = 0;
		bool ok = true;

		if (op->args[i] == ARG_PATH_ID || op->args[i] == ARG_PATH_TEXT)
			value = span_z(request->path_text);
		else if (op->args[i] == ARG_URL)
			ok = make_url(request, &value);
		else if (op->args[i] == ARG_QUERY)
			ok = asked = make_query(request, &value);
		else if (op->args[i] == ARG_BODY)
		{
			ok = check_body(request);
			value = request->body;
			format = 1;
		}
		else if (op->args[i] == ARG_CONTENT_TYPE)
			value = span_z(media_word(request->body_type));
		else
		{
			ok = make_key(request, &value);
			format = 1;
		}
		if (!ok)
			return false;
		query_add(query, value, format);
	}
	/* an operation that takes no query refuses one as well, or finds there that it runs dry */
	if (request->query_string.len > 0 && !asked && !make_query(request, &ignored))
		return false;
	query->dry_run = request->dry_run;
	query->writes &= !query->dry_run;
	return true;
}

void
api_refuse(Request *request, const char *detail, const char *hint)
{
	reply_problem(request, ERR_BAD_REQUEST, detail, hint);
}

Span
api_http_error(Request *request)
{
	return request->status == 413 ? admit_problem(request) : problem_for_status(request);
}

void
api_done(Request *request, size_t bytes_sent)
{
	int64_t duration = clock_us() - request->started_us;

	export_end(request);
	/* the database side finds out that nobody waits any more */
	if (request->query)
		request->query->request = NULL;
	if (request->status == 0)
		request->status = 499;
	if (request->op && request->op->token && request->status == 401)
		limit_login_failed(request);
	metrics_request(request, duration);
	log_access(request, bytes_sent, duration);
}
