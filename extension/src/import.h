/*
 * import.h
 *	  Imports: many rows of products, stock or past orders.
 *
 *		        rows are added     each in batches, or all at once
 *		  OPEN ----------------> RUNNING ----------------> DONE
 *		    |                    |     |   all: a row failed
 *		    '----> CANCELLED <---'     '-----------------> FAILED
 *
 * import.c begins, fills and ends them, import_text.c reads texts into rows,
 * import_view.c takes what is copied into the views, import_run.c runs rows and
 * keeps what became of each; import_product.c, import_stock.c, import_order.c
 * and import_order_read.c are the kinds.
 */
#ifndef OMS_IMPORT_H
#define OMS_IMPORT_H

#include "json.h"

#include "storage/itemptr.h"

#define IMPORT_BATCH 1000 /* rows in one transaction */
#define MAX_IMPORT_ROWS INT64CONST(100000000)

#define IMPORT_OPEN "OPEN"
#define IMPORT_RUNNING "RUNNING"
#define IMPORT_DONE "DONE"
#define IMPORT_FAILED "FAILED"
#define IMPORT_CANCELLED "CANCELLED"

/* ImportRow: a row that waits */
typedef struct ImportRow
{
	int64 row_no;
	Jsonb *data;
	ItemPointerData tid;
} ImportRow;

/* ImportUnit: rows next to each other that stand for one thing, and what becomes of it */
typedef struct ImportUnit
{
	ImportRow *rows;
	int nrows;
	void *parsed;    /* what the kind has read from them */
	Outcome outcome; /* its id is that of what was made */
} ImportUnit;

struct Import;

/* ImportKind: what rows may be */
typedef struct ImportKind
{
	const char *name;
	bool admin; /* needs oms_admin */
	const Field *fields;
	int nfields;
	const char *required; /* column that a text in columns must have, and ... */
	const char *or_else;  /* ... the one that may stand for it, or NULL */
	/* reads rows into units; raises nothing, faults become outcomes */
	ImportUnit *(*read)(struct Import *import, ImportRow *rows, int n, int *nunits);
	/* does units together; those that cannot be get outcomes, and then nothing of it may stay */
	void (*run)(Verb *verb, struct Import *import, ImportUnit **units, int n);
} ImportKind;

extern const ImportKind import_products;
extern const ImportKind import_stock;
extern const ImportKind import_orders;

/* Import: a row of oms.import, locked by this transaction */
typedef struct Import
{
	int64 id;
	const ImportKind *kind;
	bool all; /* or none */
	const char *policy;
	const char *state;
	int64 rows;
	int64 done;
	int64 failed;
	int64 position; /* the last row that was tried */
	int64 version;
	const char *created_by;
	const char *request_id; /* or NULL */
	const char *message;    /* why it failed, or NULL */
} Import;

/* ImportNew: a row to be added */
typedef struct ImportNew
{
	int64 line; /* of the text, 0 for none */
	Jsonb *data;
	Outcome fault; /* of one that could not be read */
} ImportNew;

/* ImportList: rows that are being read, in memory that lives on */
typedef struct ImportList
{
	MemoryContext context;
	ImportNew *rows;
	int n;
	int max;
} ImportList;

/* import.c */
extern int64 import_new(Verb *verb, const char *kind, const char *mode, const char *policy);
extern int64 import_last(void);                   /* that this session has begun; raises OM038 */
extern Import *import_open(Verb *verb, int64 id); /* locks it; raises OM038, OM023 */
/* raises OM054 unless it is OPEN, or RUNNING where that will do */
extern void import_expect(const Import *import, bool running);
extern void import_room(const Import *import, int64 n); /* raises OM010 */
extern void import_row_insert(Import *import, const ImportNew *row);
extern void import_rows_begin(void);
extern void import_rows_end(void);
extern void import_fill(Import *import, ImportList *list); /* adds rows, and counts them */
/* writes state and counts, with an event of that type unless it is NULL */
extern void import_write(Verb *verb, Import *import, const char *event);
extern void import_start(Verb *verb, Import *import); /* hands it to the worker */
extern void import_end(Verb *verb, Import *import);   /* cancels it */

/* import_text.c */
extern ImportNew *import_list_add(ImportList *list, int64 line, Jsonb *data);
extern void import_read_text(const Import *import, const char *format, text *body,
							 ImportList *list);
extern void import_read_array(JsonbContainer *array, ImportList *list);

/* reads a row by a table of fields; false when it has faults, which the unit has then */
extern bool import_read_row(ImportUnit *unit, const Field *fields, int n, FieldValue *values);
extern void import_note_faults(ImportUnit *unit, Input *input);

/* import_run.c */
extern void import_run_now(Verb *verb, Import *import);

/* import_product.c: the ids of products by their SKUs */
typedef struct SkuMap
{
	const char **skus; /* sorted */
	int64 *ids;        /* 0 where there is none */
	int n;
} SkuMap;

extern SkuMap sku_map(const char **skus, int n, bool archived);
extern int64 sku_find(const SkuMap *map, const char *sku);

#endif /* OMS_IMPORT_H */
