/* SPDX-License-Identifier: MIT */
/*
 * auditor.h - what the launcher and its auditor (`sockshimctl audit`) say to each other, on a
 * socket that is the auditor's descriptor 3. The auditor sends one byte when it is ready, and its
 * verdict after the launcher has told how the command ended.
 */
#ifndef SOCKSHIM_AUDITOR_H
#define SOCKSHIM_AUDITOR_H

#include <stdint.h>

#define AUDITOR_FD 3
#define AUDITOR_READY 'r'

enum auditor_guard {
	AUDITOR_GUARD_OFF,   /* or it cannot work here */
	AUDITOR_GUARD_ON,    /* the launcher is the supervisor */
	AUDITOR_GUARD_OUTER, /* another session's, whose supervisor sees what this one does not */
};

struct auditor_end {
	int32_t status; /* of wait(2) */
	int32_t guard;	/* enum auditor_guard */
	int32_t ran;	/* 0: the command was not started */
};

/* The last byte from the auditor. */
enum auditor_verdict { AUDITOR_CLEAN = 'c', AUDITOR_FOUND = 'f', AUDITOR_UNJUDGED = 'u' };

#endif
