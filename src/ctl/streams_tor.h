/* SPDX-License-Identifier: MIT */
/* streams_tor.h - which circuit of Tor's a stream is on. */
#ifndef SOCKSHIM_CTL_STREAMS_TOR_H
#define SOCKSHIM_CTL_STREAMS_TOR_H

#include <stdint.h>

/*
 * A stream as the kernel and the session have it; its circuit and that one's first relay, "" if
 * unknown.
 */
struct tor_place {
	const char *host;
	uint16_t port, local_port;
	char circuit[24], relay[48];
};

/*
 * Connects to the control port, and hears of new streams from now on; ends the program if it
 * cannot.
 */
void streams_tor_open(const char *control);

/* Asks Tor for its streams and circuits; what it says holds until the next call. */
void streams_tor_ask(void);

/* Fills in circuit and relay. */
void streams_tor_find(struct tor_place *p);

#endif
