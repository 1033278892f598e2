-- version of the tables
CREATE TABLE IF NOT EXISTS oms.schema_version (
  version integer PRIMARY KEY,
  installed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE oms.schema_version IS 'Versions of the tables that oms.install() has brought this database to.';
COMMENT ON COLUMN oms.schema_version.version IS 'Version of the tables; the highest is the present one.';
COMMENT ON COLUMN oms.schema_version.installed_at IS 'When.';
COMMENT ON CONSTRAINT schema_version_pkey ON oms.schema_version IS 'A version is entered once.';
INSERT INTO oms.schema_version (version) VALUES (2) ON CONFLICT DO NOTHING;

-- integrity: empty unless something is wrong
CREATE TABLE IF NOT EXISTS oms.integrity_run (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CHECK (kind IN ('full', 'incremental', 'since', 'range')),
  started_at timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  actor text NOT NULL,
  examined bigint NOT NULL,
  problems bigint NOT NULL,
  checks jsonb NOT NULL,
  snapshot pg_snapshot NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  last_event bigint NOT NULL,
  settled_event bigint NOT NULL,
  system_identifier bigint NOT NULL
);
COMMENT ON TABLE oms.integrity_run IS 'Runs of oms.integrity_check() that completed, and up to where they have seen. The last 1000 are kept.';
COMMENT ON COLUMN oms.integrity_run.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.integrity_run.kind IS 'What was looked at: all (full), what changed since the last full or incremental run (incremental) or since a time (since), or ranges of ids (range).';
COMMENT ON COLUMN oms.integrity_run.started_at IS 'When it began.';
COMMENT ON COLUMN oms.integrity_run.finished_at IS 'When the last check was done.';
COMMENT ON COLUMN oms.integrity_run.actor IS 'User of the API, database role or worker that ran it.';
COMMENT ON COLUMN oms.integrity_run.examined IS 'Rows looked at by all checks, each row by each check counted.';
COMMENT ON COLUMN oms.integrity_run.problems IS 'Problems found by all checks.';
COMMENT ON COLUMN oms.integrity_run.checks IS 'The rows that oms.integrity_check() returned, as a JSON array.';
COMMENT ON COLUMN oms.integrity_run.snapshot IS 'The transactions that the run saw: what another wrote is for the next incremental run.';
COMMENT ON COLUMN oms.integrity_run.xid IS 'The transaction of the run, which may have gone on to write.';
COMMENT ON COLUMN oms.integrity_run.last_event IS 'Highest id of oms.event that the run saw; later transactions write higher ones.';
COMMENT ON COLUMN oms.integrity_run.settled_event IS 'Id of oms.event up to which nothing can be new to the next incremental run.';
COMMENT ON COLUMN oms.integrity_run.system_identifier IS 'System identifier of the cluster, for transactions of another one cannot be compared.';
COMMENT ON CONSTRAINT integrity_run_pkey ON oms.integrity_run IS 'An id names one run.';
COMMENT ON CONSTRAINT integrity_run_kind_check ON oms.integrity_run IS 'A run is full, incremental, since or range.';
COMMENT ON SEQUENCE oms.integrity_run_id_seq IS 'Gives runs their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.integrity_mark (
  product_id bigint NOT NULL,
  location_id integer NOT NULL,
  seq bigint NOT NULL,
  held bigint NOT NULL,
  PRIMARY KEY (product_id, location_id)
);
COMMENT ON TABLE oms.integrity_mark IS 'Up to where the ledger of each product at each location has been checked, so that an incremental check reads only what follows.';
COMMENT ON COLUMN oms.integrity_mark.product_id IS 'The product.';
COMMENT ON COLUMN oms.integrity_mark.location_id IS 'The location.';
COMMENT ON COLUMN oms.integrity_mark.seq IS 'The last oms.stock_move that was checked.';
COMMENT ON COLUMN oms.integrity_mark.held IS 'Units that holds kept there then.';
COMMENT ON CONSTRAINT integrity_mark_pkey ON oms.integrity_mark IS 'A product has one mark at a location.';

EXECUTE 'CREATE OR REPLACE VIEW oms.integrity AS ' || oms.integrity_base() || (
  SELECT string_agg(format('SELECT %L AS problem, f.subject, %L AS check_name FROM (%s) AS f (subject)', r.problem, r.check_name, r.query), ' UNION ALL ')
  FROM oms.integrity_rules() AS r);
COMMENT ON VIEW oms.integrity IS
'Empty unless something is wrong: ledger = counters, lines = ledger, header = lines, holds = reserved, history = status, and all else that oms.integrity_rules() lists. Reads everything: oms.integrity_check() can do with what has changed.';
COMMENT ON COLUMN oms.integrity.problem IS 'What is wrong.';
COMMENT ON COLUMN oms.integrity.subject IS 'With what.';
COMMENT ON COLUMN oms.integrity.check_name IS 'Name of the check that found it, see oms.integrity_rules().';

GRANT SELECT ON oms.integrity_run, oms.number_series TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.integrity_rules, oms.integrity_base, oms.integrity_form, oms.idempotency_orders TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.integrity_check, oms_rest.integrity_list, oms_rest.integrity_check TO oms_admin;
