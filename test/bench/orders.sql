-- Orders of three lines, into the tables of the schema that search_path names, as create writes them: PENDING.
-- psql variables: first and last, the ids; products; hot, 1 when every order has product 1; delivered, 1 for orders
-- that deliver.sql takes on.
SET session_replication_role = replica;
SET work_mem = '256MB';

WITH line AS MATERIALIZED (
  SELECT o.id, n.n, p.id AS product_id, 1 + (o.id + n.n) % 3 AS quantity, p.sku, p.name, p.price
  FROM generate_series(:first::bigint, :last) AS o(id)
  CROSS JOIN generate_series(1, 3) AS n(n)
  JOIN product AS p ON p.id = CASE WHEN :hot = 1 AND n.n = 1 THEN 1
    ELSE 1 + (n.n - 1) * (:products / 3) + (hashint8extended(o.id, n.n) & 2147483647) % (:products / 3) END
), written AS (
  INSERT INTO order_line (order_id, line_no, product_id, quantity, sku, name, price, line_total)
  SELECT id, n, product_id, quantity, sku, name, price, price * quantity FROM line ORDER BY id, n
)
INSERT INTO orders (id, order_number, status, version, fulfilment, customer_name, total_amount, created_by)
OVERRIDING SYSTEM VALUE
SELECT id, format('SO-%s', lpad(id::text, 8, '0')), CASE :delivered WHEN 1 THEN 'DELIVERED' ELSE 'PENDING' END,
  CASE :delivered WHEN 1 THEN 4 ELSE 1 END, CASE :delivered WHEN 1 THEN 'full' ELSE 'none' END, 'Customer', sum(price * quantity), 'bench'
FROM line GROUP BY id ORDER BY id;

INSERT INTO order_history (order_id, seq, to_status, actor)
SELECT id, 1, 'PENDING', 'bench' FROM generate_series(:first::bigint, :last) AS id;

INSERT INTO event (type, aggregate, aggregate_id, version, actor)
SELECT 'order.created', 'order', id, 1, 'bench' FROM generate_series(:first::bigint, :last) AS id;

INSERT INTO task (handler, payload, max_attempts, created_by, state, attempts, finished_at)
SELECT 'order_created', jsonb_build_object('order_id', id), 5, 'bench', CASE :delivered WHEN 1 THEN 'done' ELSE 'ready' END,
  :delivered, CASE :delivered WHEN 1 THEN now() END
FROM generate_series(:first::bigint, :last) AS id;

SELECT setval(pg_get_serial_sequence('orders', 'id'), max(id)) FROM orders;
