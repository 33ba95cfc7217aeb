/* SPDX-License-Identifier: MIT */
/* json_print.h - strings of JSON (RFC 8259), for whatever the sockshimctl commands print. */
#ifndef SOCKSHIM_CTL_JSON_PRINT_H
#define SOCKSHIM_CTL_JSON_PRINT_H

#include <stdio.h>

/*
 * Writes `text` in quotes. Bytes that are no UTF-8 become U+DC80 to U+DCFF (as Python's
 * surrogateescape has it), so that no byte is lost and every line is JSON.
 */
void json_put_text(FILE *to, const char *text);

#endif
