/*
 * admit.c
 *	  Who may send what: roles, and how large a body may become.
 *
 * A body lies in memory as a whole before it is looked at.  So a large one is
 * admitted only after its sender has shown a token that may call the operation,
 * and only as long as all large ones together keep within large_body_memory.
 * This is decided from the head alone, before the body is read.
 */
#include "admit.h"
#include "auth.h"
#include "config.h"
#include "reply.h"

/* largest body that is read from somebody who has no token where one is needed */
#define STRANGER_LIMIT 16384

/* large bodies under way in all threads, bytes */
static int64_t large_bodies;

typedef struct Refusal
{
	OmsError error;
	const char *detail;
	const char *hint;
} Refusal;

/* 401 or 403; false if the role will do */
static bool
refuse_role(Request *request, Role role, Refusal *refusal)
{
	static const Refusal states[] = {
		[AUTH_MISSING] = {ERR_NOT_AUTHENTICATED, "this needs an access token",
						  "get one with POST token/ and send it as Authorization: Bearer"},
		[AUTH_INVALID] = {ERR_TOKEN_INVALID, "the access token is not valid",
						  "get one with POST token/ and send it as Authorization: Bearer"},
		[AUTH_EXPIRED] = {ERR_TOKEN_EXPIRED, "the access token has expired",
						  "get a new one with POST token/refresh/"},
	};
	static const Refusal lacking[ROLE_COUNT] = {
		[ROLE_STAFF] = {ERR_FORBIDDEN, "this needs the role staff",
						"log in with an account that has the role staff"},
		[ROLE_ADMIN] = {ERR_FORBIDDEN, "this needs the role admin",
						"log in with an account that has the role admin"},
	};
	AuthState state;

	if (role == ROLE_NONE)
		return false;
	state = auth_check(request);
	if (state == AUTH_OK && request->role >= role)
		return false;
	*refusal = state == AUTH_OK ? lacking[role] : states[state];
	return true;
}

bool
admit_role(Request *request, Role role)
{
	Refusal refusal;

	if (!refuse_role(request, role, &refusal))
		return true;
	reply_problem(request, refusal.error, refusal.detail, refusal.hint);
	return false;
}

/* the largest body that the operation takes */
static size_t
most_of(const Operation *op)
{
	int64_t usual = config()->body_limit;
	int64_t memory = config()->large_body_memory;
	int64_t most = op->body_limit;

	/* what never fits into memory is too large, not too much at the moment */
	if (most > memory)
		most = memory;
	return (size_t) (most > usual ? most : usual);
}

static bool
hold(Head *head, size_t size)
{
	int64_t sum = __atomic_add_fetch(&large_bodies, (int64_t) size, __ATOMIC_RELAXED);

	head->held = size;
	if (sum <= config()->large_body_memory)
		return true;
	api_release(head);
	return false;
}

void
api_release(Head *head)
{
	if (head->held)
		__atomic_sub_fetch(&large_bodies, (int64_t) head->held, __ATOMIC_RELAXED);
	head->held = 0;
}

void
api_admit(Thread *thread, Head *head)
{
	const Operation *op = route_find(head->path, method_find(head->method)).op;
	size_t usual = (size_t) config()->body_limit;
	size_t size;

	head->limit = usual;
	head->refusal = REFUSE_SIZE;
	if (!op || !op->body_types)
		return;
	head->limit = most_of(op);
	if (op->role != ROLE_NONE && (head->chunked || head->length > STRANGER_LIMIT) &&
		auth_role(thread, head->authorization) < op->role)
	{
		head->limit = STRANGER_LIMIT < usual ? STRANGER_LIMIT : usual;
		head->refusal = REFUSE_ROLE;
		return;
	}
	/* nobody knows how long a chunked one becomes */
	size = head->chunked ? head->limit : (size_t) head->length;
	if (size <= usual || size > head->limit)
		return;
	if (!hold(head, size))
	{
		head->limit = usual;
		head->refusal = REFUSE_MEMORY;
	}
}

/* 413 with the numbers */
static Span
describe_size(Request *request)
{
	const Head *head = request->head_seen;
	Buf detail = {0};
	Span body;

	if (head->chunked)
		buf_fmt(&detail, "the body has more bytes than the %zu that it may have", head->limit);
	else
		buf_fmt(&detail, "the body has %llu bytes, and may have %zu",
				(unsigned long long) head->length, head->limit);
	body = problem_body(request, ERR_BODY_TOO_LARGE, detail.data,
						request->op && request->op->body_limit ? HINT_SMALLER_FILE : HINT_SMALLER);
	buf_free(&detail);
	return body;
}

Span
admit_problem(Request *request)
{
	Refusal refusal;

	request->op = route_find(request->path, request->method).op;
	if (request->head_seen->refusal == REFUSE_MEMORY)
		return problem_body(request, ERR_OVERLOADED,
							"too many large bodies are being received at the same time",
							"wait as long as Retry-After says; the setting large_body_memory of "
							"omsd is the limit");
	if (request->head_seen->refusal == REFUSE_ROLE && request->op &&
		refuse_role(request, request->op->role, &refusal))
		return problem_body(request, refusal.error, refusal.detail, refusal.hint);
	return describe_size(request);
}
