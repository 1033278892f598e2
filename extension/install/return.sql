-- return: goods that come back
CREATE TABLE IF NOT EXISTS oms.return_order (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('REQUESTED', 'APPROVED', 'RECEIVED', 'REJECTED', 'CANCELLED')),
  reason text NOT NULL CHECK (reason <> '' AND length(reason) <= 1000),
  answer text CHECK (length(answer) <= 1000),
  refund_amount numeric NOT NULL DEFAULT 0 CHECK (refund_amount >= 0),
  version bigint NOT NULL DEFAULT 1,
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS return_order_order_id_idx ON oms.return_order (order_id);
CREATE INDEX IF NOT EXISTS return_order_state_idx ON oms.return_order (state, id);
COMMENT ON TABLE oms.return_order IS 'Returns of shipped units: REQUESTED, APPROVED, RECEIVED (all of it, or closed with what came); or REJECTED, or CANCELLED before anything came.';
COMMENT ON COLUMN oms.return_order.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.return_order.order_id IS 'The order.';
COMMENT ON COLUMN oms.return_order.state IS 'REQUESTED, APPROVED, RECEIVED, REJECTED or CANCELLED.';
COMMENT ON COLUMN oms.return_order.reason IS 'Why the goods come back, 1 to 1000 characters.';
COMMENT ON COLUMN oms.return_order.answer IS 'Why it was rejected, cancelled or closed, or null.';
COMMENT ON COLUMN oms.return_order.refund_amount IS 'What is due to the customer for the units received so far, in the order''s currency: the sum of the lines'' refund. Computed, not paid.';
COMMENT ON COLUMN oms.return_order.version IS 'Grows by one with each change.';
COMMENT ON COLUMN oms.return_order.created_by IS 'User of the API or database role that requested it.';
COMMENT ON COLUMN oms.return_order.created_at IS 'Start of the transaction that requested it.';
COMMENT ON COLUMN oms.return_order.updated_at IS 'Start of the transaction of the last change.';
COMMENT ON CONSTRAINT return_order_pkey ON oms.return_order IS 'An id names one return.';
COMMENT ON CONSTRAINT return_order_state_check ON oms.return_order IS 'A return is REQUESTED, APPROVED, RECEIVED, REJECTED or CANCELLED.';
COMMENT ON CONSTRAINT return_order_reason_check ON oms.return_order IS 'A reason has 1 to 1000 characters.';
COMMENT ON CONSTRAINT return_order_answer_check ON oms.return_order IS 'An answer has at most 1000 characters.';
COMMENT ON CONSTRAINT return_order_refund_amount_check ON oms.return_order IS 'A refund is not negative.';
COMMENT ON INDEX oms.return_order_order_id_idx IS 'Serves the returns of an order.';
COMMENT ON INDEX oms.return_order_state_idx IS 'Serves lists of returns in a state.';
COMMENT ON SEQUENCE oms.return_order_id_seq IS 'Gives returns their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.return_line (
  return_id bigint NOT NULL,
  line_no integer NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  restocked bigint NOT NULL DEFAULT 0,
  scrapped bigint NOT NULL DEFAULT 0,
  refund numeric NOT NULL DEFAULT 0 CHECK (refund >= 0),
  PRIMARY KEY (return_id, line_no),
  CONSTRAINT return_line_counts CHECK (restocked >= 0 AND scrapped >= 0 AND restocked + scrapped <= quantity)
);
COMMENT ON TABLE oms.return_line IS 'What comes back in a return.';
COMMENT ON COLUMN oms.return_line.return_id IS 'The return.';
COMMENT ON COLUMN oms.return_line.line_no IS 'The line of the order.';
COMMENT ON COLUMN oms.return_line.quantity IS 'Units that are to come back.';
COMMENT ON COLUMN oms.return_line.restocked IS 'Units that came and were put on the shelf.';
COMMENT ON COLUMN oms.return_line.scrapped IS 'Units that came and were thrown away.';
COMMENT ON COLUMN oms.return_line.refund IS 'What is due for the units received so far, in the order''s currency.';
COMMENT ON CONSTRAINT return_line_pkey ON oms.return_line IS 'A line of the order stands once in a return.';
COMMENT ON CONSTRAINT return_line_quantity_check ON oms.return_line IS 'At least 1 unit comes back.';
COMMENT ON CONSTRAINT return_line_refund_check ON oms.return_line IS 'A refund is not negative.';
COMMENT ON CONSTRAINT return_line_counts ON oms.return_line IS 'No more units are received than were to come back.';
