/* SPDX-License-Identifier: MIT */
/* review_text.c - an audit for people: a table, with colours on a terminal only. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "events.h"
#include "review.h"

#define STREAMS_SHOWN 200

enum colour { PLAIN, RED, YELLOW, GREEN, BOLD };

static FILE *out;
static bool coloured;

static const char *begin(enum colour c)
{
	static const char *const codes[] = {"", "\033[31m", "\033[33m", "\033[32m", "\033[1m"};

	return coloured ? codes[c] : "";
}

static const char *end(void)
{
	return coloured ? "\033[0m" : "";
}

/* A terminal must not obey what a program calls itself. */
static const char *tame(const char *text, size_t width)
{
	static char rooms[4][400];
	static size_t next;
	char *to = rooms[next++ % 4];
	size_t n = 0;

	for (; *text && n + 1 < sizeof(rooms[0]); text++)
		to[n++] = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
	while (n < width && n + 1 < sizeof(rooms[0]))
		to[n++] = ' ';
	to[n] = 0;
	return to;
}

/* "1234", "12.3K", "1.2G"; "unknown" */
static const char *bytes(uint64_t n, bool known, char text[static 16])
{
	static const char units[] = "KMGTPE";
	double v = (double)n;
	int unit = -1;

	while (v >= 10000 && unit < 5) {
		v /= 1024;
		unit++;
	}
	if (!known)
		strcpy(text, "unknown");
	else if (unit < 0)
		snprintf(text, 16, "%llu", (unsigned long long)n);
	else
		snprintf(text, 16, "%.1f%c", v, units[unit]);
	return text;
}

static double seconds(const struct stream_row *r)
{
	uint64_t to = r->ended ? r->ended : review.ended;

	return to > r->begun ? (double)(to - r->begun) / 1e9 : 0;
}

static void print_stream(const struct stream_row *r)
{
	char target[320], sent[16], received[16];

	target_words(r, target, sizeof(target));
	fprintf(out, "  %s %s %8s %8s %8.2f%s %s%s\n", tame(program_name(r->program), 16),
		tame(target, 32), bytes(r->sent, r->counted, sent),
		bytes(r->received, r->counted, received), seconds(r), r->ended ? " " : "+",
		fate_words(r), r->by == EVENT_BY_GUARD ? ", by the guard" : "");
}

static size_t count_streams(void)
{
	size_t n = 0;

	LIST_EACH(struct stream_row, r, &review.streams)
	n += r->fate != FATE_NONE;
	return n;
}

static void print_streams(void)
{
	size_t shown = 0, all = count_streams();

	if (!all)
		return;
	fprintf(out, "%s  %-16s %-32s %8s %8s %8s  %s%s\n", begin(BOLD), "PROGRAM", "TARGET",
		"SENT", "RECEIVED", "SECONDS", "RESULT", end());
	LIST_EACH(struct stream_row, r, &review.streams)
	{
		if (r->fate == FATE_NONE)
			continue;
		if (shown++ == STREAMS_SHOWN)
			break;
		print_stream(r);
	}
	if (all > STREAMS_SHOWN)
		fprintf(out, "  and %zu more (--audit=json has all)\n", all - STREAMS_SHOWN);
}

static void print_attempt(const struct attempt_row *a)
{
	char place[300];

	review_place(a, place, sizeof(place));
	fprintf(out, "%s %s (%s%s%s)", call_words(a), tame(a->target, 0), way_words(a),
		*place ? ", at " : "", tame(place, 0));
}

static void print_finding(const struct finding *f)
{
	bool coverage = check_table[f->check].group == GROUP_COVERAGE;
	const char *word = f->outcome == OUTCOME_TOLERATE ? "tolerated"
			   : coverage			  ? "unjudged"
							  : "FAIL";

	fprintf(out, "  %s%-9s%s %-10s ",
		begin(f->outcome == OUTCOME_TOLERATE ? PLAIN
		      : coverage		     ? YELLOW
						     : RED),
		word, end(), check_table[f->check].word);
	if (*f->program)
		fprintf(out, "%s: ", tame(program_name(f->program), 0));
	if (f->attempt)
		print_attempt(f->attempt);
	else
		fprintf(out, "%s%s%s", tame(f->target, 0), *f->target ? ": " : "",
			tame(f->words, 0));
	if (f->count > 1)
		fprintf(out, ", %llu times", (unsigned long long)f->count);
	fputc('\n', out);
}

static void print_findings(bool tolerated)
{
	LIST_EACH(struct finding, f, &review.findings)
	if ((f->outcome == OUTCOME_TOLERATE) == tolerated)
		print_finding(f);
}

static void print_views(void)
{
	fprintf(out, "  views: %s%s%s\n",
		review.end.guard == AUDITOR_GUARD_ON ? "library and guard" : "library alone",
		review.kernel ? ", kernel" : "", review.tor ? ", Tor" : "");
	if (review.closings_lost)
		fputs("  the kernel ended more sockets than it could tell of: some bytes are "
		      "unknown\n",
		      out);
}

static void print_verdict(void)
{
	static const char *const words[] = {"clean: all that was seen went through the proxy",
					    "there are findings", "something could not be judged"};
	size_t which = review.verdict == AUDITOR_CLEAN	 ? 0
		       : review.verdict == AUDITOR_FOUND ? 1
							 : 2;
	static const enum colour colours[] = {GREEN, RED, YELLOW};

	fprintf(out, "  %sverdict: %s%s\n", begin(colours[which]), words[which], end());
}

static bool wants_colour(FILE *to)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(to)) && !(no && *no) && term && strcmp(term, "dumb") != 0;
}

void print_text(FILE *to)
{
	size_t n = count_streams();

	out = to;
	coloured = wants_colour(to);
	fprintf(out, "%ssockshim audit%s of %s: %zu stream%s, %zu kind%s of attempts\n",
		begin(BOLD), end(), tame(review.command[0], 0), n, n == 1 ? "" : "s",
		review.attempts.count, review.attempts.count == 1 ? "" : "s");
	print_streams();
	print_findings(false);
	print_findings(true);
	print_views();
	print_verdict();
}
