-- currency, and prices of products in other currencies than the default channel's
CREATE TABLE IF NOT EXISTS oms.currency (
  code text PRIMARY KEY CHECK (code ~ '^[A-Z]{3}$'),
  decimals smallint NOT NULL CHECK (decimals BETWEEN 0 AND 3),
  name text NOT NULL
);
COMMENT ON TABLE oms.currency IS 'Currencies that orders may be in. Extended by administrators with INSERT. Source: ISO 4217.';
COMMENT ON COLUMN oms.currency.code IS 'Code of three capital letters (ISO 4217).';
COMMENT ON COLUMN oms.currency.decimals IS 'Decimals of an amount: 0 to 3.';
COMMENT ON COLUMN oms.currency.name IS 'Name for people.';
COMMENT ON CONSTRAINT currency_pkey ON oms.currency IS 'A code names one currency.';
COMMENT ON CONSTRAINT currency_code_check ON oms.currency IS 'A code is three capital letters.';
COMMENT ON CONSTRAINT currency_decimals_check ON oms.currency IS 'Amounts have 0 to 3 decimals.';
INSERT INTO oms.currency
SELECT * FROM (VALUES ('USD', 2, 'US dollar'), ('EUR', 2, 'Euro'), ('GBP', 2, 'Pound sterling'), ('CHF', 2, 'Swiss franc'),
  ('INR', 2, 'Indian rupee'), ('CNY', 2, 'Renminbi'), ('CAD', 2, 'Canadian dollar'), ('AUD', 2, 'Australian dollar'),
  ('SEK', 2, 'Swedish krona'), ('NOK', 2, 'Norwegian krone'), ('DKK', 2, 'Danish krone'), ('PLN', 2, 'Zloty'),
  ('BRL', 2, 'Brazilian real'), ('MXN', 2, 'Mexican peso'), ('ZAR', 2, 'Rand'), ('SGD', 2, 'Singapore dollar'),
  ('JPY', 0, 'Yen'), ('KRW', 0, 'Won'), ('CLP', 0, 'Chilean peso'), ('VND', 0, 'Dong'), ('ISK', 0, 'Iceland krona'),
  ('KWD', 3, 'Kuwaiti dinar'), ('BHD', 3, 'Bahraini dinar'), ('OMR', 3, 'Rial Omani'), ('JOD', 3, 'Jordanian dinar'),
  ('TND', 3, 'Tunisian dinar')) AS born
WHERE NOT EXISTS (SELECT FROM oms.currency);

CREATE TABLE IF NOT EXISTS oms.product_price (
  product_id bigint NOT NULL,
  currency text NOT NULL REFERENCES oms.currency,
  price numeric NOT NULL CHECK (price >= 0 AND price <= 9999999999.999 AND scale(price) <= 3),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (product_id, currency)
);
COMMENT ON TABLE oms.product_price IS 'Prices of products in currencies other than that of the default channel, in which oms.product.price is.';
COMMENT ON COLUMN oms.product_price.product_id IS 'The product.';
COMMENT ON COLUMN oms.product_price.currency IS 'Code of the currency.';
COMMENT ON COLUMN oms.product_price.price IS 'Price of one unit in the currency''s major unit, with its decimals.';
COMMENT ON COLUMN oms.product_price.updated_at IS 'When the price was last changed.';
COMMENT ON CONSTRAINT product_price_pkey ON oms.product_price IS 'A product has one price in a currency.';
COMMENT ON CONSTRAINT product_price_currency_fkey ON oms.product_price IS 'A price is in a currency of oms.currency.';
COMMENT ON CONSTRAINT product_price_price_check ON oms.product_price IS 'A price is 0 to 9999999999.999 of the currency''s major unit, with at most 3 decimals.';

GRANT EXECUTE ON FUNCTION oms_rest.product_prices, oms_rest.currency_list TO oms_staff;
GRANT EXECUTE ON FUNCTION oms.product_price_set, oms_rest.product_prices_replace TO oms_admin;
