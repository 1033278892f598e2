/*
 * order_machine.h
 *	  The state machine of orders as it is changed: checked, kept and told of.
 */
#ifndef OMS_ORDER_MACHINE_H
#define OMS_ORDER_MACHINE_H

#include "json.h"
#include "order_state.h"

/* order_state.c: reads what is committed now, however old the caller's snapshot is */
extern uint64 machine_read(KeptPlan *plan, Datum *args);
/* order_state.c: makes this session, and all others at commit, read the machine anew */
extern void machine_forget(void);

/* order_diagram.c: the machine as JSON: {"statuses": [...], "steps": [...]} */
extern void machine_json(StringInfo buf);

/* order_machine_change.c: keeps the machine as it is now as a version of its own, with an event */
extern void machine_record(void);

#endif /* OMS_ORDER_MACHINE_H */
