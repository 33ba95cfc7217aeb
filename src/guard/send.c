/* SPDX-License-Identifier: MIT */
/*
 * send.c - sends with an address, and messages, on a copy of the socket with a copy of the data.
 *
 * Only programs that the library is not loaded in come here, and few of those send so on a stream.
 * As much as one buffer holds is sent at a time: fewer bytes than asked for are a legal answer of a
 * stream; a datagram is never larger than the buffer.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>

#include "ends.h"
#include "supervisor.h"
#include "sys.h"
#include "twin.h"

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif
#define BUFFER 65536
#define IOV_MOST 1024 /* UIO_MAXIOV */
#define IOV_TAKEN 64

static LARGE(2) uint8_t buffer[BUFFER];

/* One send, whichever call it came by. */
struct sending {
	struct sockaddr_storage to;
	uint64_t to_at;
	uint32_t to_len;
	struct iovec data[IOV_TAKEN]; /* in the caller's memory */
	size_t count;
	int flags;
	bool later; /* not the first of several: the call cannot be made again */
};

static bool is_stream(const struct request *rq)
{
	return rq->caller.type == SOCK_STREAM;
}

/* Gathers the data. Its length, or -errno, or GONE. */
static long gather(const struct request *rq, const struct sending *s)
{
	size_t have = 0, more = 0;
	int error = 0;

	for (size_t i = 0; i < s->count && !error; i++) {
		size_t len = s->data[i].iov_len, room = sizeof(buffer) - have;

		more += len > room ? len - room : 0;
		len = len < room ? len : room;
		error = caller_read(rq->caller.tid, (uint64_t)(uintptr_t)s->data[i].iov_base,
				    buffer + have, len);
		have += len;
	}
	if (!supervisor_waits(rq->id))
		return GONE;
	if (error)
		return error;
	return more && !is_stream(rq) ? -EMSGSIZE : (long)have;
}

/* Waits for room in the socket as the caller would. */
static long wait_for_room(struct request *rq)
{
	struct pending *p = pending_add(PENDING_SEND, rq, sys_cookie(rq->caller.fd));

	if (!p)
		return -EAGAIN;
	if (pending_watch(p) == 0)
		return HELD;
	pending_release(p);
	return -EAGAIN;
}

/* SIGPIPE is the caller's: it gets EPIPE alone. */
static long send_copy(struct request *rq, const struct sending *s, bool with_address)
{
	int flags = (s->flags & ~(MSG_FASTOPEN | MSG_ZEROCOPY)) | MSG_DONTWAIT | MSG_NOSIGNAL;
	long len = gather(rq, s), n;

	if (len < 0 || len == GONE)
		return len;
	n = SYS6(SYS_sendto, rq->caller.fd, buffer, len, flags, with_address ? &s->to : NULL,
		 with_address ? s->to_len : 0);
	if (n == -EAGAIN && rq->caller.blocking && !(s->flags & MSG_DONTWAIT))
		return wait_for_room(rq);
	return n;
}

/* Datagrams: policy decides by the address. */
static long send_datagram(struct request *rq, const struct sending *s)
{
	char text[NAME_MAX_LEN + 1];
	struct decision d;
	struct call c;
	int32_t name;
	int error;

	error = judge_call(&c, rq, CALL_SEND, &s->to, s->to_len, text, &name);
	if (error)
		return error;
	judge_decide(&c, rq, &d);
	if (dns_wants(&c, &d) && twin_reaches(&c.to)) {
		long twin = twin_take(rq, !s->later);

		if (twin == 0)
			return send_copy(rq, s, true);
		if (twin == HELD || twin == GONE)
			return twin;
	}
	judge_twin(rq, &d);
	if (d.verdict != VERDICT_PASS)
		return judge_refuse(rq, &c, &d);
	return send_copy(rq, s, true);
}

/*
 * A stream looks at the address for MSG_FASTOPEN only: a connect, and then (judge.c) the same
 * again.
 */
static long fast_open(struct request *rq, const struct sending *s)
{
	long result;

	if (ends_connected(rq->caller.fd))
		return send_copy(rq, s, false);
	result = judge_connect_to(rq, &s->to, s->to_len);
	return result == 0 ? send_copy(rq, s, false) : result;
}

static long send_one(struct request *rq, struct sending *s)
{
	long error;

	if (s->to_at) {
		error = judge_address(rq, s->to_at, s->to_len, &s->to);
		if (error)
			return error;
	}
	if (is_stream(rq) && (s->flags & MSG_FASTOPEN))
		return s->to_at ? fast_open(rq, s) : -EOPNOTSUPP;
	if (is_stream(rq) || !s->to_at)
		return send_copy(rq, s, false);
	return send_datagram(rq, s);
}

long send_to(struct request *rq)
{
	const uint64_t *a = (const uint64_t *)rq->data->args;
	struct sending s = {
		.to_at = a[4],
		.to_len = (uint32_t)a[5],
		.data = {{.iov_base = (void *)(uintptr_t)a[1], .iov_len = a[2]}},
		.count = 1,
		.flags = (int)a[3],
	};

	return send_one(rq, &s);
}

/* Control data would change where or how it is sent: it is not copied, and not understood. */
static long read_message(const struct request *rq, uint64_t at, int flags, struct sending *s)
{
	struct msghdr m;
	int error = caller_read(rq->caller.tid, at, &m, sizeof(m));

	memset(s, 0, sizeof(*s));
	if (error)
		return error;
	if (m.msg_controllen)
		return -EOPNOTSUPP;
	if (m.msg_iovlen > IOV_MOST)
		return -EMSGSIZE;
	if (m.msg_iovlen > IOV_TAKEN && !is_stream(rq))
		return -EMSGSIZE;
	s->count = m.msg_iovlen < IOV_TAKEN ? m.msg_iovlen : IOV_TAKEN;
	s->flags = flags;
	s->to_at = m.msg_namelen ? (uint64_t)(uintptr_t)m.msg_name : 0;
	s->to_len = m.msg_namelen;
	return caller_read(rq->caller.tid, (uint64_t)(uintptr_t)m.msg_iov, s->data,
			   s->count * sizeof(s->data[0]));
}

/* `more`: there is data that one answer does not tell of. */
static long send_at(struct request *rq, uint64_t at, int flags, bool later, bool *more)
{
	struct sending s;
	long n = read_message(rq, at, flags, &s);
	size_t asked = 0;

	if (n)
		return n;
	s.later = later;
	n = send_one(rq, &s);
	for (size_t i = 0; i < s.count; i++)
		asked += s.data[i].iov_len;
	*more = s.count == IOV_TAKEN || n < 0 || (size_t)n < asked;
	return n;
}

long send_message(struct request *rq)
{
	bool more;

	return send_at(rq, rq->data->args[1], (int)rq->data->args[2], false, &more);
}

/*
 * As the kernel does it: the count alone tells of an error of any message but the first, and of one
 * that was sent in part. Only the first waits for room.
 */
long send_messages(struct request *rq)
{
	const uint64_t *a = (const uint64_t *)rq->data->args;
	const uint32_t count = (uint32_t)a[2] < IOV_MOST ? (uint32_t)a[2] : IOV_MOST;
	uint32_t sent = 0;
	uint64_t at = a[1];
	bool more = false;
	long n = 0;

	for (; sent < count && !more; sent++, at += sizeof(struct mmsghdr)) {
		unsigned int len;

		n = send_at(rq, at, (int)a[3] | (sent ? MSG_DONTWAIT : 0), sent, &more);
		if (n < 0 || n == HELD || n == GONE)
			break;
		len = (unsigned int)n;
		/* another program may have the caller's number, and run with more rights */
		n = GONE;
		if (supervisor_waits(rq->id))
			n = caller_write(rq->caller.tid, at + sizeof(struct msghdr), &len,
					 sizeof(len));
		if (n < 0 || n == GONE)
			break;
	}
	return n == HELD || n == GONE || !sent ? n : (long)sent;
}
