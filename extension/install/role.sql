-- roles: cluster-wide, so made only when missing; each includes the one before
DO $role$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      ('oms_reader', 'NOLOGIN', 'oms: reads orders, products, stock and their history'),
      ('oms_staff', 'NOLOGIN', 'oms: oms_reader, and takes orders and books stock'),
      ('oms_admin', 'NOLOGIN', 'oms: oms_staff, and keeps products, accounts, tasks and reports'),
      ('omsd', 'LOGIN NOINHERIT', 'oms: login of the REST server; acts as oms_staff or oms_admin by SET ROLE')
    ) AS r(name, options, purpose)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
      EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.options);
    END IF;
    EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.name, wanted.purpose);
  END LOOP;
END
$role$;
GRANT oms_reader TO oms_staff;
GRANT oms_staff TO oms_admin;
GRANT oms_staff, oms_admin TO omsd;
-- parameters of its statements carry passwords and tokens: they stay out of the server's log
ALTER ROLE omsd SET log_parameter_max_length = 0;
ALTER ROLE omsd SET log_parameter_max_length_on_error = 0;
