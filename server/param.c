/*
 * param.c
 *	  Checks of the query and of header parameters, as openapi.json has them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "media.h"
#include "param.h"
#include "reply.h"

#define MAX_QUERY 8192

/* room for a value that is passed on in another form than it came, and for what is wrong with one */
#define VALUE_SIZE 32
#define MESSAGE_SIZE 400

static void
add_error(Buf *errors, Span name, const char *detail)
{
	Buf pointer = {0};

	buf_pointer(&pointer, name);
	problem_error(errors, buf_span(&pointer), detail);
	buf_free(&pointer);
}

static bool
is_choice(const Param *param, Span value)
{
	for (size_t i = 0; i < param->nchoices; i++)
		if (span_is(value, span_z(param->choices[i])))
			return true;
	return false;
}

/* reads exactly n digits, a number within a range; not to be read is -1 */
static int
number(const char **at, const char *end, int n, int min, int max)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*at)++)
	{
		if (*at >= end || **at < '0' || **at > '9')
			return -1;
		value = value * 10 + (**at - '0');
	}
	return value >= min && value <= max ? value : -1;
}

static bool
digits(const char **at, const char *end, int n, int min, int max)
{
	return number(at, end, n, min, max) >= 0;
}

static bool
one_of(const char **at, const char *end, const char *set)
{
	if (*at >= end || !strchr(set, **at) || **at == '\0')
		return false;
	(*at)++;
	return true;
}

/* reads YYYY-MM-DD, a day that exists */
static bool
date(const char **at, const char *end)
{
	static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year;
	int month;
	int day;

	if ((year = number(at, end, 4, 1, 9999)) < 0 || !one_of(at, end, "-") ||
		(month = number(at, end, 2, 1, 12)) < 0 || !one_of(at, end, "-") ||
		(day = number(at, end, 2, 1, 31)) < 0)
		return false;
	if (month == 2 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0)))
		return day <= 28;
	return day <= days[month - 1];
}

/* RFC 3339 date-time, with an offset that the database takes */
static bool
is_date_time(Span value)
{
	const char *at = value.base;
	const char *end = at + value.len;

	if (!date(&at, end) || !one_of(&at, end, "Tt ") || !digits(&at, end, 2, 0, 23) ||
		!one_of(&at, end, ":") || !digits(&at, end, 2, 0, 59) || !one_of(&at, end, ":") ||
		!digits(&at, end, 2, 0, 60))
		return false;
	if (one_of(&at, end, "."))
	{
		int n = 0;

		while (digits(&at, end, 1, 0, 9))
			n++;
		if (n == 0 || n > 9)
			return false;
	}
	if (one_of(&at, end, "Zz"))
		return at == end;
	return one_of(&at, end, "+-") && digits(&at, end, 2, 0, 15) && one_of(&at, end, ":") &&
		   digits(&at, end, 2, 0, 59) && at == end;
}

/* says what is wrong with a time, or NULL; a plain date becomes its midnight in UTC */
static const char *
check_date_time(Span *value, char room[VALUE_SIZE])
{
	const char *at = value->base;
	char *blank;

	if (is_date_time(*value))
		return NULL;
	if (value->len == 10 && date(&at, at + value->len))
	{
		snprintf(room, VALUE_SIZE, "%.10sT00:00:00Z", value->base);
		*value = span_z(room);
		return NULL;
	}
	/* in a query + means a blank */
	snprintf(room, VALUE_SIZE, "%.*s", value->len < VALUE_SIZE ? (int) value->len : 0, value->base);
	if ((blank = strrchr(room, ' ')) != NULL)
	{
		*blank = '+';
		if (is_date_time(span_z(room)))
			return "has a blank where a + was meant: write %2B for +";
	}
	return "must be a time such as 2024-05-31T13:00:00Z or a date such as 2024-05-31";
}

static size_t
count_characters(Span text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += ((unsigned char) text.base[i] & 0xC0) != 0x80;
	return n;
}

/* says what is wrong with a whole number, or NULL */
static const char *
check_integer(const Param *param, Span value, char *message, size_t size)
{
	int64_t number;
	bool negative = value.len > 1 && value.base[0] == '-';
	Span figures = {value.base + negative, value.len - negative};

	if (!parse_int64(figures, &number))
		return "must be a whole number";
	if (negative)
		number = -number;
	if (number >= param->minimum && number <= param->maximum)
		return NULL;
	if (param->maximum == INT64_MAX)
		snprintf(message, size, "must be %lld or more", (long long) param->minimum);
	else
		snprintf(message, size, "must be from %lld to %lld", (long long) param->minimum,
				 (long long) param->maximum);
	return message;
}

/* says what is wrong with a boolean, or NULL; true and false are passed on in lower case */
static const char *
check_boolean(Span *value)
{
	static const struct
	{
		const char *text;
		bool yes;
	} texts[] = {{"true", true}, {"false", false}, {"1", true}, {"0", false}};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
	{
		if (value->len != strlen(texts[i].text) ||
			strncasecmp(value->base, texts[i].text, value->len) != 0)
			continue;
		*value = texts[i].yes ? SPAN("true") : SPAN("false");
		return NULL;
	}
	return "must be true or false";
}

/* true if a text, or an element of a list, is one of the choices and looks as it should */
static bool
fits(const Param *param, Span text)
{
	char *copy;
	bool matches;

	if (param->choices && !is_choice(param, text))
		return false;
	if (!param->pattern)
		return true;
	copy = strndup(text.base, text.len);
	matches = copy && regexec(&param->regex, copy, 0, NULL, 0) == 0;
	free(copy);
	return matches;
}

static bool
list_fits(const Param *param, Span value)
{
	const char *end = value.base + value.len;

	for (const char *at = value.base; at <= end;)
	{
		const char *comma = at < end ? memchr(at, ',', (size_t) (end - at)) : NULL;
		const char *stop = comma ? comma : end;

		if (!fits(param, (Span){at, (size_t) (stop - at)}))
			return false;
		at = stop + 1;
	}
	return true;
}

/* says what is wrong with a text or a comma list of texts, or NULL */
static const char *
check_text(const Param *param, Span value, char message[MESSAGE_SIZE])
{
	bool list = param->type == PARAM_LIST;
	size_t len;

	if (value.len > param->max_length && count_characters(value) > param->max_length)
	{
		snprintf(message, MESSAGE_SIZE, "must have %zu characters at most", param->max_length);
		return message;
	}
	if (value.len < param->min_length)
		return "must not be empty";
	if (list ? list_fits(param, value) : fits(param, value))
		return NULL;
	if (param->hint)
		return param->hint;
	len = (size_t) snprintf(message, MESSAGE_SIZE,
							"must be %s:", list ? "a comma list of" : "one of");
	for (size_t i = 0; i < param->nchoices && len < MESSAGE_SIZE; i++)
		len += (size_t) snprintf(message + len, MESSAGE_SIZE - len, "%s %s", i ? "," : "",
								 param->choices[i]);
	return message;
}

/*
 * Says what is wrong with a value, or NULL.  The value may be replaced by
 * another form of it, in room.
 */
static const char *
check_value(const Param *param, Span *value, char room[VALUE_SIZE], char message[MESSAGE_SIZE])
{
	switch (param->type)
	{
		case PARAM_INTEGER:
			return check_integer(param, *value, message, MESSAGE_SIZE);
		case PARAM_BOOLEAN:
			return check_boolean(value);
		default:
			return param->date_time ? check_date_time(value, room)
									: check_text(param, *value, message);
	}
}

static const Param *
find_param(const Operation *op, Span name, bool in_header)
{
	for (size_t i = 0; i < op->nparams; i++)
		if (op->params[i].in_header == in_header && span_is(name, span_z(op->params[i].name)))
			return &op->params[i];
	return NULL;
}

/* one "name=value" of the query, decoded; seen has a flag for each parameter */
static void
check_pair(Request *request, Span name, Span value, bool *seen, Buf *object, Buf *errors)
{
	const Operation *op = request->op;
	const Param *param = find_param(op, name, false);
	char room[VALUE_SIZE];
	char message[MESSAGE_SIZE];
	const char *wrong;

	if (!param)
		wrong = "is not a parameter of this operation";
	else if (seen[param - op->params])
		wrong = "is there more than once; give it once";
	else
		wrong = check_value(param, &value, room, message);
	if (param)
		seen[param - op->params] = true;
	if (wrong)
	{
		add_error(errors, name, wrong);
		return;
	}
	/* these are omsd's own */
	if (op->write && span_is(name, SPAN("dry_run")))
	{
		request->dry_run = span_is(value, SPAN("true"));
		return;
	}
	if (op->export && span_is(name, SPAN("format")))
	{
		request->wanted = media_by_word(value);
		request->wanted_given = true;
		return;
	}
	if (object->len > 1)
		buf_char(object, ',');
	buf_json(object, name);
	buf_char(object, ':');
	buf_json(object, value);
}

void
param_query(Request *request, Buf *object, Buf *errors)
{
	const Operation *op = request->op;
	const char *at = request->query_string.base;
	const char *end = at + request->query_string.len;
	bool seen[op->nparams + 1];
	char text[MAX_QUERY];

	memset(seen, 0, sizeof seen);
	buf_char(object, '{');
	if (request->query_string.len > MAX_QUERY)
	{
		problem_error(errors, SPAN(""), "the query must have 8192 bytes at most");
		return;
	}
	while (at < end)
	{
		const char *stop = memchr(at, '&', (size_t) (end - at));
		const char *equal;
		ssize_t name_len;
		ssize_t value_len = 0;

		if (!stop)
			stop = end;
		equal = memchr(at, '=', (size_t) (stop - at));
		name_len = url_decode((Span){at, (size_t) ((equal ? equal : stop) - at)}, text);
		if (equal && name_len >= 0)
			value_len = url_decode((Span){equal + 1, (size_t) (stop - equal - 1)}, text + name_len);
		if (name_len < 0 || value_len < 0)
			add_error(errors, (Span){at, (size_t) ((equal ? equal : stop) - at)},
					  "must be percent-encoded UTF-8 without NUL");
		else if (stop > at)
			check_pair(request, (Span){text, (size_t) name_len},
					   (Span){text + name_len, (size_t) value_len}, seen, object, errors);
		at = stop + 1;
	}
	buf_char(object, '}');
	for (size_t i = 0; i < op->nparams; i++)
		if (op->params[i].required && !op->params[i].in_header && !seen[i])
			add_error(errors, span_z(op->params[i].name), "is required");
}

void
param_header(const Operation *op, const char *name, const Span *value, Buf *errors)
{
	const Param *param = find_param(op, span_z(name), true);
	Span text = value ? *value : SPAN_NONE;
	char room[VALUE_SIZE];
	char message[MESSAGE_SIZE];
	const char *wrong = NULL;

	if (!param)
		return;
	if (!value)
		wrong = param->required ? "is required" : NULL;
	else
		wrong = check_value(param, &text, room, message);
	if (wrong)
		add_error(errors, span_z(name), wrong);
}

void
param_path(const Operation *op, Span value, Buf *errors)
{
	char message[MESSAGE_SIZE];
	const char *wrong = check_text(&op->path_param, value, message);

	if (wrong)
		add_error(errors, span_z(op->path_param.name), wrong);
}
