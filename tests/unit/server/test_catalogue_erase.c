/* test_catalogue_erase.c - a job's files go, all of them, and nothing else; never while they are in
 * use. Crashes: tests/proof/test_proof_catalogue.c. */
#include "catalogue_rig.h"

TEST(erase_removes_the_jobs_files_and_with_logs_those)
{
	struct world w;
	EACH_DISK(w)
	{
		reopen(&w);
		EXPECT_OK(catalogue_erase(w.cat, "a", true, &w.e), &w.e);
		make_job(&w);
		make_dir(&w, "jobs/a-b");
		make_dir(&w, "jobs/a.erased/manifest"); /* of an erase that did not end */
		EXPECT_OK(catalogue_erase(w.cat, "a", false, &w.e), &w.e);
		EXPECT(!is_there(&w, "jobs/a") && !is_there(&w, "jobs/a.erased"));
		EXPECT(is_there(&w, "jobs/a-b") && is_there(&w, "logs/a.log"));
		EXPECT_OK(catalogue_erase(w.cat, "a", true, &w.e), &w.e);
		EXPECT(!is_there(&w, "logs/a.log") && !is_there(&w, "logs/a.log.1"));
		EXPECT(is_there(&w, "logs/a-b.log"));
	}
}

TEST(a_job_whose_process_lives_is_not_erased)
{
	struct world w;
	EACH_DISK(w)
	{
		int fd;
		reopen(&w);
		EXPECT_OK(catalogue_is_free(w.cat, "a", &w.e), &w.e);
		make_job(&w);
		EXPECT_OK(catalogue_is_free(w.cat, "a", &w.e), &w.e);
		EXPECT_OK(fs_lock(w.fs, at(&w, "jobs/a/owner.lock"), &fd, &w.e), &w.e);
		EXPECT(catalogue_is_free(w.cat, "a", &w.e) == E_REFUSED && strstr(w.e.text, "process 99"));
		err_clear(&w.e);
		EXPECT(catalogue_erase(w.cat, "a", true, &w.e) == E_REFUSED);
		EXPECT(strstr(w.e.text, "process 99") && is_there(&w, "jobs/a/parts/more/p"));
		EXPECT(is_there(&w, "logs/a.log"));
		err_clear(&w.e);
		EXPECT_OK(fs_close(w.fs, &fd, &w.e), &w.e);
		EXPECT_OK(catalogue_erase(w.cat, "a", true, &w.e), &w.e);
		EXPECT(!is_there(&w, "jobs/a"));
	}
}

TEST(symbolic_links_are_removed_and_not_followed)
{
	struct world w;
	char target[256], keep[256];
	world_begin(&w, false);
	reopen(&w);
	make_job(&w);
	make_dir(&w, "elsewhere/deep");
	make_file(&w, "elsewhere/deep/keep", "k");
	snprintf(target, sizeof target, "%s", at(&w, "elsewhere"));
	snprintf(keep, sizeof keep, "%s", at(&w, "elsewhere/deep/keep"));
	EXPECT(!symlink(target, at(&w, "jobs/a/parts/link")) && !symlink(keep, at(&w, "jobs/a/file")));
	EXPECT(!symlink("nowhere", at(&w, "jobs/a/dangling")));
	EXPECT_OK(catalogue_erase(w.cat, "a", false, &w.e), &w.e);
	EXPECT(!is_there(&w, "jobs/a") && is_there(&w, "elsewhere/deep/keep"));
	/* The directory itself may be one. */
	EXPECT(!symlink(target, at(&w, "jobs/a")));
	EXPECT_OK(catalogue_erase(w.cat, "a", false, &w.e), &w.e);
	EXPECT(access(at(&w, "jobs/a"), F_OK) && is_there(&w, "elsewhere/deep/keep"));
	world_end(&w);
}

/* A link that cannot be unlinked must not be gone into either. */
TEST(a_link_in_a_folder_that_may_not_be_written_is_not_followed)
{
	struct world w;
	char target[256];
	world_begin(&w, false);
	reopen(&w);
	make_job(&w);
	make_dir(&w, "elsewhere");
	make_file(&w, "elsewhere/keep", "k");
	snprintf(target, sizeof target, "%s", at(&w, "elsewhere"));
	EXPECT(!symlink(target, at(&w, "jobs/a/parts/more/link")));
	EXPECT(!chmod(at(&w, "jobs/a/parts/more"), 0500));
	enum rc rc = catalogue_erase(w.cat, "a", false, &w.e);
	EXPECT(rc == (geteuid() ? E_PERMISSION : OK) && is_there(&w, "elsewhere/keep"));
	if (rc != OK)
		EXPECT(!chmod(at(&w, "jobs/a.erased/parts/more"), 0700));
	world_end(&w);
}

TEST(folders_too_deep_to_be_a_jobs_are_refused)
{
	struct world w;
	EACH_DISK(w)
	{
		char deep[128] = "jobs/a";
		reopen(&w);
		for (int i = 0; i < 20; i++)
			strcat(deep, "/d");
		make_dir(&w, deep);
		EXPECT(catalogue_erase(w.cat, "a", false, &w.e) == E_LIMIT);
		EXPECT(strstr(w.e.text, "by hand"));
	}
}

/* On a file system that renames no directory without replacing: manifests go first, durably. */
TEST(where_directories_cannot_be_renamed_manifests_go_before_the_rest)
{
	uint64_t erased = 0, without = 0;
	struct rng r;
	rng_seed(&r, 11);
	for (uint64_t n = 1, more = 1; more; n++) {
		struct world w;
		world_begin(&w, true);
		reopen(&w);
		make_job(&w);
		/* Look at the lock, take it, find nothing erased, rename. */
		uint64_t at_op = fs_sim_count(w.sim) + 4;
		fs_sim_fault_at(w.sim, at_op, E_PERMISSION, false);
		fs_sim_crash_at(w.sim, at_op + n);
		enum rc rc = catalogue_erase(w.cat, "a", false, &w.e);
		EXPECT(fs_sim_faults(w.sim) == 1 && !is_there(&w, "jobs/a.erased"));
		more = fs_sim_crashed(w.sim);
		EXPECT(more || rc == OK);
		catalogue_close(w.cat);
		w.cat = NULL;
		fs_sim_crash(w.sim, &r);
		bool manifest = is_there(&w, "jobs/a/manifest/00000000000000000001");
		bool parts = is_there(&w, "jobs/a/parts/p") && is_there(&w, "jobs/a/parts/more/p");
		EXPECT(!manifest || parts);
		erased += !manifest && !parts;
		without += !manifest && parts;
		reopen(&w);
		EXPECT_OK(catalogue_erase(w.cat, "a", false, &w.e), &w.e);
		EXPECT(!is_there(&w, "jobs/a") && !is_there(&w, "jobs/a.erased"));
		world_end(&w);
	}
	EXPECT(erased > 1 && without > 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(erase_removes_the_jobs_files_and_with_logs_those),
		T(a_job_whose_process_lives_is_not_erased),
		T(symbolic_links_are_removed_and_not_followed),
		T(a_link_in_a_folder_that_may_not_be_written_is_not_followed),
		T(folders_too_deep_to_be_a_jobs_are_refused),
		T(where_directories_cannot_be_renamed_manifests_go_before_the_rest),
	};
	return RUN(tests);
}
