\echo Use "CREATE EXTENSION oms" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

COMMENT ON SCHEMA oms IS
'Order management: verbs (functions named noun_verb), tables and views. Start with \df oms.* and \dv oms.*';

CREATE SCHEMA oms_rest;
COMMENT ON SCHEMA oms_rest IS
'The REST API as functions, one for each operation of openapi.json: JSON in, JSON out. Called by omsd, which names the acting user.';

CREATE FUNCTION oms.guard() RETURNS trigger
AS 'MODULE_PATHNAME', 'oms_guard' LANGUAGE C;
COMMENT ON FUNCTION oms.guard() IS
'Statement trigger on the tables of oms: raises OM040 when a write does not come from a verb.';
