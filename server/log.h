/*
 * log.h
 *	  The access log and the error log, one JSON object a line.
 */
#ifndef OMSD_LOG_H
#define OMSD_LOG_H

#include "config.h"
#include "http.h"

/* opens the files that the settings name; again on reload, which lets them be rotated */
extern bool log_open(Buf *error);

/* a line about omsd itself */
extern void log_note(LogLevel level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* a line about an error that the database reported; request may be NULL */
extern void log_database(LogLevel level, const Request *request, const char *what,
						 const PGresult *result);

/* a line of the access log, written out with the next tick */
extern void log_access(const Request *request, size_t bytes, int64_t duration_us);
extern void log_tick(Thread *thread);
extern void log_close(void);

#endif
