/*
 * guc.h
 *	  The settings oms.*
 */
#ifndef OMS_GUC_H
#define OMS_GUC_H

extern char *oms_database;
extern bool oms_dry_run;
extern int oms_workers;
extern int oms_worker_poll; /* seconds */
extern int oms_worker_batch;

extern int oms_task_lease;   /* milliseconds */
extern int oms_task_timeout; /* milliseconds */
extern int oms_task_backoff; /* milliseconds */
extern int oms_task_max_attempts;
extern int oms_task_retention; /* seconds, -1 for ever */
extern int oms_idempotency_retention;
extern int oms_import_retention; /* seconds, -1 for ever */

extern int oms_integrity_interval; /* seconds, 0 never */

extern int oms_password_ops;
extern int oms_password_memory;  /* kilobytes */
extern int oms_refresh_lifetime; /* seconds */
extern int oms_refresh_grace;    /* seconds */

extern void guc_define(void);

#endif /* OMS_GUC_H */
