/*
 * channel_cache.c
 *	  Channels and the decimals of currencies, kept by each session.
 */
#include "channel.h"
#include "refcache.h"

#include "utils/memutils.h"

typedef struct Currency
{
	char code[4];
	int decimals;
} Currency;

static KeptPlan select_channels =
	PLAN0("SELECT code, currency, number_prefix, take_stock, gapless, active, "
		  "(tax_rate * 10000)::bigint, tax_included, tax_rounding = 'total', "
		  "rounding = 'half_even' FROM oms.channel ORDER BY code <> 'default', code");

static KeptPlan select_currencies = PLAN0("SELECT code, decimals::integer FROM oms.currency");

static Channel *channels = NULL;
static int nchannels = 0;
static Currency *currencies = NULL;
static int ncurrencies = 0;

static void
fill_channels(uint64 n)
{
	Channel *fresh = MemoryContextAllocZero(TopMemoryContext, sizeof(Channel) * Max(n, 1));

	for (uint64 i = 0; i < n; i++)
	{
		Channel *channel = &fresh[i];

		strlcpy(channel->code, row_cstring(i, 1), sizeof(channel->code));
		strlcpy(channel->currency, row_cstring(i, 2), sizeof(channel->currency));
		strlcpy(channel->prefix, row_cstring(i, 3), sizeof(channel->prefix));
		strlcpy(channel->takes_stock, row_cstring(i, 4), sizeof(channel->takes_stock));
		channel->gapless = row_bool(i, 5);
		channel->active = row_bool(i, 6);
		channel->tax_rate = row_int64(i, 7);
		channel->tax_included = row_bool(i, 8);
		channel->rules.tax_by_total = row_bool(i, 9);
		channel->rules.rounding = row_bool(i, 10) ? ROUND_HALF_EVEN : ROUND_HALF_UP;
	}
	if (channels)
		pfree(channels);
	channels = fresh;
	nchannels = (int) n;
}

static void
fill_currencies(uint64 n)
{
	Currency *fresh = MemoryContextAllocZero(TopMemoryContext, sizeof(Currency) * Max(n, 1));

	for (uint64 i = 0; i < n; i++)
	{
		strlcpy(fresh[i].code, row_cstring(i, 1), sizeof(fresh[i].code));
		fresh[i].decimals = row_int32(i, 2);
	}
	if (currencies)
		pfree(currencies);
	currencies = fresh;
	ncurrencies = (int) n;
}

static RefCache channel_cache = REFCACHE("channel", &select_channels, fill_channels);
static RefCache currency_cache = REFCACHE("currency", &select_currencies, fill_currencies);

/* find_decimals returns the decimals of a currency, which a channel's always has */
static int
find_decimals(const char *currency)
{
	for (int i = 0; i < ncurrencies; i++)
		if (strcmp(currencies[i].code, currency) == 0)
			return currencies[i].decimals;
	elog(ERROR, "there is no currency \"%s\"", currency);
}

/* channel_get copies: the session's rows may be read anew while an order is made */
const Channel *
channel_get(const char *code)
{
	refcache_need(&channel_cache);
	refcache_need(&currency_cache);
	for (int i = 0; i < nchannels; i++)
	{
		if (strcmp(channels[i].code, code) == 0)
		{
			Channel *copy = palloc(sizeof(Channel));

			*copy = channels[i];
			copy->decimals = find_decimals(copy->currency);
			return copy;
		}
	}
	return NULL;
}
