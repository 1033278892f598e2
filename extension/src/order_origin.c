/*
 * order_origin.c
 *	  Where new orders come from: their customers, external references and
 *	  numbers in gapless series.
 */
#include "order_create.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/* references that are being entered are locked by their hashes, of so many kinds */
#define REFERENCE_LOCKS 1024
#define REFERENCE_LOCK_CLASS 3 /* advisory locks of users have 1 and 2 */

static KeptPlan select_customer =
	PLAN("SELECT name, archived_at IS NOT NULL FROM oms.customer WHERE id = $1", INT8OID);

static KeptPlan select_reference =
	PLAN("SELECT id FROM oms.orders WHERE channel = $1 AND external_ref = $2", TEXTOID, TEXTOID);

static KeptPlan lock_series =
	PLAN("INSERT INTO oms.number_series AS s (channel, last_number) VALUES ($1, 0) "
		 "ON CONFLICT (channel) DO UPDATE SET last_number = s.last_number",
		 TEXTOID);

static KeptPlan take_number =
	PLAN("UPDATE oms.number_series SET last_number = last_number + 1 WHERE channel = $1 "
		 "RETURNING last_number",
		 TEXTOID);

/* check_customer finds the customer of an order, whose name it takes unless it has one */
static void
check_customer(NewOrder *order)
{
	Datum arg = Int64GetDatum(order->customer_id);
	bool found = plan_write(&select_customer, &arg, NULL) > 0;

	if (found && !row_bool(0, 2))
	{
		if (order->customer == NULL)
			order->customer = row_cstring(0, 1);
		return;
	}
	outcome_fail(order->outcome, OMS_INVALID_INPUT,
				 psprintf(found ? "customer " INT64_FORMAT " is archived"
								: "there is no customer " INT64_FORMAT,
						  order->customer_id),
				 psprintf("[{\"pointer\": \"/customer_id\", \"detail\": \"%s\"}]",
						  found ? "is archived" : "there is no such customer"),
				 "List the customers to see their ids.");
}

static int
int_compare(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

/* lock_reference keeps others from giving references of the same kind, until the transaction ends */
static void
lock_reference(int kind)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, 0, kind, REFERENCE_LOCK_CLASS);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

static int
reference_kind(const char *reference)
{
	return (int) (hash_bytes((const unsigned char *) reference, (int) strlen(reference)) %
				  REFERENCE_LOCKS);
}

/* reference_lock keeps others from giving a reference, until the transaction ends */
void
reference_lock(const char *reference)
{
	lock_reference(reference_kind(reference));
}

/* lock_references keeps others from entering the same references, until the transaction ends */
static void
lock_references(NewOrder *orders, int n)
{
	int *locks = palloc(sizeof(int) * n);
	int nlocks = 0;

	for (int i = 0; i < n; i++)
		if (orders[i].external_ref && orders[i].outcome->message == NULL)
			locks[nlocks++] = reference_kind(orders[i].external_ref);
	qsort(locks, nlocks, sizeof(int), int_compare);
	for (int i = 0; i < nlocks; i++)
		if (i == 0 || locks[i] != locks[i - 1])
			lock_reference(locks[i]);
}

/* fail_reference notes OM042; id is that of the order that has the reference, or 0 */
static void
fail_reference(Outcome *outcome, const char *reference, int64 id)
{
	StringInfoData detail;

	initStringInfo(&detail);
	appendStringInfoString(&detail, "{\"external_ref\": ");
	escape_json(&detail, reference);
	if (id != 0)
		appendStringInfo(&detail, ", \"order_id\": " INT64_FORMAT, id);
	appendStringInfoChar(&detail, '}');
	outcome_fail(
		outcome, OMS_REFERENCE_TAKEN,
		id == 0
			? psprintf("another order of this call has the external reference \"%s\"", reference)
			: psprintf("order " INT64_FORMAT " has the external reference \"%s\"", id, reference),
		detail.data, "The order has been entered before: read it, or give another name.");
}

/* reference_check notes OM042 when another order of the channel has a reference, by all that is committed */
void
reference_check(Outcome *outcome, const char *channel, const char *reference, int64 own_id)
{
	Datum args[] = {CStringGetTextDatum(channel), CStringGetTextDatum(reference)};
	uint64 found;

	PushActiveSnapshot(GetLatestSnapshot());
	found = plan_read(&select_reference, args, NULL);
	PopActiveSnapshot();
	if (found > 0 && row_int64(0, 1) != own_id)
		fail_reference(outcome, reference, row_int64(0, 1));
}

/* check_reference looks a reference up among all that is committed, and what this call has */
static void
check_reference(NewOrder *orders, int i)
{
	NewOrder *order = &orders[i];

	for (int j = 0; j < i; j++)
	{
		if (orders[j].external_ref && orders[j].outcome->message == NULL &&
			strcmp(orders[j].external_ref, order->external_ref) == 0 &&
			strcmp(orders[j].channel->code, order->channel->code) == 0)
		{
			fail_reference(order->outcome, order->external_ref, 0);
			return;
		}
	}
	reference_check(order->outcome, order->channel->code, order->external_ref, 0);
}

/* origins_check finds customers and looks external references up */
void
origins_check(NewOrder *orders, int n)
{
	bool references = false;

	for (int i = 0; i < n; i++)
	{
		references |= orders[i].external_ref != NULL;
		if (orders[i].customer_id != 0 && orders[i].outcome->message == NULL)
			check_customer(&orders[i]);
		if (orders[i].customer == NULL)
			orders[i].customer = DEFAULT_CUSTOMER;
	}
	if (!references)
		return;
	lock_references(orders, n);
	CommandCounterIncrement();
	for (int i = 0; i < n; i++)
		if (orders[i].external_ref && orders[i].outcome->message == NULL)
			check_reference(orders, i);
}

static int
series_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* series_lock locks the series of the orders' channels, by their codes */
void
series_lock(NewOrder *orders, int n)
{
	const char **codes = palloc(sizeof(char *) * n);
	int m = 0;

	for (int i = 0; i < n; i++)
		if (orders[i].outcome->message == NULL && orders[i].channel->gapless)
			codes[m++] = orders[i].channel->code;
	qsort(codes, m, sizeof(char *), series_compare);
	for (int i = 0; i < m; i++)
		if (i == 0 || strcmp(codes[i], codes[i - 1]) != 0)
			(void) plan_write(&lock_series, (Datum[]){CStringGetTextDatum(codes[i])}, NULL);
}

/* series_number gives orders that will be written their numbers */
void
series_number(NewOrder **orders, int n)
{
	for (int i = 0; i < n; i++)
	{
		NewOrder *order = orders[i];

		if (order->channel->gapless)
		{
			(void) plan_write(&take_number, (Datum[]){CStringGetTextDatum(order->channel->code)},
							  NULL);
			order->series_number = row_int64(0, 1);
		}
		order->number =
			psprintf("%s%08lld", order->channel->prefix,
					 (long long) (order->series_number ? order->series_number : order->id));
	}
}
