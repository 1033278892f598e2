-- table: what an administrator adds to a table is served by the rows that verbs write straight into it
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_table;
CREATE DATABASE oms_regress_table;
\c oms_regress_table
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
SELECT oms.product_create('A', 'a', 1), oms.stock_receive(1, 100);

-- indexes that keep a cache of their own, changed between two uses by one session
CREATE INDEX orders_words ON oms.orders USING gin (to_tsvector('simple', customer_name));
CREATE INDEX event_at ON oms.event USING brin (at);
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', 'Ann One');
ALTER INDEX oms.orders_words SET (fastupdate = off);
ALTER INDEX oms.event_at SET (autosummarize = on);
SELECT count(*) > 0 FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid;
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', 'Ann Two');
ALTER INDEX oms.orders_words RENAME TO orders_customer_words;
SELECT oms.order_create('[{"product_id": 1, "quantity": 1}]', 'Ann Three');
SET enable_seqscan = off;
SELECT id FROM oms.orders WHERE to_tsvector('simple', customer_name) @@ 'ann' ORDER BY id;
SELECT count(*) FROM oms.event WHERE at > now() - interval '1 day' AND type = 'order.created';
RESET enable_seqscan;

-- row triggers on some columns
CREATE TABLE public.seen (what text);
CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN INSERT INTO public.seen VALUES (TG_NAME); RETURN NEW; END$$;
CREATE TRIGGER status_changed AFTER UPDATE OF status ON oms.orders FOR EACH ROW EXECUTE FUNCTION public.see();
CREATE TRIGGER customer_changed AFTER UPDATE OF customer_name ON oms.orders FOR EACH ROW EXECUTE FUNCTION public.see();
CREATE TRIGGER available_changed AFTER UPDATE OF available ON oms.stock FOR EACH ROW EXECUTE FUNCTION public.see();
CREATE TRIGGER threshold_changed AFTER UPDATE OF low_stock_threshold ON oms.stock FOR EACH ROW EXECUTE FUNCTION public.see();
SELECT oms.order_confirm(1);
SELECT * FROM public.seen ORDER BY what;
SELECT * FROM oms.integrity;

\c postgres
DROP DATABASE oms_regress_table;
