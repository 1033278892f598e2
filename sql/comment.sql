-- everything says what it is
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_comment;
CREATE DATABASE oms_regress_comment;
\c oms_regress_comment
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();

-- without a comment: nothing
SELECT 'schema', nspname FROM pg_namespace WHERE nspname IN ('oms', 'oms_rest') AND obj_description(oid, 'pg_namespace') IS NULL;
SELECT 'function', oid::regprocedure FROM pg_proc
WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND obj_description(oid, 'pg_proc') IS NULL;
SELECT 'relation', oid::regclass FROM pg_class
WHERE relnamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND relkind IN ('r', 'v', 'm', 'f', 'p') AND obj_description(oid, 'pg_class') IS NULL;
SELECT 'column', attrelid::regclass, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'v', 'm', 'f', 'p') AND attnum > 0 AND NOT attisdropped AND col_description(attrelid, attnum) IS NULL;
SELECT 'trigger', tgrelid::regclass, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relnamespace = 'oms'::regnamespace AND NOT tgisinternal AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL;
SELECT 'type', oid::regtype FROM pg_type
WHERE typnamespace = 'oms'::regnamespace AND typrelid = 0 AND typelem = 0 AND obj_description(oid, 'pg_type') IS NULL;
SELECT 'role', rolname FROM pg_roles WHERE rolname IN ('oms_reader', 'oms_staff', 'oms_admin', 'omsd') AND shobj_description(oid, 'pg_authid') IS NULL;
SELECT 'extension' WHERE (SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'oms') IS NULL;
-- a comment is a sentence, or the route of an operation
SELECT 'no sentence', classoid::regclass, objoid, description FROM pg_description
WHERE (classoid, objoid) IN (SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace)
  UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relnamespace = 'oms'::regnamespace)
AND description !~ '(\.|/)$' AND description !~ '^(GET|POST|PUT|PATCH|DELETE) ';
-- verbs that raise codes of ours name them
SELECT 'unknown code', p.oid::regproc, code[1] FROM pg_proc AS p, regexp_matches(obj_description(p.oid, 'pg_proc'), 'OM[0-9]{3}', 'g') AS code
WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND code[1] !~ '^OM0';
-- there is something to comment on
SELECT count(*) > 60 FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace);
SELECT count(*) > 100 FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' AND attnum > 0;
-- all functions are C but the installer, none runs as its owner, and all that only read say so
SELECT p.oid::regproc, l.lanname, prosecdef, proconfig FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang
WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND (lanname <> 'c' OR prosecdef) ORDER BY 1;
SELECT p.oid::regproc FROM pg_proc AS p WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND provolatile <> 'v' ORDER BY p.oid::regproc::text COLLATE "C";
SELECT p.oid::regproc FROM pg_proc AS p WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND proparallel <> 'u';

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_comment;
