/* SPDX-License-Identifier: MIT */
/*
 * fragment.h - what a fragment is: FRAGMENT(symbol) calls the symbol in each way that a program
 * may, and returns 0, or says in one line what was wrong and returns 1. It runs in every frame of
 * calls.c: no state between two runs, nothing that a vfork child or a signal handler must not do
 * (but for the symbols that are so themselves). A fragment that starts a program does not come
 * back: the program, `calls session`, answers for it.
 */
#ifndef FRAGMENT_H
#define FRAGMENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#define FRAGMENT(symbol)                                                                           \
	int call_##symbol(void);                                                                   \
	int call_##symbol(void)

int say_wrong(const char *file, int line, const char *what);
#define CHECK(x)                                                                                   \
	do {                                                                                       \
		if (!(x))                                                                          \
			return say_wrong(__FILE__, __LINE__, #x);                                  \
	} while (0)

/* A call that succeeds leaves errno alone. */
#define KEEPS(x)                                                                                   \
	do {                                                                                       \
		errno = 1234;                                                                      \
		CHECK(x);                                                                          \
		CHECK(errno == 1234);                                                              \
	} while (0)

#define FAILS(x, error)                                                                            \
	do {                                                                                       \
		errno = 0;                                                                         \
		CHECK((x) == -1);                                                                  \
		CHECK(errno == (error));                                                           \
	} while (0)

/* Refused with an errno that programs handle: there is no such network, it does not answer, … */
int is_survivable(int error);
#define REFUSED(x)                                                                                 \
	do {                                                                                       \
		errno = 0;                                                                         \
		CHECK((x) == -1);                                                                  \
		CHECK(is_survivable(errno));                                                       \
	} while (0)

/* An address that faults, hidden from the compiler; and a descriptor that nobody has. */
extern void *volatile bad_pointer;
#define BAD ((void *)bad_pointer)
#define NO_FD 9999

/* The world of tests/e2e/lib/net.bash: a web server behind the proxy, port 9 of it, a v6 one. */
struct sockaddr_in web(void);
struct sockaddr_in discard(void);
struct sockaddr_in6 discard6(void);
struct sockaddr_in loopback(int port);
#define SA(x) ((struct sockaddr *)&(x)), sizeof(x)

int tcp(void);
int udp(void);

/* Asks for a page on a stream: 1 if it comes. */
int fetches(int fd);

/* This program's file: with the argument "session" it ends with 0 if it is in the session. */
const char *self(void);

/* Runs a fragment by its symbol's name; -1 if there is none. */
int fragment_run(const char *symbol);

#endif
