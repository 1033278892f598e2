/*
 * dry_run.h
 *	  Work that is done to see how it would end, and is undone then.
 */
#ifndef OMS_DRY_RUN_H
#define OMS_DRY_RUN_H

#include "oms.h"

/*
 * rehearse calls act(arg) in a subtransaction that is always rolled back.  It
 * returns the error that was raised, or NULL; what act allocates in the
 * caller's memory stays.
 */
extern ErrorData *rehearse(void (*act)(void *arg), void *arg);

/* tells an error that is about what was asked for from one of the server */
extern bool error_of_input(int sqlstate);

/* dry_run is verb_body, undone: the result, or the error, is the verb's own */
extern Datum dry_run(Verb *verb, FunctionCallInfo fcinfo, VerbBody body);

#endif /* OMS_DRY_RUN_H */
