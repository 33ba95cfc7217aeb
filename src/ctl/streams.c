/* SPDX-License-Identifier: MIT */
/*
 * streams.c - `sockshimctl streams`: the live streams of sessions, in the fields of Tor's proposal
 * 173 (GETINFO conn): the table of the session says whose they are and where they lead, the kernel
 * which are open and what went through them, a control port on which circuit they are.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "ctl.h"
#include "diag.h"
#include "json_print.h"
#include "options.h"
#include "sessions.h"
#include "streams_tor.h"
#include "sys.h"

struct streams_settings {
	const char *session, *control;
	bool all, json, getinfo, watch;
	int interval, count;
};

static const struct option_row rows[] = {
	{"session", "ID", "the session of this id, or of the launcher with this pid", OPTION_TEXT,
	 offsetof(struct streams_settings, session), 0, NULL, 's'},
	{"all", NULL, "all sessions of the user, also when run inside one", OPTION_FLAG,
	 offsetof(struct streams_settings, all), 0, NULL, 'a'},
	{"watch", NULL, "show them again and again, with rates", OPTION_FLAG,
	 offsetof(struct streams_settings, watch), 0, NULL, 'w'},
	{"interval", "SECONDS", "how often with --watch (1)", OPTION_NUMBER,
	 offsetof(struct streams_settings, interval), 3600, NULL, 'i'},
	{"count", "N", "end after showing them N times", OPTION_NUMBER,
	 offsetof(struct streams_settings, count), 1000000, NULL, 'n'},
	{"json", NULL, "one JSON object a stream", OPTION_FLAG,
	 offsetof(struct streams_settings, json), 0, NULL, 'j'},
	{"getinfo", NULL, "lines of GETINFO conn/all", OPTION_FLAG,
	 offsetof(struct streams_settings, getinfo), 0, NULL, 'g'},
	{"control", "ADDR:PORT", "Tor's control port, for CIRC_ID and OR_ID", OPTION_TEXT,
	 offsetof(struct streams_settings, control), 0, NULL, 'C'},
	{0},
};

const struct option_table streams_options = {
	"sockshimctl streams",
	"[option ...]",
	"Lists the open streams of a session, or of all of the user's sessions.",
	rows,
};

struct row {
	struct stream_entry e;
	char session[17];
	char host[NAME_MAX_LEN + 1]; /* name or address */
	char program[16];
	bool open; /* the kernel has it */
	uint16_t local_port;
	uint64_t read, written;
	uint64_t read_rate, write_rate; /* bytes a second, with --watch */
	struct tor_place tor;
};

static struct list {
	struct row *at;
	size_t count, room;
} now, before;

static struct row *add(struct list *l)
{
	if (l->count == l->room) {
		l->room = l->room ? 2 * l->room : 256;
		l->at = realloc(l->at, l->room * sizeof(*l->at));
		if (!l->at)
			ctl_die(1, "out of memory");
	}
	memset(&l->at[l->count], 0, sizeof(*l->at));
	return &l->at[l->count++];
}

/* ---- the sessions ---- */

static int take_entry(void *session, const struct stream_entry *e)
{
	const struct session *s = session;
	struct row *r = add(&now);
	char text[ADDR_TEXT];

	r->e = *e;
	session_id(s, r->session);
	if (e->name >= 0 && names_get(session_names(s), (uint32_t)e->name, r->host) >= 0)
		return 0;
	addr_print(&e->to, text);
	snprintf(r->host, sizeof(r->host), "%s", text);
	return 0;
}

/* Ports of the sessions' proxies; more than there is room for: port 0 stands for all. */
static struct {
	uint16_t at[16];
	size_t count;
} ports;

static void note_port(uint16_t port)
{
	for (size_t i = 0; i < ports.count; i++)
		if (ports.at[i] == port || !ports.at[i])
			return;
	if (ports.count == sizeof(ports.at) / sizeof(ports.at[0])) {
		ports.count = 0;
		port = 0;
	}
	ports.at[ports.count++] = port;
}

static void take_session(void *arg, struct session *s)
{
	(void)arg;
	for (size_t i = 0; i < s->settings.proxy_count; i++)
		note_port(s->settings.proxies[i].at.port);
	streams_each(session_streams(s), take_entry, s);
}

static void take_program(struct row *r, const struct row *last)
{
	char path[32];
	long n;

	if (last && last->e.pid == r->e.pid) {
		memcpy(r->program, last->program, sizeof(r->program));
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/comm", r->e.pid);
	n = sys_slurp(path, r->program, sizeof(r->program) - 1);
	r->program[n > 0 ? n : 0] = 0;
	r->program[strcspn(r->program, "\n")] = 0;
}

/* ---- the kernel ---- */

static int by_cookie(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->e.cookie < y->e.cookie ? -1 : x->e.cookie > y->e.cookie;
}

static struct row *find(const struct list *l, uint64_t cookie)
{
	const struct row key = {.e = {.cookie = cookie}};

	return l->at ? bsearch(&key, l->at, l->count, sizeof(key), by_cookie) : NULL;
}

/* The handshake's bytes are not the program's. */
static uint64_t without(uint64_t all, uint64_t handshake)
{
	return all > handshake ? all - handshake : 0;
}

static void take_socket(void *arg, const struct diag *d)
{
	struct row *r = find(&now, d->cookie);

	(void)arg;
	if (!r || !d->inode) /* closed: only the kernel still sends */
		return;
	r->open = true;
	r->local_port = d->local_port;
	r->read = without(d->read, r->e.received);
	r->written = without(d->written, r->e.sent);
}

static int by_start(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->e.started < y->e.started ? -1 : x->e.started > y->e.started;
}

static void drop_closed(void)
{
	size_t n = 0;

	for (size_t i = 0; i < now.count; i++)
		if (now.at[i].open)
			now.at[n++] = now.at[i];
	now.count = n;
}

static void take_rates(double seconds)
{
	for (size_t i = 0; i < now.count; i++) {
		struct row *r = &now.at[i];
		const struct row *old = find(&before, r->e.cookie);

		if (!old || seconds <= 0)
			continue;
		r->read_rate = (uint64_t)((double)(r->read - old->read) / seconds);
		r->write_rate = (uint64_t)((double)(r->written - old->written) / seconds);
	}
}

static bool has_tor;

static void take_circuits(void)
{
	streams_tor_ask();
	for (size_t i = 0; i < now.count; i++) {
		struct row *r = &now.at[i];

		r->tor = (struct tor_place){
			.host = r->host, .port = r->e.to.port, .local_port = r->local_port};
		streams_tor_find(&r->tor);
	}
}

/* ---- all of it ---- */

/* False: there is no session. */
static bool collect(const struct streams_settings *o, double seconds)
{
	struct list old = before;
	int error = 0, sessions;

	before = now;
	now = old;
	now.count = ports.count = 0;
	sessions = sessions_each(o->session, o->all, take_session, NULL);
	if (before.at)
		qsort(before.at, before.count, sizeof(*before.at), by_cookie);
	if (!now.at) /* not one stream yet */
		return sessions > 0;
	qsort(now.at, now.count, sizeof(*now.at), by_cookie);
	for (size_t i = 0; i < ports.count && !error; i++)
		error = diag_each(ports.at[i], take_socket, NULL);
	if (error)
		ctl_die(1, "the kernel tells nothing of its sockets: %s", strerror(-error));
	drop_closed();
	take_rates(seconds);
	qsort(now.at, now.count, sizeof(*now.at), by_start);
	for (size_t i = 0; now.at && i < now.count; i++)
		take_program(&now.at[i], i ? &now.at[i - 1] : NULL);
	if (has_tor)
		take_circuits();
	return sessions > 0;
}

static uint64_t uptime(const struct row *r, uint64_t at)
{
	return at > r->e.started ? (at - r->e.started) / 1000000000u : 0;
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

/* "1.2M": four characters at most. */
static const char *short_number(uint64_t n, char out[static 8])
{
	static const char units[] = " KMGTPE";
	double v = (double)n;
	int unit = 0;

	for (; v >= 1000 && unit < 6; unit++)
		v /= 1024;
	snprintf(out, 8, unit && v < 10 ? "%.1f%c" : "%.0f%c", v, units[unit]);
	return out;
}

static void print_table(const struct streams_settings *o, uint64_t at)
{
	uint64_t read = 0, written = 0, in = 0, out = 0;
	char a[8], b[8], c[8], d[8];

	if (o->watch && isatty(1))
		fputs("\033[H\033[J", stdout);
	printf("%-10s %-8s %-6s %-6s %7s %7s %s%6s  %-7s %-15s %s\n", "CONN_ID", "CIRC_ID",
	       "L_PORT", "FLAGS", "READ", "WRITE", o->watch ? "  READ/s WRITE/s " : "", "UPTIME",
	       "PID", "PROGRAM", "IP:PORT");
	for (size_t i = 0; i < now.count; i++) {
		const struct row *r = &now.at[i];

		printf("%-10" PRIu64 " %-8s %-6u %-6s %7s %7s ", r->e.cookie,
		       or_dash(r->tor.circuit), r->local_port, "OC", short_number(r->read, a),
		       short_number(r->written, b));
		if (o->watch)
			printf("%8s %7s ", short_number(r->read_rate, c),
			       short_number(r->write_rate, d));
		printf("%6" PRIu64 "  %-7d %-15s %s:%u\n", uptime(r, at), r->e.pid,
		       or_dash(r->program), r->host, r->e.to.port);
		read += r->read;
		written += r->written;
		in += r->read_rate;
		out += r->write_rate;
	}
	if (o->watch)
		printf("%zu streams, %s read, %s written, %s/s in, %s/s out\n", now.count,
		       short_number(read, a), short_number(written, b), short_number(in, c),
		       short_number(out, d));
}

static void print_json(const struct row *r, uint64_t at, bool rates)
{
	printf("{\"session\":\"%s\",\"conn_id\":%" PRIu64 ",\"circ_id\":", r->session, r->e.cookie);
	printf(*r->tor.circuit ? "\"%s\"" : "null%s", r->tor.circuit);
	printf(*r->tor.relay ? ",\"or_id\":\"%s\"" : ",\"or_id\":null%s", r->tor.relay);
	fputs(",\"ip\":", stdout);
	json_put_text(stdout, r->host);
	printf(",\"port\":%u,\"l_port\":%u,\"type_flags\":\"OC\",\"read\":%" PRIu64
	       ",\"write\":%" PRIu64 ",\"uptime\":%" PRIu64 ",\"pid\":%d,\"program\":",
	       r->e.to.port, r->local_port, r->read, r->written, uptime(r, at), r->e.pid);
	json_put_text(stdout, r->program);
	if (rates)
		printf(",\"read_rate\":%" PRIu64 ",\"write_rate\":%" PRIu64, r->read_rate,
		       r->write_rate);
	puts("}");
}

static void print_getinfo(const struct row *r, uint64_t at)
{
	printf("CONN_ID=%" PRIu64 " CIRC_ID=%s OR_ID=%s IP=%s PORT=%u L_PORT=%u TYPE_FLAGS=OC "
	       "READ=%" PRIu64 " WRITE=%" PRIu64 " UPTIME=%" PRIu64 "\n",
	       r->e.cookie, r->tor.circuit, r->tor.relay, r->host, r->e.to.port, r->local_port,
	       r->read, r->written, uptime(r, at));
}

static void print(const struct streams_settings *o)
{
	uint64_t at = sys_now();

	if (!o->json && !o->getinfo)
		print_table(o, at);
	if (o->getinfo)
		puts("conn/all=");
	for (size_t i = 0; i < now.count && (o->json || o->getinfo); i++) {
		if (o->json)
			print_json(&now.at[i], at, o->watch);
		else
			print_getinfo(&now.at[i], at);
	}
	if (fflush(stdout))
		exit(EXIT_FAILURE);
}

int streams_main(int argc, char **argv)
{
	struct streams_settings o = {.interval = 1};
	int64_t last = client_now();
	bool found;

	if (options_read(&streams_options, &o, argc, argv) != argc)
		ctl_die(2, "streams takes no argument");
	if (o.json && o.getinfo)
		ctl_die(2, "streams: either --json or --getinfo");
	if (o.control) {
		streams_tor_open(o.control);
		has_tor = true;
	}
	found = collect(&o, 0);
	if (!found && !o.watch)
		ctl_die(1, o.session ? "no such session" : "there is no session");
	for (int i = 1;; i++) {
		int64_t at;

		print(&o);
		if (!o.watch || i == o.count)
			break;
		sleep((unsigned int)o.interval);
		at = client_now();
		collect(&o, (double)(at - last) / 1000);
		last = at;
	}
	return EXIT_SUCCESS;
}
