-- location: verbs
CREATE FUNCTION oms.location_create(code text, name text, priority integer DEFAULT 100) RETURNS integer
AS 'MODULE_PATHNAME', 'oms_location_create' LANGUAGE C;
COMMENT ON FUNCTION oms.location_create(text, text, integer) IS
'Enters a location of stock; lower numbers of priority are taken from first. Returns its id. Raises OM010 (bad value), OM052 (code taken).';

CREATE FUNCTION oms.location_update(code text, name text DEFAULT NULL, priority integer DEFAULT NULL, active boolean DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_location_update' LANGUAGE C;
COMMENT ON FUNCTION oms.location_update(text, text, integer, boolean) IS
'Changes what is given of the location with a code; null leaves a value as it is. Orders take nothing new from an inactive location, but keep what they have there; MAIN may be made inactive too. Returns nothing. Raises OM010, OM032 (no such location).';

CREATE FUNCTION oms_rest.location_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_location_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.location_list(text, text, text, jsonb) IS 'GET locations/: a page.';
CREATE FUNCTION oms_rest.location_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_location_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.location_create(text, text, text, text) IS 'POST locations/';
CREATE FUNCTION oms_rest.location_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_location_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.location_get(text, text, bigint) IS 'GET locations/{id}/';
CREATE FUNCTION oms_rest.location_update(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_location_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.location_update(text, text, bigint, text) IS 'PATCH locations/{id}/';
