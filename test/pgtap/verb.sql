-- what is always true of verbs, whatever is sold to whom
BEGIN;
SET search_path = public, pg_catalog;
SELECT no_plan();
SELECT setseed(0.42);

-- totals: random orders against a model that knows nothing of oms
CREATE TEMP TABLE catalog AS SELECT g AS nr, (random() * 10 ^ (random() * 10))::numeric(12, 2) AS price FROM generate_series(1, 40) AS g;
UPDATE catalog SET price = 0 WHERE nr = 1;
UPDATE catalog SET price = 9999999999.99 WHERE nr = 2;
UPDATE catalog SET price = 0.01 WHERE nr = 3;
ALTER TABLE catalog ADD id bigint;
UPDATE catalog SET id = oms.product_create('T' || nr, 'thing ' || nr, price);
CREATE TEMP TABLE model (order_nr integer, line_no integer, nr integer, quantity bigint);
INSERT INTO model SELECT o, l, 1 + floor(random() * 40), 1 + floor(random() * 10 ^ floor(random() * 6))
FROM generate_series(1, 100) AS o, LATERAL generate_series(1, 1 + o % 7) AS l;
CREATE TEMP TABLE sold AS SELECT order_nr, oms.order_create(jsonb_agg(jsonb_build_object('product_id', id, 'quantity', quantity) ORDER BY line_no), 'customer ' || order_nr) AS id
FROM model JOIN catalog USING (nr) GROUP BY order_nr;
SELECT results_eq('SELECT s.order_nr, o.total_amount FROM oms.orders AS o JOIN sold AS s USING (id) ORDER BY 1',
  'SELECT order_nr, sum(price * quantity) FROM model JOIN catalog USING (nr) GROUP BY 1 ORDER BY 1', 'header totals');
SELECT results_eq('SELECT s.order_nr, l.line_no, l.product_id, l.quantity, l.price, l.line_total FROM oms.order_line AS l JOIN sold AS s ON s.id = l.order_id ORDER BY 1, 2',
  'SELECT order_nr, line_no, id, quantity, price, price * quantity FROM model JOIN catalog USING (nr) ORDER BY 1, 2', 'lines, in the order they were given');
SELECT is_empty('SELECT id, order_number FROM oms.orders WHERE order_number <> ''SO-'' || lpad(id::text, 8, ''0'')', 'order numbers');
SELECT is_empty($$SELECT o.id FROM oms.orders AS o JOIN sold USING (id) CROSS JOIN LATERAL oms_rest.order_get('', 'r', o.id) AS r
  WHERE (r ->> 'total_amount') <> o.total_amount::text OR (SELECT sum((i ->> 'line_total')::numeric) FROM json_array_elements(r -> 'items') AS i) <> o.total_amount$$,
  'what REST shows is what is kept, to the cent');
SELECT is_empty('SELECT id FROM oms.orders WHERE scale(total_amount) <> 2 UNION ALL SELECT order_id FROM oms.order_line WHERE scale(price) <> 2 OR scale(line_total) <> 2', 'money has 2 decimals');

-- what was sold stays as it was sold
CREATE TEMP TABLE before AS SELECT * FROM oms.order_line;
SELECT lives_ok('SELECT count(oms.product_update(id, sku => ''N'' || nr, name => ''new '' || nr, price => (nr * 1.11)::numeric(12, 2), about => ''changed'')) FROM catalog', 'change all products');
SELECT lives_ok('SELECT count(oms.product_archive(id)) FROM catalog WHERE nr > 30', 'archive some');
SELECT bag_eq('SELECT * FROM oms.order_line', 'SELECT * FROM before', 'lines keep SKU, name and price');
SELECT is(oms_rest.order_create('', 'r', format('{"items": [{"product_id": %s, "quantity": 100}]}', id), NULL) ->> 'total_amount', '555.00', 'a new order has the new price') FROM catalog WHERE nr = 5;

-- limits
CREATE TEMP TABLE gold AS SELECT oms.product_create('GOLD', 'gold', 9999999999.99) AS id;
PREPARE buy(integer, bigint) AS SELECT oms.order_create((SELECT jsonb_agg(jsonb_build_object('product_id', id, 'quantity', $2)) FROM gold, generate_series(1, $1)));
SELECT lives_ok('EXECUTE buy(9, 1000000)', 'the largest amount');
SELECT is(total_amount, 89999999999910000.00, 'is exact') FROM oms.orders ORDER BY id DESC LIMIT 1;
SELECT throws_ok('EXECUTE buy(10, 1000000)', 'OM014', 'the order''s total is larger than any amount of money here', 'an amount beyond is an error');
SELECT throws_ok('EXECUTE buy(500, 1000000)', 'OM014', NULL, 'far beyond as well');
SELECT lives_ok('EXECUTE buy(500, 1)', '500 lines');
SELECT is((SELECT count(*) FROM oms.order_line WHERE order_id = o.id), 500::bigint, 'are all there') FROM oms.orders AS o ORDER BY id DESC LIMIT 1;
SELECT throws_ok('EXECUTE buy(501, 1)', 'OM010', NULL, '501 lines');
SELECT throws_ok('EXECUTE buy(0, 1)', 'OM010', NULL, 'no line');
SELECT throws_ok(format('EXECUTE buy(1, %s)', q), 'OM010', NULL, format('a quantity of %s', q)) FROM unnest('{0,-1,1000001,9223372036854775807,-9223372036854775808}'::bigint[]) AS q;

-- every character that text may hold comes back as it went in
CREATE TEMP TABLE odd (nr serial, name text);
INSERT INTO odd (name) SELECT string_agg(chr(g), '' ORDER BY g) FROM generate_series(1, 1114111) AS g
WHERE (g < 55296 OR g > 57343) AND (g < 1000 OR g % 499 = 0) GROUP BY g / 150 % 2000, g / 300000;
INSERT INTO odd (name) VALUES (' x '), ('a' || chr(8238) || 'b'), (repeat(chr(128512), 200)), ('null'), ('"\"\\u0041'), ('%s %n $1'), ('''; DROP TABLE oms.orders; --'), (E'e\u0301'), (chr(65533)), (chr(1114111));
DELETE FROM odd WHERE length(name) NOT BETWEEN 1 AND 200;
SELECT throws_ok(format('EXECUTE buy(1, 1); SELECT oms.order_create(%L, %L)', '[{"product_id": 1, "quantity": 1}]', name), 'OM010', NULL, 'a blank name') FROM (VALUES (''), (' '), (E'\t\n \r')) AS blank(name);
CREATE TEMP TABLE odd_order AS SELECT nr, oms.order_create(jsonb_build_array(jsonb_build_object('product_id', (SELECT id FROM gold), 'quantity', 1)), name) AS id FROM odd;
SELECT cmp_ok(count(*), '>', 15::bigint, 'odd names') FROM odd;
SELECT bag_eq('SELECT nr, customer_name FROM oms.orders JOIN odd_order USING (id)', 'SELECT nr, name FROM odd', 'are kept');
SELECT is_empty($$SELECT nr FROM odd JOIN odd_order USING (nr) WHERE oms_rest.order_get('', 'r', id) ->> 'customer_name' <> name$$, 'are read by REST');
SELECT is_empty($$SELECT nr FROM odd WHERE oms_rest.order_create('', 'r', json_build_object('customer_name', name, 'items', json_build_array(json_build_object('product_id', (SELECT id FROM gold), 'quantity', 1)))::text, NULL)
  ->> 'customer_name' <> name$$, 'are taken and answered by REST');
SELECT is_empty($$SELECT nr FROM odd JOIN odd_order USING (nr) WHERE NOT EXISTS (SELECT FROM json_array_elements(oms_rest.order_list('', 'r', 'u',
  jsonb_build_object('customer', name, 'page_size', '100')) -> 'results') AS r WHERE r ->> 'id' = id::text) AND name !~ '^[ a-zA-Z]*$' AND nr % 25 = 1$$, 'are found by a filter');
SELECT lives_ok(format('SELECT oms.stock_adjust(%s, 1, %L)', (SELECT id FROM gold), name), 'a reason') FROM odd WHERE nr < 5;

-- a random life: counters against a model in plain SQL
CREATE TEMP TABLE shelf AS SELECT id, 0::bigint AS on_hand, 0::bigint AS allocated FROM catalog WHERE nr BETWEEN 4 AND 9;
CREATE TEMP TABLE seen (verb text, code text);
CREATE FUNCTION pg_temp.live(rounds integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  p bigint;
  o bigint;
  q bigint;
  s text;
  verb text;
BEGIN
  FOR i IN 1 .. rounds LOOP
    verb := (ARRAY['receive', 'adjust', 'create', 'create', 'create', 'CONFIRMED', 'CONFIRMED', 'CONFIRMED', 'PACKED', 'SHIPPED', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'CANCELLED'])[1 + floor(random() * 14)];
    SELECT id INTO p FROM shelf ORDER BY random() LIMIT 1;
    SELECT id, status INTO o, s FROM oms.orders WHERE customer_name = 'random' ORDER BY random() LIMIT 1;
    q := floor(random() * 30);
    BEGIN
      CASE verb
        WHEN 'receive' THEN
          PERFORM oms.stock_receive(p, q + 1);
          UPDATE shelf SET on_hand = on_hand + q + 1 WHERE id = p;
        WHEN 'adjust' THEN
          PERFORM oms.stock_adjust(p, q - 20, 'random');
          UPDATE shelf SET on_hand = on_hand + q - 20 WHERE id = p;
        WHEN 'create' THEN
          PERFORM oms.order_create((SELECT jsonb_agg(jsonb_build_object('product_id', id, 'quantity', 1 + floor(random() * 9))) FROM shelf, generate_series(1, 2) WHERE random() < 0.4 OR id = p), 'random');
        ELSE
          PERFORM oms.order_move(o, verb, 'random');
          IF s <> verb THEN
            UPDATE shelf SET allocated = allocated + l.quantity * CASE WHEN verb = 'CONFIRMED' THEN 1 WHEN verb = 'SHIPPED' OR verb = 'CANCELLED' AND s <> 'PENDING' THEN -1 ELSE 0 END,
              on_hand = on_hand - l.quantity * CASE verb WHEN 'SHIPPED' THEN 1 ELSE 0 END
            FROM (SELECT product_id, sum(quantity) AS quantity FROM oms.order_line WHERE order_id = o GROUP BY 1) AS l WHERE l.product_id = shelf.id;
          END IF;
      END CASE;
      INSERT INTO seen VALUES (verb, 'ok');
    EXCEPTION WHEN SQLSTATE 'OM002' OR SQLSTATE 'OM003' OR SQLSTATE 'OM010' THEN
      INSERT INTO seen VALUES (verb, sqlstate);
    END;
  END LOOP;
END $$;
SELECT lives_ok('SELECT pg_temp.live(800)', '800 random verbs');
SELECT bag_eq('SELECT s.product_id, s.on_hand, s.allocated, s.reserved FROM oms.stock AS s JOIN shelf ON s.product_id = shelf.id', 'SELECT id, on_hand, allocated, 0::bigint FROM shelf', 'stock is what the model says');
SELECT cmp_ok(count(*), '>=', 11::bigint, 'all verbs went well, and most were refused at some time') FROM (SELECT DISTINCT verb, code FROM seen) AS kinds;
SELECT is_empty('SELECT * FROM oms.integrity', 'integrity');
SELECT is_empty('SELECT * FROM oms.stock WHERE available < 0', 'nothing oversold');
SELECT is_empty($$SELECT aggregate_id FROM oms.event WHERE aggregate = 'order' GROUP BY 1 HAVING count(*) <> max(version) OR count(DISTINCT version) <> count(*)$$, 'an event for each version of an order');
SELECT bag_eq($$SELECT aggregate_id, version FROM oms.event WHERE aggregate = 'order'$$, 'SELECT order_id, seq FROM oms.order_history', 'and for each step of its history');
SELECT bag_eq($$SELECT aggregate_id, version FROM oms.event WHERE type IN ('stock.received', 'stock.adjusted')$$, $$SELECT product_id, seq FROM oms.stock_move WHERE kind IN ('receive', 'adjust')$$, 'and for each booking by hand');

-- many at once does what one by one would
CREATE TEMP TABLE one AS SELECT oms.order_create(format('[{"product_id": %s, "quantity": 3}]', p.id)::jsonb) AS id FROM (SELECT id FROM shelf ORDER BY id LIMIT 1) AS p, generate_series(1, 20);
SELECT lives_ok('SELECT oms.stock_adjust(id, 31 - (on_hand - allocated), ''31 are left'') FROM shelf WHERE on_hand - allocated <> 31 ORDER BY id LIMIT 1', 'a shelf of 31');
CREATE FUNCTION pg_temp.confirm(o bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM oms.order_confirm(o);
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate;
END $$;
CREATE TEMP TABLE result (way text, id bigint, code text);
DO $$
BEGIN
  BEGIN
    INSERT INTO result SELECT 'one', id, pg_temp.confirm(id) FROM (SELECT id FROM one ORDER BY id) AS sorted;
    RAISE EXCEPTION USING ERRCODE = 'OM999', MESSAGE = (SELECT string_agg(id || ' ' || code, ',' ORDER BY id) FROM result);
  EXCEPTION WHEN SQLSTATE 'OM999' THEN
    INSERT INTO result SELECT 'one', split_part(e, ' ', 1)::bigint, split_part(e, ' ', 2) FROM string_to_table(sqlerrm, ',') AS e;
  END;
END $$;
INSERT INTO result SELECT 'many', order_id, coalesce(sqlstate, 'ok') FROM oms.orders_confirm((SELECT array_agg(id ORDER BY random()) FROM one));
SELECT bag_eq('SELECT id, code FROM result WHERE way = ''many''', 'SELECT id, code FROM result WHERE way = ''one''', 'orders_confirm gives stock to the same orders as order_confirm one by one');
SELECT is((SELECT count(*) FROM result WHERE way = 'many' AND code = 'ok'), 10::bigint, '10 of 20 orders for 3 out of 31');

SELECT * FROM finish();
ROLLBACK;
