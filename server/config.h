/*
 * config.h
 *	  Settings of omsd: from a file, the environment and built-in defaults.
 */
#ifndef OMSD_CONFIG_H
#define OMSD_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "text.h"

/* least severe first */
typedef enum LogLevel
{
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR
} LogLevel;

/* no body may be larger, whatever the settings and the document say */
#define BODY_LIMIT_MAX 67108864

/* one field a setting; the table in config.c says what each means */
typedef struct Config
{
	char *listen;
	char *database;
	char *signing_keys;
	char *openapi;
	char *docs;
	char *public_url;
	char *trusted_proxies;
	char *issuer;
	char *audience;
	char *tls_certificate;
	char *tls_key;
	char *access_log;
	char *error_log;
	int64_t log_level;
	int64_t threads;
	int64_t max_connections;
	int64_t max_exports;
	int64_t request_timeout;
	int64_t write_timeout;
	int64_t drain_timeout;
	int64_t header_limit;
	int64_t body_limit;
	int64_t large_body_memory;
	int64_t body_depth;
	int64_t gzip_min;
	int64_t access_token_time;
	int64_t pool_fast;
	int64_t pool_login;
	int64_t pool_slow;
	int64_t pipeline_depth;
	int64_t queue_limit;
	int64_t queue_timeout;
	int64_t connect_timeout;
	int64_t reconnect_max;
	int64_t fast_timeout;
	int64_t slow_timeout;
	int64_t rate_limit;
	int64_t rate_burst;
	int64_t login_burst;
	int64_t login_interval;
	struct Config *retired; /* the one this replaced, freed at exit */
} Config;

/*
 * The settings in force.  A reload replaces the pointer and keeps the old
 * object until exit, so a thread may hold it as long as it likes.
 */
extern const Config *config(void);

/* reads file (may be NULL) and environment; false with a message in error */
extern bool config_load(const char *file, Buf *error);

/* the same again; settings that need a restart keep their values, named in note */
extern bool config_reload(const char *file, Buf *note, Buf *error);

/* table of all settings, for --help */
extern void config_describe(FILE *out);

extern void config_free(void);

#endif
