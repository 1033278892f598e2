-- orders: asking before, the state machine as a picture, and all that happened
CREATE FUNCTION oms.why_not(order_id bigint, status text, OUT sqlstate text, OUT message text, OUT detail text, OUT hint text) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_why_not' LANGUAGE C;
COMMENT ON FUNCTION oms.why_not(bigint, text) IS
'Tells what stands in the way of an order''s step to a status: takes the step, undoes it, and returns the error as a row, or no row when the step would work. Needs a transaction that may write, and locks what the step would lock until the transaction''s end at most.';

CREATE FUNCTION oms.order_diagram(format text DEFAULT 'mermaid') RETURNS text
AS 'MODULE_PATHNAME', 'oms_order_diagram' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.order_diagram(text) IS
'The state machine of orders as text of a diagram: mermaid (stateDiagram-v2) or dot (Graphviz). Steps are labelled with what they do to stock and with oms_admin where they need it. Raises OM010.';

CREATE FUNCTION oms.order_timeline(order_id bigint, OUT at timestamptz, OUT kind text, OUT what text, OUT actor text, OUT detail jsonb) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'oms_order_timeline' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.order_timeline(bigint) IS
'All that happened to an order, in the order of time: kind is history, stock, shipment, return, note, hold, event or task. Raises OM001.';

CREATE FUNCTION oms_rest.order_why_not(actor text, request_id text, id bigint, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_why_not' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_why_not(text, text, bigint, jsonb) IS 'GET orders/{id}/why-not/: what stands in the way of a step.';

CREATE FUNCTION oms_rest.order_states(actor text, request_id text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_states' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_states(text, text) IS 'GET orders/states/: statuses and steps.';

CREATE FUNCTION oms_rest.order_states_update(actor text, request_id text, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_states_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.order_states_update(text, text, text) IS 'PATCH orders/states/: changes the state machine and answers with it.';

CREATE FUNCTION oms_rest.order_states_history(actor text, request_id text, url text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_states_history' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_states_history(text, text, text, jsonb) IS 'GET orders/states/history/: page of versions of the state machine, newest first.';

CREATE FUNCTION oms_rest.order_diagram(actor text, request_id text, query jsonb) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_diagram' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_diagram(text, text, jsonb) IS 'GET orders/diagram/: the state machine as a diagram.';

CREATE FUNCTION oms_rest.order_timeline(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_order_timeline' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.order_timeline(text, text, bigint) IS 'GET orders/{id}/timeline/: an array, oldest first.';
