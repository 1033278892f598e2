/*
 * shipment.h
 *	  Parcels of an order, each from one location.
 */
#ifndef OMS_SHIPMENT_H
#define OMS_SHIPMENT_H

#include "json.h"
#include "order_change.h"

/* ShipmentWant: units of a line that are to go into a parcel; 0 for all that may */
typedef struct ShipmentWant
{
	int64 line_no;
	int64 quantity;
} ShipmentWant;

/* NewShipment: what is said of parcels to be made */
typedef struct NewShipment
{
	ShipmentWant *wants;
	int nwants;           /* 0 for all that is open */
	const char *location; /* code, or NULL for one parcel from each */
	const char *carrier;  /* or NULL, as the next */
	const char *tracking;
} NewShipment;

/* ShipmentStep: what happens to a shipment */
typedef enum ShipmentStep
{
	SHIPMENT_PACK,
	SHIPMENT_SHIP,
	SHIPMENT_DELIVER,
	SHIPMENT_CANCEL
} ShipmentStep;

/*
 * ShipmentText: a carrier or tracking number to be written; given as NULL
 * it is taken away.
 */
typedef struct ShipmentText
{
	bool given;
	const char *text;
} ShipmentText;

#define MAX_CARRIER 100 /* characters, as the next */
#define MAX_TRACKING 200

/* reads [{"line": 1, "quantity": 2}, ...] into the wants */
extern void shipment_read_items(Input *input, JsonbContainer *items, const char *path,
								NewShipment *shipment);
/* makes parcels of an order, one for each location; returns their ids */
extern int64 *shipments_create(Verb *verb, int64 order_id, const NewShipment *shipment, int *n);
extern int64 shipment_order(int64 id); /* of a shipment; raises OM036 */
/* shipment_update.c: changes carrier and tracking number, also of what has shipped; raises OM047 */
extern void shipment_change(Verb *verb, int64 id, ShipmentText carrier, ShipmentText tracking);
/* takes a shipment a step on, and its order with it; carrier, tracking and reason may be NULL */
extern void shipment_step(Verb *verb, int64 id, ShipmentStep step, const char *carrier,
						  const char *tracking, const char *reason);
/* takes a fully shipped order to DELIVERED when none of its shipments is under way */
extern void shipments_arrived(Verb *verb, OpenOrder *order);
/*
 * shipments_end marks the OPEN and PACKED shipments of a locked order as
 * shipped, or as cancelled, when a step of the order ships or releases the rest.
 */
extern void shipments_end(Verb *verb, int64 order_id, bool shipped);

#endif /* OMS_SHIPMENT_H */
