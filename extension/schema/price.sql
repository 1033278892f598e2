-- price: verbs
CREATE FUNCTION oms.product_price_set(product_id bigint, currency text, price numeric) RETURNS void
AS 'MODULE_PATHNAME', 'oms_product_price_set' LANGUAGE C;
COMMENT ON FUNCTION oms.product_price_set(bigint, text, numeric) IS
'Sets the price of a product in a currency other than that of channel default, in which oms.product.price is; null takes it away. price is of one unit in the major unit, with no more decimals than the currency has, from 0 to 9999999999 and a fraction. Returns nothing. Raises OM004 (no such product, or archived), OM010 (bad value).';

CREATE FUNCTION oms_rest.product_prices(actor text, request_id text, id bigint) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_prices' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.product_prices(text, text, bigint) IS 'GET products/{id}/prices/: {currency: price}.';
CREATE FUNCTION oms_rest.product_prices_replace(actor text, request_id text, id bigint, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_product_prices_replace' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.product_prices_replace(text, text, bigint, text) IS 'PUT products/{id}/prices/: prices that are not named, or null, go.';
CREATE FUNCTION oms_rest.currency_list(actor text, request_id text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_currency_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.currency_list(text, text) IS 'GET currencies/: all.';
