/*
 * shipment.h
 *	  Parcels of an order, each from one location.
 */
#ifndef OMS_SHIPMENT_H
#define OMS_SHIPMENT_H

#include "oms.h"

/*
 * shipments_end marks the OPEN and PACKED shipments of a locked order as
 * shipped, or as cancelled, when a step of the order ships or releases the rest.
 */
extern void shipments_end(Verb *verb, int64 order_id, bool shipped);

#endif /* OMS_SHIPMENT_H */
