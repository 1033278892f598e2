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

/* an address may fail so many times as often as an account tried from it */
#define ADDRESS_SHARE 10

/* how many bursts somebody may be behind */
#define MAX_DEBT 10

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

/* the name of a login attempt: an account, whose case does not count, from one address */
static uint64_t
login_hash(const Request *request)
{
	Buf name = {0};
	uint64_t h;

	/* an address has no blank */
	buf_fmt(&name, "%s ", request->remote);
	for (const char *c = request->login; *c; c++)
		buf_char(&name, *c >= 'A' && *c <= 'Z' ? (char) (*c | 0x20) : *c);
	h = hash("n", name.data);
	buf_free(&name);
	return h;
}

/*
 * The buckets that a login is counted in, and the seconds to wait for both.
 * One is the account's as tried from this address, so that a stranger who
 * guesses shuts nobody out but those at the same address.  The other is the
 * address's, whatever names it tries.  take is what is taken from them.
 */
static unsigned
use_login_buckets(const Request *request, double take)
{
	double burst = (double) config()->login_burst;
	double interval = (double) config()->login_interval;
	double wait = 0;
	const struct
	{
		bool used;
		uint64_t name;
		double share;
	} buckets[] = {
		{request->login != NULL, request->login ? login_hash(request) : 0, 1},
		{true, hash("a", request->remote), ADDRESS_SHARE},
	};

	for (size_t i = 0; i < sizeof buckets / sizeof buckets[0]; i++)
	{
		double most = burst * buckets[i].share;
		double time = interval / buckets[i].share;
		Bucket *bucket;

		if (!buckets[i].used)
			continue;
		bucket = find_bucket(logins, buckets[i].name, 1 / time, most);
		/* guesses that were under way at the same time are paid for later */
		bucket->level = fmax(-MAX_DEBT * most, bucket->level - take);
		if (bucket->level < 1)
			wait = fmax(wait, (1 - bucket->level) * time / 1000);
	}
	return (unsigned) ceil(wait);
}

unsigned
limit_login(const Request *request)
{
	unsigned wait;

	if (config()->login_burst == 0)
		return 0;
	pthread_mutex_lock(&lock);
	wait = use_login_buckets(request, 0);
	pthread_mutex_unlock(&lock);
	return wait;
}

void
limit_login_failed(const Request *request)
{
	if (config()->login_burst == 0)
		return;
	pthread_mutex_lock(&lock);
	use_login_buckets(request, 1);
	pthread_mutex_unlock(&lock);
}
