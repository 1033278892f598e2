-- What the specs of this directory act on: two sessions, each with one verb of pair.verb, meet on the order or the product of
-- one subject. oms.integrity and a second subject, on which the same verbs run one after the other, tell whether that went well.
CREATE SCHEMA pair;

CREATE TABLE pair.verb (
  name text PRIMARY KEY,
  statement text NOT NULL -- $1 is the subject, $2 the number of the session
);
CREATE TABLE pair.subject (
  twin boolean PRIMARY KEY, -- whether it is the one that is acted on in turn
  id bigint GENERATED ALWAYS AS IDENTITY,
  situation text,
  product bigint,           -- on which all below meet
  other bigint,             -- second product of the order
  orders text[],            -- all of them as they were in the beginning, see pair.orders()
  one bigint,               -- the order on which verbs meet, and what it has:
  packing bigint,           -- a shipment that is open
  sent bigint,              -- one that has shipped
  asked bigint,             -- a return that is requested
  due bigint,               -- one that is approved and partly received
  pending bigint[],         -- for each session one of its own: orders,
  confirmed bigint[],
  parcels bigint[],         -- shipments that are open,
  returns bigint[],         -- returns that are approved,
  holds bigint[],           -- holds,
  counted bigint            -- and the version of the stock that was counted
);
CREATE TABLE pair.outcome (
  session integer PRIMARY KEY,
  verb text NOT NULL,
  result text NOT NULL
);

INSERT INTO oms.location (code, name, priority) VALUES ('EAST', 'East', 200);
SELECT oms.channel_create('birth', 'Takes stock at create', take_stock => 'create');

CREATE FUNCTION pair.items(VARIADIC pairs bigint[]) RETURNS jsonb LANGUAGE sql
RETURN (SELECT jsonb_agg(jsonb_build_object('product_id', pairs[i], 'quantity', pairs[i + 1]) ORDER BY i) FROM generate_series(1, cardinality(pairs), 2) AS i);
CREATE FUNCTION pair.line(line integer, quantity integer) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_array(jsonb_build_object('line', line, 'quantity', quantity));
CREATE FUNCTION pair.restock(line integer, quantity integer) RETURNS jsonb LANGUAGE sql
RETURN jsonb_build_array(jsonb_build_object('line', line, 'restock', quantity));

INSERT INTO pair.verb (name, statement) VALUES
  -- on the one order of the subject
  ('order_confirm', 'oms.order_confirm($1.one)'),
  ('order_pack', 'oms.order_pack($1.one)'),
  ('order_ship', 'oms.order_ship($1.one)'),
  ('order_deliver', 'oms.order_deliver($1.one)'),
  ('order_cancel', 'oms.order_cancel($1.one)'),
  ('order_hold', 'oms.order_hold($1.one, ''wait'')'),
  ('order_release', 'oms.order_release($1.one)'),
  ('order_advance', 'oms.order_advance($1.one)'),
  ('order_cancel_lines', 'oms.order_cancel_lines($1.one, pair.line(2, 1))'),
  ('order_close', 'oms.order_close($1.one)'),
  ('shipment_create', 'count(*) FROM oms.shipment_create($1.one, pair.line(2, 2))'),
  ('shipment_pack', 'oms.shipment_pack($1.packing)'),
  ('shipment_ship', 'oms.shipment_ship($1.packing)'),
  ('shipment_deliver', 'oms.shipment_deliver($1.sent)'),
  ('shipment_cancel', 'oms.shipment_cancel($1.packing)'),
  ('return_request', 'oms.return_request($1.one, pair.line(1, 1), ''broken'')'),
  ('return_approve', 'oms.return_approve($1.asked)'),
  ('return_reject', 'oms.return_reject($1.asked)'),
  ('return_cancel', 'oms.return_cancel($1.asked)'),
  ('return_receive', 'oms.return_receive($1.due, pair.restock(1, 1))'),
  ('return_close', 'oms.return_close($1.due)'),
  -- on the product of the subject, each session with orders, shipments, returns and holds of its own
  ('confirm', 'oms.order_confirm($1.pending[$2])'),
  ('cancel', 'oms.order_cancel($1.confirmed[$2])'),
  ('ship', 'oms.order_ship($1.confirmed[$2])'),
  ('create', 'oms.order_create(pair.items($1.other, 1, $1.product, 3), channel => ''birth'')'),
  ('parcel_ship', 'oms.shipment_ship($1.parcels[$2])'),
  ('receive_back', 'oms.return_receive($1.returns[$2], pair.restock(1, 1))'),
  ('stock_receive', 'oms.stock_receive($1.product, 5)'),
  ('stock_adjust', 'oms.stock_adjust($1.product, -3, ''broken'')'),
  ('stock_count', 'oms.stock_count($1.product, 11, $1.counted)'),
  ('stock_transfer', 'oms.stock_transfer($1.product, 2, CASE $2 WHEN 1 THEN ''MAIN'' ELSE ''EAST'' END, CASE $2 WHEN 1 THEN ''EAST'' ELSE ''MAIN'' END)'),
  ('stock_set', 'oms.stock_set($1.product, backorder_limit => $2 + 1)'),
  ('hold_create', 'oms.hold_create(pair.items($1.product, 3), ''cart'')'),
  ('hold_renew', 'oms.hold_renew($1.holds[$2], ''1 h'') IS NOT NULL'),
  ('hold_release', 'oms.hold_release($1.holds[$2])'),
  ('hold_expire', 'oms.hold_expire()'),
  ('product_archive', 'oms.product_archive($1.product)'),
  ('product_update', 'oms.product_update($1.product, price => 10 + $2)');

-- The order's subject: an order of 4 and 2 units, in the situation that is asked for.
CREATE FUNCTION pair.make_order(s pair.subject) RETURNS pair.subject LANGUAGE plpgsql AS $$
BEGIN
  s.one := oms.order_create(pair.items(s.product, 4, s.other, 2));
  IF s.situation = 'pending' THEN RETURN s; END IF;
  PERFORM oms.order_confirm(s.one);
  IF s.situation = 'held' THEN PERFORM oms.order_hold(s.one, 'look at it first'); END IF;
  IF s.situation IN ('confirmed', 'held') THEN RETURN s; END IF;
  IF s.situation = 'boxed' THEN
    s.packing := shipment_id FROM oms.shipment_create(s.one, pair.line(1, 2));
    RETURN s;
  END IF;
  -- a part has shipped, and a part of that is on its way back
  s.sent := shipment_id FROM oms.shipment_create(s.one, pair.line(1, 3));
  PERFORM oms.shipment_ship(s.sent);
  s.asked := oms.return_request(s.one, pair.line(1, 1), 'broken');
  s.due := oms.return_request(s.one, pair.line(1, 1), 'too big');
  PERFORM oms.return_approve(s.due);
  IF s.situation = 'closing' THEN
    -- two units are due, one has come
    PERFORM oms.return_reject(s.asked);
    PERFORM oms.return_cancel(s.due);
    s.due := oms.return_request(s.one, pair.line(1, 2), 'too big');
    PERFORM oms.return_approve(s.due), oms.return_receive(s.due, pair.restock(1, 1));
  ELSIF s.situation = 'partly' THEN
    s.packing := shipment_id FROM oms.shipment_create(s.one, pair.line(1, 1));
  ELSIF s.situation = 'shipped' THEN
    s.packing := shipment_id FROM oms.shipment_create(s.one);
    PERFORM oms.shipment_ship(s.packing);
  ELSIF s.situation <> 'part' THEN
    RAISE 'there is no situation %', s.situation;
  END IF;
  RETURN s;
END $$;

-- The product's subject: for each session an order, a shipment, a return and holds that compete for the same units.
CREATE FUNCTION pair.make_product(s pair.subject) RETURNS pair.subject LANGUAGE plpgsql AS $$
DECLARE
  id bigint;
BEGIN
  FOR i IN 1..2 LOOP
    s.confirmed[i] := oms.order_create(pair.items(s.product, 2, s.other, 1));
    PERFORM oms.order_confirm(s.confirmed[i]);
    id := oms.order_create(pair.items(s.product, 1));
    PERFORM oms.order_confirm(id);
    s.parcels[i] := shipment_id FROM oms.shipment_create(id);
    id := oms.order_create(pair.items(s.product, 1));
    PERFORM oms.order_advance(id);
    s.returns[i] := oms.return_request(id, pair.line(1, 1), 'broken');
    PERFORM oms.return_approve(s.returns[i]);
    s.pending[i] := oms.order_create(CASE i WHEN 1 THEN pair.items(s.product, 4, s.other, 1) ELSE pair.items(s.other, 1, s.product, 4) END);
    s.holds[i] := oms.hold_create(pair.items(s.product, 1), 'cart');
  END LOOP;
  id := oms.hold_create(pair.items(s.product, 1), 'late');
  SET LOCAL session_replication_role = replica;
  UPDATE oms.hold_line SET expires_at = now() - interval '1 h' WHERE hold_id = id;
  SET LOCAL session_replication_role = origin;
  s.counted := moves FROM oms.stock WHERE product_id = s.product AND location_id = 1;
  RETURN s;
END $$;

CREATE FUNCTION pair.make(noun text, situation text, twin boolean) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  s pair.subject;
BEGIN
  -- what earlier holds keep must not be ended by the next hold_expire()
  PERFORM oms.hold_expire();
  DELETE FROM pair.subject AS old WHERE old.twin = make.twin;
  INSERT INTO pair.subject (twin, situation) VALUES (twin, situation) RETURNING * INTO s;
  s.product := oms.product_create('A' || s.id, 'A', 10);
  s.other := oms.product_create('B' || s.id, 'B', 10);
  IF noun = 'order' THEN
    PERFORM oms.stock_receive(s.product, 20), oms.stock_receive(s.other, 20);
    s := pair.make_order(s);
  ELSE
    PERFORM oms.stock_receive(s.product, 15), oms.stock_receive(s.product, 2, location => 'EAST'), oms.stock_receive(s.other, 20);
    s := pair.make_product(s);
  END IF;
  s.orders := ARRAY(SELECT pair.orders(s));
  DELETE FROM pair.subject AS old WHERE old.twin = make.twin;
  INSERT INTO pair.subject OVERRIDING SYSTEM VALUE SELECT s.*;
END $$;

-- Makes the subject that both sessions act on, alone in the database, so that oms.integrity is quick.
CREATE PROCEDURE pair.given(noun text, situation text) LANGUAGE plpgsql AS $$
DECLARE
  name text;
BEGIN
  SET LOCAL session_replication_role = replica;
  FOREACH name IN ARRAY ARRAY['product', 'stock', 'stock_move', 'hold', 'hold_line', 'orders', 'order_line', 'order_history', 'shipment', 'shipment_line',
    'return_order', 'return_line', 'event', 'task'] LOOP
    EXECUTE format('DELETE FROM oms.%I', name);
  END LOOP;
  SET LOCAL session_replication_role = origin;
  DELETE FROM pair.outcome;
  PERFORM pair.make(noun, situation, false);
END $$;

CREATE FUNCTION pair.run(verb text, session integer, twin boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  s pair.subject;
BEGIN
  SELECT * INTO STRICT s FROM pair.subject AS p WHERE p.twin = run.twin;
  EXECUTE 'SELECT ' || regexp_replace((SELECT v.statement FROM pair.verb AS v WHERE v.name = verb), '\$1\.', '($1).', 'g') USING s, session;
  RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
  RETURN sqlstate;
END $$;

-- Runs a verb in a session and keeps how it ended.
CREATE PROCEDURE pair.act(session integer, verb text) LANGUAGE plpgsql AS $$
DECLARE
  result text := pair.run(verb, session, false);
BEGIN
  INSERT INTO pair.outcome VALUES (session, verb, result);
END $$;

-- The orders of a subject, those that a session entered too, in the order of their ids: status, fulfilment, version, hold,
-- [shipments], (returns), and the units of each line: ordered-cancelled-returned.
CREATE FUNCTION pair.orders(s pair.subject) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', o.status, nullif(o.fulfilment, 'none'), 'v' || o.version, CASE WHEN o.hold_reason IS NOT NULL THEN 'held' END,
    (SELECT string_agg('[' || h.state || ']', '' ORDER BY h.id) FROM oms.shipment AS h WHERE h.order_id = o.id),
    (SELECT string_agg('(' || r.state || ')', '' ORDER BY r.id) FROM oms.return_order AS r WHERE r.order_id = o.id),
    (SELECT string_agg(concat_ws('-', l.quantity, l.cancelled, l.returned), ' ' ORDER BY l.line_no) FROM oms.order_line AS l WHERE l.order_id = o.id))
  FROM oms.orders AS o
  WHERE EXISTS (SELECT FROM oms.order_line AS l WHERE l.order_id = o.id AND l.product_id = s.product)
  ORDER BY o.id
$$;

-- What a subject has come to: the orders that changed, by their numbers, stock (on hand/reserved/allocated+backorders; first of
-- the product at MAIN and EAST, then of the other one), the holds on the product, and the product itself.
CREATE FUNCTION pair.state(twin boolean) RETURNS text LANGUAGE sql AS $$
  SELECT concat_ws('; ',
    (SELECT string_agg(o.n || ': ' || o.text, '; ' ORDER BY o.n) FROM pair.orders(s) WITH ORDINALITY AS o (text, n) WHERE o.text IS DISTINCT FROM s.orders[o.n]),
    (SELECT 'stock ' || string_agg(concat_ws('/', t.on_hand, t.reserved, t.allocated) || CASE WHEN t.backorder_limit > 0 THEN '+' || t.backorder_limit ELSE '' END, ' ' ORDER BY t.product_id, t.location_id)
      FROM oms.stock AS t WHERE t.product_id IN (s.product, s.other)),
    (SELECT 'holds ' || string_agg(n.state || CASE WHEN n.state = 'held' AND n.expires_at > now() + interval '30 min' THEN ' longer' ELSE '' END, ', ' ORDER BY n.hold_id, n.line_no)
      FROM oms.hold_line AS n WHERE n.product_id = s.product),
    (SELECT concat_ws(' ', 'product', p.price, CASE WHEN p.archived_at IS NOT NULL THEN 'archived' END) FROM oms.product AS p WHERE p.id = s.product AND p.version > 1))
  FROM pair.subject AS s WHERE s.twin = state.twin
$$;

-- Runs the verbs of the sessions that were not rolled back in turn on the twin: "first" begins. Tells whether that ended as well.
CREATE FUNCTION pair.in_turn(noun text, first integer, state text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  o pair.outcome;
  same boolean := true;
BEGIN
  PERFORM pair.make(noun, (SELECT s.situation FROM pair.subject AS s WHERE NOT s.twin), true);
  FOR o IN SELECT * FROM pair.outcome AS x ORDER BY x.session = first DESC LOOP
    same := pair.run(o.verb, o.session, true) = o.result AND same;
  END LOOP;
  RETURN same AND pair.state(true) = state;
END $$;

-- The end of a permutation: how each verb ended, what is there, in which turn the verbs on their own end so, and what is wrong.
CREATE FUNCTION pair.look(noun text, OUT ended text, OUT state text, OUT as_in_turn text, OUT wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
  ended := (SELECT string_agg(o.verb || ' ' || o.result, ', ' ORDER BY o.session) FROM pair.outcome AS o);
  state := pair.state(false);
  as_in_turn := CASE WHEN pair.in_turn(noun, 1, state) THEN 'first, second' WHEN pair.in_turn(noun, 2, state) THEN 'second, first' ELSE 'NEVER' END;
  wrong := count(*) FROM oms.integrity;
END $$;
