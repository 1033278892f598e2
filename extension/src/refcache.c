/*
 * refcache.c
 *	  Small tables that are read once and kept until somebody changes them.
 *
 * The trigger reference_changed on such a table makes every session forget its
 * copy at the commit of the change, by way of the relation cache.
 */
#include "refcache.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

static RefCache *caches = NULL;

static void
forget(Datum arg, Oid relid)
{
	for (RefCache *cache = caches; cache; cache = cache->next)
		if (cache->relid == relid || relid == InvalidOid)
			cache->changes++;
}

static void
enlist(RefCache *cache)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
		registered = true;
	}
	cache->next = caches;
	caches = cache;
}

/*
 * refcache_need reads the rows anew when they may have changed.  It reads what
 * is committed now, as the catalogs are read: such a table is the same for all,
 * however old the caller's snapshot is.
 */
void
refcache_need(RefCache *cache)
{
	uint64 before = cache->changes;
	SPITupleTable *callers = SPI_tuptable;
	uint64 n;

	if (cache->read_at == before)
		return;
	if (!OidIsValid(cache->relid))
		enlist(cache);
	cache->relid = get_relname_relid(cache->table, get_namespace_oid("oms", false));
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	n = plan_read(cache->select, NULL, NULL);
	PopActiveSnapshot();
	cache->fill(n);
	SPI_tuptable = callers;
	cache->read_at = before;
}

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_reference_changed);

/* oms_reference_changed is the statement trigger on tables that sessions keep */
Datum
oms_reference_changed(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("oms.reference_changed() can only be called as a trigger")));
	CacheInvalidateRelcacheByRelid(RelationGetRelid(trigger->tg_relation));
	forget((Datum) 0, RelationGetRelid(trigger->tg_relation)); /* heard of here at once */
	PG_RETURN_POINTER(NULL);
}
