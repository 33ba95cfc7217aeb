/* SPDX-License-Identifier: MIT */
// fetch_event COUNT HOST PORT [evdns]: so many pages at once with libevent:
// bufferevent_socket_connect_hostname, with libc's resolver or libevent's own.
// ld: -levent
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct event_base *base;
static struct evdns_base *dns;
static int left, failed;

static void end(struct bufferevent *b)
{
	bufferevent_free(b);
	if (!--left)
		event_base_loopbreak(base);
}

static void on_read(struct bufferevent *b, void *arg)
{
	(void)arg;
	evbuffer_write(bufferevent_get_input(b), 1);
}

static void on_event(struct bufferevent *b, short what, void *arg)
{
	(void)arg;
	if (what & BEV_EVENT_CONNECTED) {
		evbuffer_add_printf(bufferevent_get_output(b), "GET / HTTP/1.0\r\n\r\n");
		return;
	}
	if (what & BEV_EVENT_ERROR) {
		int dns_error = bufferevent_socket_get_dns_error(b);

		fprintf(stderr, "%s\n",
			dns_error ? evutil_gai_strerror(dns_error)
				  : evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
		failed = 1;
	}
	end(b);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	base = event_base_new();
	dns = argc > 4 ? evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS) : NULL;
	left = atoi(argv[1]);
	for (int i = left; i > 0; i--) {
		struct bufferevent *b = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);

		bufferevent_setcb(b, on_read, NULL, on_event, NULL);
		bufferevent_enable(b, EV_READ | EV_WRITE);
		bufferevent_socket_connect_hostname(b, dns, AF_UNSPEC, argv[2], atoi(argv[3]));
	}
	if (left)
		event_base_dispatch(base);
	return failed;
}
