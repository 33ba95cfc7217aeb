/* SPDX-License-Identifier: MIT */
/*
 * session.h - what the processes of one sockshim command share: settings (mapped read-only), names
 * and streams (written by all, without locks).
 *
 * It is a memfd of the launcher, which every process of the session opens once through
 * /proc/PID/fd/N, maps and closes again: nothing to clean up, nothing that a full /dev/shm could
 * turn into SIGBUS, no descriptor in the programs. When the launcher is gone, running processes keep
 * their mapping, and programs started later find no session: they are refused everything.
 */
#ifndef SOCKSHIM_SESSION_H
#define SOCKSHIM_SESSION_H

#include "names.h"
#include "settings.h"
#include "streams.h"

#define SESSION_ENV "SOCKSHIM_SESSION"
#define SESSION_NAME 80 /* "/proc/PID/fd/N#ID" */

struct session {
	uint8_t magic[16];
	uint8_t id[8];	/* random; in hex it isolates one session from another */
	uint64_t size;	/* of the whole mapping, bytes */
	int32_t owner;	/* pid of the launcher; of the first process without one */
	char library[4096]; /* path as LD_PRELOAD has it; "" without a launcher */
	struct settings settings;
	/* names and streams follow, each on pages of its own */
};

/*
 * Makes a session of `settings`. The calling process keeps a close-on-exec descriptor (3 or above)
 * for as long as it lives; `name` gets the value for SESSION_ENV.
 * Returns the mapping with all of it writable, or NULL with *error = -errno.
 */
struct session *session_create(const struct settings *settings, char name[static SESSION_NAME],
			       int *error);

/* Like it without a descriptor: for the library alone, shared with forks. */
struct session *session_anonymous(const struct settings *settings, int *error);

/*
 * Maps the session that `name` (SESSION_ENV's value) stands for, settings read-only.
 * NULL with *error: -EPROTO for anything that is not a session of this very version, else as open(2).
 */
struct session *session_open(const char *name, int *error);

/* Makes the settings read-only: after it nothing in this process can change them. */
int session_seal(struct session *s);

void session_close(struct session *s);

struct names *session_names(const struct session *s);
struct streams *session_streams(const struct session *s);

/* Writes the id in hex. */
void session_id(const struct session *s, char out[static 17]);

#endif
