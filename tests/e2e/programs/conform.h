/* SPDX-License-Identifier: MIT */
/*
 * conform.h - what `conform` orders of `conform_far`, over descriptor ORDERS: a struct order, one
 * byte back.
 */
#ifndef CONFORM_H
#define CONFORM_H

#define THERE "10.200.0.2" /* 10.200.0.1, turned round */

enum { ORDERS = 3, PROXY = 1080, ECHO = 7101, REFUSED = 7102, UNREACHABLE = 7103 };

enum what {
	HOLD,	/* forget all there was; hold connections from now on, arg: at which stage */
	GO,	/* let connections go on, those to come too; arg: so many ms after the answer */
	SETTLE, /* answer when nothing is on the way any more, as with each order */
	SAY,	/* the far end of each connection that is up sends two bytes, */
	FINISH, /* ends its side, */
	RESET,	/* or resets it */
};

/* The stages of a connection through the proxy; a direct one has the first only. */
enum stage { STAGE_SYN, STAGE_METHOD, STAGE_REPLY, STAGE_HALF_REPLY, STAGES };
enum { GREETS = 8 }; /* to be added: the far end speaks first, at once */

struct order {
	enum what what;
	int arg;
};

#endif
