/*
 * param.h
 *	  Checks of what a request brings: query, headers, body.
 */
#ifndef OMSD_PARAM_H
#define OMSD_PARAM_H

#include "http.h"

/*
 * Checks the query against the operation and writes it as a JSON object of
 * strings.  What is wrong is added to errors as elements of a JSON array;
 * empty means all is well.
 */
extern void param_query(Request *request, Buf *object, Buf *errors);

/* checks a text that stands in the path; adds to errors as above */
extern void param_path(const Operation *op, Span value, Buf *errors);

/* checks one header parameter; adds to errors as above */
extern void param_header(const Operation *op, const char *name, const Span *value, Buf *errors);

/* outcome of body_check() */
typedef enum BodyState
{
	BODY_OK,
	BODY_NOT_JSON,  /* 400 */
	BODY_NOT_OBJECT /* 422 */
} BodyState;

/* what is wrong with a body; all zero before, and freed by the caller */
typedef struct BodyFault
{
	Buf detail;
	Buf errors; /* elements of a JSON array, where a value is to blame */
	const char *hint;
} BodyFault;

/*
 * Checks that JSON is one object without duplicate keys, not nested too deep,
 * and that other types are UTF-8 without NUL.
 */
extern BodyState body_check(Span body, BodyType type, BodyFault *fault);

/* true if text surely is such an object; false says nothing */
extern bool json_scan(Span text, int64_t most);

/* the string that a checked body has under a name, in memory of the request; NULL if it has none */
extern const char *body_text(Request *request, const char *name);

/* makes the JSON parser take its memory from a per-thread arena while a body is checked */
extern void body_init(void);
extern void body_thread_close(void);

#endif
