/* SPDX-License-Identifier: MIT */
/* tunnel.c - what is said of a stream; driving one to its end for a lookup. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "audited.h"
#include "conf.h"
#include "ends.h"
#include "pend.h"
#include "reporter.h"
#include "shim.h"
#include "sys.h"
#include "tunnel.h"

/* What rt_sigaction(2) fills in; only the flags are wanted. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

bool tunnel_interrupts(void)
{
	struct kernel_sigaction a;

	for (int sig = 1; sig <= 64; sig++) {
		memset(&a, 0, sizeof(a));
		if (SYS4(SYS_rt_sigaction, sig, 0, &a, sizeof(a.mask)) == 0 &&
		    a.handler != (void *)SIG_DFL && a.handler != (void *)SIG_IGN &&
		    !(a.flags & SA_RESTART))
			return true;
	}
	return false;
}

nfds_t tunnel_waits(int need, struct pollfd *second)
{
	if (need != POLLPRI)
		return 1;
	second->fd = reporter_fd();
	return 2;
}

int tunnel_drive(struct stream *st, const struct session *s, int fd, struct socks_answer *answer)
{
	struct pollfd wait[2] = {{.fd = fd}, {.events = POLLIN}};
	int need;

	while ((need = stream_step(st, s, fd, answer)) > 0) {
		wait[0].events = (short)need;
		if (real(poll)(wait, tunnel_waits(need, &wait[1]), stream_timeout(st)) < 0 &&
		    errno == EINTR && tunnel_interrupts()) {
			sys_disconnect(fd);
			return -EINTR;
		}
	}
	return need;
}

void tunnel_say_failed(const struct session *s, const struct stream *st, int error)
{
	struct log_line l;
	enum log_level level = stream_proxy_fails(st, s) ? LOG_WARN : LOG_INFO;
	struct bytes_out *o;

	if (!log_wants(level))
		return;
	o = say(&l, level);
	stream_words(o, st, s);
	bytes_put_text(o, ": ");
	stream_error_words(o, st, s, error);
	log_end(&l);
}

void tunnel_say_open(const struct session *s, const struct stream *st, int fd)
{
	struct log_line l;
	struct bytes_out *o;
	struct addr source;
	char text[ADDR_TEXT];

	if (!log_wants(LOG_INFO))
		return;
	o = say(&l, LOG_INFO);
	stream_words(o, st, s);
	if (ends_own(fd, &source) == 0) {
		addr_print_port(&source, text);
		bytes_put_text(o, ", source ");
		bytes_put_text(o, text);
	}
	bytes_put_text(o, ", ");
	bytes_put_number(o, (sys_now() - st->started) / 1000000);
	bytes_put_text(o, " ms");
	log_end(&l);
}

void tunnel_list(const struct session *s, const struct stream *st, uint32_t thread, bool untold)
{
	struct stream_entry e = {
		.cookie = st->cookie,
		.started = st->started,
		.to = st->to,
		.name = st->name,
		.pid = fds_process(thread),
		.sent = st->sent,
		.received = st->received,
		.domain = st->domain,
		.no_delay = st->no_delay,
		.untold = untold,
	};

	if (!e.cookie || streams_add(session_streams(s), &e) < 0)
		log_texts(LOG_INFO, here_name(), ": streams table full: a stream goes unlisted",
			  (char *)NULL);
}

static int eai(int error)
{
	switch (error) {
	case EHOSTUNREACH:
	case ENETUNREACH:
		return EAI_NONAME;
	case ETIMEDOUT:
	case ECONNREFUSED:
		return EAI_AGAIN;
	default:
		return EAI_FAIL;
	}
}

int tunnel_resolve(const struct decision *d, const struct addr *to, int32_t name,
		   struct socks_answer *answer)
{
	const struct session *s = here();
	struct stream st;
	int other = stream_family(&s->settings.proxies[d->proxy], AF_INET), err;
	int family = other ? other : AF_INET;
	int fd = (int)SYS3(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return EAI_SYSTEM;
	stream_init(&st, s, d, to, name, name >= 0 ? SOCKS_RESOLVE : SOCKS_RESOLVE_PTR);
	st.cookie = sys_cookie(fd);
	audit_begin(s, &st, fd);
	err = stream_start(&st, s, fd, family);
	if (err == 0)
		err = tunnel_drive(&st, s, fd, answer);
	audit_end(s, &st, -err);
	if (err < 0)
		tunnel_say_failed(s, &st, -err);
	sys_close(fd);
	return err < 0 ? eai(-err) : 0;
}
