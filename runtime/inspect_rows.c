/* inspect_rows.c - one key, or all of them, of a checkpoint's keyed state. See inspect.h. */
#include "runtime/inspect.h"

#include "runtime/run_look.h"
#include "runtime/walk.h"

/* Newest run first. A run that is no delta stands for everything: nothing below it counts. */
static RC get(struct inspect *i, const struct inspect_state *s, uint64_t hash, const void *key,
	      uint32_t len, uint64_t value[2], bool *found, struct err *e)
{
	const struct manifest_keyed *k = s->keyed;
	struct env *env = inspect_env(i);
	bool said = false;
	for (uint32_t r = k->n_runs; r-- > 0 && !said;) {
		const struct manifest_run *run = &k->run[r];
		struct run_look l;
		int row = -1;
		if (hash < run->hash_first || hash > run->hash_last)
			continue;
		enum rc rc = run_look_open(&l, env->fs, env->mem, inspect_parts_dir(i),
					   inspect_manifest(i), run, &s->shape, e);
		if (rc == OK)
			rc = run_look_find(&l, hash, key, len, &row, e);
		*found = row >= 0 && l.block.op[row] != ROW_DELETE;
		if (*found)
			memcpy(value, l.block.value + (size_t)row * s->shape.value_bytes,
			       s->shape.value_bytes);
		run_look_close(&l);
		if (rc != OK)
			return rc;
		said = row >= 0 || !run->delta;
	}
	return OK;
}

RC inspect_get(struct inspect *i, const struct inspect_state *s, const void *key, uint32_t len,
	       uint64_t value[2], bool *found, struct err *e)
{
	struct err why = {OK};
	*found = false;
	if (!key)
		key = ""; /* one without bytes: of a state without key fields */
	enum rc rc = get(i, s, shape_hash(&s->shape, key, len), key, len, value, found, &why);
	return inspect_verdict(i, rc, &why, e);
}

static bool is_behind(const struct inspect_row *r, uint64_t hash, const void *after, uint32_t len)
{
	if (!after || r->hash != hash)
		return !after || r->hash > hash;
	return key_compare(r->key, r->key_len, after, len) > 0;
}

RC inspect_scan(struct inspect *i, const struct inspect_state *s, const void *after, uint32_t len,
		bool (*on)(void *arg, const struct inspect_row *r), void *arg, struct err *e)
{
	struct err why = {OK};
	struct env *env = inspect_env(i);
	struct walk *w;
	struct merge_span x;
	uint64_t hash = after ? shape_hash(&s->shape, after, len) : 0;
	struct walk_options o = {.fs = env->fs, .mem = env->mem, .parts_dir = inspect_parts_dir(i),
				 .m = inspect_manifest(i), .state = s->keyed, .shape = &s->shape,
				 .hash_first = hash, .hash_last = UINT64_MAX};
	enum rc rc = walk_open(&w, &o, &why);
	for (bool more = true; rc == OK && more;) {
		rc = walk_next(w, &x, &why);
		if (rc != OK || !x.block)
			break;
		for (uint32_t row = x.from; row < x.to && more; row++) {
			struct inspect_row r = {.hash = x.block->hash[row],
						.value = x.block->value +
							 (size_t)row * s->shape.value_bytes};
			r.key = run_key(x.block, row, &r.key_len);
			if (is_behind(&r, hash, after, len))
				more = on(arg, &r);
		}
	}
	walk_close(w);
	return inspect_verdict(i, rc, &why, e);
}
