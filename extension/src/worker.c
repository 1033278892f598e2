/*
 * worker.c
 *	  The background worker: its process, its place in shared memory, its loop.
 *
 * A worker sleeps on its latch until a commit that queued tasks sets it, or
 * until the next task is due.  It never lets an error end it: work is done by
 * worker_attempt, which turns errors into data.
 */
#include "worker.h"
#include "compat.h"
#include "guc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

#define RESTART_TIME 5     /* seconds until a worker that ended is started again */
#define MAX_START_PAUSE 60 /* seconds between starts that all fail */
#define UNREADY_POLL 5     /* seconds between looks while there is nothing to look at */
#define LOCKED_POLL 100    /* milliseconds until due tasks that others hold are tried again */
#define PURGE_INTERVAL 60  /* seconds */

/* WorkerSlot: what all may know of one worker */
typedef struct WorkerSlot
{
	pid_t pid; /* 0: not running */
	Latch *volatile latch;
	const char *state; /* a string constant, at one address in all processes */
	char handler[NAMEDATALEN];
	TimestampTz since; /* of the state */
	int64 done;
	int64 failed;
	int starts;
	int failed_starts; /* in a row */
} WorkerSlot;

typedef struct WorkerShared
{
	LWLock *lock;             /* of the slots, but for "latch" */
	pg_atomic_uint32 pending; /* 1: a wake-up is under way already */
	Oid database;             /* the workers', once one has connected */
	int nslots;
	WorkerSlot slots[FLEXIBLE_ARRAY_MEMBER];
} WorkerShared;

static WorkerShared *shared = NULL;

/* in the worker itself */
static WorkerSlot *my_slot = NULL;
static MemoryContext round_context = NULL;

/* --------------------------------------------------------- shared memory */

static Size
shared_size(void)
{
	return add_size(offsetof(WorkerShared, slots), mul_size(oms_workers, sizeof(WorkerSlot)));
}

void
worker_shmem_request(void)
{
	RequestAddinShmemSpace(shared_size());
	RequestNamedLWLockTranche("oms", 1);
}

void
worker_shmem_startup(void)
{
	bool found;

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shared = ShmemInitStruct("oms", shared_size(), &found);
	if (!found)
	{
		memset(shared, 0, shared_size());
		shared->lock = &GetNamedLWLockTranche("oms")->lock;
		shared->nslots = oms_workers;
		pg_atomic_init_u32(&shared->pending, 0);
		for (int i = 0; i < shared->nslots; i++)
			shared->slots[i].state = "stopped";
	}
	LWLockRelease(AddinShmemInitLock);
}

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

/* slot_show tells the others what this worker is doing */
static void
slot_show(const char *state, const char *handler)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	if (my_slot->state != state)
		my_slot->since = GetCurrentTimestamp();
	my_slot->state = state;
	strlcpy(my_slot->handler, handler ? handler : "", NAMEDATALEN);
	LWLockRelease(shared->lock);
}

static void
slot_leave(int code, Datum arg)
{
	my_slot->latch = NULL;
	slot_show("stopped", NULL);
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	my_slot->pid = 0;
	LWLockRelease(shared->lock);
}

static void
slot_enter(int number)
{
	my_slot = &shared->slots[number];
	slot_show("starting", NULL);
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	my_slot->pid = MyProcPid;
	my_slot->starts++;
	LWLockRelease(shared->lock);
	my_slot->latch = MyLatch;
	before_shmem_exit(slot_leave, (Datum) 0);
}

void
worker_count(int64 done, int64 failed)
{
	LWLockAcquire(shared->lock, LW_EXCLUSIVE);
	my_slot->done += done;
	my_slot->failed += failed;
	LWLockRelease(shared->lock);
}

Datum
worker_pids(void)
{
	Datum *pids = palloc(sizeof(Datum) * shared->nslots);
	int n = 0;

	LWLockAcquire(shared->lock, LW_SHARED);
	for (int i = 0; i < shared->nslots; i++)
		if (shared->slots[i].pid != 0)
			pids[n++] = Int32GetDatum(shared->slots[i].pid);
	LWLockRelease(shared->lock);
	return PointerGetDatum(construct_array(pids, n, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* --------------------------------------------------------------- waking */

static bool wake_wanted = false;

/*
 * A latch is copied before it is used, since its owner may leave at any time;
 * the memory stays, so a stale latch is at worst a needless wake-up.
 */
static void
wake_workers(void)
{
	if (shared->database != MyDatabaseId || pg_atomic_exchange_u32(&shared->pending, 1) != 0)
		return;
	for (int i = 0; i < shared->nslots; i++)
	{
		Latch *latch = shared->slots[i].latch;

		if (latch)
			SetLatch(latch);
	}
}

static void
wake_at_end_of_transaction(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (wake_wanted)
				wake_workers();
			wake_wanted = false;
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			wake_wanted = false;
			break;
		default:
			break;
	}
}

void
worker_wake_at_commit(void)
{
	static bool registered = false;

	if (shared == NULL)
		return; /* not preloaded: there are no workers */
	if (!registered)
	{
		/* once for the session: PostgreSQL would keep each registration */
		RegisterXactCallback(wake_at_end_of_transaction, NULL);
		registered = true;
	}
	wake_wanted = true;
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

/* run_handlers runs what is due; false when others hold all of it */
static bool
run_handlers(Queue *queue, TimestampTz now)
{
	bool due = false;
	int n = 0;

	for (int i = 0; i < queue->nhandlers; i++)
	{
		Handler *handler = &queue->handlers[i];

		if (handler->due > now)
			continue;
		due = true;
		slot_show("busy", handler->name);
		n += handler_run(handler);
		worker_interrupts();
	}
	return !due || n > 0;
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
	if (!run_handlers(&queue, now))
		return LOCKED_POLL;

	/* one worker is enough to sweep */
	if (my_slot == &shared->slots[0] && (next_purge == DT_NOEND || next_purge <= now))
	{
		slot_show("purging", NULL);
		next_purge = purge_some() ? now : TimestampTzPlusMilliseconds(now, PURGE_INTERVAL * 1000);
	}
	slot_show("idle", NULL);
	return next_look(&queue, my_slot == &shared->slots[0] ? next_purge : DT_NOEND);
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

/* worker_connect enters the database; a missing one is tried ever more seldom */
static void
worker_connect(void)
{
	int failed = my_slot->failed_starts++;

	if (failed > 0)
	{
		TimestampTz end = TimestampTzPlusMilliseconds(
			GetCurrentTimestamp(), Min(RESTART_TIME << Min(failed, 4), MAX_START_PAUSE) * 1000);
		long left;

		while ((left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end)) > 0)
			worker_sleep(left);
	}
	BackgroundWorkerInitializeConnection(oms_database, NULL, 0);
	my_slot->failed_starts = 0;
	shared->database = MyDatabaseId;

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
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	slot_enter(DatumGetInt32(number));
	BackgroundWorkerUnblockSignals();
	worker_connect();

	round_context =
		AllocSetContextCreate(TopMemoryContext, "oms worker round", ALLOCSET_DEFAULT_SIZES);
	for (;;)
	{
		long pause;

		MemoryContextSwitchTo(round_context);
		MemoryContextReset(round_context);

		/* before the look: what is queued from here on sets the latch again */
		pg_atomic_write_u32(&shared->pending, 0);
		pg_memory_barrier();
		pause = worker_round();
		if (pause == 0)
		{
			worker_interrupts();
			continue;
		}
		pgstat_report_stat(true);
		pgstat_report_activity(STATE_IDLE, NULL);
		worker_sleep(pause);
	}
}

/* ---------------------------------------------------------------- in SQL */

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_worker_list);

/* oms_worker_list returns a row for each worker of the server */
Datum
oms_worker_list(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	materialized_srf(fcinfo);
	for (int i = 0; shared && i < shared->nslots; i++)
	{
		WorkerSlot slot;
		Datum values[8];
		bool nulls[8] = {false};

		LWLockAcquire(shared->lock, LW_SHARED);
		slot = shared->slots[i];
		LWLockRelease(shared->lock);
		values[0] = Int32GetDatum(i + 1);
		values[1] = Int32GetDatum(slot.pid);
		nulls[1] = slot.pid == 0;
		values[2] = CStringGetTextDatum(slot.state);
		values[3] = CStringGetTextDatum(slot.handler);
		nulls[3] = slot.handler[0] == '\0';
		values[4] = TimestampTzGetDatum(slot.since);
		nulls[4] = slot.since == 0;
		values[5] = Int64GetDatum(slot.done);
		values[6] = Int64GetDatum(slot.failed);
		values[7] = Int32GetDatum(slot.starts);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
