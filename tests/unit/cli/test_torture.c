/* test_torture.c - two outputs are equal in the sense of invariant 28 or they are not, and then
 * what differs is told; strikes come from their seed alone and reach every kind; a fault survives
 * being written on a command line. */
#include "tests/lib/test.h"

#include "base/fs_sim.h"

/* All of it with a small number: records are looked for in several passes. */
#define PASS_RECORDS 3
#define torture_compare compare_in_passes
#include "cli/torture_compare.c"
#include "cli/torture_child.h"
#include "cli/torture_strike.h"

#include <errno.h>

struct rig {
	struct mem mem;
	struct fs_sim *sim;
	struct fs *fs;
	struct torture_comparison c;
};

static void rig_open(struct rig *r)
{
	struct err e = {0};
	mem_init(&r->mem, 0);
	EXPECT_OK(fs_sim_open(&r->sim, &r->mem, &e), &e);
	r->fs = fs_sim_fs(r->sim);
}

static void rig_close(struct rig *r)
{
	fs_sim_close(&r->sim);
	EXPECT(r->mem.used_bytes == 0);
}

/* A folder with one file for each text. */
static void folder(struct rig *r, const char *name, const char *const texts[])
{
	char path[80];
	struct err e = {0};
	EXPECT_OK(fs_mkdir(r->fs, name, NULL, &e), &e);
	for (unsigned i = 0; texts[i]; i++) {
		snprintf(path, sizeof path, "%s/part-%u.csv", name, i + 9); /* 9, 10, ... */
		EXPECT_OK(fs_write_new(r->fs, path, texts[i], strlen(texts[i]), &e), &e);
	}
	snprintf(path, sizeof path, "%s/.pending", name);
	EXPECT_OK(fs_write_new(r->fs, path, "not committed\n", 14, &e), &e);
}

static enum rc compare(struct rig *r, struct torture_sink s, const char *const right[],
		       const char *const other[])
{
	struct torture_output a, b;
	struct err e = {0};
	rig_open(r);
	folder(r, "right", right);
	folder(r, "other", other);
	EXPECT_OK(torture_output_list(&a, r->fs, "right", false, &e), &e);
	EXPECT_OK(torture_output_list(&b, r->fs, "other", false, &e), &e);
	enum rc rc = compare_in_passes(&r->c, r->fs, &s, &a, &b, &e);
	torture_output_close(&a);
	torture_output_close(&b);
	rig_close(r);
	return rc;
}

#define TEXTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct torture_sink csv = {.judge = JUDGE_RECORDS,
					.format = {.quotes = true, .header = true}};
static const struct torture_sink chains = {
	.judge = JUDGE_CHAINS, .format = {.quotes = true, .header = true}, .separator = ','};

TEST(how_records_are_cut_into_files_says_nothing)
{
	struct rig r;
	EXPECT(compare(&r, csv, TEXTS("k\na\nb\nb\nc\n"),
		       TEXTS("k\nc\nb\n", "k\n", "k\nb\na\n")) == OK);
	EXPECT(r.c.differing == 0 && r.c.records == 4);
}

TEST(a_record_too_many_or_too_few_is_told)
{
	struct rig r;
	EXPECT(compare(&r, csv, TEXTS("k\na\nb\nb\nc\nd\ne\nf\n"),
		       TEXTS("k\na\nb\n", "k\nc\nc\nd\ne\nf\n")) == OK);
	EXPECT(r.c.differing == 2 && r.c.told == 2);
	for (int i = 0; i < 2; i++)
		EXPECT((r.c.first[i].by == -1 && !strcmp(r.c.first[i].record, "b")) ||
		       (r.c.first[i].by == 1 && !strcmp(r.c.first[i].record, "c")));
	EXPECT(r.c.first[0].by != r.c.first[1].by);
}

TEST(many_differences_are_counted_and_the_first_are_told)
{
	struct rig r;
	EXPECT(compare(&r, csv, TEXTS("k\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\n"), TEXTS("k\n")) == OK);
	EXPECT(r.c.differing == 12 && r.c.told == DIFFERENCES);
}

TEST(a_line_break_between_quotes_ends_no_record)
{
	struct rig r;
	EXPECT(compare(&r, csv, TEXTS("k\n\"a\nb\"\nc\n"), TEXTS("k\nc\n\"a\nb\"\n")) == OK);
	EXPECT(r.c.differing == 0 && r.c.records == 2);
	EXPECT(compare(&r, csv, TEXTS("k\n\"a\nb\"\nc\n"), TEXTS("k\n\"c\na\"\nb\n")) == OK);
	EXPECT(r.c.differing == 4);
}

TEST(a_committed_record_that_is_cut_off_is_a_fault_and_a_printed_one_is_none)
{
	struct rig r;
	struct torture_sink printed = {.judge = JUDGE_AT_LEAST, .format = {.torn_tail = true}};
	EXPECT(compare(&r, csv, TEXTS("k\nabc\n"), TEXTS("k\nab")) == E_CORRUPT);
	EXPECT(compare(&r, printed, TEXTS("abc\n"), TEXTS("ab", "abc\n")) == OK);
	EXPECT(r.c.differing == 0);
	EXPECT(compare(&r, printed, TEXTS("abc\nd\n"), TEXTS("abc\nabc\n")) == OK);
	EXPECT(r.c.differing == 1 && !strcmp(r.c.first[0].record, "d"));
}

TEST(updates_of_a_key_are_compared_as_chains)
{
	struct rig r;
	/* 5 then 2, or 2 then 5: the same inputs in another order. */
	EXPECT(compare(&r, chains, TEXTS("k,n\na,5\na,7\nb,1\n"),
		       TEXTS("k,n\nb,1\na,2\n", "k,n\na,7\n")) == OK);
	EXPECT(r.c.differing == 0);
	/* The right end, and as many links, but another step. */
	EXPECT(compare(&r, chains, TEXTS("k,n\na,5\na,7\n"), TEXTS("k,n\na,4\na,7\n")) == OK);
	EXPECT(r.c.differing == 1 && strstr(r.c.first[0].says, "chain"));
	EXPECT(compare(&r, chains, TEXTS("k,n\na,5\na,7\n"), TEXTS("k,n\na,5\na,7\na,7\n")) == OK);
	EXPECT(r.c.differing == 1 && strstr(r.c.first[0].says, "3 updates"));
	EXPECT(compare(&r, chains, TEXTS("k,n\na,5\na,7\n"), TEXTS("k,n\na,7\na,5\n")) == OK);
	EXPECT(r.c.differing == 1 && strstr(r.c.first[0].says, "ends with 5 instead of 7"));
	EXPECT(compare(&r, chains, TEXTS("k,n\na,5\nb,1\n"), TEXTS("k,n\na,5\nc,1\n")) == OK);
	EXPECT(r.c.differing == 2);
}

TEST(files_are_read_in_the_order_of_their_numbers)
{
	struct rig r;
	/* part-9 before part-10: as text it is the other way round. */
	EXPECT(compare(&r, chains, TEXTS("k,n\na,1\na,2\n"),
		       TEXTS("k,n\na,1\n", "k,n\na,2\n")) == OK);
	EXPECT(r.c.differing == 0);
}

TEST(the_last_digits_of_a_real_sum_do_not_count)
{
	struct rig r;
	struct torture_sink last = {.judge = JUDGE_LAST, .separator = ':', .real = true};
	EXPECT(compare(&r, last, TEXTS("{\"k\":1,\"n\":0.30000000000000004}\n"),
		       TEXTS("{\"k\":1,\"n\":0.1}\n{\"k\":1,\"n\":0.3}\n")) == OK);
	EXPECT(r.c.differing == 0);
	EXPECT(compare(&r, last, TEXTS("{\"k\":1,\"n\":0.31}\n"),
		       TEXTS("{\"k\":1,\"n\":0.3}\n")) == OK);
	EXPECT(r.c.differing == 1);
}

TEST(a_seed_says_all_about_a_strike_and_every_kind_comes)
{
	struct strike_facts f = {.took_us = 1000000, .interval_us = 50000};
	unsigned kinds[4] = {0}, hows[FS_FAULT_HOWS] = {0}, ops[FS_OPS] = {0}, errors[2] = {0};
	char a[STRIKE_TEXT], b[STRIKE_TEXT];
	for (int i = 0; i < FS_OPS; i++)
		f.ops[i] = 10 + (uint64_t)i;
	f.ops[FS_OP_LOCK] = 0; /* the undisturbed run took none: nothing is planned there */
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		struct rng one, two;
		rng_seed(&one, seed);
		rng_seed(&two, seed);
		struct strike s = strike_choose(&one, &f), again = strike_choose(&two, &f);
		EXPECT(!strcmp(strike_text(&s, a), strike_text(&again, b)));
		kinds[s.kind]++;
		if (s.kind != STRIKE_FAULT)
			continue;
		EXPECT(s.fault.at >= 1 && s.fault.at <= f.ops[s.fault.op]);
		hows[s.fault.how]++;
		ops[s.fault.op]++;
		errors[s.fault.errnum == EIO] += s.fault.how == FS_FAULT_FAIL;
	}
	EXPECT(!kinds[STRIKE_NONE] && kinds[STRIKE_TIME] > 300 && kinds[STRIKE_CHECKPOINT] > 300 &&
	       kinds[STRIKE_FAULT] > 300);
	EXPECT(!hows[FS_FAULT_NONE] && errors[0] && errors[1] && !ops[FS_OP_LOCK]);
	for (int i = FS_FAULT_DIE_BEFORE; i < FS_FAULT_HOWS; i++)
		EXPECT(hows[i] > 50);
	for (int i = 0; i < FS_OPS; i++)
		EXPECT(ops[i] || i == FS_OP_LOCK);
}

TEST(a_fault_is_the_same_behind_a_command_line)
{
	char text[FAULT_TEXT];
	struct fs_fault_plan back;
	for (int how = 0; how < FS_FAULT_HOWS; how++)
		for (int op = 0; op < FS_OPS; op++) {
			struct fs_fault_plan p = {(enum fs_fault_how)how, (enum fs_op)op, UINT64_MAX, 7,
						  ENOSPC};
			EXPECT(torture_fault_read(&back, torture_fault_text(&p, text)));
			EXPECT(back.how == p.how && back.op == p.op && back.at == p.at &&
			       back.times == p.times && back.errnum == p.errnum);
		}
	const char *const wrong[] = {"", "fail", "fail:rename:1:1", "fail:renamed:1:1:5",
				     "die:rename:1:1:0", "fail:rename:1:1:5x"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		EXPECT(!torture_fault_read(&back, wrong[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(how_records_are_cut_into_files_says_nothing),
		T(a_record_too_many_or_too_few_is_told),
		T(many_differences_are_counted_and_the_first_are_told),
		T(a_line_break_between_quotes_ends_no_record),
		T(a_committed_record_that_is_cut_off_is_a_fault_and_a_printed_one_is_none),
		T(updates_of_a_key_are_compared_as_chains),
		T(files_are_read_in_the_order_of_their_numbers),
		T(the_last_digits_of_a_real_sum_do_not_count),
		T(a_seed_says_all_about_a_strike_and_every_kind_comes),
		T(a_fault_is_the_same_behind_a_command_line),
	};
	return RUN(tests);
}
