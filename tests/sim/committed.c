/* committed.c - see committed.h. */
#include "tests/sim/committed.h"

#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/retention.h"
#include "checkpoint/slots.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

/* ---- rows ---- */

void counts_close(struct counts *r)
{
	free(r->v);
	*r = (struct counts){0};
}

void counts_add(struct counts *r, const char *key, size_t len, int64_t n)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 256;
		r->v = realloc(r->v, r->cap * sizeof *r->v);
	}
	struct row *x = &r->v[r->n++];
	CHECK(len < sizeof x->key);
	memset(x, 0, sizeof *x);
	memcpy(x->key, key, len);
	x->n = n;
}

static int row_compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = strcmp(x->key, y->key);
	return c ? c : (x->n > y->n) - (x->n < y->n);
}

void counts_sort(struct counts *r)
{
	if (r->n)
		qsort(r->v, r->n, sizeof *r->v, row_compare);
}

void counts_of_words(struct counts *r, const char *text)
{
	while (*text) {
		char word[32];
		size_t len = 0;
		while (*text && isspace((unsigned char)*text))
			text++;
		while (*text && !isspace((unsigned char)*text))
			word[len++] = (char)tolower((unsigned char)*text++);
		if (!len)
			break;
		size_t i = 0;
		while (i < r->n && (strlen(r->v[i].key) != len || memcmp(r->v[i].key, word, len)))
			i++;
		if (i == r->n)
			counts_add(r, word, len, 0);
		r->v[i].n++;
	}
	counts_sort(r);
}

/* ---- committed files ---- */

static bool is_committed_name(const char *name)
{
	size_t len = strlen(name);
	return (!strncmp(name, "part-", 5) || !strcmp(name, "all.csv")) && len > 4 &&
	       !strcmp(name + len - 4, ".csv");
}

static void list_out(struct world *w, struct fs_names *names)
{
	struct err e = {0};
	enum rc rc = fs_list(w->fs, w->out, names, &e);
	if (rc == E_NOT_FOUND) {
		*names = (struct fs_names){0};
		return;
	}
	if (rc != OK)
		world_fail(w, "%s", e.text);
}

static char *read_out(struct world *w, const char *name, size_t *len)
{
	char path[512];
	uint8_t *data;
	struct err e = {0};
	snprintf(path, sizeof path, "%s/%s", w->out, name);
	if (fs_read_all(w->fs, path, 1u << 24, &data, len, &e) != OK)
		world_fail(w, "%s", e.text);
	return (char *)data;
}

static void counts_of_file(struct counts *r, struct world *w, const char *name)
{
	size_t len;
	char *text = read_out(w, name, &len), *at = strchr(text, '\n');
	if (!at || strncmp(text, "word,n\n", 7))
		world_fail(w, "'%s' has no header: \"%.20s\"", name, text);
	for (at++; *at;) {
		char *comma = strchr(at, ','), *end;
		if (!comma || (end = strchr(comma, '\n')) == NULL)
			world_fail(w, "'%s' is torn: \"%.40s\"", name, at);
		counts_add(r, at, (size_t)(comma - at), strtoll(comma + 1, NULL, 10));
		at = end + 1;
	}
	if (at != text + len)
		world_fail(w, "'%s' holds a zero byte", name);
	mem_put(&w->mem, text);
}

void counts_committed(struct counts *r, struct world *w)
{
	struct fs_names names;
	list_out(w, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (is_committed_name(names.name[i]))
			counts_of_file(r, w, names.name[i]);
		else if (strcmp(names.name[i], ".weir-pending") && strcmp(names.name[i], ".superseded"))
			world_fail(w, "what is '%s'?", names.name[i]);
	}
	fs_names_close(&names);
	counts_sort(r);
}

void seen_look(struct seen_files *s, struct world *w)
{
	struct fs_names names;
	size_t found = 0, before = s->n;
	list_out(w, &names);
	for (size_t i = 0; i < names.n; i++) {
		if (!is_committed_name(names.name[i]))
			continue;
		size_t len, k = 0;
		char *text = read_out(w, names.name[i], &len);
		uint64_t hash = hash_bytes(text, len);
		mem_put(&w->mem, text);
		while (k < before && strcmp(s->file[k].name, names.name[i]))
			k++;
		if (k < before) {
			found++;
			if (s->file[k].hash != hash)
				world_fail(w, "committed file '%s' has changed", names.name[i]);
			continue;
		}
		CHECK(s->n < ARRAY_LEN(s->file));
		snprintf(s->file[s->n].name, sizeof s->file[0].name, "%s", names.name[i]);
		s->file[s->n++].hash = hash;
	}
	fs_names_close(&names);
	if (found != before)
		world_fail(w, "%zu committed files are gone", before - found);
}

/* ---- against the oracle ---- */

static const struct row *find(const struct counts *r, const char *key)
{
	size_t lo = 0, hi = r->n; /* sorted */
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = strcmp(r->v[mid].key, key);
		if (!c)
			return &r->v[mid];
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* How many keys have all their links. */
static size_t chains(struct world *w, const struct counts *oracle)
{
	struct counts got = {0};
	size_t whole = 0;
	counts_committed(&got, w);
	for (size_t i = 0; i < got.n;) {
		const struct row *want = find(oracle, got.v[i].key);
		if (!want)
			world_fail(w, "'%s' is no word of the input", got.v[i].key);
		size_t first = i;
		int64_t link = 1;
		for (; i < got.n && !strcmp(got.v[i].key, got.v[first].key); i++, link++)
			if (got.v[i].n != link)
				world_fail(w, "'%s': after %" PRId64 " comes %" PRId64 " (of %" PRId64 ")",
					   got.v[i].key, link - 1, got.v[i].n, want->n);
		if (link - 1 > want->n)
			world_fail(w, "'%s' was counted %" PRId64 " times, not %" PRId64, want->key,
				   link - 1, want->n);
		whole += link - 1 == want->n;
	}
	counts_close(&got);
	return whole;
}

void check_chains(struct world *w, const struct counts *oracle)
{
	chains(w, oracle);
}

void check_updates(struct world *w, const struct counts *oracle)
{
	size_t whole = chains(w, oracle);
	if (whole != oracle->n)
		world_fail(w, "%zu of %zu words are counted to the end", whole, oracle->n);
}

int64_t check_at_least(struct world *w, const struct counts *oracle)
{
	struct counts out = {0};
	int64_t more = 0;
	counts_committed(&out, w);
	for (size_t i = 0, k = 0; i < oracle->n; i++) {
		while (k < out.n && strcmp(out.v[k].key, oracle->v[i].key) < 0)
			k++;
		int64_t most = 0;
		for (; k < out.n && !strcmp(out.v[k].key, oracle->v[i].key); k++)
			most = out.v[k].n > most ? out.v[k].n : most;
		if (most < oracle->v[i].n)
			world_fail(w, "'%s' is counted %" PRId64 " times and stands there %" PRId64 " times",
				   oracle->v[i].key, most, oracle->v[i].n);
		more += most - oracle->v[i].n;
	}
	counts_close(&out);
	return more;
}

uint64_t count_rows(struct world *w)
{
	struct counts got = {0};
	counts_committed(&got, w);
	uint64_t n = got.n;
	counts_close(&got);
	return n;
}

void check_exact(struct world *w, const struct counts *oracle)
{
	struct counts got = {0};
	counts_committed(&got, w);
	for (size_t i = 0; i < got.n && i < oracle->n; i++)
		if (row_compare(&got.v[i], &oracle->v[i]))
			world_fail(w, "row %zu is '%s' %" PRId64 ", not '%s' %" PRId64, i, got.v[i].key,
				   got.v[i].n, oracle->v[i].key, oracle->v[i].n);
	if (got.n != oracle->n)
		world_fail(w, "%zu rows, not %zu", got.n, oracle->n);
	counts_close(&got);
}

/* ---- counts ---- */

static uint64_t received_by(const struct manifest *m, const char *stage)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < m->n_edges; i++)
		n += strcmp(m->edge[i].to, stage) ? 0 : m->edge[i].received.n;
	return n;
}

/* No job here broadcasts, and nobody leaves a record out. */
static void check_cut(struct world *w, const struct manifest *m)
{
	/* Which does not hold what comes during an alignment: that is received, and sent again. */
	bool exact = !strstr(w->job_text, "at_least_once");
	for (uint32_t i = 0; i < m->n_edges; i++) {
		const struct manifest_edge *g = &m->edge[i];
		const struct manifest_op *from = manifest_find_op(m, g->from);
		if ((exact ? g->sent.n != g->received.n || g->sent.hash != g->received.hash
			   : g->sent.n > g->received.n) ||
		    g->sent.n != from->out)
			world_fail(w, "checkpoint %" PRIu64 ", %s to %s: %" PRIu64 " records out, %" PRIu64
				   " sent, %" PRIu64 " received", m->id, g->from, g->to, from->out,
				   g->sent.n, g->received.n);
	}
	for (uint32_t i = 0; i < m->n_ops; i++) {
		WORLD_CHECK(w, m->op[i].counted && !m->op[i].skipped);
		WORLD_CHECK(w, m->op[i].in == received_by(m, m->op[i].id));
	}
}

static const struct manifest_edge *same_edge(const struct manifest *m,
					     const struct manifest_edge *g)
{
	for (uint32_t i = 0; i < m->n_edges; i++)
		if (!strcmp(m->edge[i].from, g->from) && !strcmp(m->edge[i].to, g->to))
			return &m->edge[i];
	return NULL;
}

void check_manifest(struct world *w, const struct manifest *m, const struct manifest *parent)
{
	check_cut(w, m);
	for (uint32_t i = 0; parent && i < m->n_edges; i++) {
		const struct manifest_edge *g = &m->edge[i], *before = same_edge(parent, g);
		WORLD_CHECK(w, before);
		if (g->sent.n < before->sent.n || g->received.n < before->received.n)
			world_fail(w, "checkpoint %" PRIu64 ", %s to %s: %" PRIu64 " sent, %" PRIu64
				   " received, after %" PRIu64 " and %" PRIu64, m->id, g->from, g->to,
				   g->sent.n, g->received.n, before->sent.n, before->received.n);
	}
}

/* Reads it if it is a whole checkpoint. */
static bool read_checkpoint(struct world *w, uint64_t slot, struct manifest *m)
{
	struct err unread = {0};
	if (!slot || slots_read(slots_in(w->fs, w->dir), &w->mem, slot, m, &unread) != OK)
		return false;
	if (m->slot_kind == SLOT_CHECKPOINT)
		return true;
	manifest_close(m);
	return false;
}

uint64_t check_counts(struct world *w, const char *stage)
{
	struct fs_names names;
	char path[256];
	uint64_t newest = 0;
	snprintf(path, sizeof path, "%s/manifest", w->dir);
	if (fs_list(w->fs, path, &names, NULL) != OK)
		return 0;
	for (size_t i = 0; i < names.n; i++) { /* ascending */
		uint64_t slot = 0;
		struct manifest m, parent;
		if (!layout_slot_parse(names.name[i], &slot) || !read_checkpoint(w, slot, &m))
			continue;
		bool has_parent = read_checkpoint(w, m.parent, &parent);
		check_manifest(w, &m, has_parent ? &parent : NULL);
		if (has_parent)
			manifest_close(&parent);
		newest = received_by(&m, stage);
		manifest_close(&m);
	}
	fs_names_close(&names);
	return newest;
}

/* ---- the directory ---- */

void check_named(struct world *w)
{
	struct fs_names names;
	char path[512];
	snprintf(path, sizeof path, "%s/manifest", w->dir);
	if (fs_list(w->fs, path, &names, NULL) != OK)
		return;
	for (size_t i = 0; i < names.n; i++) {
		uint64_t slot = 0;
		struct manifest m;
		if (!layout_slot_parse(names.name[i], &slot) || !read_checkpoint(w, slot, &m))
			continue;
		for (uint32_t k = 0; k < m.n_files; k++) {
			snprintf(path, sizeof path, "%s/parts/%s", w->dir, m.file[k].name);
			if (fs_stat(w->fs, path, &(struct fs_stat){0}, NULL) != OK)
				world_fail(w, "checkpoint %" PRIu64 " stands, and its parts/%s is gone", m.id,
					   m.file[k].name);
		}
		manifest_close(&m);
	}
	fs_names_close(&names);
}

static void on_fault(void *arg, const char *text)
{
	world_fail(arg, "%s", text);
}

void world_directory(struct world *w, struct directory *d)
{
	directory_open(d, w->disk, w->dir, w->out, w->job_text, on_fault, w);
}

void check_directory(struct world *w)
{
	struct directory d;
	world_directory(w, &d);
	directory_look(&d);
	directory_tidy(&d);
	for (uint32_t i = 0; i < d.n; i++)
		for (uint32_t f = 0; f < d.m[i].files; f++)
			w->merges += strstr(d.m[i].file[f].name, "-m") != NULL;
	directory_close(&d);
}
