/* test_proof_faults.c - an I/O fault of each kind at each file operation it can happen to, once and
 * from then on, of each shape in fault_shapes.h: argument 1, or all of them. What must hold stands
 * there. A case is SHAPE, KIND, OPERATION; WEIR_CASE="words 3 120" does that one alone, and
 * SIM_SEED=4242 beside it tells its file operations.
 * EINTR and the kernel's short reads and writes never reach the seam: test_proof_errnos.c. */
#include "tests/proof/fault_shapes.h"

#include "base/check.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

#ifdef __SANITIZE_ADDRESS__
#define IS_SLOW 1
#define PROOF_ONE_IN 1
#else
#define IS_SLOW 0
#define PROOF_ONE_IN 4 /* all of them are the sanitized build's */
#endif

/* Of the cases, one in so many is tried unless all are; of the short shapes all are. */
static uint64_t one_in(uint64_t operations)
{
	return IS_SLOW ? 30 : operations > 400 ? 4 : operations > 220 ? 2 : 1;
}

static const struct kind {
	const char *name;
	enum rc code;
	unsigned on;
	enum fs_sim_how how;
	bool persistent;
} kinds[] = {
	{"EIO", E_IO},
	{"EIO from then on", E_IO, .persistent = true},
	{"EIO of what was done", E_IO, .how = FAULT_AFTER},
	{"ENOSPC or EDQUOT", E_NO_SPACE, FS_SIM_SPACE},
	{"ENOSPC or EDQUOT from then on", E_NO_SPACE, FS_SIM_SPACE, .persistent = true},
	{"EMFILE", E_LIMIT, FS_SIM_OPENS},
	{"EMFILE from then on", E_LIMIT, FS_SIM_OPENS, .persistent = true},
	{"EACCES", E_PERMISSION, FS_SIM_NAMES},
	{"EACCES from then on", E_PERMISSION, FS_SIM_NAMES, .persistent = true},
	{"EIO of every look from then on", E_IO, FS_SIM_LOOKS, .persistent = true},
	{"EIO of every write from then on", E_IO, FS_SIM_WRITES, .persistent = true},
	{"EIO of every fsync from then on", E_IO, FS_SIM_SYNCS, .persistent = true},
	{"EIO of every close from then on", E_IO, FS_SIM_CLOSES, .persistent = true},
	{"EEXIST of a link", E_EXISTS, FS_SIM_LINKS},
	{"EEXIST of every link from then on", E_EXISTS, FS_SIM_LINKS, .persistent = true},
	{"a short read", OK, FS_SIM_READS, FAULT_SHORT},
	{"short reads from then on", OK, FS_SIM_READS, FAULT_SHORT, true},
};

/* One case. False: the fault found nothing to hit. */
static bool try(const struct shape *shape, const struct kind *k, uint64_t n,
		struct shape_outcomes *c)
{
	char what[160];
	struct shape_fix *f = shape_open(shape);
	struct world *w = &f->w;
	uint64_t before = fs_sim_faults(w->disk);
	struct fs_sim_fault fault = {.at = n, .persistent = k->persistent, .on = k->on,
				     .code = k->code, .how = k->how};
	snprintf(what, sizeof what, "WEIR_CASE=\"%s %td %" PRIu64 "\": %s at operation %" PRIu64,
		 shape->name, k - kinds, n, k->name, n);
	fs_sim_fault(w->disk, &fault);
	enum world_end end = shape_run(f);
	bool hit = fs_sim_faults(w->disk) > before;
	fs_sim_fault(w->disk, &(struct fs_sim_fault){0});
	shape_judge(f, end, k->how == FAULT_SHORT, what, c);
	c->given += hit;
	if (hit)
		shape_finish(f, n % 2, what);
	shape_close(f);
	return hit;
}

/* Of a run without faults: its operations, and what each can be hit by. */
struct run {
	uint64_t first, last;
	uint16_t *kinds;
};

static struct run look(const struct shape *shape)
{
	struct shape_fix *f = shape_open(shape);
	struct world *w = &f->w;
	struct run r = {.first = fs_sim_count(w->disk) + 1};
	enum world_end end = shape_run(f);
	WORLD_CHECK(w, end == (shape->ask == SHAPE_STOP ? WORLD_STOPPED : WORLD_FINISHED));
	r.last = fs_sim_count(w->disk);
	r.kinds = calloc(r.last + 1, sizeof *r.kinds);
	for (uint64_t n = r.first; n <= r.last; n++)
		r.kinds[n] = (uint16_t)fs_sim_kinds(w->disk, n);
	world_exit(w);
	check_directory(w);
	WORLD_CHECK(w, shape->kind != SCENARIO_KEYS || w->merges);
	shape_close(f);
	return r;
}

static void each_fault(const struct shape *shape)
{
	char name[80];
	struct proof p;
	struct run r = look(shape);
	struct shape_outcomes all = {0};
	snprintf(name, sizeof name, "I/O faults, %s", shape->name);
	proof_open_large(&p, name, one_in(r.last - r.first), PROOF_ONE_IN);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct shape_outcomes c = {0};
		for (uint64_t n = r.first; n <= r.last; n++)
			if ((!kinds[k].on || kinds[k].on & r.kinds[n]) && proof_takes(&p))
				(void)try(shape, &kinds[k], n, &c);
		if (c.given)
			shape_tell(kinds[k].name, &c);
		all.given += c.given;
		all.restarted += c.restarted;
		all.failed += c.failed + c.refused + c.halted;
	}
	free(r.kinds);
	proof_close(&p);
	printf("%s: %" PRIu64 " operations\n", shape->name, r.last - r.first + 1);
	EXPECT(all.given * 10 > p.done * 9 && all.failed);
	EXPECT(all.restarted || shape->ask == SHAPE_STOP); /* who stops does not begin again */
}

static const char *asked;

TEST(inv15_inv32_any_io_fault_anywhere_loses_nothing)
{
	for (size_t i = 0; i < fault_shapes_n; i++)
		if (!asked || !strcmp(asked, fault_shapes[i].name))
			each_fault(&fault_shapes[i]);
}

int main(int argc, char **argv)
{
	char shape[32];
	unsigned kind;
	uint64_t n;
	const char *one = getenv("WEIR_CASE");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (one && sscanf(one, "%31s %u %" SCNu64, shape, &kind, &n) == 3) {
		struct shape_outcomes c = {0};
		CHECK(shape_find(shape) && kind < ARRAY_LEN(kinds));
		(void)try(shape_find(shape), &kinds[kind], n, &c);
		shape_tell(one, &c);
		return 0;
	}
	asked = argc > 1 ? argv[1] : NULL;
	CHECK(!asked || shape_find(asked));
	const struct CMUnitTest tests[] = {
		T(inv15_inv32_any_io_fault_anywhere_loses_nothing),
	};
	return RUN(tests);
}
