-- import: many rows of products, stock or past orders
CREATE FUNCTION oms.import_begin(kind text, mode text DEFAULT 'each', policy text DEFAULT 'check') RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_import_begin' LANGUAGE C;
COMMENT ON FUNCTION oms.import_begin(text, text, text) IS
'Begins an import. kind is products (sku, name, price, about, archived: entered or changed, by SKU), stock (sku, location, and one of quantity, which was counted, receive or adjust; reason, expected_version, low_stock_threshold, reorder_quantity, backorder_limit) or orders (external_ref or number, channel, currency, customer_name, customer_id or customer_email, status, created_at, updated_at, times, order_discount, note, attributes, and items or, in a row for each line, sku or product_id, quantity, price, discount, tax_rate). mode each lets the good rows pass, all does all rows or none. policy, of orders: check takes stock as live orders do, skip takes none, force receives first what is not there. Returns its id. Raises OM010, OM023 (products and orders are for administrators).';

CREATE FUNCTION oms.import_add(import_id bigint, rows jsonb) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_import_add' LANGUAGE C;
COMMENT ON FUNCTION oms.import_add(bigint, jsonb) IS
'Adds an array of rows to an import that is OPEN; null is the last that this session has begun. Returns how many rows it has then. Raises OM010, OM023, OM038 (no such import), OM054 (not OPEN).';

CREATE FUNCTION oms.import_add_text(import_id bigint, format text, body text) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_import_add_text' LANGUAGE C;
COMMENT ON FUNCTION oms.import_add_text(bigint, text, text) IS
'Adds the rows of a text: json ([{...}, ...] or {"rows": [...]}), ndjson (an object a line) or csv (comma separated, as COPY reads it, names of columns in the first line). A row that cannot be read is added as one that failed. Returns how many rows it has then. Raises OM010 (unknown or missing columns, too many rows), OM023, OM038, OM054.';

CREATE FUNCTION oms.import_run(import_id bigint DEFAULT NULL, OUT state text, OUT rows bigint, OUT done bigint, OUT failed bigint) RETURNS record
AS 'MODULE_PATHNAME', 'oms_import_run' LANGUAGE C;
COMMENT ON FUNCTION oms.import_run(bigint) IS
'Runs an import in this transaction; null is the last that this session has begun. Returns its state then, DONE or FAILED, and how many rows there are, are done and failed; oms.import_row has the errors. Raises OM023, OM038, OM054.';

CREATE FUNCTION oms.import_queue(import_id bigint DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_import_queue' LANGUAGE C;
COMMENT ON FUNCTION oms.import_queue(bigint) IS
'Lets the worker run an import, in mode each 1000 rows a transaction; oms.import tells how far it is. Raises OM023, OM038, OM054.';

CREATE FUNCTION oms.import_cancel(import_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_import_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms.import_cancel(bigint) IS
'Cancels an import that has not ended: rows that wait stay undone, those that are done stay done. Raises OM023, OM038, OM054.';

CREATE FUNCTION oms.import_adding() RETURNS trigger
AS 'MODULE_PATHNAME', 'oms_import_adding' LANGUAGE C;
COMMENT ON FUNCTION oms.import_adding() IS
'Trigger on the views oms.import_product, oms.import_stock and oms.import_order: adds the row to its import. Raises OM010 (wrong kind, too many rows), OM023, OM038, OM054.';

CREATE FUNCTION oms.import_added() RETURNS trigger
AS 'MODULE_PATHNAME', 'oms_import_added' LANGUAGE C;
COMMENT ON FUNCTION oms.import_added() IS
'Trigger on the views oms.import_product, oms.import_stock and oms.import_order: counts the rows that a statement has added.';
