/* SPDX-License-Identifier: MIT */
/* client.h - which proxy the user means, and conversations with it. */
#ifndef SOCKSHIM_CTL_CLIENT_H
#define SOCKSHIM_CTL_CLIENT_H

#include "settings.h"
#include "socks.h"

/*
 * The settings that hold now: with `proxy` (a URL) or `file` those of the configuration; inside of
 * a session the session's; else those of the configuration. Host names of proxies have been looked
 * up. Ends the program with one line and status 2 when they cannot be read.
 */
const struct settings *client_settings(const char *proxy, const char *file);

/* A socket that connects to the proxy, without waiting; or -errno. */
int client_connect(const struct proxy *p);

/* The request's part that the proxy's settings say: protocol, user, password. */
struct socks_request client_request(const struct proxy *p, enum socks_command command);

/*
 * Does what can be done now on `fd`, which is connected or about to be. Returns POLLIN or POLLOUT
 * to wait for, or 0 when the conversation is over (socks_next()).
 */
int client_step(int fd, struct socks *k, const struct socks_request *rq, struct socks_answer *a);

/* Steps to the end, at most `ms` milliseconds (0: no limit). */
void client_talk(int fd, struct socks *k, const struct socks_request *rq, struct socks_answer *a,
		 int ms);

/* CLOCK_MONOTONIC in milliseconds. */
int64_t client_now(void);

#endif
