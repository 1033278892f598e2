/*
 * config.c
 *	  Settings of omsd: from a file, the environment and built-in defaults.
 *
 * The table below is the only place that knows a setting: its name, type,
 * unit, default, range, whether SIGHUP changes it, and what it means.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "config.h"

#ifndef OMSD_SHARE
#define OMSD_SHARE "/usr/share/omsd"
#endif

typedef enum Unit
{
	UNIT_TEXT,
	UNIT_NUMBER,
	UNIT_MS,
	UNIT_BYTES,
	UNIT_LEVEL
} Unit;

typedef struct Setting
{
	const char *name;
	Unit unit;
	size_t offset;
	const char *standard;
	int64_t min;
	int64_t max;
	bool reloadable;
	const char *help;
} Setting;

#define AT(field) offsetof(Config, field)

/* clang-format off */
static const Setting settings[] = {
	{"listen", UNIT_TEXT, AT(listen), "127.0.0.1:8000", 0, 0, false,
	 "Addresses and ports to listen on, comma separated; [::1]:8000 for IPv6."},
	{"database", UNIT_TEXT, AT(database), "dbname=oms user=omsd", 0, 0, false,
	 "libpq connection string (keyword=value or URI) of the login role."},
	{"signing_keys", UNIT_TEXT, AT(signing_keys), "", 0, 0, true,
	 "File with the keys of access tokens: a line is [kid] secret, 32 characters or more; the first signs, all verify. Required."},
	{"openapi", UNIT_TEXT, AT(openapi), OMSD_SHARE "/openapi.json", 0, 0, false,
	 "OpenAPI document; it is the routing table."},
	{"docs", UNIT_TEXT, AT(docs), OMSD_SHARE "/docs", 0, 0, false,
	 "Directory with the files of Swagger UI."},
	{"public_url", UNIT_TEXT, AT(public_url), "", 0, 0, true,
	 "Scheme and host that links begin with (https://oms.example.com); empty: those of the request."},
	{"trusted_proxies", UNIT_TEXT, AT(trusted_proxies), "", 0, 0, true,
	 "Addresses, comma separated, whose X-Forwarded-For is believed."},
	{"issuer", UNIT_TEXT, AT(issuer), "oms", 0, 0, false,
	 "Claim iss of access tokens."},
	{"audience", UNIT_TEXT, AT(audience), "oms-api", 0, 0, false,
	 "Claim aud of access tokens."},
	{"tls_certificate", UNIT_TEXT, AT(tls_certificate), "", 0, 0, false,
	 "PEM file with certificate and chain; with it all listeners speak TLS 1.2 and 1.3 only."},
	{"tls_key", UNIT_TEXT, AT(tls_key), "", 0, 0, false,
	 "PEM file with the private key of tls_certificate."},
	{"access_log", UNIT_TEXT, AT(access_log), "-", 0, 0, true,
	 "File of the access log, one JSON object a line; - is standard output, off is none."},
	{"error_log", UNIT_TEXT, AT(error_log), "-", 0, 0, true,
	 "File of the error log, one JSON object a line; - is standard error."},
	{"log_level", UNIT_LEVEL, AT(log_level), "info", LOG_LEVEL_DEBUG, LOG_LEVEL_ERROR, true,
	 "Least severity in the error log: debug, info, warning, error."},
	{"threads", UNIT_NUMBER, AT(threads), "1", 1, 64, false,
	 "Event loops; each has its own connections to the database."},
	{"max_connections", UNIT_NUMBER, AT(max_connections), "4000", 1, 1000000, true,
	 "Clients at the same time, per thread; more are closed at once."},
	{"max_exports", UNIT_NUMBER, AT(max_exports), "32", 0, 1000000, true,
	 "Whole lists being sent at the same time, per thread; more are answered 503."},
	{"request_timeout", UNIT_MS, AT(request_timeout), "15s", 100, 3600000, true,
	 "Time for a request's headers and body, and for an idle connection."},
	{"write_timeout", UNIT_MS, AT(write_timeout), "20s", 0, 3600000, true,
	 "Time a client may leave sent data unacknowledged (TCP_USER_TIMEOUT); 0 is the system's."},
	{"drain_timeout", UNIT_MS, AT(drain_timeout), "10s", 0, 3600000, true,
	 "Time that a shutdown waits for requests in progress."},
	{"header_limit", UNIT_BYTES, AT(header_limit), "16kB", 1024, 262144, true,
	 "Largest path and headers of a request, together."},
	{"body_limit", UNIT_BYTES, AT(body_limit), "256kB", 1024, BODY_LIMIT_MAX, true,
	 "Largest request body, but of operations that take larger ones."},
	{"large_body_memory", UNIT_BYTES, AT(large_body_memory), "64MB", 0, 17179869184, true,
	 "Bodies larger than body_limit that are under way at the same time, together; more are answered 503."},
	{"body_depth", UNIT_NUMBER, AT(body_depth), "32", 1, 1000, true,
	 "Deepest nesting of arrays and objects in a request body."},
	{"gzip_min", UNIT_BYTES, AT(gzip_min), "1kB", 0, 67108864, false,
	 "Smallest reply that is compressed for clients that ask for it; 0 compresses none."},
	{"access_token_time", UNIT_MS, AT(access_token_time), "15min", 1000, 86400000, true,
	 "Life of an access token."},
	{"pool_fast", UNIT_NUMBER, AT(pool_fast), "3", 1, 100, false,
	 "Pipelined connections for each of the roles staff and admin, per thread."},
	{"pool_login", UNIT_NUMBER, AT(pool_login), "2", 1, 100, false,
	 "Connections for logging in, one request at a time each, per thread."},
	{"pool_slow", UNIT_NUMBER, AT(pool_slow), "1", 1, 100, false,
	 "Connections for reports, one request at a time each, per thread."},
	{"pipeline_depth", UNIT_NUMBER, AT(pipeline_depth), "64", 1, 1000, false,
	 "Requests under way on one pipelined connection."},
	{"queue_limit", UNIT_NUMBER, AT(queue_limit), "2000", 1, 1000000, true,
	 "Requests that wait for a connection, per pool; more are answered 503."},
	{"queue_timeout", UNIT_MS, AT(queue_timeout), "3s", 100, 600000, true,
	 "Longest wait for a connection, then 503."},
	{"connect_timeout", UNIT_MS, AT(connect_timeout), "5s", 100, 600000, true,
	 "Time to connect to the database and to prepare the statements."},
	{"reconnect_max", UNIT_MS, AT(reconnect_max), "2s", 100, 600000, true,
	 "Longest pause between attempts to connect to the database."},
	{"fast_timeout", UNIT_MS, AT(fast_timeout), "5s", 10, 3600000, false,
	 "statement_timeout of the pipelined connections, then 504."},
	{"slow_timeout", UNIT_MS, AT(slow_timeout), "30s", 10, 3600000, false,
	 "statement_timeout of the other connections, then 504."},
	{"rate_limit", UNIT_NUMBER, AT(rate_limit), "0", 0, 1000000, true,
	 "Requests a second for each account, or address where there is none; 0 is no limit."},
	{"rate_burst", UNIT_NUMBER, AT(rate_burst), "200", 1, 1000000, true,
	 "Requests at once before rate_limit holds."},
	{"login_burst", UNIT_NUMBER, AT(login_burst), "20", 0, 1000000, true,
	 "Failed logins at once to an account from an address, and ten times as many from an address to all, before 429; 0 is no limit."},
	{"login_interval", UNIT_MS, AT(login_interval), "3s", 1, 3600000, true,
	 "Time after which an address may fail once more with an account; a tenth of it with any."},
};
/* clang-format on */

#define NSETTINGS (sizeof settings / sizeof settings[0])

typedef struct UnitName
{
	Unit unit;
	const char *name;
	int64_t factor;
} UnitName;

/* the first of a unit is the one that --help names */
static const UnitName unit_names[] = {
	{UNIT_MS, "ms", 1},          {UNIT_MS, "s", 1000},     {UNIT_MS, "min", 60000},
	{UNIT_MS, "h", 3600000},     {UNIT_BYTES, "B", 1},     {UNIT_BYTES, "kB", 1024},
	{UNIT_BYTES, "MB", 1048576}, {UNIT_LEVEL, "debug", 0}, {UNIT_LEVEL, "info", 1},
	{UNIT_LEVEL, "warning", 2},  {UNIT_LEVEL, "error", 3},
};

#define NUNITS (sizeof unit_names / sizeof unit_names[0])

static Config *current;

static bool parse_file(Config *into, const char *file, Buf *error);
static bool set_value(Config *into, const Setting *setting, const char *value, Buf *error);
static void free_config(Config *old);

const Config *
config(void)
{
	return __atomic_load_n(&current, __ATOMIC_ACQUIRE);
}

/* defaults, then the file, then the environment; NULL if something is wrong */
static Config *
read_all(const char *file, Buf *error)
{
	Config *fresh = xcalloc(1, sizeof *fresh);
	bool ok = true;

	for (size_t i = 0; i < NSETTINGS && ok; i++)
		ok = set_value(fresh, &settings[i], settings[i].standard, error);
	if (ok && file)
		ok = parse_file(fresh, file, error);
	for (size_t i = 0; i < NSETTINGS && ok; i++)
	{
		char name[64] = "OMS_";
		const char *value;

		for (size_t k = 0; settings[i].name[k]; k++)
			name[4 + k] = (char) toupper((unsigned char) settings[i].name[k]);
		if ((value = getenv(name)) != NULL && !set_value(fresh, &settings[i], value, error))
		{
			buf_fmt(error, " (environment variable %s)", name);
			ok = false;
		}
	}
	if (!ok)
	{
		free_config(fresh);
		return NULL;
	}
	return fresh;
}

bool
config_load(const char *file, Buf *error)
{
	Config *fresh = read_all(file, error);

	if (!fresh)
		return false;
	current = fresh;
	return true;
}

bool
config_reload(const char *file, Buf *note, Buf *error)
{
	Config *fresh = read_all(file, error);

	if (!fresh)
		return false;
	for (size_t i = 0; i < NSETTINGS; i++)
	{
		char *was = (char *) current + settings[i].offset;
		char *now = (char *) fresh + settings[i].offset;

		if (settings[i].reloadable)
			continue;
		if (settings[i].unit == UNIT_TEXT)
		{
			char **was_text = (char **) was;
			char **now_text = (char **) now;

			if (strcmp(*was_text, *now_text) == 0)
				continue;
			free(*now_text);
			*now_text = xstrdup(*was_text);
		}
		else
		{
			if (*(int64_t *) was == *(int64_t *) now)
				continue;
			*(int64_t *) now = *(int64_t *) was;
		}
		buf_fmt(note, "%s%s", note->len ? ", " : "", settings[i].name);
	}
	fresh->retired = current;
	__atomic_store_n(&current, fresh, __ATOMIC_RELEASE);
	return true;
}

static char *
trim(char *text)
{
	char *end;

	while (isspace((unsigned char) *text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char) end[-1]))
		*--end = '\0';
	return text;
}

/* one "name = value"; the value may stand in single or double quotes */
static bool
parse_line(Config *into, char *line, Buf *error)
{
	char *equal;
	char *name;
	char *value;
	size_t len;

	line = trim(line);
	if (*line == '\0' || *line == '#')
		return true;
	if ((equal = strchr(line, '=')) == NULL)
	{
		buf_fmt(error, "expected \"name = value\", found \"%s\"", line);
		return false;
	}
	*equal = '\0';
	name = trim(line);
	value = trim(equal + 1);
	len = strlen(value);
	if (len >= 2 && (value[0] == '\'' || value[0] == '"') && value[len - 1] == value[0])
	{
		value[len - 1] = '\0';
		value++;
	}
	for (size_t i = 0; i < NSETTINGS; i++)
		if (strcmp(settings[i].name, name) == 0)
			return set_value(into, &settings[i], value, error);
	buf_fmt(error, "there is no setting \"%s\"; omsd --help lists them", name);
	return false;
}

static bool
parse_file(Config *into, const char *file, Buf *error)
{
	FILE *in = fopen(file, "re");
	char *line = NULL;
	size_t cap = 0;
	unsigned number = 0;
	bool ok = true;

	if (!in)
	{
		buf_fmt(error, "cannot read \"%s\": %s", file, strerror(errno));
		return false;
	}
	while (ok && getline(&line, &cap, in) >= 0)
	{
		number++;
		ok = parse_line(into, line, error);
	}
	if (!ok)
		buf_fmt(error, " (%s, line %u)", file, number);
	free(line);
	fclose(in);
	return ok;
}

/* reads a number with an optional unit, or a level's name */
static bool
parse_number(const Setting *setting, const char *value, int64_t *number)
{
	char *end;
	long long whole;

	errno = 0;
	whole = strtoll(value, &end, 10);
	while (*end == ' ')
		end++;
	if (end != value && *end == '\0' && setting->unit != UNIT_LEVEL)
	{
		*number = whole;
		return errno == 0;
	}
	for (size_t i = 0; i < NUNITS; i++)
	{
		if (unit_names[i].unit != setting->unit || strcasecmp(end, unit_names[i].name) != 0)
			continue;
		if (setting->unit == UNIT_LEVEL)
		{
			*number = unit_names[i].factor;
			return end == value;
		}
		return end != value && errno == 0 &&
			   !__builtin_mul_overflow((int64_t) whole, unit_names[i].factor, number);
	}
	return false;
}

static bool
set_value(Config *into, const Setting *setting, const char *value, Buf *error)
{
	char *field = (char *) into + setting->offset;
	int64_t number;

	if (setting->unit == UNIT_TEXT)
	{
		free(*(char **) field);
		*(char **) field = xstrdup(value);
		return true;
	}
	if (!parse_number(setting, value, &number))
	{
		buf_fmt(error, "%s cannot be \"%s\": %s", setting->name, value,
				setting->unit == UNIT_LEVEL   ? "use debug, info, warning or error"
				: setting->unit == UNIT_MS    ? "use a whole number with ms, s, min or h"
				: setting->unit == UNIT_BYTES ? "use a whole number with B, kB or MB"
											  : "use a whole number");
		return false;
	}
	if (number < setting->min || number > setting->max)
	{
		buf_fmt(error, "%s cannot be \"%s\": the range is %lld to %lld%s", setting->name, value,
				(long long) setting->min, (long long) setting->max,
				setting->unit == UNIT_MS      ? " ms"
				: setting->unit == UNIT_BYTES ? " bytes"
											  : "");
		return false;
	}
	*(int64_t *) field = number;
	return true;
}

void
config_describe(FILE *out)
{
	static const char *const names[] = {"text", "number", "ms", "bytes", "level"};

	for (size_t i = 0; i < NSETTINGS; i++)
	{
		const Setting *s = &settings[i];

		fprintf(out, "  %-18s %-7s default \"%s\"", s->name, names[s->unit], s->standard);
		if (s->unit != UNIT_TEXT && s->unit != UNIT_LEVEL)
			fprintf(out, ", %lld to %lld", (long long) s->min, (long long) s->max);
		fprintf(out, "%s\n      %s\n", s->reloadable ? ", reloadable" : "", s->help);
	}
}

static void
free_config(Config *old)
{
	for (size_t i = 0; i < NSETTINGS; i++)
		if (settings[i].unit == UNIT_TEXT)
			free(*(char **) ((char *) old + settings[i].offset));
	free(old);
}

void
config_free(void)
{
	while (current)
	{
		Config *old = current;

		current = old->retired;
		free_config(old);
	}
}
