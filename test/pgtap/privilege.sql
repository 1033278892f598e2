-- who may do what: every function and every table, for every role
BEGIN;
SET search_path = public, pg_catalog;
SELECT no_plan();

SELECT is_member_of('oms_reader', 'oms_staff');
SELECT is_member_of('oms_staff', 'oms_admin');
SELECT is_member_of('oms_admin', 'omsd');
SELECT isnt_superuser(r) FROM unnest(ARRAY['oms_reader', 'oms_staff', 'oms_admin', 'omsd']) AS r;
SELECT is(ARRAY(SELECT format('%s login=%s inherit=%s more=%s', rolname, rolcanlogin, rolinherit, rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) FROM pg_roles
  WHERE rolname IN ('oms_reader', 'oms_staff', 'oms_admin', 'omsd') ORDER BY 1), ARRAY['oms_admin login=f inherit=t more=f', 'oms_reader login=f inherit=t more=f', 'oms_staff login=f inherit=t more=f', 'omsd login=t inherit=f more=f'], 'attributes of the roles');
CREATE ROLE oms_pgtap_nobody;

-- functions: the least role, or omsd for what omsd may itself, without SET ROLE
CREATE TEMP TABLE may_call (fn text, least text, omsd boolean DEFAULT false);
INSERT INTO may_call (fn, least) SELECT fn, least FROM (VALUES
  ('oms_reader', '{status_holds,order_diagram,worker_list}'::text[]),
  ('oms_staff', '{order_create,order_sell,orders_create,order_move,order_advance,order_hold,order_release,order_amend,order_update,order_note_add,order_cancel_lines,order_close,shipment_create,shipment_pack,shipment_ship,shipment_deliver,shipment_cancel,shipment_update,return_request,return_approve,return_reject,return_cancel,return_receive,return_close,order_confirm,order_pack,order_ship,order_deliver,order_cancel,orders_confirm,orders_pack,orders_ship,orders_deliver,orders_cancel,stock_receive,stock_adjust}'),
  ('oms_staff', '{why_not,order_timeline}'),
  ('oms_staff', '{stock_count,stock_transfer,stock_set,stock_as_of,stock_ledger,stock_low,hold_create,hold_renew,hold_release,hold_order,hold_expire}'),
  ('oms_staff', '{customer_create,customer_update,customer_archive}'),
  ('oms_admin', '{order_machine_change,product_price_set,channel_create,channel_update,location_create,location_update}'),
  ('oms_admin', '{product_create,product_update,product_archive,report_summary,account_create,account_set_password,account_set_role,account_disable,account_enable,account_sign_out,task_enqueue,task_retry,task_cancel,task_handler_register,task_handler_remove,worker_pause,worker_resume}'),
  ('nobody', '{install,guard,transition_changed,reference_changed}')) AS v(least, fns), unnest(fns) AS f(fn);
UPDATE may_call SET fn = 'oms.' || fn;
INSERT INTO may_call SELECT 'oms_rest.' || fn, least, omsd FROM (VALUES
  ('oms_staff', true, '{ready,wal_flush}'::text[]),
  ('oms_staff', false, '{return_list,return_get,order_returns,return_create,return_approve,return_reject,return_cancel,return_receive,return_close,shipment_list,shipment_get,order_shipments,shipment_create,shipment_pack,shipment_ship,shipment_deliver,shipment_cancel,shipment_update,product_list,product_get,inventory_list,inventory_create,inventory_get,inventory_replace,inventory_update,inventory_delete,order_list,order_create,order_sell,order_get,order_history,order_status,order_advance,order_hold,order_release,order_amend,order_update,order_notes,order_note_add,order_cancel_lines,order_close}'),
  ('oms_staff', false, '{order_why_not,order_states,order_states_history,order_diagram,order_timeline}'),
  ('oms_staff', false, '{inventory_receive,inventory_adjust,inventory_count,inventory_transfer,inventory_moves,inventory_as_of,hold_list,hold_get,hold_create,hold_renew,hold_release,hold_order}'),
  ('oms_staff', false, '{product_prices,currency_list,channel_list,channel_get,location_list,location_get}'),
  ('oms_staff', false, '{customer_list,customer_create,customer_get,customer_replace,customer_update,customer_delete,customer_history,customer_orders}'),
  ('oms_admin', false, '{order_states_update,product_prices_replace,channel_create,channel_update,location_create,location_update}'),
  ('oms_admin', false, '{product_create,product_replace,product_update,product_delete,report_summary,task_list,task_get,task_retry,task_cancel}'),
  ('nobody', true, '{token_create,token_refresh}')) AS v(least, omsd, fns), unnest(fns) AS fn;
SELECT set_eq($$SELECT format('%s.%s', pronamespace::regnamespace, proname) FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace)$$,
  'SELECT fn FROM may_call', 'it is said of every function who may call it');
CREATE FUNCTION pg_temp.rank(role text) RETURNS integer LANGUAGE sql
RETURN array_position(ARRAY['oms_pgtap_nobody', 'oms_reader', 'oms_staff', 'oms_admin', 'nobody'], role);
SELECT is(has_function_privilege(r, p.oid, 'EXECUTE'), CASE r WHEN 'omsd' THEN m.omsd ELSE pg_temp.rank(r) >= pg_temp.rank(m.least) END, format('%s calls %s', r, m.fn))
FROM may_call AS m JOIN pg_proc AS p ON format('%s.%s', pronamespace::regnamespace, proname) = m.fn,
  unnest(ARRAY['oms_pgtap_nobody', 'oms_reader', 'oms_staff', 'oms_admin', 'omsd']) AS r ORDER BY m.fn, pg_temp.rank(r);
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a
  WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND a.grantee = 0$$, 'PUBLIC may call nothing');
SELECT is_empty($$SELECT p.oid::regprocedure, a.grantee::regrole FROM pg_proc AS p, aclexplode(proacl) AS a
  WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND a.is_grantable AND a.grantee <> proowner$$, 'nobody may pass a right on');

-- tables and views: what each role may, to the letter
CREATE TEMP TABLE may_do (rel text, privilege text, least text);
INSERT INTO may_do SELECT rel, 'SELECT', 'oms_reader' FROM unnest(ARRAY['product', 'location', 'stock', 'stock_move', 'orders', 'order_line', 'order_history', 'order_transition', 'order_status', 'order_machine', 'order_note', 'event',
  'currency', 'product_price', 'channel', 'customer', 'customer_history', 'hold', 'hold_line', 'shipment', 'shipment_line', 'return_order', 'return_line',
  'schema_version', 'integrity', 'task', 'task_handler', 'stock_alert', 'worker_state', 'worker', 'queue', 'dead_task']) AS rel;
INSERT INTO may_do VALUES ('session', 'SELECT', 'oms_admin'),
  ('order_transition', 'INSERT', 'oms_admin'), ('order_transition', 'UPDATE', 'oms_admin'), ('order_transition', 'DELETE', 'oms_admin'),
  ('order_status', 'INSERT', 'oms_admin'), ('order_status', 'UPDATE', 'oms_admin'), ('order_status', 'DELETE', 'oms_admin'),
  ('currency', 'INSERT', 'oms_admin'), ('currency', 'UPDATE', 'oms_admin');
SELECT is(has_column_privilege('oms_admin', 'oms.location', c, p), c <> 'id', format('oms_admin %s on oms.location.%s', p, c))
FROM unnest(ARRAY['id', 'code', 'name', 'priority', 'active']) AS c, unnest(ARRAY['INSERT', 'UPDATE']) AS p;
SELECT is(has_table_privilege(r, c.oid, privilege), CASE r WHEN 'omsd' THEN false ELSE coalesce(pg_temp.rank(r) >= pg_temp.rank(m.least), false) END,
  format('%s %s on oms.%s', r, privilege, c.relname))
FROM pg_class AS c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS privilege
LEFT JOIN LATERAL (SELECT least FROM may_do WHERE rel = c.relname AND may_do.privilege = privilege.privilege) AS m ON true,
  unnest(ARRAY['oms_pgtap_nobody', 'oms_reader', 'oms_staff', 'oms_admin', 'omsd']) AS r
WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname, privilege, pg_temp.rank(r);
-- accounts: administrators read all but the password
SELECT is(has_column_privilege(r, attrelid, attnum, 'SELECT'), r = 'oms_admin' AND attname <> 'password_hash', format('%s reads oms.account.%s', r, attname))
FROM pg_attribute, unnest(ARRAY['oms_pgtap_nobody', 'oms_reader', 'oms_staff', 'oms_admin', 'omsd']) AS r
WHERE attrelid = 'oms.account'::regclass AND attnum > 0 ORDER BY attnum, pg_temp.rank(r);
SELECT is_empty($$SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
  WHERE relnamespace = 'oms'::regnamespace AND attacl IS NOT NULL AND relname NOT IN ('account', 'location')$$, 'no other right on single columns');
SELECT is_empty($$SELECT c.oid::regclass, r FROM pg_class AS c, unnest(ARRAY['oms_pgtap_nobody', 'oms_reader', 'oms_staff', 'oms_admin', 'omsd']) AS r,
  unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS p WHERE relnamespace = 'oms'::regnamespace AND relkind = 'S' AND has_sequence_privilege(r, c.oid, p)$$, 'nobody touches a sequence');
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c, aclexplode(coalesce(relacl, acldefault('r', relowner))) AS a
  WHERE relnamespace = 'oms'::regnamespace AND (a.grantee = 0 OR a.is_grantable AND a.grantee <> relowner)$$, 'PUBLIC may do nothing, nobody passes a right on');

-- schemas
SELECT is(has_schema_privilege(r, s, p), p = 'USAGE' AND CASE s WHEN 'oms' THEN r IN ('oms_reader', 'oms_staff', 'oms_admin') ELSE r IN ('oms_staff', 'oms_admin', 'omsd') END,
  format('%s %s of schema %s', r, p, s))
FROM unnest(ARRAY['oms', 'oms_rest']) AS s, unnest(ARRAY['USAGE', 'CREATE']) AS p, unnest(ARRAY['oms_pgtap_nobody', 'oms_reader', 'oms_staff', 'oms_admin', 'omsd']) AS r;

-- views read with the rights of who reads them: a policy on a table holds for its views
SELECT is_empty($$SELECT c.oid::regclass FROM pg_class AS c WHERE relnamespace = 'oms'::regnamespace AND relkind = 'v'
  AND NOT coalesce(reloptions, '{}') @> '{security_invoker=true}'$$, 'views have the rights of the caller') WHERE current_setting('server_version_num')::int >= 150000;

-- everything belongs to one owner, who is a superuser: verbs run with the owner's rights
SELECT results_eq($$SELECT count(DISTINCT o) FROM (SELECT relowner FROM pg_class WHERE relnamespace = 'oms'::regnamespace
  UNION ALL SELECT proowner FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace)) AS owners(o)$$, ARRAY[1::bigint], 'one owner');
-- settings that guard something are for superusers; a dry run only takes back what its own caller did
SELECT is_empty($$SELECT name, context FROM pg_settings WHERE name LIKE 'oms.%' AND context NOT IN ('postmaster', 'sighup', 'superuser') AND name <> 'oms.dry_run'$$, 'no setting is for users');

SELECT * FROM finish();
ROLLBACK;
