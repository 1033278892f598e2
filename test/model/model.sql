-- What the model test brings along: many statements in one call, each in a transaction of its own, and all that
-- the model knows of in one answer.
CREATE SCHEMA model;

-- what became of each statement, written in its transaction: after a crash it tells which are there
CREATE TABLE model.log (
  session integer, batch integer, n integer, answer text, sqlstate text, xid xid8, began timestamptz,
  PRIMARY KEY (session, batch, n));

-- answers hold the texts of the statements before, which a statement may name as $1[n]
CREATE PROCEDURE model.run(session integer, batch integer, statements text[], INOUT answers text[],
  INOUT sqlstates text[], INOUT messages text[], INOUT ends float8[])
LANGUAGE plpgsql AS $$
DECLARE
  answer text;
  state text;
  message text;
  began timestamptz;
BEGIN
  DELETE FROM model.log AS l WHERE l.session = run.session;
  COMMIT;
  FOR n IN 1 .. cardinality(statements) LOOP
    answer := NULL;
    state := NULL;
    message := NULL;
    began := clock_timestamp();
    BEGIN
      EXECUTE statements[n] INTO answer USING answers;
    EXCEPTION WHEN OTHERS THEN
      state := SQLSTATE;
      message := SQLERRM;
      answer := NULL;
    END;
    INSERT INTO model.log VALUES (session, batch, n, answer, state, pg_current_xact_id(), began);
    COMMIT;
    answers[n] := answer;
    sqlstates[n] := state;
    messages[n] := message;
    ends[n] := extract(epoch FROM clock_timestamp());
  END LOOP;
END $$;

-- lets a hold expire: time cannot be turned forward, so its end is turned back
CREATE FUNCTION model.hold_age(hold bigint) RETURNS void LANGUAGE plpgsql SET session_replication_role = replica AS $$
BEGIN
  UPDATE oms.hold_line SET expires_at = clock_timestamp() - interval '1 s' WHERE hold_id = hold;
END $$;

CREATE FUNCTION model.state(session text, products bigint[], order_ids bigint[], hold_ids bigint[]) RETURNS json
LANGUAGE sql STABLE AS $$
SELECT json_build_object(
  'location', (SELECT json_agg(json_build_array(code, name, priority, active))
    FROM oms.location WHERE code LIKE session || '-%'),
  'product', (SELECT json_agg(json_build_array(id, sku, name, about, price::text, version, archived_at IS NOT NULL))
    FROM oms.product WHERE id = ANY (products)),
  'price', (SELECT json_agg(json_build_array(product_id, currency, price::text))
    FROM oms.product_price WHERE product_id = ANY (products)),
  'stock', (SELECT json_agg(json_build_array(s.product_id, l.code, on_hand, reserved, allocated, available,
      low_stock_threshold, reorder_quantity, backorder_limit, moves))
    FROM oms.stock AS s JOIN oms.location AS l ON l.id = s.location_id WHERE s.product_id = ANY (products)),
  'move', (SELECT json_agg(json_build_array(product_id, code, kind, n, on_hand, reserved, allocated))
    FROM (SELECT m.product_id, l.code, m.kind, count(*) AS n, sum(d_on_hand)::bigint AS on_hand,
        sum(d_reserved)::bigint AS reserved, sum(d_allocated)::bigint AS allocated
      FROM oms.stock_move AS m JOIN oms.location AS l ON l.id = m.location_id
      WHERE m.product_id = ANY (products) GROUP BY 1, 2, 3) AS m),
  'order', (SELECT json_agg(json_build_array(id, order_number, status, version, customer_name, total_amount::text,
      discount_amount::text, tax_amount::text, currency, channel, takes_stock, fulfilment, shipments, customer_id,
      series_number, external_ref, hold_reason, attributes->>'a'))
    FROM oms.orders WHERE id = ANY (order_ids)),
  'line', (SELECT json_agg(json_build_array(order_id, line_no, product_id, quantity, sku, name, price::text,
      line_total::text, discount::text, tax::text, tax_rate::text, tax_included, cancelled, returned))
    FROM oms.order_line WHERE order_id = ANY (order_ids)),
  'holding', (SELECT json_agg(json_build_array(order_id, line_no, code, reserved, allocated, shipped, restocked))
    FROM (SELECT m.order_id, m.line_no, l.code, sum(d_reserved)::bigint AS reserved, sum(d_allocated)::bigint AS allocated,
        coalesce(-sum(d_on_hand) FILTER (WHERE kind = 'ship'), 0)::bigint AS shipped,
        coalesce(sum(d_on_hand) FILTER (WHERE kind = 'return'), 0)::bigint AS restocked
      FROM oms.stock_move AS m JOIN oms.location AS l ON l.id = m.location_id
      WHERE m.order_id = ANY (order_ids) GROUP BY 1, 2, 3) AS h),
  'history', (SELECT json_agg(json_build_array(order_id, steps))
    FROM (SELECT order_id, string_agg(coalesce(action, to_status), ' ' ORDER BY seq) AS steps
      FROM oms.order_history WHERE order_id = ANY (order_ids) GROUP BY order_id) AS h),
  'note', (SELECT json_agg(json_build_array(order_id, note)) FROM oms.order_note WHERE order_id = ANY (order_ids)),
  'hold', (SELECT json_agg(json_build_array(id, owner, order_id, version)) FROM oms.hold WHERE id = ANY (hold_ids)),
  'hold_line', (SELECT json_agg(json_build_array(h.hold_id, h.line_no, h.product_id, l.code, h.quantity, h.state))
    FROM oms.hold_line AS h JOIN oms.location AS l ON l.id = h.location_id WHERE h.hold_id = ANY (hold_ids)),
  'shipment', (SELECT json_agg(json_build_array(s.id, s.order_id, l.code, s.state, s.carrier, s.tracking, s.version))
    FROM oms.shipment AS s JOIN oms.location AS l ON l.id = s.location_id WHERE s.order_id = ANY (order_ids)),
  'shipment_line', (SELECT json_agg(json_build_array(s.id, n.line_no, n.quantity))
    FROM oms.shipment AS s JOIN oms.shipment_line AS n ON n.shipment_id = s.id WHERE s.order_id = ANY (order_ids)),
  'return', (SELECT json_agg(json_build_array(id, order_id, state, reason, answer, refund_amount::numeric, version))
    FROM oms.return_order WHERE order_id = ANY (order_ids)),
  'return_line', (SELECT json_agg(json_build_array(r.id, n.line_no, n.quantity, n.restocked, n.scrapped, n.refund::numeric))
    FROM oms.return_order AS r JOIN oms.return_line AS n ON n.return_id = r.id WHERE r.order_id = ANY (order_ids)))
$$;
