/*
 * channel.h
 *	  The policy of a channel, as orders need it.
 */
#ifndef OMS_CHANNEL_H
#define OMS_CHANNEL_H

#include "order_price.h"

#define DEFAULT_CHANNEL "default"

/* Channel: a row of oms.channel, with the decimals of its currency */
typedef struct Channel
{
	char code[33];
	char currency[4];
	char prefix[17];
	char takes_stock[8];
	int decimals;
	bool gapless;
	bool active;
	int64 tax_rate; /* ten-thousandths of a percent */
	bool tax_included;
	PriceRules rules;
} Channel;

/* returns a copy of the channel with a code, or NULL */
extern const Channel *channel_get(const char *code);

#endif /* OMS_CHANNEL_H */
