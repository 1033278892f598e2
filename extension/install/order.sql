-- orders, their lines and history, and the state machine
CREATE TABLE IF NOT EXISTS oms.order_transition (
  from_status text NOT NULL CHECK (from_status ~ '^[A-Z][A-Z0-9_]{0,31}$'),
  to_status text NOT NULL CONSTRAINT order_transition_check CHECK (to_status ~ '^[A-Z][A-Z0-9_]{0,31}$' AND to_status <> from_status),
  stock_effect text NOT NULL DEFAULT 'none' CHECK (stock_effect IN ('none', 'allocate', 'release', 'ship')),
  least_role text NOT NULL DEFAULT 'oms_staff' CHECK (least_role IN ('oms_staff', 'oms_admin')),
  PRIMARY KEY (from_status, to_status)
);
CREATE TABLE IF NOT EXISTS oms.order_status (
  status text PRIMARY KEY CHECK (status ~ '^[A-Z][A-Z0-9_]{0,31}$'),
  final boolean NOT NULL
);
COMMENT ON TABLE oms.order_status IS 'What is said of statuses beyond their steps: an order may stay for ever in a final one. Extended by administrators with INSERT; statuses that are not here are not final.';
COMMENT ON COLUMN oms.order_status.status IS 'The status.';
COMMENT ON COLUMN oms.order_status.final IS 'Whether an order may end there. From every status that is not final, one that is must be within reach.';
COMMENT ON CONSTRAINT order_status_pkey ON oms.order_status IS 'A status is there once.';
COMMENT ON CONSTRAINT order_status_status_check ON oms.order_status IS 'A status is a capital letter and up to 31 more capital letters, digits and underscores.';
INSERT INTO oms.order_status
SELECT * FROM (VALUES ('DELIVERED', true), ('CANCELLED', true)) AS born
WHERE NOT EXISTS (SELECT FROM oms.order_status);
COMMENT ON TABLE oms.order_transition IS 'The state machine of orders: a row for each step that is allowed. Extended by administrators with INSERT. Every order starts as PENDING.';
COMMENT ON COLUMN oms.order_transition.from_status IS 'Status before the step.';
COMMENT ON COLUMN oms.order_transition.to_status IS 'Status after the step.';
COMMENT ON COLUMN oms.order_transition.stock_effect IS 'What the step does to stock: none, allocate (promise the lines'' units), release (give back whatever is held) or ship (take them off the shelf).';
COMMENT ON COLUMN oms.order_transition.least_role IS 'Least database role that may take the step: oms_staff or oms_admin.';
COMMENT ON CONSTRAINT order_transition_pkey ON oms.order_transition IS 'A step from one status to another is there once.';
COMMENT ON CONSTRAINT order_transition_from_status_check ON oms.order_transition IS 'A status is a capital letter and up to 31 more capital letters, digits and underscores.';
COMMENT ON CONSTRAINT order_transition_check ON oms.order_transition IS 'The status after the step is written like the one before, and is another.';
COMMENT ON CONSTRAINT order_transition_stock_effect_check ON oms.order_transition IS 'The effect on stock is none, allocate, release or ship.';
COMMENT ON CONSTRAINT order_transition_least_role_check ON oms.order_transition IS 'The least role is oms_staff or oms_admin.';
IF NOT EXISTS (SELECT FROM oms.order_transition) THEN
  INSERT INTO oms.order_transition VALUES
    ('PENDING', 'CONFIRMED', 'allocate', 'oms_staff'),
    ('PENDING', 'CANCELLED', 'release', 'oms_staff'),
    ('CONFIRMED', 'PACKED', 'none', 'oms_staff'),
    ('CONFIRMED', 'SHIPPED', 'ship', 'oms_staff'),
    ('CONFIRMED', 'CANCELLED', 'release', 'oms_staff'),
    ('PACKED', 'SHIPPED', 'ship', 'oms_staff'),
    ('PACKED', 'CANCELLED', 'release', 'oms_staff'),
    ('SHIPPED', 'DELIVERED', 'none', 'oms_staff');
END IF;

-- lean on purpose: verbs keep order, lines and stock together, oms.integrity proves it
CREATE TABLE IF NOT EXISTS oms.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_number text NOT NULL,
  status text NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  customer_name text NOT NULL CHECK (customer_name <> '' AND length(customer_name) <= 200),
  total_amount numeric NOT NULL CHECK (total_amount >= 0),
  discount_amount numeric NOT NULL DEFAULT 0,
  tax_amount numeric NOT NULL DEFAULT 0,
  currency text NOT NULL DEFAULT 'USD',
  channel text NOT NULL DEFAULT 'default',
  takes_stock text NOT NULL DEFAULT 'confirm' CHECK (takes_stock = 'confirm' OR takes_stock = 'create' OR takes_stock = 'never'),
  fulfilment text NOT NULL DEFAULT 'none' CHECK (fulfilment = 'none' OR fulfilment = 'full' OR fulfilment = 'partial'),
  shipments integer NOT NULL DEFAULT 0,
  customer_id bigint,
  series_number bigint,
  external_ref text CHECK (external_ref <> '' AND length(external_ref) <= 200),
  hold_reason text,
  attributes jsonb,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT orders_born_pending CHECK (version > 1 OR status = 'PENDING')
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS orders_status_id_idx ON oms.orders (status, id);
CREATE INDEX IF NOT EXISTS orders_created_at_idx ON oms.orders (created_at);
CREATE UNIQUE INDEX IF NOT EXISTS orders_external_ref_key ON oms.orders (channel, external_ref) WHERE external_ref IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS orders_series_number_key ON oms.orders (channel, series_number) WHERE series_number IS NOT NULL;
CREATE INDEX IF NOT EXISTS orders_customer_id_idx ON oms.orders (customer_id, id) WHERE customer_id IS NOT NULL;
COMMENT ON TABLE oms.orders IS 'Orders. Written by the order_ verbs only.';
COMMENT ON COLUMN oms.orders.id IS 'Identifier, drawn from a sequence: later orders have higher ids.';
COMMENT ON COLUMN oms.orders.order_number IS 'Number for people: the channel''s prefix, and the id or the number in the channel''s series with at least 8 digits.';
COMMENT ON COLUMN oms.orders.status IS 'Status: PENDING, CONFIRMED, PACKED, SHIPPED, DELIVERED, CANCELLED, or what oms.order_transition adds.';
COMMENT ON COLUMN oms.orders.version IS 'Number of the last row of oms.order_history; grows by one with each change of the order.';
COMMENT ON COLUMN oms.orders.customer_name IS 'Name of the customer, 1 to 200 characters.';
COMMENT ON COLUMN oms.orders.total_amount IS 'Sum of the lines'' line_total, in the currency''s major unit, with its decimals.';
COMMENT ON COLUMN oms.orders.discount_amount IS 'Sum of the lines'' discount, in the currency''s major unit.';
COMMENT ON COLUMN oms.orders.tax_amount IS 'Sum of the lines'' tax, in the currency''s major unit.';
COMMENT ON COLUMN oms.orders.currency IS 'Code of the currency (ISO 4217), see oms.currency.';
COMMENT ON COLUMN oms.orders.channel IS 'Code of the channel that the order came by, see oms.channel.';
COMMENT ON COLUMN oms.orders.takes_stock IS 'When the order takes stock: at confirm; at create (units are reserved until then); or never, for historical orders imported without.';
COMMENT ON COLUMN oms.orders.fulfilment IS 'How much of the order has left the shelf: none, partial or full.';
COMMENT ON COLUMN oms.orders.shipments IS 'How many rows of oms.shipment the order has had.';
COMMENT ON COLUMN oms.orders.customer_id IS 'The customer, where one of oms.customer was named, or null.';
COMMENT ON COLUMN oms.orders.series_number IS 'Number in the gapless series of the channel, or null.';
COMMENT ON COLUMN oms.orders.external_ref IS 'Name of the order in the system it came from, unique in its channel, at most 200 characters, or null.';
COMMENT ON COLUMN oms.orders.hold_reason IS 'Why the order is on hold, or null when it is not.';
COMMENT ON COLUMN oms.orders.attributes IS 'What others want to keep with the order: a JSON object, or null.';
COMMENT ON COLUMN oms.orders.created_by IS 'User of the API or database role that entered the order.';
COMMENT ON COLUMN oms.orders.created_at IS 'Start of the transaction that entered the order.';
COMMENT ON COLUMN oms.orders.updated_at IS 'Start of the transaction of the last change.';
COMMENT ON CONSTRAINT orders_pkey ON oms.orders IS 'An id names one order; serves lists in the order of entry.';
COMMENT ON CONSTRAINT orders_version_check ON oms.orders IS 'Versions begin with 1.';
COMMENT ON CONSTRAINT orders_customer_name_check ON oms.orders IS 'A customer''s name has 1 to 200 characters.';
COMMENT ON CONSTRAINT orders_total_amount_check ON oms.orders IS 'A total is not negative, in the currency''s major unit.';
COMMENT ON CONSTRAINT orders_takes_stock_check ON oms.orders IS 'Stock is taken at confirm, at create or never.';
COMMENT ON CONSTRAINT orders_fulfilment_check ON oms.orders IS 'None, a part or all of an order has left the shelf.';
COMMENT ON CONSTRAINT orders_external_ref_check ON oms.orders IS 'An external reference has 1 to 200 characters.';
COMMENT ON CONSTRAINT orders_born_pending ON oms.orders IS 'An order that has not moved yet is PENDING.';
COMMENT ON INDEX oms.orders_status_id_idx IS 'Serves lists of orders in a status, the newest first.';
COMMENT ON INDEX oms.orders_created_at_idx IS 'Serves lists and reports of a span of time.';
COMMENT ON INDEX oms.orders_external_ref_key IS 'An external reference names one order of its channel.';
COMMENT ON INDEX oms.orders_series_number_key IS 'A number of a series is given once; serves the look-up by number.';
COMMENT ON INDEX oms.orders_customer_id_idx IS 'Serves the orders of a customer, the newest first.';
COMMENT ON SEQUENCE oms.orders_id_seq IS 'Gives orders their ids, of which order_number is made; numbers may be skipped, but none is given twice.';

-- what the machine was: a version for each statement that changed it
CREATE TABLE IF NOT EXISTS oms.order_machine (
  version bigint PRIMARY KEY,
  machine jsonb NOT NULL,
  actor text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE oms.order_machine IS 'Every version of the state machine of orders, append-only; the last is the present one. Written when oms.order_transition or oms.order_status changes.';
COMMENT ON COLUMN oms.order_machine.version IS 'Number of the version: 1 is the machine as installed. The version of the event order_machine.changed.';
COMMENT ON COLUMN oms.order_machine.machine IS 'The machine: {"statuses": [{"status", "final", "holds"}], "steps": [{"from", "to", "stock_effect", "least_role"}]}.';
COMMENT ON COLUMN oms.order_machine.actor IS 'User of the API or database role that changed it.';
COMMENT ON COLUMN oms.order_machine.changed_at IS 'Start of the transaction that changed it.';
COMMENT ON CONSTRAINT order_machine_pkey ON oms.order_machine IS 'A version is there once; serves reading the last.';
IF NOT EXISTS (SELECT FROM oms.order_machine) THEN
  INSERT INTO oms.order_machine (version, machine, actor) VALUES (1, oms_rest.order_states(NULL, NULL), 'oms');
END IF;

CREATE TABLE IF NOT EXISTS oms.order_line (
  order_id bigint NOT NULL,
  line_no integer NOT NULL CHECK (line_no > 0),
  product_id bigint NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  sku text NOT NULL,
  name text NOT NULL,
  price numeric NOT NULL CHECK (price >= 0),
  line_total numeric NOT NULL,
  discount numeric NOT NULL DEFAULT 0,
  tax numeric NOT NULL DEFAULT 0,
  tax_rate numeric NOT NULL DEFAULT 0,
  tax_included boolean NOT NULL DEFAULT false,
  cancelled bigint NOT NULL DEFAULT 0,
  returned bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (order_id, line_no),
  CONSTRAINT order_line_counts CHECK (cancelled >= 0 AND returned >= 0 AND cancelled + returned <= quantity),
  CONSTRAINT order_line_adds_up CHECK (line_total = price * (quantity - cancelled) - discount + CASE WHEN tax_included THEN 0 ELSE tax END
    AND discount >= 0 AND tax >= 0 AND line_total >= 0)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE oms.order_line IS 'Lines of orders, as sold. Changed by amending, by cancelling a part and by returns only; what is allocated and shipped of a line is the sum of its rows of oms.stock_move.';
COMMENT ON COLUMN oms.order_line.order_id IS 'The order.';
COMMENT ON COLUMN oms.order_line.line_no IS 'Number of the line in its order: 1, 2, 3, ...';
COMMENT ON COLUMN oms.order_line.product_id IS 'The product.';
COMMENT ON COLUMN oms.order_line.quantity IS 'Units ordered.';
COMMENT ON COLUMN oms.order_line.sku IS 'The product''s SKU when it was sold.';
COMMENT ON COLUMN oms.order_line.name IS 'The product''s name when it was sold.';
COMMENT ON COLUMN oms.order_line.price IS 'Price of one unit when it was sold, with the currency''s decimals.';
COMMENT ON COLUMN oms.order_line.line_total IS 'What the line costs: price times the units that are not cancelled, less discount, and with tax.';
COMMENT ON COLUMN oms.order_line.discount IS 'Taken off the line, its share of the order''s discount included, in the currency''s major unit.';
COMMENT ON COLUMN oms.order_line.tax IS 'Tax of the line, rounded as the channel says, in the currency''s major unit.';
COMMENT ON COLUMN oms.order_line.tax_rate IS 'Tax in percent, at most 4 decimals.';
COMMENT ON COLUMN oms.order_line.tax_included IS 'Whether price holds the tax already.';
COMMENT ON COLUMN oms.order_line.cancelled IS 'Units of quantity that are no longer wanted.';
COMMENT ON COLUMN oms.order_line.returned IS 'Units that shipped and came back.';
COMMENT ON CONSTRAINT order_line_pkey ON oms.order_line IS 'Each number stands once in an order; serves reading an order''s lines.';
COMMENT ON CONSTRAINT order_line_line_no_check ON oms.order_line IS 'Lines are numbered from 1.';
COMMENT ON CONSTRAINT order_line_quantity_check ON oms.order_line IS 'At least 1 unit is ordered.';
COMMENT ON CONSTRAINT order_line_price_check ON oms.order_line IS 'A price is not negative, in the currency''s major unit for one unit.';
COMMENT ON CONSTRAINT order_line_counts ON oms.order_line IS 'No more units are cancelled and returned than were ordered.';
COMMENT ON CONSTRAINT order_line_adds_up ON oms.order_line IS 'The line''s total is price times wanted units less discount plus tax, exactly.';

CREATE TABLE IF NOT EXISTS oms.order_history (
  order_id bigint NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  from_status text,
  to_status text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  reason text,
  action text,
  detail jsonb,
  PRIMARY KEY (order_id, seq),
  CONSTRAINT order_history_starts CHECK ((seq = 1) = (from_status IS NULL))
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE oms.order_history IS 'Each change of each order, append-only: transitions from status to status, and what happened within a status.';
COMMENT ON COLUMN oms.order_history.order_id IS 'The order.';
COMMENT ON COLUMN oms.order_history.seq IS 'Number of the step: 1 is the birth; equals the version of the order after it.';
COMMENT ON COLUMN oms.order_history.from_status IS 'Status before, null at birth.';
COMMENT ON COLUMN oms.order_history.to_status IS 'Status after.';
COMMENT ON COLUMN oms.order_history.changed_at IS 'Start of the transaction that took the step.';
COMMENT ON COLUMN oms.order_history.actor IS 'User of the API or database role that took the step.';
COMMENT ON COLUMN oms.order_history.reason IS 'Why, where it was said.';
COMMENT ON COLUMN oms.order_history.action IS 'Null for a transition; else what happened within the status, such as amend, update, hold, release, cancel_lines, ship_part.';
COMMENT ON COLUMN oms.order_history.detail IS 'What belongs to the action, such as the lines and units, or null.';
COMMENT ON CONSTRAINT order_history_pkey ON oms.order_history IS 'Each step of an order has a number of its own; serves reading an order''s history.';
COMMENT ON CONSTRAINT order_history_seq_check ON oms.order_history IS 'Steps are numbered from 1.';
COMMENT ON CONSTRAINT order_history_starts ON oms.order_history IS 'The first step, and no other, has no status before it.';

CREATE TABLE IF NOT EXISTS oms.order_note (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id bigint NOT NULL,
  note text NOT NULL CHECK (note <> '' AND length(note) <= 10000),
  actor text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS order_note_order_id_idx ON oms.order_note (order_id);
COMMENT ON TABLE oms.order_note IS 'Notes on orders, append-only.';
COMMENT ON COLUMN oms.order_note.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.order_note.order_id IS 'The order.';
COMMENT ON COLUMN oms.order_note.note IS 'The note, 1 to 10000 characters.';
COMMENT ON COLUMN oms.order_note.actor IS 'User of the API or database role that wrote it.';
COMMENT ON COLUMN oms.order_note.at IS 'Start of the transaction that wrote it.';
COMMENT ON CONSTRAINT order_note_pkey ON oms.order_note IS 'An id names one note.';
COMMENT ON CONSTRAINT order_note_note_check ON oms.order_note IS 'A note has 1 to 10000 characters.';
COMMENT ON INDEX oms.order_note_order_id_idx IS 'Serves the notes of an order.';
COMMENT ON SEQUENCE oms.order_note_id_seq IS 'Gives notes their ids; numbers may be skipped, but none is given twice.';

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
