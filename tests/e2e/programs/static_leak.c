/* SPDX-License-Identifier: MIT */
// leak.c as a static program: no library stands between it and the kernel.
#include "leak.c"
