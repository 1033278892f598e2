/*
 * http.h
 *	  The web server as the rest of omsd sees it.  h2o is known to http*.c,
 *	  listen.c and loop.c alone, so that it can be replaced.
 */
#ifndef OMSD_HTTP_H
#define OMSD_HTTP_H

#include <libpq-fe.h>

#include "route.h"
#include "thread.h"

/* request headers that omsd looks at */
typedef enum HttpHeader
{
	HEADER_AUTHORIZATION,
	HEADER_CONTENT_TYPE,
	HEADER_IDEMPOTENCY_KEY,
	HEADER_REQUEST_ID,
	HEADER_FORWARDED_FOR,
	HEADER_IF_NONE_MATCH,
	HEADER_CONTENT_ENCODING,
	HEADER_ACCEPT,
	HEADER_COUNT
} HttpHeader;

#define REQUEST_ID_MAX 64

/* why a body is not admitted */
typedef enum BodyRefusal
{
	REFUSE_SIZE,
	REFUSE_ROLE,  /* the operation needs a token, and this one does not do */
	REFUSE_MEMORY /* too many large ones are under way */
} BodyRefusal;

/* the head of a request, as it is known before its body is read */
typedef struct Head
{
	bool complete;
	bool chunked;
	uint64_t length;   /* that the body will have, unless it is chunked */
	unsigned framings; /* fields that say how long the body is */
	unsigned hosts;
	size_t scanned;     /* bytes in which its end was looked for */
	Span method;        /* this and what follows are only there while the body is admitted */
	Span path;          /* without the query */
	Span authorization; /* none if there is none */
	size_t limit;       /* a larger body is refused */
	BodyRefusal refusal;
	size_t held; /* taken from large_body_memory until the request is over */
} Head;

/* one request; lives until the reply is on its way or the client has left */
typedef struct Request
{
	Thread *thread;
	struct st_h2o_req_t *http;
	const Operation *op;   /* NULL until routed, and for unknown paths */
	struct Query *query;   /* while it waits for the database */
	PGresult *result;      /* owns the text being sent */
	struct Export *export; /* of a whole list, if it is one */
	int64_t started_us;
	Method method;
	bool head;      /* HEAD: as GET, without a body */
	bool replied;   /* the reply has begun */
	bool dry_run;   /* nothing of it is kept */
	bool cacheable; /* the reply may be kept, if it is asked for again by its ETag */
	Role role;
	Span method_name;
	Span path;         /* without the query */
	Span query_string; /* what follows '?' */
	Span prefix;       /* the part of path that the servers of the API have in common */
	Span body;
	BodyType body_type;
	BodyType wanted;   /* form of the reply */
	bool wanted_given; /* by the parameter format */
	Span query_object; /* the parameters as a JSON object */
	const Head *head_seen;
	int64_t path_id;
	const char *path_text; /* what stands in the path for {id} or {code} */
	const char *user;      /* name of the account, NULL if nobody logged in */
	const char *login;     /* name that a login gives, NULL for other requests */
	const char *remote;    /* address of the client */
	bool loopback;         /* the client runs on this machine and is no proxy */
	int status;            /* of the reply */
	Span problem;          /* body that stands in for one of h2o's own errors */
	char id[REQUEST_ID_MAX + 1];
} Request;

/* called for each request; must lead to one http_reply(), now or later */
extern void api_handle(Request *request);

/* replies 400; the hint says what to do */
extern void api_refuse(Request *request, const char *detail, const char *hint);

/* called when the request's memory goes: log, count, let go of the query */
extern void api_done(Request *request, size_t bytes_sent);

/* body of a problem for an error that h2o found itself; may change the status */
extern Span api_http_error(Request *request);

/* sets the limit of the body that follows a head; what it takes must be released */
extern void api_admit(Thread *thread, Head *head);
extern void api_release(Head *head);

/* number of headers of that name; *value is the first one's */
extern int http_header(const Request *request, HttpHeader header, Span *value);

/* the values of all headers of that name, with commas between */
extern Span http_header_list(Request *request, HttpHeader header);

/* length of the path and of all names and values of headers */
extern size_t http_header_bytes(const Request *request);

/* value of the Host header, none if there is none */
extern Span http_host(const Request *request);
extern const char *http_scheme(const Request *request);

/* memory that lives as long as the request */
extern void *http_alloc(Request *request, size_t size);
extern Span http_copy(Request *request, Span text);

/* name must be static and in lower case, value must live as long as the request */
extern void http_add_header(Request *request, Span name, Span value);

/* body must live as long as the request; type NULL sends no body and no type */
extern void http_reply(Request *request, int status, const char *type, Span body);

/*
 * A reply of unknown length: begun once, then sent in parts, each of which must
 * live until "drained" is called, which is not called after the last.
 */
extern void http_stream_begin(Request *request, int status, const char *type,
							  void (*drained)(Request *request));
extern void http_stream_send(Request *request, Span part, bool last);

/* cuts the connection, so that the client cannot take what it has for the whole */
extern void http_stream_cut(Request *request);

/* replies must not be compressed: they hold secrets */
extern void http_no_compression(Request *request);

/* true if the peer has closed its side; costs a system call */
extern bool http_client_left(const Request *request);

#endif
