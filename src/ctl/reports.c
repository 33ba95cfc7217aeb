/* SPDX-License-Identifier: MIT */
/* reports.c - a controller's side of sockshim-report(7): connections come in, lines come out. */
#include "reports.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl.h"
#include "sockshim/report.h"

#define ROUND 256   /* connections that are read from at once */
#define ROUNDS 1024 /* more than what had been sent before: one who never stops is left for later */

/* One process that reports. */
struct reporter {
	int fd;
	size_t used;
	char line[SOCKSHIM_REPORT_LINE];
};

static struct {
	int epoll, listener;
	reports_line *take;
} us;

int reports_start(int listener, reports_line *take)
{
	struct epoll_event e = {.events = EPOLLIN};

	us.listener = listener;
	us.take = take;
	us.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (us.epoll < 0 || epoll_ctl(us.epoll, EPOLL_CTL_ADD, listener, &e) < 0)
		return -errno;
	return us.epoll;
}

static void accept_one(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	int fd = accept4(us.listener, NULL, NULL, SOCK_CLOEXEC);
	struct reporter *p;

	if (fd < 0)
		return;
	p = malloc(sizeof(*p));
	e.data.ptr = p;
	if (!p || epoll_ctl(us.epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		ctl_die(1, "no memory for another connection");
	p->fd = fd;
	p->used = 0;
}

static void take(struct reporter *p, const char *line, size_t len)
{
	struct json_value report;

	if (json_read(line, len, &report) && report.kind == JSON_OBJECT)
		us.take(p->fd, &report, line, len);
	else
		fputs("sockshimctl: a line that is no report\n", stderr);
}

static void hear(struct reporter *p)
{
	ssize_t n = recv(p->fd, p->line + p->used, sizeof(p->line) - p->used, MSG_DONTWAIT);
	char *end;

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
	/*
	 * The end, or a line longer than any report. A child before its exec(2) still has the
	 * descriptor.
	 */
	epoll_ctl(us.epoll, EPOLL_CTL_DEL, p->fd, NULL);
	close(p->fd);
	free(p);
}

void reports_read(void)
{
	struct epoll_event events[ROUND];

	for (int i = 0; i < ROUNDS; i++) {
		int n = epoll_wait(us.epoll, events, ROUND, 0);

		if (n <= 0)
			return;
		for (int k = 0; k < n; k++) {
			if (events[k].data.ptr)
				hear(events[k].data.ptr);
			else
				accept_one();
		}
	}
}
