/*
 * http_raw.c
 *	  Bytes on the wire, where h2o's interface does not reach.
 *
 * h2o answers what it cannot parse with a fixed text, past all filters.  The
 * library calls its own h2o_socket_write() through the dynamic linker, which
 * finds the one below first; it passes everything on but that text.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "http_h2o.h"
#include "log.h"
#include "metrics.h"
#include "reply.h"

typedef void (*SocketWrite)(h2o_socket_t *, h2o_iovec_t *, size_t, h2o_socket_cb);

static const char refusal[] = "HTTP/1.1 400 Bad Request\r\n"
							  "Content-Type: text/plain; charset=utf-8\r\n"
							  "Connection: close\r\n"
							  "Content-Length: 11\r\n";

/* the reply to bytes that are no request; counted and logged as any other */
static h2o_iovec_t
refuse(Client *client)
{
	Request request = {.thread = client->thread->thread,
					   .started_us = clock_us(),
					   .method_name = SPAN("-"),
					   .path = SPAN("-"),
					   .remote = client->remote,
					   .status = 400};
	Buf body = {0};
	Buf reply = {0};

	uuid7(request.id);
	problem_write(&body, &request, ERR_BAD_REQUEST, "this is not a well-formed request", HINT_HTTP);
	buf_fmt(&reply,
			"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: %zu\r\n"
			"Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
			"X-Content-Type-Options: nosniff\r\nX-Request-Id: %s\r\n\r\n",
			body.len, request.id);
	buf_add(&reply, body.data, body.len);
	metrics_request(&request, 0);
	log_access(&request, body.len, 0);
	buf_free(&body);
	/* lives until the client goes, for h2o may send it in pieces */
	client->refusal = reply.data;
	if (client->linger_fd == 0 && !client->secure)
		client->linger_fd = fcntl(client->fd, F_DUPFD_CLOEXEC, 3);
	return (h2o_iovec_t){reply.data, reply.len};
}

void
h2o_socket_write(h2o_socket_t *sock, h2o_iovec_t *bufs, size_t count, h2o_socket_cb callback)
{
	static SocketWrite next;
	h2o_iovec_t replaced;

	if (!next)
		next = (SocketWrite) dlsym(RTLD_NEXT, "h2o_socket_write");
	if (count == 1 && bufs[0].len > sizeof refusal && sock->on_close.data &&
		memcmp(bufs[0].base, refusal, sizeof refusal - 1) == 0)
	{
		replaced = refuse(sock->on_close.data);
		next(sock, &replaced, 1, callback);
		return;
	}
	next(sock, bufs, count, callback);
}
