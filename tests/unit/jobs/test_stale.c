/* test_stale.c - which runs are written again because their files hold little else that counts. */
#include "jobs/stale.h"

#include "tests/lib/test.h"

#include <stdio.h>

#define LARGE (8u << 20)

/* One operator with two states' worth of runs: `ours` of them in k, and what else each file
 * holds. */
struct fix {
	struct mem mem;
	struct manifest m;
	struct manifest_keyed *ours, *theirs;
	struct stale s;
	uint32_t link[64];
	uint32_t first, count;
};

static void open_fix(struct fix *f)
{
	mem_init(&f->mem, 0);
	manifest_init(&f->m, &f->mem);
	struct manifest_op *op = manifest_add_op(&f->m, "a", "keyed_sum", 1);
	EXPECT(manifest_add_keyed(&f->m, op) && manifest_add_keyed(&f->m, op));
	f->ours = &op->keyed[0];
	f->theirs = &op->keyed[1];
	for (uint32_t i = 0; i < 64; i++)
		f->link[i] = i;
	f->s = (struct stale){0};
}

static void add_run(struct fix *f, struct manifest_keyed *k, uint32_t file, uint64_t at,
		    uint64_t bytes)
{
	struct manifest_run *r = manifest_add_run(&f->m, k);
	EXPECT(r);
	*r = (struct manifest_run){.hash_last = UINT64_MAX};
	r->ref.file = file;
	r->ref.offset = at;
	r->ref.bytes = bytes;
}

/* A file of so many bytes, of which ours and theirs are named. */
static void add_file(struct fix *f, uint64_t length, uint64_t ours, uint64_t theirs)
{
	struct part_file *file = manifest_add_file(&f->m);
	EXPECT(file);
	file->length = length;
	if (ours)
		add_run(f, f->ours, f->m.n_files - 1, 64, ours);
	if (theirs)
		add_run(f, f->theirs, f->m.n_files - 1, 64 + ours, theirs);
}

static bool widen(struct fix *f, bool wanted)
{
	stale_close(&f->s, &f->mem);
	EXPECT(stale_open(&f->s, &f->m, &f->mem));
	return stale_widen(&f->s, f->ours, f->link, f->ours->n_runs, wanted, &f->first, &f->count);
}

static void close_fix(struct fix *f)
{
	stale_close(&f->s, &f->mem);
	manifest_close(&f->m);
	EXPECT(f->mem.used_bytes == 0);
}

TEST(a_merge_takes_along_the_lowest_run_whose_file_is_less_than_half_named)
{
	struct fix f;
	open_fix(&f);
	add_file(&f, LARGE, LARGE - 200, 0);
	add_file(&f, LARGE, 1000, 0); /* the neighbour's part of it is dead */
	add_file(&f, LARGE, LARGE - 200, 0);
	add_file(&f, LARGE, LARGE - 200, 0);
	f.first = 2;
	f.count = 2;
	EXPECT(widen(&f, true) && f.first == 1 && f.count == 3);
	f.first = 0;
	f.count = 4;
	EXPECT(widen(&f, true) && f.first == 0 && f.count == 4);
	close_fix(&f);
}

TEST(what_neighbours_still_name_is_not_dead)
{
	struct fix f;
	open_fix(&f);
	add_file(&f, LARGE, 1000, LARGE - 2000);
	add_file(&f, LARGE, 1000, LARGE - 2000);
	f.first = f.count = 1;
	EXPECT(!stale_file(&f.s, 0)); /* nothing is known yet */
	EXPECT(widen(&f, true) && f.first == 1 && f.count == 1);
	EXPECT(!widen(&f, false));
	close_fix(&f);
}

TEST(dead_neighbours_begin_a_merge_of_their_own_when_they_are_too_many)
{
	struct fix f;
	open_fix(&f);
	uint64_t half = STALE_BYTES_KEPT / 2;
	add_file(&f, half, 100, 0);
	EXPECT(!widen(&f, false));
	add_file(&f, half, 100, 0);
	EXPECT(!widen(&f, false));
	add_file(&f, half, 100, 0);
	EXPECT(widen(&f, false) && f.first == 0 && f.count == 3);
	close_fix(&f);
}

TEST(one_run_alone_in_a_dead_file_is_written_again)
{
	struct fix f;
	open_fix(&f);
	add_file(&f, LARGE, 500, 0);
	EXPECT(widen(&f, false) && f.first == 0 && f.count == 1);
	close_fix(&f);
}

TEST(small_files_and_pieces_of_one_section_are_no_reason)
{
	struct fix f;
	open_fix(&f);
	for (int i = 0; i < 30; i++)
		add_file(&f, STALE_BYTES_LEAST - 1, 100, 0);
	EXPECT(!widen(&f, false));
	/* Cut in two by a rescale, a section is still named once only. */
	add_file(&f, LARGE, LARGE / 2 - 1000, 0);
	add_run(&f, f.ours, f.m.n_files - 1, 64, LARGE / 2 - 1000);
	EXPECT(widen(&f, false) && f.first == 30 && f.count == 2);
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_merge_takes_along_the_lowest_run_whose_file_is_less_than_half_named),
		T(what_neighbours_still_name_is_not_dead),
		T(dead_neighbours_begin_a_merge_of_their_own_when_they_are_too_many),
		T(one_run_alone_in_a_dead_file_is_written_again),
		T(small_files_and_pieces_of_one_section_are_no_reason),
	};
	return RUN(tests);
}
