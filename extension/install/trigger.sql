-- guards: these tables are written by verbs only
DO $guard$
DECLARE
  guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY['product', 'stock', 'stock_move', 'orders', 'order_line', 'order_history', 'order_machine', 'event',
    'idempotency', 'product_price', 'channel', 'number_series', 'customer', 'customer_history', 'order_note', 'hold', 'hold_line',
    'shipment', 'shipment_line', 'return_order', 'return_line'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.guard()', guarded);
    EXECUTE format('COMMENT ON TRIGGER guard ON oms.%I IS ''Refuses writes that do not come from a verb (OM040).''', guarded);
  END LOOP;
END
$guard$;

DO $machine$
DECLARE
  part text;
BEGIN
  FOREACH part IN ARRAY ARRAY['order_transition', 'order_status'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER changing BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.transition_changed()', part);
    EXECUTE format('COMMENT ON TRIGGER changing ON oms.%I IS ''Keeps orders from moving until the transaction that changes the state machine ends.''', part);
    EXECUTE format('CREATE OR REPLACE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.transition_changed()', part);
    EXECUTE format('COMMENT ON TRIGGER changed ON oms.%I IS ''Checks the state machine and makes it known to all sessions.''', part);
  END LOOP;
END
$machine$;

DO $kept$
DECLARE
  kept text;
BEGIN
  FOREACH kept IN ARRAY ARRAY['location', 'channel', 'currency'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER kept AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.reference_changed()', kept);
    EXECUTE format('COMMENT ON TRIGGER kept ON oms.%I IS ''Makes all sessions read the table anew.''', kept);
  END LOOP;
END
$kept$;
