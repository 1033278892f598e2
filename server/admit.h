/*
 * admit.h
 *	  Who may send what: roles, and how large a body may become.
 */
#ifndef OMSD_ADMIT_H
#define OMSD_ADMIT_H

#include "http.h"

/* true if the caller has the role; else the reply is on its way: 401 or 403 */
extern bool admit_role(Request *request, Role role);

/* the problem of a body that was not admitted: 401, 403, 413 or 503 */
extern Span admit_problem(Request *request);

#endif
