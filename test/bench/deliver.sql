-- What confirm, ship and deliver write beside the orders of orders.sql, before anything else touched stock.
-- psql variables: first and last, the ids of the orders; part: order or stock, two halves that may run side by side.
SET session_replication_role = replica;
SET work_mem = '256MB';

SELECT :'part' = 'stock' AS stock \gset
\if :stock
WITH step AS (
  SELECT l.product_id, l.order_id, l.line_no, k.kind, k.n, k.on_hand * l.quantity AS d_on_hand, k.allocated * l.quantity AS d_allocated
  FROM order_line AS l
  CROSS JOIN (VALUES ('allocate', 1, 0, 1), ('ship', 2, -1, -1)) AS k(kind, n, on_hand, allocated)
  WHERE l.order_id BETWEEN :first AND :last
)
INSERT INTO stock_move (product_id, location_id, seq, kind, d_on_hand, d_reserved, d_allocated, on_hand, reserved,
  allocated, order_id, line_no, actor)
SELECT product_id, 1, 1 + row_number() OVER chain, kind, d_on_hand, 0, d_allocated,
  1000000000 + sum(d_on_hand) OVER chain, 0, sum(d_allocated) OVER chain, order_id, line_no, 'bench'
FROM step
WINDOW chain AS (PARTITION BY product_id ORDER BY order_id, n ROWS UNBOUNDED PRECEDING);

UPDATE stock AS s SET on_hand = m.on_hand, moves = m.seq
FROM (SELECT DISTINCT ON (product_id) product_id, on_hand, seq FROM stock_move ORDER BY product_id, seq DESC) AS m
WHERE s.product_id = m.product_id AND s.moves <> m.seq;
\else
INSERT INTO order_history (order_id, seq, from_status, to_status, actor)
SELECT id, seq, from_status, to_status, 'bench'
FROM generate_series(:first::bigint, :last) AS id
CROSS JOIN (VALUES (2, 'PENDING', 'CONFIRMED'), (3, 'CONFIRMED', 'SHIPPED'), (4, 'SHIPPED', 'DELIVERED'))
  AS step(seq, from_status, to_status);

INSERT INTO event (type, aggregate, aggregate_id, version, actor)
SELECT type, 'order', id, version, 'bench'
FROM generate_series(:first::bigint, :last) AS id
CROSS JOIN (VALUES ('order.confirmed', 2), ('order.shipped', 3), ('order.delivered', 4)) AS step(type, version);
\endif
