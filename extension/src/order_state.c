/*
 * order_state.c
 *	  The state machine of orders, which is the rows of oms.order_transition.
 *
 *	               allocate              ship
 *	    PENDING ------------> CONFIRMED ------------> SHIPPED ---> DELIVERED
 *	       |                   |     \               ^
 *	       |           release |      `--> PACKED --'  ship
 *	       v                   v             |
 *	   CANCELLED <-------------+-------------'  release
 *
 * The rows are read once and kept until somebody changes them; the trigger on
 * the table then checks the whole machine and tells every session, see
 * order_machine.c.
 */
#include "order_machine.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

static KeptPlan select_transitions =
	PLAN0("SELECT from_status, to_status, stock_effect, least_role FROM oms.order_transition "
		  "ORDER BY from_status, to_status");

static KeptPlan select_final =
	PLAN0("SELECT status FROM oms.order_status WHERE final ORDER BY status");

static Transition *transitions = NULL;
static int ntransitions = 0;
static char (*finals)[STATUS_MAX] = NULL; /* the final statuses */
static int nfinals = 0;
static Oid transition_relid = InvalidOid;
static uint64 changes = 1; /* of the table, as far as this session has heard */
static uint64 read_at = 0; /* "changes" before the rows were read */

static void
forget_transitions(Datum arg, Oid relid)
{
	if (relid == transition_relid || relid == InvalidOid)
		changes++;
}

/*
 * machine_read reads what is committed now, as the catalogs are read: the state
 * machine is the same for all, however old the caller's snapshot is.
 */
uint64
machine_read(KeptPlan *plan, Datum *args)
{
	uint64 n;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	n = plan_read(plan, args, NULL);
	PopActiveSnapshot();
	return n;
}

static StockEffect
effect_of(const char *name)
{
	static const char *const names[] = {"none", "allocate", "release", "ship"};

	for (int i = 0; i < (int) lengthof(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (StockEffect) i;
	elog(ERROR, "unknown stock effect \"%s\"", name);
}

static void
read_finals(void)
{
	int n = (int) machine_read(&select_final, NULL);
	char(*fresh)[STATUS_MAX] = MemoryContextAlloc(TopMemoryContext, STATUS_MAX * Max(n, 1));

	for (int i = 0; i < n; i++)
		strlcpy(fresh[i], row_cstring(i, 1), STATUS_MAX);
	if (finals)
		pfree(finals);
	finals = fresh;
	nfinals = n;
}

/* read_transitions fills the cache; a change heard of meanwhile leaves it out of date */
static void
read_transitions(void)
{
	uint64 before = changes;
	int n = (int) machine_read(&select_transitions, NULL);
	Transition *fresh = MemoryContextAlloc(TopMemoryContext, sizeof(Transition) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		strlcpy(fresh[i].from, row_cstring(i, 1), STATUS_MAX);
		strlcpy(fresh[i].to, row_cstring(i, 2), STATUS_MAX);
		fresh[i].effect = effect_of(row_cstring(i, 3));
		fresh[i].admin = strcmp(row_cstring(i, 4), "oms_admin") == 0;
	}
	if (transitions)
		pfree(transitions);
	transitions = fresh;
	ntransitions = n;
	read_finals();
	read_at = before;
}

static void
need_transitions(void)
{
	static bool registered = false;

	if (read_at == changes)
		return;
	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_transitions, (Datum) 0);
		registered = true;
	}
	transition_relid = get_relname_relid("order_transition", get_namespace_oid("oms", false));
	/* reading may itself tell of a change, and callers hold what they got until the next one */
	while (read_at != changes)
		read_transitions();
}

static const Transition *
copy_step(const Transition *step)
{
	Transition *copy = palloc(sizeof(Transition));

	*copy = *step;
	return copy;
}

/* transition_find returns a copy of the step between two statuses, or NULL */
const Transition *
transition_find(const char *from, const char *to)
{
	need_transitions();
	for (int i = 0; i < ntransitions; i++)
		if (strcmp(transitions[i].from, from) == 0 && strcmp(transitions[i].to, to) == 0)
			return copy_step(&transitions[i]);
	return NULL;
}

bool
status_final(const char *status)
{
	need_transitions();
	for (int i = 0; i < nfinals; i++)
		if (strcmp(finals[i], status) == 0)
			return true;
	return false;
}

bool
status_exists(const char *status)
{
	need_transitions();
	for (int i = 0; i < ntransitions; i++)
		if (strcmp(transitions[i].from, status) == 0 || strcmp(transitions[i].to, status) == 0)
			return true;
	return false;
}

/*
 * transition_next returns the first step of the shortest way between two
 * statuses, or NULL.  It walks backwards from the goal, a ring at a time.
 */
const Transition *
transition_next(const char *from, const char *to)
{
	bool *reached;
	bool moved = true;

	need_transitions();
	reached = palloc0(sizeof(bool) * Max(ntransitions, 1));
	while (moved)
	{
		bool *ring = palloc0(sizeof(bool) * Max(ntransitions, 1));

		moved = false;
		for (int i = 0; i < ntransitions; i++)
		{
			bool leads = strcmp(transitions[i].to, to) == 0;

			for (int j = 0; j < ntransitions && !leads; j++)
				leads = reached[j] && strcmp(transitions[i].to, transitions[j].from) == 0;
			ring[i] = leads && !reached[i];
			moved |= ring[i];
			if (ring[i] && strcmp(transitions[i].from, from) == 0)
				return copy_step(&transitions[i]);
		}
		for (int i = 0; i < ntransitions; i++)
			reached[i] |= ring[i];
	}
	return NULL;
}

/* transition_shipping returns where a shipping step leads from a status, or NULL */
const char *
transition_shipping(const char *from)
{
	const char *to = NULL;

	need_transitions();
	for (int i = 0; i < ntransitions; i++)
		if (strcmp(transitions[i].from, from) == 0 && transitions[i].effect == EFFECT_SHIP &&
			(to == NULL || strcmp(transitions[i].to, "SHIPPED") == 0))
			to = transitions[i].to;
	return to ? pstrdup(to) : NULL;
}

/* transitions_from lists where a status may lead, as a JSON array of strings */
char *
transitions_from(const char *from)
{
	StringInfoData list;

	need_transitions();
	initStringInfo(&list);
	appendStringInfoChar(&list, '[');
	for (int i = 0; i < ntransitions; i++)
	{
		if (strcmp(transitions[i].from, from) != 0)
			continue;
		if (list.len > 1)
			appendStringInfoString(&list, ", ");
		escape_json(&list, transitions[i].to);
	}
	appendStringInfoChar(&list, ']');
	return list.data;
}

/* machine_steps returns a copy of the steps */
const Transition *
machine_steps(int *n)
{
	Transition *steps;

	need_transitions();
	steps = palloc(sizeof(Transition) * Max(ntransitions, 1));
	memcpy(steps, transitions, sizeof(Transition) * ntransitions);
	*n = ntransitions;
	return steps;
}

/* machine_forget makes this session, and all others at commit, read the machine anew */
void
machine_forget(void)
{
	need_transitions();
	CacheInvalidateRelcacheByRelid(transition_relid);
	changes++; /* others hear of it at commit, this session at once */
}
