/*
 * list.h
 *	  Pages of rows: filters, ordering, paging and counts from tables of data.
 */
#ifndef OMS_LIST_H
#define OMS_LIST_H

#include "json.h"

typedef enum FilterType
{
	FILTER_VALUE,    /* condition with one argument */
	FILTER_LIST,     /* names in capitals; "otherwise" is for several with commas between */
	FILTER_CONTAINS, /* the same, the argument becoming a LIKE pattern */
	FILTER_FLAG      /* condition without argument, given as true or false */
} FilterType;

/*
 * ListFilter: a query parameter and its SQL condition, in which "$?" stands for
 * the value as text.  Flags have a second condition for "false", or NULL.
 */
typedef struct ListFilter
{
	const char *parameter;
	FilterType type;
	const char *condition;
	const char *otherwise;
	const char *by_default;          /* value when the parameter is absent, or NULL */
	bool (*known)(const char *name); /* for FILTER_LIST: whether there is such a value */
} ListFilter;

/* ListOrdering: a name for "ordering", the SQL expression and its type's name */
typedef struct ListOrdering
{
	const char *name;
	const char *expression;
	const char *type;
} ListOrdering;

/* Listing: what can be listed; the first ordering is the default */
typedef struct Listing
{
	const char *columns; /* become the members of each result */
	const char *from;
	const char *id;               /* expression of the bigint key, the last resort of orderings */
	const char *default_ordering; /* such as "-created_at" */
	const ListFilter *filters;
	int nfilters;
	const ListOrdering *orderings;
	int norderings;
	int64 (*count_all)(void); /* count without filters, or NULL */
	/* appends more members to each result, once the page's rows are known, or NULL */
	void (*extend)(StringInfo *results, const int64 *ids, int n);
} Listing;

/* list_reply answers {count, next, previous, results} for a query (jsonb of strings) */
extern Datum list_reply(Verb *verb, const Listing *list, const char *url, Jsonb *query);
extern Datum list_whole(Verb *verb, KeptPlan *select);

/* the same for the rows that a condition lets through, in which "$?" stands for the value as text */
extern Datum list_reply_within(Verb *verb, const Listing *list, const char *url, Jsonb *query,
							   const char *condition, const char *value);

/* ListExport: rows wanted as text instead of a page, while list_export() runs */
typedef struct ListExport
{
	bool csv;           /* else NDJSON */
	const char *cursor; /* the row before, or NULL for the first chunk */
	char *next;         /* cursor for the next chunk, NULL behind the last */
	bool done;
} ListExport;

extern ListExport *list_export; /* NULL unless it runs */
extern int64 list_export_limit(void);
extern Datum list_export_rows(Verb *verb, const Listing *list, uint64 n);

/* the cursor that stands for a row of a list */
extern char *list_cursor(SPITupleTable *table, uint64 row);

#endif /* OMS_LIST_H */
