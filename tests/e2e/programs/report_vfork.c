/* SPDX-License-Identifier: MIT */
// Connects; then a vfork child connects, and a signal handler does; errno is kept on success.
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int bad;

static void once(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = inet_addr("203.0.113.80");
	errno = 4711;
	bad |= connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 || errno != 4711;
}

static void handler(int sig)
{
	(void)sig;
	once();
}

int main(void)
{
	int status;
	pid_t pid;

	once();
	pid = vfork();
	if (pid == 0) {
		once();
		_exit(bad);
	}
	bad |= waitpid(pid, &status, 0) != pid || status;
	signal(SIGUSR1, handler);
	raise(SIGUSR1);
	return bad;
}
