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
	const char *reply;
} Media;

static const Media medias[BODY_TYPES] = {
	[BODY_JSON] = {"application/json", "json", "application/json"},
	[BODY_NDJSON] = {"application/x-ndjson", "ndjson", "application/x-ndjson"},
	[BODY_CSV] = {"text/csv", "csv", "text/csv; charset=utf-8; header=present"},
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

BodyType
media_by_word(Span word)
{
	for (BodyType type = 0; type < BODY_TYPES; type++)
		if (span_is(word, span_z(medias[type].word)))
			return type;
	return BODY_JSON;
}

const char *
media_type(BodyType type)
{
	return medias[type].reply;
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

/* thousandths of a quality such as 0.5; -1 if it is none */
static int
read_quality(Span text)
{
	int quality = 0;

	if (text.len == 0 || text.len > 5 || (text.base[0] != '0' && text.base[0] != '1'))
		return -1;
	for (size_t i = 0; i < 5; i++)
	{
		char c = i < text.len ? text.base[i] : '0';

		if (i == 1 ? i < text.len && c != '.' : c < '0' || c > '9')
			return -1;
		if (i != 1)
			quality = quality * 10 + (c - '0');
	}
	return quality <= 1000 ? quality : -1;
}

/* one of the types in Accept: its name and how much it is wanted */
static Span
take_range(Span *rest, int *quality)
{
	Span range = take(rest, ",");
	Span name = take(&range, ";");

	*quality = 1000;
	while (range.len)
	{
		Span key;

		range.base++, range.len--;
		key = take(&range, "=;");
		if (range.len && *range.base == '=')
			range.base++, range.len--;
		if (is_word(key, "q"))
			*quality = read_quality(take_value(&range));
		else
			take_value(&range);
	}
	if (rest->len)
		rest->base++, rest->len--;
	return name;
}

/*
 * Other types than JSON must be named, and be wanted more than JSON, or as much
 * as JSON only where that is not named itself.
 */
BodyType
media_accept(Span accept)
{
	static const char *const ranges[] = {"*/*", "application/*", "application/json"};
	int exact[BODY_TYPES] = {-1, -1, -1};
	int by_range[] = {-1, -1, -1};
	BodyType best = BODY_JSON;
	int json = 0;

	while (accept.len)
	{
		int quality;
		Span name = take_range(&accept, &quality);

		for (BodyType type = 0; type < BODY_TYPES; type++)
			if (is_word(name, medias[type].name))
				exact[type] = quality;
		for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
			if (is_word(name, ranges[i]))
				by_range[i] = quality;
	}
	for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
		if (by_range[i] >= 0)
			json = by_range[i];
	for (BodyType type = 0; type < BODY_TYPES; type++)
	{
		bool more = exact[type] > json ||
					(exact[type] == json && best == BODY_JSON && exact[BODY_JSON] < 0 && json > 0);

		if (type == BODY_JSON || !more)
			continue;
		best = type;
		json = exact[type];
	}
	return best;
}
