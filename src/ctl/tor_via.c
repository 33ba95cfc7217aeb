/* SPDX-License-Identifier: MIT */
/*
 * tor_via.c - `sockshimctl tor via`: runs a command once through each exit.
 *
 * Each job has a circuit of its own. When Tor tells of a new stream, its source address says whose
 * it is (via_stream.c), and it is attached to that job's circuit; streams of others are given back
 * to Tor at once. All is one loop: the control port, reports, what commands print, signals.
 * via_watch.c makes sure that Tor goes back to attaching streams itself.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "options.h"
#include "via.h"

#define JOBS_MAX 256

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

static struct via via;

/* Beside the jobs; only the loop knows them. */
static struct {
	struct watch tor, signals;
	int alive; /* its closing ends the watcher; -1: that has begun */
	pid_t watcher;
	bool watched, stopped;
} here;

static void take_event(void *arg, enum torctl_item item, unsigned code, const char *text,
		       size_t len)
{
	(void)code;
	if (item != TORCTL_END)
		return;
	if (!strncmp(text, "STREAM ", 7))
		via_stream_event(arg, text, len);
	else if (!strncmp(text, "CIRC ", 5))
		via_circuit_event(arg, text, len);
}

/* ---- the loop ---- */

static void tor_ready(struct watch *w, uint32_t events)
{
	(void)events;
	tor_step(&via.tor);
	if (via.tor.error)
		loop_forget(w);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != here.watcher) {
			via_job_gone(&via, pid, status);
			continue;
		}
		here.watcher = 0;
		here.watched = WIFEXITED(status) && WEXITSTATUS(status) == 0;
		via.stop = via.stop ? via.stop : SIGTERM;
	}
}

static void signals_ready(struct watch *w, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)events;
	while (read(w->fd, &si, sizeof(si)) == sizeof(si))
		if (si.ssi_signo == SIGCHLD)
			reap();
		else
			via.stop = (int)si.ssi_signo;
}

static void begin_jobs(void)
{
	while (!via.stop && via.next < via.count && via.active < via.o.jobs) {
		via.active++;
		via_circuit_begin(&via, &via.jobs[via.next++]);
	}
}

static void stop_jobs(void)
{
	here.stopped = true;
	for (size_t i = 0; i < via.next; i++)
		if (via.jobs[i].state != JOB_DONE)
			via_job_fail(&via, &via.jobs[i], "stopped");
}

/* After each round. Streams that come until the watcher is done still get their answer. */
static void go_on(void)
{
	begin_jobs();
	if (via.tor.error && !via.stop)
		via.stop = SIGTERM;
	if (via.stop && !here.stopped)
		stop_jobs();
	if (!via.active && (via.stop || via.next == via.count)) {
		if (here.alive >= 0)
			close(here.alive);
		here.alive = -1;
		if (!here.watcher)
			loop_stop();
	}
	if (!via.tor.error)
		loop_watch(&here.tor, (uint32_t)tor_events(&via.tor)); /* EPOLLIN is POLLIN */
}

static void run(void)
{
	go_on();
	loop_run(go_on);
	if (!here.watched)
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
		j->via = v;
		j->exit = exit;
		j->status = -1;
	}
}

/* So that nobody else has it. */
static void name_jobs(struct via *v, uint64_t number)
{
	for (size_t i = 0; i < v->count; i++)
		snprintf(v->jobs[i].name, sizeof(v->jobs[i].name), "via-%016llx-%zu",
			 (unsigned long long)number, i);
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
}

/* GETINFO net/listeners/socks: "127.0.0.1:9050" "unix:/path" …; one on TCP rather than another. */
static void find_proxy(struct via *v)
{
	struct tor_answer a;
	struct torctl_word w;
	const char *at;
	size_t len;
	char one[116] = "", path[116] = "";

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
		memcpy(path, one, sizeof(path));
		one[0] = 0;
	}
	free(a.text);
	if (!one[0] && !path[0])
		ctl_die(1, "Tor has no SocksPort: name one with --proxy");
	if (!strncmp(one, "0.0.0.0:", 8))
		snprintf(v->proxy, sizeof(v->proxy), "tor://127.0.0.1:%s", one + 8);
	else
		snprintf(v->proxy, sizeof(v->proxy), "tor://%s", *one ? one : path);
}

static void take_signals_here(void)
{
	static const int numbers[] = {SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	here.signals = (struct watch){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				      .ready = signals_ready};
	if (here.signals.fd < 0)
		ctl_die(1, "no signalfd: %s", strerror(errno));
}

/* Pipes and connections of many jobs. */
static void raise_files(struct via *v)
{
	struct rlimit most;

	if (getrlimit(RLIMIT_NOFILE, &v->files) < 0)
		return;
	most = v->files;
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
}

static void start_loop(void)
{
	here.tor = (struct watch){.fd = via.tor.fd, .ready = tor_ready};
	if (loop_start() < 0 || loop_watch(&here.signals, EPOLLIN) < 0)
		ctl_die(1, "no event loop: %s", strerror(errno));
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
	bool good = here.watched && v->next == v->count;

	for (size_t i = 0; i < v->next; i++)
		good &= result_good(&v->jobs[i]);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int tor_via(const struct tor_settings *s, int argc, char **argv)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		ctl_die(1, "no random numbers: %s", strerror(errno));
	read_options(&via, argc, argv);
	connect_tor(&via, s);
	name_jobs(&via, number);
	raise_files(&via);
	take_signals_here();
	here.alive = watch_start(s, &here.watcher);
	start_loop();
	via_report_listen(&via, number);
	run();
	result_report(via.format, via.jobs, via.next);
	if (via.tor.error)
		fprintf(stderr, "sockshimctl: control port: %s\n", via.tor.error);
	return verdict(&via);
}
