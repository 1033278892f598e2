-- import: many rows of products, stock or past orders, with progress
CREATE TABLE IF NOT EXISTS oms.import (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('products', 'stock', 'orders')),
  mode text NOT NULL CHECK (mode IN ('each', 'all')),
  policy text NOT NULL CHECK (policy IN ('check', 'skip', 'force')),
  state text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED')),
  rows bigint NOT NULL DEFAULT 0,
  done bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  position bigint NOT NULL DEFAULT 0,
  message text,
  created_by text NOT NULL,
  request_id text,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  CONSTRAINT import_counts CHECK (done >= 0 AND failed >= 0 AND done + failed <= rows),
  CONSTRAINT import_finished CHECK ((state IN ('OPEN', 'RUNNING')) = (finished_at IS NULL))
) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS import_finished_at_idx ON oms.import (finished_at) WHERE finished_at IS NOT NULL;
COMMENT ON TABLE oms.import IS 'Imports: OPEN takes rows, RUNNING is queued or under way, then DONE, FAILED (mode all: nothing was done) or CANCELLED.';
COMMENT ON COLUMN oms.import.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.import.kind IS 'What the rows are: products, stock or orders.';
COMMENT ON COLUMN oms.import.mode IS 'each: a row that fails hinders no other. all: unless all rows can be done, none is.';
COMMENT ON COLUMN oms.import.policy IS 'How past orders take stock: check as live ones, skip not at all, force also what is not there. check for other kinds.';
COMMENT ON COLUMN oms.import.state IS 'OPEN, RUNNING, DONE, FAILED or CANCELLED.';
COMMENT ON COLUMN oms.import.rows IS 'Rows that were added.';
COMMENT ON COLUMN oms.import.done IS 'Rows that are done.';
COMMENT ON COLUMN oms.import.failed IS 'Rows that failed; oms.import_row says why.';
COMMENT ON COLUMN oms.import.position IS 'Number of the last row that was tried.';
COMMENT ON COLUMN oms.import.message IS 'Why nothing was done, of one that FAILED.';
COMMENT ON COLUMN oms.import.created_by IS 'User of the API or database role that began it; what it does is done in this name.';
COMMENT ON COLUMN oms.import.request_id IS 'X-Request-Id of the REST request that began it, or null.';
COMMENT ON COLUMN oms.import.version IS 'Raised by 1 with each event.';
COMMENT ON COLUMN oms.import.created_at IS 'Start of the transaction that began it.';
COMMENT ON COLUMN oms.import.started_at IS 'When it was to run.';
COMMENT ON COLUMN oms.import.finished_at IS 'When it ended; oms.import_retention later its rows are removed.';
COMMENT ON CONSTRAINT import_pkey ON oms.import IS 'An id names one import.';
COMMENT ON CONSTRAINT import_kind_check ON oms.import IS 'The kind is products, stock or orders.';
COMMENT ON CONSTRAINT import_mode_check ON oms.import IS 'The mode is each or all.';
COMMENT ON CONSTRAINT import_policy_check ON oms.import IS 'The policy is check, skip or force.';
COMMENT ON CONSTRAINT import_state_check ON oms.import IS 'The state is OPEN, RUNNING, DONE, FAILED or CANCELLED.';
COMMENT ON CONSTRAINT import_counts ON oms.import IS 'No more rows are done or failed than there are.';
COMMENT ON CONSTRAINT import_finished ON oms.import IS 'An import has a time of its end once it has ended, and only then.';
COMMENT ON INDEX oms.import_finished_at_idx IS 'Serves the worker, which removes the rows of imports that ended longer ago than oms.import_retention.';
COMMENT ON SEQUENCE oms.import_id_seq IS 'Gives imports their ids; numbers may be skipped, but none is given twice.';

-- room for the update in place that tells how a row ended: neither index is on what it changes, for sqlstate stays null
CREATE TABLE IF NOT EXISTS oms.import_row (
  import_id bigint NOT NULL,
  row_no bigint NOT NULL CHECK (row_no > 0),
  line bigint,
  key text,
  data jsonb NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'ok', 'failed')),
  id bigint,
  sqlstate text,
  message text,
  detail text,
  hint text,
  PRIMARY KEY (import_id, row_no),
  CONSTRAINT import_row_failed CHECK ((state = 'failed') = (sqlstate IS NOT NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);
CREATE INDEX IF NOT EXISTS import_row_key_idx ON oms.import_row (import_id, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS import_row_failed_idx ON oms.import_row (import_id, row_no) WHERE sqlstate IS NOT NULL;
COMMENT ON TABLE oms.import_row IS 'Rows of imports, and what became of each.';
COMMENT ON COLUMN oms.import_row.import_id IS 'The import.';
COMMENT ON COLUMN oms.import_row.row_no IS 'Number of the row in the import, from 1.';
COMMENT ON COLUMN oms.import_row.line IS 'Line of the text that it came from, where it did; each text counts from 1.';
COMMENT ON COLUMN oms.import_row.key IS 'What an import may have once: the SKU of a product.';
COMMENT ON COLUMN oms.import_row.data IS 'The row as an object; what could not be read as one, as a string.';
COMMENT ON COLUMN oms.import_row.state IS 'waiting, ok or failed.';
COMMENT ON COLUMN oms.import_row.id IS 'What the row became: id of the product or order, or of the product whose stock it was.';
COMMENT ON COLUMN oms.import_row.sqlstate IS 'Code of the error of a row that failed.';
COMMENT ON COLUMN oms.import_row.message IS 'What went wrong.';
COMMENT ON COLUMN oms.import_row.detail IS 'Numbers or pointers into data, JSON for errors of oms.';
COMMENT ON COLUMN oms.import_row.hint IS 'What to do.';
COMMENT ON CONSTRAINT import_row_pkey ON oms.import_row IS 'Rows of an import are numbered.';
COMMENT ON CONSTRAINT import_row_row_no_check ON oms.import_row IS 'Rows are numbered from 1.';
COMMENT ON CONSTRAINT import_row_state_check ON oms.import_row IS 'A row is waiting, ok or failed.';
COMMENT ON CONSTRAINT import_row_failed ON oms.import_row IS 'A row has an error if it failed, and only then.';
COMMENT ON INDEX oms.import_row_key_idx IS 'Finds the row that had the same key before.';
COMMENT ON INDEX oms.import_row_failed_idx IS 'Serves the list of the rows that failed.';

-- views to COPY into: text columns, so that a bad value fails its row and not the COPY
DO $view$
DECLARE
  made record;
  wanted text;
BEGIN
  FOR made IN
    SELECT * FROM (VALUES
      ('product', 'products', ARRAY['sku', 'name', 'price', 'about', 'archived']),
      ('stock', 'stock', ARRAY['sku', 'location', 'quantity', 'receive', 'adjust', 'reason', 'expected_version',
        'low_stock_threshold', 'reorder_quantity', 'backorder_limit']),
      ('order', 'orders', ARRAY['external_ref', 'number', 'channel', 'currency', 'customer_name', 'customer_id', 'customer_email', 'status',
        'created_at', 'updated_at', 'order_discount', 'note', 'sku', 'product_id', 'quantity', 'price', 'discount', 'tax_rate'])
    ) AS v(noun, kind, fields)
  LOOP
    EXECUTE format('CREATE OR REPLACE VIEW oms.%I AS SELECT r.import_id, r.row_no, %s, r.state, r.id, r.sqlstate, r.message '
      'FROM oms.import AS i JOIN oms.import_row AS r ON r.import_id = i.id WHERE i.kind = %L', 'import_' || made.noun,
      (SELECT string_agg(format('r.data->>%L AS %I', f, f), ', ') FROM unnest(made.fields) AS f), made.kind);
    EXECUTE format('CREATE OR REPLACE TRIGGER adding INSTEAD OF INSERT ON oms.%I FOR EACH ROW EXECUTE FUNCTION oms.import_adding()', 'import_' || made.noun);
    EXECUTE format('CREATE OR REPLACE TRIGGER added AFTER INSERT ON oms.%I FOR EACH STATEMENT EXECUTE FUNCTION oms.import_added()', 'import_' || made.noun);
    EXECUTE format('COMMENT ON VIEW oms.%I IS %L', 'import_' || made.noun, format('Rows of imports of %s. COPY or INSERT into it adds rows to the import that this session has begun last, or to import_id.', made.kind));
    EXECUTE format('COMMENT ON TRIGGER adding ON oms.%I IS ''Adds the row to its import.''', 'import_' || made.noun);
    EXECUTE format('COMMENT ON TRIGGER added ON oms.%I IS ''Counts the rows that were added.''', 'import_' || made.noun);
    FOREACH wanted IN ARRAY made.fields LOOP
      EXECUTE format('COMMENT ON COLUMN oms.%I.%I IS %L', 'import_' || made.noun, wanted, format('%s of the row, as text; oms.import_begin() says what it may be.', wanted));
    END LOOP;
    EXECUTE format('COMMENT ON COLUMN oms.%I.import_id IS ''The import; null is the last that this session has begun.''', 'import_' || made.noun);
    EXECUTE format('COMMENT ON COLUMN oms.%I.row_no IS ''Number of the row in the import; given by oms.''', 'import_' || made.noun);
    EXECUTE format('COMMENT ON COLUMN oms.%I.state IS ''waiting, ok or failed; given by oms.''', 'import_' || made.noun);
    EXECUTE format('COMMENT ON COLUMN oms.%I.id IS ''What the row became; given by oms.''', 'import_' || made.noun);
    EXECUTE format('COMMENT ON COLUMN oms.%I.sqlstate IS ''Code of the error of a row that failed; given by oms.''', 'import_' || made.noun);
    EXECUTE format('COMMENT ON COLUMN oms.%I.message IS ''What went wrong with it; given by oms.''', 'import_' || made.noun);
  END LOOP;
END
$view$;

GRANT SELECT ON oms.import, oms.import_row, oms.import_product, oms.import_stock, oms.import_order TO oms_reader;
GRANT INSERT ON oms.import_product, oms.import_stock, oms.import_order TO oms_staff;
GRANT EXECUTE ON FUNCTION oms.import_begin, oms.import_add, oms.import_add_text, oms.import_run, oms.import_queue, oms.import_cancel,
  oms_rest.import_list, oms_rest.import_get, oms_rest.import_rows, oms_rest.import_create, oms_rest.import_add, oms_rest.import_run,
  oms_rest.import_cancel TO oms_staff;
