/* SPDX-License-Identifier: MIT */
// wrong.c as a static program: the supervisor answers.
#include "wrong.c"
