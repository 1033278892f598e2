-- hold: verbs
CREATE FUNCTION oms.hold_create(items jsonb, owner text, expires_in interval DEFAULT '15 min') RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_hold_create' LANGUAGE C;
COMMENT ON FUNCTION oms.hold_create(jsonb, text, interval) IS
'Keeps units for somebody for a while, 1 second to 30 days: items is [{"product_id": 1, "quantity": 2}]; they come from the locations that an order would take from. Returns the id of the hold. Raises OM003, OM010.';

CREATE FUNCTION oms.hold_renew(hold_id bigint, expires_in interval DEFAULT '15 min') RETURNS timestamptz
AS 'MODULE_PATHNAME', 'oms_hold_renew' LANGUAGE C;
COMMENT ON FUNCTION oms.hold_renew(bigint, interval) IS
'Keeps what is held for so long from now on, 1 second to 30 days. Returns when it expires. Raises OM010, OM035 (no such hold), OM046 (has ended or expired).';

CREATE FUNCTION oms.hold_release(hold_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'oms_hold_release' LANGUAGE C;
COMMENT ON FUNCTION oms.hold_release(bigint) IS
'Gives back what is held. Returns nothing. Raises OM035 (no such hold), OM046 (has ended).';

CREATE FUNCTION oms.hold_order(hold_id bigint, customer_name text DEFAULT NULL, customer_id bigint DEFAULT NULL, channel text DEFAULT 'default', external_ref text DEFAULT NULL,
  discount text DEFAULT NULL, attributes jsonb DEFAULT NULL, note text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_hold_order' LANGUAGE C;
COMMENT ON FUNCTION oms.hold_order(bigint, text, bigint, text, text, text, jsonb, text) IS
'Makes an order of a hold, with a line for each of its products at today''s price in the channel''s currency; the other arguments are those of oms.order_create. The units pass from the hold to the order where they lie and are free at no time: the order is PENDING and has them reserved, whatever its channel says of when to take stock. Returns the id of the order. Raises OM010 (also for more than 500 products or 1000000 units of one), OM014, OM035 (no such hold), OM042, OM046 (has expired, has been released, or is an order already, whose id is told), OM053.';

CREATE FUNCTION oms.hold_expire(batch integer DEFAULT 1000) RETURNS integer
AS 'MODULE_PATHNAME', 'oms_hold_expire' LANGUAGE C;
COMMENT ON FUNCTION oms.hold_expire(integer) IS
'Ends holds that have expired, at least those of the first so many lines; the worker does it every minute, and a confirm that needs the units at once. Returns how many holds it ended. Raises OM010 (batch below 1).';
