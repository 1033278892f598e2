/*
 * order_machine.c
 *	  Whether the state machine of orders adds up: checked when it is written.
 *
 * A status must be reachable from PENDING and have a way to a final one, and an
 * order in it must hold the same stock whichever way it came.  Orders that are
 * there must hold afterwards what they held before.
 */
#include "order_machine.h"
#include "guc.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

static KeptPlan orders_in_status =
	PLAN("SELECT FROM oms.orders WHERE status = $1 LIMIT 1", TEXTOID);

/* orders that reserve at create hold units in each status that is not final and holds nothing */
static KeptPlan reserving_in_status =
	PLAN("SELECT FROM oms.orders WHERE status = $1 AND takes_stock = 'create' LIMIT 1", TEXTOID);

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

static StatusHolding *
find_status(StatusHolding *statuses, int *n, const char *status)
{
	for (int i = 0; i < *n; i++)
		if (strcmp(statuses[i].status, status) == 0)
			return &statuses[i];
	statuses[*n].status = status;
	statuses[*n].holding = HOLDS_UNKNOWN;
	statuses[*n].final = status_final(status);
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
	int nsteps;
	const Transition *steps = machine_steps(&nsteps);
	StatusHolding *statuses = palloc(sizeof(StatusHolding) * (2 * nsteps + 1));
	bool moved = true;

	*n = 0;
	find_status(statuses, n, STATUS_INITIAL)->holding = HOLDS_NOTHING;
	while (moved)
	{
		moved = false;
		for (int i = 0; i < nsteps; i++)
		{
			Holding before = find_status(statuses, n, steps[i].from)->holding;
			StatusHolding *to = find_status(statuses, n, steps[i].to);
			Holding after;

			if (before == HOLDS_UNKNOWN)
				continue;
			after = holding_after(before, steps[i].effect);
			check_step(&steps[i], before, after, to->holding);
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
	int nsteps;
	const Transition *steps = machine_steps(&nsteps);
	bool *out = palloc0(sizeof(bool) * n);
	bool moved = true;

	for (int i = 0; i < n; i++)
		out[i] = statuses[i].final;
	while (moved)
	{
		moved = false;
		for (int i = 0; i < nsteps; i++)
		{
			int from = (int) (find_status(statuses, &n, steps[i].from) - statuses);
			int to = (int) (find_status(statuses, &n, steps[i].to) - statuses);

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
	if (machine_read(&reserving_in_status, (Datum[]){CStringGetTextDatum(before->status)}) > 0)
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
		if (machine_read(&orders_in_status, (Datum[]){CStringGetTextDatum(before->status)}) > 0)
			ereport(ERROR, (oms_errcode(OMS_TRANSITION_INVALID),
							errmsg("there are orders in %s, whose stock would no longer be right",
								   before->status),
							errhint("Move these orders to another status first.")));
	}
}

/* check_machine raises OM015 unless the machine adds up, and fits the orders that there are */
static void
check_machine(void)
{
	int n;
	StatusHolding *statuses = compute_holdings(&n);

	for (int i = 0; i < n; i++)
		if (statuses[i].holding == HOLDS_UNKNOWN)
			ereport(ERROR,
					(oms_errcode(OMS_TRANSITION_INVALID),
					 errmsg("no order could ever reach %s", statuses[i].status),
					 errhint("Insert the step that leads to %s in the same statement, or before.",
							 statuses[i].status)));
	check_orders(statuses, n);
	check_ends(statuses, n);
}

/*
 * machine_lock keeps orders from moving until the transaction ends, and notes
 * what they hold: verbs lock their orders before they look at the machine.
 */
static void
machine_lock(void)
{
	/* by hand, nothing is dry: whoever asked for a dry run would be surprised */
	if (oms_dry_run && !verb_running())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the state machine cannot be written by hand in a dry run"),
				 errhint("SET oms.dry_run = off; or try it with oms.order_machine_change().")));
	LockRelationOid(get_relname_relid("orders", get_namespace_oid("oms", false)), ExclusiveLock);
	keep_holdings();
}

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_transition_changed);

/*
 * oms_transition_changed is the statement trigger on oms.order_transition and
 * oms.order_status, which are one machine; sessions listen for the first alone.
 */
Datum
oms_transition_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("oms.transition_changed() can only be called as a trigger")));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (TRIGGER_FIRED_BEFORE(trigger->tg_event))
		machine_lock();
	else
	{
		machine_forget();
		check_machine();
		machine_record();
	}
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
