/* SPDX-License-Identifier: MIT */
/* bus.c - messages to D-Bus: names that UnixSockets closes are unknown there. */
#include "bus.h"

#include <string.h>

#include "doors.h"
#include "listener.h"

atomic_bool bus_known;

/* As every address of a bus has it: /run/dbus/system_bus_socket, /run/user/1000/bus. */
static bool is_bus(const struct call *c)
{
	static const char word[] = "bus";
	const size_t len = sizeof(word) - 1;

	for (size_t i = 0; c->name && i + len <= c->name_len; i++)
		if (!memcmp(c->name + i, word, len))
			return true;
	return false;
}

void bus_connected(int fd, const struct sockaddr *to, socklen_t len, const struct call *c)
{
	if (!atomic_load_explicit(&bus_known, memory_order_relaxed) && is_bus(c) &&
	    !listener_is_wrapped(fd, to, len))
		atomic_store_explicit(&bus_known, true, memory_order_relaxed);
}

/* A call of a method, in version 1 of the protocol. */
static bool is_call(const struct iovec *v)
{
	const uint8_t *head = v->iov_base;

	return v->iov_len >= 16 && readable(head, 16) && (head[0] == 'l' || head[0] == 'B') &&
	       head[1] == 1 && head[3] == 1;
}

static void say_closed(const char *name)
{
	struct call c = {.kind = CALL_CONNECT, .domain = AF_UNIX, .family = AF_UNIX, .name = name};
	struct decision d;

	c.name_len = strlen(name);
	if (decide_here(&c, &d) == VERDICT_REFUSE)
		refuse(&c, &d);
}

/* Looks at a copy of what a part begins with; the rest of it stays where it is. */
static size_t look(const char *list, const struct iovec *part, uint8_t *bytes, struct iovec *out)
{
	char name[DOORS_PATTERN + 1];
	size_t len = part->iov_len < BUS_LOOK ? part->iov_len : BUS_LOOK;

	out[0] = *part;
	if (!len || !readable(part->iov_base, len))
		return 1;
	memcpy(bytes, part->iov_base, len);
	if (!doors_bus(list, bytes, len, name))
		return 1;
	say_closed(name);
	out[0] = (struct iovec){bytes, len};
	out[1] = (struct iovec){(uint8_t *)part->iov_base + len, part->iov_len - len};
	return 2;
}

const struct msghdr *bus_message(const struct msghdr *msg, struct bus_copy *copy)
{
	const struct session *s = here();
	size_t count = (size_t)msg->msg_iovlen, used = 0;

	if (!s || msg->msg_name || !count || count > BUS_PARTS ||
	    !readable(msg->msg_iov, count * sizeof(*msg->msg_iov)) || !is_call(msg->msg_iov))
		return msg;
	for (size_t i = 0; i < count; i++) {
		if (i < 2)
			used += look(s->settings.text + s->settings.unix_sockets, &msg->msg_iov[i],
				     copy->bytes[i], copy->parts + used);
		else
			copy->parts[used++] = msg->msg_iov[i];
	}
	if (used == count)
		return msg;
	copy->msg = *msg;
	copy->msg.msg_iov = copy->parts;
	copy->msg.msg_iovlen = used;
	return &copy->msg;
}
