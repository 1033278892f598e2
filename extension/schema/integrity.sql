-- integrity: what must always be true, and the proof that it is
CREATE FUNCTION oms.idempotency_orders(since timestamptz DEFAULT '-infinity') RETURNS TABLE (order_id bigint, created_at timestamptz)
AS 'MODULE_PATHNAME', 'oms_idempotency_orders' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION oms.idempotency_orders(timestamptz) IS
'The orders that answers kept for an Idempotency-Key name, of those kept since a time, without the answers, which are for nobody to read.';

-- OFFSET 0: the planner does not know how few moves follow a mark, and would read all of the ledger
CREATE FUNCTION oms.integrity_form(query text, form text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $form$
  SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
    replace(replace(query,
      ':ledger', CASE form WHEN 'incremental' THEN $tail$(SELECT m.*, m.seq = k.seq AS checked
        FROM (SELECT product_id, location_id FROM oms.stock WHERE product_id = ANY ($6)
          UNION SELECT product_id, location_id FROM oms.integrity_mark WHERE product_id = ANY ($6)) AS p
        LEFT JOIN oms.integrity_mark AS k ON k.product_id = p.product_id AND k.location_id = p.location_id
        CROSS JOIN LATERAL (SELECT * FROM oms.stock_move AS m WHERE m.product_id = p.product_id
          AND m.location_id = p.location_id AND m.seq >= coalesce(k.seq, 0) OFFSET 0) AS m)$tail$
        ELSE '(SELECT m.product_id, m.location_id, m.seq, m.kind, m.on_hand, m.reserved, m.allocated, m.d_on_hand, m.d_reserved, m.d_allocated, m.order_id, m.document,
          false AS checked FROM oms.stock_move AS m WHERE :products(m.product_id))' END),
      ':held', CASE form WHEN 'incremental' THEN '(SELECT product_id, location_id, held FROM oms.integrity_mark WHERE product_id = ANY ($6))'
        ELSE '(SELECT NULL::bigint, NULL::integer, NULL::bigint WHERE false)' END),
    ':orders\(([^)]*)\)', CASE form WHEN 'all' THEN 'true' WHEN 'range' THEN '\1 BETWEEN $1 AND $2' ELSE '\1 = ANY ($3)' END, 'g'),
    ':products\(([^)]*)\)', CASE form WHEN 'all' THEN 'true' WHEN 'range' THEN '\1 BETWEEN $4 AND $5' ELSE '\1 = ANY ($6)' END, 'g'),
    ':holds\(([^)]*)\)', CASE form WHEN 'all' THEN 'true' ELSE '\1 = ANY ($7)' END, 'g'),
    ':customers\(([^)]*)\)', CASE form WHEN 'all' THEN 'true' ELSE '\1 = ANY ($8)' END, 'g'),
    ':events\(([^)]*)\)', CASE form WHEN 'all' THEN 'true' ELSE '\1 BETWEEN $9 AND $10' END, 'g'),
    ':since', CASE form WHEN 'all' THEN '''-infinity''' ELSE '$11' END, 'g')
$form$;
COMMENT ON FUNCTION oms.integrity_form(text, text) IS
'Puts into the text of a check which rows it looks at: all of them; range: orders $1 to $2 and products $4 to $5; since: those of the arrays $3 (orders), $6 (products), $7 (holds), $8 (customers), the events $9 to $10 and what is of $11 or later; or incremental: the same, and of the ledger what follows oms.integrity_mark.';

CREATE FUNCTION oms.integrity_base(form text DEFAULT 'all') RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  -- what orders hold in a status follows from the steps; said here anew, for a proof must not ask the code that it judges
  SELECT oms.integrity_form($base$WITH RECURSIVE holding (status, holds) AS (
  SELECT 'PENDING', 'nothing'
  UNION
  SELECT t.to_status, CASE t.stock_effect WHEN 'allocate' THEN 'allocated' WHEN 'release' THEN 'nothing' WHEN 'ship' THEN 'shipped' ELSE h.holds END
  FROM holding AS h
  JOIN oms.order_transition AS t ON t.from_status = h.status
), ledger AS (
  SELECT product_id, location_id, seq, kind, on_hand, reserved, allocated, d_on_hand, d_reserved, d_allocated, order_id, document, checked,
    lag(seq) OVER chain AS before_seq,
    lag(on_hand, 1, 0::bigint) OVER chain AS before_on_hand,
    lag(reserved, 1, 0::bigint) OVER chain AS before_reserved,
    lag(allocated, 1, 0::bigint) OVER chain AS before_allocated,
    lead(seq) OVER chain IS NULL AS last
  FROM :ledger AS l
  WINDOW chain AS (PARTITION BY product_id, location_id ORDER BY seq)
), history AS (
  SELECT order_id, seq, from_status, to_status, action,
    lag(seq, 1, 0::bigint) OVER chain AS before_seq,
    lag(to_status) OVER chain AS before_status,
    lead(seq) OVER chain IS NULL AS last
  FROM oms.order_history
  WHERE :orders(order_id)
  WINDOW chain AS (PARTITION BY order_id ORDER BY seq)
), demand AS (
  SELECT order_id, line_no, product_id, quantity - cancelled AS wanted, returned FROM oms.order_line WHERE :orders(order_id)
), booked AS (
  SELECT order_id, line_no, product_id, sum(d_reserved) AS reserved, sum(d_allocated) AS allocated,
    coalesce(-sum(d_on_hand) FILTER (WHERE kind = 'ship'), 0) AS shipped,
    coalesce(sum(d_on_hand) FILTER (WHERE kind = 'return'), 0) AS restocked
  FROM oms.stock_move WHERE order_id IS NOT NULL AND :orders(order_id) GROUP BY order_id, line_no, product_id
)
$base$, form)
$function$;
COMMENT ON FUNCTION oms.integrity_base(text) IS
'The common table expressions that the queries of oms.integrity_rules() begin with, in one of the forms of oms.integrity_form().';

-- Not asked: whether a step of the history is one of oms.order_transition, for administrators may remove steps that were taken.
CREATE FUNCTION oms.integrity_rules(form text DEFAULT 'all')
RETURNS TABLE (check_name text, scope text, problem text, description text, examined text, query text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $function$
  SELECT r.check_name, r.scope, r.problem, r.description, oms.integrity_form(r.examined, form), oms.integrity_form(r.query, form)
  FROM (VALUES
-- stock and its ledger
('ledger_chain', 'products', 'ledger has a gap or does not add up',
 'The moves of a product at a location are numbered 1, 2, 3, ..., and each balance is the one before plus the change.',
 ':ledger AS m', $$
SELECT format('product %s at location %s, move %s', product_id, location_id, seq)
FROM ledger
WHERE NOT coalesce(checked, false) AND (seq <> coalesce(before_seq, 0) + 1 OR on_hand <> before_on_hand + d_on_hand
  OR reserved <> before_reserved + d_reserved OR allocated <> before_allocated + d_allocated)$$),
('ledger_reference', 'products', 'move of an unknown product or location',
 'Each move is of a product and a location that exist.',
 ':ledger AS m', $$
SELECT format('product %s at location %s', l.product_id, l.location_id)
FROM ledger AS l
WHERE l.last AND (NOT EXISTS (SELECT FROM oms.product AS p WHERE p.id = l.product_id)
  OR NOT EXISTS (SELECT FROM oms.location AS p WHERE p.id = l.location_id))$$),
('stock_ledger', 'products', 'stock differs from its ledger',
 'on_hand, reserved, allocated and moves of a record are those of the last move of its ledger; without a record the balance is 0.',
 'oms.stock AS s WHERE :products(s.product_id)', $$
SELECT format('product %s at location %s', coalesce(s.product_id, l.product_id), coalesce(s.location_id, l.location_id))
FROM (SELECT product_id, location_id, on_hand, reserved, allocated, moves FROM oms.stock WHERE :products(product_id)) AS s
FULL JOIN (SELECT * FROM ledger WHERE last) AS l ON l.product_id = s.product_id AND l.location_id = s.location_id
WHERE (coalesce(s.on_hand, 0), coalesce(s.reserved, 0), coalesce(s.allocated, 0), coalesce(s.moves, l.seq))
  IS DISTINCT FROM (coalesce(l.on_hand, 0), coalesce(l.reserved, 0), coalesce(l.allocated, 0), coalesce(l.seq, 0))$$),
('stock_available', 'products', 'available differs from its counters',
 'available is on_hand - reserved - allocated, and no more is promised than lies there and may be backordered.',
 'oms.stock AS s WHERE :products(s.product_id)', $$
SELECT format('product %s at location %s', s.product_id, s.location_id)
FROM oms.stock AS s
WHERE :products(s.product_id) AND (s.available IS DISTINCT FROM s.on_hand - s.reserved - s.allocated
  OR s.reserved + s.allocated > s.on_hand + s.backorder_limit OR least(s.on_hand, s.reserved, s.allocated) < 0)$$),
('stock_reference', 'products', 'stock of an unknown product or location',
 'Each record of stock is of a product and a location that exist.',
 'oms.stock AS s WHERE :products(s.product_id)', $$
SELECT format('product %s at location %s', s.product_id, s.location_id)
FROM oms.stock AS s
WHERE :products(s.product_id) AND (NOT EXISTS (SELECT FROM oms.product AS p WHERE p.id = s.product_id)
  OR NOT EXISTS (SELECT FROM oms.location AS l WHERE l.id = s.location_id))$$),
('stock_held', 'products', 'reserved stock belongs to no hold and no order',
 'What the ledger reserves without an order is what the lines of holds keep; what it reserves for orders is for line_stock to judge.',
 ':ledger AS m', $$
SELECT format('product %s at location %s', product_id, location_id)
FROM (SELECT product_id, location_id, d_reserved, 0 AS kept FROM ledger WHERE order_id IS NULL AND d_reserved <> 0 AND NOT coalesce(checked, false)
  UNION ALL SELECT k.product_id, k.location_id, k.held, 0 FROM :held AS k (product_id, location_id, held)
  UNION ALL SELECT product_id, location_id, 0, quantity FROM oms.hold_line WHERE state = 'held' AND :products(product_id)) AS h
GROUP BY product_id, location_id
HAVING sum(d_reserved) <> sum(kept)$$),
('stock_alert', 'products', 'alert of low stock differs from the ledger',
 'An alert names a move of the ledger and what was available after it; 0 before the first move.',
 'oms.stock_alert AS a WHERE :products(a.product_id)', $$
SELECT format('product %s at location %s', a.product_id, a.location_id)
FROM oms.stock_alert AS a
LEFT JOIN oms.stock_move AS m ON m.product_id = a.product_id AND m.location_id = a.location_id AND m.seq = a.seq
WHERE :products(a.product_id) AND a.available IS DISTINCT FROM CASE a.seq WHEN 0 THEN 0 ELSE m.on_hand - m.reserved - m.allocated END$$),
('transfer', 'products', 'moves of a transfer do not cancel out',
 'A transfer is two moves of one product, at two locations, that add up to nothing.',
 ':ledger AS m WHERE kind = ''transfer''', $$
SELECT format('product %s, %s', product_id, document)
FROM ledger
WHERE kind = 'transfer' AND NOT coalesce(checked, false)
GROUP BY product_id, document
HAVING count(*) <> 2 OR sum(d_on_hand) <> 0 OR min(location_id) = max(location_id)$$),
('product_price', 'products', 'price of an unknown product or with too many decimals',
 'A price in another currency is of a product that exists, with the currency''s decimals at most.',
 'oms.product_price AS r WHERE :products(r.product_id)', $$
SELECT format('product %s, %s', r.product_id, r.currency)
FROM oms.product_price AS r
LEFT JOIN oms.product AS p ON p.id = r.product_id
LEFT JOIN oms.currency AS c ON c.code = r.currency
WHERE :products(r.product_id) AND NOT coalesce(p.id IS NOT NULL AND scale(r.price) <= c.decimals, false)$$),
('product_sku', 'products', 'SKU of two products',
 'An SKU names one product that is not archived.',
 'oms.product AS p WHERE :products(p.id)', $$
SELECT format('product %s and %s', p.id, q.id)
FROM oms.product AS p
JOIN oms.product AS q ON q.sku = p.sku AND q.id <> p.id
WHERE :products(p.id) AND p.archived_at IS NULL AND q.archived_at IS NULL$$),
-- orders and their lines
('order_total', 'orders', 'order total differs from its lines',
 'total_amount, discount_amount and tax_amount are the sums of the lines''; an order has lines.',
 'oms.orders AS o WHERE :orders(o.id)', $$
SELECT format('order %s', o.id)
FROM oms.orders AS o
LEFT JOIN (SELECT order_id, sum(line_total) AS total, sum(discount) AS discount, sum(tax) AS tax
  FROM oms.order_line WHERE :orders(order_id) GROUP BY order_id) AS t ON t.order_id = o.id
WHERE :orders(o.id) AND (o.total_amount, o.discount_amount, o.tax_amount) IS DISTINCT FROM (t.total, t.discount, t.tax)$$),
('order_status', 'orders', 'order in an unknown status',
 'The status of an order is one that the steps of oms.order_transition lead to.',
 'oms.orders AS o WHERE :orders(o.id)', $$
SELECT format('order %s', o.id)
FROM oms.orders AS o
WHERE :orders(o.id) AND o.status NOT IN (SELECT status FROM holding)$$),
('order_reference', 'orders', 'order of an unknown channel, currency or customer',
 'The channel, the currency and, where there is one, the customer of an order exist.',
 'oms.orders AS o WHERE :orders(o.id)', $$
SELECT format('order %s', o.id)
FROM oms.orders AS o
LEFT JOIN oms.channel AS c ON c.code = o.channel
LEFT JOIN oms.currency AS m ON m.code = o.currency
LEFT JOIN oms.customer AS k ON k.id = o.customer_id
WHERE :orders(o.id) AND (c.code IS NULL OR m.code IS NULL OR (k.id IS NULL) <> (o.customer_id IS NULL))$$),
('order_number', 'orders', 'order number of another order',
 'An order number is the channel''s prefix and the order''s number in the series, or its id.',
 'oms.orders AS o WHERE :orders(o.id)', $$
SELECT format('order %s', o.id)
FROM oms.orders AS o
JOIN oms.channel AS c ON c.code = o.channel
CROSS JOIN LATERAL (SELECT coalesce(o.series_number, o.id)::text AS digits) AS n
WHERE :orders(o.id) AND o.order_number <> c.number_prefix || lpad(n.digits, greatest(8, length(n.digits)), '0')$$),
('order_ref', 'orders', 'external reference of two orders',
 'An external reference names one order of its channel.',
 'oms.orders AS o WHERE o.external_ref IS NOT NULL AND :orders(o.id)', $$
SELECT format('order %s and %s', o.id, d.id)
FROM oms.orders AS o
JOIN oms.orders AS d ON d.channel = o.channel AND d.external_ref = o.external_ref AND d.id <> o.id
WHERE :orders(o.id) AND o.external_ref IS NOT NULL AND d.external_ref IS NOT NULL$$),
('order_series', 'orders', 'number series has a gap or a double',
 'The number of an order in a gapless series follows that of another order, is its alone, and is not beyond the last that was given.',
 'oms.orders AS o WHERE o.series_number IS NOT NULL AND :orders(o.id)', $$
SELECT format('order %s, channel %s, number %s', o.id, o.channel, o.series_number)
FROM oms.orders AS o
LEFT JOIN oms.number_series AS s ON s.channel = o.channel
LEFT JOIN oms.orders AS p ON p.channel = o.channel AND p.series_number = o.series_number - 1 AND p.series_number IS NOT NULL
LEFT JOIN oms.orders AS d ON d.channel = o.channel AND d.series_number = o.series_number AND d.series_number IS NOT NULL AND d.id <> o.id
WHERE :orders(o.id) AND o.series_number IS NOT NULL
  AND (p.id IS NULL AND o.series_number <> 1 OR d.id IS NOT NULL OR coalesce(o.series_number > s.last_number, true))$$),
('order_hold', 'orders', 'order on hold differs from its history',
 'An order is on hold when the last of the actions hold and release in its history was hold.',
 'oms.orders AS o WHERE :orders(o.id)', $$
SELECT format('order %s', o.id)
FROM oms.orders AS o
LEFT JOIN (SELECT order_id, max(seq) FILTER (WHERE action = 'hold') AS held, max(seq) FILTER (WHERE action = 'release') AS released
  FROM oms.order_history WHERE action IN ('hold', 'release') AND :orders(order_id) GROUP BY order_id) AS h ON h.order_id = o.id
WHERE :orders(o.id) AND (o.hold_reason IS NOT NULL) <> (coalesce(h.held, 0) > coalesce(h.released, 0))$$),
('order_note', 'orders', 'note on an unknown order',
 'Each note is on an order that exists.',
 'oms.order_note AS n WHERE :orders(n.order_id)', $$
SELECT format('order %s, note %s', n.order_id, n.id)
FROM oms.order_note AS n
WHERE :orders(n.order_id) AND NOT EXISTS (SELECT FROM oms.orders AS o WHERE o.id = n.order_id)$$),
('line_order', 'orders', 'lines without an order',
 'Each line belongs to an order that exists.',
 'oms.order_line AS l WHERE :orders(l.order_id)', $$
SELECT format('order %s', d.order_id)
FROM demand AS d
WHERE NOT EXISTS (SELECT FROM oms.orders AS o WHERE o.id = d.order_id AND :orders(o.id))
GROUP BY d.order_id$$),
('line_number', 'orders', 'numbers of the lines have a gap',
 'The lines of an order are numbered 1, 2, 3, ...; those that are no longer wanted stay.',
 'oms.order_line AS l WHERE :orders(l.order_id)', $$
SELECT format('order %s', order_id)
FROM demand
GROUP BY order_id
HAVING count(*) <> max(line_no)$$),
('line_product', 'orders', 'line of an unknown product',
 'Each line is of a product that exists.',
 'oms.order_line AS l WHERE :orders(l.order_id)', $$
SELECT format('order %s, product %s', d.order_id, d.product_id)
FROM demand AS d
WHERE NOT EXISTS (SELECT FROM oms.product AS p WHERE p.id = d.product_id)$$),
('line_amount', 'orders', 'amounts or counts of a line do not add up',
 'A line costs its price times the units that are wanted, less discount and with tax; no more is cancelled and returned than was ordered.',
 'oms.order_line AS l WHERE :orders(l.order_id)', $$
SELECT format('order %s, line %s', l.order_id, l.line_no)
FROM oms.order_line AS l
WHERE :orders(l.order_id) AND (l.line_total <> l.price * (l.quantity - l.cancelled) - l.discount + CASE WHEN l.tax_included THEN 0 ELSE l.tax END
  OR least(l.price, l.discount, l.tax, l.line_total) < 0 OR least(l.cancelled, l.returned) < 0 OR l.cancelled + l.returned > l.quantity)$$),
('line_tax', 'orders', 'tax of a line differs from its rate',
 'The tax of a line is its rate of what it costs, give or take less than one and a half units of the currency''s last decimal: half a one by rounding the total, one by spreading it.',
 'oms.order_line AS l WHERE :orders(l.order_id)', $$
SELECT format('order %s, line %s', l.order_id, l.line_no)
FROM oms.order_line AS l
JOIN oms.orders AS o ON o.id = l.order_id
JOIN oms.currency AS c ON c.code = o.currency
WHERE :orders(l.order_id) AND o.takes_stock <> 'never' AND (l.tax <> 0 OR l.tax_rate <> 0)
  AND abs(l.tax * (100 + CASE WHEN l.tax_included THEN l.tax_rate ELSE 0 END) - (l.price * (l.quantity - l.cancelled) - l.discount) * l.tax_rate)
    >= 1.5 * power(10::numeric, -c.decimals) * (100 + CASE WHEN l.tax_included THEN l.tax_rate ELSE 0 END)$$),
('line_stock', 'orders', 'stock booked for an order differs from its lines and status',
 'What the ledger has reserved, allocated and shipped of each line is what the order''s status and policy ask for: nothing for one that takes none, nor for one that came back to a status where units are only reserved.',
 'oms.order_line AS l WHERE :orders(l.order_id)', $$
SELECT format('order %s, line %s, product %s', coalesce(d.order_id, b.order_id), coalesce(d.line_no, b.line_no), coalesce(d.product_id, b.product_id))
FROM demand AS d
FULL JOIN booked AS b ON b.order_id = d.order_id AND b.line_no = d.line_no AND b.product_id = d.product_id
LEFT JOIN (SELECT id, status, takes_stock FROM oms.orders WHERE :orders(id)) AS o ON o.id = coalesce(d.order_id, b.order_id)
LEFT JOIN holding AS h ON h.status = o.status
LEFT JOIN oms.order_status AS f ON f.status = o.status
WHERE NOT coalesce(CASE
  WHEN o.takes_stock = 'never' THEN b.order_id IS NULL
  WHEN h.holds = 'allocated' THEN b.reserved = 0 AND b.allocated >= 0 AND b.shipped >= 0 AND b.allocated + b.shipped = d.wanted
  WHEN h.holds = 'shipped' THEN b.reserved = 0 AND b.allocated = 0 AND b.shipped = d.wanted
  WHEN h.holds = 'nothing' THEN coalesce(b.allocated, 0) = 0 AND coalesce(b.shipped, 0) = 0
    AND CASE WHEN o.takes_stock = 'create' AND NOT coalesce(f.final, false)
      THEN coalesce(b.reserved, 0) = d.wanted OR (coalesce(b.reserved, 0) = 0
        AND EXISTS (SELECT FROM oms.order_history AS m WHERE m.order_id = o.id AND m.seq > 1 AND m.action IS NULL))
      ELSE coalesce(b.reserved, 0) = 0 END
  END, d.wanted = 0 AND b.order_id IS NULL)$$),
-- history and events
('history_chain', 'orders', 'history has a gap or does not connect',
 'The history of an order is numbered 1, 2, 3, ..., and each row begins where the one before ended.',
 'oms.order_history AS h WHERE :orders(h.order_id)', $$
SELECT format('order %s, step %s', order_id, seq)
FROM history
WHERE seq <> before_seq + 1 OR from_status IS DISTINCT FROM before_status$$),
('history_step', 'orders', 'action that changes the status, or step that does not',
 'A step leads to another status, and an action happens within one.',
 'oms.order_history AS h WHERE :orders(h.order_id)', $$
SELECT format('order %s, step %s', order_id, seq)
FROM history
WHERE seq > 1 AND (action IS NULL) = (from_status IS NOT DISTINCT FROM to_status)$$),
('order_history', 'orders', 'order differs from its history',
 'Status and version of an order are those of the last row of its history.',
 'oms.orders AS o WHERE :orders(o.id)', $$
SELECT format('order %s', coalesce(o.id, h.order_id))
FROM (SELECT id, status, version FROM oms.orders WHERE :orders(id)) AS o
FULL JOIN (SELECT * FROM history WHERE last) AS h ON h.order_id = o.id
WHERE (o.status, o.version) IS DISTINCT FROM (h.to_status, h.seq)$$),
('order_event', 'orders', 'change of an order without its event',
 'Each step, hold, release, amendment, update, cancel of lines and close in an order''s history has its event, as far back as its events are kept; an order younger than the oldest event by an hour has events.',
 'oms.order_history AS h WHERE :orders(h.order_id)', $$
SELECT format('order %s, step %s', h.order_id, h.seq)
FROM history AS h
JOIN (SELECT aggregate_id, min(version) AS first FROM oms.event WHERE aggregate = 'order' AND :orders(aggregate_id) GROUP BY aggregate_id) AS e
  ON e.aggregate_id = h.order_id AND h.seq > e.first
LEFT JOIN (SELECT aggregate_id, version FROM oms.event WHERE aggregate = 'order' AND :orders(aggregate_id)) AS t
  ON t.aggregate_id = h.order_id AND t.version = h.seq
WHERE (h.action IS NULL OR h.action IN ('hold', 'release', 'amend', 'update', 'cancel_lines', 'close')) AND t.version IS NULL
UNION ALL
SELECT format('order %s', o.id)
FROM oms.orders AS o
LEFT JOIN (SELECT aggregate_id FROM oms.event WHERE aggregate = 'order' AND :orders(aggregate_id)) AS e ON e.aggregate_id = o.id
WHERE :orders(o.id) AND e.aggregate_id IS NULL AND o.created_at > (SELECT at FROM oms.event ORDER BY id LIMIT 1) + interval '1 hour'$$),
('event_double', 'orders', 'event of an order written twice',
 'A version of an order has one event of a type, but for notes, which make no version.',
 'oms.event AS e WHERE e.aggregate = ''order'' AND :orders(e.aggregate_id)', $$
SELECT format('order %s, version %s, %s', aggregate_id, version, type)
FROM oms.event
WHERE aggregate = 'order' AND type <> 'order.note_added' AND :orders(aggregate_id)
GROUP BY aggregate_id, version, type
HAVING count(*) > 1$$),
('event_reference', 'events', 'event of an unknown thing or of a version to come',
 'Each event is about a thing that exists, and of a version that the thing has had; that of an order has its row of the history.',
 'oms.event AS e WHERE :events(e.id)', $$
SELECT format('event %s, order %s, version %s', e.id, e.aggregate_id, e.version)
FROM oms.event AS e
LEFT JOIN oms.order_history AS h ON h.order_id = e.aggregate_id AND h.seq = e.version
WHERE e.aggregate = 'order' AND :events(e.id) AND h.order_id IS NULL
UNION ALL
SELECT format('event %s, %s %s, version %s', e.id, e.aggregate, e.aggregate_id, e.version)
FROM oms.event AS e
LEFT JOIN oms.product AS p ON e.aggregate = 'product' AND p.id = e.aggregate_id
LEFT JOIN oms.customer AS c ON e.aggregate = 'customer' AND c.id = e.aggregate_id
LEFT JOIN oms.hold AS h ON e.aggregate = 'hold' AND h.id = e.aggregate_id
LEFT JOIN oms.shipment AS s ON e.aggregate = 'shipment' AND s.id = e.aggregate_id
LEFT JOIN oms.return_order AS r ON e.aggregate = 'return' AND r.id = e.aggregate_id
WHERE e.aggregate IN ('product', 'customer', 'hold', 'shipment', 'return') AND :events(e.id)
  -- those of stock tell the version of the ledger
  AND NOT coalesce(CASE WHEN e.type LIKE 'stock.%' THEN p.id IS NOT NULL
    ELSE e.version BETWEEN 1 AND coalesce(p.version, c.version, h.version, s.version, r.version) END, false)$$),
-- shipments and returns
('fulfilment', 'orders', 'fulfilment of an order differs from what has shipped',
 'An order''s fulfilment is none, partial or full, as the ledger has shipped of its lines.',
 'oms.orders AS o WHERE :orders(o.id)', $$
SELECT format('order %s', o.id)
FROM oms.orders AS o
JOIN (SELECT d.order_id, sum(d.wanted) AS wanted, coalesce(sum(b.shipped), 0) AS shipped FROM demand AS d
  LEFT JOIN booked AS b ON b.order_id = d.order_id AND b.line_no = d.line_no GROUP BY d.order_id) AS f ON f.order_id = o.id
WHERE o.takes_stock <> 'never' AND :orders(o.id)
  AND o.fulfilment <> CASE WHEN f.shipped = 0 THEN 'none' WHEN f.shipped < f.wanted THEN 'partial' ELSE 'full' END$$),
('shipment_count', 'orders', 'shipments of an order differ from its count',
 'orders.shipments is how many shipments the order has.',
 'oms.orders AS o WHERE :orders(o.id)', $$
SELECT format('order %s', coalesce(o.id, s.order_id))
FROM (SELECT id, shipments FROM oms.orders WHERE :orders(id)) AS o
FULL JOIN (SELECT order_id, count(*) AS n FROM oms.shipment WHERE :orders(order_id) GROUP BY order_id) AS s ON s.order_id = o.id
WHERE o.shipments IS DISTINCT FROM coalesce(s.n, 0)$$),
('shipment_line', 'orders', 'shipment of an unknown location, without lines or of an unknown line',
 'A shipment leaves from a location that exists, and holds lines of its order.',
 'oms.shipment AS s WHERE :orders(s.order_id)', $$
SELECT format('shipment %s', s.id)
FROM oms.shipment AS s
LEFT JOIN oms.location AS p ON p.id = s.location_id
LEFT JOIN oms.shipment_line AS i ON i.shipment_id = s.id
LEFT JOIN oms.order_line AS l ON l.order_id = s.order_id AND l.line_no = i.line_no
WHERE :orders(s.order_id) AND (p.id IS NULL OR l.line_no IS NULL)
GROUP BY s.id$$),
('shipment_shipped', 'orders', 'shipments hold more of a line than has shipped',
 'Shipments that have left hold no more of a line than the ledger has shipped.',
 'oms.shipment AS s WHERE :orders(s.order_id)', $$
SELECT format('order %s, line %s', p.order_id, p.line_no)
FROM (SELECT s.order_id, l.line_no, sum(l.quantity) AS quantity FROM oms.shipment AS s JOIN oms.shipment_line AS l ON l.shipment_id = s.id
  WHERE s.state IN ('SHIPPED', 'DELIVERED') AND :orders(s.order_id) GROUP BY s.order_id, l.line_no) AS p
LEFT JOIN booked AS b ON b.order_id = p.order_id AND b.line_no = p.line_no
WHERE p.quantity > coalesce(b.shipped, 0)$$),
('shipment_open', 'orders', 'shipments hold more of a line than is allocated there',
 'Shipments that have not left hold no more of a line than is allocated to it at their location.',
 'oms.shipment AS s WHERE :orders(s.order_id)', $$
SELECT format('order %s, line %s, location %s', p.order_id, p.line_no, p.location_id)
FROM (SELECT s.order_id, l.line_no, s.location_id, sum(l.quantity) AS quantity FROM oms.shipment AS s JOIN oms.shipment_line AS l ON l.shipment_id = s.id
  WHERE s.state IN ('OPEN', 'PACKED') AND :orders(s.order_id) GROUP BY s.order_id, l.line_no, s.location_id) AS p
LEFT JOIN (SELECT order_id, line_no, location_id, sum(d_allocated) AS allocated FROM oms.stock_move
  WHERE order_id IS NOT NULL AND :orders(order_id) GROUP BY order_id, line_no, location_id) AS b
  ON b.order_id = p.order_id AND b.line_no = p.line_no AND b.location_id = p.location_id
WHERE p.quantity > coalesce(b.allocated, 0)$$),
('return_units', 'orders', 'units returned differ from the returns',
 'What has come back of a line is what its returns received, and no more than has shipped; what they put on the shelf is in the ledger.',
 'oms.return_order AS r WHERE :orders(r.order_id)', $$
SELECT format('order %s, line %s', coalesce(l.order_id, t.order_id), coalesce(l.line_no, t.line_no))
FROM (SELECT order_id, line_no, wanted, returned FROM demand WHERE returned > 0) AS l
FULL JOIN (SELECT r.order_id, i.line_no, sum(i.restocked) AS restocked, sum(i.restocked + i.scrapped) AS returned
  FROM oms.return_order AS r JOIN oms.return_line AS i ON i.return_id = r.id WHERE :orders(r.order_id)
  GROUP BY r.order_id, i.line_no HAVING sum(i.restocked + i.scrapped) > 0) AS t
  ON t.order_id = l.order_id AND t.line_no = l.line_no
LEFT JOIN booked AS b ON b.order_id = t.order_id AND b.line_no = t.line_no
WHERE l.returned IS DISTINCT FROM t.returned OR t.restocked <> coalesce(b.restocked, 0) OR l.returned > coalesce(b.shipped, 0)$$),
('return_move', 'orders', 'units put on the shelf by a return differ from the ledger',
 'What a return has restocked of a line is the sum of the moves that carry its document.',
 'oms.return_order AS r WHERE :orders(r.order_id)', $$
SELECT format('order %s, line %s, %s', coalesce(t.order_id, m.order_id), coalesce(t.line_no, m.line_no), coalesce(t.document, m.document))
FROM (SELECT r.order_id, i.line_no, 'return ' || r.id AS document, i.restocked FROM oms.return_order AS r
  JOIN oms.return_line AS i ON i.return_id = r.id WHERE i.restocked > 0 AND :orders(r.order_id)) AS t
FULL JOIN (SELECT order_id, line_no, document, sum(d_on_hand) AS restocked FROM oms.stock_move
  WHERE kind = 'return' AND order_id IS NOT NULL AND :orders(order_id) GROUP BY order_id, line_no, document) AS m
  ON m.order_id = t.order_id AND m.line_no = t.line_no AND m.document = t.document
WHERE m.restocked IS DISTINCT FROM t.restocked$$),
('return_claim', 'orders', 'returns ask for more of a line than has shipped',
 'All that has come back and is still expected of a line has shipped.',
 'oms.return_order AS r WHERE :orders(r.order_id)', $$
SELECT format('order %s, line %s', t.order_id, t.line_no)
FROM (SELECT r.order_id, i.line_no, sum(CASE WHEN r.state IN ('REQUESTED', 'APPROVED') THEN i.quantity ELSE i.restocked + i.scrapped END) AS claimed
  FROM oms.return_order AS r JOIN oms.return_line AS i ON i.return_id = r.id WHERE :orders(r.order_id) GROUP BY r.order_id, i.line_no) AS t
LEFT JOIN booked AS b ON b.order_id = t.order_id AND b.line_no = t.line_no
WHERE t.claimed > coalesce(b.shipped, 0)$$),
('return_state', 'orders', 'state of a return differs from its lines',
 'A return has lines of its order; units came only while it was APPROVED, and all of them or a close made it RECEIVED.',
 'oms.return_order AS r WHERE :orders(r.order_id)', $$
SELECT format('return %s', r.id)
FROM oms.return_order AS r
LEFT JOIN oms.return_line AS i ON i.return_id = r.id
LEFT JOIN oms.order_line AS l ON l.order_id = r.order_id AND l.line_no = i.line_no
WHERE :orders(r.order_id)
GROUP BY r.id, r.state
HAVING count(l.line_no) <> greatest(count(i.line_no), 1) OR CASE r.state
  WHEN 'APPROVED' THEN sum(i.restocked + i.scrapped) >= sum(i.quantity)
  WHEN 'RECEIVED' THEN sum(i.restocked + i.scrapped) = 0
  ELSE sum(i.restocked + i.scrapped) > 0 END$$),
('return_refund', 'orders', 'refund of a return differs from its lines',
 'The refund of a return is the sum of its lines''.',
 'oms.return_order AS r WHERE :orders(r.order_id)', $$
SELECT format('return %s', r.id)
FROM oms.return_order AS r
LEFT JOIN oms.return_line AS i ON i.return_id = r.id
WHERE :orders(r.order_id)
GROUP BY r.id, r.refund_amount
HAVING r.refund_amount <> coalesce(sum(i.refund), 0)$$),
-- holds, customers, answers that are kept
('hold_line', 'holds', 'hold without lines, or line of an unknown hold, product or location',
 'A hold has lines, and each line is of a hold, a product and a location that exist.',
 'oms.hold_line AS l WHERE :holds(l.hold_id)', $$
SELECT format('hold %s', coalesce(h.id, l.hold_id))
FROM (SELECT id FROM oms.hold WHERE :holds(id)) AS h
FULL JOIN (SELECT hold_id, product_id, location_id FROM oms.hold_line WHERE :holds(hold_id)) AS l ON l.hold_id = h.id
LEFT JOIN oms.product AS p ON p.id = l.product_id
LEFT JOIN oms.location AS c ON c.id = l.location_id
WHERE h.id IS NULL OR p.id IS NULL OR c.id IS NULL
GROUP BY coalesce(h.id, l.hold_id)$$),
('hold_order', 'holds', 'hold that became an order differs from its lines',
 'A hold names the order that it became, which exists, when a line is consumed, and only then.',
 'oms.hold AS h WHERE :holds(h.id)', $$
SELECT format('hold %s', h.id)
FROM oms.hold AS h
JOIN oms.hold_line AS l ON l.hold_id = h.id
LEFT JOIN oms.orders AS o ON o.id = h.order_id
WHERE :holds(h.id)
GROUP BY h.id, h.order_id, o.id
HAVING bool_or(l.state = 'consumed') <> (h.order_id IS NOT NULL) OR h.order_id IS NOT NULL AND o.id IS NULL OR h.order_id IS NOT NULL AND bool_or(l.state = 'held')$$),
('customer_history', 'customers', 'customer differs from the history',
 'The history of a customer is numbered 1, 2, 3, ... up to the version, and its last change of the name is the name.',
 'oms.customer AS c WHERE :customers(c.id)', $$
SELECT format('customer %s', coalesce(c.id, h.customer_id))
FROM (SELECT id, name, version FROM oms.customer WHERE :customers(id)) AS c
FULL JOIN (SELECT customer_id, count(*) AS n, max(seq) AS last, (array_agg(changes #>> '{name,to}' ORDER BY seq DESC) FILTER (WHERE changes ? 'name'))[1] AS name
  FROM oms.customer_history WHERE :customers(customer_id) GROUP BY customer_id) AS h ON h.customer_id = c.id
WHERE (c.version, c.version, c.name) IS DISTINCT FROM (h.n, h.last, coalesce(h.name, c.name))$$),
('idempotency', 'answers', 'answer kept for a request names an unknown order',
 'The order that a kept answer to POST orders/ names exists.',
 'oms.idempotency_orders(:since) AS i', $$
SELECT format('order %s', i.order_id)
FROM oms.idempotency_orders(:since) AS i
WHERE NOT EXISTS (SELECT FROM oms.orders AS o WHERE o.id = i.order_id)$$),
-- what the rest relies on
('series_last', 'schema', 'last number of a series is no order''s',
 'The last number that a series gave belongs to an order.',
 'oms.number_series AS s', $$
SELECT format('channel %s, number %s', s.channel, s.last_number)
FROM oms.number_series AS s
WHERE s.last_number > 0 AND NOT EXISTS (SELECT FROM oms.orders AS o WHERE o.channel = s.channel AND o.series_number = s.last_number)$$),
('schema_guard', 'schema', 'guard of a table is off',
 'Each trigger of a table of oms fires.',
 'pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid WHERE c.relnamespace = ''oms''::regnamespace AND NOT t.tgisinternal', $$
SELECT format('table %s, trigger %s', t.tgrelid::regclass, t.tgname::text COLLATE "default")
FROM pg_trigger AS t
JOIN pg_class AS c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'oms'::regnamespace AND NOT t.tgisinternal AND t.tgname IN ('guard', 'changing', 'changed', 'kept') AND t.tgenabled NOT IN ('O', 'A')$$),
('schema_constraint', 'schema', 'constraint or unique index that does not hold for all rows',
 'Each constraint and each unique index of the tables of oms is valid.',
 'pg_constraint AS k WHERE k.connamespace = ''oms''::regnamespace', $$
SELECT format('table %s, constraint %s', k.conrelid::regclass, k.conname::text COLLATE "default")
FROM pg_constraint AS k
WHERE k.connamespace = 'oms'::regnamespace AND NOT k.convalidated
UNION ALL
SELECT format('table %s, index %s', x.indrelid::regclass, x.indexrelid::regclass)
FROM pg_index AS x
JOIN pg_class AS c ON c.oid = x.indrelid
WHERE c.relnamespace = 'oms'::regnamespace AND x.indisunique AND NOT x.indisvalid$$)
  ) AS r (check_name, scope, problem, description, examined, query)
$function$;
COMMENT ON FUNCTION oms.integrity_rules(text) IS
'The checks that make up oms.integrity, a row each: name, scope (what a range chooses by), what is wrong when it finds something, what must be true, the rows it looks at (a FROM clause), and the query that returns a subject for each problem, after oms.integrity_base(); in one of the forms of oms.integrity_form().';

CREATE FUNCTION oms.integrity_check(incremental boolean DEFAULT false, since timestamptz DEFAULT NULL, first_order bigint DEFAULT NULL, last_order bigint DEFAULT NULL,
  first_product bigint DEFAULT NULL, last_product bigint DEFAULT NULL, examples integer DEFAULT 10,
  OUT check_name text, OUT description text, OUT scope text, OUT first text, OUT last text, OUT examined bigint, OUT problems bigint, OUT ms double precision, OUT found jsonb)
RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_integrity_check' LANGUAGE C;
COMMENT ON FUNCTION oms.integrity_check(boolean, timestamptz, bigint, bigint, bigint, bigint, integer) IS
'Runs the checks of oms.integrity in one snapshot, without locks, and keeps the result in oms.integrity_run. Looks at everything; or at what transactions wrote that the last full or incremental run did not see (incremental; the first is full); or since a time; or at orders, products or both with ids from first to last, null meaning no limit. What was changed behind the verbs'' back has no event, so only a full run or a range finds it for sure. Returns a row for each check: its name, what must be true, what first and last are (orders, products, holds, customers, events: ids; answers: times; schema: nothing), rows examined, problems found, milliseconds, and as JSON array the subjects of the first so many problems (0 to 1000). Raises OM010.';

CREATE FUNCTION oms_rest.integrity_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_integrity_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.integrity_list(text, text, text, jsonb) IS 'GET integrity/: a page of runs with the checks that found something, the latest first.';

CREATE FUNCTION oms_rest.integrity_check(actor text, request_id text, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_integrity_check' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.integrity_check(text, text, text) IS 'POST integrity/check/: the run with all of its checks.';
