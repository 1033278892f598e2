-- product: what is sold
CREATE TABLE IF NOT EXISTS oms.product (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sku text NOT NULL CHECK (sku <> '' AND length(sku) <= 64),
  name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
  about text NOT NULL DEFAULT '' CHECK (length(about) <= 10000),
  price numeric NOT NULL CHECK (price >= 0 AND price <= 9999999999.99 AND scale(price) = 2),
  version bigint NOT NULL DEFAULT 1,
  archived_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS product_sku_key ON oms.product (sku) WHERE archived_at IS NULL;
COMMENT ON TABLE oms.product IS 'What is sold. A product is never deleted but archived, for orders name it.';
COMMENT ON COLUMN oms.product.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.product.sku IS 'Stock keeping unit, 1 to 64 characters, unique among products that are not archived.';
COMMENT ON COLUMN oms.product.name IS 'Name, 1 to 200 characters.';
COMMENT ON COLUMN oms.product.about IS 'Description, at most 10000 characters.';
COMMENT ON COLUMN oms.product.price IS 'Price of one unit in the currency''s major unit, always with 2 decimals. Order lines keep the price they were sold at.';
COMMENT ON COLUMN oms.product.version IS 'Grows by one with each change of the row.';
COMMENT ON COLUMN oms.product.archived_at IS 'When the product was taken from sale, or null.';
COMMENT ON COLUMN oms.product.created_at IS 'When the product was entered.';
COMMENT ON COLUMN oms.product.updated_at IS 'When the row was last changed.';
COMMENT ON CONSTRAINT product_pkey ON oms.product IS 'An id names one product.';
COMMENT ON CONSTRAINT product_sku_check ON oms.product IS 'An SKU has 1 to 64 characters.';
COMMENT ON CONSTRAINT product_name_check ON oms.product IS 'A name has 1 to 200 characters.';
COMMENT ON CONSTRAINT product_about_check ON oms.product IS 'A description has at most 10000 characters.';
COMMENT ON CONSTRAINT product_price_check ON oms.product IS 'A price is 0 to 9999999999.99 of the currency''s major unit for one unit, with exactly 2 decimals.';
COMMENT ON INDEX oms.product_sku_key IS 'An SKU names one product that is not archived; serves the look-up by SKU.';
COMMENT ON SEQUENCE oms.product_id_seq IS 'Gives products their ids; numbers may be skipped, but none is given twice.';
