/* SPDX-License-Identifier: MIT */
/*
 * fuzz_report.c - properties of reports and of JSON: what was written is read back byte for byte,
 * whatever the names are; what json_read() finds good lies in its bounds, and so do its members; an
 * answer that is taken is one that may be used.
 */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report.h"
#include "socks.h"

#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			abort();                                                                   \
	} while (0)

static void inside(const struct json_value *v, const char *text, size_t len)
{
	CHECK(v->len && v->at >= text && v->at + v->len <= text + len);
}

/* A text as an exact allocation, so that a read past it is seen. */
static char *copy(const uint8_t *data, size_t len)
{
	char *text = malloc(len ? len : 1);

	CHECK(text);
	memcpy(text, data, len);
	return text;
}

static void read_any(const uint8_t *data, size_t len)
{
	char *text = copy(data, len), back[64];
	struct json_value all, v, again;
	struct report_answer a;
	uint64_t n;

	if (json_read(text, len, &all)) {
		inside(&all, text, len);
		CHECK(json_read(all.at, all.len, &again) && again.len == all.len &&
		      again.kind == all.kind);
		if (json_find(&all, "seq", &v)) {
			inside(&v, all.at, all.len);
			CHECK(json_read(v.at, v.len, &again) && again.kind == v.kind);
			json_number_of(&v, &n);
			json_text_of(&v, back, sizeof(back));
		}
	}
	if (report_read_answer(text, len, &a)) {
		CHECK(a.seq && a.error >= 0 && a.user_len <= REPORT_USER);
		CHECK(!memchr(a.user, 0, a.user_len));
		CHECK(all.kind == JSON_OBJECT);
	}
	free(text);
}

static void same(const struct json_value *all, const char *key, const char *text, size_t len)
{
	struct json_value v;
	char back[1024];

	CHECK(json_find(all, key, &v));
	CHECK(json_text_of(&v, back, sizeof(back)) == (long)len && !memcmp(back, text, len));
}

static void write_any(const uint8_t *data, size_t len)
{
	size_t host = len < 255 ? len : 255, user = (len - host) < 255 ? len - host : 255;
	char out[REPORT_LINE], exe[256] = "", *text = copy(data, len);
	struct report r = {.event = (uint8_t)(len % (REPORT_LOST + 1)),
			   .command = SOCKS_CONNECT,
			   .seq = 7,
			   .host = text,
			   .host_len = host,
			   .user = text + host,
			   .user_len = user,
			   .by.exe = exe};
	struct json_value all, v;
	uint64_t seq;
	size_t n;

	memcpy(exe, text, host);
	n = report_print(&r, out);
	CHECK(n < sizeof(out) && out[n - 1] == '\n' && !memchr(out, '\n', n - 1));
	CHECK(json_read(out, n, &all));
	CHECK(json_find(&all, "seq", &v) && json_number_of(&v, &seq) && seq == 7);
	if (r.event == REPORT_CONNECT) {
		same(&all, "host", text, host);
		if (user)
			same(&all, "socks_user", text + host, user);
	}
	if (*exe && !json_find(&all, "cut", &v))
		same(&all, "exe", exe, strlen(exe));
	free(text);
}

static void target_any(const uint8_t *data, size_t len)
{
	char text[256];
	struct report_target t;

	len = len < sizeof(text) - 1 ? len : sizeof(text) - 1;
	memcpy(text, data, len);
	text[len] = 0;
	if (!report_target(text, &t) && t.path)
		CHECK(t.path > text && t.path < text + sizeof(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	read_any(data, len);
	write_any(data, len);
	target_any(data, len);
	return 0;
}
