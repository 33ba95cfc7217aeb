/* SPDX-License-Identifier: MIT */
/*
 * audit.c - `sockshimctl audit`: the auditor, which `sockshim --audit` starts beside its command.
 *
 * It takes the session's events out as they come, hears from the kernel of sockets that end, lists
 * the open ones now and then, listens to Tor's control port if asked, and when the launcher tells
 * that the command has ended it judges, prints, and answers with the verdict. It is the launcher's
 * child and in a terminal session of its own; without its launcher it has nothing to say.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auditor.h"
#include "ctl.h"
#include "events.h"
#include "options.h"
#include "review.h"
#include "sys.h"

#define TICK_MS 20
#define PAUSE_MS 4
#define SAMPLE_NS 250000000u
#define SAMPLE_REST 50u /* listing a machine's sockets takes 2 % of a processor at most */
#define SAMPLE_MAX_NS 750000000u
#define SETTLE_TICKS 100
#define SETTLE_LOST 10 /* where something is missing that will never come */
#define PATIENCE_NS 1000000000u

struct review review;

struct audit_settings {
	const char *session, *format, *file, *policy, *control, *exit;
};

static const struct option_row rows[] = {
	{"session", "NAME", "the session's file", OPTION_TEXT,
	 offsetof(struct audit_settings, session), 0, NULL, 0},
	{"format", "FORMAT", "text, json, junit, sarif or tap", OPTION_TEXT,
	 offsetof(struct audit_settings, format), 0, NULL, 0},
	{"file", "FILE", "where the verdict goes, not stderr", OPTION_TEXT,
	 offsetof(struct audit_settings, file), 0, NULL, 0},
	{"policy", "FILE", "sockshim-audit(5)", OPTION_TEXT,
	 offsetof(struct audit_settings, policy), 0, NULL, 0},
	{"control", "ADDR:PORT", "Tor's control port", OPTION_TEXT,
	 offsetof(struct audit_settings, control), 0, NULL, 0},
	{"exit", "N", "known to the launcher", OPTION_TEXT, offsetof(struct audit_settings, exit),
	 0, NULL, 0},
	{0},
};

static const struct option_table table = {
	"sockshimctl audit",
	"[option ...] -- command [argument ...]",
	"The part of `sockshim --audit` that watches and judges; started by it.",
	rows,
};

static const struct {
	const char *name;
	void (*print)(FILE *to);
} formats[] = {
	{"text", print_text},	{"json", print_json}, {"junit", print_junit},
	{"sarif", print_sarif}, {"tap", print_tap},
};

static void (*find_format(const char *name))(FILE *)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!name || !strcmp(formats[i].name, name))
			return formats[i].print;
	ctl_die(2, "--audit: %s is no format (text, json, junit, sarif, tap)", name);
}

static void read_policy(const char *path)
{
	char data[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		ctl_die(2, "%s: %s", path, strerror(errno));
	while (!error && (n = read(fd, data, sizeof(data))) > 0)
		error = audit_policy_feed(&review.policy, data, (size_t)n);
	if (!error && n < 0)
		ctl_die(2, "%s: %s", path, strerror(errno));
	if (audit_policy_end(&review.policy) < 0)
		ctl_die(2, "%s: %s", path, review.policy.error);
	close(fd);
	review.policy_file = path;
}

static void join(const char *name)
{
	int error = ENOENT;

	review.session = name ? session_open(name, &error) : NULL;
	if (!review.session || !session_events(review.session))
		ctl_die(1, "audit: no session to audit (it is sockshim --audit that starts this)");
}

static FILE *open_output(const char *path)
{
	FILE *to = path ? fopen(path, "we") : stderr;

	if (!to)
		ctl_die(2, "%s: %s", path, strerror(errno));
	return to;
}

/* Processor time: that others are busy is no reason to look away. */
static uint64_t spent(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* When to do it next. */
static uint64_t sample(uint64_t now, bool last)
{
	const uint64_t begin = spent();
	uint64_t rest;

	kernel_sample(last);
	rest = (spent() - begin) * SAMPLE_REST;
	return now + (rest < SAMPLE_NS ? SAMPLE_NS : rest < SAMPLE_MAX_NS ? rest : SAMPLE_MAX_NS);
}

static void tick(bool last)
{
	static uint64_t due, moved;
	uint64_t now = sys_now();

	if (events_gather(false) || !moved)
		moved = now;
	if (last || now - moved >= PATIENCE_NS) /* a writer that was killed */
		events_gather(true);
	kernel_heard();
	tor_view_step();
	if (last || now >= due)
		due = sample(now, last);
}

/* Until the launcher has told how the command ended; false: it is gone. */
static bool watch(void)
{
	struct pollfd p[3] = {{.fd = AUDITOR_FD, .events = POLLIN},
			      {.fd = kernel_fd(), .events = POLLIN},
			      {.events = POLLIN}};
	ssize_t n;

	for (;;) {
		p[2].fd = tor_view_fd();
		poll(p, 3, TICK_MS);
		if (!p[0].revents)
			poll(p, 1, PAUSE_MS); /* many closings at once are taken together */
		tick(false);
		if (!p[0].revents)
			continue;
		n = recv(AUDITOR_FD, &review.end, sizeof(review.end), MSG_WAITALL);
		if (n == sizeof(review.end))
			return true;
		if (n >= 0 || errno != EINTR)
			return false;
	}
}

/* The kernel tells of closed sockets a moment after they are. */
static void settle(void)
{
	tick(true);
	for (int i = 0; i < (kernel_lost() ? SETTLE_LOST : SETTLE_TICKS) && !kernel_complete();
	     i++) {
		poll(NULL, 0, TICK_MS);
		tick(true);
	}
	kernel_outlived();
	tor_view_compare();
}

int audit_main(int argc, char **argv)
{
	const char ready = AUDITOR_READY;
	struct audit_settings s = {0};
	int first = options_read(&table, &s, argc, argv);
	void (*print)(FILE *) = find_format(s.format);
	FILE *to;

	audit_policy_init(&review.policy);
	if (s.policy)
		read_policy(s.policy);
	to = open_output(s.file);
	join(s.session);
	review.command = argv + first;
	review.launcher = getppid();
	review.begun = sys_now();
	if (s.control)
		tor_view_start(s.control);
	kernel_start();
	if (send(AUDITOR_FD, &ready, 1, MSG_NOSIGNAL) != 1 || !watch())
		return EXIT_FAILURE;
	review.ended = sys_now();
	settle();
	judge_all();
	print(to);
	if (fflush(to) || ferror(to))
		ctl_die(1, "%s: %s", s.file ? s.file : "stderr", strerror(errno));
	if (s.file && review.verdict != AUDITOR_CLEAN)
		fprintf(stderr, "sockshim: audit: %s; see %s\n",
			review.verdict == AUDITOR_FOUND ? "there are findings"
							: "something could not be judged",
			s.file);
	if (send(AUDITOR_FD, &(char){(char)review.verdict}, 1, MSG_NOSIGNAL) != 1)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
