/* test_progress.c - what is said to be replayed is what sources put out beyond the checkpoint, and
 * where it cannot be known nothing is said. */
#include "jobs/progress.h"

#include "base/check.h"
#include "runtime/operator.h"
#include "tests/lib/test.h"

static const struct op_ops source = {.name = "s", .role = OP_SOURCE};
static const struct op_ops sink = {.name = "k", .role = OP_SINK};

/* Sources a (two subtasks) and b, a sink, and a checkpoint of lineage 7. */
struct world {
	struct mem mem;
	struct spec_stage spec[3];
	struct plan_stage stage[3];
	struct plan plan;
	struct manifest m;
	struct progress p;
};

static void had(struct world *w, const char *id, uint64_t out)
{
	struct manifest_op *op = manifest_add_op(&w->m, id, "s", 1);
	EXPECT(op);
	op->counted = true;
	op->out = out;
}

static void begin(struct world *w)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	manifest_init(&w->m, &w->mem);
	w->m.lineage = 7;
	static const char *const ids[] = {"a", "b", "out"};
	for (unsigned i = 0; i < 3; i++) {
		w->spec[i].id = ids[i];
		w->stage[i] = (struct plan_stage){.spec = &w->spec[i], .ops = i < 2 ? &source : &sink,
						  .parallelism = i ? 1 : 2};
	}
	w->plan = (struct plan){.stage = w->stage, .n_stages = 3};
	had(w, "a", 1000);
	had(w, "b", 50);
	had(w, "out", 99999);
}

static void end(struct world *w)
{
	manifest_close(&w->m);
	EXPECT(w->mem.used_bytes == 0);
}

static void put_out(struct world *w, uint32_t stage, uint32_t i, uint64_t records)
{
	_Atomic uint64_t *at = progress_place(&w->p, &w->plan, stage, i);
	EXPECT(at);
	atomic_store(at, records);
}

static uint64_t beyond(struct world *w)
{
	uint64_t n = 12345;
	EXPECT(progress_beyond(&w->p, &w->m, &n));
	return n;
}

static bool is_unknown(const struct world *w)
{
	uint64_t n;
	return !progress_beyond(&w->p, &w->m, &n);
}

TEST(records_beyond_the_checkpoint_are_counted_over_all_sources)
{
	struct world w;
	begin(&w);
	EXPECT(is_unknown(&w)); /* nobody has begun */
	progress_begin(&w.p, &w.plan, &w.m, 7);
	EXPECT(beyond(&w) == 0);
	put_out(&w, 0, 0, 10);
	put_out(&w, 0, 1, 5);
	put_out(&w, 1, 0, 3);
	EXPECT(!progress_place(&w.p, &w.plan, 2, 0));
	EXPECT(beyond(&w) == 18);
	/* A later checkpoint had some of them; one that is newer than what was stored has all. */
	w.m.op[0].out = 1012;
	EXPECT(beyond(&w) == 6);
	w.m.op[0].out = 2000;
	EXPECT(beyond(&w) == 0);
	end(&w);
}

TEST(an_older_checkpoint_and_a_first_attempt_are_counted_from_where_they_stand)
{
	struct world w;
	begin(&w);
	progress_begin(&w.p, &w.plan, NULL, 7);
	put_out(&w, 0, 1, 1100);
	put_out(&w, 1, 0, 60);
	EXPECT(beyond(&w) == 110);
	progress_begin(&w.p, &w.plan, &w.m, 7);
	EXPECT(beyond(&w) == 0);
	w.m.op[0].out = 400; /* rewound */
	EXPECT(beyond(&w) == 600);
	end(&w);
}

TEST(a_changed_job_is_compared_by_the_stages_that_counted)
{
	struct world w;
	begin(&w);
	w.plan.n_stages = 1; /* b is not in the job any more */
	progress_begin(&w.p, &w.plan, &w.m, 7);
	put_out(&w, 0, 0, 4);
	EXPECT(beyond(&w) == 4);
	end(&w);
}

TEST(what_cannot_be_known_is_not_said)
{
	struct world w;
	begin(&w);
	progress_begin(&w.p, &w.plan, &w.m, 7);
	w.m.lineage = 8; /* begun anew, or another directory's */
	EXPECT(is_unknown(&w));
	w.m.lineage = 7;
	w.m.op[1].counted = false; /* of a version that did not count */
	EXPECT(is_unknown(&w));
	progress_begin(&w.p, &w.plan, &w.m, 7);
	w.m.op[1].counted = true;
	EXPECT(is_unknown(&w));
	w.stage[0].parallelism = PROGRESS_PLACES; /* and b makes one more */
	progress_begin(&w.p, &w.plan, &w.m, 7);
	EXPECT(is_unknown(&w));
	EXPECT(progress_place(&w.p, &w.plan, 0, PROGRESS_PLACES - 1));
	EXPECT(!progress_place(&w.p, &w.plan, 1, 0));
	w.p.n = PROGRESS_PLACES + 1; /* whoever wrote that */
	EXPECT(is_unknown(&w));
	progress_begin(NULL, &w.plan, &w.m, 7);
	uint64_t n;
	EXPECT(!progress_beyond(NULL, &w.m, &n) && !progress_place(NULL, &w.plan, 0, 0));
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(records_beyond_the_checkpoint_are_counted_over_all_sources),
		T(an_older_checkpoint_and_a_first_attempt_are_counted_from_where_they_stand),
		T(a_changed_job_is_compared_by_the_stages_that_counted),
		T(what_cannot_be_known_is_not_said),
	};
	return RUN(tests);
}
