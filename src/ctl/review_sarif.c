/* SPDX-License-Identifier: MIT */
/* review_sarif.c - an audit as SARIF 2.1.0 (OASIS): a rule a check, a result a finding. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "json_print.h"
#include "review.h"
#include "sockshim/version.h"

static FILE *out;

/* "file:///path": what RFC 3986 has no place for is written in hex. */
static void put_uri(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~/";

	fputs("\"file://", out);
	for (; *path; path++)
		fprintf(out, strchr(plain, *path) ? "%c" : "%%%02X", (unsigned char)*path);
	fputc('"', out);
}

static const char *default_level(const struct check_info *c)
{
	if (c->def == OUTCOME_TOLERATE)
		return "note";
	return c->group == GROUP_COVERAGE ? "warning" : "error";
}

static void print_rules(void)
{
	for (int c = 0; c < CHECK_COUNT; c++) {
		const struct check_info *info = &check_table[c];

		fprintf(out, "%s{\"id\":\"%s\",\"shortDescription\":{\"text\":", c ? ",\n" : "\n",
			info->word);
		json_put_text(out, info->help);
		fprintf(out, "},\"defaultConfiguration\":{\"level\":\"%s\"}}", default_level(info));
	}
}

static void print_message(const struct finding *f)
{
	char text[1500], place[300] = "";

	if (f->attempt) {
		review_place(f->attempt, place, sizeof(place));
		snprintf(text, sizeof(text), "%s: %s %s (%s%s%s), %" PRIu64 " times",
			 program_name(f->program), call_words(f->attempt), f->target,
			 way_words(f->attempt), *place ? ", at " : "", place, f->count);
	} else {
		snprintf(text, sizeof(text), "%s%s%s%s%s", program_name(f->program),
			 *f->program ? ": " : "", f->target, *f->target ? ": " : "", f->words);
	}
	fputs("\"message\":{\"text\":", out);
	json_put_text(out, text);
	fputc('}', out);
}

/* Where: the file that the code is in, else the program. */
static void print_location(const struct finding *f)
{
	const struct attempt_row *a = f->attempt;
	const char *path = a && *a->module ? a->module : f->program;

	if (*path != '/')
		return;
	fputs(",\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":", out);
	put_uri(path);
	fputc('}', out);
	if (a && *a->module && a->offset)
		fprintf(out, ",\"region\":{\"byteOffset\":%" PRIu64 ",\"byteLength\":1}",
			a->offset);
	fputc('}', out);
	if (a && *a->symbol) {
		fputs(",\"logicalLocations\":[{\"kind\":\"function\",\"fullyQualifiedName\":", out);
		json_put_text(out, a->symbol);
		fputs("}]", out);
	}
	fputs("}]", out);
}

static void print_result(const struct finding *f)
{
	bool coverage = check_table[f->check].group == GROUP_COVERAGE;
	const char *level = f->outcome == OUTCOME_TOLERATE ? "note"
			    : coverage			   ? "warning"
							   : "error";

	fprintf(out, "{\"ruleId\":\"%s\",\"ruleIndex\":%d,\"level\":\"%s\",",
		check_table[f->check].word, f->check, level);
	print_message(f);
	print_location(f);
	fprintf(out, ",\"occurrenceCount\":%" PRIu64 "}", f->count ? f->count : 1);
}

static void print_invocation(void)
{
	bool ended = review.end.ran && WIFEXITED(review.end.status);

	fprintf(out, "\"invocations\":[{\"executionSuccessful\":%s,",
		ended && !WEXITSTATUS(review.end.status) ? "true" : "false");
	if (ended)
		fprintf(out, "\"exitCode\":%d,", WEXITSTATUS(review.end.status));
	fputs("\"arguments\":[", out);
	for (char **w = review.command; *w; w++) {
		if (w != review.command)
			fputc(',', out);
		json_put_text(out, *w);
	}
	fputs("]}]", out);
}

void print_sarif(FILE *to)
{
	const char *comma = "\n";

	out = to;
	fputs("{\"$schema\":\"https://json.schemastore.org/"
	      "sarif-2.1.0.json\",\"version\":\"2.1.0\","
	      "\"runs\":[{\"tool\":{\"driver\":{\"name\":\"sockshim\",\"version\":"
	      "\"" SOCKSHIM_VERSION "\",\"rules\":[",
	      out);
	print_rules();
	fputs("]}},\n", out);
	print_invocation();
	fputs(",\n\"results\":[", out);
	LIST_EACH(struct finding, f, &review.findings)
	{
		fputs(comma, out);
		print_result(f);
		comma = ",\n";
	}
	fputs("]}]}\n", out);
}
