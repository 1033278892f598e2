-- customer: who orders, where more is known than a name
CREATE TABLE IF NOT EXISTS oms.customer (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code text CHECK (code <> '' AND length(code) <= 64),
  name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
  email text CHECK (length(email) <= 254),
  phone text CHECK (length(phone) <= 64),
  address text CHECK (length(address) <= 2000),
  attributes jsonb CHECK (jsonb_typeof(attributes) = 'object'),
  version bigint NOT NULL DEFAULT 1,
  archived_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS customer_code_key ON oms.customer (code) WHERE archived_at IS NULL AND code IS NOT NULL;
CREATE INDEX IF NOT EXISTS customer_email_idx ON oms.customer (lower(email)) WHERE email IS NOT NULL;
CREATE INDEX IF NOT EXISTS customer_name_idx ON oms.customer (lower(name) text_pattern_ops);
COMMENT ON TABLE oms.customer IS 'Customers. An order may name one, or carry a free-text name alone. Never deleted but archived.';
COMMENT ON COLUMN oms.customer.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.customer.code IS 'Number or short name in your books, 1 to 64 characters, unique among customers that are not archived, or null.';
COMMENT ON COLUMN oms.customer.name IS 'Name, 1 to 200 characters; orders keep it as it was when they were entered.';
COMMENT ON COLUMN oms.customer.email IS 'E-mail address, at most 254 characters, or null.';
COMMENT ON COLUMN oms.customer.phone IS 'Telephone, at most 64 characters, or null.';
COMMENT ON COLUMN oms.customer.address IS 'Postal address, at most 2000 characters, or null.';
COMMENT ON COLUMN oms.customer.attributes IS 'What others want to keep with the customer: a JSON object, or null.';
COMMENT ON COLUMN oms.customer.version IS 'Number of the last row of oms.customer_history; grows by one with each change.';
COMMENT ON COLUMN oms.customer.archived_at IS 'When the customer was put away, or null.';
COMMENT ON COLUMN oms.customer.created_at IS 'When the customer was entered.';
COMMENT ON COLUMN oms.customer.updated_at IS 'When the row was last changed.';
COMMENT ON CONSTRAINT customer_pkey ON oms.customer IS 'An id names one customer.';
COMMENT ON CONSTRAINT customer_code_check ON oms.customer IS 'A code has 1 to 64 characters.';
COMMENT ON CONSTRAINT customer_name_check ON oms.customer IS 'A name has 1 to 200 characters.';
COMMENT ON CONSTRAINT customer_email_check ON oms.customer IS 'An e-mail address has at most 254 characters.';
COMMENT ON CONSTRAINT customer_phone_check ON oms.customer IS 'A telephone number has at most 64 characters.';
COMMENT ON CONSTRAINT customer_address_check ON oms.customer IS 'An address has at most 2000 characters.';
COMMENT ON CONSTRAINT customer_attributes_check ON oms.customer IS 'Attributes are a JSON object.';
COMMENT ON INDEX oms.customer_code_key IS 'A code names one customer that is not archived.';
COMMENT ON INDEX oms.customer_email_idx IS 'Serves the look-up by e-mail address.';
COMMENT ON INDEX oms.customer_name_idx IS 'Serves the look-up by the beginning of a name.';
COMMENT ON SEQUENCE oms.customer_id_seq IS 'Gives customers their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.customer_history (
  customer_id bigint NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  changes jsonb NOT NULL,
  actor text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (customer_id, seq)
);
COMMENT ON TABLE oms.customer_history IS 'Each change of each customer, append-only.';
COMMENT ON COLUMN oms.customer_history.customer_id IS 'The customer.';
COMMENT ON COLUMN oms.customer_history.seq IS 'Number of the change: 1 is the entry; equals the version of the customer after it.';
COMMENT ON COLUMN oms.customer_history.changes IS 'What changed: {"name": {"from": ..., "to": ...}, ...}.';
COMMENT ON COLUMN oms.customer_history.actor IS 'User of the API or database role that did it.';
COMMENT ON COLUMN oms.customer_history.changed_at IS 'Start of the transaction that did it.';
COMMENT ON CONSTRAINT customer_history_pkey ON oms.customer_history IS 'Each change of a customer has a number of its own.';
COMMENT ON CONSTRAINT customer_history_seq_check ON oms.customer_history IS 'Changes are numbered from 1.';

GRANT EXECUTE ON FUNCTION oms.customer_create, oms.customer_update, oms.customer_archive,
  oms_rest.customer_list, oms_rest.customer_create, oms_rest.customer_get, oms_rest.customer_replace, oms_rest.customer_update,
  oms_rest.customer_delete, oms_rest.customer_history, oms_rest.customer_orders TO oms_staff;
