/*
 * session.c
 *	  Log-ins and the refresh tokens that prolong them.
 *
 * A token is 256 random bits; only its SHA-256 is stored.  Each use replaces
 * it.  A token that comes a second time was copied by somebody, so the session
 * ends, unless it comes so soon that the answer to its first use may have been
 * lost on the way.
 */
#include "account.h"
#include "guc.h"
#include "json.h"

#include <sodium.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/json.h"

#define TOKEN_BYTES 32
#define TOKEN_CHARS 43 /* base64url without padding */

/* locks the account, so that a new password or an end of all sessions comes before or after */
static KeptPlan begin_session =
	PLAN("WITH a AS (SELECT id FROM oms.account WHERE id = $1 AND password_hash = $4 "
		 "AND disabled_at IS NULL FOR SHARE), "
		 "s AS (INSERT INTO oms.session (account_id, expires_at) "
		 "SELECT id, now() + $2 * interval '1 s' FROM a RETURNING id) "
		 "INSERT INTO oms.refresh_token (hash, session_id) SELECT $3, id FROM s "
		 "RETURNING session_id::text",
		 INT8OID, INT4OID, BYTEAOID, TEXTOID);

#define LIVE_SESSION                                                                               \
	"s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > now() "                       \
	"AND a.id = s.account_id AND a.disabled_at IS NULL "

/* one statement, so two uses at once cannot both be the first */
static KeptPlan rotate_token = PLAN(
	"WITH used AS (UPDATE oms.refresh_token t SET used_at = clock_timestamp() "
	"FROM oms.session s, oms.account a WHERE t.hash = $1 AND t.used_at IS NULL "
	"AND " LIVE_SESSION "RETURNING t.session_id, a.username, a.role), "
	"fresh AS (INSERT INTO oms.refresh_token (hash, session_id) SELECT $2, session_id FROM used) "
	"SELECT session_id::text, username, role FROM used",
	BYTEAOID, BYTEAOID);

static KeptPlan rotate_used_token = PLAN(
	"WITH used AS (SELECT t.session_id, a.username, a.role "
	"FROM oms.refresh_token t, oms.session s, oms.account a WHERE t.hash = $1 "
	"AND t.used_at > clock_timestamp() - $3 * interval '1 s' "
	"AND " LIVE_SESSION "), "
	"fresh AS (INSERT INTO oms.refresh_token (hash, session_id) SELECT $2, session_id FROM used) "
	"SELECT session_id::text, username, role FROM used",
	BYTEAOID, BYTEAOID, INT4OID);

static KeptPlan revoke_reused =
	PLAN("UPDATE oms.session s SET revoked_at = now(), revoke_reason = 'refresh token used twice' "
		 "FROM oms.refresh_token t, oms.account a WHERE t.hash = $1 AND t.used_at IS NOT NULL "
		 "AND " LIVE_SESSION,
		 BYTEAOID);

static KeptPlan revoke_sessions =
	PLAN("UPDATE oms.session SET revoked_at = now(), revoke_reason = $2 "
		 "WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now()",
		 INT8OID, TEXTOID);

void
session_revoke_all(int64 account_id, const char *reason)
{
	Datum args[2];

	args[0] = Int64GetDatum(account_id);
	args[1] = CStringGetTextDatum(reason);
	plan_write(&revoke_sessions, args, NULL);
}

/* token_hash returns the bytea under which a token is stored */
static Datum
token_hash(const char *token)
{
	bytea *hash = palloc(VARHDRSZ + crypto_hash_sha256_BYTES);

	SET_VARSIZE(hash, VARHDRSZ + crypto_hash_sha256_BYTES);
	crypto_hash_sha256((unsigned char *) VARDATA(hash), (const unsigned char *) token,
					   strlen(token));
	return PointerGetDatum(hash);
}

static char *
token_make(void)
{
	unsigned char bytes[TOKEN_BYTES];
	char *token = palloc(TOKEN_CHARS + 1);

	if (!pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR), errmsg("there is no source of random numbers")));
	sodium_bin2base64(token, TOKEN_CHARS + 1, bytes, sizeof(bytes),
					  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return token;
}

static Datum
session_reply(Verb *verb, const char *username, const char *role, const char *session,
			  const char *token)
{
	StringInfo reply = reply_begin(verb);

	appendStringInfoString(reply, "{\"sub\": ");
	escape_json(reply, username);
	appendStringInfo(reply, ", \"role\": \"%s\", \"sid\": \"%s\", \"refresh\": \"%s\"}", role,
					 session, token);
	return reply_datum(reply);
}

/* ------------------------------------------------------------------ REST */

REST_VERB(rest_token_create);

/* rest_token_create logs in */
static Datum
rest_token_create(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {{"username", FIELD_TEXT, true, 1, USERNAME_MAX},
								   {"password", FIELD_TEXT, true, 1, PASSWORD_MAX}};
	FieldValue values[lengthof(fields)];
	Input input;
	Account account;
	char *token;
	Datum args[4];

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(2)), "", fields, lengthof(fields),
				 values);
	input_end(&input);
	account_login(values[0].text, values[1].text, &account);

	token = token_make();
	args[0] = Int64GetDatum(account.id);
	args[1] = Int32GetDatum(oms_refresh_lifetime);
	args[2] = token_hash(token);
	args[3] = CStringGetTextDatum(account.hash);
	if (plan_write(&begin_session, args, NULL) == 0)
		account_refuse(); /* changed since its password was checked */
	return session_reply(verb, account.username, account.role, row_cstring(0, 1), token);
}

/*
 * reused_reply tells omsd to answer with an error, where raising it would undo
 * the revocation.
 */
static Datum
reused_reply(Verb *verb)
{
	StringInfo reply = reply_begin(verb);

	appendStringInfo(reply,
					 "{\"sqlstate\": \"%s\", \"message\": "
					 "\"this refresh token was used before, so its session has ended\", "
					 "\"hint\": \"Log in again.\"}",
					 unpack_sql_state(oms_sqlstate(OMS_REFRESH_REUSED)));
	ereport(LOG, (oms_errcode(OMS_REFRESH_REUSED),
				  errmsg("a refresh token was used twice: its session was revoked")));
	return reply_datum(reply);
}

REST_VERB(rest_token_refresh);

/* rest_token_refresh replaces a refresh token */
static Datum
rest_token_refresh(Verb *verb, FunctionCallInfo fcinfo)
{
	static const Field fields[] = {{"refresh", FIELD_TEXT, true, 1, 4096}};
	FieldValue values[lengthof(fields)];
	Input input;
	char *token;
	Datum args[3];

	input_fields(&input, input_begin(&input, PG_GETARG_TEXT_PP(2)), "", fields, lengthof(fields),
				 values);
	input_end(&input);

	token = token_make();
	args[0] = token_hash(values[0].text);
	args[1] = token_hash(token);
	args[2] = Int32GetDatum(oms_refresh_grace);
	if (plan_write(&rotate_token, args, NULL) == 1 ||
		plan_write(&rotate_used_token, args, NULL) == 1)
		return session_reply(verb, row_cstring(0, 2), row_cstring(0, 3), row_cstring(0, 1), token);
	if (plan_write(&revoke_reused, args, NULL) == 1)
		return reused_reply(verb);
	ereport(ERROR, (oms_errcode(OMS_REFRESH_INVALID),
					errmsg("this refresh token is unknown, expired or revoked"),
					errhint("Log in again.")));
}
