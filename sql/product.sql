-- products: entered, changed, archived; by SQL and by REST
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_product;
CREATE DATABASE oms_regress_product;
\c oms_regress_product
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
-- a reply without its times
CREATE FUNCTION timeless(reply json) RETURNS text
RETURN regexp_replace(reply::text, '"(\w+_at)": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"', '"\1": "T"', 'g');

-- a price has 2 decimals, whatever was given
SELECT oms.product_create('TEA', 'Tea', 3.5);
SELECT oms.product_create(sku => 'MUG', name => 'Mug', price => 0, about => 'Holds tea');
SELECT oms.product_create(repeat('S', 64), repeat('n', 200), 9999999999.99, repeat('a', 10000));
SELECT oms.product_create('ÄÖ-😀', 'Ünïcødé 茶 🍵', 1.10, E'lines\nand\ttabs, "quotes" and \\');
SELECT oms.product_create('tea', 'another case is another SKU', 1.500);
SELECT id, left(sku, 10), left(name, 20), price, version, archived_at FROM oms.product ORDER BY id;
SELECT type, aggregate, aggregate_id, version, actor = current_user FROM oms.event ORDER BY id;

-- what is no product
SELECT * FROM fails($$SELECT oms.product_create(NULL, NULL, NULL)$$);
SELECT * FROM fails($$SELECT oms.product_create('', '', 1)$$);
SELECT * FROM fails($$SELECT oms.product_create(repeat('S', 65), repeat('n', 201), 1, repeat('a', 10001))$$);
SELECT * FROM fails($$SELECT oms.product_create('TEA', 'Tea', 1)$$);
SELECT left(price::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest('{-0.01,0.001,10000000000,1e30,1e1000,NaN,Infinity,-Infinity}'::numeric[]) AS price,
  fails(format('SELECT oms.product_create(%L, %L, %L)', 'X', 'x', price)) AS f;

-- changes
SELECT oms.product_update(1, price => 4);
SELECT oms.product_update(1, sku => 'TEA', name => 'Black tea', about => 'Assam');
SELECT oms.product_update(1);
SELECT sku, name, about, price, version, updated_at >= created_at FROM oms.product WHERE id = 1;
SELECT * FROM fails($$SELECT oms.product_update(1, sku => 'MUG')$$);
SELECT * FROM fails($$SELECT oms.product_update(1, name => '')$$);
SELECT * FROM fails($$SELECT oms.product_update(1, price => 'NaN')$$);
SELECT * FROM fails($$SELECT oms.product_update(99, price => 1)$$);
SELECT * FROM fails($$SELECT oms.product_update(NULL, price => 1)$$);
SELECT * FROM fails($$SELECT oms.product_update(-1)$$);

-- an archived product is out of reach, and its SKU free
SELECT oms.product_archive(5);
SELECT oms.product_archive(5);
SELECT * FROM fails($$SELECT oms.product_archive(99)$$);
SELECT * FROM fails($$SELECT oms.product_update(5, price => 1)$$);
SELECT sku, version, archived_at IS NOT NULL FROM oms.product WHERE id = 5;
SELECT oms.product_create('tea', 'Green tea', 2);
SELECT type, aggregate_id, version FROM oms.event WHERE type <> 'product.created' ORDER BY id;

-- REST: what is sent back is what is kept
SELECT timeless(oms_rest.product_create('ann', 'r1', '{"sku": "CUP", "name": "Cup", "price": "7.5"}', NULL));
SELECT timeless(oms_rest.product_get('ann', 'r2', 8, '{}'));
SELECT timeless(oms_rest.product_replace('ann', 'r3', 8, '{"sku": "CUP", "name": "Big cup", "about": "blue", "price": 8}'));
SELECT timeless(oms_rest.product_update('ann', 'r4', 8, '{"price": "8.10"}'));
SELECT timeless(oms_rest.product_update('ann', 'r5', 8, '{}'));
SELECT actor, request_id, type, version FROM oms.event WHERE aggregate_id = 8 ORDER BY id;
-- a client may send back what it read
SELECT timeless(oms_rest.product_replace('ann', 'r6', 8, oms_rest.product_get('ann', 'r6', 8, '{}')::text));
SELECT oms_rest.product_delete('ann', 'r7', 8) IS NULL;
SELECT oms_rest.product_delete('ann', 'r7', 8) IS NULL;
SELECT * FROM fails($$SELECT oms_rest.product_get('ann', 'r8', 8, '{}')$$);
SELECT oms_rest.product_get('ann', 'r8', 8, '{"archived": "true"}')::jsonb ->> 'archived_at' IS NOT NULL;

-- REST: bad bodies
SELECT left(body::text, 60), f.code, coalesce(f.detail, f.message) FROM unnest(ARRAY[
  '{}', '[]', '1', 'null', '"x"', '{', '', '{"sku": "a\u0000b"}',
  '{"sku": 1, "name": null, "price": true}',
  '{"sku": "A", "name": "a", "price": "1,50"}', '{"sku": "A", "name": "a", "price": "1.999"}',
  '{"sku": "A", "name": "a", "price": "1e2"}', '{"sku": "A", "name": "a", "price": ""}',
  '{"sku": "A", "name": "a", "price": " 1"}', '{"sku": "A", "name": "a", "price": "1."}',
  '{"sku": "A", "name": "a", "price": ".5"}', '{"sku": "A", "name": "a", "price": "NaN"}',
  '{"sku": "A", "name": "a", "price": 1e400}', '{"sku": "A", "name": "a", "price": 1e-400}',
  '{"sku": "A", "name": "a", "price": -1}', '{"sku": "A", "name": "a", "price": [1]}',
  '{"sku": "A", "name": "a", "price": 1, "colour": "red", "a/b~c": 1}'
  ]) AS body,
  fails(format('SELECT oms_rest.product_create(%L, %L, %L, NULL)', 'ann', 'r', body)) AS f;
-- a long name of a field is cut between its characters
SELECT detail::jsonb = jsonb_build_array(jsonb_build_object('pointer', '/x' || repeat('é', 49), 'detail', 'is not a field of this request'))
FROM fails(format('SELECT oms_rest.product_update(%L, %L, 1, %L)', 'ann', 'r', json_build_object('x' || repeat('é', 99), 1)));
SELECT * FROM fails($$SELECT oms_rest.product_replace('ann', 'r', 1, '{"name": "x"}')$$);
SELECT * FROM fails($$SELECT oms_rest.product_update('ann', 'r', 99, '{"name": "x"}')$$);
SELECT * FROM fails($$SELECT oms_rest.product_create('ann', 'r', NULL, NULL)$$);
SELECT * FROM fails($$SELECT oms_rest.product_update('ann', 'r', NULL, '{}')$$);
SELECT * FROM fails($$SELECT oms_rest.product_get('ann', 'r', 1, NULL)$$);
SELECT count(*), max(id) FROM oms.product;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_product;
