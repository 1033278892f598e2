/*
 * worker.h
 *	  The background workers, the queue they work off, and their handlers.
 *
 * A task moves between these states:
 *
 *		            claim               effect and completion
 *		  ready ------------> running ------------------------> done
 *		  ^  |                |  |
 *		  |  |  error, later  |  |  error of the last attempt
 *		  |  |<---------------'  '------------> dead
 *		  |  |                                   |  |
 *		  |  '---------> cancelled <-------------'  |
 *		  '------------------'----- task_retry -----'
 *
 * worker.c is the process, worker_slot.c what others see of it, queue.c moves
 * tasks between states, handler.c knows what a task runs, purge.c removes what
 * is out of date, integrity_watch.c looks whether anything is wrong, task.c is the API.
 */
#ifndef OMS_WORKER_H
#define OMS_WORKER_H

#include "oms.h"
#include "utils/jsonb.h"

/* -------------------------------------------------------------- worker.c */

extern void worker_register(void);
extern PGDLLEXPORT void oms_worker_main(Datum number);

/* worker_interrupts does what signals asked for; to be called between transactions */
extern void worker_interrupts(void);

/*
 * worker_call runs a verb of the worker's own, worker_query one that only
 * reads; the body finds "arg" as worker_arg(fcinfo).
 */
extern void worker_call(VerbBody body, void *arg);
extern void worker_query(VerbBody body, void *arg);
#define worker_arg(fcinfo) ((void *) DatumGetPointer((fcinfo)->args[0].value))

/* worker_attempt runs a step in a transaction of its own; NULL, or the error that undid it */
typedef void (*WorkerStep)(void *arg);
extern ErrorData *worker_attempt(WorkerStep step, void *arg);

/* --------------------------------------------------------- worker_slot.c */

extern void worker_shmem_request(void);
extern void worker_shmem_startup(void);
extern int slot_enter(int number);
extern void slot_connected(void);
extern void slot_show(const char *state, const char *handler);
extern void worker_wake_begin(void);
extern void worker_count(int64 done, int64 failed);

/* worker_other_pids returns the process ids of the other workers that live, as int4[] */
extern Datum worker_other_pids(void);

/* ------------------------------------------------------------- handler.c */

/* Task: one task in the hands of this worker */
typedef struct Task
{
	int64 id;
	int32 attempt; /* with the worker's pid, the fence against late results */
	Jsonb *payload;
} Task;

/* BuiltinHandler runs n tasks in the present transaction */
typedef void (*BuiltinHandler)(Verb *verb, const Task *tasks, int n);

/* Handler: a row of oms.task_handler that has ready tasks */
typedef struct Handler
{
	char *name;
	BuiltinHandler builtin; /* NULL for a handler in SQL */
	bool alone;             /* of a built-in one: each task in a transaction of its own */
	char *function;         /* qualified and quoted, NULL for a built-in one */
	char *run_as;
	int32 timeout;   /* milliseconds */
	TimestampTz due; /* of its first ready task */
} Handler;

extern void builtin_find(Handler *handler);
extern int handler_run(const Handler *handler, bool *more);
extern void order_created(Verb *verb, const Task *tasks, int n);
extern void import_task(Verb *verb, const Task *tasks, int n);

/* --------------------------------------------------------------- queue.c */

typedef enum QueueStatus
{
	QUEUE_READY,
	QUEUE_MISSING,   /* no extension, or no tables */
	QUEUE_PAUSED,    /* oms.worker_pause() */
	QUEUE_COPIED,    /* the tables came from another database */
	QUEUE_READ_ONLY, /* default_transaction_read_only */
	QUEUE_BROKEN     /* the look failed */
} QueueStatus;

/* Queue: what a worker finds when it looks */
typedef struct Queue
{
	QueueStatus status;
	char *error; /* with QUEUE_BROKEN */
	int nhandlers;
	Handler *handlers;     /* those with ready tasks, the longest waiting first */
	TimestampTz lease;     /* the first that ends, or DT_NOEND */
	MemoryContext context; /* of the above */
} Queue;

/* Batch: tasks of one handler, claimed together */
typedef struct Batch
{
	const Handler *handler;
	int limit;
	bool settled; /* claimed as done: their effect is in the same transaction */
	int n;
	Task *tasks;
	MemoryContext context; /* of the above */
} Batch;

extern void queue_look(Queue *queue);
extern int64 queue_recover(void);
extern void batch_claim(Batch *batch);
extern bool task_lock(const Task *task);
extern void task_settle(const Task *task);
extern void task_fail(const Task *task, const char *error);

/* --------------------------------------------------------------- purge.c */

extern bool purge_some(void); /* true: there is more to remove */

/* ------------------------------------------------------ integrity_watch.c */

extern void integrity_watch(void);

#endif /* OMS_WORKER_H */
