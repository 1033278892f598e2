/*
 * loop.c
 *	  The event loop of a thread: watched descriptors, the tick, shutdown.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "http_h2o.h"
#include "log.h"
#include "pool.h"

struct Watch
{
	h2o_socket_t *sock;
	void *data;
	WatchCallback on_read;
	WatchCallback on_write;
};

Watch *
watch_open(Thread *thread, int fd, void *data)
{
	/* h2o closes its descriptor and libpq its own: they cannot share one */
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	Watch *watch;

	if (copy < 0)
		return NULL;
	watch = xcalloc(1, sizeof *watch);
	watch->sock = h2o_evloop_socket_create(thread->http->h2o.loop, copy, H2O_SOCKET_FLAG_DONT_READ);
	watch->sock->data = watch;
	watch->data = data;
	return watch;
}

static void
on_readable(h2o_socket_t *sock, const char *error)
{
	Watch *watch = sock->data;

	(void) error; /* libpq finds out for itself */
	watch->on_read(watch->data);
}

static void
on_writable(h2o_socket_t *sock, const char *error)
{
	Watch *watch = sock->data;

	(void) error;
	watch->on_write(watch->data);
}

void
watch_read(Watch *watch, WatchCallback callback)
{
	watch->on_read = callback;
	h2o_socket_read_start(watch->sock, on_readable);
}

void
watch_write(Watch *watch, WatchCallback callback)
{
	watch->on_write = callback;
	if (!h2o_socket_is_writing(watch->sock))
		h2o_socket_notify_write(watch->sock, on_writable);
}

void
watch_close(Watch *watch)
{
	if (!watch)
		return;
	h2o_socket_read_stop(watch->sock);
	h2o_socket_close(watch->sock);
	free(watch);
}

/* closes listeners, lets idle clients go and sets the deadline for the rest */
static void
begin_stop(HttpThread *http)
{
	if (http->deadline)
	{
		http->forced = true;
		return;
	}
	http->thread->stopping = true;
	http->deadline = clock_ms() + config()->drain_timeout;
	listen_stop(http);
	h2o_context_request_shutdown(&http->h2o);
	/* idle keep-alive connections would stay for request_timeout otherwise */
	http->h2o.http1.req_timeout.timeout = 200;
}

static void
on_message(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
	HttpThread *http = H2O_STRUCT_FROM_MEMBER(HttpThread, receiver, receiver);

	while (!h2o_linklist_is_empty(messages))
	{
		h2o_multithread_message_t *message =
			H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, messages->next);

		h2o_linklist_unlink(&message->link);
		free(message);
		begin_stop(http);
	}
}

void
http_stop(Thread *threads, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		h2o_multithread_send_message(&threads[i].http->receiver,
									 xcalloc(1, sizeof(h2o_multithread_message_t)));
}

static void
on_soon(h2o_timeout_entry_t *entry)
{
	HttpThread *http = H2O_STRUCT_FROM_MEMBER(HttpThread, soon, entry);

	pool_soon(http->thread);
}

void
loop_soon(Thread *thread)
{
	HttpThread *http = thread->http;

	if (!h2o_timeout_is_linked(&http->soon))
		h2o_timeout_link(http->h2o.loop, &http->h2o.zero_timeout, &http->soon);
}

static void
on_tick(h2o_timeout_entry_t *entry)
{
	HttpThread *http = H2O_STRUCT_FROM_MEMBER(HttpThread, tick, entry);

	http->thread->now_ms = clock_ms();
	if (!http->deadline)
		http->h2o.http1.req_timeout.timeout = (uint64_t) config()->request_timeout;
	pool_tick(http->thread);
	log_tick(http->thread);
	h2o_timeout_link(http->h2o.loop, &http->tick_timeout, &http->tick);
}

void
http_thread_open(Thread *thread)
{
	HttpThread *http = xcalloc(1, sizeof *http);

	thread->http = http;
	thread->now_ms = clock_ms();
	http->thread = thread;
	http->conf = http_conf;
	h2o_context_init(&http->h2o, h2o_evloop_create(), &http->conf);
	h2o_multithread_register_receiver(http->h2o.queue, &http->receiver, on_message);
	h2o_timeout_init(http->h2o.loop, &http->tick_timeout, TICK_MS);
	h2o_timeout_init(http->h2o.loop, &http->linger_timeout, 2000);
	h2o_linklist_init_anchor(&http->lingering);
	http->tick.cb = on_tick;
	http->soon.cb = on_soon;
	h2o_timeout_link(http->h2o.loop, &http->tick_timeout, &http->tick);
}

void
http_thread_run(Thread *thread)
{
	HttpThread *http = thread->http;
	h2o_loop_t *loop = http->h2o.loop;

	listen_start(http);
	while (!http->deadline)
		h2o_evloop_run(loop, INT32_MAX);
	/* clients first, then what they left behind in the database */
	while (!http->forced && clock_ms() < http->deadline &&
		   (http->connections > 0 || pool_busy(thread)))
		h2o_evloop_run(loop, 50);
	linger_stop(http);
	if (http->connections > 0)
		log_note(LOG_LEVEL_WARNING, "stopped with clients still connected: %zu", http->connections);
}

void
http_thread_close(Thread *thread)
{
	HttpThread *http = thread->http;
	h2o_loop_t *loop = http->h2o.loop;

	h2o_timeout_unlink(&http->tick);
	h2o_timeout_unlink(&http->soon);
	/* h2o asserts that nothing is left; past the deadline the process just ends */
	if (http->connections == 0)
	{
		h2o_timeout_dispose(loop, &http->tick_timeout);
		h2o_timeout_dispose(loop, &http->linger_timeout);
		h2o_timeout_unlink(&http->h2o.http2._graceful_shutdown_timeout);
		h2o_multithread_unregister_receiver(http->h2o.queue, &http->receiver);
		h2o_context_dispose(&http->h2o);
		h2o_evloop_destroy(loop);
		free(http);
	}
	thread->http = NULL;
}

size_t
http_connections(const Thread *thread)
{
	return __atomic_load_n(&thread->http->connections, __ATOMIC_RELAXED);
}
