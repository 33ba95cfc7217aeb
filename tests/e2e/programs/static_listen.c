/* SPDX-License-Identifier: MIT */
// listen.c as a static program: the supervisor listens for it.
#include "listen.c"
