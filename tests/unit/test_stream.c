/* SPDX-License-Identifier: MIT */
/*
 * test_stream.c - a stream step by step, against a server that is this very test: what is sent
 * when, what is waited for, what a failure leaves of the socket.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"
#include "conf.h"
#include "stream.h"

/* One proxy, one stream on its way to it, the server's end of that. */
struct pair {
	struct session *session;
	struct stream stream;
	int listener, client, server;
};

static const uint8_t greeting[] = {5, 1, 0};
static const uint8_t method_none[] = {5, 0};
static const uint8_t granted[] = {5, 0, 0, 1, 0, 0, 0, 0, 0, 0};

static struct conf conf;
static struct settings settings;

static struct session *session_with(const char *scheme, uint16_t port, const char *const *options)
{
	char url[64];
	struct session *s;
	int error;

	conf_init(&conf, &settings);
	snprintf(url, sizeof(url), "Proxy=%s127.0.0.1:%u", scheme, port);
	assert_int_equal(conf_option(&conf, "test", url), 0);
	for (; options && *options; options++)
		assert_int_equal(conf_option(&conf, "test", *options), 0);
	assert_int_equal(conf_finish(&conf), 0);
	s = session_anonymous(&settings, &error);
	assert_non_null(s);
	return s;
}

static uint16_t listen_somewhere(int fd)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static void decide_for(const struct pair *p, const struct addr *to, struct decision *d)
{
	struct call c = {.kind = CALL_CONNECT,
			 .domain = AF_INET,
			 .family = AF_INET,
			 .type = SOCK_STREAM,
			 .protocol = IPPROTO_TCP,
			 .has_to = true,
			 .to = *to};

	assert_int_equal(decide(&p->session->settings, &c, d), VERDICT_PROXY);
}

/* A stream for web.example:80, its socket connected to the server's end. */
static void begin(struct pair *p, const char *scheme, const char *const *options)
{
	static const uint8_t ip[4] = {192, 0, 2, 1};
	struct addr to = addr_v4(ip, 80);
	struct decision d;
	int name;

	p->listener = socket(AF_INET, SOCK_STREAM, 0);
	p->client = socket(AF_INET, SOCK_STREAM, 0);
	p->session = session_with(scheme, listen_somewhere(p->listener), options);
	name = names_add(session_names(p->session), "web.example", 11, 1, NULL, NULL);
	assert_true(name >= 0);
	decide_for(p, &to, &d);
	stream_init(&p->stream, p->session, &d, &to, name, SOCKS_CONNECT);
	assert_int_equal(stream_start(&p->stream, p->session, p->client, AF_INET), 0);
	p->server = accept(p->listener, NULL, NULL);
	assert_true(p->server >= 0);
}

static void end(struct pair *p)
{
	close(p->client);
	close(p->server);
	close(p->listener);
	session_close(p->session);
}

static int step(struct pair *p)
{
	return stream_step(&p->stream, p->session, p->client, NULL);
}

static void server_sees(struct pair *p, const void *data, size_t len)
{
	uint8_t got[1024];

	assert_int_equal(recv(p->server, got, len, MSG_WAITALL), len);
	assert_memory_equal(got, data, len);
	assert_int_equal(recv(p->server, got, 1, MSG_DONTWAIT), -1);
}

/* What was written has come when the client's end is readable. */
static void server_says(struct pair *p, const void *data, size_t len)
{
	struct pollfd come = {.fd = p->client, .events = POLLIN};

	assert_int_equal(write(p->server, data, len), len);
	assert_int_equal(poll(&come, 1, 5000), 1);
}

static bool says(const struct pair *p, int error, const char *words)
{
	uint8_t line[512] = "";
	struct bytes_out o = bytes_out_init(line, sizeof(line) - 1);

	stream_error_words(&o, &p->stream, p->session, error);
	return strstr((const char *)line, words);
}

static void by_name_in_three_messages(void **state)
{
	static const uint8_t request[] = {5,   1,   0,	 3,   11,  'w', 'e', 'b', '.',
					  'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,	  80};
	struct pair p;
	char next[8] = "";

	(void)state;
	begin(&p, "socks5://", NULL);
	assert_int_equal(step(&p), POLLIN);
	server_sees(&p, greeting, sizeof(greeting));
	assert_int_equal(step(&p), POLLIN);
	server_says(&p, method_none, 1);
	assert_int_equal(step(&p), POLLIN);
	server_says(&p, method_none + 1, 1);
	assert_int_equal(step(&p), POLLIN);
	server_sees(&p, request, sizeof(request));
	server_says(&p, granted, 4);
	assert_int_equal(step(&p), POLLIN);
	assert_int_equal(write(p.server, granted + 4, 6), 6);
	server_says(&p, "SSH-2.0", 7); /* a server that speaks first */
	assert_int_equal(step(&p), 0);
	assert_int_equal(p.stream.state, STREAM_OPEN);
	assert_int_equal(recv(p.client, next, 7, MSG_WAITALL), 7);
	assert_string_equal(next, "SSH-2.0");
	end(&p);
}

/* Tor takes what comes early, others may lose it: Pipeline auto. */
static void in_few_messages_to_tor(void **state)
{
	static const char *const one_by_one[] = {"Pipeline=no", NULL};
	static const uint8_t both[] = {5,   1,	 0,   5,   1,	0,   3,	  11,  'w', 'e', 'b',
				       '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0,   80};
	static const uint8_t user[] = {5, 2, 0, 2}, method_password[] = {5, 2};
	static const uint8_t with_password[] = {1,   2,	  'm', 'e', 1,	 'p', 5,   1,
						0,   3,	  11,  'w', 'e', 'b', '.', 'e',
						'x', 'a', 'm', 'p', 'l', 'e', 0,   80};
	struct pair p;

	(void)state;
	begin(&p, "tor://", NULL);
	assert_int_equal(step(&p), POLLIN);
	server_sees(&p, both, sizeof(both));
	p.stream.deadline = 1; /* long gone */
	assert_int_equal(step(&p), -ETIMEDOUT);
	assert_true(says(&p, ETIMEDOUT, "Pipeline no"));
	end(&p);
	begin(&p, "tor://me:p@", NULL);
	assert_int_equal(step(&p), POLLIN);
	server_sees(&p, user, sizeof(user));
	server_says(&p, method_password, sizeof(method_password));
	assert_int_equal(step(&p), POLLIN);
	server_sees(&p, with_password, sizeof(with_password));
	end(&p);
	begin(&p, "tor://", one_by_one);
	assert_int_equal(step(&p), POLLIN);
	server_sees(&p, greeting, sizeof(greeting));
	p.stream.deadline = 1; /* long gone */
	assert_int_equal(step(&p), -ETIMEDOUT);
	assert_false(says(&p, ETIMEDOUT, "Pipeline no"));
	end(&p);
}

/*
 * Who closes before it has read all resets: that is the same refusal as an end of file. What was
 * said before counts.
 */
static void reset_is_closed(void **state)
{
	static const uint8_t refused[] = {5, 5};
	struct pollfd come = {.events = POLLIN};
	struct pair p;

	(void)state;
	for (int said = 0; said < 2; said++) {
		begin(&p, "socks5://", NULL);
		assert_int_equal(step(&p), POLLIN);
		server_sees(&p, greeting, sizeof(greeting));
		server_says(&p, method_none, sizeof(method_none));
		assert_int_equal(step(&p), POLLIN);
		if (said)
			server_says(&p, refused, sizeof(refused));
		close(p.server); /* the request is not read */
		come.fd = p.client;
		while (!(come.revents & POLLERR))
			assert_int_equal(poll(&come, 1, 5000), 1);
		assert_int_equal(step(&p), -ECONNREFUSED);
		assert_true(says(&p, ECONNREFUSED, said ? "proxy says" : "instead of answering"));
		come.revents = 0;
		p.server = -1;
		end(&p);
	}
}

/* trojan closes where a request comes with the greeting. */
static void closed_to_an_early_request(void **state)
{
	struct pair p;

	(void)state;
	begin(&p, "tor://", NULL);
	assert_int_equal(step(&p), POLLIN);
	assert_int_equal(shutdown(p.server, SHUT_WR), 0);
	assert_int_equal(step(&p), -ECONNREFUSED);
	assert_true(says(&p, ECONNREFUSED, "Pipeline no"));
	end(&p);
}

/* The reply is owed from the request on, and no sooner; without Optimistic never. */
static void optimistic(void **state)
{
	static const char *const options[] = {"Optimistic=yes", NULL};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin(&p, "socks5://", options + i);
		assert_false(stream_owes(&p.stream));
		assert_int_equal(step(&p), POLLIN);
		assert_false(stream_owes(&p.stream));
		server_says(&p, method_none, sizeof(method_none));
		assert_int_equal(step(&p), POLLIN);
		assert_int_equal(stream_owes(&p.stream), !i);
		server_says(&p, granted, 4);
		assert_int_equal(step(&p), POLLIN);
		assert_int_equal(stream_owes(&p.stream), !i);
		server_says(&p, granted + 4, 6);
		assert_int_equal(step(&p), 0);
		assert_false(stream_owes(&p.stream));
		end(&p);
	}
}

/* Who closes its side for reading gets an end of file, not a failure. */
static void deaf(void **state)
{
	static const char *const options[] = {"Optimistic=yes", "Pipeline=yes", NULL};
	struct pair p;

	(void)state;
	begin(&p, "socks5://", options);
	assert_int_equal(step(&p), POLLIN);
	assert_true(stream_owes(&p.stream));
	p.stream.deaf = true;
	shutdown(p.client, SHUT_RD);
	assert_int_equal(step(&p), 0);
	assert_int_equal(p.stream.state, STREAM_OPEN);
	end(&p);
}

/* A program may try the same socket again, and must never read what the proxy said. */
static void failure_leaves_a_fresh_socket(void **state)
{
	static const uint8_t refused[] = {5, 4, 0, 3, 0, 0, 0, 'l', 'e', 'f', 't'};
	struct sockaddr_in at = {0};
	socklen_t len = sizeof(at);
	struct pair p;
	char byte;
	int error = -1;

	(void)state;
	begin(&p, "socks5://", NULL);
	assert_int_equal(step(&p), POLLIN);
	server_says(&p, method_none, sizeof(method_none));
	assert_int_equal(step(&p), POLLIN);
	server_says(&p, refused, sizeof(refused));
	assert_int_equal(step(&p), -EHOSTUNREACH);
	assert_int_equal(p.stream.state, STREAM_FAILED);
	len = sizeof(error);
	assert_int_equal(getsockopt(p.client, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	assert_int_equal(error, 0);
	assert_int_equal(recv(p.client, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, ENOTCONN);
	len = sizeof(at);
	assert_int_equal(getsockname(p.listener, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(connect(p.client, (struct sockaddr *)&at, sizeof(at)), 0);
	end(&p);
}

static void end_of_file_is_a_refusal(void **state)
{
	struct pair p;
	struct pollfd come;

	(void)state;
	begin(&p, "socks5://", NULL);
	assert_int_equal(step(&p), POLLIN);
	server_says(&p, method_none, sizeof(method_none));
	assert_int_equal(step(&p), POLLIN);
	shutdown(p.server, SHUT_WR);
	come = (struct pollfd){.fd = p.client, .events = POLLIN};
	assert_int_equal(poll(&come, 1, 5000), 1);
	assert_int_equal(step(&p), -ECONNREFUSED);
	end(&p);
}

static void the_deadline_is_kept(void **state)
{
	static const char *const options[] = {"HandshakeTimeout=0.05", NULL};
	struct pair p;
	int limit;

	(void)state;
	begin(&p, "socks5://", options);
	assert_int_equal(step(&p), POLLIN);
	limit = stream_timeout(&p.stream);
	assert_true(limit > 0 && limit <= 50);
	poll(NULL, 0, limit); /* time is what it is about */
	assert_int_equal(stream_timeout(&p.stream), 0);
	assert_int_equal(step(&p), -ETIMEDOUT);
	end(&p);
}

static void no_deadline_when_zero(void **state)
{
	static const char *const options[] = {"HandshakeTimeout=0", NULL};
	struct pair p;

	(void)state;
	begin(&p, "socks5://", options);
	assert_int_equal(step(&p), POLLIN);
	assert_int_equal(stream_timeout(&p.stream), -1);
	end(&p);
}

static void a_non_blocking_socket_is_stepped_too(void **state)
{
	static const uint8_t ip[4] = {192, 0, 2, 1};
	struct addr to = addr_v4(ip, 80);
	struct decision d;
	struct pair p;
	struct pollfd ready;

	(void)state;
	begin(&p, "socks5://", NULL);
	close(p.client);
	close(p.server);
	p.client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	decide_for(&p, &to, &d);
	stream_init(&p.stream, p.session, &d, &to, -1, SOCKS_CONNECT);
	assert_int_equal(stream_start(&p.stream, p.session, p.client, AF_INET), 0);
	p.server = accept(p.listener, NULL, NULL);
	ready = (struct pollfd){.fd = p.client, .events = POLLOUT};
	assert_int_equal(poll(&ready, 1, 5000), 1);
	assert_int_equal(step(&p), POLLIN);
	server_sees(&p, greeting, sizeof(greeting));
	assert_true(fcntl(p.client, F_GETFL) & O_NONBLOCK);
	end(&p);
}

static void a_proxy_that_is_not_there(void **state)
{
	static const uint8_t ip[4] = {192, 0, 2, 1};
	struct addr to = addr_v4(ip, 80);
	struct decision d;
	struct pair p;
	int fresh;

	(void)state;
	begin(&p, "socks5://", NULL);
	close(p.listener);
	fresh = socket(AF_INET, SOCK_STREAM, 0);
	decide_for(&p, &to, &d);
	stream_init(&p.stream, p.session, &d, &to, -1, SOCKS_CONNECT);
	assert_int_equal(stream_start(&p.stream, p.session, fresh, AF_INET), -ECONNREFUSED);
	assert_int_equal(p.stream.state, STREAM_CONNECTING);
	close(fresh);
	end(&p);
}

/* Reads the SOCKS4a request, which carries the user id; returns the user id. */
static void user_of(struct pair *p, char user[static 256])
{
	uint8_t got[264] = "";
	struct pollfd come = {.fd = p->server, .events = POLLIN};
	ssize_t n;

	assert_int_equal(step(p), POLLIN);
	assert_int_equal(poll(&come, 1, 5000), 1);
	n = recv(p->server, got, sizeof(got), MSG_DONTWAIT);
	assert_true(n > 9 && got[0] == 4 && got[n - 1] == 0);
	memcpy(user, got + 8, 256);
	assert_non_null(memchr(user, 0, 256));
}

static void isolation(void **state)
{
	static const char *const what[] = {"none", "session", "process", "destination",
					   "connection"};
	char user[5][256], again[256], id[17], option[64];
	const char *options[] = {option, NULL};
	struct pair p;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		snprintf(option, sizeof(option), "Isolate=%s", what[i]);
		begin(&p, "socks4a://", options);
		user_of(&p, user[i]);
		session_id(p.session, id);
		if (i)
			assert_int_equal(strncmp(user[i], id, 16), 0);
		end(&p);
	}
	assert_string_equal(user[0], "");
	assert_int_equal(strlen(user[1]), 16);
	snprintf(again, sizeof(again), "-%d", getpid());
	assert_string_equal(user[2] + 16, again);
	assert_string_equal(user[3] + 16, "-web.example:80");
	assert_string_not_equal(user[4] + 16, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_name_in_three_messages),
		cmocka_unit_test(in_few_messages_to_tor),
		cmocka_unit_test(reset_is_closed),
		cmocka_unit_test(closed_to_an_early_request),
		cmocka_unit_test(optimistic),
		cmocka_unit_test(deaf),
		cmocka_unit_test(failure_leaves_a_fresh_socket),
		cmocka_unit_test(end_of_file_is_a_refusal),
		cmocka_unit_test(the_deadline_is_kept),
		cmocka_unit_test(no_deadline_when_zero),
		cmocka_unit_test(a_non_blocking_socket_is_stepped_too),
		cmocka_unit_test(a_proxy_that_is_not_there),
		cmocka_unit_test(isolation),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
