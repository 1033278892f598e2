/*
 * install.c
 *	  Whether oms is installed here, and the durable acknowledgement of omsd.
 */
#include "oms.h"
#include "json.h"

#include "access/xlog.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "replication/syncrep.h"
#include "replication/walsender.h"
#include "replication/walsender_private.h"
#include "storage/lwlock.h"
#include "utils/guc.h"

static KeptPlan select_version = PLAN0("SELECT max(version) FROM oms.schema_version");

REST_QUERY(rest_ready);

/* rest_ready raises OM090 or OM091 unless library and tables belong together */
static Datum
rest_ready(Verb *verb, FunctionCallInfo fcinfo)
{
	StringInfo reply = reply_begin(verb);
	int version;

	plan_read(&select_version, NULL, NULL);
	version = row_int32(0, 1);
	if (version != OMS_SCHEMA_VERSION)
		ereport(
			ERROR,
			(oms_errcode(OMS_WRONG_VERSION),
			 errmsg("the tables of oms have version %d, this library needs %d", version,
					OMS_SCHEMA_VERSION),
			 errhint("Run SELECT oms.install() with the newest extension, and restart the server "
					 "if the library is the older one.")));
	appendStringInfo(reply, "{\"version\": \"" OMS_VERSION "\", \"schema_version\": %d}", version);
	return reply_datum(reply);
}

/* is_replicated tells whether the synchronous standbys, if any, have a place in the WAL on disk */
static bool
is_replicated(XLogRecPtr lsn)
{
	bool replicated;

	LWLockAcquire(SyncRepLock, LW_SHARED);
	replicated = !(WalSndCtl->sync_standbys_status & SYNC_STANDBY_DEFINED) ||
				 lsn <= WalSndCtl->lsn[SYNC_REP_WAIT_FLUSH];
	LWLockRelease(SyncRepLock);
	return replicated;
}

/*
 * wait_for_standbys waits as a commit with synchronous_commit on would.  The
 * setting itself has to change, for its assign hook says what to wait for.
 */
static void
wait_for_standbys(XLogRecPtr lsn)
{
	int level = NewGUCNestLevel();

	if (synchronous_commit < SYNCHRONOUS_COMMIT_REMOTE_FLUSH)
		(void) set_config_option("synchronous_commit", "on", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	HOLD_INTERRUPTS();
	SyncRepWaitForLSN(lsn, true);
	RESUME_INTERRUPTS();
	AtEOXact_GUC(true, level);

	/* a wait that is interrupted only warns */
	if (max_wal_senders > 0 && !is_replicated(lsn))
		ereport(ERROR, (errcode(ERRCODE_T_R_STATEMENT_COMPLETION_UNKNOWN),
						errmsg("the wait for the synchronous standbys was interrupted"),
						errhint("What was committed is on this server's disk, but may be lost with "
								"it.")));
}

PGDLLEXPORT PG_FUNCTION_INFO_V1(oms_wal_flush);

/*
 * oms_wal_flush returns when the last commit of this session is on disk, and on
 * the synchronous standbys if there are any.  omsd commits with
 * synchronous_commit off, so that locks go early, and answers after this.
 * Each verb writes a commit record, so all it has seen is flushed as well.
 */
Datum
oms_wal_flush(PG_FUNCTION_ARGS)
{
	if (XLogRecPtrIsInvalid(XactLastCommitEnd))
		PG_RETURN_VOID();
	XLogFlush(XactLastCommitEnd);
	wait_for_standbys(XactLastCommitEnd);
	PG_RETURN_VOID();
}
