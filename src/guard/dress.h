/* SPDX-License-Identifier: MIT */
/* dress.h - makes a UDP socket look like another one. */
#ifndef SOCKSHIM_DRESS_H
#define SOCKSHIM_DRESS_H

/* `to`: new, in whatever namespace. 0 or -errno. */
int dress(int to, int from);

#endif
