/* SPDX-License-Identifier: MIT */
/* test_decide.c - decide() against decide.vectors, whose head explains its lines. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf.h"
#include "decide.h"

#ifndef VECTORS
#define VECTORS "tests/unit/decide.vectors"
#endif

struct word {
	const char *name;
	int value;
};

static const struct word calls[] = {{"socket", CALL_SOCKET}, {"connect", CALL_CONNECT},
				    {"send", CALL_SEND},     {"bind", CALL_BIND},
				    {"listen", CALL_LISTEN}, {"option", CALL_OPTION},
				    {"lookup", CALL_LOOKUP}, {"inherit", CALL_INHERIT},
				    {"accept", CALL_ACCEPT}, {NULL, 0}};
static const struct word families[] = {
	{"unspec", AF_UNSPEC},	     {"unix", AF_UNIX}, {"inet", AF_INET},
	{"inet6", AF_INET6},	     {"key", AF_KEY},	{"netlink", AF_NETLINK},
	{"packet", AF_PACKET},	     {"alg", AF_ALG},	{"vsock", AF_VSOCK},
	{"bluetooth", AF_BLUETOOTH}, {"can", AF_CAN},	{NULL, 0}};
static const struct word types[] = {
	{"stream", SOCK_STREAM}, {"dgram", SOCK_DGRAM},		{"raw", SOCK_RAW},
	{"rdm", SOCK_RDM},	 {"seqpacket", SOCK_SEQPACKET}, {NULL, 0}};
static const struct word verdicts[] = {{"pass", VERDICT_PASS},	   {"proxy", VERDICT_PROXY},
				       {"answer", VERDICT_ANSWER}, {"narrow", VERDICT_NARROW},
				       {"refuse", VERDICT_REFUSE}, {NULL, 0}};
static const struct word errors[] = {{"ECONNREFUSED", ECONNREFUSED},
				     {"EHOSTUNREACH", EHOSTUNREACH},
				     {"ENETUNREACH", ENETUNREACH},
				     {"ENETDOWN", ENETDOWN},
				     {"EPROTONOSUPPORT", EPROTONOSUPPORT},
				     {"ESOCKTNOSUPPORT", ESOCKTNOSUPPORT},
				     {"EAFNOSUPPORT", EAFNOSUPPORT},
				     {"EACCES", EACCES},
				     {"EPERM", EPERM},
				     {"EINVAL", EINVAL},
				     {"ENODEV", ENODEV},
				     {"ENOENT", ENOENT},
				     {NULL, 0}};
static const struct word reasons[] = {{"localhost", REASON_LOCALHOST}, {"udp", REASON_UDP},
				      {"icmp", REASON_ICMP},	       {"raw", REASON_RAW},
				      {"multicast", REASON_MULTICAST}, {"family", REASON_FAMILY},
				      {"protocol", REASON_PROTOCOL},   {"mptcp", REASON_MPTCP},
				      {"rule", REASON_RULE},	       {"inbound", REASON_INBOUND},
				      {"stale", REASON_STALE},	       {"direct", REASON_DIRECT},
				      {"inherited", REASON_INHERITED}, {"unix", REASON_UNIX},
				      {"device", REASON_DEVICE},       {"dns", REASON_DNS},
				      {"broken", REASON_BROKEN},       {NULL, 0}};

static const struct {
	const char *name;
	int domain, type, protocol;
} sockets[] = {
	{"-", AF_UNSPEC, 0, 0},
	{"tcp", AF_INET, SOCK_STREAM, IPPROTO_TCP},
	{"tcp6", AF_INET6, SOCK_STREAM, IPPROTO_TCP},
	{"udp", AF_INET, SOCK_DGRAM, IPPROTO_UDP},
	{"udp6", AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
	{"ping", AF_INET, SOCK_DGRAM, IPPROTO_ICMP},
	{"raw", AF_INET, SOCK_RAW, IPPROTO_ICMP},
	{"mptcp", AF_INET, SOCK_STREAM, 262},
	{"unix", AF_UNIX, SOCK_STREAM, 0},
};

static struct conf c;
static struct settings s;
static unsigned int line_number;

static int lookup(const struct word *table, const char *name)
{
	char *end;
	long n = strtol(name, &end, 10);

	if (*name && !*end)
		return (int)n;
	for (; table->name; table++)
		if (!strcmp(table->name, name))
			return table->value;
	fail_msg("line %u: %s is unknown", line_number, name);
	return 0;
}

static void read_socket(struct call *call, char *text)
{
	char *type, *protocol;
	size_t i;

	for (i = 0; i < sizeof(sockets) / sizeof(*sockets); i++) {
		if (strcmp(sockets[i].name, text))
			continue;
		call->domain = sockets[i].domain;
		call->type = sockets[i].type;
		call->protocol = sockets[i].protocol;
		return;
	}
	type = strchr(text, '/');
	protocol = type ? strchr(type + 1, '/') : NULL;
	if (!protocol)
		fail_msg("line %u: socket %s", line_number, text);
	*type = *protocol = '\0';
	call->domain = lookup(families, text);
	call->type = lookup(types, type + 1);
	call->protocol = lookup(types, protocol + 1);
}

static void read_to(struct call *call, const char *text)
{
	if (!addr_parse_port(&call->to, text, strlen(text)))
		fail_msg("line %u: what is %s?", line_number, text);
	call->has_to = true;
	call->family = *text == '[' ? AF_INET6 : AF_INET;
	call->is_virtual =
		net_contains(&s.virtual4, &call->to) || net_contains(&s.virtual6, &call->to);
}

static struct ids ids;

static void read_word(struct call *call, char *word)
{
	if (!strncmp(word, "name=", 5)) {
		call->name = word + 5;
		call->name_len = strlen(call->name);
	} else if (!strncmp(word, "exe=", 4)) {
		call->exe = word + 4;
	} else if (!strncmp(word, "user=", 5)) {
		ids.user = (uint32_t)atoi(word + 5);
		ids.groups[0] = ids.user + 1;
		ids.groups[1] = 2000;
		ids.group_count = 2;
		call->ids = &ids;
	} else if (!strncmp(word, "family=", 7)) {
		call->family = lookup(families, word + 7);
	} else if (!strncmp(word, "level=", 6)) {
		call->level = atoi(word + 6);
	} else if (!strncmp(word, "option=", 7)) {
		call->option = atoi(word + 7);
	} else {
		read_to(call, word);
	}
}

/* Reads what is left of the line behind "=>". */
static struct decision read_want(void)
{
	struct decision want = {0};
	char *word = strtok(NULL, " \n");

	want.verdict = (uint8_t)lookup(verdicts, word);
	if (want.verdict == VERDICT_NARROW)
		want.reason = REASON_INBOUND;
	if (want.verdict == VERDICT_REFUSE) {
		want.error = lookup(errors, strtok(NULL, " \n"));
		want.reason = (uint8_t)lookup(reasons, strtok(NULL, " \n"));
	}
	while ((word = strtok(NULL, " \n"))) {
		if (!strcmp(word, "hold"))
			want.hold = true;
		else if (!strcmp(word, "pipeline"))
			want.pipeline = true;
		else if (!strcmp(word, "optimistic"))
			want.optimistic = true;
		else if (!strncmp(word, "isolate=", 8))
			want.isolate = (uint8_t)atoi(word + 8);
		else
			want.proxy = (uint8_t)lookup(reasons, word);
	}
	return want;
}

static void check(const struct settings *settings, struct call *call, const char *line)
{
	struct decision want = read_want(), got;
	bool routed;

	if (want.verdict == VERDICT_ANSWER && call->kind != CALL_LOOKUP) {
		want.error = ECONNREFUSED; /* for who cannot answer */
		want.reason = REASON_DNS;
	}
	if (decide(settings, call, &got) != got.verdict)
		fail_msg("line %u: two verdicts", line_number);
	routed = got.verdict == VERDICT_PROXY || got.verdict == VERDICT_ANSWER;
	if (got.verdict != want.verdict || got.error != want.error || got.reason != want.reason)
		fail_msg("line %u: %sgot verdict %d, errno %d, reason %d", line_number, line,
			 got.verdict, got.error, got.reason);
	if (routed &&
	    (got.proxy != want.proxy || got.isolate != want.isolate || got.hold != want.hold ||
	     got.pipeline != want.pipeline || got.optimistic != want.optimistic))
		fail_msg("line %u: %sgot proxy %d isolate %d hold %d pipeline %d optimistic %d",
			 line_number, line, got.proxy, got.isolate, got.hold, got.pipeline,
			 got.optimistic);
}

static void check_line(const struct settings *settings, char *line)
{
	char copy[1024], *word;
	struct call call = {0};

	snprintf(copy, sizeof(copy), "%s", line);
	call.kind = (uint8_t)lookup(calls, strtok(line, " \n"));
	read_socket(&call, strtok(NULL, " \n"));
	call.family = call.domain;
	while ((word = strtok(NULL, " \n")) && strcmp(word, "=>"))
		read_word(&call, word);
	assert_non_null(word);
	check(settings, &call, copy);
}

static void finish_settings(bool *open)
{
	if (!*open)
		return;
	*open = false;
	if (conf_end(&c) || conf_finish(&c))
		fail_msg("%s", c.error);
}

static void test_vectors(void **state)
{
	const char *path = getenv("VECTORS") ? getenv("VECTORS") : VECTORS;
	bool open = false, none = false;
	FILE *f = fopen(path, "r");
	unsigned int vectors = 0;
	char line[1024];

	(void)state;
	if (!f)
		fail_msg("cannot read %s", path);
	for (line_number = 1; fgets(line, sizeof(line), f); line_number++) {
		if (*line == '#' || *line == '\n')
			continue;
		if (*line == '>') {
			none = !strcmp(line, "> -\n");
			if (!open) {
				conf_init(&c, &s);
				conf_source(&c, path);
			}
			open = true;
			if (!strcmp(line, "> everywhere\n"))
				s.everywhere = true;
			else if (!none && conf_feed(&c, line + 1, strlen(line + 1)))
				fail_msg("line %u: %s", line_number, c.error);
			continue;
		}
		finish_settings(&open);
		check_line(none ? NULL : &s, line);
		vectors++;
	}
	fclose(f);
	assert_true(vectors > 200);
}

/* What the program's user is told about each refusal. */
static void test_words(void **state)
{
	int r;

	(void)state;
	for (r = REASON_NONE + 1; r < REASON_COUNT; r++) {
		assert_true(reason_words((enum reason)r)[0]);
		assert_non_null(reason_hint((enum reason)r));
	}
	assert_string_equal(reason_words(REASON_COUNT), "");
	assert_string_equal(reason_hint((enum reason) - 1), "");
}

/* An unknown kind of call is refused, with and without settings. */
static void test_unknown_kind(void **state)
{
	struct call call = {.kind = 200, .domain = AF_INET};
	struct decision d;

	(void)state;
	assert_int_equal(decide(NULL, &call, &d), VERDICT_REFUSE);
	assert_int_equal(decide(&s, &call, &d), VERDICT_REFUSE);
	assert_int_not_equal(d.error, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_unknown_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
