/*
 * reply.h
 *	  Replies: results of the database, and problems (RFC 9457).
 */
#ifndef OMSD_REPLY_H
#define OMSD_REPLY_H

#include "http.h"

/* every error of oms by name */
typedef enum OmsError
{
#define OMS_ERROR(code, name, status, title) ERR_##name,
#include "../extension/src/errcode.h"
#undef OMS_ERROR
	ERR_COUNT
} OmsError;

/* what to do about problems that are found in several places */
#define HINT_ROUTES "GET /api/schema/ lists all paths"
#define HINT_SMALLER                                                                               \
	"send less at once, in several requests; the setting body_limit of omsd is the limit"
#define HINT_SMALLER_FILE "send less at once, in several requests"
#define HINT_HTTP "send well-formed HTTP, as RFC 9112 describes it"

/* a problem that omsd found; the hint says what to do, and may be NULL from status 500 on */
extern void reply_problem(Request *request, OmsError error, const char *detail, const char *hint);

/* the same with the elements of the array errors; none is no array */
extern void reply_invalid(Request *request, OmsError error, const char *detail, const char *hint,
						  const Buf *errors);

/* adds an element {"pointer","detail"} to errors; the pointer "" is the body as a whole */
extern void problem_error(Buf *errors, Span pointer, const char *detail);

/* the body of a problem */
extern void problem_write(Buf *out, const Request *request, OmsError error, const char *detail,
						  const char *hint);

/* the same in memory of the request, with the headers and the status that it calls for */
extern Span problem_body(Request *request, OmsError error, const char *detail, const char *hint);

/* the body of a problem for one of h2o's own errors, by the request's status */
extern Span problem_for_status(Request *request);

/* what the database said; takes the result over */
extern void reply_result(Request *request, PGresult *result);

/* to a client that left before its request was sent on */
extern void reply_left(Request *request);

#endif
