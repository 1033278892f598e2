-- privileges: each role includes the one before
GRANT USAGE ON SCHEMA oms TO oms_reader;
GRANT USAGE ON SCHEMA oms_rest TO oms_staff, omsd;

GRANT SELECT ON oms.product, oms.location, oms.stock, oms.stock_move, oms.orders, oms.order_line, oms.order_history,
  oms.order_transition, oms.order_status, oms.order_machine, oms.order_note, oms.event, oms.currency, oms.product_price, oms.channel, oms.customer,
  oms.customer_history, oms.hold, oms.hold_line, oms.shipment, oms.shipment_line, oms.return_order, oms.return_line,
  oms.schema_version, oms.integrity TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.status_holds, oms.order_diagram TO oms_reader;
GRANT EXECUTE ON FUNCTION oms.why_not, oms.order_timeline,
  oms_rest.order_why_not, oms_rest.order_states, oms_rest.order_states_history, oms_rest.order_diagram, oms_rest.order_timeline TO oms_staff;

GRANT EXECUTE ON FUNCTION
  oms.order_create, oms.order_sell, oms.orders_create, oms.order_move, oms.order_advance, oms.order_hold, oms.order_release, oms.order_amend, oms.order_update, oms.order_note_add, oms.order_cancel_lines, oms.order_close,
  oms.order_confirm, oms.order_pack, oms.order_ship, oms.order_deliver, oms.order_cancel,
  oms.orders_confirm, oms.orders_pack, oms.orders_ship, oms.orders_deliver, oms.orders_cancel,
  oms.stock_receive, oms.stock_adjust, oms.stock_count, oms.stock_transfer, oms.stock_set,
  oms.stock_as_of, oms.stock_ledger, oms.stock_low,
  oms.hold_create, oms.hold_renew, oms.hold_release, oms.hold_order, oms.hold_expire TO oms_staff;
GRANT EXECUTE ON FUNCTION oms.product_create, oms.product_update, oms.product_archive, oms.channel_create, oms.channel_update, oms.report_summary TO oms_admin;
GRANT INSERT, UPDATE, DELETE ON oms.order_transition, oms.order_status TO oms_admin;
GRANT EXECUTE ON FUNCTION oms.order_machine_change, oms_rest.order_states_update TO oms_admin;
GRANT INSERT, UPDATE ON oms.currency TO oms_admin;
GRANT INSERT (code, name, priority, active), UPDATE (code, name, priority, active) ON oms.location TO oms_admin;

GRANT EXECUTE ON FUNCTION oms_rest.ready, oms_rest.wal_flush TO oms_staff, omsd;
GRANT EXECUTE ON FUNCTION
  oms_rest.product_list, oms_rest.product_get,
  oms_rest.inventory_list, oms_rest.inventory_create, oms_rest.inventory_get, oms_rest.inventory_replace,
  oms_rest.inventory_update, oms_rest.inventory_delete,
  oms_rest.inventory_receive, oms_rest.inventory_adjust, oms_rest.inventory_count, oms_rest.inventory_transfer,
  oms_rest.inventory_moves, oms_rest.inventory_as_of,
  oms_rest.hold_list, oms_rest.hold_get, oms_rest.hold_create, oms_rest.hold_renew, oms_rest.hold_release, oms_rest.hold_order,
  oms_rest.order_list, oms_rest.order_create, oms_rest.order_sell, oms_rest.order_get, oms_rest.order_history, oms_rest.order_status,
  oms_rest.order_advance, oms_rest.order_hold, oms_rest.order_release, oms_rest.order_amend, oms_rest.order_update, oms_rest.order_notes, oms_rest.order_note_add, oms_rest.order_cancel_lines, oms_rest.order_close
  TO oms_staff;
GRANT EXECUTE ON FUNCTION
  oms_rest.product_create, oms_rest.product_replace, oms_rest.product_update, oms_rest.product_delete,
  oms_rest.report_summary TO oms_admin;

-- views read with the rights of who reads them, so a policy on a table holds for its views; 14 has no such option
DO $view$
DECLARE
  wanted regclass;
BEGIN
  IF current_setting('server_version_num')::integer >= 150000 THEN
    FOR wanted IN SELECT oid FROM pg_class WHERE relnamespace = 'oms'::regnamespace AND relkind = 'v' LOOP
      EXECUTE format('ALTER VIEW %s SET (security_invoker = true)', wanted);
    END LOOP;
  END IF;
END
$view$;

GRANT EXECUTE ON FUNCTION oms.shipment_create, oms.shipment_pack, oms.shipment_ship, oms.shipment_deliver, oms.shipment_cancel, oms.shipment_update,
  oms_rest.shipment_list, oms_rest.shipment_get, oms_rest.order_shipments, oms_rest.shipment_create, oms_rest.shipment_pack,
  oms_rest.shipment_ship, oms_rest.shipment_deliver, oms_rest.shipment_cancel, oms_rest.shipment_update TO oms_staff;
GRANT EXECUTE ON FUNCTION oms.return_request, oms.return_approve, oms.return_reject, oms.return_cancel, oms.return_receive, oms.return_close,
  oms_rest.return_list, oms_rest.return_get, oms_rest.order_returns, oms_rest.return_create, oms_rest.return_approve, oms_rest.return_reject,
  oms_rest.return_cancel, oms_rest.return_receive, oms_rest.return_close TO oms_staff;
