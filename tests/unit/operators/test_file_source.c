/* test_file_source.c - each line of each file once, whatever the borders, the parallelism, the
 * order of steps, and where it was cut off and restored. The source is compiled with tiny splits.
 * */
#include "tests/unit/operators/source_world.h"

/* Runs to the end with one parallelism, without a restart. */
static void read_all(struct world *w, uint32_t parallelism)
{
	struct attempt a;
	struct err e = {OK};
	enum rc rc = OK;
	EXPECT_OK(attempt_open(w, &a, parallelism, &e), &e);
	bool ended = attempt_steps(w, &a, 100000, &rc, &e);
	if (rc != OK || !ended)
		fail_msg("did not end: %s", e.text);
	EXPECT_OK(attempt_snapshot(w, &a, &e), &e);
	attempt_close(w, &a);
}

static void expect_all(struct world *w, const char *what, uint64_t seed)
{
	char why[512];
	if (!gots_are_equal(&w->out, &w->want, why, sizeof why))
		fail_msg("%s, seed %llu: %s", what, (unsigned long long)seed, why);
}

/* Splits of 24 bytes and more: two at 48 bytes. '|' marks the border for the reader of this table.
 * */
TEST(a_line_belongs_to_the_split_that_holds_its_first_byte)
{
	static const struct {
		const char *what, *text;
	} cases[] = {
		{"empty file", ""},
		{"one byte", "x"},
		{"one line end", "\n"},
		{"no final newline", "one\ntwo"},
		{"CRLF", "one\r\ntwo\r\n"},
		{"CR at the end of a file without newline", "one\ntwo\r"},
		{"CR alone is text", "o\rne\ntwo\n"},
		{"border at a line's begin", "aaaaaaaaaaaaaaaaaaaaaaa\n" "|bbbbbbbbbbbbbbbbbbbbbb\n"},
		{"border in a line", "aaaaaaaaaaaaaaaaaaaaaaaa" "|aaa\nbbbbbbbbbbbbbbbbbb\n"},
		{"border before a newline", "aaaaaaaaaaaaaaaaaaaaaaaa" "\nbbbbbbbbbbbbbbbbbbbbbbb"},
		{"border inside CRLF", "aaaaaaaaaaaaaaaaaaaaaaa\r" "\nbbbbbbbbbbbbbbbbbbbbb\r\n"},
		{"border behind CRLF", "aaaaaaaaaaaaaaaaaaaaaa\r\n" "|bbbbbbbbbbbbbbbbbbbbb\r\n"},
		{"a line longer than two splits",
		 "a\n" "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
		 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\nc\nd"},
		{"one line is all there is, without an end",
		 "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"},
		{"empty lines only",
		 "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
		 "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"},
		{"the last line begins with the last byte",
		 "aaaaaaaaaaaaaaaaaaaaaaaa" "aaaaaaaaaaaaaaaaaaaaaa\n" "b"},
		{"invalid UTF-8", "a\xff\xfe\n\xc0\x80\xed\xa0\x80\n\xf4\n"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (uint32_t p = 1; p <= 4; p++) {
			struct world w;
			world_open(&w, i);
			world_file(&w, "words.txt", cases[i].text, strlen(cases[i].text));
			world_plan(&w, "{\"path\":\"words.txt\"}");
			read_all(&w, p);
			expect_all(&w, cases[i].what, i);
			world_close(&w);
		}
}

TEST(nul_bytes_pass_through)
{
	struct world w;
	world_open(&w, 1);
	world_file(&w, "nul", "a\0b\n\0\n\0", 7);
	world_plan(&w, "{\"path\":\"nul\",\"format\":\"text\"}");
	read_all(&w, 1);
	expect_all(&w, "nul", 1);
	EXPECT(w.out.n == 3 && w.out.v[0].len == 3);
	world_close(&w);
}

static size_t random_text(struct rng *r, char *to, size_t max)
{
	size_t len = rng_below(r, 3) ? rng_below(r, max) : rng_below(r, 60);
	uint64_t often = 1 + rng_below(r, rng_below(r, 4) ? 12 : 90);
	for (size_t i = 0; i < len; i++)
		to[i] = rng_below(r, often + 1) == 0 ? '\n'
			: rng_below(r, 9) == 0       ? '\r'
						     : (char)('a' + rng_below(r, 26));
	return len;
}

/* What the subtasks together say they have read, of all there was, what is before a restore
 * included. It never goes back but where a crash took it. */
static uint64_t expect_progress(const struct attempt *a, uint64_t total)
{
	uint64_t done = 0, all = 0;
	for (uint32_t i = 0; i < a->n; i++) {
		EXPECT(a->d[i].ctx.work_done <= a->d[i].ctx.work_total);
		done += a->d[i].ctx.work_done;
		all += a->d[i].ctx.work_total;
	}
	EXPECT(all == total);
	return done;
}

/* Stopped at a random step again and again, restored into another parallelism each time. */
TEST(inv21_each_line_once_over_restarts_and_rescales)
{
	for (uint64_t seed = 0; seed < 600; seed++) {
		struct world w;
		struct attempt a;
		struct err e = {OK};
		enum rc rc = OK;
		char text[700], path[32];
		uint64_t total = 0, done = 0;
		world_open(&w, seed);
		EXPECT_OK(fs_mkdir(w.fs, "in", NULL, &e), &e);
		uint64_t files = 1 + rng_below(&w.rng, 4);
		for (uint64_t f = 0; f < files; f++) {
			snprintf(path, sizeof path, "in/%llu.txt", (unsigned long long)f);
			size_t len = random_text(&w.rng, text, sizeof text);
			world_file(&w, path, text, len);
			total += len;
		}
		world_plan(&w, "{\"path\":\"in\"}");
		bool ended = false;
		for (int go = 0; !ended && go < 500; go++) {
			EXPECT_OK(attempt_open(&w, &a, 1 + (uint32_t)rng_below(&w.rng, 4), &e), &e);
			EXPECT(expect_progress(&a, total) >= done);
			/* Some snapshots, then a crash some steps after the last one. */
			for (uint64_t n = rng_below(&w.rng, 4); !ended && n--;) {
				ended = attempt_steps(&w, &a, rng_below(&w.rng, 120), &rc, &e);
				EXPECT_OK(attempt_snapshot(&w, &a, &e), &e);
				EXPECT(expect_progress(&a, total) >= done);
				done = expect_progress(&a, total);
			}
			if (ended)
				EXPECT(expect_progress(&a, total) == total);
			else
				attempt_steps(&w, &a, rng_below(&w.rng, 60), &rc, &e);
			attempt_close(&w, &a);
			if (rc != OK)
				fail_msg("seed %llu: %s", (unsigned long long)seed, e.text);
		}
		EXPECT(ended);
		expect_all(&w, "restarts", seed);
		world_close(&w);
	}
}

TEST(folders_leave_out_what_is_hidden_or_no_file_and_globs_fit_names)
{
	const struct {
		const char *options;
		size_t lines;
	} cases[] = {{"{\"path\":\"in\"}", 3}, {"{\"path\":\"in/\"}", 3},
		     {"{\"path\":\"in/*.txt\"}", 2},
		     {"{\"path\":\"in/?.txt\"}", 1}, {"{\"path\":\"in/a[1].log\"}", 1},
		     {"{\"path\":\"./in//b.txt\"}", 1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w;
		struct err e = {OK};
		world_open(&w, 1);
		EXPECT_OK(fs_mkdir_all(w.fs, "in/sub", &e), &e);
		file_make(w.fs, "in/sub/x.txt", "no\n", 3);
		file_make(w.fs, "in/.hidden.txt", "no\n", 3);
		file_make(w.fs, "in/aa.txt", "aa\n", 3);
		file_make(w.fs, "in/b.txt", "b\n", 2);
		file_make(w.fs, "in/a[1].log", "log\n", 4);
		world_plan(&w, cases[i].options);
		read_all(&w, 2);
		EXPECT(w.out.n == cases[i].lines);
		world_close(&w);
	}
}

TEST(what_was_appended_and_files_that_came_later_are_not_read)
{
	struct world w;
	struct attempt a;
	struct err e = {OK};
	enum rc rc = OK;
	world_open(&w, 4);
	EXPECT_OK(fs_mkdir(w.fs, "in", NULL, &e), &e);
	world_file(&w, "in/a", "one\ntwo\nthree", 13);
	world_plan(&w, "{\"path\":\"in\"}");
	EXPECT_OK(attempt_open(&w, &a, 2, &e), &e);
	attempt_close(&w, &a);
	/* append: the same file, longer */
	EXPECT_OK(fs_unlink(w.fs, "in/a", &e), &e);
	file_make(w.fs, "in/a", "one\ntwo\nthree and more\nfour\n", 28);
	file_make(w.fs, "in/b", "later\n", 6);
	EXPECT_OK(attempt_open(&w, &a, 1, &e), &e);
	EXPECT(attempt_steps(&w, &a, 100000, &rc, &e) && rc == OK);
	EXPECT_OK(attempt_snapshot(&w, &a, &e), &e);
	attempt_close(&w, &a);
	expect_all(&w, "bound", 4);
	EXPECT_OK(attempt_open(&w, &a, 1, &e), &e);
	EXPECT(!strcmp(w.says, "in: all of it was read"));
	attempt_close(&w, &a);
	world_close(&w);
}

/* ---- changed files ---- */

static const char before[] = "0 one line\n1 one line\n2 one line\n"
			     "3 one line\n4 one line\n5 one line\n";

/* Reads some, takes a snapshot, then the file is another one. */
static void expect_change(const char *now, size_t now_len, enum rc want, const char *says)
{
	struct world w;
	struct attempt a;
	struct err e = {OK};
	enum rc rc = OK;
	world_open(&w, 5);
	world_file(&w, "words.txt", before, strlen(before));
	world_plan(&w, "{\"path\":\"words.txt\"}");
	EXPECT_OK(attempt_open(&w, &a, 1, &e), &e);
	while (!a.got[0].n)
		attempt_steps(&w, &a, 1, &rc, &e);
	EXPECT_OK(attempt_snapshot(&w, &a, &e), &e);
	EXPECT(w.out.n >= 1 && w.out.n < 6);
	attempt_close(&w, &a);
	EXPECT_OK(attempt_open(&w, &a, 1, &e), &e);
	EXPECT(!strncmp(w.says, "words.txt from byte ", 20));
	attempt_close(&w, &a);
	EXPECT_OK(fs_unlink(w.fs, "words.txt", &e), &e);
	if (now)
		file_make(w.fs, "words.txt", now, now_len);
	rc = attempt_open(&w, &a, 1, &e);
	if (rc == OK)
		attempt_close(&w, &a);
	if (rc != want || (says && !strstr(e.text, says)))
		fail_msg("got %s: %s; want %s: %s", err_name(rc), e.text, err_name(want), says);
	world_close(&w);
}

TEST(inv21_a_file_that_changed_is_an_error_that_says_where)
{
	const char counted[] = "words.txt changed before byte 11, which is already counted";
	char now[sizeof before];
	memcpy(now, before, sizeof now);
	expect_change(now, strlen(now), OK, NULL);
	now[3] = 'X'; /* in its head */
	expect_change(now, strlen(now), E_CHANGED, counted);
	memcpy(now, before, sizeof now);
	now[9] = 'X'; /* in what is before `next` */
	expect_change(now, strlen(now), E_CHANGED, counted);
	memcpy(now, before, sizeof now);
	now[20] = 'X'; /* behind it: nobody has counted it yet */
	expect_change(now, strlen(now), OK, NULL);
	expect_change(now, 5, E_CHANGED, "byte 11, which is already counted: it has 5 bytes now");
	expect_change(now, 30, E_CHANGED, "it has 30 bytes now, and had 66 when the job began");
	expect_change(NULL, 0, E_CHANGED, "words.txt is gone");
}

TEST(inv21_a_file_that_changes_after_the_start_is_seen_when_it_is_opened)
{
	struct world w;
	struct attempt a;
	struct err e = {OK};
	enum rc rc = OK;
	char now[sizeof before];
	memcpy(now, before, sizeof now);
	now[9] = 'X';
	world_open(&w, 6);
	world_file(&w, "words.txt", before, strlen(before));
	world_plan(&w, "{\"path\":\"words.txt\"}");
	EXPECT_OK(attempt_open(&w, &a, 1, &e), &e);
	while (!a.got[0].n)
		attempt_steps(&w, &a, 1, &rc, &e);
	EXPECT_OK(attempt_snapshot(&w, &a, &e), &e);
	attempt_close(&w, &a);
	EXPECT_OK(attempt_open(&w, &a, 1, &e), &e);
	EXPECT_OK(fs_unlink(w.fs, "words.txt", &e), &e);
	file_make(w.fs, "words.txt", now, strlen(now));
	EXPECT(!attempt_steps(&w, &a, 10000, &rc, &e));
	EXPECT(rc == E_CHANGED && strstr(e.text, "words.txt changed before byte 11"));
	attempt_close(&w, &a);
	world_close(&w);
}

TEST(another_path_or_max_parallelism_is_refused)
{
	struct world w;
	struct attempt a;
	struct err e = {OK};
	world_open(&w, 7);
	world_file(&w, "a", "x\n", 2);
	world_file(&w, "b", "x\n", 2);
	world_plan(&w, "{\"path\":\"a\"}");
	EXPECT_OK(attempt_open(&w, &a, 1, &e), &e);
	attempt_close(&w, &a);
	plan_close(&w.plan, &w.mem);
	world_plan(&w, "{\"path\":\"b\"}");
	EXPECT(attempt_open(&w, &a, 1, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "path was 'a' when this job began and is 'b' now"));
	world_close(&w);
}

TEST(what_cannot_be_read_is_refused_before_the_fence)
{
	const struct {
		const char *options, *says;
		enum rc want;
	} cases[] = {
		{"{\"path\":\"nothing\"}", "nothing cannot be read", E_NOT_FOUND},
		{"{\"path\":\"in/*.csv\"}", "no file fits in/*.csv", E_NOT_FOUND},
		{"{\"path\":\"no/*.csv\"}", "no cannot be read", E_NOT_FOUND},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w;
		struct attempt a;
		struct err e = {OK};
		world_open(&w, 1);
		EXPECT_OK(fs_mkdir(w.fs, "in", NULL, &e), &e);
		world_plan(&w, cases[i].options);
		EXPECT(attempt_open(&w, &a, 1, &e) == cases[i].want);
		EXPECT(strstr(e.text, cases[i].says));
		world_close(&w);
	}
}

TEST(options_that_make_no_sense_are_named)
{
	const struct {
		const char *options, *says;
	} cases[] = {
		{"{}", "path"},
		{"{\"path\":\"a\",\"format\":\"csv\"}", "csv"},
		{"{\"path\":\"a\",\"rate\":0}", "rate is a positive number"},
		{"{\"path\":\"a\",\"rate\":-5}", "rate is a positive number"},
		{"{\"path\":\"a*/b\"}", "wild cards stand in the last part"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct mem mem;
		struct planned p;
		struct err e = {OK};
		mem_init(&mem, 0);
		EXPECT(!plan_stage(&p, &small_file_source_ops, cases[i].options, NULL, &mem, &e));
		if (!strstr(e.text, cases[i].says))
			fail_msg("%s: %s", cases[i].options, e.text);
		plan_close(&p, &mem);
		EXPECT(mem.used_bytes == 0);
	}
}

/* ---- records that are too long ---- */

TEST(a_line_over_the_limit_fails_naming_file_and_place_however_it_was_read)
{
	for (uint32_t len = 95; len <= 105; len++)
		for (int crlf = 0; crlf < 2; crlf++)
			for (uint64_t seed = 0; seed < 4; seed++) {
				struct world w;
				struct attempt a;
				struct err e = {OK};
				enum rc rc = OK;
				char text[200] = "first\n";
				world_open(&w, seed);
				w.record_limit = 100;
				memset(text + 6, 'x', len);
				memcpy(text + 6 + len, crlf ? "\r\nend\n" : "\nend\n", 7 - !crlf);
				world_file(&w, "words.txt", text, strlen(text));
				world_plan(&w, "{\"path\":\"words.txt\"}");
				EXPECT_OK(attempt_open(&w, &a, 1 + (uint32_t)seed, &e), &e);
				attempt_steps(&w, &a, 10000, &rc, &e);
				EXPECT(rc == (len > 100 ? E_RECORD : OK));
				if (rc != OK)
					EXPECT(!strcmp(e.text, "words.txt, byte 6: a line is longer than "
							       "limits.record allows (100 bytes)"));
				attempt_close(&w, &a);
				world_close(&w);
			}
}

TEST(with_skip_a_line_over_the_limit_is_left_out_and_counted_once)
{
	for (uint32_t len = 95; len <= 105; len++)
		for (int crlf = 0; crlf < 2; crlf++)
			for (uint32_t p = 1; p <= 4; p++) {
				struct world w;
				char text[300] = "first\n";
				size_t at = 6;
				world_open(&w, p);
				w.record_limit = 100;
				w.skip = true;
				for (int i = 0; i < 2; i++) { /* at the end without a line end, too */
					memset(text + at, 'x', len);
					at += len;
					at += (size_t)sprintf(text + at, "%s", i ? "" : crlf ? "\r\nb\n" : "\nb\n");
				}
				world_file(&w, "words.txt", text, at);
				if (len > 100) {
					gots_cut(&w.want, 3);
					free(w.want.v[1].text);
					free((char *)w.want.v[1].name);
					w.want.v[1] = w.want.v[2];
					w.want.n = 2;
				}
				world_plan(&w, "{\"path\":\"words.txt\"}");
				read_all(&w, p);
				expect_all(&w, "skip", len);
				EXPECT(w.skipped == (len > 100 ? 2 : 0));
				world_close(&w);
			}
}

/* As the restarts above, with a limit that some lines are over: they may be longer than blocks and
 * splits, and a crash may come while one is passed over. */
TEST(inv21_lines_left_out_are_the_same_ones_over_restarts_and_rescales)
{
	for (uint64_t seed = 0; seed < 400; seed++) {
		struct world w;
		struct attempt a;
		struct err e = {OK};
		enum rc rc = OK;
		char text[700];
		world_open(&w, seed);
		w.record_limit = 20 + (uint32_t)rng_below(&w.rng, 60);
		w.skip = true;
		world_file(&w, "a", text, random_text(&w.rng, text, sizeof text));
		size_t kept = 0;
		for (size_t i = 0; i < w.want.n; i++) {
			struct got x = w.want.v[i];
			if (x.len > w.record_limit) {
				free(x.text);
				free((char *)x.name);
			} else {
				w.want.v[kept++] = x;
			}
		}
		uint64_t long_lines = w.want.n - kept;
		w.want.n = kept;
		world_plan(&w, "{\"path\":\"a\"}");
		bool ended = false;
		for (int go = 0; !ended && go < 500; go++) {
			EXPECT_OK(attempt_open(&w, &a, 1 + (uint32_t)rng_below(&w.rng, 4), &e), &e);
			for (uint64_t n = rng_below(&w.rng, 4); !ended && n--;) {
				ended = attempt_steps(&w, &a, rng_below(&w.rng, 120), &rc, &e);
				EXPECT_OK(attempt_snapshot(&w, &a, &e), &e);
			}
			if (!ended)
				attempt_steps(&w, &a, rng_below(&w.rng, 60), &rc, &e);
			attempt_close(&w, &a);
			if (rc != OK)
				fail_msg("seed %llu: %s", (unsigned long long)seed, e.text);
		}
		EXPECT(ended && w.skipped >= long_lines);
		expect_all(&w, "lines left out", seed);
		world_close(&w);
	}
}

/* ---- pace ---- */

TEST(rate_holds_for_all_subtasks_together)
{
	struct world w;
	struct attempt a;
	struct err e = {OK};
	enum rc rc = OK;
	char *text = malloc(40000);
	for (int i = 0; i < 10000; i++)
		memcpy(text + 4 * i, "abc\n", 4);
	world_open(&w, 8);
	world_file(&w, "words.txt", text, 40000);
	world_plan(&w, "{\"path\":\"words.txt\",\"rate\":5000}");
	EXPECT_OK(attempt_open(&w, &a, 2, &e), &e);
	uint64_t from = w.now_us;
	EXPECT(attempt_steps(&w, &a, 1000000, &rc, &e));
	uint64_t took = w.now_us - from;
	EXPECT(took > 1950000 && took < 2050000); /* 10,000 lines at 5,000 a second */
	EXPECT_OK(attempt_snapshot(&w, &a, &e), &e);
	attempt_close(&w, &a);
	expect_all(&w, "rate", 8);
	world_close(&w);
	free(text);
}

/* ---- faults ---- */

static bool run_once(struct world *w, struct err *e)
{
	struct attempt a;
	enum rc rc = attempt_open(w, &a, 2, e);
	if (rc != OK)
		return false;
	bool ended = attempt_steps(w, &a, 30, &rc, e);
	if (rc == OK)
		rc = attempt_snapshot(w, &a, e);
	if (rc == OK && !ended)
		ended = attempt_steps(w, &a, 100000, &rc, e);
	if (rc == OK)
		rc = attempt_snapshot(w, &a, e);
	attempt_close(w, &a);
	return rc == OK && ended;
}

/* Each operation fails once; what was counted before the failure is completed by the next attempt.
 * */
TEST(inv32_each_file_operation_that_fails_ends_the_attempt_and_loses_nothing)
{
	const enum rc codes[] = {E_IO, E_LIMIT, E_CRASHED};
	for (size_t c = 0; c < 3; c++) {
		uint64_t failures = 0;
		for (uint64_t n = 1;; n++) {
			struct world w;
			struct err e = {OK};
			world_open(&w, 10 + n);
			EXPECT_OK(fs_mkdir(w.fs, "in", NULL, &e), &e);
			world_file(&w, "in/a", before, strlen(before));
			world_file(&w, "in/b", "x\ny\n", 4);
			world_plan(&w, "{\"path\":\"in\"}");
			fs_sim_fault_at(w.sim, fs_sim_count(w.sim) + n, codes[c], false);
			bool ended = run_once(&w, &e);
			bool hit = fs_sim_faults(w.sim) > 0;
			failures += !ended;
			EXPECT(ended || (hit && e.code == codes[c]));
			err_clear(&e);
			if (!ended)
				EXPECT(run_once(&w, &e));
			expect_all(&w, "fault", n);
			world_close(&w);
			if (!hit)
				break;
		}
		EXPECT(failures > 10);
	}
}

TEST(inv31_each_allocation_that_fails_ends_the_attempt_and_leaks_nothing)
{
	uint64_t failures = 0;
	for (uint64_t n = 1;; n++) {
		struct world w;
		struct err e = {OK};
		world_open(&w, 3);
		world_file(&w, "a", before, strlen(before));
		world_plan(&w, "{\"path\":\"a\"}");
		w.mem.fail_at = w.mem.calls + n;
		bool ended = run_once(&w, &e);
		bool hit = w.mem.calls >= w.mem.fail_at;
		w.mem.fail_at = 0;
		EXPECT(ended || (hit && e.code == E_NO_MEMORY));
		failures += !ended;
		err_clear(&e);
		if (!ended)
			EXPECT(run_once(&w, &e));
		expect_all(&w, "allocation", n);
		world_close(&w);
		if (!hit)
			break;
	}
	EXPECT(failures > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_line_belongs_to_the_split_that_holds_its_first_byte),
		T(nul_bytes_pass_through),
		T(inv21_each_line_once_over_restarts_and_rescales),
		T(folders_leave_out_what_is_hidden_or_no_file_and_globs_fit_names),
		T(what_was_appended_and_files_that_came_later_are_not_read),
		T(inv21_a_file_that_changed_is_an_error_that_says_where),
		T(inv21_a_file_that_changes_after_the_start_is_seen_when_it_is_opened),
		T(another_path_or_max_parallelism_is_refused),
		T(what_cannot_be_read_is_refused_before_the_fence),
		T(options_that_make_no_sense_are_named),
		T(a_line_over_the_limit_fails_naming_file_and_place_however_it_was_read),
		T(with_skip_a_line_over_the_limit_is_left_out_and_counted_once),
		T(inv21_lines_left_out_are_the_same_ones_over_restarts_and_rescales),
		T(rate_holds_for_all_subtasks_together),
		T(inv32_each_file_operation_that_fails_ends_the_attempt_and_loses_nothing),
		T(inv31_each_allocation_that_fails_ends_the_attempt_and_leaks_nothing),
	};
	return RUN(tests);
}
