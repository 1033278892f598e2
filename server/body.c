/*
 * body.c
 *	  Checks that a request's body is what the database may be given: one
 *	  JSON object in UTF-8, no duplicate keys, no NUL, not nested too deep.
 *
 * What the fields mean is checked by the verb.  The parser builds a tree only
 * to throw it away, so its memory comes from an arena that is reset after
 * each body instead of from malloc.
 */
#include <jansson.h>
#include <stdlib.h>

#include "config.h"
#include "param.h"

/* enough for an order of 500 lines; what does not fit comes from malloc */
#define ARENA_SIZE (512 * 1024)

static __thread char *arena;
static __thread size_t arena_used;
static __thread bool arena_active;

static void *
arena_malloc(size_t size)
{
	void *memory;

	size = (size + 15) & ~(size_t) 15;
	if (!arena_active || size > ARENA_SIZE - arena_used)
		return malloc(size);
	memory = arena + arena_used;
	arena_used += size;
	return memory;
}

static void
arena_free(void *memory)
{
	if (arena && (char *) memory >= arena && (char *) memory < arena + ARENA_SIZE)
		return;
	free(memory);
}

void
body_init(void)
{
	json_set_alloc_funcs(arena_malloc, arena_free);
	json_object_seed(0);
}

void
body_thread_close(void)
{
	free(arena);
	arena = NULL;
}

/* deepest nesting of brackets outside strings; cheaper than parsing first */
static int64_t
depth_of(Span body)
{
	int64_t depth = 0;
	int64_t deepest = 0;
	bool in_string = false;

	for (size_t i = 0; i < body.len; i++)
	{
		char c = body.base[i];

		if (in_string)
		{
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		}
		else if (c == '"')
			in_string = true;
		else if (c == '{' || c == '[')
		{
			if (++depth > deepest)
				deepest = depth;
		}
		else if (c == '}' || c == ']')
			depth--;
	}
	return deepest;
}

static BodyState
parse(Span body, Buf *message)
{
	/* integers of any length pass here: which field has one too large is the verb's to say */
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
	json_error_t error;
	json_t *tree = json_loadb(body.base, body.len, flags, &error);
	BodyState state = BODY_OK;

	if (!tree)
	{
		enum json_error_code code = json_error_code(&error);

		buf_fmt(message, "%s at line %d, column %d",
				code == json_error_numeric_overflow ? "a number is out of range"
				: code == json_error_null_character ? "\\u0000 is not allowed"
													: error.text,
				error.line, error.column);
		return code == json_error_numeric_overflow ? BODY_NOT_OBJECT : BODY_NOT_JSON;
	}
	if (!json_is_object(tree))
	{
		buf_str(message, "the body must be a JSON object");
		state = BODY_NOT_OBJECT;
	}
	json_decref(tree);
	return state;
}

BodyState
body_check(Span body, Buf *message)
{
	BodyState state;

	if (body.len == 0)
	{
		buf_str(message, "the request needs a body, a JSON object");
		return BODY_NOT_OBJECT;
	}
	if (depth_of(body) > config()->body_depth)
	{
		buf_fmt(message, "the body is nested deeper than %lld levels",
				(long long) config()->body_depth);
		return BODY_NOT_JSON;
	}
	if (!arena)
		arena = malloc(ARENA_SIZE);
	arena_used = 0;
	arena_active = arena != NULL;
	state = parse(body, message);
	arena_active = false;
	return state;
}
