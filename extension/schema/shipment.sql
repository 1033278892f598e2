-- shipment: verbs
CREATE FUNCTION oms.shipment_create(order_id bigint, items jsonb DEFAULT NULL, location text DEFAULT NULL, carrier text DEFAULT NULL, tracking text DEFAULT NULL, OUT shipment_id bigint, OUT location_code text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_shipment_create' LANGUAGE C;
COMMENT ON FUNCTION oms.shipment_create(bigint, jsonb, text, text, text) IS
'Makes parcels of an order that may ship, one for each location it holds units at, or for the one whose code is given: of items, [{"line": 1, "quantity": 2}, ...], or of all that is neither shipped nor in a parcel. Returns a row for each, id and location; stock moves when they ship. Raises OM001, OM002 (nothing ships from its status), OM010, OM032, OM039, OM043, OM045 (more than it holds there).';
CREATE FUNCTION oms.shipment_pack(shipment_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_shipment_pack' LANGUAGE C;
COMMENT ON FUNCTION oms.shipment_pack(bigint) IS
'Marks an OPEN shipment as packed; when all of the order is packed or gone, the order becomes PACKED if the state machine has that step. Raises OM002, OM036, OM043, OM047.';
CREATE FUNCTION oms.shipment_ship(shipment_id bigint, carrier text DEFAULT NULL, tracking text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_shipment_ship' LANGUAGE C;
COMMENT ON FUNCTION oms.shipment_ship(bigint, text, text) IS
'Ships an OPEN or PACKED shipment: its units leave the shelf. When all of the order has shipped, the order takes its shipping step. Raises OM002, OM010, OM036, OM043, OM047, OM049 (not on the shelf).';
CREATE FUNCTION oms.shipment_deliver(shipment_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_shipment_deliver' LANGUAGE C;
COMMENT ON FUNCTION oms.shipment_deliver(bigint) IS
'Marks a SHIPPED shipment as delivered; the last one of a fully shipped order takes the order to DELIVERED. Raises OM036, OM047.';
CREATE FUNCTION oms.shipment_cancel(shipment_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_shipment_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms.shipment_cancel(bigint, text) IS
'Undoes a shipment that has not left; the order keeps its units. Raises OM036, OM047.';
CREATE FUNCTION oms.shipment_update(shipment_id bigint, carrier text DEFAULT NULL, tracking text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_shipment_update' LANGUAGE C;
COMMENT ON FUNCTION oms.shipment_update(bigint, text, text) IS
'Changes carrier (at most 100 characters) and tracking number (at most 200) of a shipment that is not CANCELLED, also after it has shipped. Null leaves a value as it is, an empty text takes it away. Returns nothing. Raises OM010, OM036, OM047.';

CREATE FUNCTION oms_rest.shipment_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_shipment_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.shipment_list(text, text, text, jsonb) IS 'GET shipments/: a page, newest first.';
CREATE FUNCTION oms_rest.shipment_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_shipment_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.shipment_get(text, text, bigint) IS 'GET shipments/{id}/';
CREATE FUNCTION oms_rest.order_shipments(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_shipments' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_shipments(text, text, bigint) IS 'GET orders/{id}/shipments/: an array, oldest first.';
CREATE FUNCTION oms_rest.shipment_create(actor text, request_id text, id bigint, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_shipment_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.shipment_create(text, text, bigint, text, text) IS 'POST orders/{id}/shipments/: an array of the shipments made.';
CREATE FUNCTION oms_rest.shipment_update(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_shipment_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.shipment_update(text, text, bigint, text) IS 'PATCH shipments/{id}/: null takes away.';
CREATE FUNCTION oms_rest.shipment_pack(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_shipment_pack' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.shipment_pack(text, text, bigint, text) IS 'POST shipments/{id}/pack/';
CREATE FUNCTION oms_rest.shipment_ship(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_shipment_ship' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.shipment_ship(text, text, bigint, text) IS 'POST shipments/{id}/ship/';
CREATE FUNCTION oms_rest.shipment_deliver(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_shipment_deliver' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.shipment_deliver(text, text, bigint, text) IS 'POST shipments/{id}/deliver/';
CREATE FUNCTION oms_rest.shipment_cancel(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_shipment_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.shipment_cancel(text, text, bigint, text) IS 'POST shipments/{id}/cancel/';
