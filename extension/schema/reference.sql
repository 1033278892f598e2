-- reference: tables that sessions keep
CREATE FUNCTION oms.reference_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'oms_reference_changed' LANGUAGE C;
COMMENT ON FUNCTION oms.reference_changed() IS
'Trigger on small tables that every session keeps a copy of: makes all sessions read them anew once the change is committed.';
