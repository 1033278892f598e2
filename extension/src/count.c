/*
 * count.c
 *	  Counts of whole tables that cost the same however large the table is.
 *
 * Each session keeps the count of the orders up to some id, and counts only
 * those that came later.  The kept part moves forward when all transactions
 * that could own a lower id have ended: verbs take their transaction id before
 * they draw an order's id, so an id not above the sequence's value belongs to a
 * transaction below the next transaction id seen after reading that value.
 */
#include "count.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

static KeptPlan count_orders =
	PLAN("SELECT count(*), count(*) FILTER (WHERE id <= $2) FROM oms.orders WHERE id > $1", INT8OID,
		 INT8OID);
/* a sequence that was never used shows its first value, which is still to come */
static KeptPlan last_order_id =
	PLAN0("SELECT last_value - (NOT is_called)::int FROM oms.orders_id_seq");
static KeptPlan count_products =
	PLAN0("SELECT count(*) FROM oms.product WHERE archived_at IS NULL");

/* the kept part: "count" orders of the table "relid" have an id up to "id" */
static struct
{
	Oid relid;
	int64 id;
	int64 count;
	int64 next_id; /* where it moves once next_xid is settled */
	FullTransactionId next_xid;
} kept;

/* orders_count returns how many orders the current snapshot sees */
int64
orders_count(void)
{
	int64 count;
	Oid relid = get_relname_relid("orders", get_namespace_oid("oms", false));

	if (relid != kept.relid)
	{
		memset(&kept, 0, sizeof(kept));
		kept.relid = relid;
	}
	/* the snapshot may be older than what was kept; a standby's sequence runs ahead of its orders */
	if (IsolationUsesXactSnapshot() || RecoveryInProgress())
	{
		plan_read(&count_orders, (Datum[]){Int64GetDatum(0), Int64GetDatum(0)}, NULL);
		return row_int64(0, 1);
	}
	plan_read(&count_orders, (Datum[]){Int64GetDatum(kept.id), Int64GetDatum(kept.next_id)}, NULL);
	count = kept.count + row_int64(0, 1);
	if (!FullTransactionIdIsValid(kept.next_xid) ||
		TransactionIdFollowsOrEquals(GetActiveSnapshot()->xmin,
									 XidFromFullTransactionId(kept.next_xid)))
	{
		if (FullTransactionIdIsValid(kept.next_xid))
		{
			kept.count += row_int64(0, 2);
			kept.id = kept.next_id;
		}
		plan_read(&last_order_id, NULL, NULL);
		kept.next_id = Max(row_int64(0, 1), kept.id);
		kept.next_xid = ReadNextFullTransactionId();
	}
	return count;
}

/*
 * Products change seldom: their count is kept until a verb that adds or
 * archives one says so, by an invalidation of the sequence of their ids.
 */
static Oid product_sequence = InvalidOid;
static uint64 product_changes = 1; /* how many were heard of */
static int64 products_kept;
static uint64 products_kept_at; /* product_changes before the count was taken */

static void
forget_products(Datum arg, Oid relid)
{
	if (relid == product_sequence || relid == InvalidOid)
		product_changes++;
}

static Oid
product_sequence_oid(void)
{
	static bool registered = false;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_products, (Datum) 0);
		registered = true;
	}
	product_sequence = get_relname_relid("product_id_seq", get_namespace_oid("oms", false));
	return product_sequence;
}

int64
products_count(void)
{
	int64 count;
	uint64 changes;

	if (products_kept_at == product_changes && !IsolationUsesXactSnapshot())
		return products_kept;
	(void) product_sequence_oid();
	changes = product_changes;
	/* counted with a snapshot of now: the caller's may be older than the last change heard of */
	plan_write(&count_products, NULL, NULL);
	count = row_int64(0, 1);
	if (!IsolationUsesXactSnapshot())
	{
		products_kept = count;
		products_kept_at = changes;
	}
	return count;
}

/* products_changed makes every session count its products anew */
void
products_changed(void)
{
	CacheInvalidateRelcacheByRelid(product_sequence_oid());
}
