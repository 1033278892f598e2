/*
 * order_diagram.c
 *	  The state machine of orders as a picture and as JSON.
 */
#include "order_machine.h"

#include "utils/builtins.h"

static const char *const effect_names[] = {"none", "allocate", "release", "ship"};

/* label returns what a step does to stock and who alone may take it, or "" */
static const char *
label(const Transition *step)
{
	const char *effect = step->effect == EFFECT_NONE ? "" : effect_names[step->effect];

	return psprintf("%s%s%s", effect, effect[0] && step->admin ? ", " : "",
					step->admin ? "oms_admin" : "");
}

static void
draw_mermaid(StringInfo picture)
{
	int nsteps;
	int n;
	MachineStatus *statuses = machine_statuses(&n);
	const Transition *steps = machine_steps(&nsteps);

	appendStringInfo(picture, "stateDiagram-v2\n    [*] --> %s\n", STATUS_INITIAL);
	for (int i = 0; i < nsteps; i++)
	{
		const char *text = label(&steps[i]);

		appendStringInfo(picture, "    %s --> %s%s%s\n", steps[i].from, steps[i].to,
						 text[0] ? " : " : "", text);
	}
	for (int i = 0; i < n; i++)
		if (statuses[i].final)
			appendStringInfo(picture, "    %s --> [*]\n", statuses[i].status);
}

/* statuses are capitals, digits and underscores, so "start" is none */
static void
draw_dot(StringInfo picture)
{
	int nsteps;
	int n;
	MachineStatus *statuses = machine_statuses(&n);
	const Transition *steps = machine_steps(&nsteps);

	appendStringInfoString(picture, "digraph orders {\n    rankdir=LR;\n"
									"    node [shape=box, style=rounded];\n"
									"    start [shape=point];\n");
	for (int i = 0; i < n; i++)
		appendStringInfo(picture, "    \"%s\"%s;\n", statuses[i].status,
						 statuses[i].final ? " [peripheries=2]" : "");
	appendStringInfo(picture, "    start -> \"%s\";\n", STATUS_INITIAL);
	for (int i = 0; i < nsteps; i++)
		appendStringInfo(picture, "    \"%s\" -> \"%s\" [label=\"%s\"];\n", steps[i].from,
						 steps[i].to, label(&steps[i]));
	appendStringInfoString(picture, "}\n");
}

static const struct
{
	const char *name;
	void (*draw)(StringInfo picture);
} formats[] = {{"mermaid", draw_mermaid}, {"dot", draw_dot}};

/* diagram draws the machine; OM010 for an unknown format */
static char *
diagram(const char *format)
{
	StringInfoData picture;

	initStringInfo(&picture);
	for (int i = 0; format && i < (int) lengthof(formats); i++)
		if (strcmp(formats[i].name, format) == 0)
		{
			formats[i].draw(&picture);
			return picture.data;
		}
	ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
					format ? errmsg("there is no format \"%s\" of diagrams", format)
						   : errmsg("a diagram needs a format"),
					errdetail_internal(
						"[{\"pointer\": \"/format\", \"detail\": \"must be mermaid or dot\"}]"),
					errhint("Use mermaid or dot.")));
}

OMS_QUERY(order_diagram);

static Datum
order_diagram(Verb *verb, FunctionCallInfo fcinfo)
{
	char *picture = diagram(PG_ARGISNULL(0) ? NULL : TextDatumGetCString(PG_GETARG_DATUM(0)));
	MemoryContext old = MemoryContextSwitchTo(verb->caller);
	Datum result = CStringGetTextDatum(picture);

	MemoryContextSwitchTo(old);
	return result;
}

REST_QUERY(rest_order_diagram);

static Datum
rest_order_diagram(Verb *verb, FunctionCallInfo fcinfo)
{
	char *format = query_text(PG_GETARG_JSONB_P(2), "format");
	StringInfo reply = reply_begin(verb);

	format = format ? format : "mermaid";
	appendStringInfo(reply, "{\"format\": \"%s\", \"diagram\": ", format);
	escape_json(reply, diagram(format));
	appendStringInfoChar(reply, '}');
	return reply_datum(reply);
}

/* machine_json appends statuses, with what orders there hold, and steps */
void
machine_json(StringInfo buf)
{
	int n;
	int nsteps;
	MachineStatus *statuses = machine_statuses(&n);
	const Transition *steps = machine_steps(&nsteps);

	appendStringInfoString(buf, "{\"statuses\": [");
	for (int i = 0; i < n; i++)
		appendStringInfo(buf, "%s{\"status\": \"%s\", \"final\": %s, \"holds\": \"%s\"}",
						 i ? ", " : "", statuses[i].status, statuses[i].final ? "true" : "false",
						 statuses[i].holds);
	appendStringInfoString(buf, "], \"steps\": [");
	for (int i = 0; i < nsteps; i++)
		appendStringInfo(buf,
						 "%s{\"from\": \"%s\", \"to\": \"%s\", \"stock_effect\": \"%s\", "
						 "\"least_role\": \"%s\"}",
						 i ? ", " : "", steps[i].from, steps[i].to, effect_names[steps[i].effect],
						 steps[i].admin ? "oms_admin" : "oms_staff");
	appendStringInfoString(buf, "]}");
}

REST_QUERY(rest_order_states);

static Datum
rest_order_states(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);

	machine_json(reply);
	return reply_datum(reply);
}
