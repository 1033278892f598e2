/*
 * export.h
 *	  Whole lists as CSV or NDJSON, sent a chunk at a time.
 */
#ifndef OMSD_EXPORT_H
#define OMSD_EXPORT_H

#include "http.h"

/* replies with all rows of the request's list, or why not */
extern void export_begin(Request *request);

/* the next rows have come; result belongs to the request */
extern void export_chunk(Request *request, const PGresult *result);

/* when the request's memory goes */
extern void export_end(Request *request);

#endif
