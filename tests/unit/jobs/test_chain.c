/* test_chain.c - a chain of runs against a model: for each place in the hash range, which changes
 * stand in which order. Cutting, pushing and replacing by merges may never lose, add or reorder
 * one. */
#include "jobs/chain.h"

#include "base/check.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

#define CELLS 16 /* the hash range in parts */
#define CELL (UINT64_MAX / CELLS + 1)
#define RUNS_MAX 600
#define STACK_MAX 200

static uint64_t cell_lo(uint32_t c)
{
	return (uint64_t)c * CELL;
}
static uint64_t cell_hi(uint32_t c)
{
	return cell_lo(c) + (CELL - 1);
}

/* The changes, oldest first, that a run brings to a cell; numbers of pushed runs. */
struct stack {
	uint32_t n;
	uint16_t run[STACK_MAX];
};

static void stack_append(struct stack *to, const struct stack *from)
{
	CHECK(to->n + from->n <= STACK_MAX);
	memcpy(to->run + to->n, from->run, from->n * sizeof *from->run);
	to->n += from->n;
}

struct model {
	struct mem mem;
	struct rng r;
	uint64_t seed;
	struct chain chain;
	struct stack want[CELLS];
	struct run {
		struct part_file file;
		struct section_ref ref;
		struct stack brings[CELLS];
	} run[RUNS_MAX];
	uint32_t n_runs;
	/* a merge under way */
	bool merging;
	struct manifest inputs;
	struct stack merged[CELLS];
	uint32_t lo, hi;
	uint64_t done, refused, cuts;
	struct err e;
};

static struct run *run_new(struct model *m)
{
	CHECK(m->n_runs < RUNS_MAX);
	struct run *x = &m->run[m->n_runs];
	/* Several runs stand in one file, at other offsets. */
	snprintf(x->file.name, sizeof x->file.name, "file-%u", m->n_runs / 3);
	x->file.length = 100;
	x->ref = (struct section_ref){.offset = 10 * (m->n_runs % 3), .rows = 1, .length = 1,
				      .bytes = 1};
	m->n_runs++;
	return x;
}

static const struct run *run_of(const struct model *m, const struct chain_link *l)
{
	for (uint32_t i = 0; i < m->n_runs; i++)
		if (!strcmp(m->run[i].file.name, l->file->name) && m->run[i].ref.offset == l->ref.offset)
			return &m->run[i];
	CHECK(!"a link to no run");
	return NULL;
}

static void check(struct model *m)
{
	for (uint32_t c = 0; c < CELLS; c++) {
		struct stack got = {0};
		for (uint32_t i = 0; i < m->chain.n; i++) {
			const struct chain_link *l = &m->chain.link[i];
			EXPECT(l->lo <= l->hi);
			if (l->lo <= cell_lo(c) && l->hi >= cell_hi(c))
				stack_append(&got, &run_of(m, l)->brings[c]);
			else
				EXPECT(l->hi < cell_lo(c) || l->lo > cell_hi(c));
		}
		if (got.n != m->want[c].n || memcmp(got.run, m->want[c].run, got.n * sizeof *got.run))
			fail_msg("seed %" PRIu64 ": cell %u holds %u changes, not %u, or in another order",
				 m->seed, c, got.n, m->want[c].n);
	}
}

static void some_range(struct model *m, uint32_t *lo, uint32_t *hi)
{
	/* Subtasks of one parallelism at a time: 1, 2 or 4 of them. */
	uint32_t n = 1u << rng_below(&m->r, 3), i = (uint32_t)rng_below(&m->r, n);
	*lo = i * CELLS / n;
	*hi = (i + 1) * CELLS / n - 1;
}

static void push(struct model *m)
{
	uint32_t lo, hi;
	some_range(m, &lo, &hi);
	struct run *x = run_new(m);
	for (uint32_t c = lo; c <= hi; c++) {
		struct stack one = {.n = 1, .run = {(uint16_t)(m->n_runs - 1)}};
		x->brings[c] = one;
		stack_append(&m->want[c], &one);
	}
	EXPECT_OK(chain_push(&m->chain, &x->ref, &x->file, cell_lo(lo), cell_hi(hi), true, &m->e),
		  &m->e);
}

static void cut(struct model *m)
{
	uint32_t lo, hi;
	some_range(m, &lo, &hi);
	for (uint32_t c = lo; c <= hi; c++)
		m->want[c].n = 0;
	EXPECT_OK(chain_cut(&m->chain, cell_lo(lo), cell_hi(hi), &m->e), &m->e);
	m->cuts++;
}

/* Takes what a merge would: some neighbours among the links of a subtask's range. */
static void merge_begin(struct model *m)
{
	uint32_t link[STACK_MAX];
	some_range(m, &m->lo, &m->hi);
	uint32_t n = chain_within(&m->chain, cell_lo(m->lo), cell_hi(m->hi), link, STACK_MAX);
	if (n < 2)
		return;
	uint32_t first = (uint32_t)rng_below(&m->r, n - 1);
	uint32_t count = 2 + (uint32_t)rng_below(&m->r, n - first - 1);
	manifest_init(&m->inputs, &m->mem);
	struct manifest_op *op = manifest_add_op(&m->inputs, "s", "keyed_sum", 1);
	struct manifest_keyed *k = manifest_add_keyed(&m->inputs, op);
	memset(m->merged, 0, sizeof m->merged);
	for (uint32_t i = first; i < first + count; i++) {
		const struct chain_link *l = &m->chain.link[link[i]];
		struct manifest_run *r = manifest_add_run(&m->inputs, k);
		*r = (struct manifest_run){.ref = l->ref, .hash_first = l->lo, .hash_last = l->hi,
					   .delta = true};
		r->ref.file = manifest_file(&m->inputs, l->file);
		for (uint32_t c = m->lo; c <= m->hi; c++)
			if (l->lo <= cell_lo(c) && l->hi >= cell_hi(c))
				stack_append(&m->merged[c], &run_of(m, l)->brings[c]);
	}
	m->merging = true;
}

static void merge_end(struct model *m)
{
	bool done, gone = rng_below(&m->r, 8) == 0; /* nothing was left: only then is there no run */
	struct run *x = run_new(m);
	memcpy(x->brings, m->merged, sizeof m->merged);
	EXPECT_OK(chain_replace(&m->chain, &m->inputs, &m->inputs.op[0].keyed[0], gone ? NULL : &x->ref,
				&x->file, cell_lo(m->lo), cell_hi(m->hi), true, &done, &m->e), &m->e);
	if (done && gone)
		for (uint32_t c = m->lo; c <= m->hi; c++) {
			/* The changes of the inputs leave the cell. */
			struct stack *w = &m->want[c], left = {0};
			for (uint32_t i = 0; i < w->n; i++) {
				bool in = false;
				for (uint32_t k = 0; k < m->merged[c].n; k++)
					in |= m->merged[c].run[k] == w->run[i];
				if (!in)
					left.run[left.n++] = w->run[i];
			}
			*w = left;
		}
	m->done += done;
	m->refused += !done;
	manifest_close(&m->inputs);
	m->merging = false;
}

/* Through a manifest and back, as from one checkpoint to the next. */
static void carry(struct model *m)
{
	struct manifest to;
	struct chain next;
	manifest_init(&to, &m->mem);
	struct manifest_keyed *k = manifest_add_keyed(&to, manifest_add_op(&to, "s", "keyed_sum", 1));
	EXPECT_OK(chain_write(&m->chain, &to, k, &m->e), &m->e);
	chain_init(&next, &m->mem);
	EXPECT_OK(chain_carry(&next, &to, k, &m->e), &m->e);
	EXPECT(next.n == m->chain.n && chain_rows(&next) == chain_rows(&m->chain));
	for (uint32_t i = 0; i < next.n; i++) {
		const struct chain_link *a = &m->chain.link[i], *b = &next.link[i];
		EXPECT(a->lo == b->lo && a->hi == b->hi && a->delta == b->delta);
		EXPECT(a->ref.offset == b->ref.offset && !strcmp(a->file->name, b->file->name));
	}
	chain_close(&next);
	manifest_close(&to);
}

TEST(inv7_pushing_cutting_and_merging_keep_every_change_in_its_place)
{
	uint64_t done = 0, refused = 0;
	struct model *m = malloc(sizeof *m);
	for (uint64_t seed = 1; seed <= 150; seed++) {
		memset(m, 0, sizeof *m);
		mem_init(&m->mem, 0);
		rng_seed(&m->r, seed);
		m->seed = seed;
		chain_init(&m->chain, &m->mem);
		for (int i = 0; i < 200; i++) {
			switch (rng_below(&m->r, 8)) {
			case 0:
				if (rng_below(&m->r, 3) == 0)
					cut(m);
				break;
			case 1: case 2: case 3:
				if (m->merging)
					merge_end(m);
				else
					merge_begin(m);
				break;
			case 4:
				carry(m);
				break;
			default:
				push(m);
			}
			check(m);
		}
		if (m->merging)
			manifest_close(&m->inputs);
		done += m->done;
		refused += m->refused;
		chain_close(&m->chain);
		EXPECT(m->mem.used_bytes == 0);
	}
	free(m);
	EXPECT(done > 500 && refused > 20);
}

/* Dropped deletions may not uncover what lies below. */
TEST(a_merge_made_at_the_bottom_is_refused_when_something_lies_below_now)
{
	struct err e = {0};
	struct mem mem;
	struct chain c;
	struct manifest in;
	bool done;
	struct part_file file[3] = {{.name = "a", .length = 1}, {.name = "b", .length = 1},
				    {.name = "m", .length = 1}};
	struct section_ref ref = {.rows = 1};
	mem_init(&mem, 0);
	chain_init(&c, &mem);
	manifest_init(&in, &mem);
	struct manifest_keyed *k = manifest_add_keyed(&in, manifest_add_op(&in, "s", "t", 1));
	*manifest_add_run(&in, k) = (struct manifest_run){.ref.file = manifest_file(&in, &file[1]),
							  .hash_last = UINT64_MAX, .ref.rows = 1};
	EXPECT_OK(chain_push(&c, &ref, &file[0], 0, UINT64_MAX, false, &e), &e);
	EXPECT_OK(chain_push(&c, &ref, &file[1], 0, UINT64_MAX, true, &e), &e);
	EXPECT_OK(chain_replace(&c, &in, k, &ref, &file[2], 0, UINT64_MAX, false, &done, &e), &e);
	EXPECT(!done && c.n == 2);
	EXPECT_OK(chain_replace(&c, &in, k, &ref, &file[2], 0, UINT64_MAX, true, &done, &e), &e);
	EXPECT(done && c.n == 2 && !strcmp(c.link[1].file->name, "m"));
	chain_close(&c);
	manifest_close(&in);
	EXPECT(mem.used_bytes == 0);
}

/* The rows that were cut out meanwhile would come back with the merge. */
TEST(a_merge_is_refused_when_part_of_what_it_merged_was_cut_out)
{
	struct err e = {0};
	struct mem mem;
	struct chain c;
	struct manifest in;
	bool done;
	struct part_file file[2] = {{.name = "a", .length = 1}, {.name = "m", .length = 1}};
	struct section_ref ref = {.rows = 1};
	mem_init(&mem, 0);
	chain_init(&c, &mem);
	manifest_init(&in, &mem);
	struct manifest_keyed *k = manifest_add_keyed(&in, manifest_add_op(&in, "s", "t", 1));
	*manifest_add_run(&in, k) = (struct manifest_run){.ref.file = manifest_file(&in, &file[0]),
							  .hash_last = UINT64_MAX, .ref.rows = 1};
	EXPECT_OK(chain_push(&c, &ref, &file[0], 0, UINT64_MAX, true, &e), &e);
	EXPECT_OK(chain_cut(&c, cell_lo(0), cell_hi(3), &e), &e);
	EXPECT_OK(chain_replace(&c, &in, k, &ref, &file[1], 0, UINT64_MAX, true, &done, &e), &e);
	EXPECT(!done && c.n == 1 && !strcmp(c.link[0].file->name, "a"));
	/* Of the part that is whole it may be used. */
	EXPECT_OK(chain_replace(&c, &in, k, &ref, &file[1], cell_lo(4), UINT64_MAX, true, &done, &e),
		  &e);
	EXPECT(done && c.n == 1 && !strcmp(c.link[0].file->name, "m"));
	chain_close(&c);
	manifest_close(&in);
	EXPECT(mem.used_bytes == 0);
}

TEST(inv31_without_memory_an_operation_says_so_and_leaks_nothing)
{
	for (uint64_t n = 1;; n++) {
		struct err e = {0};
		struct mem mem;
		struct chain c;
		struct part_file file = {.name = "a", .length = 1};
		struct section_ref ref = {.rows = 1};
		enum rc rc = OK;
		mem_init(&mem, 0);
		mem.fail_at = n;
		chain_init(&c, &mem);
		for (uint32_t i = 0; i < 20 && rc == OK; i++)
			rc = chain_push(&c, &ref, &file, 0, UINT64_MAX, true, &e);
		if (rc == OK)
			rc = chain_cut(&c, 100, 200, &e);
		bool through = mem.calls < mem.fail_at;
		EXPECT(rc == (through ? OK : E_NO_MEMORY));
		chain_close(&c);
		EXPECT(mem.used_bytes == 0);
		if (through)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv7_pushing_cutting_and_merging_keep_every_change_in_its_place),
		T(a_merge_made_at_the_bottom_is_refused_when_something_lies_below_now),
		T(a_merge_is_refused_when_part_of_what_it_merged_was_cut_out),
		T(inv31_without_memory_an_operation_says_so_and_leaks_nothing),
	};
	return RUN(tests);
}
