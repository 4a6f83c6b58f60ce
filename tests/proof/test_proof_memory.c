/* test_proof_memory.c - an allocation that fails (inv 31), each one there is: in every shape of
 * fault_shapes.h (argument 1: that one alone), whose processes start, take checkpoints, merge,
 * restore, rescale, restore lazily, save and begin again; and in all that is made of a job's text
 * before it runs (argument "texts"). The process ends with a reason, or the output is exact; with
 * memory again the next start ends exactly; nothing leaks (world.c counts, and ASan).
 * A case is SHAPE, ALLOCATION: WEIR_CASE="words 120" does that one alone.
 * Larger states and budgets: sim/test_sim_memory; the catalogue: unit/server/test_catalogue. */
#include "tests/proof/fault_shapes.h"

#include "base/check.h"
#include "jobs/explain.h"
#include "jobs/job_text.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

#include <limits.h>
#include <unistd.h>

/* Cases of a shape in a sample, about. */
#ifdef __SANITIZE_ADDRESS__
#define SAMPLE 40
#define PROOF_ONE_IN 1
#else
#define SAMPLE 80
#define PROOF_ONE_IN 4 /* all of them are the sanitized build's */
#endif
#define NEVER (UINT64_C(1) << 60)

/* The k-th allocation from here on fails: of a process that is to start, from its plan on. */
static void fail_at(struct shape_fix *f, uint64_t k)
{
	f->w.fail_allocation = k;
	if (f->w.job)
		f->w.mem.fail_at = f->w.mem.calls + k;
}

static void try(const struct shape *shape, uint64_t k, struct shape_outcomes *c)
{
	char what[96];
	struct shape_fix *f = shape_open(shape);
	struct world *w = &f->w;
	snprintf(what, sizeof what, "WEIR_CASE=\"%s %" PRIu64 "\"", shape->name, k);
	fail_at(f, k);
	enum world_end end = shape_run(f);
	bool hit = w->mem.calls >= w->mem.fail_at;
	w->mem.fail_at = w->fail_allocation = 0;
	shape_judge(f, end, false, what, c);
	c->given += hit;
	shape_finish(f, k % 2, what);
	shape_close(f);
}

/* Of a run that has all memory. */
static uint64_t allocations(const struct shape *shape)
{
	struct shape_fix *f = shape_open(shape);
	fail_at(f, NEVER);
	enum world_end end = shape_run(f);
	WORLD_CHECK(&f->w, end == WORLD_FINISHED || end == WORLD_STOPPED);
	uint64_t calls = f->w.mem.calls - (f->w.mem.fail_at - NEVER);
	world_exit(&f->w);
	shape_close(f);
	return calls;
}

static void each_allocation(const struct shape *shape)
{
	char name[80];
	struct proof p;
	struct shape_outcomes c = {0};
	uint64_t calls = allocations(shape);
	snprintf(name, sizeof name, "failed allocations, %s", shape->name);
	proof_open_large(&p, name, calls / SAMPLE + 1, PROOF_ONE_IN);
	for (uint64_t k = 1; k <= calls; k++)
		if (proof_takes(&p))
			try(shape, k, &c);
	shape_tell(shape->name, &c);
	proof_close(&p);
	EXPECT(c.given * 10 > p.done * 9 && p.done * 2 > SAMPLE);
	EXPECT(c.restarted || shape->ask == SHAPE_STOP); /* who stops does not begin again */
}

static const char *asked;

TEST(inv31_any_allocation_of_any_process_that_fails_loses_nothing)
{
	for (size_t i = 0; i < fault_shapes_n; i++)
		if (!asked || !strcmp(asked, fault_shapes[i].name))
			each_allocation(&fault_shapes[i]);
}

/* ---- texts ---- */

static const char *no_variable(void *arg, const char *name)
{
	(void)arg, (void)name;
	return NULL;
}

/* All that is made of a text without running it: what a server asks of it before it starts it, what
 * `run` begins with, what `explain` draws. */
static enum rc read_text(struct env *env, const char *file, struct err *e)
{
	struct job_text t = {0};
	struct job_digest d;
	struct bytes drawn;
	struct job_text_source from = {.file = file, .env = no_variable};
	bytes_init(&drawn, env->mem);
	enum rc rc = job_text_open(&t, env, &from, e);
	if (rc == OK) {
		explain_draw(t.plan, &drawn);
		explain_json(t.plan, &drawn);
		rc = bytes_ok(&drawn) ? OK : ERR(e, E_NO_MEMORY, "no memory to draw it");
	}
	if (rc == OK) {
		from.text = t.text;
		from.len = t.len;
		rc = job_text_digest(&d, env, &from, e);
	}
	job_text_close(&t);
	bytes_close(&drawn);
	return rc;
}

static uint64_t each_of_a_text(const char *file)
{
	uint64_t n = 0;
	for (bool reached = true; reached;) {
		struct mem mem;
		struct fs_real fs;
		struct rng rng;
		struct err e = {0};
		mem_init(&mem, 0);
		fs_real_init(&fs, &mem);
		rng_seed(&rng, 1);
		struct env env = {.clock = clock_real(), .fs = &fs.fs, .mem = &mem, .rng = &rng};
		mem.fail_at = ++n;
		enum rc rc = read_text(&env, file, &e);
		reached = mem.calls >= n;
		/* Without memory to say what is wrong with a text, it is called wrong. */
		if (reached ? rc != OK && rc != E_NO_MEMORY && rc != E_INVALID : rc != OK)
			fail_msg("%s, allocation %" PRIu64 ": %s: %s", file, n, err_name(rc), e.text);
		EXPECT(rc != E_NO_MEMORY || e.text[0]);
		if (mem.used_bytes)
			fail_msg("%s, allocation %" PRIu64 ": %zu bytes leaked", file, n,
				 (size_t)mem.used_bytes);
	}
	return n - 1;
}

TEST(inv31_any_allocation_between_a_text_and_its_plan_may_fail)
{
	uint64_t all = 0, texts = 0;
	struct mem mem;
	struct fs_real fs;
	struct fs_names l;
	struct err e = {0};
	mem_init(&mem, 0);
	fs_real_init(&fs, &mem);
	char here[PATH_MAX - 256];
	EXPECT(getcwd(here, sizeof here));
	EXPECT_OK(fs_list(&fs.fs, "examples", &l, &e), &e);
	for (size_t i = 0; i < l.n; i++) {
		char path[PATH_MAX];
		size_t len = strlen(l.name[i]);
		if (len < 5 || strcmp(l.name[i] + len - 5, ".json"))
			continue;
		snprintf(path, sizeof path, "%s/examples/%s", here, l.name[i]);
		all += each_of_a_text(path);
		texts++;
	}
	fs_names_close(&l);
	printf("%" PRIu64 " texts\n", texts);
	proof_line("failed allocations, texts", all, all);
	EXPECT(texts >= 7 && all > 500);
}

int main(int argc, char **argv)
{
	char shape[32];
	uint64_t k;
	const char *one = getenv("WEIR_CASE");
	setvbuf(stdout, NULL, _IOLBF, 0);
	asked = argc > 1 ? argv[1] : NULL;
	if (one && sscanf(one, "%31s %" SCNu64, shape, &k) == 2) {
		struct shape_outcomes c = {0};
		CHECK(shape_find(shape));
		try(shape_find(shape), k, &c);
		shape_tell(one, &c);
		return 0;
	}
	const struct CMUnitTest texts[] = {
		T(inv31_any_allocation_between_a_text_and_its_plan_may_fail),
	};
	const struct CMUnitTest shapes[] = {
		T(inv31_any_allocation_of_any_process_that_fails_loses_nothing),
	};
	if (asked && !strcmp(asked, "texts"))
		return RUN(texts);
	CHECK(!asked || shape_find(asked));
	return RUN(shapes);
}
