/*
 * location.h
 *	  Where stock lies: the rows of oms.location, kept by each session.
 */
#ifndef OMS_LOCATION_H
#define OMS_LOCATION_H

#include "oms.h"

#define MAIN_LOCATION 1 /* id of MAIN, which is meant where none is named */
#define MAIN_CODE "MAIN"
#define MAX_LOCATION_CODE 32 /* characters */

typedef struct Location
{
	int32 id;
	char *code;
	int rank; /* place in the order of taking, from 0; -1 when nothing is taken from it */
} Location;

extern const Location *location_by_code(const char *code); /* or NULL */
extern int32 location_first(void); /* the id of the one taken from first, or 0 */
extern const Location *location_find(const char *code); /* raises OM032 */
/* the id of the location whose code is an argument; null is MAIN */
extern int32 location_arg(FunctionCallInfo fcinfo, int argument);
extern const Location *location_get(int32 id); /* NULL when there is none */
extern int location_rank(int32 id);            /* -1 also when there is none */

#endif /* OMS_LOCATION_H */
