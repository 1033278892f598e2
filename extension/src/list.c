/*
 * list.c
 *	  Pages of rows: filters, ordering, paging and counts from tables of data.
 *
 * A page is found by its number (OFFSET) or, when "cursor" is given, by the row
 * before it (keyset), which costs the same at any depth.  "next" always carries
 * both, so clients that follow links never pay for the depth.
 */
#include "list.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

#define LIST_PAGE_SIZE 10
#define LIST_MAX_PAGE_SIZE 100
#define LIST_MAX_COUNT 10000 /* filtered lists are counted up to here */

/* ListQuery: a request for a page, and the SQL that grows from it */
typedef struct ListQuery
{
	const Listing *list;
	Input input; /* faults of the query's parameters */
	int64 page;
	int64 page_size;
	const ListOrdering *ordering;
	bool descending;
	char *cursor_value;
	int64 cursor_id;
	StringInfoData where;
	StringInfoData parameters; /* of the links, all but page and cursor */
	bool filtered;
	int nargs;
	Datum args[PLAN_MAX_ARGS];
	Oid argtypes[PLAN_MAX_ARGS];
} ListQuery;

static void
append_url_encoded(StringInfo buf, const char *s)
{
	for (; *s; s++)
	{
		unsigned char c = *s;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			strchr("-_.~,:", c) != NULL)
			appendStringInfoChar(buf, c);
		else
			appendStringInfo(buf, "%%%02X", c);
	}
}

static char *
query_pointer(const char *name)
{
	return psprintf("/%s", name);
}

static const char *
add_argument(ListQuery *query, const char *value)
{
	query->argtypes[query->nargs] = TEXTOID;
	query->args[query->nargs++] = CStringGetTextDatum(value);
	return psprintf("$%d", query->nargs);
}

/* add_condition ANDs a condition, its "$?" replaced by an argument */
static void
add_condition(ListQuery *query, const char *condition, const char *value)
{
	const char *argument = strstr(condition, "$?") ? add_argument(query, value) : "";

	appendStringInfoString(&query->where, query->where.len ? " AND (" : " WHERE (");
	for (const char *c = condition; *c; c++)
	{
		if (c[0] == '$' && c[1] == '?')
		{
			appendStringInfoString(&query->where, argument);
			c++;
		}
		else
			appendStringInfoChar(&query->where, *c);
	}
	appendStringInfoChar(&query->where, ')');
}

/* like_pattern makes a pattern that finds the value anywhere */
static char *
like_pattern(const char *value)
{
	StringInfoData pattern;

	initStringInfo(&pattern);
	appendStringInfoChar(&pattern, '%');
	for (; *value; value++)
	{
		if (strchr("%_\\", *value))
			appendStringInfoChar(&pattern, '\\');
		appendStringInfoChar(&pattern, *value);
	}
	appendStringInfoChar(&pattern, '%');
	return pattern.data;
}

/* apply_names takes one name or several with commas between, all of which must be known */
static void
apply_names(ListQuery *query, const ListFilter *filter, const char *value)
{
	char *rest = pstrdup(value);
	char *name;

	while ((name = strsep(&rest, ",")) != NULL)
		if (!filter->known(name))
			input_fault(&query->input, query_pointer(filter->parameter), "there is no \"%s\"",
						name);
	add_condition(query, strchr(value, ',') ? filter->otherwise : filter->condition, value);
}

static void
apply_filter(ListQuery *query, const ListFilter *filter, const char *value)
{
	switch (filter->type)
	{
		case FILTER_VALUE:
			add_condition(query, filter->condition, value);
			break;
		case FILTER_LIST:
			apply_names(query, filter, asc_toupper(value, strlen(value)));
			break;
		case FILTER_CONTAINS:
			add_condition(query, filter->condition, like_pattern(value));
			break;
		case FILTER_FLAG:
			if (strcmp(value, "true") == 0)
				add_condition(query, filter->condition, value);
			else if (strcmp(value, "false") != 0)
				input_fault(&query->input, query_pointer(filter->parameter),
							"must be true or false");
			else if (filter->otherwise)
				add_condition(query, filter->otherwise, value);
			break;
	}
}

static int64
bounded_number(ListQuery *query, const char *name, const char *value, int64 max)
{
	char *end;
	int64 number;

	errno = 0;
	number = strtoi64(value, &end, 10);
	if (*end != '\0' || end == value || errno != 0 || number < 1 || number > max)
		input_fault(&query->input, query_pointer(name),
					"must be a whole number from 1 to " INT64_FORMAT, max);
	return number;
}

static void
apply_ordering(ListQuery *query, const char *value)
{
	const Listing *list = query->list;
	StringInfoData names;

	query->descending = *value == '-';
	value += query->descending;
	for (int i = 0; i < list->norderings; i++)
	{
		if (strcmp(value, list->orderings[i].name) == 0)
		{
			query->ordering = &list->orderings[i];
			return;
		}
	}
	initStringInfo(&names);
	for (int i = 0; i < list->norderings; i++)
		appendStringInfo(&names, "%s%s", i ? ", " : "", list->orderings[i].name);
	input_fault(&query->input, query_pointer("ordering"),
				"must be one of %s, with - in front for descending order", names.data);
}

/* apply_cursor reads "ID:VALUE", the key of the last row of the page before */
static void
apply_cursor(ListQuery *query, const char *value)
{
	char *end;

	errno = 0;
	query->cursor_id = strtoi64(value, &end, 10);
	if (end == value || *end != ':' || errno != 0)
		input_fault(&query->input, query_pointer("cursor"), "must be taken from a next link");
	else
		query->cursor_value = end + 1;
}

static const ListFilter *
find_filter(const Listing *list, const char *name)
{
	for (int i = 0; i < list->nfilters; i++)
		if (strcmp(list->filters[i].parameter, name) == 0)
			return &list->filters[i];
	return NULL;
}

/* apply_parameter takes one parameter of the query string */
static void
apply_parameter(ListQuery *query, const char *name, const char *value, uint64 *seen)
{
	const ListFilter *filter = find_filter(query->list, name);
	bool position = strcmp(name, "page") == 0 || strcmp(name, "cursor") == 0;

	if (list_export && (position || strcmp(name, "page_size") == 0))
		input_fault(&query->input, query_pointer(name), "cannot be given: an export has all rows");
	else if (filter)
	{
		*seen |= UINT64CONST(1) << (filter - query->list->filters);
		query->filtered = true;
		apply_filter(query, filter, value);
	}
	else if (strcmp(name, "page") == 0)
		query->page = bounded_number(query, name, value, 1000000000);
	else if (strcmp(name, "page_size") == 0)
		query->page_size = bounded_number(query, name, value, LIST_MAX_PAGE_SIZE);
	else if (strcmp(name, "ordering") == 0)
		apply_ordering(query, value);
	else if (strcmp(name, "cursor") == 0)
		apply_cursor(query, value);
	else
	{
		input_fault(&query->input, query_pointer(name), "is not a parameter of this list");
		return;
	}
	if (!position)
	{
		appendStringInfoString(&query->parameters, "&");
		append_url_encoded(&query->parameters, name);
		appendStringInfoChar(&query->parameters, '=');
		append_url_encoded(&query->parameters, value);
	}
}

static void
parse_query(ListQuery *query, const Listing *list, Jsonb *parameters)
{
	JsonbIterator *it = JsonbIteratorInit(&parameters->root);
	JsonbValue key;
	JsonbValue value;
	uint64 seen = 0;

	memset(query, 0, sizeof(*query));
	query->list = list;
	query->page = 1;
	query->page_size = LIST_PAGE_SIZE;
	input_start(&query->input);
	initStringInfo(&query->where);
	initStringInfo(&query->parameters);
	apply_ordering(query, list->default_ordering);

	(void) JsonbIteratorNext(&it, &key, true);
	while (JsonbIteratorNext(&it, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		if (value.type == jbvString)
			apply_parameter(query, pnstrdup(key.val.string.val, key.val.string.len),
							pnstrdup(value.val.string.val, value.val.string.len), &seen);
		else
			input_fault(&query->input,
						query_pointer(pnstrdup(key.val.string.val, key.val.string.len)),
						"must be given once, as a string");
	}
	for (int i = 0; i < list->nfilters; i++)
		if (list->filters[i].by_default && !(seen & (UINT64CONST(1) << i)))
			apply_filter(query, &list->filters[i], list->filters[i].by_default);
	input_end(&query->input);
}

/* list_cursor writes what apply_cursor reads */
char *
list_cursor(SPITupleTable *table, uint64 row)
{
	return psprintf("%s:%s", SPI_getvalue(table->vals[row], table->tupdesc, 1),
					SPI_getvalue(table->vals[row], table->tupdesc, 2));
}

/* count_rows counts what the filters let through, up to LIST_MAX_COUNT + 1 */
static int64
count_rows(ListQuery *query)
{
	const Listing *list = query->list;
	char *sql;

	if (!query->filtered && list->count_all)
		return list->count_all();
	sql = psprintf("SELECT count(*) FROM (SELECT FROM %s%s LIMIT %d) AS few", list->from,
				   query->where.data, LIST_MAX_COUNT + 1);
	plan_read(plan_lookup(sql, query->nargs, query->argtypes), query->args, NULL);
	return row_int64(0, 1);
}

/* read_page runs the query of the page, with one row more to see if there is a next */
static uint64
read_page(ListQuery *query)
{
	const Listing *list = query->list;
	const char *direction = query->descending ? "DESC" : "ASC";
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s AS row_id, (%s)::text AS row_value, %s FROM %s", list->id,
					 query->ordering->expression, list->columns, list->from);
	if (query->cursor_value)
	{
		const char *value = add_argument(query, query->cursor_value);
		const char *id = add_argument(query, psprintf(INT64_FORMAT, query->cursor_id));
		char *condition =
			psprintf("(%s, %s) %s (%s::%s, %s::bigint)", query->ordering->expression, list->id,
					 query->descending ? "<" : ">", value, query->ordering->type, id);

		add_condition(query, condition, NULL);
	}
	appendStringInfo(&sql, "%s ORDER BY %s %s, %s %s", query->where.data,
					 query->ordering->expression, direction, list->id, direction);
	query->argtypes[query->nargs] = INT8OID;
	query->args[query->nargs++] = Int64GetDatum(query->page_size + 1);
	appendStringInfo(&sql, " LIMIT $%d", query->nargs);
	query->argtypes[query->nargs] = INT8OID;
	query->args[query->nargs++] =
		Int64GetDatum(query->cursor_value ? 0 : (query->page - 1) * query->page_size);
	appendStringInfo(&sql, " OFFSET $%d", query->nargs);
	return plan_read(plan_lookup(sql.data, query->nargs, query->argtypes), query->args, NULL);
}

static void
append_link(StringInfo reply, ListQuery *query, const char *url, int64 page, const char *cursor)
{
	StringInfoData link;

	initStringInfo(&link);
	appendStringInfo(&link, "%s?page=" INT64_FORMAT "%s", url, page, query->parameters.data);
	if (cursor)
	{
		appendStringInfoString(&link, "&cursor=");
		append_url_encoded(&link, cursor);
	}
	escape_json(reply, link.data);
}

/* append_results appends the rows of the page, extended where the list says so */
static void
append_results(StringInfo reply, ListQuery *query, uint64 n)
{
	SPITupleTable *table = SPI_tuptable;
	StringInfo *results = palloc(sizeof(StringInfo) * (n + 1));
	int64 *ids = palloc(sizeof(int64) * (n + 1));

	for (uint64 i = 0; i < n; i++)
	{
		ids[i] = row_int64(i, 1);
		results[i] = makeStringInfo();
		json_columns(results[i], table, i, 3, table->tupdesc->natts);
	}
	if (query->list->extend && n > 0)
		query->list->extend(results, ids, n);
	for (uint64 i = 0; i < n; i++)
	{
		appendStringInfoString(reply, i ? ", {" : "{");
		appendBinaryStringInfo(reply, results[i]->data, results[i]->len);
		appendStringInfoChar(reply, '}');
	}
}

Datum
list_reply(Verb *verb, const Listing *list, const char *url, Jsonb *parameters)
{
	return list_reply_within(verb, list, url, parameters, NULL, NULL);
}

/* list_reply_within lists only what a condition of the caller lets through, if not NULL */
Datum
list_reply_within(Verb *verb, const Listing *list, const char *url, Jsonb *parameters,
				  const char *condition, const char *value)
{
	ListQuery query;
	StringInfo reply;
	int64 count;
	uint64 n;
	char *cursor = NULL;

	parse_query(&query, list, parameters);
	if (condition)
	{
		add_condition(&query, condition, value);
		query.filtered = true;
	}
	if (list_export)
	{
		if (list_export->cursor)
			apply_cursor(&query, list_export->cursor);
		input_end(&query.input);
		query.page_size = list_export_limit() - 1;
		return list_export_rows(verb, list, read_page(&query));
	}
	count = count_rows(&query);
	n = read_page(&query);
	reply = reply_begin(verb);
	if (n == 0 && query.page > 1 && query.cursor_value == NULL)
		ereport(ERROR, (oms_errcode(OMS_PAGE_NOT_FOUND),
						errmsg("there is no page " INT64_FORMAT, query.page),
						errhint("Follow the \"next\" links from the first page.")));
	if (n > (uint64) query.page_size)
	{
		n = query.page_size;
		cursor = list_cursor(SPI_tuptable, n - 1);
	}
	if (count > LIST_MAX_COUNT && (query.filtered || list->count_all == NULL))
		appendStringInfo(reply,
						 "{\"count\": %d, \"count_exact\": false, \"next\": ", LIST_MAX_COUNT);
	else
		appendStringInfo(reply, "{\"count\": " INT64_FORMAT ", \"next\": ", count);
	if (cursor)
		append_link(reply, &query, url, query.page + 1, cursor);
	else
		appendStringInfoString(reply, "null");
	appendStringInfoString(reply, ", \"previous\": ");
	if (query.page > 1)
		append_link(reply, &query, url, query.page - 1, NULL);
	else
		appendStringInfoString(reply, "null");
	appendStringInfoString(reply, ", \"results\": [");
	append_results(reply, &query, n);
	appendStringInfoString(reply, "]}");
	return reply_datum(reply);
}

/* list_whole answers in the same form with all rows of a statement, for what is never many */
Datum
list_whole(Verb *verb, KeptPlan *select)
{
	uint64 n = plan_read(select, NULL, NULL);
	StringInfo reply;

	if (list_export)
		return list_export_rows(verb, NULL, n);
	reply = reply_begin(verb);
	appendStringInfo(
		reply, "{\"count\": " UINT64_FORMAT ", \"next\": null, \"previous\": null, \"results\": [",
		n);
	for (uint64 i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoString(reply, ", ");
		json_row(reply, SPI_tuptable, i);
	}
	appendStringInfoString(reply, "]}");
	return reply_datum(reply);
}
