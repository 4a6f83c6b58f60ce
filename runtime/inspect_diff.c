/* inspect_diff.c - what became of a state's keys from one checkpoint to another.
 * Why not two scans side by side: checkpoints share their runs. Over a strip of hashes, a and b
 * have the same lowest runs; only keys in the runs above can differ, and these are few:
 *
 *   runs of a    [ shared ... ][ a's own ]  ─┐ merged: the keys that may differ, in order;
 *   runs of b    [ shared ... ][ b's own ]  ─┘ each is then looked up in both
 *
 * Of the shared runs only those blocks are read that a key asks for. Constant memory: a block a
 * run. See inspect.h. */
#include "runtime/inspect.h"

#include "runtime/run_look.h"
#include "runtime/runs_in.h"

struct side {
	struct inspect *i;
	struct inspect_state s;
	const struct manifest_run *run[MERGE_INPUTS]; /* of the strip, bottom first */
	uint32_t n;
	struct run_look own[MERGE_INPUTS]; /* of run[i], opened; `shared` of them are a's for both */
	struct run_look *look[MERGE_INPUTS];
};

struct diff {
	struct mem *mem;
	struct side a, b;
	uint32_t shared;
	struct runs_in own; /* those of a and b that are not shared */
	bool (*on)(void *arg, enum diff_kind k, const struct inspect_row *was,
		   const struct inspect_row *is);
	void *arg;
	bool more;
};

static bool same_run(const struct side *a, const struct manifest_run *x, const struct side *b,
		     const struct manifest_run *y)
{
	bool a_inline = x->ref.file == SECTION_INLINE, b_inline = y->ref.file == SECTION_INLINE;
	if (a_inline || b_inline)
		return a_inline && b_inline && x->ref.bytes == y->ref.bytes &&
		       !memcmp(x->data, y->data, x->ref.bytes);
	const struct part_file *f = &inspect_manifest(a->i)->file[x->ref.file];
	const struct part_file *g = &inspect_manifest(b->i)->file[y->ref.file];
	return !strcmp(f->name, g->name) && x->ref.offset == y->ref.offset &&
	       x->ref.checksum == y->ref.checksum;
}

/* The runs that cover the strip [lo, hi], which covers them or lies within them. */
static RC runs_of(struct side *x, uint64_t lo, uint64_t hi, struct err *e)
{
	const struct manifest_keyed *k = x->s.keyed;
	x->n = 0;
	for (uint32_t r = 0; r < k->n_runs; r++) {
		if (k->run[r].hash_first > lo || k->run[r].hash_last < hi)
			continue;
		if (x->n == MERGE_INPUTS)
			return ERR(e, E_LIMIT, "a state of more than %u runs", MERGE_INPUTS);
		x->run[x->n++] = &k->run[r];
	}
	return OK;
}

static void looks_close(struct side *x)
{
	for (uint32_t r = 0; r < x->n; r++)
		run_look_close(&x->own[r]);
	memset(x->own, 0, x->n * sizeof *x->own);
}

static RC looks_open(struct side *x, uint32_t from, struct err *e)
{
	struct env *env = inspect_env(x->i);
	for (uint32_t r = from; r < x->n; r++) {
		if (run_look_open(&x->own[r], env->fs, env->mem, inspect_parts_dir(x->i),
				  inspect_manifest(x->i), x->run[r], &x->s.shape, e) != OK)
			return e->code;
		x->look[r] = &x->own[r];
	}
	return OK;
}

static RC candidates_add(struct diff *d, const struct side *x, uint64_t lo, uint64_t hi,
			 struct err *e)
{
	for (uint32_t r = d->shared; r < x->n; r++)
		if (runs_in_add(&d->own, inspect_env(x->i)->fs, inspect_parts_dir(x->i),
				inspect_manifest(x->i), x->run[r], lo, hi, e) != OK)
			return e->code;
	return OK;
}

/* One key that may have changed. */
static RC compare(struct diff *d, const struct inspect_row *key, struct err *e)
{
	const uint8_t *value;
	uint64_t was_value[2];
	struct inspect_row was = *key, is = *key;
	uint32_t bytes = d->a.s.shape.value_bytes;
	if (run_looks_find(d->a.look, d->a.n, key->hash, key->key, key->key_len, &value, e) != OK)
		return e->code;
	if (value)
		memcpy(was_value, value, bytes); /* b may look into the same block */
	was.value = value ? (const uint8_t *)was_value : NULL;
	if (run_looks_find(d->b.look, d->b.n, key->hash, key->key, key->key_len, &is.value, e) != OK)
		return e->code;
	if (was.value && is.value) {
		if (memcmp(was.value, is.value, bytes))
			d->more = d->on(d->arg, DIFF_CHANGED, &was, &is);
	} else if (is.value) {
		d->more = d->on(d->arg, DIFF_ADDED, NULL, &is);
	} else if (was.value) {
		d->more = d->on(d->arg, DIFF_REMOVED, &was, NULL);
	}
	return OK;
}

static RC candidates_walk(struct diff *d, struct merge *m, struct err *e)
{
	struct merge_span x;
	while (d->more) {
		switch (merge_rows(m, &x, e)) {
		case MERGE_WANT:
			if (runs_in_feed(&d->own, m, x.input, e) != OK)
				return e->code;
			break;
		case MERGE_ROWS:
			for (uint32_t row = x.from; row < x.to && d->more; row++) {
				struct inspect_row r = {.hash = x.block->hash[row]};
				r.key = run_key(x.block, row, &r.key_len);
				if (compare(d, &r, e) != OK)
					return e->code;
			}
			break;
		case MERGE_END:
			return OK;
		case MERGE_BLOCK:
		case MERGE_FAULT:
			return e->code;
		}
	}
	return OK;
}

static RC strip_open(struct diff *d, uint64_t lo, uint64_t hi, struct err *e)
{
	if (looks_open(&d->a, 0, e) != OK || looks_open(&d->b, d->shared, e) != OK)
		return e->code;
	for (uint32_t r = 0; r < d->shared; r++)
		d->b.look[r] = d->a.look[r];
	if (candidates_add(d, &d->a, lo, hi, e) != OK)
		return e->code;
	return candidates_add(d, &d->b, lo, hi, e);
}

static RC diff_strip(struct diff *d, uint64_t lo, uint64_t hi, struct err *e)
{
	struct merge *m = NULL;
	if (runs_of(&d->a, lo, hi, e) != OK || runs_of(&d->b, lo, hi, e) != OK)
		return e->code;
	uint32_t least = d->a.n < d->b.n ? d->a.n : d->b.n;
	for (d->shared = 0; d->shared < least; d->shared++)
		if (!same_run(&d->a, d->a.run[d->shared], &d->b, d->b.run[d->shared]))
			break;
	if (d->shared == d->a.n && d->shared == d->b.n)
		return OK;
	enum rc rc = strip_open(d, lo, hi, e);
	if (rc == OK) /* deletions too: a key that went is one that differs */
		rc = merge_open(&m, &d->a.s.shape, d->own.range, d->own.n, false, d->mem, e);
	if (rc == OK)
		rc = candidates_walk(d, m, e);
	merge_close(m);
	runs_in_close(&d->own);
	looks_close(&d->a);
	looks_close(&d->b);
	return rc;
}

static RC comparable(const struct side *a, const struct side *b, struct err *e)
{
	char was[256], is[256];
	const struct manifest_keyed *x = a->s.keyed, *y = b->s.keyed;
	const struct schema *p = schema_equal(&x->key, &y->key) ? &x->value : &x->key;
	const struct schema *q = p == &x->key ? &y->key : &y->value;
	if (!schema_equal(p, q)) {
		schema_text(p, was, sizeof was);
		schema_text(q, is, sizeof is);
		return ERR(e, E_REFUSED, "stage '%s' %s (%s) in one checkpoint and (%s) in the other",
			   a->s.op->id, p == &x->key ? "is keyed by" : "keeps", was, is);
	}
	if (x->hash_id != y->hash_id)
		return ERR(e, E_REFUSED, "stage '%s' has its keys placed by hash %u in one checkpoint and "
			   "%u in the other", a->s.op->id, x->hash_id, y->hash_id);
	return OK;
}

static RC diff_all(struct diff *d, struct err *e)
{
	for (uint64_t lo = 0;; ) {
		uint64_t hi = runs_in_strip(d->b.s.keyed, lo,
					    runs_in_strip(d->a.s.keyed, lo, UINT64_MAX));
		if (diff_strip(d, lo, hi, e) != OK)
			return e->code;
		if (hi == UINT64_MAX || !d->more)
			return OK;
		lo = hi + 1;
	}
}

RC inspect_diff(struct inspect *a, struct inspect *b, const char *stage,
		bool (*on)(void *arg, enum diff_kind k, const struct inspect_row *was,
			   const struct inspect_row *is),
		void *arg, struct err *e)
{
	struct mem *mem = inspect_env(a)->mem;
	struct err why = {OK};
	struct diff *d = mem_get(mem, sizeof *d);
	if (!d)
		return ERR(e, E_NO_MEMORY, "no memory to compare two checkpoints");
	d->mem = mem;
	d->a.i = a;
	d->b.i = b;
	d->on = on;
	d->arg = arg;
	d->more = true;
	runs_in_init(&d->own, mem);
	enum rc rc = inspect_find(a, stage, &d->a.s, &why);
	if (rc == OK)
		rc = inspect_find(b, stage, &d->b.s, &why);
	if (rc == OK)
		rc = comparable(&d->a, &d->b, &why);
	if (rc == OK)
		rc = diff_all(d, &why);
	mem_put(mem, d);
	if (rc == OK)
		return OK;
	/* Whichever of the two is gone. */
	rc = inspect_verdict(a, rc, &why, e);
	if (rc == E_CORRUPT) {
		struct err first = {OK};
		rc = inspect_verdict(b, rc, &why, &first);
		if (e && rc != E_CORRUPT)
			*e = first;
	}
	return rc;
}
