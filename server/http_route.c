/*
 * http_route.c
 *	  What h2o does with a request: our handler, the files of Swagger UI,
 *	  filters that put its own replies into our form.
 */
#include <fcntl.h>

#include "config.h"
#include "http_h2o.h"

h2o_globalconf_t http_conf;

static h2o_hostconf_t *host;

/* on replies of h2o itself; ours get theirs in http_reply() */
static h2o_headers_command_t security_headers[] = {
	{H2O_HEADERS_CMD_SETIFEMPTY, NULL, {H2O_STRLIT("nosniff")}},
	{H2O_HEADERS_CMD_SETIFEMPTY, NULL, {H2O_STRLIT("no-referrer")}},
	{H2O_HEADERS_CMD_SETIFEMPTY, NULL, {H2O_STRLIT("DENY")}},
	{H2O_HEADERS_CMD_SETIFEMPTY, NULL, {NULL, 0}},
	{H2O_HEADERS_CMD_NULL, NULL, {NULL, 0}},
};
static h2o_iovec_t security_names[] = {
	{H2O_STRLIT("x-content-type-options")},
	{H2O_STRLIT("referrer-policy")},
	{H2O_STRLIT("x-frame-options")},
	{H2O_STRLIT("content-security-policy")},
};

/* Swagger UI sets styles from its script, so styles alone may be inline */
static const char docs_policy[] =
	"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
	"img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; "
	"form-action 'self'; frame-ancestors 'none'";

/* path and headers are larger than may be */
static void
refuse_head(Request *request)
{
	Buf detail = {0};

	buf_fmt(&detail, "path and headers may have %lld bytes together",
			(long long) config()->header_limit);
	api_refuse(request, detail.data,
			   "send shorter ones; the setting header_limit of omsd is the limit");
	buf_free(&detail);
}

static int
on_request(h2o_handler_t *self, h2o_req_t *req)
{
	Request *request = http_begin(req);

	(void) self;
	if (request->head_seen->framings > 1 || request->head_seen->hosts > 1)
	{
		/* what follows on this connection might not be what the client takes it for */
		req->http1_is_persistent = 0;
		api_refuse(
			request, "a header that may be there once is there twice",
			"send Host, Content-Length and Transfer-Encoding once, and only one of the last two");
	}
	else if (req->version >= 0x101 && !http_host(request).base)
		api_refuse(request, "the header Host is missing", "send Host, the name of this server");
	else if (http_header_bytes(request) > (size_t) config()->header_limit)
		refuse_head(request);
	else
	{
		/* h2o keeps the buffer of a large body as long as the connection */
		if (request->head_seen->held)
			req->http1_is_persistent = 0;
		api_handle(request);
	}
	return 0;
}

/* before the files of Swagger UI: only gives the request a name in the log */
static int
on_docs(h2o_handler_t *self, h2o_req_t *req)
{
	Request *request = http_begin(req);

	(void) self;
	request->op = route_find(request->path, METHOD_GET).op;
	if (request->method == METHOD_GET)
	{
		http_add_header(request, SPAN("content-security-policy"),
						(Span){docs_policy, sizeof docs_policy - 1});
		http_add_header(request, SPAN("x-request-id"), span_z(request->id));
		return -1;
	}
	api_handle(request);
	return 0;
}

/* replaces the text of h2o's own errors by a problem */
static void
problem_send(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t count,
			 h2o_send_state_t state)
{
	Request *request = http_client_of(req)->request;
	h2o_iovec_t body = {(char *) request->problem.base, request->problem.len};

	(void) bufs;
	(void) count;
	h2o_ostream_send_next(self, req, &body, request->head ? 0 : 1, state);
}

static void
problem_setup(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
	ssize_t at = h2o_find_header(&req->res.headers, H2O_TOKEN_CONTENT_TYPE, -1);
	Client *client = http_client_of(req);
	Request *request = client->request;

	(void) self;
	if (req->res.status >= 400 && at >= 0 &&
		h2o_memis(req->res.headers.entries[at].value.base, req->res.headers.entries[at].value.len,
				  H2O_STRLIT("text/plain; charset=utf-8")))
	{
		h2o_ostream_t *stream;

		if (!request)
			request = http_begin(req);
		/* a file that cannot be opened is as good as none */
		if (req->res.status == 403)
			req->res.status = 404;
		request->status = req->res.status;
		request->problem = api_http_error(request);
		req->res.status = request->status;
		req->res.reason = http_reason(req->res.status);
		req->res.content_length = request->problem.len;
		req->res.headers.entries[at].value = h2o_iovec_init(H2O_STRLIT("application/problem+json"));
		http_add_header(request, SPAN("x-request-id"), span_z(request->id));
		if (!req->http1_is_persistent && client->linger_fd == 0 && !client->secure)
			client->linger_fd = fcntl(client->fd, F_DUPFD_CLOEXEC, 3);
		stream = h2o_add_ostream(req, sizeof *stream, slot);
		stream->do_send = problem_send;
		slot = &stream->next;
	}
	else if (request && !request->replied)
		request->status = req->res.status;
	h2o_setup_next_ostream(req, slot);
}

/* the last filter registered sees a reply first */
static void
decorate(h2o_pathconf_t *path, bool headers)
{
	h2o_filter_t *filter;

	if (config()->gzip_min > 0)
	{
		h2o_compress_args_t compress = {.min_size = (size_t) config()->gzip_min,
										.gzip = {.quality = 1},
										.brotli = {.quality = -1}};

		h2o_compress_register(path, &compress);
	}
	if (headers)
		h2o_headers_register(path, security_headers);
	filter = h2o_create_filter(path, sizeof *filter);
	filter->on_setup_ostream = problem_setup;
}

static void
configure_docs(const char *path)
{
	h2o_pathconf_t *conf = h2o_config_register_path(host, path, 0);
	h2o_handler_t *handler = h2o_create_handler(conf, sizeof *handler);

	handler->on_req = on_docs;
	h2o_file_register(conf, config()->docs, NULL, NULL, H2O_FILE_FLAG_SEND_COMPRESSED);
	decorate(conf, true);
}

void
http_configure(void)
{
	h2o_pathconf_t *conf;
	h2o_handler_t *handler;

	h2o_config_init(&http_conf);
	http_conf.server_name = h2o_iovec_init(H2O_STRLIT("omsd"));
	http_conf.http1.req_timeout = (uint64_t) config()->request_timeout;
	/* HTTP/2 of this version has no defence against floods of resets */
	http_conf.http1.upgrade_to_http2 = 0;
	for (size_t i = 0; i < sizeof security_names / sizeof security_names[0]; i++)
		security_headers[i].name = &security_names[i];
	security_headers[3].value =
		h2o_iovec_init(H2O_STRLIT("default-src 'none'; frame-ancestors 'none'"));
	host = h2o_config_register_host(&http_conf, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	route_each_builtin(BUILTIN_DOCS, configure_docs);
	conf = h2o_config_register_path(host, "/", 0);
	handler = h2o_create_handler(conf, sizeof *handler);
	handler->on_req = on_request;
	decorate(conf, false);
	decorate(&host->fallback_path, true);
}
