-- lists: pages, cursors, orderings, filters and counts
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_list;
CREATE DATABASE oms_regress_list;
\c oms_regress_list
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
-- a list in short: count, the page's ids, what next and previous link to
CREATE FUNCTION page(list json) RETURNS text LANGUAGE sql
RETURN format('%s [%s] next=%s previous=%s', list ->> 'count',
  (SELECT string_agg(r ->> 'id', ' ') FROM json_array_elements(list -> 'results') AS r), list ->> 'next', list ->> 'previous');
CREATE FUNCTION products(query jsonb) RETURNS text LANGUAGE sql
RETURN page(oms_rest.product_list('ann', 'r', 'http://h/api/v1/products/', query));
CREATE FUNCTION orders(query jsonb) RETURNS text LANGUAGE sql
RETURN page(oms_rest.order_list('ann', 'r', 'http://h/o/', query));
CREATE FUNCTION inventory(query jsonb) RETURNS text LANGUAGE sql
RETURN page(oms_rest.inventory_list('ann', 'r', 'http://h/i/', query));

-- nothing yet
SELECT products('{}'), orders('{}'), inventory('{}');
SELECT oms_rest.order_list('ann', 'r', 'u', '{}');
SELECT * FROM fails($$SELECT products('{"page": "2"}')$$);

SELECT count(oms.product_create('S' || lpad(g::text, 2, '0'), CASE WHEN g % 2 = 0 THEN 'even ' ELSE 'odd ' END || chr(64 + g), (g % 5)::numeric / 2, 'about ' || g))
FROM generate_series(1, 23) AS g;
SELECT oms.product_archive(23);
SELECT count(oms.stock_receive(g, g)) FROM generate_series(1, 22) AS g;

-- pages
SELECT products('{}');
SELECT products('{"page": "3"}');
SELECT products('{"page": "2", "page_size": "9"}');
SELECT products('{"page_size": "100"}');
SELECT * FROM fails($$SELECT products('{"page": "4"}')$$);
SELECT * FROM fails($$SELECT products('{"page": "1000000000", "page_size": "100"}')$$);
-- a walk by cursor meets each row once, whatever comes between
CREATE FUNCTION walk(list text, query jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  answer json;
  seen text := '';
  link text;
BEGIN
  LOOP
    EXECUTE format('SELECT oms_rest.%I(%L, %L, %L, $1)', list, 'ann', 'r', 'u') USING query INTO answer;
    seen := concat_ws(' ', seen, (SELECT string_agg(r ->> 'id', ' ') FROM json_array_elements(answer -> 'results') AS r));
    link := substring(answer ->> 'next' FROM 'cursor=(.*)');
    EXIT WHEN link IS NULL;
    link := convert_from(decode(regexp_replace(regexp_replace(encode(convert_to(link, 'UTF8'), 'hex'), '(..)', '\1 ', 'g'), '25 3(.) 3(.) ', '\1\2 ', 'g'), 'hex'), 'UTF8');
    query := query || jsonb_build_object('cursor', link);
  END LOOP;
  RETURN seen;
END $$;
SELECT walk('product_list', '{"page_size": "7"}');
SELECT walk('product_list', '{"page_size": "4", "ordering": "-price"}');
SELECT walk('product_list', '{"page_size": "5", "ordering": "price", "name": "even"}');
SELECT walk('inventory_list', '{"page_size": "1", "ordering": "-quantity", "search": "S1"}');
-- the links carry what was asked for, escaped
SELECT products('{"page_size": "2", "ordering": "-name", "search": "o&d =é%"}');
SELECT products('{"page_size": "2", "ordering": "-name", "search": "even", "min_price": "0.5"}');
SELECT products('{"page_size": "2", "ordering": "-name", "search": "even", "min_price": "0.5", "cursor": "22:even V"}');

-- filters and orderings
SELECT products('{"sku": "S07"}'), products('{"sku": "s07"}'), products('{"name": "ODD A"}');
SELECT products('{"min_price": "1.5", "max_price": "2", "ordering": "-price", "page_size": "20"}');
SELECT products('{"archived": "true"}'), products('{"archived": "false", "page_size": "1"}');
SELECT products('{"search": "about 2", "page_size": "20"}'), products('{"search": "S0", "page_size": "20"}');
-- patterns are plain text
SELECT products('{"search": "%"}'), products('{"search": "_"}'), products('{"search": "\\"}'), products('{"name": "''; DROP TABLE oms.product"}');
SELECT inventory('{"low_stock": "true", "page_size": "20"}'), inventory('{"low_stock": "false", "page_size": "1"}');
SELECT inventory('{"product": "7"}'), inventory('{"sku": "S07"}'), inventory('{"location": "MAIN", "page_size": "1"}'), inventory('{"location": "X"}');
SELECT inventory('{"ordering": "-product", "page_size": "3"}');

SELECT count(oms.order_create(format('[{"product_id": %s, "quantity": %s}]', g, g)::jsonb, CASE WHEN g % 3 = 0 THEN 'Zoë' ELSE 'Max ' || g END)) FROM generate_series(1, 15) AS g;
SELECT count(*) FROM oms.orders_confirm('{1,2,3,4,5}'), oms.orders_cancel('{5,6}') AS c WHERE c.order_id = 5;
SELECT orders('{}');
SELECT orders('{"status": "CONFIRMED"}'), orders('{"status": "CONFIRMED,CANCELLED"}'), orders('{"status": "confirmed"}'), orders('{"status": "SHIPPED"}');
SELECT orders('{"status": "CONFIRMED,LOST"}');
SELECT orders('{"customer": "zoë"}'), orders('{"customer": "max 1", "ordering": "total_amount", "page_size": "2"}');
SELECT orders('{"order_number": "SO-00000007"}'), orders('{"order_number": "7"}'), orders('{"order_number": "SO-000000000000000000"}'), orders('{"search": "SO-0000001"}');
SELECT orders('{"min_total": "6", "max_total": "18.00", "ordering": "-total_amount"}');
SELECT orders('{"created_after": "2000-01-01T00:00:00Z", "created_before": "2001-01-01"}'), orders('{"created_before": "infinity", "page_size": "1"}');
SELECT orders('{"ordering": "customer_name", "page_size": "4"}'), orders('{"ordering": "-status", "page_size": "4"}');
SELECT walk('order_list', '{"page_size": "4"}'), walk('order_list', '{"page_size": "3", "ordering": "total_amount"}');
SELECT walk('order_list', '{"page_size": "2", "ordering": "-customer_name", "status": "PENDING"}');
-- each order carries its lines
SELECT r ->> 'id', r #>> '{items,0,quantity}', r #>> '{items,0,product,sku}', json_array_length(r -> 'items')
FROM json_array_elements(oms_rest.order_list('ann', 'r', 'u', '{"ordering": "-total_amount", "page_size": "3"}') -> 'results') AS r;

-- bad parameters
SELECT left(query::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest(ARRAY['{"page": "0"}', '{"page": "-1"}', '{"page": "x"}', '{"page": ""}', '{"page": "1.5"}', '{"page": "99999999999999999999"}', '{"page": 1}',
  '{"page_size": "0"}', '{"page_size": "101"}', '{"ordering": "colour"}', '{"ordering": ""}', '{"ordering": "--price"}', '{"ordering": "price; DROP TABLE"}',
  '{"cursor": "x"}', '{"cursor": ""}', '{"cursor": "5"}', '{"cursor": "5:x", "ordering": "price"}', '{"cursor": "99999999999999999999:1"}',
  '{"archived": "yes"}', '{"min_price": "cheap"}', '{"colour": "red", "page": ["1"]}']) AS query,
  fails(format('SELECT products(%L)', query)) AS f;
SELECT left(query::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest(ARRAY['{"created_after": "yesterday-ish"}', '{"min_total": "x"}', '{"archived": "true"}']) AS query,
  fails(format('SELECT orders(%L)', query)) AS f;
SELECT * FROM fails($$SELECT inventory('{"product": "x"}')$$);
SELECT * FROM fails($$SELECT products(NULL)$$);
SELECT products('[]'), products('1'), products('"x"');

-- counts follow what happens, also in a transaction that is undone
SELECT orders('{"page_size": "1"}');
BEGIN;
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]') > 0, oms.product_create('NEW', 'new', 1) > 0;
SELECT substr(orders('{"page_size": "1"}'), 1, 2), substr(products('{"page_size": "1"}'), 1, 2);
ROLLBACK;
SELECT substr(orders('{"page_size": "1"}'), 1, 2), substr(products('{"page_size": "1"}'), 1, 2);
SELECT oms.product_create('NEW', 'new', 1) > 0;
SELECT substr(products('{"page_size": "1"}'), 1, 2);
SELECT oms.product_archive(id) FROM oms.product WHERE sku = 'NEW';
SELECT substr(products('{"page_size": "1"}'), 1, 2);

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_list;
