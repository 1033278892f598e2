/*
 * oms.c
 *	  What happens when the library is loaded.
 *
 * With oms in shared_preload_libraries there are background workers; in a
 * session that loads the library later all works but them.
 */
#include "oms.h"
#include "compat.h"
#include "guc.h"
#include "worker.h"

#include "miscadmin.h"
#include "storage/ipc.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

#if PG_VERSION_NUM >= 150000
static shmem_request_hook_type previous_request_hook = NULL;
#endif
static shmem_startup_hook_type previous_startup_hook = NULL;

#if PG_VERSION_NUM >= 150000
static void
request_shmem(void)
{
	if (previous_request_hook)
		previous_request_hook();
	worker_shmem_request();
}
#endif

static void
startup_shmem(void)
{
	if (previous_startup_hook)
		previous_startup_hook();
	worker_shmem_startup();
}

void
_PG_init(void)
{
	guc_define();

	/* pg_upgrade's server must run nothing of its own accord */
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;

		/* 15 has a hook of its own for asking for shared memory */
#if PG_VERSION_NUM >= 150000
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shmem;
#else
	worker_shmem_request();
#endif
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = startup_shmem;
	worker_register();
}
