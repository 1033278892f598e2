/*
 * problem.c
 *	  An error told of in a reply, where it does not end the request.
 */
#include "problem.h"

#include "utils/builtins.h"
#include "utils/json.h"

static const struct
{
	int http;
	const char *title;
} oms_problems[] = {
#define OMS_ERROR(digits, name, http, title) {http, title},
#include "errcode.h"
#undef OMS_ERROR
};

static void
append_member(StringInfo buf, const char *name, const char *text)
{
	if (text == NULL)
		return;
	appendStringInfo(buf, ", \"%s\": ", name);
	escape_json(buf, text);
}

void
problem_json(StringInfo buf, int sqlstate, const char *message, const char *detail,
			 const char *hint)
{
	bool ours = false;

	appendStringInfo(buf, "\"code\": \"%s\"", unpack_sql_state(sqlstate));
	for (int i = 0; i < (int) lengthof(oms_problems) && !ours; i++)
	{
		ours = oms_sqlstate((OmsError) i) == sqlstate;
		if (ours)
			appendStringInfo(buf, ", \"status\": %d, \"title\": \"%s\"", oms_problems[i].http,
							 oms_problems[i].title);
	}
	append_member(buf, "detail", message);
	append_member(buf, "hint", hint);
	/* the detail of oms's own errors is JSON */
	if (ours && detail && (detail[0] == '{' || detail[0] == '['))
		appendStringInfo(buf, ", \"%s\": %s", detail[0] == '{' ? "context" : "errors", detail);
}
