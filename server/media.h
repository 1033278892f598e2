/*
 * media.h
 *	  Media types of bodies: what a client sends.
 */
#ifndef OMSD_MEDIA_H
#define OMSD_MEDIA_H

#include "route.h"

/* the type by its name in the document; BODY_TYPES if omsd does not know it */
extern BodyType media_find(const char *name);

/* what a database function gets for content_type: json, ndjson or csv */
extern const char *media_word(BodyType type);

/*
 * Reads the header Content-Type of a body for an operation.  If something is
 * wrong it is written to detail, and what to do to hint.
 */
extern void media_read(const Operation *op, Span header, BodyType *type, Buf *detail, Buf *hint);

#endif
