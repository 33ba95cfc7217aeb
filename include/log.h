/* SPDX-License-Identifier: MIT */
/*
 * log.h - one line, one write: to stderr as it was when the process started, or to LogFile.
 * No stdio, no allocation, no lock; for programs and for the library in any context.
 */
#ifndef SOCKSHIM_LOG_H
#define SOCKSHIM_LOG_H

#include "bytes.h"
#include "settings.h"

#define LOG_LINE 1024

/*
 * Remembers which file is stderr (fd 2), so that a later file of that number is never written to.
 */
void log_start(const struct settings *s);
/* The settings, when they are known only later. */
void log_set(const struct settings *s);

/* Is this level logged? */
bool log_wants(enum log_level level);

/*
 * Starts a line "sockshim: "; add to it with bytes_put_*(), then log_end() writes it.
 * A full line is cut, control bytes and bytes that are not printable ASCII are escaped as \xNN.
 */
struct log_line {
	struct bytes_out text;
	enum log_level level;
	uint8_t buffer[LOG_LINE];
};
struct bytes_out *log_begin(struct log_line *l, enum log_level level);
void log_end(struct log_line *l);

/* For whole lines: the texts are put one after another; end with NULL. */
void log_texts(enum log_level level, ...) __attribute__((sentinel));

#endif
