/* SPDX-License-Identifier: MIT */
/* sessions.c - finds the sessions of the user. */
#include "sessions.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHM "/dev/shm"

struct search {
	const char *which;
	void (*each)(void *arg, struct session *s);
	void *arg;
	int count;
};

/* Only what is left of a launcher that was killed: nobody has it open, so a lease can be had. */
static bool is_left(const char *path)
{
	int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool left;

	if (fd < 0)
		return true;
	left = fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
	close(fd);
	return left;
}

static bool is_wanted(const struct session *s, const char *which)
{
	char id[17], pid[16];

	session_id(s, id);
	snprintf(pid, sizeof(pid), "%d", s->owner);
	return !which || !strcmp(which, id) || !strcmp(which, pid);
}

static void try(struct search *f, const char *name)
{
	int error;
	struct session *s = session_open(name, &error);

	if (!s)
		return;
	if (is_wanted(s, f->which)) {
		f->count++;
		f->each(f->arg, s);
	}
	session_close(s);
}

/* "sockshim-UID-PID-ID": the id is what follows the last '-'. */
static void try_file(struct search *f, const char *file)
{
	char path[SESSION_NAME], name[2 * SESSION_NAME];
	const char *id = strrchr(file, '-') + 1;

	if (strlen(id) != 16 ||
	    (size_t)snprintf(path, sizeof(path), SHM "/%s", file) >= sizeof(path))
		return;
	if (is_left(path))
		return;
	snprintf(name, sizeof(name), "%s#%s", path, id);
	try(f, name);
}

static void try_all(struct search *f)
{
	DIR *dir = opendir(SHM);
	const struct dirent *e;
	char own[32];

	snprintf(own, sizeof(own), "sockshim-%u-", getuid());
	while (dir && (e = readdir(dir)))
		if (!strncmp(e->d_name, own, strlen(own)))
			try_file(f, e->d_name);
	if (dir)
		closedir(dir);
}

int sessions_each(const char *which, bool all, void (*each)(void *arg, struct session *s),
		  void *arg)
{
	struct search f = {.which = which, .each = each, .arg = arg};
	const char *own = getenv(SESSION_ENV);

	if (own && !all && !which)
		try(&f, own);
	else
		try_all(&f);
	return f.count;
}
