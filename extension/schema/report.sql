-- report
CREATE FUNCTION oms.report_summary(created_after timestamptz DEFAULT NULL, created_before timestamptz DEFAULT NULL) RETURNS json
AS 'MODULE_PATHNAME', 'oms_report_summary' LANGUAGE C STABLE;
COMMENT ON FUNCTION oms.report_summary(timestamptz, timestamptz) IS
'Orders entered in [created_after, created_before), null meaning no limit: total_orders, total_revenue (orders that hold or shipped stock, so neither PENDING nor CANCELLED), by_status; and the products whose stock is low now. Money in the currency''s major unit.';
