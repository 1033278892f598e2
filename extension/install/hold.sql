-- hold: stock kept for somebody for a while, such as another system's checkout
CREATE TABLE IF NOT EXISTS oms.hold (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  owner text NOT NULL CHECK (owner <> '' AND length(owner) <= 200),
  order_id bigint,
  version bigint NOT NULL DEFAULT 1,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS hold_order_id_idx ON oms.hold (order_id) WHERE order_id IS NOT NULL;
COMMENT ON TABLE oms.hold IS 'Stock kept for somebody until a time. What is held stands in oms.hold_line.';
COMMENT ON COLUMN oms.hold.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.hold.owner IS 'For whom, in the words of who holds, such as a cart''s name; 1 to 200 characters.';
COMMENT ON COLUMN oms.hold.order_id IS 'The order that the hold became, or null.';
COMMENT ON COLUMN oms.hold.version IS 'Raised by 1 with each change: the version of its events.';
COMMENT ON COLUMN oms.hold.created_by IS 'User of the API or database role that made it.';
COMMENT ON COLUMN oms.hold.created_at IS 'Start of the transaction that made it.';
COMMENT ON COLUMN oms.hold.updated_at IS 'Start of the transaction of the last change.';
COMMENT ON CONSTRAINT hold_pkey ON oms.hold IS 'An id names one hold.';
COMMENT ON CONSTRAINT hold_owner_check ON oms.hold IS 'An owner has 1 to 200 characters.';
COMMENT ON INDEX oms.hold_order_id_idx IS 'Serves the timeline of an order, which tells of the hold that it was.';
COMMENT ON SEQUENCE oms.hold_id_seq IS 'Gives holds their ids; numbers may be skipped, but none is given twice.';

-- a line changes only while its row of stock is locked, so a confirm that finds it expired may end it at once
CREATE TABLE IF NOT EXISTS oms.hold_line (
  hold_id bigint NOT NULL,
  line_no integer NOT NULL CHECK (line_no > 0),
  product_id bigint NOT NULL,
  location_id integer NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  expires_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'released', 'expired', 'consumed')),
  PRIMARY KEY (hold_id, line_no)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX IF NOT EXISTS hold_line_product_id_idx ON oms.hold_line (product_id, location_id) WHERE state = 'held';
CREATE INDEX IF NOT EXISTS hold_line_expires_at_idx ON oms.hold_line (expires_at) WHERE state = 'held';
COMMENT ON TABLE oms.hold_line IS 'Units of a product at a location that a hold keeps. Those that are held make up oms.stock.reserved.';
COMMENT ON COLUMN oms.hold_line.hold_id IS 'The hold.';
COMMENT ON COLUMN oms.hold_line.line_no IS 'Number of the line in the hold.';
COMMENT ON COLUMN oms.hold_line.product_id IS 'The product.';
COMMENT ON COLUMN oms.hold_line.location_id IS 'The location.';
COMMENT ON COLUMN oms.hold_line.quantity IS 'Units held.';
COMMENT ON COLUMN oms.hold_line.expires_at IS 'When they are free again; the same for all lines of a hold.';
COMMENT ON COLUMN oms.hold_line.state IS 'held, released, expired (the worker or a confirm that needed the units ended it) or consumed (became an order).';
COMMENT ON CONSTRAINT hold_line_pkey ON oms.hold_line IS 'Each number stands once in a hold.';
COMMENT ON CONSTRAINT hold_line_line_no_check ON oms.hold_line IS 'Lines are numbered from 1.';
COMMENT ON CONSTRAINT hold_line_quantity_check ON oms.hold_line IS 'At least 1 unit is held.';
COMMENT ON CONSTRAINT hold_line_state_check ON oms.hold_line IS 'A line is held, released, expired or consumed.';
COMMENT ON INDEX oms.hold_line_product_id_idx IS 'Serves a confirm that looks for expired units of its products, and the proof that reserved adds up.';
COMMENT ON INDEX oms.hold_line_expires_at_idx IS 'Serves the worker, which ends what has expired.';
