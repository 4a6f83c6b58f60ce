/* run_look.c - see run_look.h. */
#include "runtime/run_look.h"

RC run_look_open(struct run_look *l, struct fs *fs, struct mem *mem, const char *parts_dir,
		 const struct manifest *m, const struct manifest_run *run,
		 const struct keyed_shape *shape, struct err *e)
{
	*l = (struct run_look){0};
	enum rc rc = OK;
	if (run->ref.file == SECTION_INLINE) {
		rc = section_open_inline(&l->section, mem, run->data, run->ref.bytes, run->ref.rows,
					 run->hash_first, run->hash_last, e);
	} else {
		rc = part_reader_open(&l->part, storage_dir(fs, parts_dir, NULL), mem,
				      &m->file[run->ref.file], e);
		if (rc == OK)
			rc = section_open(&l->section, l->part, &run->ref, run->hash_first,
					  run->hash_last, e);
	}
	if (rc == OK)
		rc = run_block_open(&l->block, shape, mem, e);
	if (rc != OK)
		run_look_close(l);
	return rc;
}

void run_look_close(struct run_look *l)
{
	run_block_close(&l->block);
	section_close(l->section);
	part_reader_close(l->part);
	*l = (struct run_look){0};
}

/* Every row of the block stands before this key. */
static bool is_behind(const struct run_block *b, uint64_t hash, const void *key, uint32_t len)
{
	uint32_t last_len;
	if (!b->rows)
		return true;
	uint64_t last = b->hash[b->rows - 1];
	if (last != hash)
		return last < hash;
	const uint8_t *at = run_key(b, b->rows - 1, &last_len);
	return key_compare(at, last_len, key, len) < 0;
}

RC run_look_find(struct run_look *l, uint64_t hash, const void *key, uint32_t len, int *row,
		 struct err *e)
{
	struct block_view v;
	*row = -1;
	section_skip_to(l->section, hash);
	while (!l->ended && is_behind(&l->block, hash, key, len)) {
		if (section_next(l->section, &v, e) != OK)
			return e->code;
		l->ended = !v.raw;
		if (v.raw && run_decode(&l->block, v.raw, v.len, e) != OK)
			return e->code;
		if (v.raw && v.first_hash > hash)
			return OK; /* the key would stand before it */
	}
	if (!l->ended)
		*row = run_find(&l->block, hash, key, len);
	return OK;
}

RC run_looks_find(struct run_look *const *chain, uint32_t n, uint64_t hash, const void *key,
		  uint32_t len, const uint8_t **value, struct err *e)
{
	*value = NULL;
	for (uint32_t i = n; i-- > 0;) {
		const struct run_block *b = &chain[i]->block;
		int row;
		if (run_look_find(chain[i], hash, key, len, &row, e) != OK)
			return e->code;
		if (row < 0)
			continue;
		if (b->op[row] != ROW_DELETE)
			*value = b->value + (size_t)row * b->shape.value_bytes;
		return OK;
	}
	return OK;
}
