-- The floor: what plpgsql can do at best. The same rows into tables of the same columns, indexes and storage options,
-- without guards, locks taken beforehand, checks of the input, or a word to the caller about what was wrong.
CREATE SCHEMA floor;

DO $tables$
DECLARE
  wanted regclass;
  option text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['oms.product', 'oms.stock', 'oms.stock_move', 'oms.orders', 'oms.order_line',
    'oms.order_history', 'oms.event', 'oms.task']::regclass[] LOOP
    EXECUTE format('CREATE TABLE floor.%I (LIKE %s INCLUDING ALL)', (SELECT relname FROM pg_class WHERE oid = wanted), wanted);
    FOR option IN SELECT unnest(reloptions) FROM pg_class WHERE oid = wanted LOOP
      EXECUTE format('ALTER TABLE floor.%I SET (%s)', (SELECT relname FROM pg_class WHERE oid = wanted), option);
    END LOOP;
  END LOOP;
END
$tables$;

CREATE FUNCTION floor.order_create(products bigint[], quantities bigint[], customer text DEFAULT 'User') RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  order_id bigint := nextval('floor.orders_id_seq');
  total numeric;
BEGIN
  WITH line AS (
    INSERT INTO floor.order_line
    SELECT order_id, u.n, u.product_id, u.quantity, p.sku, p.name, p.price, p.price * u.quantity
    FROM unnest(products, quantities) WITH ORDINALITY AS u(product_id, quantity, n)
    JOIN floor.product AS p ON p.id = u.product_id
    RETURNING line_total
  )
  SELECT sum(line_total) INTO total FROM line;
  INSERT INTO floor.orders (id, order_number, status, version, customer_name, total_amount, created_by)
  OVERRIDING SYSTEM VALUE
  VALUES (order_id, 'SO-' || lpad(order_id::text, 8, '0'), 'PENDING', 1, customer, total, 'bench');
  INSERT INTO floor.order_history (order_id, seq, to_status, actor) VALUES (order_id, 1, 'PENDING', 'bench');
  INSERT INTO floor.event (type, aggregate, aggregate_id, version, actor)
  VALUES ('order.created', 'order', order_id, 1, 'bench');
  INSERT INTO floor.task (handler, payload, max_attempts, created_by)
  VALUES ('order_created', jsonb_build_object('order_id', order_id), 5, 'bench');
  RETURN order_id;
END
$$;

-- lines are taken by product, so that two orders never wait for each other in a circle
CREATE FUNCTION floor.order_confirm(id bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  WITH moved AS (
    UPDATE floor.orders AS o SET status = 'CONFIRMED', version = 2, updated_at = now()
    WHERE o.id = order_confirm.id AND status = 'PENDING'
  ), history AS (
    INSERT INTO floor.order_history (order_id, seq, from_status, to_status, actor)
    VALUES (order_confirm.id, 2, 'PENDING', 'CONFIRMED', 'bench')
  ), event AS (
    INSERT INTO floor.event (type, aggregate, aggregate_id, version, actor)
    VALUES ('order.confirmed', 'order', order_confirm.id, 2, 'bench')
  ), line AS MATERIALIZED (
    SELECT line_no, product_id, quantity FROM floor.order_line WHERE order_id = order_confirm.id ORDER BY product_id
  ), stock AS (
    UPDATE floor.stock AS s SET allocated = s.allocated + line.quantity, moves = s.moves + 1, updated_at = now()
    FROM line WHERE s.product_id = line.product_id AND s.location_id = 1
    RETURNING s.product_id, line.line_no, s.moves, line.quantity, s.on_hand, s.reserved, s.allocated
  )
  INSERT INTO floor.stock_move (product_id, location_id, seq, kind, d_on_hand, d_reserved, d_allocated, on_hand,
    reserved, allocated, order_id, line_no, actor)
  SELECT product_id, 1, moves, 'allocate', 0, 0, quantity, on_hand, reserved, allocated, order_confirm.id, line_no, 'bench'
  FROM stock;
END
$$;
