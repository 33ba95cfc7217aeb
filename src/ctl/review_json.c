/* SPDX-License-Identifier: MIT */
/* review_json.c - an audit as one JSON object. */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "events.h"
#include "json_print.h"
#include "review.h"

static FILE *out;

static void text(const char *key, const char *value)
{
	fprintf(out, "\"%s\":", key);
	json_put_text(out, value);
}

static void text_more(const char *key, const char *value)
{
	text(key, value);
	fputc(',', out);
}

static void number(const char *key, uint64_t n)
{
	fprintf(out, "\"%s\":%" PRIu64 ",", key, n);
}

static void number_if(const char *key, uint64_t n, bool known)
{
	if (known)
		number(key, n);
	else
		fprintf(out, "\"%s\":null,", key);
}

static double since(uint64_t t)
{
	return t > review.begun ? (double)(t - review.begun) / 1e9 : 0;
}

static const char *by_words(uint8_t by)
{
	static const char *const words[] = {"library", "guard", "launcher"};

	return by < 3 ? words[by] : "";
}

static void print_stream(const struct stream_row *r)
{
	fputs("{", out);
	text_more("program", r->program);
	fprintf(out, "\"pid\":%d,", r->pid);
	text_more("host", r->host);
	number("port", r->to.port);
	text_more("command", r->lookup ? "resolve" : "connect");
	text_more("by", by_words(r->by));
	number("cookie", r->cookie);
	number_if("source_port", r->local_port, r->local_port);
	number_if("sent", r->sent, r->counted);
	number_if("received", r->received, r->counted);
	fprintf(out, "\"begun\":%.6f,", since(r->begun));
	if (r->ended)
		fprintf(out, "\"seconds\":%.6f,", (double)(r->ended - r->begun) / 1e9);
	else
		fputs("\"seconds\":null,", out);
	text("result", fate_words(r));
	fputs("}", out);
}

static void print_attempt(const struct attempt_row *a)
{
	text_more("call", call_words(a));
	text_more("way", way_words(a));
	if (a->offset) {
		text_more("module", a->module);
		fprintf(out, "\"offset\":\"0x%" PRIx64 "\",", a->offset);
	}
	if (*a->symbol)
		text_more("symbol", a->symbol);
	fprintf(out, "\"pid\":%d,\"errno\":%d,", a->pid, a->error);
}

static void print_finding(const struct finding *f)
{
	static const char *const groups[] = {"attempt", "stream", "view", "coverage"};

	fputs("{", out);
	text_more("check", check_table[f->check].word);
	text_more("group", groups[check_table[f->check].group]);
	fprintf(out, "\"tolerated\":%s,", f->outcome == OUTCOME_TOLERATE ? "true" : "false");
	text_more("program", f->program);
	text_more("target", f->target);
	if (f->attempt)
		print_attempt(f->attempt);
	else
		text_more("words", f->words);
	fprintf(out, "\"count\":%" PRIu64 "}", f->count);
}

static void print_status(void)
{
	if (review.end.ran && WIFEXITED(review.end.status))
		fprintf(out, "\"status\":%d,", WEXITSTATUS(review.end.status));
	else
		fputs("\"status\":null,", out);
	if (review.end.ran && WIFSIGNALED(review.end.status))
		fprintf(out, "\"signal\":%d,", WTERMSIG(review.end.status));
}

void print_json(FILE *to)
{
	const char *verdict = review.verdict == AUDITOR_CLEAN	? "clean"
			      : review.verdict == AUDITOR_FOUND ? "findings"
								: "unjudged";
	const char *comma = "";

	out = to;
	fputs("{\"v\":1,\"command\":[", out);
	for (char **w = review.command; *w; w++, comma = ",") {
		fputs(comma, out);
		json_put_text(out, *w);
	}
	fputs("],", out);
	print_status();
	fprintf(out, "\"seconds\":%.6f,", since(review.ended));
	text_more("verdict", verdict);
	fprintf(out, "\"views\":{\"guard\":%s,\"kernel\":%s,\"tor\":%s},\n\"streams\":[",
		review.end.guard == AUDITOR_GUARD_ON ? "true" : "false",
		review.kernel ? "true" : "false", review.tor ? "true" : "false");
	comma = "\n";
	LIST_EACH(struct stream_row, r, &review.streams)
	{
		if (r->fate == FATE_NONE)
			continue;
		fputs(comma, out);
		print_stream(r);
		comma = ",\n";
	}
	fputs("],\n\"findings\":[", out);
	comma = "\n";
	LIST_EACH(struct finding, f, &review.findings)
	{
		fputs(comma, out);
		print_finding(f);
		comma = ",\n";
	}
	fputs("]}\n", out);
}
