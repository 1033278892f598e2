-- Makes or updates oms in the present database. Harmless when repeated.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
ALTER EXTENSION oms UPDATE;
SELECT oms.install();

-- The login of omsd. It holds no right itself: its connections choose oms_staff or oms_admin.
DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'omsd') THEN
		CREATE ROLE omsd LOGIN NOINHERIT;
		COMMENT ON ROLE omsd IS 'login of the REST server omsd';
	END IF;
END
$$;
GRANT oms_staff, oms_admin TO omsd;
