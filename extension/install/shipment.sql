-- shipment: parcels of an order, each from one location
CREATE TABLE IF NOT EXISTS oms.shipment (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id bigint NOT NULL,
  location_id integer NOT NULL,
  state text NOT NULL CHECK (state IN ('OPEN', 'PACKED', 'SHIPPED', 'DELIVERED', 'CANCELLED')),
  carrier text CHECK (length(carrier) <= 100),
  tracking text CHECK (length(tracking) <= 200),
  version bigint NOT NULL DEFAULT 1,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  packed_at timestamptz,
  shipped_at timestamptz,
  delivered_at timestamptz,
  cancelled_at timestamptz,
  CONSTRAINT shipment_stamps CHECK ((state IN ('SHIPPED', 'DELIVERED')) = (shipped_at IS NOT NULL)
    AND (state = 'DELIVERED') = (delivered_at IS NOT NULL) AND (state = 'CANCELLED') = (cancelled_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS shipment_order_id_idx ON oms.shipment (order_id);
CREATE INDEX IF NOT EXISTS shipment_state_idx ON oms.shipment (state, id);
CREATE INDEX IF NOT EXISTS shipment_tracking_idx ON oms.shipment (tracking) WHERE tracking IS NOT NULL;
COMMENT ON TABLE oms.shipment IS 'Parcels of orders, each from one location: OPEN, PACKED, SHIPPED, DELIVERED; or CANCELLED before it shipped.';
COMMENT ON COLUMN oms.shipment.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.shipment.order_id IS 'The order.';
COMMENT ON COLUMN oms.shipment.location_id IS 'Where it leaves from.';
COMMENT ON COLUMN oms.shipment.state IS 'OPEN, PACKED, SHIPPED, DELIVERED or CANCELLED.';
COMMENT ON COLUMN oms.shipment.carrier IS 'Who carries it, at most 100 characters, or null.';
COMMENT ON COLUMN oms.shipment.tracking IS 'The carrier''s number, at most 200 characters, or null.';
COMMENT ON COLUMN oms.shipment.version IS 'Grows by one with each change.';
COMMENT ON COLUMN oms.shipment.created_by IS 'User of the API or database role that made it.';
COMMENT ON COLUMN oms.shipment.created_at IS 'Start of the transaction that made it.';
COMMENT ON COLUMN oms.shipment.packed_at IS 'When it was packed, or null.';
COMMENT ON COLUMN oms.shipment.shipped_at IS 'When it left, or null.';
COMMENT ON COLUMN oms.shipment.delivered_at IS 'When it arrived, or null.';
COMMENT ON COLUMN oms.shipment.cancelled_at IS 'When it was undone, or null.';
COMMENT ON CONSTRAINT shipment_pkey ON oms.shipment IS 'An id names one shipment.';
COMMENT ON CONSTRAINT shipment_state_check ON oms.shipment IS 'A shipment is OPEN, PACKED, SHIPPED, DELIVERED or CANCELLED.';
COMMENT ON CONSTRAINT shipment_carrier_check ON oms.shipment IS 'A carrier has at most 100 characters.';
COMMENT ON CONSTRAINT shipment_tracking_check ON oms.shipment IS 'A tracking number has at most 200 characters.';
COMMENT ON CONSTRAINT shipment_stamps ON oms.shipment IS 'A state that has a time has it, and no other.';
COMMENT ON INDEX oms.shipment_order_id_idx IS 'Serves the shipments of an order.';
COMMENT ON INDEX oms.shipment_state_idx IS 'Serves lists of shipments in a state.';
COMMENT ON INDEX oms.shipment_tracking_idx IS 'Serves the look-up by tracking number.';
COMMENT ON SEQUENCE oms.shipment_id_seq IS 'Gives shipments their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.shipment_line (
  shipment_id bigint NOT NULL,
  line_no integer NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (shipment_id, line_no)
);
COMMENT ON TABLE oms.shipment_line IS 'What is in a shipment. Never changed.';
COMMENT ON COLUMN oms.shipment_line.shipment_id IS 'The shipment.';
COMMENT ON COLUMN oms.shipment_line.line_no IS 'The line of the order.';
COMMENT ON COLUMN oms.shipment_line.quantity IS 'Units of it.';
COMMENT ON CONSTRAINT shipment_line_pkey ON oms.shipment_line IS 'A line of the order stands once in a shipment.';
COMMENT ON CONSTRAINT shipment_line_quantity_check ON oms.shipment_line IS 'At least 1 unit is shipped.';
