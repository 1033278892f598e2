-- stock: verbs
CREATE FUNCTION oms.stock_receive(product_id bigint, quantity bigint, reason text DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_stock_receive' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_receive(bigint, bigint, text) IS
'Books units that came in at MAIN. Returns the units available then. Raises OM004, OM010 (quantity not above 0), OM014.';

CREATE FUNCTION oms.stock_adjust(product_id bigint, delta bigint, reason text) RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_stock_adjust' LANGUAGE C;
COMMENT ON FUNCTION oms.stock_adjust(bigint, bigint, text) IS
'Corrects the units on hand at MAIN by a difference, up or down, and says why. Returns the units available then. Raises OM003 (promised units cannot be taken away), OM004, OM010, OM014.';
