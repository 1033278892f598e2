/*
 * metrics.h
 *	  Counters, shown at /metrics in Prometheus' text format.
 */
#ifndef OMSD_METRICS_H
#define OMSD_METRICS_H

#include "http.h"

typedef enum Count
{
	COUNT_DB_CALLS,
	COUNT_DB_ERRORS,
	COUNT_DB_RETRIES,
	COUNT_DB_ORPHANS,
	COUNT_DB_LOST,
	COUNT_DB_FLUSHES,
	COUNT_DB_FLUSHED,
	COUNT_TOKENS_VERIFIED,
	COUNT_TOKENS_REFUSED,
	COUNT_LIMITED,
	COUNT_CUT,
	COUNT_COUNT
} Count;

extern void metrics_thread_open(Thread *thread);
extern void metrics_thread_close(Thread *thread);
extern void metrics_add(Thread *thread, Count count, uint64_t n);
extern void metrics_request(const Request *request, int64_t duration_us);

/* all threads, whose array must be known first */
extern void metrics_threads(Thread *threads, unsigned count);
extern void metrics_write(Buf *out);

#endif
