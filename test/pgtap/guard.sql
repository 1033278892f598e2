-- what is not a verb writes nothing
BEGIN;
SET search_path = public, pg_catalog;
SELECT no_plan();
SELECT lives_ok($$SELECT oms.stock_receive(oms.product_create('G', 'g', 1), 100)$$, 'a product');
CREATE TEMP TABLE thing AS SELECT oms.order_create(jsonb_build_array(jsonb_build_object('product_id', (SELECT max(id) FROM oms.product), 'quantity', 1))) AS id;
CREATE TEMP TABLE guarded AS SELECT relname::text AS t, (SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum = 1) AS col FROM pg_class AS c
WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r' AND relname NOT IN ('currency', 'location', 'order_status', 'order_transition', 'schema_version');
SELECT cmp_ok(count(*), '>=', 15::bigint, 'guarded tables') FROM guarded;

SELECT throws_ok(format(way, t, col), 'OM040', format('table oms.%s is written by verbs only', t), format(way, t, col))
FROM guarded, unnest(ARRAY['INSERT INTO oms.%I DEFAULT VALUES', 'UPDATE oms.%I SET %I = DEFAULT', 'DELETE FROM oms.%I', 'TRUNCATE oms.%I CASCADE',
  'COPY oms.%I FROM PROGRAM ''true''', 'UPDATE ONLY oms.%I SET %I = DEFAULT WHERE false', 'WITH gone AS (DELETE FROM oms.%I RETURNING *) SELECT count(*) FROM gone']) AS way ORDER BY t;
-- the words for it, as superuser
SELECT throws_ok($$UPDATE oms.orders SET status = 'DELIVERED'$$, 'OM040');
SELECT throws_ok($$UPDATE oms.stock SET on_hand = 1000000$$, 'OM040');
-- through a view, a rule, a function, a prepared statement, a cursor
CREATE TEMP VIEW through AS SELECT * FROM oms.orders;
SELECT throws_ok($$UPDATE through SET status = 'DELIVERED'$$, 'OM040', NULL, 'through a view');
CREATE FUNCTION pg_temp.by_hand() RETURNS void LANGUAGE sql AS $$UPDATE oms.orders SET status = 'DELIVERED'$$;
SELECT throws_ok('SELECT pg_temp.by_hand()', 'OM040', NULL, 'in a function');
PREPARE by_hand AS UPDATE oms.orders SET status = 'DELIVERED';
SELECT throws_ok('EXECUTE by_hand', 'OM040', NULL, 'prepared');
DECLARE c CURSOR FOR SELECT * FROM oms.orders FOR UPDATE;
FETCH 1 FROM c;
SELECT throws_ok($$UPDATE oms.orders SET status = 'DELIVERED' WHERE CURRENT OF c$$, 'OM040', NULL, 'where a cursor stands');
CLOSE c;

-- near a verb: before, after, beside, inside of its arguments
SELECT throws_ok('SELECT oms.order_confirm(id), pg_temp.by_hand() FROM thing', 'OM040', NULL, 'after a verb in one statement');
CREATE FUNCTION pg_temp.sneak() RETURNS bigint LANGUAGE plpgsql AS $$BEGIN UPDATE oms.orders SET status = 'DELIVERED'; RETURN 1; END$$;
SELECT throws_ok('SELECT oms.order_confirm(pg_temp.sneak())', 'OM040', NULL, 'as the argument of a verb');
SELECT throws_ok('SELECT oms.status_holds(''PENDING''), pg_temp.by_hand()', 'OM040', NULL, 'beside a function that reads');
CREATE FUNCTION pg_temp.after_error(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  BEGIN
    EXECUTE statement;
  EXCEPTION WHEN query_canceled OR OTHERS THEN NULL;
  END;
  BEGIN
    UPDATE oms.stock SET on_hand = 0;
    RETURN 'written';
  EXCEPTION WHEN SQLSTATE 'OM040' THEN
    RETURN 'refused';
  END;
END $$;
SELECT is(pg_temp.after_error(s), 'refused', format('after %s', s)) FROM unnest(ARRAY['SELECT oms.order_confirm(-1)', 'SELECT oms.order_create(NULL)', 'SELECT oms.order_create(''[]'')',
  'SELECT oms.stock_adjust(1, -100000, ''x'')', 'SELECT oms.product_create(''G'', ''g'', 1)', 'SELECT oms_rest.order_get(''a'', ''r'', -1)', 'SELECT oms_rest.product_create(''a'', ''r'', ''{'', NULL)',
  'SELECT oms_rest.order_create(''a'', ''r'', NULL, NULL)', 'SELECT * FROM oms.orders_confirm(''{{1},{2}}'')', 'SELECT oms.order_confirm(id) FROM thing', 'SELECT 1 / 0']) AS s;
-- nor after one that was cancelled half-way
SELECT is(pg_temp.after_error('SELECT pg_cancel_backend(pg_backend_pid()), oms.orders_create((SELECT jsonb_agg(jsonb_build_object(''items'', jsonb_build_array(jsonb_build_object(''product_id'', 1, ''quantity'', 1)))) FROM generate_series(1, 1000)))'),
  'refused', 'after a cancelled verb');

-- nobody can say that a verb is running
SELECT throws_ok('SET oms.verb_running = on', '42602', NULL, 'there is no setting for it');
SELECT throws_ok('SELECT oms.guard()', '39P01', NULL, 'the guard is a trigger only');
SELECT throws_ok('SELECT oms.transition_changed()', '39P01', NULL, 'the check of the state machine is a trigger only');
CREATE TEMP TABLE mine (x int);
CREATE TRIGGER guard BEFORE INSERT ON mine FOR EACH STATEMENT EXECUTE FUNCTION oms.guard();
SELECT throws_ok('INSERT INTO mine VALUES (1)', 'OM040', NULL, 'a guard on another table guards it');
-- constraint triggers and row triggers of the guard's function do not open anything
CREATE TEMP TABLE rowwise (x int);
CREATE TRIGGER guard AFTER INSERT ON rowwise FOR EACH ROW EXECUTE FUNCTION oms.guard();
SELECT throws_ok('INSERT INTO rowwise VALUES (1)', 'OM040', NULL, 'row by row');

-- an actor is named by omsd alone
CREATE ROLE oms_pgtap_staff IN ROLE oms_staff;
CREATE ROLE oms_pgtap_admin IN ROLE oms_admin;
CREATE ROLE oms_pgtap_omsd IN ROLE omsd;
GRANT SELECT ON thing TO PUBLIC;
-- every function of the API that a role may call, with arguments that would do
CREATE TEMP TABLE call AS SELECT p.oid, format('SELECT oms_rest.%I(%s)', proname, (SELECT string_agg(format('%L::%s', CASE
    WHEN i = 1 THEN 'eve' WHEN i = 2 THEN 'r' WHEN t = 'bigint'::regtype THEN '1' WHEN t = 'jsonb'::regtype THEN '{}' ELSE '{}' END, format_type(t, NULL)), ', ' ORDER BY i)
  FROM unnest(proargtypes) WITH ORDINALITY AS a(t, i))) AS statement
FROM pg_proc AS p WHERE pronamespace = 'oms_rest'::regnamespace AND proname <> 'wal_flush';
GRANT SELECT ON call TO PUBLIC;
SET SESSION AUTHORIZATION oms_pgtap_staff;
SELECT throws_ok(statement, 'OM024', 'role "oms_pgtap_staff" may not act for another', 'staff: ' || statement) FROM call WHERE has_function_privilege(oid, 'EXECUTE') ORDER BY statement;
SET SESSION AUTHORIZATION oms_pgtap_admin;
SELECT throws_ok(statement, 'OM024', 'role "oms_pgtap_admin" may not act for another', 'admin: ' || statement) FROM call WHERE has_function_privilege(oid, 'EXECUTE') ORDER BY statement;
SET ROLE oms_staff;
SELECT throws_ok(statement, 'OM024', NULL, 'admin as staff: ' || statement) FROM call WHERE has_function_privilege(oid, 'EXECUTE') AND statement LIKE '%order_list%';
SET SESSION AUTHORIZATION omsd;
SET ROLE oms_staff;
SELECT lives_ok(statement, 'omsd as staff: ' || statement) FROM call WHERE statement LIKE '%order_list%';
SET SESSION AUTHORIZATION oms_pgtap_omsd;
SET ROLE oms_staff;
SELECT lives_ok(statement, 'a login in the place of omsd: ' || statement) FROM call WHERE statement LIKE '%order_list%';
RESET SESSION AUTHORIZATION;
-- nor through a function that has its owner's rights, even a superuser's
CREATE FUNCTION public.oms_pgtap_forge(o bigint) RETURNS json LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$SELECT oms_rest.order_status('eve', 'r', o, '{"status": "CANCELLED"}')$$;
SELECT throws_ok('SELECT public.oms_pgtap_forge(id) FROM thing', 'OM024', NULL, 'in a SECURITY DEFINER function');
SET SESSION AUTHORIZATION oms_pgtap_staff;
SELECT throws_ok('SELECT public.oms_pgtap_forge(id) FROM thing', 'OM024', NULL, 'called by staff');
SELECT lives_ok('SELECT oms.order_pack(id) FROM thing', 'staff packs as itself');
SELECT throws_ok('SET ROLE omsd', '42501', NULL, 'and cannot become omsd');
SELECT throws_ok('SET session_replication_role = replica', '42501', NULL, 'nor turn triggers off');
SELECT throws_ok('ALTER TABLE oms.orders DISABLE TRIGGER ALL', '42501', NULL, 'nor take them away');
RESET SESSION AUTHORIZATION;
SELECT is(ARRAY(SELECT actor FROM oms.order_history JOIN thing ON id = order_id ORDER BY seq), ARRAY[current_user::text, current_user::text, 'oms_pgtap_staff'], 'history names who did it');
SELECT is_empty($$SELECT * FROM oms.order_history WHERE actor = 'eve' UNION ALL SELECT * FROM oms.order_history WHERE to_status = 'DELIVERED'$$, 'and nobody else');
SELECT is_empty('SELECT * FROM oms.integrity', 'integrity');

SELECT * FROM finish();
ROLLBACK;
