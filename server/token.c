/*
 * token.c
 *	  Replies of the operations that log in.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "config.h"
#include "log.h"
#include "reply.h"
#include "token.h"

static const char *
text_of(json_t *object, const char *name)
{
	json_t *value = json_object_get(object, name);

	return json_is_string(value) ? json_string_value(value) : NULL;
}

void
token_reply(Request *request, Span body)
{
	json_t *login = body.base ? json_loadb(body.base, body.len, 0, NULL) : NULL;
	const char *subject = text_of(login, "sub");
	const char *role = text_of(login, "role");
	const char *refresh = text_of(login, "refresh");
	const char *sqlstate = text_of(login, "sqlstate");
	char *access = subject && role ? auth_sign(subject, role, text_of(login, "sid")) : NULL;

	if (access && refresh)
	{
		Buf text = {0};

		buf_str(&text, "{\"access\":");
		buf_json(&text, span_z(access));
		buf_str(&text, ",\"refresh\":");
		buf_json(&text, span_z(refresh));
		buf_fmt(&text, ",\"token_type\":\"Bearer\",\"expires_in\":%lld,\"role\":\"%s\"}",
				(long long) config()->access_token_time / 1000, role);
		http_no_compression(request);
		http_reply(request, request->op->status, "application/json",
				   http_copy(request, buf_span(&text)));
		buf_free(&text);
	}
	else if (sqlstate && strcmp(sqlstate, "OM022") == 0)
	{
		/* not raised as an error, which would have undone the end of the session */
		reply_problem(request, ERR_REFRESH_REUSED, text_of(login, "message"),
					  text_of(login, "hint"));
	}
	else
	{
		log_note(LOG_LEVEL_ERROR, "%s gave no sub, role and refresh that a token can be made from",
				 request->op->call);
		reply_problem(request, ERR_INTERNAL, "the server failed; its log says why", NULL);
	}
	free(access);
	json_decref(login);
}
