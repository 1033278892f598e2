-- goods that come back: requested, approved, received in parts, restocked or scrapped, refunded to the cent
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
DROP DATABASE IF EXISTS oms_regress_return;
CREATE DATABASE oms_regress_return;
\c oms_regress_return
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
CREATE VIEW r AS SELECT id, state, refund_amount, version, answer, (SELECT string_agg(format('%s: %s of %s, %s scrapped, %s', line_no, restocked, quantity, scrapped, refund), ' | ' ORDER BY line_no) FROM oms.return_line WHERE return_id = id) FROM oms.return_order ORDER BY id;
CREATE VIEW s AS SELECT product_id, location_id, on_hand, available FROM oms.stock ORDER BY 1, 2;
SELECT oms.location_create('BACK', 'returns', 900) > 1;
SELECT oms.product_create('A', 'a', 3.33), oms.product_create('B', 'b', 1);
SELECT oms.stock_receive(1, 10), oms.stock_receive(2, 10);
SELECT oms.order_create('[{"product_id": 1, "quantity": 3, "discount": "0.98"}, {"product_id": 2, "quantity": 2}]') AS id \gset
SELECT * FROM fails(format('SELECT oms.return_request(%s, ''[{"line": 1, "quantity": 1}]'', ''x'')', :id));
SELECT oms.order_advance(:id, 'SHIPPED');
SELECT line_no, line_total FROM oms.order_line ORDER BY 1;
-- never more than has shipped, also not by two returns
SELECT * FROM fails(format('SELECT oms.return_request(%s, ''[{"line": 1, "quantity": 4}]'', ''x'')', :id));
SELECT oms.return_request(:id, '[{"line": 1, "quantity": 2}]', 'too small');
SELECT * FROM fails(format('SELECT oms.return_request(%s, ''[{"line": 1, "quantity": 2}]'', ''x'')', :id));
SELECT oms.return_request(:id, '[{"line": 1, "quantity": 1}, {"line": 2, "quantity": 2}]', 'too late');
SELECT * FROM fails(format('SELECT oms.return_request(%s, ''[{"line": 1, "quantity": 1}]'', NULL)', :id));
SELECT * FROM fails(format('SELECT oms.return_request(%s, ''[{"line": 3, "quantity": 1}]'', ''x'')', :id));
-- nothing comes before it is approved
SELECT * FROM fails('SELECT oms.return_receive(1, ''[{"line": 1, "restock": 1}]'')');
SELECT oms.return_approve(1), oms.return_approve(2);
SELECT oms.return_approve(1);
SELECT * FROM fails('SELECT oms.return_reject(1)');
SELECT * FROM fails('SELECT oms.return_close(1)');
SELECT * FROM fails('SELECT oms.return_receive(1, ''[{"line": 1, "restock": 2, "scrap": 1}]'')');
SELECT * FROM fails('SELECT oms.return_receive(1, ''[{"line": 2, "restock": 1}]'')');
SELECT * FROM fails('SELECT oms.return_receive(1, ''[{"line": 1}]'')');
SELECT * FROM fails('SELECT oms.return_receive(9, ''[{"line": 1, "scrap": 1}]'')');
-- in parts, at another location
SELECT oms.return_receive(1, '[{"line": 1, "restock": 1}]', 'BACK');
SELECT * FROM fails('SELECT oms.return_cancel(1)');
SELECT oms.return_receive(1, '[{"line": 1, "scrap": 1}]');
SELECT oms.return_receive(2, '[{"line": 1, "restock": 1}, {"line": 2, "scrap": 1}]');
SELECT oms.return_close(2, 'the other was lost');
SELECT * FROM fails('SELECT oms.return_receive(2, ''[{"line": 2, "scrap": 1}]'')');
SELECT * FROM r;
SELECT * FROM s;
SELECT line_no, quantity, returned FROM oms.order_line ORDER BY 1;
-- the whole line came back: it is refunded to the cent
SELECT sum(refund) FROM oms.return_line WHERE line_no = 1;
-- what was not received may be asked for again; rejected and cancelled ones claim nothing
SELECT oms.return_request(:id, '[{"line": 2, "quantity": 1}]', 'x') AS id3 \gset
SELECT oms.return_reject(:id3, 'too old');
SELECT oms.return_request(:id, '[{"line": 2, "quantity": 1}]', 'x') AS id4 \gset
SELECT oms.return_cancel(:id4);
SELECT * FROM fails(format('SELECT oms.return_request(%s, ''[{"line": 2, "quantity": 2}]'', ''x'')', :id));
SELECT * FROM r;
SELECT seq, action, detail, reason FROM oms.order_history WHERE order_id = :id AND action IS NOT NULL ORDER BY seq;
SELECT aggregate_id, version, type FROM oms.event WHERE aggregate = 'return' ORDER BY id;
SELECT kind, d_on_hand, location_id, line_no, document FROM oms.stock_move WHERE kind = 'return' ORDER BY product_id, location_id, seq;
SELECT * FROM oms.integrity;
-- and the proof sees what is put in by hand
CREATE PROCEDURE spoil(statement text) LANGUAGE plpgsql AS $$
DECLARE found text;
BEGIN
  SET LOCAL session_replication_role = replica;
  EXECUTE statement;
  SELECT string_agg(problem || ': ' || subject, ', ' ORDER BY problem, subject) INTO found FROM oms.integrity;
  RAISE INFO '%', coalesce(found, 'nothing');
  ROLLBACK;
END $$;
CALL spoil('UPDATE oms.return_order SET refund_amount = refund_amount + 0.01 WHERE id = 1');
CALL spoil('UPDATE oms.return_line SET scrapped = scrapped + 1 WHERE return_id = 2 AND line_no = 2');
CALL spoil('UPDATE oms.order_line SET returned = returned - 1 WHERE line_no = 1');
CALL spoil('INSERT INTO oms.shipment (order_id, location_id, state, created_by, shipped_at) VALUES (1, 1, ''SHIPPED'', ''x'', now()); INSERT INTO oms.shipment_line SELECT max(id), 1, 4 FROM oms.shipment');
-- a shelf has its limit, also for returns
SELECT oms.stock_receive(2, 1000000000000 - on_hand) FROM oms.stock WHERE product_id = 2 AND location_id = 1;
SELECT oms.return_request(:id, '[{"line": 2, "quantity": 1}]', 'x') AS id5 \gset
SELECT oms.return_approve(:id5);
SELECT code, message FROM fails(format('SELECT oms.return_receive(%s, ''[{"line": 2, "restock": 1}]'')', :id5));
\c postgres
DROP DATABASE oms_regress_return;
