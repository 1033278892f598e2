/*
 * thread.h
 *	  What one event loop owns.  Nothing in it is touched by another thread,
 *	  but for the counters, which others may read.
 */
#ifndef OMSD_THREAD_H
#define OMSD_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

/* how often housekeeping runs: deadlines, reconnects, log writes */
#define TICK_MS 50

typedef struct Thread
{
	unsigned index;
	int64_t now_ms;          /* monotonic, as of the last tick */
	bool stopping;           /* no new connections; finish what was started */
	struct HttpThread *http; /* event loop and listeners */
	struct Pool *pools;      /* connections to the database */
	unsigned npools;
	struct Query *free_query;  /* spare query objects */
	struct TokenCache *tokens; /* tokens verified a short time ago */
	struct Metrics *metrics;
	unsigned exports; /* under way */
	Buf access_log;   /* lines not yet written */
	Buf scratch;      /* for text that is copied before the function returns */
} Thread;

#endif
