/* scenario.c - see scenario.h. */
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "checkpoint/audit.h"
#include "checkpoint/listing.h"

#include <inttypes.h>
#include <stdlib.h>

const char *scenario_name(enum scenario_kind k)
{
	static const char *const names[] = {"words", "union", "words at the end", "keys",
					    "words in one file", "map"};
	return names[k];
}

#define KEYS_ROWS 6000
#define KEYS 3500 /* of so many rows; of fewer, in proportion */

/* Short words, some of them long enough to stand outside a view, in any case. */
static void put_word(struct rng *r, char **at)
{
	static const char *const words[] = {"a",    "The",  "of",      "Licence",    "warranty", "and",
					    "SHALL", "copy", "program", "distributed", "to",       "in",
					    "an-extraordinarily-long-word", "Source", "you", "without"};
	const char *w = words[rng_below(r, rng_below(r, 3) ? 5 : 16)];
	*at += sprintf(*at, "%s", w);
}

static char *make_text(struct rng *r, uint32_t lines)
{
	char *text = malloc(lines * 256 + 1), *at = text;
	*at = '\0';
	for (uint32_t i = 0; i < lines; i++) {
		uint64_t n = rng_below(r, 7);
		for (uint64_t k = 0; k < n; k++) {
			put_word(r, &at);
			at += sprintf(at, "%s", k + 1 < n ? rng_below(r, 8) ? " " : " \t " : "");
		}
		bool last = i + 1 == lines && rng_below(r, 2); /* maybe without a final line feed */
		at += sprintf(at, "%s", last ? "" : rng_below(r, 8) ? "\n" : "\r\n");
	}
	*at = '\0';
	return text;
}

static char *make_list(struct rng *r, uint32_t lines)
{
	char *text = malloc(lines * 40 + 1), *at = text;
	for (uint32_t i = 0; i < lines; i++) {
		put_word(r, &at);
		*at++ = '\n';
	}
	*at = '\0';
	return text;
}

/* Not all: it costs a checkpoint some operations, and each is a place to crash. */
static bool scenario_audits(const struct scenario *s)
{
	return s->kind == SCENARIO_UNION || s->kind == SCENARIO_WORDS_END;
}

static void on_fault(void *arg, const char *text)
{
	world_fail(arg, "audit: %s", text);
}

/* What stands on disk proves what became of every record, whatever crash came before. */
static void check_audit(struct world *w)
{
	struct slot_entries l = {0};
	struct audit_report r = {.fault = on_fault, .arg = w};
	struct err e = {0};
	if (slots_read_all(slots_in(w->fs, w->dir), &w->mem, &l, &e) != OK)
		world_fail(w, "audit: %s", e.text);
	for (size_t i = 0; i < l.n; i++) {
		const struct slot_entry *x = &l.entry[i];
		if (x->rc != OK || !x->live || x->m.slot_kind != SLOT_CHECKPOINT)
			continue;
		if (audit_check(w->fs, &w->mem, w->dir, &x->m, &r, &e) != OK)
			world_fail(w, "audit: %s", e.text);
		break;
	}
	slot_entries_close(&l);
}

static void make_job(struct scenario *s, uint32_t rate)
{
	const char *words =
		s->kind == SCENARIO_MAP
			? "{\"id\":\"words\",\"type\":\"map\",\"set\":{\"word\":\"lower(line)\"},"
			  "\"drop\":[\"line\"]},"
			: "{\"id\":\"words\",\"type\":\"flat_map\",\"expr\":\"split(lower(line))\","
			  "\"as\":\"word\"},";
	const char *tail =
		"{\"id\":\"count\",\"type\":\"keyed_sum\",\"key\":\"word\",\"value\":\"1\",\"as\":\"n\","
		"\"emit\":\"%s\"},"
		"{\"id\":\"out\",\"type\":\"file_sink\",%s,\"format\":\"csv\"}]}";
	const char *sink = s->kind == SCENARIO_ONE_FILE
				   ? "\"path\":\"out/all.csv\",\"files\":\"single\",\"parallelism\":1"
				   : "\"path\":\"out\"";
	const char *from = s->kind == SCENARIO_KEYS ? "rows" : "words";
	const char *audit = scenario_audits(s) ? "true" : "false";
	char *at = s->job;
	/* On every cut of every schedule (inv 4): what does not hold fails the job. */
	at += sprintf(at,
		      "{\"name\":\"sim\",\"checkpoint\":{\"interval\":\"10ms\",\"retain\":2,"
		      "\"audit\":%s,\"on_violation\":\"job\",\"invariants\":["
		      "\"sum(count.n) = records_out(%s)\",\"records_in(count) = sum(count.n)\","
		      "\"count(count) <= sum(count.n)\",\"records_out(count) <= records_in(out)\"]},"
		      "\"pipeline\":[", audit, from);
	if (s->kind == SCENARIO_KEYS) {
		at += sprintf(at,
			      "{\"id\":\"rows\",\"type\":\"generator_source\",\"rows\":%u,\"rate\":%u,"
			      "\"fields\":{\"word\":\"splitmix64(i, %u)\"}},",
			      s->rows, 50 * rate, s->keys);
		words = "";
	} else if (s->kind == SCENARIO_UNION)
		at += sprintf(at,
			      "{\"id\":\"fast\",\"type\":\"file_source\",\"path\":\"in/fast\",\"rate\":%u},"
			      "{\"id\":\"slow\",\"type\":\"file_source\",\"path\":\"in/slow\",\"rate\":%u},"
			      "{\"id\":\"both\",\"type\":\"union\",\"inputs\":[\"fast\",\"slow\"]},",
			      4 * rate, rate);
	else
		at += sprintf(at,
			      "{\"id\":\"lines\",\"type\":\"file_source\",\"path\":\"in\",\"rate\":%u},",
			      rate);
	at += sprintf(at, "%s", words);
	at += sprintf(at, tail, s->kind == SCENARIO_WORDS_END ? "end" : "update", sink);
	CHECK(at < s->job + sizeof s->job);
}

static void keys_oracle(struct counts *r, uint32_t rows, uint32_t keys)
{
	uint32_t *n = calloc(keys, sizeof *n);
	char key[16];
	for (uint64_t i = 0; i < rows; i++)
		n[splitmix64(i) % keys]++;
	for (uint32_t k = 0; k < keys; k++)
		if (n[k])
			counts_add(r, key, (size_t)sprintf(key, "%u", k), n[k]);
	counts_sort(r);
	free(n);
}

void scenario_open(struct scenario *s, enum scenario_kind k, struct rng *r,
		   struct scenario_size size)
{
	static const char *const plain[] = {"in/a.txt", "in/b.txt", "in/c.txt", "in/d.txt"};
	static const char *const two[] = {"in/fast/a.txt", "in/slow/a.txt", "in/fast/b.txt",
					  "in/slow/b.txt"};
	*s = (struct scenario){.kind = k};
	if (k == SCENARIO_KEYS) {
		s->rows = size.rows ? size.rows : KEYS_ROWS;
		s->keys = (uint32_t)((uint64_t)s->rows * KEYS / KEYS_ROWS);
		keys_oracle(&s->oracle, s->rows, s->keys);
		make_job(s, size.lines_a_second);
		return;
	}
	s->n_files = k == SCENARIO_UNION ? size.in_two ? 2 : 2 + (uint32_t)rng_below(r, 3)
					 : 1 + (uint32_t)rng_below(r, SCENARIO_FILES);
	size_t len = 0;
	for (uint32_t i = 0; i < s->n_files; i++) {
		snprintf(s->file[i].path, sizeof s->file[i].path, "%s",
			 k == SCENARIO_UNION ? two[i] : plain[i]);
		uint32_t lines = !size.in_two ? size.lines / s->n_files
				 : i          ? size.slow_lines
					      : size.lines;
		s->file[i].text = (k == SCENARIO_MAP ? make_list : make_text)(r, lines);
		len += strlen(s->file[i].text) + 1;
	}
	char *all = malloc(len + 1), *at = all;
	for (uint32_t i = 0; i < s->n_files; i++)
		at += sprintf(at, "%s\n", s->file[i].text);
	counts_of_words(&s->oracle, all);
	free(all);
	make_job(s, size.lines_a_second);
}

void scenario_checkpoint(struct scenario *s, const char *keys)
{
	char *at = strstr(s->job, "\"retain\"");
	size_t len = strlen(keys);
	CHECK(at && strlen(s->job) + len + 2 < sizeof s->job);
	memmove(at + len + 1, at, strlen(at) + 1);
	memcpy(at, keys, len);
	at[len] = ',';
}

void scenario_replace(struct scenario *s, const char *from, const char *to)
{
	char *at = strstr(s->job, from);
	size_t len = strlen(from), other = strlen(to);
	CHECK(at && strlen(s->job) + other < sizeof s->job + len);
	memmove(at + other, at + len, strlen(at + len) + 1);
	memcpy(at, to, other);
}

void scenario_at_least_once(struct scenario *s)
{
	char *at = strstr(s->job, ",\"audit\""), *to = strstr(s->job, "]}");
	CHECK(at && to);
	memmove(at, to + 1, strlen(to + 1) + 1);
	scenario_checkpoint(s, "\"mode\":\"at_least_once\"");
}

void scenario_close(struct scenario *s)
{
	for (uint32_t i = 0; i < s->n_files; i++)
		free(s->file[i].text);
	counts_close(&s->oracle);
}

void scenario_files(const struct scenario *s, struct world *w)
{
	for (uint32_t i = 0; i < s->n_files; i++)
		world_file(w, s->file[i].path, s->file[i].text);
}

void scenario_check_now(const struct scenario *s, struct world *w)
{
	check_counts(w, "count");
	/* A power cut may leave half of what is being appended: settled before anything follows. */
	if (s->kind != SCENARIO_WORDS_END && s->kind != SCENARIO_ONE_FILE)
		check_chains(w, &s->oracle);
}

void scenario_check_end(const struct scenario *s, struct world *w)
{
	scenario_check_end_counted(s, w, check_counts(w, "count"));
}

void scenario_check_end_counted(const struct scenario *s, struct world *w, uint64_t counted)
{
	uint64_t all = 0;
	if (strstr(s->job, "\"audit\":true"))
		check_audit(w);
	for (size_t i = 0; i < s->oracle.n; i++)
		all += (uint64_t)s->oracle.v[i].n;
	if (counted != all) /* over all attempts, whatever was read again after a crash */
		world_fail(w, "%" PRIu64 " of %" PRIu64 " records are counted", counted, all);
	if (s->kind == SCENARIO_WORDS_END)
		check_exact(w, &s->oracle);
	else
		check_updates(w, &s->oracle);
}
