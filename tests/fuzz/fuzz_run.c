/* fuzz_run.c - blocks of rows: a byte of the state's form, then what a block unpacked to. What is
 * accepted ascends, and is written and read as the same rows. And keys, back to fields. */
#include "runtime/keys_decode.h"
#include "state/run.h"
#include "tests/fuzz/fuzz.h"

static void same_rows(const struct run_block *a, const struct run_block *b)
{
	uint32_t a_len, b_len;
	HOLDS(a->rows == b->rows);
	for (uint32_t i = 0; i < a->rows; i++) {
		const uint8_t *x = run_key(a, i, &a_len), *y = run_key(b, i, &b_len);
		HOLDS(a->hash[i] == b->hash[i] && a->op[i] == b->op[i]);
		HOLDS(a_len == b_len && !memcmp(x, y, a_len));
	}
	HOLDS(!memcmp(a->value, b->value, (size_t)a->rows * a->shape.value_bytes));
}

static void ascends(const struct run_block *b)
{
	for (uint32_t i = 0; i < b->rows; i++) {
		uint32_t len, before_len;
		const uint8_t *key = run_key(b, i, &len);
		HOLDS(b->hash[i] == shape_hash(&b->shape, key, len));
		HOLDS(run_find(b, b->hash[i], key, len) == (int)i);
		if (!i)
			continue;
		const uint8_t *before = run_key(b, i - 1, &before_len);
		HOLDS(b->hash[i - 1] < b->hash[i] ||
		      (b->hash[i - 1] == b->hash[i] &&
		       key_compare(before, before_len, key, len) < 0));
	}
}

static void goes_around(const struct run_block *b, struct mem *mem)
{
	struct run_writer *w = NULL;
	struct run_block again = {0};
	struct run_out out;
	struct err e = {OK};
	HOLDS(run_writer_open(&w, &b->shape, mem, &e) == OK);
	HOLDS(run_block_open(&again, &b->shape, mem, &e) == OK);
	for (uint32_t i = 0; i < b->rows; i++) {
		uint32_t len;
		const uint8_t *key = run_key(b, i, &len);
		enum run_did did = run_add(w, b->hash[i], b->op[i], key, len,
					   b->value + (size_t)i * b->shape.value_bytes, &out);
		if (did == RUN_BLOCK) /* its texts were more than a writer puts into one */
			goto end;
	}
	if (run_finish(w, &out) == RUN_BLOCK) {
		HOLDS_RC(run_decode(&again, out.bytes, out.len, &e), &e, false);
		same_rows(b, &again);
	}
end:
	run_block_close(&again);
	run_writer_close(w);
}

/* Of two fields, one of them a text: what can be a key is one column after the other. */
static void fields(const struct run_block *b)
{
	struct key_spec spec = {.form = KEY_BYTES, .n = 2, .type = {T_STRING, T_INT64},
				.nullable = {true, true}};
	struct key_field to[2];
	for (uint32_t i = 0; i < b->rows && b->shape.form == KEY_BYTES; i++) {
		uint32_t len;
		const uint8_t *key = run_key(b, i, &len);
		if (key_fields(&spec, key, len, to))
			HOLDS(to[0].null || (to[0].text >= key && to[0].text + to[0].len <= key + len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t form = fuzz_byte(&data, &size);
	struct keyed_shape shape = {.form = form & 1 ? KEY_BYTES : KEY_FIX8,
				    .value_bytes = form & 2 ? 16 : 8,
				    .hash_id = form & 1 && form & 4 ? HASH_XXH3_64 : 0};
	struct run_block b = {0};
	struct mem mem;
	struct err e = {OK};
	uint8_t *copy = malloc(size ? size : 1);
	HOLDS(copy);
	if (size)
		memcpy(copy, data, size);
	fuzz_open(&mem);
	HOLDS(run_block_open(&b, &shape, &mem, &e) == OK);
	enum rc rc = run_decode(&b, copy, size, &e);
	HOLDS_RC(rc, &e, rc == E_CORRUPT && b.rows == 0);
	if (rc == OK) {
		ascends(&b);
		fields(&b);
		goes_around(&b, &mem);
	}
	run_block_close(&b);
	free(copy);
	fuzz_close(&mem);
	return 0;
}
