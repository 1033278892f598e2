/*
 * location.c
 *	  Where stock lies: the rows of oms.location, kept by each session.
 */
#include "location.h"
#include "refcache.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

static KeptPlan select_locations =
	PLAN0("SELECT id, code, active FROM oms.location ORDER BY active DESC, priority, id");

static Location *locations = NULL;
static int nlocations = 0;

static void
fill_locations(uint64 n)
{
	Location *fresh = MemoryContextAllocZero(TopMemoryContext, sizeof(Location) * Max(n, 1));

	for (int i = 0; i < (int) n; i++)
	{
		fresh[i].id = row_int32(i, 1);
		fresh[i].code = MemoryContextStrdup(TopMemoryContext, row_cstring(i, 2));
		fresh[i].rank = row_bool(i, 3) ? i : -1; /* the active ones come first */
	}
	for (int i = 0; i < nlocations; i++)
		pfree(locations[i].code);
	if (locations)
		pfree(locations);
	locations = fresh;
	nlocations = (int) n;
}

static RefCache cache = REFCACHE("location", &select_locations, fill_locations);

/* location_get returns the location with an id, or NULL */
const Location *
location_get(int32 id)
{
	refcache_need(&cache);
	for (int i = 0; i < nlocations; i++)
		if (locations[i].id == id)
			return &locations[i];
	return NULL;
}

int
location_rank(int32 id)
{
	const Location *location = location_get(id);

	return location ? location->rank : -1;
}

/* location_by_code returns the location with a code, or NULL */
const Location *
location_by_code(const char *code)
{
	refcache_need(&cache);
	for (int i = 0; i < nlocations; i++)
		if (strcmp(locations[i].code, code) == 0)
			return &locations[i];
	return NULL;
}

/* location_first returns the id of the location that is taken from first, 0 when none is active */
int32
location_first(void)
{
	refcache_need(&cache);
	return nlocations > 0 && locations[0].rank == 0 ? locations[0].id : 0;
}

/* location_find returns the location with a code, or raises OM032 */
const Location *
location_find(const char *code)
{
	const Location *location = location_by_code(code);

	if (location)
		return location;
	ereport(ERROR,
			(oms_errcode(OMS_LOCATION_NOT_FOUND), errmsg("there is no location \"%s\"", code),
			 errhint("SELECT code FROM oms.location shows what there is.")));
}

/* location_arg returns the id of the location whose code is an argument; null is MAIN */
int32
location_arg(FunctionCallInfo fcinfo, int argument)
{
	if (PG_ARGISNULL(argument))
		return MAIN_LOCATION;
	return location_find(TextDatumGetCString(PG_GETARG_DATUM(argument)))->id;
}
