-- exports: whole lists as CSV and NDJSON, chunk by chunk
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_export;
CREATE DATABASE oms_regress_export;
\c oms_regress_export
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
-- runs a statement that must fail
CREATE FUNCTION fails(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  code := 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
END $$;
-- all chunks of an export, and how many there were
CREATE FUNCTION export(list text, query jsonb, format text, id bigint DEFAULT NULL, OUT text text, OUT chunks integer) LANGUAGE plpgsql AS $$
DECLARE
  chunk record;
  place text;
BEGIN
  text := '';
  chunks := 0;
  LOOP
    SELECT * INTO chunk FROM oms_rest.list_export('ann', 'r', list, id, query, format, place);
    text := text || chunk.rows;
    chunks := chunks + 1;
    place := chunk.next;
    EXIT WHEN place IS NULL;
  END LOOP;
END $$;
-- the rows of an NDJSON text
CREATE FUNCTION lines(ndjson text) RETURNS TABLE (line json, nr bigint) LANGUAGE sql
AS $$ SELECT l::json, n FROM regexp_split_to_table(rtrim(ndjson, E'\n'), E'\n') WITH ORDINALITY AS t(l, n) WHERE l <> '' $$;

-- nothing yet: names alone, or nothing at all
SELECT replace(text, E'\r', '\r'), chunks FROM export('product_list', '{}', 'csv');
SELECT text = '', chunks FROM export('product_list', '{}', 'ndjson');

-- values: null and empty, quotes, commas, lines, blanks at the ends, what looks like a formula
SELECT oms.product_create('A', 'plain', 1.5);
SELECT count(oms.product_create('P' || n, name, n, about)) FROM (VALUES
  (2, 'a, b', ''), (3, 'say "x"', E'one\ntwo\r\nthree'), (4, ' blank', 'blank '), (5, '=1+1', '@x'), (6, '-1+cmd', '+49 (30) 1234-5'),
  (7, '-12.50', E'\tx'), (8, 'größer', 'back\slash'), (9, '''', '"')) AS v(n, name, about);
SELECT replace(regexp_replace(text, '\d{4}-\d\d-\d\dT[0-9:.]+Z', 'TIME', 'g'), E'\r', '\r') FROM export('product_list', '{}', 'csv');
SELECT regexp_replace(text, '\d{4}-\d\d-\d\dT[0-9:.]+Z', 'TIME', 'g') FROM export('product_list', '{"ordering": "-price", "min_price": "7"}', 'ndjson');
-- every list, as it is on its pages
SELECT oms.stock_receive(n, 50) FROM generate_series(1, 3) AS n;
SELECT oms.customer_create(name => 'Ann'), oms.customer_create(name => 'Bob');
SELECT count(oms.order_create('[{"product_id": 1, "quantity": 1}, {"product_id": 2, "quantity": 2}]', 'C' || n, attributes => CASE WHEN n = 2 THEN '{"a": [1, "x,y"]}'::jsonb END)) FROM generate_series(1, 4) AS n;
SELECT count(*) FROM oms.orders_confirm('{1,2,3}');
SELECT count(*) FROM oms.shipment_create(1);
SELECT oms.hold_create('[{"product_id": 1, "quantity": 1}]', 'me') > 0;
SELECT oms.order_ship(2);
SELECT oms.import_add(oms.import_begin('stock'), '[{"sku": "none", "receive": 1}, [1]]');
SELECT failed FROM oms.import_run();
SELECT oms.return_request(2, '[{"line": 1, "quantity": 1}]', 'broken');
CREATE TABLE listed AS SELECT proname::text AS name, pronargs, CASE pronargs WHEN 5 THEN 1 END AS id, CASE proname WHEN 'inventory_as_of' THEN '{"at": "2100-01-01"}' ELSE '{}' END::jsonb AS query FROM pg_proc
WHERE pronamespace = 'oms_rest'::regnamespace AND (proname LIKE '%\_list' OR proname IN ('inventory_moves', 'inventory_as_of', 'import_rows'));
CREATE FUNCTION page(l listed) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  answer jsonb;
BEGIN
  EXECUTE format('SELECT oms_rest.%I(%s)', l.name, CASE l.pronargs WHEN 2 THEN '''a'', ''r''' WHEN 4 THEN '''a'', ''r'', ''u'', $1' ELSE '''a'', ''r'', 1, ''u'', $1' END)
  INTO answer USING l.query || '{"page_size": "100"}';
  RETURN answer -> 'results';
END $$;
SELECT name, jsonb_array_length(page(l)) > 0 AS some,
  page(l) = (SELECT coalesce(jsonb_agg(line ORDER BY nr), '[]') FROM export(name, query, 'ndjson', id), lines(text)) AS same,
  (SELECT split_part(text, ',', 1) FROM export(name, query, 'csv', id)) AS csv
FROM listed AS l ORDER BY name;
-- orders as CSV have no lines, but their attributes
SELECT split_part(csv.text, E'\r\n', 1) = (SELECT string_agg(k, ',' ORDER BY n) FROM json_object_keys((SELECT line FROM lines(nd.text) WHERE nr = 1)) WITH ORDINALITY AS t(k, n) WHERE k <> 'items')
FROM export('order_list', '{}', 'csv') AS csv, export('order_list', '{}', 'ndjson') AS nd;
SELECT text LIKE '%"{""a"": [1, ""x,y""]}"%' FROM export('order_list', '{}', 'csv');

-- many: each once, in order, with names once, however the rows are sorted
SELECT count(oms.product_create('M' || n, 'same', n % 7)) FROM generate_series(1, 1234) AS n;
SELECT count(*), count(DISTINCT line ->> 'id'), max(chunks), array_agg((line ->> 'id')::bigint ORDER BY nr) = array_agg((line ->> 'id')::bigint ORDER BY (line ->> 'id')::bigint) FROM export('product_list', '{}', 'ndjson'), lines(text);
SELECT count(*), count(DISTINCT line ->> 'id'), max(chunks),
  array_agg((line ->> 'id')::bigint ORDER BY nr) = array_agg((line ->> 'id')::bigint ORDER BY (line ->> 'price')::numeric DESC, (line ->> 'id')::bigint DESC)
FROM export('product_list', '{"ordering": "-price", "name": "same"}', 'ndjson'), lines(text);
SELECT count(*), count(DISTINCT line ->> 'id') FROM export('product_list', '{"ordering": "name"}', 'ndjson'), lines(text);
SELECT chunks, (length(text) - length(replace(text, 'id,name', ''))) / 7 AS names, (SELECT count(*) FROM regexp_matches(text, E'\r\n', 'g')) AS lines FROM export('product_list', '{"name": "same"}', 'csv');
-- exactly as many as one chunk has, and one more
SELECT count(oms.product_create('E' || n, 'exact', 1)) FROM generate_series(1, 500) AS n;
SELECT chunks, count(*) FROM export('product_list', '{"name": "exact"}', 'ndjson'), lines(text) GROUP BY chunks;
SELECT oms.product_create('E501', 'exact', 1) > 0;
SELECT chunks, count(*) FROM export('product_list', '{"name": "exact"}', 'ndjson'), lines(text) GROUP BY chunks;
-- a chunk ends early when its rows are long
SELECT count(oms.product_create('L' || n, 'long', 1, repeat('x', 5000))) FROM generate_series(1, 150) AS n;
SELECT chunks, count(*), count(DISTINCT line ->> 'id') FROM export('product_list', '{"name": "long"}', 'ndjson'), lines(text) GROUP BY chunks;
-- what comes and goes between two chunks moves no other row
CREATE TABLE place AS SELECT rows, next FROM oms_rest.list_export('ann', 'r', 'product_list', NULL, '{"name": "same", "ordering": "-price"}', 'ndjson', NULL);
SELECT oms.product_archive((SELECT (line ->> 'id')::bigint FROM place, lines(rows) ORDER BY nr DESC LIMIT 1));
SELECT oms.product_create('N1', 'same', 100) > 0, oms.product_create('N2', 'same', 0) > 0;
INSERT INTO place SELECT e.* FROM place AS p, oms_rest.list_export('ann', 'r', 'product_list', NULL, '{"name": "same", "ordering": "-price"}', 'ndjson', p.next) AS e;
INSERT INTO place SELECT e.* FROM (SELECT next FROM place WHERE next IS NOT NULL OFFSET 1) AS p, oms_rest.list_export('ann', 'r', 'product_list', NULL, '{"name": "same", "ordering": "-price"}', 'ndjson', p.next) AS e;
SELECT count(*), count(DISTINCT line ->> 'id'), count(*) FILTER (WHERE line ->> 'sku' = 'N2'), count(*) FILTER (WHERE line ->> 'sku' = 'N1') FROM place, lines(rows);

-- what is refused
SELECT f.* FROM unnest(ARRAY['{"page": "1"}', '{"page_size": "5", "cursor": "1:1"}', '{"colour": "red"}', '{"ordering": "colour"}', '{"min_price": "cheap"}']) AS q,
  fails(format('SELECT oms_rest.list_export(''a'', ''r'', ''product_list'', NULL, %L, ''csv'', NULL)', q)) AS f;
SELECT f.* FROM unnest(ARRAY['''product_list'', NULL, ''{}'', ''xml'', NULL', '''product_list'', NULL, ''{}'', ''csv'', ''x''', '''product_list'', 1, ''{}'', ''csv'', NULL', '''order_get'', 1, ''{}'', ''csv'', NULL', '''nothing'', NULL, ''{}'', ''csv'', NULL', '''ready'', NULL, ''{}'', ''csv'', NULL',
  'NULL, NULL, ''{}'', ''csv'', NULL', '''product_list'', NULL, NULL, ''csv'', NULL', '''product_list'', NULL, ''{}'', NULL, NULL', '''inventory_moves'', 999, ''{}'', ''csv'', NULL']) AS a,
  fails(format('SELECT oms_rest.list_export(''a'', ''r'', %s)', a)) AS f;
-- and leaves pages as they were
SELECT json_array_length(oms_rest.product_list('a', 'r', 'u', '{"page_size": "3"}') -> 'results');
-- an export shows no more than its list does: tasks are for administrators
CREATE ROLE oms_regress_exporter IN ROLE omsd;
SET SESSION AUTHORIZATION oms_regress_exporter;
SET ROLE oms_staff;
SELECT chunks > 0 FROM public.export('order_list', '{}', 'csv');
SELECT * FROM oms_rest.list_export('a', 'r', 'task_list', NULL, '{}', 'csv', NULL);
SET ROLE oms_admin;
SELECT length(rows) > 0 FROM oms_rest.list_export('a', 'r', 'task_list', NULL, '{}', 'csv', NULL);
RESET SESSION AUTHORIZATION;
DROP ROLE oms_regress_exporter;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_export;
