/*
 * http_head.c
 *	  Looks at the head of a request before h2o reads its body.
 *
 * h2o keeps a whole body in memory before it calls the handler, and knows one
 * limit for all of them.  The library starts to read through the dynamic
 * linker, which finds the function below first; so every arrival of bytes
 * passes here.  As soon as a head is complete the body that follows is admitted
 * up to a limit of its own, which h2o then finds in the thread's copy of its
 * configuration.  It is h2o that counts, so a head that it reads otherwise than
 * the code here gains nothing.
 *
 * The fields that frame a body h2o keeps to itself, and takes the first or the
 * last of several.  They are counted here.
 */
#include <dlfcn.h>
#include <strings.h>

#include "http_h2o.h"

typedef void (*ReadStart)(h2o_socket_t *, h2o_socket_cb);

/* true if the line is a field of that name; its value then */
static bool
is_field(Span line, Span name, Span *value)
{
	if (line.len <= name.len || line.base[name.len] != ':' ||
		strncasecmp(line.base, name.base, name.len) != 0)
		return false;
	*value = (Span){line.base + name.len + 1, line.len - name.len - 1};
	while (value->len && strchr(" \t", *value->base))
		value->base++, value->len--;
	while (value->len && strchr(" \t\r", value->base[value->len - 1]))
		value->len--;
	return true;
}

static void
read_field(Head *head, Span line)
{
	Span value;

	if (is_field(line, SPAN("content-length"), &value))
	{
		int64_t length = 0;

		if (head->framings++ == 0 && !parse_int64(value, &length))
			length = INT64_MAX;
		head->length = (uint64_t) length > head->length ? (uint64_t) length : head->length;
	}
	else if (is_field(line, SPAN("transfer-encoding"), &value))
	{
		head->framings++;
		head->chunked = true;
	}
	else if (is_field(line, SPAN("authorization"), &value))
		head->authorization = head->authorization.base ? SPAN("") : value;
	else
		head->hosts += is_field(line, SPAN("host"), &value);
}

/* the method and the path without its query */
static void
read_request_line(Head *head, Span line)
{
	const char *end = line.base + line.len;
	const char *blank = memchr(line.base, ' ', line.len);
	const char *path = blank ? blank + 1 : end;
	const char *at = path;

	while (at < end && !strchr(" ?\r", *at))
		at++;
	head->method = (Span){line.base, blank ? (size_t) (blank - line.base) : 0};
	head->path = (Span){path, (size_t) (at - path)};
}

/* false if the empty line that ends the head is not there yet */
static bool
read_head(Head *head, Span bytes)
{
	const char *end = bytes.base + bytes.len;
	const char *at = bytes.base;
	bool first = true;

	/* some clients send an empty line behind a body */
	while (at < end && (*at == '\r' || *at == '\n'))
		at++;
	while (at < end)
	{
		const char *stop = memchr(at, '\n', (size_t) (end - at));
		Span line = {at, stop ? (size_t) (stop - at) : 0};

		if (!stop)
			return false;
		if (line.len == 0 || (line.len == 1 && *at == '\r'))
			return true;
		if (first)
			read_request_line(head, line);
		else
			read_field(head, line);
		first = false;
		at = stop + 1;
	}
	return false;
}

/* true if the end of the head is among the bytes that are new */
static bool
has_end(Head *head, Span bytes)
{
	/* the end may have been cut in the middle */
	size_t from = head->scanned > 3 ? head->scanned - 3 : 0;
	bool found = memmem(bytes.base + from, bytes.len - from, "\n\r\n", 3) ||
				 memmem(bytes.base + from, bytes.len - from, "\n\n", 2);

	head->scanned = bytes.len;
	return found;
}

/* admits the body once the head is there; hands h2o the limit in any case */
static void
look(Client *client, h2o_socket_t *sock)
{
	Span bytes = {sock->input->bytes, sock->input->size};
	Head *head = &client->head;
	Head found = {.scanned = head->scanned};

	if (!head->complete && bytes.len && has_end(head, bytes) && read_head(&found, bytes))
	{
		found.complete = true;
		*head = found;
		if (head->framings > 0)
			api_admit(client->thread->thread, head);
		/* they point into a buffer that may move */
		head->method = head->path = head->authorization = SPAN_NONE;
	}
	client->thread->conf.max_request_entity_size =
		head->complete ? head->limit + head->chunked : (size_t) config()->body_limit;
}

static void
on_read(h2o_socket_t *sock, const char *error)
{
	Client *client = sock->on_close.data;

	if (!error)
		look(client, sock);
	client->on_read(sock, error);
}

void
h2o_socket_read_start(h2o_socket_t *sock, h2o_socket_cb callback)
{
	static ReadStart next;
	Client *client = listen_client(sock);

	if (!next)
		next = (ReadStart) dlsym(RTLD_NEXT, "h2o_socket_read_start");
	if (client)
	{
		/* the next request may have come with the one before */
		look(client, sock);
		client->on_read = callback;
		callback = on_read;
	}
	next(sock, callback);
}

void
http_head_forget(Client *client)
{
	api_release(&client->head);
	client->head = (Head){0};
}
