/* SPDX-License-Identifier: MIT */
/* via_relays.c - the relays of Tor's consensus, and paths through them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ctl.h"
#include "via.h"

/*
 * Identity digests are base64 in the consensus (dir-spec, "r" line), hexadecimal everywhere else.
 */
static bool fingerprint(const char *base64, char out[static VIA_FINGERPRINT])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned int bits = 0, have = 0;
	size_t n = 0;

	for (; *base64 && n < 20; base64++) {
		const char *d = strchr(digits, *base64);

		if (!d)
			return false;
		bits = bits << 6 | (unsigned int)(d - digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			sprintf(out + 2 * n++, "%02X", bits >> have & 0xff);
		}
	}
	return n == 20;
}

static bool has_flag(const char *flags, const char *flag)
{
	size_t len = strlen(flag);
	const char *p = flags;

	while ((p = strstr(p, flag))) {
		if (p[-1] == ' ' && (p[len] == ' ' || !p[len]))
			return true;
		p += len;
	}
	return false;
}

static struct relay *add(struct relays *r)
{
	if (r->count % 1024 == 0) {
		r->at = realloc(r->at, (r->count + 1024) * sizeof(*r->at));
		if (!r->at)
			ctl_die(1, "out of memory");
	}
	memset(&r->at[r->count], 0, sizeof(*r->at));
	return &r->at[r->count++];
}

static void take_line(struct relays *r, const char *line)
{
	struct relay *last = r->count ? &r->at[r->count - 1] : NULL;
	char digest[64], nickname[20];

	if (sscanf(line, "r %19s %63s ", nickname, digest) == 2) {
		last = add(r);
		memcpy(last->nickname, nickname, sizeof(nickname));
		if (!fingerprint(digest, last->fingerprint))
			r->count--;
	} else if (last && !strncmp(line, "s ", 2)) {
		last->guard = has_flag(line + 1, "Guard");
		last->exit = has_flag(line + 1, "Exit") && !has_flag(line + 1, "BadExit");
		last->usable = has_flag(line + 1, "Running") && has_flag(line + 1, "Valid");
	} else if (last && !strncmp(line, "w Bandwidth=", 12)) {
		last->bandwidth = (unsigned int)strtoul(line + 12, NULL, 10);
	}
}

struct relays relays_read(struct tor *t)
{
	struct tor_answer a = tor_ask(t, "GETINFO ns/all");
	struct relays r = {0};
	char *save = NULL;

	if (a.code != 250)
		ctl_die(1, "tor: ns/all: %u %s", a.code, a.text);
	for (char *line = strtok_r(a.text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		take_line(&r, line);
	free(a.text);
	if (!r.count)
		ctl_die(1, "Tor knows no relays yet");
	return r;
}

const struct relay *relays_find(const struct relays *r, const char *name, size_t len)
{
	if (len && *name == '$') {
		name++;
		len--;
	}
	for (size_t i = 0; i < r->count; i++) {
		const struct relay *one = &r->at[i];

		if ((len == VIA_FINGERPRINT - 1 && !strncasecmp(one->fingerprint, name, len)) ||
		    (len == strlen(one->nickname) && !strncasecmp(one->nickname, name, len)))
			return one;
	}
	return NULL;
}

/*
 * The n-th (counting round) of Tor's own guards, lines "$FINGERPRINT~nick up", that is not `exit`.
 */
static const struct relay *own_guard(const struct relays *r, const char *guards,
				     const struct relay *exit, int n)
{
	const struct relay *found[16];
	int count = 0;

	for (const char *p = guards; (p = strchr(p, '$')) && count < 16; p++) {
		const struct relay *one;
		size_t len = strcspn(p, "\n");

		if (strlen(p) < VIA_FINGERPRINT || !memmem(p, len, " up", 3))
			continue;
		one = relays_find(r, p, VIA_FINGERPRINT);
		if (one && one != exit && one->usable)
			found[count++] = one;
	}
	return count ? found[n % count] : NULL;
}

static bool may_be(const struct relay *one, const struct relay *a, const struct relay *b,
		   bool guard)
{
	return one->usable && one != a && one != b && (!guard || one->guard);
}

/* At random, the more bandwidth the likelier; a relay without any counts as 1. */
static const struct relay *draw(const struct relays *r, const struct relay *a,
				const struct relay *b, bool guard)
{
	uint64_t sum = 0, at;

	for (size_t i = 0; i < r->count; i++)
		if (may_be(&r->at[i], a, b, guard))
			sum += r->at[i].bandwidth + 1u;
	if (!sum || getrandom(&at, sizeof(at), 0) != sizeof(at))
		return NULL;
	at %= sum;
	for (size_t i = 0; i < r->count; i++) {
		if (!may_be(&r->at[i], a, b, guard))
			continue;
		if (at <= r->at[i].bandwidth)
			return &r->at[i];
		at -= r->at[i].bandwidth + 1u;
	}
	return NULL;
}

bool relays_path(const struct relays *r, const char *guards, const struct relay *exit, int hops,
		 int attempt, char out[static 3 * (VIA_FINGERPRINT + 2)])
{
	const struct relay *guard = NULL, *middle = NULL;
	char *to = out;

	if (hops > 1) {
		guard = own_guard(r, guards, exit, attempt);
		if (!guard)
			guard = draw(r, exit, NULL, true);
		if (!guard)
			return false;
		to += sprintf(to, "$%s,", guard->fingerprint);
	}
	if (hops > 2) {
		middle = draw(r, exit, guard, false);
		if (!middle)
			return false;
		to += sprintf(to, "$%s,", middle->fingerprint);
	}
	sprintf(to, "$%s", exit->fingerprint);
	return true;
}
