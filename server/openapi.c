/*
 * openapi.c
 *	  Reads openapi.json: its operations, parameters and servers.
 *
 * What OpenAPI has no word for stands in "x-oms" of an operation:
 *	  call		function in schema oms_rest
 *	  args		its arguments after actor and request_id
 *	  role		least role: none, staff or admin
 *	  pool		fast (pipelined) or slow (one request at a time)
 *	  write		true if the reply must wait until the commit is on disk
 *	  token		true if the reply becomes an access token
 *	  location	path of the thing created, to which its id is added
 *	  body_limit	bytes of the largest body, where the setting body_limit is too small
 *	  export	name of the file, without its end, that has all rows of this list
 *	  builtin	instead of call: schema, docs, healthz, readyz or metrics
 *
 * A parameter whose schema has a pattern says in "x-oms-hint" what fits it, in
 * words that follow the name of the parameter: "must be ...".  A path has one
 * parameter at most: {id}, a whole number, or a text such as {code}.
 *
 * The keys of "content" in requestBody are the media types that a body may have.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "media.h"
#include "openapi.h"

/* a name and the number it stands for; the last has no name */
typedef struct Choice
{
	const char *name;
	int value;
} Choice;

static const Choice methods[] = {{"get", METHOD_GET},       {"post", METHOD_POST},
								 {"put", METHOD_PUT},       {"patch", METHOD_PATCH},
								 {"delete", METHOD_DELETE}, {NULL, 0}};
static const Choice roles[] = {
	{"none", ROLE_NONE}, {"staff", ROLE_STAFF}, {"admin", ROLE_ADMIN}, {NULL, 0}};
static const Choice pools[] = {{"fast", false}, {"slow", true}, {NULL, 0}};
static const Choice builtins[] = {{"schema", BUILTIN_SCHEMA},   {"docs", BUILTIN_DOCS},
								  {"healthz", BUILTIN_HEALTHZ}, {"readyz", BUILTIN_READYZ},
								  {"metrics", BUILTIN_METRICS}, {NULL, 0}};
static const Choice args[] = {{"path.id", ARG_PATH_ID},
							  {"path.code", ARG_PATH_TEXT},
							  {"url", ARG_URL},
							  {"query", ARG_QUERY},
							  {"body", ARG_BODY},
							  {"content_type", ARG_CONTENT_TYPE},
							  {"idempotency_key", ARG_IDEMPOTENCY_KEY},
							  {NULL, 0}};
static const Choice types[] = {{"string", PARAM_STRING},
							   {"integer", PARAM_INTEGER},
							   {"boolean", PARAM_BOOLEAN},
							   {"array", PARAM_LIST},
							   {NULL, 0}};

static bool read_path(Openapi *document, json_t *doc, const char *path, json_t *item, Buf *error);
static Operation *read_operation(json_t *doc, const char *path, json_t *item, int method,
								 Buf *error);
static bool read_body(Operation *op, json_t *body, Buf *error);
static bool read_extension(Operation *op, json_t *extension, Buf *error);
static bool read_params(Operation *op, json_t *doc, json_t *list, Buf *error);
static bool read_param(Param *param, json_t *object, Buf *error);
static void free_param(Param *param);
static bool read_pattern(Param *param, json_t *pattern, json_t *hint, Buf *error);

/* looks a text up in a list of choices; absent texts mean the standard, unknown ones -1 */
static int
choose(const Choice *list, json_t *text, int standard)
{
	if (!text)
		return standard;
	for (; list->name; list++)
		if (json_is_string(text) && strcmp(list->name, json_string_value(text)) == 0)
			return list->value;
	return -1;
}

bool
openapi_read(Openapi *document, const char *file, Buf *error)
{
	FILE *in = fopen(file, "re");
	char chunk[8192];
	json_error_t broken;
	json_t *doc;
	json_t *item;
	const char *path;
	size_t n;
	bool ok = true;

	if (!in)
	{
		buf_fmt(error, "cannot read the setting openapi, \"%s\": %s", file, strerror(errno));
		return false;
	}
	while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
		buf_add(&document->text, chunk, n);
	fclose(in);
	doc = json_loadb(document->text.data ? document->text.data : "", document->text.len,
					 JSON_REJECT_DUPLICATES, &broken);
	if (!doc)
	{
		buf_fmt(error, "%s, line %d: %s", file, broken.line, broken.text);
		return false;
	}
	json_object_foreach(json_object_get(doc, "paths"), path, item)
	{
		ok = ok && read_path(document, doc, path, item, error);
	}
	if (ok && document->noperations == 0)
	{
		buf_fmt(error, "%s has no operations", file);
		ok = false;
	}
	json_decref(doc);
	return ok;
}

/* one path with all its methods, under each of its servers */
static bool
read_path(Openapi *document, json_t *doc, const char *path, json_t *item, Buf *error)
{
	json_t *servers = json_object_get(item, "servers");
	size_t nservers;

	if (!servers)
		servers = json_object_get(doc, "servers");
	nservers = json_array_size(servers);
	if (path[0] != '/' || nservers == 0)
	{
		buf_fmt(error, "path \"%s\" needs a slash in front and a server", path);
		return false;
	}
	for (const Choice *method = methods; method->name; method++)
	{
		Operation *op;

		if (!json_object_get(item, method->name))
			continue;
		if ((op = read_operation(doc, path, item, method->value, error)) == NULL)
			return false;
		op->index = document->noperations;
		document->operations = realloc(document->operations,
									   (document->noperations + 1) * sizeof *document->operations);
		document->operations[document->noperations++] = op;
		document->routes =
			realloc(document->routes, (document->nroutes + nservers) * sizeof *document->routes);
		for (size_t i = 0; i < nservers; i++)
		{
			json_t *url = json_object_get(json_array_get(servers, i), "url");
			const char *prefix = json_is_string(url) ? json_string_value(url) : "/";

			document->routes[document->nroutes++] =
				(Route){xstrdup(strcmp(prefix, "/") == 0 ? "" : prefix), op};
		}
	}
	return true;
}

static Operation *
read_operation(json_t *doc, const char *path, json_t *item, int method, Buf *error)
{
	json_t *object = json_object_get(item, methods[method].name);
	json_t *id = json_object_get(object, "operationId");
	Operation *op = xcalloc(1, sizeof *op);
	const char *status;
	json_t *response;

	op->method = (Method) method;
	op->path = xstrdup(path);
	op->id = xstrdup(json_is_string(id) ? json_string_value(id) : "");
	json_object_foreach(json_object_get(object, "responses"), status, response)
	{
		if (status[0] == '2' && !op->status)
			op->status = atoi(status);
	}
	if (op->id[0] == '\0' || op->status == 0)
		buf_fmt(error, "%s %s needs an operationId and a response 2xx", methods[method].name, path);
	else if (!read_body(op, json_object_get(object, "requestBody"), error) ||
			 !read_extension(op, json_object_get(object, "x-oms"), error) ||
			 !read_params(op, doc, json_object_get(item, "parameters"), error) ||
			 !read_params(op, doc, json_object_get(object, "parameters"), error))
		buf_fmt(error, " (operation %s)", op->id);
	else
		return op;
	return NULL;
}

/* the types that a body may have */
static bool
read_body(Operation *op, json_t *body, Buf *error)
{
	const char *name;
	json_t *media;

	json_object_foreach(json_object_get(body, "content"), name, media)
	{
		BodyType type = media_find(name);

		if (type == BODY_TYPES)
		{
			buf_fmt(error, "requestBody has the content \"%s\", which omsd cannot read", name);
			return false;
		}
		op->body_types |= 1u << type;
	}
	return true;
}

static bool
read_extension(Operation *op, json_t *extension, Buf *error)
{
	json_t *call = json_object_get(extension, "call");
	json_t *location = json_object_get(extension, "location");
	json_t *list = json_object_get(extension, "args");
	json_t *export = json_object_get(extension, "export");
	json_t *limit = json_object_get(extension, "body_limit");
	int builtin = choose(builtins, json_object_get(extension, "builtin"), BUILTIN_NONE);
	int role = choose(roles, json_object_get(extension, "role"), builtin > 0 ? ROLE_NONE : -1);
	int slow = choose(pools, json_object_get(extension, "pool"), builtin > 0 ? 0 : -1);

	op->nargs = (unsigned) json_array_size(list);
	if (builtin < 0 || role < 0 || slow < 0 || op->nargs > MAX_ARGS ||
		json_is_string(call) == (builtin > 0))
	{
		buf_str(error, "x-oms needs call, args, role and pool, or builtin");
		return false;
	}
	for (unsigned i = 0; i < op->nargs; i++)
	{
		int arg = choose(args, json_array_get(list, i), -1);

		if (arg < 0 || ((arg == ARG_BODY || arg == ARG_CONTENT_TYPE) && !op->body_types))
		{
			buf_fmt(error, "argument %u in x-oms is unknown, or a body that requestBody lacks",
					i + 1);
			return false;
		}
		if (arg == ARG_CONTENT_TYPE && (i == 0 || op->args[i - 1] != ARG_BODY))
		{
			buf_str(error, "content_type in x-oms must follow body");
			return false;
		}
		op->args[i] = (Arg) arg;
		op->takes_key |= arg == ARG_IDEMPOTENCY_KEY;
	}
	if (limit && (!json_is_integer(limit) || json_integer_value(limit) < 1 ||
				  json_integer_value(limit) > BODY_LIMIT_MAX || role == ROLE_NONE))
	{
		buf_fmt(error, "body_limit in x-oms must be from 1 to %d, and needs a role",
				BODY_LIMIT_MAX);
		return false;
	}
	op->body_limit = json_integer_value(limit);
	op->builtin = (Builtin) builtin;
	op->role = (Role) role;
	op->slow = slow != 0;
	op->write = json_is_true(json_object_get(extension, "write"));
	op->token = json_is_true(json_object_get(extension, "token"));
	if (json_is_string(call))
		op->call = xstrdup(json_string_value(call));
	if (json_is_string(export))
		op->export = xstrdup(json_string_value(export));
	if (json_is_string(location))
		op->location = xstrdup(json_string_value(location));
	return true;
}

/* follows "#/components/parameters/NAME" */
static json_t *
resolve(json_t *doc, json_t *object)
{
	json_t *ref = json_object_get(object, "$ref");
	static const char start[] = "#/components/parameters/";

	if (!json_is_string(ref))
		return object;
	if (strncmp(json_string_value(ref), start, sizeof start - 1) != 0)
		return NULL;
	return json_object_get(json_object_get(json_object_get(doc, "components"), "parameters"),
						   json_string_value(ref) + sizeof start - 1);
}

/* keeps the parameter of a path if it is a text */
static bool
read_path_param(Operation *op, json_t *object, Buf *error)
{
	if (!read_param(&op->path_param, object, error))
		return false;
	op->path_text = op->path_param.type == PARAM_STRING;
	if (!op->path_text)
		free_param(&op->path_param);
	return true;
}

static bool
read_params(Operation *op, json_t *doc, json_t *list, Buf *error)
{
	size_t i;
	json_t *entry;

	json_array_foreach(list, i, entry)
	{
		json_t *object = resolve(doc, entry);
		json_t *in = json_object_get(object, "in");

		if (!json_is_string(in))
		{
			buf_fmt(error, "parameter %zu cannot be resolved", i + 1);
			return false;
		}
		/* the only parameter in a path is {id}, which the router checks, or a text */
		if (strcmp(json_string_value(in), "path") == 0)
		{
			if (!op->path_text && !read_path_param(op, object, error))
				return false;
			continue;
		}
		op->params = realloc(op->params, (op->nparams + 1) * sizeof *op->params);
		op->params[op->nparams] = (Param){0};
		op->params[op->nparams].in_header = strcmp(json_string_value(in), "header") == 0;
		op->nparams++;
		if (!read_param(&op->params[op->nparams - 1], object, error))
			return false;
	}
	return true;
}

static int64_t
integer_or(json_t *object, const char *key, int64_t standard)
{
	json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? json_integer_value(value) : standard;
}

static bool
read_param(Param *param, json_t *object, Buf *error)
{
	json_t *name = json_object_get(object, "name");
	json_t *schema = json_object_get(object, "schema");
	json_t *format = json_object_get(schema, "format");
	int type = choose(types, json_object_get(schema, "type"), -1);
	json_t *choices;

	if (!json_is_string(name) || type < 0)
	{
		buf_str(error, "a parameter needs a name and a schema with a type");
		return false;
	}
	param->name = xstrdup(json_string_value(name));
	param->type = (ParamType) type;
	param->required = json_is_true(json_object_get(object, "required"));
	param->minimum = integer_or(schema, "minimum", INT64_MIN);
	param->maximum = integer_or(schema, "maximum", INT64_MAX);
	param->min_length = (size_t) integer_or(schema, "minLength", 0);
	param->max_length = (size_t) integer_or(schema, "maxLength", 2000);
	param->date_time =
		json_is_string(format) && strcmp(json_string_value(format), "date-time") == 0;
	if (type == PARAM_LIST)
		schema = json_object_get(schema, "items");
	choices = json_object_get(schema, "enum");
	param->nchoices = json_array_size(choices);
	if (choices)
		param->choices = xcalloc(param->nchoices, sizeof *param->choices);
	for (size_t i = 0; i < param->nchoices; i++)
		param->choices[i] = xstrdup(json_string_value(json_array_get(choices, i)));
	return read_pattern(param, json_object_get(schema, "pattern"),
						json_object_get(object, "x-oms-hint"), error);
}

/* the pattern is a POSIX regular expression, and no text for users */
static bool
read_pattern(Param *param, json_t *pattern, json_t *hint, Buf *error)
{
	if (!json_is_string(pattern))
		return true;
	if (!json_is_string(hint))
	{
		buf_fmt(error, "parameter %s has a pattern, and so needs x-oms-hint", param->name);
		return false;
	}
	param->hint = xstrdup(json_string_value(hint));
	param->pattern = xstrdup(json_string_value(pattern));
	if (regcomp(&param->regex, param->pattern, REG_EXTENDED | REG_NOSUB) == 0)
		return true;
	free(param->pattern);
	param->pattern = NULL;
	buf_fmt(error, "the pattern of parameter %s is no POSIX regular expression", param->name);
	return false;
}

static void
free_param(Param *param)
{
	for (size_t i = 0; i < param->nchoices; i++)
		free(param->choices[i]);
	if (param->pattern)
		regfree(&param->regex);
	free(param->choices);
	free(param->pattern);
	free(param->hint);
	free(param->name);
	*param = (Param){0};
}

static void
free_operation(Operation *op)
{
	for (size_t i = 0; i < op->nparams; i++)
		free_param(&op->params[i]);
	free_param(&op->path_param);
	free(op->params);
	free(op->location);
	free(op->export);
	free(op->call);
	free(op->path);
	free(op->id);
	free(op);
}

void
openapi_free(Openapi *document)
{
	for (unsigned i = 0; i < document->nroutes; i++)
		free(document->routes[i].prefix);
	for (unsigned i = 0; i < document->noperations; i++)
		free_operation(document->operations[i]);
	free(document->routes);
	free(document->operations);
	buf_free(&document->text);
	*document = (Openapi){0};
}
