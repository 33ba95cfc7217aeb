/* SPDX-License-Identifier: MIT */
/*
 * log.c - one line, one write.
 *
 * This runs inside other people's programs. So stderr is written to only while descriptor 2 is the
 * file that it was at the start; LogFile is opened for each line and closed again; and the SIGPIPE
 * of a log that nobody reads any more never reaches the program.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "sys.h"

/* Written at the start alone. */
static struct {
	enum log_level level; /* LOG_SILENT until the start */
	bool has_stderr, has_file;
	uint64_t dev, ino;
} target;
static LARGE(2) char log_file[4096]; /* LogFile, if there is one */

static bool identify(int fd, uint64_t *dev, uint64_t *ino)
{
	struct stat st;

	/* The C library's struct stat is the kernel's on the 64-bit machines that sys.h knows. */
	if (SYS2(SYS_fstat, fd, &st) < 0)
		return false;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return true;
}

void log_start(const struct settings *s)
{
	target.has_stderr = identify(2, &target.dev, &target.ino);
	log_set(s);
}

void log_set(const struct settings *s)
{
	struct bytes_out o = bytes_out_init(log_file, sizeof(log_file));

	target.has_file = s && s->text[s->log_file];
	if (target.has_file) {
		bytes_put_text(&o, s->text + s->log_file);
		bytes_put_end(&o);
	}
	target.level = s ? (enum log_level)s->log : LOG_WARN;
}

bool log_wants(enum log_level level)
{
	return level != LOG_SILENT && level <= target.level;
}

/* O_NONBLOCK: a FIFO without a reader must not hang the program. */
static bool write_file(const uint8_t *data, size_t len)
{
	int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, fd;

	if (!target.has_file)
		return false;
	fd = sys_open(log_file, flags, 0600);
	if (fd < 0)
		return false;
	sys_write_quietly(fd, data, len);
	sys_close(fd);
	return true;
}

/* stderr, too, when LogFile cannot be opened: a refusal must not go unheard. */
static void write_line(const uint8_t *data, size_t len)
{
	uint64_t dev, ino;

	if (write_file(data, len) || !target.has_stderr)
		return;
	if (identify(2, &dev, &ino) && dev == target.dev && ino == target.ino)
		sys_write_quietly(2, data, len);
}

struct bytes_out *log_begin(struct log_line *l, enum log_level level)
{
	l->level = level;
	l->text = bytes_out_init(l->buffer, sizeof(l->buffer));
	bytes_put_text(&l->text, "sockshim: ");
	return &l->text;
}

/* Host names and proxies' answers are strangers' bytes: they must not steer a terminal. */
static size_t escape(uint8_t out[static LOG_LINE], const uint8_t *text, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;

	for (; len--; text++) {
		bool plain = *text >= ' ' && *text <= '~';

		if (n + (plain ? 1 : 4) > LOG_LINE - 1)
			break;
		if (plain) {
			out[n++] = *text;
			continue;
		}
		out[n++] = '\\';
		out[n++] = 'x';
		out[n++] = (uint8_t)digits[*text >> 4];
		out[n++] = (uint8_t)digits[*text & 15];
	}
	out[n++] = '\n';
	return n;
}

void log_end(struct log_line *l)
{
	uint8_t line[LOG_LINE];

	if (log_wants(l->level))
		write_line(line, escape(line, l->buffer, (size_t)(l->text.at - l->buffer)));
}

void log_texts(enum log_level level, ...)
{
	struct bytes_out *o;
	struct log_line l;
	const char *text;
	va_list texts;

	if (!log_wants(level))
		return;
	o = log_begin(&l, level);
	va_start(texts, level);
	for (text = va_arg(texts, const char *); text; text = va_arg(texts, const char *))
		bytes_put_text(o, text);
	va_end(texts);
	log_end(&l);
}
