/*
 * order_state.h
 *	  The state machine of orders, which is the rows of oms.order_transition.
 */
#ifndef OMS_ORDER_STATE_H
#define OMS_ORDER_STATE_H

#include "oms.h"

#define STATUS_MAX 33 /* 32 characters and the end */
#define STATUS_INITIAL "PENDING"

/* what a step does to the stock of the order's lines */
typedef enum StockEffect
{
	EFFECT_NONE,
	EFFECT_ALLOCATE, /* promise the units */
	EFFECT_RELEASE,  /* take the promise back */
	EFFECT_SHIP      /* take the promised units off the shelf */
} StockEffect;

typedef struct Transition
{
	char from[STATUS_MAX];
	char to[STATUS_MAX];
	StockEffect effect;
	bool admin; /* needs oms_admin */
} Transition;

/* what is known of a status */
typedef struct MachineStatus
{
	const char *status;
	const char *holds; /* nothing, allocated or shipped */
	bool final;
} MachineStatus;

/* the machine as a whole: statuses from STATUS_INITIAL on, and steps by their statuses */
extern MachineStatus *machine_statuses(int *n); /* order_machine.c */
extern const Transition *machine_steps(int *n);

extern const Transition *transition_find(const char *from, const char *to);
extern const Transition *transition_next(const char *from, const char *to);
extern bool status_exists(const char *status);
extern bool status_final(const char *status);
/* the status that a step with effect ship leads to from here, SHIPPED if it is one, or NULL */
extern const char *transition_shipping(const char *from);
extern char *transitions_from(const char *from); /* JSON array of statuses */

#endif /* OMS_ORDER_STATE_H */
