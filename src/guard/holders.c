/* SPDX-License-Identifier: MIT */
/*
 * holders.c - where else in its process a caller's socket is.
 *
 * An epoll knows a socket by file and descriptor. To put another file into one, it must be at the
 * caller's number when epoll_ctl(2) is called: in a child that has a table of descriptors to
 * itself.
 */
#include "holders.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bytes.h"
#include "proc.h"
#include "sys.h"

static void put_hex(struct bytes_out *o, uint64_t n)
{
	if (n >> 4)
		put_hex(o, n >> 4);
	bytes_put(o, &"0123456789abcdef"[n & 15], 1);
}

/* proc(5): the link is "socket:[12345]"; in an epoll's fdinfo, it is "ino:3039 sdev:8". */
static int name_socket(struct holders *h, int fd)
{
	struct bytes_out o = bytes_out_init(h->socket, sizeof(h->socket));
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	bytes_put_text(&o, "socket:[");
	bytes_put_number(&o, st.st_ino);
	bytes_put_text(&o, "]");
	bytes_put_end(&o);
	o = bytes_out_init(h->inode, sizeof(h->inode));
	bytes_put_text(&o, "ino:");
	put_hex(&o, st.st_ino);
	bytes_put_text(&o, " sdev:");
	put_hex(&o, minor(st.st_dev));
	bytes_put_text(&o, "\n");
	bytes_put_end(&o);
	return 0;
}

static void add_number(struct holders *h, int number)
{
	char path[PROC_PATH], text[256];
	long n;

	if (h->numbers == HOLDERS_MOST) {
		h->error = -E2BIG;
		return;
	}
	proc_number(path, h->tid, "/fdinfo/", number);
	n = sys_slurp(path, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = 0;
	h->number[h->numbers++] = (struct holder){
		.number = number,
		.cloexec = caller_number(text, "flags:", 8) & O_CLOEXEC,
	};
}

/* A line of an epoll's fdinfo: "tfd: 5 events: 19 data: 5 pos:0 ino:3039 sdev:8". */
static void add_watch(struct holders *h, int epoll, const char *line)
{
	const size_t len = strlen(line), tail = strlen(h->inode);
	struct holder_watch w = {.number = (int)caller_number(line, "tfd:", 10)};

	if (len < tail || memcmp(line + len - tail, h->inode, tail) != 0 || h->error)
		return;
	w.event.events = (uint32_t)caller_number(line, "events:", 16);
	w.event.data.u64 = caller_number(line, "data:", 16);
	w.epoll = h->watches < HOLDERS_MOST ? caller_copy(h->tid, epoll) : -E2BIG;
	if (w.epoll < 0)
		h->error = w.epoll;
	else
		h->watch[h->watches++] = w;
}

static void read_epoll(struct holders *h, int epoll)
{
	char path[PROC_PATH], text[4096], line[256], *end;
	size_t have = 0, len;
	long n;
	int fd;

	proc_number(path, h->tid, "/fdinfo/", epoll);
	fd = sys_open(path, O_RDONLY, 0);
	if (fd < 0)
		h->error = fd;
	while (fd >= 0 && (n = sys_read(fd, text + have, sizeof(text) - have)) > 0) {
		have += (size_t)n;
		while ((end = memchr(text, '\n', have))) {
			len = (size_t)(end + 1 - text);
			memcpy(line, text, len < sizeof(line) ? len : 0);
			line[len < sizeof(line) ? len : 0] = 0;
			add_watch(h, epoll, line);
			have -= len;
			memmove(text, text + len, have);
		}
	}
	if (fd >= 0)
		sys_close(fd);
}

static void look_at(int number, void *arg)
{
	static const char epoll[] = "anon_inode:[eventpoll]";
	struct holders *h = arg;
	char path[PROC_PATH], link[64];
	long n;

	proc_number(path, h->tid, "/fd/", number);
	n = SYS4(SYS_readlinkat, AT_FDCWD, path, link, sizeof(link) - 1);
	link[n > 0 ? n : 0] = 0;
	if (!strcmp(link, h->socket))
		add_number(h, number);
	else if (!strcmp(link, epoll))
		read_epoll(h, number);
}

int holders_find(struct holders *h, const struct caller *c)
{
	char path[PROC_PATH];
	int error;

	memset(h, 0, sizeof(*h));
	h->tid = c->tid;
	error = name_socket(h, c->fd);
	proc_path(path, c->tid, "/fd");
	if (!error)
		error = sys_each_number(path, 0, look_at, h);
	if (!error)
		error = h->error;
	return error || h->numbers ? error : -EACCES;
}

void holders_close(struct holders *h)
{
	while (h->watches)
		sys_close(h->watch[--h->watches].epoll);
}

struct watching {
	int epoll, fd, number;
	struct epoll_event event;
	volatile int error;
};

static int watch_there(void *arg)
{
	struct watching *w = arg;

	if (w->epoll == w->number)
		w->epoll = (int)SYS1(SYS_dup, w->epoll);
	if (w->fd != w->number)
		w->error = (int)SYS3(SYS_dup3, w->fd, w->number, 0);
	if (w->error >= 0)
		w->error = (int)SYS4(SYS_epoll_ctl, w->epoll, EPOLL_CTL_ADD, w->number, &w->event);
	_exit(0);
}

/* On our memory, without an exit signal: wait(2) elsewhere does not see it. */
int holders_watch(const struct holder_watch *h, int fd)
{
	static LARGE(2) _Alignas(64) char stack[16384];
	struct watching w = {.epoll = h->epoll, .fd = fd, .number = h->number, .event = h->event};
	pid_t pid = clone(watch_there, stack + sizeof(stack), CLONE_VM | CLONE_VFORK, &w);

	if (pid < 0)
		return -errno;
	waitpid(pid, NULL, __WCLONE);
	return w.error < 0 ? w.error : 0;
}
