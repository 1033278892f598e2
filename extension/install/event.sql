-- event: the outbox
CREATE TABLE IF NOT EXISTS oms.event (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  at timestamptz NOT NULL DEFAULT now(),
  type text NOT NULL,
  aggregate text NOT NULL,
  aggregate_id bigint NOT NULL,
  version bigint NOT NULL,
  actor text NOT NULL,
  request_id text,
  payload jsonb
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE oms.event IS 'What happened, written in the transaction that made it happen. Append-only.';
COMMENT ON COLUMN oms.event.id IS 'Identifier, drawn from a sequence; ids do not follow the order of commits.';
COMMENT ON COLUMN oms.event.xid IS 'Transaction that wrote the event: a reader that stays below pg_snapshot_xmin(pg_current_snapshot()) and goes by (xid, id) misses none.';
COMMENT ON COLUMN oms.event.at IS 'Start of that transaction.';
COMMENT ON COLUMN oms.event.type IS 'What happened, such as order.created, order.confirmed, stock.adjusted, stock.low, product.updated.';
COMMENT ON COLUMN oms.event.aggregate IS 'Kind of thing it happened to, such as order, product, stock, customer or channel.';
COMMENT ON COLUMN oms.event.aggregate_id IS 'Which one; 0 for a channel, whose code is in the payload.';
COMMENT ON COLUMN oms.event.version IS 'Version of the thing after the event; order.note_added leaves it as it was; for stock, the seq of the move at the location.';
COMMENT ON COLUMN oms.event.actor IS 'User of the API or database role that did it.';
COMMENT ON COLUMN oms.event.request_id IS 'X-Request-Id of the REST request that did it, or null.';
COMMENT ON COLUMN oms.event.payload IS 'What belongs to the type, or null; for stock, the location''s code, and to_location of a transfer.';
CREATE INDEX IF NOT EXISTS event_order_idx ON oms.event (aggregate_id) WHERE aggregate = 'order';
COMMENT ON INDEX oms.event_order_idx IS 'Serves the events of one order.';
COMMENT ON CONSTRAINT event_pkey ON oms.event IS 'An id names one event.';
COMMENT ON SEQUENCE oms.event_id_seq IS 'Gives events their ids, which do not follow the order of commits; numbers may be skipped, but none is given twice.';
