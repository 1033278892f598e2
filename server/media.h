/*
 * media.h
 *	  Media types of bodies: what a client sends, and what it wants.
 */
#ifndef OMSD_MEDIA_H
#define OMSD_MEDIA_H

#include "route.h"

/* the type by its name in the document; BODY_TYPES if omsd does not know it */
extern BodyType media_find(const char *name);

/* what a database function gets for content_type: json, ndjson or csv */
extern const char *media_word(BodyType type);

/* the other way; BODY_JSON if there is no such word */
extern BodyType media_by_word(Span word);

/* the header Content-Type of a reply */
extern const char *media_type(BodyType type);

/* what a client that sends these headers Accept wants; JSON unless it says otherwise */
extern BodyType media_accept(Span accept);

/*
 * Reads the header Content-Type of a body for an operation.  If something is
 * wrong it is written to detail, and what to do to hint.
 */
extern void media_read(const Operation *op, Span header, BodyType *type, Buf *detail, Buf *hint);

#endif
