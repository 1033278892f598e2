-- customer: verbs
CREATE FUNCTION oms.customer_create(name text, code text DEFAULT NULL, email text DEFAULT NULL, phone text DEFAULT NULL, address text DEFAULT NULL, attributes jsonb DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_customer_create' LANGUAGE C;
COMMENT ON FUNCTION oms.customer_create(text, text, text, text, text, jsonb) IS
'Enters a customer. All but the name may be left out; attributes are a JSON object of at most 16384 bytes. Returns the id. Raises OM010 (bad value), OM052 (code taken).';

CREATE FUNCTION oms.customer_update(customer_id bigint, name text DEFAULT NULL, code text DEFAULT NULL, email text DEFAULT NULL, phone text DEFAULT NULL, address text DEFAULT NULL, attributes jsonb DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_customer_update' LANGUAGE C;
COMMENT ON FUNCTION oms.customer_update(bigint, text, text, text, text, text, jsonb) IS
'Changes what is given of a customer and writes from and to of it in oms.customer_history. Null leaves a value as it is, an empty text (for attributes, JSON null) takes it away. Orders keep the name they were entered with. Returns nothing. Raises OM010, OM034 (no such customer, or archived), OM052.';

CREATE FUNCTION oms.customer_archive(customer_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_customer_archive' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.customer_archive(bigint) IS
'Puts a customer away for good; orders and history stay, the code is free again. Archiving again does nothing. Returns nothing. Raises OM034.';

CREATE FUNCTION oms_rest.customer_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_customer_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.customer_list(text, text, text, jsonb) IS 'GET customers/: a page.';
CREATE FUNCTION oms_rest.customer_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_customer_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.customer_create(text, text, text, text) IS 'POST customers/';
CREATE FUNCTION oms_rest.customer_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_customer_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.customer_get(text, text, bigint) IS 'GET customers/{id}/; archived ones too.';
CREATE FUNCTION oms_rest.customer_replace(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_customer_replace' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.customer_replace(text, text, bigint, text) IS 'PUT customers/{id}/: what is not given is taken away.';
CREATE FUNCTION oms_rest.customer_update(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_customer_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.customer_update(text, text, bigint, text) IS 'PATCH customers/{id}/: null takes away.';
CREATE FUNCTION oms_rest.customer_delete(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_customer_delete' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.customer_delete(text, text, bigint) IS 'DELETE customers/{id}/: archives. Returns null.';
CREATE FUNCTION oms_rest.customer_history(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_customer_history' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.customer_history(text, text, bigint) IS 'GET customers/{id}/history/: an array, oldest first.';
CREATE FUNCTION oms_rest.customer_orders(actor text, request_id text, id bigint, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_customer_orders' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.customer_orders(text, text, bigint, text, jsonb) IS 'GET customers/{id}/orders/: a page with the orders'' lines, newest first.';
