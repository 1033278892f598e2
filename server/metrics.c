/*
 * metrics.c
 *	  Counters, shown at /metrics in Prometheus' text format.
 *
 * Each thread counts for itself; whoever asks adds the threads up.
 */
#include <stdlib.h>

#include "loop.h"
#include "metrics.h"
#include "pool.h"

/* the last stands for all others */
static const int statuses[] = {200, 201, 204, 304, 400, 401, 403, 404, 405, 409,
							   413, 415, 422, 429, 499, 500, 503, 504, 0};

/* upper bounds of the histogram, microseconds; the last is without bound */
static const int64_t bounds[] = {250,   500,    1000,   2500,    5000,    10000,    25000,
								 50000, 100000, 250000, 1000000, 5000000, INT64_MAX};

#define NSTATUSES (sizeof statuses / sizeof statuses[0])
#define NBOUNDS (sizeof bounds / sizeof bounds[0])

typedef struct RouteMetrics
{
	uint64_t by_status[NSTATUSES];
	uint64_t by_time[NBOUNDS];
	uint64_t total_us;
} RouteMetrics;

typedef struct Metrics
{
	uint64_t counts[COUNT_COUNT];
	RouteMetrics routes[]; /* by operation; the last for unknown paths */
} Metrics;

static const struct
{
	const char *name;
	const char *help;
} counts[COUNT_COUNT] = {
	[COUNT_DB_CALLS] = {"db_calls_total", "Calls of database functions that were answered."},
	[COUNT_DB_ERRORS] = {"db_errors_total", "Calls that the database answered with an error."},
	[COUNT_DB_RETRIES] = {"db_retries_total", "Calls that were sent again."},
	[COUNT_DB_ORPHANS] = {"db_orphans_total", "Calls whose client had left."},
	[COUNT_DB_LOST] = {"db_connections_lost_total", "Connections that broke."},
	[COUNT_DB_FLUSHES] = {"db_flushes_total", "Waits until commits were on disk."},
	[COUNT_DB_FLUSHED] = {"db_flushed_calls_total", "Calls that these waits covered."},
	[COUNT_TOKENS_VERIFIED] = {"tokens_verified_total", "Access tokens not found in the cache."},
	[COUNT_TOKENS_REFUSED] = {"tokens_refused_total", "Access tokens refused."},
	[COUNT_CUT] = {"replies_cut_total", "Replies that failed after a part of them was sent."},
	[COUNT_LIMITED] = {"limited_total", "Requests answered 429."},
};

static Thread *all_threads;
static unsigned nthreads;

void
metrics_threads(Thread *threads, unsigned count)
{
	all_threads = threads;
	nthreads = count;
}

void
metrics_thread_open(Thread *thread)
{
	thread->metrics = xcalloc(1, sizeof(Metrics) + (route_count() + 1) * sizeof(RouteMetrics));
}

void
metrics_thread_close(Thread *thread)
{
	free(thread->metrics);
	thread->metrics = NULL;
}

/* one writer only, so that load and store need not be one step */
static inline void
add(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

void
metrics_add(Thread *thread, Count count, uint64_t n)
{
	add(&thread->metrics->counts[count], n);
}

void
metrics_request(const Request *request, int64_t duration_us)
{
	unsigned index = request->op ? request->op->index : route_count();
	RouteMetrics *route = &request->thread->metrics->routes[index];
	size_t status = 0;
	size_t bound = 0;

	while (status < NSTATUSES - 1 && statuses[status] != request->status)
		status++;
	while (duration_us > bounds[bound])
		bound++;
	add(&route->by_status[status], 1);
	add(&route->by_time[bound], 1);
	add(&route->total_us, (uint64_t) duration_us);
}

/* sums a counter over the threads; offset is its place in Metrics */
static uint64_t
sum(size_t offset)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < nthreads; i++)
		total += __atomic_load_n((uint64_t *) ((char *) all_threads[i].metrics + offset),
								 __ATOMIC_RELAXED);
	return total;
}

static const char *
route_name(unsigned index)
{
	return index < route_count() ? route_operation(index)->id : "unknown";
}

#define ROUTE_AT(index, field)                                                                     \
	(offsetof(Metrics, routes) + (index) * sizeof(RouteMetrics) + offsetof(RouteMetrics, field))

static void
write_requests(Buf *out)
{
	buf_str(out, "# HELP omsd_requests_total Requests by operation and status.\n"
				 "# TYPE omsd_requests_total counter\n");
	for (unsigned i = 0; i <= route_count(); i++)
		for (size_t k = 0; k < NSTATUSES; k++)
		{
			uint64_t n = sum(ROUTE_AT(i, by_status) + k * sizeof(uint64_t));

			if (n == 0)
				continue;
			buf_fmt(out, "omsd_requests_total{operation=\"%s\",status=\"", route_name(i));
			if (statuses[k])
				buf_fmt(out, "%d", statuses[k]);
			else
				buf_str(out, "other");
			buf_fmt(out, "\"} %llu\n", (unsigned long long) n);
		}
}

static void
write_durations(Buf *out)
{
	buf_str(out,
			"# HELP omsd_request_duration_seconds Time from the request to the end of the reply.\n"
			"# TYPE omsd_request_duration_seconds histogram\n");
	for (unsigned i = 0; i <= route_count(); i++)
	{
		const char *name = route_name(i);
		uint64_t n = 0;
		uint64_t below[NBOUNDS];

		for (size_t k = 0; k < NBOUNDS; k++)
			below[k] = n += sum(ROUTE_AT(i, by_time) + k * sizeof(uint64_t));
		if (n == 0)
			continue;
		for (size_t k = 0; k < NBOUNDS; k++)
		{
			buf_fmt(out, "omsd_request_duration_seconds_bucket{operation=\"%s\",le=\"", name);
			if (bounds[k] == INT64_MAX)
				buf_str(out, "+Inf");
			else
				buf_fmt(out, "%g", (double) bounds[k] / 1e6);
			buf_fmt(out, "\"} %llu\n", (unsigned long long) below[k]);
		}
		buf_fmt(out, "omsd_request_duration_seconds_sum{operation=\"%s\"} %.6f\n", name,
				(double) sum(ROUTE_AT(i, total_us)) / 1e6);
		buf_fmt(out, "omsd_request_duration_seconds_count{operation=\"%s\"} %llu\n", name,
				(unsigned long long) n);
	}
}

/* a gauge for each pool, all threads together */
static void
write_pools(Buf *out, const char *name, const char *help, size_t offset)
{
	buf_fmt(out, "# HELP omsd_%s %s\n# TYPE omsd_%s gauge\n", name, help, name);
	for (unsigned i = 0; i < all_threads[0].npools; i++)
	{
		unsigned total = 0;

		for (unsigned k = 0; k < nthreads; k++)
			if (i < all_threads[k].npools)
				total += __atomic_load_n((unsigned *) ((char *) &all_threads[k].pools[i] + offset),
										 __ATOMIC_RELAXED);
		buf_fmt(out, "omsd_%s{pool=\"%s\"} %u\n", name, all_threads[0].pools[i].name, total);
	}
}

void
metrics_write(Buf *out)
{
	size_t clients = 0;

	write_requests(out);
	write_durations(out);
	for (int i = 0; i < COUNT_COUNT; i++)
		buf_fmt(
			out, "# HELP omsd_%s %s\n# TYPE omsd_%s counter\nomsd_%s %llu\n", counts[i].name,
			counts[i].help, counts[i].name, counts[i].name,
			(unsigned long long) sum(offsetof(Metrics, counts) + (size_t) i * sizeof(uint64_t)));
	write_pools(out, "pool_connections", "Connections to the database that are ready.",
				offsetof(Pool, nready));
	write_pools(out, "pool_queued", "Requests that wait for a connection.", offsetof(Pool, queued));
	for (unsigned i = 0; i < nthreads; i++)
		clients += http_connections(&all_threads[i]);
	buf_fmt(out,
			"# HELP omsd_clients Connected clients.\n# TYPE omsd_clients gauge\nomsd_clients %zu\n",
			clients);
}
