\echo Use "ALTER EXTENSION oms UPDATE" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

-- The functions are made anew below. Those that something of the user's rests on stay, and are replaced there.
DO $upgrade$
DECLARE
  old regprocedure;
BEGIN
  FOR old IN
    SELECT d.objid FROM pg_depend AS d
    WHERE d.classid = 'pg_proc'::regclass AND d.deptype = 'e' AND d.refclassid = 'pg_extension'::regclass
      AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'oms')
  LOOP
    BEGIN
      EXECUTE format('DROP FUNCTION %s', old);
    EXCEPTION WHEN dependent_objects_still_exist THEN
      NULL;
    END;
  END LOOP;
END
$upgrade$;
