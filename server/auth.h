/*
 * auth.h
 *	  Access tokens: signing, verifying, the keys.
 */
#ifndef OMSD_AUTH_H
#define OMSD_AUTH_H

#include "http.h"

typedef enum AuthState
{
	AUTH_OK,
	AUTH_MISSING, /* no Authorization header */
	AUTH_INVALID,
	AUTH_EXPIRED
} AuthState;

/* longest account name a token may carry */
#define SUBJECT_MAX 200

/* reads the keys; at start and on reload.  On failure the old ones stay. */
extern bool auth_load_keys(const char *file, Buf *error);

/* looks at the Authorization header; on success sets user and role of the request */
extern AuthState auth_check(Request *request);

/* the role that the value of an Authorization header gives; none if it gives none */
extern Role auth_role(Thread *thread, Span authorization);

/* an access token for an account; malloc'ed, NULL if it cannot be made */
extern char *auth_sign(const char *subject, const char *role, const char *session);

extern void auth_thread_open(Thread *thread);
extern void auth_thread_close(Thread *thread);
extern void auth_free(void);

#endif
