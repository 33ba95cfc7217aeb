/* SPDX-License-Identifier: MIT */
/* conf_finish.c - defaults, and the checks that need more than one setting. */
#include <errno.h>
#include <string.h>

#include "conf_parts.h"
#include "doors.h"
#include "report.h"
#include "socks.h"

/* An error about a setting, at the place where it was made. */
static int fail_at(struct conf *c, enum setting_id id, const char *what, const char *more)
{
	memcpy(c->source, c->origin[id].source, sizeof(c->source));
	c->line = c->origin[id].line;
	return conf_fail(c, setting_table[id].key, what, more);
}

static int check_proxy(struct conf *c, struct proxy *p)
{
	char url[ADDR_TEXT + 256];

	if (p->protocol != SOCKS_V5 || !p->credentials || p->password_len)
		return 0;
	if (!p->tor) {
		conf_print_proxy(p, false, url, sizeof(url));
		return fail_at(c, SETTING_ID_proxy,
			       "a user without a password, and no PasswordFile:", url);
	}
	/* RFC 1929 wants 1..255 bytes; Tor compares user and password alike. */
	p->password[0] = '0';
	p->password_len = 1;
	return 0;
}

static bool is_set(const struct addr *a)
{
	return !addr_is_any(a);
}

/* A proxy inside a virtual network could never be reached. */
static int check_networks(struct conf *c, const struct proxy *p)
{
	const struct settings *s = c->out;

	if (is_set(&p->at) && net_contains(&s->virtual4, &p->at))
		return fail_at(c, SETTING_ID_virtual4, "contains a proxy's address:", p->host);
	if (is_set(&p->at) && net_contains(&s->virtual6, &p->at))
		return fail_at(c, SETTING_ID_virtual6, "contains a proxy's address:", p->host);
	return 0;
}

static int check_resolve(struct conf *c, const struct proxy *p)
{
	if (c->out->resolve != RESOLVE_REMOTE || p->tor)
		return 0;
	return fail_at(c, SETTING_ID_resolve,
		       "remote needs Tor's extensions (a tor:// proxy), not this proxy:", p->host);
}

/* Each process has a working directory of its own, and none of them is ours to choose. */
static int check_path(struct conf *c, enum setting_id id, uint16_t offset)
{
	const char *path = c->out->text + offset;

	return !*path || *path == '/' ? 0 : fail_at(c, id, "must be an absolute path", "");
}

static int check_doors(struct conf *c)
{
	const char *list = c->out->text + c->out->unix_sockets, *wrong = doors_check(list);

	return wrong ? fail_at(c, SETTING_ID_unix_sockets, wrong, list) : 0;
}

/* Answers come back on a connection that is a process's own. */
static int check_report(struct conf *c)
{
	const struct settings *s = c->out;
	const char *text = s->text + s->report, *wrong;
	struct report_target t;

	wrong = report_target(text, &t);
	if (wrong)
		return fail_at(c, SETTING_ID_report, wrong, text);
	if (strlen(s->text + s->tag) > REPORT_TAG)
		return fail_at(c, SETTING_ID_tag, "is longer than 64 bytes", "");
	if (s->report_ack && t.kind != REPORT_UNIX && t.kind != REPORT_TCP)
		return fail_at(c, SETTING_ID_report_ack, "yes needs Report unix: or tcp:, not",
			       text);
	if (s->report_mode == REPORT_REQUIRED && t.kind == REPORT_NOWHERE)
		return fail_at(c, SETTING_ID_report_mode, "required without Report", "");
	return 0;
}

int conf_finish(struct conf *c)
{
	struct settings *s = c->out;
	unsigned int i;
	int ret = c->error[0] ? -EINVAL : 0;

	for (i = 0; i < SETTING_COUNT && !ret; i++)
		ret = c->origin[i].source[0] ? 0 : conf_default(c, (enum setting_id)i);
	for (i = 0; i < s->proxy_count && !ret; i++) {
		ret = check_proxy(c, &s->proxies[i]);
		if (!ret)
			ret = check_networks(c, &s->proxies[i]);
		if (!ret)
			ret = check_resolve(c, &s->proxies[i]);
	}
	if (!ret)
		ret = check_doors(c);
	if (!ret)
		ret = check_report(c);
	if (!ret)
		ret = check_path(c, SETTING_ID_password_file, s->password_file);
	return ret ? ret : check_path(c, SETTING_ID_log_file, s->log_file);
}
