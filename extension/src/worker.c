/*
 * worker.c
 *	  The background worker: its process and its loop.
 *
 * A worker sleeps on its latch until a commit that queued tasks sets it, or
 * until the next task is due.  It never lets an error end it: work is done by
 * worker_attempt, which turns errors into data.
 */
#include "worker.h"
#include "compat.h"
#include "guc.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#define RESTART_TIME 5       /* seconds until a worker that ended is started again */
#define MAX_START_PAUSE 60   /* seconds between starts that all fail */
#define UNREADY_POLL 5       /* seconds between looks while there is nothing to look at */
#define LOCKED_POLL 100      /* milliseconds until due tasks that others hold are tried again */
#define GATHER 5             /* milliseconds in which tasks gather for one batch */
#define PURGE_INTERVAL 60000 /* milliseconds between two purges */
#define PURGE_PAUSE 50       /* milliseconds until the next part of one */

static MemoryContext round_context = NULL;

void
worker_register(void)
{
	for (int i = 0; i < oms_workers; i++)
	{
		BackgroundWorker worker;

		memset(&worker, 0, sizeof(worker));
		worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
		/* never on a standby; starts by itself at promotion */
		worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
		worker.bgw_restart_time = RESTART_TIME;
		worker.bgw_main_arg = Int32GetDatum(i);
		strlcpy(worker.bgw_library_name, "oms", BGW_MAXLEN);
		strlcpy(worker.bgw_function_name, "oms_worker_main", BGW_MAXLEN);
		strlcpy(worker.bgw_type, "oms worker", BGW_MAXLEN);
		snprintf(worker.bgw_name, BGW_MAXLEN, "oms worker %d", i + 1);
		RegisterBackgroundWorker(&worker);
	}
}

/* ----------------------------------------------------------------- work */

static void
call(VerbBody body, void *arg, bool write)
{
	LOCAL_FCINFO(fcinfo, 1);

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = PointerGetDatum(arg);
	fcinfo->args[0].isnull = false;
	(void) verb_call(fcinfo, body, false, write);
}

void
worker_call(VerbBody body, void *arg)
{
	call(body, arg, true);
}

void
worker_query(VerbBody body, void *arg)
{
	call(body, arg, false);
}

ErrorData *
worker_attempt(WorkerStep step, void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData *volatile error = NULL;
	Oid userid;
	int sec_context;

	GetUserIdAndSecContext(&userid, &sec_context);
	PG_TRY();
	{
		SetCurrentStatementStartTimestamp();
		StartTransactionCommand();
		PushActiveSnapshot(GetTransactionSnapshot());
		step(arg);
		PopActiveSnapshot();
		CommitTransactionCommand();
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		disable_all_timeouts(false);
		FlushErrorState();
		AbortCurrentTransaction();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	/* a timeout or cancel that came too late for this work must not hit the next */
	disable_all_timeouts(false);
	QueryCancelPending = false;

	/* a step may commit under another role, so that its deferred triggers run as that */
	SetUserIdAndSecContext(userid, sec_context);
	MemoryContextSwitchTo(context);
	return error;
}

/* status_show makes a change of status visible, in the log as well */
static void
status_show(QueueStatus status, const char *error)
{
	static QueueStatus shown = QUEUE_READY;
	static const struct
	{
		const char *state;
		const char *message;
		const char *hint;
	} texts[] = {
		[QUEUE_READY] = {"idle", "runs tasks again", NULL},
		[QUEUE_MISSING] = {"not installed", "waits: oms is not installed in its database",
						   "Run CREATE EXTENSION oms; SELECT oms.install();"},
		[QUEUE_PAUSED] = {"paused", "is paused", "Run SELECT oms.worker_resume();"},
		[QUEUE_COPIED] = {"copied", "runs no tasks: this database is a restored copy",
						  "If its tasks are to be run here, run SELECT oms.worker_resume();"},
		[QUEUE_READ_ONLY] = {"read only", "waits: transactions are read-only by default", NULL},
		[QUEUE_BROKEN] = {"error", "cannot read its tasks", NULL}};

	slot_show(texts[status].state, NULL);
	if (status == shown)
		return;
	shown = status;
	ereport(LOG, (errmsg("%s %s", MyBgworkerEntry->bgw_name, texts[status].message),
				  error ? errdetail_internal("%s", error) : 0,
				  texts[status].hint ? errhint("%s", texts[status].hint) : 0));
}

/* is_first tells whether this is the worker that does what one can do for all */
static bool
is_first(void)
{
	return MyBgworkerEntry->bgw_main_arg == Int32GetDatum(0);
}

/*
 * run_handlers runs what is due, and returns the milliseconds to wait before
 * the next look: 0 when more is due at once, -1 when nothing was due.
 */
static long
run_handlers(Queue *queue, TimestampTz now)
{
	bool due = false;
	bool more = false;
	int n = 0;

	for (int i = 0; i < queue->nhandlers; i++)
	{
		Handler *handler = &queue->handlers[i];

		if (handler->due > now)
			continue;
		due = true;
		slot_show("busy", handler->name);
		n += handler_run(handler, &more);
		worker_interrupts();
	}
	if (!due)
		return -1;
	return n == 0 ? LOCKED_POLL : more ? 0 : GATHER;
}

/* next_look returns how many milliseconds may pass until the next round */
static long
next_look(Queue *queue, TimestampTz next_purge)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = TimestampTzPlusMilliseconds(now, oms_worker_poll * INT64CONST(1000));

	for (int i = 0; i < queue->nhandlers; i++)
		next = Min(next, queue->handlers[i].due);
	next = Min(next, queue->lease);
	next = Min(next, next_purge);
	return TimestampDifferenceMilliseconds(now, next);
}

/*
 * worker_round looks for work once and does it.  It returns the milliseconds
 * to sleep, 0 when there may be more to do at once.
 */
static long
worker_round(void)
{
	static bool recovered = false;
	static TimestampTz next_purge = DT_NOEND;
	TimestampTz now = GetCurrentTimestamp();
	Queue queue;
	long pause;

	queue_look(&queue);
	status_show(queue.status, queue.error);
	if (queue.status != QUEUE_READY)
		return UNREADY_POLL * 1000L;

	/* at first, those of workers that died; then, those that outlived their lease */
	if (!recovered || queue.lease <= now)
	{
		recovered = true;
		if (queue_recover() > 0)
			return 0;
		if (queue.lease <= now) /* running still, past its lease */
			queue.lease = TimestampTzPlusMilliseconds(now, 1000);
	}
	/* one worker is enough to sweep */
	if (is_first() && (next_purge == DT_NOEND || next_purge <= now))
	{
		slot_show("purging", NULL);
		next_purge = TimestampTzPlusMilliseconds(now, purge_some() ? PURGE_PAUSE : PURGE_INTERVAL);
		integrity_watch();
		slot_show("idle", NULL);
	}
	pause = run_handlers(&queue, now);
	return pause >= 0 ? pause : next_look(&queue, is_first() ? next_purge : DT_NOEND);
}

/* -------------------------------------------------------------- process */

/* worker_interrupts does what signals asked for; between two transactions */
void
worker_interrupts(void)
{
	/* leave without the FATAL that would make an ordinary stop look like trouble */
	if (ProcDiePending)
		proc_exit(1);
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

static void
worker_sleep(long milliseconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds,
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	worker_interrupts();
}

/*
 * worker_gather waits a little for more tasks to be run in one batch.  A commit
 * that came during the last round has set the latch, and must not end it.
 */
static void
worker_gather(void)
{
	ResetLatch(MyLatch);
	worker_interrupts();
	worker_sleep(GATHER);
}

/* worker_connect enters the database; a missing one is tried ever more seldom */
static void
worker_connect(int failed)
{
	if (failed > 0)
	{
		TimestampTz end = TimestampTzPlusMilliseconds(
			GetCurrentTimestamp(), Min(RESTART_TIME << Min(failed, 4), MAX_START_PAUSE) * 1000);
		long left;

		while ((left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end)) > 0)
			worker_sleep(left);
	}
	BackgroundWorkerInitializeConnection(oms_database, NULL, 0);
	slot_connected();

	/*
	 * The settings of the database and its roles must not reach the worker's
	 * own statements.  A task's effect and its completion commit together, so
	 * neither need wait for the disk.
	 */
	SetConfigOption("search_path", "pg_catalog, pg_temp", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("synchronous_commit", "off", PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_name, PGC_SUSET, PGC_S_OVERRIDE);
}

void
oms_worker_main(Datum number)
{
	int failed;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	failed = slot_enter(DatumGetInt32(number));
	BackgroundWorkerUnblockSignals();
	worker_connect(failed);

	round_context =
		AllocSetContextCreate(TopMemoryContext, "oms worker round", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		long pause;

		MemoryContextSwitchTo(round_context);
		MemoryContextReset(round_context);

		worker_wake_begin();
		pause = worker_round();
		/* else autovacuum would know nothing of what a busy worker leaves behind */
		(void) pgstat_report_stat(pause > GATHER);
		if (pause == 0)
			worker_interrupts();
		else if (pause == GATHER)
			worker_gather();
		else
		{
			pgstat_report_activity(STATE_IDLE, NULL);
			worker_sleep(pause);
		}
	}
}
