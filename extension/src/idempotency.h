/*
 * idempotency.h
 *	  One effect and one answer for requests that share an Idempotency-Key.
 */
#ifndef OMS_IDEMPOTENCY_H
#define OMS_IDEMPOTENCY_H

#include "oms.h"

/*
 * idempotency_find returns true and the answer that was given to this key
 * before; false means: do it, then call idempotency_keep.  A key of NULL is
 * no key.  Raises OM030 when the key was used for another request, OM031 when
 * its first request is still under way.
 */
extern bool idempotency_find(Verb *verb, text *key, const char *operation, text *body,
							 Datum *answer);
extern void idempotency_keep(Verb *verb, text *key, const char *operation, text *body,
							 Datum answer);

#endif /* OMS_IDEMPOTENCY_H */
