/* test_catalogue.c - the catalogue on a real file system and on the simulated one: what a start
 * finds, what it refuses, what it never touches. Crashes: tests/proof/test_proof_catalogue.c. */
#include "catalogue_rig.h"

#include <inttypes.h>

#define V1 ".00000000000000000001"
#define V2 ".00000000000000000002"
#define V3 ".00000000000000000003"

TEST(what_was_put_is_found_in_the_order_of_names)
{
	struct world w;
	char one[] = "one", two[] = "two", three[] = "three";
	EACH_DISK(w)
	{
		reopen(&w);
		EXPECT(w.n_seen == 0);
		EXPECT(put(&w, "a-b", 0, STANDING_RUNNING, two) == 1);
		EXPECT(put(&w, "a", 0, STANDING_RUNNING, one) == 1);
		EXPECT(put(&w, "a_b", 0, STANDING_FINISHED, three) == 1);
		EXPECT(put(&w, "a", 1, STANDING_STOPPED, NULL) == 2);
		expect_job(&w, "a", 2, "one");
		EXPECT(!is_there(&w, "catalogue/a" V1));
		reopen(&w);
		EXPECT(w.n_seen == 3 && !strcmp(w.seen[0].name, "a") && w.seen[0].version == 2);
		EXPECT(w.seen[0].standing == STANDING_STOPPED);
		EXPECT(!strcmp(w.seen[1].name, "a-b") && !strcmp(w.seen[2].name, "a_b"));
		expect_job(&w, "a", 2, "one");
		expect_job(&w, "a_b", 1, "three");
		EXPECT(put(&w, "a", 2, STANDING_RUNNING, two) == 3);
		expect_job(&w, "a", 3, "two");
	}
}

TEST(a_name_that_is_taken_stale_or_gone_is_refused)
{
	struct world w;
	char job[] = "one";
	EACH_DISK(w)
	{
		reopen(&w);
		put(&w, "a", 0, STANDING_RUNNING, job);
		EXPECT(put_rc(&w, "a", 0) == E_EXISTS);
		put(&w, "a", 1, STANDING_RUNNING, job);
		EXPECT(put_rc(&w, "a", 1) == E_EXISTS && put_rc(&w, "a", 3) == E_EXISTS);
		reopen(&w);
		EXPECT(put_rc(&w, "a", 0) == E_EXISTS && put_rc(&w, "a", 1) == E_EXISTS);
		EXPECT_OK(catalogue_drop(w.cat, "a", &w.e), &w.e);
		EXPECT_OK(catalogue_drop(w.cat, "a", &w.e), &w.e);
		EXPECT(put_rc(&w, "a", 2) == E_NOT_FOUND);
		reopen(&w);
		EXPECT(w.n_seen == 0 && put_rc(&w, "a", 0) == OK);
	}
}

TEST(names_that_could_leave_the_folder_are_refused_everywhere)
{
	static const char *const names[] = {"", ".", "..", "../x", "a/b", "a.b", "a b", "tmp-\n"};
	struct world w;
	struct entry en;
	EACH_DISK(w)
	{
		reopen(&w);
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			EXPECT(put_rc(&w, names[i], 0) == E_INVALID);
			EXPECT(catalogue_read(w.cat, names[i], 1, &en, NULL) == E_INVALID);
			EXPECT(catalogue_erase(w.cat, names[i], true, NULL) == E_INVALID);
			EXPECT(catalogue_drop(w.cat, names[i], NULL) == E_INVALID);
			EXPECT(catalogue_is_free(w.cat, names[i], NULL) == E_INVALID);
		}
		EXPECT(put_rc(&w, "0123456789012345678901234567890123456789012345678901234567890123",
			      0) == OK);
	}
}

TEST(a_job_may_be_called_like_a_temporary)
{
	struct world w;
	char job[] = "x";
	EACH_DISK(w)
	{
		reopen(&w);
		put(&w, "tmp-00000000000000000001-a", 0, STANDING_RUNNING, job);
		make_file(&w, "catalogue/tmp-00000000000000000001-a", "half an en");
		/* In the way of a put: it is nobody's. */
		put(&w, "a", 0, STANDING_RUNNING, job);
		make_file(&w, "catalogue/tmp-00000000000000000009-a", "half an en");
		reopen(&w);
		EXPECT(w.n_seen == 2 && !is_there(&w, "catalogue/tmp-00000000000000000009-a"));
	}
}

TEST(version_0_reads_the_newest_whatever_was_put_since)
{
	struct world w;
	char old[] = "old", new[] = "new";
	EACH_DISK(w)
	{
		struct entry en;
		reopen(&w);
		EXPECT(catalogue_read(w.cat, "a", 0, &en, NULL) == E_NOT_FOUND);
		uint64_t version = put(&w, "a", 0, STANDING_RUNNING, old);
		expect_job(&w, "a", 0, "old");
		put(&w, "a", version, STANDING_STOPPED, new);
		expect_job(&w, "a", 0, "new");
		EXPECT(catalogue_read(w.cat, "a", version, &en, NULL) == E_NOT_FOUND);
		reopen(&w);
		expect_job(&w, "a", 0, "new");
	}
}

TEST(foreign_names_are_left_alone_and_reported)
{
	static const char *const names[] = {
		"README", "a.1", "a.00000000000000000000", "a.00000000000000000001.bak",
		"a.99999999999999999999", "a b.00000000000000000001", ".00000000000000000001",
		"a.+0000000000000000001", "tmp-1-a", "tmp-00000000000000000001", "tmp-", ".hidden",
	};
	struct world w;
	const char *one;
	EACH_DISK(w)
	{
		reopen(&w);
		EXPECT(catalogue_foreign(w.cat, &one) == 0 && !one);
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			char file[128];
			snprintf(file, sizeof file, "catalogue/%s", names[i]);
			make_file(&w, file, "x");
		}
		reopen(&w);
		EXPECT(w.n_seen == 0);
		EXPECT(catalogue_foreign(w.cat, &one) == ARRAY_LEN(names) && one[0]);
		struct fs_names l;
		EXPECT_OK(fs_list(w.fs, at(&w, "catalogue"), &l, &w.e), &w.e);
		EXPECT(l.n == ARRAY_LEN(names));
		fs_names_close(&l);
	}
}

/* Flips a byte of a file in place. */
static void damage(struct world *w, const char *file, uint64_t offset)
{
	if (w->sim) {
		EXPECT_OK(fs_sim_flip(w->sim, at(w, file), offset * 8, &w->e), &w->e);
		return;
	}
	FILE *f = fopen(at(w, file), "r+");
	EXPECT(f && !fseek(f, (long)offset, SEEK_SET));
	int c = fgetc(f);
	EXPECT(!fseek(f, (long)offset, SEEK_SET) && fputc(c ^ 1, f) != EOF && !fclose(f));
}

TEST(a_corrupt_newest_version_is_reported_and_nothing_older_stands_in_for_it)
{
	struct world w;
	char job[] = "one", copy[4096];
	EACH_DISK(w)
	{
		uint8_t *data;
		size_t len;
		reopen(&w);
		put(&w, "a", 0, STANDING_STOPPED, job);
		EXPECT_OK(fs_read_all(w.fs, at(&w, "catalogue/a" V1), 4096, &data, &len, &w.e), &w.e);
		memcpy(copy, data, len + 1);
		mem_put(w.fs->mem, data);
		put(&w, "a", 1, STANDING_REMOVED, NULL);
		put(&w, "b", 0, STANDING_RUNNING, job);
		make_file(&w, "catalogue/a" V1, copy);
		damage(&w, "catalogue/a" V2, 100);
		for (int i = 0; i < 2; i++) {
			struct entry en;
			reopen(&w);
			EXPECT(w.n_seen == 2 && w.seen[0].corrupt && w.seen[0].version == 2);
			EXPECT(!strcmp(w.seen[0].name, "a") && strstr(w.seen[0].error, "a" V2));
			EXPECT(!w.seen[1].corrupt);
			EXPECT(is_there(&w, "catalogue/a" V1) && is_there(&w, "catalogue/a" V2));
			EXPECT(catalogue_read(w.cat, "a", 2, &en, NULL) == E_CORRUPT);
			EXPECT(put_rc(&w, "a", 0) == E_EXISTS);
			/* Its description is lost, so it cannot be carried over. */
			struct entry next = entry_of("a", STANDING_RUNNING, NULL);
			uint64_t version = 2;
			EXPECT(catalogue_put(w.cat, &next, &version, NULL) == E_CORRUPT && version == 2);
		}
		/* But it can be removed: in one step, and in the two of a server. */
		if (w.sim)
			EXPECT(put(&w, "a", 2, STANDING_REMOVED, NULL) == 3);
		EXPECT_OK(catalogue_drop(w.cat, "a", &w.e), &w.e);
		EXPECT(!is_there(&w, "catalogue/a" V1) && !is_there(&w, "catalogue/a" V2));
		EXPECT(!is_there(&w, "catalogue/a" V3));
		/* Superseded by one that is whole, it goes. */
		damage(&w, "catalogue/b" V1, 3);
		reopen(&w);
		EXPECT(w.n_seen == 1 && w.seen[0].corrupt);
		EXPECT(put(&w, "b", 1, STANDING_RUNNING, job) == 2);
		reopen(&w);
		EXPECT(w.n_seen == 1 && !w.seen[0].corrupt && !is_there(&w, "catalogue/b" V1));
	}
}

TEST(an_entry_under_another_name_is_corrupt_and_so_is_a_folder)
{
	struct world w;
	char job[] = "one";
	EACH_DISK(w)
	{
		char to[256];
		struct entry en;
		reopen(&w);
		put(&w, "a", 0, STANDING_STOPPED, job);
		snprintf(to, sizeof to, "%s", at(&w, "catalogue/b" V3));
		EXPECT_OK(fs_link(w.fs, at(&w, "catalogue/a" V1), to, &w.e), &w.e);
		make_dir(&w, "catalogue/c" V1);
		reopen(&w);
		EXPECT(w.n_seen == 3 && w.seen[1].corrupt && w.seen[1].version == 3);
		EXPECT(strstr(w.seen[1].error, "of job 'a'") && w.seen[2].corrupt);
		EXPECT(catalogue_read(w.cat, "b", 3, &en, NULL) == E_CORRUPT);
	}
}

TEST(a_long_description_is_verified_when_it_is_read)
{
	struct world w;
	char *job = malloc((1 << 20) + 1);
	memset(job, 'j', 1 << 20);
	job[1 << 20] = '\0';
	EACH_DISK(w)
	{
		struct entry en;
		reopen(&w);
		put(&w, "a", 0, STANDING_STOPPED, job);
		reopen(&w);
		expect_job(&w, "a", 1, job);
		damage(&w, "catalogue/a" V1, 500000);
		reopen(&w);
		EXPECT(w.n_seen == 1 && !w.seen[0].corrupt);
		EXPECT(catalogue_read(w.cat, "a", 1, &en, NULL) == E_CORRUPT);
		damage(&w, "catalogue/a" V1, 70);
		reopen(&w);
		EXPECT(w.n_seen == 1 && w.seen[0].corrupt);
	}
	free(job);
}

/* Facts longer than what a start reads of an entry at first. */
TEST(many_long_sets_are_found_whole)
{
	struct world w;
	char *set = malloc(1001), job[] = "x";
	memset(set, 's', 1000);
	set[1000] = '\0';
	EACH_DISK(w)
	{
		struct entry en = entry_of("a", STANDING_RUNNING, job);
		uint64_t version = 0;
		for (en.n_sets = 0; en.n_sets < ENTRY_SETS_MAX; en.n_sets++)
			en.set[en.n_sets] = set;
		reopen(&w);
		EXPECT_OK(catalogue_put(w.cat, &en, &version, &w.e), &w.e);
		reopen(&w);
		EXPECT(w.n_seen == 1 && !w.seen[0].corrupt);
	}
	free(set);
}

TEST(inv3_a_read_error_is_an_error_and_no_absent_job)
{
	struct world w;
	char job[] = "one";
	uint64_t failed = 0;
	world_begin(&w, true);
	reopen(&w);
	put(&w, "a", 0, STANDING_STOPPED, job);
	put(&w, "b", 0, STANDING_STOPPED, job);
	for (uint64_t n = 1, more = 1; more; n++) {
		uint64_t fault = fs_sim_count(w.sim) + 1 + n; /* + 1: the close of the one before */
		fs_sim_fault_at(w.sim, fault, E_IO, false);
		enum rc rc = try_open(&w);
		EXPECT(rc == E_IO || (rc == OK && w.n_seen == 2));
		more = fs_sim_count(w.sim) >= fault;
		failed += rc != OK;
		fs_sim_fault_at(w.sim, 0, OK, false);
	}
	EXPECT(failed >= 10);
	world_end(&w);
}

TEST(a_second_server_is_refused_and_told_the_pid)
{
	struct world w;
	EACH_DISK(w)
	{
		struct catalogue *second;
		struct err e = {OK};
		reopen(&w);
		EXPECT(catalogue_open(&second, &w.env, w.data, 4712, NULL, NULL, &e) == E_REFUSED);
		EXPECT(!second && strstr(e.text, "process 4711"));
		catalogue_close(w.cat);
		w.cat = NULL;
		EXPECT_OK(catalogue_open(&second, &w.env, w.data, 4712, NULL, NULL, &w.e), &w.e);
		catalogue_close(second);
	}
}

TEST(inv31_any_allocation_may_fail)
{
	uint64_t failed = 0;
	char job[] = "one", two[] = "two";
	for (uint64_t n = 1, more = 1; more; n++) {
		struct world w;
		world_begin(&w, true);
		reopen(&w);
		put(&w, "a", 0, STANDING_RUNNING, job);
		make_job(&w);
		catalogue_close(w.cat);
		w.cat = NULL;
		w.mem.fail_at = atomic_load(&w.mem.calls) + n;
		w.n_seen = 0;
		enum rc rc = catalogue_open(&w.cat, &w.env, w.data, 1, on_found, &w, &w.e);
		uint64_t version = 1, b = 0;
		struct entry a = entry_of("a", STANDING_STOPPED, NULL), en;
		struct entry new = entry_of("b", STANDING_RUNNING, two);
		if (rc == OK)
			rc = catalogue_put(w.cat, &a, &version, &w.e);
		if (rc == OK)
			rc = catalogue_put(w.cat, &new, &b, &w.e);
		if (rc == OK && (rc = catalogue_read(w.cat, "a", version, &en, &w.e)) == OK)
			entry_close(&en);
		if (rc == OK)
			rc = catalogue_erase(w.cat, "a", true, &w.e);
		if (rc == OK)
			rc = catalogue_drop(w.cat, "a", &w.e);
		more = atomic_load(&w.mem.calls) >= w.mem.fail_at;
		EXPECT(rc == OK || (more && w.e.code == rc));
		failed += rc != OK;
		w.mem.fail_at = 0;
		reopen(&w);
		EXPECT(w.n_seen <= 2 && !w.seen[0].corrupt);
		world_end(&w);
	}
	EXPECT(failed > 20);
}

/* --- how fast --- */
/* Written without syncs, as no catalogue would: only a start is measured. */
static void write_many(struct world *w, unsigned n)
{
	char job[1024];
	memset(job, 'j', sizeof job);
	job[sizeof job - 1] = '\0';
	struct entry en = entry_of("x", STANDING_FINISHED, job);
	en.file = job + sizeof job - 60;
	for (unsigned i = 0; i < n; i++) {
		struct bytes b;
		char file[128];
		int fd;
		snprintf(en.name, sizeof en.name, "job-%u", i * 7919 % n);
		snprintf(file, sizeof file, "catalogue/%s" V3, en.name);
		bytes_init(&b, &w->mem);
		EXPECT_OK(entry_encode(&en, &b, &w->e), &w->e);
		EXPECT_OK(fs_open(w->fs, at(w, file), FS_CREATE, &fd, &w->e), &w->e);
		EXPECT_OK(fs_pwrite(w->fs, fd, b.data, b.len, 0, &w->e), &w->e);
		EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
		bytes_close(&b);
	}
}

TEST(ten_thousand_jobs_are_found_and_the_time_is_told)
{
	enum { MANY = 10000, PUTS = 100 };
	struct world w;
	struct clock *c = clock_real();
	char job[] = "one";
	world_begin(&w, false);
	reopen(&w);
	write_many(&w, MANY);
	for (int i = 0; i < 2; i++) {
		uint64_t began = clock_mono_us(c), cpu = clock_thread_ns(c);
		size_t before = atomic_load(&w.mem.used_bytes);
		reopen(&w);
		EXPECT(w.n_seen == MANY);
		printf("%d jobs found in %" PRIu64 " ms (%" PRIu64 " of a core); %zu bytes more kept\n",
		       MANY, (clock_mono_us(c) - began) / 1000, (clock_thread_ns(c) - cpu) / 1000000,
		       atomic_load(&w.mem.used_bytes) - before);
	}
	uint64_t began = clock_mono_us(c), version = 0;
	for (int i = 0; i < PUTS; i++)
		version = put(&w, "new", version, STANDING_RUNNING, job);
	printf("%" PRIu64 " us a put\n", (clock_mono_us(c) - began) / PUTS);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_was_put_is_found_in_the_order_of_names),
		T(a_name_that_is_taken_stale_or_gone_is_refused),
		T(names_that_could_leave_the_folder_are_refused_everywhere),
		T(a_job_may_be_called_like_a_temporary),
		T(version_0_reads_the_newest_whatever_was_put_since),
		T(foreign_names_are_left_alone_and_reported),
		T(a_corrupt_newest_version_is_reported_and_nothing_older_stands_in_for_it),
		T(an_entry_under_another_name_is_corrupt_and_so_is_a_folder),
		T(a_long_description_is_verified_when_it_is_read),
		T(many_long_sets_are_found_whole),
		T(inv3_a_read_error_is_an_error_and_no_absent_job),
		T(a_second_server_is_refused_and_told_the_pid),
		T(inv31_any_allocation_may_fail),
		T(ten_thousand_jobs_are_found_and_the_time_is_told),
	};
	return RUN(tests);
}
