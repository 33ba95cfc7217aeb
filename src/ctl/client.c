/* SPDX-License-Identifier: MIT */
/* client.c - which proxy the user means, and conversations with it. */
#include "client.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "config.h"
#include "ctl.h"
#include "session.h"
#include "sys.h"

static struct settings settings;
static struct conf conf;

static void look_up(struct proxy *p)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	uint16_t port = p->at.port;

	if (!p->host[0] || p->path[0] || !addr_is_any(&p->at))
		return;
	if (getaddrinfo(p->host, NULL, &hints, &found))
		ctl_die(2, "no address is known for the proxy %s", p->host);
	addr_from_sockaddr(&p->at, found->ai_addr, found->ai_addrlen);
	p->at.port = port;
	freeaddrinfo(found);
}

const struct settings *client_settings(const char *proxy, const char *file)
{
	const char *name = getenv(SESSION_ENV);
	struct session *s;
	int error;

	s = name && !proxy && !file ? session_open(name, &error) : NULL;
	if (s)
		return &s->settings;
	conf_init(&conf, &settings);
	if (proxy && conf_set(&conf, "command line", "Proxy", proxy) < 0)
		ctl_die(2, "%s", conf.error);
	if (config_rest(&conf, environ, file) < 0)
		ctl_die(2, "%s", conf.error);
	for (size_t i = 0; i < settings.proxy_count; i++)
		look_up(&settings.proxies[i]);
	return &settings;
}

static int open_address(const struct proxy *p, struct sockaddr_storage *to, int *family)
{
	struct sockaddr_un *un = (struct sockaddr_un *)to;

	if (!p->path[0]) {
		*family = addr_family(&p->at);
		return addr_to_sockaddr(&p->at, *family, to);
	}
	*family = un->sun_family = AF_UNIX;
	memcpy(un->sun_path, p->path, sizeof(un->sun_path));
	return sizeof(*un);
}

int client_connect(const struct proxy *p)
{
	struct sockaddr_storage to;
	int family, len = open_address(p, &to, &family), fd, error;

	fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to, (socklen_t)len) == 0 || errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

struct socks_request client_request(const struct proxy *p, enum socks_command command)
{
	return (struct socks_request){
		.protocol = p->protocol,
		.command = (uint8_t)command,
		.tor = p->tor,
		.credentials = p->credentials,
		.user = p->user,
		.password = p->password,
		.user_len = p->user_len,
		.password_len = p->password_len,
	};
}

static int send_some(int fd, struct socks *k, const struct socks_request *rq)
{
	uint8_t message[SOCKS_MESSAGE_MAX];
	ssize_t n = send(fd, message, socks_output(k, rq, message), MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
		return POLLOUT;
	if (n < 0)
		socks_fail(k, errno);
	else
		socks_sent(k, rq, (size_t)n);
	return 0;
}

static int receive_some(int fd, struct socks *k, const struct socks_request *rq,
			struct socks_answer *a)
{
	uint8_t reply[SOCKS_WANT_MAX];
	ssize_t n = recv(fd, reply, socks_want(k), 0);

	if (n < 0 && errno == EAGAIN)
		return POLLIN;
	if (n < 0)
		socks_fail(k, errno);
	else if (n == 0)
		socks_eof(k);
	else
		socks_input(k, rq, reply, (size_t)n, a);
	return 0;
}

int client_step(int fd, struct socks *k, const struct socks_request *rq, struct socks_answer *a)
{
	int wait = 0;

	while (!wait) {
		enum socks_step next = socks_next(k);

		if (next == SOCKS_SEND)
			wait = send_some(fd, k, rq);
		else if (next == SOCKS_RECEIVE)
			wait = receive_some(fd, k, rq, a);
		else
			return 0;
	}
	return wait;
}

int64_t client_now(void)
{
	return (int64_t)(sys_now() / 1000000);
}

void client_talk(int fd, struct socks *k, const struct socks_request *rq, struct socks_answer *a,
		 int ms)
{
	int64_t end = client_now() + ms;
	struct pollfd p = {.fd = fd};

	while ((p.events = (short)client_step(fd, k, rq, a))) {
		int64_t left = ms ? end - client_now() : -1;

		if (ms && left <= 0)
			socks_fail(k, ETIMEDOUT);
		else
			poll(&p, 1, (int)left);
	}
}
