-- version of the tables
CREATE TABLE IF NOT EXISTS oms.schema_version (
  version integer PRIMARY KEY,
  installed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE oms.schema_version IS 'Versions of the tables that oms.install() has brought this database to.';
COMMENT ON COLUMN oms.schema_version.version IS 'Version of the tables; the highest is the present one.';
COMMENT ON COLUMN oms.schema_version.installed_at IS 'When.';
COMMENT ON CONSTRAINT schema_version_pkey ON oms.schema_version IS 'A version is entered once.';
INSERT INTO oms.schema_version (version) VALUES (2) ON CONFLICT DO NOTHING;

-- integrity: empty unless something is wrong
CREATE OR REPLACE VIEW oms.integrity AS
WITH ledger AS (
  SELECT product_id, location_id, seq, on_hand, reserved, allocated, d_on_hand, d_reserved, d_allocated,
    lag(seq, 1, 0::bigint) OVER chain AS before_seq,
    lag(on_hand, 1, 0::bigint) OVER chain AS before_on_hand,
    lag(reserved, 1, 0::bigint) OVER chain AS before_reserved,
    lag(allocated, 1, 0::bigint) OVER chain AS before_allocated,
    lead(seq) OVER chain IS NULL AS last
  FROM oms.stock_move
  WINDOW chain AS (PARTITION BY product_id, location_id ORDER BY seq)
), history AS (
  SELECT order_id, seq, from_status, to_status,
    lag(seq, 1, 0::bigint) OVER chain AS before_seq,
    lag(to_status) OVER chain AS before_status,
    lead(seq) OVER chain IS NULL AS last
  FROM oms.order_history
  WINDOW chain AS (PARTITION BY order_id ORDER BY seq)
), demand AS (
  SELECT order_id, line_no, product_id, quantity - cancelled AS wanted FROM oms.order_line
), booked AS (
  SELECT order_id, line_no, product_id, sum(d_reserved) AS reserved, sum(d_allocated) AS allocated,
    coalesce(-sum(d_on_hand) FILTER (WHERE kind = 'ship'), 0) AS shipped,
    coalesce(sum(d_on_hand) FILTER (WHERE kind = 'return'), 0) AS restocked
  FROM oms.stock_move WHERE order_id IS NOT NULL GROUP BY order_id, line_no, product_id
), totals AS (
  SELECT order_id, sum(line_total) AS total, sum(discount) AS discount, sum(tax) AS tax FROM oms.order_line GROUP BY order_id
), held AS (
  SELECT product_id, location_id, sum(reserved) AS reserved FROM (
    SELECT product_id, location_id, quantity AS reserved FROM oms.hold_line WHERE state = 'held'
    UNION ALL SELECT product_id, location_id, d_reserved FROM oms.stock_move WHERE order_id IS NOT NULL AND d_reserved <> 0) AS h
  GROUP BY product_id, location_id
), holding AS (
  SELECT status, oms.status_holds(status) AS holds FROM (SELECT DISTINCT status FROM oms.orders) AS s
)
SELECT 'ledger has a gap or does not add up' AS problem,
  format('product %s at location %s, move %s', product_id, location_id, seq) AS subject
FROM ledger
WHERE seq <> before_seq + 1 OR on_hand <> before_on_hand + d_on_hand
  OR reserved <> before_reserved + d_reserved OR allocated <> before_allocated + d_allocated
UNION ALL
SELECT 'stock differs from its ledger',
  format('product %s at location %s', coalesce(s.product_id, l.product_id), coalesce(s.location_id, l.location_id))
FROM oms.stock AS s
FULL JOIN (SELECT * FROM ledger WHERE last) AS l ON l.product_id = s.product_id AND l.location_id = s.location_id
WHERE (coalesce(s.on_hand, 0), coalesce(s.reserved, 0), coalesce(s.allocated, 0), coalesce(s.moves, l.seq))
  IS DISTINCT FROM (coalesce(l.on_hand, 0), coalesce(l.reserved, 0), coalesce(l.allocated, 0), coalesce(l.seq, 0))
UNION ALL
SELECT 'stock of an unknown product or location', format('product %s at location %s', s.product_id, s.location_id)
FROM oms.stock AS s
WHERE NOT EXISTS (SELECT FROM oms.product AS p WHERE p.id = s.product_id)
  OR NOT EXISTS (SELECT FROM oms.location AS l WHERE l.id = s.location_id)
UNION ALL
SELECT 'order total differs from its lines', format('order %s', o.id)
FROM oms.orders AS o
LEFT JOIN totals AS t ON t.order_id = o.id
WHERE (o.total_amount, o.discount_amount, o.tax_amount) IS DISTINCT FROM (t.total, t.discount, t.tax)
UNION ALL
SELECT 'lines without an order', format('order %s', t.order_id)
FROM totals AS t
WHERE NOT EXISTS (SELECT FROM oms.orders AS o WHERE o.id = t.order_id)
UNION ALL
SELECT 'line of an unknown product', format('order %s, product %s', d.order_id, d.product_id)
FROM demand AS d
WHERE NOT EXISTS (SELECT FROM oms.product AS p WHERE p.id = d.product_id)
UNION ALL
SELECT 'history has a gap or does not connect', format('order %s, step %s', order_id, seq)
FROM history
WHERE seq <> before_seq + 1 OR from_status IS DISTINCT FROM before_status
UNION ALL
SELECT 'order differs from its history', format('order %s', coalesce(o.id, h.order_id))
FROM oms.orders AS o
FULL JOIN (SELECT * FROM history WHERE last) AS h ON h.order_id = o.id
WHERE (o.status, o.version) IS DISTINCT FROM (h.to_status, h.seq)
UNION ALL
SELECT 'stock booked for an order differs from its lines and status',
  format('order %s, line %s, product %s', coalesce(d.order_id, b.order_id), coalesce(d.line_no, b.line_no), coalesce(d.product_id, b.product_id))
FROM demand AS d
FULL JOIN booked AS b ON b.order_id = d.order_id AND b.line_no = d.line_no AND b.product_id = d.product_id
LEFT JOIN oms.orders AS o ON o.id = coalesce(d.order_id, b.order_id)
LEFT JOIN holding AS h ON h.status = o.status
WHERE NOT coalesce(CASE
  WHEN o.takes_stock = 'never' THEN b.order_id IS NULL
  WHEN h.holds = 'allocated' THEN b.reserved = 0 AND b.allocated >= 0 AND b.shipped >= 0 AND b.allocated + b.shipped = d.wanted
  WHEN h.holds = 'shipped' THEN b.reserved = 0 AND b.allocated = 0 AND b.shipped = d.wanted
  WHEN h.holds = 'nothing' THEN coalesce(b.allocated, 0) = 0 AND coalesce(b.shipped, 0) = 0
    AND (coalesce(b.reserved, 0) = 0 OR o.takes_stock = 'create' AND b.reserved = d.wanted)
  END, d.wanted = 0 AND b.order_id IS NULL)
UNION ALL
SELECT 'reserved stock belongs to no hold and no order', format('product %s at location %s', coalesce(s.product_id, h.product_id), coalesce(s.location_id, h.location_id))
FROM oms.stock AS s
FULL JOIN held AS h ON h.product_id = s.product_id AND h.location_id = s.location_id
WHERE coalesce(s.reserved, 0) <> coalesce(h.reserved, 0)
UNION ALL
SELECT 'fulfilment of an order differs from what has shipped', format('order %s', o.id)
FROM oms.orders AS o
JOIN (SELECT d.order_id, sum(d.wanted) AS wanted, coalesce(sum(b.shipped), 0) AS shipped FROM demand AS d
  LEFT JOIN booked AS b ON b.order_id = d.order_id AND b.line_no = d.line_no GROUP BY d.order_id) AS f ON f.order_id = o.id
WHERE o.takes_stock <> 'never'
  AND o.fulfilment <> CASE WHEN f.shipped = 0 THEN 'none' WHEN f.shipped < f.wanted THEN 'partial' ELSE 'full' END
UNION ALL
SELECT 'shipments hold more of a line than has shipped', format('order %s, line %s', p.order_id, p.line_no)
FROM (SELECT s.order_id, l.line_no, sum(l.quantity) AS quantity FROM oms.shipment AS s JOIN oms.shipment_line AS l ON l.shipment_id = s.id
  WHERE s.state IN ('SHIPPED', 'DELIVERED') GROUP BY s.order_id, l.line_no) AS p
LEFT JOIN booked AS b ON b.order_id = p.order_id AND b.line_no = p.line_no
WHERE p.quantity > coalesce(b.shipped, 0)
UNION ALL
SELECT 'units returned differ from the returns', format('order %s, line %s', coalesce(l.order_id, t.order_id), coalesce(l.line_no, t.line_no))
FROM (SELECT order_id, line_no, quantity - cancelled AS wanted, returned FROM oms.order_line WHERE returned > 0) AS l
FULL JOIN (SELECT r.order_id, i.line_no, sum(i.restocked) AS restocked, sum(i.restocked + i.scrapped) AS returned
  FROM oms.return_order AS r JOIN oms.return_line AS i ON i.return_id = r.id GROUP BY r.order_id, i.line_no HAVING sum(i.restocked + i.scrapped) > 0) AS t
  ON t.order_id = l.order_id AND t.line_no = l.line_no
LEFT JOIN booked AS b ON b.order_id = t.order_id AND b.line_no = t.line_no
WHERE l.returned IS DISTINCT FROM t.returned OR t.restocked <> coalesce(b.restocked, 0) OR l.returned > coalesce(b.shipped, 0)
UNION ALL
SELECT 'refund of a return differs from its lines', format('return %s', r.id)
FROM oms.return_order AS r
WHERE r.refund_amount <> (SELECT coalesce(sum(refund), 0) FROM oms.return_line WHERE return_id = r.id);
COMMENT ON VIEW oms.integrity IS
'Empty unless something is wrong: ledger = counters, lines = ledger, header = lines, holds = reserved, history = status. Reads everything: seconds on millions of rows.';
COMMENT ON COLUMN oms.integrity.problem IS 'What is wrong.';
COMMENT ON COLUMN oms.integrity.subject IS 'With what.';
