/* SPDX-License-Identifier: MIT */
/* stream_request.h - what a stream asks the proxy for, and as whom. */
#ifndef SOCKSHIM_STREAM_REQUEST_H
#define SOCKSHIM_STREAM_REQUEST_H

#include "stream.h"

/*
 * The host's name; user names and passwords that are made for isolation: 16 of session id, and what
 * tells apart.
 */
struct stream_text {
	char name[NAME_MAX_LEN + 1];
	uint8_t user[255];
	uint8_t password[255];
};

/*
 * Fills in *rq, which points into *t. Anew for each step: the stream itself holds no pointer. 0, or
 * -errno as names_get().
 */
int stream_request(struct socks_request *rq, const struct session *s, const struct stream *st,
		   struct stream_text *t);

#endif
