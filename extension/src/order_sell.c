/*
 * order_sell.c
 *	  Counter sales: orders that are entered and handed over in one call.
 */
#include "order.h"

#include "idempotency.h"

#define SOLD "DELIVERED"

OMS_VERB(order_sell);

static Datum
order_sell(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = order_enter(verb, fcinfo);

	order_walk(verb, id, SOLD, NULL);
	return Int64GetDatum(id);
}

REST_VERB(rest_order_sell);

static Datum
rest_order_sell(Verb *verb, FunctionCallInfo fcinfo)
{
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	NewOrder order = {0};
	Outcome outcome = {0};
	Input input;
	Datum answer;

	if (idempotency_find(verb, key, "order_sell", body, &answer))
		return answer;
	order.outcome = &outcome;
	order_read(&input, input_begin(&input, body), "", &order);
	input_end(&input);
	orders_insert(verb, &order, 1);
	outcome_raise(&outcome);
	order_walk(verb, order.id, SOLD, NULL);
	answer = order_changed_reply(verb, order.id);
	idempotency_keep(verb, key, "order_sell", body, answer);
	return answer;
}
