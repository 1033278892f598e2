-- return: verbs
CREATE FUNCTION oms.return_request(order_id bigint, items jsonb, reason text) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_return_request' LANGUAGE C;
COMMENT ON FUNCTION oms.return_request(bigint, jsonb, text) IS
'Asks for units to come back: [{"line": 1, "quantity": 2}, ...], never more than have shipped and are not on their way back. Returns the return''s id. Raises OM001, OM010, OM039, OM045.';
CREATE FUNCTION oms.return_approve(return_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_return_approve' LANGUAGE C;
COMMENT ON FUNCTION oms.return_approve(bigint) IS 'Lets the units of a REQUESTED return come. Raises OM037, OM048.';
CREATE FUNCTION oms.return_reject(return_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_return_reject' LANGUAGE C;
COMMENT ON FUNCTION oms.return_reject(bigint, text) IS 'Refuses a REQUESTED return. Raises OM037, OM048.';
CREATE FUNCTION oms.return_cancel(return_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_return_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms.return_cancel(bigint, text) IS 'Takes a return back of which nothing has come. Raises OM037, OM048.';
CREATE FUNCTION oms.return_receive(return_id bigint, items jsonb, location text DEFAULT NULL) RETURNS numeric
AS 'MODULE_PATHNAME', 'oms_return_receive' LANGUAGE C;
COMMENT ON FUNCTION oms.return_receive(bigint, jsonb, text) IS
'Books units of an APPROVED return that came in at a location (its code, MAIN by default): [{"line": 1, "restock": 1, "scrap": 1}, ...]; restocked ones lie on the shelf. Returns what is due for the return so far, in the order''s currency; a line that came back whole is refunded whole. Raises OM010, OM014, OM032, OM037, OM039, OM045, OM048.';
CREATE FUNCTION oms.return_close(return_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_return_close' LANGUAGE C;
COMMENT ON FUNCTION oms.return_close(bigint, text) IS 'Ends an APPROVED return of which a part has come and no more will. Raises OM037, OM048.';

CREATE FUNCTION oms_rest.return_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_return_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.return_list(text, text, text, jsonb) IS 'GET returns/: a page, newest first.';
CREATE FUNCTION oms_rest.return_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_return_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.return_get(text, text, bigint) IS 'GET returns/{id}/';
CREATE FUNCTION oms_rest.order_returns(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_returns' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_returns(text, text, bigint) IS 'GET orders/{id}/returns/: an array, oldest first.';
CREATE FUNCTION oms_rest.return_create(actor text, request_id text, id bigint, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_return_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.return_create(text, text, bigint, text, text) IS 'POST orders/{id}/returns/';
CREATE FUNCTION oms_rest.return_approve(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_return_approve' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.return_approve(text, text, bigint, text) IS 'POST returns/{id}/approve/';
CREATE FUNCTION oms_rest.return_reject(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_return_reject' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.return_reject(text, text, bigint, text) IS 'POST returns/{id}/reject/';
CREATE FUNCTION oms_rest.return_cancel(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_return_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.return_cancel(text, text, bigint, text) IS 'POST returns/{id}/cancel/';
CREATE FUNCTION oms_rest.return_receive(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_return_receive' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.return_receive(text, text, bigint, text) IS 'POST returns/{id}/receive/';
CREATE FUNCTION oms_rest.return_close(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_return_close' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.return_close(text, text, bigint, text) IS 'POST returns/{id}/close/';
