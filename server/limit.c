/*
 * limit.c
 *	  Token buckets: how often somebody may ask.
 *
 * Buckets stand in a table of fixed size, found by a keyed hash of the name;
 * when two names meet in one place, the later one takes it over with a full
 * bucket.  So the table cannot grow, and a stranger is never punished for
 * somebody else.  Threads share it under one lock, taken only where a limit
 * is set.
 */
#include <math.h>
#include <openssl/rand.h>
#include <pthread.h>

#include "config.h"
#include "limit.h"

#define BUCKETS 8192

typedef struct Bucket
{
	uint64_t name; /* hash, 0 if free */
	double level;  /* what is left */
	int64_t at_ms; /* when level was right */
} Bucket;

static Bucket requests[BUCKETS];
static Bucket logins[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t hash_key;

/* FNV-1a with a random start and a final mix, so that places cannot be aimed at */
static uint64_t
hash(const char *kind, const char *name)
{
	uint64_t h;

	if (!hash_key)
		RAND_bytes((unsigned char *) &hash_key, sizeof hash_key);
	h = hash_key ^ (unsigned char) *kind;
	for (; *name; name++)
		h = (h ^ (unsigned char) *name) * 0x100000001B3u;
	h = (h ^ h >> 32) * 0xD6E8FEB86659FD93u;
	h = (h ^ h >> 32) * 0xD6E8FEB86659FD93u;
	return (h ^ h >> 32) | 1;
}

/* the bucket of a name, filled up to now; per_ms is the rate, most the size */
static Bucket *
find_bucket(Bucket *table, uint64_t name, double per_ms, double most)
{
	Bucket *bucket = &table[name >> 1 & (BUCKETS - 1)];
	int64_t now = clock_ms();

	if (bucket->name != name)
		*bucket = (Bucket){name, most, now};
	bucket->level = fmin(most, bucket->level + (double) (now - bucket->at_ms) * per_ms);
	bucket->at_ms = now;
	return bucket;
}

unsigned
limit_request(const Request *request)
{
	int64_t rate = config()->rate_limit;
	unsigned wait = 0;
	Bucket *bucket;

	if (rate == 0)
		return 0;
	pthread_mutex_lock(&lock);
	bucket =
		find_bucket(requests, request->user ? hash("u", request->user) : hash("a", request->remote),
					(double) rate / 1000, (double) config()->rate_burst);
	if (bucket->level >= 1)
		bucket->level -= 1;
	else
		wait = (unsigned) ceil((1 - bucket->level) / (double) rate);
	pthread_mutex_unlock(&lock);
	return wait;
}

static Bucket *
login_bucket(const Request *request)
{
	return find_bucket(logins, hash("a", request->remote), 1.0 / (double) config()->login_interval,
					   (double) config()->login_burst);
}

unsigned
limit_login(const Request *request)
{
	unsigned wait = 0;
	Bucket *bucket;

	if (config()->login_burst == 0)
		return 0;
	pthread_mutex_lock(&lock);
	bucket = login_bucket(request);
	if (bucket->level < 1)
		wait = (unsigned) ceil((1 - bucket->level) * (double) config()->login_interval / 1000);
	pthread_mutex_unlock(&lock);
	return wait;
}

void
limit_login_failed(const Request *request)
{
	Bucket *bucket;

	if (config()->login_burst == 0)
		return;
	pthread_mutex_lock(&lock);
	bucket = login_bucket(request);
	bucket->level = fmax(0, bucket->level - 1);
	pthread_mutex_unlock(&lock);
}
