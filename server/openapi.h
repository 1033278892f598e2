/*
 * openapi.h
 *	  openapi.json as a list of operations.
 */
#ifndef OMSD_OPENAPI_H
#define OMSD_OPENAPI_H

#include "route.h"

/* an operation under one of its servers; prefix has no slash at its end */
typedef struct Route
{
	char *prefix;
	Operation *op;
} Route;

typedef struct Openapi
{
	Buf text;
	Operation **operations;
	unsigned noperations;
	Route *routes;
	unsigned nroutes;
} Openapi;

extern bool openapi_read(Openapi *document, const char *file, Buf *error);
extern void openapi_free(Openapi *document);

#endif
