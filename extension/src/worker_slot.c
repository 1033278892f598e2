/*
 * worker_slot.c
 *	  What the workers show of themselves in shared memory, and how commits of
 *	  other sessions wake them.
 */
#include "worker.h"
#include "compat.h"
#include "guc.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"

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

static WorkerSlot *my_slot = NULL; /* in a worker: its own */

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

/* slot_show tells the others what this worker is doing */
void
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

/* slot_enter returns how many starts of this worker have failed in a row */
int
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
	return my_slot->failed_starts++;
}

/* slot_connected notes that this worker has entered its database */
void
slot_connected(void)
{
	my_slot->failed_starts = 0;
	shared->database = MyDatabaseId;
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
worker_other_pids(void)
{
	Datum *pids = palloc(sizeof(Datum) * shared->nslots);
	int n = 0;

	LWLockAcquire(shared->lock, LW_SHARED);
	for (int i = 0; i < shared->nslots; i++)
		if (shared->slots[i].pid != 0 && shared->slots[i].pid != MyProcPid)
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

/*
 * worker_wake_begin is called before a worker looks: what commits from here on
 * sets its latch again.
 */
void
worker_wake_begin(void)
{
	pg_atomic_write_u32(&shared->pending, 0);
	pg_memory_barrier();
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
