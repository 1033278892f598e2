-- location, stock and its ledger
CREATE TABLE IF NOT EXISTS oms.location (
  id integer GENERATED ALWAYS AS IDENTITY (START WITH 2) PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code <> '' AND length(code) <= 32),
  name text NOT NULL,
  priority integer NOT NULL DEFAULT 100,
  active boolean NOT NULL DEFAULT true
);
INSERT INTO oms.location (id, code, name) OVERRIDING SYSTEM VALUE
SELECT 1, 'MAIN', 'Main' WHERE NOT EXISTS (SELECT FROM oms.location);
COMMENT ON TABLE oms.location IS 'Where stock lies. Orders take from the active ones: from as few as possible, and among equals from those with the lowest priority number.';
COMMENT ON COLUMN oms.location.id IS 'Identifier, drawn from a sequence; MAIN has 1.';
COMMENT ON COLUMN oms.location.code IS 'Short unique name, such as MAIN.';
COMMENT ON COLUMN oms.location.name IS 'Name for people.';
COMMENT ON COLUMN oms.location.priority IS 'Lower numbers are taken from first; equal ones in the order of their ids.';
COMMENT ON COLUMN oms.location.active IS 'Whether orders and holds may take from it; stock may be booked there all the same.';
COMMENT ON CONSTRAINT location_pkey ON oms.location IS 'An id names one location.';
COMMENT ON CONSTRAINT location_code_key ON oms.location IS 'A code names one location.';
COMMENT ON CONSTRAINT location_code_check ON oms.location IS 'A code has 1 to 32 characters.';
COMMENT ON SEQUENCE oms.location_id_seq IS 'Gives locations their ids, from 2 on, for MAIN has 1; numbers may be skipped, but none is given twice.';
GRANT EXECUTE ON FUNCTION oms_rest.location_list, oms_rest.location_get TO oms_staff;
GRANT EXECUTE ON FUNCTION oms.location_create, oms.location_update, oms_rest.location_create, oms_rest.location_update TO oms_admin;

-- counters change in place: no index on them, room for HOT updates, and no foreign key, for products are never deleted;
-- what changes stands side by side, for the log gets all from the first changed byte of a row to the last
CREATE TABLE IF NOT EXISTS oms.stock (
  id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  product_id bigint NOT NULL,
  location_id integer NOT NULL,
  on_hand bigint NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  allocated bigint NOT NULL DEFAULT 0 CHECK (allocated >= 0),
  available bigint GENERATED ALWAYS AS (on_hand - reserved - allocated) STORED,
  moves bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  low_stock_threshold bigint NOT NULL DEFAULT 10 CHECK (low_stock_threshold >= 0),
  reorder_quantity bigint CHECK (reorder_quantity > 0),
  backorder_limit bigint NOT NULL DEFAULT 0 CHECK (backorder_limit >= 0),
  PRIMARY KEY (product_id, location_id),
  CONSTRAINT stock_never_oversold CHECK (reserved + allocated <= on_hand + backorder_limit)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE oms.stock IS 'Stock of a product at a location, in units. Changes only together with a row of oms.stock_move.';
COMMENT ON COLUMN oms.stock.id IS 'Identifier: the id of the inventory record in the REST API.';
COMMENT ON COLUMN oms.stock.product_id IS 'The product.';
COMMENT ON COLUMN oms.stock.location_id IS 'The location.';
COMMENT ON COLUMN oms.stock.on_hand IS 'Units that lie on the shelf.';
COMMENT ON COLUMN oms.stock.reserved IS 'Units held: by oms.hold, or by orders that take stock before they are confirmed.';
COMMENT ON COLUMN oms.stock.allocated IS 'Units promised to confirmed orders that have not shipped.';
COMMENT ON COLUMN oms.stock.available IS 'Units that can be sold from the shelf: on_hand - reserved - allocated; below zero by what is backordered. The REST API calls it quantity.';
COMMENT ON COLUMN oms.stock.low_stock_threshold IS 'The reorder point: stock is low when available is at or below this number of units.';
COMMENT ON COLUMN oms.stock.reorder_quantity IS 'Units to order when stock is low, or null.';
COMMENT ON COLUMN oms.stock.backorder_limit IS 'Units that may be promised beyond those on the shelf; available then goes below zero.';
COMMENT ON COLUMN oms.stock.moves IS 'How many moves this row has had: the seq of its last oms.stock_move.';
COMMENT ON COLUMN oms.stock.updated_at IS 'Time of the last move or change of the threshold.';
COMMENT ON CONSTRAINT stock_pkey ON oms.stock IS 'A product has one row at a location; serves the look-up by product.';
COMMENT ON CONSTRAINT stock_id_key ON oms.stock IS 'An id names one row; serves the REST API''s inventory records.';
COMMENT ON CONSTRAINT stock_on_hand_check ON oms.stock IS 'Units on the shelf are never negative.';
COMMENT ON CONSTRAINT stock_reserved_check ON oms.stock IS 'Units reserved are never negative.';
COMMENT ON CONSTRAINT stock_allocated_check ON oms.stock IS 'Units allocated are never negative.';
COMMENT ON CONSTRAINT stock_low_stock_threshold_check ON oms.stock IS 'The threshold, in units, is not negative.';
COMMENT ON CONSTRAINT stock_reorder_quantity_check ON oms.stock IS 'At least 1 unit is ordered anew.';
COMMENT ON CONSTRAINT stock_backorder_limit_check ON oms.stock IS 'The limit, in units, is not negative.';
COMMENT ON CONSTRAINT stock_never_oversold ON oms.stock IS 'No more units are reserved and allocated than lie on the shelf and may be backordered.';
COMMENT ON SEQUENCE oms.stock_id_seq IS 'Gives rows of stock their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.stock_move (
  product_id bigint NOT NULL,
  location_id integer NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  kind text NOT NULL,
  d_on_hand bigint NOT NULL,
  d_reserved bigint NOT NULL,
  d_allocated bigint NOT NULL,
  on_hand bigint NOT NULL,
  reserved bigint NOT NULL,
  allocated bigint NOT NULL,
  order_id bigint,
  line_no integer,
  document text,
  reason text,
  actor text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (product_id, location_id, seq)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX IF NOT EXISTS stock_move_order_id_idx ON oms.stock_move (order_id) WHERE order_id IS NOT NULL;
IF NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'oms.stock_move'::regclass AND conname = 'stock_move_shape') THEN
  ALTER TABLE oms.stock_move ADD CONSTRAINT stock_move_shape CHECK ((order_id IS NULL) = (line_no IS NULL) AND CASE kind
    WHEN 'allocate' THEN d_on_hand = 0 AND d_reserved IN (0, -d_allocated) AND d_allocated > 0 AND line_no IS NOT NULL
    WHEN 'ship' THEN d_on_hand < 0 AND d_reserved = 0 AND d_allocated = d_on_hand AND line_no IS NOT NULL
    WHEN 'release' THEN d_on_hand = 0 AND d_reserved <= 0 AND d_allocated <= 0 AND d_reserved + d_allocated < 0 AND line_no IS NOT NULL
    WHEN 'reserve' THEN d_on_hand = 0 AND d_reserved > 0 AND d_allocated = 0 AND line_no IS NOT NULL
    WHEN 'receive' THEN d_on_hand > 0 AND d_reserved = 0 AND d_allocated = 0
    WHEN 'adjust' THEN d_on_hand <> 0 AND d_reserved = 0 AND d_allocated = 0 AND reason IS NOT NULL
    WHEN 'count' THEN d_reserved = 0 AND d_allocated = 0
    WHEN 'transfer' THEN d_on_hand <> 0 AND d_reserved = 0 AND d_allocated = 0 AND document IS NOT NULL
    WHEN 'hold' THEN d_on_hand = 0 AND d_reserved > 0 AND d_allocated = 0 AND document IS NOT NULL
    WHEN 'unhold' THEN d_on_hand = 0 AND d_reserved < 0 AND d_allocated = 0 AND document IS NOT NULL
    WHEN 'return' THEN d_on_hand > 0 AND d_reserved = 0 AND d_allocated = 0 AND line_no IS NOT NULL AND document IS NOT NULL
    ELSE false END);
END IF;
COMMENT ON TABLE oms.stock_move IS 'Ledger of stock, append-only: each row is one change of one row of oms.stock, numbered without gaps.';
COMMENT ON COLUMN oms.stock_move.product_id IS 'The product.';
COMMENT ON COLUMN oms.stock_move.location_id IS 'The location.';
COMMENT ON COLUMN oms.stock_move.seq IS 'Number of the move of this product at this location: 1, 2, 3, ...';
COMMENT ON COLUMN oms.stock_move.kind IS 'allocate (promised to an order), release (promise taken back), ship, reserve (by an order that is not confirmed), receive, adjust, count, transfer, hold, unhold or return (put back on the shelf).';
COMMENT ON COLUMN oms.stock_move.d_on_hand IS 'Change of on_hand, in units.';
COMMENT ON COLUMN oms.stock_move.d_reserved IS 'Change of reserved, in units.';
COMMENT ON COLUMN oms.stock_move.d_allocated IS 'Change of allocated, in units.';
COMMENT ON COLUMN oms.stock_move.on_hand IS 'on_hand after the move.';
COMMENT ON COLUMN oms.stock_move.reserved IS 'reserved after the move.';
COMMENT ON COLUMN oms.stock_move.allocated IS 'allocated after the move.';
COMMENT ON COLUMN oms.stock_move.order_id IS 'The order that caused the move, or null.';
COMMENT ON COLUMN oms.stock_move.line_no IS 'The line of that order, or null.';
COMMENT ON COLUMN oms.stock_move.document IS 'What else the move belongs to, as kind and id: hold 7, shipment 7, return 7, transfer 7; or null.';
COMMENT ON COLUMN oms.stock_move.reason IS 'Why, in the words of who did it; always there for kind adjust.';
COMMENT ON COLUMN oms.stock_move.actor IS 'User of the API or database role that did it.';
COMMENT ON COLUMN oms.stock_move.at IS 'Start of the transaction that made the move.';
COMMENT ON CONSTRAINT stock_move_pkey ON oms.stock_move IS 'Each move of a product at a location has a number of its own; serves reading the ledger in order.';
COMMENT ON CONSTRAINT stock_move_seq_check ON oms.stock_move IS 'Moves are numbered from 1.';
COMMENT ON INDEX oms.stock_move_order_id_idx IS 'Serves what an order holds and has shipped, which is the sum of its moves.';
COMMENT ON CONSTRAINT stock_move_shape ON oms.stock_move IS 'Each kind of move changes only its own counters, in its own direction, and names its order line, its document or its reason.';
CREATE SEQUENCE IF NOT EXISTS oms.transfer_id_seq;
COMMENT ON SEQUENCE oms.transfer_id_seq IS 'Gives transfers their ids, which the two moves of each carry as document.';
