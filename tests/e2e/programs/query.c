/* SPDX-License-Identifier: MIT */
// query FUNCTION NAME TYPE [DOMAIN]: one question by a function of the resolver; prints the records
// of the answer, one a line, or "h_errno N". query async MODE NAME…: getaddrinfo_a with what tells
// of its end (wait, poll, signal, thread).
// ld: -lresolv
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <resolv.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "old_resolver.h"

static unsigned char answer[4096];
static struct __res_state state;

static int type_of(const char *name)
{
	static const struct {
		const char *name;
		int type;
	} types[] = {{"A", ns_t_a},	    {"AAAA", ns_t_aaaa}, {"PTR", ns_t_ptr},
		     {"MX", ns_t_mx},	    {"TXT", ns_t_txt},	 {"SRV", ns_t_srv},
		     {"SSHFP", ns_t_sshfp}, {"HTTPS", 65},	 {"ANY", ns_t_any}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return types[i].type;
	return atoi(name);
}

// The name of an address as PTR questions have it; other names stay.
static const char *reverse(const char *name)
{
	static char text[128];
	unsigned char ip[16];

	if (inet_pton(AF_INET, name, ip) == 1) {
		snprintf(text, sizeof(text), "%d.%d.%d.%d.in-addr.arpa", ip[3], ip[2], ip[1],
			 ip[0]);
		return text;
	}
	if (inet_pton(AF_INET6, name, ip) != 1)
		return name;
	for (int i = 0; i < 16; i++)
		snprintf(text + 4 * i, 5, "%x.%x.", ip[15 - i] & 15, ip[15 - i] >> 4);
	strcat(text, "ip6.arpa");
	return text;
}

static void print_record(ns_msg *message, ns_rr *record)
{
	char text[1024];

	if (ns_rr_type(*record) == ns_t_a)
		puts(inet_ntop(AF_INET, ns_rr_rdata(*record), text, sizeof(text)));
	else if (ns_rr_type(*record) == ns_t_aaaa)
		puts(inet_ntop(AF_INET6, ns_rr_rdata(*record), text, sizeof(text)));
	else if (ns_rr_type(*record) == ns_t_ptr &&
		 ns_name_uncompress(ns_msg_base(*message), ns_msg_end(*message),
				    ns_rr_rdata(*record), text, sizeof(text)) >= 0)
		puts(text);
	else
		printf("type %d\n", ns_rr_type(*record));
}

static int print_answer(int length)
{
	ns_msg message;
	ns_rr record;

	if (length < 0) {
		printf("h_errno %d\n", h_errno);
		return 1;
	}
	if (ns_initparse(answer, length, &message) < 0) {
		puts("a broken answer");
		return 1;
	}
	if (ns_msg_getflag(message, ns_f_rcode))
		printf("rcode %d\n", ns_msg_getflag(message, ns_f_rcode));
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++)
		if (ns_parserr(&message, ns_s_an, i, &record) == 0)
			print_record(&message, &record);
	return 0;
}

static void *find(const char *name)
{
	static const struct {
		const char *name;
		void *at;
	} functions[] = {
#define BOTH(name) {#name, (void *)name}, {"__" #name, (void *)old_##name}
		BOTH(res_query),  BOTH(res_search),  BOTH(res_querydomain),  BOTH(res_send),
		BOTH(res_nquery), BOTH(res_nsearch), BOTH(res_nquerydomain), BOTH(res_nsend),
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (!strcmp(functions[i].name, name))
			return functions[i].at;
	return NULL;
}

static int ask(const char *function, const char *name, int type, const char *domain)
{
	unsigned char q[512];
	union {
		void *found;
		int (*query)(const char *, int, int, unsigned char *, int);
		int (*domain)(const char *, const char *, int, int, unsigned char *, int);
		int (*send)(const unsigned char *, int, unsigned char *, int);
		int (*nquery)(res_state, const char *, int, int, unsigned char *, int);
		int (*ndomain)(res_state, const char *, const char *, int, int, unsigned char *,
			       int);
		int (*nsend)(res_state, const unsigned char *, int, unsigned char *, int);
	} f = {find(function)};
	int n, size = sizeof(answer);
	int has_state = strncmp(function, "res_n", 5) == 0 || strncmp(function, "__res_n", 7) == 0;

	if (!f.found)
		return -1;
	if (strstr(function, "send")) {
		n = res_mkquery(ns_o_query, name, ns_c_in, type, NULL, 0, NULL, q, sizeof(q));
		return has_state ? f.nsend(&state, q, n, answer, size) : f.send(q, n, answer, size);
	}
	if (strstr(function, "domain"))
		return has_state ? f.ndomain(&state, name, domain, ns_c_in, type, answer, size)
				 : f.domain(name, domain, ns_c_in, type, answer, size);
	return has_state ? f.nquery(&state, name, ns_c_in, type, answer, size)
			 : f.query(name, ns_c_in, type, answer, size);
}

// A buffer too small for the answer: the whole length, TC set, nothing written behind it.
static int cut(const char *name)
{
	int n;

	memset(answer, 0x55, sizeof(answer));
	n = res_query(name, ns_c_in, ns_t_a, answer, 20);
	printf("%s %s %s\n", n > 20 ? "longer" : "short", answer[2] & 2 ? "TC" : "whole",
	       answer[20] == 0x55 ? "kept" : "overwritten");
	errno = 0;
	printf("%d", res_send(answer, 5, answer, sizeof(answer)));
	printf(" %s\n", strerror(errno));
	return 0;
}

static volatile sig_atomic_t told;
static pthread_t self;

static void on_thread(union sigval value)
{
	told = pthread_equal(self, pthread_self()) ? -1 : value.sival_int;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	told = info->si_code == SI_ASYNCNL ? info->si_value.sival_int : -2;
}

static void print_request(struct gaicb *request)
{
	char host[NI_MAXHOST];
	int error = gai_error(request);

	if (error) {
		printf("EAI %d\n", error);
		return;
	}
	getnameinfo(request->ar_result->ai_addr, request->ar_result->ai_addrlen, host, sizeof(host),
		    NULL, 0, NI_NUMERICHOST);
	puts(host);
	freeaddrinfo(request->ar_result);
}

static int async(const char *mode, char **names, int count)
{
	struct gaicb requests[8] = {0}, *list[9] = {0};
	const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	struct sigevent event = {.sigev_notify = SIGEV_NONE, .sigev_value.sival_int = 42};
	int wait = strcmp(mode, "wait") == 0, signals = strcmp(mode, "signal") == 0, error;

	self = pthread_self();
	for (int i = 0; i < count && i < 8; i++) {
		requests[i] = (struct gaicb){.ar_name = names[i], .ar_request = &hints};
		list[i + 1] = &requests[i]; // list[0] is NULL: to be skipped
	}
	if (signals) {
		sigaction(SIGUSR1, &action, NULL);
		event.sigev_notify = SIGEV_SIGNAL;
		event.sigev_signo = SIGUSR1;
	} else if (!strcmp(mode, "thread")) {
		event.sigev_notify = SIGEV_THREAD;
		event.sigev_notify_function = on_thread;
	}
	errno = 0;
	error = getaddrinfo_a(wait ? GAI_WAIT : GAI_NOWAIT, list, count + 1, wait ? NULL : &event);
	if (error)
		printf("EAI %d errno %d\n", error, errno);
	while (!wait && !error) {
		error = gai_suspend((const struct gaicb *const *)list, count + 1, NULL);
		if (error == EAI_ALLDONE)
			break;
		error = 0;
	}
	for (int i = 0; event.sigev_notify != SIGEV_NONE && !told && i < 500; i++)
		usleep(10000);
	if (event.sigev_notify != SIGEV_NONE)
		printf("told %d\n", told);
	printf("cancel %d\n", gai_cancel(&requests[0]) == EAI_ALLDONE);
	for (int i = 0; i < count; i++)
		print_request(&requests[i]);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "async"))
		return async(argv[2], argv + 3, argc - 3);
	if (argc == 3 && !strcmp(argv[1], "cut"))
		return cut(argv[2]);
	if (argc < 4) {
		puts("usage: query FUNCTION NAME TYPE [DOMAIN]");
		return 2;
	}
	res_ninit(&state);
	return print_answer(ask(argv[1], reverse(argv[2]), type_of(argv[3]), argv[4]));
}
