/* SPDX-License-Identifier: MIT */
/*
 * via_watch.c - the one who sets __LeaveStreamsUnattached, and resets it.
 *
 * Left on by a controller that is gone, this setting hangs all of Tor's clients for two minutes. So
 * a process of its own, in a session of its own and deaf to signals, sets it and waits for the end
 * of a pipe, which comes when the controller is done or dead. Then it resets it and gives the
 * streams that are still waiting back to Tor.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "ctl.h"
#include "via.h"

#define SETTING "__LeaveStreamsUnattached"

/* Streams that nobody attached: "12 NEW 0 target". */
static void give_back(struct tor *t)
{
	struct tor_answer a = tor_ask(t, "GETINFO stream-status");
	char *save = NULL, *list = a.text ? strchr(a.text, '=') : NULL;

	if (a.code != 250 || !list)
		return;
	for (char *line = strtok_r(list + 1, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char id[24], state[24], circuit[24];

		if (sscanf(line, "%23s %23s %23s", id, state, circuit) == 3 &&
		    !strcmp(circuit, "0"))
			tor_sendf(t, NULL, NULL, "ATTACHSTREAM %s 0", id);
	}
	free(a.text);
}

static void reset(struct tor *t, const struct tor_settings *s)
{
	struct tor_answer a = {0};

	tor_sendf(t, tor_gather, &a, "RESETCONF " SETTING);
	if (!tor_wait(t)) { /* the connection did not last as long as the controller */
		tor_connect(t, s);
		tor_authenticate(t, s);
		a = tor_ask(t, "RESETCONF " SETTING);
	}
	if (a.code != 250)
		ctl_die(1, SETTING " cannot be reset: %u %s", a.code, a.text);
	give_back(t);
	tor_wait(t);
}

static void set(struct tor *t)
{
	struct tor_answer a = tor_ask(t, "GETCONF " SETTING);

	if (a.code != 250)
		ctl_die(1, "tor: %u %s (%s)", a.code, a.text, torctl_words(a.code));
	if (strstr(a.text, "=1"))
		ctl_die(1, "another controller attaches this Tor's streams; if it is gone: "
			   "sockshimctl tor resetconf " SETTING);
	a = tor_ask(t, "SETCONF " SETTING "=1");
	if (a.code != 250)
		ctl_die(1, "tor: %u %s (%s)", a.code, a.text, torctl_words(a.code));
}

static void __attribute__((noreturn)) watch(const struct tor_settings *s, int alive, int ready)
{
	static struct tor t;
	char byte;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	setsid();
	prctl(PR_SET_NAME, "sockshimctl-wd");
	tor_connect(&t, s);
	tor_authenticate(&t, s);
	set(&t);
	if (write(ready, "r", 1) != 1)
		reset(&t, s), exit(0);
	close(ready);
	while (read(alive, &byte, 1) < 0 && errno == EINTR)
		;
	reset(&t, s);
	exit(0);
}

int watch_start(const struct tor_settings *s, pid_t *pid)
{
	int alive[2], ready[2];
	char byte;

	if (pipe2(alive, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		ctl_die(1, "no pipe: %s", strerror(errno));
	fflush(stdout);
	*pid = fork();
	if (*pid < 0)
		ctl_die(1, "no process: %s", strerror(errno));
	if (*pid == 0) {
		close(alive[1]);
		close(ready[0]);
		watch(s, alive[0], ready[1]);
	}
	close(alive[0]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		exit(1); /* it has said why */
	close(ready[0]);
	return alive[1];
}
