-- the way up from each released version: tables with data of that version become what a new installation has
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_upgrade;
CREATE DATABASE oms_regress_upgrade;
\c oms_regress_upgrade
SET client_min_messages = warning;
CREATE EXTENSION oms VERSION '1.0';
-- the library is of today, so what 1.0 would have written is put in by hand
SELECT oms.install();
SET session_replication_role = replica;
INSERT INTO oms.product (sku, name, price) VALUES ('A', 'a', 2.00), ('B', 'b', 3.00);
INSERT INTO oms.stock (product_id, location_id, on_hand, allocated, moves) VALUES (1, 1, 10, 5, 2), (2, 1, 3, 0, 3);
INSERT INTO oms.stock_move (product_id, location_id, seq, kind, d_on_hand, d_reserved, d_allocated, on_hand, reserved, allocated, order_id, actor) VALUES
  (1, 1, 1, 'receive', 10, 0, 0, 10, 0, 0, NULL, 'a'), (1, 1, 2, 'allocate', 0, 0, 5, 10, 0, 5, 1, 'a'),
  (2, 1, 1, 'receive', 7, 0, 0, 7, 0, 0, NULL, 'a'), (2, 1, 2, 'allocate', 0, 0, 4, 7, 0, 4, 2, 'a'), (2, 1, 3, 'ship', -4, 0, -4, 3, 0, 0, 2, 'a');
INSERT INTO oms.orders (order_number, status, version, customer_name, total_amount, created_by) VALUES
  ('SO-00000001', 'CONFIRMED', 2, 'Ann', 10.00, 'a'), ('SO-00000002', 'SHIPPED', 3, 'Ben', 12.00, 'a');
INSERT INTO oms.order_line (order_id, line_no, product_id, quantity, sku, name, price, line_total) VALUES
  (1, 1, 1, 2, 'A', 'a', 2.00, 4.00), (1, 2, 1, 3, 'A', 'a', 2.00, 6.00), (2, 1, 2, 4, 'B', 'b', 3.00, 12.00);
INSERT INTO oms.order_history (order_id, seq, from_status, to_status, actor) VALUES (1, 1, NULL, 'PENDING', 'a'), (1, 2, 'PENDING', 'CONFIRMED', 'a'),
  (2, 1, NULL, 'PENDING', 'a'), (2, 2, 'PENDING', 'CONFIRMED', 'a'), (2, 3, 'CONFIRMED', 'SHIPPED', 'a');
RESET session_replication_role;
CREATE VIEW public.held AS SELECT oms.status_holds('CONFIRMED');

ALTER EXTENSION oms UPDATE;
SELECT oms.install();
SELECT extversion FROM pg_extension WHERE extname = 'oms';
SELECT max(version) FROM oms.schema_version;
SELECT * FROM oms.integrity;
SELECT product_id, seq, kind, d_on_hand, d_allocated, on_hand, allocated, order_id, line_no FROM oms.stock_move ORDER BY 1, 2;
SELECT id, status, fulfilment, channel, currency FROM oms.orders ORDER BY id;
-- the verbs go on from there
SELECT oms.order_ship(1);
SELECT oms.order_deliver(2);
SELECT product_id, on_hand, allocated, available, moves FROM oms.stock ORDER BY 1;
SELECT * FROM oms.integrity;

-- nothing differs from a new installation: tables, columns, constraints, indexes, triggers, functions, comments, grants
CREATE FUNCTION public.shape() RETURNS SETOF text LANGUAGE sql AS $$
  SELECT regexp_replace(line, E'\\s+', ' ', 'g') FROM (
  SELECT format('%s.%s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), col_description(attrelid, attnum))
  FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE relnamespace = 'oms'::regnamespace AND attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'v')
  UNION ALL SELECT format('%s %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid), obj_description(oid)) FROM pg_constraint WHERE connamespace = 'oms'::regnamespace
  UNION ALL SELECT format('%s %s', pg_get_indexdef(indexrelid), obj_description(indexrelid)) FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid WHERE relnamespace = 'oms'::regnamespace
  UNION ALL SELECT format('%s %s', pg_get_triggerdef(t.oid), obj_description(t.oid)) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid WHERE relnamespace = 'oms'::regnamespace AND NOT tgisinternal
  UNION ALL SELECT format('%s %s %s %s', oid::regprocedure, pg_get_function_result(oid), (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(proacl) AS a), obj_description(oid)) FROM pg_proc WHERE pronamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace)
  UNION ALL SELECT format('%s %s', oid::regclass, (SELECT string_agg(a::text, ',' ORDER BY a::text COLLATE "C") FROM unnest(relacl) AS a)) FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind IN ('r', 'v')) AS f(line)
$$;
SELECT string_agg(s, E'\n') AS upgraded FROM public.shape() AS s \gset
SELECT pg_get_functiondef('public.shape()'::regprocedure) AS shape \gset
\c postgres
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_upgrade_new;
CREATE DATABASE oms_regress_upgrade_new;
\c oms_regress_upgrade_new
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
:shape;
SELECT count(*) > 500 FROM public.shape();
(SELECT 'only upgraded: ' || s FROM regexp_split_to_table(:'upgraded', E'\n') AS s EXCEPT SELECT 'only upgraded: ' || s FROM public.shape() AS s)
UNION ALL (SELECT 'only new: ' || s FROM public.shape() AS s EXCEPT SELECT 'only new: ' || s FROM regexp_split_to_table(:'upgraded', E'\n') AS s) ORDER BY 1;
\c postgres
DROP DATABASE oms_regress_upgrade;
DROP DATABASE oms_regress_upgrade_new;
