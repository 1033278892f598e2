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

CREATE FUNCTION oms.order_sell(items jsonb, customer_name text DEFAULT NULL, customer_id bigint DEFAULT NULL, channel text DEFAULT 'default', external_ref text DEFAULT NULL,
  discount text DEFAULT NULL, attributes jsonb DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_order_sell' LANGUAGE C;
COMMENT ON FUNCTION oms.order_sell(jsonb, text, bigint, text, text, text, jsonb, text) IS
'A counter sale: enters an order, as oms.order_create does with the same arguments, and takes it the shortest way to DELIVERED, each step with its history and event; all of it or nothing. Returns its id. Raises what order_create raises, and OM002 (no way leads to DELIVERED), OM003, OM023, OM049 (backordered units do not lie on the shelf).';

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
'Puts an order on hold: until it is released it can only be cancelled. reason has 1 to 1000 characters. Raises OM001, OM002 (no step leads on from its status), OM010.';

CREATE FUNCTION oms.order_release(order_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_release' LANGUAGE C;
COMMENT ON FUNCTION oms.order_release(bigint, text) IS 'Ends an order''s hold. Raises OM001, OM055 (it is not on hold).';

CREATE FUNCTION oms.order_amend(order_id bigint, items jsonb, reason text DEFAULT NULL, expected_version bigint DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_order_amend' LANGUAGE C;
COMMENT ON FUNCTION oms.order_amend(bigint, jsonb, text, bigint) IS
'Amends an order of which nothing has shipped and returns its version then. items has 1 to 500 elements: {"line": 1, "quantity": 5}, the units that are wanted of a line, also with discount (an amount or percent, in place of the one it has) and, for administrators, price, each of them also alone; {"line": 2, "remove": true}, nothing of the line is wanted any more; {"product_id": 7, "quantity": 2}, a new line, priced as by order_create, with discount, tax_rate and price as there. A line keeps the price it was sold at, its discount follows its units; new lines have no share in a discount of the whole order. Stock follows by the difference; tax and totals are reckoned anew. What is so already changes nothing. reason has at most 1000 characters. Raises OM001, OM003 (with the units that are wanted beyond those held), OM010 (also when nothing would be wanted, or there would be more than 500 lines), OM014, OM023 (price), OM039, OM041 (the order has not expected_version), OM043, OM044 (something has shipped, or the status is final), OM045 (units are in a parcel), OM053.';
CREATE FUNCTION oms.order_update(order_id bigint, customer_name text DEFAULT NULL, customer_id bigint DEFAULT NULL, external_ref text DEFAULT NULL, attributes jsonb DEFAULT NULL, expected_version bigint DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_order_update' LANGUAGE C;
COMMENT ON FUNCTION oms.order_update(bigint, text, bigint, text, jsonb, bigint) IS
'Changes what is given of an order''s header, in any status, and writes from and to of it in the history. Null leaves a value as it is; an empty external_ref, customer_id 0 and JSON null for attributes take it away. A name that is not given stays, also with another customer. Returns the order''s version: a new one, unless nothing differs. Raises OM001, OM010, OM034 (no such customer, or archived), OM041 (not of expected_version), OM042 (external_ref taken in the channel).';

CREATE FUNCTION oms.order_note_add(order_id bigint, note text) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_order_note_add' LANGUAGE C;
COMMENT ON FUNCTION oms.order_note_add(bigint, text) IS
'Adds a note of 1 to 10000 characters to an order in any status; notes stay for ever. The order keeps its version, which the event order.note_added carries. Returns the id of the note. Raises OM001, OM010.';

CREATE FUNCTION oms.order_cancel_lines(order_id bigint, items jsonb, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_cancel_lines' LANGUAGE C;
COMMENT ON FUNCTION oms.order_cancel_lines(bigint, jsonb, text) IS
'Cancels lines of an order, or units of them: [{"line": 1, "quantity": 2}, ...], all units that may be where no quantity is given. Their stock is free again, totals are reckoned anew. An order of which nothing is wanted any more becomes CANCELLED, one of which all has shipped takes its shipping step, and is DELIVERED when its shipments have arrived. Raises OM001, OM002 (no step leads on), OM010, OM039, OM043 (the shipping step of an order on hold), OM045 (shipped, or in a parcel).';

CREATE FUNCTION oms.order_close(order_id bigint, reason text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_order_close' LANGUAGE C;
COMMENT ON FUNCTION oms.order_close(bigint, text) IS
'Closes a partly shipped order short: all that has not shipped is cancelled, and the order takes its shipping step, and is DELIVERED when its shipments have arrived. Raises OM001, OM002 (nothing or all of it has shipped), OM043, OM045 (units are in a parcel).';

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

CREATE FUNCTION oms.order_machine_change(steps jsonb DEFAULT NULL, remove jsonb DEFAULT NULL, statuses jsonb DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_order_machine_change' LANGUAGE C;
COMMENT ON FUNCTION oms.order_machine_change(jsonb, jsonb, jsonb) IS
'Changes the state machine of orders as one statement, for administrators: steps, [{"from": "CONFIRMED", "to": "ON_HOLD", "stock_effect": "none", "least_role": "oms_staff"}, ...], are added or, where they are there, changed (effect none and role oms_staff unless said); remove, [{"from": ..., "to": ...}], takes steps away; statuses, [{"status": "LOST", "final": true}], says where orders may stay. Returns the version that the machine has then, see oms.order_machine. Raises OM010, OM015 (it would not add up). INSERT, UPDATE and DELETE on oms.order_transition and oms.order_status do the same, a statement at a time.';

CREATE FUNCTION oms.transition_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'oms_transition_changed' LANGUAGE C;
COMMENT ON FUNCTION oms.transition_changed() IS
'Trigger on oms.order_transition and oms.order_status: checks that the state machine adds up, that every order can end, and that orders hold what their status says (OM015), keeps the new version in oms.order_machine with an event, and makes it known to all sessions.';
