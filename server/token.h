/*
 * token.h
 *	  Replies of the operations that log in.
 */
#ifndef OMSD_TOKEN_H
#define OMSD_TOKEN_H

#include "http.h"

/* turns {sub, role, sid, refresh} from the database into {access, refresh, ...} */
extern void token_reply(Request *request, Span body);

#endif
