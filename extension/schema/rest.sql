-- rest: the operations of the API, one function each; arguments are the acting user, the request id, then what openapi.json says
CREATE FUNCTION oms_rest.ready(actor text, request_id text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_ready' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.ready(text, text) IS 'Versions of library and tables. Raises OM090 or OM091 when they do not belong together.';

CREATE FUNCTION oms_rest.wal_flush() RETURNS void
AS 'MODULE_PATHNAME', 'oms_wal_flush' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.wal_flush() IS
'Returns when all that this session committed is on disk and on the synchronous standbys. omsd acknowledges after it.';

CREATE FUNCTION oms_rest.product_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.product_list(text, text, text, jsonb) IS 'GET products/: a page.';
CREATE FUNCTION oms_rest.product_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_create(text, text, text, text) IS 'POST products/';
CREATE FUNCTION oms_rest.product_get(actor text, request_id text, id bigint, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.product_get(text, text, bigint, jsonb) IS 'GET products/{id}/; an archived product only with archived=true in the query.';
CREATE FUNCTION oms_rest.product_replace(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_replace' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_replace(text, text, bigint, text) IS 'PUT products/{id}/';
CREATE FUNCTION oms_rest.product_update(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_update(text, text, bigint, text) IS 'PATCH products/{id}/';
CREATE FUNCTION oms_rest.product_delete(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_delete' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_delete(text, text, bigint) IS 'DELETE products/{id}/: archives. Returns null.';

CREATE FUNCTION oms_rest.inventory_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.inventory_list(text, text, text, jsonb) IS 'GET inventory/: a page.';
CREATE FUNCTION oms_rest.inventory_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_create(text, text, text, text) IS 'POST inventory/';
CREATE FUNCTION oms_rest.inventory_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.inventory_get(text, text, bigint) IS 'GET inventory/{id}/';
CREATE FUNCTION oms_rest.inventory_replace(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_replace' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_replace(text, text, bigint, text) IS 'PUT inventory/{id}/: books the difference to the quantity as an adjustment.';
CREATE FUNCTION oms_rest.inventory_update(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_update(text, text, bigint, text) IS 'PATCH inventory/{id}/: as PUT, with what is given.';
CREATE FUNCTION oms_rest.inventory_delete(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_delete' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_delete(text, text, bigint) IS 'DELETE inventory/{id}/: books the rest out; the ledger stays. Returns null.';

CREATE FUNCTION oms_rest.inventory_receive(actor text, request_id text, id bigint, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_receive' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_receive(text, text, bigint, text, text) IS 'POST inventory/{id}/receive/: books units that came in; the record after it.';
CREATE FUNCTION oms_rest.inventory_adjust(actor text, request_id text, id bigint, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_adjust' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_adjust(text, text, bigint, text, text) IS 'POST inventory/{id}/adjust/: books a difference; the record after it.';
CREATE FUNCTION oms_rest.inventory_count(actor text, request_id text, id bigint, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_count' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_count(text, text, bigint, text, text) IS 'POST inventory/{id}/count/: sets on_hand to what was counted; the record after it.';
CREATE FUNCTION oms_rest.inventory_transfer(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_transfer' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_transfer(text, text, text, text) IS 'POST inventory/transfer/: the transfer.';
CREATE FUNCTION oms_rest.inventory_moves(actor text, request_id text, id bigint, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_moves' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.inventory_moves(text, text, bigint, text, jsonb) IS 'GET inventory/{id}/moves/: a page of the ledger, newest first.';
CREATE FUNCTION oms_rest.inventory_as_of(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_as_of' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.inventory_as_of(text, text, text, jsonb) IS 'GET inventory/as-of/: a page of the records as they were at a time.';

CREATE FUNCTION oms_rest.hold_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_hold_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.hold_list(text, text, text, jsonb) IS 'GET holds/: a page with the holds'' lines, newest first.';
CREATE FUNCTION oms_rest.hold_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_hold_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.hold_get(text, text, bigint) IS 'GET holds/{id}/';
CREATE FUNCTION oms_rest.hold_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_hold_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.hold_create(text, text, text, text) IS 'POST holds/';
CREATE FUNCTION oms_rest.hold_renew(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_hold_renew' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.hold_renew(text, text, bigint, text) IS 'POST holds/{id}/renew/: the hold after it.';
CREATE FUNCTION oms_rest.hold_release(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_hold_release' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.hold_release(text, text, bigint) IS 'POST holds/{id}/release/: the hold after it.';
CREATE FUNCTION oms_rest.hold_order(actor text, request_id text, id bigint, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_hold_order' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.hold_order(text, text, bigint, text, text) IS 'POST holds/{id}/order/: the order that the hold became.';

CREATE FUNCTION oms_rest.order_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_list(text, text, text, jsonb) IS 'GET orders/: a page with the orders'' lines, newest first.';
CREATE FUNCTION oms_rest.order_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_create(text, text, text, text) IS 'POST orders/ and orders/create/';
CREATE FUNCTION oms_rest.order_sell(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_sell' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_sell(text, text, text, text) IS 'POST orders/sell/: the order, delivered.';
CREATE FUNCTION oms_rest.order_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_get(text, text, bigint) IS 'GET orders/{id}/';
CREATE FUNCTION oms_rest.order_history(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_history' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_history(text, text, bigint) IS 'GET orders/{id}/history/: an array, oldest first.';
CREATE FUNCTION oms_rest.order_status(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_status' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_status(text, text, bigint, text) IS 'PATCH and PUT orders/{id}/status/: the order''s header after the step.';
CREATE FUNCTION oms_rest.order_advance(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_advance' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_advance(text, text, bigint, text) IS 'POST orders/{id}/advance/: the order at the end of the way.';
CREATE FUNCTION oms_rest.order_hold(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_hold' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_hold(text, text, bigint, text) IS 'POST orders/{id}/hold/: the order on hold.';
CREATE FUNCTION oms_rest.order_release(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_release' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_release(text, text, bigint, text) IS 'POST orders/{id}/release/: the order, released.';
CREATE FUNCTION oms_rest.order_amend(actor text, request_id text, id bigint, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_amend' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_amend(text, text, bigint, text, text) IS 'POST orders/{id}/amend/: the order, amended.';
CREATE FUNCTION oms_rest.order_update(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_update(text, text, bigint, text) IS 'PATCH orders/{id}/: null takes away; the order after it.';
CREATE FUNCTION oms_rest.order_notes(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_notes' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_notes(text, text, bigint) IS 'GET orders/{id}/notes/: an array, oldest first.';
CREATE FUNCTION oms_rest.order_note_add(actor text, request_id text, id bigint, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_note_add' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_note_add(text, text, bigint, text, text) IS 'POST orders/{id}/notes/: the note.';
CREATE FUNCTION oms_rest.order_cancel_lines(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_cancel_lines' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_cancel_lines(text, text, bigint, text) IS 'POST orders/{id}/cancel-lines/: the order without the units.';
CREATE FUNCTION oms_rest.order_close(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_close' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_close(text, text, bigint, text) IS 'POST orders/{id}/close/: the order, closed short.';
CREATE FUNCTION oms_rest.report_summary(actor text, request_id text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_report_summary' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.report_summary(text, text, jsonb) IS 'GET orders/reports/';
