-- owner: what others laid down here before must not run with the rights of who installs
DO $owner$
DECLARE
  foreign_object text;
BEGIN
  SELECT format('%s %s belongs to %s', o.kind, o.name, pg_get_userbyid(o.owner)) INTO foreign_object
  FROM (
    SELECT 'schema' AS kind, nspname::text AS name, nspowner AS owner FROM pg_namespace WHERE nspname IN ('oms', 'oms_rest')
    UNION ALL
    SELECT 'table', oid::regclass::text, relowner FROM pg_class
    WHERE relnamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  ) AS o
  WHERE NOT (SELECT rolsuper FROM pg_roles AS r WHERE r.oid = o.owner)
  LIMIT 1;
  IF foreign_object IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = foreign_object || ', who is no superuser',
      HINT = 'Find out who made it and why; then drop it, or give it to a superuser with ALTER ... OWNER TO.';
  END IF;
END
$owner$;
