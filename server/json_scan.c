/*
 * json_scan.c
 *	  Tells quickly that a body is well-formed.
 *
 * The parser builds a tree only to throw it away, which for a body of some
 * megabytes takes tens of milliseconds and many times its memory.  Here nothing
 * is built.  What is unusual (long numbers, many or escaped names, deep nesting)
 * is not decided, and left to the parser like all that is wrong, for the parser
 * is the one that says what it is.
 */
#include "param.h"

#define MAX_LEVELS 32
#define MAX_NAMES 32
#define MAX_NUMBER 40 /* characters, so that no number is out of range */

/* an object or array that is open */
typedef struct ScanLevel
{
	bool object;
	unsigned nnames;
	Span names[MAX_NAMES];
} ScanLevel;

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

static const char *
skip_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* an escape behind its backslash; NULL for half of a character, and for NUL */
static const char *
scan_escape(const char *at, const char *end)
{
	unsigned code = 0;

	if (at < end && *at != '\0' && strchr("\"\\/bfnrt", *at))
		return at + 1;
	if (end - at < 5 || *at != 'u')
		return NULL;
	for (int i = 1; i <= 4; i++)
	{
		const char *digits = "0123456789abcdef";
		const char *digit = strchr(digits, at[i] >= 'A' && at[i] <= 'F' ? at[i] + 32 : at[i]);

		if (!digit || *digit == '\0')
			return NULL;
		code = code * 16 + (unsigned) (digit - digits);
	}
	return code == 0 || (code >= 0xD800 && code <= 0xDFFF) ? NULL : at + 5;
}

/* a string with both quotes */
static const char *
scan_string(const char *at, const char *end)
{
	for (at++; at && at < end && *at != '"';)
	{
		unsigned char c = (unsigned char) *at;
		int length = c < 0x80 ? 1 : utf8_length(at, (size_t) (end - at));

		if (c < 0x20 || length == 0)
			return NULL;
		at = c == '\\' ? scan_escape(at + 1, end) : at + length;
	}
	return at && at < end ? at + 1 : NULL;
}

static const char *
scan_number(const char *at, const char *end)
{
	const char *start = at;
	const char *digits = at + (*at == '-');

	at = skip_digits(digits, end);
	if (at == digits || (*digits == '0' && at > digits + 1))
		return NULL;
	if (at < end && *at == '.')
	{
		digits = at + 1;
		at = skip_digits(digits, end);
		if (at == digits)
			return NULL;
	}
	if (at < end && (*at == 'e' || *at == 'E'))
	{
		digits = at + 1;
		if (digits < end && (*digits == '+' || *digits == '-'))
			digits++;
		at = skip_digits(digits, end);
		if (at == digits || at > digits + 2)
			return NULL;
	}
	return at - start <= MAX_NUMBER ? at : NULL;
}

static const char *
scan_scalar(const char *at, const char *end)
{
	static const Span words[] = {{"true", 4}, {"false", 5}, {"null", 4}};

	if (*at == '"')
		return scan_string(at, end);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if ((size_t) (end - at) >= words[i].len && memcmp(at, words[i].base, words[i].len) == 0)
			return at + words[i].len;
	return scan_number(at, end);
}

/* the name of a member and the colon; NULL if the object has it already */
static const char *
scan_name(ScanLevel *level, const char *at, const char *end)
{
	Span name = {at, 0};

	if (at >= end || *at != '"' || level->nnames == MAX_NAMES ||
		(at = scan_string(at, end)) == NULL)
		return NULL;
	name.len = (size_t) (at - name.base);
	/* written in another way it may be the same name */
	if (memchr(name.base, '\\', name.len))
		return NULL;
	for (unsigned i = 0; i < level->nnames; i++)
		if (span_is(level->names[i], name))
			return NULL;
	level->names[level->nnames++] = name;
	at = skip_space(at, end);
	return at < end && *at == ':' ? skip_space(at + 1, end) : NULL;
}

/* what follows a value: the next one, in *depth levels, or the end at depth 0 */
static const char *
scan_next(ScanLevel *levels, unsigned *depth, const char *at, const char *end)
{
	for (;;)
	{
		ScanLevel *level = levels + *depth - (*depth > 0);

		at = skip_space(at, end);
		if (*depth == 0)
			return at;
		if (at == end)
			return NULL;
		if (*at == ',')
		{
			at = skip_space(at + 1, end);
			return level->object ? scan_name(level, at, end) : at;
		}
		if (*at++ != (level->object ? '}' : ']'))
			return NULL;
		--*depth;
	}
}

bool
json_scan(Span text, int64_t most)
{
	ScanLevel levels[MAX_LEVELS];
	unsigned depth = 0;
	const char *end = text.base + text.len;
	const char *at = skip_space(text.base, end);

	if (at == end || *at != '{')
		return false;
	do
	{
		if (at == end)
			return false;
		if (*at != '{' && *at != '[')
		{
			at = scan_scalar(at, end);
			at = at ? scan_next(levels, &depth, at, end) : NULL;
			continue;
		}
		if (depth == MAX_LEVELS || depth >= (uint64_t) most)
			return false;
		levels[depth].object = *at == '{';
		levels[depth++].nnames = 0;
		at = skip_space(at + 1, end);
		if (at < end && *at == (levels[depth - 1].object ? '}' : ']'))
			at = scan_next(levels, &depth, at, end);
		else if (levels[depth - 1].object)
			at = scan_name(&levels[depth - 1], at, end);
	} while (at && depth > 0);
	return at == end;
}
