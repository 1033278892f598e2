/*
 * account.c
 *	  Accounts of the API: entered, changed, disabled, and their passwords.
 *
 * Passwords are hashed by libsodium with argon2id.  A log-in of an unknown or
 * disabled account costs as much time as any other, and fails with the same
 * error, so that names cannot be found out.
 */
#include "account.h"
#include "guc.h"

#include <sodium.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* names are ASCII, so lower case means the same under every collation */
static KeptPlan select_account =
	PLAN("SELECT id, username, role, password_hash, disabled_at IS NOT NULL FROM oms.account "
		 "WHERE lower(username COLLATE \"C\") = lower($1 COLLATE \"C\")",
		 TEXTOID);

static KeptPlan insert_account =
	PLAN("INSERT INTO oms.account (username, password_hash, role) VALUES ($1, $2, $3) "
		 "ON CONFLICT (lower(username COLLATE \"C\")) DO NOTHING RETURNING id",
		 TEXTOID, TEXTOID, TEXTOID);

/* null leaves a value as it is */
static KeptPlan update_account =
	PLAN("UPDATE oms.account SET password_hash = coalesce($2, password_hash), "
		 "role = coalesce($3, role), disabled_at = CASE WHEN $4 THEN coalesce(disabled_at, now()) "
		 "WHEN NOT $4 THEN NULL ELSE disabled_at END, updated_at = now() "
		 "WHERE lower(username COLLATE \"C\") = lower($1 COLLATE \"C\") RETURNING id",
		 TEXTOID, TEXTOID, TEXTOID, BOOLOID);

static KeptPlan update_hash =
	PLAN("UPDATE oms.account SET password_hash = $3 WHERE id = $1 AND password_hash = $2", INT8OID,
		 TEXTOID, TEXTOID);

/* -------------------------------------------------------------- passwords */

static void
sodium_start(void)
{
	if (sodium_init() < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not start libsodium: there is no source of random numbers")));
}

static size_t
password_memory(void)
{
	return (size_t) oms_password_memory * 1024;
}

static void
raise_no_memory(void)
{
	ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
					errmsg("could not hash the password: %d kB of memory are not to be had",
						   oms_password_memory),
					errhint("Lower oms.password_memory, or let fewer log-ins run at once.")));
}

static char *
password_hash(const char *password)
{
	char *hash = palloc(crypto_pwhash_STRBYTES);

	sodium_start();
	if (crypto_pwhash_str(hash, password, strlen(password), oms_password_ops, password_memory()) !=
		0)
		raise_no_memory();
	return hash;
}

/*
 * dummy_hash returns a hash that no password has, at the present cost; unknown
 * accounts are checked against it.
 */
static const char *
dummy_hash(void)
{
	return psprintf("$argon2id$v=19$m=%d,t=%d,p=1$"
					"b21zIGR1bW15IHNhbHQgMQ$"
					"b21zOiBubyBwYXNzd29yZCBoYXMgdGhpcyBkaWdlc3Q",
					oms_password_memory, oms_password_ops);
}

static bool
password_matches(const char *hash, const char *password)
{
	sodium_start();
	errno = 0;
	if (crypto_pwhash_str_verify(hash, password, strlen(password)) == 0)
		return true;
	if (errno == ENOMEM)
		raise_no_memory();
	return false;
}

static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR,
			(oms_errcode(OMS_INVALID_INPUT), errmsg_internal("%s", message), errhint("%s", hint)));
}

static void
check_password(const char *username, const char *password)
{
	if (pg_mbstrlen(password) < PASSWORD_MIN || strlen(password) > PASSWORD_MAX)
		refuse(psprintf("a password must have %d characters or more, and at most %d bytes",
						PASSWORD_MIN, PASSWORD_MAX),
			   "Choose another password.");
	if (pg_strcasecmp(username, password) == 0)
		refuse("the password must not be the name of the account", "Choose another password.");
}

static void
check_username(const char *username)
{
	size_t length = strlen(username);

	if (length == 0 || length > USERNAME_MAX ||
		strspn(username, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
						 "0123456789@.+-_") != length)
		refuse(psprintf("a name must have 1 to %d characters out of letters A to Z, digits "
						"and @ . + - _",
						USERNAME_MAX),
			   "Choose another name.");
}

static void
check_role(const char *role)
{
	if (strcmp(role, "staff") != 0 && strcmp(role, "admin") != 0)
		refuse(psprintf("there is no role \"%s\"", role), "A role is staff or admin.");
}

/* ----------------------------------------------------------------- log-in */

void
account_refuse(void)
{
	ereport(ERROR, (oms_errcode(OMS_CREDENTIALS_INVALID),
					errmsg("no active account has this name and password"),
					errhint("Check both; an administrator can set a new password.")));
}

/* rehash keeps a password at the present cost, and returns its hash */
static const char *
rehash(int64 account_id, const char *hash, const char *password)
{
	Datum args[3];
	char *fresh;

	if (crypto_pwhash_str_needs_rehash(hash, oms_password_ops, password_memory()) == 0)
		return hash;
	fresh = password_hash(password);
	args[0] = Int64GetDatum(account_id);
	args[1] = CStringGetTextDatum(hash);
	args[2] = CStringGetTextDatum(fresh);
	plan_write(&update_hash, args, NULL);
	return fresh;
}

void
account_login(const char *username, const char *password, Account *account)
{
	Datum arg = CStringGetTextDatum(username);
	const char *hash = dummy_hash();
	bool known = plan_write(&select_account, &arg, NULL) == 1;
	bool disabled = false;

	if (known)
	{
		account->id = row_int64(0, 1);
		account->username = row_cstring(0, 2);
		account->role = row_cstring(0, 3);
		hash = row_cstring(0, 4);
		disabled = row_bool(0, 5);
	}
	if (!password_matches(hash, password) || !known || disabled)
		account_refuse();
	account->hash = rehash(account->id, hash, password);
}

/* -------------------------------------------------------------------- SQL */

static char *
required_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		refuse(psprintf("%s must not be null", name), "Give a value.");
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/* AccountChange: what to change; NULL and 0 leave a value as it is */
typedef struct AccountChange
{
	const char *hash;
	const char *role;
	int disable; /* 1 disables, -1 enables */
} AccountChange;

/* account_change returns the id of the account that it changed, or raises OM007 */
static int64
account_change(const char *username, AccountChange change)
{
	Datum args[4];
	char nulls[5] = "    ";

	args[0] = CStringGetTextDatum(username);
	args[1] = change.hash ? CStringGetTextDatum(change.hash) : (Datum) 0;
	nulls[1] = change.hash ? ' ' : 'n';
	args[2] = change.role ? CStringGetTextDatum(change.role) : (Datum) 0;
	nulls[2] = change.role ? ' ' : 'n';
	args[3] = BoolGetDatum(change.disable > 0);
	nulls[3] = change.disable ? ' ' : 'n';
	if (plan_write(&update_account, args, nulls) == 0)
		ereport(ERROR,
				(oms_errcode(OMS_ACCOUNT_NOT_FOUND), errmsg("there is no account \"%s\"", username),
				 errhint("SELECT username FROM oms.account lists them.")));
	return row_int64(0, 1);
}

OMS_VERB(account_create);

static Datum
account_create(Verb *verb, FunctionCallInfo fcinfo)
{
	char *username = required_text(fcinfo, 0, "username");
	char *password = required_text(fcinfo, 1, "password");
	char *role = required_text(fcinfo, 2, "role");
	Datum args[3];

	check_username(username);
	check_password(username, password);
	check_role(role);
	args[0] = CStringGetTextDatum(username);
	args[1] = CStringGetTextDatum(password_hash(password));
	args[2] = CStringGetTextDatum(role);
	if (plan_write(&insert_account, args, NULL) == 0)
		ereport(ERROR, (oms_errcode(OMS_ACCOUNT_EXISTS),
						errmsg("there is an account \"%s\" already", username),
						errhint("Upper and lower case are the same in names.")));
	return Int64GetDatum(row_int64(0, 1));
}

OMS_VERB(account_set_password);

static Datum
account_set_password(Verb *verb, FunctionCallInfo fcinfo)
{
	char *username = required_text(fcinfo, 0, "username");
	char *password = required_text(fcinfo, 1, "password");

	check_password(username, password);
	session_revoke_all(account_change(username, (AccountChange){.hash = password_hash(password)}),
					   "password set");
	return (Datum) 0;
}

OMS_VERB(account_set_role);

static Datum
account_set_role(Verb *verb, FunctionCallInfo fcinfo)
{
	char *username = required_text(fcinfo, 0, "username");
	char *role = required_text(fcinfo, 1, "role");

	check_role(role);
	(void) account_change(username, (AccountChange){.role = role});
	return (Datum) 0;
}

OMS_VERB(account_disable);

static Datum
account_disable(Verb *verb, FunctionCallInfo fcinfo)
{
	char *username = required_text(fcinfo, 0, "username");

	session_revoke_all(account_change(username, (AccountChange){.disable = 1}), "account disabled");
	return (Datum) 0;
}

OMS_VERB(account_enable);

static Datum
account_enable(Verb *verb, FunctionCallInfo fcinfo)
{
	(void) account_change(required_text(fcinfo, 0, "username"), (AccountChange){.disable = -1});
	return (Datum) 0;
}

OMS_VERB(account_sign_out);

static Datum
account_sign_out(Verb *verb, FunctionCallInfo fcinfo)
{
	session_revoke_all(account_change(required_text(fcinfo, 0, "username"), (AccountChange){0}),
					   "signed out");
	return (Datum) 0;
}
