/* SPDX-License-Identifier: MIT */
/*
 * proxy_names.c - names to addresses and back: --map first, then the system's resolver.
 *
 * getaddrinfo(3) blocks, so a few helper threads, started when they are first needed, do it.
 * They touch nothing but the two lists below, under the mutex, and the lookup they hold;
 * of that, `owner` and `done` belong to the loop's thread.
 */
#include "proxy_names.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ctl.h"
#include "loop.h"

#define HELPERS 8
#define WAITING 16384

struct list {
	struct lookup *first, **end;
	size_t count;
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t asked_more = PTHREAD_COND_INITIALIZER;
static struct list asked = {.end = &asked.first}, answered = {.end = &answered.first};
static int helpers, idle;
static struct watch wake = {.fd = -1};

static struct map {
	const char *name;
	size_t len;
	struct addr to;
	bool port; /* `to.port` counts */
	struct map *next;
} * maps, **last_map = &maps;

bool names_map(const char *text)
{
	const char *equals = strrchr(text, '=');
	struct map *m = calloc(1, sizeof(*m));
	const char *to = equals ? equals + 1 : "";

	if (!m)
		ctl_die(1, "out of memory");
	m->port = addr_parse_port(&m->to, to, strlen(to));
	if (!equals || equals == text || (!m->port && !addr_parse(&m->to, to, strlen(to)))) {
		free(m);
		return false;
	}
	m->name = text;
	m->len = (size_t)(equals - text);
	*last_map = m;
	last_map = &m->next;
	return true;
}

/* Host names compare without case; "*" at the start stands for anything. */
static bool matches(const struct map *m, const char *name)
{
	size_t len = strlen(name);
	const char *pattern = m->name;
	size_t part = m->len;

	if (pattern[0] == '*') {
		pattern++;
		part--;
		if (len < part)
			return false;
		name += len - part;
		len = part;
	}
	return len == part && !strncasecmp(name, pattern, len);
}

bool names_mapped(const char *name, struct addr *to)
{
	for (const struct map *m = maps; m; m = m->next) {
		uint16_t port = m->port ? m->to.port : to->port;

		if (!matches(m, name))
			continue;
		*to = m->to;
		to->port = port;
		return true;
	}
	return false;
}

const char *names_mapped_ptr(const struct addr *a)
{
	static char name[256];
	struct addr literal;

	for (const struct map *m = maps; m; m = m->next) {
		if (!addr_same_ip(a, &m->to) || memchr(m->name, '*', m->len) || m->len > 255 ||
		    addr_parse(&literal, m->name, m->len))
			continue;
		memcpy(name, m->name, m->len);
		name[m->len] = '\0';
		return name;
	}
	return NULL;
}

static void append(struct list *list, struct lookup *l)
{
	l->next = NULL;
	*list->end = l;
	list->end = &l->next;
	list->count++;
}

static struct lookup *take(struct list *list)
{
	struct lookup *l = list->first;

	if (!l)
		return NULL;
	list->first = l->next;
	list->count--;
	if (!list->first)
		list->end = &list->first;
	return l;
}

static void look_forward(struct lookup *l)
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *list = NULL;

	l->error = getaddrinfo(l->name, NULL, &hints, &list);
	if (l->error)
		return;
	for (struct addrinfo *i = list; i && l->count < LOOKUP_ADDRESSES; i = i->ai_next)
		if (!addr_from_sockaddr(&l->found[l->count], i->ai_addr, i->ai_addrlen))
			l->count++;
	freeaddrinfo(list);
	if (!l->count)
		l->error = EAI_NONAME;
}

static void look_back(struct lookup *l)
{
	struct sockaddr_storage to;
	int family = addr_family(&l->addr);
	int len = addr_to_sockaddr(&l->addr, family, &to);

	l->error = getnameinfo((struct sockaddr *)&to, (socklen_t)len, l->name, sizeof(l->name),
			       NULL, 0, NI_NAMEREQD);
}

static void *helper(void *unused)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&mutex);
	for (;;) {
		struct lookup *l;

		idle++;
		while (!asked.first)
			pthread_cond_wait(&asked_more, &mutex);
		idle--;
		l = take(&asked);
		pthread_mutex_unlock(&mutex);
		if (l->reverse)
			look_back(l);
		else
			look_forward(l);
		pthread_mutex_lock(&mutex);
		append(&answered, l);
		while (write(wake.fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
	}
	return unused;
}

static void deliver(struct watch *w, uint32_t events)
{
	uint64_t n;
	struct lookup *l;

	(void)events;
	if (read(w->fd, &n, sizeof(n)) < 0 && errno != EAGAIN)
		ctl_die(1, "eventfd: %s", strerror(errno));
	for (;;) {
		pthread_mutex_lock(&mutex);
		l = take(&answered);
		pthread_mutex_unlock(&mutex);
		if (!l)
			return;
		if (l->owner)
			l->done(l);
		free(l);
	}
}

int names_start(void)
{
	wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	wake.ready = deliver;
	return wake.fd < 0 ? -errno : loop_watch(&wake, EPOLLIN);
}

/* Called with the mutex: another helper, if all are busy and there may be more. */
static bool enough_helpers(void)
{
	pthread_t thread;

	if ((size_t)idle > asked.count || helpers == HELPERS)
		return true;
	if (pthread_create(&thread, NULL, helper, NULL))
		return helpers > 0;
	pthread_detach(thread);
	helpers++;
	return true;
}

bool names_ask(struct lookup *l)
{
	bool ok;

	pthread_mutex_lock(&mutex);
	ok = asked.count < WAITING && enough_helpers();
	if (ok) {
		append(&asked, l);
		pthread_cond_signal(&asked_more);
	}
	pthread_mutex_unlock(&mutex);
	return ok;
}
