/*
 * install.c
 *	  Whether oms is installed here, and the durable acknowledgement of omsd.
 */
#include "oms.h"
#include "json.h"

#include "access/xlog.h"
#include "access/xact.h"
#include "replication/syncrep.h"

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
	int level = synchronous_commit;

	if (XLogRecPtrIsInvalid(XactLastCommitEnd))
		PG_RETURN_VOID();
	XLogFlush(XactLastCommitEnd);
	/* SyncRepWaitForLSN raises no error: it warns when it is interrupted */
	synchronous_commit = SYNCHRONOUS_COMMIT_ON;
	SyncRepWaitForLSN(XactLastCommitEnd, true);
	synchronous_commit = level;
	PG_RETURN_VOID();
}
