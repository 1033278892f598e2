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
