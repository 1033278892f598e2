/*
 * text.c
 *	  Spans, growing buffers, JSON strings, identifiers and clocks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "text.h"

static void
out_of_memory(void)
{
	fputs("omsd: out of memory\n", stderr);
	abort();
}

void *
xcalloc(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (!memory)
		out_of_memory();
	return memory;
}

char *
xstrdup(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		out_of_memory();
	return copy;
}

/* makes room for more bytes and one NUL */
static void
buf_reserve(Buf *buf, size_t more)
{
	size_t cap = buf->cap ? buf->cap : 256;

	if (buf->len + more + 1 <= buf->cap)
		return;
	while (cap < buf->len + more + 1)
		cap *= 2;
	buf->data = realloc(buf->data, cap);
	if (!buf->data)
		out_of_memory();
	buf->cap = cap;
}

void
buf_add(Buf *buf, const char *base, size_t len)
{
	buf_reserve(buf, len);
	if (len)
		memcpy(buf->data + buf->len, base, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void
buf_str(Buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void
buf_fmt(Buf *buf, const char *format, ...)
{
	va_list args;
	va_list again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len > 0)
	{
		buf_reserve(buf, (size_t) len);
		vsnprintf(buf->data + buf->len, (size_t) len + 1, format, again);
		buf->len += (size_t) len;
	}
	va_end(again);
}

void
buf_free(Buf *buf)
{
	free(buf->data);
	*buf = (Buf){NULL, 0, 0};
}

int
utf8_length(const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *) text;
	uint32_t code;
	int n;

	if (len == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
	if (p[0] < 0xC2 || p[0] > 0xF4 || len < (size_t) n)
		return 0;
	code = p[0] & (0xFFu >> (n + 1));
	for (int i = 1; i < n; i++)
	{
		if ((p[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3Fu);
	}
	/* overlong forms, surrogates and what lies beyond Unicode are refused */
	if ((n == 3 && code < 0x800) || (n == 4 && (code < 0x10000 || code > 0x10FFFF)) ||
		(code >= 0xD800 && code <= 0xDFFF))
		return 0;
	return n;
}

void
buf_json(Buf *buf, Span text)
{
	size_t from = 0;
	size_t i = 0;

	buf_reserve(buf, text.len + 2);
	buf_char(buf, '"');
	while (i < text.len)
	{
		unsigned char c = (unsigned char) text.base[i];
		int n = utf8_length(text.base + i, text.len - i);

		if (n > 1 || (n == 1 && c >= 0x20 && c != '"' && c != '\\'))
		{
			i += (size_t) n;
			continue;
		}
		buf_add(buf, text.base + from, i - from);
		if (n == 0)
			buf_str(buf, "\xEF\xBF\xBD");
		else if (c == '"' || c == '\\')
			buf_fmt(buf, "\\%c", c);
		else
			buf_fmt(buf, "\\u%04x", c);
		from = ++i;
	}
	buf_add(buf, text.base + from, i - from);
	buf_char(buf, '"');
}

void
buf_pointer(Buf *buf, Span name)
{
	buf_char(buf, '/');
	for (size_t i = 0; i < name.len; i++)
	{
		if (name.base[i] == '~' || name.base[i] == '/')
			buf_str(buf, name.base[i] == '~' ? "~0" : "~1");
		else
			buf_char(buf, name.base[i]);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

ssize_t
url_decode(Span text, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++)
	{
		char c = text.base[i];

		if (c == '+')
			c = ' ';
		else if (c == '%')
		{
			int high = i + 2 < text.len ? hex_digit(text.base[i + 1]) : -1;
			int low = i + 2 < text.len ? hex_digit(text.base[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -1;
			c = (char) (high << 4 | low);
			i += 2;
		}
		if (c == '\0')
			return -1;
		out[len++] = c;
	}
	for (size_t i = 0; i < len;)
	{
		int n = utf8_length(out + i, len - i);

		if (n == 0)
			return -1;
		i += (size_t) n;
	}
	return (ssize_t) len;
}

ssize_t
base64url_decode(Span text, unsigned char *out, size_t cap)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned nbits = 0;
	size_t len = 0;

	if (text.len % 4 == 1 || text.len * 3 / 4 > cap)
		return -1;
	for (size_t i = 0; i < text.len; i++)
	{
		const char *at = text.base[i] ? strchr(alphabet, text.base[i]) : NULL;

		if (!at)
			return -1;
		bits = bits << 6 | (uint32_t) (at - alphabet);
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			out[len++] = (unsigned char) (bits >> nbits);
			bits &= (1u << nbits) - 1;
		}
	}
	return bits ? -1 : (ssize_t) len;
}

bool
parse_int64(Span text, int64_t *value)
{
	uint64_t sum = 0;

	if (text.len == 0 || text.len > 19)
		return false;
	for (size_t i = 0; i < text.len; i++)
	{
		if (text.base[i] < '0' || text.base[i] > '9')
			return false;
		sum = sum * 10 + (uint64_t) (text.base[i] - '0');
	}
	if (sum > INT64_MAX)
		return false;
	*value = (int64_t) sum;
	return true;
}

void
uuid7(char out[UUID_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";
	static __thread unsigned char pool[640];
	static __thread size_t left = 0;
	unsigned char id[16];
	struct timespec now;
	uint64_t ms;
	char *p = out;

	/* one system call for 64 identifiers */
	if (left < 10)
	{
		if (getrandom(pool, sizeof pool, 0) != (ssize_t) sizeof pool)
			abort();
		left = sizeof pool;
	}
	left -= 10;
	memcpy(id + 6, pool + left, 10);
	clock_gettime(CLOCK_REALTIME, &now);
	ms = (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
	for (int i = 0; i < 6; i++)
		id[i] = (unsigned char) (ms >> (40 - 8 * i));
	id[6] = (id[6] & 0x0F) | 0x70;
	id[8] = (id[8] & 0x3F) | 0x80;
	for (int i = 0; i < 16; i++)
	{
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[id[i] >> 4];
		*p++ = hex[id[i] & 15];
	}
	*p = '\0';
}

int64_t
clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_ms(void)
{
	return clock_us() / 1000;
}
