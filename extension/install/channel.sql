-- channel: the ways that orders come by, with the policy of each
CREATE TABLE IF NOT EXISTS oms.channel (
  code text PRIMARY KEY CHECK (code ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
  name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
  take_stock text NOT NULL CHECK (take_stock IN ('confirm', 'create')),
  currency text NOT NULL REFERENCES oms.currency,
  number_prefix text NOT NULL CHECK (number_prefix ~ '^[A-Z0-9-]{0,15}[A-Z-]$'),
  gapless boolean NOT NULL DEFAULT false,
  tax_rate numeric NOT NULL DEFAULT 0 CHECK (tax_rate >= 0 AND tax_rate < 1000 AND scale(tax_rate) <= 4),
  tax_included boolean NOT NULL DEFAULT false,
  tax_rounding text NOT NULL DEFAULT 'line' CHECK (tax_rounding IN ('line', 'total')),
  rounding text NOT NULL DEFAULT 'half_up' CHECK (rounding IN ('half_up', 'half_even')),
  active boolean NOT NULL DEFAULT true,
  version bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS channel_number_prefix_key ON oms.channel (number_prefix);
COMMENT ON TABLE oms.channel IS 'The ways that orders come by, such as a shop or an ERP, and the policy of each. default is that of orders that name none.';
COMMENT ON COLUMN oms.channel.code IS 'Short name, lower-case letters, digits, _ and -; never changed, for orders carry it.';
COMMENT ON COLUMN oms.channel.name IS 'Name for people, 1 to 200 characters.';
COMMENT ON COLUMN oms.channel.take_stock IS 'When orders take stock: at confirm, or at create (units are reserved until the order is confirmed or cancelled).';
COMMENT ON COLUMN oms.channel.currency IS 'Currency of its orders. That of channel default is the one that oms.product.price is in.';
COMMENT ON COLUMN oms.channel.number_prefix IS 'What its order numbers begin with: capital letters, digits and -, not a digit at the end; unique.';
COMMENT ON COLUMN oms.channel.gapless IS 'Whether its orders are numbered 1, 2, 3, ... without gaps; creates of the channel then wait for each other. Else the number is the id.';
COMMENT ON COLUMN oms.channel.tax_rate IS 'Tax in percent for lines that name none, at most 4 decimals.';
COMMENT ON COLUMN oms.channel.tax_included IS 'Whether its prices hold the tax.';
COMMENT ON COLUMN oms.channel.tax_rounding IS 'Whether tax is rounded for each line, or for the total of each rate and then spread over the lines by largest remainder.';
COMMENT ON COLUMN oms.channel.rounding IS 'How an amount half-way between two is rounded: half_up (away from zero) or half_even.';
COMMENT ON COLUMN oms.channel.active IS 'Whether new orders may come by it.';
COMMENT ON COLUMN oms.channel.version IS 'Grows by one with each change of the row.';
COMMENT ON COLUMN oms.channel.created_at IS 'When the channel was entered.';
COMMENT ON COLUMN oms.channel.updated_at IS 'When the row was last changed.';
COMMENT ON CONSTRAINT channel_pkey ON oms.channel IS 'A code names one channel.';
COMMENT ON CONSTRAINT channel_code_check ON oms.channel IS 'A code has 1 to 32 lower-case letters, digits, _ and -.';
COMMENT ON CONSTRAINT channel_name_check ON oms.channel IS 'A name has 1 to 200 characters.';
COMMENT ON CONSTRAINT channel_take_stock_check ON oms.channel IS 'Stock is taken at confirm or at create.';
COMMENT ON CONSTRAINT channel_currency_fkey ON oms.channel IS 'A channel sells in a currency of oms.currency.';
COMMENT ON CONSTRAINT channel_number_prefix_check ON oms.channel IS 'A prefix has 1 to 16 capital letters, digits and -, and does not end with a digit, so that number and prefix can be told apart.';
COMMENT ON CONSTRAINT channel_tax_rate_check ON oms.channel IS 'A tax rate is 0 to below 1000 percent with at most 4 decimals.';
COMMENT ON CONSTRAINT channel_tax_rounding_check ON oms.channel IS 'Tax is rounded by line or by total.';
COMMENT ON CONSTRAINT channel_rounding_check ON oms.channel IS 'Halves are rounded up or to even.';
COMMENT ON INDEX oms.channel_number_prefix_key IS 'A prefix belongs to one channel, so that a number names one order.';
IF NOT EXISTS (SELECT FROM oms.channel) THEN
  INSERT INTO oms.channel (code, name, take_stock, currency, number_prefix)
  VALUES ('default', 'Default', 'confirm', 'USD', 'SO-');
END IF;

CREATE TABLE IF NOT EXISTS oms.number_series (
  channel text PRIMARY KEY,
  last_number bigint NOT NULL CHECK (last_number >= 0)
);
COMMENT ON TABLE oms.number_series IS 'Last number of the gapless series of each channel that has one.';
COMMENT ON COLUMN oms.number_series.channel IS 'Code of the channel.';
COMMENT ON COLUMN oms.number_series.last_number IS 'The number given last.';
COMMENT ON CONSTRAINT number_series_pkey ON oms.number_series IS 'A channel has one series.';
COMMENT ON CONSTRAINT number_series_last_number_check ON oms.number_series IS 'Numbers begin with 1.';

GRANT EXECUTE ON FUNCTION oms_rest.channel_list, oms_rest.channel_get TO oms_staff;
GRANT EXECUTE ON FUNCTION oms_rest.channel_create, oms_rest.channel_update TO oms_admin;
