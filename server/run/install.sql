-- Makes or updates oms in the present database. Harmless when repeated.
\o /dev/null
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
ALTER EXTENSION oms UPDATE;
SELECT oms.install();
