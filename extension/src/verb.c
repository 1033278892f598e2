/*
 * verb.c
 *	  The frame around every call into oms, and the outcome of its elements.
 *
 * A verb runs with the rights of the tables' owner, a pinned search_path, and
 * "verb_running" set.  That is a static of the backend, not a setting, so
 * nobody can claim to be inside a verb; the guard trigger refuses all else.
 */
#include "oms.h"
#include "compat.h"
#include "dry_run.h"
#include "guc.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static const char *const oms_error_digits[] = {
#define OMS_ERROR(digits, name, http, title) digits,
#include "errcode.h"
#undef OMS_ERROR
};

/* the verb that is running in this backend, or NULL */
static Verb *current_verb = NULL;

int
oms_sqlstate(OmsError error)
{
	const char *digits = oms_error_digits[error];

	return MAKE_SQLSTATE('O', 'M', digits[0], digits[1], digits[2]);
}

bool
verb_running(void)
{
	return current_verb != NULL;
}

/* tables_owner returns the role that owns oms's tables, or raises OM090 */
static Oid
tables_owner(void)
{
	static Oid relid = InvalidOid;
	HeapTuple tuple = NULL;
	Oid owner;

	if (OidIsValid(relid))
		tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
	{
		Oid schema = get_namespace_oid("oms", true);

		relid = OidIsValid(schema) ? get_relname_relid("orders", schema) : InvalidOid;
		if (OidIsValid(relid))
			tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
		if (!HeapTupleIsValid(tuple))
			ereport(ERROR,
					(oms_errcode(OMS_NOT_INSTALLED), errmsg("oms has no tables in this database"),
					 errhint("Run SELECT oms.install() as a superuser.")));
	}
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * check_actor_trusted lets only omsd's login role (or a superuser) name another
 * actor than itself, so that history cannot be forged through oms_rest.
 */
void
check_actor_trusted(void)
{
	static Oid trusted_user = InvalidOid;
	Oid user = GetSessionUserId();
	Oid omsd;

	/* a task handler or a function of other rights runs in a session that is not its own */
	if (user == trusted_user && !InLocalUserIdChange())
		return;
	omsd = get_role_oid("omsd", true);
	if (InLocalUserIdChange() ||
		(!superuser_arg(user) && !(OidIsValid(omsd) && is_member_of_role(user, omsd))))
		ereport(ERROR,
				(oms_errcode(OMS_ACTOR_NOT_TRUSTED),
				 errmsg("role \"%s\" may not act for another", GetUserNameFromId(user, false)),
				 errhint("Call the functions of schema oms, which record your own role.")));
	trusted_user = user;
}

static void
verb_error_context(void *arg)
{
	Verb *verb = arg;

	if (verb->request_id)
		errcontext("request %s of \"%s\"", verb->request_id, verb->actor);
}

/*
 * refuse_nulls checks the arguments of a REST function after actor and request
 * id: none may be null but an idempotency key that the request did not carry.
 */
static void
refuse_nulls(FunctionCallInfo fcinfo)
{
	HeapTuple function;
	Oid *types;
	char **names;
	char *modes;

	for (int i = 2; i < PG_NARGS(); i++)
	{
		if (!PG_ARGISNULL(i))
			continue;
		function = SearchSysCache1(PROCOID, ObjectIdGetDatum(fcinfo->flinfo->fn_oid));
		if (!HeapTupleIsValid(function))
			elog(ERROR, "cache lookup failed for function %u", fcinfo->flinfo->fn_oid);
		(void) get_func_arg_info(function, &types, &names, &modes);
		ReleaseSysCache(function);
		if (strcmp(names[i], "idempotency_key") != 0)
			ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT), errmsg("%s must not be null", names[i]),
							errhint("Give a value for %s.", names[i])));
	}
}

/* verb_identify finds out who acts: the REST caller's arguments or the role */
static void
verb_identify(Verb *verb, FunctionCallInfo fcinfo, bool rest)
{
	verb->userid = GetUserId();
	verb->actor = GetUserNameFromId(verb->userid, false);
	verb->request_id = NULL;
	if (!rest)
	{
		if (verb->outer)
		{
			verb->actor = verb->outer->actor;
			verb->request_id = verb->outer->request_id;
		}
		return;
	}
	check_actor_trusted();
	refuse_nulls(fcinfo);
	if (!PG_ARGISNULL(0))
		verb->actor = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (!PG_ARGISNULL(1))
		verb->request_id = text_to_cstring(PG_GETARG_TEXT_PP(1));
}

/* verb_body does a verb's work, with SPI connected and tables open to it */
Datum
verb_body(Verb *verb, FunctionCallInfo fcinfo, VerbBody body, bool write)
{
	Datum result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	PG_TRY();
	{
		if (write)
			current_verb = verb;
		result = body(verb, fcinfo);
	}
	PG_FINALLY();
	{
		current_verb = verb->outer;
	}
	PG_END_TRY();
	SPI_finish();
	return result;
}

/*
 * verb_call runs the body of an SQL function of oms.
 *
 * "rest" functions carry actor and request id as their first arguments;
 * "write" ones take a transaction id at once: the commit record that follows
 * makes wal_flush() cover all that the verb has seen, even when it found
 * nothing to do, and ids drawn from sequences belong to a known transaction.
 */
Datum
verb_call(FunctionCallInfo fcinfo, VerbBody body, bool rest, bool write)
{
	Verb verb;
	Datum result;
	Oid userid;
	int sec_context;
	SearchPathState path;
	ErrorContextCallback context;

	verb.caller = CurrentMemoryContext;
	verb.outer = current_verb;
	verb.import_id = verb.outer ? verb.outer->import_id : 0;
	verb_identify(&verb, fcinfo, rest);

	context.callback = verb_error_context;
	context.arg = &verb;
	context.previous = error_context_stack;
	error_context_stack = &context;

	if (write)
	{
		PreventCommandIfReadOnly("an oms verb");
		(void) GetTopTransactionId();
	}
	GetUserIdAndSecContext(&userid, &sec_context);
	SetUserIdAndSecContext(tables_owner(), sec_context | SECURITY_LOCAL_USERID_CHANGE);
	search_path_pin(&path);
	/* what a verb does inside another belongs to that one */
	if (write && oms_dry_run && verb.outer == NULL)
		result = dry_run(&verb, fcinfo, body);
	else
		result = verb_body(&verb, fcinfo, body, write);
	search_path_unpin(&path);
	SetUserIdAndSecContext(userid, sec_context);
	error_context_stack = context.previous;
	return result;
}

/* -------------------------------------------------------------- outcomes */

/* outcome_fail notes an error for one element, unless it failed before */
void
outcome_fail(Outcome *outcome, OmsError error, char *message, char *detail, char *hint)
{
	if (outcome->message)
		return;
	outcome->sqlstate = oms_sqlstate(error);
	outcome->message = message;
	outcome->detail = detail;
	outcome->hint = hint;
}

/* outcome_raise raises the error of a failed element; success returns */
void
outcome_raise(const Outcome *outcome)
{
	if (outcome->message == NULL)
		return;
	ereport(ERROR, (errcode(outcome->sqlstate), errmsg_internal("%s", outcome->message),
					outcome->detail ? errdetail_internal("%s", outcome->detail) : 0,
					outcome->hint ? errhint("%s", outcome->hint) : 0));
}

/*
 * row_detail adds the row's number to the detail of an error, which is an
 * object of facts, or an array of faults whose pointers then begin with the row.
 */
static char *
row_detail(const char *detail, int row, const char *argument)
{
	static const char fault[] = "{\"pointer\": \"";
	StringInfoData buf;
	const char *next;

	if (detail == NULL)
		return psprintf("{\"row\": %d}", row);
	if (detail[0] == '{')
		return psprintf("{\"row\": %d, %s", row, detail + 1);
	initStringInfo(&buf);
	/* quotes within strings are escaped, so this is found where a fault begins and nowhere else */
	while ((next = strstr(detail, fault)) != NULL)
	{
		appendBinaryStringInfo(&buf, detail, (int) (next - detail));
		appendStringInfo(&buf, "{\"pointer\": \"/%s/%d", argument, row);
		detail = next + strlen(fault);
	}
	appendStringInfoString(&buf, detail);
	return buf.data;
}

void
outcome_raise_first(const Outcome *outcomes, int n, const char *argument)
{
	for (int row = 0; row < n; row++)
	{
		Outcome outcome = outcomes[row];

		if (outcome.message == NULL)
			continue;
		outcome.message = psprintf("row %d: %s", row, outcome.message);
		outcome.detail = row_detail(outcome.detail, row, argument);
		outcome.hint = psprintf("%s%sNothing was done, for it was to be all or nothing.",
								outcome.hint ? outcome.hint : "", outcome.hint ? " " : "");
		outcome_raise(&outcome);
	}
}

/* outcome_return returns rows (order_id, ok, sqlstate, message), in the order given */
Datum
outcome_return(FunctionCallInfo fcinfo, const Outcome *outcomes, int n)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	materialized_srf(fcinfo);
	for (int i = 0; i < n; i++)
	{
		const Outcome *outcome = &outcomes[i];
		bool ok = outcome->message == NULL;
		Datum values[4] = {0};
		bool nulls[4] = {outcome->id == 0, false, ok, ok};

		values[0] = Int64GetDatum(outcome->id);
		values[1] = BoolGetDatum(ok);
		if (!ok)
		{
			values[2] = CStringGetTextDatum(unpack_sql_state(outcome->sqlstate));
			values[3] = CStringGetTextDatum(
				outcome->detail ? psprintf("%s: %s", outcome->message, outcome->detail)
								: outcome->message);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ----------------------------------------------------------------- guard */

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_guard);

/* oms_guard is the statement trigger that refuses writes from outside verbs */
Datum
oms_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("oms.guard() can only be called as a trigger")));
	if (!verb_running())
		ereport(ERROR, (oms_errcode(OMS_WRITE_BY_VERB_ONLY),
						errmsg("table oms.%s is written by verbs only",
							   RelationGetRelationName(trigger->tg_relation)),
						errhint("Use the functions of schema oms, such as oms.order_confirm() "
								"or oms.stock_adjust(); \\df oms.* lists them.")));
	PG_RETURN_POINTER(NULL);
}
