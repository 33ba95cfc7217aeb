/* SPDX-License-Identifier: MIT */
/*
 * tor_via.c - `sockshimctl tor via`: runs a command once through each exit.
 *
 * Each job has a circuit of its own and a SOCKS user name of its own. When Tor tells of a new stream,
 * its SOCKS_USERNAME says whose it is, and it is attached to that job's circuit; streams of others are
 * given back to Tor at once. All is one poll loop: the control port, what commands print, signals.
 * tor_watch.c makes sure that Tor goes back to attaching streams itself.
 */
#include "tor_via.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside.h"
#include "client.h"
#include "ctl.h"
#include "options.h"

#define JOBS_MAX 256
#define BUILD_MS 30000
#define BUILD_TRIES 3
#define GRACE_MS 1000

struct via_settings {
	const char *exits, *proxy;
	bool each, json, junit;
	int jobs, repeat, hops, timeout;
};

static const struct option_row rows[] = {
	{"exit", "FINGERPRINT[,...]", "the exits, by fingerprint or nickname", OPTION_TEXT,
	 offsetof(struct via_settings, exits), 0, NULL, 'e'},
	{"each-exit", NULL, "every exit of the consensus", OPTION_FLAG,
	 offsetof(struct via_settings, each), 0, NULL, 'E'},
	{"jobs", "N", "how many commands run at the same time (8)", OPTION_NUMBER,
	 offsetof(struct via_settings, jobs), JOBS_MAX, NULL, 'n'},
	{"repeat", "N", "run the command N times for each exit (1)", OPTION_NUMBER,
	 offsetof(struct via_settings, repeat), 10000, NULL, 'r'},
	{"hops", "N", "length of the circuits, 1 to 3 (3)", OPTION_NUMBER,
	 offsetof(struct via_settings, hops), 3, NULL, 0},
	{"timeout", "SECONDS", "end a command after so long (120)", OPTION_NUMBER,
	 offsetof(struct via_settings, timeout), 86400, NULL, 't'},
	{"proxy", "URL", "Tor's SocksPort, if it is not the one that Tor names", OPTION_TEXT,
	 offsetof(struct via_settings, proxy), 0, NULL, 'p'},
	{"json", NULL, "a JSON object for each command, with all it printed", OPTION_FLAG,
	 offsetof(struct via_settings, json), 0, NULL, 'j'},
	{"junit", NULL, "a JUnit report", OPTION_FLAG, offsetof(struct via_settings, junit), 0,
	 NULL, 0},
	{0},
};

const struct option_table via_options = {
	"sockshimctl tor via",
	"--exit FINGERPRINT[,...] | --each-exit [option ...] [--] command [argument ...]",
	"Runs the command under sockshim once through each exit, on a circuit built for it.",
	rows,
};

/* All of one run. */
struct via {
	struct via_settings o;
	enum via_format format;
	char *const *command;
	struct tor tor;
	struct relays relays;
	char *guards;
	char proxy[128];
	struct job *jobs;
	size_t count, next; /* jobs[next] has not begun */
	int active;
	int signals; /* signalfd */
	int stop;    /* the signal that ends it all, or 0 */
	pid_t watcher;
	bool watched;
};

static void begin_circuit(struct via *v, struct job *j);

/* ---- the end of a job ---- */

static void close_output(struct output *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
}

static void done(struct via *v, struct job *j)
{
	if (j->state == JOB_DONE)
		return;
	if (j->state != JOB_ENDS)
		j->ended = client_now();
	j->state = JOB_DONE;
	for (int i = 0; j->text && i < 2; i++)
		close_output(&j->text[i]);
	if (j->circuit[0])
		tor_sendf(&v->tor, NULL, NULL, "CLOSECIRCUIT %s", j->circuit);
	v->active--;
	result_print(v->format, j);
	if (v->format != VIA_JUNIT) {
		free(j->text);
		j->text = NULL;
	}
}

static void __attribute__((format(printf, 3, 4)))
fail(struct via *v, struct job *j, const char *format, ...)
{
	va_list args;

	if (!j->failure[0] && j->state < JOB_ENDS) {
		va_start(args, format);
		vsnprintf(j->failure, sizeof(j->failure), format, args);
		va_end(args);
	}
	if (j->state == JOB_ENDS || j->state == JOB_DONE)
		return;
	if (j->state == JOB_RUNS)
		kill(-j->pid, SIGKILL); /* its end is seen by SIGCHLD */
	else
		done(v, j);
}

/* ---- running the command ---- */

/* In the child. */
static void __attribute__((noreturn))
execute(const struct via *v, const struct job *j, int out, int err)
{
	size_t n = 0, words = 0;
	const char **argv;
	int null = open("/dev/null", O_RDONLY);
	sigset_t none;

	while (v->command[words])
		words++;
	argv = calloc(words + 7, sizeof(*argv));
	if (!argv)
		_exit(126);
	argv[n++] = "sockshim";
	argv[n++] = "-p";
	argv[n++] = v->proxy;
	argv[n++] = "-u";
	argv[n++] = j->user;
	argv[n++] = "--";
	memcpy(argv + n, v->command, words * sizeof(*argv));
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setenv("TOR_EXIT", j->exit->fingerprint, 1);
	setenv("TOR_EXIT_NICKNAME", j->exit->nickname, 1);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	execvp(beside_sockshim(), (char **)argv);
	dprintf(2, "sockshimctl: %s: %s\n", beside_sockshim(), strerror(errno));
	_exit(127);
}

static void run(struct via *v, struct job *j)
{
	int out[2], err[2];

	j->text = calloc(2, sizeof(*j->text));
	if (!j->text || pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		ctl_die(1, "no pipe: %s", strerror(errno));
	j->began = client_now();
	j->limit = j->began + (int64_t)v->o.timeout * 1000;
	j->pid = fork();
	if (j->pid == 0)
		execute(v, j, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	j->text[0].fd = out[0];
	j->text[1].fd = err[0];
	for (int i = 0; i < 2; i++)
		fcntl(j->text[i].fd, F_SETFL, O_NONBLOCK);
	if (j->pid < 0) {
		fail(v, j, "no process: %s", strerror(errno));
		return;
	}
	setpgid(j->pid, j->pid);
	j->state = JOB_RUNS;
}

/* Takes what it has printed; what is too much is thrown away. */
static void read_output(struct output *o)
{
	char waste[4096];

	while (o->fd >= 0) {
		bool room = o->len < VIA_OUTPUT;
		ssize_t n = read(o->fd, room ? o->text + o->len : waste,
				 room ? VIA_OUTPUT - o->len : sizeof(waste));

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0)
			close_output(o);
		else if (room)
			o->len += (size_t)n;
	}
}

/* Tor tells of streams in batches, often after the command has what it wanted. */
static void ended(struct via *v, struct job *j)
{
	j->state = JOB_ENDS;
	j->ended = client_now();
	j->limit = j->ended + GRACE_MS;
	if (j->closed >= j->streams)
		done(v, j);
}

static void reap(struct via *v)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == v->watcher) {
			v->watcher = 0;
			v->watched = WIFEXITED(status) && WEXITSTATUS(status) == 0;
			v->stop = v->stop ? v->stop : SIGTERM;
		}
		for (size_t i = 0; i < v->next; i++) {
			struct job *j = &v->jobs[i];

			if (j->state != JOB_RUNS || j->pid != pid)
				continue;
			j->status = status;
			read_output(&j->text[0]);
			read_output(&j->text[1]);
			ended(v, j);
		}
	}
}

/* ---- circuits ---- */

/* The reply to EXTENDCIRCUIT: "EXTENDED 7". */
struct extension {
	struct via *v;
	struct job *j;
};

static void retry(struct via *v, struct job *j, const char *why)
{
	j->circuit[0] = 0;
	if (j->attempts < BUILD_TRIES && !v->stop)
		begin_circuit(v, j);
	else
		fail(v, j, "circuit: %s", why);
}

static void take_extended(void *arg, enum torctl_item item, unsigned code, const char *text,
			  size_t len)
{
	struct extension *x = arg;

	(void)len;
	if (item != TORCTL_END)
		return;
	if (x->j->state == JOB_BUILDS) {
		if (code != 250)
			retry(x->v, x->j, text);
		else
			sscanf(text, "EXTENDED %23s", x->j->circuit);
	}
	free(x);
}

static void begin_circuit(struct via *v, struct job *j)
{
	struct extension *x = malloc(sizeof(*x));

	if (!x)
		ctl_die(1, "out of memory");
	*x = (struct extension){v, j};
	j->state = JOB_BUILDS;
	j->limit = client_now() + BUILD_MS;
	if (!relays_path(&v->relays, v->guards, j->exit, v->o.hops, j->attempts++, j->path)) {
		free(x);
		fail(v, j, "too few relays for a path");
		return;
	}
	tor_sendf(&v->tor, take_extended, x, "EXTENDCIRCUIT 0 %s", j->path);
}

static struct job *job_of_circuit(struct via *v, const char *id)
{
	for (size_t i = 0; i < v->next; i++)
		if (v->jobs[i].state != JOB_DONE && !strcmp(v->jobs[i].circuit, id))
			return &v->jobs[i];
	return NULL;
}

/* CIRC id state … ; circuits that are not ours (CONFLUX legs, Tor's own) are nobody's job. */
static void take_circ(struct via *v, const char *text, size_t len)
{
	char id[24], state[24], why[64] = "closed";
	struct job *j;

	if (sscanf(text, "CIRC %23s %23s", id, state) != 2 || !(j = job_of_circuit(v, id)))
		return;
	if (!strcmp(state, "BUILT") && j->state == JOB_BUILDS) {
		run(v, j);
	} else if (!strcmp(state, "FAILED") || !strcmp(state, "CLOSED")) {
		torctl_find(text, len, "REASON", why, sizeof(why));
		torctl_find(text, len, "REMOTE_REASON", why, sizeof(why));
		if (j->state == JOB_BUILDS)
			retry(v, j, why);
		else
			j->circuit[0] = 0; /* the command will see its streams end */
	}
}

/* ---- streams ---- */

static struct job *job_of_user(struct via *v, const char *text, size_t len)
{
	char user[sizeof(v->jobs->user)];

	if (!torctl_find(text, len, "SOCKS_USERNAME", user, sizeof(user)))
		return NULL;
	for (size_t i = 0; i < v->next; i++)
		if (!strcmp(v->jobs[i].user, user))
			return &v->jobs[i];
	return NULL;
}

/* RELAY_END reasons (tor-spec): the proxy's client hears what the exit said. */
static int end_reason(const char *text, size_t len)
{
	static const char *const reasons[] = {
		"MISC",		 "RESOLVEFAILED", "CONNECTREFUSED", "EXITPOLICY",  "DESTROY",
		"DONE",		 "TIMEOUT",	  "NOROUTE",	    "HIBERNATING", "INTERNAL",
		"RESOURCELIMIT", "CONNRESET",	  "TORPROTOCOL",    "NOTDIRECTORY"};
	char why[64] = "";

	if (!torctl_find(text, len, "REMOTE_REASON", why, sizeof(why)))
		torctl_find(text, len, "REASON", why, sizeof(why));
	for (int i = 0; i < 14; i++)
		if (!strcmp(reasons[i], why))
			return i + 1;
	return 1;
}

/* Refused: Tor would let the client wait for two minutes. */
struct attachment {
	struct via *v;
	char stream[24];
};

static void take_attached(void *arg, enum torctl_item item, unsigned code, const char *text,
			  size_t len)
{
	struct attachment *a = arg;

	(void)text;
	(void)len;
	if (item != TORCTL_END)
		return;
	if (code != 250)
		tor_sendf(&a->v->tor, NULL, NULL, "CLOSESTREAM %s 1", a->stream);
	free(a);
}

static void attach(struct via *v, struct job *j, const char *stream)
{
	struct attachment *a = malloc(sizeof(*a));

	if (!a)
		ctl_die(1, "out of memory");
	a->v = v;
	snprintf(a->stream, sizeof(a->stream), "%s", stream);
	j->streams++;
	if (!j->circuit[0]) {
		tor_sendf(&v->tor, NULL, NULL, "CLOSESTREAM %s 5", stream);
		free(a);
		return;
	}
	j->attached++;
	tor_sendf(&v->tor, take_attached, a, "ATTACHSTREAM %s %s", stream, j->circuit);
}

/* STREAM id state circuit target … */
static void take_stream(struct via *v, const char *text, size_t len)
{
	char id[24], state[24], circuit[24], purpose[32] = "";
	struct job *j;

	if (sscanf(text, "STREAM %23s %23s %23s", id, state, circuit) != 3)
		return;
	torctl_find(text, len, "PURPOSE", purpose, sizeof(purpose));
	if (!strncmp(purpose, "DIR_", 4))
		return; /* Tor attaches its own */
	j = job_of_user(v, text, len);
	if (!strncmp(state, "NEW", 3) && j && j->state == JOB_RUNS)
		attach(v, j, id);
	else if (!strncmp(state, "NEW", 3) || (!strcmp(state, "DETACHED") && !j))
		tor_sendf(&v->tor, NULL, NULL, "ATTACHSTREAM %s 0", id);
	else if (!strcmp(state, "DETACHED"))
		tor_sendf(&v->tor, NULL, NULL, "CLOSESTREAM %s %d", id, end_reason(text, len));
	else if (!strcmp(state, "SUCCEEDED") && j) {
		j->opened++;
		j->strayed += strcmp(circuit, j->circuit) != 0;
	} else if ((!strcmp(state, "CLOSED") || !strcmp(state, "FAILED")) && j) {
		j->closed++;
		if (j->state == JOB_ENDS && j->closed >= j->streams)
			done(v, j);
	}
}

static void take_event(void *arg, enum torctl_item item, unsigned code, const char *text,
		       size_t len)
{
	struct via *v = arg;

	(void)code;
	if (item != TORCTL_END)
		return;
	if (!strncmp(text, "STREAM ", 7))
		take_stream(v, text, len);
	else if (!strncmp(text, "CIRC ", 5))
		take_circ(v, text, len);
}

/* ---- the loop ---- */

static void begin_jobs(struct via *v)
{
	while (!v->stop && v->next < v->count && v->active < v->o.jobs) {
		v->active++;
		begin_circuit(v, &v->jobs[v->next++]);
	}
}

static void check_limits(struct via *v, int64_t now)
{
	for (size_t i = 0; i < v->next; i++) {
		struct job *j = &v->jobs[i];

		if (j->state == JOB_DONE || j->state == JOB_WAITS || now < j->limit)
			continue;
		if (j->state == JOB_RUNS) {
			fail(v, j, "timeout");
		} else if (j->state == JOB_ENDS) {
			done(v, j);
		} else {
			if (j->circuit[0])
				tor_sendf(&v->tor, NULL, NULL, "CLOSECIRCUIT %s", j->circuit);
			retry(v, j, "TIMEOUT");
		}
	}
}

static void take_signals(struct via *v)
{
	struct signalfd_siginfo si;

	while (read(v->signals, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo == SIGCHLD)
			reap(v);
		else
			v->stop = (int)si.ssi_signo;
}

static void stop_jobs(struct via *v)
{
	for (size_t i = 0; i < v->next; i++)
		if (v->jobs[i].state != JOB_DONE)
			fail(v, &v->jobs[i], "stopped");
}

/* One round: everything that can go on does. */
static void turn(struct via *v)
{
	static struct pollfd p[2 + 2 * JOBS_MAX];
	static struct output *outputs[2 + 2 * JOBS_MAX];
	nfds_t n = 2;

	p[0] = (struct pollfd){.fd = v->tor.fd, .events = tor_events(&v->tor)};
	p[1] = (struct pollfd){.fd = v->signals, .events = POLLIN};
	for (size_t i = 0; i < v->next; i++) {
		for (int k = 0; v->jobs[i].state == JOB_RUNS && k < 2; k++) {
			if (v->jobs[i].text[k].fd < 0)
				continue;
			outputs[n] = &v->jobs[i].text[k];
			p[n] = (struct pollfd){.fd = outputs[n]->fd, .events = POLLIN};
			n++;
		}
	}
	poll(p, n, 500);
	for (nfds_t i = 2; i < n; i++)
		if (p[i].revents)
			read_output(outputs[i]);
	if (p[0].revents)
		tor_step(&v->tor);
	if (p[1].revents)
		take_signals(v);
	check_limits(v, client_now());
}

static void run_jobs(struct via *v)
{
	bool stopped = false;

	while (v->active || (v->next < v->count && !v->stop)) {
		begin_jobs(v);
		if (v->active)
			turn(v);
		if (v->tor.error && !v->stop)
			v->stop = SIGTERM;
		if (v->stop && !stopped) {
			stop_jobs(v);
			stopped = true;
		}
	}
}

/* Streams that come until the watcher is done still get their answer. */
static void end_watch(struct via *v, int alive)
{
	close(alive);
	while (v->watcher)
		turn(v);
	if (!v->watched)
		fprintf(stderr, "sockshimctl: __LeaveStreamsUnattached could not be reset: "
				"sockshimctl tor resetconf __LeaveStreamsUnattached\n");
}

/* ---- setting up ---- */

static void add_jobs(struct via *v, const struct relay *exit)
{
	for (int i = 0; i < v->o.repeat; i++) {
		struct job *j;

		if (v->count % 256 == 0)
			v->jobs = realloc(v->jobs, (v->count + 256) * sizeof(*v->jobs));
		if (!v->jobs)
			ctl_die(1, "out of memory");
		j = &v->jobs[v->count++];
		memset(j, 0, sizeof(*j));
		j->exit = exit;
		j->status = -1;
	}
}

static void name_users(struct via *v)
{
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		ctl_die(1, "no random numbers: %s", strerror(errno));
	for (size_t i = 0; i < v->count; i++)
		snprintf(v->jobs[i].user, sizeof(v->jobs[i].user), "via-%016llx-%zu",
			 (unsigned long long)random, i);
}

static void choose_exits(struct via *v)
{
	const char *p = v->o.exits;

	for (size_t i = 0; v->o.each && i < v->relays.count; i++)
		if (v->relays.at[i].exit && v->relays.at[i].usable)
			add_jobs(v, &v->relays.at[i]);
	for (; p && *p; p += strcspn(p, ","), p += *p == ',') {
		size_t len = strcspn(p, ",");
		const struct relay *one = relays_find(&v->relays, p, len);

		if (!one)
			ctl_die(1, "%.*s: no such relay in the consensus", (int)len, p);
		add_jobs(v, one);
	}
	if (!v->count)
		ctl_die(1, "there is no exit");
	name_users(v);
}

/* GETINFO net/listeners/socks: "127.0.0.1:9050" "unix:/path" … */
static void find_proxy(struct via *v)
{
	struct tor_answer a;
	struct torctl_word w;
	const char *at;
	size_t len;
	char one[108] = "";

	if (v->o.proxy) {
		snprintf(v->proxy, sizeof(v->proxy), "%s", v->o.proxy);
		return;
	}
	a = tor_ask(&v->tor, "GETINFO net/listeners/socks");
	at = a.text ? strchr(a.text, '=') : NULL;
	len = at ? strlen(++at) : 0;
	while (a.code == 250 && torctl_word(&at, &len, &w)) {
		torctl_value(&w, one, sizeof(one));
		if (strncmp(one, "unix:", 5) != 0)
			break;
		one[0] = 0;
	}
	free(a.text);
	if (!one[0])
		ctl_die(1, "Tor has no SocksPort that can be used: name one with --proxy");
	if (!strncmp(one, "0.0.0.0:", 8))
		snprintf(v->proxy, sizeof(v->proxy), "tor://127.0.0.1:%s", one + 8);
	else
		snprintf(v->proxy, sizeof(v->proxy), "tor://%s", one);
}

static void take_signals_here(struct via *v)
{
	static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (v->signals < 0)
		ctl_die(1, "no signalfd: %s", strerror(errno));
}

static void connect_tor(struct via *v, const struct tor_settings *s)
{
	struct tor_answer a;

	tor_connect(&v->tor, s);
	tor_authenticate(&v->tor, s);
	v->relays = relays_read(&v->tor);
	a = tor_ask(&v->tor, "GETINFO entry-guards");
	v->guards = a.code == 250 ? a.text : strdup("");
	find_proxy(v);
	choose_exits(v);
	v->tor.event = take_event;
	v->tor.event_arg = v;
	a = tor_ask(&v->tor, "SETEVENTS STREAM CIRC");
	if (a.code != 250)
		ctl_die(1, "tor: %u %s (%s)", a.code, a.text, torctl_words(a.code));
	free(a.text);
}

static void read_options(struct via *v, int argc, char **argv)
{
	int first;

	v->o = (struct via_settings){.jobs = 8, .repeat = 1, .hops = 3, .timeout = 120};
	first = options_read(&via_options, &v->o, argc, argv);
	v->command = argv + first;
	if (!argv[first])
		ctl_die(2, "via: no command");
	if (!v->o.exits == !v->o.each)
		ctl_die(2, "via: either --exit or --each-exit");
	if (v->o.json && v->o.junit)
		ctl_die(2, "via: either --json or --junit");
	if (!v->o.jobs || !v->o.hops || !v->o.repeat || !v->o.timeout)
		ctl_die(2, "via: 0 is too little");
	v->format = v->o.json ? VIA_JSON : v->o.junit ? VIA_JUNIT : VIA_TEXT;
}

static int verdict(const struct via *v)
{
	bool good = v->watched && v->next == v->count;

	for (size_t i = 0; i < v->next; i++)
		good &= result_good(&v->jobs[i]);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int tor_via(const struct tor_settings *s, int argc, char **argv)
{
	static struct via v;
	int alive;

	read_options(&v, argc, argv);
	connect_tor(&v, s);
	take_signals_here(&v);
	alive = watch_start(s, &v.watcher);
	run_jobs(&v);
	end_watch(&v, alive);
	result_report(v.format, v.jobs, v.next);
	if (v.tor.error)
		fprintf(stderr, "sockshimctl: control port: %s\n", v.tor.error);
	return verdict(&v);
}
