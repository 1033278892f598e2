-- channels and their policy; prices in other currencies
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_channel;
CREATE DATABASE oms_regress_channel;
\c oms_regress_channel
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
BEGIN;
SELECT oms.channel_create('web', 'Web shop', 'confirm');
SELECT oms.channel_create('jp_shop', 'Tokyo', 'create', 'JPY', 'JP-', true, 10.50, true, 'total', 'half_even');
SELECT code, name, take_stock, currency, number_prefix, gapless, tax_rate, tax_included, tax_rounding, rounding, active, version
FROM oms.channel WHERE code <> 'default' ORDER BY code;

-- a channel without policy, taken codes and prefixes, values that are wrong
\set ON_ERROR_ROLLBACK on
SELECT oms.channel_create('erp', 'ERP');
SELECT oms.channel_create('web', 'Web', 'create', number_prefix => 'W-');
SELECT oms.channel_create('web2', 'Web', 'create', number_prefix => 'WEB-');
SELECT oms.channel_create('_erp', ' ', 'never', 'ZZZ', 'E1', tax_rate => 7.12345, tax_rounding => 'none', rounding => 'up');
SELECT oms.channel_create('a-code-that-is-much-too-long', 'Long', 'confirm');

-- what is given is changed; nothing to change writes nothing
SELECT oms.channel_update('web', name => 'Shop', take_stock => 'create', tax_rate => 7.70, gapless => true, currency => 'EUR', active => false);
SELECT oms.channel_update('web', name => 'Shop', tax_rate => 7.7);
SELECT name, take_stock, currency, gapless, tax_rate, active, version FROM oms.channel WHERE code = 'web';
SELECT oms.channel_update('web', gapless => false);
SELECT oms.channel_update('web', number_prefix => 'JP-');
SELECT oms.channel_update('none');
SELECT type, aggregate, aggregate_id, version, payload FROM oms.event WHERE aggregate = 'channel' ORDER BY id;

-- prices of products bind the currency of channel default, orders also the prefix
SELECT oms.product_create('CH-1', 'Cup', 2.50) AS cup \gset
SELECT oms.channel_update('default', currency => 'EUR');
SELECT count(oms.order_create(format('[{"product_id": %s, "quantity": 1}]', :cup)::jsonb));
SELECT oms.channel_update('default', currency => 'EUR', number_prefix => 'X-');

-- prices in other currencies, with the decimals of each
SELECT oms.product_price_set(:cup, 'JPY', 400);
SELECT oms.product_price_set(:cup, 'KWD', 0.755);
SELECT oms.product_price_set(:cup, 'EUR', 2.4);
SELECT oms.product_price_set(:cup, 'EUR', 2.40);
SELECT currency, price FROM oms.product_price WHERE product_id = :cup ORDER BY currency;
SELECT oms.product_price_set(:cup, 'KWD', NULL);
SELECT oms.product_price_set(:cup, 'KWD', NULL);
SELECT type, version, payload FROM oms.event WHERE type = 'product.price_set' AND aggregate_id = :cup ORDER BY id;
SELECT version FROM oms.product WHERE id = :cup;
SELECT oms.product_price_set(:cup, 'JPY', 400.5);
SELECT oms.product_price_set(:cup, 'EUR', -1);
SELECT oms.product_price_set(:cup, 'EUR', 'NaN');
SELECT oms.product_price_set(:cup, 'JPY', 10000000000);
SELECT oms.product_price_set(:cup, 'USD', 1);
SELECT oms.product_price_set(:cup, 'ZZZ', 1);
SELECT oms.product_price_set(:cup, NULL, 1);
SELECT oms.product_price_set(0, 'EUR', 1);
ROLLBACK;
\c postgres
DROP DATABASE oms_regress_channel;
