/* SPDX-License-Identifier: MIT */
/*
 * import.h - configuration files of torsocks, proxychains and tsocks to lines of ours. Pure.
 *
 * What is written can be read as a configuration. A line that has no counterpart becomes a comment
 * that says why; none is dropped.
 */
#ifndef SOCKSHIM_IMPORT_H
#define SOCKSHIM_IMPORT_H

#include "bytes.h"
#include "conf.h"

enum import_format { IMPORT_UNKNOWN, IMPORT_TORSOCKS, IMPORT_PROXYCHAINS, IMPORT_TSOCKS };

/* A proxy as it is put together from several lines; "": not said. */
struct import_server {
	char host[256], port[16], user[256], password[256], type[16];
};

struct import {
	enum import_format format;
	unsigned int line;
	unsigned int left; /* lines that have become comments */
	bool list, path;   /* behind [ProxyList]; inside of path { } */
	bool has_proxy;
	uint64_t seen; /* settings written, a bit each */
	char error
		[128]; /* "line: why" of the first that is wrong, not only without a counterpart */
	unsigned int rules, proxies;
	struct import_server server, of_path;
	char reaches[2048]; /* Match lines of the path that is open */
	size_t reach_count;
	struct bytes_out out, local, paths;
};

/* By the file's name, and where that does not tell, by its first key. */
enum import_format import_guess(const char *name, const char *text, size_t len);

/*
 * Translates all of `text`; a last line without its newline counts. `i` is all zero but for `out`,
 * `local` and `paths`, where the result is written, to be printed in this order.
 * Returns how many lines have no counterpart; -1: there was not room enough.
 */
int import_text(struct import *i, enum import_format format, const char *text, size_t len);

/* The server as a URL. NULL, or what is wrong (static). */
const char *import_url(struct import *i, const struct import_server *s, char out[static 2048]);

#endif
