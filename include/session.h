/* SPDX-License-Identifier: MIT */
/*
 * session.h - what the processes of one sockshim command share: settings (mapped read-only), names
 * and streams (written by all, without locks). One file in memory, opened by each process once and
 * closed again: nobody keeps a descriptor.
 */
#ifndef SOCKSHIM_SESSION_H
#define SOCKSHIM_SESSION_H

#include "names.h"
#include "settings.h"
#include "streams.h"

#define SESSION_ENV "SOCKSHIM_SESSION"
#define SESSION_PATH 128

struct session {
	uint8_t magic[16];
	uint8_t id[16];	 /* random; printed in hex it isolates one session from another */
	uint64_t size;	 /* of the whole mapping, bytes */
	int32_t owner;	 /* pid of the launcher; of the first process without one */
	uint32_t owner_uid;
	char library[4096]; /* path as LD_PRELOAD has it; "" without a launcher */
	struct settings settings;
	/* names and streams follow, each on a page of its own: session_names(), session_streams() */
};

/*
 * Makes a session of `settings` in a new file (mode 0600, in /dev/shm, else /tmp), for SESSION_ENV.
 * Returns the mapping with all of it writable, or NULL with *error = -errno; `path` gets the name.
 */
struct session *session_create(const struct settings *settings, char path[static SESSION_PATH],
			       int *error);

/* Like it without a file: for the library alone, shared with forks. */
struct session *session_anonymous(const struct settings *settings, int *error);

/*
 * Maps the session of a file: settings read-only. -EPROTO for anything that is not a session of this
 * very version, -EPERM for a file that is neither ours nor root's.
 */
struct session *session_open(const char *path, int *error);

/* Makes the settings read-only: after it nothing in this process can change them. */
int session_seal(struct session *s);

void session_close(struct session *s);

struct names *session_names(const struct session *s);
struct streams *session_streams(const struct session *s);

#endif
