/*
 * shipment.c
 *	  Parcels of an order, each from one location.
 *
 * Shipments are written under the lock of their order.
 */
#include "shipment.h"

#include "catalog/pg_type.h"

static KeptPlan end_shipments =
	PLAN("UPDATE oms.shipment SET state = CASE WHEN $2 THEN 'SHIPPED' ELSE 'CANCELLED' END, "
		 "version = version + 1, shipped_at = CASE WHEN $2 THEN now() END, "
		 "cancelled_at = CASE WHEN NOT $2 THEN now() END "
		 "WHERE order_id = $1 AND state IN ('OPEN', 'PACKED') RETURNING id, version",
		 INT8OID, BOOLOID);

/* shipments_end marks the OPEN and PACKED shipments of an order as shipped or cancelled */
void
shipments_end(Verb *verb, int64 order_id, bool shipped)
{
	int n = (int) plan_write(&end_shipments,
							 (Datum[]){Int64GetDatum(order_id), BoolGetDatum(shipped)}, NULL);
	int64 *ids = palloc(sizeof(int64) * Max(n, 1));
	int64 *versions = palloc(sizeof(int64) * Max(n, 1));

	for (int i = 0; i < n; i++)
	{
		ids[i] = row_int64(i, 1);
		versions[i] = row_int64(i, 2);
	}
	if (n > 0)
		event_append(verb, shipped ? "shipment.shipped" : "shipment.cancelled", "shipment", n, ids,
					 versions, NULL);
}
