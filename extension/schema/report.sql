-- report
CREATE FUNCTION oms.report_summary(created_after timestamptz DEFAULT NULL, created_before timestamptz DEFAULT NULL) RETURNS json
AS 'MODULE_PATHNAME', 'oms_report_summary' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.report_summary(timestamptz, timestamptz) IS
'Orders entered in [created_after, created_before), null meaning no limit: total_orders, total_revenue (orders that hold or shipped stock, so neither PENDING nor CANCELLED), average_order and by_status, whose amounts are those of orders in the currency of channel default, which is named; by_currency, with the revenue in each; and the products whose stock is low now. Money in the currency''s major unit.';
