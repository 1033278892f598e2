/*
 * route.c
 *	  The routing table: a tree of path segments built from openapi.json.
 *
 * openapi.c turns the document into operations; here they are hung into the
 * tree once for every server prefix and found again for each request.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "openapi.h"
#include "route.h"

typedef struct Node
{
	char *segment; /* NULL for {id} */
	size_t len;
	struct Node *next;     /* sibling */
	struct Node *children; /* fixed segments */
	struct Node *id;       /* {id} */
	bool terminal;
	size_t prefix_len; /* how much of the path is the server's prefix */
	Operation *operations[METHOD_COUNT];
} Node;

static const char *const method_names[] = {"GET",    "POST",    "PUT",  "PATCH",
										   "DELETE", "OPTIONS", "OTHER"};

static Node root;
static Openapi document;
static char document_tag[24];

static bool add_path(const char *prefix, Operation *op, Buf *error);

const char *
method_name(Method method)
{
	return method_names[method];
}

Method
method_find(Span name)
{
	for (Method method = METHOD_GET; method <= METHOD_OPTIONS; method++)
		if (span_is(name, span_z(method_names[method])))
			return method;
	return METHOD_OTHER;
}

unsigned
route_count(void)
{
	return document.noperations;
}

const Operation *
route_operation(unsigned index)
{
	return document.operations[index];
}

Span
route_document(void)
{
	return buf_span(&document.text);
}

Span
route_document_tag(void)
{
	return span_z(document_tag);
}

/* names the document after a digest of its text */
static void
make_tag(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char *at = stpcpy(document_tag, "W/\"");

	EVP_Digest(document.text.data, document.text.len, digest, &len, EVP_sha256(), NULL);
	for (int i = 0; i < 8; i++)
		at += sprintf(at, "%02x", digest[i]);
	strcpy(at, "\"");
}

bool
route_load(const char *file, Buf *error)
{
	if (!openapi_read(&document, file, error))
		return false;
	make_tag();
	for (unsigned i = 0; i < document.nroutes; i++)
		if (!add_path(document.routes[i].prefix, document.routes[i].op, error))
			return false;
	return true;
}

/* the next segment of path, or a span without base at the end */
static Span
next_segment(const char **at, const char *end)
{
	const char *start = *at;
	const char *stop;

	if (start >= end)
		return SPAN_NONE;
	stop = memchr(start, '/', (size_t) (end - start));
	if (!stop)
		stop = end;
	*at = stop + 1;
	return (Span){start, (size_t) (stop - start)};
}

static Node *
find_child(Node *node, Span segment)
{
	for (Node *child = node->children; child; child = child->next)
		if (child->len == segment.len && memcmp(child->segment, segment.base, segment.len) == 0)
			return child;
	return NULL;
}

/* the child for a segment of a template, made if it is new */
static Node *
grow(Node *node, Span segment)
{
	Node *child;

	if (segment.base[0] == '{')
	{
		if (!node->id)
			node->id = xcalloc(1, sizeof *node->id);
		return node->id;
	}
	if ((child = find_child(node, segment)) != NULL)
		return child;
	child = xcalloc(1, sizeof *child);
	child->segment = xcalloc(1, segment.len + 1);
	memcpy(child->segment, segment.base, segment.len);
	child->len = segment.len;
	child->next = node->children;
	node->children = child;
	return child;
}

static bool
add_path(const char *prefix, Operation *op, Buf *error)
{
	Buf full = {0};
	Node *node = &root;
	const char *at;
	const char *end;
	Span segment;

	buf_str(&full, prefix);
	buf_str(&full, op->path);
	at = full.data + 1;
	end = full.data + full.len;
	while ((segment = next_segment(&at, end)).base)
		if (segment.len)
			node = grow(node, segment);
	buf_free(&full);
	if (node->operations[op->method])
	{
		buf_fmt(error, "%s %s%s is there twice", method_name(op->method), prefix, op->path);
		return false;
	}
	node->terminal = true;
	node->prefix_len = strlen(prefix);
	node->operations[op->method] = op;
	return true;
}

Match
route_find(Span path, Method method)
{
	Match match = {0};
	Node *node = &root;
	const char *at = path.base + 1;
	const char *end = path.base + path.len;
	Span segment;

	if (path.len == 0 || path.base[0] != '/')
		return match;
	/* a slash at the end is optional, but only one */
	if (path.len > 1 && end[-1] == '/' && *--end && end[-1] == '/')
		return match;
	while ((segment = next_segment(&at, end)).base)
	{
		Node *child = find_child(node, segment);

		if (!child && node->id && segment.len)
		{
			child = node->id;
			match.id = segment;
		}
		if (!child)
			return match;
		node = child;
	}
	if (!node->terminal)
		return match;
	match.found = true;
	match.operations = node->operations;
	match.prefix = (Span){path.base, node->prefix_len};
	if (method < METHOD_COUNT)
		match.op = node->operations[method];
	return match;
}

void
route_allow(const Match *match, Buf *out)
{
	for (int i = 0; i < METHOD_COUNT; i++)
	{
		if (!match->operations[i])
			continue;
		buf_fmt(out, "%s, ", method_names[i]);
		if (i == METHOD_GET)
			buf_str(out, "HEAD, ");
	}
	buf_str(out, "OPTIONS");
}

void
route_each_builtin(Builtin builtin, void (*callback)(const char *path))
{
	for (unsigned i = 0; i < document.nroutes; i++)
	{
		const Operation *op = document.routes[i].op;
		Buf path = {0};

		if (op->builtin != builtin)
			continue;
		buf_str(&path, document.routes[i].prefix);
		buf_str(&path, op->path);
		if (path.len > 1 && path.data[path.len - 1] == '/')
			path.data[--path.len] = '\0';
		callback(path.data);
		buf_free(&path);
	}
}

static void
free_node(Node *node)
{
	while (node)
	{
		Node *next = node->next;

		free_node(node->children);
		free_node(node->id);
		free(node->segment);
		if (node != &root)
			free(node);
		node = next;
	}
}

void
route_free(void)
{
	free_node(&root);
	root = (Node){0};
	openapi_free(&document);
}
