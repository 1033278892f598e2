-- accounts, log-ins and refresh tokens
\set SHOW_CONTEXT never
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS oms;
SELECT oms.install();
-- tests need no expensive hashes
SET oms.password_ops = 1;
SET oms.password_memory = '1MB';

-- what may be an account
SELECT oms.account_create('Ann.Other+1@example.com', 'correct horse') > 0 AS created;
SELECT oms.account_create('boss', 'correct horse', 'admin') > 0 AS created;
SELECT oms.account_create('', 'correct horse');
SELECT oms.account_create(repeat('a', 151), 'correct horse');
SELECT oms.account_create('two words', 'correct horse');
SELECT oms.account_create('Zoë', 'correct horse');
SELECT oms.account_create(NULL, 'correct horse');
SELECT oms.account_create('x', NULL);
SELECT oms.account_create('x', 'correct horse', NULL);
SELECT oms.account_create('x', 'correct horse', 'root');
SELECT oms.account_create('x', '1234567');
SELECT oms.account_create('x', 'äöüäöüä');
SELECT oms.account_create('x', repeat('x', 1025));
SELECT oms.account_create('longname', 'LongName');
SELECT oms.account_create('ANN.other+1@EXAMPLE.com', 'correct horse');
SELECT oms.account_create('longest', repeat('x', 1024)) > 0 AS created;
SELECT username, role, disabled_at IS NULL AS enabled, password_hash LIKE '$argon2id$v=19$m=1024,t=1,p=1$%' AS hashed
FROM oms.account ORDER BY id;

-- every error has its own code
CREATE FUNCTION pg_temp.code(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE statement;
  RETURN 'none';
EXCEPTION WHEN OTHERS THEN
  RETURN SQLSTATE;
END
$$;
SELECT pg_temp.code($$SELECT oms.account_create('x', 'short')$$) AS bad_value,
  pg_temp.code($$SELECT oms.account_create('BOSS', 'correct horse')$$) AS taken,
  pg_temp.code($$SELECT oms.account_set_role('nobody', 'staff')$$) AS unknown,
  pg_temp.code($$SELECT oms_rest.token_create('', 'r1', '{"username": "boss", "password": "wrong"}')$$) AS bad_password,
  pg_temp.code($$SELECT oms_rest.token_create('', 'r1', '{"username": "nobody", "password": "wrong"}')$$) AS bad_name,
  pg_temp.code($$SELECT oms_rest.token_refresh('', 'r1', '{"refresh": ".."}')$$) AS bad_token;

-- log-in: the name in any case, as it was written in the reply
SELECT reply ->> 'sub' AS sub, reply ->> 'role' AS role, reply ->> 'refresh' ~ '^[A-Za-z0-9_-]{43}$' AS opaque,
  (reply ->> 'sid')::uuid IS NOT NULL AS sid
FROM oms_rest.token_create('', 'r1', '{"username": "ANN.other+1@example.com", "password": "correct horse"}') AS reply;
SELECT oms_rest.token_create('', 'r1', '{"username": "boss", "password": "wrong"}');
SELECT oms_rest.token_create('', 'r1', '{"username": "nobody", "password": "wrong"}');
SELECT oms_rest.token_create('', 'r1', '{}');
SELECT oms_rest.token_create('', 'r1', '{"username": "boss", "password": 12345678, "otp": 1}');
SELECT oms_rest.token_create('', 'r1', '[]');

-- a password is hashed anew when the cost has changed
SET oms.password_ops = 2;
SELECT oms_rest.token_create('', 'r1', '{"username": "boss", "password": "correct horse"}') ->> 'sub' AS sub;
SELECT password_hash LIKE '$argon2id$v=19$m=1024,t=2,p=1$%' AS rehashed FROM oms.account WHERE username = 'boss';
SELECT oms_rest.token_create('', 'r1', '{"username": "boss", "password": "correct horse"}') ->> 'sub' AS sub;
SET oms.password_ops = 1;

-- rotation: each token is good for one use, its second use ends the session
CREATE FUNCTION pg_temp.login(name text) RETURNS text LANGUAGE sql AS $$
  SELECT oms_rest.token_create('', 'r1', json_build_object('username', name, 'password', 'correct horse')::text) ->> 'refresh'
$$;
CREATE FUNCTION pg_temp.refresh(token text) RETURNS json LANGUAGE sql AS $$
  SELECT oms_rest.token_refresh('', 'r1', json_build_object('refresh', token)::text)
$$;
SELECT pg_temp.login('boss') AS first, pg_temp.login('boss') AS other \gset
SELECT pg_temp.refresh(:'first') ->> 'refresh' AS second \gset
SELECT pg_temp.refresh(:'second') ->> 'refresh' AS third \gset
SELECT :'first' <> :'second' AND :'second' <> :'third' AS rotated;
SELECT pg_temp.refresh(:'second');
SELECT pg_temp.refresh(:'third');
SELECT pg_temp.refresh(:'second');
SELECT revoke_reason FROM oms.session WHERE revoked_at IS NOT NULL;
SELECT pg_temp.refresh(:'other') ->> 'sub' AS other_session_lives;

-- a grace lets a client try again that did not get the answer
SET oms.refresh_grace = '60s';
SELECT pg_temp.login('boss') AS first \gset
SELECT pg_temp.refresh(:'first') ->> 'refresh' AS second \gset
SELECT pg_temp.refresh(:'first') ->> 'refresh' AS again \gset
SELECT :'second' <> :'again' AS another;
SELECT pg_temp.refresh(:'again') ->> 'sub' AS sub;
RESET oms.refresh_grace;
SELECT pg_temp.refresh(:'first') ->> 'sqlstate' AS sqlstate;

-- only hashes are stored
SELECT count(*) AS tokens, bool_and(octet_length(hash) = 32) AS hashed FROM oms.refresh_token;
SELECT count(*) FROM oms.refresh_token WHERE hash = convert_to(:'again', 'UTF8') OR hash = decode(translate(:'again', '-_', '+/') || '=', 'base64');

-- what ends sessions
SELECT pg_temp.login('boss') AS token \gset
SELECT oms.account_set_password('Boss', 'correct horse');
SELECT pg_temp.refresh(:'token');
SELECT pg_temp.login('boss') AS token \gset
SELECT oms.account_sign_out('boss');
SELECT pg_temp.refresh(:'token');
SELECT pg_temp.login('boss') AS token \gset
SELECT oms.account_disable('boss');
SELECT pg_temp.refresh(:'token');
SELECT pg_temp.login('boss');
SELECT oms.account_enable('boss');
SELECT pg_temp.refresh(:'token');
SELECT oms.account_set_role('boss', 'staff');
SELECT oms_rest.token_create('', 'r1', '{"username": "boss", "password": "correct horse"}') ->> 'role' AS role;
SELECT oms.account_set_password('boss', 'boss');
SELECT oms.account_set_role('boss', 'king');
SELECT oms.account_disable('nobody');

-- an end that no refresh moves
SET oms.refresh_lifetime = '60s';
SELECT pg_temp.login('boss') AS token \gset
SELECT pg_temp.refresh(:'token') ->> 'sid' AS sid \gset
SELECT expires_at - created_at AS lifetime FROM oms.session WHERE id = :'sid';
RESET oms.refresh_lifetime;

-- who may do what
UPDATE oms.account SET role = 'admin';
DELETE FROM oms.refresh_token;
SET ROLE oms_admin;
SELECT count(*) > 0 AS may_list FROM (SELECT id, username, role, disabled_at, created_at, updated_at FROM oms.account) AS a;
SELECT password_hash FROM oms.account;
SELECT hash FROM oms.refresh_token;
SELECT oms_rest.token_create('', 'r1', '{}');
SET ROLE oms_staff;
SELECT username FROM oms.account;
SELECT oms.account_create('x', 'correct horse');
RESET ROLE;
SET SESSION AUTHORIZATION omsd;
SELECT oms_rest.token_create('', 'r1', '{"username": "boss", "password": "correct horse"}') ->> 'sub' AS sub;
SELECT oms.account_create('x', 'correct horse');
RESET SESSION AUTHORIZATION;
