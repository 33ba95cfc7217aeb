/* SPDX-License-Identifier: MIT */
/*
 * listen.c - `sockshimctl listen`: a controller that prints the reports it gets
 * (sockshim-report(7)).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "json.h"
#include "options.h"
#include "reports.h"
#include "sockshim/report.h"

struct listen_settings {
	bool json;
	const char *exec;
};

static const struct option_row rows[] = {
	{"json", NULL, "the reports as they come, one JSON object a line", OPTION_FLAG,
	 offsetof(struct listen_settings, json), 0, NULL, 'j'},
	{"exec", "COMMAND",
	 "run it for each report, which is its standard input; where sockshim\n"
	 "waits for an answer, a status other than 0 denies the connection",
	 OPTION_TEXT, offsetof(struct listen_settings, exec), 0, NULL, 'e'},
	{0},
};

const struct option_table listen_options = {
	"sockshimctl listen",
	"[option ...] [path]",
	"Listens on a Unix socket for reports (Report unix:PATH) and prints them.",
	rows,
};

static struct listen_settings settings;
static volatile sig_atomic_t over;
static int wake[2]; /* a pipe: a signal ends poll(2) also when it comes before it */
static struct sockaddr_un here = {.sun_family = AF_UNIX};

/* A value in words: no byte of it steers the terminal. "" if there is none. */
static const char *word(const struct json_value *report, const char *key, char *out, size_t size)
{
	struct json_value v;
	char text[SOCKSHIM_REPORT_LINE];
	long len;
	size_t n = 0;

	*out = 0;
	if (!json_find(report, key, &v))
		return out;
	if (v.kind != JSON_TEXT) {
		snprintf(out, size, "%.*s", (int)v.len, v.at);
		return out;
	}
	len = json_text_of(&v, text, sizeof(text));
	for (long i = 0; i < len && n + 5 < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < ' ' || c == 0x7f)
			n += (size_t)snprintf(out + n, size - n, "\\x%02x", c);
		else
			out[n++] = (char)c;
	}
	out[n] = 0;
	return out;
}

static void print_report(const struct json_value *r)
{
	static const char *const keys[] = {"command", "errno", "ms",	"call", "target",
					   "reason",  "from",  "count", "tag"};
	char event[32], source[128], exe[1024], pid[32], host[600], port[16], value[600];
	const char *slash;

	word(r, "event", event, sizeof(event));
	word(r, "source", source, sizeof(source));
	slash = strrchr(word(r, "exe", exe, sizeof(exe)), '/');
	word(r, "pid", pid, sizeof(pid));
	if (!*word(r, "host", host, sizeof(host)))
		word(r, "address", host, sizeof(host));
	word(r, "port", port, sizeof(port));
	printf("%-8s %-21s %s[%s]", event, *source ? source : "-", slash ? slash + 1 : exe, pid);
	if (*host)
		printf(" %s:%s", host, port);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (*word(r, keys[i], value, sizeof(value)))
			printf(" %s=%s", keys[i], value);
	putchar('\n');
}

/* Runs the command with the report on its standard input. Its status; 127: it could not be run. */
static int run(const char *line, size_t len)
{
	int to[2], status = 0;
	pid_t child;

	if (pipe(to) < 0) /* a line is no longer than PIPE_BUF: it fits */
		return 127;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		dup2(to[0], STDIN_FILENO);
		close(to[0]);
		close(to[1]);
		execl("/bin/sh", "sh", "-c", settings.exec, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	if (child > 0 && write(to[1], line, len) != (ssize_t)len)
		status = 127;
	close(to[1]);
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 127;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* MSG_DONTWAIT: who does not read its answers gets none; it waits for ReportTimeout at most. */
static void answer(int fd, uint64_t seq, bool go)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "{\"seq\":%llu,%s}\n", (unsigned long long)seq,
			 go ? "\"go\":true" : "\"deny\":\"EACCES\"");

	if (send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static void take(int fd, const struct json_value *report, const char *line, size_t len)
{
	struct json_value v;
	uint64_t seq;
	bool ack = false;
	int status = 0;

	if (settings.json)
		printf("%.*s\n", (int)len, line);
	else
		print_report(report);
	if (fflush(stdout))
		over = true; /* nobody reads any more */
	if (settings.exec)
		status = run(line, len + 1);
	if (json_find(report, "ack", &v) && json_bool_of(&v, &ack) && ack &&
	    json_find(report, "seq", &v) && json_number_of(&v, &seq))
		answer(fd, seq, status == 0);
}

/* What has been sent by then is still printed. */
static void stop(int signal)
{
	(void)signal;
	over = true;
	if (write(wake[1], "", 1) < 0)
		_exit(EXIT_SUCCESS);
}

/* A socket that nobody listens on is an earlier listener's, and goes. Anything else stays. */
static void remove_dead(int fd)
{
	struct stat st;

	if (lstat(here.sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    connect(fd, (const struct sockaddr *)&here, sizeof(here)) < 0 && errno == ECONNREFUSED)
		unlink(here.sun_path);
}

static int open_listener(const char *path)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), n;

	if (!path && !folder)
		ctl_die(2, "listen: on which path? (there is no XDG_RUNTIME_DIR)");
	n = snprintf(here.sun_path, sizeof(here.sun_path), "%s%s", path ? path : folder,
		     path ? "" : "/sockshim-report");
	if (n < 0 || (size_t)n >= sizeof(here.sun_path))
		ctl_die(2, "listen: the path is longer than %zu bytes", sizeof(here.sun_path) - 1);
	remove_dead(fd);
	umask(077);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&here, sizeof(here)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		ctl_die(1, "%s: %s", here.sun_path, strerror(errno));
	return fd;
}

int listen_main(int argc, char **argv)
{
	int first = options_read(&listen_options, &settings, argc, argv);
	struct pollfd p[2] = {{.events = POLLIN}, {.events = POLLIN}};
	const struct sigaction on_stop = {.sa_handler = stop}, ignore = {.sa_handler = SIG_IGN};
	char real[PATH_MAX];

	if (argc - first > 1)
		ctl_die(2, "listen takes one path");
	p[0].fd = reports_start(open_listener(argv[first]), take);
	if (p[0].fd < 0 || pipe2(wake, O_CLOEXEC) < 0)
		ctl_die(1, "no event loop: %s", strerror(p[0].fd < 0 ? -p[0].fd : errno));
	p[1].fd = wake[0];
	sigaction(SIGINT, &on_stop, NULL);
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGHUP, &on_stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	fprintf(stderr, "sockshimctl: for sockshim: -o Report=unix:%s\n",
		realpath(here.sun_path, real) ? real : here.sun_path);
	while (!over) {
		poll(p, 2, -1);
		reports_read();
	}
	unlink(here.sun_path);
	return EXIT_SUCCESS;
}
