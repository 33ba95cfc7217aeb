/* SPDX-License-Identifier: MIT */
/* via_result.c - what `sockshimctl tor via` prints: text, JSON, JUnit. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "json_print.h"
#include "junit.h"
#include "via.h"

bool result_good(const struct job *j)
{
	return !j->failure[0] && WIFEXITED(j->status) && WEXITSTATUS(j->status) == 0 && !j->strayed;
}

/* "ok", "exit 7", "signal 9", "circuit: TIMEOUT". */
static void words(const struct job *j, char *out, size_t size)
{
	if (j->failure[0])
		snprintf(out, size, "%s", j->failure);
	else if (j->strayed)
		snprintf(out, size, "%d streams elsewhere", j->strayed);
	else if (WIFSIGNALED(j->status))
		snprintf(out, size, "signal %d", WTERMSIG(j->status));
	else if (WEXITSTATUS(j->status))
		snprintf(out, size, "exit %d", WEXITSTATUS(j->status));
	else
		snprintf(out, size, "ok");
}

static double seconds(const struct job *j)
{
	return j->began ? (double)(j->ended - j->began) / 1000 : 0;
}

/* The first line that it printed: of stderr if it failed. A terminal must not obey it. */
static void print_first_line(const struct job *j)
{
	const char *text = j->text ? j->text[0].text : "";

	if (j->text && !*text)
		text = j->text[1].text;
	for (size_t i = 0; text[i] && text[i] != '\n' && i < 200; i++)
		putchar((unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i]);
}

static void print_text(const struct job *j)
{
	char state[160];

	words(j, state, sizeof(state));
	printf("%s %-12s %-8s %6.2f s  ", j->exit->fingerprint, j->exit->nickname, state,
	       seconds(j));
	print_first_line(j);
	putchar('\n');
}

static void print_json(const struct job *j)
{
	char state[160];

	words(j, state, sizeof(state));
	printf("{\"exit\":\"%s\",\"nickname\":\"%s\",\"result\":", j->exit->fingerprint,
	       j->exit->nickname);
	json_put_text(stdout, state);
	printf(",\"ok\":%s,\"status\":", result_good(j) ? "true" : "false");
	if (j->status >= 0 && WIFEXITED(j->status))
		printf("%d", WEXITSTATUS(j->status));
	else
		fputs("null", stdout);
	printf(",\"circuit\":\"%s\",\"path\":\"%s\",\"user\":\"%s\",\"seconds\":%.3f,"
	       "\"streams\":%d,\"reported\":%d,\"attached\":%d,\"opened\":%d,\"strayed\":%d,"
	       "\"stdout\":",
	       j->circuit, j->path, j->name, seconds(j), j->streams, j->reported, j->attached,
	       j->opened, j->strayed);
	json_put_text(stdout, j->text ? j->text[0].text : "");
	fputs(",\"stderr\":", stdout);
	json_put_text(stdout, j->text ? j->text[1].text : "");
	puts("}");
}

void result_print(enum via_format f, const struct job *j)
{
	if (f == VIA_TEXT)
		print_text(j);
	else if (f == VIA_JSON)
		print_json(j);
	fflush(stdout);
}

static void print_case(const struct job *j)
{
	char state[160], name[160];

	words(j, state, sizeof(state));
	snprintf(name, sizeof(name), "%s %s", j->exit->nickname, j->exit->fingerprint);
	junit_case(stdout, "exit", name, seconds(j));
	if (!result_good(j))
		junit_result(stdout, "failure", state, j->text ? j->text[1].text : "");
	junit_output(stdout, j->text ? j->text[0].text : "");
	junit_case_end(stdout);
}

void result_report(enum via_format f, const struct job *jobs, size_t count)
{
	struct junit_counts n = {.tests = count};
	double time = 0;

	for (size_t i = 0; i < count; i++) {
		n.failures += !result_good(&jobs[i]);
		time += seconds(&jobs[i]);
	}
	if (f != VIA_JUNIT)
		return;
	junit_begin(stdout);
	junit_suite(stdout, "sockshimctl tor via", &n, time);
	for (size_t i = 0; i < count; i++)
		print_case(&jobs[i]);
	junit_suite_end(stdout);
	junit_end(stdout);
	fflush(stdout);
}
