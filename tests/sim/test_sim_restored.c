/* test_sim_restored.c - an operator that wants to hear of a restore hears of it once in each
 * attempt that began with a checkpoint, in each subtask, before its first record; and never in a
 * fresh start. */
#include "tests/sim/scenario.h"

#include "tests/lib/test.h"

#include <stdlib.h>

/* What the wrapped keyed_sum of a process was told: one thread steps them all. */
struct heard {
	struct op_ops ops;
	const struct op_ops *real;
	uint32_t restored[8], batches[8];
	uint64_t checkpoint, keys;
	uint32_t old_parallelism;
};
static struct heard heard;

static void hear_restored(void *self, struct op_ctx *ctx, const struct op_restored *r)
{
	(void)self;
	EXPECT(!heard.batches[ctx->subtask]);
	heard.restored[ctx->subtask]++;
	heard.checkpoint = r->checkpoint;
	heard.old_parallelism = r->old_parallelism;
	heard.keys += r->keys;
}

static enum op_result hear_batch(void *self, struct op_ctx *ctx, struct batch *b)
{
	heard.batches[ctx->subtask]++;
	return heard.real->batch(self, ctx, b);
}

static void wrap(struct world *w)
{
	memset(&heard, 0, sizeof heard);
	for (uint32_t i = 0; i < w->plan->n_stages; i++) {
		struct plan_stage *st = &w->plan->stage[i];
		if (!st->p.keyed)
			continue;
		heard.real = st->ops;
		heard.ops = *st->ops;
		heard.ops.restored = hear_restored;
		heard.ops.batch = hear_batch;
		st->ops = &heard.ops;
	}
}

TEST(each_subtask_is_told_once_of_its_restore_before_its_first_record)
{
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct world *w = malloc(sizeof *w);
		struct scenario s;
		struct rng r;
		unsigned before = 1 + (unsigned)(seed % 3), after = 1 + (unsigned)(seed / 3 % 3);
		rng_seed(&r, seed);
		scenario_open(&s, SCENARIO_KEYS, &r, (struct scenario_size){40, 1000});
		world_open(w, seed, s.job);
		w->planned = wrap;
		scenario_files(&s, w);
		WORLD_CHECK(w, world_start(w, before) == WORLD_RUNNING);
		while (w->completed < 4)
			WORLD_CHECK(w, world_run(w, 50) == WORLD_PAUSED);
		for (unsigned i = 0; i < before; i++)
			WORLD_CHECK(w, !heard.restored[i] && heard.batches[i]);
		world_crash(w, false);
		WORLD_CHECK(w, world_start(w, after) == WORLD_RUNNING);
		WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_FINISHED);
		for (unsigned i = 0; i < after; i++)
			WORLD_CHECK(w, heard.restored[i] == 1);
		WORLD_CHECK(w, heard.old_parallelism == before && heard.checkpoint >= 4 && heard.keys);
		scenario_check_end(&s, w);
		world_exit(w);
		world_close(w);
		scenario_close(&s);
		free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_subtask_is_told_once_of_its_restore_before_its_first_record),
	};
	return RUN(tests);
}
