-- accounts of the API, log-ins and refresh tokens
CREATE TABLE IF NOT EXISTS oms.account (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  username text NOT NULL CHECK (username ~ '^[A-Za-z0-9@.+_-]{1,150}$'),
  role text NOT NULL CHECK (role IN ('staff', 'admin')),
  password_hash text NOT NULL,
  disabled_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS account_username_key ON oms.account (lower(username COLLATE "C"));
COMMENT ON TABLE oms.account IS 'Users of the API. Written by the account_ verbs only; an account is never deleted but disabled, for history names it.';
COMMENT ON COLUMN oms.account.id IS 'Identifier, drawn from a sequence.';
COMMENT ON COLUMN oms.account.username IS 'Name, 1 to 150 of A-Z a-z 0-9 @ . + - _, unique without regard to case.';
COMMENT ON COLUMN oms.account.role IS 'staff or admin.';
COMMENT ON COLUMN oms.account.password_hash IS 'Password, hashed with argon2id at the cost of oms.password_ops and oms.password_memory.';
COMMENT ON COLUMN oms.account.disabled_at IS 'Since when log-ins are refused, or null.';
COMMENT ON COLUMN oms.account.created_at IS 'When the account was made.';
COMMENT ON COLUMN oms.account.updated_at IS 'When password, role or state was last set.';
COMMENT ON CONSTRAINT account_pkey ON oms.account IS 'An id names one account.';
COMMENT ON CONSTRAINT account_username_check ON oms.account IS 'A username has 1 to 150 of A-Z a-z 0-9 @ . + - _.';
COMMENT ON CONSTRAINT account_role_check ON oms.account IS 'The role is staff or admin.';
COMMENT ON INDEX oms.account_username_key IS 'A username belongs to one account, without regard to case; serves the log-in.';
COMMENT ON SEQUENCE oms.account_id_seq IS 'Gives accounts their ids; numbers may be skipped, but none is given twice.';

CREATE TABLE IF NOT EXISTS oms.session (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id bigint NOT NULL REFERENCES oms.account ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  revoke_reason text CONSTRAINT session_check CHECK ((revoke_reason IS NULL) = (revoked_at IS NULL))
);
CREATE INDEX IF NOT EXISTS session_account_id_idx ON oms.session (account_id);
CREATE INDEX IF NOT EXISTS session_expires_at_idx ON oms.session (expires_at);
COMMENT ON TABLE oms.session IS 'Log-ins. Removed by the worker once they have expired.';
COMMENT ON COLUMN oms.session.id IS 'Identifier: the claim sid of access tokens.';
COMMENT ON COLUMN oms.session.account_id IS 'The account.';
COMMENT ON COLUMN oms.session.created_at IS 'When it began.';
COMMENT ON COLUMN oms.session.expires_at IS 'When it ends, however often it is refreshed: oms.refresh_lifetime after the log-in.';
COMMENT ON COLUMN oms.session.revoked_at IS 'When it was ended before, or null.';
COMMENT ON COLUMN oms.session.revoke_reason IS 'Why it was ended.';
COMMENT ON CONSTRAINT session_pkey ON oms.session IS 'An id names one log-in.';
COMMENT ON CONSTRAINT session_account_id_fkey ON oms.session IS 'A log-in belongs to an account that exists, and goes with it.';
COMMENT ON CONSTRAINT session_check ON oms.session IS 'A log-in that was ended says why, and no other does.';
COMMENT ON INDEX oms.session_account_id_idx IS 'Serves ending all log-ins of an account.';
COMMENT ON INDEX oms.session_expires_at_idx IS 'Serves the worker, which removes log-ins once they have expired, the oldest first.';

CREATE TABLE IF NOT EXISTS oms.refresh_token (
  hash bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
  session_id uuid NOT NULL REFERENCES oms.session ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX IF NOT EXISTS refresh_token_session_id_idx ON oms.refresh_token (session_id);
COMMENT ON TABLE oms.refresh_token IS 'Refresh tokens of sessions, each good for one use.';
COMMENT ON COLUMN oms.refresh_token.hash IS 'SHA-256 of the token; the token itself is not kept.';
COMMENT ON COLUMN oms.refresh_token.session_id IS 'The session.';
COMMENT ON COLUMN oms.refresh_token.created_at IS 'When it was given out.';
COMMENT ON COLUMN oms.refresh_token.used_at IS 'When it was used; a use later than oms.refresh_grace after that revokes the session.';
COMMENT ON CONSTRAINT refresh_token_pkey ON oms.refresh_token IS 'A token is given out once; serves the look-up of a token by its hash.';
COMMENT ON CONSTRAINT refresh_token_hash_check ON oms.refresh_token IS 'The hash has the 32 bytes of a SHA-256.';
COMMENT ON CONSTRAINT refresh_token_session_id_fkey ON oms.refresh_token IS 'A token belongs to a session that exists, and goes with it.';
COMMENT ON INDEX oms.refresh_token_session_id_idx IS 'Serves the removal of a session''s tokens together with it.';

DO $guard$
DECLARE
  guarded text;
BEGIN
  FOREACH guarded IN ARRAY ARRAY['account', 'session', 'refresh_token'] LOOP
    EXECUTE format('CREATE OR REPLACE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON oms.%I '
      'FOR EACH STATEMENT EXECUTE FUNCTION oms.guard()', guarded);
    EXECUTE format('COMMENT ON TRIGGER guard ON oms.%I IS ''Refuses writes that do not come from a verb (OM040).''', guarded);
  END LOOP;
END
$guard$;

-- password hashes and tokens are for nobody but the owner
GRANT SELECT (id, username, role, disabled_at, created_at, updated_at) ON oms.account TO oms_admin;
GRANT SELECT ON oms.session TO oms_admin;
GRANT EXECUTE ON FUNCTION oms.account_create, oms.account_set_password, oms.account_set_role, oms.account_disable,
  oms.account_enable, oms.account_sign_out TO oms_admin;
GRANT EXECUTE ON FUNCTION oms_rest.token_create, oms_rest.token_refresh TO omsd;
