/*
 * route.h
 *	  Operations of the API as openapi.json describes them.
 */
#ifndef OMSD_ROUTE_H
#define OMSD_ROUTE_H

#include <regex.h>

#include "text.h"

typedef enum Method
{
	METHOD_GET,
	METHOD_POST,
	METHOD_PUT,
	METHOD_PATCH,
	METHOD_DELETE,
	METHOD_COUNT,
	METHOD_OPTIONS = METHOD_COUNT,
	METHOD_OTHER
} Method;

typedef enum Role
{
	ROLE_NONE,
	ROLE_STAFF,
	ROLE_ADMIN,
	ROLE_COUNT
} Role;

/* what omsd answers itself */
typedef enum Builtin
{
	BUILTIN_NONE,
	BUILTIN_SCHEMA,
	BUILTIN_DOCS,
	BUILTIN_HEALTHZ,
	BUILTIN_READYZ,
	BUILTIN_METRICS
} Builtin;

/* media types of a request's body */
typedef enum BodyType
{
	BODY_JSON,
	BODY_NDJSON,
	BODY_CSV,
	BODY_TYPES
} BodyType;

/* arguments of a database function after actor and request_id */
typedef enum Arg
{
	ARG_PATH_ID,
	ARG_PATH_TEXT,
	ARG_URL,
	ARG_QUERY,
	ARG_BODY,
	ARG_CONTENT_TYPE,
	ARG_IDEMPOTENCY_KEY,
	ARG_COUNT
} Arg;

#define MAX_ARGS 6

typedef enum ParamType
{
	PARAM_STRING,
	PARAM_INTEGER,
	PARAM_BOOLEAN,
	PARAM_LIST
} ParamType;

/* a parameter in the query, or the header Idempotency-Key */
typedef struct Param
{
	char *name;
	ParamType type;
	bool in_header;
	bool required;
	bool date_time;
	int64_t minimum;
	int64_t maximum;
	size_t min_length;
	size_t max_length;
	char **choices; /* NULL: any value */
	size_t nchoices;
	char *pattern; /* of a text, or of each element of a list */
	regex_t regex; /* of pattern */
	char *hint;    /* says in words what fits the pattern */
} Param;

typedef struct Operation
{
	unsigned index; /* in the order of the document, from 0 */
	char *id;
	Method method;
	char *path; /* as the document has it, for logs and metrics */
	char *call; /* function in schema oms_rest, NULL for a builtin */
	Arg args[MAX_ARGS];
	unsigned nargs;
	Role role;
	bool slow;
	bool write;
	bool token;          /* the reply becomes an access token */
	unsigned body_types; /* a bit for each BodyType; 0 if it takes no body */
	int64_t body_limit;  /* bytes, in place of the smaller setting; 0 is the setting */
	bool takes_key;
	Builtin builtin;
	Param *params;
	size_t nparams;
	Param path_param; /* what stands in the path, if it is a text and no id */
	bool path_text;
	int status;     /* of success */
	char *export;   /* stem of the name of its file as CSV or NDJSON; NULL: not a list */
	char *location; /* path of what was created, up to the id; NULL if nothing is */
} Operation;

/* result of a look-up */
typedef struct Match
{
	bool found;                   /* the path exists */
	const Operation *op;          /* NULL: not with this method */
	Operation *const *operations; /* by method, of the path found */
	Span prefix;
	Span id; /* text of {id}, none if the path has none */
} Match;

/* reads the document; false with a message if it cannot serve as routing table */
extern bool route_load(const char *file, Buf *error);
extern Match route_find(Span path, Method method);

/* value of the header Allow for a path */
extern void route_allow(const Match *match, Buf *out);

extern unsigned route_count(void);
extern const Operation *route_operation(unsigned index);

/* calls back for every full path of a builtin, such as /api/docs */
extern void route_each_builtin(Builtin builtin, void (*callback)(const char *path));

/* the document, as it was read */
extern Span route_document(void);

/* its entity tag, weak since the reply may be compressed */
extern Span route_document_tag(void);
extern const char *method_name(Method method);
extern Method method_find(Span name);
extern void route_free(void);

#endif
