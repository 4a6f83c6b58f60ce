/* test_store_takeover.c - two owners on one directory, as on two hosts that share it: the first is
 * paused before any of its operations, a second takes over and works, the first wakes up. */
#include "life.h"

/* A file system that, before its n-th operation, lets somebody else live. */
struct paused {
	struct fs fs;
	struct fs_ops ops;
	struct fs *under;
	uint64_t left; /* operations until the pause; 0: none to come */
	void (*meanwhile)(void *arg);
	void *arg;
	uint64_t changes; /* operations since the pause that alter the disk or make it durable */
};

static struct fs *before(struct fs *fs, bool changes)
{
	struct paused *p = CONTAINER_OF(fs, struct paused, fs);
	if (p->left && !--p->left)
		p->meanwhile(p->arg);
	else if (!p->left)
		p->changes += changes;
	return p->under;
}

static enum rc p_open(struct fs *fs, const char *path, enum fs_open how, int *fd, struct err *e)
{
	return fs_open(before(fs, how != FS_READ), path, how, fd, e);
}
static enum rc p_pread(struct fs *fs, int fd, void *to, size_t len, uint64_t off, size_t *got,
		       struct err *e)
{
	return fs_pread(before(fs, false), fd, to, len, off, got, e);
}
static enum rc p_pwrite(struct fs *fs, int fd, const void *from, size_t len, uint64_t off,
			struct err *e)
{
	return fs_pwrite(before(fs, true), fd, from, len, off, e);
}
static enum rc p_sync(struct fs *fs, int fd, struct err *e)
{
	return fs_sync(before(fs, true), fd, e);
}
static enum rc p_close(struct fs *fs, int fd, struct err *e)
{
	return fs_close(before(fs, false), &fd, e);
}
static enum rc p_fstat(struct fs *fs, int fd, struct fs_stat *st, struct err *e)
{
	return fs_fstat(before(fs, false), fd, st, e);
}
static enum rc p_stat(struct fs *fs, const char *path, struct fs_stat *st, struct err *e)
{
	return fs_stat(before(fs, false), path, st, e);
}
static enum rc p_link(struct fs *fs, const char *from, const char *to, struct err *e)
{
	return fs_link(before(fs, true), from, to, e);
}
static enum rc p_rename_new(struct fs *fs, const char *from, const char *to, struct err *e)
{
	return fs_rename_new(before(fs, true), from, to, e);
}
static enum rc p_unlink(struct fs *fs, const char *path, struct err *e)
{
	return fs_unlink(before(fs, true), path, e);
}
static enum rc p_mkdir(struct fs *fs, const char *path, bool *made, struct err *e)
{
	return fs_mkdir(before(fs, true), path, made, e);
}
static enum rc p_rmdir(struct fs *fs, const char *path, struct err *e)
{
	return fs_rmdir(before(fs, true), path, e);
}
static enum rc p_sync_dir(struct fs *fs, const char *path, struct err *e)
{
	return fs_sync_dir(before(fs, true), path, e);
}
static enum rc p_list(struct fs *fs, const char *path, struct fs_names *l, struct err *e)
{
	return fs_list(before(fs, false), path, l, e);
}
static enum rc p_lock(struct fs *fs, const char *path, int *fd, struct err *e)
{
	return fs_lock(before(fs, false), path, fd, e);
}

static void paused_init(struct paused *p, struct fs *under, struct mem *mem)
{
	*p = (struct paused){
		.under = under,
		.ops = {.name = "paused", .open = p_open, .pread = p_pread, .pwrite = p_pwrite,
			.sync = p_sync, .close = p_close, .fstat = p_fstat, .stat = p_stat,
			.link = p_link, .rename_new = p_rename_new, .unlink = p_unlink,
			.mkdir = p_mkdir, .rmdir = p_rmdir, .sync_dir = p_sync_dir,
			.list = p_list, .lock = p_lock},
	};
	p->fs = (struct fs){.ops = &p->ops, .mem = mem};
}

/* --- the two hosts --- */
struct hosts {
	struct mem mem;
	struct fs_sim *sim;
	struct paused first;
	struct owner second;
	struct witness w2;
	int checkpoints;
	enum rc rc2;
	struct err e;
};

/* The lock of another host means nothing here: a new file in its place. */
static void break_lock(struct hosts *h)
{
	EXPECT_OK(fs_unlink(fs_sim_fs(h->sim), DIR "/owner.lock", &h->e), &h->e);
}

static void second_lives(void *arg)
{
	struct hosts *h = arg;
	break_lock(h);
	EXPECT_OK(owner_begin(&h->second, fs_sim_fs(h->sim), &h->mem, false, &h->e), &h->e);
	h->w2.acked = h->second.last.id;
	for (int i = 0; i < h->checkpoints; i++) {
		EXPECT_OK(owner_checkpoint(&h->second, &h->w2, &h->e), &h->e);
		EXPECT_OK(owner_sweep(&h->second, &h->e), &h->e);
	}
}

static void hosts_open(struct hosts *h)
{
	memset(h, 0, sizeof *h);
	mem_init(&h->mem, 0);
	EXPECT_OK(fs_sim_open(&h->sim, &h->mem, &h->e), &h->e);
	paused_init(&h->first, fs_sim_fs(h->sim), &h->mem);
	h->first.meanwhile = second_lives;
	h->first.arg = h;
}

static void hosts_close(struct hosts *h)
{
	owner_close(&h->second);
	fs_sim_close(&h->sim);
	EXPECT(h->mem.used_bytes == 0);
}

static void expect_second_reigns(struct hosts *h)
{
	struct fs *fs = fs_sim_fs(h->sim);
	struct err e = {OK};
	/* It can go on, ... */
	EXPECT_OK(owner_checkpoint(&h->second, &h->w2, &e), &e);
	EXPECT_OK(owner_sweep(&h->second, &e), &e);
	/* ... and what it published is there, whole. */
	owner_close(&h->second);
	expect_sound(fs, &h->mem, &h->w2);
}

/* inv 26 and 27: whatever the first was doing, the second's work stands, and the first stops. */
TEST(inv26_inv27_an_owner_paused_anywhere_is_harmless_when_it_wakes)
{
	uint64_t fenced = 0, published_first = 0;
	for (int checkpoints = 0; checkpoints <= 4; checkpoints += 2)
		for (uint64_t n = 1, more = 1; more; n++) {
			struct hosts h;
			struct owner o;
			struct witness w = {0};
			struct err e = {OK};
			hosts_open(&h);
			h.checkpoints = checkpoints;
			EXPECT_OK(owner_begin(&o, &h.first.fs, &h.mem, false, &h.e), &h.e);
			o.attempt = 2; /* so that what its sweep may remove is as much as can be */
			EXPECT_OK(live(&o, &w, 4, &h.e), &h.e);
			uint64_t acked = w.acked;
			h.first.left = n;
			enum rc rc = owner_checkpoint(&o, &w, &e);
			if (rc == OK)
				rc = owner_sweep(&o, &e);
			more = h.first.left == 0;
			if (!more) {
				owner_close(&o);
				hosts_close(&h);
				break;
			}
			/* Published by the first before the fence, or never. */
			uint64_t base = h.second.start.chosen ? h.w2.acked - (uint64_t)checkpoints : 0;
			EXPECT(w.acked == acked || base == w.acked);
			EXPECT(base == acked || base == acked + 1);
			published_first += w.acked > acked;
			if (rc == OK) /* learns it at the latest when it next publishes */
				rc = owner_checkpoint(&o, &w, &e);
			EXPECT(rc == E_FENCED || rc == E_UNKNOWN_OUTCOME);
			fenced += rc == E_FENCED;
			/* And then never touches the disk again. */
			uint64_t count = fs_sim_count(h.sim), changes = h.first.changes;
			EXPECT(store_sweep_begin(o.s, 1, NULL) == rc);
			EXPECT(store_discard(o.s, "feed0001-1-1-00000000000000000001.part", NULL) == rc);
			EXPECT(fs_sim_count(h.sim) == count && h.first.changes == changes);
			owner_close(&o);
			expect_second_reigns(&h);
			hosts_close(&h);
		}
	EXPECT(fenced > 50 && published_first > 10);
}

TEST(inv27_a_sweep_that_finds_a_successor_removes_nothing)
{
	struct hosts h;
	struct owner o;
	struct witness w = {0};
	struct err e = {OK};
	hosts_open(&h);
	h.checkpoints = 1;
	EXPECT_OK(owner_begin(&o, &h.first.fs, &h.mem, false, &h.e), &h.e);
	EXPECT_OK(live(&o, &w, 4, &h.e), &h.e);
	EXPECT_OK(owner_checkpoint(&o, &w, &h.e), &h.e);
	second_lives(&h);
	h.first.changes = 0;
	EXPECT(owner_sweep(&o, &e) == E_FENCED && h.first.changes == 0);
	owner_close(&o);
	expect_second_reigns(&h);
	hosts_close(&h);
}

#define FOREIGN 0xbeef0001u

/* A part of another directory comes under its own name, of another lineage's first epoch. */
static void second_imports(void *arg)
{
	struct hosts *h = arg;
	struct part_name n = {.lineage = FOREIGN, .epoch = 1, .attempt = 1, .checkpoint_id = 1};
	uint32_t accepts = FOREIGN;
	struct part_file file;
	struct section_ref ref[1];
	struct manifest m;
	break_lock(h);
	EXPECT_OK(owner_begin(&h->second, fs_sim_fs(h->sim), &h->mem, false, &h->e), &h->e);
	EXPECT_OK(write_part_at(h->second.at.parts, &h->mem, &n, CODEC_LZ4, 1, 2, &file, ref, &h->e),
		  &h->e);
	make_checkpoint(&m, &h->mem, h->second.next_id++, &file, ref, 1);
	m.accepts = manifest_copy(&m, &accepts, sizeof accepts);
	m.n_accepts = 1;
	EXPECT_OK(store_publish(h->second.s, &m, &h->e), &h->e);
	manifest_close(&m);
}

TEST(inv12_a_sweep_paused_anywhere_leaves_what_a_successor_brought)
{
	uint64_t told = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct hosts h;
		struct owner o;
		struct witness w = {0};
		struct err e = {OK};
		struct fs_stat st;
		hosts_open(&h);
		h.first.meanwhile = second_imports;
		EXPECT_OK(owner_begin(&o, &h.first.fs, &h.mem, false, &h.e), &h.e);
		EXPECT_OK(live(&o, &w, 4, &h.e), &h.e);
		owner_close(&o);
		EXPECT_OK(owner_begin(&o, &h.first.fs, &h.mem, false, &h.e), &h.e);
		EXPECT_OK(owner_checkpoint(&o, &w, &h.e), &h.e);
		h.first.left = n;
		told += owner_sweep(&o, &e) == E_FENCED;
		more = h.first.left == 0;
		if (more)
			EXPECT_OK(fs_stat(fs_sim_fs(h.sim), DIR "/parts/beef0001-1-1-00000000000000000001.part",
					  &st, &h.e), &h.e);
		owner_close(&o);
		owner_close(&h.second);
		hosts_close(&h);
	}
	EXPECT(told > 0);
}

/* The first is still starting: it looked, and is paused in store_own. */
TEST(two_starts_race_for_one_slot_and_one_wins)
{
	uint64_t again = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct hosts h;
		struct owner o;
		struct witness w = {0};
		hosts_open(&h);
		EXPECT_OK(owner_begin(&o, &h.first.fs, &h.mem, false, &h.e), &h.e);
		EXPECT_OK(live(&o, &w, 3, &h.e), &h.e);
		owner_close(&o);
		h.checkpoints = 2;
		struct store_options so = store_options_of(DIR);
		struct store *s;
		struct store_start start;
		struct err e = {OK};
		EXPECT_OK(store_open(&s, &h.first.fs, &h.mem, &so, &start, &h.e), &h.e);
		EXPECT(start.chosen->id == 3);
		h.first.left = n;
		enum rc rc = store_own(s, &start, &e);
		more = h.first.left == 0;
		if (more && rc == E_EXISTS) {
			again++; /* *start is new: what the second published is the base now */
			EXPECT(start.chosen->id == 5 && start.next_id == 6);
			err_clear(&e);
			rc = store_own(s, &start, &e);
			EXPECT(rc == OK && start.epoch > h.second.start.epoch);
			EXPECT(owner_checkpoint(&h.second, &h.w2, &e) == E_FENCED);
		} else if (more) {
			/* the first's fence was already linked: the second looked at it, and fenced it */
			EXPECT(rc == OK && h.second.start.epoch > start.epoch);
			struct manifest m;
			make_checkpoint(&m, &h.mem, 99, NULL, NULL, 0);
			EXPECT(store_publish(s, &m, &e) == E_FENCED);
			manifest_close(&m);
		}
		store_close(s);
		owner_close(&h.second);
		if (more)
			expect_sound(fs_sim_fs(h.sim), &h.mem, &h.w2);
		hosts_close(&h);
	}
	EXPECT(again > 5);
}

static void expect_job(struct hosts *h, const char *text)
{
	uint8_t *data;
	size_t len;
	EXPECT_OK(fs_read_all(fs_sim_fs(h->sim), DIR "/job.json", 99, &data, &len, &h->e), &h->e);
	EXPECT(len == strlen(text) && !memcmp(data, text, len));
	mem_put(&h->mem, data);
}

static struct store_options first_options(void)
{
	struct store_options so = store_options_of(DIR);
	so.job_text = "{ }"; /* the second's has no space */
	so.job_len = 3;
	return so;
}

/* Neither found a text. E_EXISTS is never the answer of one who has linked a fence. */
TEST(inv26_of_two_first_starts_each_learns_who_owns)
{
	uint64_t again = 0, fenced = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct hosts h;
		struct store_options so = first_options();
		struct store *s;
		struct store_start start;
		struct err e = {OK};
		hosts_open(&h);
		h.checkpoints = 2;
		EXPECT_OK(store_open(&s, &h.first.fs, &h.mem, &so, &start, &h.e), &h.e);
		h.first.left = n;
		enum rc rc = store_own(s, &start, &e);
		more = h.first.left == 0;
		if (more && rc == E_EXISTS && !start.epoch) {
			again++;
			err_clear(&e);
			EXPECT_OK(rc = store_own(s, &start, &e), &e);
			expect_job(&h, "{ }");
			EXPECT(owner_checkpoint(&h.second, &h.w2, &e) == E_FENCED);
		} else if (more && rc == E_FENCED) {
			fenced++;
			expect_job(&h, "{}");
			EXPECT_OK(owner_checkpoint(&h.second, &h.w2, &h.e), &h.e);
		} else if (more) {
			EXPECT_OK(rc, &e);
			EXPECT_OK(owner_checkpoint(&h.second, &h.w2, &h.e), &h.e);
		}
		store_close(s);
		owner_close(&h.second);
		if (more)
			expect_sound(fs_sim_fs(h.sim), &h.mem, &h.w2);
		hosts_close(&h);
	}
	EXPECT(again > 5 && fenced > 0);
}

/* Of an owner on another host, who was slow between his fence and its name. */
TEST(a_text_that_came_after_the_look_is_replaced)
{
	struct hosts h;
	struct store_options so = first_options();
	struct store *s;
	struct store_start start;
	hosts_open(&h);
	EXPECT_OK(store_open(&s, fs_sim_fs(h.sim), &h.mem, &so, &start, &h.e), &h.e);
	EXPECT_OK(fs_write_new(fs_sim_fs(h.sim), DIR "/job.json", "{}", 2, &h.e), &h.e);
	EXPECT_OK(store_own(s, &start, &h.e), &h.e);
	expect_job(&h, "{ }");
	store_close(s);
	hosts_close(&h);
}

/* Looking is paused: slots are retired under the reader's eyes. Never a verdict, never a lie. */
TEST(a_look_sees_one_state_or_the_other)
{
	for (uint64_t n = 1, more = 1; more; n++) {
		struct hosts h;
		struct owner o;
		struct witness w = {0};
		struct err e = {OK};
		hosts_open(&h);
		EXPECT_OK(owner_begin(&o, &h.first.fs, &h.mem, false, &h.e), &h.e);
		EXPECT_OK(live(&o, &w, 4, &h.e), &h.e);
		owner_close(&o);
		h.checkpoints = 5; /* all that stood before is retired */
		struct store_options so = store_options_of(DIR);
		struct store *s;
		struct store_start start;
		h.first.left = n + 3; /* past the lock, which another host does not see */
		EXPECT_OK(store_open(&s, &h.first.fs, &h.mem, &so, &start, &e), &e);
		more = h.first.left == 0;
		EXPECT(start.chosen->id == 4 || (more && start.chosen->id == 9));
		if (more && start.chosen->id == 4) /* then the fence tells */
			EXPECT(store_own(s, &start, &e) == E_EXISTS && start.chosen->id == 9);
		store_close(s);
		hosts_close(&h);
	}
}

/* The second owns the directory, and goes on until somebody fences it. */
static void second_goes_on(void *arg)
{
	struct hosts *h = arg;
	struct err e = {OK};
	for (int i = 0; i < h->checkpoints; i++) {
		h->rc2 = owner_checkpoint(&h->second, &h->w2, &e);
		if (h->rc2 == OK)
			h->rc2 = owner_sweep(&h->second, &e);
		if (h->rc2 != OK)
			return;
	}
}

/* The slot that a slow start means for its fence was filled and swept meanwhile: it is free again,
 * below all that was published since (tests/model/takeover.pml). */
TEST(inv26_a_fence_in_a_swept_slot_takes_nothing)
{
	uint64_t swept = 0, fenced = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct hosts h;
		hosts_open(&h);
		h.first.meanwhile = second_goes_on;
		h.checkpoints = 6;
		EXPECT_OK(owner_begin(&h.second, fs_sim_fs(h.sim), &h.mem, false, &h.e), &h.e);
		EXPECT_OK(owner_checkpoint(&h.second, &h.w2, &h.e), &h.e);
		break_lock(&h);
		struct store_options so = store_options_of(DIR);
		struct store *s;
		struct store_start start;
		struct err e = {OK};
		EXPECT_OK(store_open(&s, &h.first.fs, &h.mem, &so, &start, &h.e), &h.e);
		EXPECT(start.chosen->id == 1);
		h.first.left = n;
		enum rc rc = store_own(s, &start, &e);
		more = h.first.left == 0;
		if (more && h.rc2 == OK) { /* all six stand: the start goes on from the newest of them */
			EXPECT(rc == E_EXISTS && start.chosen->id == 7);
			err_clear(&e);
			EXPECT_OK(store_own(s, &start, &e), &e);
			EXPECT(owner_checkpoint(&h.second, &h.w2, &e) == E_FENCED);
			swept++;
		} else if (more) { /* the fence stood before the first of them */
			EXPECT(rc == OK && h.rc2 == E_FENCED && h.w2.acked == 1);
			fenced++;
		}
		store_close(s);
		owner_close(&h.second);
		if (more)
			expect_sound(fs_sim_fs(h.sim), &h.mem, &h.w2);
		hosts_close(&h);
	}
	EXPECT(swept > 5 && fenced > 0);
}

TEST(a_start_that_always_loses_gives_up)
{
	struct hosts h;
	struct owner o;
	struct witness w = {0};
	hosts_open(&h);
	EXPECT_OK(owner_begin(&o, &h.first.fs, &h.mem, false, &h.e), &h.e);
	EXPECT_OK(live(&o, &w, 1, &h.e), &h.e);
	owner_close(&o);
	struct store_options so = store_options_of(DIR);
	struct store *s;
	struct store_start start;
	EXPECT_OK(store_open(&s, &h.first.fs, &h.mem, &so, &start, &h.e), &h.e);
	for (int i = 1; i <= STORE_TRIES; i++) {
		struct err e = {OK};
		second_lives(&h);
		owner_close(&h.second);
		enum rc rc = store_own(s, &start, &e);
		EXPECT(rc == (i < STORE_TRIES ? E_EXISTS : E_FENCED));
	}
	uint64_t count = fs_sim_count(h.sim);
	EXPECT(store_own(s, &start, NULL) == E_FENCED && fs_sim_count(h.sim) == count);
	store_close(s);
	hosts_close(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv26_inv27_an_owner_paused_anywhere_is_harmless_when_it_wakes),
		T(inv27_a_sweep_that_finds_a_successor_removes_nothing),
		T(inv12_a_sweep_paused_anywhere_leaves_what_a_successor_brought),
		T(two_starts_race_for_one_slot_and_one_wins),
		T(inv26_of_two_first_starts_each_learns_who_owns),
		T(a_text_that_came_after_the_look_is_replaced),
		T(a_look_sees_one_state_or_the_other),
		T(inv26_a_fence_in_a_swept_slot_takes_nothing),
		T(a_start_that_always_loses_gives_up),
	};
	return RUN(tests);
}
