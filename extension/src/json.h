/*
 * json.h
 *	  Reading of JSON bodies by tables of fields, and writing of JSON replies.
 */
#ifndef OMS_JSON_H
#define OMS_JSON_H

#include "oms.h"
#include "utils/json.h"
#include "utils/jsonb.h"

/* --------------------------------------------------------------- reading */

typedef enum FieldType
{
	FIELD_TEXT, /* string of min..max characters */
	FIELD_TEXT_OR_NULL,
	FIELD_INTEGER, /* whole number of min..max */
	FIELD_MONEY,   /* decimal string or number of min..max cents */
	FIELD_RATE,    /* percent, decimal string or number of min..max ten-thousandths */
	FIELD_AMOUNT, /* decimal string or number, of at most max characters, kept as text; null for none */
	FIELD_ID_OR_NULL, /* as FIELD_INTEGER, null for none */
	FIELD_BOOL,
	FIELD_ARRAY,    /* array of min..max elements */
	FIELD_OBJECT,   /* object of at most max bytes, or null */
	FIELD_READ_ONLY /* accepted and ignored: what our own replies carry */
} FieldType;

/* Field: what an object may hold under one name */
typedef struct Field
{
	const char *name;
	FieldType type;
	bool required;
	int64 min;
	int64 max;
} Field;

/* FieldValue: what it did hold; "given" is false when the name is absent */
typedef struct FieldValue
{
	bool given;
	int64 number;          /* FIELD_INTEGER, FIELD_MONEY (cents), FIELD_RATE, FIELD_BOOL */
	char *text;            /* FIELD_TEXT, FIELD_TEXT_OR_NULL */
	JsonbContainer *array; /* FIELD_ARRAY */
	Jsonb *object;         /* FIELD_OBJECT, NULL for null */
} FieldValue;

/* Input: a body being read; faults are collected and raised together */
typedef struct Input
{
	StringInfoData faults; /* JSON array elements: {"pointer", "detail"} */
	int nfaults;
	bool lenient; /* set after input_start: strings may stand for numbers and booleans, as in CSV */
} Input;

extern JsonbContainer *input_begin(Input *input, text *body);
extern void input_start(Input *input);
extern void input_fields(Input *input, JsonbContainer *object, const char *path,
						 const Field *fields, int n, FieldValue *values);
extern void input_fault(Input *input, const char *pointer, const char *detail, ...)
	pg_attribute_printf(3, 4);
extern bool input_text(Input *input, const char *pointer, const char *s, int bytes, int64 min,
					   int64 max);
extern int64 input_integer(Input *input, const char *pointer, JsonbValue *value, int64 min,
						   int64 max);
extern bool input_choice(Input *input, const char *pointer, const char *s,
						 const char *const *choices, int n);
extern void input_end(Input *input);     /* raises OM010 when there were faults */
extern char *input_faults(Input *input); /* the JSON array of faults */

extern char *pointer_of(const char *path, const char *name, int length);

/* decimal_read reads a decimal number with at most so many decimals, as units of the last */
extern bool decimal_read(const char *s, int decimals, int64 *units);

extern char *query_text(Jsonb *query, const char *name);

/* json_arguments makes a body of the named arguments from "first" on that are not null */
extern text *json_arguments(FunctionCallInfo fcinfo, int first);

/* --------------------------------------------------------------- writing */

/*
 * A reply is built in a StringInfo that becomes the json Datum without a copy:
 * reply_begin, json_* calls, reply_datum.
 */
extern StringInfo reply_begin(Verb *verb);
extern Datum reply_datum(StringInfo reply);

/* json_row appends {"column": value, ...} of a row of the last plan_ call */
extern void json_row(StringInfo buf, SPITupleTable *table, uint64 row);
/* the same without the braces, columns first..last, first counting from 1 */
extern void json_columns(StringInfo buf, SPITupleTable *table, uint64 row, int first, int last);
/* a value by its SQL type: numeric is money, so a string */
extern void json_value(StringInfo buf, Datum value, Oid type);
extern void json_money(StringInfo buf, int64 cents);     /* "12.50" with quotes */
extern void json_time(StringInfo buf, TimestampTz time); /* RFC 3339, UTC, with quotes */

#endif /* OMS_JSON_H */
