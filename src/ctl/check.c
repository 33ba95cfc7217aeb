/* SPDX-License-Identifier: MIT */
/*
 * check.c - `sockshimctl check`: what the launcher says of itself (sockshim --check), what the
 * proxy is and can do, and whether anything gets past the proxy.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "beside.h"
#include "check_leak.h"
#include "client.h"
#include "conf.h"
#include "ctl.h"
#include "options.h"

/* A literal: nobody has to ask a name server for it (RFC 5737). */
#define LITERAL "192.0.2.1"

struct check_settings {
	const char *proxy, *file;
	bool no_test;
	int timeout; /* s */
};

static const struct option_row rows[] = {
	{"proxy", "URL", "the proxy; else that of session or configuration", OPTION_TEXT,
	 offsetof(struct check_settings, proxy), 0, NULL, 'p'},
	{"config", "FILE", "configuration file to read, not the usual ones", OPTION_TEXT,
	 offsetof(struct check_settings, file), 0, NULL, 'c'},
	{"timeout", "SECONDS", "how long to wait for each of the proxy's answers (10)",
	 OPTION_NUMBER, offsetof(struct check_settings, timeout), 3600, NULL, 't'},
	{"no-self-test", NULL, "do not try to leak (in a network namespace)", OPTION_FLAG,
	 offsetof(struct check_settings, no_test), 0, NULL, 0},
	{0},
};

const struct option_table check_options = {
	"sockshimctl check",
	"[option ...]",
	"Says whether wrapping works here, what the proxy is, and whether anything gets past it.",
	rows,
};

/* ---- the proxy ---- */

struct probe {
	const struct proxy *proxy;
	int timeout; /* ms */
	const char *error;
};

/*
 * Connects and sends `len` bytes; reads up to `size` until the end of file or `enough`. -1: failed.
 */
static ssize_t exchange(struct probe *pr, const void *data, size_t len, void *reply, size_t size,
			size_t enough)
{
	struct pollfd p = {.fd = client_connect(pr->proxy), .events = POLLOUT};
	int64_t end = client_now() + pr->timeout, left;
	size_t have = 0;
	bool sent = false;
	ssize_t n = 1;

	if (p.fd < 0) {
		pr->error = strerror(-p.fd);
		return -1;
	}
	while (n > 0 && have < enough && have < size && (left = end - client_now()) > 0) {
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = sent ? recv(p.fd, (char *)reply + have, size - have, 0)
			 : send(p.fd, data, len, MSG_NOSIGNAL);
		have += sent && n > 0 ? (size_t)n : 0;
		sent = true;
		p.events = POLLIN;
	}
	if (n < 0)
		pr->error = strerror(errno);
	else if (!have)
		pr->error = n ? "no answer in time" : "it closes the connection";
	close(p.fd);
	return n < 0 ? -1 : (ssize_t)have;
}

/* The method that is chosen when only this one is offered; -1: no SOCKS5 there. */
static int method(struct probe *pr, uint8_t offered)
{
	uint8_t greeting[] = {5, 1, offered}, reply[2];

	if (exchange(pr, greeting, sizeof(greeting), reply, sizeof(reply), 2) != 2)
		return -1;
	if (reply[0] != 5)
		pr->error = "it speaks no SOCKS5";
	return reply[0] == 5 ? reply[1] : -1;
}

static bool print_methods(struct probe *pr)
{
	int none = method(pr, 0), password = none < 0 ? -1 : method(pr, 2);

	if (none < 0)
		return false;
	printf("proxy: SOCKS5; methods:%s%s%s\n", none == 0 ? " no authentication" : "",
	       none == 0 && password == 2 ? "," : "", password == 2 ? " user and password" : "");
	return true;
}

/* The reply to a command of Tor's in the request's protocol; the code, or -1 without one. */
static int ask(struct probe *pr, uint8_t protocol, enum socks_command command, bool pipeline)
{
	struct socks_request rq = client_request(pr->proxy, command);
	struct socks_answer answer;
	struct socks k;
	int fd = client_connect(pr->proxy);

	if (fd < 0)
		return -1;
	rq.protocol = protocol;
	rq.pipeline = pipeline;
	rq.credentials = rq.credentials && protocol == pr->proxy->protocol;
	addr_parse(&rq.to, LITERAL, strlen(LITERAL));
	if (command != SOCKS_RESOLVE_PTR) {
		rq.name = LITERAL;
		rq.name_len = strlen(LITERAL);
	}
	socks_begin(&k, &rq);
	client_talk(fd, &k, &rq, &answer, pr->timeout);
	close(fd);
	if (k.replied && !socks_code_errno(protocol, k.code) && socks_next(&k) != SOCKS_DONE)
		return SOCKS5_NO_COMMAND; /* it was taken for another command */
	return k.replied ? k.code : -1;
}

/* Any reply at all shows that SOCKS4 is spoken. */
static void print_socks4(struct probe *pr)
{
	int code = ask(pr, SOCKS_V4A, SOCKS_RESOLVE, false);

	printf("proxy: SOCKS4a: %s\n", code < 0 ? "no answer" : "yes");
}

static void print_extensions(struct probe *pr)
{
	int resolve = ask(pr, SOCKS_V5, SOCKS_RESOLVE, false);
	int ptr = resolve == 0 ? ask(pr, SOCKS_V5, SOCKS_RESOLVE_PTR, false) : SOCKS5_NO_COMMAND;
	bool reverse = resolve == 0 && ptr != SOCKS5_NO_COMMAND, pipeline;

	pipeline = resolve == 0 && ask(pr, SOCKS_V5, SOCKS_RESOLVE, true) == 0;
	printf("proxy: extensions:%s%s%s%s\n", resolve == 0 ? " RESOLVE" : " none",
	       reverse ? ", RESOLVE_PTR" : "", reverse && ptr < 0 ? " (slow)" : "",
	       pipeline ? ", Pipeline yes works" : "");
}

/* Tor answers a GET on its SocksPort with a page of its own (501, connection_edge.c). */
static void print_tor(struct probe *pr)
{
	static const char get[] = "GET / HTTP/1.0\r\n\r\n";
	char page[4096];
	ssize_t n = exchange(pr, get, sizeof(get) - 1, page, sizeof(page) - 1, sizeof(page));

	page[n > 0 ? n : 0] = 0;
	printf("proxy: Tor: %s\n",
	       strstr(page, "Tor is not an HTTP Proxy") ? "yes, by its answer to HTTP" : "no");
}

static bool check_proxy(const struct proxy *p, int timeout)
{
	struct probe pr = {.proxy = p, .timeout = timeout};

	if (p->protocol == SOCKS_V5 && !print_methods(&pr)) {
		printf("proxy: %s\n", pr.error);
		return false;
	}
	print_socks4(&pr);
	if (p->protocol == SOCKS_V5)
		print_extensions(&pr);
	print_tor(&pr);
	return true;
}

/* ---- the launcher ---- */

static bool check_launcher(const struct check_settings *o)
{
	const char *argv[] = {"sockshim", "--check", NULL, NULL, NULL, NULL, NULL};
	int n = 2, status;
	pid_t pid;

	if (o->proxy) {
		argv[n++] = "-p";
		argv[n++] = o->proxy;
	}
	if (o->file) {
		argv[n++] = "-c";
		argv[n++] = o->file;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execvp(beside_sockshim(), (char **)argv);
		printf("launcher: %s: %s\n", beside_sockshim(), strerror(errno));
		fflush(stdout);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int check_main(int argc, char **argv)
{
	struct check_settings o = {.timeout = 10};
	const struct settings *s;
	bool good;

	if (argc == 2 && !strcmp(argv[1], CHECK_TRY))
		return check_try();
	if (options_read(&check_options, &o, argc, argv) != argc)
		ctl_die(2, "check takes no argument");
	s = client_settings(o.proxy, o.file);
	good = check_launcher(&o);
	good &= check_proxy(&s->proxies[s->proxy], o.timeout * 1000);
	if (!o.no_test)
		good &= check_leak();
	return fflush(stdout) || !good ? EXIT_FAILURE : EXIT_SUCCESS;
}
