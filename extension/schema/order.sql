-- order: verbs
CREATE FUNCTION oms.order_create(items jsonb, customer_name text DEFAULT NULL, customer_id bigint DEFAULT NULL, channel text DEFAULT 'default', external_ref text DEFAULT NULL,
  discount text DEFAULT NULL, attributes jsonb DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_order_create' LANGUAGE C;
COMMENT ON FUNCTION oms.order_create(jsonb, text, bigint, text, text, text, jsonb, text) IS
'Enters an order; items is [{"product_id": 1, "quantity": 2}, ...], 1 to 500 lines, quantities 1 to 1000000; an item may have discount, tax_rate (percent) and, for administrators, price. A discount, of a line or the whole order, is an amount such as 2.50 or percent such as 10%. Prices are today''s in the channel''s currency. The name is the customer''s, or User, unless given. Returns its id; the order is PENDING and takes no stock unless its channel''s orders take it at create. Raises OM003, OM010, OM014, OM023 (price), OM042 (external_ref taken in the channel), OM053 (no price in the currency).';

CREATE FUNCTION oms.orders_create(orders jsonb, all_or_nothing boolean DEFAULT false, OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_create' LANGUAGE C;
COMMENT ON FUNCTION oms.orders_create(jsonb, boolean) IS
'Enters many orders, [{"customer_name": "Ann", "items": [...]}, ...], at most 10000 (OM010). Returns a row for each, in their order; one that fails hinders no other, unless all_or_nothing: then the first that fails is raised as its own error, with its row from 0 in DETAIL, and nothing is done.';

CREATE FUNCTION oms.order_move(order_id bigint, status text, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_move' LANGUAGE C;
COMMENT ON FUNCTION oms.order_move(bigint, text, text) IS
'Takes an order to any status that oms.order_transition allows; to the one it has is harmless. Raises OM001, OM002 (no such step), OM003 (not enough stock), OM010 (no such status), OM023 (needs an administrator).';

CREATE FUNCTION oms.order_confirm(order_id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_order_confirm' LANGUAGE C;
COMMENT ON FUNCTION oms.order_confirm(bigint) IS
'Confirms an order and allocates its units: available stock goes down. Returns where they come from: [{"line": 1, "product_id": 1, "location": "MAIN", "quantity": 2}, ...]; from the fewest locations that have all, by priority. Raises OM001, OM002, OM003, OM043.';

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

CREATE FUNCTION oms.order_advance(order_id bigint, status text DEFAULT 'DELIVERED', reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_advance' LANGUAGE C;
COMMENT ON FUNCTION oms.order_advance(bigint, text, text) IS
'Takes an order the shortest way through the state machine to a status, each step with its history and event; all of it or nothing. Raises OM001, OM002 (no way leads there), OM003, OM010 (no such status), OM023, OM043, OM049.';

CREATE FUNCTION oms.order_hold(order_id bigint, reason text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_hold' LANGUAGE C;
COMMENT ON FUNCTION oms.order_hold(bigint, text) IS
'Puts an order on hold: until it is released it can only be cancelled. reason has 1 to 1000 characters. Raises OM001, OM010.';

CREATE FUNCTION oms.order_release(order_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_release' LANGUAGE C;
COMMENT ON FUNCTION oms.order_release(bigint, text) IS 'Ends an order''s hold. Raises OM001, OM055 (it is not on hold).';

CREATE FUNCTION oms.order_cancel_lines(order_id bigint, items jsonb, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_cancel_lines' LANGUAGE C;
COMMENT ON FUNCTION oms.order_cancel_lines(bigint, jsonb, text) IS
'Cancels lines of an order, or units of them: [{"line": 1, "quantity": 2}, ...], all units that may be where no quantity is given. Their stock is free again, totals are reckoned anew. An order of which nothing is wanted any more becomes CANCELLED, one of which all has shipped takes its shipping step. Raises OM001, OM002 (no step leads on), OM010, OM039, OM045 (shipped, or in a parcel).';

CREATE FUNCTION oms.order_close(order_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_close' LANGUAGE C;
COMMENT ON FUNCTION oms.order_close(bigint, text) IS
'Closes a partly shipped order short: all that has not shipped is cancelled, and the order takes its shipping step. Raises OM001, OM002 (nothing or all of it has shipped), OM045 (units are in a parcel).';

CREATE FUNCTION oms.orders_confirm(order_ids bigint[], all_or_nothing boolean DEFAULT false, OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_confirm' LANGUAGE C;
COMMENT ON FUNCTION oms.orders_confirm(bigint[], boolean) IS
'order_confirm for at most 10000 orders. Returns a row for each, in their order; one that fails hinders no other. Stock goes to the lowest order ids first. With all_or_nothing the first that fails is raised as its own error, with its row from 0 in DETAIL, and nothing is done.';

CREATE FUNCTION oms.orders_pack(order_ids bigint[], all_or_nothing boolean DEFAULT false, OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_pack' LANGUAGE C;
COMMENT ON FUNCTION oms.orders_pack(bigint[], boolean) IS 'order_pack for at most 10000 orders; a row for each. With all_or_nothing, as orders_confirm.';

CREATE FUNCTION oms.orders_ship(order_ids bigint[], all_or_nothing boolean DEFAULT false, OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_ship' LANGUAGE C;
COMMENT ON FUNCTION oms.orders_ship(bigint[], boolean) IS 'order_ship for at most 10000 orders; a row for each. With all_or_nothing, as orders_confirm.';

CREATE FUNCTION oms.orders_deliver(order_ids bigint[], all_or_nothing boolean DEFAULT false, OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_deliver' LANGUAGE C;
COMMENT ON FUNCTION oms.orders_deliver(bigint[], boolean) IS 'order_deliver for at most 10000 orders; a row for each. With all_or_nothing, as orders_confirm.';

CREATE FUNCTION oms.orders_cancel(order_ids bigint[], reason text DEFAULT NULL, all_or_nothing boolean DEFAULT false, OUT order_id bigint, OUT ok boolean, OUT sqlstate text, OUT message text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_orders_cancel' LANGUAGE C;
COMMENT ON FUNCTION oms.orders_cancel(bigint[], text, boolean) IS 'order_cancel for at most 10000 orders; a row for each. With all_or_nothing, as orders_confirm.';

CREATE FUNCTION oms.status_holds(status text) RETURNS text
AS 'MODULE_PATHNAME', 'oms_status_holds' LANGUAGE C STABLE STRICT;
COMMENT ON FUNCTION oms.status_holds(text) IS
'What an order in a status has of stock: nothing, allocated or shipped; null for a status that no order can reach.';

CREATE FUNCTION oms.transition_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'oms_transition_changed' LANGUAGE C;
COMMENT ON FUNCTION oms.transition_changed() IS
'Trigger on oms.order_transition and oms.order_status: checks that the state machine adds up, that every order can end, and that orders hold what their status says (OM015), and makes it known to all sessions.';
