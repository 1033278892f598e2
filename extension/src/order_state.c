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
 * the table then checks the whole machine and tells every session.
 */
#include "order_state.h"

#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static KeptPlan select_transitions =
PLAN0("SELECT from_status, to_status, stock_effect, least_role FROM oms.order_transition "
	  "ORDER BY from_status, to_status");

static Transition *transitions = NULL;
static int	ntransitions = 0;
static Oid	transition_relid = InvalidOid;

static void
forget_transitions(Datum arg, Oid relid)
{
	if (relid == transition_relid || relid == InvalidOid)
		ntransitions = 0;
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

/* read_transitions fills the cache with what the current command sees */
static void
read_transitions(void)
{
	int			n = (int) plan_write(&select_transitions, NULL, NULL);
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
}

static void
need_transitions(void)
{
	static bool registered = false;

	if (ntransitions > 0)
		return;
	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_transitions, (Datum) 0);
		registered = true;
	}
	transition_relid = get_relname_relid("order_transition", get_namespace_oid("oms", false));
	read_transitions();
}

/* transition_find returns the step between two statuses, or NULL */
const Transition *
transition_find(const char *from, const char *to)
{
	need_transitions();
	for (int i = 0; i < ntransitions; i++)
		if (strcmp(transitions[i].from, from) == 0 && strcmp(transitions[i].to, to) == 0)
			return &transitions[i];
	return NULL;
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

/* ------------------------------------------------- does the machine add up */

/* what the lines of an order in some status have of stock */
typedef enum Holding
{
	HOLDS_UNKNOWN,				/* not reached from PENDING */
	HOLDS_NOTHING,
	HOLDS_ALLOCATED,
	HOLDS_SHIPPED
} Holding;

typedef struct StatusHolding
{
	const char *status;
	Holding		holding;
} StatusHolding;

static StatusHolding *
find_status(StatusHolding *statuses, int *n, const char *status)
{
	for (int i = 0; i < *n; i++)
		if (strcmp(statuses[i].status, status) == 0)
			return &statuses[i];
	statuses[*n].status = status;
	statuses[*n].holding = HOLDS_UNKNOWN;
	return &statuses[(*n)++];
}

/* holding_after returns what is held after a step, or HOLDS_UNKNOWN if it cannot be */
static Holding
holding_after(Holding before, StockEffect effect)
{
	switch (effect)
	{
		case EFFECT_NONE:
			return before;
		case EFFECT_ALLOCATE:
			return before == HOLDS_NOTHING ? HOLDS_ALLOCATED : HOLDS_UNKNOWN;
		case EFFECT_RELEASE:
			return before == HOLDS_ALLOCATED ? HOLDS_NOTHING : HOLDS_UNKNOWN;
		case EFFECT_SHIP:
			return before == HOLDS_ALLOCATED ? HOLDS_SHIPPED : HOLDS_UNKNOWN;
	}
	return HOLDS_UNKNOWN;
}

/* check_step raises OM015 when a step does not fit what its order holds */
static void
check_step(const Transition *step, Holding before, Holding after, Holding known)
{
	if (after == HOLDS_UNKNOWN)
		ereport(ERROR,
				(oms_errcode(OMS_TRANSITION_INVALID),
				 errmsg("the step from %s to %s has a stock effect that cannot be",
						step->from, step->to),
				 errdetail("An order in %s holds %s.", step->from,
						   before == HOLDS_NOTHING ? "no stock" :
						   before == HOLDS_SHIPPED ? "shipped stock only" : "allocated stock"),
				 errhint("allocate needs an order that holds nothing; release and ship one that "
						 "holds allocated stock.")));
	if (known != HOLDS_UNKNOWN && known != after)
		ereport(ERROR,
				(oms_errcode(OMS_TRANSITION_INVALID),
				 errmsg("orders would reach %s with and without stock", step->to),
				 errhint("Give the step from %s to %s a stock effect that leaves the order with the "
						 "same stock as the other ways to %s.", step->from, step->to, step->to)));
}

/*
 * compute_holdings walks the machine from PENDING and finds what an order in
 * each status holds, which must be one thing whichever way it came.
 */
static StatusHolding *
compute_holdings(int *n)
{
	StatusHolding *statuses;
	bool		moved = true;

	need_transitions();
	statuses = palloc(sizeof(StatusHolding) * (2 * ntransitions + 1));
	*n = 0;
	find_status(statuses, n, STATUS_INITIAL)->holding = HOLDS_NOTHING;
	while (moved)
	{
		moved = false;
		for (int i = 0; i < ntransitions; i++)
		{
			Holding		before = find_status(statuses, n, transitions[i].from)->holding;
			StatusHolding *to = find_status(statuses, n, transitions[i].to);
			Holding		after;

			if (before == HOLDS_UNKNOWN)
				continue;
			after = holding_after(before, transitions[i].effect);
			check_step(&transitions[i], before, after, to->holding);
			moved |= to->holding == HOLDS_UNKNOWN;
			to->holding = after;
		}
	}
	return statuses;
}

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_transition_changed);

/* oms_transition_changed is the statement trigger on oms.order_transition */
Datum
oms_transition_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	StatusHolding *statuses;
	int			n;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("oms.transition_changed() can only be called as a trigger")));
	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigger->tg_relation));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	transition_relid = RelationGetRelid(trigger->tg_relation);
	read_transitions();
	statuses = compute_holdings(&n);
	for (int i = 0; i < n; i++)
		if (statuses[i].holding == HOLDS_UNKNOWN)
			ereport(ERROR,
					(oms_errcode(OMS_TRANSITION_INVALID),
					 errmsg("no order could ever reach %s", statuses[i].status),
					 errhint("Insert the step that leads to %s in the same statement, or before.",
							 statuses[i].status)));
	SPI_finish();
	ntransitions = 0;			/* others may not see these rows yet */
	PG_RETURN_POINTER(NULL);
}

OMS_QUERY(status_holds);

/* status_holds returns nothing, allocated or shipped for a status; NULL if unknown */
static Datum
status_holds(Verb *verb, FunctionCallInfo fcinfo)
{
	static const char *const names[] = {NULL, "nothing", "allocated", "shipped"};
	char	   *status = TextDatumGetCString(PG_GETARG_DATUM(0));
	int			n;
	StatusHolding *statuses = compute_holdings(&n);
	Holding		holding = find_status(statuses, &n, status)->holding;
	MemoryContext old;
	Datum		result;

	if (names[holding] == NULL)
		PG_RETURN_NULL();
	old = MemoryContextSwitchTo(verb->caller);
	result = CStringGetTextDatum(names[holding]);
	MemoryContextSwitchTo(old);
	return result;
}
