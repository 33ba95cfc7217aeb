/* SPDX-License-Identifier: MIT */
/* audit.c - what follows from a policy for attempts, targets and traffic. */
#include "audit.h"

#include <string.h>

#include "conf.h"
#include "decide.h"

#define PORT_DNS 53

const struct check_info check_table[CHECK_COUNT] = {
#define CHECK(id, word, group, def, help) [CHECK_##id] = {word, help, GROUP_##group, OUTCOME_##def},
#include "checks.def"
#undef CHECK
};

static bool matches(const char *glob, const char *text)
{
	return !*glob || conf_glob(glob, text, strlen(text));
}

/* A program is named by its path or by its last part. */
static bool matches_program(const char *glob, const char *path)
{
	const char *slash = strrchr(path, '/');

	return matches(glob, path) || (slash && matches(glob, slash + 1));
}

enum outcome audit_outcome(const struct audit_policy *p, enum check check, const char *target,
			   const char *program)
{
	for (size_t i = 0; i < p->rule_count; i++) {
		const struct audit_rule *r = &p->rules[i];

		if (r->check == check && matches(p->text + r->target, target) &&
		    matches_program(p->text + r->program, program))
			return (enum outcome)r->outcome;
	}
	return (enum outcome)check_table[check].def;
}

static bool meets(const struct audit_policy *p, const struct audit_expect *e, const char *host,
		  const struct addr *a)
{
	if (e->is_net)
		return a && net_contains(&e->net, a);
	return conf_glob(p->text + e->glob, host, strlen(host));
}

bool audit_expected(const struct audit_policy *p, const char *host, const struct addr *a,
		    uint16_t port)
{
	for (size_t i = 0; i < p->expect_count; i++) {
		const struct audit_expect *e = &p->expect[i];

		if (port >= e->lo && port <= e->hi && meets(p, e, host, a))
			return true;
	}
	return !p->expect_count;
}

static enum check check_of_datagram(uint8_t call, bool is_virtual, uint16_t port)
{
	if (call == CALL_CONNECT && is_virtual)
		return CHECK_PROBE;
	return port == PORT_DNS ? CHECK_DNS : CHECK_UDP;
}

enum check audit_check_of(uint8_t call, uint8_t reason, bool narrowed, bool is_virtual,
			  uint16_t port)
{
	static const uint8_t of_reason[REASON_COUNT] = {
		[REASON_NONE] = CHECK_BROKEN,	      [REASON_LOCALHOST] = CHECK_LOOPBACK,
		[REASON_ICMP] = CHECK_ICMP,	      [REASON_RAW] = CHECK_RAW,
		[REASON_MULTICAST] = CHECK_MULTICAST, [REASON_FAMILY] = CHECK_FAMILY,
		[REASON_PROTOCOL] = CHECK_PROTOCOL,   [REASON_MPTCP] = CHECK_MPTCP,
		[REASON_RULE] = CHECK_RULE,	      [REASON_INBOUND] = CHECK_LISTEN,
		[REASON_STALE] = CHECK_ADDRESS,	      [REASON_DIRECT] = CHECK_ADDRESS,
		[REASON_NAME] = CHECK_NAME,	      [REASON_UNIX] = CHECK_UNIX,
		[REASON_INHERITED] = CHECK_INHERITED, [REASON_DNS] = CHECK_DNS,
		[REASON_DEVICE] = CHECK_DEVICE,	      [REASON_BROKEN] = CHECK_BROKEN,
	};

	if (reason == AUDIT_REASON_IO_URING)
		return CHECK_IO_URING;
	if (reason == AUDIT_REASON_ABI)
		return CHECK_ABI;
	if (narrowed)
		return CHECK_NARROWED;
	if (reason == REASON_UDP)
		return check_of_datagram(call, is_virtual, port);
	if (reason == REASON_LOCALHOST && port == PORT_DNS)
		return CHECK_DNS;
	return reason < REASON_COUNT ? (enum check)of_reason[reason] : CHECK_BROKEN;
}

bool audit_is_private(const struct addr *a)
{
	static const struct {
		uint8_t ip[16];
		uint8_t bits;
	} nets[] = {
		{{[10] = 255, 255, 10}, 104},
		{{[10] = 255, 255, 172, 16}, 108},
		{{[10] = 255, 255, 192, 168}, 112},
		{{[10] = 255, 255, 169, 254}, 112},
		{{[10] = 255, 255, 100, 64}, 106},
		{{0xfc}, 7},
		{{0xfe, 0x80}, 10},
	};

	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
		struct net n = {.bits = nets[i].bits};

		memcpy(n.base.ip, nets[i].ip, sizeof(n.base.ip));
		if (net_contains(&n, a))
			return true;
	}
	return false;
}

/* ---- limits: runs of streams to the same host, or host and port ---- */

struct sums {
	uint64_t sent, received, all;
};

static bool same_host(const struct audit_traffic *a, const struct audit_traffic *b)
{
	return strcmp(a->host, b->host) == 0;
}

static size_t run_of(const struct audit_traffic *t, size_t count, bool with_port, struct sums *s)
{
	size_t n = 0;

	memset(s, 0, sizeof(*s));
	for (; n < count && same_host(t, &t[n]) && (!with_port || t[n].port == t->port); n++) {
		if (!t[n].counted)
			continue;
		s->sent += t[n].sent;
		s->received += t[n].received;
	}
	s->all = s->sent + s->received;
	return n;
}

/* How often a stream lasted less than `ns`, and the next began less than `ns` after it had. */
static uint64_t cycles(const struct audit_traffic *t, size_t count, uint64_t ns)
{
	uint64_t n = 0;

	for (size_t i = 1; i < count; i++)
		n += t[i - 1].ended && t[i - 1].ended - t[i - 1].started < ns &&
		     t[i].started - t[i - 1].started < ns;
	return n;
}

static uint64_t ratio(const struct sums *s)
{
	uint64_t more = s->sent > s->received ? s->sent : s->received;
	uint64_t less = s->all - more;

	return more / (less ? less : 1);
}

void audit_limits(const struct audit_policy *p, const struct audit_traffic *t, size_t count,
		  void (*found)(void *arg, enum check check, const struct audit_traffic *first,
				uint64_t number),
		  void *arg)
{
	uint64_t total = 0, number;
	struct sums s;

	for (size_t i = 0; i < count; i++)
		total += t[i].counted ? t[i].sent + t[i].received : 0;
	for (size_t i = 0; i < count && p->max_share; i += run_of(t + i, count - i, false, &s)) {
		run_of(t + i, count - i, false, &s);
		if (s.all * 100 > total * p->max_share)
			found(arg, CHECK_SHARE, &t[i], s.all * 100 / total);
	}
	for (size_t i = 0, n; i < count; i += n) {
		n = run_of(t + i, count - i, true, &s);
		number = p->min_cycle ? cycles(t + i, n, p->min_cycle * 1000000ull) : 0;
		if (number)
			found(arg, CHECK_CYCLE, &t[i], number);
		if (p->max_asymmetry && s.all >= AUDIT_ASYMMETRY_LEAST &&
		    ratio(&s) > p->max_asymmetry)
			found(arg, CHECK_ASYMMETRY, &t[i], ratio(&s));
	}
}
