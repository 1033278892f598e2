-- orders by channels: currency, discounts, tax, references, series, reserved stock
BEGIN;
SELECT oms.product_create(sku => 'CHO-PEN', name => 'Pen', price => 3.33) AS pen \gset
SELECT FROM oms.stock_receive(:pen, 5);
SELECT oms.channel_create('cho-shop', 'Shop', 'create', number_prefix => 'CHO-', gapless => true, tax_rate => 7.7,
  tax_rounding => 'total', rounding => 'half_even');
SELECT oms.channel_create('cho-tokyo', 'Tokyo', 'confirm', currency => 'JPY', tax_rate => 10, tax_included => true);

-- 10% of 9.99 is 1.00, then 1.00 is taken off 8.99 + 3.33: 0.73 and 0.27; tax of 11.32 is 0.87
SELECT oms.order_create(jsonb_build_array(jsonb_build_object('product_id', :pen, 'quantity', 3, 'discount', '10%'),
  jsonb_build_object('product_id', :pen, 'quantity', 1)), channel => 'cho-shop', discount => '1.00', external_ref => 'A1',
  attributes => '{"a": 1}', note => 'hello') AS id \gset
SELECT order_number, total_amount, discount_amount, tax_amount, currency, channel, takes_stock, series_number, external_ref, attributes
FROM oms.orders WHERE id = :id \gx
SELECT line_no, price, quantity, discount, tax, tax_rate, tax_included, line_total FROM oms.order_line WHERE order_id = :id ORDER BY 1;
SELECT line_no, kind, d_reserved FROM oms.stock_move WHERE order_id = :id ORDER BY line_no;
SELECT note, actor = session_user FROM oms.order_note WHERE order_id = :id;

-- one that fails takes no number and hinders no other; the first of a reference wins
SELECT order_id IS NOT NULL AS id, ok, sqlstate, regexp_replace(regexp_replace(message, '(product|order|_id":) \d+', '\1 N', 'g'), '\d{3,}', 'N', 'g') AS message
FROM oms.orders_create(replace('[{"items": [{"product_id": P, "quantity": 2}], "channel": "cho-shop"},
  {"items": [{"product_id": P, "quantity": 1}], "channel": "cho-shop", "external_ref": "A1"},
  {"items": [{"product_id": P, "quantity": 1}], "channel": "cho-shop", "external_ref": "B"},
  {"items": [{"product_id": P, "quantity": 1}], "external_ref": "B"},
  {"items": [{"product_id": P, "quantity": 1}], "external_ref": "B"},
  {"items": [{"product_id": P, "quantity": 1}], "channel": "cho-tokyo"},
  {"items": [{"product_id": P, "quantity": 1, "price": "5"}], "channel": "cho-tokyo"},
  {"items": [{"product_id": P, "quantity": 1, "price": "5.5"}], "channel": "cho-tokyo"},
  {"items": [{"product_id": P, "quantity": 1}], "channel": "nowhere"},
  {"items": [{"product_id": P, "quantity": 1}], "currency": "JPY"},
  {"items": [{"product_id": P, "quantity": 1}], "customer_id": 9223372036854775807},
  {"items": [{"product_id": P, "quantity": 1, "discount": "3.34"}]},
  {"items": [{"product_id": P, "quantity": 1}], "discount": "100.1%"}]', 'P', :'pen')::jsonb);
SELECT regexp_replace(order_number, '^(SO-|CHO-TOKYO-)\d+', '\1N') AS number, total_amount, tax_amount, currency
FROM oms.orders WHERE id >= :id ORDER BY id;
SELECT last_number FROM oms.number_series WHERE channel = 'cho-shop';

-- cancelling gives back what was reserved
SELECT oms.order_cancel(:id);
SELECT on_hand, reserved, allocated FROM oms.stock WHERE product_id = :pen;

-- an inactive channel takes no orders
SELECT oms.channel_update('cho-tokyo', active => false);
SAVEPOINT s;
SELECT oms.order_create(jsonb_build_array(jsonb_build_object('product_id', :pen, 'quantity', 1)), channel => 'cho-tokyo');
ROLLBACK TO s;

-- by number, whatever the channel; by reference; staff may not set prices
SELECT (oms_rest.order_list('a', 'r', '/x', '{"number": "cho-00000001"}') ->> 'count')::int AS by_series,
  (oms_rest.order_list('a', 'r', '/x', jsonb_build_object('number', (SELECT order_number FROM oms.orders WHERE external_ref = 'B' AND channel = 'default'))) ->> 'count')::int AS by_id,
  (oms_rest.order_list('a', 'r', '/x', '{"external_ref": "B"}') ->> 'count')::int AS by_reference,
  (oms_rest.order_list('a', 'r', '/x', '{"external_ref": "B", "channel": "cho-shop", "held": "false", "fulfilment": "none", "currency": "USD"}') ->> 'count')::int AS in_channel;
SET LOCAL ROLE oms_staff;
SELECT oms.order_create(jsonb_build_array(jsonb_build_object('product_id', :pen, 'quantity', 1, 'price', '1')));
ROLLBACK;
