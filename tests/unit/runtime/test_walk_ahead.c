/* test_walk_ahead.c - a walk on a thread of its own gives the same rows, and the same errors. */
#include "runtime/walk_ahead.h"
#include "tests/unit/runtime/bridge.h"

#include <stdatomic.h>

struct both {
	struct bridge b;
	struct walk_options o;
	struct walk *walk;
	struct walk_ahead *ahead;
	uint64_t rows, bytes; /* of `ahead` */
};

/* A chain of some runs, of which the rows alternate, in many blocks. */
static void both_open(struct both *t, uint64_t seed)
{
	struct bridge *b = &t->b;
	bridge_open(b, seed, KEY_FIX8, 60000);
	tables_open(b, 2);
	for (uint32_t i = 0; i < 4; i++) {
		for (uint32_t n = 0; n < 600u >> 2 * i; n++)
			change_some(b, MODEL_BATCH, false);
		checkpoint(b, i ? b->id : 0, !i, NULL);
	}
	change_some(b, 9, true);
	checkpoint(b, b->id, false, NULL);
	t->o = (struct walk_options){.fs = b->fs, .mem = &b->mem, .parts_dir = PARTS,
				     .m = &b->newest, .state = &b->newest.op[0].keyed[0],
				     .shape = &b->m.shape, .hash_first = 0, .hash_last = UINT64_MAX};
}

struct at {
	struct merge_span x;
	uint32_t row;
};

/* The next row's place, or false. */
static bool row_next(struct at *at, struct walk *w, struct walk_ahead *a, struct err *e)
{
	while (!at->x.block || at->row == at->x.to) {
		if ((w ? walk_next(w, &at->x, e) : walk_ahead_next(a, &at->x, e)) != OK ||
		    !at->x.block)
			return false;
		at->row = at->x.from;
	}
	return true;
}

static _Atomic uint32_t meanwhile_calls;

static bool sometimes(void *arg)
{
	return atomic_fetch_add(&meanwhile_calls, 1) % *(uint32_t *)arg != 0;
}

TEST(a_walk_ahead_gives_the_rows_of_the_walk)
{
	for (uint32_t every = 1; every <= 3; every++) {
		struct both t;
		struct at x = {.row = 0}, y = {.row = 0};
		uint64_t n = 0;
		both_open(&t, every);
		SAY(&t.b, walk_open(&t.walk, &t.o, &t.b.e) == OK);
		struct walk_options one = t.o;
		/* The simulated disk is one thread's: first all rows here, then the thread's. */
		struct { uint64_t hash, key, value; } *all = calloc(60000, sizeof *all);
		for (; row_next(&x, t.walk, NULL, &t.b.e); x.row++, n++) {
			all[n].hash = x.x.block->hash[x.row];
			all[n].key = x.x.block->fix8[x.row];
			memcpy(&all[n].value, x.x.block->value + 8 * (size_t)x.row, 8);
		}
		EXPECT_OK(t.b.e.code, &t.b.e);
		EXPECT(n > 9 * RUN_BLOCK_ROWS);
		SAY(&t.b, walk_ahead_open(&t.ahead, &one, sometimes, &every, &t.b.e) == OK);
		uint64_t seen = 0;
		for (; row_next(&y, NULL, t.ahead, &t.b.e); y.row++, seen++) {
			uint64_t value;
			memcpy(&value, y.x.block->value + 8 * (size_t)y.row, 8);
			if (y.x.block->hash[y.row] != all[seen].hash || value != all[seen].value ||
			    y.x.block->fix8[y.row] != all[seen].key ||
			    y.x.block->op[y.row] != ROW_PUT)
				break;
		}
		EXPECT(seen == n && !y.x.block);
		walk_ahead_close(t.ahead, &t.rows, &t.bytes);
		EXPECT(t.rows == walk_rows_read(t.walk) && t.bytes == walk_bytes_read(t.walk));
		EXPECT(t.rows > n);
		free(all);
		walk_close(t.walk);
		bridge_close(&t.b);
	}
}

TEST(inv33_damage_is_told_behind_the_rows_before_it)
{
	struct both t;
	struct part_file file;
	char path[256];
	both_open(&t, 7);
	checkpoint(&t.b, 0, true, &file);
	t.o.state = &t.b.newest.op[0].keyed[0];
	snprintf(path, sizeof path, PARTS "/%s", file.name);
	EXPECT_OK(fs_sim_flip(t.b.disk, path, file.length * 6, &t.b.e), &t.b.e);
	SAY(&t.b, walk_ahead_open(&t.ahead, &t.o, NULL, NULL, &t.b.e) == OK);
	struct at x = {.row = 0};
	uint64_t n = 0;
	for (; row_next(&x, NULL, t.ahead, &t.b.e); x.row++)
		n++;
	EXPECT(n > 0 && t.b.e.code == E_CORRUPT && strstr(t.b.e.text, file.name));
	walk_ahead_close(t.ahead, &t.rows, &t.bytes);
	err_clear(&t.b.e);
	EXPECT_OK(fs_sim_flip(t.b.disk, path, file.length * 6, &t.b.e), &t.b.e);
	bridge_close(&t.b);
}

TEST(a_reader_may_leave_at_any_block)
{
	struct both t;
	both_open(&t, 8);
	size_t before = t.b.mem.used_bytes;
	for (uint32_t blocks = 0; blocks < 14; blocks++) {
		struct merge_span x;
		SAY(&t.b, walk_ahead_open(&t.ahead, &t.o, NULL, NULL, &t.b.e) == OK);
		for (uint32_t i = 0; i < blocks; i++)
			EXPECT_OK(walk_ahead_next(t.ahead, &x, &t.b.e), &t.b.e);
		walk_ahead_close(t.ahead, &t.rows, &t.bytes);
		EXPECT(t.b.mem.used_bytes == before);
	}
	bridge_close(&t.b);
}

TEST(inv31_without_memory_there_is_no_thread_and_nothing_leaks)
{
	struct both t;
	both_open(&t, 9);
	size_t before = t.b.mem.used_bytes;
	uint64_t n = 1;
	for (;; n++) {
		struct merge_span x = {0};
		t.b.mem.fail_at = t.b.mem.calls + n;
		enum rc rc = walk_ahead_open(&t.ahead, &t.o, NULL, NULL, &t.b.e);
		if (rc != OK) {
			EXPECT(rc == E_NO_MEMORY && !t.ahead);
		} else {
			do
				rc = walk_ahead_next(t.ahead, &x, &t.b.e);
			while (rc == OK && x.block);
			walk_ahead_close(t.ahead, &t.rows, &t.bytes);
			EXPECT(rc == OK || rc == E_NO_MEMORY);
		}
		bool hit = t.b.mem.calls >= t.b.mem.fail_at;
		t.b.mem.fail_at = 0;
		err_clear(&t.b.e);
		EXPECT(t.b.mem.used_bytes == before);
		if (!hit)
			break;
	}
	EXPECT(n > 30);
	bridge_close(&t.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_walk_ahead_gives_the_rows_of_the_walk),
		T(inv33_damage_is_told_behind_the_rows_before_it),
		T(a_reader_may_leave_at_any_block),
		T(inv31_without_memory_there_is_no_thread_and_nothing_leaks),
	};
	return RUN(tests);
}
