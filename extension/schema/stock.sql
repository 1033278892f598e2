-- stock: verbs
CREATE FUNCTION oms.stock_receive(product_id bigint, quantity bigint, reason text DEFAULT NULL, location text DEFAULT 'MAIN') RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_stock_receive' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_receive(bigint, bigint, text, text) IS
'Books units that came in at a location, named by its code. Returns the units available there then. Raises OM004, OM010 (quantity not above 0), OM014, OM032.';

CREATE FUNCTION oms.stock_adjust(product_id bigint, delta bigint, reason text, location text DEFAULT 'MAIN') RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_stock_adjust' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_adjust(bigint, bigint, text, text) IS
'Corrects the units on hand at a location by a difference, up or down, and says why. Returns the units available there then. Raises OM003 (promised units cannot be taken away), OM004, OM010, OM014, OM032.';

CREATE FUNCTION oms.stock_count(product_id bigint, counted bigint, expected_version bigint, location text DEFAULT 'MAIN', reason text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_stock_count' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_count(bigint, bigint, bigint, text, text) IS
'Sets the units on hand at a location to what was counted. expected_version is oms.stock.moves as read before counting, 0 where there is no row. Returns the units available there then. Raises OM003 (fewer than are promised), OM004, OM010, OM032, OM041 (moved since).';

CREATE FUNCTION oms.stock_transfer(product_id bigint, quantity bigint, from_location text, to_location text, reason text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_stock_transfer' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_transfer(bigint, bigint, text, text, text) IS
'Takes units that are free on the shelf of one location to another, both named by their codes. Returns the id N of the transfer; both moves carry the document transfer N. Raises OM003, OM004, OM010, OM014, OM032, OM050 (the same location).';

CREATE FUNCTION oms.stock_set(product_id bigint, location text DEFAULT 'MAIN', low_stock_threshold bigint DEFAULT NULL, reorder_quantity bigint DEFAULT NULL, backorder_limit bigint DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_stock_set' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_set(bigint, text, bigint, bigint, bigint) IS
'Sets, in units, from when stock at a location is low, how much to order then (0 for none), and how much may be promised beyond the shelf; null leaves a value as it is. Returns nothing. Raises OM003 (limit below what is backordered), OM004, OM010, OM032.';

CREATE FUNCTION oms.stock_as_of(at timestamptz, product_id bigint DEFAULT NULL, location text DEFAULT NULL)
RETURNS TABLE (product_id bigint, location_id integer, on_hand bigint, reserved bigint, allocated bigint, available bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  -- from the ledger alone, for a record may have been deleted since: its index is walked from one record to the next
  WITH RECURSIVE record (product_id, location_id) AS (
    (SELECT m.product_id, m.location_id FROM oms.stock_move AS m
     WHERE m.product_id BETWEEN coalesce($2, 1) AND coalesce($2, 9223372036854775807)
     ORDER BY m.product_id, m.location_id LIMIT 1)
    UNION ALL
    SELECT n.product_id, n.location_id FROM record AS r
    CROSS JOIN LATERAL (
      SELECT m.product_id, m.location_id FROM oms.stock_move AS m
      WHERE (m.product_id, m.location_id) > (r.product_id, r.location_id) AND m.product_id <= coalesce($2, 9223372036854775807)
      ORDER BY m.product_id, m.location_id LIMIT 1) AS n
  )
  SELECT m.product_id, m.location_id, m.on_hand, m.reserved, m.allocated, m.on_hand - m.reserved - m.allocated
  FROM record AS r
  JOIN oms.location AS l ON l.id = r.location_id
  CROSS JOIN LATERAL (
    SELECT * FROM oms.stock_move AS m
    WHERE m.product_id = r.product_id AND m.location_id = r.location_id AND m.at <= $1
    ORDER BY m.seq DESC LIMIT 1) AS m
  WHERE $3 IS NULL OR l.code = $3
  ORDER BY 1, 2
$$;
COMMENT ON FUNCTION oms.stock_as_of(timestamptz, bigint, text) IS
'Stock as it was at a time, in units, of one product or all, at one location (by code) or all; read from the ledger. A row for each record that had moved by then, also for one that was deleted later.';

CREATE FUNCTION oms.stock_ledger(product_id bigint, location text DEFAULT NULL)
RETURNS TABLE (location text, seq bigint, kind text, d_on_hand bigint, d_reserved bigint, d_allocated bigint, on_hand bigint, reserved bigint, allocated bigint,
  available bigint, order_id bigint, line_no integer, document text, reason text, actor text, at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT l.code, m.seq, m.kind, m.d_on_hand, m.d_reserved, m.d_allocated, m.on_hand, m.reserved, m.allocated,
    m.on_hand - m.reserved - m.allocated, m.order_id, m.line_no, m.document, m.reason, m.actor, m.at
  FROM oms.stock_move AS m
  JOIN oms.location AS l ON l.id = m.location_id
  WHERE m.product_id = $1 AND ($2 IS NULL OR l.code = $2)
  ORDER BY m.location_id, m.seq
$$;
COMMENT ON FUNCTION oms.stock_ledger(bigint, text) IS
'The moves of a product, in units, at one location (by code) or all, oldest first, each with the balance of its location after it.';

CREATE FUNCTION oms.stock_low()
RETURNS TABLE (product_id bigint, sku text, location text, available bigint, low_stock_threshold bigint, reorder_quantity bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT s.product_id, p.sku, l.code, s.available, s.low_stock_threshold, s.reorder_quantity
  FROM oms.stock AS s
  JOIN oms.product AS p ON p.id = s.product_id
  JOIN oms.location AS l ON l.id = s.location_id
  WHERE s.available <= s.low_stock_threshold AND p.archived_at IS NULL
  ORDER BY 1, s.location_id
$$;
COMMENT ON FUNCTION oms.stock_low() IS
'What to order: a row for each product and location with no more units available than its threshold, with the units to order, or null. Archived products are left out.';
