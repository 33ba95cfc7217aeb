/* SPDX-License-Identifier: MIT */
/* review_tests.c - an audit as a list of tests, one a check: JUnit and TAP. */
#include <string.h>

#include "junit.h"
#include "review.h"

static const char *const groups[] = {"attempts", "streams", "views", "coverage"};

/* One line of a case. */
static void finding_words(const struct finding *f, char *out, size_t size)
{
	char place[300] = "", count[32] = "";

	if (f->count > 1)
		snprintf(count, sizeof(count), ", %llu times", (unsigned long long)f->count);
	if (f->attempt) {
		review_place(f->attempt, place, sizeof(place));
		snprintf(out, size, "%s: %s %s (%s%s%s)%s", program_name(f->program),
			 call_words(f->attempt), f->target, way_words(f->attempt),
			 *place ? ", at " : "", place, count);
	} else {
		snprintf(out, size, "%s%s%s%s%s%s", program_name(f->program),
			 *f->program ? ": " : "", f->target, *f->target ? ": " : "", f->words,
			 count);
	}
}

/* All cases of a check, a line each. */
static size_t list_cases(enum check check, enum outcome outcome, char *out, size_t size)
{
	size_t used = 0, n = 0;

	*out = 0;
	LIST_EACH(struct finding, f, &review.findings)
	{
		char line[1200];

		if (f->check != check || f->outcome != outcome)
			continue;
		n++;
		finding_words(f, line, sizeof(line));
		if (used + strlen(line) + 2 < size)
			used += (size_t)snprintf(out + used, size - used, "%s\n", line);
	}
	return n;
}

/* ---- JUnit ---- */

static void print_case(FILE *to, enum check check)
{
	static char text[1 << 16];
	const struct check_info *info = &check_table[check];
	bool coverage = info->group == GROUP_COVERAGE;
	char class[64];

	snprintf(class, sizeof(class), "sockshim.%s", groups[info->group]);
	junit_case(to, class, info->word, 0);
	if (!check_applies(check))
		junit_result(to, "skipped", "not asked for", "");
	else if (list_cases(check, OUTCOME_FAIL, text, sizeof(text)))
		junit_result(to, coverage ? "error" : "failure", info->help, text);
	if (list_cases(check, OUTCOME_TOLERATE, text, sizeof(text)))
		junit_output(to, text);
	junit_case_end(to);
}

static void print_suite(FILE *to, int group, double seconds)
{
	struct junit_counts n = {0};
	char name[80];

	for (int c = 0; c < CHECK_COUNT; c++) {
		if (check_table[c].group != group)
			continue;
		n.tests++;
		if (!check_applies((enum check)c))
			n.skipped++;
		else if (check_fails((enum check)c))
			++*(group == GROUP_COVERAGE ? &n.errors : &n.failures);
	}
	snprintf(name, sizeof(name), "sockshim audit: %s", groups[group]);
	junit_suite(to, name, &n, seconds);
	for (int c = 0; c < CHECK_COUNT; c++)
		if (check_table[c].group == group)
			print_case(to, (enum check)c);
	junit_suite_end(to);
}

void print_junit(FILE *to)
{
	junit_begin(to);
	for (int group = 0; group <= GROUP_COVERAGE; group++)
		print_suite(to, group, group ? 0 : (double)(review.ended - review.begun) / 1e9);
	junit_end(to);
}

/* ---- TAP ---- */

/* Comment lines; control characters and what TAP means something by are made harmless. */
static void print_lines(FILE *to, const char *lead, const char *text)
{
	const char *end;

	for (; *text; text = *end ? end + 1 : end) {
		end = text + strcspn(text, "\n");
		fputs(lead, to);
		for (const char *c = text; c < end; c++)
			fputc((unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c, to);
		fputc('\n', to);
	}
}

void print_tap(FILE *to)
{
	static char text[1 << 16];

	fprintf(to, "TAP version 13\n1..%d\n", CHECK_COUNT);
	for (int c = 0; c < CHECK_COUNT; c++) {
		const struct check_info *info = &check_table[c];
		bool applies = check_applies((enum check)c);

		fprintf(to, "%sok %d - %s: %s%s\n",
			applies && check_fails((enum check)c) ? "not " : "", c + 1, info->word,
			info->help, applies ? "" : " # SKIP not asked for");
		if (list_cases((enum check)c, OUTCOME_FAIL, text, sizeof(text)))
			print_lines(to, "# ", text);
		if (list_cases((enum check)c, OUTCOME_TOLERATE, text, sizeof(text)))
			print_lines(to, "# tolerated: ", text);
	}
}
