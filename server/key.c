/*
 * key.c
 *	  Secrets that access tokens are signed with.
 *
 * A line of the file is "[kid] secret"; empty lines and those that begin with
 * # are skipped.  The first key signs, all of them verify, so a key is
 * replaced by putting the new one in front, and taken away once the tokens
 * that it signed have expired.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "config.h"
#include "key.h"
#include "log.h"

#define MIN_SECRET 32

/* 32 characters of a word repeated are no secret */
#define MIN_DISTINCT 12

static KeyRing *current;

const KeyRing *
key_ring(void)
{
	return __atomic_load_n(&current, __ATOMIC_ACQUIRE);
}

const Key *
key_find(const KeyRing *ring, const char *id)
{
	for (size_t i = 0; i < ring->count; i++)
		if (strcmp(ring->keys[i].id, id) == 0)
			return &ring->keys[i];
	return NULL;
}

static bool
is_id(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", text[i]))
			return false;
	return len > 0 && len <= KEY_ID_MAX;
}

static size_t
count_distinct(const char *text, size_t len)
{
	bool seen[256] = {false};
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
	{
		n += !seen[(unsigned char) text[i]];
		seen[(unsigned char) text[i]] = true;
	}
	return n;
}

/* a key without a name is called after a digest of its secret */
static void
name_key(Key *key)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	EVP_Digest(key->secret, key->len, digest, &len, EVP_sha256(), NULL);
	for (int i = 0; i < 6; i++)
		sprintf(key->id + 2 * i, "%02x", digest[i]);
}

/* reads one line; a secret never appears in a message */
static bool
parse_key(KeyRing *ring, char *line, Buf *error)
{
	static const char blank[] = " \t\r\n";
	char *first = line + strspn(line, blank);
	size_t first_len = strcspn(first, blank);
	char *second = first + first_len + strspn(first + first_len, blank);
	size_t second_len = strcspn(second, blank);
	char *secret = second_len ? second : first;
	size_t len = second_len ? second_len : first_len;
	Key *key;

	if (first_len == 0 || *first == '#')
		return true;
	if (second[second_len + strspn(second + second_len, blank)] != '\0' ||
		(second_len && !is_id(first, first_len)))
		buf_str(error, "a line must be [kid] secret; kid has letters, digits and ._- only");
	else if (len < MIN_SECRET)
		buf_fmt(error,
				"a secret needs %d characters or more; make one with: openssl rand -base64 48",
				MIN_SECRET);
	else if (count_distinct(secret, len) < MIN_DISTINCT)
		buf_str(error, "a secret is too regular; make one with: openssl rand -base64 48");
	else
	{
		ring->keys = realloc(ring->keys, (ring->count + 1) * sizeof *ring->keys);
		key = &ring->keys[ring->count];
		*key = (Key){.len = len};
		key->secret = xcalloc(1, len + 1);
		memcpy(key->secret, secret, len);
		if (second_len)
			memcpy(key->id, first, first_len);
		else
			name_key(key);
		if (!key_find(ring, key->id))
		{
			ring->count++;
			return true;
		}
		ring->count++;
		buf_fmt(error, "kid \"%s\" is there twice", key->id);
	}
	return false;
}

static void
free_ring(KeyRing *ring)
{
	for (size_t i = 0; i < ring->count; i++)
	{
		OPENSSL_cleanse(ring->keys[i].secret, ring->keys[i].len);
		free(ring->keys[i].secret);
	}
	free(ring->keys);
	free(ring);
}

bool
key_load(const char *file, Buf *error)
{
	static unsigned generation;
	FILE *in = *file ? fopen(file, "re") : NULL;
	KeyRing *ring;
	struct stat info;
	char line[8192];
	unsigned number = 0;
	bool ok = true;

	if (!in)
	{
		buf_fmt(error, "cannot read the setting signing_keys, \"%s\": %s", file,
				*file ? strerror(errno) : "it must name a file");
		return false;
	}
	if (fstat(fileno(in), &info) == 0 && (info.st_mode & (S_IWOTH | S_IROTH)) != 0)
		log_note(LOG_LEVEL_WARNING, "everybody may read or write signing_keys \"%s\"", file);
	ring = xcalloc(1, sizeof *ring);
	while (ok && fgets(line, sizeof line, in))
	{
		number++;
		ok = parse_key(ring, line, error);
	}
	OPENSSL_cleanse(line, sizeof line);
	fclose(in);
	if (ok && ring->count == 0)
		buf_fmt(error, "the file of signing_keys, \"%s\", has no key", file);
	else if (!ok)
		buf_fmt(error, " (%s, line %u)", file, number);
	if (!ok || ring->count == 0)
	{
		free_ring(ring);
		return false;
	}
	ring->generation = ++generation;
	ring->retired = current;
	__atomic_store_n(&current, ring, __ATOMIC_RELEASE);
	return true;
}

void
key_free(void)
{
	while (current)
	{
		KeyRing *ring = current;

		current = ring->retired;
		free_ring(ring);
	}
}
