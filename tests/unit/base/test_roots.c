/* test_roots.c - a path stays within the folders that were allowed, however it is written and
 * whatever stands on its way: "..", symbolic links, swapped while it is opened too, magic links,
 * devices and pipes. */
#include "base/fs.h"
#include "base/roots.h"
#include "tests/lib/lacking.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

/* in/ may be read, out/ written, vault/ gives secrets; all else, such as other/, nothing. */
struct world {
	struct mem mem;
	struct fs_real real;
	struct roots roots;
	struct fs *fs;
	char dir[64];
	char path[256];
	struct err e;
};

static const char *at(struct world *w, const char *name)
{
	snprintf(w->path, sizeof w->path, "%s/%s", w->dir, name);
	return w->path;
}

static void put(struct world *w, const char *name, const char *text)
{
	FILE *f = fopen(at(w, name), "we");
	EXPECT(f && fputs(text, f) >= 0 && !fclose(f));
}

static void allow(struct world *w, const char *name, unsigned may)
{
	EXPECT_OK(roots_add(&w->roots, at(w, name), may, &w->e), &w->e);
}

static void begin(struct world *w)
{
	static const char *const folders[] = {"in", "in/deep", "out", "vault", "other", "inside"};
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	roots_init(&w->roots, &w->mem);
	fs_real_init(&w->real, &w->mem);
	w->fs = &w->real.fs;
	strcpy(w->dir, "/tmp/weir-test-XXXXXX");
	EXPECT(mkdtemp(w->dir));
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		EXPECT(!mkdir(at(w, folders[i]), 0755));
	put(w, "in/a.txt", "mine");
	put(w, "other/b.txt", "theirs");
	put(w, "inside/c.txt", "theirs too");
	allow(w, "in", ROOT_READ);
	allow(w, "out", ROOT_READ | ROOT_WRITE);
	allow(w, "vault", ROOT_SECRET);
	w->roots.cure[0] = "say --allow-read";
	fs_real_confine(&w->real, &w->roots);
}

static void end(struct world *w)
{
	fs_real_confine(&w->real, NULL);
	EXPECT_OK(fs_remove_all(w->fs, w->dir, &w->e), &w->e);
	roots_close(&w->roots);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

/* What opening it says; what it says is kept in w->e. */
static enum rc opening(struct world *w, const char *path, enum fs_open how)
{
	int fd;
	err_clear(&w->e);
	enum rc rc = fs_open(w->fs, path, how, &fd, &w->e);
	if (rc == OK)
		EXPECT_OK(fs_close(w->fs, &fd, &w->e), &w->e);
	return rc;
}

static enum rc reading(struct world *w, const char *name)
{
	return opening(w, at(w, name), FS_READ);
}

TEST(a_path_is_made_plain_by_its_text)
{
	static const char *const cases[][2] = {
		{"/", "/"}, {"/a/b", "/a/b"}, {"//a///b//", "/a/b"}, {"/a/./b/.", "/a/b"},
		{"/a/../b", "/b"}, {"/a/b/../..", "/"}, {"/../../a", "/a"}, {"/a/..b", "/a/..b"},
		{"/a/...", "/a/..."}, {"/a/b/../../../../c", "/c"},
	};
	char to[ROOT_PATH_MAX], longest[ROOT_PATH_MAX + 8];
	struct err e = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		EXPECT_OK(path_plain(to, cases[i][0], &e), &e);
		EXPECT(!strcmp(to, cases[i][1]));
	}
	EXPECT(path_plain(to, "a/b", &e) == E_INVALID);
	EXPECT(path_plain(to, "", NULL) == E_INVALID);
	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	longest[ROOT_PATH_MAX] = '\0';
	EXPECT(path_plain(to, longest, NULL) == E_INVALID);
	longest[ROOT_PATH_MAX - 1] = '\0';
	EXPECT(path_plain(to, longest, NULL) == OK && strlen(to) == ROOT_PATH_MAX - 1);
}

TEST(a_folder_holds_what_is_behind_a_slash_of_it)
{
	EXPECT(!strcmp(path_below("/a", "/a/b/c"), "b/c"));
	EXPECT(!strcmp(path_below("/a", "/a"), ""));
	EXPECT(!path_below("/a", "/ab") && !path_below("/a/b", "/a"));
	EXPECT(!strcmp(path_below("/", "/a"), "a"));
}

TEST(dirname_is_the_folder_of_a_path)
{
	static const char *const pairs[][2] = {{"a/b", "a"},      {"b", "."},     {"/b", "/"},
					       {"/a/b/c", "/a/b"}, {"a//b", "a"}, {"//b", "/"},
					       {"/", "/"},         {"", "."}};
	for (unsigned i = 0; i < 8; i++) {
		char to[16];
		fs_dirname(pairs[i][0], to, sizeof to);
		EXPECT(!strcmp(to, pairs[i][1]));
	}
	char small[4];
	fs_dirname("/abcdef/g", small, sizeof small);
	EXPECT(!strcmp(small, "/ab"));
}

TEST(what_lies_in_a_root_is_opened_and_nothing_else)
{
	struct world w;
	begin(&w);
	EXPECT(reading(&w, "in/a.txt") == OK);
	EXPECT(reading(&w, "in//deep/.././a.txt") == OK);
	EXPECT(reading(&w, "in/none") == E_NOT_FOUND);
	static const char *const outside[] = {"other/b.txt", "in/../other/b.txt", "inside/c.txt",
					      "in/deep/../../other/b.txt", "vault", "."};
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		EXPECT(reading(&w, outside[i]) == E_PERMISSION);
		EXPECT(strstr(w.e.text, "say --allow-read"));
	}
	EXPECT(opening(&w, "/etc/passwd", FS_READ) == E_PERMISSION);
	EXPECT(opening(&w, "/proc/self/root/etc/passwd", FS_READ) == E_PERMISSION);
	EXPECT(opening(&w, "in/a.txt", FS_READ) == E_INVALID); /* relative to what? */
	end(&w);
}

TEST(links_are_followed_within_a_root_and_never_out_of_it)
{
	struct world w;
	char theirs[128];
	begin(&w);
	snprintf(theirs, sizeof theirs, "%s/other/b.txt", w.dir);
	EXPECT(!symlink("../a.txt", at(&w, "in/deep/near")));
	EXPECT(!symlink("../other/b.txt", at(&w, "in/up")));
	EXPECT(!symlink(theirs, at(&w, "in/absolute")));
	EXPECT(!symlink("../other", at(&w, "in/folder")));
	EXPECT(!symlink("/proc/self/root/etc", at(&w, "in/magic")));
	EXPECT(!symlink("loop", at(&w, "in/loop")));
	EXPECT(reading(&w, "in/deep/near") == OK);
	static const char *const out[] = {"in/up", "in/absolute", "in/folder/b.txt", "in/magic/passwd",
					  "in/loop"};
	struct fs_stat st;
	struct fs_names names;
	for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
		EXPECT(reading(&w, out[i]) == E_PERMISSION);
		EXPECT(strstr(w.e.text, at(&w, out[i])));
		EXPECT(fs_stat(w.fs, at(&w, out[i]), &st, NULL) == E_PERMISSION);
	}
	EXPECT(fs_list(w.fs, at(&w, "in/folder"), &names, NULL) == E_PERMISSION);
	end(&w);
}

TEST(a_root_reached_by_a_link_is_known_by_both_names)
{
	struct world w;
	begin(&w);
	EXPECT(!symlink("other", at(&w, "alias")));
	allow(&w, "alias", ROOT_READ);
	EXPECT(reading(&w, "alias/b.txt") == OK && reading(&w, "other/b.txt") == OK);
	end(&w);
}

TEST(what_may_be_read_may_not_be_changed)
{
	struct world w;
	char to[128];
	bool made;
	begin(&w);
	snprintf(to, sizeof to, "%s/out/x", w.dir);
	EXPECT(opening(&w, at(&w, "in/a.txt"), FS_WRITE) == E_PERMISSION);
	EXPECT(opening(&w, at(&w, "in/new"), FS_CREATE) == E_PERMISSION);
	EXPECT(fs_unlink(w.fs, at(&w, "in/a.txt"), NULL) == E_PERMISSION);
	EXPECT(fs_mkdir(w.fs, at(&w, "in/m"), NULL, NULL) == E_PERMISSION);
	EXPECT(fs_rmdir(w.fs, at(&w, "in/deep"), NULL) == E_PERMISSION);
	EXPECT(fs_rename_new(w.fs, at(&w, "in/a.txt"), to, NULL) == E_PERMISSION);
	EXPECT(fs_rename_new(w.fs, at(&w, "other/b.txt"), to, NULL) == E_PERMISSION);
	EXPECT(fs_link(w.fs, at(&w, "other/b.txt"), to, NULL) == E_PERMISSION);
	EXPECT_OK(fs_link(w.fs, at(&w, "in/a.txt"), to, &w.e), &w.e);
	EXPECT(fs_rename_new(w.fs, to, at(&w, "in/x"), NULL) == E_PERMISSION);
	EXPECT(fs_rename_new(w.fs, to, at(&w, "out/../x"), NULL) == E_PERMISSION);
	EXPECT(fs_mkdir(w.fs, at(&w, "out"), &made, NULL) == OK && !made); /* the root stands */
	EXPECT(fs_rmdir(w.fs, at(&w, "out"), NULL) != OK);
	EXPECT_OK(fs_mkdir_all(w.fs, at(&w, "out/p/q"), &w.e), &w.e);
	EXPECT(reading(&w, "in/a.txt") == OK);
	end(&w);
}

TEST(a_folder_that_is_a_link_out_takes_nothing_in)
{
	struct world w;
	struct stat st;
	begin(&w);
	EXPECT(!symlink("../other", at(&w, "out/hole")));
	EXPECT(opening(&w, at(&w, "out/hole/new"), FS_CREATE) == E_PERMISSION);
	EXPECT(fs_unlink(w.fs, at(&w, "out/hole/b.txt"), NULL) == E_PERMISSION);
	EXPECT(fs_mkdir(w.fs, at(&w, "out/hole/m"), NULL, NULL) == E_PERMISSION);
	EXPECT(fs_mkdir(w.fs, at(&w, "out/hole"), NULL, NULL) == E_EXISTS);
	EXPECT(fs_sync_dir(w.fs, at(&w, "out/hole"), NULL) == E_PERMISSION);
	int fd;
	EXPECT(fs_lock(w.fs, at(&w, "out/hole/lock"), &fd, NULL) == E_PERMISSION);
	EXPECT(!stat(at(&w, "other/b.txt"), &st) && stat(at(&w, "other/new"), &st));
	end(&w);
}

TEST(only_regular_files_are_read)
{
	struct world w;
	begin(&w);
	EXPECT(!mkfifo(at(&w, "in/pipe"), 0600));
	EXPECT(reading(&w, "in/pipe") == E_INVALID && strstr(w.e.text, "no regular file"));
	EXPECT(reading(&w, "in/deep") == E_INVALID);
	end(&w);
}

TEST(a_secret_is_read_as_a_secret_and_only_if_it_is_its_owners_alone)
{
	struct world w;
	begin(&w);
	put(&w, "vault/s", "hush");
	EXPECT(!chmod(at(&w, "vault/s"), 0644));
	EXPECT(opening(&w, at(&w, "vault/s"), FS_READ_SECRET) == E_PERMISSION);
	EXPECT(strstr(w.e.text, "chmod 600"));
	EXPECT(!chmod(at(&w, "vault/s"), 0600));
	EXPECT(opening(&w, at(&w, "vault/s"), FS_READ_SECRET) == OK);
	EXPECT(reading(&w, "vault/s") == E_PERMISSION);
	EXPECT(opening(&w, at(&w, "in/a.txt"), FS_READ_SECRET) == E_PERMISSION);
	EXPECT(!mkfifo(at(&w, "vault/pipe"), 0600));
	EXPECT(opening(&w, at(&w, "vault/pipe"), FS_READ_SECRET) == E_INVALID);
	/* Free of roots, the mode is looked at all the same. */
	fs_real_confine(&w.real, NULL);
	EXPECT(opening(&w, at(&w, "vault/s"), FS_READ_SECRET) == OK);
	EXPECT(!chmod(at(&w, "vault/s"), 0640));
	EXPECT(opening(&w, at(&w, "vault/s"), FS_READ_SECRET) == E_PERMISSION);
	end(&w);
}

struct swapper {
	char a[128], at[128];
	_Atomic bool stop;
	_Atomic unsigned swaps;
};

/* A folder of the job's and a link to one that is not take the same name in turn. */
static void *swap(void *arg)
{
	struct swapper *s = arg;
	while (!atomic_load(&s->stop)) {
		EXPECT(!renameat2(AT_FDCWD, s->a, AT_FDCWD, s->at, RENAME_EXCHANGE));
		atomic_fetch_add(&s->swaps, 1);
	}
	return NULL;
}

TEST(a_link_swapped_in_meanwhile_never_leads_out)
{
	struct world w;
	struct swapper s = {0};
	pthread_t thread;
	uint8_t *data;
	size_t len;
	unsigned mine = 0, refused = 0;
	begin(&w);
	EXPECT(!mkdir(at(&w, "in/x"), 0755));
	put(&w, "in/x/b.txt", "mine");
	EXPECT(!symlink("../other", at(&w, "in/y")));
	snprintf(s.at, sizeof s.at, "%s/in/x", w.dir);
	snprintf(s.a, sizeof s.a, "%s/in/y", w.dir);
	EXPECT(!pthread_create(&thread, NULL, swap, &s));
	/* Until both sides of the race were seen often enough, whatever the pace. */
	for (unsigned i = 0; i < 200000 && (mine < 200 || refused < 200); i++) {
		err_clear(&w.e);
		enum rc rc = fs_read_all(w.fs, at(&w, "in/x/b.txt"), 100, &data, &len, &w.e);
		if (rc != OK) {
			EXPECT(rc == E_PERMISSION || rc == E_NOT_FOUND);
			refused++;
			continue;
		}
		EXPECT(len == 4 && !memcmp(data, "mine", 4));
		mem_put(&w.mem, data);
		mine++;
	}
	atomic_store(&s.stop, true);
	EXPECT(!pthread_join(thread, NULL));
	EXPECT(mine && refused);
	end(&w);
}

TEST(a_root_is_a_folder_that_exists)
{
	struct world w;
	begin(&w);
	EXPECT(roots_add(&w.roots, at(&w, "none"), ROOT_READ, &w.e) == E_NOT_FOUND);
	err_clear(&w.e);
	EXPECT(roots_add(&w.roots, at(&w, "in/a.txt"), ROOT_READ, &w.e) == E_INVALID);
	err_clear(&w.e);
	EXPECT(roots_add(&w.roots, "in", ROOT_READ, &w.e) == E_INVALID);
	unsigned n = w.roots.n;
	allow(&w, "in/", ROOT_WRITE);
	EXPECT(w.roots.n == n && opening(&w, at(&w, "in/new"), FS_CREATE) == OK);
	end(&w);
}

static int refuses(void *arg)
{
	struct err e = {0};
	(void)arg;
	if (!kernel_lacks(SYS_openat2))
		return 77;
	bool says = roots_supported(&e) == E_REFUSED && strstr(e.text, "openat2") &&
		    strstr(e.text, "without --http and --allow-");
	return says ? 0 : 1;
}

TEST(a_kernel_without_openat2_is_refused_with_what_can_be_done)
{
	struct err e = {0};
	int said = in_child(refuses, NULL);
	EXPECT(said == 0 || said == 77);
	EXPECT_OK(roots_supported(&e), &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_path_is_made_plain_by_its_text),
		T(a_folder_holds_what_is_behind_a_slash_of_it),
		T(dirname_is_the_folder_of_a_path),
		T(what_lies_in_a_root_is_opened_and_nothing_else),
		T(links_are_followed_within_a_root_and_never_out_of_it),
		T(a_root_reached_by_a_link_is_known_by_both_names),
		T(what_may_be_read_may_not_be_changed),
		T(a_folder_that_is_a_link_out_takes_nothing_in),
		T(only_regular_files_are_read),
		T(a_secret_is_read_as_a_secret_and_only_if_it_is_its_owners_alone),
		T(a_link_swapped_in_meanwhile_never_leads_out),
		T(a_root_is_a_folder_that_exists),
		T(a_kernel_without_openat2_is_refused_with_what_can_be_done),
	};
	struct err e = {0};
	if (roots_supported(&e) != OK) {
		printf("skipped: %s\n", e.text);
		return 0;
	}
	return RUN(tests);
}
