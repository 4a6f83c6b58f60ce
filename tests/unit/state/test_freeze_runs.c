/* test_freeze_runs.c - a freeze of a state that goes on changing, while the lane gives chunks back
 * slowly: it ends whatever the pool, and what was saved makes few runs. A chain of many runs is
 * answered by writing everything (runtime/task_barrier.c), so runs of a few rows are no trifle. */
#include "model.h"

#define KEYS 30000u
#define QUEUE 256u

/* Lists of chunks that the lane has taken and not yet given back. */
struct queue {
	struct chunk *list[QUEUE];
	uint32_t n;
};

struct freezing {
	uint64_t seed;
	struct rng rng;
	struct mem mem;
	struct chunk_pool pool;
	struct model m;
	struct keyed *k;
	struct queue q;
	uint32_t runs, short_runs; /* of saved rows; those that were not worth a run */
	uint64_t saved_rows;
	struct err e;
};

/* True: the table was changed. */
static bool change(struct freezing *s, uint32_t n)
{
	uint16_t sel[MODEL_BATCH];
	void *value[MODEL_BATCH];
	uint64_t key_bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		sel[i] = (uint16_t)rng_below(&s->rng, KEYS);
		key_bytes += s->m.len[sel[i]];
	}
	if (!keyed_can_change(s->k, n, key_bytes))
		return false;
	struct key_rows rows = model_rows(&s->m, sel, n);
	SAY(s, keyed_upsert(s->k, &rows, value, &s->e) == OK);
	for (uint32_t i = 0; i < n; i++)
		memcpy(value[i], &i, sizeof i);
	return true;
}

/* What is ready goes to the lane. A saved list but for the freeze's last one was closed because the
 * pool was spent: it holds a good part of it. */
static void take(struct freezing *s)
{
	struct chunk *list;
	while ((list = keyed_take(s->k))) {
		uint64_t rows = 0, chunks = 0;
		for (struct chunk *c = list; c; c = c->next, chunks++)
			rows += c->rows;
		if (list->stream == CHUNK_SAVED) {
			s->runs++;
			s->saved_rows += rows;
			s->short_runs += chunks < s->pool.budget / 2;
		}
		SAY(s, s->q.n < QUEUE);
		s->q.list[s->q.n++] = list;
	}
}

static bool give_back(struct freezing *s)
{
	if (!s->q.n)
		return false;
	chunk_put_list(s->q.list[0]);
	memmove(s->q.list, s->q.list + 1, --s->q.n * sizeof *s->q.list);
	return true;
}

/* One freeze, from beginning to end. pace: the lane gives one list back in so many turns. */
static void freeze(struct freezing *s, uint64_t id, uint32_t pace, uint32_t batch, uint32_t slice)
{
	struct keyed_frozen f;
	enum keyed_slice at = KEYED_MORE;
	s->runs = s->short_runs = 0;
	keyed_freeze(s->k, id, id - 1, rng_below(&s->rng, 2), &f);
	while (at != KEYED_DONE) {
		bool changed = change(s, batch);
		SAY(s, keyed_slice(s->k, slice, &at, &s->e) == OK);
		uint32_t had = s->q.n;
		take(s);
		bool gave = rng_below(&s->rng, pace) == 0 && give_back(s);
		/* All chunks are with us, and nothing moves: it never will. */
		SAY(s, changed || at != KEYED_NO_ROOM || gave || had != s->q.n || s->q.n);
	}
	/* A batch of several chunks may find a small pool spent at any time. */
	SAY(s, s->short_runs <= 1 || batch * 64 > s->pool.chunk_bytes);
	while (give_back(s))
		;
}

static void schedule(uint64_t seed)
{
	struct freezing *s = calloc(1, sizeof *s);
	s->seed = seed;
	rng_seed(&s->rng, seed);
	mem_init(&s->mem, 0);
	struct keyed_shape shape = model_shape(rng_below(&s->rng, 3) ? KEY_FIX8 : KEY_BYTES,
					       rng_below(&s->rng, 2) ? 8 : 16, MODEL_FROZEN);
	model_open(&s->m, shape, KEYS, 40, &s->rng);
	chunk_pool_init(&s->pool, &s->mem, 4 + (uint32_t)(seed % 12)); /* 4: the least */
	s->pool.chunk_bytes = rng_below(&s->rng, 2) ? 16384 : 4096;
	struct keyed_config c = {shape, 0, UINT64_MAX, &s->pool, &s->mem};
	SAY(s, keyed_open(&s->k, &c, &s->e) == OK);
	for (uint32_t i = 0; i < 4 * KEYS / MODEL_BATCH; i++)
		SAY(s, change(s, MODEL_BATCH));
	for (uint64_t id = 1; id <= 6; id++) {
		uint32_t pace = 1u << rng_below(&s->rng, 8);
		uint32_t most = rng_below(&s->rng, 3) ? 64 : MODEL_BATCH;
		uint32_t batch = 1 + (uint32_t)rng_below(&s->rng, most);
		uint32_t slice = 1u << rng_below(&s->rng, 12);
		freeze(s, id, pace, batch, slice);
		for (uint32_t i = 0; i < 40; i++)
			SAY(s, change(s, MODEL_BATCH));
	}
	keyed_close(s->k);
	chunk_pool_close(&s->pool);
	model_close(&s->m);
	EXPECT(atomic_load(&s->mem.used_bytes) == 0);
	free(s);
}

TEST(a_freeze_with_a_slow_lane_ends_and_leaves_no_runs_of_a_few_rows)
{
	each_seed(60, schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_freeze_with_a_slow_lane_ends_and_leaves_no_runs_of_a_few_rows),
	};
	return RUN(tests);
}
