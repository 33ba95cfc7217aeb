/* SPDX-License-Identifier: MIT */
/* junit.c - results as JUnit's XML. */
#include "junit.h"

#include <string.h>

#include "utf8.h"

/* XML 1.0 has no way to write most control characters, and takes nothing that is no UTF-8. */
static void put(FILE *to, const char *text)
{
	size_t left = strlen(text), n;
	uint32_t c;

	for (; left; text += n, left -= n) {
		n = utf8_get((const uint8_t *)text, left, &c);
		if (!n || (c < ' ' && c != '\n' && c != '\t') || c == 0x7f || c == 0xfffe ||
		    c == 0xffff)
			fputc('?', to);
		else if (c == '<' || c == '>' || c == '&' || c == '"')
			fprintf(to, "&#%u;", (unsigned int)c);
		else
			fwrite(text, 1, n, to);
		n = n ? n : 1;
	}
}

void junit_begin(FILE *to)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n", to);
}

void junit_suite(FILE *to, const char *name, const struct junit_counts *n, double seconds)
{
	fputs(" <testsuite name=\"", to);
	put(to, name);
	fprintf(to,
		"\" tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\">\n",
		n->tests, n->failures, n->errors, n->skipped, seconds);
}

void junit_case(FILE *to, const char *class, const char *name, double seconds)
{
	fputs("  <testcase classname=\"", to);
	put(to, class);
	fputs("\" name=\"", to);
	put(to, name);
	fprintf(to, "\" time=\"%.3f\">\n", seconds);
}

void junit_result(FILE *to, const char *what, const char *message, const char *text)
{
	fprintf(to, "    <%s message=\"", what);
	put(to, message);
	fputs("\">", to);
	put(to, text);
	fprintf(to, "</%s>\n", what);
}

void junit_output(FILE *to, const char *text)
{
	fputs("    <system-out>", to);
	put(to, text);
	fputs("</system-out>\n", to);
}

void junit_case_end(FILE *to)
{
	fputs("  </testcase>\n", to);
}

void junit_suite_end(FILE *to)
{
	fputs(" </testsuite>\n", to);
}

void junit_end(FILE *to)
{
	fputs("</testsuites>\n", to);
}
