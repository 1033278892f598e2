/*
 * task_handler.c
 *	  Handlers of tasks: registered and removed by administrators.
 */
#include "oms.h"
#include "compat.h"
#include "worker.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

static KeptPlan upsert_handler =
	PLAN("INSERT INTO oms.task_handler AS h (name, function, run_as, max_attempts, timeout_ms, "
		 "created_by) "
		 "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO UPDATE SET function = "
		 "excluded.function, "
		 "run_as = excluded.run_as, max_attempts = excluded.max_attempts, "
		 "timeout_ms = excluded.timeout_ms, created_by = excluded.created_by, "
		 "created_at = excluded.created_at WHERE h.function IS NOT NULL",
		 TEXTOID, TEXTOID, TEXTOID, INT4OID, INT4OID, TEXTOID);

static KeptPlan delete_handler =
	PLAN("DELETE FROM oms.task_handler h WHERE name = $1 AND function IS NOT NULL AND NOT EXISTS "
		 "(SELECT FROM oms.task t WHERE t.handler = h.name AND t.state IN ('ready', 'running'))",
		 TEXTOID);

static KeptPlan select_handler =
	PLAN("SELECT function IS NOT NULL FROM oms.task_handler WHERE name = $1", TEXTOID);

/* to_regprocedure as a function in C cannot be called: it may return null */
static KeptPlan select_function = PLAN("SELECT to_regprocedure($1)::oid", TEXTOID);

/* refuse raises OM016 */
static void
refuse(const char *message, const char *hint)
{
	ereport(ERROR, (oms_errcode(OMS_HANDLER_INVALID), errmsg_internal("%s", message),
					errhint("%s", hint)));
}

static char *
required_text(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		refuse(psprintf("%s must not be null", name), "Give a value.");
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

/*
 * find_function returns a function (task_id bigint, payload jsonb), given by its
 * name with schema, the argument types being optional.
 */
static Oid
find_function(const char *text)
{
	char *signature = strchr(text, '(') ? pstrdup(text) : psprintf("%s(bigint,jsonb)", text);
	Datum arg = CStringGetTextDatum(signature);
	bool isnull;
	Oid oid;
	HeapTuple tuple;
	Form_pg_proc function;

	plan_write(&select_function, &arg, NULL);
	oid = DatumGetObjectId(row_datum(0, 1, &isnull));
	if (isnull)
		refuse(psprintf("function %s does not exist", signature),
			   "Give its name with its schema; its arguments are (task_id bigint, payload jsonb).");
	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(oid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", oid);
	function = (Form_pg_proc) GETSTRUCT(tuple);
	if (function->prokind != PROKIND_FUNCTION || function->proretset ||
		function->prorettype == TRIGGEROID || function->pronargs != 2 ||
		function->proargtypes.values[0] != INT8OID || function->proargtypes.values[1] != JSONBOID)
		refuse(psprintf("%s cannot handle tasks", signature),
			   "A handler is a function (task_id bigint, payload jsonb) that returns no set.");
	ReleaseSysCache(tuple);
	return oid;
}

/*
 * find_role returns the role that a handler will run as: one that the caller
 * may act for, and never a superuser.
 */
static Oid
find_role(const char *name, Oid caller)
{
	Oid role = get_role_oid(name, true);

	if (!OidIsValid(role))
		refuse(psprintf("role \"%s\" does not exist", name), "Name a role with run_as.");
	if (superuser_arg(role))
		refuse(psprintf("handlers must not run as \"%s\", which is a superuser", name),
			   "Name a role with run_as that has just the rights the handler needs.");
	if (!has_privs_of_role(caller, role))
		refuse(psprintf("you may not let a handler run as \"%s\"", name),
			   "Name a role that you are a member of.");
	return role;
}

static void
check_may_call(Oid function, Oid role, const char *who)
{
	if (namespace_aclcheck(get_func_namespace(function), role) != ACLCHECK_OK ||
		function_aclcheck(function, role) != ACLCHECK_OK)
		refuse(psprintf("role \"%s\" may not call %s", who, format_procedure_qualified(function)),
			   "Grant it USAGE on the schema and EXECUTE on the function.");
}

static int32
bounded_argument(FunctionCallInfo fcinfo, int argument, const char *name, int32 min, int32 max)
{
	int32 value = PG_GETARG_INT32(argument);

	if (value < min || value > max)
		refuse(psprintf("%s must be from %d to %d, is %d", name, min, max, value),
			   "Leave it out to go by the setting.");
	return value;
}

OMS_VERB(task_handler_register);

/* task_handler_register(name, function, run_as, max_attempts, timeout_ms) */
static Datum
task_handler_register(Verb *verb, FunctionCallInfo fcinfo)
{
	char *name = required_text(fcinfo, 0, "name");
	Oid function = find_function(required_text(fcinfo, 1, "function"));
	Oid caller = get_role_oid(verb->actor, true);
	char *run_as = PG_ARGISNULL(2) ? (char *) verb->actor : required_text(fcinfo, 2, "run_as");
	Oid role;
	char nulls[7] = "      ";
	Datum args[6] = {0};

	if (verb->outer || !OidIsValid(caller))
		refuse("handlers are registered by a database role of its own accord",
			   "Do not call this from a trigger.");
	if (name[0] == '\0' || strlen(name) >= NAMEDATALEN)
		refuse(psprintf("the name of a handler must have 1 to %d bytes", NAMEDATALEN - 1),
			   "Choose another name.");
	role = find_role(run_as, caller);
	check_may_call(function, role, run_as);
	check_may_call(function, caller, verb->actor);

	args[0] = CStringGetTextDatum(name);
	args[1] = CStringGetTextDatum(quote_qualified_identifier(
		get_namespace_name(get_func_namespace(function)), get_func_name(function)));
	args[2] = CStringGetTextDatum(run_as);
	nulls[3] = PG_ARGISNULL(3) ? 'n' : ' ';
	if (!PG_ARGISNULL(3))
		args[3] = Int32GetDatum(bounded_argument(fcinfo, 3, "max_attempts", 1, 100));
	nulls[4] = PG_ARGISNULL(4) ? 'n' : ' ';
	if (!PG_ARGISNULL(4))
		args[4] = Int32GetDatum(bounded_argument(fcinfo, 4, "timeout_ms", 10, 3600000));
	args[5] = CStringGetTextDatum(verb->actor);
	if (plan_write(&upsert_handler, args, nulls) == 0)
		refuse(psprintf("handler \"%s\" is built in", name), "Choose another name.");
	worker_wake_at_commit();
	return (Datum) 0;
}

OMS_VERB(task_handler_remove);

static Datum
task_handler_remove(Verb *verb, FunctionCallInfo fcinfo)
{
	char *name = required_text(fcinfo, 0, "name");
	Datum arg = CStringGetTextDatum(name);

	if (plan_write(&delete_handler, &arg, NULL) == 1)
		return (Datum) 0;
	if (plan_write(&select_handler, &arg, NULL) == 0)
		refuse(psprintf("there is no task handler \"%s\"", name),
			   "SELECT name FROM oms.task_handler lists them.");
	if (!row_bool(0, 1))
		refuse(psprintf("handler \"%s\" is built in", name),
			   "SELECT oms.worker_pause() stops all handlers.");
	refuse(psprintf("handler \"%s\" has tasks that are ready or running", name),
		   "Cancel them with oms.task_cancel(), or wait until they are done.");
	return (Datum) 0;
}
