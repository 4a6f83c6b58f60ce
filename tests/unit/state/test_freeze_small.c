/* test_freeze_small.c - a small checkpoint is one run: what was saved while it was written goes
 * with it. Two would make chains grow twice as fast, and a long one is answered by writing
 * everything. */
#include "model.h"

#define KEYS 30000u

struct small {
	uint64_t seed;
	struct rng rng;
	struct mem mem;
	struct chunk_pool pool;
	struct model m;
	struct keyed *k;
	struct err e;
};

static void change(struct small *s, uint32_t n)
{
	uint16_t sel[MODEL_BATCH];
	void *value[MODEL_BATCH];
	uint64_t key_bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		sel[i] = (uint16_t)rng_below(&s->rng, KEYS);
		key_bytes += s->m.len[sel[i]];
	}
	SAY(s, keyed_can_change(s->k, n, key_bytes));
	struct key_rows rows = model_rows(&s->m, sel, n);
	SAY(s, keyed_upsert(s->k, &rows, value, &s->e) == OK);
	for (uint32_t i = 0; i < n; i++)
		memcpy(value[i], &i, sizeof i);
}

/* Rows enough for one chunk, some of them saved while slices write the others. */
TEST(a_freeze_of_one_chunk_is_one_run_whatever_was_saved)
{
	uint64_t saved = 0;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct small *s = calloc(1, sizeof *s);
		struct keyed_frozen f;
		enum keyed_slice at = KEYED_MORE;
		uint32_t lists = 0, rows = 0;
		s->seed = seed;
		rng_seed(&s->rng, seed);
		mem_init(&s->mem, 0);
		model_open(&s->m, model_shape(seed % 2 ? KEY_FIX8 : KEY_BYTES, 8, MODEL_FROZEN), KEYS, 40,
			   &s->rng);
		chunk_pool_init(&s->pool, &s->mem, 8);
		struct keyed_config c = {s->m.shape, 0, UINT64_MAX, &s->pool, &s->mem};
		SAY(s, keyed_open(&s->k, &c, &s->e) == OK);
		for (uint32_t i = 0; i < KEYS / MODEL_BATCH; i++)
			change(s, MODEL_BATCH);
		for (uint64_t id = 1; id <= 4; id++) {
			keyed_freeze(s->k, id, id - 1, false, &f);
			for (at = KEYED_MORE, lists = rows = 0; at != KEYED_DONE;) {
				change(s, id == 1 ? 0 : 20);
				SAY(s, keyed_slice(s->k, 64, &at, &s->e) == OK);
				for (struct chunk *l; (l = keyed_take(s->k)); chunk_put_list(l), lists++)
					for (struct chunk *x = l; x; x = x->next)
						rows += x->rows;
			}
			SAY(s, rows == f.rows);
			SAY(s, id == 1 || lists == 1);
			for (uint32_t i = 0; i < 20; i++)
				change(s, 100);
		}
		saved += keyed_saved_rows(s->k);
		keyed_close(s->k);
		chunk_pool_close(&s->pool);
		model_close(&s->m);
		free(s);
	}
	EXPECT(saved > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_freeze_of_one_chunk_is_one_run_whatever_was_saved),
	};
	return RUN(tests);
}
