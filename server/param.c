/*
 * param.c
 *	  Checks of the query and of header parameters, as openapi.json has them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "param.h"

#define MAX_QUERY 8192

/* adds {"pointer","detail"}; the pointer is that of RFC 6901, where ~ and / are escaped */
static void
add_error(Buf *errors, Span name, const char *detail)
{
	Buf pointer = {0};

	buf_char(&pointer, '/');
	for (size_t i = 0; i < name.len; i++)
	{
		if (name.base[i] == '~' || name.base[i] == '/')
			buf_str(&pointer, name.base[i] == '~' ? "~0" : "~1");
		else
			buf_char(&pointer, name.base[i]);
	}
	buf_str(errors, errors->len ? ",{\"pointer\":" : "{\"pointer\":");
	buf_json(errors, buf_span(&pointer));
	buf_str(errors, ",\"detail\":");
	buf_json(errors, span_z(detail));
	buf_char(errors, '}');
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

/* reads exactly n digits within a range */
static bool
digits(const char **at, const char *end, int n, int min, int max)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*at)++)
	{
		if (*at >= end || **at < '0' || **at > '9')
			return false;
		value = value * 10 + (**at - '0');
	}
	return value >= min && value <= max;
}

static bool
one_of(const char **at, const char *end, const char *set)
{
	if (*at >= end || !strchr(set, **at) || **at == '\0')
		return false;
	(*at)++;
	return true;
}

/* RFC 3339 date-time; that the day exists in its month is the database's to say */
static bool
is_date_time(Span value)
{
	const char *at = value.base;
	const char *end = at + value.len;

	if (!digits(&at, end, 4, 1, 9999) || !one_of(&at, end, "-") || !digits(&at, end, 2, 1, 12) ||
		!one_of(&at, end, "-") || !digits(&at, end, 2, 1, 31) || !one_of(&at, end, "Tt ") ||
		!digits(&at, end, 2, 0, 23) || !one_of(&at, end, ":") || !digits(&at, end, 2, 0, 59) ||
		!one_of(&at, end, ":") || !digits(&at, end, 2, 0, 60))
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
	return one_of(&at, end, "+-") && digits(&at, end, 2, 0, 23) && one_of(&at, end, ":") &&
		   digits(&at, end, 2, 0, 59) && at == end;
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

/* says what is wrong with an element of a comma list, or NULL */
static const char *
check_list(const Param *param, Span value)
{
	const char *end = value.base + value.len;

	for (const char *at = value.base; at <= end;)
	{
		const char *comma = at < end ? memchr(at, ',', (size_t) (end - at)) : NULL;
		const char *stop = comma ? comma : end;

		if (param->choices && !is_choice(param, (Span){at, (size_t) (stop - at)}))
			return "";
		at = stop + 1;
	}
	return NULL;
}

/* says what is wrong with a value, or NULL; message is room for text */
static const char *
check_value(const Param *param, Span value, char *message, size_t size)
{
	const char *wrong = NULL;

	if (param->type == PARAM_INTEGER)
		return check_integer(param, value, message, size);
	if (param->type == PARAM_BOOLEAN)
		return span_is(value, SPAN("true")) || span_is(value, SPAN("false"))
				   ? NULL
				   : "must be true or false";
	if (value.len > param->max_length && count_characters(value) > param->max_length)
	{
		snprintf(message, size, "must have %zu characters at most", param->max_length);
		return message;
	}
	if (value.len < param->min_length)
		return "must not be empty";
	if (param->type == PARAM_LIST)
		wrong = check_list(param, value);
	else if (param->choices && !is_choice(param, value))
		wrong = "";
	if (wrong)
	{
		size_t len = (size_t) snprintf(
			message, size, "must be %s:", param->type == PARAM_LIST ? "a comma list of" : "one of");

		for (size_t i = 0; i < param->nchoices && len < size; i++)
			len += (size_t) snprintf(message + len, size - len, "%s %s", i ? "," : "",
									 param->choices[i]);
		return message;
	}
	if (param->date_time && !is_date_time(value))
		return "must be a time such as 2024-05-31T13:00:00Z";
	if (param->pattern)
	{
		char *text = strndup(value.base, value.len);
		bool fits = text && regexec(&param->regex, text, 0, NULL, 0) == 0;

		free(text);
		if (!fits)
		{
			snprintf(message, size, "must look like %s", param->pattern);
			return message;
		}
	}
	return NULL;
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
check_pair(const Operation *op, Span name, Span value, bool *seen, Buf *object, Buf *errors)
{
	const Param *param = find_param(op, name, false);
	char message[400];
	const char *wrong;

	if (!param)
		wrong = "is not a parameter of this operation; remove it";
	else if (seen[param - op->params])
		wrong = "is there more than once";
	else
		wrong = check_value(param, value, message, sizeof message);
	if (param)
		seen[param - op->params] = true;
	if (wrong)
	{
		add_error(errors, name, wrong);
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
		add_error(errors, SPAN(""), "the query is too long");
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
			check_pair(op, (Span){text, (size_t) name_len},
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
	char message[400];
	const char *wrong = NULL;

	if (!param)
		return;
	if (!value)
		wrong = param->required ? "is required" : NULL;
	else
		wrong = check_value(param, *value, message, sizeof message);
	if (wrong)
		add_error(errors, span_z(name), wrong);
}
