/*
 * table.h
 *	  Rows written straight into a table, with all that belongs to it.
 */
#ifndef OMS_TABLE_H
#define OMS_TABLE_H

#include "oms.h"

#include "executor/executor.h"

#define TABLE_MAX_COLUMNS 24

/*
 * Table: some columns of a table of schema oms, to be written again and again.
 * What executor and catalogs say of it is looked up once and kept until the
 * table changes.
 */
typedef struct Table
{
	const char *name;
	int ncolumns;
	const char *columns[TABLE_MAX_COLUMNS];
	struct TableState *state;
} Table;

#define TABLE(name, ...)                                                                           \
	{                                                                                              \
		name, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), {__VA_ARGS__}, NULL          \
	}

/*
 * table_begin, any number of table_insert or table_update, table_end.  Values
 * are in the order of the Table's columns; "nulls" may be NULL.  Other columns
 * get their defaults on insert and stay as they are on update.  Constraints,
 * generated columns, indexes and row triggers are served as by SQL; statement
 * triggers are not.
 */
extern void table_begin(Table *table);
extern void table_insert(Table *table, const Datum *values, const bool *nulls);
extern void table_update(Table *table, ItemPointer tid, const Datum *values, const bool *nulls);
extern void table_end(Table *table);

#endif /* OMS_TABLE_H */
