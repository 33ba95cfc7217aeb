/* SPDX-License-Identifier: MIT */
/*
 * check.c - --check: can the command be wrapped as things are? Says so line by line, runs nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "guard.h"
#include "run.h"
#include "socks.h"
#include "stream.h"

/*
 * A proxy that greets takes milliseconds; whoever checks does not want to wait as long as a
 * program.
 */
#define GREETING_TIMEOUT 10000 /* ms */
/* SOCKS4a has no greeting: it is asked for a name that cannot exist (RFC 6761 §6.4). */
#define NO_SUCH_NAME "sockshim.invalid"
#define LITERAL "192.0.2.1"

static void limit(int fd, int option, uint32_t ms)
{
	struct timeval t;

	if (!ms || ms > GREETING_TIMEOUT)
		ms = GREETING_TIMEOUT;
	t.tv_sec = ms / 1000;
	t.tv_usec = ms % 1000 * 1000;
	setsockopt(fd, SOL_SOCKET, option, &t, sizeof(t));
}

/* A connected socket, or -errno. */
static int connect_proxy(const struct proxy *p, const struct settings *s)
{
	struct sockaddr_storage to;
	int other = stream_family(p, AF_INET), family = other ? other : AF_INET;
	int len = stream_address(p, family, &to);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	limit(fd, SO_SNDTIMEO, s->connect_timeout);
	limit(fd, SO_RCVTIMEO, s->handshake_timeout);
	if (connect(fd, (const struct sockaddr *)&to, (socklen_t)len) < 0) {
		int error = errno == EINPROGRESS ? ETIMEDOUT : errno;

		close(fd);
		return -error;
	}
	return fd;
}

static void send_some(int fd, struct socks *k, const struct socks_request *rq)
{
	uint8_t message[SOCKS_MESSAGE_MAX];
	ssize_t n = send(fd, message, socks_output(k, rq, message), MSG_NOSIGNAL);

	if (n < 0)
		socks_fail(k, errno);
	else
		socks_sent(k, rq, (size_t)n);
}

static void receive_some(int fd, struct socks *k, const struct socks_request *rq)
{
	uint8_t reply[SOCKS_WANT_MAX];
	ssize_t n = recv(fd, reply, socks_want(k), 0);

	if (n < 0)
		socks_fail(k, errno == EAGAIN ? ETIMEDOUT : errno);
	else if (n == 0)
		socks_eof(k);
	else
		socks_input(k, rq, reply, (size_t)n, NULL);
}

/* One message of ours and the whole reply to it. */
static void exchange(int fd, struct socks *k, const struct socks_request *rq)
{
	while (socks_next(k) == SOCKS_SEND)
		send_some(fd, k, rq);
	while (socks_next(k) == SOCKS_RECEIVE)
		receive_some(fd, k, rq);
}

/* SOCKS5: greeting and, if the proxy wants it, the password; the request is not sent. */
static bool greet(int fd, struct socks *k, const struct socks_request *rq)
{
	exchange(fd, k, rq);
	if (rq->protocol == SOCKS_V4A)
		return k->replied;
	if (socks_next(k) == SOCKS_SEND && k->method == 2)
		exchange(fd, k, rq);
	return socks_next(k) == SOCKS_SEND;
}

static struct socks_request request(const struct proxy *p, const char *name)
{
	return (struct socks_request){
		.protocol = p->protocol,
		.command = SOCKS_CONNECT,
		.tor = p->tor,
		.credentials = p->credentials,
		.to = {.port = 9},
		.name = name,
		.name_len = (uint8_t)strlen(name),
		.user = p->user,
		.password = p->password,
		.user_len = p->user_len,
		.password_len = p->password_len,
	};
}

static bool speaks(int fd, const struct proxy *p, const char **why)
{
	struct socks_request rq = request(p, NO_SUCH_NAME);
	struct socks k;

	socks_begin(&k, &rq);
	if (greet(fd, &k, &rq))
		return true;
	*why = socks_words(&k, p->protocol);
	return false;
}

/* Who says nothing to SOCKS4 may know it all the same: ssh -D closes instead of refusing. */
static bool speaks_socks5(const struct settings *s, const struct proxy *p)
{
	struct proxy other = *p;
	const char *why;
	bool does;
	int fd;

	other.protocol = SOCKS_V5;
	other.credentials = false;
	fd = connect_proxy(&other, s);
	does = fd >= 0 && speaks(fd, &other, &why);
	if (fd >= 0)
		close(fd);
	return does;
}

/* What becomes of a RESOLVE: of a literal (RFC 5737), which nobody has to ask a name server for. */
static struct socks resolve(const struct settings *s, const struct proxy *p, bool pipeline)
{
	struct socks_request rq = request(p, LITERAL);
	int fd = connect_proxy(p, s);
	struct socks k = {0};

	if (fd < 0) {
		socks_fail(&k, -fd);
		return k;
	}
	rq.command = SOCKS_RESOLVE;
	rq.pipeline = pipeline;
	socks_begin(&k, &rq);
	while (socks_next(&k) == SOCKS_SEND)
		exchange(fd, &k, &rq);
	close(fd);
	return k;
}

/* Who answers neither way (ssh -D knows no RESOLVE) may well take a CONNECT that comes early. */
static bool loses_early(const struct settings *s, const struct proxy *p)
{
	return p->protocol == SOCKS_V5 && settings_pipelines(s->pipeline, p) &&
	       !resolve(s, p, true).replied && resolve(s, p, false).replied;
}

/* What Resolve remote needs: NULL, or why it is not there. */
static const char *cannot_resolve(const struct settings *s, const struct proxy *p)
{
	struct socks k;

	if (s->resolve != RESOLVE_REMOTE)
		return NULL;
	k = resolve(s, p, false);
	return socks_next(&k) == SOCKS_DONE ? NULL : socks_words(&k, p->protocol);
}

static const char *advice(const struct settings *s, const struct proxy *p, bool connected)
{
	if (!connected)
		return "; start it, or name another with Proxy";
	if (p->protocol == SOCKS_V4A && speaks_socks5(s, p))
		return "; it speaks SOCKS5: write socks5://";
	return "";
}

static bool check_proxy(const struct settings *s, const struct proxy *p)
{
	int fd = connect_proxy(p, s);
	const char *why = fd < 0 ? strerror(-fd) : NULL;
	bool good = fd >= 0 && speaks(fd, p, &why);
	char url[1024];

	if (fd >= 0)
		close(fd);
	conf_print_proxy(p, false, url, sizeof(url));
	if (good)
		printf("proxy: %s answers %s\n", url,
		       p->protocol == SOCKS_V4A ? "SOCKS4a" : "SOCKS5");
	else
		printf("proxy: %s: %s%s\n", url, why, advice(s, p, fd >= 0));
	if (!good)
		return false;
	if (loses_early(s, p)) {
		printf("proxy: %s: loses a request that comes early: set \"Pipeline no\"\n", url);
		good = false;
	}
	why = cannot_resolve(s, p);
	if (why) {
		printf("proxy: %s answers no RESOLVE: %s; set \"Resolve virtual\"\n", url, why);
		good = false;
	}
	return good;
}

static bool check_library(void)
{
	char path[PATH_MAX];
	const char *why = library_find(path);

	printf("library: %s %s\n", path, why ? why : "can be loaded");
	return !why;
}

static bool check_command(const char *name, bool allowed)
{
	char path[PATH_MAX];
	int kind = command_find(name, path);

	if (kind < 0) {
		printf("command: %s: %s\n", name, strerror(-kind));
		return false;
	}
	printf("command: %s %s\n", path, program_words((enum program_kind)kind));
	return allowed || !command_escapes((enum program_kind)kind);
}

/* A guard that is not there is an error only where one is required. */
static bool check_guard(const struct settings *s)
{
	const char *why = guard_lacks(), *names = NULL;

	if (s->guard == GUARD_OFF)
		puts("guard: off");
	else if (why)
		printf("guard: cannot work here: %s\n", why);
	else
		printf("guard: works here%s\n", guard_grade());
	if (s->guard != GUARD_OFF && !why)
		names = guard_lacks_names();
	if (names)
		printf("guard: no names for programs that do not connect the socket they ask by "
		       "(musl): %s\n",
		       names);
	return !why || s->guard != GUARD_REQUIRE;
}

int check_all(const struct conf *c, const struct request *rq)
{
	const struct settings *s = c->out;
	bool good;

	printf("configuration: without errors, %u rule%s\n", s->rule_count,
	       s->rule_count == 1 ? "" : "s");
	good = check_library();
	good &= check_guard(s);
	if (rq->command[0])
		good &= check_command(rq->command[0],
				      s->unwrappable == UNWRAPPABLE_ALLOW ||
					      (s->guard != GUARD_OFF && !guard_lacks()));
	for (size_t i = 0; i < s->proxy_count; i++)
		good &= check_proxy(s, &s->proxies[i]);
	return fflush(stdout) || !good ? EXIT_FAILURE : EXIT_SUCCESS;
}
