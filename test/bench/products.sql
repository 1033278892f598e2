-- Products with stock, into the tables of the schema that search_path names. psql variables: products.
-- Prices and quantities are functions of ids, so that two schemas are filled alike.
SET session_replication_role = replica;

INSERT INTO product (id, sku, name, about, price) OVERRIDING SYSTEM VALUE
SELECT i, format('SKU-%s', lpad(i::text, 6, '0')), format('Product number %s', i),
  'What the product is made of, how long it lasts and where it comes from, in a sentence or two.',
  round((100 + i * 7919 % 10000) / 100.0, 2)
FROM generate_series(1, :products) AS i;

INSERT INTO stock (product_id, location_id, on_hand, moves)
SELECT i, 1, 1000000000, 1 FROM generate_series(1, :products) AS i;

INSERT INTO stock_move (product_id, location_id, seq, kind, d_on_hand, d_reserved, d_allocated, on_hand, reserved,
  allocated, reason, actor)
SELECT i, 1, 1, 'receive', 1000000000, 0, 0, 1000000000, 0, 0, 'opening stock', 'bench'
FROM generate_series(1, :products) AS i;

SELECT setval(pg_get_serial_sequence('product', 'id'), :products);
