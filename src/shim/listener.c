/* SPDX-License-Identifier: MIT */
/*
 * listener.c - who listens on a Unix socket that UnixSockets closes.
 *
 * Theory of operation. In a launcher's session each program notes the files that it binds Unix
 * sockets to, and who is about to connect looks at the file: nothing is sent to anybody, and
 * neither links nor a daemon's fork matter. The time of its birth tells a file from a later one
 * that got its number. Without a session that programs share, the library's being loaded there is
 * what counts; who listens is asked of the kernel, by a connection.
 */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <string.h>
#include <sys/un.h>

#include "bytes.h"
#include "gate.h"
#include "place.h"
#include "sys.h"

/* SO_PEERCRED; <sys/socket.h> shows it with _GNU_SOURCE only. */
struct credentials {
	int32_t pid;
	uint32_t user, group;
};

/*
 * One number for the file of this address; 0 if there is none, or it does not say when it was made.
 */
static uint64_t file_of(const struct sockaddr *at, socklen_t len)
{
	const size_t head = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un un = {0};
	char path[sizeof(un.sun_path) + 1] = "";
	struct statx st = {0};
	uint64_t of[4], h;

	if (len <= head || len > sizeof(un))
		return 0;
	memcpy(&un, at, len);
	memcpy(path, un.sun_path, sizeof(un.sun_path));
	if (!path[0] || SYS5(SYS_statx, AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &st) < 0 ||
	    !(st.stx_mask & STATX_BTIME))
		return 0;
	of[0] = (uint64_t)st.stx_dev_major << 32 | st.stx_dev_minor;
	of[1] = st.stx_ino;
	of[2] = (uint64_t)st.stx_btime.tv_sec;
	of[3] = st.stx_btime.tv_nsec;
	h = bytes_hash(BYTES_HASH, of, sizeof(of));
	return h ? h : 1;
}

static bool is_noted(const struct session *s, const struct sockaddr *to, socklen_t len)
{
	uint64_t file = file_of(to, len);

	return file && listeners_has(session_listeners(s), file);
}

void listener_note(const struct sockaddr *at, socklen_t len)
{
	const struct session *s = here();
	int before = errno;
	uint64_t file = s && s->library ? file_of(at, len) : 0;

	if (file)
		listeners_add(session_listeners(s), file);
	errno = before;
}

/* Where the library is loaded everywhere, other users' programs may be exempt. */
static bool has_library(const struct session *s, int fd)
{
	struct credentials c = {0};

	if (sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, sizeof(c)) < 0 ||
	    (s->settings.everywhere && c.user != (uint32_t)SYS0(SYS_geteuid)))
		return false;
	return place_shared(c.pid, &real_table);
}

bool listener_is_wrapped(int fd, const struct sockaddr *to, socklen_t len)
{
	const struct session *s = here();

	if (!s)
		return false;
	return s->library ? is_noted(s, to, len) : has_library(s, fd);
}

static int probe(int fd)
{
	int type = SOCK_STREAM;
	long flags = SYS2(SYS_fcntl, fd, F_GETFL);

	sys_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, sizeof(type));
	if (flags > 0 && (flags & O_NONBLOCK))
		type |= SOCK_NONBLOCK;
	return (int)SYS3(SYS_socket, AF_UNIX, type | SOCK_CLOEXEC, 0);
}

int listener_ask(int fd, const struct sockaddr *to, socklen_t len)
{
	const struct session *s = here();
	int socket, err;

	if (!s || s->library)
		return s && is_noted(s, to, len) ? 0 : -EXDEV;
	socket = probe(fd);
	if (socket < 0)
		return socket;
	err = pass_connect(socket, to, len) < 0 ? -errno : 0;
	if (!err && !has_library(s, socket))
		err = -EXDEV;
	sys_close(socket);
	return err;
}
