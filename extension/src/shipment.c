/*
 * shipment.c
 *	  Parcels of an order, each from one location.
 *
 * Shipments are written under the lock of their order.
 */
#include "shipment.h"
#include "order.h"
#include "order_change.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

/* Parcel: units of a line at a location that go into a shipment */
typedef struct Parcel
{
	int32 location_id;
	int32 line_no;
	int64 quantity;
} Parcel;

static KeptPlan insert_shipment =
	PLAN("INSERT INTO oms.shipment (order_id, location_id, state, carrier, tracking, created_by) "
		 "VALUES ($1, $2, 'OPEN', $3, $4, $5) RETURNING id",
		 INT8OID, INT4OID, TEXTOID, TEXTOID, TEXTOID);

static KeptPlan insert_line = PLAN("INSERT INTO oms.shipment_line (shipment_id, line_no, quantity) "
								   "VALUES ($1, $2, $3)",
								   INT8OID, INT4OID, INT8OID);

static KeptPlan select_order_of = PLAN("SELECT order_id FROM oms.shipment WHERE id = $1", INT8OID);

static KeptPlan select_shipment =
	PLAN("SELECT state, location_id, version FROM oms.shipment WHERE id = $1 FOR NO KEY UPDATE",
		 INT8OID);

static KeptPlan select_lines = PLAN("SELECT line_no, quantity FROM oms.shipment_line "
									"WHERE shipment_id = $1 ORDER BY line_no",
									INT8OID);

static KeptPlan update_shipment =
	PLAN("UPDATE oms.shipment SET state = $2, version = version + 1, "
		 "carrier = coalesce($3, carrier), tracking = coalesce($4, tracking), "
		 "packed_at = CASE $2 WHEN 'PACKED' THEN now() ELSE packed_at END, "
		 "shipped_at = CASE $2 WHEN 'SHIPPED' THEN now() ELSE shipped_at END, "
		 "delivered_at = CASE $2 WHEN 'DELIVERED' THEN now() ELSE delivered_at END, "
		 "cancelled_at = CASE $2 WHEN 'CANCELLED' THEN now() ELSE cancelled_at END WHERE id = $1",
		 INT8OID, TEXTOID, TEXTOID, TEXTOID);

/* units of the order's lines that are neither packed nor gone, and shipments that have not arrived */
static KeptPlan select_unpacked =
	PLAN("SELECT sum(quantity - cancelled)::bigint - coalesce((SELECT sum(l.quantity)::bigint "
		 "FROM oms.shipment s JOIN oms.shipment_line l ON l.shipment_id = s.id "
		 "WHERE s.order_id = $1 AND s.state IN ('PACKED', 'SHIPPED', 'DELIVERED')), 0), "
		 "(SELECT count(*) FROM oms.shipment WHERE order_id = $1 AND state IN ('OPEN', 'PACKED', "
		 "'SHIPPED')) FROM oms.order_line WHERE order_id = $1",
		 INT8OID);

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

/* --------------------------------------------------------------- creating */

/* shipment_read_items reads [{"line": 1, "quantity": 2}, ...] into the wants */
void
shipment_read_items(Input *input, JsonbContainer *items, const char *path, NewShipment *shipment)
{
	static const Field fields[] = {
		{"line", FIELD_INTEGER, true, 1, PG_INT32_MAX},
		{"quantity", FIELD_INTEGER, false, 1, 1000000},
	};
	int n = JsonContainerSize(items);

	if (n < 1 || n > MAX_LINES)
	{
		input_fault(input, path, "must have 1 to %d elements, has %d", MAX_LINES, n);
		return;
	}
	shipment->wants = palloc0(sizeof(ShipmentWant) * n);
	shipment->nwants = n;
	for (int i = 0; i < n; i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(items, i);
		char *here = psprintf("%s/%d", path, i);
		FieldValue values[lengthof(fields)];

		if (element->type != jbvBinary || !JsonContainerIsObject(element->val.binary.data))
		{
			input_fault(input, here, "must be an object with line and quantity");
			continue;
		}
		input_fields(input, element->val.binary.data, here, fields, lengthof(fields), values);
		shipment->wants[i] = (ShipmentWant){values[0].number, values[1].number};
		for (int j = 0; j < i; j++)
			if (values[0].number > 0 && shipment->wants[j].line_no == values[0].number)
				input_fault(input, here, "names line " INT64_FORMAT " again", values[0].number);
	}
}

/* open_to_ship opens an order whose status lets it ship, or raises why not */
static OpenOrder *
open_to_ship(int64 order_id)
{
	OpenOrder *order = order_open(order_id, 0);

	order_refuse_held(order);
	if (transition_shipping(order->status) == NULL)
		ereport(ERROR, (oms_errcode(OMS_TRANSITION_NOT_ALLOWED),
						errmsg("order " INT64_FORMAT " is %s, from where nothing ships", order_id,
							   order->status),
						errdetail_internal(
							"{\"order_id\": " INT64_FORMAT ", \"from\": \"%s\", \"allowed\": %s}",
							order_id, order->status, transitions_from(order->status)),
						errhint("Take the order to a status that a shipping step leads on from.")));
	order_read_lines(order);
	return order;
}

/* raise_too_much raises OM045 */
static void
raise_too_much(const OpenOrder *order, const OpenLine *line, int64 wanted, int64 available)
{
	ereport(ERROR,
			(oms_errcode(OMS_QUANTITY_EXCEEDED),
			 errmsg("line %d of order " INT64_FORMAT " (%s) has " INT64_FORMAT
					" units to ship there, not " INT64_FORMAT,
					line->line_no, order->id, line->sku, available, wanted),
			 errdetail_internal(
				 "{\"order_id\": " INT64_FORMAT ", \"line\": %d, \"wanted\": " INT64_FORMAT
				 ", \"available\": " INT64_FORMAT ", \"shipped\": " INT64_FORMAT
				 ", \"in_parcels\": " INT64_FORMAT "}",
				 order->id, line->line_no, wanted, available, line->shipped, line->parcelled),
			 errhint("Units that are shipped or in another parcel cannot go into this one.")));
}

/* fill_line puts units of a line into parcels, from each location what it holds */
static int
fill_line(OpenOrder *order, OpenLine *line, int64 quantity, int32 location_id, Parcel *parcels)
{
	int64 available = 0;
	int n = 0;

	for (int i = 0; i < line->nholdings; i++)
		if (location_id == 0 || line->holdings[i].location_id == location_id)
			available += line->holdings[i].allocated - line->holdings[i].parcelled;
	if (quantity > available)
		raise_too_much(order, line, quantity, available);
	if (quantity == 0)
		quantity = available;
	for (int i = 0; i < line->nholdings && quantity > 0; i++)
	{
		OrderHolding *holding = &line->holdings[i];
		int64 units = Min(quantity, holding->allocated - holding->parcelled);

		if (units == 0 || (location_id != 0 && holding->location_id != location_id))
			continue;
		parcels[n++] = (Parcel){holding->location_id, line->line_no, units};
		quantity -= units;
	}
	return n;
}

static int
compare_parcel(const void *a, const void *b)
{
	const Parcel *x = a;
	const Parcel *y = b;

	return x->location_id != y->location_id ? x->location_id - y->location_id
											: x->line_no - y->line_no;
}

/* write_shipments writes a shipment for each location of the parcels; returns their ids */
static int64 *
write_shipments(Verb *verb, int64 order_id, const Parcel *parcels, int nparcels,
				const NewShipment *shipment, int *n)
{
	int64 *ids = palloc(sizeof(int64) * nparcels);
	const char nulls[6] = {' ', ' ', shipment->carrier ? ' ' : 'n', shipment->tracking ? ' ' : 'n',
						   ' ', '\0'};

	*n = 0;
	for (int i = 0; i < nparcels; i++)
	{
		if (i == 0 || parcels[i].location_id != parcels[i - 1].location_id)
		{
			plan_write(&insert_shipment,
					   (Datum[]){Int64GetDatum(order_id), Int32GetDatum(parcels[i].location_id),
								 shipment->carrier ? CStringGetTextDatum(shipment->carrier) : 0,
								 shipment->tracking ? CStringGetTextDatum(shipment->tracking) : 0,
								 CStringGetTextDatum(verb->actor)},
					   nulls);
			ids[(*n)++] = row_int64(0, 1);
		}
		plan_write(&insert_line,
				   (Datum[]){Int64GetDatum(ids[*n - 1]), Int32GetDatum(parcels[i].line_no),
							 Int64GetDatum(parcels[i].quantity)},
				   NULL);
	}
	return ids;
}

/* gather_parcels finds what goes into the shipments, sorted by location and line */
static Parcel *
gather_parcels(OpenOrder *order, const NewShipment *shipment, int *n)
{
	int32 location_id = shipment->location ? location_find(shipment->location)->id : 0;
	Parcel *parcels = palloc(sizeof(Parcel) * Max(order->nholdings, 1));

	*n = 0;
	for (int i = 0; i < shipment->nwants; i++)
	{
		OpenLine *line = order_line(order, shipment->wants[i].line_no);

		*n += fill_line(order, line, shipment->wants[i].quantity, location_id, &parcels[*n]);
	}
	for (int i = 0; i < order->nlines && shipment->nwants == 0; i++)
		*n += fill_line(order, &order->lines[i], 0, location_id, &parcels[*n]);
	if (*n == 0)
		ereport(
			ERROR,
			(oms_errcode(OMS_QUANTITY_EXCEEDED),
			 errmsg("order " INT64_FORMAT " has nothing left to ship%s%s", order->id,
					shipment->location ? " from " : "",
					shipment->location ? shipment->location : ""),
			 errdetail_internal("{\"order_id\": " INT64_FORMAT ", \"available\": 0}", order->id),
			 errhint("All of it has shipped, is in a parcel, or is allocated elsewhere.")));
	qsort(parcels, *n, sizeof(Parcel), compare_parcel);
	return parcels;
}

/* shipments_create makes parcels of an order, one for each location; returns their ids */
int64 *
shipments_create(Verb *verb, int64 order_id, const NewShipment *shipment, int *n)
{
	OpenOrder *order = open_to_ship(order_id);
	int nparcels;
	Parcel *parcels = gather_parcels(order, shipment, &nparcels);
	int64 *ids = write_shipments(verb, order_id, parcels, nparcels, shipment, n);
	int64 *versions = palloc(sizeof(int64) * *n);
	StringInfoData detail;

	initStringInfo(&detail);
	for (int i = 0; i < *n; i++)
	{
		versions[i] = 1;
		appendStringInfo(&detail, "%s" INT64_FORMAT, i ? ", " : "{\"shipments\": [", ids[i]);
	}
	appendStringInfoString(&detail, "]}");
	order->shipments += *n;
	order_write(verb, order, &(OrderChange){"shipment", NULL, detail.data, NULL}, false);
	event_append(verb, "shipment.created", "shipment", *n, ids, versions, NULL);
	return ids;
}

/* ------------------------------------------------------------------ steps */

/* what each step asks for and leads to */
static const struct
{
	const char *verb;
	const char *from[2];
	const char *to;
	const char *event;
} steps[] = {
	[SHIPMENT_PACK] = {"packed", {"OPEN", NULL}, "PACKED", "shipment.packed"},
	[SHIPMENT_SHIP] = {"shipped", {"OPEN", "PACKED"}, "SHIPPED", "shipment.shipped"},
	[SHIPMENT_DELIVER] = {"delivered", {"SHIPPED", NULL}, "DELIVERED", "shipment.delivered"},
	[SHIPMENT_CANCEL] = {"cancelled", {"OPEN", "PACKED"}, "CANCELLED", "shipment.cancelled"},
};

/* shipment_order returns the order of a shipment, or raises OM036 */
int64
shipment_order(int64 id)
{
	if (plan_write(&select_order_of, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		ereport(ERROR, (oms_errcode(OMS_SHIPMENT_NOT_FOUND),
						errmsg("there is no shipment " INT64_FORMAT, id),
						errhint("List the shipments to see their ids.")));
	return row_int64(0, 1);
}

/* check_state raises OM047 unless a step may be taken; false when it was taken before */
static bool
check_state(int64 id, const char *state, ShipmentStep step)
{
	if (strcmp(state, steps[step].to) == 0)
		return false; /* a repeated request is harmless */
	for (int i = 0; i < 2; i++)
		if (steps[step].from[i] && strcmp(state, steps[step].from[i]) == 0)
			return true;
	ereport(ERROR, (oms_errcode(OMS_SHIPMENT_STATE),
					errmsg("shipment " INT64_FORMAT " is %s and cannot be %s", id, state,
						   steps[step].verb),
					errdetail_internal("{\"shipment_id\": " INT64_FORMAT
									   ", \"state\": \"%s\", \"to\": \"%s\"}",
									   id, state, steps[step].to),
					errhint("OPEN may be packed, shipped or cancelled, PACKED shipped or "
							"cancelled, SHIPPED delivered; what has shipped can be returned.")));
}

/* ship_lines takes the shipment's units off the shelf */
static void
ship_lines(OpenOrder *order, int64 id, int32 location_id)
{
	char *document = psprintf("shipment " INT64_FORMAT, id);
	Outcome outcome = {0};
	uint64 n;
	SPITupleTable *table;

	order_lock_stock(order, NULL, 0);
	n = plan_write(&select_lines, (Datum[]){Int64GetDatum(id)}, NULL);
	table = SPI_tuptable;
	for (uint64 i = 0; i < n; i++)
	{
		OpenLine *line;
		int64 quantity;

		SPI_tuptable = table;
		line = order_line(order, row_int32(i, 1));
		quantity = row_int64(i, 2);
		for (int j = 0; j < line->nholdings; j++)
			if (line->holdings[j].location_id == location_id)
				holding_ship(&order->stock, &line->holdings[j], quantity, document, &outcome);
		outcome_raise(&outcome);
		line->shipped += quantity;
	}
}

/* take_step takes an order's own step when the machine has it from here */
static void
take_step(Verb *verb, OpenOrder *order, const char *to)
{
	const Transition *step = transition_find(order->status, to);
	Outcome outcome = {0};

	if (step == NULL || step->effect != EFFECT_NONE || order->hold_reason)
		return;
	orders_move(verb, &order->id, 1, to, NULL, &outcome);
	outcome_raise(&outcome);
}

/* shipments_arrived takes a fully shipped order to DELIVERED when none of its shipments is under way */
void
shipments_arrived(Verb *verb, OpenOrder *order)
{
	plan_write(&select_unpacked, (Datum[]){Int64GetDatum(order->id)}, NULL);
	if (row_int64(0, 2) == 0 && order->shipments > 0 && strcmp(order->fulfilment, "full") == 0)
		take_step(verb, order, "DELIVERED");
}

/* follow takes the order's step that the shipment's step leads to */
static void
follow(Verb *verb, OpenOrder *order, ShipmentStep step)
{
	if (step == SHIPMENT_SHIP)
		order_settle(verb, order, NULL);
	if (step == SHIPMENT_DELIVER)
		shipments_arrived(verb, order);
	if (step != SHIPMENT_PACK)
		return;
	plan_write(&select_unpacked, (Datum[]){Int64GetDatum(order->id)}, NULL);
	if (row_int64(0, 1) == 0)
		take_step(verb, order, "PACKED");
}

/* shipment_step takes a shipment a step on, and its order with it */
void
shipment_step(Verb *verb, int64 id, ShipmentStep step, const char *carrier, const char *tracking,
			  const char *reason)
{
	int64 order_id = shipment_order(id);
	OpenOrder *order = order_open(order_id, 0);
	const char nulls[5] = {' ', ' ', carrier ? ' ' : 'n', tracking ? ' ' : 'n', '\0'};
	int32 location_id;
	int64 version;

	plan_write(&select_shipment, (Datum[]){Int64GetDatum(id)}, NULL);
	location_id = row_int32(0, 2);
	version = row_int64(0, 3) + 1;
	if (!check_state(id, row_cstring(0, 1), step))
		return;
	if (step == SHIPMENT_DELIVER)
		order_refuse_held(order);
	if (step == SHIPMENT_PACK || step == SHIPMENT_SHIP)
		order = open_to_ship(order_id);
	if (step == SHIPMENT_SHIP)
		ship_lines(order, id, location_id);
	plan_write(&update_shipment,
			   (Datum[]){Int64GetDatum(id), CStringGetTextDatum(steps[step].to),
						 carrier ? CStringGetTextDatum(carrier) : 0,
						 tracking ? CStringGetTextDatum(tracking) : 0},
			   nulls);
	if (step == SHIPMENT_SHIP)
		order->fulfilment = order_fulfilment(order);
	order_write(verb, order,
				&(OrderChange){step == SHIPMENT_SHIP ? "ship_part" : "shipment",
							   step == SHIPMENT_SHIP ? "order.part_shipped" : NULL,
							   psprintf("{\"shipment_id\": " INT64_FORMAT ", \"state\": \"%s\"}",
										id, steps[step].to),
							   reason},
				false);
	event_append(verb, steps[step].event, "shipment", 1, &id, &version, NULL);
	follow(verb, order, step);
}
