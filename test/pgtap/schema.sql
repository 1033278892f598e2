-- what oms.install() makes: tables, columns, keys, constraints, triggers, comments
BEGIN;
SET search_path = public, pg_catalog;
SELECT no_plan();

SELECT schemas_are(ARRAY['public', 'oms', 'oms_rest']);
SELECT extensions_are('oms', ARRAY['oms']);
SELECT tables_are('oms', ARRAY['account', 'channel', 'currency', 'customer', 'customer_history', 'event', 'hold', 'hold_line', 'idempotency', 'location', 'number_series',
  'order_history', 'order_line', 'order_machine', 'order_note', 'order_status', 'order_transition', 'orders', 'product', 'product_price', 'refresh_token', 'return_line', 'return_order',
  'schema_version', 'session', 'shipment', 'shipment_line', 'stock', 'stock_alert', 'stock_move', 'task', 'task_handler', 'worker_state']);
SELECT views_are('oms', ARRAY['integrity', 'worker', 'queue', 'dead_task']);
SELECT tables_are('oms_rest', '{}'::name[]);
SELECT views_are('oms_rest', '{}'::name[]);

-- columns: name, type, whether it must be there, default
CREATE TEMP TABLE wanted (rel text, nr serial, col text, type text, required boolean, initial text);
COPY wanted (rel, col, type, required, initial) FROM STDIN (DELIMITER '|', NULL '');
product|id|bigint|t|generated always as identity
product|sku|text|t|
product|name|text|t|
product|about|text|t|''::text
product|price|numeric|t|
product|version|bigint|t|1
product|archived_at|timestamp with time zone|f|
product|created_at|timestamp with time zone|t|now()
product|updated_at|timestamp with time zone|t|now()
location|id|integer|t|generated always as identity
location|code|text|t|
location|name|text|t|
location|priority|integer|t|100
location|active|boolean|t|true
stock|id|bigint|t|generated always as identity
stock|product_id|bigint|t|
stock|location_id|integer|t|
stock|on_hand|bigint|t|0
stock|reserved|bigint|t|0
stock|allocated|bigint|t|0
stock|available|bigint|f|((on_hand - reserved) - allocated)
stock|low_stock_threshold|bigint|t|10
stock|reorder_quantity|bigint|f|
stock|backorder_limit|bigint|t|0
stock|moves|bigint|t|0
stock|updated_at|timestamp with time zone|t|now()
stock_move|product_id|bigint|t|
stock_move|location_id|integer|t|
stock_move|seq|bigint|t|
stock_move|kind|text|t|
stock_move|d_on_hand|bigint|t|
stock_move|d_reserved|bigint|t|
stock_move|d_allocated|bigint|t|
stock_move|on_hand|bigint|t|
stock_move|reserved|bigint|t|
stock_move|allocated|bigint|t|
stock_move|order_id|bigint|f|
stock_move|line_no|integer|f|
stock_move|document|text|f|
stock_move|reason|text|f|
stock_move|actor|text|t|
stock_move|at|timestamp with time zone|t|now()
orders|id|bigint|t|generated always as identity
orders|order_number|text|t|
orders|status|text|t|
orders|version|bigint|t|
orders|customer_name|text|t|
orders|total_amount|numeric|t|
orders|discount_amount|numeric|t|0
orders|tax_amount|numeric|t|0
orders|currency|text|t|'USD'::text
orders|channel|text|t|'default'::text
orders|takes_stock|text|t|'confirm'::text
orders|fulfilment|text|t|'none'::text
orders|shipments|integer|t|0
orders|customer_id|bigint|f|
orders|series_number|bigint|f|
orders|external_ref|text|f|
orders|hold_reason|text|f|
orders|attributes|jsonb|f|
orders|created_by|text|t|
orders|created_at|timestamp with time zone|t|now()
orders|updated_at|timestamp with time zone|t|now()
order_line|order_id|bigint|t|
order_line|line_no|integer|t|
order_line|product_id|bigint|t|
order_line|quantity|bigint|t|
order_line|sku|text|t|
order_line|name|text|t|
order_line|price|numeric|t|
order_line|line_total|numeric|t|
order_line|discount|numeric|t|0
order_line|tax|numeric|t|0
order_line|tax_rate|numeric|t|0
order_line|tax_included|boolean|t|false
order_line|cancelled|bigint|t|0
order_line|returned|bigint|t|0
order_history|order_id|bigint|t|
order_history|seq|bigint|t|
order_history|from_status|text|f|
order_history|to_status|text|t|
order_history|changed_at|timestamp with time zone|t|now()
order_history|actor|text|t|
order_history|reason|text|f|
order_history|action|text|f|
order_history|detail|jsonb|f|
order_transition|from_status|text|t|
order_transition|to_status|text|t|
order_transition|stock_effect|text|t|'none'::text
order_transition|least_role|text|t|'oms_staff'::text
currency|code|text|t|
currency|decimals|smallint|t|
currency|name|text|t|
product_price|product_id|bigint|t|
product_price|currency|text|t|
product_price|price|numeric|t|
product_price|updated_at|timestamp with time zone|t|now()
channel|code|text|t|
channel|name|text|t|
channel|take_stock|text|t|
channel|currency|text|t|
channel|number_prefix|text|t|
channel|gapless|boolean|t|false
channel|tax_rate|numeric|t|0
channel|tax_included|boolean|t|false
channel|tax_rounding|text|t|'line'::text
channel|rounding|text|t|'half_up'::text
channel|active|boolean|t|true
channel|version|bigint|t|1
channel|created_at|timestamp with time zone|t|now()
channel|updated_at|timestamp with time zone|t|now()
number_series|channel|text|t|
number_series|last_number|bigint|t|
customer|id|bigint|t|generated always as identity
customer|code|text|f|
customer|name|text|t|
customer|email|text|f|
customer|phone|text|f|
customer|address|text|f|
customer|attributes|jsonb|f|
customer|version|bigint|t|1
customer|archived_at|timestamp with time zone|f|
customer|created_at|timestamp with time zone|t|now()
customer|updated_at|timestamp with time zone|t|now()
customer_history|customer_id|bigint|t|
customer_history|seq|bigint|t|
customer_history|changes|jsonb|t|
customer_history|actor|text|t|
customer_history|changed_at|timestamp with time zone|t|now()
hold|id|bigint|t|generated always as identity
hold|owner|text|t|
hold|order_id|bigint|f|
hold|version|bigint|t|1
hold|created_by|text|t|
hold|created_at|timestamp with time zone|t|now()
hold|updated_at|timestamp with time zone|t|now()
hold_line|hold_id|bigint|t|
hold_line|line_no|integer|t|
hold_line|product_id|bigint|t|
hold_line|location_id|integer|t|
hold_line|quantity|bigint|t|
hold_line|expires_at|timestamp with time zone|t|
hold_line|state|text|t|'held'::text
shipment|id|bigint|t|generated always as identity
shipment|order_id|bigint|t|
shipment|location_id|integer|t|
shipment|state|text|t|
shipment|carrier|text|f|
shipment|tracking|text|f|
shipment|version|bigint|t|1
shipment|created_by|text|t|
shipment|created_at|timestamp with time zone|t|now()
shipment|packed_at|timestamp with time zone|f|
shipment|shipped_at|timestamp with time zone|f|
shipment|delivered_at|timestamp with time zone|f|
shipment|cancelled_at|timestamp with time zone|f|
shipment_line|shipment_id|bigint|t|
shipment_line|line_no|integer|t|
shipment_line|quantity|bigint|t|
return_order|id|bigint|t|generated always as identity
return_order|order_id|bigint|t|
return_order|state|text|t|
return_order|reason|text|t|
return_order|answer|text|f|
return_order|refund_amount|numeric|t|0
return_order|version|bigint|t|1
return_order|created_by|text|t|
return_order|created_at|timestamp with time zone|t|now()
return_order|updated_at|timestamp with time zone|t|now()
return_line|return_id|bigint|t|
return_line|line_no|integer|t|
return_line|quantity|bigint|t|
return_line|restocked|bigint|t|0
return_line|scrapped|bigint|t|0
return_line|refund|numeric|t|0
order_note|id|bigint|t|generated always as identity
order_note|order_id|bigint|t|
order_note|note|text|t|
order_note|actor|text|t|
order_note|at|timestamp with time zone|t|now()
order_machine|version|bigint|t|
order_machine|machine|jsonb|t|
order_machine|actor|text|t|
order_machine|changed_at|timestamp with time zone|t|now()
order_status|status|text|t|
order_status|final|boolean|t|
event|id|bigint|t|generated always as identity
event|xid|xid8|t|pg_current_xact_id()
event|at|timestamp with time zone|t|now()
event|type|text|t|
event|aggregate|text|t|
event|aggregate_id|bigint|t|
event|version|bigint|t|
event|actor|text|t|
event|request_id|text|f|
event|payload|jsonb|f|
idempotency|actor|text|t|
idempotency|key|text|t|
idempotency|request_hash|bytea|t|
idempotency|response|json|t|
idempotency|created_at|timestamp with time zone|t|now()
schema_version|version|integer|t|
schema_version|installed_at|timestamp with time zone|t|now()
integrity|problem|text|f|
integrity|subject|text|f|
\.
SELECT results_eq(
  format('SELECT concat_ws(%L, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    CASE a.attidentity WHEN %L THEN %L ELSE pg_get_expr(d.adbin, d.adrelid) END) COLLATE "C"
    FROM pg_attribute AS a LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = %L::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum', '|', 'a', 'generated always as identity', 'oms.' || rel),
  format('SELECT concat_ws(%L, col, type, required, initial) COLLATE "C" FROM wanted WHERE rel = %L ORDER BY nr', '|', rel), 'columns of oms.' || rel)
FROM (SELECT DISTINCT rel FROM wanted) AS rels ORDER BY rel;

-- keys
SELECT col_is_pk('oms', t, c, format('key of oms.%s', t)) FROM (VALUES
  ('product', ARRAY['id']::name[]), ('location', '{id}'), ('stock', '{product_id,location_id}'), ('stock_move', '{product_id,location_id,seq}'), ('orders', '{id}'),
  ('order_line', '{order_id,line_no}'), ('order_history', '{order_id,seq}'), ('order_transition', '{from_status,to_status}'), ('event', '{id}'),
  ('idempotency', '{actor,key}'), ('schema_version', '{version}'), ('account', '{id}'), ('session', '{id}'), ('refresh_token', '{hash}'),
  ('currency', '{code}'), ('product_price', '{product_id,currency}'), ('channel', '{code}'), ('number_series', '{channel}'), ('customer', '{id}'),
  ('customer_history', '{customer_id,seq}'), ('hold', '{id}'), ('hold_line', '{hold_id,line_no}'), ('shipment', '{id}'), ('shipment_line', '{shipment_id,line_no}'),
  ('return_order', '{id}'), ('return_line', '{return_id,line_no}'), ('order_note', '{id}'), ('order_status', '{status}'), ('order_machine', '{version}'),
  ('task', '{id}'), ('task_handler', '{name}'), ('stock_alert', '{product_id,location_id}'), ('worker_state', '{one}')) AS k(t, c);
SELECT col_is_unique('oms', 'stock', ARRAY['id']::name[]);
SELECT col_is_unique('oms', 'location', ARRAY['code']::name[]);
SELECT index_is_unique('oms', 'product', 'product_sku_key');
SELECT index_is_unique('oms', 'customer', 'customer_code_key');
SELECT index_is_unique('oms', 'channel', 'channel_number_prefix_key');
-- counters change in place: no index may stand on them
SELECT is_empty($$SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'oms.stock'::regclass
  AND indkey::int2[] && (SELECT array_agg(attnum) FROM pg_attribute WHERE attrelid = indrelid
  AND attname IN ('on_hand', 'reserved', 'allocated', 'available', 'moves', 'updated_at'))$$, 'no index on counters');
-- a key refers to nothing that is written often
SELECT is(ARRAY(SELECT format('%s -> %s', conrelid::regclass, confrelid::regclass) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'oms'::regnamespace ORDER BY 1), ARRAY['oms.channel -> oms.currency', 'oms.product_price -> oms.currency', 'oms.refresh_token -> oms.session', 'oms.session -> oms.account'], 'foreign keys');
SELECT is_empty($$SELECT conrelid::regclass, conname FROM pg_constraint WHERE connamespace = 'oms'::regnamespace AND NOT convalidated$$, 'all constraints are valid');

-- guards
SELECT trigger_is('oms', t, 'guard', 'oms', 'guard') FROM unnest(ARRAY['account', 'event', 'idempotency', 'order_history', 'order_line', 'orders', 'product',
  'refresh_token', 'session', 'stock', 'stock_alert', 'stock_move', 'task', 'task_handler', 'worker_state', 'product_price', 'channel', 'number_series', 'customer',
  'customer_history', 'order_note', 'hold', 'hold_line', 'shipment', 'shipment_line', 'return_order', 'return_line']) AS t;
SELECT is_empty($$SELECT c.relname FROM pg_class AS c WHERE relnamespace = 'oms'::regnamespace AND relkind = 'r'
  AND relname NOT IN ('currency', 'location', 'order_status', 'order_transition', 'schema_version') AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE tgrelid = c.oid
  AND tgfoid = 'oms.guard()'::regprocedure AND tgenabled = 'O' AND tgtype = (2 | 4 | 8 | 16 | 32))$$, 'a guard before INSERT, UPDATE, DELETE and TRUNCATE on every other table');
SELECT triggers_are('oms', 'order_transition', ARRAY['changing', 'changed']);

-- functions: in C, none with its owner's rights, none strict by accident
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND prosecdef$$, 'no SECURITY DEFINER');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang
  WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND lanname <> 'c' AND proname NOT IN ('install', 'stock_as_of', 'stock_ledger', 'stock_low')$$, 'all but install() and pure reads in C');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'oms_rest'::regnamespace AND proisstrict$$, 'no function of the API is strict');
SELECT is(ARRAY(SELECT DISTINCT array_to_string(proargnames[1:2], ' ') FROM pg_proc WHERE pronamespace = 'oms_rest'::regnamespace AND proname <> 'wal_flush'), ARRAY['actor request_id'], 'actor and request id come first in the API');
SELECT is(ARRAY(SELECT DISTINCT format('%s', prorettype::regtype) FROM pg_proc WHERE pronamespace = 'oms_rest'::regnamespace AND proname <> 'wal_flush'), ARRAY['json'], 'the API answers JSON');
SELECT is_empty($$SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'oms'::regnamespace AND pronargs > 0 AND proargnames IS NULL$$, 'verbs have named arguments');
SELECT function_returns('oms', 'order_create', ARRAY['jsonb', 'text', 'bigint', 'text', 'text', 'text', 'jsonb', 'text'], 'bigint');
SELECT function_returns('oms', 'orders_confirm', ARRAY['bigint[]'], 'setof record');
SELECT function_returns('oms', 'stock_receive', ARRAY['bigint', 'bigint', 'text', 'text'], 'bigint');
SELECT function_returns('oms', 'stock_adjust', ARRAY['bigint', 'bigint', 'text', 'text'], 'bigint');
SELECT function_returns('oms', 'stock_count', ARRAY['bigint', 'bigint', 'bigint', 'text', 'text'], 'bigint');
SELECT function_returns('oms', 'stock_transfer', ARRAY['bigint', 'bigint', 'text', 'text', 'text'], 'bigint');
SELECT function_returns('oms', 'task_enqueue', ARRAY['text', 'jsonb', 'timestamp with time zone', 'integer'], 'bigint');
SELECT has_function('oms', f, f) FROM unnest(ARRAY['order_confirm', 'order_pack', 'order_ship', 'order_deliver', 'order_cancel', 'orders_create', 'orders_confirm',
  'orders_pack', 'orders_ship', 'orders_deliver', 'orders_cancel', 'report_summary', 'install']) AS f;

-- comments: one line of output for each thing
SELECT isnt(obj_description(p.oid, 'pg_proc'), NULL, format('comment on function %s', p.oid::regprocedure))
FROM pg_proc AS p WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) ORDER BY p.oid::regprocedure::text;
SELECT isnt(obj_description(c.oid, 'pg_class'), NULL, format('comment on %s', c.oid::regclass))
FROM pg_class AS c WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'v') ORDER BY relname;
SELECT isnt(col_description(attrelid, attnum), NULL, format('comment on %s.%s', attrelid::regclass, attname))
FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped ORDER BY relname, attnum;
-- NOT NULL needs no words (PostgreSQL 18 counts it among the constraints)
SELECT isnt(obj_description(n.oid, 'pg_constraint'), NULL, format('comment on constraint %s on %s', conname, conrelid::regclass))
FROM pg_constraint AS n WHERE connamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND contype <> 'n' ORDER BY conrelid::regclass::text, conname;
-- an index that a constraint owns is spoken of there
SELECT isnt(obj_description(c.oid, 'pg_class'), NULL, format('comment on index %s', c.oid::regclass))
FROM pg_class AS c WHERE relnamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND relkind IN ('i', 'I')
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid AND contype IN ('p', 'u', 'x')) ORDER BY relname;
SELECT isnt(obj_description(c.oid, 'pg_class'), NULL, format('comment on sequence %s', c.oid::regclass))
FROM pg_class AS c WHERE relnamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND relkind = 'S' ORDER BY relname;
SELECT isnt(obj_description(t.oid, 'pg_trigger'), NULL, format('comment on trigger %s on %s', tgname, tgrelid::regclass))
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid WHERE relnamespace = 'oms'::regnamespace AND NOT tgisinternal ORDER BY relname, tgname;
SELECT isnt(obj_description(oid, 'pg_namespace'), NULL, format('comment on schema %s', nspname)) FROM pg_namespace WHERE nspname IN ('oms', 'oms_rest');
SELECT isnt(shobj_description(oid, 'pg_authid'), NULL, format('comment on role %s', rolname)) FROM pg_roles WHERE rolname IN ('oms_reader', 'oms_staff', 'oms_admin', 'omsd');
-- settings say what they are, with units
SELECT isnt(short_desc, '', format('description of %s', name)) FROM pg_settings WHERE name LIKE 'oms.%' ORDER BY name;
SELECT is_empty($$SELECT name FROM pg_settings WHERE name ~ '^oms\..*(timeout|lease|backoff|retention|lifetime|grace|poll|memory)' AND unit IS NULL$$, 'times and sizes have units');

SELECT * FROM finish();
ROLLBACK;
