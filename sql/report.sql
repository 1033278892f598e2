-- the report
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_report;
CREATE DATABASE oms_regress_report;
\c oms_regress_report
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
-- runs a statement that must fail
CREATE FUNCTION fails(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  code := 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
END $$;
-- a report without the time it was made at
CREATE FUNCTION summary(report json) RETURNS text LANGUAGE sql
RETURN regexp_replace(report::text, '"generated_at": "[^"]*"', '"generated_at": "T"');

SELECT summary(oms.report_summary());
SELECT oms.product_create('TEA', 'Tea', 3.33), oms.product_create('MUG', 'Mug', 10), oms.product_create('JAM', 'Jam', 1);
SELECT oms.stock_receive(1, 100), oms.stock_receive(2, 12), oms.stock_receive(3, 1);
SELECT count(oms.order_create(format('[{"product_id": 1, "quantity": %s}]', g)::jsonb)) FROM generate_series(1, 6) AS g;
-- pending and cancelled orders are no revenue, held and shipped ones are
SELECT oms.order_confirm(g) FROM generate_series(2, 6) AS g;
SELECT oms.order_pack(3), oms.order_ship(4), oms.order_ship(5), oms.order_deliver(5), oms.order_cancel(6);
SELECT summary(oms.report_summary());
SELECT (r ->> 'total_revenue')::numeric = (SELECT sum(total_amount) FROM oms.orders WHERE id BETWEEN 2 AND 5), r ->> 'orders_sold'
FROM oms.report_summary() AS r;
-- low stock: at the threshold and below, of products that are sold
SELECT oms.order_create('[{"product_id": 2, "quantity": 2}]');
SELECT oms.order_confirm(7);
SELECT oms.report_summary() -> 'low_stock_count', r ->> 'sku', r ->> 'quantity' FROM json_array_elements(oms.report_summary() -> 'low_stock_items') AS r;
SELECT oms.product_archive(3);
SELECT oms.report_summary() -> 'low_stock_count';
-- a span
SELECT summary(oms.report_summary('2000-01-01Z', '2001-01-01Z'));
SELECT r ->> 'total_orders' FROM oms.report_summary(created_after => now() - interval '1 day') AS r;
SELECT r ->> 'total_orders' FROM oms.report_summary('-infinity', 'infinity') AS r;
SELECT r ->> 'total_orders' FROM oms.report_summary('infinity', '-infinity') AS r;
SELECT summary(oms_rest.report_summary('ann', 'r', '{"created_after": "2000-01-01T00:00:00Z", "created_before": "2001-01-01T00:00:00+01:00"}'));
SELECT r ->> 'total_orders' FROM oms_rest.report_summary('ann', 'r', '{}') AS r;
SELECT * FROM fails($$SELECT oms_rest.report_summary('ann', 'r', '{"created_after": "soon"}')$$);
SELECT * FROM fails($$SELECT oms_rest.report_summary('ann', 'r', NULL)$$);
-- exact beyond what a bigint of cents could hold
SELECT oms.product_create('GOLD', 'Gold', 9999999999.99);
SELECT count(*) FROM oms.orders_create((SELECT jsonb_agg('{"items": [{"product_id": 4, "quantity": 1000000}]}'::jsonb) FROM generate_series(1, 20)));
SELECT oms.stock_receive(4, 20000000);
SELECT count(*) FILTER (WHERE ok) FROM oms.orders_confirm((SELECT array_agg(id) FROM oms.orders WHERE status = 'PENDING' AND id > 7));
SELECT r ->> 'total_revenue' FROM oms.report_summary() AS r;
SELECT (r ->> 'total_revenue')::numeric = (SELECT sum(total_amount) FROM oms.orders WHERE oms.status_holds(status) <> 'nothing') FROM oms.report_summary() AS r;

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_report;
