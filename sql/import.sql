-- imports: products, stock and past orders by COPY, CSV, NDJSON and JSON
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_import;
CREATE DATABASE oms_regress_import;
\c oms_regress_import
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
CREATE EXTENSION oms;
SELECT oms.install();
-- runs a statement that must fail
CREATE FUNCTION fails(statement text, OUT code text, OUT message text, OUT detail text, OUT hint text)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  code := 'none';
EXCEPTION WHEN OTHERS THEN
  GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
    hint = PG_EXCEPTION_HINT;
END $$;
-- what became of the rows of an import
CREATE FUNCTION ended(import bigint, OUT row_no bigint, OUT line bigint, OUT state text, OUT sqlstate text, OUT message text, OUT detail text)
RETURNS SETOF record LANGUAGE sql AS
$$ SELECT row_no, line, state, sqlstate, message, detail FROM oms.import_row WHERE import_id = import ORDER BY row_no $$;
-- imports a text here and now
CREATE FUNCTION import(kind text, format text, body text, mode text DEFAULT 'each', policy text DEFAULT 'check') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  id bigint := oms.import_begin(kind, mode, policy);
BEGIN
  PERFORM oms.import_add_text(id, format, body);
  PERFORM oms.import_run(id);
  RETURN id;
END $$;

-- nothing was begun
SELECT * FROM fails('SELECT oms.import_run()');
SELECT * FROM fails($$INSERT INTO oms.import_product (sku) VALUES ('A')$$);
SELECT * FROM fails($$SELECT oms.import_begin('things', 'some', 'never')$$);
SELECT * FROM fails($$SELECT oms.import_begin('stock', policy => 'force')$$);
SELECT * FROM fails($$SELECT oms.import_begin(NULL)$$);
SELECT * FROM fails($$SELECT oms.import_run(99)$$);

-- products by COPY: a bad row fails alone
SELECT oms.import_begin('products') AS id \gset
COPY oms.import_product (sku, name, price) FROM stdin (FORMAT csv, HEADER);
sku,name,price
A,"a, the ""first""",2.50
B,b,x
C,c,1
A,again,3
,nothing,1
D,,4
\.
SELECT rows, state FROM oms.import WHERE id = :id;
SELECT row_no, sku, name, price, state FROM oms.import_product;
SELECT * FROM oms.import_run();
SELECT row_no, sku, state, id, sqlstate, message FROM oms.import_product;
SELECT detail FROM ended(:id) WHERE state = 'failed';
SELECT id, sku, name, about, price, version FROM oms.product ORDER BY id;
SELECT state, rows, done, failed, version, started_at IS NOT NULL, finished_at IS NOT NULL FROM oms.import;
SELECT type, aggregate, aggregate_id, version, payload FROM oms.event ORDER BY id;
-- by INSERT, into an import that is named; changed by SKU, unchanged, archived
SELECT oms.import_begin('products', 'all') AS id \gset
SELECT oms.import_begin('stock') AS other \gset
INSERT INTO oms.import_product (import_id, sku, name, price, about, archived)
VALUES (:id, 'A', NULL, '2.75', 'better', 'false'), (:id, 'C', 'c', '1.00', NULL, NULL), (:id, 'E', 'e', '5', '', 'f');
SELECT oms.import_add(:id, '[{"sku": "F", "name": "f", "price": 6.5, "archived": false}, {"sku": "G", "name": "g", "price": "0"}]');
SELECT * FROM oms.import_run(:id);
SELECT id, sku, name, about, price, version FROM oms.product ORDER BY id;
SELECT import('products', 'ndjson', '{"sku": "E", "archived": true}
{"sku": "NONE", "archived": "yes"}
{"sku": "E", "name": "new", "price": 1}
') AS id \gset
SELECT * FROM ended(:id);
SELECT sku, name, archived_at IS NOT NULL FROM oms.product WHERE sku = 'E' ORDER BY id;
-- the twin of a row that fails is no twin
SELECT import('products', 'json', '[{"sku": "T"}, {"sku": "T", "name": "t", "price": 1}, {"sku": "T", "name": "u", "price": 2}]') AS id \gset
SELECT * FROM ended(:id);
SELECT * FROM fails($$INSERT INTO oms.import_order (external_ref) VALUES ('X')$$);
SELECT * FROM fails($$UPDATE oms.import_product SET sku = 'X'$$);
SELECT * FROM fails($$DELETE FROM oms.import_row$$);
SELECT oms.import_cancel(:other), oms.import_cancel(:other);
SELECT * FROM fails(format('SELECT oms.import_run(%s)', :other));
SELECT * FROM fails(format('SELECT oms.import_add(%s, ''[]'')', :other));
SELECT * FROM fails(format('SELECT oms.import_add(%s, ''{}'')', :other));
SELECT * FROM fails($$INSERT INTO oms.import_stock (sku) VALUES ('A')$$);
SELECT * FROM fails(format('SELECT oms.import_cancel(%s)', :id));

-- texts that cannot be read, as a whole or in a row
SELECT oms.import_begin('stock') AS id \gset
SELECT * FROM fails(format($$SELECT oms.import_add_text(%s, 'xml', '')$$, :id));
SELECT * FROM fails(format($$SELECT oms.import_add_text(%s, 'csv', '')$$, :id));
SELECT * FROM fails(format($$SELECT oms.import_add_text(%s, 'csv', E'sku,quantiy,sku\nA,1,2')$$, :id));
SELECT * FROM fails(format($$SELECT oms.import_add_text(%s, 'csv', E'quantity\n1')$$, :id));
SELECT * FROM fails(format($$SELECT oms.import_add_text(%s, 'json', '{"row": []}')$$, :id));
SELECT * FROM fails(format($$SELECT oms.import_add_text(%s, 'json', '7')$$, :id));
SELECT code FROM fails(format($$SELECT oms.import_add_text(%s, 'json', '[')$$, :id));
SELECT rows FROM oms.import WHERE id = :id;
SELECT oms.import_add_text(:id, 'csv', E'\uFEFFsku,quantity,reason\r\nA,1\r\nA,10,"of two\r\nlines"\r\n\r\nA,1,2,3\r\nC,,\r\nC,"5",');
SELECT oms.import_add_text(:id, 'csv', E'sku,quantity\nC,6\n"C,7\nC,8\n');
SELECT oms.import_add_text(:id, 'csv', E'sku,quantity\nC,6\n\\.\nC,8\n');
SELECT oms.import_add_text(:id, 'ndjson', E'{"sku": "C", "quantity": 9}\r\n\n  \n{"sku": \n[1]\n{"sku": "C\\u0000"}\n7');
SELECT oms.import_add_text(:id, 'ndjson', '');
SELECT * FROM oms.import_run(:id);
SELECT * FROM ended(:id);
SELECT data FROM oms.import_row WHERE import_id = :id AND line = 3 ORDER BY row_no;

-- stock: counted, received, adjusted, set
SELECT import('stock', 'csv', 'sku,location,quantity,receive,adjust,reason,expected_version,low_stock_threshold,reorder_quantity,backorder_limit
A,,20,,,,,3,40,
A,MAIN,,5,,,,,,
A,,,,-2,broken,,,,
A,,,,-2,,,,,
A,,,,0,x,,,,
A,,,,-100,lost,,,,
C,,,,,,,,,7
C,,8,,,,99,,,
C,,,9,,,1,,,
C,NOWHERE,1,,,,,,,
Z,,1,,,,,,,
F,,-1,,,,,,,
F,,1e3,,,,,,,
F,,12x,,,,,,,
F,,1000000000001,,,,,,,
G,,,1000000000000,,,,,,
G,,,1,,,,,,
,,1,,,,,,,
F,,1,2,,,,,,
F,,,,,,,,,
') AS id \gset
SELECT * FROM ended(:id);
SELECT p.sku, s.on_hand, s.low_stock_threshold, s.reorder_quantity, s.backorder_limit FROM oms.stock AS s JOIN oms.product AS p ON p.id = s.product_id ORDER BY 1;
SELECT p.sku, m.seq, m.kind, m.d_on_hand, m.document, m.reason FROM oms.stock_move AS m JOIN oms.product AS p ON p.id = m.product_id ORDER BY 1, 2;
SELECT type, count(*) FROM oms.event WHERE type LIKE 'stock.%' GROUP BY 1 ORDER BY 1;
-- all or nothing: each error is told, and nothing done
SELECT sum(on_hand) AS before, count(*) AS moves FROM oms.stock, LATERAL (SELECT count(*) FROM oms.stock_move) AS m \gset
SELECT import('stock', 'csv', E'sku,receive\nA,1\nZ,1\nF,1\nY,1\nA,x\nbroken\n', 'all') AS id \gset
SELECT * FROM ended(:id);
SELECT state, rows, done, failed, message FROM oms.import WHERE id = :id;
SELECT sum(on_hand) - :before FROM oms.stock;
SELECT import('stock', 'csv', E'sku,receive\nA,1\nF,1\n', 'all') AS id \gset
SELECT state, rows, done, failed, message FROM oms.import WHERE id = :id;
SELECT sum(on_hand) - :before FROM oms.stock;
-- an error of a trigger fails the row that it is about
CREATE FUNCTION no_seven() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.sku = 'N7' THEN RAISE 'seven is not wanted'; END IF; RETURN NEW; END $$;
CREATE TRIGGER no_seven BEFORE INSERT ON oms.product FOR EACH ROW EXECUTE FUNCTION no_seven();
SELECT import('products', 'json', (SELECT jsonb_agg(jsonb_build_object('sku', 'N' || g % 50, 'name', 'n', 'price', 1)) FROM generate_series(0, 59) AS g)::text) AS id \gset
SELECT state, sqlstate, message, count(*) FROM ended(:id) WHERE row_no = 8 OR row_no IN (51, 58) GROUP BY 1, 2, 3 ORDER BY 3;
SELECT rows, done, failed FROM oms.import WHERE id = :id;
DROP TRIGGER no_seven ON oms.product;

-- past orders, a line each in CSV: those next to each other with one reference are one order
SELECT oms.channel_create('shop', 'Shop', 'create', number_prefix => 'SH-'), oms.channel_update('shop', active => false);
SELECT oms.customer_create('Ann Arbor', email => 'ann@example.com'), oms.customer_create('Bob', email => 'bob@example.com'), oms.customer_create('Bobby', email => 'BOB@example.com');
SELECT count(*) AS tasks FROM oms.task \gset
SELECT max(id) AS events FROM oms.event \gset
SELECT import('orders', 'csv', 'external_ref,channel,customer_name,customer_email,status,created_at,updated_at,sku,product_id,quantity,price,discount,tax_rate,order_discount,note
O1,,Ann,,DELIVERED,2024-01-02,2024-01-05T10:00:00+02:00,A,,2,3.50,0.50,10,,first
O1,,Ann,,,,,C,,3,,,,,
O2,,,ann@example.com,CANCELLED,2024-01-03T12:00,,,5,1,1.00,,,10%,
O3,,Cid,,SHIPPED,2024-01-03,,X,,1,1.00,,,,
O4,,Dan,,LOST,2024-01-03,,A,,1,1.00,,,,
O5,,Eve,,PACKED,2024-01-03,2023-01-01,A,,1,1.00,,,,
O6,,Fay,,CONFIRMED,2024-01-03,,A,,1000,1.00,,,,
O7,shop,Gil,,,2024-01-03,,A,,1,1.00,,,,
O8,,,bob@example.com,,,,A,,1,1.00,,,,
O9,,Hal,,,2924-01-03,,A,,1,1.00,,,,
O10,,Ida,,,2024-01-03,,E,,1,-1,,,,
O11,,Ida,,,,,A,1,1,1,,,,
O12,,Ida,,,,,,,,1,,,,
O13,nowhere,Ida,,,,,A,,1,1,,,,
O14,,Ida,,,,,A,,1,1,,,,
O14,,Ian,,,,,A,,1,1,,,,
,,Jan,,,,,A,,1,1,,,,
,,Jan,,,,,A,,1,1,,,,
O1,,Ann,,,,,A,,1,1,,,,
') AS id \gset
SELECT * FROM ended(:id);
SELECT o.external_ref, o.channel, o.status, o.customer_name, o.customer_id, o.total_amount, o.discount_amount, o.tax_amount, nullif(o.created_at::date, current_date), nullif(o.updated_at, o.created_at), o.takes_stock, o.fulfilment, o.version
FROM oms.orders AS o ORDER BY id;
SELECT o.external_ref, l.line_no, l.sku, l.quantity, l.price, l.line_total FROM oms.order_line AS l JOIN oms.orders AS o ON o.id = l.order_id ORDER BY o.id, l.line_no;
SELECT o.external_ref, h.seq, h.to_status, h.changed_at, h.reason IS NOT NULL FROM oms.order_history AS h JOIN oms.orders AS o ON o.id = h.order_id WHERE external_ref IN ('O1', 'O2') ORDER BY o.id, h.seq;
SELECT note FROM oms.order_note;
-- nobody is to be told today
SELECT count(*) - :tasks FROM oms.task;
SELECT type, payload->>'imported', count(*) FROM oms.event WHERE id > :events AND aggregate = 'order' GROUP BY 1, 2 ORDER BY 1;
SELECT * FROM oms.integrity;
-- in JSON, with times of the steps
SELECT import('orders', 'json', '{"rows": [
  {"number": "J1", "status": "DELIVERED", "created_at": "2024-02-01T00:00:00Z", "times": {"CONFIRMED": "2024-02-02T00:00:00Z", "SHIPPED": "2024-02-03"},
   "customer_id": 1, "attributes": {"till": 3}, "discount": "1.00", "items": [{"sku": "A", "quantity": 1, "price": "2.00"}, {"sku": "C", "quantity": "2"}]},
  {"number": "J2", "status": "SHIPPED", "created_at": "2024-02-01", "times": {"CONFIRMED": "2024-01-02", "SENT": "2024-01-02", "SHIPPED": 7}, "items": [{"sku": "A", "quantity": 1}]},
  {"number": "J3", "status": "SHIPPED", "created_at": "2024-02-01", "times": {"CONFIRMED": "2024-01-02"}, "items": [{"sku": "A", "quantity": 1}]},
  {"number": "J4", "external_ref": "J4", "items": [], "quantity": 1, "bogus": 1},
  {"number": "J5", "items": [{"quantity": 0, "sku": "A"}, {"sku": "A", "product_id": 1, "quantity": 1}, 7]},
  {"number": "J6", "customer_id": 77, "items": [{"sku": "A", "quantity": 1}]},
  {"number": "J7", "currency": "JPY", "items": [{"sku": "E", "quantity": 1}], "created_at": "01/02/2024"},
  {"number": "J8", "items": [{"product_id": 4, "quantity": 1, "price": 2}], "created_at": "yesterday"}
]}') AS id \gset
SELECT * FROM ended(:id);
SELECT seq, to_status, changed_at FROM oms.order_history WHERE order_id = (SELECT id FROM oms.orders WHERE external_ref = 'J1') ORDER BY seq;
SELECT total_amount, discount_amount, attributes, customer_name FROM oms.orders WHERE external_ref = 'J1';

-- policies: what is not there is taken by force, or nothing is taken
SELECT product_id, on_hand, reserved, allocated FROM oms.stock ORDER BY 1;
SELECT import('orders', 'csv', E'external_ref,status,sku,quantity,price\nS1,DELIVERED,A,500,1\nS2,CONFIRMED,N1,7,1\n', policy => 'skip') AS id \gset
SELECT * FROM ended(:id);
SELECT import('orders', 'csv', E'external_ref,status,sku,quantity,price\nF1,DELIVERED,A,500,1\nF2,CONFIRMED,N1,7,1\nF3,PENDING,N2,7,1\nF4,CANCELLED,N3,1,1\nF5,SHIPPED,C,20,1\n', policy => 'force') AS id \gset
SELECT * FROM ended(:id);
SELECT external_ref, status, takes_stock, fulfilment FROM oms.orders WHERE external_ref ~ '^[SF][0-9]' ORDER BY 1;
SELECT p.sku, m.kind, m.d_on_hand, m.d_allocated, m.document IS NOT NULL, m.reason FROM oms.stock_move AS m JOIN oms.product AS p ON p.id = m.product_id
WHERE m.document = 'import ' || :id OR m.order_id IN (SELECT id FROM oms.orders WHERE external_ref ~ '^F[0-9]') ORDER BY 1, m.seq;
SELECT p.sku, on_hand, reserved, allocated FROM oms.stock AS s JOIN oms.product AS p ON p.id = s.product_id ORDER BY 1;
SELECT * FROM oms.integrity;
-- shortages of live rules fail alone, whatever comes before or behind
SELECT import('orders', 'csv', E'external_ref,status,sku,quantity,price\nK1,CONFIRMED,F,1,1\nK2,CONFIRMED,F,1,1\nK3,SHIPPED,F,1,1\nK4,PENDING,F,9,1\nK1,PENDING,F,1,1\n') AS id \gset
SELECT row_no, state, sqlstate FROM ended(:id);

-- more rows than a batch, in every mode; an order is never cut
SELECT import('products', 'csv', 'sku,name,price' || E'\n' || string_agg(format('M%s,m,%s', g, g % 100), E'\n')) AS id FROM generate_series(1, 2500) AS g \gset
SELECT state, rows, done, failed, position FROM oms.import WHERE id = :id;
SELECT import('products', 'csv', 'sku,name,price' || E'\n' || string_agg(format('M%s,m,%s', g, CASE g % 500 WHEN 0 THEN 'x' ELSE '7' END), E'\n'), 'all') AS id FROM generate_series(1, 2500) AS g \gset
SELECT state, rows, done, failed, message FROM oms.import WHERE id = :id;
SELECT state, count(*) FROM ended(:id) GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM oms.product WHERE sku LIKE 'M%' AND version > 1;
SELECT import('products', 'csv', 'sku,name,price' || E'\n' || string_agg(format('M%s,m,1', g % 1100), E'\n')) AS id FROM generate_series(0, 2199) AS g \gset
SELECT state, sqlstate, count(*), min(row_no), min(message) FROM ended(:id) GROUP BY 1, 2 ORDER BY 1;
SELECT import('orders', 'csv', 'external_ref,status,sku,quantity' || E'\n' || string_agg(format('L%s,DELIVERED,M%s,1', (g - 1) / 7, g), E'\n' ORDER BY g), policy => 'skip') AS id FROM generate_series(1, 2500) AS g \gset
SELECT state, rows, done, failed FROM oms.import WHERE id = :id;
SELECT count(*), max(n) FROM (SELECT count(*) AS n FROM oms.order_line AS l JOIN oms.orders AS o ON o.id = l.order_id WHERE external_ref LIKE 'L%' GROUP BY o.id) AS c;
SELECT import('orders', 'csv', 'external_ref,sku,quantity' || E'\n' || string_agg(CASE WHEN g <= 2200 THEN 'BIG,M1,1' ELSE 'SMALL,M1,1' END, E'\n' ORDER BY g)) AS id FROM generate_series(1, 2202) AS g \gset
SELECT state, sqlstate, detail, count(*) FROM ended(:id) GROUP BY 1, 2, 3 ORDER BY 4;

SELECT import('orders', 'csv', E'external_ref,sku,quantity\nU1,M1,1\nU1,M2\nU1,M3,1\nU2,M1,1\n') AS id \gset
SELECT * FROM ended(:id);

-- dry, nothing is done, and all is told
SELECT oms.import_begin('products') AS id \gset
SELECT oms.import_add(:id, '[{"sku": "DRY", "name": "d", "price": 1}, {"sku": "WET"}]');
BEGIN;
SET LOCAL oms.dry_run = on;
SELECT * FROM oms.import_run();
SELECT oms.import_begin('stock') > 0;
COMMIT;
SELECT state, rows, done FROM oms.import WHERE id = :id;
SELECT count(*) FROM oms.product WHERE sku = 'DRY';
SELECT * FROM oms.import_run();

-- who may: staff import stock alone
CREATE ROLE oms_regress_import_clerk IN ROLE oms_staff;
SET ROLE oms_regress_import_clerk;
SELECT * FROM fails($$SELECT oms.import_begin('products')$$);
SELECT * FROM fails($$SELECT oms.import_begin('orders')$$);
SELECT code FROM fails(format('SELECT oms.import_add(%s, ''[]'')', :id));
SELECT oms.import_begin('stock') > 0;
INSERT INTO oms.import_stock (sku, receive) VALUES ('A', '1');
SELECT * FROM oms.import_run();
SELECT actor, reason FROM oms.stock_move WHERE document IS NOT NULL ORDER BY at DESC, seq DESC LIMIT 1;
RESET ROLE;
DROP ROLE oms_regress_import_clerk;

-- queued for the worker, which is not here
SELECT oms.import_begin('stock') AS id \gset
INSERT INTO oms.import_stock (sku, receive) VALUES ('A', '1');
SELECT oms.import_queue();
SELECT state, done FROM oms.import WHERE id = :id;
SELECT handler, payload = jsonb_build_object('import_id', :id) FROM oms.task ORDER BY id DESC LIMIT 1;
SELECT code FROM fails('SELECT oms.import_queue()');
SELECT * FROM oms.import_run();

SELECT * FROM oms.integrity;
\c postgres
DROP DATABASE oms_regress_import;
