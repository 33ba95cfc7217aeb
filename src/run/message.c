/* SPDX-License-Identifier: MIT */
/* message.c - what the launcher itself has to say: one line, one write. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "run.h"

/* Names come from anywhere: a terminal must not obey them. */
static void tame(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
}

static void __attribute__((format(printf, 1, 0))) say(const char *format, va_list ap)
{
	static const char name[] = "sockshim: ";
	char line[1024] = "sockshim: ";
	char *text = line + sizeof(name) - 1;
	size_t room = sizeof(line) - sizeof(name);
	int len = vsnprintf(text, room, format, ap);

	if (len < 0)
		return;
	if ((size_t)len >= room)
		len = (int)room - 1;
	tame(text);
	text[len] = '\n';
	if (write(STDERR_FILENO, line, sizeof(name) + (size_t)len) < 0)
		return; /* nobody to tell */
}

void die(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
	exit(status);
}

void warn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}
