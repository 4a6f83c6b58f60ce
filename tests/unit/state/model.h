/* model.h - the oracle of the state tests: a plain array of keys by number, and a lane that packs
 * chunks into runs as the I/O queue would. Knows nothing of hashes, tables or lists. */
#pragma once
#include "base/check.h"
#include "base/rng.h"
#include "state/lazy.h"
#include "state/merge.h"
#include "tests/lib/test.h"

#include <stdlib.h>

#define MODEL_BATCH 512u

enum model_hash { MODEL_FROZEN, MODEL_FEW, MODEL_ONE, MODEL_TOP };

/* Few values, one value, or some at the very end of the range: forced collisions, long clusters. */
static uint64_t model_hash_few(const void *key, size_t len)
{
	return (hash_bytes(key, len) % 7) * 0x2492492492492492u;
}
static uint64_t model_hash_one(const void *key, size_t len)
{
	(void)key;
	(void)len;
	return 0x7123456789ABCDEFu;
}
static uint64_t model_hash_top(const void *key, size_t len)
{
	return UINT64_MAX - hash_bytes(key, len) % 40;
}

struct model_entry {
	bool present;
	uint64_t value[2];
	uint64_t touched; /* number of freezes before its last change, + 1; 0: never */
};

/* The state as it should be. */
struct model {
	struct keyed_shape shape;
	uint32_t keys;         /* numbers 0 .. keys-1 */
	uint32_t key_len_max;
	struct model_entry *entry;
	uint8_t *text;         /* keys * key_len_max */
	uint32_t *len;
	uint64_t *hash;
	uint64_t *fix8;
	struct key_view *view;
	const uint8_t *bases[1];
};

static inline struct keyed_shape model_shape(enum key_form form, uint32_t value_bytes,
					     enum model_hash hash)
{
	uint64_t (*const hashes[])(const void *, size_t) = {NULL, model_hash_few, model_hash_one,
							    model_hash_top};
	return (struct keyed_shape){form, value_bytes, .hash = hashes[hash]};
}

/* Keys of all lengths, the empty one and both sides of 12 bytes included, all different. */
static inline void model_open(struct model *m, struct keyed_shape shape, uint32_t keys,
			      uint32_t key_len_max, struct rng *r)
{
	memset(m, 0, sizeof *m);
	m->shape = shape;
	m->keys = keys;
	m->key_len_max = key_len_max < 16 ? 16 : key_len_max;
	m->entry = calloc(keys, sizeof *m->entry);
	m->text = calloc(keys, m->key_len_max);
	m->len = calloc(keys, sizeof *m->len);
	m->hash = calloc(keys, sizeof *m->hash);
	m->fix8 = calloc(keys, sizeof *m->fix8);
	m->view = calloc(keys, sizeof *m->view);
	m->bases[0] = m->text;
	for (uint32_t i = 0; i < keys; i++) {
		uint8_t *t = m->text + (size_t)i * m->key_len_max;
		if (shape.form == KEY_FIX8) {
			m->fix8[i] = i < 4 ? (uint64_t)i - 2 : rng_next(r) << 20 | i;
			m->len[i] = 8;
			memcpy(t, &m->fix8[i], 8);
		} else {
			uint32_t kind = (uint32_t)rng_below(r, 8);
			uint32_t len = kind < 4   ? 4 + (uint32_t)rng_below(r, 9)
				       : kind < 7 ? 13 + (uint32_t)rng_below(r, 4)
						  : 4 + (uint32_t)rng_below(r, m->key_len_max - 3);
			for (uint32_t b = 4; b < len; b++) /* many share a prefix */
				t[b] = (uint8_t)('a' + rng_below(r, 3));
			memcpy(t, &i, 4);
			if (i == 0)
				len = 0;
			memset(t + len, 0, m->key_len_max - len);
			m->len[i] = len;
			m->view[i].len = len;
			if (len <= 12) {
				memcpy(m->view[i].inl, t, 12);
			} else {
				memcpy(m->view[i].ref.prefix, t, 4);
				m->view[i].ref.off = (uint32_t)(t - m->text);
			}
		}
		m->hash[i] = shape_hash(&shape, t, m->len[i]);
	}
}

static inline void model_close(struct model *m)
{
	free(m->entry);
	free(m->text);
	free(m->len);
	free(m->hash);
	free(m->fix8);
	free(m->view);
	memset(m, 0, sizeof *m);
}

static inline struct key_rows model_rows(const struct model *m, const uint16_t *sel, uint32_t n)
{
	return (struct key_rows){n, sel, m->hash, m->fix8, m->view, m->bases};
}

/* Whether k holds exactly the entries of hashes [lo, hi]. */
static inline const char *model_differs(const struct model *m, const struct model_entry *entry,
					const struct keyed *k, uint64_t lo, uint64_t hi)
{
	const void *value[MODEL_BATCH];
	uint16_t sel[MODEL_BATCH];
	uint64_t present = 0;
	for (uint32_t i = 0; i < m->keys;) {
		uint32_t n = 0;
		for (; i < m->keys && n < MODEL_BATCH; i++)
			if (m->hash[i] >= lo && m->hash[i] <= hi)
				sel[n++] = (uint16_t)i;
		struct key_rows rows = model_rows(m, sel, n);
		keyed_find(k, &rows, value);
		for (uint32_t j = 0; j < n; j++) {
			const struct model_entry *x = &entry[sel[j]];
			present += x->present;
			if (x->present != (value[j] != NULL))
				return x->present ? "a key is lost" : "a key is too many";
			if (x->present && memcmp(x->value, value[j], m->shape.value_bytes) != 0)
				return "a value is wrong";
		}
	}
	return present == keyed_count(k) ? NULL : "the number of keys is wrong";
}

/* --- a lane: chunks in, runs of blocks out --- */

struct model_block {
	uint8_t *bytes;
	size_t len;
	uint64_t first_hash, last_hash;
};

struct model_run {
	struct model_block *block;
	uint32_t blocks;
	uint64_t rows;
};

struct model_lane {
	struct run_scratch scratch;
	struct run_writer *ordered, *saved;
	struct model_run *run;
	uint32_t runs;
	int open; /* the index of the ordered run, or -1 */
	uint64_t rows;
};

static inline void model_runs_free(struct model_run *run, uint32_t runs)
{
	for (uint32_t i = 0; i < runs; i++) {
		for (uint32_t b = 0; b < run[i].blocks; b++)
			free(run[i].block[b].bytes);
		free(run[i].block);
	}
	free(run);
}

static inline RC model_lane_open(struct model_lane *l, const struct keyed_shape *shape,
				 struct mem *mem, struct err *e)
{
	memset(l, 0, sizeof *l);
	l->open = -1;
	if (run_scratch_open(&l->scratch, shape, mem, e) != OK ||
	    run_writer_open(&l->ordered, shape, mem, e) != OK ||
	    run_writer_open(&l->saved, shape, mem, e) != OK)
		return E_NO_MEMORY;
	return OK;
}

static inline void model_lane_close(struct model_lane *l)
{
	run_scratch_close(&l->scratch);
	run_writer_close(l->ordered);
	run_writer_close(l->saved);
	model_runs_free(l->run, l->runs);
	memset(l, 0, sizeof *l);
}

static inline int model_lane_run(struct model_lane *l)
{
	l->run = realloc(l->run, (l->runs + 1) * sizeof *l->run);
	memset(&l->run[l->runs], 0, sizeof *l->run);
	return (int)l->runs++;
}

static inline void model_lane_block(struct model_lane *l, int run, const struct run_out *out)
{
	struct model_run *r = &l->run[run];
	r->block = realloc(r->block, (r->blocks + 1) * sizeof *r->block);
	struct model_block *b = &r->block[r->blocks++];
	b->bytes = malloc(out->len); /* exact, so that reading beyond is seen */
	memcpy(b->bytes, out->bytes, out->len);
	b->len = out->len;
	b->first_hash = out->first_hash;
	b->last_hash = out->last_hash;
	r->rows += out->rows;
	l->rows += out->rows;
}

/* Takes the list and puts it back. */
static inline void model_lane_pack(struct model_lane *l, struct chunk *list)
{
	struct run_out out;
	bool ordered = list->stream == CHUNK_ORDERED;
	struct run_writer *w = ordered ? l->ordered : l->saved;
	int run = ordered ? l->open : -1;
	for (struct chunk *c = list; c; c = c->next)
		if (list->next)
			run_sort(&l->scratch, c);
		else
			run_order(&l->scratch, c);
	run_feed(w, list);
	if (run < 0)
		run = model_lane_run(l);
	for (;;) {
		enum run_did did = run_step(w, &out);
		if (did == RUN_NEED)
			break;
		if (out.rows)
			model_lane_block(l, run, &out);
		CHECK(did != RUN_BREAK); /* the ordered stream is one run, a saved list too */
	}
	if (ordered)
		l->open = run;
	else if (run_finish(w, &out) == RUN_BLOCK)
		model_lane_block(l, run, &out);
	chunk_put_list(list);
}

static inline void model_lane_finish(struct model_lane *l)
{
	struct run_out out;
	if (l->open >= 0 && run_finish(l->ordered, &out) == RUN_BLOCK)
		model_lane_block(l, l->open, &out);
	l->open = -1;
}

/* Throws away what was packed of an aborted freeze. */
static inline void model_lane_drop(struct model_lane *l)
{
	model_lane_finish(l);
	model_runs_free(l->run, l->runs);
	l->run = NULL;
	l->runs = 0;
	l->rows = 0;
}

/* Merges runs, bottom first, restricted to [lo, hi], into k (lazily if it was begun so), or into a
 * stretch of it. */
static inline RC model_restore_range(struct keyed *k, struct keyed_fill *fill,
				     const struct keyed_shape *shape,
				     const struct model_run *const *run, uint32_t n, uint64_t lo,
				     uint64_t hi, struct mem *mem, struct err *e)
{
	struct merge_input *in = calloc(n + 1, sizeof *in);
	uint32_t *next = calloc(n + 1, sizeof *next);
	struct merge *m;
	struct merge_span span;
	for (uint32_t i = 0; i < n; i++)
		in[i] = (struct merge_input){lo, hi};
	enum rc rc = merge_open(&m, shape, in, n, true, mem, e);
	while (rc == OK) {
		enum merge_did did = merge_rows(m, &span, e);
		if (did == MERGE_END)
			break;
		if (did == MERGE_FAULT) {
			rc = e->code;
			break;
		}
		if (did == MERGE_ROWS) {
			rc = fill                ? keyed_fill_rows(fill, span.block, span.from, span.to, e)
			     : keyed_is_whole(k) ? keyed_restore_rows(k, span.block, span.from, span.to, e)
						 : keyed_load_rows(k, span.block, span.from, span.to, e);
			continue;
		}
		const struct model_run *r = run[span.input];
		if (next[span.input] == r->blocks) {
			merge_feed_end(m, span.input);
		} else {
			const struct model_block *b = &r->block[next[span.input]++];
			rc = merge_feed(m, span.input, b->bytes, b->len, e);
		}
	}
	merge_close(m);
	free(in);
	free(next);
	return rc;
}

/* One stretch of a lazy restore. */
static inline RC model_load(struct keyed *k, const struct keyed_shape *shape,
			    const struct model_run *const *run, uint32_t n, uint32_t stretch,
			    struct mem *mem, struct err *e)
{
	struct key_stretches s = keyed_stretches(k);
	uint64_t lo, hi;
	key_stretch_hashes(&s, stretch, &lo, &hi);
	enum rc rc = model_restore_range(k, NULL, shape, run, n, lo, hi, mem, e);
	if (rc == OK)
		keyed_loaded(k, stretch);
	return rc;
}

/* All stretches, the odd ones first: each finds what ran over from its neighbours. */
static inline RC model_restore_lazily(struct keyed *k, const struct keyed_shape *shape,
				      const struct model_run *const *run, uint32_t n,
				      uint64_t expected, uint64_t id, struct mem *mem, struct err *e)
{
	enum rc rc = keyed_lazy_begin(k, expected, id, 1 + (uint32_t)expected % 6, e);
	uint32_t stretches = rc == OK ? keyed_stretches(k).n : 0;
	for (uint32_t odd = 2; rc == OK && odd-- > 0;)
		for (uint32_t i = odd; rc == OK && i < stretches; i += 2)
			rc = model_load(k, shape, run, n, i, mem, e);
	CHECK(rc != OK || keyed_is_whole(k));
	return rc;
}

/* Restores runs, bottom first, restricted to [lo, hi], into k: as a whole, or, where its size is
 * given, in 1 to 4 stretches, or lazily. */
static inline RC model_restore(struct keyed *k, const struct keyed_shape *shape,
			       const struct model_run *const *run, uint32_t n, uint64_t lo,
			       uint64_t hi, uint64_t expected, uint64_t id, struct mem *mem,
			       struct err *e)
{
	struct keyed_fill f[4];
	uint32_t parts = shape->form == KEY_FIX8 ? (uint32_t)expected % 5 : 0;
	if (expected % 3 == 2)
		return model_restore_lazily(k, shape, run, n, expected, id, mem, e);
	enum rc rc = keyed_restore_begin(k, expected, e);
	if (rc == OK && !parts)
		rc = model_restore_range(k, NULL, shape, run, n, lo, hi, mem, e);
	for (uint32_t i = 0; rc == OK && i < parts; i++)
		keyed_fill_begin(k, i, parts, &f[i]);
	for (uint32_t i = 0; rc == OK && i < parts; i++) {
		uint64_t from = f[i].lo > lo ? f[i].lo : lo, to = f[i].hi < hi ? f[i].hi : hi;
		CHECK(i == 0 || f[i].lo > f[i].hi || f[i].lo == f[i - 1].hi + 1);
		rc = model_restore_range(k, &f[i], shape, run, n, from, to, mem, e);
		if (rc != OK)
			for (uint32_t j = 0; j < parts; j++)
				bytes_close(&f[j].late);
	}
	if (rc == OK && parts)
		rc = keyed_fill_end(f, parts, e);
	if (rc == OK)
		keyed_restore_end(k, id);
	return rc;
}
