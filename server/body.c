/*
 * body.c
 *	  Checks that a request's body is what the database may be given: one
 *	  JSON object in UTF-8, no duplicate keys, no NUL, not nested too deep.
 *
 * What the fields mean is checked by the verb.  Most bodies are found to be well
 * formed without parsing (json_scan.c); of the others the parser says what is
 * wrong.  It builds a tree only to throw it away, so its memory comes from an
 * arena that is reset after each body instead of from malloc.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "param.h"
#include "reply.h"

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

/* where a scan is within one array or object */
typedef struct Level
{
	bool object;
	bool at_name; /* the next string is a name */
	size_t index; /* of an element */
	Span name;    /* of a member, with its quotes */
} Level;

/* the length of the string that begins here, with its quotes */
static size_t
string_length(const char *at, const char *end)
{
	const char *stop = at + 1;

	while (stop < end && *stop != '"')
		stop += *stop == '\\' ? 2 : 1;
	return (size_t) ((stop < end ? stop + 1 : end) - at);
}

/* what the character means to the level that a scan is in; the level that it is in then */
static Level *
scan_character(Level *level, const char *at, size_t len)
{
	switch (*at)
	{
		case '{':
		case '[':
			*++level = (Level){.object = *at == '{', .at_name = *at == '{'};
			break;
		case '}':
		case ']':
			return level - 1;
		case ',':
			level->at_name = level->object;
			level->index++;
			break;
		case '"':
			if (level->at_name)
				level->name = (Span){at, len};
			level->at_name = false;
			break;
		default:
			break;
	}
	return level;
}

/* writes the pointer to the value, or the name, that ends at an offset which the parser reached */
static void
point_at(Span body, size_t offset, Buf *pointer)
{
	Level *levels = xcalloc((size_t) depth_of(body) + 1, sizeof *levels);
	Level *level = levels;
	const char *end = body.base + offset;
	size_t len;

	for (const char *at = body.base; at < end; at += len)
	{
		len = *at == '"' ? string_length(at, end) : 1;
		level = scan_character(level, at, len);
	}
	for (Level *outer = levels + 1; outer <= level; outer++)
	{
		json_t *name = NULL;
		char index[24];

		snprintf(index, sizeof index, "%zu", outer->index);
		if (outer->object && outer->name.base)
			name = json_loadb(outer->name.base, outer->name.len, JSON_DECODE_ANY, NULL);
		if (!outer->object)
			buf_pointer(pointer, span_z(index));
		else if (name)
			buf_pointer(pointer, span_z(json_string_value(name)));
		json_decref(name);
	}
	free(levels);
}

/* what the parser may find, in our words; the value or name that it was reading is to blame */
typedef struct ParseFault
{
	enum json_error_code code;
	BodyState state;
	const char *detail;
	const char *error;
	const char *hint;
} ParseFault;

static const ParseFault parse_faults[] = {
	{json_error_numeric_overflow, BODY_NOT_OBJECT, "a number is out of range",
	 "must be a number that is not as large", "send a number within the range of the field"},
	{json_error_null_character, BODY_NOT_JSON, "\\u0000 is not allowed",
	 "must not contain the character NUL", "remove the character NUL"},
	{json_error_null_byte_in_key, BODY_NOT_JSON, "\\u0000 is not allowed in a name",
	 "must have no name with the character NUL", "remove the character NUL"},
	{json_error_duplicate_key, BODY_NOT_JSON, "a name is there twice in one object",
	 "must be there only once", "send every name once"},
};

static BodyState
refuse(Span body, const json_error_t *error, BodyFault *fault)
{
	const ParseFault *known = NULL;
	size_t offset = (size_t) error->position;
	Buf pointer = {0};

	for (size_t i = 0; i < sizeof parse_faults / sizeof parse_faults[0]; i++)
		if (parse_faults[i].code == json_error_code(error))
			known = &parse_faults[i];
	buf_fmt(&fault->detail, "%s at line %d, column %d", known ? known->detail : error->text,
			error->line, error->column);
	if (!known)
	{
		fault->hint = "mend the JSON there, and send one JSON object in UTF-8";
		return BODY_NOT_JSON;
	}
	point_at(body, offset < body.len ? offset : body.len, &pointer);
	problem_error(&fault->errors, buf_span(&pointer), known->error);
	buf_free(&pointer);
	fault->hint = known->hint;
	return known->state;
}

static BodyState
refuse_whole(BodyFault *fault, const char *detail, BodyType type)
{
	buf_str(&fault->detail, detail);
	problem_error(&fault->errors, SPAN(""),
				  type == BODY_JSON ? "must be a JSON object" : "must have a line at least");
	fault->hint = type == BODY_JSON
					  ? "send a JSON object, as /api/schema/ describes it for this operation"
					  : "send lines, as /api/schema/ describes them for this operation";
	return BODY_NOT_OBJECT;
}

static BodyState
parse(Span body, BodyFault *fault)
{
	/* integers of any length pass here: which field has one too large is the verb's to say */
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
	json_error_t error;
	json_t *tree = json_loadb(body.base, body.len, flags, &error);
	BodyState state = BODY_OK;

	if (!tree)
		return refuse(body, &error, fault);
	if (!json_is_object(tree))
		state = refuse_whole(fault, "the body is not a JSON object", BODY_JSON);
	json_decref(tree);
	return state;
}

static void
arena_open(void)
{
	if (!arena)
		arena = malloc(ARENA_SIZE);
	arena_used = 0;
	arena_active = arena != NULL;
}

/* lines of text are passed on as they are, if the database can hold them at all */
static BodyState
check_text(Span body, BodyFault *fault)
{
	size_t lines = 1;
	size_t at = 0;
	int length = 0;

	for (; at < body.len; at += (size_t) length)
	{
		length = utf8_length(body.base + at, body.len - at);
		if (length == 0 || body.base[at] == '\0')
			break;
		lines += body.base[at] == '\n';
	}
	if (at == body.len)
		return BODY_OK;
	buf_fmt(&fault->detail, "line %zu, byte %zu of the body: %s", lines, at + 1,
			length ? "the character NUL is not allowed" : "this is not UTF-8");
	problem_error(&fault->errors, SPAN(""),
				  length ? "must not contain the character NUL" : "must be UTF-8");
	fault->hint = "send text in UTF-8 without the character NUL";
	return BODY_NOT_OBJECT;
}

BodyState
body_check(Span body, BodyType type, BodyFault *fault)
{
	int64_t most = config()->body_depth;
	BodyState state;

	if (body.len == 0)
		return refuse_whole(fault, "the request has no body", type);
	if (type != BODY_JSON)
		return check_text(body, fault);
	if (json_scan(body, most))
		return BODY_OK;
	if (depth_of(body) > most)
	{
		buf_fmt(&fault->detail, "the body is nested deeper than %lld levels", (long long) most);
		problem_error(&fault->errors, SPAN(""), "must be nested less deep");
		fault->hint = "send arrays and objects that are nested less deep; the setting body_depth "
					  "of omsd is the limit";
		return BODY_NOT_JSON;
	}
	arena_open();
	state = parse(body, fault);
	arena_active = false;
	return state;
}

const char *
body_text(Request *request, const char *name)
{
	const char *text = NULL;
	json_t *tree;
	json_t *value;

	arena_open();
	tree = json_loadb(request->body.base, request->body.len, JSON_DECODE_INT_AS_REAL, NULL);
	value = json_object_get(tree, name);
	if (json_is_string(value))
		text = http_copy(request, span_z(json_string_value(value))).base;
	json_decref(tree);
	arena_active = false;
	return text;
}
