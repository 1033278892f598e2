-- Demo data, through the verbs that everybody uses: products with stock, and orders in every state.
\o /dev/null
BEGIN;
SET LOCAL client_min_messages = warning;

SELECT oms.stock_receive(oms.product_create(sku, name, price, about), quantity, 'opening stock')
FROM (VALUES
	('TEA-EARL-100', 'Earl Grey, 100 g', 6.90, 'Black tea from Ceylon with oil of bergamot', 140),
	('TEA-SENCHA-100', 'Sencha, 100 g', 9.40, 'Japanese green tea, first flush', 85),
	('TEA-ROOIBOS-250', 'Rooibos, 250 g', 7.20, 'Red bush tea, free of caffeine', 60),
	('COF-ETHIO-500', 'Yirgacheffe coffee, 500 g', 14.50, 'Whole beans, light roast', 120),
	('COF-COLOM-1000', 'Huila coffee, 1 kg', 23.80, 'Whole beans, medium roast', 45),
	('COF-DECAF-500', 'Decaffeinated coffee, 500 g', 13.90, 'Swiss water process, ground', 8),
	('POT-CAST-08', 'Cast iron teapot, 0.8 l', 48.00, 'Enamelled inside, with strainer', 18),
	('CUP-STONE-4', 'Stoneware cups, set of 4', 32.50, 'Hand glazed, 0.2 l, dishwasher safe', 26),
	('FIL-PAPER-04', 'Paper filters no. 4, 100 pieces', 3.20, 'Unbleached', 300),
	('GRN-HAND-01', 'Hand grinder', 64.90, 'Conical steel burrs, 40 steps', 5),
	('KET-GOOSE-10', 'Gooseneck kettle, 1 l', 79.00, 'Stainless steel, with thermometer', 12),
	('HON-LINDEN-500', 'Linden honey, 500 g', 8.60, 'From one apiary, spun cold', 70)
) AS demo(sku, name, price, about, quantity);

-- An order: who, what, and how far it has come.
CREATE FUNCTION pg_temp.demo_order(customer text, basket jsonb, VARIADIC steps text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
	order_id bigint;
	step text;
BEGIN
	order_id := oms.order_create(customer_name => customer, items => (
		SELECT jsonb_agg(jsonb_build_object('product_id', p.id, 'quantity', b.value))
		FROM jsonb_each(basket) b JOIN oms.product p ON p.sku = b.key));
	FOREACH step IN ARRAY steps LOOP
		EXECUTE format('SELECT oms.order_%s($1)', step) USING order_id;
	END LOOP;
END
$$;

SELECT pg_temp.demo_order('Ada Winter', '{"TEA-EARL-100": 2, "CUP-STONE-4": 1}', 'confirm', 'pack', 'ship', 'deliver');
SELECT pg_temp.demo_order('Café Morgenrot', '{"COF-ETHIO-500": 24, "FIL-PAPER-04": 10}', 'confirm', 'ship', 'deliver');
SELECT pg_temp.demo_order('Bruno Castel', '{"GRN-HAND-01": 1, "COF-COLOM-1000": 1}', 'confirm', 'ship');
SELECT pg_temp.demo_order('Hotel Seeblick', '{"TEA-EARL-100": 30, "TEA-SENCHA-100": 15, "HON-LINDEN-500": 40}', 'confirm', 'pack');
SELECT pg_temp.demo_order('Mei Tanaka', '{"POT-CAST-08": 1, "TEA-SENCHA-100": 3}', 'confirm');
SELECT pg_temp.demo_order('Olu Adeyemi', '{"KET-GOOSE-10": 1, "FIL-PAPER-04": 2}', 'confirm', 'cancel');
SELECT pg_temp.demo_order('Ada Winter', '{"HON-LINDEN-500": 2}', 'cancel');
SELECT pg_temp.demo_order(customer, basket, VARIADIC '{}') FROM (VALUES
	('Lena Fuchs', '{"COF-DECAF-500": 1}'::jsonb),
	('Kontor Nord', '{"TEA-ROOIBOS-250": 12, "CUP-STONE-4": 2, "KET-GOOSE-10": 1}')
) AS open(customer, basket);
COMMIT;
