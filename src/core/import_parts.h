/* SPDX-License-Identifier: MIT */
/* import_parts.h - what the two files of the importer share. */
#ifndef SOCKSHIM_IMPORT_PARTS_H
#define SOCKSHIM_IMPORT_PARTS_H

#include "conf_parts.h"
#include "import.h"
#include "socks.h"

#define IMPORT_WORDS 8

/* The line as a comment, with why. */
void import_comment(struct import *i, const char *text, const char *why);

/* The same for a line that says nothing, or nothing that can be. */
void import_wrong(struct import *i, const char *text, const char *why);

/* A setting, or the line as a comment if its value is none for us. */
void import_set(struct import *i, enum setting_id id, const char *value, const char *line);
void import_milliseconds(struct import *i, enum setting_id id, const char *value, const char *line);

/* A Match line for address[:port[-port]][/mask]. NULL, or what is wrong, and nothing is written. */
const char *import_network(struct import *i, struct bytes_out *o, const char *text);

/* The whole block, with Direct. */
void import_direct(struct import *i, const char *network, const char *line);

/* False if `text` does not fit. */
bool import_copy(char *to, size_t size, const char *text);

/* One line of each format: its first words, and as it stands. */
void import_torsocks(struct import *i, char *words[], unsigned int n, const char *line);
void import_proxychains(struct import *i, char *words[], unsigned int n, const char *line);
void import_tsocks(struct import *i, const char *line);

/* What can be said only after the last line. */
void import_finish(struct import *i);

#endif
