/*
 * export.c
 *	  Whole lists, sent a chunk at a time.
 *
 * The database is asked for the next chunk when the client has taken the last
 * one.  So a slow reader holds one chunk of memory here and nothing there: no
 * connection, no transaction.  What fails after the first chunk can only be told
 * by cutting the connection, which leaves a chunked reply without its end.
 */
#include "config.h"
#include "export.h"
#include "media.h"
#include "pool.h"
#include "reply.h"

typedef struct Export
{
	Span list;
	Span query;
	Buf cursor; /* behind the rows that were sent; empty before the first */
} Export;

/* asks for the rows behind the cursor */
static void
ask(Request *request)
{
	Export *export = request->export;
	Query *query = query_new(request->thread, QUERY_EXPORT, request);

	query_add(query, span_z(request->user), 0);
	query_add(query, span_z(request->id), 0);
	query_add(query, export->list, 0);
	query_add(query, request->path_text ? span_z(request->path_text) : SPAN_NONE, 0);
	query_add(query, export->query, 0);
	query_add(query, span_z(media_word(request->wanted)), 0);
	query_add(query, export->cursor.len ? buf_span(&export->cursor) : SPAN_NONE, 0);
	pool_submit(request, query);
}

void
export_begin(Request *request)
{
	Export *export;

	if (request->thread->exports >= (unsigned) config()->max_exports)
	{
		reply_problem(request, ERR_OVERLOADED, "too many exports are under way",
					  "wait as long as Retry-After says; the setting max_exports of omsd is the "
					  "limit");
		return;
	}
	export = http_alloc(request, sizeof *export);
	*export = (Export){.list = span_z(request->op->call),
					   .query = request->query_object.len ? request->query_object : SPAN("{}")};
	request->export = export;
	request->thread->exports++;
	ask(request);
}

/* the client has taken what was sent */
static void
on_drained(Request *request)
{
	PQclear(request->result);
	request->result = NULL;
	ask(request);
}

/* a reply begins: the file is named after the list */
static void
begin_reply(Request *request)
{
	Buf name = {0};

	buf_fmt(&name, "attachment; filename=\"%s.%s\"", request->op->export,
			media_word(request->wanted));
	http_add_header(request, SPAN("content-disposition"), http_copy(request, buf_span(&name)));
	buf_free(&name);
	http_stream_begin(request, request->op->status, media_type(request->wanted), on_drained);
}

void
export_chunk(Request *request, const PGresult *result)
{
	Export *export = request->export;
	Span rows = {PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0)};
	bool last = PQgetisnull(result, 0, 1);

	export->cursor.len = 0;
	if (!last)
		buf_str(&export->cursor, PQgetvalue(result, 0, 1));
	if (!request->replied)
		begin_reply(request);
	http_stream_send(request, rows, last || request->head);
}

void
export_end(Request *request)
{
	if (!request->export)
		return;
	request->thread->exports--;
	buf_free(&request->export->cursor);
	request->export = NULL;
}
