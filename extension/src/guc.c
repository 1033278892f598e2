/*
 * guc.c
 *	  The settings oms.*, as one table.
 */
#include "postgres.h"

#include "compat.h"
#include "guc.h"

#include "miscadmin.h"
#include "utils/guc.h"

#define SECOND 1000
#define HOUR_MS (60 * 60 * SECOND)
#define HOUR (60 * 60)
#define DAY (24 * HOUR)

char *oms_database;
bool oms_dry_run;
int oms_workers;
int oms_worker_poll;
int oms_worker_batch;
int oms_task_lease;
int oms_task_timeout;
int oms_task_backoff;
int oms_task_max_attempts;
int oms_task_retention;
int oms_idempotency_retention;
int oms_import_retention;
int oms_integrity_interval;
int oms_password_ops;
int oms_password_memory;
int oms_refresh_lifetime;
int oms_refresh_grace;

/* Setting: a whole number in the unit that the flags name */
typedef struct Setting
{
	const char *name;
	const char *summary;
	const char *detail;
	int *variable;
	int initial;
	int min;
	int max;
	GucContext context;
	int flags;
} Setting;

static const Setting settings[] = {
	{"oms.workers", "Number of background workers that run tasks.",
	 "0 turns them off. Takes effect at server start, with oms in shared_preload_libraries.",
	 &oms_workers, 1, 0, 8, PGC_POSTMASTER, 0},
	{"oms.worker_poll", "Longest sleep of a worker that nobody wakes.",
	 "Workers are woken by the commits that queue tasks; this bounds the delay after what "
	 "cannot wake them, such as COMMIT PREPARED.",
	 &oms_worker_poll, 60, 1, HOUR, PGC_SIGHUP, GUC_UNIT_S},
	{"oms.worker_batch", "Most tasks of a built-in handler that run in one transaction.", NULL,
	 &oms_worker_batch, 256, 1, 10000, PGC_SIGHUP, 0},
	{"oms.task_lease", "Time after its timeout in which a running task is given up for lost.",
	 "A task whose worker died is freed at once when a worker starts; the lease covers the rest.",
	 &oms_task_lease, 30 * SECOND, 100, HOUR_MS, PGC_SIGHUP, GUC_UNIT_MS},
	{"oms.task_timeout", "Longest run of a task whose handler sets no timeout of its own.", NULL,
	 &oms_task_timeout, 60 * SECOND, 10, HOUR_MS, PGC_SIGHUP, GUC_UNIT_MS},
	{"oms.task_backoff", "Pause before the second attempt of a task.",
	 "Doubles with each further attempt, up to one hour, give or take 15 percent.",
	 &oms_task_backoff, 2 * SECOND, 1, HOUR_MS, PGC_SIGHUP, GUC_UNIT_MS},
	{"oms.task_max_attempts", "Attempts after which a task is dead.",
	 "Used when neither the task nor its handler says otherwise.", &oms_task_max_attempts, 10, 1,
	 100, PGC_SUSET, 0},
	{"oms.task_retention", "How long done and cancelled tasks are kept.",
	 "-1 keeps them for ever. Dead tasks are kept until they are retried or cancelled.",
	 &oms_task_retention, DAY, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_S},
	{"oms.idempotency_retention", "How long the answer to an Idempotency-Key is kept.",
	 "-1 keeps it for ever.", &oms_idempotency_retention, DAY, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_S},
	{"oms.import_retention", "How long the rows of an import are kept after its end.",
	 "-1 keeps them for ever. What an import came to is kept in any case.", &oms_import_retention,
	 30 * DAY, -1, INT_MAX, PGC_SIGHUP, GUC_UNIT_S},
	{"oms.integrity_interval", "Time between two incremental runs of the checks of oms.integrity.",
	 "Run by a worker. 0 runs none.", &oms_integrity_interval, HOUR, 0, INT_MAX / SECOND,
	 PGC_SIGHUP, GUC_UNIT_S},
	{"oms.password_ops", "Passes that hashing a password makes over its memory (argon2id).",
	 "Passwords are hashed anew with the present cost when their users log in.", &oms_password_ops,
	 2, 1, 100, PGC_SUSET, 0},
	{"oms.password_memory", "Memory that hashing a password takes (argon2id).",
	 "Taken by each log-in that is under way.", &oms_password_memory, 64 * 1024, 1024, 1024 * 1024,
	 PGC_SUSET, GUC_UNIT_KB},
	{"oms.refresh_lifetime", "Time after a log-in in which its session can be refreshed.",
	 "Sessions that exist keep the end they were given.", &oms_refresh_lifetime, DAY, 60, 366 * DAY,
	 PGC_SUSET, GUC_UNIT_S},
	{"oms.refresh_grace", "Time in which a refresh token may be used again.",
	 "For clients that did not get the answer to the first use. A later use revokes the session.",
	 &oms_refresh_grace, 0, 0, 60, PGC_SUSET, GUC_UNIT_S}};

static bool
check_database(char **value, void **extra, GucSource source)
{
	if (**value == '\0' || strlen(*value) >= NAMEDATALEN)
	{
		GUC_check_errdetail("\"oms.database\" must have 1 to %d bytes.", NAMEDATALEN - 1);
		return false;
	}
	return true;
}

/*
 * startup_context returns the context of a setting that is read at server start
 * only.  A session that loads the library later may define none of the kind.
 */
static GucContext
startup_context(void)
{
	return process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP;
}

/* guc_define makes the settings known to PostgreSQL */
void
guc_define(void)
{
	DefineCustomStringVariable("oms.database", "Database whose tasks the workers run.",
							   "Takes effect at server start.", &oms_database, "oms",
							   startup_context(), 0, check_database, NULL, NULL);
	DefineCustomBoolVariable("oms.dry_run", "Undoes what each verb does, once its result is known.",
							 "Every call then shows its result or error and changes nothing.",
							 &oms_dry_run, false, PGC_USERSET, 0, NULL, NULL, NULL);
	for (size_t i = 0; i < lengthof(settings); i++)
	{
		const Setting *setting = &settings[i];

		DefineCustomIntVariable(setting->name, setting->summary, setting->detail, setting->variable,
								setting->initial, setting->min, setting->max,
								setting->context == PGC_POSTMASTER ? startup_context()
																   : setting->context,
								setting->flags, NULL, NULL, NULL);
	}
	MarkGUCPrefixReserved("oms");
}
