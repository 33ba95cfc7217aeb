/* SPDX-License-Identifier: MIT */
/* proxy.c - `sockshimctl proxy`: a SOCKS4, 4a and 5 server in one thread; its options and log. */
#include "proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "ctl.h"
#include "loop.h"
#include "options.h"
#include "proxy_names.h"

#define DAY_MS 86400000
#define MANY_FILES 262144

struct proxy_settings proxy_settings = {
	.reply = -1,
	.bind_type = -1,
	.bind_name_len = 9,
	.truncate_at = 4,
	.fault_count = -1,
};

static int log_file = -1;

static const struct {
	const char *name;
	enum fault fault;
} faults[] = {
	{"garbage", FAULT_GARBAGE},
	{"http", FAULT_HTTP},
	{"truncate", FAULT_TRUNCATE},
	{"close", FAULT_CLOSE},
	{"close-method", FAULT_CLOSE_METHOD},
	{"close-after-method", FAULT_CLOSE_AFTER_METHOD},
	{"hang", FAULT_HANG},
	{"hang-method", FAULT_HANG_METHOD},
	{"byte-by-byte", FAULT_BYTE_BY_BYTE},
	{"long-reply", FAULT_LONG_REPLY},
	{"wrong-version", FAULT_WRONG_VERSION},
	{"wrong-method-version", FAULT_WRONG_METHOD_VERSION},
	{"bad-method", FAULT_BAD_METHOD},
	{"no-method", FAULT_NO_METHOD},
	{"auth-fail", FAULT_AUTH_FAIL},
	{"drop-pipelined", FAULT_DROP_PIPELINED},
	{"no-half-close", FAULT_NO_HALF_CLOSE},
};

static bool take_listen(void *into, const char *value)
{
	(void)into;
	return listen_add(value);
}

static bool take_map(void *into, const char *value)
{
	(void)into;
	return names_map(value);
}

static bool take_user(void *into, const char *value)
{
	struct proxy_settings *s = into;
	const char *colon = strchr(value, ':');
	struct proxy_user *u = calloc(1, sizeof(*u));

	if (!u)
		ctl_die(1, "out of memory");
	u->next = s->users;
	s->users = u;
	if (!colon || colon == value || colon - value > 255 || strlen(colon + 1) > 255)
		return false;
	u->name = value;
	u->name_len = (size_t)(colon - value);
	u->password = colon + 1;
	u->password_len = strlen(u->password);
	return true;
}

static bool take_fault(void *into, const char *value)
{
	struct proxy_settings *s = into;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strcmp(faults[i].name, value))
			continue;
		s->fault = faults[i].fault;
		return true;
	}
	return false;
}

static bool take_bind_type(void *into, const char *value)
{
	struct proxy_settings *s = into;

	return options_number(value, 4, &s->bind_type) && s->bind_type != 2;
}

#define AT(field) .at = offsetof(struct proxy_settings, field)

static const struct option_row rows[] = {
	{"listen", "ADDR:PORT",
	 "where to listen (127.0.0.1:1080); again for more; port 0: any;\n"
	 "unix:PATH for a Unix socket",
	 OPTION_CALL, .take = take_listen},
	{"map", "NAME=ADDR[:PORT]", "where NAME leads; * and *.suffix match many; again for more",
	 OPTION_CALL, .take = take_map},
	{"no-resolve", NULL, "names that no --map knows do not exist", OPTION_FLAG, AT(no_resolve)},
	{"user", "USER:PASSWORD", "require this user and password; again for more", OPTION_CALL,
	 .take = take_user},
	{"prefer-auth", NULL, "choose user/password whenever it is offered, as Tor does",
	 OPTION_FLAG, AT(prefer_auth)},
	{"log", "FILE", "append a line for each request to FILE", OPTION_TEXT, AT(log)},
	{"log-passwords", NULL, "with the password", OPTION_FLAG, AT(log_passwords)},
	{"verbose", NULL, "a line for each request on stderr", OPTION_FLAG, AT(verbose),
	 .letter = 'v'},
	{"quiet", NULL, "do not say where it listens", OPTION_FLAG, AT(quiet), .letter = 'q'},
	{"delay", "MS", "wait before a request is carried out and answered", OPTION_NUMBER,
	 AT(delay), .max = DAY_MS},
	{"delay-method", "MS", "wait before the greeting is answered", OPTION_NUMBER,
	 AT(delay_method), .max = DAY_MS},
	{"delay-data", "MS", "hold what the client sends for so long", OPTION_NUMBER,
	 AT(delay_data), .max = DAY_MS},
	{"hold", "N", "wait until so many requests wait, then carry them out together",
	 OPTION_NUMBER, AT(hold), .max = 1000000},
	{"reply", "CODE", "answer every CONNECT with this code (0x hexadecimal or decimal)",
	 OPTION_NUMBER, AT(reply), .max = 255},
	{"bind-type", "TYPE", "address type in replies: 0, 1, 3 or 4", OPTION_CALL,
	 .take = take_bind_type},
	{"bind-name-len", "N", "length of the name of type 3, 0 to 255 (9)", OPTION_NUMBER,
	 AT(bind_name_len), .max = 255},
	{"greet-early", NULL,
	 "reply together with the target's first bytes, or after half a second", OPTION_FLAG,
	 AT(greet_early)},
	{"fault", "KIND",
	 "behave badly:\n"
	 "garbage, http       instead of the first answer\n"
	 "close-method, hang-method    no answer to the greeting\n"
	 "close-after-method  the end after the answer to the greeting\n"
	 "bad-method, no-method, wrong-method-version    a wrong answer to it\n"
	 "auth-fail           every password is wrong\n"
	 "truncate            only the first bytes of the reply\n"
	 "close, hang         no reply\n"
	 "wrong-version       in the reply\n"
	 "long-reply          one of 262 bytes, which is correct\n"
	 "byte-by-byte        all that the client gets\n"
	 "drop-pipelined      forget what came together with the greeting\n"
	 "no-half-close       the client's end of file is the end of both directions",
	 OPTION_CALL, .take = take_fault},
	{"truncate-at", "N", "bytes of the truncated reply (4)", OPTION_NUMBER, AT(truncate_at),
	 .max = 255},
	{"reset", NULL, "where a fault closes, reset; alone: reset instead of the reply",
	 OPTION_FLAG, AT(reset)},
	{"fault-count", "N", "--fault, --reset and --reply concern only the first N connections",
	 OPTION_NUMBER, AT(fault_count), .max = 1000000000},
	{.name = NULL},
};

const struct option_table proxy_options = {
	.program = "sockshimctl proxy",
	.usage = "[option ...]",
	.summary = "A SOCKS4, 4a and 5 server, for demonstrations and tests.",
	.rows = rows,
};

bool proxy_logs(void)
{
	return log_file >= 0 || proxy_settings.verbose;
}

void proxy_log_line(char *text, size_t len)
{
	text[len++] = '\n';
	if (log_file >= 0 && write(log_file, text, len) < 0)
		log_file = -1;
	if (proxy_settings.verbose && write(STDERR_FILENO, text, len) < 0)
		proxy_settings.verbose = false;
}

/* As many descriptors as we may have, and more if we may: a tunnel takes two. */
static void raise_limit(void)
{
	struct rlimit r = {MANY_FILES, MANY_FILES};

	if (!setrlimit(RLIMIT_NOFILE, &r) || getrlimit(RLIMIT_NOFILE, &r) < 0)
		return;
	r.rlim_cur = r.rlim_max;
	setrlimit(RLIMIT_NOFILE, &r);
}

static void on_signal(struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
	loop_stop();
}

/* SIGTERM and SIGINT end the loop. Before any thread starts, so that all inherit the mask. */
static void catch_signals(void)
{
	static struct watch w = {.ready = on_signal};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	w.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (w.fd < 0 || loop_watch(&w, EPOLLIN))
		ctl_die(1, "signalfd: %s", strerror(errno));
}

static void open_log(void)
{
	const char *path = proxy_settings.log;

	if (!path)
		return;
	log_file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (log_file < 0)
		ctl_die(1, "%s: %s", path, strerror(errno));
}

int proxy_main(int argc, char **argv)
{
	int first = options_read(&proxy_options, &proxy_settings, argc, argv);
	int error;

	if (first < argc)
		ctl_die(2, "proxy: %s: unexpected argument", argv[first]);
	raise_limit();
	open_log();
	error = loop_start();
	if (!error)
		error = names_start();
	if (error)
		ctl_die(1, "%s", strerror(-error));
	catch_signals();
	listen_start();
	error = loop_run(conn_reap);
	listen_end();
	conn_end();
	loop_end();
	if (error)
		ctl_die(1, "epoll_wait: %s", strerror(-error));
	return 0;
}
