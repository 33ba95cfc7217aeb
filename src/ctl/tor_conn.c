/* SPDX-License-Identifier: MIT */
/* tor_conn.c - the connection to Tor's control port. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "addr.h"
#include "ctl.h"
#include "tor.h"

#define LINE_MAX_BYTES (1u << 20) /* config-text and the like hold long lines */

struct tor_request {
	struct tor_request *next;
	tor_line *line;
	void *arg;
};

/* ---- connecting ---- */

static int open_unix(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(to.sun_path))
		ctl_die(2, "%s: the path is too long for a socket", path);
	strcpy(to.sun_path, path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	close(fd);
	return -errno;
}

static int open_tcp(const struct addr *a)
{
	struct sockaddr_storage to;
	int family = addr_family(a);
	int len = addr_to_sockaddr(a, family, &to), fd;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, (socklen_t)len) == 0)
		return fd;
	close(fd);
	return -errno;
}

/* "9051", "127.0.0.1:9051", "[::1]:9051", "localhost:9051", "unix:/path", "/path" */
static int open_control(const char *where)
{
	char text[ADDR_TEXT + 16];
	struct addr a;

	if (!strncmp(where, "unix:", 5))
		return open_unix(where + 5);
	if (*where == '/')
		return open_unix(where);
	if (!strncmp(where, "localhost:", 10))
		where += 10;
	if (where[strspn(where, "0123456789")])
		snprintf(text, sizeof(text), "%s", where);
	else
		snprintf(text, sizeof(text), "127.0.0.1:%s", where);
	if (!addr_parse_port(&a, text, strlen(text)) || !a.port)
		ctl_die(2, "%s: no address of a control port (ADDR:PORT, PORT or unix:PATH)",
			where);
	return open_tcp(&a);
}

static int open_usual(void)
{
	static const char *const places[] = {"127.0.0.1:9051", "/run/tor/control",
					     "127.0.0.1:9151"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int fd = open_control(places[i]);

		if (fd >= 0)
			return fd;
	}
	ctl_die(1, "no control port at 127.0.0.1:9051, /run/tor/control or 127.0.0.1:9151; "
		   "say where with --control");
}

void tor_connect(struct tor *t, const struct tor_settings *s)
{
	char *buffer = malloc(LINE_MAX_BYTES);

	memset(t, 0, sizeof(*t));
	t->last = &t->first;
	if (!buffer)
		ctl_die(1, "out of memory");
	torctl_init(&t->parser, buffer, LINE_MAX_BYTES);
	t->fd = s->control ? open_control(s->control) : open_usual();
	if (t->fd < 0)
		ctl_die(1, "control port %s: %s", s->control, strerror(-t->fd));
	fcntl(t->fd, F_SETFL, fcntl(t->fd, F_GETFL) | O_NONBLOCK);
}

void tor_close(struct tor *t)
{
	while (t->first) {
		struct tor_request *next = t->first->next;

		free(t->first);
		t->first = next;
	}
	free(t->parser.buffer);
	free(t->out);
	close(t->fd);
}

/* ---- sending ---- */

void tor_send(struct tor *t, const char *command, size_t len, tor_line *line, void *arg)
{
	struct tor_request *rq = malloc(sizeof(*rq));

	if (t->out_len + len > t->out_size) {
		t->out_size = 2 * (t->out_len + len);
		t->out = realloc(t->out, t->out_size);
	}
	if (!rq || !t->out)
		ctl_die(1, "out of memory");
	*rq = (struct tor_request){.line = line, .arg = arg};
	*t->last = rq;
	t->last = &rq->next;
	memcpy(t->out + t->out_len, command, len);
	t->out_len += len;
}

__attribute__((format(printf, 3, 0))) static size_t format_command(char *line, size_t size,
								   const char *format, va_list args)
{
	int n = vsnprintf(line, size - 2, format, args);

	if (n < 0 || (size_t)n >= size - 2)
		ctl_die(1, "the command is too long");
	memcpy(line + n, "\r\n", 2);
	return (size_t)n + 2;
}

void tor_sendf(struct tor *t, tor_line *line, void *arg, const char *format, ...)
{
	char text[8192];
	va_list args;
	size_t len;

	va_start(args, format);
	len = format_command(text, sizeof(text), format, args);
	va_end(args);
	tor_send(t, text, len, line, arg);
}

static void flush_out(struct tor *t)
{
	ssize_t n = send(t->fd, t->out, t->out_len, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		t->error = strerror(errno);
	if (n <= 0)
		return;
	t->out_len -= (size_t)n;
	memmove(t->out, t->out + n, t->out_len);
}

/* ---- receiving ---- */

static void to_event(struct tor *t, enum torctl_item item)
{
	t->in_event = item != TORCTL_END;
	if (t->event)
		t->event(t->event_arg, item, t->parser.code, t->parser.text, t->parser.len);
}

static void to_request(struct tor *t, enum torctl_item item)
{
	struct tor_request *rq = t->first;

	if (!rq) {
		t->error = "it answers what nobody asked";
		return;
	}
	if (item == TORCTL_END) {
		t->first = rq->next;
		if (!t->first)
			t->last = &t->first;
	}
	if (rq->line)
		rq->line(rq->arg, item, t->parser.code, t->parser.text, t->parser.len);
	if (item == TORCTL_END)
		free(rq);
}

static void take(struct tor *t, const char *data, size_t len)
{
	enum torctl_item item;

	while (len && !t->error) {
		size_t n = torctl_feed(&t->parser, data, len, &item);

		data += n;
		len -= n;
		if (item == TORCTL_BROKEN)
			t->error = "it does not speak the control protocol";
		else if (item != TORCTL_NONE && t->parser.code / 100 == 6)
			to_event(t, item);
		else if (item != TORCTL_NONE)
			to_request(t, item);
	}
}

short tor_events(const struct tor *t)
{
	return t->out_len ? POLLIN | POLLOUT : POLLIN;
}

void tor_step(struct tor *t)
{
	char data[65536];
	ssize_t n;

	if (t->out_len)
		flush_out(t);
	while (!t->error) {
		n = recv(t->fd, data, sizeof(data), 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0)
			t->error = n ? strerror(errno) : "it closed the connection";
		else
			take(t, data, (size_t)n);
	}
	if (t->out_len && !t->error)
		flush_out(t);
}

bool tor_wait(struct tor *t)
{
	while (t->first && !t->error) {
		struct pollfd p = {.fd = t->fd, .events = tor_events(t)};

		poll(&p, 1, -1);
		tor_step(t);
	}
	return !t->first;
}

/* ---- asking ---- */

void tor_gather(void *arg, enum torctl_item item, unsigned code, const char *text, size_t len)
{
	struct tor_answer *a = arg;

	if (item == TORCTL_END)
		a->code = code;
	if (item == TORCTL_DATA_END || (item == TORCTL_END && a->text && !strcmp(text, "OK")))
		return;
	a->text = realloc(a->text, a->len + len + 2);
	if (!a->text)
		ctl_die(1, "out of memory");
	if (a->len)
		a->text[a->len++] = '\n';
	memcpy(a->text + a->len, text, len);
	a->len += len;
	a->text[a->len] = 0;
}

struct tor_answer tor_ask(struct tor *t, const char *format, ...)
{
	struct tor_answer a = {0};
	char text[8192];
	va_list args;
	size_t len;

	va_start(args, format);
	len = format_command(text, sizeof(text), format, args);
	va_end(args);
	tor_send(t, text, len, tor_gather, &a);
	if (!tor_wait(t))
		ctl_die(1, "control port: %s", t->error);
	return a;
}
