/*
 * import_text.c
 *	  Texts read into rows: JSON, NDJSON and CSV.
 *
 * CSV is split by the code of COPY, so a file means the same whether it comes
 * by REST or by \copy.  A row that cannot be read is added as one that failed;
 * what is wrong with the columns as a whole is raised.
 */
#include "import.h"
#include "dry_run.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "commands/copy.h"
#include "commands/copyfrom_internal.h"
#include "mb/pg_wchar.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#define MAX_KEPT 1000 /* bytes of a row that could not be read */

/* import_list_add adds a row to a list */
ImportNew *
import_list_add(ImportList *list, int64 line, Jsonb *data)
{
	MemoryContext old = MemoryContextSwitchTo(list->context);

	if (list->n == list->max)
	{
		list->max = Max(64, list->max * 2);
		list->rows = list->rows
						 ? repalloc_huge(list->rows, sizeof(ImportNew) * list->max)
						 : MemoryContextAllocHuge(list->context, sizeof(ImportNew) * list->max);
	}
	list->rows[list->n] = (ImportNew){.line = line, .data = data};
	MemoryContextSwitchTo(old);
	return &list->rows[list->n++];
}

/* string_data makes a JSON string of the beginning of what could not be read */
static Jsonb *
string_data(const char *s, int length)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, s);
	value.val.string.len = pg_mbcliplen(s, length, MAX_KEPT);
	return JsonbValueToJsonb(&value);
}

/* add_fault adds a row that could not be read */
static void
add_fault(ImportList *list, int64 line, const char *s, int length, char *message, char *detail,
		  char *hint)
{
	ImportNew *row = import_list_add(list, line, string_data(s, length));

	outcome_fail(&row->fault, OMS_INVALID_INPUT, message, detail, hint);
}

/* ------------------------------------------------------------------ JSON */

void
import_read_array(JsonbContainer *array, ImportList *list)
{
	JsonbIterator *it = JsonbIteratorInit(array);
	JsonbValue value;
	JsonbIteratorToken token;

	(void) JsonbIteratorNext(&it, &value, true); /* WJB_BEGIN_ARRAY */
	while ((token = JsonbIteratorNext(&it, &value, true)) == WJB_ELEM)
		(void) import_list_add(list, 0, JsonbValueToJsonb(&value));
}

/* read_json reads [{...}, ...] or {"rows": [{...}, ...]} */
static void
read_json(text *body, ImportList *list)
{
	static const Field fields[] = {{"rows", FIELD_ARRAY, true, 0, MAX_IMPORT_ROWS}};
	FieldValue value;
	Input input;
	Jsonb *json =
		DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(body))));

	if (JB_ROOT_IS_ARRAY(json) && !JB_ROOT_IS_SCALAR(json))
	{
		import_read_array(&json->root, list);
		return;
	}
	input_start(&input);
	if (JB_ROOT_IS_OBJECT(json))
		input_fields(&input, &json->root, "", fields, 1, &value);
	else
		input_fault(&input, "", "must be {\"rows\": [...]}");
	input_end(&input);
	import_read_array(value.array, list);
}

/* ---------------------------------------------------------------- NDJSON */

/* Lines: a text whose lines are read, up to one that cannot be */
typedef struct Lines
{
	ImportList *list;
	const char *next;
	const char *end;
	int64 line;
} Lines;

static int
line_length(const Lines *lines)
{
	const char *newline = memchr(lines->next, '\n', lines->end - lines->next);

	return (int) ((newline ? newline : lines->end) - lines->next);
}

static bool
is_blank(const char *s, int length)
{
	while (length > 0 && isspace((unsigned char) s[length - 1]))
		length--;
	return length == 0;
}

static void
skip_line(Lines *lines, int length)
{
	lines->next = Min(lines->next + length + 1, lines->end);
	lines->line++;
}

/* read_lines reads lines until one raises an error: then that is the next */
static void
read_lines(void *arg)
{
	Lines *lines = arg;

	while (lines->next < lines->end)
	{
		int length = line_length(lines);

		if (!is_blank(lines->next, length))
			(void) import_list_add(lines->list, lines->line,
								   DatumGetJsonbP(DirectFunctionCall1(
									   jsonb_in, CStringGetDatum(pnstrdup(lines->next, length)))));
		skip_line(lines, length);
	}
}

static void
read_ndjson(text *body, ImportList *list)
{
	Lines lines = {list, VARDATA_ANY(body), VARDATA_ANY(body) + VARSIZE_ANY_EXHDR(body), 1};
	ErrorData *error;

	while (lines.next < lines.end && (error = rehearse(read_lines, &lines)) != NULL)
	{
		int length = line_length(&lines);

		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_DATA_EXCEPTION)
			ReThrowError(error);
		add_fault(list, lines.line, lines.next, length,
				  psprintf("line " INT64_FORMAT " is not JSON: %s", lines.line,
						   error->detail ? error->detail : error->message),
				  psprintf("{\"line\": " INT64_FORMAT "}", lines.line),
				  "Write each row as one JSON object in a line of its own.");
		skip_line(&lines, length);
	}
}

/* ------------------------------------------------------------------- CSV */

/* Csv: a text that COPY reads */
typedef struct Csv
{
	const Import *import;
	ImportList *list;
	CopyFromState copy;
	char **columns;
	int ncolumns;
	int64 line; /* that the next row begins in */
} Csv;

/* what COPY asks for, which takes no argument */
static const char *csv_next;
static const char *csv_end;

static int
give_csv(void *buffer, int least, int most)
{
	int n = (int) Min((ptrdiff_t) most, csv_end - csv_next);

	memcpy(buffer, csv_next, n);
	csv_next += n;
	return n;
}

/* is_column tells whether rows of a kind have a column of that name */
static bool
is_column(const ImportKind *kind, const char *name)
{
	for (int i = 0; i < kind->nfields; i++)
		if (strcmp(kind->fields[i].name, name) == 0)
			return kind->fields[i].type != FIELD_ARRAY && kind->fields[i].type != FIELD_OBJECT;
	return false;
}

static bool
has_column(const Csv *csv, const char *name)
{
	for (int i = 0; i < csv->ncolumns; i++)
		if (strcmp(csv->columns[i], name) == 0)
			return true;
	return false;
}

static char *
column_names(const ImportKind *kind)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < kind->nfields; i++)
		if (is_column(kind, kind->fields[i].name))
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", kind->fields[i].name);
	return names.data;
}

/* read_header takes the names of the columns from the first line */
static void
read_header(Csv *csv)
{
	const ImportKind *kind = csv->import->kind;
	char **fields = NULL;
	Input input;
	int n = 0;

	input_start(&input);
	(void) NextCopyFromRawFields(csv->copy, &fields, &n);
	csv->columns = palloc(sizeof(char *) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		char *name = pstrdup(fields[i] ? fields[i] : "");

		if (!is_column(kind, name))
			input_fault(&input, pointer_of("", name, (int) strlen(name)),
						"is not a column of an import of %s", kind->name);
		else if (has_column(csv, name))
			input_fault(&input, pointer_of("", name, (int) strlen(name)), "stands there twice");
		csv->columns[csv->ncolumns++] = name;
	}
	if (!has_column(csv, kind->required) &&
		(kind->or_else == NULL || !has_column(csv, kind->or_else)))
		input_fault(&input, psprintf("/%s", kind->required), "is a column that is required");
	if (input.nfaults > 0)
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
						errmsg_plural("%d column of line 1 is not acceptable",
									  "%d columns of line 1 are not acceptable", input.nfaults,
									  input.nfaults),
						errdetail_internal("%s", input_faults(&input)),
						errhint("The first line names the columns, of: %s.", column_names(kind))));
	csv->line = (int64) csv->copy->cur_lineno + 1;
}

static void
push_string(JsonbParseState **state, JsonbIteratorToken token, char *s)
{
	JsonbValue value;

	value.type = jbvString;
	value.val.string.val = s;
	value.val.string.len = (int) strlen(s);
	(void) pushJsonbValue(state, token, &value);
}

static Jsonb *
fields_data(const Csv *csv, char **fields)
{
	JsonbParseState *state = NULL;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	for (int i = 0; i < csv->ncolumns; i++)
	{
		if (fields[i] == NULL)
			continue;
		push_string(&state, WJB_KEY, csv->columns[i]);
		push_string(&state, WJB_VALUE, fields[i]);
	}
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* read_rows reads rows until the text ends or COPY raises an error */
static void
read_rows(void *arg)
{
	Csv *csv = arg;
	char **fields;
	int n;

	while (NextCopyFromRawFields(csv->copy, &fields, &n))
	{
		const StringInfo line = &csv->copy->line_buf;

		if (n == csv->ncolumns && !(n == 1 && fields[0] == NULL))
			(void) import_list_add(csv->list, csv->line, fields_data(csv, fields));
		else if (n > 1 || fields[0] != NULL) /* no empty line */
			add_fault(csv->list, csv->line, line->data, line->len,
					  psprintf("line " INT64_FORMAT " has %d fields, not %d", csv->line, n,
							   csv->ncolumns),
					  psprintf("{\"line\": " INT64_FORMAT ", \"fields\": %d, \"columns\": %d}",
							   csv->line, n, csv->ncolumns),
					  "Quote values with commas or line breaks in them.");
		csv->line = (int64) csv->copy->cur_lineno + 1;
	}
}

/* add_rest adds what COPY left unread as a row that failed */
static void
add_rest(Csv *csv, const char *why)
{
	add_fault(csv->list, csv->line, csv->copy->line_buf.data, csv->copy->line_buf.len,
			  psprintf("the text from line " INT64_FORMAT " on cannot be read: %s", csv->line, why),
			  psprintf("{\"line\": " INT64_FORMAT "}", csv->line),
			  "A quote that opens there is perhaps not closed; a quote within quotes is written "
			  "twice.");
}

/* is_unread tells whether COPY has stopped before the end, at a line \. */
static bool
is_unread(const Csv *csv)
{
	return csv_next < csv_end || csv->copy->input_buf_index < csv->copy->input_buf_len;
}

static void
read_csv(const Import *import, text *body, ImportList *list)
{
	Csv csv = {.import = import, .list = list};
	Relation relation = table_open(get_relname_relid("import_row", get_namespace_oid("oms", false)),
								   AccessShareLock);
	List *options = list_make2(
		makeDefElem("format", (Node *) makeString("csv"), -1),
		makeDefElem("encoding", (Node *) makeString(pstrdup(GetDatabaseEncodingName())), -1));
	ErrorData *error;

	csv_next = VARDATA_ANY(body);
	csv_end = csv_next + VARSIZE_ANY_EXHDR(body);
	if (csv_end - csv_next >= 3 && memcmp(csv_next, "\xEF\xBB\xBF", 3) == 0)
		csv_next += 3; /* a byte order mark */
	csv.copy = BeginCopyFrom(NULL, relation, NULL, NULL, false, give_csv, NIL, options);
	read_header(&csv);
	error = rehearse(read_rows, &csv);
	if (error)
	{
		if (error->sqlerrcode != ERRCODE_BAD_COPY_FILE_FORMAT)
			ReThrowError(error);
		add_rest(&csv, error->message);
	}
	else if (is_unread(&csv))
		add_rest(&csv, "it follows a line with \\. alone");
	EndCopyFrom(csv.copy);
	table_close(relation, AccessShareLock);
}

/* ------------------------------------------------------------------------ */

/* import_read_text reads the rows of a text in a format that it names */
void
import_read_text(const Import *import, const char *format, text *body, ImportList *list)
{
	static const char *const formats[] = {"json", "ndjson", "csv"};
	Input input;

	input_start(&input);
	(void) input_choice(&input, "/format", format, formats, lengthof(formats));
	input_end(&input);
	if (strcmp(format, "csv") == 0)
		read_csv(import, body, list);
	else if (strcmp(format, "ndjson") == 0)
		read_ndjson(body, list);
	else
		read_json(body, list);
}

/* ------------------------------------------------------------------ rows */

/* import_note_faults fails a unit whose rows have faults */
void
import_note_faults(ImportUnit *unit, Input *input)
{
	if (input->nfaults > 0)
		outcome_fail(&unit->outcome, OMS_INVALID_INPUT,
					 pstrdup("the row has values that are not acceptable"), input_faults(input),
					 "Correct what each pointer names.");
}

/* import_read_row reads the first row of a unit, in which strings may stand for numbers */
bool
import_read_row(ImportUnit *unit, const Field *fields, int n, FieldValue *values)
{
	Jsonb *data = unit->rows[0].data;
	Input input;

	input_start(&input);
	input.lenient = true;
	if (JB_ROOT_IS_OBJECT(data))
		input_fields(&input, &data->root, "", fields, n, values);
	else
		input_fault(&input, "", "must be an object");
	import_note_faults(unit, &input);
	return input.nfaults == 0;
}
