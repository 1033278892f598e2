-- nothing of the caller's runs inside a verb, where it would have the owner's rights
BEGIN;
SET search_path = public, pg_catalog;
SELECT no_plan();
CREATE ROLE oms_pgtap_thief IN ROLE oms_admin;
CREATE SCHEMA trap AUTHORIZATION oms_pgtap_thief;
GRANT USAGE ON SCHEMA public TO oms_pgtap_thief;

-- a trap for each function, operator, type, table and cast that a statement of ours could mean: it tells who stepped in
SET SESSION AUTHORIZATION oms_pgtap_thief;
CREATE FUNCTION trap.spring(what text) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped: % as %', what, current_user; END$$;
DO $$
DECLARE
  f record;
  n integer := 0;
BEGIN
  FOR f IN SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS args, format_type(prorettype, NULL) AS result, proretset
    FROM pg_proc AS p WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provariadic = 0
    AND proname IN ('now', 'unnest', 'coalesce', 'nextval', 'substr', 'string_to_array', 'pg_current_xact_id', 'lower', 'length', 'octet_length', 'scale', 'round', 'nullif', 'max', 'count', 'sum',
      'gen_random_uuid', 'array_agg', 'timestamptz', 'numeric', 'int8', 'text', 'jsonb_build_object', 'format', 'date_trunc', 'left', 'to_jsonb')
    AND prorettype NOT IN ('internal'::regtype, 'trigger'::regtype) AND NOT 'internal'::regtype = ANY (proargtypes)
  LOOP
    BEGIN
      EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', f.proname, f.args, CASE WHEN f.proretset THEN 'SETOF' ELSE '' END, f.result,
        format('BEGIN PERFORM trap.spring(%L); RETURN; END', f.proname));
      n := n + 1;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    BEGIN
      EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', f.proname, f.args, CASE WHEN f.proretset THEN 'SETOF' ELSE '' END, f.result,
        format('BEGIN PERFORM trap.spring(%L); RETURN NULL; END', f.proname));
      n := n + 1;
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
  END LOOP;
  FOR f IN SELECT oprname, format_type(oprleft, NULL) AS l, format_type(oprright, NULL) AS r, format_type(oprresult, NULL) AS result FROM pg_operator
    WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0 AND oprname IN ('=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '||', '~', '~~', '~~*', '#>', '->', '->>')
    AND oprleft IN ('bigint'::regtype, 'integer'::regtype, 'text'::regtype, 'numeric'::regtype, 'timestamptz'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'boolean'::regtype, 'uuid'::regtype)
    AND oprright IN ('bigint'::regtype, 'integer'::regtype, 'text'::regtype, 'numeric'::regtype, 'timestamptz'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'boolean'::regtype, 'uuid'::regtype, 'interval'::regtype)
  LOOP
    EXECUTE format('CREATE FUNCTION trap.op_%s(a %s, b %s) RETURNS %s LANGUAGE plpgsql AS %L', n, f.l, f.r, f.result, format('BEGIN PERFORM trap.spring(%L); RETURN NULL; END', f.oprname));
    EXECUTE format('CREATE OPERATOR trap.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = trap.op_%s)', f.oprname, f.l, f.r, n);
    n := n + 1;
  END LOOP;
  RAISE NOTICE '% traps', n;
END $$;
SELECT cmp_ok(count(*), '>', 100::bigint, 'traps are set') FROM pg_catalog.pg_proc WHERE pronamespace = 'trap'::regnamespace;
CREATE TABLE trap.orders (id bigint, status text);
CREATE TABLE trap.stock (product_id bigint, on_hand bigint);
CREATE DOMAIN trap.text AS pg_catalog.text CHECK (trap.spring('domain text') IS NULL);
CREATE DOMAIN trap.numeric AS pg_catalog.numeric CHECK (trap.spring('domain numeric') IS NULL);
CREATE TYPE trap.bigint AS (a int);
-- and in pg_temp, which comes first when nobody names it
CREATE TEMP TABLE orders (id bigint, status text);
CREATE TEMP TABLE product (id bigint);
CREATE TEMP VIEW stock AS SELECT trap.spring('temporary view');
CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE plpgsql AS $$BEGIN PERFORM trap.spring('pg_temp.now'); RETURN NULL; END$$;
RESET SESSION AUTHORIZATION;

-- the first verbs of this session, so the plans they keep are made among the traps
SET search_path = trap, pg_catalog;
SELECT oms.stock_receive(oms.product_create('SEC', 's', '1'), '100') AS received \gset
SET search_path = public, pg_catalog;
SELECT is(:received, 100, 'a product');
CREATE TEMP TABLE thing AS SELECT oms.order_create(items) AS o, p, items
FROM (SELECT max(id) AS p, jsonb_build_array(jsonb_build_object('product_id', max(id), 'quantity', 1)) AS items FROM oms.product) AS x;
GRANT SELECT ON thing TO PUBLIC;

SET SESSION AUTHORIZATION oms_pgtap_thief;
CREATE TEMP TABLE outcome (path text, statement text, code text, message text);
GRANT ALL ON outcome TO PUBLIC;
CREATE FUNCTION pg_temp.try(path text, statement text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public AS $$
DECLARE
  m text;
BEGIN
  EXECUTE format('SET LOCAL search_path = %s', path);
  EXECUTE statement;
  SET LOCAL search_path = pg_catalog, public;
  INSERT INTO pg_temp.outcome VALUES (path, statement, 'ok', NULL);
EXCEPTION WHEN OTHERS THEN
  SET LOCAL search_path = pg_catalog, public;
  INSERT INTO pg_temp.outcome VALUES (path, statement, sqlstate, sqlerrm);
END $$;
-- the traps work
SELECT pg_temp.try('trap, pg_catalog', 'SELECT 1::pg_catalog.int8 + 2::pg_catalog.int8');
SELECT pg_temp.try('trap, pg_catalog', 'SELECT now()');
SELECT is(ARRAY(SELECT message FROM outcome), ARRAY['trapped: + as oms_pgtap_thief', 'trapped: now as oms_pgtap_thief'], 'operators and functions are traps');
TRUNCATE outcome;

-- each verb, each way, with plans that are made under the traps
CREATE TEMP TABLE did AS SELECT s, nr FROM unnest(ARRAY[
  'SELECT oms.order_create((SELECT items FROM pg_temp.thing))',
  'SELECT oms.order_confirm((SELECT o FROM pg_temp.thing))', 'SELECT oms.order_pack((SELECT o FROM pg_temp.thing))', 'SELECT oms.order_cancel((SELECT o FROM pg_temp.thing), ''why'')',
  'SELECT FROM oms.orders_confirm(ARRAY[(SELECT o FROM pg_temp.thing)])', 'SELECT oms.order_move((SELECT o FROM pg_temp.thing), ''CANCELLED'')',
  'SELECT oms.stock_receive((SELECT p FROM pg_temp.thing), 5)', 'SELECT oms.stock_adjust((SELECT p FROM pg_temp.thing), -1, ''x'')',
  'SELECT oms.product_update((SELECT p FROM pg_temp.thing), name => ''x'', sku => ''SEC2'', price => 2)', 'SELECT oms.product_create(''SEC3'', ''x'', 1)', 'SELECT oms.product_archive((SELECT p FROM pg_temp.thing))',
  'SELECT oms.report_summary()', 'SELECT oms.status_holds(''PENDING'')', 'SELECT FROM oms.integrity', 'SELECT FROM oms.queue',
  'SELECT oms.task_enqueue(''order_created'')', 'SELECT oms.account_disable(''nobody'')',
  $$UPDATE oms.order_transition SET least_role = 'oms_staff'$$]) WITH ORDINALITY AS u(s, nr);
RESET SESSION AUTHORIZATION;
GRANT SELECT ON did TO PUBLIC;
SET SESSION AUTHORIZATION oms_pgtap_thief;
SELECT lives_ok(format('SELECT pg_temp.try(%L, %L)', path, s), format('%s with search_path %s', s, path))
FROM unnest(ARRAY['trap, pg_catalog', 'pg_temp, trap, pg_catalog', 'oms, oms_rest, trap', '"$user", trap, pg_catalog, pg_temp']) AS path, did ORDER BY path, nr;
RESET SESSION AUTHORIZATION;
-- as omsd would, with the functions of the API
SELECT lives_ok(format('SELECT pg_temp.try(%L, %L)', path, s), format('%s with search_path %s', s, path))
FROM unnest(ARRAY['trap, pg_catalog', 'pg_temp, trap, pg_catalog']) AS path, unnest(ARRAY[
  $$SELECT oms_rest.product_list('a', 'r', 'u', '{"search": "s", "min_price": "0", "max_price": "9", "name": "s", "sku": "SEC", "ordering": "-price"}')$$,
  $$SELECT oms_rest.order_list('a', 'r', 'u', '{"status": "PENDING", "customer": "u", "created_after": "2000-01-01", "min_total": "0", "order_number": "SO-00000001", "search": "u", "ordering": "total_amount", "cursor": "1:0"}')$$,
  $$SELECT oms_rest.inventory_list('a', 'r', 'u', '{"low_stock": "true", "product": "1", "location": "MAIN", "search": "s", "ordering": "quantity"}')$$,
  $$SELECT oms_rest.order_get('a', 'r', (SELECT o FROM pg_temp.thing))$$, $$SELECT oms_rest.order_history('a', 'r', (SELECT o FROM pg_temp.thing))$$,
  $$SELECT oms_rest.product_create('a', 'r', '{"sku": "SEC9", "name": "n", "price": 1}', 'key')$$, $$SELECT oms_rest.product_create('a', 'r', '{"sku": "SEC9", "name": "n", "price": 1}', 'key')$$,
  $$SELECT oms_rest.report_summary('a', 'r', '{"created_after": "2000-01-01"}')$$, $$SELECT oms_rest.task_list('a', 'r', 'u', '{}')$$, $$SELECT oms_rest.ready('a', 'r')$$,
  $$SELECT oms_rest.token_create('a', 'r', '{"username": "nobody", "password": "wrong"}')$$]) AS s;
SELECT is_empty($$SELECT * FROM outcome WHERE message LIKE 'trapped%'$$, 'nobody stepped into a trap');
SELECT is_empty($$SELECT * FROM outcome WHERE code NOT LIKE 'OM%' AND code <> 'ok'$$, 'all did what they do, or said what is wrong');
SELECT cmp_ok(count(*), '>', 50::bigint, 'most did it') FROM outcome WHERE code = 'ok';
SELECT is_empty('SELECT * FROM trap.orders UNION ALL SELECT * FROM pg_temp.orders', 'no row went astray');

-- rights end with the verb, also with one that fails
SET SESSION AUTHORIZATION oms_pgtap_thief;
SELECT throws_ok('SELECT oms.order_confirm(-1)', 'OM001');
SELECT is(current_user, 'oms_pgtap_thief'::name, 'after an error: still who one was');
SELECT throws_ok('SELECT * FROM oms.idempotency', '42501', NULL, 'with one''s own rights');
SELECT lives_ok('SELECT oms.stock_receive(p, 1) FROM thing', 'a verb');
SELECT throws_ok('SELECT * FROM oms.idempotency', '42501', NULL, 'and after one that went well');
-- a cursor over a verb keeps its rights to itself
DECLARE c CURSOR FOR SELECT oms.stock_receive(p, 1) FROM thing, generate_series(1, 3);
FETCH 1 FROM c;
SELECT throws_ok('SELECT * FROM oms.idempotency', '42501', NULL, 'while a cursor over a verb is open');
SELECT throws_ok($$DECLARE d CURSOR FOR SELECT oms.stock_receive(p, 1), response FROM thing, oms.idempotency$$, '42501', NULL, 'or beside one');
CLOSE c;
-- a trigger of the caller's own table runs as the caller
CREATE TEMP TABLE log (who text);
CREATE FUNCTION pg_temp.who() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM oms.stock_receive(p, 1) FROM pg_temp.thing; new.who := current_user; RETURN new; END$$;
CREATE TRIGGER who BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION pg_temp.who();
INSERT INTO log DEFAULT VALUES;
SELECT is(who, 'oms_pgtap_thief', 'a trigger that calls a verb is still the caller''s') FROM log;
RESET SESSION AUTHORIZATION;

-- a policy on a table holds for its views, and verbs are above it
CREATE ROLE oms_pgtap_reader IN ROLE oms_reader;
ALTER TABLE oms.orders ENABLE ROW LEVEL SECURITY;
SET SESSION AUTHORIZATION oms_pgtap_reader;
SELECT is_empty('SELECT * FROM oms.orders', 'without a policy a reader sees no order');
RESET SESSION AUTHORIZATION;
SET SESSION AUTHORIZATION oms_pgtap_thief;
SELECT lives_ok('SELECT oms.order_cancel(oms.order_create(jsonb_build_array(jsonb_build_object(''product_id'', max(id), ''quantity'', 1)))) FROM oms.product WHERE archived_at IS NULL', 'verbs work');
RESET SESSION AUTHORIZATION;
ALTER TABLE oms.orders DISABLE ROW LEVEL SECURITY;

-- settings of the caller do not change what is answered
CREATE TEMP TABLE answer AS SELECT oms_rest.order_get('a', 'r', o)::text AS a, oms_rest.product_get('a', 'r', p, '{"archived": "true"}')::text AS b FROM thing;
SELECT lives_ok(s, s) FROM unnest(ARRAY['SET LOCAL DateStyle = ''German, DMY''', 'SET LOCAL TimeZone = ''Asia/Kathmandu''', 'SET LOCAL IntervalStyle = sql_standard', 'SET LOCAL extra_float_digits = -15',
  'SET LOCAL bytea_output = escape', 'SET LOCAL lc_numeric = ''C''', 'SET LOCAL standard_conforming_strings = off', 'SET LOCAL backslash_quote = on', 'SET LOCAL quote_all_identifiers = on',
  'SET LOCAL default_transaction_deferrable = on', 'SET LOCAL enable_indexscan = off', 'SET LOCAL enable_sort = off', 'SET LOCAL plan_cache_mode = force_custom_plan', 'SET LOCAL transform_null_equals = on',
  'SET LOCAL array_nulls = off', 'SET LOCAL xmlbinary = hex']) AS s;
SELECT results_eq($$SELECT oms_rest.order_get('a', 'r', o)::text, oms_rest.product_get('a', 'r', p, '{"archived": "true"}')::text FROM thing$$, 'SELECT a, b FROM answer', 'answers are the same under other settings');
SELECT lives_ok($$SELECT oms_rest.order_create('a', 'r', json_build_object('items', json_build_array(json_build_object('product_id', max(id), 'quantity', 1)))::text, E'k''\\') FROM oms.product WHERE archived_at IS NULL$$, 'and so is what is taken');
SELECT is_empty('SELECT * FROM oms.integrity', 'integrity');

SELECT * FROM finish();
ROLLBACK;
