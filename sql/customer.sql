-- customers: entered, changed, archived, with their history
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = warning;
-- a database of its own: ids begin at 1
DROP DATABASE IF EXISTS oms_regress_customer;
CREATE DATABASE oms_regress_customer;
\c oms_regress_customer
SET client_min_messages = warning;
CREATE EXTENSION oms;
SELECT oms.install();
BEGIN;
\set ON_ERROR_ROLLBACK on
SELECT oms.customer_create('Ada', 'C-1', 'ada@example.org', '+44', 'London', '{"tier": "gold"}') AS ada \gset
SELECT oms.customer_create('Bob') AS bob \gset
SELECT code, name, email, phone, address, attributes, version FROM oms.customer WHERE id IN (:ada, :bob) ORDER BY id;
SELECT oms.customer_create('Eve', 'C-1');
SELECT oms.customer_create(' ', '  ', 'a b@c', repeat('1', 65), repeat('x', 2001), '[1]');
SELECT oms.customer_create('Big', attributes => jsonb_build_object('x', repeat('y', 16400)));
SELECT oms.customer_create(NULL);
SELECT oms.customer_create('M', email => 'a@b@c');
SELECT oms.customer_create('M', email => '@b');
SELECT oms.customer_create('M', email => E'a@b\n');

-- null leaves as it is, an empty text takes away; nothing to change writes nothing
SELECT oms.customer_update(:ada, name => 'Ada L', email => '', attributes => '{"tier": "silver"}');
SELECT oms.customer_update(:ada, name => 'Ada L');
SELECT oms.customer_update(:bob, code => 'C-1');
SELECT oms.customer_update(:bob, email => 'nobody');
SELECT oms.customer_update(0, name => 'x');
SELECT oms.customer_archive(:ada);
SELECT oms.customer_archive(:ada);
SELECT oms.customer_archive(0);
SELECT oms.customer_update(:bob, code => 'C-1');
SELECT seq, jsonb_object_agg(key, CASE key WHEN 'archived_at' THEN '"a time"' ELSE value END) AS changes FROM oms.customer_history, jsonb_each(changes)
WHERE customer_id = :ada GROUP BY seq ORDER BY seq;
SELECT version, archived_at IS NOT NULL AS archived FROM oms.customer WHERE id = :ada;
SELECT type, version FROM oms.event WHERE aggregate = 'customer' AND aggregate_id = :ada ORDER BY id;
UPDATE oms.customer SET name = 'x';
ROLLBACK;
\c postgres
DROP DATABASE oms_regress_customer;
