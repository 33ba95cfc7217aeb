/* SPDX-License-Identifier: MIT */
/* proxies.c - what the launcher adds to the proxies of the settings: a user name, and addresses. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"
#include "socks.h"
#include "sys.h"

/* Tor isolates by the pair of user and password; conf.c adds the same one to tor://NAME@… */
#define TOR_PASSWORD "0"
/* socks-extensions: names that begin so have a meaning of their own. */
#define TOR_RESERVED "<torS0X>"

static bool unresolved(const struct proxy *p)
{
	return p->host[0] && !p->path[0] && addr_is_any(&p->at);
}

static void set_user(struct proxy *p, const char *user)
{
	if (p->tor && !strncmp(user, TOR_RESERVED, strlen(TOR_RESERVED)))
		die(EXIT_USAGE, "--user: Tor reserves names that begin with " TOR_RESERVED);
	memcpy(p->user, user, strlen(user));
	p->user_len = (uint8_t)strlen(user);
	p->credentials = true;
	if (p->tor && !p->password_len) {
		memcpy(p->password, TOR_PASSWORD, strlen(TOR_PASSWORD));
		p->password_len = strlen(TOR_PASSWORD);
	}
}

static void read_password(struct conf *c)
{
	const char *path = c->out->text + c->out->password_file;
	char text[CONF_LINE_MAX];
	long n = sys_slurp(path, text, sizeof(text));

	if (n < 0)
		die(EXIT_USAGE, "%s: PasswordFile: %s", path, strerror((int)-n));
	if (conf_password(c, text, (size_t)n) < 0)
		die(EXIT_USAGE, "%s", c->error);
}

/* The default proxy gets the name in any case, the rules' proxies where they have none. */
void proxies_user(struct conf *c, const char *user)
{
	struct settings *s = c->out;
	const struct proxy *first = &s->proxies[s->proxy];

	if (!*user || strlen(user) > sizeof(first->user))
		die(EXIT_USAGE, "--user: 1 to %zu characters", sizeof(first->user));
	for (size_t i = 0; i < s->proxy_count; i++)
		if (&s->proxies[i] == first || !s->proxies[i].credentials)
			set_user(&s->proxies[i], user);
	if (s->password_file)
		read_password(c);
	for (size_t i = 0; i < s->proxy_count; i++)
		if (s->proxies[i].protocol == SOCKS_V5 && !s->proxies[i].password_len)
			die(EXIT_USAGE,
			    "--user: socks5://%s needs a password too: set PasswordFile",
			    s->proxies[i].host);
}

/*
 * getaddrinfo(3) in a process of its own: libc's resolver loads modules, and so would keep this
 * program from being linked statically, which makes up half of its start-up time.
 */
static pid_t run_getent(const char *host, int to)
{
	char *argv[] = {(char *)"getent", (char *)"ahosts", (char *)"--", (char *)host, NULL};
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(to, STDOUT_FILENO);
		execvp(argv[0], argv);
		_exit(EXIT_NOT_FOUND);
	}
	return pid;
}

/* The first address is the best (RFC 6724 §6): text up to the first blank. */
static bool read_address(int from, struct addr *a)
{
	char text[4096];
	size_t have = 0;
	ssize_t n;

	do {
		n = read(from, text + have, sizeof(text) - have);
		have += n > 0 ? (size_t)n : 0;
	} while (n > 0 || (n < 0 && errno == EINTR));
	for (size_t i = 0; i < have; i++)
		if (text[i] == ' ')
			return addr_parse(a, text, i);
	return false;
}

/*
 * waitpid(2) loses the status where the launcher was started with SIGCHLD ignored: that is no
 * error.
 */
static bool look_up(const char *host, struct addr *a)
{
	int ends[2], status = 0;
	pid_t pid;
	bool found;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	pid = run_getent(host, ends[1]);
	close(ends[1]);
	found = pid > 0 && read_address(ends[0], a);
	close(ends[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == EXIT_NOT_FOUND)
		die(EXIT_USAGE, "getent is needed to look up the proxy %s: write its address",
		    host);
	return found;
}

/* "fe80::1%eth0": true if it is such an address, and there is such an interface. */
static bool interface_address(const char *host, struct addr *a)
{
	size_t len = strcspn(host, "%");

	return host[len] && addr_parse(a, host, len) &&
	       (a->scope = if_nametoindex(host + len + 1)) != 0;
}

void proxies_resolve(struct settings *s)
{
	for (size_t i = 0; i < s->proxy_count; i++) {
		struct proxy *p = &s->proxies[i];
		uint16_t port = p->at.port;

		if (!unresolved(p))
			continue;
		if (!interface_address(p->host, &p->at) && !look_up(p->host, &p->at))
			die(EXIT_USAGE, "no address is known for the proxy %s", p->host);
		p->at.port = port;
		if (net_contains(&s->virtual4, &p->at) || net_contains(&s->virtual6, &p->at))
			die(EXIT_USAGE, "the proxy %s got a virtual address: write its real one",
			    p->host);
	}
}
