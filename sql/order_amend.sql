-- orders amended while nothing has shipped: lines added, removed and changed, stock by the difference
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_order_amend;
CREATE DATABASE oms_regress_order_amend;
\c oms_regress_order_amend
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
CREATE FUNCTION fails(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  code := 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
END $$;
-- amends, or says why not, and shows how the order, its lines and the stock are then
CREATE FUNCTION amended(which bigint, items text, reason text DEFAULT NULL, expected bigint DEFAULT NULL) RETURNS SETOF text
LANGUAGE plpgsql AS $$
DECLARE
  state text; said text; more text; advice text;
BEGIN
  RETURN NEXT format('version %s', oms.order_amend(which, items::jsonb, reason, expected));
  RETURN QUERY SELECT format('%s v%s %s total %s discount %s tax %s', status, version, fulfilment, total_amount, discount_amount, tax_amount) FROM oms.orders WHERE id = which;
  RETURN QUERY SELECT format('line %s: %s %s - %s at %s, discount %s, tax %s = %s', line_no, sku, quantity, cancelled, price, discount, tax, line_total) FROM oms.order_line WHERE order_id = which ORDER BY line_no;
  RETURN QUERY SELECT format('stock %s at %s: %s on hand, %s reserved, %s allocated', product_id, location_id, on_hand, reserved, allocated) FROM oms.stock
    WHERE product_id IN (SELECT product_id FROM oms.order_line WHERE order_id = which) ORDER BY product_id, location_id;
  RETURN QUERY SELECT format('WRONG: %s %s', problem, subject) FROM oms.integrity;
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT, more = PG_EXCEPTION_DETAIL, advice = PG_EXCEPTION_HINT;
  RETURN NEXT format('%s %s', state, said);
  RETURN NEXT more;
  RETURN NEXT advice;
END $$;
SELECT oms.product_create('A', 'a', 2.50), oms.product_create('B', 'b', 3), oms.product_create('C', 'c', 1), oms.product_create('D', 'd', 10);
SELECT oms.stock_receive(1, 10), oms.stock_receive(2, 10);

-- PENDING, stock at confirm: the lines alone
SELECT oms.order_create('[{"product_id": 1, "quantity": 4}, {"product_id": 2, "quantity": 2, "discount": "1.00"}]') AS id \gset
SELECT amended(:id, '[{"line": 1, "quantity": 6}]', 'two more', 1);
SELECT amended(:id, '[{"line": 2, "quantity": 1}, {"product_id": 1, "quantity": 1, "discount": "10%", "tax_rate": 20}]');
-- what is so already changes nothing
SELECT amended(:id, '[{"line": 2, "quantity": 1}, {"line": 1, "quantity": 6}]');
SELECT amended(:id, '[{"line": 2, "discount": "0.50"}]');
-- discounts alone: in place of the one before; removed, and wanted again without one
SELECT amended(:id, '[{"line": 2, "discount": "10%"}, {"line": 1, "discount": 5}]');
SELECT amended(:id, '[{"line": 2, "discount": "0"}, {"line": 1, "remove": true}]', 'without A');
SELECT amended(:id, '[{"line": 1, "remove": true}]');
SELECT amended(:id, '[{"line": 1, "quantity": 2}]');
-- another price: the discount is at most what the units cost
SELECT amended(:id, '[{"line": 1, "discount": "4"}]');
SELECT amended(:id, '[{"line": 1, "price": "1.50"}]');
SELECT amended(:id, '[{"line": 1, "price": "2.50", "discount": "0", "quantity": 4}]');
SELECT seq, from_status, to_status, action, reason, detail FROM oms.order_history WHERE order_id = :id ORDER BY seq;
SELECT version, type, payload = (SELECT detail FROM oms.order_history WHERE order_id = :id AND seq = version) AS same
FROM oms.event WHERE aggregate = 'order' AND aggregate_id = :id ORDER BY id;
SELECT kind, what, count(*), min(detail ->> 'reason') FROM oms.order_timeline(:id) WHERE what IN ('amend', 'order.amended') GROUP BY kind, what ORDER BY kind;
SELECT count(*) FROM oms.task;

-- a dry run
SET oms.dry_run = on;
SELECT oms.order_amend(:id, '[{"line": 1, "quantity": 5}]');
RESET oms.dry_run;
SELECT version FROM oms.orders WHERE id = :id;

-- CONFIRMED: more is allocated, less is given back
SELECT oms.order_confirm(:id);
SELECT amended(:id, '[{"line": 1, "quantity": 6}, {"line": 2, "quantity": 3}]');
SELECT amended(:id, '[{"line": 1, "quantity": 1}, {"line": 3, "remove": true}]', 'less');
-- a product added twice, and taken from what a line gives back at once
SELECT amended(:id, '[{"line": 1, "remove": true}, {"product_id": 1, "quantity": 4}, {"product_id": 1, "quantity": 6}]');
SELECT line_no, kind, d_allocated, reason FROM oms.stock_move WHERE order_id = :id AND product_id = 1 ORDER BY seq;
-- beyond stock: nothing has changed
SELECT amended(:id, '[{"line": 2, "quantity": 1}, {"line": 4, "quantity": 5}, {"product_id": 2, "quantity": 10}, {"product_id": 3, "quantity": 1}]');
SELECT amended(:id, '[{"line": 2, "quantity": 3}]');
-- cancelled before: what is wanted counts
SELECT oms.order_cancel_lines(:id, '[{"line": 5, "quantity": 2}]');
SELECT amended(:id, '[{"line": 5, "quantity": 5}]');
SELECT amended(:id, '[{"line": 5, "remove": true}]');
SELECT amended(:id, '[{"line": 5, "quantity": 1}]');
-- PACKED, then shipped: what is wanted then is what leaves
SELECT oms.order_pack(:id);
SELECT amended(:id, '[{"line": 4, "quantity": 2}]');
SELECT oms.order_ship(:id);
SELECT amended(:id, '[{"line": 4, "quantity": 1}]');
SELECT oms.return_request(:id, '[{"line": 4, "quantity": 1}]', 'broken') AS return \gset
SELECT oms.return_approve(:return);
SELECT oms.return_receive(:return, '[{"line": 4, "restock": 1}]');
SELECT oms.order_deliver(:id);
SELECT amended(:id, '[{"line": 4, "quantity": 1}]');
SELECT * FROM oms.integrity;

-- refused: on hold, version, line, role, input, emptiness, numbers
SELECT oms.order_create('[{"product_id": 1, "quantity": 2}, {"product_id": 2, "quantity": 1}]') AS id \gset
SELECT amended(:id, '[{"line": 1, "quantity": 3}]', NULL, 7);
SELECT amended(:id, '[{"line": 1, "quantity": 3}, {"line": 3, "quantity": 1}]');
SELECT amended(:id, '[{"line": 1, "remove": true}, {"line": 2, "remove": true}]');
SELECT amended(0, '[{"line": 1, "quantity": 3}]');
SELECT amended(:id, '[]');
SELECT amended(:id, '{"line": 1}');
SELECT amended(:id, NULL);
SELECT amended(:id, '[{"line": 1, "quantity": 3}]', ' ', 0);
SELECT amended(:id, '[{"line": 1}, {"line": 1, "quantity": 0}, {"line": 1, "remove": false}, {"line": 1, "remove": true, "quantity": 1}, 7,
  {"product_id": 1}, {}, {"line": 2, "product_id": 1, "quantity": 1}, {"line": 0, "quantity": 1}, {"line": 1, "discount": null}, {"remove": true}]');
SELECT amended(:id, '[{"line": 1, "quantity": 3}, {"line": 1, "discount": 1}]');
SELECT amended(:id, '[{"line": 1, "discount": "5.01"}, {"line": 2, "discount": "101%", "price": "1.234"}]');
SELECT amended(:id, '[{"line": 1, "quantity": 3}, {"product_id": 99, "quantity": 1}, {"product_id": 1, "quantity": 1, "discount": "3"}]');
SELECT amended(:id, '[{"line": 1, "price": "90000000000000000", "quantity": 1000}]');
SELECT oms.product_archive(4);
SELECT amended(:id, '[{"product_id": 4, "quantity": 1}]');
SET ROLE oms_staff;
SELECT * FROM public.fails(format('SELECT oms.order_amend(%s, ''[{"line": 1, "price": "1"}]'')', :id));
SELECT * FROM public.fails(format('SELECT oms.order_amend(%s, ''[{"product_id": 1, "quantity": 1, "price": "1"}]'')', :id));
SELECT oms.order_amend(:id, '[{"line": 1, "quantity": 3}]');
RESET ROLE;
SELECT oms.order_hold(:id, 'address unclear');
SELECT amended(:id, '[{"line": 1, "quantity": 1}]');
SELECT oms.order_release(:id);
SELECT oms.order_cancel(:id);
SELECT amended(:id, '[{"line": 1, "quantity": 1}]');
-- 500 lines and not one more
SELECT oms.order_create((SELECT jsonb_agg('{"product_id": 1, "quantity": 1}'::jsonb) FROM generate_series(1, 499))) AS id \gset
SELECT oms.order_amend(:id, '[{"product_id": 2, "quantity": 1}]');
SELECT max(line_no), count(*), sum(line_total) FROM oms.order_line WHERE order_id = :id;
SELECT amended(:id, '[{"product_id": 2, "quantity": 1}]');
SELECT code FROM fails(format('SELECT oms.order_amend(%s, (SELECT jsonb_agg(jsonb_build_object(''line'', 1, ''quantity'', i)) FROM generate_series(1, 501) AS i))', :id));
SELECT oms.order_cancel(:id);
SELECT * FROM oms.integrity;

-- stock taken at create: reserved units follow, and are allocated as a whole
SELECT oms.channel_create('shop', 'Shop', 'create');
SELECT oms.order_create('[{"product_id": 1, "quantity": 2}]', channel => 'shop') AS id \gset
SELECT amended(:id, '[{"line": 1, "quantity": 3}, {"product_id": 2, "quantity": 2}]');
SELECT amended(:id, '[{"line": 1, "quantity": 1}, {"line": 2, "quantity": 1}]');
SELECT amended(:id, '[{"line": 1, "quantity": 100}]');
SELECT oms.order_confirm(:id);
SELECT amended(:id, '[{"line": 1, "quantity": 2}, {"line": 2, "remove": true}]');
SELECT oms.order_cancel(:id);
SELECT * FROM oms.integrity;
-- one that came back without its units gets none before it is confirmed
INSERT INTO oms.order_transition VALUES ('CONFIRMED', 'PENDING', 'release');
SELECT oms.order_create('[{"product_id": 1, "quantity": 2}]', channel => 'shop') AS id \gset
SELECT oms.order_confirm(:id);
SELECT oms.order_move(:id, 'PENDING');
SELECT amended(:id, '[{"line": 1, "quantity": 3}, {"product_id": 2, "quantity": 2}]');
SELECT oms.order_confirm(:id);
SELECT amended(:id, '[{"line": 1, "quantity": 1}]');
SELECT oms.order_cancel(:id);
DELETE FROM oms.order_transition WHERE (from_status, to_status) = ('CONFIRMED', 'PENDING');

-- an order that takes no stock never does
SELECT oms.order_create('[{"product_id": 1, "quantity": 2}]') AS id \gset
SET session_replication_role = replica;
UPDATE oms.orders SET takes_stock = 'never' WHERE id = :id;
SET session_replication_role = origin;
SELECT amended(:id, '[{"line": 1, "quantity": 200}, {"product_id": 3, "quantity": 5}]');
SELECT oms.order_confirm(:id);
SELECT amended(:id, '[{"line": 1, "quantity": 300}, {"line": 2, "quantity": 4}]');
SELECT oms.order_ship(:id);
SELECT amended(:id, '[{"line": 1, "quantity": 1}]');

-- several locations: from the place taken last; parcels stay whole
SELECT oms.location_create('WEST', 'West', 200) AS west \gset
SELECT oms.product_create('E', 'e', 1) AS e \gset
SELECT oms.stock_receive(:e, 5), oms.stock_receive(:e, 5, NULL, 'WEST');
SELECT oms.order_create(jsonb_build_array(jsonb_build_object('product_id', :e, 'quantity', 4))) AS id \gset
SELECT oms.order_confirm(:id);
SELECT amended(:id, '[{"line": 1, "quantity": 8}]');
SELECT shipment_id > 0, location_code FROM oms.shipment_create(:id, '[{"line": 1, "quantity": 2}]', 'WEST');
SELECT amended(:id, '[{"line": 1, "quantity": 6}]');
SELECT amended(:id, '[{"line": 1, "quantity": 1}]');
SELECT amended(:id, '[{"line": 1, "quantity": 2}]');
SELECT amended(:id, '[{"line": 1, "quantity": 10}]');
SELECT oms.shipment_ship((SELECT max(id) FROM oms.shipment));
SELECT amended(:id, '[{"line": 1, "quantity": 11}]');
SELECT oms.order_close(:id);
SELECT amended(:id, '[{"line": 1, "quantity": 11}]');
SELECT location_id, kind, d_on_hand, d_allocated FROM oms.stock_move WHERE order_id = :id ORDER BY location_id, seq;
SELECT * FROM oms.integrity;

-- units of an expired hold are taken when they are needed
SELECT oms.product_create('F', 'f', 1) AS f \gset
SELECT oms.stock_receive(:f, 5);
SELECT oms.order_create(jsonb_build_array(jsonb_build_object('product_id', :f, 'quantity', 1))) AS id \gset
SELECT oms.order_confirm(:id);
SELECT oms.hold_create(jsonb_build_array(jsonb_build_object('product_id', :f, 'quantity', 3)), 'cart', expires_in => '1 second') > 0;
SELECT code FROM fails(format('SELECT oms.order_amend(%s, ''[{"line": 1, "quantity": 3}]'')', :id));
SELECT pg_sleep(1.1);
SELECT amended(:id, '[{"line": 1, "quantity": 3}]');
SELECT state FROM oms.hold_line;

-- JPY without decimals, tax of the sum of a rate; KWD with three, tax included, half even
SELECT oms.stock_receive(2, 10);
SELECT oms.channel_create('tokyo', 'Tokyo', 'confirm', 'JPY', tax_rate => 10, tax_rounding => 'total');
SELECT oms.channel_create('kuwait', 'Kuwait', 'create', 'KWD', tax_rate => 5, tax_included => true, rounding => 'half_even');
SELECT oms.product_price_set(1, 'JPY', '333'), oms.product_price_set(2, 'JPY', '105'), oms.product_price_set(1, 'KWD', '1.235'), oms.product_price_set(2, 'KWD', '0.005');
SELECT oms.order_create('[{"product_id": 1, "quantity": 3}, {"product_id": 2, "quantity": 1, "tax_rate": 8}]', channel => 'tokyo', discount => '100') AS id \gset
SELECT amended(:id, '[{"line": 1, "quantity": 2}]');
SELECT amended(:id, '[{"product_id": 2, "quantity": 3, "discount": "7%"}, {"line": 2, "discount": "33%"}]');
SELECT amended(:id, '[{"line": 2, "discount": "0.5"}]');
SELECT amended(:id, '[{"product_id": 3, "quantity": 1}]');
SELECT oms.order_confirm(:id);
SELECT amended(:id, '[{"line": 2, "remove": true}, {"line": 1, "quantity": 1}]');
SELECT oms.order_create('[{"product_id": 1, "quantity": 3, "discount": "0.101"}]', channel => 'kuwait') AS id \gset
SELECT amended(:id, '[{"line": 1, "quantity": 2}, {"product_id": 2, "quantity": 7, "discount": "50%"}]');
SELECT amended(:id, '[{"line": 2, "quantity": 4}]');
SELECT amended(:id, '[{"line": 2, "quantity": 1}]');
SELECT oms.order_advance(:id);
SELECT oms.return_request(:id, '[{"line": 1, "quantity": 1}]', 'broken') AS return \gset
SELECT oms.return_approve(:return);
SELECT oms.return_receive(:return, '[{"line": 1, "restock": 1}]');
SELECT * FROM oms.integrity;
-- today's price for what is added, that of the sale for what was there
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]') AS id \gset
SELECT oms.product_update(1, price => 9.99, sku => 'A2');
SELECT amended(:id, '[{"line": 1, "quantity": 2}, {"product_id": 1, "quantity": 1}]');
\c postgres
DROP DATABASE oms_regress_order_amend;
