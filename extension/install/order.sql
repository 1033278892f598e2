-- orders, their lines and history, and the state machine
CREATE TABLE IF NOT EXISTS oms.order_transition (
  from_status text NOT NULL CHECK (from_status ~ '^[A-Z][A-Z0-9_]{0,31}$'),
  to_status text NOT NULL CONSTRAINT order_transition_check CHECK (to_status ~ '^[A-Z][A-Z0-9_]{0,31}$' AND to_status <> from_status),
  stock_effect text NOT NULL DEFAULT 'none' CHECK (stock_effect IN ('none', 'allocate', 'release', 'ship')),
  least_role text NOT NULL DEFAULT 'oms_staff' CHECK (least_role IN ('oms_staff', 'oms_admin')),
  PRIMARY KEY (from_status, to_status)
);
COMMENT ON TABLE oms.order_transition IS 'The state machine of orders: a row for each step that is allowed. Extended by administrators with INSERT. Every order starts as PENDING.';
COMMENT ON COLUMN oms.order_transition.from_status IS 'Status before the step.';
COMMENT ON COLUMN oms.order_transition.to_status IS 'Status after the step.';
COMMENT ON COLUMN oms.order_transition.stock_effect IS 'What the step does to stock: none, allocate (promise the lines'' units), release (take the promise back) or ship (take them off the shelf).';
COMMENT ON COLUMN oms.order_transition.least_role IS 'Least database role that may take the step: oms_staff or oms_admin.';
COMMENT ON CONSTRAINT order_transition_pkey ON oms.order_transition IS 'A step from one status to another is there once.';
COMMENT ON CONSTRAINT order_transition_from_status_check ON oms.order_transition IS 'A status is a capital letter and up to 31 more capital letters, digits and underscores.';
COMMENT ON CONSTRAINT order_transition_check ON oms.order_transition IS 'The status after the step is written like the one before, and is another.';
COMMENT ON CONSTRAINT order_transition_stock_effect_check ON oms.order_transition IS 'The effect on stock is none, allocate, release or ship.';
COMMENT ON CONSTRAINT order_transition_least_role_check ON oms.order_transition IS 'The least role is oms_staff or oms_admin.';
INSERT INTO oms.order_transition
SELECT * FROM (VALUES
  ('PENDING', 'CONFIRMED', 'allocate', 'oms_staff'),
  ('PENDING', 'CANCELLED', 'none', 'oms_staff'),
  ('CONFIRMED', 'PACKED', 'none', 'oms_staff'),
  ('CONFIRMED', 'SHIPPED', 'ship', 'oms_staff'),
  ('CONFIRMED', 'CANCELLED', 'release', 'oms_staff'),
  ('PACKED', 'SHIPPED', 'ship', 'oms_staff'),
  ('PACKED', 'CANCELLED', 'release', 'oms_staff'),
  ('SHIPPED', 'DELIVERED', 'none', 'oms_staff')
) AS born
WHERE NOT EXISTS (SELECT FROM oms.order_transition);

-- lean on purpose: verbs keep order, lines and stock together, oms.integrity proves it
CREATE TABLE IF NOT EXISTS oms.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_number text NOT NULL,
  status text NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  customer_name text NOT NULL CHECK (customer_name <> '' AND length(customer_name) <= 200),
  total_amount numeric NOT NULL CHECK (total_amount >= 0),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT orders_born_pending CHECK (version > 1 OR status = 'PENDING')
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS orders_status_id_idx ON oms.orders (status, id);
CREATE INDEX IF NOT EXISTS orders_created_at_idx ON oms.orders (created_at);
COMMENT ON TABLE oms.orders IS 'Orders. Written by the order_ verbs only.';
COMMENT ON COLUMN oms.orders.id IS 'Identifier, drawn from a sequence: later orders have higher ids.';
COMMENT ON COLUMN oms.orders.order_number IS 'Number for people: SO- and the id with at least 8 digits.';
COMMENT ON COLUMN oms.orders.status IS 'Status: PENDING, CONFIRMED, PACKED, SHIPPED, DELIVERED, CANCELLED, or what oms.order_transition adds.';
COMMENT ON COLUMN oms.orders.version IS 'Number of the last row of oms.order_history; grows by one with each transition.';
COMMENT ON COLUMN oms.orders.customer_name IS 'Name of the customer, 1 to 200 characters.';
COMMENT ON COLUMN oms.orders.total_amount IS 'Sum of the lines'' line_total, in the currency''s major unit, with 2 decimals.';
COMMENT ON COLUMN oms.orders.created_by IS 'User of the API or database role that entered the order.';
COMMENT ON COLUMN oms.orders.created_at IS 'Start of the transaction that entered the order.';
COMMENT ON COLUMN oms.orders.updated_at IS 'Start of the transaction of the last transition.';
COMMENT ON CONSTRAINT orders_pkey ON oms.orders IS 'An id names one order; serves lists in the order of entry.';
COMMENT ON CONSTRAINT orders_version_check ON oms.orders IS 'Versions begin with 1.';
COMMENT ON CONSTRAINT orders_customer_name_check ON oms.orders IS 'A customer''s name has 1 to 200 characters.';
COMMENT ON CONSTRAINT orders_total_amount_check ON oms.orders IS 'A total is not negative, in the currency''s major unit.';
COMMENT ON CONSTRAINT orders_born_pending ON oms.orders IS 'An order that has not moved yet is PENDING.';
COMMENT ON INDEX oms.orders_status_id_idx IS 'Serves lists of orders in a status, the newest first.';
COMMENT ON INDEX oms.orders_created_at_idx IS 'Serves lists and reports of a span of time.';
COMMENT ON SEQUENCE oms.orders_id_seq IS 'Gives orders their ids, of which order_number is made; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.order_line (
  order_id bigint NOT NULL,
  line_no integer NOT NULL CHECK (line_no > 0),
  product_id bigint NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  sku text NOT NULL,
  name text NOT NULL,
  price numeric NOT NULL CHECK (price >= 0),
  line_total numeric NOT NULL CONSTRAINT order_line_total_is_product CHECK (line_total = price * quantity),
  PRIMARY KEY (order_id, line_no)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE oms.order_line IS 'Lines of orders, as sold. Never changed.';
COMMENT ON COLUMN oms.order_line.order_id IS 'The order.';
COMMENT ON COLUMN oms.order_line.line_no IS 'Number of the line in its order: 1, 2, 3, ...';
COMMENT ON COLUMN oms.order_line.product_id IS 'The product.';
COMMENT ON COLUMN oms.order_line.quantity IS 'Units ordered.';
COMMENT ON COLUMN oms.order_line.sku IS 'The product''s SKU when it was sold.';
COMMENT ON COLUMN oms.order_line.name IS 'The product''s name when it was sold.';
COMMENT ON COLUMN oms.order_line.price IS 'Price of one unit when it was sold, with 2 decimals.';
COMMENT ON COLUMN oms.order_line.line_total IS 'price times quantity; both have at most 2 decimals, so nothing is rounded.';
COMMENT ON CONSTRAINT order_line_pkey ON oms.order_line IS 'Each number stands once in an order; serves reading an order''s lines.';
COMMENT ON CONSTRAINT order_line_line_no_check ON oms.order_line IS 'Lines are numbered from 1.';
COMMENT ON CONSTRAINT order_line_quantity_check ON oms.order_line IS 'At least 1 unit is ordered.';
COMMENT ON CONSTRAINT order_line_price_check ON oms.order_line IS 'A price is not negative, in the currency''s major unit for one unit.';
COMMENT ON CONSTRAINT order_line_total_is_product ON oms.order_line IS 'The line''s total is price times quantity, exactly.';

CREATE TABLE IF NOT EXISTS oms.order_history (
  order_id bigint NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  from_status text,
  to_status text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  reason text,
  PRIMARY KEY (order_id, seq),
  CONSTRAINT order_history_starts CHECK ((seq = 1) = (from_status IS NULL))
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE oms.order_history IS 'Each status that each order ever had, append-only.';
COMMENT ON COLUMN oms.order_history.order_id IS 'The order.';
COMMENT ON COLUMN oms.order_history.seq IS 'Number of the step: 1 is the birth; equals the version of the order after it.';
COMMENT ON COLUMN oms.order_history.from_status IS 'Status before, null at birth.';
COMMENT ON COLUMN oms.order_history.to_status IS 'Status after.';
COMMENT ON COLUMN oms.order_history.changed_at IS 'Start of the transaction that took the step.';
COMMENT ON COLUMN oms.order_history.actor IS 'User of the API or database role that took the step.';
COMMENT ON COLUMN oms.order_history.reason IS 'Why, where it was said.';
COMMENT ON CONSTRAINT order_history_pkey ON oms.order_history IS 'Each step of an order has a number of its own; serves reading an order''s history.';
COMMENT ON CONSTRAINT order_history_seq_check ON oms.order_history IS 'Steps are numbered from 1.';
COMMENT ON CONSTRAINT order_history_starts ON oms.order_history IS 'The first step, and no other, has no status before it.';

CREATE TABLE IF NOT EXISTS oms.idempotency (
  actor text NOT NULL,
  key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL,
  response json NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (actor, key)
);
CREATE INDEX IF NOT EXISTS idempotency_created_at_idx ON oms.idempotency USING brin (created_at);
COMMENT ON TABLE oms.idempotency IS 'Answers of requests that carried an Idempotency-Key, written in the transaction of their effect.';
COMMENT ON COLUMN oms.idempotency.actor IS 'User of the API; keys of one user do not meet those of another.';
COMMENT ON COLUMN oms.idempotency.key IS 'The Idempotency-Key, 1 to 255 characters.';
COMMENT ON COLUMN oms.idempotency.request_hash IS 'SHA-256 of the operation and the request body.';
COMMENT ON COLUMN oms.idempotency.response IS 'The answer that was given, and is given again.';
COMMENT ON COLUMN oms.idempotency.created_at IS 'When; rows older than oms.idempotency_retention are removed by the worker.';
COMMENT ON CONSTRAINT idempotency_pkey ON oms.idempotency IS 'A key of a user has one answer, so that a request repeated with it takes effect once.';
COMMENT ON CONSTRAINT idempotency_key_check ON oms.idempotency IS 'A key has 1 to 255 characters.';
COMMENT ON INDEX oms.idempotency_created_at_idx IS 'Serves the worker, which removes answers older than oms.idempotency_retention; BRIN, for rows come in the order of time.';
