/* SPDX-License-Identifier: MIT */
/* listen.c - `sockshimctl listen`: a controller that prints the reports it gets (sockshim-report(7)). */
#include <errno.h>
#include <limits.h>
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
#include "loop.h"
#include "options.h"
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

/* One process that reports. */
struct reporter {
	struct watch watch;
	struct reporter *next;
	bool gone;
	size_t used;
	char line[SOCKSHIM_REPORT_LINE];
};

static struct listen_settings settings;
static struct reporter *reporters;
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

static void take(struct reporter *p, const char *line, size_t len)
{
	struct json_value report, v;
	uint64_t seq;
	bool ack = false;
	int status = 0;

	if (!json_read(line, len, &report) || report.kind != JSON_OBJECT) {
		fputs("sockshimctl: a line that is no report\n", stderr);
		return;
	}
	if (settings.json)
		printf("%.*s\n", (int)len, line);
	else
		print_report(&report);
	if (fflush(stdout))
		loop_stop(); /* nobody reads any more */
	if (settings.exec)
		status = run(line, len + 1);
	if (json_find(&report, "ack", &v) && json_bool_of(&v, &ack) && ack &&
	    json_find(&report, "seq", &v) && json_number_of(&v, &seq))
		answer(p->watch.fd, seq, status == 0);
}

static void hear(struct watch *w, uint32_t events)
{
	struct reporter *p = w->owner;
	ssize_t n = recv(w->fd, p->line + p->used, sizeof(p->line) - p->used, MSG_DONTWAIT);
	char *end;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	p->used += n > 0 ? (size_t)n : 0;
	while ((end = memchr(p->line, '\n', p->used))) {
		size_t len = (size_t)(end - p->line);

		take(p, p->line, len);
		p->used -= len + 1;
		memmove(p->line, end + 1, p->used);
	}
	if (n > 0 && p->used < sizeof(p->line))
		return;
	loop_forget(w); /* the end, or a line that is longer than any report */
	p->gone = true;
}

static void accept_one(struct watch *w, uint32_t events)
{
	struct reporter *p = calloc(1, sizeof(*p));

	(void)events;
	if (!p)
		ctl_die(1, "no memory");
	p->watch = (struct watch){
		.fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC), .ready = hear, .owner = p};
	if (p->watch.fd < 0) {
		free(p);
		return;
	}
	p->next = reporters;
	reporters = p;
	if (loop_watch(&p->watch, EPOLLIN) < 0)
		ctl_die(1, "too many connections");
}

static void sweep(void)
{
	for (struct reporter **at = &reporters, *p; (p = *at);) {
		if (!p->gone) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		close(p->watch.fd);
		free(p);
	}
}

static void stop(int signal)
{
	(void)signal;
	unlink(here.sun_path);
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
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n;

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
	struct watch listener = {.ready = accept_one};
	const struct sigaction on_stop = {.sa_handler = stop}, ignore = {.sa_handler = SIG_IGN};
	char real[PATH_MAX];

	if (argc - first > 1)
		ctl_die(2, "listen takes one path");
	listener.fd = open_listener(argv[first]);
	sigaction(SIGINT, &on_stop, NULL);
	sigaction(SIGTERM, &on_stop, NULL);
	sigaction(SIGHUP, &on_stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	if (loop_start() < 0 || loop_watch(&listener, EPOLLIN) < 0)
		ctl_die(1, "no event loop: %s", strerror(errno));
	fprintf(stderr, "sockshimctl: for sockshim: -o Report=unix:%s\n",
		realpath(here.sun_path, real) ? real : here.sun_path);
	loop_run(sweep);
	unlink(here.sun_path);
	return EXIT_SUCCESS;
}
