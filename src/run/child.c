/* SPDX-License-Identifier: MIT */
/*
 * child.c - the command as a child that looks as if it ran alone.
 *
 * Theory of operation. The launcher stays as the command's parent, in the same process group. It
 * blocks every signal before the child is made, so that its own dispositions never change: the
 * child gets back the signal mask that the launcher came with, and whatever was ignored is ignored
 * still. From then on the launcher only takes signals from its queue, one after another:
 *
 * - Signals of the terminal (^C, ^\, ^Z, window size, hangup) go to the whole group, so the child
 *   has them already; the kernel sends them (SI_KERNEL), and the launcher drops them. If the child
 *   has left the group (a shell with job control does), those that still come here are passed on.
 *   SIGALRM from the kernel is a timer that was set before the launcher was executed
 *   (perl -e 'alarm 9; exec …'), SIGHUP to a session leader tells of the terminal's end: those come
 *   here alone and are passed on.
 * - Signals of processes (kill(2), sigqueue(3)) are passed on, but for those the child itself sent.
 *   One that was sent to the whole group cannot be told from one sent to the launcher; a child
 *   that catches it may see it twice. Losing one would be worse.
 * - When the child stops, the launcher stops itself by the same signal, for its own parent to see;
 *   when it is continued, it continues the child, unless that was continued along with it.
 * - When the child ends, the launcher ends likewise. The session ends only if nothing else lives
 *   below the launcher, which takes in orphans to know that (PR_SET_CHILD_SUBREAPER): that nobody
 *   has the session mapped does not say so, since a process between execve(2) and its constructors
 *   has not mapped it yet (of `sh -c 'program &'` every third found its session removed).
 * - A shell with job control is not the leader of the group it is started in, as it would be alone;
 *   it makes one and takes the terminal. If it is suspended and continued, whoever continues it
 *   gives the terminal to our group, and the launcher hands it on.
 *
 * The launcher holds the session's memory (session.h), and is the guard's supervisor: a signalfd
 * ends the supervisor's wait when there are signals, which are taken as before. Processes that
 * outlive the command need a supervisor still: a copy of this process stays for them, with nothing
 * of the launcher's but the guard's own descriptors.
 *
 * Mustn't: read or write the terminal, change its own process group, keep a descriptor that the
 * child could inherit. If the launcher is killed the child goes on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"
#include "guard.h"
#include "log.h"
#include "run.h"
#include "sys.h"

/* How long the child of a continued group may take to be seen as continued, ms. */
#define CONTINUE_GRACE 20

/* Kernel's own sigset_t: libc's sigprocmask(3) leaves out two signals that it uses itself. */
typedef uint64_t mask_t;
#define MASK(sig) ((mask_t)1 << ((sig)-1))

struct child {
	const struct command *cmd;
	pid_t pid;
	int stopped;	 /* by this signal; 0: it runs */
	bool supervised; /* the supervisor is at work in this process */
};

/* What the child takes back before it executes the command; it shares this with the launcher. */
struct inherited {
	const struct command *cmd;
	struct guard_plan *guard; /* NULL: none */
	mask_t mask;
	bool child_ignored; /* SIGCHLD was ignored */
	int parent_death;   /* PR_SET_PDEATHSIG */
	volatile int error; /* errno of execve(2) */
};

static void set_mask(mask_t mask, mask_t *old)
{
	SYS4(SYS_rt_sigprocmask, SIG_SETMASK, &mask, old, sizeof(mask));
}

/* With SIGCHLD ignored the kernel would throw the child's exit status away. */
static void prepare(struct inherited *in)
{
	struct sigaction old;

	set_mask(~(mask_t)0, &in->mask);
	sigaction(SIGCHLD, NULL, &old);
	in->child_ignored = old.sa_handler == SIG_IGN;
	if (in->child_ignored)
		signal(SIGCHLD, SIG_DFL);
	prctl(PR_GET_PDEATHSIG, &in->parent_death);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

/* Sockets that the launcher was handed are the command's (sd_listen_fds(3)). */
static void put_pid(char *to)
{
	struct bytes_out o = bytes_out_init(to, ENVIRONMENT_NUMBER);

	bytes_put_number(&o, (uint64_t)sys_getpid());
	bytes_put_end(&o);
}

/* In the child, on the launcher's memory: only system calls. */
static int execute(void *arg)
{
	struct inherited *in = arg;
	const struct command *cmd = in->cmd;

	if (in->guard && guard_put_on(in->guard) < 0)
		_exit(EXIT_CANNOT);
	if (cmd->session->settings.net_admin == NET_ADMIN_DROP)
		in->error = -rights_drop();
	if (in->error)
		_exit(EXIT_CANNOT);
	if (in->parent_death)
		prctl(PR_SET_PDEATHSIG, in->parent_death);
	if (in->child_ignored)
		signal(SIGCHLD, SIG_IGN);
	set_mask(in->mask, NULL);
	if (cmd->own_pid)
		put_pid(cmd->own_pid);
	cmd->session->unprivileged = in->guard && in->guard->unprivileged;
	execve(cmd->path, cmd->argv, cmd->env);
	if (errno == ENOEXEC && cmd->script)
		execve(cmd->script[0], cmd->script, cmd->env);
	in->error = errno;
	_exit(EXIT_CANNOT);
}

/* vfork(2) on a stack of its own; with a guard the child leaves its listener in our descriptors. */
static pid_t spawn(struct inherited *in)
{
	static LARGE(2) _Alignas(64) char stack[65536];
	int flags = CLONE_VM | CLONE_VFORK | SIGCHLD | (in->guard ? CLONE_FILES : 0);

	return clone(execute, stack + sizeof(stack), flags, in);
}

static pid_t start(const struct command *cmd, struct guard_plan *guard)
{
	static struct inherited in;
	pid_t pid;

	in.cmd = cmd;
	in.guard = guard;
	prepare(&in);
	pid = spawn(&in);
	if (pid > 0 && guard && guard->tried && guard->listener < 0) {
		waitpid(pid, NULL, 0);
		in.guard = NULL;
		cmd->session->gate = 0;
		cmd->unguarded(cmd, -guard->listener);
		pid = spawn(&in);
	}
	if (pid < 0)
		die(EXIT_CANNOT, "no process for %s: %s", cmd->path, strerror(errno));
	if (in.error && cmd->auditor)
		auditor_end(cmd->auditor, cmd->session, EXIT_CANNOT << 8, false, cmd->guarded);
	if (in.error) {
		session_end(cmd->session, cmd->session_name);
		die(in.error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT, "%s: %s", cmd->path,
		    strerror(in.error));
	}
	return pid;
}

static void __attribute__((noreturn)) end_by(int sig)
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none); /* the core to look at is the command's */
	prctl(PR_SET_DUMPABLE, 0);
	signal(sig, SIG_DFL);
	set_mask(~MASK(sig), NULL);
	kill(getpid(), sig);
	_exit(128 + sig); /* init of a PID namespace is not killed by itself */
}

/*
 * Our parent is to see the same signal; the kernel drops it in a group without a shell to resume
 * it.
 */
static void stop_by(int sig)
{
	if (sig != SIGSTOP)
		signal(sig, SIG_DFL);
	kill(getpid(), sig); /* one signal, even if the terminal's own is waiting here */
	set_mask(~MASK(sig), NULL);
	set_mask(~(mask_t)0, NULL);
}

/*
 * The supervisor's own process, for those that the command leaves behind. It must not keep the
 * terminal, a pipe that somebody reads to its end, or a place in a job.
 */
static void __attribute__((noreturn)) linger(const struct command *cmd)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	guard_keep_own(null);
	for (int fd = 0; fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	if (chdir("/") < 0)
		_exit(EXIT_CANNOT);
	set_mask(~(MASK(SIGTERM) | MASK(SIGINT)), NULL);
	guard_linger();
	session_end(cmd->session, cmd->session_name);
	_exit(0);
}

/* Is `group` the terminal's foreground group? If so and `next` is not 0, that becomes it. */
static bool foreground(pid_t group, pid_t next)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	bool is = fd >= 0 && tcgetpgrp(fd) == group;

	if (is && next)
		tcsetpgrp(fd, next);
	if (fd >= 0)
		close(fd);
	return is;
}

static void stop_with(const struct child *c, int sig)
{
	pid_t own = getpgrp(), group = getpgid(c->pid);
	bool had_terminal = group != own && foreground(group, 0);

	stop_by(sig);
	if (had_terminal)
		foreground(own, group);
}

static int take_signal(mask_t of, siginfo_t *si, const struct timespec *limit)
{
	return (int)SYS4(SYS_rt_sigtimedwait, &of, si, limit, sizeof(of));
}

/* Does anything live that the command has left behind? */
static bool others_live(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0);
	return pid == 0;
}

static void __attribute__((noreturn)) end_as(const struct child *c, int status)
{
	int verdict = c->cmd->auditor ? auditor_end(c->cmd->auditor, c->cmd->session, status, true,
						    c->supervised)
				      : -1;
	bool others = others_live(), stays;

	if (c->supervised)
		guard_command_ended();
	stays = c->supervised && guard_is_needed(others);
	if (stays && fork() == 0)
		linger(c->cmd);
	if (c->supervised && !stays)
		guard_end();
	if (!others && !stays)
		session_end(c->cmd->session, c->cmd->session_name);
	if (verdict >= 0)
		_exit(verdict);
	if (WIFSIGNALED(status))
		end_by(WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

/* Takes in what has become of the child, and ends with it. False if there is nothing new. */
static bool take_status(struct child *c)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED);
	while (pid > 0 && pid != c->pid); /* an orphan's */
	if (pid < 0 && errno == ECHILD)
		die(EXIT_CANNOT, "the command's exit status is lost");
	if (pid <= 0)
		return false;
	if (WIFEXITED(status) || WIFSIGNALED(status))
		end_as(c, status);
	c->stopped = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
	return true;
}

/*
 * Continues the child, unless it has been continued with its group, or is about to be. What has
 * become of it since (it may have stopped again) is taken in then, and true returned.
 */
static bool wake(struct child *c)
{
	const struct timespec grace = {.tv_nsec = CONTINUE_GRACE * 1000000L};
	siginfo_t si;

	if (getpgid(c->pid) == getpgrp()) {
		if (take_status(c))
			return true;
		take_signal(MASK(SIGCHLD), &si, &grace);
		if (take_status(c))
			return true;
	}
	kill(c->pid, SIGCONT);
	return false;
}

/* Stops as the child has stopped; what continued us is for the child, too. */
static bool follow(struct child *c)
{
	const struct timespec now = {0};
	siginfo_t si;

	stop_with(c, c->stopped);
	return take_signal(MASK(SIGCONT), &si, &now) > 0 ? wake(c) : take_status(c);
}

static void settle(struct child *c, bool news)
{
	while (news)
		news = c->stopped ? follow(c) : take_status(c);
}

static bool from_kernel(const struct child *c, int sig)
{
	if (sig == SIGALRM || sig == SIGVTALRM || sig == SIGPROF)
		return true;
	if (sig == SIGHUP && getsid(0) == getpid())
		return true;
	return getpgid(c->pid) != getpgrp();
}

static bool is_for_child(const struct child *c, const siginfo_t *si)
{
	if (si->si_code > 0)
		return si->si_code == SI_KERNEL && from_kernel(c, si->si_signo);
	return si->si_pid != c->pid && si->si_pid != getpid();
}

static void pass_on(const struct child *c, siginfo_t *si)
{
	if (si->si_code == SI_QUEUE) /* with its value */
		SYS3(SYS_rt_sigqueueinfo, c->pid, si->si_signo, si);
	else
		kill(c->pid, si->si_signo);
}

static void handle(struct child *c, siginfo_t *si)
{
	if (si->si_signo == SIGCHLD)
		settle(c, take_status(c));
	else if (si->si_signo == SIGCONT && c->stopped)
		settle(c, wake(c));
	else if (is_for_child(c, si))
		pass_on(c, si);
}

/* False if it cannot be: then the kernel fails the calls that need it, and a line says why. */
static bool supervise(struct child *c, int listener)
{
	const mask_t all = ~(mask_t)0;
	int wake = (int)SYS4(SYS_signalfd4, -1, &all, sizeof(all), SFD_CLOEXEC | SFD_NONBLOCK);
	int error = wake < 0 ? wake : guard_begin(c->cmd->session, listener, wake);

	log_start(&c->cmd->session->settings);
	if (error >= 0)
		return true;
	sys_close(listener); /* open, and with nobody to answer, it would let them wait for ever */
	if (wake >= 0)
		sys_close(wake);
	warn("the guard's supervisor cannot start: %s; calls past the library fail",
	     strerror(-error));
	return false;
}

void child_run(const struct command *cmd)
{
	static struct guard_plan plan;
	const struct timespec at_once = {0};
	struct child c = {.cmd = cmd};
	siginfo_t si;

	if (cmd->guarded)
		guard_plan(&plan, cmd->session);
	c.pid = start(cmd, cmd->guarded ? &plan : NULL);
	c.supervised = cmd->guarded && plan.listener >= 0 && supervise(&c, plan.listener);
	for (;;) {
		if (c.supervised)
			guard_serve();
		while (take_signal(~(mask_t)0, &si, c.supervised ? &at_once : NULL) > 0)
			handle(&c, &si);
	}
}
