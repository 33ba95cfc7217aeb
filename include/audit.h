/* SPDX-License-Identifier: MIT */
/*
 * audit.h - judging a session: a policy file to rules, and what follows for attempts and streams.
 * Pure.
 *
 * A policy file has lines `Key value …`, as sockshim.conf(5) writes them:
 *	Expect HOST[:PORT[-PORT]] …         expected targets; HOST is a name, glob or network
 *	Tolerate CHECK [TARGET [PROGRAM]]   globs; of several lines for one case the first stands
 *	FailOn CHECK [TARGET [PROGRAM]]
 *	MaxShare PERCENT, MinCycle SECONDS, MaxAsymmetry RATIO
 */
#ifndef SOCKSHIM_AUDIT_H
#define SOCKSHIM_AUDIT_H

#include "addr.h"

#define AUDIT_RULES 256
#define AUDIT_EXPECTED 256
#define AUDIT_TEXT 16384
#define AUDIT_LINE 1024
#define AUDIT_ERROR 256
/* Below this many bytes a target's traffic is not called asymmetric. */
#define AUDIT_ASYMMETRY_LEAST 65536u

enum check {
#define CHECK(id, word, group, def, help) CHECK_##id,
#include "checks.def"
#undef CHECK
	CHECK_COUNT
};

/* Reasons of attempts beside those of decide.h: calls that only the filter knows. */
enum { AUDIT_REASON_IO_URING = 200, AUDIT_REASON_ABI };

enum check_group { GROUP_ATTEMPT, GROUP_STREAM, GROUP_VIEW, GROUP_COVERAGE };

enum outcome { OUTCOME_TOLERATE, OUTCOME_FAIL };

struct check_info {
	const char *word, *help;
	uint8_t group; /* enum check_group */
	uint8_t def;   /* enum outcome */
};
extern const struct check_info check_table[CHECK_COUNT];

struct audit_rule {
	uint8_t check, outcome;
	uint16_t target, program; /* globs, offsets into the text */
};

struct audit_expect {
	bool is_net;
	struct net net;
	uint16_t glob, lo, hi;
};

struct audit_policy {
	uint16_t rule_count, expect_count, text_used;
	uint32_t max_share;	/* percent; 0: no limit */
	uint32_t min_cycle;	/* ms; 0: no limit */
	uint32_t max_asymmetry; /* 0: no limit */
	struct audit_rule rules[AUDIT_RULES];
	struct audit_expect expect[AUDIT_EXPECTED];
	char text[AUDIT_TEXT];
	/* reading */
	unsigned int line;
	size_t held;
	char partial[AUDIT_LINE];
	char error[AUDIT_ERROR]; /* "line N: key: what is wrong" */
};

/* An empty policy, with the defaults. */
void audit_policy_init(struct audit_policy *p);

/* Feeds bytes of a file; ends it. 0, or -EINVAL with p->error set (the first one). */
int audit_policy_feed(struct audit_policy *p, const char *data, size_t len);
int audit_policy_end(struct audit_policy *p);

/*
 * What a case of this check does to the verdict; target and program (a path, or its last part) or
 * "".
 */
enum outcome audit_outcome(const struct audit_policy *p, enum check check, const char *target,
			   const char *program);

/* Is it a target that was expected? Without an Expect line all are. `a` may be NULL. */
bool audit_expected(const struct audit_policy *p, const char *host, const struct addr *a,
		    uint16_t port);

/*
 * Which check an attempt belongs to: by call (enum call_kind), reason (enum reason, or of those
 * above).
 */
enum check audit_check_of(uint8_t call, uint8_t reason, bool narrowed, bool is_virtual,
			  uint16_t port);

/* RFC 1918, 6598, 3927, 4193, 4291 link-local: reached by a proxy, somebody's own network. */
bool audit_is_private(const struct addr *a);

/* A stream as the limits see it. Sorted by host, port, then start. */
struct audit_traffic {
	const char *host;
	uint16_t port;
	uint64_t started, ended; /* ns; ended 0: unknown */
	uint64_t sent, received;
	bool counted; /* sent and received are known */
};

/*
 * Calls `found` for each limit that is exceeded; `first` is a stream of it, `number` what was
 * found.
 */
void audit_limits(const struct audit_policy *p, const struct audit_traffic *t, size_t count,
		  void (*found)(void *arg, enum check check, const struct audit_traffic *first,
				uint64_t number),
		  void *arg);

#endif
