-- account: users of the API, their log-ins and refresh tokens
CREATE FUNCTION oms.account_create(username text, password text, role text DEFAULT 'staff') RETURNS bigint
AS 'MODULE_PATHNAME', 'oms_account_create' LANGUAGE C;
COMMENT ON FUNCTION oms.account_create(text, text, text) IS
'Makes an account of the API. The name has 1 to 150 of A-Z a-z 0-9 @ . + - _, upper and lower case being the same; the password has 8 characters to 1024 bytes and is not the name; the role is staff or admin. Returns its id. Raises OM010 (bad value), OM018 (name taken). The server''s log may show the statement: in psql, SET log_min_error_statement = panic and leave log_statement off.';

CREATE FUNCTION oms.account_set_password(username text, password text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_set_password' LANGUAGE C;
COMMENT ON FUNCTION oms.account_set_password(text, text) IS
'Sets a password and ends the account''s sessions. Raises OM007 (no such account), OM010 (bad password).';

CREATE FUNCTION oms.account_set_role(username text, role text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_set_role' LANGUAGE C;
COMMENT ON FUNCTION oms.account_set_role(text, text) IS
'Sets the role, staff or admin; access tokens that are out carry the old one until they expire. Raises OM007, OM010.';

CREATE FUNCTION oms.account_disable(username text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_disable' LANGUAGE C;
COMMENT ON FUNCTION oms.account_disable(text) IS
'Refuses log-ins and ends the account''s sessions; access tokens that are out work until they expire. Raises OM007.';

CREATE FUNCTION oms.account_enable(username text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_enable' LANGUAGE C;
COMMENT ON FUNCTION oms.account_enable(text) IS
'Allows log-ins again. Raises OM007.';

CREATE FUNCTION oms.account_sign_out(username text) RETURNS void
AS 'MODULE_PATHNAME', 'oms_account_sign_out' LANGUAGE C;
COMMENT ON FUNCTION oms.account_sign_out(text) IS
'Ends the account''s sessions; it may log in again. Raises OM007.';

CREATE FUNCTION oms_rest.token_create(actor text, request_id text, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_token_create' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.token_create(text, text, text) IS
'POST token/: logs in by {username, password}. Returns {sub, role, sid, refresh}. Raises OM010, OM020.';
CREATE FUNCTION oms_rest.token_refresh(actor text, request_id text, body text) RETURNS json
AS 'MODULE_PATHNAME', 'oms_rest_token_refresh' LANGUAGE C;
COMMENT ON FUNCTION oms_rest.token_refresh(text, text, text) IS
'POST token/refresh/: replaces the token in {refresh}. Returns {sub, role, sid, refresh}; for a token that was used before {sqlstate, message, hint}, since raising that error would undo the end of its session. Raises OM010, OM021.';
