/*
 * http_h2o.h
 *	  What http.c, listen.c and loop.c share.  Nobody else includes h2o.
 */
#ifndef OMSD_HTTP_H2O_H
#define OMSD_HTTP_H2O_H

#include <h2o.h>
#include <h2o/http1.h>

#include "config.h"
#include "http.h"
#include "loop.h"

#define MAX_LISTENERS 16

typedef struct HttpThread
{
	h2o_globalconf_t conf; /* a copy, for the limit of the body that is read at the moment */
	h2o_context_t h2o;
	h2o_accept_ctx_t accept;
	h2o_multithread_receiver_t receiver;
	h2o_socket_t *listeners[MAX_LISTENERS];
	unsigned nlisteners;
	h2o_timeout_t tick_timeout;
	h2o_timeout_entry_t tick;
	h2o_timeout_entry_t soon;
	h2o_timeout_t linger_timeout;
	h2o_linklist_t lingering;
	Thread *thread;
	size_t connections;
	int64_t deadline; /* of a shutdown, 0 if none was asked for */
	bool forced;
} HttpThread;

/* one client; hangs on the socket */
typedef struct Client
{
	HttpThread *thread;
	Request *request; /* the one being served */
	Head head;        /* of it, or of the one being read */
	h2o_socket_cb on_read;
	bool loopback;
	int fd;
	bool secure;   /* speaks TLS */
	char *refusal; /* reply to what is no request, or NULL */
	int linger_fd; /* copy that keeps the connection while its reply is read, or 0 */
	char remote[46];
} Client;

extern h2o_globalconf_t http_conf;
extern HttpThread *http_thread_of(const h2o_req_t *req);
extern Client *http_client_of(const h2o_req_t *req);

/* http.c */
extern Request *http_begin(h2o_req_t *req);
extern const char *http_reason(int status);

/* http_head.c: when a request is over, and the place of its body free again */
extern void http_head_forget(Client *client);

/* listen.c */
extern Client *listen_client(const h2o_socket_t *sock);
extern void listen_start(HttpThread *thread);
extern void listen_stop(HttpThread *thread);
extern void linger_stop(HttpThread *thread);

#endif
