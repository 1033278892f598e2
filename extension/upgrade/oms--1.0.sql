\echo Use "CREATE EXTENSION oms" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

COMMENT ON SCHEMA oms IS
'Order management: verbs (functions named noun_verb), tables and views. Start with \df oms.* and \dv oms.*';

CREATE SCHEMA oms_rest;
COMMENT ON SCHEMA oms_rest IS
'The REST API as functions, one for each operation of openapi.json: JSON in, JSON out. Called by omsd, which names the acting user.';

CREATE FUNCTION oms.guard() RETURNS trigger
AS 'MODULE_PATHNAME', 'oms_guard' LANGUAGE C;
COMMENT ON FUNCTION oms.guard() IS
'Statement trigger on the tables of oms: raises OM040 when a write does not come from a verb.';
-- product: verbs
CREATE FUNCTION oms.product_create(sku text, name text, price numeric, about text DEFAULT '') RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_product_create' LANGUAGE C;
COMMENT ON FUNCTION oms.product_create(text, text, numeric, text) IS
'Enters a product; price in the currency''s major unit, at most 2 decimals. Returns its id. Raises OM010 (bad value), OM011 (SKU taken).';

CREATE FUNCTION oms.product_update(product_id bigint, sku text DEFAULT NULL, name text DEFAULT NULL, price numeric DEFAULT NULL, about text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_product_update' LANGUAGE C;
COMMENT ON FUNCTION oms.product_update(bigint, text, text, numeric, text) IS
'Changes what is given of a product; null leaves a value as it is. Orders keep what they were sold at. Raises OM004, OM010, OM011.';

CREATE FUNCTION oms.product_archive(product_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_product_archive' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.product_archive(bigint) IS
'Takes a product from sale for good; its orders, stock and history stay. Archiving again does nothing. Raises OM004.';
-- stock: verbs
CREATE FUNCTION oms.stock_receive(product_id bigint, quantity bigint, reason text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_stock_receive' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_receive(bigint, bigint, text) IS
'Books units that came in at MAIN. Returns the units available then. Raises OM004, OM010 (quantity not above 0), OM014.';

CREATE FUNCTION oms.stock_adjust(product_id bigint, delta bigint, reason text) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_stock_adjust' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_adjust(bigint, bigint, text) IS
'Corrects the units on hand at MAIN by a difference, up or down, and says why. Returns the units available then. Raises OM003 (promised units cannot be taken away), OM004, OM010, OM014.';
-- order: verbs
CREATE FUNCTION oms.order_create(items jsonb, customer_name text DEFAULT 'User') RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_order_create' LANGUAGE C;
COMMENT ON FUNCTION oms.order_create(jsonb, text) IS
'Enters an order; items is [{"product_id": 1, "quantity": 2}, ...], 1 to 500 lines, quantities 1 to 1000000. Prices are today''s. Returns its id; the order is PENDING and takes no stock. Raises OM010, OM014.';

CREATE FUNCTION oms.orders_create(orders jsonb, OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_create' LANGUAGE C;
COMMENT ON FUNCTION oms.orders_create(jsonb) IS
'Enters many orders, [{"customer_name": "Ann", "items": [...]}, ...], at most 10000. Returns a row for each, in their order; one that fails hinders no other.';

CREATE FUNCTION oms.order_move(order_id bigint, status text, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_move' LANGUAGE C;
COMMENT ON FUNCTION oms.order_move(bigint, text, text) IS
'Takes an order to any status that oms.order_transition allows; to the one it has is harmless. Raises OM001, OM002 (no such step), OM003 (not enough stock), OM010 (no such status), OM023 (needs an administrator).';

CREATE FUNCTION oms.order_confirm(order_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_confirm' LANGUAGE C;
COMMENT ON FUNCTION oms.order_confirm(bigint) IS
'Confirms an order and allocates its units: available stock goes down. Raises OM001, OM002, OM003.';

CREATE FUNCTION oms.order_pack(order_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_pack' LANGUAGE C;
COMMENT ON FUNCTION oms.order_pack(bigint) IS 'Marks a confirmed order as packed. Raises OM001, OM002.';

CREATE FUNCTION oms.order_ship(order_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_ship' LANGUAGE C;
COMMENT ON FUNCTION oms.order_ship(bigint) IS
'Ships an order: its units leave the shelf. Raises OM001, OM002.';

CREATE FUNCTION oms.order_deliver(order_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_deliver' LANGUAGE C;
COMMENT ON FUNCTION oms.order_deliver(bigint) IS 'Marks a shipped order as delivered. Raises OM001, OM002.';

CREATE FUNCTION oms.order_cancel(order_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms.order_cancel(bigint, text) IS
'Cancels an order and gives back exactly the units it holds, none when it is PENDING. Raises OM001, OM002.';

CREATE FUNCTION oms.orders_confirm(order_ids bigint[], OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_confirm' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.orders_confirm(bigint[]) IS
'order_confirm for at most 10000 orders. Returns a row for each, in their order; one that fails hinders no other. Stock goes to the lowest order ids first.';

CREATE FUNCTION oms.orders_pack(order_ids bigint[], OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_pack' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.orders_pack(bigint[]) IS 'order_pack for at most 10000 orders; a row for each.';

CREATE FUNCTION oms.orders_ship(order_ids bigint[], OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_ship' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.orders_ship(bigint[]) IS 'order_ship for at most 10000 orders; a row for each.';

CREATE FUNCTION oms.orders_deliver(order_ids bigint[], OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_deliver' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.orders_deliver(bigint[]) IS 'order_deliver for at most 10000 orders; a row for each.';

CREATE FUNCTION oms.orders_cancel(order_ids bigint[], reason text DEFAULT NULL, OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms.orders_cancel(bigint[], text) IS 'order_cancel for at most 10000 orders; a row for each.';

CREATE FUNCTION oms.status_holds(status text) RETURNS text
AS 'MODULE_PATHNAME', 'oms_status_holds' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION oms.status_holds(text) IS
'What an order in a status has of stock: nothing, allocated or shipped; null for a status that no order can reach.';

CREATE FUNCTION oms.transition_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'oms_transition_changed' LANGUAGE C;
COMMENT ON FUNCTION oms.transition_changed() IS
'Trigger on oms.order_transition: checks that the state machine adds up and that orders hold what their status says (OM015), and makes it known to all sessions.';
-- report
CREATE FUNCTION oms.report_summary(created_after timestamptz DEFAULT NULL, created_before timestamptz DEFAULT NULL) RETURNS json
AS 'MODULE_PATHNAME', 'oms_report_summary' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.report_summary(timestamptz, timestamptz) IS
'Orders entered in [created_after, created_before), null meaning no limit: total_orders, total_revenue (orders that hold or shipped stock, so neither PENDING nor CANCELLED), by_status; and the products whose stock is low now. Money in the currency''s major unit.';
-- task: queueing, handlers, workers
CREATE FUNCTION oms.task_enqueue(handler text, payload jsonb DEFAULT '{}', due_at timestamptz DEFAULT now(), max_attempts integer DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_task_enqueue_one' LANGUAGE C;
COMMENT ON FUNCTION oms.task_enqueue(text, jsonb, timestamptz, integer) IS
'Queues a task for a handler, to be run once this transaction has committed and due_at has come. max_attempts of 1 to 100, null for the handler''s. Returns the task''s id. Raises OM010 (bad value), OM016 (no such handler).';

CREATE FUNCTION oms.task_retry(task_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_task_retry' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.task_retry(bigint) IS
'Makes a dead, cancelled or waiting task ready at once, its attempts counted anew. Raises OM006 (no such task), OM017 (running or done).';

CREATE FUNCTION oms.task_cancel(task_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_task_cancel' LANGUAGE C STRICT;
COMMENT ON FUNCTION oms.task_cancel(bigint) IS
'Cancels a waiting or dead task; cancelling again does nothing. Raises OM006 (no such task), OM017 (running or done).';

CREATE FUNCTION oms.task_handler_register(name text, function text, run_as text DEFAULT NULL, max_attempts integer DEFAULT NULL, timeout_ms integer DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_task_handler_register' LANGUAGE C;
COMMENT ON FUNCTION oms.task_handler_register(text, text, text, integer, integer) IS
'Lets tasks of this name run a function (task_id bigint, payload jsonb), given with its schema. It runs in a transaction of its own, with search_path pg_catalog, pg_temp, as the role run_as: yours by default, one you are a member of, never a superuser. max_attempts of 1 to 100 and timeout_ms of 10 to 3600000 milliseconds are the settings oms.task_max_attempts and oms.task_timeout when null. A name that is registered is changed. Raises OM016.';

CREATE FUNCTION oms.task_handler_remove(name text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_task_handler_remove' LANGUAGE C;
COMMENT ON FUNCTION oms.task_handler_remove(text) IS
'Removes a registered handler that has no ready or running tasks. Raises OM016.';

CREATE FUNCTION oms.worker_list(OUT worker integer, OUT pid integer, OUT state text, OUT handler text, OUT since timestamptz, OUT done bigint, OUT failed bigint, OUT starts integer) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_worker_list' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION oms.worker_list() IS
'The background workers of the server, as the view oms.worker shows them. No row when oms is not in shared_preload_libraries.';

CREATE FUNCTION oms.worker_pause() RETURNS void
AS 'MODULE_PATHNAME', 'oms_worker_pause' LANGUAGE C;
COMMENT ON FUNCTION oms.worker_pause() IS
'Keeps the workers from beginning tasks of this database until oms.worker_resume(). Tasks that run are finished.';

CREATE FUNCTION oms.worker_resume() RETURNS void
AS 'MODULE_PATHNAME', 'oms_worker_resume' LANGUAGE C;
COMMENT ON FUNCTION oms.worker_resume() IS
'Lets the workers run the tasks of this database: after oms.worker_pause(), and in a database that was restored or copied from another, where nothing runs until this is called.';

CREATE FUNCTION oms_rest.task_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_task_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.task_list(text, text, text, jsonb) IS 'GET tasks/: a page, filtered by state and handler.';
CREATE FUNCTION oms_rest.task_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_task_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.task_get(text, text, bigint) IS 'GET tasks/{id}/';
CREATE FUNCTION oms_rest.task_retry(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_task_retry' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.task_retry(text, text, bigint) IS 'POST tasks/{id}/retry/: returns the task.';
CREATE FUNCTION oms_rest.task_cancel(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_task_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.task_cancel(text, text, bigint) IS 'POST tasks/{id}/cancel/: returns the task.';
-- account: users of the API, their log-ins and refresh tokens
CREATE FUNCTION oms.account_create(username text, password text, role text DEFAULT 'staff') RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_account_create' LANGUAGE C;
COMMENT ON FUNCTION oms.account_create(text, text, text) IS
'Makes an account of the API. The name has 1 to 150 of A-Z a-z 0-9 @ . + - _, upper and lower case being the same; the password has 8 characters to 1024 bytes and is not the name; the role is staff or admin. Returns its id. Raises OM010 (bad value), OM018 (name taken). The server''s log may show the statement: in psql, SET log_min_error_statement = panic and leave log_statement off.';

CREATE FUNCTION oms.account_set_password(username text, password text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_set_password' LANGUAGE C;
COMMENT ON FUNCTION oms.account_set_password(text, text) IS
'Sets a password and ends the account''s sessions. Raises OM007 (no such account), OM010 (bad password).';

CREATE FUNCTION oms.account_set_role(username text, role text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_set_role' LANGUAGE C;
COMMENT ON FUNCTION oms.account_set_role(text, text) IS
'Sets the role, staff or admin; access tokens that are out carry the old one until they expire. Raises OM007, OM010.';

CREATE FUNCTION oms.account_disable(username text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_disable' LANGUAGE C;
COMMENT ON FUNCTION oms.account_disable(text) IS
'Refuses log-ins and ends the account''s sessions; access tokens that are out work until they expire. Raises OM007.';

CREATE FUNCTION oms.account_enable(username text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_enable' LANGUAGE C;
COMMENT ON FUNCTION oms.account_enable(text) IS
'Allows log-ins again. Raises OM007.';

CREATE FUNCTION oms.account_sign_out(username text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_sign_out' LANGUAGE C;
COMMENT ON FUNCTION oms.account_sign_out(text) IS
'Ends the account''s sessions; it may log in again. Raises OM007.';

CREATE FUNCTION oms_rest.token_create(actor text, request_id text, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_token_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.token_create(text, text, text) IS
'POST token/: logs in by {username, password}. Returns {sub, role, sid, refresh}. Raises OM010, OM020.';
CREATE FUNCTION oms_rest.token_refresh(actor text, request_id text, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_token_refresh' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.token_refresh(text, text, text) IS
'POST token/refresh/: replaces the token in {refresh}. Returns {sub, role, sid, refresh}; for a token that was used before {sqlstate, message, hint}, since raising that error would undo the end of its session. Raises OM010, OM021.';
-- rest: the operations of the API, one function each; arguments are the acting user, the request id, then what openapi.json says
CREATE FUNCTION oms_rest.ready(actor text, request_id text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_ready' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.ready(text, text) IS 'Versions of library and tables. Raises OM090 or OM091 when they do not belong together.';

CREATE FUNCTION oms_rest.wal_flush() RETURNS void
AS 'MODULE_PATHNAME', 'oms_wal_flush' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.wal_flush() IS
'Returns when all that this session committed is on disk and on the synchronous standbys. omsd acknowledges after it.';

CREATE FUNCTION oms_rest.product_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.product_list(text, text, text, jsonb) IS 'GET products/: a page.';
CREATE FUNCTION oms_rest.product_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_create(text, text, text, text) IS 'POST products/';
CREATE FUNCTION oms_rest.product_get(actor text, request_id text, id bigint, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.product_get(text, text, bigint, jsonb) IS 'GET products/{id}/; an archived product only with archived=true in the query.';
CREATE FUNCTION oms_rest.product_replace(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_replace' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_replace(text, text, bigint, text) IS 'PUT products/{id}/';
CREATE FUNCTION oms_rest.product_update(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_update(text, text, bigint, text) IS 'PATCH products/{id}/';
CREATE FUNCTION oms_rest.product_delete(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_delete' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_delete(text, text, bigint) IS 'DELETE products/{id}/: archives. Returns null.';

CREATE FUNCTION oms_rest.inventory_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.inventory_list(text, text, text, jsonb) IS 'GET inventory/: a page.';
CREATE FUNCTION oms_rest.inventory_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_create(text, text, text, text) IS 'POST inventory/';
CREATE FUNCTION oms_rest.inventory_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.inventory_get(text, text, bigint) IS 'GET inventory/{id}/';
CREATE FUNCTION oms_rest.inventory_replace(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_replace' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_replace(text, text, bigint, text) IS 'PUT inventory/{id}/: books the difference to the quantity as an adjustment.';
CREATE FUNCTION oms_rest.inventory_update(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_update(text, text, bigint, text) IS 'PATCH inventory/{id}/: as PUT, with what is given.';
CREATE FUNCTION oms_rest.inventory_delete(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_inventory_delete' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.inventory_delete(text, text, bigint) IS 'DELETE inventory/{id}/: books the rest out; the ledger stays. Returns null.';

CREATE FUNCTION oms_rest.order_list(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_list(text, text, text, jsonb) IS 'GET orders/: a page with the orders'' lines, newest first.';
CREATE FUNCTION oms_rest.order_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_create(text, text, text, text) IS 'POST orders/ and orders/create/';
CREATE FUNCTION oms_rest.order_get(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_get(text, text, bigint) IS 'GET orders/{id}/';
CREATE FUNCTION oms_rest.order_history(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_history' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_history(text, text, bigint) IS 'GET orders/{id}/history/: an array, oldest first.';
CREATE FUNCTION oms_rest.order_status(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_status' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_status(text, text, bigint, text) IS 'PATCH and PUT orders/{id}/status/: the order''s header after the step.';
CREATE FUNCTION oms_rest.report_summary(actor text, request_id text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_report_summary' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.report_summary(text, text, jsonb) IS 'GET orders/reports/';
CREATE FUNCTION oms.install() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $oms_install$
BEGIN
-- owner: what others laid down here before must not run with the rights of who installs
DO $owner$
DECLARE
  foreign_object text;
BEGIN
  SELECT format('%s %s belongs to %s', o.kind, o.name, pg_get_userbyid(o.owner)) INTO foreign_object
  FROM (
    SELECT 'schema' AS kind, nspname::text AS name, nspowner AS owner FROM pg_namespace WHERE nspname IN ('oms', 'oms_rest')
    UNION ALL
    SELECT 'table', oid::regclass::text, relowner FROM pg_class
    WHERE relnamespace IN ('oms'::regnamespace, 'oms_rest'::regnamespace) AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  ) AS o
  WHERE NOT (SELECT rolsuper FROM pg_roles AS r WHERE r.oid = o.owner)
  LIMIT 1;
  IF foreign_object IS NOT NULL THEN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = foreign_object || ', who is no superuser',
      HINT = 'Find out who made it and why; then drop it, or give it to a superuser with ALTER ... OWNER TO.';
  END IF;
END
$owner$;
-- roles: cluster-wide, so made only when missing; each includes the one before
DO $role$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      ('oms_reader', 'NOLOGIN', 'oms: reads orders, products, stock and their history'),
      ('oms_staff', 'NOLOGIN', 'oms: oms_reader, and takes orders and books stock'),
      ('oms_admin', 'NOLOGIN', 'oms: oms_staff, and keeps products, accounts, tasks and reports'),
      ('omsd', 'LOGIN NOINHERIT', 'oms: login of the REST server; acts as oms_staff or oms_admin by SET ROLE')
    ) AS r(name, options, purpose)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.name) THEN
      EXECUTE format('CREATE ROLE %I %s', wanted.name, wanted.options);
    END IF;
    EXECUTE format('COMMENT ON ROLE %I IS %L', wanted.name, wanted.purpose);
  END LOOP;
END
$role$;
GRANT oms_reader TO oms_staff;
GRANT oms_staff TO oms_admin;
GRANT oms_staff, oms_admin TO omsd;
-- parameters of its statements carry passwords and tokens: they stay out of the server's log
ALTER ROLE omsd SET log_parameter_max_length = 0;
ALTER ROLE omsd SET log_parameter_max_length_on_error = 0;
-- product: what is sold
CREATE TABLE IF NOT EXISTS oms.product (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sku text NOT NULL CHECK (sku <> '' AND length(sku) <= 64),
  name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
  about text NOT NULL DEFAULT '' CHECK (length(about) <= 10000),
  price numeric NOT NULL CHECK (price >= 0 AND price <= 9999999999.99 AND scale(price) = 2),
  version bigint NOT NULL DEFAULT 1,
  archived_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS product_sku_key ON oms.product (sku) WHERE archived_at IS NULL;
COMMENT ON TABLE oms.product IS 'What is sold. A product is never deleted but archived, for orders name it.';
COMMENT ON COLUMN oms.product.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.product.sku IS 'Stock keeping unit, 1 to 64 characters, unique among products that are not archived.';
COMMENT ON COLUMN oms.product.name IS 'Name, 1 to 200 characters.';
COMMENT ON COLUMN oms.product.about IS 'Description, at most 10000 characters.';
COMMENT ON COLUMN oms.product.price IS 'Price of one unit in the currency''s major unit, always with 2 decimals. Order lines keep the price they were sold at.';
COMMENT ON COLUMN oms.product.version IS 'Grows by one with each change of the row.';
COMMENT ON COLUMN oms.product.archived_at IS 'When the product was taken from sale, or null.';
COMMENT ON COLUMN oms.product.created_at IS 'When the product was entered.';
COMMENT ON COLUMN oms.product.updated_at IS 'When the row was last changed.';
COMMENT ON CONSTRAINT product_pkey ON oms.product IS 'An id names one product.';
COMMENT ON CONSTRAINT product_sku_check ON oms.product IS 'An SKU has 1 to 64 characters.';
COMMENT ON CONSTRAINT product_name_check ON oms.product IS 'A name has 1 to 200 characters.';
COMMENT ON CONSTRAINT product_about_check ON oms.product IS 'A description has at most 10000 characters.';
COMMENT ON CONSTRAINT product_price_check ON oms.product IS 'A price is 0 to 9999999999.99 of the currency''s major unit for one unit, with exactly 2 decimals.';
COMMENT ON INDEX oms.product_sku_key IS 'An SKU names one product that is not archived; serves the look-up by SKU.';
COMMENT ON SEQUENCE oms.product_id_seq IS 'Gives products their ids; numbers may be skipped, but none is given twice.';
-- location, stock and its ledger
CREATE TABLE IF NOT EXISTS oms.location (
  id integer GENERATED ALWAYS AS IDENTITY (START WITH 2) PRIMARY KEY,
  code text NOT NULL UNIQUE CHECK (code <> '' AND length(code) <= 32),
  name text NOT NULL
);
INSERT INTO oms.location (id, code, name) OVERRIDING SYSTEM VALUE
SELECT 1, 'MAIN', 'Main' WHERE NOT EXISTS (SELECT FROM oms.location);
COMMENT ON TABLE oms.location IS 'Where stock lies. MAIN is the one that orders take from.';
COMMENT ON COLUMN oms.location.id IS 'Identifier, drawn from a sequence; MAIN has 1.';
COMMENT ON COLUMN oms.location.code IS 'Short unique name, such as MAIN.';
COMMENT ON COLUMN oms.location.name IS 'Name for people.';
COMMENT ON CONSTRAINT location_pkey ON oms.location IS 'An id names one location.';
COMMENT ON CONSTRAINT location_code_key ON oms.location IS 'A code names one location.';
COMMENT ON CONSTRAINT location_code_check ON oms.location IS 'A code has 1 to 32 characters.';
COMMENT ON SEQUENCE oms.location_id_seq IS 'Gives locations their ids, from 2 on, for MAIN has 1; numbers may be skipped, but none is given twice.';

-- counters change in place: no index on them, room for HOT updates, and no foreign key, for products are never deleted
CREATE TABLE IF NOT EXISTS oms.stock (
  id bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  product_id bigint NOT NULL,
  location_id integer NOT NULL,
  on_hand bigint NOT NULL DEFAULT 0 CHECK (on_hand >= 0),
  reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  allocated bigint NOT NULL DEFAULT 0 CHECK (allocated >= 0),
  available bigint GENERATED ALWAYS AS (on_hand - reserved - allocated) STORED,
  low_stock_threshold bigint NOT NULL DEFAULT 10 CHECK (low_stock_threshold >= 0),
  moves bigint NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (product_id, location_id),
  CONSTRAINT stock_never_oversold CHECK (reserved + allocated <= on_hand)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE oms.stock IS 'Stock of a product at a location, in units. Changes only together with a row of oms.stock_move.';
COMMENT ON COLUMN oms.stock.id IS 'Identifier: the id of the inventory record in the REST API.';
COMMENT ON COLUMN oms.stock.product_id IS 'The product.';
COMMENT ON COLUMN oms.stock.location_id IS 'The location.';
COMMENT ON COLUMN oms.stock.on_hand IS 'Units that lie on the shelf.';
COMMENT ON COLUMN oms.stock.reserved IS 'Units held for somebody, not yet promised to an order.';
COMMENT ON COLUMN oms.stock.allocated IS 'Units promised to confirmed orders that have not shipped.';
COMMENT ON COLUMN oms.stock.available IS 'Units that can be sold: on_hand - reserved - allocated. The REST API calls it quantity.';
COMMENT ON COLUMN oms.stock.low_stock_threshold IS 'Stock is low when available is at or below this number of units.';
COMMENT ON COLUMN oms.stock.moves IS 'How many moves this row has had: the seq of its last oms.stock_move.';
COMMENT ON COLUMN oms.stock.updated_at IS 'Time of the last move or change of the threshold.';
COMMENT ON CONSTRAINT stock_pkey ON oms.stock IS 'A product has one row at a location; serves the look-up by product.';
COMMENT ON CONSTRAINT stock_id_key ON oms.stock IS 'An id names one row; serves the REST API''s inventory records.';
COMMENT ON CONSTRAINT stock_on_hand_check ON oms.stock IS 'Units on the shelf are never negative.';
COMMENT ON CONSTRAINT stock_reserved_check ON oms.stock IS 'Units reserved are never negative.';
COMMENT ON CONSTRAINT stock_allocated_check ON oms.stock IS 'Units allocated are never negative.';
COMMENT ON CONSTRAINT stock_low_stock_threshold_check ON oms.stock IS 'The threshold, in units, is not negative.';
COMMENT ON CONSTRAINT stock_never_oversold ON oms.stock IS 'No more units are reserved and allocated than lie on the shelf.';
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
  reason text,
  actor text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (product_id, location_id, seq),
  CONSTRAINT stock_move_shape CHECK (CASE kind
    WHEN 'receive' THEN d_on_hand > 0 AND d_reserved = 0 AND d_allocated = 0
    WHEN 'adjust' THEN d_on_hand <> 0 AND d_reserved = 0 AND d_allocated = 0 AND reason IS NOT NULL
    WHEN 'allocate' THEN d_on_hand = 0 AND d_reserved = 0 AND d_allocated > 0 AND order_id IS NOT NULL
    WHEN 'release' THEN d_on_hand = 0 AND d_reserved = 0 AND d_allocated < 0 AND order_id IS NOT NULL
    WHEN 'ship' THEN d_on_hand < 0 AND d_reserved = 0 AND d_allocated = d_on_hand AND order_id IS NOT NULL
    ELSE false END)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE oms.stock_move IS 'Ledger of stock, append-only: each row is one change of one row of oms.stock, numbered without gaps.';
COMMENT ON COLUMN oms.stock_move.product_id IS 'The product.';
COMMENT ON COLUMN oms.stock_move.location_id IS 'The location.';
COMMENT ON COLUMN oms.stock_move.seq IS 'Number of the move of this product at this location: 1, 2, 3, ...';
COMMENT ON COLUMN oms.stock_move.kind IS 'receive, adjust, allocate (order confirmed), release (order cancelled) or ship.';
COMMENT ON COLUMN oms.stock_move.d_on_hand IS 'Change of on_hand, in units.';
COMMENT ON COLUMN oms.stock_move.d_reserved IS 'Change of reserved, in units.';
COMMENT ON COLUMN oms.stock_move.d_allocated IS 'Change of allocated, in units.';
COMMENT ON COLUMN oms.stock_move.on_hand IS 'on_hand after the move.';
COMMENT ON COLUMN oms.stock_move.reserved IS 'reserved after the move.';
COMMENT ON COLUMN oms.stock_move.allocated IS 'allocated after the move.';
COMMENT ON COLUMN oms.stock_move.order_id IS 'The order that caused the move, or null.';
COMMENT ON COLUMN oms.stock_move.reason IS 'Why, in the words of who did it; always there for kind adjust.';
COMMENT ON COLUMN oms.stock_move.actor IS 'User of the API or database role that did it.';
COMMENT ON COLUMN oms.stock_move.at IS 'Start of the transaction that made the move.';
COMMENT ON CONSTRAINT stock_move_pkey ON oms.stock_move IS 'Each move of a product at a location has a number of its own; serves reading the ledger in order.';
COMMENT ON CONSTRAINT stock_move_seq_check ON oms.stock_move IS 'Moves are numbered from 1.';
COMMENT ON CONSTRAINT stock_move_shape ON oms.stock_move IS 'Each kind of move changes only its own counters, in its own direction, and names its order or its reason.';
-- orders, their lines and history, and the state machine
CREATE TABLE IF NOT EXISTS oms.order_transition (
  from_status text NOT NULL CHECK (from_status ~ '^[A-Z][A-Z0-9_]{0,31}$'),
  to_status text NOT NULL CONSTRAINT order_transition_check CHECK (to_status ~ '^[A-Z][A-Z0-9_]{0,31}$' AND to_status <> from_status),
  stock_effect text NOT NULL DEFAULT 'none' CHECK (stock_effect IN ('none', 'allocate', 'release', 'ship')),
  least_role text NOT NULL DEFAULT 'oms_staff' CHECK (least_role IN ('oms_staff', 'oms_admin')),
  PRIMARY KEY (from_status, to_status)
);
COMMENT ON TABLE oms.order_transition IS 'The state machine of orders: a row for each step that is allowed. Extended by administrators with INSERT. Every order starts as PENDING.';
COMMENT ON COLUMN oms.order_transition.from_status IS 'Status before the step.';
COMMENT ON COLUMN oms.order_transition.to_status IS 'Status after the step.';
COMMENT ON COLUMN oms.order_transition.stock_effect IS 'What the step does to stock: none, allocate (promise the lines'' units), release (take the promise back) or ship (take them off the shelf).';
COMMENT ON COLUMN oms.order_transition.least_role IS 'Least database role that may take the step: oms_staff or oms_admin.';
COMMENT ON CONSTRAINT order_transition_pkey ON oms.order_transition IS 'A step from one status to another is there once.';
COMMENT ON CONSTRAINT order_transition_from_status_check ON oms.order_transition IS 'A status is a capital letter and up to 31 more capital letters, digits and underscores.';
COMMENT ON CONSTRAINT order_transition_check ON oms.order_transition IS 'The status after the step is written like the one before, and is another.';
COMMENT ON CONSTRAINT order_transition_stock_effect_check ON oms.order_transition IS 'The effect on stock is none, allocate, release or ship.';
COMMENT ON CONSTRAINT order_transition_least_role_check ON oms.order_transition IS 'The least role is oms_staff or oms_admin.';
INSERT INTO oms.order_transition
SELECT * FROM (VALUES
  ('PENDING', 'CONFIRMED', 'allocate', 'oms_staff'),
  ('PENDING', 'CANCELLED', 'none', 'oms_staff'),
  ('CONFIRMED', 'PACKED', 'none', 'oms_staff'),
  ('CONFIRMED', 'SHIPPED', 'ship', 'oms_staff'),
  ('CONFIRMED', 'CANCELLED', 'release', 'oms_staff'),
  ('PACKED', 'SHIPPED', 'ship', 'oms_staff'),
  ('PACKED', 'CANCELLED', 'release', 'oms_staff'),
  ('SHIPPED', 'DELIVERED', 'none', 'oms_staff')
) AS born
WHERE NOT EXISTS (SELECT FROM oms.order_transition);

-- lean on purpose: verbs keep order, lines and stock together, oms.integrity proves it
CREATE TABLE IF NOT EXISTS oms.orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_number text NOT NULL,
  status text NOT NULL,
  version bigint NOT NULL CHECK (version > 0),
  customer_name text NOT NULL CHECK (customer_name <> '' AND length(customer_name) <= 200),
  total_amount numeric NOT NULL CHECK (total_amount >= 0),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT orders_born_pending CHECK (version > 1 OR status = 'PENDING')
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS orders_status_id_idx ON oms.orders (status, id);
CREATE INDEX IF NOT EXISTS orders_created_at_idx ON oms.orders (created_at);
COMMENT ON TABLE oms.orders IS 'Orders. Written by the order_ verbs only.';
COMMENT ON COLUMN oms.orders.id IS 'Identifier, drawn from a sequence: later orders have higher ids.';
COMMENT ON COLUMN oms.orders.order_number IS 'Number for people: SO- and the id with at least 8 digits.';
COMMENT ON COLUMN oms.orders.status IS 'Status: PENDING, CONFIRMED, PACKED, SHIPPED, DELIVERED, CANCELLED, or what oms.order_transition adds.';
COMMENT ON COLUMN oms.orders.version IS 'Number of the last row of oms.order_history; grows by one with each transition.';
COMMENT ON COLUMN oms.orders.customer_name IS 'Name of the customer, 1 to 200 characters.';
COMMENT ON COLUMN oms.orders.total_amount IS 'Sum of the lines'' line_total, in the currency''s major unit, with 2 decimals.';
COMMENT ON COLUMN oms.orders.created_by IS 'User of the API or database role that entered the order.';
COMMENT ON COLUMN oms.orders.created_at IS 'Start of the transaction that entered the order.';
COMMENT ON COLUMN oms.orders.updated_at IS 'Start of the transaction of the last transition.';
COMMENT ON CONSTRAINT orders_pkey ON oms.orders IS 'An id names one order; serves lists in the order of entry.';
COMMENT ON CONSTRAINT orders_version_check ON oms.orders IS 'Versions begin with 1.';
COMMENT ON CONSTRAINT orders_customer_name_check ON oms.orders IS 'A customer''s name has 1 to 200 characters.';
COMMENT ON CONSTRAINT orders_total_amount_check ON oms.orders IS 'A total is not negative, in the currency''s major unit.';
COMMENT ON CONSTRAINT orders_born_pending ON oms.orders IS 'An order that has not moved yet is PENDING.';
COMMENT ON INDEX oms.orders_status_id_idx IS 'Serves lists of orders in a status, the newest first.';
COMMENT ON INDEX oms.orders_created_at_idx IS 'Serves lists and reports of a span of time.';
COMMENT ON SEQUENCE oms.orders_id_seq IS 'Gives orders their ids, of which order_number is made; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.order_line (
  order_id bigint NOT NULL,
  line_no integer NOT NULL CHECK (line_no > 0),
  product_id bigint NOT NULL,
  quantity bigint NOT NULL CHECK (quantity > 0),
  sku text NOT NULL,
  name text NOT NULL,
  price numeric NOT NULL CHECK (price >= 0),
  line_total numeric NOT NULL CONSTRAINT order_line_total_is_product CHECK (line_total = price * quantity),
  PRIMARY KEY (order_id, line_no)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE oms.order_line IS 'Lines of orders, as sold. Never changed.';
COMMENT ON COLUMN oms.order_line.order_id IS 'The order.';
COMMENT ON COLUMN oms.order_line.line_no IS 'Number of the line in its order: 1, 2, 3, ...';
COMMENT ON COLUMN oms.order_line.product_id IS 'The product.';
COMMENT ON COLUMN oms.order_line.quantity IS 'Units ordered.';
COMMENT ON COLUMN oms.order_line.sku IS 'The product''s SKU when it was sold.';
COMMENT ON COLUMN oms.order_line.name IS 'The product''s name when it was sold.';
COMMENT ON COLUMN oms.order_line.price IS 'Price of one unit when it was sold, with 2 decimals.';
COMMENT ON COLUMN oms.order_line.line_total IS 'price times quantity; both have at most 2 decimals, so nothing is rounded.';
COMMENT ON CONSTRAINT order_line_pkey ON oms.order_line IS 'Each number stands once in an order; serves reading an order''s lines.';
COMMENT ON CONSTRAINT order_line_line_no_check ON oms.order_line IS 'Lines are numbered from 1.';
COMMENT ON CONSTRAINT order_line_quantity_check ON oms.order_line IS 'At least 1 unit is ordered.';
COMMENT ON CONSTRAINT order_line_price_check ON oms.order_line IS 'A price is not negative, in the currency''s major unit for one unit.';
COMMENT ON CONSTRAINT order_line_total_is_product ON oms.order_line IS 'The line''s total is price times quantity, exactly.';

CREATE TABLE IF NOT EXISTS oms.order_history (
  order_id bigint NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  from_status text,
  to_status text NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  reason text,
  PRIMARY KEY (order_id, seq),
  CONSTRAINT order_history_starts CHECK ((seq = 1) = (from_status IS NULL))
) WITH (autovacuum_vacuum_insert_scale_factor = 0.05);
COMMENT ON TABLE oms.order_history IS 'Each status that each order ever had, append-only.';
COMMENT ON COLUMN oms.order_history.order_id IS 'The order.';
COMMENT ON COLUMN oms.order_history.seq IS 'Number of the step: 1 is the birth; equals the version of the order after it.';
COMMENT ON COLUMN oms.order_history.from_status IS 'Status before, null at birth.';
COMMENT ON COLUMN oms.order_history.to_status IS 'Status after.';
COMMENT ON COLUMN oms.order_history.changed_at IS 'Start of the transaction that took the step.';
COMMENT ON COLUMN oms.order_history.actor IS 'User of the API or database role that took the step.';
COMMENT ON COLUMN oms.order_history.reason IS 'Why, where it was said.';
COMMENT ON CONSTRAINT order_history_pkey ON oms.order_history IS 'Each step of an order has a number of its own; serves reading an order''s history.';
COMMENT ON CONSTRAINT order_history_seq_check ON oms.order_history IS 'Steps are numbered from 1.';
COMMENT ON CONSTRAINT order_history_starts ON oms.order_history IS 'The first step, and no other, has no status before it.';

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
COMMENT ON COLUMN oms.event.aggregate IS 'Kind of thing it happened to: order, product or stock.';
COMMENT ON COLUMN oms.event.aggregate_id IS 'Which one.';
COMMENT ON COLUMN oms.event.version IS 'Version of the thing after the event.';
COMMENT ON COLUMN oms.event.actor IS 'User of the API or database role that did it.';
COMMENT ON COLUMN oms.event.request_id IS 'X-Request-Id of the REST request that did it, or null.';
COMMENT ON COLUMN oms.event.payload IS 'What belongs to the type, or null.';
COMMENT ON CONSTRAINT event_pkey ON oms.event IS 'An id names one event.';
COMMENT ON SEQUENCE oms.event_id_seq IS 'Gives events their ids, which do not follow the order of commits; numbers may be skipped, but none is given twice.';
-- tasks, their handlers, and whether the workers may run them
CREATE TABLE IF NOT EXISTS oms.task_handler (
  name text PRIMARY KEY CHECK (name <> '' AND octet_length(name) < 64),
  function text,
  run_as text CONSTRAINT task_handler_check CHECK ((run_as IS NULL) = (function IS NULL)),
  max_attempts integer CHECK (max_attempts BETWEEN 1 AND 100),
  timeout_ms integer CHECK (timeout_ms BETWEEN 10 AND 3600000),
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE oms.task_handler IS 'What tasks can run. Written by oms.task_handler_register() and _remove() only.';
COMMENT ON COLUMN oms.task_handler.name IS 'Name that tasks give, 1 to 63 bytes.';
COMMENT ON COLUMN oms.task_handler.function IS 'Function (task_id bigint, payload jsonb) with its schema, or null for a handler built into oms.';
COMMENT ON COLUMN oms.task_handler.run_as IS 'Role that the function runs as, never a superuser; null for a handler built into oms.';
COMMENT ON COLUMN oms.task_handler.max_attempts IS 'Attempts after which a task is dead, or null for the setting oms.task_max_attempts.';
COMMENT ON COLUMN oms.task_handler.timeout_ms IS 'Longest run of a task in milliseconds, or null for the setting oms.task_timeout.';
COMMENT ON COLUMN oms.task_handler.created_by IS 'Database role that registered it.';
COMMENT ON COLUMN oms.task_handler.created_at IS 'When it was registered.';
COMMENT ON CONSTRAINT task_handler_pkey ON oms.task_handler IS 'A name stands for one handler.';
COMMENT ON CONSTRAINT task_handler_name_check ON oms.task_handler IS 'A name has 1 to 63 bytes.';
COMMENT ON CONSTRAINT task_handler_check ON oms.task_handler IS 'A handler has a role to run as if it has a function, and only then.';
COMMENT ON CONSTRAINT task_handler_max_attempts_check ON oms.task_handler IS 'A task is given 1 to 100 attempts.';
COMMENT ON CONSTRAINT task_handler_timeout_ms_check ON oms.task_handler IS 'A run may last 10 to 3600000 milliseconds.';
IF NOT EXISTS (SELECT FROM oms.task_handler WHERE name = 'order_created') THEN
  INSERT INTO oms.task_handler (name, created_by) VALUES ('order_created', 'oms');
END IF;

-- a task's state is part of each index but the first, so that no update could be HOT: all room is filled
CREATE TABLE IF NOT EXISTS oms.task (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  due_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  lease_until timestamptz,
  finished_at timestamptz,
  attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  max_attempts integer NOT NULL CHECK (max_attempts BETWEEN 1 AND 100),
  worker_pid integer,
  state text NOT NULL DEFAULT 'ready' CHECK (state IN ('ready', 'running', 'done', 'dead', 'cancelled')),
  handler text NOT NULL,
  payload jsonb NOT NULL,
  last_error text,
  created_by text NOT NULL,
  request_id text,
  CONSTRAINT task_lease_while_running CHECK ((state = 'running') = (lease_until IS NOT NULL)),
  CONSTRAINT task_finished CHECK ((state IN ('ready', 'running')) = (finished_at IS NULL))
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0.1);
CREATE INDEX IF NOT EXISTS task_ready_idx ON oms.task (handler, due_at, id) WHERE state = 'ready';
CREATE INDEX IF NOT EXISTS task_running_idx ON oms.task (lease_until) WHERE state = 'running';
CREATE INDEX IF NOT EXISTS task_finished_idx ON oms.task (finished_at) WHERE state IN ('done', 'cancelled');
CREATE INDEX IF NOT EXISTS task_dead_idx ON oms.task (handler, id) WHERE state = 'dead';
COMMENT ON TABLE oms.task IS 'Work for later, queued in the transaction that wants it. Written by the task_ verbs and the workers only.';
COMMENT ON COLUMN oms.task.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.task.due_at IS 'Not to be run before this time; moved on by each failed attempt.';
COMMENT ON COLUMN oms.task.created_at IS 'Start of the transaction that queued it.';
COMMENT ON COLUMN oms.task.lease_until IS 'While running: when the attempt is given up for lost.';
COMMENT ON COLUMN oms.task.finished_at IS 'When it became done, dead or cancelled.';
COMMENT ON COLUMN oms.task.attempts IS 'Attempts that were begun.';
COMMENT ON COLUMN oms.task.max_attempts IS 'Attempts after which it is dead.';
COMMENT ON COLUMN oms.task.worker_pid IS 'Process id of the worker that runs or ran it.';
COMMENT ON COLUMN oms.task.state IS 'ready, running, done, dead (the last attempt failed) or cancelled.';
COMMENT ON COLUMN oms.task.handler IS 'Name of the row of oms.task_handler that says what runs.';
COMMENT ON COLUMN oms.task.payload IS 'What the handler is given.';
COMMENT ON COLUMN oms.task.last_error IS 'SQLSTATE and message of the last attempt that failed.';
COMMENT ON COLUMN oms.task.created_by IS 'User of the API or database role that queued it.';
COMMENT ON COLUMN oms.task.request_id IS 'X-Request-Id of the REST request that queued it, or null.';
COMMENT ON CONSTRAINT task_pkey ON oms.task IS 'An id names one task.';
COMMENT ON CONSTRAINT task_attempts_check ON oms.task IS 'The number of attempts begun is not negative.';
COMMENT ON CONSTRAINT task_max_attempts_check ON oms.task IS 'A task is given 1 to 100 attempts.';
COMMENT ON CONSTRAINT task_state_check ON oms.task IS 'The state is ready, running, done, dead or cancelled.';
COMMENT ON CONSTRAINT task_lease_while_running ON oms.task IS 'A task has a lease while it runs, and only then.';
COMMENT ON CONSTRAINT task_finished ON oms.task IS 'A task has a time of its end once it is done, dead or cancelled, and only then.';
COMMENT ON INDEX oms.task_ready_idx IS 'Serves the workers, which take a handler''s ready tasks in the order they are due.';
COMMENT ON INDEX oms.task_running_idx IS 'Serves the workers, which look for attempts whose lease has run out.';
COMMENT ON INDEX oms.task_finished_idx IS 'Serves the worker, which removes tasks that finished longer ago than oms.task_retention, the oldest first.';
COMMENT ON INDEX oms.task_dead_idx IS 'Serves the views oms.queue and oms.dead_task.';
COMMENT ON SEQUENCE oms.task_id_seq IS 'Gives tasks their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.stock_alert (
  product_id bigint NOT NULL,
  location_id integer NOT NULL,
  seq bigint NOT NULL,
  available bigint NOT NULL,
  threshold bigint NOT NULL,
  raised_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (product_id, location_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE oms.stock_alert IS 'The last event stock.low of each product and location. Another is raised only after oms.stock_move shows stock above the threshold since.';
COMMENT ON COLUMN oms.stock_alert.product_id IS 'The product.';
COMMENT ON COLUMN oms.stock_alert.location_id IS 'The location.';
COMMENT ON COLUMN oms.stock_alert.seq IS 'The oms.stock_move up to which the ledger was read.';
COMMENT ON COLUMN oms.stock_alert.available IS 'Units that were available after it.';
COMMENT ON COLUMN oms.stock_alert.threshold IS 'Threshold at that time, in units.';
COMMENT ON COLUMN oms.stock_alert.raised_at IS 'When the event was written.';
COMMENT ON CONSTRAINT stock_alert_pkey ON oms.stock_alert IS 'A product has one last alert at a location.';

CREATE TABLE IF NOT EXISTS oms.worker_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  system_identifier bigint NOT NULL,
  database_oid bigint NOT NULL,
  paused_at timestamptz,
  paused_by text
);
COMMENT ON TABLE oms.worker_state IS 'Which database the tasks belong to, in one row. Where it differs from the database itself, as in a restored copy, no task runs until oms.worker_resume().';
COMMENT ON COLUMN oms.worker_state.one IS 'Always true: there is one row.';
COMMENT ON COLUMN oms.worker_state.system_identifier IS 'System identifier of the cluster, as pg_control_system() gives it.';
COMMENT ON COLUMN oms.worker_state.database_oid IS 'OID of the database.';
COMMENT ON COLUMN oms.worker_state.paused_at IS 'Since when oms.worker_pause() holds, or null.';
COMMENT ON COLUMN oms.worker_state.paused_by IS 'Who paused it.';
COMMENT ON CONSTRAINT worker_state_pkey ON oms.worker_state IS 'With worker_state_one_check: there is no second row.';
COMMENT ON CONSTRAINT worker_state_one_check ON oms.worker_state IS 'The key can only be true, so that there is one row.';
IF NOT EXISTS (SELECT FROM oms.worker_state) THEN
  PERFORM oms.worker_resume();
END IF;

DO $guard$
DECLARE
  guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY['task', 'task_handler', 'stock_alert', 'worker_state'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.guard()', guarded);
    EXECUTE format('COMMENT ON TRIGGER guard ON oms.%I IS ''Refuses writes that do not come from a verb (OM040).''', guarded);
  END LOOP;
END
$guard$;

CREATE OR REPLACE VIEW oms.worker AS
SELECT worker, pid, state, handler, date_trunc('second', now() - since) AS "for", done, failed, starts
FROM oms.worker_list();
COMMENT ON VIEW oms.worker IS 'The background workers of this server. Empty without oms in shared_preload_libraries.';
COMMENT ON COLUMN oms.worker.worker IS 'Number of the worker, from 1 to the setting oms.workers.';
COMMENT ON COLUMN oms.worker.pid IS 'Its process id, or null while it does not run.';
COMMENT ON COLUMN oms.worker.state IS 'stopped, starting, idle, busy, purging, paused, copied (a restored copy: oms.worker_resume()), not installed, read only, or error (see the server''s log).';
COMMENT ON COLUMN oms.worker.handler IS 'Handler of the task that runs.';
COMMENT ON COLUMN oms.worker."for" IS 'How long it has been in this state.';
COMMENT ON COLUMN oms.worker.done IS 'Tasks it completed since the server started.';
COMMENT ON COLUMN oms.worker.failed IS 'Attempts that failed since the server started.';
COMMENT ON COLUMN oms.worker.starts IS 'How often it was started since the server started.';

CREATE OR REPLACE VIEW oms.queue AS
SELECT h.name AS handler,
  (SELECT count(*) FROM oms.task t WHERE t.handler = h.name AND t.state = 'ready' AND t.due_at <= now()) AS ready,
  (SELECT count(*) FROM oms.task t WHERE t.handler = h.name AND t.state = 'ready' AND t.due_at > now()) AS later,
  (SELECT count(*) FROM oms.task t WHERE t.handler = h.name AND t.state = 'running') AS running,
  (SELECT count(*) FROM oms.task t WHERE t.handler = h.name AND t.state = 'dead') AS dead,
  (SELECT date_trunc('second', now() - min(t.due_at)) FROM oms.task t
   WHERE t.handler = h.name AND t.state = 'ready' AND t.due_at <= now()) AS oldest
FROM oms.task_handler h;
COMMENT ON VIEW oms.queue IS 'How many tasks wait for each handler.';
COMMENT ON COLUMN oms.queue.handler IS 'Name of the handler.';
COMMENT ON COLUMN oms.queue.ready IS 'Tasks that a worker may take now.';
COMMENT ON COLUMN oms.queue.later IS 'Tasks whose time has not come.';
COMMENT ON COLUMN oms.queue.running IS 'Tasks that run.';
COMMENT ON COLUMN oms.queue.dead IS 'Tasks whose last attempt failed.';
COMMENT ON COLUMN oms.queue.oldest IS 'How long the first of the ready ones has been due.';

CREATE OR REPLACE VIEW oms.dead_task AS
SELECT id, handler, left(last_error, 24) AS error, format('SELECT oms.task_retry(%s);', id) AS retry
FROM oms.task WHERE state = 'dead';
COMMENT ON VIEW oms.dead_task IS 'Tasks whose last attempt failed, and how to retry them.';
COMMENT ON COLUMN oms.dead_task.id IS 'The task; oms.task has the whole error.';
COMMENT ON COLUMN oms.dead_task.handler IS 'Its handler.';
COMMENT ON COLUMN oms.dead_task.error IS 'Beginning of its last error.';
COMMENT ON COLUMN oms.dead_task.retry IS 'Statement that makes it ready again.';

GRANT SELECT ON oms.task, oms.task_handler, oms.stock_alert, oms.worker_state, oms.worker, oms.queue, oms.dead_task TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.worker_list TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.task_enqueue, oms.task_retry, oms.task_cancel, oms.task_handler_register, oms.task_handler_remove,
  oms.worker_pause, oms.worker_resume,
  oms_rest.task_list, oms_rest.task_get, oms_rest.task_retry, oms_rest.task_cancel TO oms_admin;
-- accounts of the API, log-ins and refresh tokens
CREATE TABLE IF NOT EXISTS oms.account (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  username text NOT NULL CHECK (username ~ '^[A-Za-z0-9@.+_-]{1,150}$'),
  role text NOT NULL CHECK (role IN ('staff', 'admin')),
  password_hash text NOT NULL,
  disabled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS account_username_key ON oms.account (lower(username COLLATE "C"));
COMMENT ON TABLE oms.account IS 'Users of the API. Written by the account_ verbs only; an account is never deleted but disabled, for history names it.';
COMMENT ON COLUMN oms.account.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.account.username IS 'Name, 1 to 150 of A-Z a-z 0-9 @ . + - _, unique without regard to case.';
COMMENT ON COLUMN oms.account.role IS 'staff or admin.';
COMMENT ON COLUMN oms.account.password_hash IS 'Password, hashed with argon2id at the cost of oms.password_ops and oms.password_memory.';
COMMENT ON COLUMN oms.account.disabled_at IS 'Since when log-ins are refused, or null.';
COMMENT ON COLUMN oms.account.created_at IS 'When the account was made.';
COMMENT ON COLUMN oms.account.updated_at IS 'When password, role or state was last set.';
COMMENT ON CONSTRAINT account_pkey ON oms.account IS 'An id names one account.';
COMMENT ON CONSTRAINT account_username_check ON oms.account IS 'A username has 1 to 150 of A-Z a-z 0-9 @ . + - _.';
COMMENT ON CONSTRAINT account_role_check ON oms.account IS 'The role is staff or admin.';
COMMENT ON INDEX oms.account_username_key IS 'A username belongs to one account, without regard to case; serves the log-in.';
COMMENT ON SEQUENCE oms.account_id_seq IS 'Gives accounts their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.session (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id bigint NOT NULL REFERENCES oms.account ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoke_reason text CONSTRAINT session_check CHECK ((revoke_reason IS NULL) = (revoked_at IS NULL))
);
CREATE INDEX IF NOT EXISTS session_account_id_idx ON oms.session (account_id);
CREATE INDEX IF NOT EXISTS session_expires_at_idx ON oms.session (expires_at);
COMMENT ON TABLE oms.session IS 'Log-ins. Removed by the worker once they have expired.';
COMMENT ON COLUMN oms.session.id IS 'Identifier: the claim sid of access tokens.';
COMMENT ON COLUMN oms.session.account_id IS 'The account.';
COMMENT ON COLUMN oms.session.created_at IS 'When it began.';
COMMENT ON COLUMN oms.session.expires_at IS 'When it ends, however often it is refreshed: oms.refresh_lifetime after the log-in.';
COMMENT ON COLUMN oms.session.revoked_at IS 'When it was ended before, or null.';
COMMENT ON COLUMN oms.session.revoke_reason IS 'Why it was ended.';
COMMENT ON CONSTRAINT session_pkey ON oms.session IS 'An id names one log-in.';
COMMENT ON CONSTRAINT session_account_id_fkey ON oms.session IS 'A log-in belongs to an account that exists, and goes with it.';
COMMENT ON CONSTRAINT session_check ON oms.session IS 'A log-in that was ended says why, and no other does.';
COMMENT ON INDEX oms.session_account_id_idx IS 'Serves ending all log-ins of an account.';
COMMENT ON INDEX oms.session_expires_at_idx IS 'Serves the worker, which removes log-ins once they have expired, the oldest first.';

CREATE TABLE IF NOT EXISTS oms.refresh_token (
  hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
  session_id uuid NOT NULL REFERENCES oms.session ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS refresh_token_session_id_idx ON oms.refresh_token (session_id);
COMMENT ON TABLE oms.refresh_token IS 'Refresh tokens of sessions, each good for one use.';
COMMENT ON COLUMN oms.refresh_token.hash IS 'SHA-256 of the token; the token itself is not kept.';
COMMENT ON COLUMN oms.refresh_token.session_id IS 'The session.';
COMMENT ON COLUMN oms.refresh_token.created_at IS 'When it was given out.';
COMMENT ON COLUMN oms.refresh_token.used_at IS 'When it was used; a use later than oms.refresh_grace after that revokes the session.';
COMMENT ON CONSTRAINT refresh_token_pkey ON oms.refresh_token IS 'A token is given out once; serves the look-up of a token by its hash.';
COMMENT ON CONSTRAINT refresh_token_hash_check ON oms.refresh_token IS 'The hash has the 32 bytes of a SHA-256.';
COMMENT ON CONSTRAINT refresh_token_session_id_fkey ON oms.refresh_token IS 'A token belongs to a session that exists, and goes with it.';
COMMENT ON INDEX oms.refresh_token_session_id_idx IS 'Serves the removal of a session''s tokens together with it.';

DO $guard$
DECLARE
  guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY['account', 'session', 'refresh_token'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.guard()', guarded);
    EXECUTE format('COMMENT ON TRIGGER guard ON oms.%I IS ''Refuses writes that do not come from a verb (OM040).''', guarded);
  END LOOP;
END
$guard$;

-- password hashes and tokens are for nobody but the owner
GRANT SELECT (id, username, role, disabled_at, created_at, updated_at) ON oms.account TO oms_admin;
GRANT SELECT ON oms.session TO oms_admin;
GRANT EXECUTE ON FUNCTION oms.account_create, oms.account_set_password, oms.account_set_role, oms.account_disable,
  oms.account_enable, oms.account_sign_out TO oms_admin;
GRANT EXECUTE ON FUNCTION oms_rest.token_create, oms_rest.token_refresh TO omsd;
-- version of the tables
CREATE TABLE IF NOT EXISTS oms.schema_version (
  version integer PRIMARY KEY,
  installed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE oms.schema_version IS 'Versions of the tables that oms.install() has brought this database to.';
COMMENT ON COLUMN oms.schema_version.version IS 'Version of the tables; the highest is the present one.';
COMMENT ON COLUMN oms.schema_version.installed_at IS 'When.';
COMMENT ON CONSTRAINT schema_version_pkey ON oms.schema_version IS 'A version is entered once.';
INSERT INTO oms.schema_version (version) VALUES (1) ON CONFLICT DO NOTHING;

-- integrity: empty unless something is wrong
CREATE OR REPLACE VIEW oms.integrity AS
WITH ledger AS (
  SELECT product_id, location_id, seq, on_hand, reserved, allocated, d_on_hand, d_reserved, d_allocated,
    lag(seq, 1, 0::bigint) OVER chain AS before_seq,
    lag(on_hand, 1, 0::bigint) OVER chain AS before_on_hand,
    lag(reserved, 1, 0::bigint) OVER chain AS before_reserved,
    lag(allocated, 1, 0::bigint) OVER chain AS before_allocated,
    lead(seq) OVER chain IS NULL AS last
  FROM oms.stock_move
  WINDOW chain AS (PARTITION BY product_id, location_id ORDER BY seq)
), history AS (
  SELECT order_id, seq, from_status, to_status,
    lag(seq, 1, 0::bigint) OVER chain AS before_seq,
    lag(to_status) OVER chain AS before_status,
    lead(seq) OVER chain IS NULL AS last
  FROM oms.order_history
  WINDOW chain AS (PARTITION BY order_id ORDER BY seq)
), demand AS (
  SELECT order_id, product_id, sum(quantity) AS quantity FROM oms.order_line GROUP BY order_id, product_id
), booked AS (
  SELECT order_id, product_id, sum(d_allocated) AS allocated, sum(d_on_hand) AS on_hand
  FROM oms.stock_move WHERE order_id IS NOT NULL GROUP BY order_id, product_id
), totals AS (
  SELECT order_id, sum(line_total) AS total FROM oms.order_line GROUP BY order_id
), holding AS (
  SELECT status, oms.status_holds(status) AS holds FROM (SELECT DISTINCT status FROM oms.orders) AS s
)
SELECT 'ledger has a gap or does not add up' AS problem,
  format('product %s at location %s, move %s', product_id, location_id, seq) AS subject
FROM ledger
WHERE seq <> before_seq + 1 OR on_hand <> before_on_hand + d_on_hand
  OR reserved <> before_reserved + d_reserved OR allocated <> before_allocated + d_allocated
UNION ALL
SELECT 'stock differs from its ledger',
  format('product %s at location %s', coalesce(s.product_id, l.product_id), coalesce(s.location_id, l.location_id))
FROM oms.stock AS s
FULL JOIN (SELECT * FROM ledger WHERE last) AS l ON l.product_id = s.product_id AND l.location_id = s.location_id
WHERE (coalesce(s.on_hand, 0), coalesce(s.reserved, 0), coalesce(s.allocated, 0), coalesce(s.moves, l.seq))
  IS DISTINCT FROM (coalesce(l.on_hand, 0), coalesce(l.reserved, 0), coalesce(l.allocated, 0), coalesce(l.seq, 0))
UNION ALL
SELECT 'stock of an unknown product or location', format('product %s at location %s', s.product_id, s.location_id)
FROM oms.stock AS s
WHERE NOT EXISTS (SELECT FROM oms.product AS p WHERE p.id = s.product_id)
  OR NOT EXISTS (SELECT FROM oms.location AS l WHERE l.id = s.location_id)
UNION ALL
SELECT 'order total differs from its lines', format('order %s', o.id)
FROM oms.orders AS o
LEFT JOIN totals AS t ON t.order_id = o.id
WHERE o.total_amount IS DISTINCT FROM t.total
UNION ALL
SELECT 'lines without an order', format('order %s', t.order_id)
FROM totals AS t
WHERE NOT EXISTS (SELECT FROM oms.orders AS o WHERE o.id = t.order_id)
UNION ALL
SELECT 'line of an unknown product', format('order %s, product %s', d.order_id, d.product_id)
FROM demand AS d
WHERE NOT EXISTS (SELECT FROM oms.product AS p WHERE p.id = d.product_id)
UNION ALL
SELECT 'history has a gap or does not connect', format('order %s, step %s', order_id, seq)
FROM history
WHERE seq <> before_seq + 1 OR from_status IS DISTINCT FROM before_status
UNION ALL
SELECT 'order differs from its history', format('order %s', coalesce(o.id, h.order_id))
FROM oms.orders AS o
FULL JOIN (SELECT * FROM history WHERE last) AS h ON h.order_id = o.id
WHERE (o.status, o.version) IS DISTINCT FROM (h.to_status, h.seq)
UNION ALL
SELECT 'stock booked for an order differs from its lines and status',
  format('order %s, product %s', coalesce(d.order_id, b.order_id), coalesce(d.product_id, b.product_id))
FROM demand AS d
FULL JOIN booked AS b ON b.order_id = d.order_id AND b.product_id = d.product_id
LEFT JOIN oms.orders AS o ON o.id = coalesce(d.order_id, b.order_id)
LEFT JOIN holding AS h ON h.status = o.status
WHERE (coalesce(b.allocated, 0), coalesce(b.on_hand, 0)) IS DISTINCT FROM (
  CASE h.holds WHEN 'allocated' THEN d.quantity WHEN 'shipped' THEN 0 WHEN 'nothing' THEN 0 END,
  CASE h.holds WHEN 'allocated' THEN 0 WHEN 'shipped' THEN -d.quantity WHEN 'nothing' THEN 0 END);
COMMENT ON VIEW oms.integrity IS
'Empty unless something is wrong: ledger = counters, lines = ledger, header = lines, history = status. Reads everything: seconds on millions of rows.';
COMMENT ON COLUMN oms.integrity.problem IS 'What is wrong.';
COMMENT ON COLUMN oms.integrity.subject IS 'With what.';
-- guards: these tables are written by verbs only
DO $guard$
DECLARE
  guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY['product', 'stock', 'stock_move', 'orders', 'order_line', 'order_history', 'event',
    'idempotency'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.guard()', guarded);
    EXECUTE format('COMMENT ON TRIGGER guard ON oms.%I IS ''Refuses writes that do not come from a verb (OM040).''', guarded);
  END LOOP;
END
$guard$;

CREATE OR REPLACE TRIGGER changing BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.order_transition
FOR EACH STATEMENT EXECUTE FUNCTION oms.transition_changed();
COMMENT ON TRIGGER changing ON oms.order_transition IS 'Keeps orders from moving until the transaction that changes the state machine ends.';
CREATE OR REPLACE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.order_transition
FOR EACH STATEMENT EXECUTE FUNCTION oms.transition_changed();
COMMENT ON TRIGGER changed ON oms.order_transition IS 'Checks the state machine and makes it known to all sessions.';
-- privileges: each role includes the one before
GRANT USAGE ON SCHEMA oms TO oms_reader;
GRANT USAGE ON SCHEMA oms_rest TO oms_staff, omsd;

GRANT SELECT ON oms.product, oms.location, oms.stock, oms.stock_move, oms.orders, oms.order_line, oms.order_history,
  oms.order_transition, oms.event, oms.schema_version, oms.integrity TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.status_holds TO oms_reader;

GRANT EXECUTE ON FUNCTION
  oms.order_create, oms.orders_create, oms.order_move,
  oms.order_confirm, oms.order_pack, oms.order_ship, oms.order_deliver, oms.order_cancel,
  oms.orders_confirm, oms.orders_pack, oms.orders_ship, oms.orders_deliver, oms.orders_cancel,
  oms.stock_receive, oms.stock_adjust TO oms_staff;
GRANT EXECUTE ON FUNCTION oms.product_create, oms.product_update, oms.product_archive, oms.report_summary TO oms_admin;
GRANT INSERT, UPDATE, DELETE ON oms.order_transition TO oms_admin;
GRANT INSERT (code, name), UPDATE (code, name) ON oms.location TO oms_admin;

GRANT EXECUTE ON FUNCTION oms_rest.ready, oms_rest.wal_flush TO oms_staff, omsd;
GRANT EXECUTE ON FUNCTION
  oms_rest.product_list, oms_rest.product_get,
  oms_rest.inventory_list, oms_rest.inventory_create, oms_rest.inventory_get, oms_rest.inventory_replace,
  oms_rest.inventory_update, oms_rest.inventory_delete,
  oms_rest.order_list, oms_rest.order_create, oms_rest.order_get, oms_rest.order_history, oms_rest.order_status
  TO oms_staff;
GRANT EXECUTE ON FUNCTION
  oms_rest.product_create, oms_rest.product_replace, oms_rest.product_update, oms_rest.product_delete,
  oms_rest.report_summary TO oms_admin;

-- views read with the rights of who reads them, so a policy on a table holds for its views; 14 has no such option
DO $view$
DECLARE
  wanted regclass;
BEGIN
  IF current_setting('server_version_num')::integer >= 150000 THEN
    FOR wanted IN SELECT oid FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'v' LOOP
      EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', wanted);
    END LOOP;
  END IF;
END
$view$;
END
$oms_install$;
COMMENT ON FUNCTION oms.install() IS
'Creates what is missing of the tables, views, triggers, roles and grants of oms in this database. Takes nothing, returns nothing, may be called again at any time; needs the rights of a superuser.';
-- nothing is for everybody; oms.install() grants to the roles
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA oms, oms_rest FROM PUBLIC;
