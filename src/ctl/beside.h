/* SPDX-License-Identifier: MIT */
/* beside.h - the launcher that belongs to this sockshimctl. */
#ifndef SOCKSHIM_CTL_BESIDE_H
#define SOCKSHIM_CTL_BESIDE_H

/*
 * The path of `sockshim` in the directory of this program; "sockshim" (PATH decides) if it is not
 * there.
 */
const char *beside_sockshim(void);

#endif
