/*
 * idempotency.c
 *	  One effect and one answer for requests that share an Idempotency-Key.
 *
 * The answer is kept in the transaction of the effect, so either both are there
 * or neither.  See draft-ietf-httpapi-idempotency-key-header.
 */
#include "idempotency.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "storage/lock.h"
#include "miscadmin.h"
#include "utils/builtins.h"

static KeptPlan find_answer =
	PLAN("SELECT request_hash = $3, response FROM oms.idempotency WHERE actor = $1 AND key = $2",
		 TEXTOID, TEXTOID, BYTEAOID);

static KeptPlan keep_answer =
	PLAN("INSERT INTO oms.idempotency (actor, key, request_hash, response) VALUES ($1, $2, $3, $4)",
		 TEXTOID, TEXTOID, BYTEAOID, JSONOID);

/* request_hash returns the SHA-256 of operation and body, as bytea */
static Datum
request_hash(const char *operation, text *body)
{
	bytea *hash = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);

	SET_VARSIZE(hash, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	if (ctx == NULL || pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) operation, strlen(operation) + 1) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body)) < 0 ||
		pg_cryptohash_final(ctx, (uint8 *) VARDATA(hash), PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute a SHA-256 hash");
	pg_cryptohash_free(ctx);
	return PointerGetDatum(hash);
}

/* lock_key takes the key for this transaction, or says that another has it */
static bool
lock_key(const char *actor, text *key)
{
	uint64 hash =
		hash_any_extended((const unsigned char *) VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), 0);
	LOCKTAG tag;

	hash = hash_any_extended((const unsigned char *) actor, strlen(actor), hash);
	/* class 3 keeps away from pg_advisory_lock(bigint) and (int, int): 1 and 2 */
	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (hash >> 32), (uint32) hash, 3);
	return LockAcquire(&tag, ExclusiveLock, false, true) != LOCKACQUIRE_NOT_AVAIL;
}

bool
idempotency_find(Verb *verb, text *key, const char *operation, text *body, Datum *answer)
{
	Datum args[3];
	bool isnull;

	if (key == NULL)
		return false;
	if (VARSIZE_ANY_EXHDR(key) < 1 || VARSIZE_ANY_EXHDR(key) > 255)
		ereport(ERROR, (oms_errcode(OMS_INVALID_INPUT),
						errmsg("an idempotency key has 1 to 255 characters"),
						errhint("Use a fresh UUID for each new request.")));
	if (!lock_key(verb->actor, key))
		ereport(ERROR, (oms_errcode(OMS_KEY_IN_PROGRESS),
						errmsg("the first request with this idempotency key is still under way"),
						errhint("Send it again after a moment to get its answer.")));
	args[0] = CStringGetTextDatum(verb->actor);
	args[1] = PointerGetDatum(key);
	args[2] = request_hash(operation, body);
	if (plan_write(&find_answer, args, NULL) == 0)
		return false;
	if (!row_bool(0, 1))
		ereport(
			ERROR,
			(oms_errcode(OMS_KEY_REUSED),
			 errmsg("this idempotency key was used for another request"),
			 errhint("Use a fresh key for each new request, and the same only to repeat one.")));
	*answer = SPI_datumTransfer(row_datum(0, 2, &isnull), false, -1);
	return true;
}

void
idempotency_keep(Verb *verb, text *key, const char *operation, text *body, Datum answer)
{
	if (key == NULL)
		return;
	plan_write(&keep_answer,
			   (Datum[]){CStringGetTextDatum(verb->actor), PointerGetDatum(key),
						 request_hash(operation, body), answer},
			   NULL);
}

/* the orders that kept answers name, for who may not read the answers */
static KeptPlan select_orders =
	PLAN("SELECT (response ->> 'id')::bigint, created_at FROM oms.idempotency "
		 "WHERE created_at >= $1 AND response ->> 'order_number' IS NOT NULL",
		 TIMESTAMPTZOID);

OMS_QUERY(idempotency_orders);

static Datum
idempotency_orders(Verb *verb, FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz since = PG_ARGISNULL(0) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(0);
	uint64 n = plan_read(&select_orders, (Datum[]){TimestampTzGetDatum(since)}, NULL);

	materialized_srf(fcinfo);
	for (uint64 i = 0; i < n; i++)
	{
		bool nulls[2];
		Datum values[2];

		values[0] = row_datum(i, 1, &nulls[0]);
		values[1] = row_datum(i, 2, &nulls[1]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
