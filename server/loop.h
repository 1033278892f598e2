/*
 * loop.h
 *	  The event loop: descriptors to watch, the tick, messages, listeners.
 */
#ifndef OMSD_LOOP_H
#define OMSD_LOOP_H

#include "thread.h"

/* a descriptor watched by a thread's loop */
typedef struct Watch Watch;
typedef void (*WatchCallback)(void *data);

/* watches a duplicate of fd, so that its owner may close it; NULL if there is none left */
extern Watch *watch_open(Thread *thread, int fd, void *data);
extern void watch_read(Watch *watch, WatchCallback callback);

/* calls once, as soon as the descriptor takes data */
extern void watch_write(Watch *watch, WatchCallback callback);
extern void watch_close(Watch *watch);

/* has pool_soon() called at the end of this turn of the loop */
extern void loop_soon(Thread *thread);

/* binds the addresses of the setting listen and loads the certificate */
extern bool http_open(Buf *error);

/* once, before threads start: routes of the web server */
extern void http_configure(void);

/* runs one event loop until it is told to stop and everything is answered */
extern void http_thread_open(Thread *thread);
extern void http_thread_run(Thread *thread);
extern void http_thread_close(Thread *thread);

/* tells every thread to finish; a second time, to finish at once; any thread may call it */
extern void http_stop(Thread *threads, unsigned count);

extern size_t http_connections(const Thread *thread);
extern void http_close(void);

#endif
