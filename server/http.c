/*
 * http.c
 *	  h2o's requests and replies.
 */
#include <poll.h>

#include "http_h2o.h"

typedef struct Reason
{
	int status;
	const char *text;
} Reason;

static const Reason reasons[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{204, "No Content"},
	{304, "Not Modified"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{405, "Method Not Allowed"},
	{409, "Conflict"},
	{412, "Precondition Failed"},
	{413, "Content Too Large"},
	{415, "Unsupported Media Type"},
	{417, "Expectation Failed"},
	{422, "Unprocessable Content"},
	{428, "Precondition Required"},
	{429, "Too Many Requests"},
	{499, "Client Closed Request"},
	{500, "Internal Server Error"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
};

HttpThread *
http_thread_of(const h2o_req_t *req)
{
	return H2O_STRUCT_FROM_MEMBER(HttpThread, h2o, req->conn->ctx);
}

Client *
http_client_of(const h2o_req_t *req)
{
	return req->conn->callbacks->get_socket(req->conn)->on_close.data;
}

static void
on_dispose(void *data)
{
	Request *request = data;
	Client *client = http_client_of(request->http);

	client->request = NULL;
	http_head_forget(client);
	api_done(request, request->http->bytes_sent);
	if (request->result)
		PQclear(request->result);
}

/* takes the client's request id if it is a decent one, else makes one */
static void
name_request(Request *request)
{
	Span given = SPAN_NONE;

	if (http_header(request, HEADER_REQUEST_ID, &given) == 1 && given.len >= 1 &&
		given.len <= REQUEST_ID_MAX)
	{
		size_t i = 0;

		while (i < given.len &&
			   (given.base[i] == '.' || given.base[i] == '_' || given.base[i] == '-' ||
				(given.base[i] >= '0' && given.base[i] <= '9') ||
				(given.base[i] >= 'A' && given.base[i] <= 'Z') ||
				(given.base[i] >= 'a' && given.base[i] <= 'z')))
			i++;
		if (i == given.len)
		{
			memcpy(request->id, given.base, given.len);
			return;
		}
	}
	uuid7(request->id);
}

/* the address the request came from, through a proxy that is trusted */
static void
name_remote(Request *request, const Client *client)
{
	const char *trusted = config()->trusted_proxies;
	Span forwarded = SPAN_NONE;

	request->remote = client->remote;
	request->loopback = client->loopback;
	if (http_header(request, HEADER_FORWARDED_FOR, &forwarded) == 0)
		return;
	request->loopback = false;
	if (*trusted == '\0')
		return;
	for (const char *at = trusted; *at;)
	{
		size_t len = strcspn(at, ", ");

		if (len && span_is((Span){at, len}, span_z(client->remote)))
		{
			const char *comma = h2o_memrchr(forwarded.base, ',', forwarded.len);
			const char *start = comma ? comma + 1 : forwarded.base;
			size_t left = (size_t) (forwarded.base + forwarded.len - start);

			while (left && *start == ' ')
				start++, left--;
			if (left > 0 && left < sizeof client->remote)
				request->remote = http_copy(request, (Span){start, left}).base;
			return;
		}
		at += len + strspn(at + len, ", ");
	}
}

Request *
http_begin(h2o_req_t *req)
{
	Request *request = h2o_mem_alloc_shared(&req->pool, sizeof *request, on_dispose);
	Client *client = http_client_of(req);
	size_t query_at = req->input.query_at;

	memset(request, 0, sizeof *request);
	client->request = request;
	request->http = req;
	request->thread = http_thread_of(req)->thread;
	request->started_us = clock_us();
	request->method_name = (Span){req->input.method.base, req->input.method.len};
	request->head = span_is(request->method_name, SPAN("HEAD"));
	request->method = request->head ? METHOD_GET : method_find(request->method_name);
	request->path = (Span){req->input.path.base, req->input.path.len};
	if (query_at != SIZE_MAX && query_at < req->input.path.len)
	{
		request->path.len = query_at;
		request->query_string =
			(Span){req->input.path.base + query_at + 1, req->input.path.len - query_at - 1};
	}
	request->body = (Span){req->entity.base, req->entity.len};
	request->head_seen = &client->head;
	name_request(request);
	name_remote(request, client);
	return request;
}

static const Span header_names[HEADER_COUNT] = {
	[HEADER_AUTHORIZATION] = {"authorization", 13},
	[HEADER_CONTENT_TYPE] = {"content-type", 12},
	[HEADER_IDEMPOTENCY_KEY] = {"idempotency-key", 15},
	[HEADER_REQUEST_ID] = {"x-request-id", 12},
	[HEADER_FORWARDED_FOR] = {"x-forwarded-for", 15},
	[HEADER_IF_NONE_MATCH] = {"if-none-match", 13},
	[HEADER_CONTENT_ENCODING] = {"content-encoding", 16},
	[HEADER_ACCEPT] = {"accept", 6},
};

/* the next header of that name from *at on, or NULL */
static const h2o_header_t *
next_header(const Request *request, HttpHeader header, size_t *at)
{
	const h2o_headers_t *headers = &request->http->headers;

	while (*at < headers->size)
	{
		const h2o_header_t *entry = &headers->entries[(*at)++];

		if (h2o_memis(entry->name->base, entry->name->len, header_names[header].base,
					  header_names[header].len))
			return entry;
	}
	return NULL;
}

int
http_header(const Request *request, HttpHeader header, Span *value)
{
	const h2o_header_t *entry;
	size_t at = 0;
	int count = 0;

	while ((entry = next_header(request, header, &at)) != NULL)
		if (count++ == 0)
			*value = (Span){entry->value.base, entry->value.len};
	return count;
}

Span
http_header_list(Request *request, HttpHeader header)
{
	const h2o_header_t *entry;
	Buf all = {0};
	Span copy;
	size_t at = 0;

	while ((entry = next_header(request, header, &at)) != NULL)
	{
		buf_add(&all, entry->value.base, entry->value.len);
		buf_char(&all, ',');
	}
	copy = http_copy(request, buf_span(&all));
	buf_free(&all);
	return copy;
}

size_t
http_header_bytes(const Request *request)
{
	const h2o_headers_t *headers = &request->http->headers;
	size_t bytes = request->http->path.len;

	for (size_t i = 0; i < headers->size; i++)
		bytes += headers->entries[i].name->len + headers->entries[i].value.len;
	return bytes;
}

Span
http_host(const Request *request)
{
	const h2o_req_t *req = request->http;

	/* h2o puts its own name where a client sent none */
	if (req->input.authority.base == req->hostconf->authority.hostport.base)
		return SPAN_NONE;
	return (Span){req->input.authority.base, req->input.authority.len};
}

const char *
http_scheme(const Request *request)
{
	return request->http->input.scheme == &H2O_URL_SCHEME_HTTPS ? "https" : "http";
}

void *
http_alloc(Request *request, size_t size)
{
	return h2o_mem_alloc_pool(&request->http->pool, size);
}

Span
http_copy(Request *request, Span text)
{
	char *copy = http_alloc(request, text.len + 1);

	if (text.len)
		memcpy(copy, text.base, text.len);
	copy[text.len] = '\0';
	return (Span){copy, text.len};
}

void
http_add_header(Request *request, Span name, Span value)
{
	h2o_req_t *req = request->http;

	h2o_add_header_by_str(&req->pool, &req->res.headers, name.base, name.len, 0, NULL, value.base,
						  value.len);
}

void
http_no_compression(Request *request)
{
	request->http->compress_hint = H2O_COMPRESS_HINT_DISABLE;
}

const char *
http_reason(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

/* what all replies begin with */
static void
begin_reply(Request *request, int status, const char *type, h2o_generator_t *generator)
{
	h2o_req_t *req = request->http;

	request->replied = true;
	request->status = status;
	req->res.status = status;
	req->res.reason = http_reason(status);
	if (type)
		h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type,
					   strlen(type));
	if (!request->cacheable)
		h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
					   H2O_STRLIT("no-store"));
	http_add_header(request, SPAN("x-content-type-options"), SPAN("nosniff"));
	http_add_header(request, SPAN("x-request-id"), span_z(request->id));
	if (req->input.scheme == &H2O_URL_SCHEME_HTTPS)
		http_add_header(request, SPAN("strict-transport-security"), SPAN("max-age=31536000"));
	h2o_start_response(req, generator);
}

void
http_reply(Request *request, int status, const char *type, Span body)
{
	static h2o_generator_t generator = {NULL, NULL};
	h2o_req_t *req = request->http;
	h2o_iovec_t content = {(char *) body.base, body.len};

	/* without a length h2o would close the connection after an error */
	if (type || (status != 204 && status != 304))
		req->res.content_length = type ? body.len : 0;
	begin_reply(request, status, type, &generator);
	h2o_send(req, &content, type && !request->head ? 1 : 0, H2O_SEND_STATE_FINAL);
}

typedef struct Stream
{
	h2o_generator_t generator;
	Request *request;
	void (*drained)(Request *request);
} Stream;

static void
on_proceed(h2o_generator_t *generator, h2o_req_t *req)
{
	Stream *stream = H2O_STRUCT_FROM_MEMBER(Stream, generator, generator);

	(void) req;
	stream->drained(stream->request);
}

void
http_stream_begin(Request *request, int status, const char *type, void (*drained)(Request *))
{
	h2o_req_t *req = request->http;
	Stream *stream = http_alloc(request, sizeof *stream);

	*stream = (Stream){{on_proceed, NULL}, request, drained};
	req->compress_hint = H2O_COMPRESS_HINT_ENABLE;
	/* nothing but the end of the connection shows an older client that this was all */
	if (req->version < 0x101)
		req->http1_is_persistent = 0;
	begin_reply(request, status, type, &stream->generator);
}

void
http_stream_send(Request *request, Span part, bool last)
{
	h2o_iovec_t content = {(char *) part.base, part.len};

	h2o_send(request->http, &content, request->head || part.len == 0 ? 0 : 1,
			 last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

void
http_stream_cut(Request *request)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	/* a reset, which even a client that waits for the end of the connection notices */
	setsockopt(http_client_of(request->http)->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	h2o_send(request->http, NULL, 0, H2O_SEND_STATE_ERROR);
}

bool
http_client_left(const Request *request)
{
	struct pollfd peer = {.fd = http_client_of(request->http)->fd, .events = POLLRDHUP};

	return poll(&peer, 1, 0) > 0 && (peer.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}
