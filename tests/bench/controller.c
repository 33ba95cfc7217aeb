/* SPDX-License-Identifier: MIT */
/*
 * controller PATH [go]: takes reports (sockshim-report(7)) on a Unix socket; with `go` each report
 * of a connect is answered. Says "ready" when it listens.
 */
#include <pthread.h>
#include <stdbool.h>
#include <sys/un.h>

#include "bench.h"

static bool answers;

static void line_of(FILE *in, const char *line)
{
	const char *seq = strstr(line, "\"seq\":");
	char answer[64];
	int n;

	if (!answers || !seq || !strstr(line, "\"event\":\"connect\""))
		return;
	n = snprintf(answer, sizeof(answer), "{\"seq\":%lld,\"go\":true}\n", atoll(seq + 6));
	if (send(fileno(in), answer, (size_t)n, MSG_NOSIGNAL) != n)
		die("answer");
}

static void *take(void *arg)
{
	FILE *in = fdopen((int)(intptr_t)arg, "r");
	char line[8192];

	while (in && fgets(line, sizeof(line), in))
		line_of(in, line);
	if (in)
		fclose(in);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc < 2)
		return 2;
	answers = argc > 2;
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", argv[1]);
	if (bind(server, (struct sockaddr *)&at, sizeof(at)) || listen(server, 1024))
		die("listen");
	puts("ready");
	fflush(stdout);
	for (;;) {
		intptr_t fd = accept(server, NULL, NULL);
		pthread_t thread;

		if (fd < 0 || pthread_create(&thread, NULL, take, (void *)fd))
			die("accept");
		pthread_detach(thread);
	}
}
