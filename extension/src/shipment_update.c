/*
 * shipment_update.c
 *	  Carrier and tracking number of a shipment, which are often known only after
 *	  it has left.
 */
#include "shipment.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

static KeptPlan select_state =
	PLAN("SELECT state FROM oms.shipment WHERE id = $1 FOR NO KEY UPDATE", INT8OID);

/* $4 and $5 say which of the values before are given; what is not stays */
static KeptPlan update_shipment =
	PLAN("WITH new AS (SELECT CASE WHEN $4 THEN $2 ELSE carrier END AS carrier, "
		 "CASE WHEN $5 THEN $3 ELSE tracking END AS tracking FROM oms.shipment WHERE id = $1), "
		 "diff AS (SELECT jsonb_object_agg(n.key, "
		 "jsonb_build_object('from', o.value, 'to', n.value)) AS changes "
		 "FROM new, oms.shipment AS old, jsonb_each(to_jsonb(new)) AS n, "
		 "jsonb_each(to_jsonb(old)) AS o "
		 "WHERE old.id = $1 AND o.key = n.key AND o.value <> n.value) "
		 "UPDATE oms.shipment AS s SET carrier = new.carrier, tracking = new.tracking, "
		 "version = s.version + 1 FROM new, diff WHERE s.id = $1 AND diff.changes IS NOT NULL "
		 "RETURNING s.version, (jsonb_build_object('shipment_id', s.id) || diff.changes)::text",
		 INT8OID, TEXTOID, TEXTOID, BOOLOID, BOOLOID);

/* shipment_change writes what differs, with history and event */
void
shipment_change(Verb *verb, int64 id, ShipmentText carrier, ShipmentText tracking)
{
	OpenOrder *order = order_open(shipment_order(id), 0);
	const char nulls[6] = {' ', carrier.text ? ' ' : 'n', tracking.text ? ' ' : 'n', ' ', ' ', 0};
	Datum args[] = {Int64GetDatum(id), carrier.text ? CStringGetTextDatum(carrier.text) : (Datum) 0,
					tracking.text ? CStringGetTextDatum(tracking.text) : (Datum) 0,
					BoolGetDatum(carrier.given), BoolGetDatum(tracking.given)};
	int64 version;
	char *changes;
	Datum payload;

	plan_write(&select_state, args, NULL);
	if (strcmp(row_cstring(0, 1), "CANCELLED") == 0)
		ereport(ERROR,
				(oms_errcode(OMS_SHIPMENT_STATE),
				 errmsg("shipment " INT64_FORMAT " is CANCELLED and cannot be changed", id),
				 errdetail_internal("{\"shipment_id\": " INT64_FORMAT ", \"state\": \"CANCELLED\"}",
									id),
				 errhint("Name carrier and tracking number of the shipment that took its place.")));
	if (plan_write(&update_shipment, args, nulls) == 0)
		return;
	version = row_int64(0, 1);
	changes = row_cstring(0, 2);
	payload = DirectFunctionCall1(jsonb_in, CStringGetDatum(changes));
	order_write(verb, order, &(OrderChange){"shipment", NULL, changes, NULL}, false);
	event_append(verb, "shipment.updated", "shipment", 1, &id, &version, &payload);
}
