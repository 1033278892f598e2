-- channel: verbs
CREATE FUNCTION oms.channel_create(code text, name text, take_stock text DEFAULT NULL, currency text DEFAULT NULL, number_prefix text DEFAULT NULL,
  gapless boolean DEFAULT false, tax_rate numeric DEFAULT 0, tax_included boolean DEFAULT false, tax_rounding text DEFAULT 'line', rounding text DEFAULT 'half_up') RETURNS void
AS 'MODULE_PATHNAME', 'oms_channel_create' LANGUAGE C;
COMMENT ON FUNCTION oms.channel_create(text, text, text, text, text, boolean, numeric, boolean, text, text) IS
'Enters a channel, a way that orders come by. take_stock says when its orders take stock, confirm or create, and must be given. The currency is that of channel default unless given, the prefix of order numbers the code in capitals with a - behind it; tax_rate is percent. Returns nothing. Raises OM010 (bad value), OM052 (code or prefix taken), OM056 (no take_stock).';

CREATE FUNCTION oms.channel_update(code text, name text DEFAULT NULL, take_stock text DEFAULT NULL, currency text DEFAULT NULL, number_prefix text DEFAULT NULL,
  gapless boolean DEFAULT NULL, tax_rate numeric DEFAULT NULL, tax_included boolean DEFAULT NULL, tax_rounding text DEFAULT NULL, rounding text DEFAULT NULL, active boolean DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'oms_channel_update' LANGUAGE C;
COMMENT ON FUNCTION oms.channel_update(text, text, text, text, text, boolean, numeric, boolean, text, text, boolean) IS
'Changes what is given of the channel with a code; null leaves a value as it is. New orders follow; those that are there keep what they were entered with. Prefix and currency stay once the channel has orders, the currency of channel default also while there are products, for their prices are in it. gapless may be turned off and on; the series goes on with the next number. Returns nothing. Raises OM010, OM033 (no such channel), OM052.';

CREATE FUNCTION oms_rest.channel_list(actor text, request_id text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_channel_list' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.channel_list(text, text) IS 'GET channels/: all.';
CREATE FUNCTION oms_rest.channel_create(actor text, request_id text, body text, idempotency_key text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_channel_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.channel_create(text, text, text, text) IS 'POST channels/';
CREATE FUNCTION oms_rest.channel_get(actor text, request_id text, code text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_channel_get' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms_rest.channel_get(text, text, text) IS 'GET channels/{code}/';
CREATE FUNCTION oms_rest.channel_update(actor text, request_id text, code text, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_channel_update' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.channel_update(text, text, text, text) IS 'PATCH channels/{code}/';
