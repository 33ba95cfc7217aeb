/* SPDX-License-Identifier: MIT */
/*
 * judge.c - from a notification to decide(), and carrying out what it says, on a copy of the
 * socket.
 *
 * Theory of operation. An inet call is never let go on: what it points to could be another address
 * by the time the kernel reads it. So the address is copied, the id is checked (the caller is still
 * the one that was copied from), and the call is made here with that copy, which the caller cannot
 * reach. Calls on AF_UNIX, AF_NETLINK and other local sockets go on, with the caller's own root
 * directory and credentials.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>

#include "doors.h"
#include "filter.h"
#include "inbound.h"
#include "socks.h"
#include "supervisor.h"
#include "sys.h"
#include "twin.h"

static bool is_inet(int domain)
{
	return domain == AF_INET || domain == AF_INET6;
}

long judge_address(const struct request *rq, uint64_t at, uint64_t len, struct sockaddr_storage *sa)
{
	uint32_t size = (uint32_t)len; /* an int in the kernel */
	int error;

	memset(sa, 0, sizeof(*sa));
	if (size > sizeof(*sa))
		return -EINVAL;
	error = caller_read(rq->caller.tid, at, sa, size);
	if (!supervisor_waits(rq->id))
		return GONE;
	return error;
}

int judge_call(struct call *c, const struct request *rq, enum call_kind kind,
	       const struct sockaddr_storage *sa, size_t len, char text[static NAME_MAX_LEN + 1],
	       int32_t *name)
{
	int error, family, wrong;

	memset(c, 0, sizeof(*c));
	c->kind = (uint8_t)kind;
	c->domain = rq->caller.domain;
	c->type = rq->caller.type;
	c->protocol = rq->caller.protocol;
	*name = -1;
	error = call_to(c, sa, len);
	family = !c->family && c->domain == AF_INET ? AF_INET : c->family;
	wrong = call_family(c->domain, c->type, family, len);
	if (wrong)
		return wrong;
	if (error)
		return error;
	*name = session_call_name(supervisor.session, c, text);
	return 0;
}

/*
 * A lookup that a rule's Direct has left to libc: its questions, and the datagram sockets that it
 * connects to sort the answers, which send nothing.
 */
static bool is_direct_lookup(const struct call *c, const struct request *rq)
{
	if ((c->kind != CALL_CONNECT && c->kind != CALL_SEND) || !c->has_to || c->is_virtual)
		return false;
	if (c->to.port != 53 && (c->kind != CALL_CONNECT || c->type != SOCK_DGRAM))
		return false;
	return lookups_has(session_lookups(supervisor.session), rq->caller.tid);
}

enum verdict judge_decide(struct call *c, const struct request *rq, struct decision *d)
{
	static LARGE(2) char exe[4096];
	const struct settings *s = &supervisor.session->settings;
	struct ids ids;

	if (s->asks_ids && caller_ids(rq->caller.tid, &ids))
		c->ids = &ids;
	if (s->rule_count) {
		caller_exe(rq->caller.tid, exe, sizeof(exe));
		c->exe = exe;
	}
	if (decide(s, c, d) != VERDICT_PASS && is_direct_lookup(c, rq))
		*d = (struct decision){.verdict = VERDICT_PASS};
	/* A setuid program, or another one, may have the number by now: that was asked of it. */
	if ((s->asks_ids || s->rule_count) && !supervisor_waits(rq->id))
		*d = (struct decision){.verdict = VERDICT_REFUSE};
	c->ids = NULL;
	return (enum verdict)d->verdict;
}

/* From a twin it would go nowhere. */
void judge_twin(const struct request *rq, struct decision *d)
{
	if (d->verdict == VERDICT_PASS && twin_is(rq->caller.fd))
		*d = (struct decision){
			.verdict = VERDICT_REFUSE, .reason = REASON_UDP, .error = ENETUNREACH};
}

int judge_refuse(const struct request *rq, const struct call *c, const struct decision *d)
{
	if (d->reason == REASON_NONE && !d->error)
		return GONE;
	say_refused(rq, c, d);
	return -d->error;
}

/* --- bind and listen --- */

/*
 * Does the kernel's rule for low ports see the caller's rights in ours? (A setuid program may have
 * the number.)
 */
static bool has_right(const struct request *rq, const struct call *c)
{
	return !c->to.port || SYS0(SYS_geteuid) != 0 ||
	       (caller_may_bind_low(rq->caller.tid) && supervisor_waits(rq->id));
}

/*
 * Ours must not be lent: so the kernel judges, in the socket's own network namespace, without it.
 */
static long bind_without_right(int fd, const struct sockaddr_storage *sa, size_t len)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2] = {{0}}, less[2];
	long error = SYS2(SYS_capget, &head, all);

	memcpy(less, all, sizeof(less));
	less[0].effective &= ~(1u << CAP_NET_BIND_SERVICE);
	if (!error)
		error = SYS2(SYS_capset, &head, less);
	if (error)
		return -EACCES;
	error = sys_bind(fd, sa, len);
	SYS2(SYS_capset, &head, all);
	return error;
}

static long judge_bind(struct request *rq)
{
	size_t len = (uint32_t)rq->data->args[2];
	char text[NAME_MAX_LEN + 1];
	struct sockaddr_storage sa;
	struct decision d;
	struct call c;
	int32_t name;
	long error = judge_address(rq, rq->data->args[1], len, &sa);

	if (!error)
		error = judge_call(&c, rq, CALL_BIND, &sa, len, text, &name);
	if (error)
		return error;
	if (judge_decide(&c, rq, &d) == VERDICT_REFUSE)
		return judge_refuse(rq, &c, &d);
	if (d.verdict == VERDICT_NARROW) {
		say_refused(rq, &c, &d);
		len = inbound_address(rq->caller.fd, &c, &sa);
	}
	return has_right(rq, &c) ? sys_bind(rq->caller.fd, &sa, len)
				 : bind_without_right(rq->caller.fd, &sa, len);
}

static long judge_listen(struct request *rq)
{
	char text[NAME_MAX_LEN + 1];
	struct sockaddr_storage sa = {0};
	socklen_t len = sizeof(sa);
	struct decision d;
	struct call c;
	int32_t name;
	long error = SYS3(SYS_getsockname, rq->caller.fd, &sa, &len);

	if (!supervisor_waits(rq->id))
		return GONE;
	if (!error)
		error = judge_call(&c, rq, CALL_LISTEN, &sa, len, text, &name);
	if (error)
		return error;
	if (judge_decide(&c, rq, &d) == VERDICT_REFUSE)
		return judge_refuse(rq, &c, &d);
	if (d.verdict == VERDICT_NARROW) {
		error = inbound_confine(rq->caller.fd, &c, &d);
		say_refused(rq, &c, &d);
	}
	return error ? error : SYS2(SYS_listen, rq->caller.fd, (int)rq->data->args[1]);
}

/* --- notifications --- */

static long judge_connect(struct request *rq)
{
	struct sockaddr_storage sa;
	long error = judge_address(rq, rq->data->args[1], rq->data->args[2], &sa);

	return error ? error : judge_connect_to(rq, &sa, (uint32_t)rq->data->args[2]);
}

static enum call_kind kind_of(int nr)
{
	switch (nr) {
	case SYS_connect:
		return CALL_CONNECT;
	case SYS_bind:
		return CALL_BIND;
	case SYS_listen:
		return CALL_LISTEN;
	default:
		return CALL_SEND;
	}
}

static long judge_inet(struct request *rq)
{
	switch (rq->data->nr) {
	case SYS_connect:
		return judge_connect(rq);
	case SYS_bind:
		return judge_bind(rq);
	case SYS_listen:
		return judge_listen(rq);
	case SYS_sendto:
		return send_to(rq);
	case SYS_sendmsg:
		return send_message(rq);
	case SYS_sendmmsg:
		return send_messages(rq);
	default:
		return -ENOSYS;
	}
}

/* Where the address of a call is, if it has one in a register. */
static size_t find_address(const struct seccomp_data *data, uint64_t *at)
{
	const bool sendto = data->nr == SYS_sendto;
	uint32_t len = (uint32_t)data->args[sendto ? 5 : 2];

	*at = data->args[sendto ? 4 : 1];
	return data->nr == SYS_connect || sendto ? len : 0;
}

/* The path of a Unix socket: some are doors to name services. */
static void find_path(const struct request *rq, struct call *c, struct sockaddr_storage *sa)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un *un = (struct sockaddr_un *)sa;
	uint64_t at;
	size_t len = find_address(rq->data, &at);

	memset(sa, 0, sizeof(*sa));
	if (len <= head || len > sizeof(*sa) || caller_read(rq->caller.tid, at, sa, len) < 0)
		return;
	c->name = un->sun_path;
	c->name_len = un->sun_path[0] ? strnlen(un->sun_path, len - head) : len - head;
}

/*
 * A socket of another family: whether it reaches anything is decided by the family, and a Unix
 * socket's path. The kernel reads the path once more; what another thread writes there meanwhile is
 * a local socket still.
 */
static void judge_other(const struct request *rq)
{
	struct call c = {.kind = (uint8_t)kind_of(rq->data->nr),
			 .domain = rq->caller.domain,
			 .family = rq->caller.domain};
	struct sockaddr_storage sa;
	const struct settings *s = &supervisor.session->settings;
	struct decision d;

	if (c.domain == AF_UNIX)
		find_path(rq, &c, &sa);
	if (decide(s, &c, &d) == VERDICT_PASS && c.name &&
	    doors_hides(s->text + s->unix_sockets, c.name, c.name_len))
		d = (struct decision){.verdict = VERDICT_REFUSE,
				      .reason = REASON_UNIX,
				      .error = reason_error(REASON_UNIX)};
	if (d.verdict == VERDICT_PASS)
		supervisor_let(rq->id);
	else
		supervisor_answer(rq->id, judge_refuse(rq, &c, &d));
}

void judge_settle(struct request *rq)
{
	long result = judge_inet(rq);

	if (result == HELD)
		return;
	if (result != GONE)
		supervisor_answer(rq->id, result);
	caller_close(&rq->caller);
}

/* Of a library that cannot join the session, and leaves all to us if we are there. */
static bool is_question(const struct seccomp_data *data)
{
	return data->nr == SYS_listen && (int)data->args[0] == GUARD_NOBODY &&
	       (int)data->args[1] == GUARD_QUESTION && !filter_is_foreign(data);
}

void judge(const struct seccomp_notif *n)
{
	struct request rq = {.id = n->id, .data = &n->data};
	int error;

	if (is_question(&n->data)) {
		supervisor_answer(n->id, GUARD_ANSWER);
		return;
	}
	if (audit_filtered(n))
		return;
	error = caller_open(&rq.caller, n->pid, (int)n->data.args[0]);
	if (error) {
		if (error == -EACCES && supervisor_waits(n->id))
			say_denied(&rq, "its process may not be looked into (see Yama, and "
					"programs that cannot be read), so its network calls fail");
		supervisor_answer(n->id, error);
	} else if (is_inet(rq.caller.domain)) {
		judge_settle(&rq);
	} else {
		judge_other(&rq);
		caller_close(&rq.caller);
	}
}
