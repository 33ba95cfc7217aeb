/* SPDX-License-Identifier: MIT */
/* stream_words.c - a stream, and why it failed, in words for a log line. */
#include <errno.h>
#include <string.h>

#include "conf.h"
#include "stream.h"

void stream_words(struct bytes_out *o, const struct stream *st, const struct session *s)
{
	char name[NAME_MAX_LEN + 1], text[ADDR_TEXT], url[512];

	if (st->name < 0 || names_get(session_names(s), (uint32_t)st->name, name) < 0) {
		addr_print_port(&st->to, text);
		bytes_put_text(o, text);
	} else {
		bytes_put_text(o, name);
		if (st->command == SOCKS_CONNECT) {
			bytes_put_text(o, ":");
			bytes_put_number(o, st->to.port);
		}
	}
	bytes_put_text(o, " through ");
	conf_print_proxy(&s->settings.proxies[st->proxy % SETTINGS_PROXIES], false, url,
			 sizeof(url));
	bytes_put_text(o, url);
}

/* The controller did not hear of it, or does not want it. */
static void told(struct bytes_out *o, const struct stream *st, const struct session *s)
{
	if (st->report.told == TOLD_DENIES) {
		bytes_put_text(o, "the controller denies it");
		return;
	}
	bytes_put_text(o, "cannot be reported to ");
	bytes_put_text(o, s->settings.text + s->settings.report);
	bytes_put_text(o, ": ");
	bytes_put_text(o, strerror(st->report.error));
	bytes_put_text(o, "; start the controller, or set ReportMode optional");
}

/* The proxy refused by a decision of its own, not since the target could not be reached. */
static bool by_its_rules(const struct stream *st, const struct proxy *p)
{
	if (st->command != SOCKS_CONNECT && p->protocol == SOCKS_V5 &&
	    st->socks.code == SOCKS5_NO_COMMAND)
		return true; /* it knows no RESOLVE */
	return !p->tor && socks_code_errno(p->protocol, st->socks.code) == EACCES;
}

bool stream_proxy_fails(const struct stream *st, const struct session *s)
{
	const struct proxy *p = &s->settings.proxies[st->proxy % SETTINGS_PROXIES];

	if (st->report.told != TOLD_FINE)
		return st->report.told == TOLD_NOT;
	return st->state == STREAM_CONNECTING || !st->socks.replied ||
	       !socks_code_errno(p->protocol, st->socks.code) || by_its_rules(st, p);
}

/* A request that came early, and no reply: some proxies lose it, others close. */
static void early_words(struct bytes_out *o, const struct stream *st)
{
	bool silent = !st->socks.replied &&
		      (st->socks.error == ETIMEDOUT || st->socks.error == ECONNREFUSED);

	if (!st->requested || !silent)
		return;
	if (st->pipeline)
		bytes_put_text(o, " (one that is not Tor may need Pipeline no)");
	else if (st->optimistic)
		bytes_put_text(o, " (it may need Optimistic no)");
}

void stream_error_words(struct bytes_out *o, const struct stream *st, const struct session *s,
			int error)
{
	if (st->report.told != TOLD_FINE) {
		told(o, st, s);
	} else if (st->bound && error == ENETUNREACH) {
		bytes_put_text(o, "the program has bound its socket to IPv6, and the proxy is on "
				  "IPv4; leave the choice to the kernel");
	} else if (st->state == STREAM_CONNECTING || !st->socks.error) {
		bytes_put_text(o, "cannot reach the proxy: ");
		bytes_put_text(o, strerror(error));
		bytes_put_text(o, "; start it, or name another with Proxy");
	} else {
		bytes_put_text(
			o, socks_words(&st->socks,
				       s->settings.proxies[st->proxy % SETTINGS_PROXIES].protocol));
		early_words(o, st);
		if (st->command != SOCKS_CONNECT && st->socks.replied && stream_proxy_fails(st, s))
			bytes_put_text(o, "; set Resolve virtual");
	}
}
