/*
 * text.h
 *	  Spans, growing buffers, JSON strings, identifiers and clocks.
 */
#ifndef OMSD_TEXT_H
#define OMSD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

/* bytes that somebody else owns; not NUL-terminated */
typedef struct Span
{
	const char *base;
	size_t len;
} Span;

#define SPAN(literal) ((Span){literal, sizeof(literal) - 1})
#define SPAN_NONE ((Span){NULL, 0})

/* growing text; all zero is an empty one, buf_free() gives the memory back */
typedef struct Buf
{
	char *data;
	size_t len;
	size_t cap;
} Buf;

#define UUID_LEN 36

static inline Span
span_z(const char *text)
{
	return (Span){text, strlen(text)};
}

static inline bool
span_is(Span span, Span other)
{
	return span.len == other.len && memcmp(span.base, other.base, other.len) == 0;
}

/* appends; memory that cannot be had ends the process, as everywhere in h2o */
extern void buf_add(Buf *buf, const char *base, size_t len);
extern void buf_str(Buf *buf, const char *text);
extern void buf_fmt(Buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* appends text as a JSON string with its quotes; bytes that are no UTF-8 become U+FFFD */
extern void buf_json(Buf *buf, Span text);

/* appends a segment of a JSON pointer (RFC 6901): a slash and the name, ~ and / escaped */
extern void buf_pointer(Buf *buf, Span name);
extern void buf_free(Buf *buf);

static inline void
buf_char(Buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

static inline Span
buf_span(const Buf *buf)
{
	return (Span){buf->data ? buf->data : "", buf->len};
}

/* length of the UTF-8 character at text, 1 to 4, or 0 if there is none */
extern int utf8_length(const char *text, size_t len);

/* decodes %XX and '+'; returns the length or -1 for a broken escape, NUL or bad UTF-8 */
extern ssize_t url_decode(Span text, char *out);

/* strict base64url: no padding, canonical; returns the length or -1 */
extern ssize_t base64url_decode(Span text, unsigned char *out, size_t cap);

/* parses a whole number without sign, at most 19 digits; false if it is none or beyond int64 */
extern bool parse_int64(Span text, int64_t *value);

/* a time-ordered UUID (RFC 9562, version 7), NUL-terminated */
extern void uuid7(char out[UUID_LEN + 1]);

/* monotonic clock, microseconds and milliseconds */
extern int64_t clock_us(void);
extern int64_t clock_ms(void);

/* calloc and strdup that do not return NULL */
extern void *xcalloc(size_t count, size_t size);
extern char *xstrdup(const char *text);

#endif
