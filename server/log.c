/*
 * log.c
 *	  The access log and the error log, one JSON object a line.
 *
 * Lines of the access log are gathered for each thread and written in one
 * piece at the next tick: a system call a request would cost more than the
 * rest of the line.  Nothing secret is logged: no bodies, no headers, no
 * queries.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define FLUSH_AT (64 * 1024)

static const char *const level_names[] = {"debug", "info", "warning", "error"};

static int access_fd = -1;
static int error_fd = STDERR_FILENO;

/* opens a log; standard is the descriptor that "-" means */
static bool
open_file(const char *name, int standard, int *fd, Buf *error)
{
	int fresh = -1;

	if (strcmp(name, "-") == 0)
		fresh = standard;
	else if (strcmp(name, "off") != 0 && *name)
	{
		fresh = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
		if (fresh < 0)
		{
			buf_fmt(error, "cannot write the log \"%s\": %s", name, strerror(errno));
			return false;
		}
	}
	/* dup2 keeps the number, so that other threads never see a closed one */
	if (*fd > STDERR_FILENO && fresh > STDERR_FILENO)
	{
		dup2(fresh, *fd);
		close(fresh);
	}
	else
		__atomic_store_n(fd, fresh, __ATOMIC_RELEASE);
	return true;
}

bool
log_open(Buf *error)
{
	return open_file(config()->access_log, STDOUT_FILENO, &access_fd, error) &&
		   open_file(config()->error_log, STDERR_FILENO, &error_fd, error);
}

void
log_close(void)
{
	if (access_fd > STDERR_FILENO)
		close(access_fd);
	if (error_fd > STDERR_FILENO)
		close(error_fd);
	access_fd = -1;
	error_fd = STDERR_FILENO;
}

static void
write_all(int fd, const char *text, size_t len)
{
	while (len > 0)
	{
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		len -= (size_t) n;
	}
}

/* RFC 3339 in UTC with milliseconds; the part up to seconds is kept */
static void
add_time(Buf *buf)
{
	static __thread time_t last;
	static __thread char text[24];
	struct timespec now;
	struct tm parts;
	unsigned ms;
	char fraction[6];

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != last)
	{
		last = now.tv_sec;
		gmtime_r(&last, &parts);
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
	}
	ms = (unsigned) (now.tv_nsec / 1000000);
	fraction[0] = '.';
	fraction[1] = (char) ('0' + ms / 100);
	fraction[2] = (char) ('0' + ms / 10 % 10);
	fraction[3] = (char) ('0' + ms % 10);
	fraction[4] = 'Z';
	fraction[5] = '"';
	buf_add(buf, text, 19);
	buf_add(buf, fraction, sizeof fraction);
}

static void
begin_line(Buf *line, LogLevel level)
{
	buf_str(line, "{\"time\":\"");
	add_time(line);
	buf_fmt(line, ",\"level\":\"%s\"", level_names[level]);
}

/* adds ,"name":"value" unless value is NULL */
static void
add_field(Buf *line, const char *name, const char *value)
{
	if (!value)
		return;
	buf_fmt(line, ",\"%s\":", name);
	buf_json(line, span_z(value));
}

static void
end_line(Buf *line)
{
	buf_str(line, "}\n");
	if (error_fd >= 0)
		write_all(error_fd, line->data, line->len);
	buf_free(line);
}

static bool
is_wanted(LogLevel level)
{
	return !config() || (int64_t) level >= config()->log_level;
}

void
log_note(LogLevel level, const char *format, ...)
{
	Buf line = {0};
	char text[2048];
	size_t len;
	va_list args;

	if (!is_wanted(level))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	/* libpq's messages end in a newline */
	len = strlen(text);
	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	begin_line(&line, level);
	add_field(&line, "message", text);
	end_line(&line);
}

void
log_database(LogLevel level, const Request *request, const char *what, const PGresult *result)
{
	static const struct
	{
		const char *name;
		int field;
	} fields[] = {
		{"sqlstate", PG_DIAG_SQLSTATE},
		{"message", PG_DIAG_MESSAGE_PRIMARY},
		{"detail", PG_DIAG_MESSAGE_DETAIL},
		{"hint", PG_DIAG_MESSAGE_HINT},
		{"context", PG_DIAG_CONTEXT},
		{"schema", PG_DIAG_SCHEMA_NAME},
		{"table", PG_DIAG_TABLE_NAME},
		{"column", PG_DIAG_COLUMN_NAME},
		{"constraint", PG_DIAG_CONSTRAINT_NAME},
		{"source", PG_DIAG_SOURCE_FUNCTION},
	};
	Buf line = {0};

	if (!is_wanted(level))
		return;
	begin_line(&line, level);
	add_field(&line, "request_id", request ? request->id : NULL);
	add_field(&line, "user", request ? request->user : NULL);
	add_field(&line, "call", what);
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		add_field(&line, fields[i].name, PQresultErrorField(result, fields[i].field));
	if (!PQresultErrorField(result, PG_DIAG_SQLSTATE))
		add_field(&line, "message", PQresultErrorMessage(result));
	end_line(&line);
}

/* appends a number without the cost of printf */
static void
add_number(Buf *buf, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char) ('0' + number % 10);
	while ((number /= 10) > 0);
	buf_add(buf, digits + at, sizeof digits - at);
}

#define ADD(buf, literal) buf_add(buf, literal, sizeof(literal) - 1)

void
log_access(const Request *request, size_t bytes, int64_t duration_us)
{
	Buf *buf = &request->thread->access_log;
	uint64_t us = duration_us > 0 ? (uint64_t) duration_us : 0;
	char fraction[4] = {'.', (char) ('0' + us / 100 % 10), (char) ('0' + us / 10 % 10),
						(char) ('0' + us % 10)};

	if (__atomic_load_n(&access_fd, __ATOMIC_ACQUIRE) < 0)
		return;
	ADD(buf, "{\"time\":\"");
	add_time(buf);
	ADD(buf, ",\"request_id\":\"");
	buf_str(buf, request->id);
	ADD(buf, "\",\"method\":");
	buf_json(buf, request->method_name);
	ADD(buf, ",\"path\":");
	buf_json(buf, request->path);
	ADD(buf, ",\"status\":");
	add_number(buf, (uint64_t) request->status);
	ADD(buf, ",\"bytes\":");
	add_number(buf, bytes);
	ADD(buf, ",\"duration_ms\":");
	add_number(buf, us / 1000);
	buf_add(buf, fraction, sizeof fraction);
	if (request->user)
	{
		ADD(buf, ",\"user\":");
		buf_json(buf, span_z(request->user));
	}
	ADD(buf, ",\"remote\":");
	buf_json(buf, span_z(request->remote));
	ADD(buf, "}\n");
	if (buf->len > FLUSH_AT)
		log_tick(request->thread);
}

void
log_tick(Thread *thread)
{
	int fd = __atomic_load_n(&access_fd, __ATOMIC_ACQUIRE);

	if (thread->access_log.len > 0 && fd >= 0)
		write_all(fd, thread->access_log.data, thread->access_log.len);
	thread->access_log.len = 0;
}
