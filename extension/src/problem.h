/*
 * problem.h
 *	  An error told of in a reply, where it does not end the request.
 */
#ifndef OMS_PROBLEM_H
#define OMS_PROBLEM_H

#include "oms.h"

/*
 * problem_json appends members as problem details have them: code, status,
 * title, detail, hint, and errors or context, without the braces.
 */
extern void problem_json(StringInfo buf, int sqlstate, const char *message, const char *detail,
						 const char *hint);

#endif /* OMS_PROBLEM_H */
