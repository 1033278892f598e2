/*
 * media.c
 *	  Media types of bodies (RFC 9110, section 8.3).
 *
 * The table below is the only place that knows a type: how it is called, which
 * parameters it may have and which values of them are taken.
 */
#include <strings.h>

#include "media.h"

typedef struct Media
{
	const char *name;
	const char *word;
} Media;

static const Media medias[BODY_TYPES] = {
	[BODY_JSON] = {"application/json", "json"},
	[BODY_NDJSON] = {"application/x-ndjson", "ndjson"},
	[BODY_CSV] = {"text/csv", "csv"},
};

/* what a parameter must be, if it is there */
static const struct
{
	BodyType type;
	const char *name;
	const char *value;
	const char *otherwise;
} parameters[] = {
	{BODY_JSON, "charset", "utf-8", "send UTF-8"},
	{BODY_NDJSON, "charset", "utf-8", "send UTF-8"},
	{BODY_CSV, "charset", "utf-8", "send UTF-8"},
	{BODY_CSV, "header", "present", "send the names of the columns in the first line"},
};

BodyType
media_find(const char *name)
{
	BodyType type = 0;

	while (type < BODY_TYPES && strcmp(medias[type].name, name) != 0)
		type++;
	return type;
}

const char *
media_word(BodyType type)
{
	return medias[type].word;
}

static void
skip_blanks(Span *rest)
{
	while (rest->len && (*rest->base == ' ' || *rest->base == '\t'))
		rest->base++, rest->len--;
}

/* takes what comes before one of the characters, without blanks around it */
static Span
take(Span *rest, const char *stops)
{
	Span word;

	skip_blanks(rest);
	word = (Span){rest->base, 0};
	while (rest->len && !strchr(stops, *rest->base))
		rest->base++, rest->len--, word.len++;
	while (word.len && strchr(" \t", word.base[word.len - 1]))
		word.len--;
	return word;
}

/* takes a value, which may stand in quotes */
static Span
take_value(Span *rest)
{
	Span value;

	skip_blanks(rest);
	if (rest->len == 0 || *rest->base != '"')
		return take(rest, ";");
	rest->base++, rest->len--;
	value = take(rest, "\"");
	if (rest->len)
		rest->base++, rest->len--;
	take(rest, ";");
	return value;
}

static bool
is_word(Span span, const char *word)
{
	return span.len == strlen(word) && strncasecmp(span.base, word, span.len) == 0;
}

/* says what is wrong with a parameter, if something is */
static void
check_parameter(BodyType type, Span name, Span value, Buf *detail, Buf *hint)
{
	for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++)
	{
		if (parameters[i].type != type || !is_word(name, parameters[i].name))
			continue;
		if (is_word(value, parameters[i].value))
			return;
		buf_fmt(detail, "the parameter %s of %s must be %s", parameters[i].name, medias[type].name,
				parameters[i].value);
		buf_fmt(hint, "%s, with Content-Type: %s", parameters[i].otherwise, medias[type].name);
		return;
	}
	buf_fmt(detail, "%s has a parameter that is not known here", medias[type].name);
	buf_fmt(hint, "send Content-Type: %s", medias[type].name);
}

/* names the types that the operation takes */
static void
list_types(const Operation *op, Buf *detail, Buf *hint)
{
	unsigned left = op->body_types;

	buf_str(detail, "the body must be ");
	buf_str(hint, "send Content-Type: ");
	for (BodyType type = 0; type < BODY_TYPES; type++)
	{
		const char *between = left == op->body_types ? "" : left >> (type + 1) ? ", " : " or ";

		if (!(left >> type & 1))
			continue;
		left &= ~(1u << type);
		buf_fmt(detail, "%s%s", between, medias[type].name);
		buf_fmt(hint, "%s%s", between, medias[type].name);
	}
}

void
media_read(const Operation *op, Span header, BodyType *type, Buf *detail, Buf *hint)
{
	Span rest = header;
	Span name = take(&rest, ";");

	*type = 0;
	while (*type < BODY_TYPES && !is_word(name, medias[*type].name))
		++*type;
	if (*type == BODY_TYPES || !(op->body_types >> *type & 1))
	{
		list_types(op, detail, hint);
		return;
	}
	while (rest.len && detail->len == 0)
	{
		Span key;

		rest.base++, rest.len--;
		key = take(&rest, "=;");
		/* an empty one, as behind a semicolon at the end, is none */
		if (key.len == 0 && (rest.len == 0 || *rest.base == ';'))
			continue;
		if (rest.len && *rest.base == '=')
			rest.base++, rest.len--;
		check_parameter(*type, key, take_value(&rest), detail, hint);
	}
}
