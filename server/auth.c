/*
 * auth.c
 *	  The token gate.
 *
 * libjwt 1.10 writes out of bounds on the token "..", lets a token choose its
 * algorithm and checks no claims.  So it only sees what has passed the gate:
 * a bounded length, three parts of strict base64url, a header whose kid names
 * one of our keys and whose alg and typ are the ones that key is for.  The
 * claims are then read and checked here.
 */
#include <jansson.h>
#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "auth.h"
#include "config.h"
#include "key.h"
#include "metrics.h"

#define TOKEN_MAX 4096
/* libjwt writes no other */
#define TOKEN_TYPE "JWT"
#define SIGNATURE_LEN 32

/* how far the clocks of two servers may differ, seconds */
#define LEEWAY 30

#define CACHE_SLOTS 1024

/* a token that was verified; the same bytes need not be verified again */
typedef struct CachedToken
{
	char *token;
	size_t len;
	unsigned generation; /* of the keys */
	int64_t expires;
	Role role;
	char subject[SUBJECT_MAX + 1];
} CachedToken;

typedef struct TokenCache
{
	CachedToken slots[CACHE_SLOTS];
} TokenCache;

typedef struct Parts
{
	Span header;
	Span claims;
	Span signature;
} Parts;

static const Span role_names[ROLE_COUNT] = {
	[ROLE_NONE] = {"none", 4}, [ROLE_STAFF] = {"staff", 5}, [ROLE_ADMIN] = {"admin", 5}};

bool
auth_load_keys(const char *file, Buf *error)
{
	return key_load(file, error);
}

void
auth_free(void)
{
	key_free();
}

void
auth_thread_open(Thread *thread)
{
	thread->tokens = xcalloc(1, sizeof *thread->tokens);
}

void
auth_thread_close(Thread *thread)
{
	for (int i = 0; i < CACHE_SLOTS; i++)
		free(thread->tokens->slots[i].token);
	free(thread->tokens);
	thread->tokens = NULL;
}

/* exactly three parts, none empty */
static bool
split(Span token, Parts *parts)
{
	const char *end = token.base + token.len;
	const char *first;
	const char *second;

	if (token.len == 0 || token.len > TOKEN_MAX)
		return false;
	first = memchr(token.base, '.', token.len);
	second = first ? memchr(first + 1, '.', (size_t) (end - first - 1)) : NULL;
	if (!second || memchr(second + 1, '.', (size_t) (end - second - 1)))
		return false;
	parts->header = (Span){token.base, (size_t) (first - token.base)};
	parts->claims = (Span){first + 1, (size_t) (second - first - 1)};
	parts->signature = (Span){second + 1, (size_t) (end - second - 1)};
	return parts->header.len && parts->claims.len && parts->signature.len;
}

/* decodes a part to a JSON object without duplicate keys, or NULL */
static json_t *
decode_part(Span part)
{
	unsigned char text[TOKEN_MAX];
	ssize_t len = base64url_decode(part, text, sizeof text);
	json_t *object;

	if (len <= 0)
		return NULL;
	object = json_loadb((char *) text, (size_t) len, JSON_REJECT_DUPLICATES, NULL);
	if (object && !json_is_object(object))
	{
		json_decref(object);
		return NULL;
	}
	return object;
}

static bool
has_text(json_t *object, const char *name, const char *text)
{
	json_t *value = json_object_get(object, name);

	return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* the key for a header, or NULL: the key decides the algorithm, the header may agree */
static const Key *
key_for(const KeyRing *ring, Span header)
{
	json_t *object = decode_part(header);
	json_t *id = json_object_get(object, "kid");
	const Key *key = NULL;

	if (object && json_is_string(id) && has_text(object, "alg", "HS256") &&
		has_text(object, "typ", TOKEN_TYPE) && !json_object_get(object, "crit"))
		key = key_find(ring, json_string_value(id));
	json_decref(object);
	return key;
}

/* checks the claims and notes who it is */
static AuthState
read_claims(Span part, CachedToken *found)
{
	json_t *claims = decode_part(part);
	json_t *expires = json_object_get(claims, "exp");
	json_t *issued = json_object_get(claims, "iat");
	json_t *from = json_object_get(claims, "nbf");
	json_t *subject = json_object_get(claims, "sub");
	int64_t now = time(NULL);
	AuthState state = AUTH_INVALID;

	if (claims && json_is_integer(expires) && json_is_integer(issued) &&
		json_integer_value(issued) <= now + LEEWAY &&
		(!from || (json_is_integer(from) && json_integer_value(from) <= now + LEEWAY)) &&
		has_text(claims, "iss", config()->issuer) && has_text(claims, "aud", config()->audience) &&
		json_is_string(subject) && json_string_length(subject) > 0 &&
		json_string_length(subject) <= SUBJECT_MAX)
	{
		found->role = has_text(claims, "role", "admin")   ? ROLE_ADMIN
					  : has_text(claims, "role", "staff") ? ROLE_STAFF
														  : ROLE_NONE;
		found->expires = json_integer_value(expires) + LEEWAY;
		memcpy(found->subject, json_string_value(subject), json_string_length(subject) + 1);
		if (found->expires <= now)
			state = AUTH_EXPIRED;
		else if (found->role != ROLE_NONE)
			state = AUTH_OK;
	}
	json_decref(claims);
	return state;
}

/* the gate, libjwt, the claims */
static AuthState
verify(const KeyRing *ring, Span token, CachedToken *found)
{
	unsigned char signature[SIGNATURE_LEN];
	char text[TOKEN_MAX + 1];
	jwt_t *jwt = NULL;
	const Key *key;
	Parts parts;
	int failed;

	if (!split(token, &parts) ||
		base64url_decode(parts.signature, signature, sizeof signature) != SIGNATURE_LEN ||
		(key = key_for(ring, parts.header)) == NULL)
		return AUTH_INVALID;
	memcpy(text, token.base, token.len);
	text[token.len] = '\0';
	failed = jwt_decode(&jwt, text, (const unsigned char *) key->secret, (int) key->len);
	ERR_clear_error();
	if (failed || jwt_get_alg(jwt) != JWT_ALG_HS256)
	{
		if (!failed)
			jwt_free(jwt);
		return AUTH_INVALID;
	}
	jwt_free(jwt);
	return read_claims(parts.claims, found);
}

/* a slot by the signature's characters, which are as good as random */
static CachedToken *
slot_of(TokenCache *cache, Span token)
{
	uint64_t hash;

	memcpy(&hash, token.base + token.len - sizeof hash, sizeof hash);
	return &cache->slots[(hash * 0x9E3779B97F4A7C15u) >> 32 & (CACHE_SLOTS - 1)];
}

static AuthState
verify_cached(Thread *thread, Span token, const CachedToken **found)
{
	const KeyRing *ring = key_ring();
	CachedToken *slot;
	CachedToken fresh = {0};
	AuthState state;

	if (token.len < 16 || token.len > TOKEN_MAX)
		return AUTH_INVALID;
	slot = slot_of(thread->tokens, token);
	*found = slot;
	if (slot->len == token.len && slot->generation == ring->generation &&
		CRYPTO_memcmp(slot->token, token.base, token.len) == 0)
		return slot->expires > time(NULL) ? AUTH_OK : AUTH_EXPIRED;
	metrics_add(thread, COUNT_TOKENS_VERIFIED, 1);
	state = verify(ring, token, &fresh);
	if (state != AUTH_OK)
		return state;
	free(slot->token);
	*slot = fresh;
	slot->len = token.len;
	slot->generation = ring->generation;
	slot->token = xcalloc(1, token.len);
	memcpy(slot->token, token.base, token.len);
	return AUTH_OK;
}

/* "Bearer" and a token */
static AuthState
verify_bearer(Thread *thread, Span value, const CachedToken **found)
{
	static const char scheme[] = "Bearer ";

	if (value.len < sizeof scheme || strncasecmp(value.base, scheme, sizeof scheme - 1) != 0)
		return AUTH_INVALID;
	value.base += sizeof scheme - 1;
	value.len -= sizeof scheme - 1;
	while (value.len && *value.base == ' ')
		value.base++, value.len--;
	return verify_cached(thread, value, found);
}

Role
auth_role(Thread *thread, Span authorization)
{
	const CachedToken *found;

	return verify_bearer(thread, authorization, &found) == AUTH_OK ? found->role : ROLE_NONE;
}

AuthState
auth_check(Request *request)
{
	const CachedToken *found;
	Span value;
	AuthState state;
	int count = http_header(request, HEADER_AUTHORIZATION, &value);

	if (count == 0)
		return AUTH_MISSING;
	if (count > 1)
		return AUTH_INVALID;
	state = verify_bearer(request->thread, value, &found);
	if (state == AUTH_OK)
	{
		request->user = http_copy(request, span_z(found->subject)).base;
		request->role = found->role;
	}
	else
		metrics_add(request->thread, COUNT_TOKENS_REFUSED, 1);
	return state;
}

char *
auth_sign(const char *subject, const char *role, const char *session)
{
	const Key *key = &key_ring()->keys[0];
	time_t now = time(NULL);
	char id[UUID_LEN + 1];
	char *token = NULL;
	jwt_t *jwt;

	if (strcmp(role, role_names[ROLE_ADMIN].base) != 0 &&
		strcmp(role, role_names[ROLE_STAFF].base) != 0)
		return NULL;
	if (strlen(subject) > SUBJECT_MAX || jwt_new(&jwt) != 0)
		return NULL;
	uuid7(id);
	if (jwt_add_header(jwt, "kid", key->id) == 0 &&
		jwt_add_grant(jwt, "iss", config()->issuer) == 0 &&
		jwt_add_grant(jwt, "aud", config()->audience) == 0 &&
		jwt_add_grant(jwt, "sub", subject) == 0 && jwt_add_grant(jwt, "role", role) == 0 &&
		(!session || jwt_add_grant(jwt, "sid", session) == 0) &&
		jwt_add_grant(jwt, "jti", id) == 0 && jwt_add_grant_int(jwt, "iat", now) == 0 &&
		jwt_add_grant_int(jwt, "exp", now + config()->access_token_time / 1000) == 0 &&
		jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *) key->secret, (int) key->len) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	return token;
}
