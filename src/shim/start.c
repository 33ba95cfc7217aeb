/* SPDX-License-Identifier: MIT */
/*
 * start.c - this process's part of a session: found at the first call or in the constructor,
 * whichever comes first, with system calls only.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "config.h"
#include "filter.h"
#include "inherit.h"
#include "gate.h"
#include "kept.h"
#include "pend.h"
#include "reporter.h"
#include "sys.h"

extern char **environ;

/* NULL: not looked for yet; &broken: looked for in vain. */
static _Atomic(struct session *) current;
static struct session *const broken = (struct session *)-1L;

static char exe[256];

const char *here_exe(void)
{
	long n;

	if (exe[0])
		return exe;
	n = SYS4(SYS_readlinkat, -100, "/proc/self/exe", exe, sizeof(exe) - 1);
	exe[n > 0 ? n : 0] = 0;
	return exe;
}

const char *here_name(void)
{
	const char *path = here_exe(), *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

struct bytes_out *say(struct log_line *l, enum log_level level)
{
	struct bytes_out *o = log_begin(l, level);

	if (*here_name()) {
		bytes_put_text(o, here_name());
		bytes_put_text(o, ": ");
	}
	return o;
}

static void say_broken(const char *what, const char *why)
{
	struct log_line l;
	struct bytes_out *o = say(&l, LOG_ERROR);

	bytes_put_text(o, what);
	bytes_put_text(o, why);
	bytes_put_text(o, "; every connection is refused");
	log_end(&l);
}

/*
 * Host names of proxies are looked up by the launcher; here that would be a question to the
 * network.
 */
static const char *unresolved(const struct settings *s)
{
	for (size_t i = 0; i < s->proxy_count; i++)
		if (!s->proxies[i].path[0] && addr_is_any(&s->proxies[i].at))
			return s->proxies[i].host;
	return NULL;
}

/*
 * A program with more rights than its caller (AT_SECURE) takes no word from it; and where nobody
 * has named the library, /etc/ld.so.preload has.
 */
static bool is_secure(void)
{
	return getauxval(AT_SECURE);
}

static bool is_everywhere(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return is_secure() || !preload || !strstr(preload, "libsockshim.so");
}

static int read_settings(struct conf *c)
{
	int ret = -ENOENT;

	if (is_everywhere()) {
		ret = config_everywhere(c);
		if (ret == -ENOENT)
			c->error[0] = 0;
	}
	if (ret != -ENOENT)
		return ret;
	return is_secure() ? config_trusted(c) : config_rest(c, environ, NULL);
}

/* The parser's own memory is too large for another program's stack. */
static bool configure(struct settings *out)
{
	long at = SYS6(SYS_mmap, 0, sizeof(struct conf), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct conf *c = (struct conf *)at;
	const char *host = NULL;
	bool ok;

	if (at < 0 && at > -4096)
		return false;
	conf_init_zeroed(c, out);
	ok = read_settings(c) >= 0;
	if (!ok)
		say_broken("", c->error);
	else
		host = unresolved(out);
	if (host)
		say_broken("without the launcher a proxy needs a numeric address, not ", host);
	SYS2(SYS_munmap, c, sizeof(*c));
	return ok && !host;
}

static struct session *start_alone(void)
{
	int error;
	struct session *s = session_anonymous(NULL, &error);

	if (!s) {
		say_broken("no memory to share: ", strerror(-error));
		return broken;
	}
	if (configure(&s->settings)) {
		session_seal(s);
		return s;
	}
	session_close(s);
	return broken;
}

static const char *words_of(int error)
{
	switch (error) {
	case -ENOENT:
		return "its launcher is gone";
	case -EACCES:
		return "it is another user's";
	default:
		return strerror(-error);
	}
}

static atomic_bool left_to_guard;

bool here_left_to_guard(void)
{
	return left_to_guard;
}

/*
 * A process of another user (by su(1) out of root's session) must not read the session, where a
 * proxy's password may be. If the supervisor judges its calls it is as well off as a static
 * program; here everything passes then.
 */
static struct session *start_session(const char *name)
{
	int error;
	struct session *s = session_open(name, &error);

	if (s)
		return s;
	left_to_guard = SYS2(SYS_listen, GUARD_NOBODY, GUARD_QUESTION) == GUARD_ANSWER;
	if (left_to_guard)
		return broken;
	say_broken("cannot join the session: ", words_of(error));
	return broken;
}

static void who(const struct stream *st, struct report_process *p)
{
	static _Atomic int known; /* the process that these are of */
	static _Atomic int32_t parent;
	static _Atomic uint64_t started;
	int32_t ppid;

	(void)st;
	*p = (struct report_process){.pid = sys_getpid(), .tid = sys_gettid(), .exe = here_exe()};
	if (known != p->pid) {
		started = reporter_started(p->pid, &ppid);
		parent = ppid;
		known = p->pid;
	}
	p->started = started;
	p->ppid = parent;
}

static bool borrowed(int32_t pid)
{
	return fds_ready() && fds_borrowed_by(pid);
}

static const struct reporter_host reporter_host = {.who = who, .borrowed = borrowed};

static struct session *start(void)
{
	const char *name = is_secure() ? NULL : getenv(SESSION_ENV);
	struct session *s, *none = NULL;

	log_start(NULL);
	s = name ? start_session(name) : start_alone();
	if (atomic_compare_exchange_strong(&current, &none, s)) {
		if (s != broken) {
			log_set(&s->settings);
			gate_start(s);
			others_start(s);
			if (s->settings.report)
				reporter_use(&reporter_host);
		}
		return s;
	}
	if (s != broken)
		session_close(s);
	return none;
}

const struct session *here(void)
{
	struct session *s = atomic_load_explicit(&current, memory_order_acquire);

	if (!s)
		s = start();
	return s == broken ? NULL : s;
}

static void say_inherited(const char *words)
{
	log_texts(LOG_WARN, here_name(), ": ", words, (char *)NULL);
}

static bool is_valgrind(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && strstr(preload, "/vgpreload_");
}

__attribute__((constructor)) static void begin(void)
{
	static atomic_bool begun;

	atomic_store(&begun,
		     true); /* a page that is read before it is written to is mapped twice */
	real_start();
	fds_start();
	if (is_valgrind())
		sys_checked();
	kept_start(here());
	if (getenv(SESSION_ENV) && !is_secure())
		others_join();
	else /* a launcher has done that; a session that begins here has no streams */
		inherit_scan(here(), say_inherited);
}
