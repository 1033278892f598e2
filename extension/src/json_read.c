/*
 * json_read.c
 *	  Reading of JSON bodies by tables of fields.
 *
 * Pointers to faulty values are JSON Pointers (RFC 6901).
 */
#include "json.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

void
input_start(Input *input)
{
	initStringInfo(&input->faults);
	input->nfaults = 0;
	input->lenient = false;
}

/* input_fault notes that the value at a pointer is wrong, and how to mend it */
void
input_fault(Input *input, const char *pointer, const char *detail, ...)
{
	StringInfoData text;
	va_list args;
	int need;

	if (input->nfaults++ >= 20) /* enough to mend; a huge body makes no huge answer */
		return;
	initStringInfo(&text);
	for (;;)
	{
		va_start(args, detail);
		need = appendStringInfoVA(&text, detail, args);
		va_end(args);
		if (need == 0)
			break;
		enlargeStringInfo(&text, need);
	}
	appendStringInfoString(&input->faults,
						   input->faults.len ? ", {\"pointer\": " : "{\"pointer\": ");
	escape_json(&input->faults, pointer);
	appendStringInfoString(&input->faults, ", \"detail\": ");
	escape_json(&input->faults, text.data);
	appendStringInfoChar(&input->faults, '}');
}

char *
input_faults(Input *input)
{
	return psprintf("[%s]", input->faults.data);
}

void
input_end(Input *input)
{
	if (input->nfaults == 0)
		return;
	ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
					errmsg_plural("%d value is not acceptable", "%d values are not acceptable",
								  input->nfaults, input->nfaults),
					errdetail_internal("%s", input_faults(input)),
					errhint("Correct what each pointer names and send the request again.")));
}

/* input_begin parses a request body, which must be a JSON object */
JsonbContainer *
input_begin(Input *input, text *body)
{
	Jsonb *json;

	input_start(input);
	json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(body))));
	if (!JB_ROOT_IS_OBJECT(json))
	{
		input_fault(input, "", "must be a JSON object");
		input_end(input);
	}
	return &json->root;
}

/*
 * decimal_read reads a decimal number with at most so many decimals, as units
 * of the last.  Trailing zeros are no decimals: "1.500" is 150 cents.
 */
bool
decimal_read(const char *s, int decimals, int64 *units)
{
	bool negative = *s == '-';
	int places = -1; /* decimals so far; -1 before the point */
	int digits = 0;
	int64 value = 0;

	for (s += negative; *s; s++)
	{
		if (*s == '.' && places < 0 && digits > 0)
		{
			places = 0;
			continue;
		}
		if (*s < '0' || *s > '9' || ++digits > 30)
			return false;
		if (places == decimals)
		{
			if (*s != '0')
				return false;
			continue;
		}
		if (places >= 0)
			places++;
		if (value > (PG_INT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (*s - '0');
	}
	if (digits == 0 || s[-1] == '.')
		return false;
	for (places = Max(places, 0); places < decimals; places++)
	{
		if (value > PG_INT64_MAX / 10)
			return false;
		value *= 10;
	}
	*units = negative ? -value : value;
	return true;
}

/* number_text returns the digits of a JSON number, or NULL when it has too many */
static char *
number_text(JsonbValue *value)
{
	char *digits = numeric_normalize(value->val.numeric);

	return strlen(digits) > 30 ? NULL : digits;
}

/* is_blank says whether a string has nothing but white space */
static bool
is_blank(const char *s, int length)
{
	for (int i = 0; i < length; i++)
		if (!isspace((unsigned char) s[i]))
			return false;
	return true;
}

/* input_text checks a string of min..max characters, from a body or an SQL argument */
bool
input_text(Input *input, const char *pointer, const char *s, int bytes, int64 min, int64 max)
{
	int length = pg_mbstrlen_with_len(s, bytes);

	if (length > max)
		input_fault(input, pointer, "must have at most " INT64_FORMAT " characters, has %d", max,
					length);
	else if (length < min)
		input_fault(input, pointer, "must have at least " INT64_FORMAT " character%s", min,
					min == 1 ? "" : "s");
	else if (min > 0 && is_blank(s, bytes))
		input_fault(input, pointer, "must not be blank");
	else
		return true;
	return false;
}

/* input_choice checks that a string is one of n */
bool
input_choice(Input *input, const char *pointer, const char *s, const char *const *choices, int n)
{
	StringInfoData names;

	for (int i = 0; i < n; i++)
		if (strcmp(s, choices[i]) == 0)
			return true;
	initStringInfo(&names);
	for (int i = 0; i < n; i++)
		appendStringInfo(&names, "%s%s", i ? ", " : "", choices[i]);
	input_fault(input, pointer, "must be one of %s", names.data);
	return false;
}

static void
read_text(Input *input, const char *pointer, const Field *field, JsonbValue *value, FieldValue *to)
{
	if (value->type != jbvString)
		input_fault(input, pointer, "must be a string");
	else if (input_text(input, pointer, value->val.string.val, value->val.string.len, field->min,
						field->max))
		to->text = pnstrdup(value->val.string.val, value->val.string.len);
}

/* input_integer reads a whole number of min..max */
int64
input_integer(Input *input, const char *pointer, JsonbValue *value, int64 min, int64 max)
{
	char *digits = NULL;
	int64 number;
	char *end;

	if (value->type == jbvNumeric)
		digits = number_text(value);
	else if (value->type == jbvString && input->lenient)
		digits = pnstrdup(value->val.string.val, value->val.string.len);
	if (digits && (isdigit((unsigned char) digits[0]) || digits[0] == '-'))
	{
		errno = 0;
		number = strtoi64(digits, &end, 10);
		if (*end == '\0' && errno == 0 && number >= min && number <= max)
			return number;
	}
	input_fault(input, pointer, "must be a whole number from " INT64_FORMAT " to " INT64_FORMAT,
				min, max);
	return 0;
}

static void
read_integer(Input *input, const char *pointer, const Field *field, JsonbValue *value,
			 FieldValue *to)
{
	to->number = input_integer(input, pointer, value, field->min, field->max);
}

static void
read_bool(Input *input, const char *pointer, JsonbValue *value, FieldValue *to)
{
	bool word;

	if (value->type == jbvBool)
		to->number = value->val.boolean;
	else if (value->type == jbvString && input->lenient &&
			 parse_bool_with_len(value->val.string.val, value->val.string.len, &word))
		to->number = word;
	else
		input_fault(input, pointer, "must be true or false");
}

/* read_decimal reads a decimal string or number of min..max units, and says whether it could */
static bool
read_decimal(const Field *field, int decimals, JsonbValue *value, FieldValue *to)
{
	char *digits = NULL;
	int64 units;

	if (value->type == jbvNumeric)
		digits = number_text(value);
	else if (value->type == jbvString)
		digits = pnstrdup(value->val.string.val, value->val.string.len);
	if (digits == NULL || !decimal_read(digits, decimals, &units) || units < field->min ||
		units > field->max)
		return false;
	to->number = units;
	return true;
}

static void
read_money(Input *input, const char *pointer, const Field *field, JsonbValue *value, FieldValue *to)
{
	if (!read_decimal(field, 2, value, to))
		input_fault(input, pointer,
					"must be a decimal string such as \"12.50\", with at most 2 decimals, "
					"from " INT64_FORMAT ".%02d to " INT64_FORMAT ".%02d",
					field->min / 100, (int) (field->min % 100), field->max / 100,
					(int) (field->max % 100));
}

static void
read_rate(Input *input, const char *pointer, const Field *field, JsonbValue *value, FieldValue *to)
{
	if (!read_decimal(field, 4, value, to))
		input_fault(input, pointer,
					"must be percent as a decimal string such as \"7.7\", with at most 4 decimals, "
					"from " INT64_FORMAT " to " INT64_FORMAT ".%04d",
					field->min / 10000, field->max / 10000, (int) (field->max % 10000));
}

/* read_amount keeps a number or string as text, for a reader that knows its decimals */
static void
read_amount(Input *input, const char *pointer, const Field *field, JsonbValue *value,
			FieldValue *to)
{
	char *digits = NULL;

	if (value->type == jbvNull)
		return;
	if (value->type == jbvNumeric)
		digits = number_text(value);
	else if (value->type == jbvString && value->val.string.len <= field->max)
		digits = pnstrdup(value->val.string.val, value->val.string.len);
	if (digits == NULL)
		input_fault(input, pointer, "must be a decimal string such as \"12.50\"");
	else
		to->text = digits;
}

/* read_object takes an object, measured as text; null is taken for none */
static void
read_object(Input *input, const char *pointer, const Field *field, JsonbValue *value,
			FieldValue *to)
{
	Jsonb *object;

	if (value->type == jbvNull)
		return;
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
	{
		input_fault(input, pointer, "must be an object or null");
		return;
	}
	object = JsonbValueToJsonb(value);
	if (strlen(JsonbToCString(NULL, &object->root, VARSIZE(object))) > (size_t) field->max)
		input_fault(input, pointer, "must have at most " INT64_FORMAT " bytes as JSON", field->max);
	else
		to->object = object;
}

static void
read_array(Input *input, const char *pointer, const Field *field, JsonbValue *value, FieldValue *to)
{
	int64 n;

	if (value->type != jbvBinary || !JsonContainerIsArray(value->val.binary.data))
	{
		input_fault(input, pointer, "must be an array");
		return;
	}
	n = JsonContainerSize(value->val.binary.data);
	if (n < field->min || n > field->max)
	{
		input_fault(input, pointer,
					"must have " INT64_FORMAT " to " INT64_FORMAT " elements, has " INT64_FORMAT,
					field->min, field->max, n);
		return;
	}
	to->array = value->val.binary.data;
}

static void
read_field(Input *input, const char *pointer, const Field *field, JsonbValue *value, FieldValue *to)
{
	int faults = input->nfaults;

	switch (field->type)
	{
		case FIELD_TEXT_OR_NULL:
			if (value->type == jbvNull)
				break;
			/* FALLTHROUGH */
		case FIELD_TEXT:
			read_text(input, pointer, field, value, to);
			break;
		case FIELD_INTEGER:
			read_integer(input, pointer, field, value, to);
			break;
		case FIELD_MONEY:
			read_money(input, pointer, field, value, to);
			break;
		case FIELD_RATE:
			read_rate(input, pointer, field, value, to);
			break;
		case FIELD_AMOUNT:
			read_amount(input, pointer, field, value, to);
			break;
		case FIELD_ID_OR_NULL:
			if (value->type != jbvNull)
				read_integer(input, pointer, field, value, to);
			break;
		case FIELD_BOOL:
			read_bool(input, pointer, value, to);
			break;
		case FIELD_ARRAY:
			read_array(input, pointer, field, value, to);
			break;
		case FIELD_OBJECT:
			read_object(input, pointer, field, value, to);
			break;
		case FIELD_READ_ONLY:
			return;
	}
	to->given = faults == input->nfaults;
}

/* pointer_of appends a name to a JSON Pointer, escaped as RFC 6901 says */
char *
pointer_of(const char *path, const char *name, int length)
{
	StringInfoData pointer;

	initStringInfo(&pointer);
	appendStringInfo(&pointer, "%s/", path);
	for (int i = 0; i < length; i++)
	{
		if (name[i] == '~')
			appendStringInfoString(&pointer, "~0");
		else if (name[i] == '/')
			appendStringInfoString(&pointer, "~1");
		else
			appendStringInfoChar(&pointer, name[i]);
	}
	return pointer.data;
}

/*
 * input_fields reads an object by a table of fields.  Names that no field has,
 * values of a wrong type or out of bounds, and missing required names become
 * faults.  values[i] belongs to fields[i].
 */
void
input_fields(Input *input, JsonbContainer *object, const char *path, const Field *fields, int n,
			 FieldValue *values)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue key;
	JsonbValue value;
	JsonbIteratorToken token;
	uint64 seen = 0;

	Assert(n <= 64);
	memset(values, 0, sizeof(FieldValue) * n);
	(void) JsonbIteratorNext(&it, &key, true); /* WJB_BEGIN_OBJECT */
	while ((token = JsonbIteratorNext(&it, &key, true)) == WJB_KEY)
	{
		int i;

		(void) JsonbIteratorNext(&it, &value, true);
		for (i = 0; i < n; i++)
			if (strlen(fields[i].name) == (size_t) key.val.string.len &&
				memcmp(fields[i].name, key.val.string.val, key.val.string.len) == 0)
				break;
		if (i == n)
		{
			input_fault(input,
						pointer_of(path, key.val.string.val,
								   pg_mbcliplen(key.val.string.val, key.val.string.len, 100)),
						"is not a field of this request");
			continue;
		}
		seen |= UINT64CONST(1) << i;
		read_field(input, pointer_of(path, key.val.string.val, key.val.string.len), &fields[i],
				   &value, &values[i]);
	}
	for (int i = 0; i < n; i++)
		if (fields[i].required && !(seen & (UINT64CONST(1) << i)))
			input_fault(input, pointer_of(path, fields[i].name, strlen(fields[i].name)),
						"is required");
}

/* query_text returns a parameter of the query, or NULL */
char *
query_text(Jsonb *query, const char *name)
{
	JsonbValue value;

	if (!getKeyJsonValueFromContainer(&query->root, name, strlen(name), &value) ||
		value.type != jbvString)
		return NULL;
	return pnstrdup(value.val.string.val, value.val.string.len);
}
