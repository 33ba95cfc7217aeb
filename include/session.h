/* SPDX-License-Identifier: MIT */
/*
 * session.h - what the processes of one sockshim command share: settings (mapped read-only), names
 * and streams (written by all, without locks).
 *
 * It is a file in /dev/shm, which every process of the session opens once, maps and closes again:
 * no descriptor stays in the programs, and programs that outlive the launcher still find it. Where
 * /dev/shm is missing or nearly full (a write to a page that cannot be had is SIGBUS) it is a memfd
 * of the launcher's instead, found through /proc/PID/fd/N, and ends with the launcher.
 */
#ifndef SOCKSHIM_SESSION_H
#define SOCKSHIM_SESSION_H

#include <string.h>

#include "attempts.h"
#include "listeners.h"
#include "lookups.h"
#include "names.h"
#include "settings.h"
#include "streams.h"

struct progresses;
struct events;

#define SESSION_ENV "SOCKSHIM_SESSION"
#define SESSION_NAME 96 /* "/dev/shm/sockshim-UID-PID-ID#ID" */

struct session {
	uint8_t magic[16];
	uint8_t id[8]; /* random; in hex it isolates one session from another */
	uint64_t size; /* of the whole mapping, bytes */
	int32_t owner; /* pid of the launcher; of the first process without one */
	uint64_t launcher_dev, launcher_ino; /* its file: static, and may be started all the same */
	uint64_t gate;			     /* where the guard's gate belongs; 0: no guard */
	bool audited;			     /* events are kept */
	uint64_t report_dev, report_ino;     /* of Report fd:N */
	bool unprivileged; /* setuid programs get no privilege (PR_SET_NO_NEW_PRIVS) */
	uint16_t library;  /* see session_library() */
	struct settings settings;
	/*
	 * names, progresses, streams, attempts, lookups and listeners, events follow, each on pages
	 * of its own
	 */
};

/*
 * Makes a session of `settings`, with or without room for events; `name` gets the value for
 * SESSION_ENV. Removes files of earlier sessions of the same user that nobody has mapped any more.
 * Returns the mapping with all of it writable, or NULL with *error = -errno.
 */
struct session *session_create(const struct settings *settings, bool audited,
			       char name[static SESSION_NAME], int *error);

/*
 * The same for a shell that runs already: the session lives as long as the process `owner`, and is
 * swept some time after its end. -ENOSPC where /dev/shm has no room.
 */
struct session *session_create_for(const struct settings *settings, int32_t owner,
				   char name[static SESSION_NAME], int *error);

/*
 * Like session_create() without a descriptor: for the library alone, shared with forks. Without
 * settings (NULL) those of the mapping are all zero, for the caller to fill in.
 */
struct session *session_anonymous(const struct settings *settings, int *error);

/* The library's path as LD_PRELOAD has it; "" without a launcher. It lies in the settings' text. */
void session_set_library(struct session *s, const char *path);
const char *session_library(const struct session *s);

/*
 * Maps the session that `name` (SESSION_ENV's value) stands for, settings read-only. NULL with
 * *error: -EPROTO for anything that is not a session of this very version, else as open(2).
 */
struct session *session_open(const char *name, int *error);

/* Makes the settings read-only: after it nothing in this process can change them. */
int session_seal(struct session *s);

void session_close(struct session *s);

/*
 * For the launcher, when its command has ended: unmaps, and removes the file unless another process
 * still has it mapped (a daemon; a later session_create() removes it then).
 */
void session_end(struct session *s, const char *name);

struct names *session_names(const struct session *s);

/*
 * The place of the first virtual address in its network, another one in each session: an address
 * that a program keeps on disk hardly stands for another name in the next.
 */
static inline uint32_t session_turn(const struct session *s)
{
	uint32_t turn;

	memcpy(&turn, s->id, sizeof(turn));
	return turn;
}

/* The entry of names that a virtual address stands for, or -ENOENT. */
int session_index(const struct session *s, const struct addr *a);

/*
 * If c->to is a virtual address: sets is_virtual, puts its name into `text` and into the call, and
 * returns its number; -1 if it is none, or nobody was given it.
 */
struct call;
int32_t session_call_name(const struct session *s, struct call *c,
			  char text[static NAME_MAX_LEN + 1]);
struct streams *session_streams(const struct session *s);
struct attempts *session_attempts(const struct session *s);
struct lookups *session_lookups(const struct session *s);
struct listeners *session_listeners(const struct session *s);
struct progresses *session_progresses(const struct session *s);
struct events *session_events(const struct session *s); /* NULL if it is not audited */

/* Writes the id in hex. */
void session_id(const struct session *s, char out[static 17]);

#endif
