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

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

static KeptPlan select_transitions =
	PLAN0("SELECT from_status, to_status, stock_effect, least_role FROM oms.order_transition "
		  "ORDER BY from_status, to_status");

static KeptPlan select_final =
	PLAN0("SELECT status FROM oms.order_status WHERE final ORDER BY status");

static KeptPlan orders_in_status =
	PLAN("SELECT FROM oms.orders WHERE status = $1 LIMIT 1", TEXTOID);

/* orders that reserve at create hold units in each status that is not final and holds nothing */
static KeptPlan reserving_in_status =
	PLAN("SELECT FROM oms.orders WHERE status = $1 AND takes_stock = 'create' LIMIT 1", TEXTOID);

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
 * read_latest reads what is committed now, as the catalogs are read: the state
 * machine is the same for all, however old the caller's snapshot is.
 */
static uint64
read_latest(KeptPlan *plan, Datum *args)
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
	int n = (int) read_latest(&select_final, NULL);
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
	int n = (int) read_latest(&select_transitions, NULL);
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
	read_transitions();
}

/* transition_find returns a copy of the step between two statuses, or NULL */
const Transition *
transition_find(const char *from, const char *to)
{
	Transition *step;

	need_transitions();
	for (int i = 0; i < ntransitions; i++)
	{
		if (strcmp(transitions[i].from, from) != 0 || strcmp(transitions[i].to, to) != 0)
			continue;
		step = palloc(sizeof(Transition));
		*step = transitions[i];
		return step;
	}
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
				return transition_find(from, transitions[i].to);
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

/* ------------------------------------------------- does the machine add up */

/* what the lines of an order in some status have of stock */
typedef enum Holding
{
	HOLDS_UNKNOWN, /* not reached from PENDING */
	HOLDS_NOTHING,
	HOLDS_ALLOCATED,
	HOLDS_SHIPPED
} Holding;

typedef struct StatusHolding
{
	const char *status;
	Holding holding;
	bool final;
} StatusHolding;

static bool
is_final(const char *status)
{
	for (int i = 0; i < nfinals; i++)
		if (strcmp(finals[i], status) == 0)
			return true;
	return false;
}

static StatusHolding *
find_status(StatusHolding *statuses, int *n, const char *status)
{
	for (int i = 0; i < *n; i++)
		if (strcmp(statuses[i].status, status) == 0)
			return &statuses[i];
	statuses[*n].status = status;
	statuses[*n].holding = HOLDS_UNKNOWN;
	statuses[*n].final = is_final(status);
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
			return before == HOLDS_ALLOCATED || before == HOLDS_NOTHING ? HOLDS_NOTHING
																		: HOLDS_UNKNOWN;
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
		ereport(ERROR, (oms_errcode(OMS_TRANSITION_INVALID),
						errmsg("the step from %s to %s has a stock effect that cannot be",
							   step->from, step->to),
						errdetail("An order in %s holds %s.", step->from,
								  before == HOLDS_NOTHING   ? "no stock"
								  : before == HOLDS_SHIPPED ? "shipped stock only"
															: "allocated stock"),
						errhint("allocate needs an order that holds nothing, ship one that holds "
								"allocated stock; release fits both.")));
	if (known != HOLDS_UNKNOWN && known != after)
		ereport(
			ERROR,
			(oms_errcode(OMS_TRANSITION_INVALID),
			 errmsg("orders would reach %s with and without stock", step->to),
			 errhint("Give the step from %s to %s a stock effect that leaves the order with the "
					 "same stock as the other ways to %s.",
					 step->from, step->to, step->to)));
}

/*
 * compute_holdings walks the machine from PENDING and finds what an order in
 * each status holds, which must be one thing whichever way it came.
 */
static StatusHolding *
compute_holdings(int *n)
{
	StatusHolding *statuses;
	bool moved = true;

	need_transitions();
	statuses = palloc(sizeof(StatusHolding) * (2 * ntransitions + 1));
	*n = 0;
	find_status(statuses, n, STATUS_INITIAL)->holding = HOLDS_NOTHING;
	while (moved)
	{
		moved = false;
		for (int i = 0; i < ntransitions; i++)
		{
			Holding before = find_status(statuses, n, transitions[i].from)->holding;
			StatusHolding *to = find_status(statuses, n, transitions[i].to);
			Holding after;

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

/* holding_of returns what orders in a status hold, HOLDS_UNKNOWN if none can be in it */
static Holding
holding_of(const StatusHolding *statuses, int n, const char *status)
{
	for (int i = 0; i < n; i++)
		if (strcmp(statuses[i].status, status) == 0)
			return statuses[i].holding;
	return HOLDS_UNKNOWN;
}

/* what orders held before the statement that changes the machine */
static StatusHolding *holdings_before = NULL;
static int nholdings_before = 0;

/* keep_holdings notes what orders in each status hold, for check_orders */
static void
keep_holdings(void)
{
	int n;
	StatusHolding *statuses = compute_holdings(&n);

	holdings_before = MemoryContextAlloc(TopTransactionContext, sizeof(StatusHolding) * n);
	for (int i = 0; i < n; i++)
	{
		holdings_before[i] = statuses[i];
		holdings_before[i].status = MemoryContextStrdup(TopTransactionContext, statuses[i].status);
	}
	nholdings_before = n;
}

/*
 * find_ways_out marks the statuses from which a final one is within reach,
 * walking backwards from the final ones.
 */
static bool *
find_ways_out(StatusHolding *statuses, int n)
{
	bool *out = palloc0(sizeof(bool) * n);
	bool moved = true;

	for (int i = 0; i < n; i++)
		out[i] = statuses[i].final;
	while (moved)
	{
		moved = false;
		for (int i = 0; i < ntransitions; i++)
		{
			int from = (int) (find_status(statuses, &n, transitions[i].from) - statuses);
			int to = (int) (find_status(statuses, &n, transitions[i].to) - statuses);

			moved |= out[to] && !out[from];
			out[from] |= out[to];
		}
	}
	return out;
}

/* check_ends raises OM015 when orders could come to a status from which none can end */
static void
check_ends(StatusHolding *statuses, int n)
{
	bool *out = find_ways_out(statuses, n);
	const char *first = NULL;
	int ntrapped = 0;
	StringInfoData names;
	StringInfoData json;

	initStringInfo(&names);
	initStringInfo(&json);
	for (int i = 0; i < n; i++)
	{
		if (out[i])
			continue;
		appendStringInfo(&names, "%s%s", ntrapped ? ", " : "", statuses[i].status);
		appendStringInfoString(&json, ntrapped ? ", " : "");
		escape_json(&json, statuses[i].status);
		first = first ? first : statuses[i].status;
		ntrapped++;
	}
	if (ntrapped == 0)
		return;
	ereport(
		ERROR,
		(oms_errcode(OMS_TRANSITION_INVALID),
		 ntrapped == 1 ? errmsg("an order in %s could never end", names.data)
					   : errmsg("an order in one of %s could never end", names.data),
		 errdetail_internal("{\"statuses\": [%s]}", json.data),
		 errhint("Insert a step that leads from %s to a status with a way to a final one in the "
				 "same statement; or, if orders may stay there for ever, say so before in the "
				 "same transaction: INSERT INTO oms.order_status (status, final) VALUES "
				 "('%s', true).",
				 first, first)));
}

/*
 * check_reservations raises OM015 when orders that reserve at create are in a
 * status that becomes final, and so would hold too much, or ceases to be, and so
 * would hold too little.
 */
static void
check_reservations(const StatusHolding *before, const StatusHolding *after)
{
	if (after->holding != HOLDS_NOTHING || before->final == after->final)
		return;
	if (read_latest(&reserving_in_status, (Datum[]){CStringGetTextDatum(before->status)}) > 0)
		ereport(ERROR, (oms_errcode(OMS_TRANSITION_INVALID),
						errmsg("there are orders in %s, whose reserved stock would no longer be "
							   "right",
							   before->status),
						errhint("Move these orders to another status first.")));
}

/* check_orders raises OM015 when orders would hold something else than they were given */
static void
check_orders(StatusHolding *statuses, int n)
{
	for (int i = 0; i < nholdings_before; i++)
	{
		StatusHolding *before = &holdings_before[i];

		if (holding_of(statuses, n, before->status) == before->holding)
		{
			check_reservations(before, find_status(statuses, &n, before->status));
			continue;
		}
		if (read_latest(&orders_in_status, (Datum[]){CStringGetTextDatum(before->status)}) > 0)
			ereport(ERROR, (oms_errcode(OMS_TRANSITION_INVALID),
							errmsg("there are orders in %s, whose stock would no longer be right",
								   before->status),
							errhint("Move these orders to another status first.")));
	}
}

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_transition_changed);

/*
 * oms_transition_changed is the statement trigger on oms.order_transition and
 * oms.order_status, which are one machine; sessions listen for the first alone.
 * Before the statement it keeps orders from moving until the transaction ends,
 * and notes what they hold; after it, it checks the new machine.
 */
Datum
oms_transition_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	StatusHolding *statuses;
	int n;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("oms.transition_changed() can only be called as a trigger")));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (TRIGGER_FIRED_BEFORE(trigger->tg_event))
	{
		/* verbs lock their orders before they look at the machine */
		LockRelationOid(get_relname_relid("orders", RelationGetNamespace(trigger->tg_relation)),
						ExclusiveLock);
		keep_holdings();
		SPI_finish();
		PG_RETURN_POINTER(NULL);
	}
	CacheInvalidateRelcacheByRelid(
		get_relname_relid("order_transition", RelationGetNamespace(trigger->tg_relation)));
	changes++; /* heard of by others at commit, and here at once */
	statuses = compute_holdings(&n);
	for (int i = 0; i < n; i++)
		if (statuses[i].holding == HOLDS_UNKNOWN)
			ereport(ERROR,
					(oms_errcode(OMS_TRANSITION_INVALID),
					 errmsg("no order could ever reach %s", statuses[i].status),
					 errhint("Insert the step that leads to %s in the same statement, or before.",
							 statuses[i].status)));
	check_orders(statuses, n);
	check_ends(statuses, n);
	SPI_finish();
	PG_RETURN_POINTER(NULL);
}

static const char *const holding_names[] = {NULL, "nothing", "allocated", "shipped"};

/* machine_statuses returns all statuses in the order in which they are found from PENDING on */
MachineStatus *
machine_statuses(int *n)
{
	StatusHolding *statuses = compute_holdings(n);
	MachineStatus *result = palloc(sizeof(MachineStatus) * *n);

	for (int i = 0; i < *n; i++)
		result[i] = (MachineStatus){pstrdup(statuses[i].status), holding_names[statuses[i].holding],
									statuses[i].final};
	return result;
}

/* machine_steps returns the steps, which are good until the machine changes */
const Transition *
machine_steps(int *n)
{
	need_transitions();
	*n = ntransitions;
	return transitions;
}

OMS_QUERY(status_holds);

/* status_holds returns nothing, allocated or shipped for a status; NULL if unknown */
static Datum
status_holds(Verb *verb, FunctionCallInfo fcinfo)
{
	char *status = TextDatumGetCString(PG_GETARG_DATUM(0));
	int n;
	StatusHolding *statuses = compute_holdings(&n);
	Holding holding = holding_of(statuses, n, status);
	MemoryContext old;
	Datum result;

	if (holding_names[holding] == NULL)
		PG_RETURN_NULL();
	old = MemoryContextSwitchTo(verb->caller);
	result = CStringGetTextDatum(holding_names[holding]);
	MemoryContextSwitchTo(old);
	return result;
}
