/* test_inspect_dir.c - inv 33 for somebody who is not the owner: every byte of every file of a
 * small directory changed, every length cut: each is found. Enumerated, nothing drawn by lot. */
#include "inspect_rig.h"


struct told {
	uint32_t faults, checkpoints, intact, notes;
	char file[256], what[512]; /* of the first fault */
};

static void on_fault(void *arg, const struct inspect_fault *f)
{
	struct told *t = arg;
	if (!t->faults++) {
		snprintf(t->file, sizeof t->file, "%s", f->file);
		snprintf(t->what, sizeof t->what, "%s", f->what);
	}
}

static void on_note(void *arg, const char *file, const char *what)
{
	struct told *t = arg;
	(void)file, (void)what;
	t->notes++;
}

static void on_checkpoint(void *arg, const struct dir_checkpoint *c)
{
	struct told *t = arg;
	t->checkpoints++;
	t->intact += c->intact;
}

static enum rc check(struct rig *r, struct told *t, struct dir_result *out, struct err *e)
{
	struct dir_listener to = {t, on_fault, on_note, on_checkpoint};
	*t = (struct told){0};
	return inspect_dir_check(&r->env, RIG_DIR, &to, out, e);
}

/* Three checkpoints, the newest one's piece still pending. */
static void small(struct rig *r, bool text)
{
	rig_open(r, text, 40, 3);
	rig_change(r, 30, true);
	rig_commit(r);
	rig_change(r, 10, false);
	rig_commit(r);
	rig_change(r, 10, false);
}

static void expect_sound(struct rig *r)
{
	struct told t;
	struct dir_result out;
	EXPECT_OK(check(r, &t, &out, &r->e), &r->e);
	if (t.faults)
		fail_msg("%s: %s", t.file, t.what);
	EXPECT(t.checkpoints == 3 && t.intact == 3 && out.chosen == 3 && out.chosen_intact);
	EXPECT(out.best == 3 && out.pieces == 3 && out.manifests == 4 && out.files == 3);
}

static void expect_found(struct rig *r, const char *path, const char *how, uint64_t where)
{
	struct told t;
	struct dir_result out;
	struct err e = {OK};
	enum rc rc = check(r, &t, &out, &e);
	if (rc != OK || !(out.corrupt + out.missing) || !t.faults)
		fail_msg("%s %s %llu: not found (%s)", path, how, (unsigned long long)where, e.text);
	if (out.unreadable || out.version)
		fail_msg("%s %s %llu: %s: %s", path, how, (unsigned long long)where, t.file, t.what);
}

/* Every file below a folder, but for what is no part of a checkpoint: the lock's text and the
 * history, which nothing rests on. */
static void each_file(struct rig *r, const char *dir,
		      void (*visit)(struct rig *r, const char *path, uint64_t len))
{
	struct fs_names names;
	EXPECT_OK(fs_list(r->fs, dir, &names, &r->e), &r->e);
	for (size_t i = 0; i < names.n; i++) {
		char path[512];
		struct fs_stat st;
		snprintf(path, sizeof path, "%s/%s", dir, names.name[i]);
		EXPECT_OK(fs_stat(r->fs, path, &st, &r->e), &r->e);
		if (st.kind == FS_DIR)
			each_file(r, path, visit);
		else if (strcmp(names.name[i], "owner.lock"))
			visit(r, path, st.size_bytes);
	}
	fs_names_close(&names);
}

static uint64_t flips, cuts, files;

static void flip_each_byte(struct rig *r, const char *path, uint64_t len)
{
	files++;
	for (uint64_t at = 0; at < len; at++) {
		uint64_t bit = at * 8 + at % 8;
		EXPECT_OK(fs_sim_flip(r->sim, path, bit, &r->e), &r->e);
		expect_found(r, path, "byte", at);
		EXPECT_OK(fs_sim_flip(r->sim, path, bit, &r->e), &r->e);
		flips++;
	}
}

/* The file anew with these bytes. */
static void rewrite(struct rig *r, const char *path, const uint8_t *data, size_t len)
{
	EXPECT_OK(fs_unlink(r->fs, path, &r->e), &r->e);
	EXPECT_OK(fs_write_new(r->fs, path, data, len, &r->e), &r->e);
}

static void cut_at_each_length(struct rig *r, const char *path, uint64_t len)
{
	uint8_t *data;
	size_t got;
	EXPECT_OK(fs_read_all(r->fs, path, 1 << 20, &data, &got, &r->e), &r->e);
	EXPECT(got == len);
	for (uint64_t to = 0; to < len; to++) {
		rewrite(r, path, data, to);
		expect_found(r, path, "cut at", to);
		cuts++;
	}
	uint8_t *longer = malloc(len + 1);
	memcpy(longer, data, len);
	longer[len] = 0;
	rewrite(r, path, longer, len + 1);
	expect_found(r, path, "longer than", len);
	free(longer);
	rewrite(r, path, data, len);
	mem_put(&r->mem, data);
}

TEST(inv33_every_flipped_byte_of_every_file_of_a_small_directory_is_found)
{
	for (int text = 0; text < 2; text++) {
		struct rig r;
		small(&r, text);
		expect_sound(&r);
		/* The manifests of keys that are numbers differ in a word. */
		each_file(&r, text ? RIG_DIR : RIG_DIR "/parts", flip_each_byte);
		if (text)
			each_file(&r, RIG_OUT, flip_each_byte);
		expect_sound(&r);
		rig_close(&r);
	}
	printf("%llu bytes of %llu files flipped, each found\n", (unsigned long long)flips,
	       (unsigned long long)files);
	EXPECT(files == 3 + 4 + 3 + 1 + 3 && flips > 4000);
}

TEST(inv33_every_truncation_of_every_file_of_a_small_directory_is_found)
{
	struct rig r;
	small(&r, true);
	each_file(&r, RIG_DIR, cut_at_each_length);
	each_file(&r, RIG_OUT, cut_at_each_length);
	expect_sound(&r);
	rig_close(&r);
	printf("%llu truncations, each found\n", (unsigned long long)cuts);
	EXPECT(cuts > 2000);
}

static void take_away(struct rig *r, const char *path, uint64_t len)
{
	uint8_t *data;
	size_t got;
	EXPECT_OK(fs_read_all(r->fs, path, 1 << 20, &data, &got, &r->e), &r->e);
	EXPECT(got == len);
	EXPECT_OK(fs_unlink(r->fs, path, &r->e), &r->e);
	struct told t;
	struct dir_result out;
	EXPECT_OK(check(r, &t, &out, &r->e), &r->e);
	bool newest = strstr(path, "manifest/00000000000000000004") != NULL;
	if (strstr(path, "job.json"))
		EXPECT(!t.faults && t.notes == 1);
	else if (newest) /* the log ends below it: that it was there, nothing says but its files */
		EXPECT(!t.faults && out.chosen == 2 && t.notes);
	else
		EXPECT(out.missing >= 1);
	EXPECT_OK(fs_write_new(r->fs, path, data, len, &r->e), &r->e);
	mem_put(&r->mem, data);
}

TEST(a_file_that_is_gone_is_missing)
{
	struct rig r;
	small(&r, true);
	each_file(&r, RIG_DIR, take_away);
	expect_sound(&r);
	rig_close(&r);
}

TEST(inv17_a_committed_file_taken_away_is_no_fault)
{
	struct rig r;
	struct told t;
	struct dir_result out;
	small(&r, true);
	rig_commit(&r);
	EXPECT_OK(fs_unlink(r.fs, r.last.intent[0].to, &r.e), &r.e);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	EXPECT(!t.faults && t.notes == 1);
	rig_close(&r);
}

TEST(one_bad_file_leaves_the_checkpoints_that_do_not_need_it)
{
	struct rig r;
	struct told t;
	struct dir_result out;
	char path[256];
	rig_open(&r, true, 40, 3);
	rig_change(&r, 30, true);
	rig_change(&r, 10, true);
	rig_change(&r, 10, false); /* needs the second one's file */
	snprintf(path, sizeof path, RIG_DIR "/parts/%s", r.last.file[0].name);
	EXPECT_OK(fs_sim_flip(r.sim, path, 64 * 8, &r.e), &r.e);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	EXPECT(t.checkpoints == 3 && t.intact == 1 && out.chosen == 3 && !out.chosen_intact);
	EXPECT(out.best == 1 && strstr(t.file, r.last.file[0].name));
	rig_close(&r);
}

/* A manifest that is whole, of a state that is not what it says. */
TEST(a_wrong_number_of_keys_is_a_fault_though_every_byte_is_as_written)
{
	struct rig r;
	struct told t;
	struct dir_result out;
	bool changed[40] = {0};
	rig_open(&r, true, 40, 3);
	rig_change(&r, 30, true);
	r.value[7] = r.value[7] == RIG_ABSENT ? 1 : RIG_ABSENT; /* and no run says so */
	rig_checkpoint(&r, changed, false);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	EXPECT(t.faults == 1 && strstr(t.what, "its runs hold") && t.intact == 1);
	rig_close(&r);
}

/* A savepoint's own directory: its slot alone, and files under the names they had. */
static void save(struct rig *r, const char *name)
{
	char dir[256], from[512], to[512];
	struct bytes b;
	struct manifest *m = &r->last;
	bytes_init(&b, &r->mem);
	m->kind = CHECKPOINT_SAVEPOINT;
	m->name = name;
	m->parent = SLOT_NONE;
	m->n_retained = m->n_intents = 0;
	EXPECT_OK(manifest_encode(m, &b, &r->e), &r->e);
	snprintf(dir, sizeof dir, RIG_DIR "/savepoints/%s", name);
	snprintf(to, sizeof to, "%s/parts", dir);
	EXPECT_OK(fs_mkdir_all(r->fs, to, &r->e), &r->e);
	for (uint32_t i = 0; i < m->n_files; i++) {
		snprintf(from, sizeof from, RIG_DIR "/parts/%s", m->file[i].name);
		snprintf(to, sizeof to, "%s/parts/%s", dir, m->file[i].name);
		uint8_t *data; /* a copy: a link would be damaged with what it links */
		size_t len;
		EXPECT_OK(fs_read_all(r->fs, from, 1 << 20, &data, &len, &r->e), &r->e);
		EXPECT_OK(fs_write_new(r->fs, to, data, len, &r->e), &r->e);
		mem_put(&r->mem, data);
	}
	snprintf(to, sizeof to, "%s/manifest", dir);
	EXPECT_OK(fs_mkdir_all(r->fs, to, &r->e), &r->e);
	snprintf(to, sizeof to, "%s/manifest/%020llu", dir, (unsigned long long)m->slot);
	EXPECT_OK(fs_write_new(r->fs, to, b.data, b.len, &r->e), &r->e);
	bytes_close(&b);
}

TEST(a_savepoint_is_read_by_its_name_and_checked_with_the_rest)
{
	struct rig r;
	struct told t;
	struct dir_result out;
	struct inspect_state s;
	char path[512];
	small(&r, true);
	save(&r, "nightly");
	EXPECT_OK(fs_mkdir_all(r.fs, RIG_DIR "/savepoints/begun/manifest", &r.e), &r.e);
	struct inspect *i = rig_inspect(&r, "nightly", &s);
	EXPECT(inspect_manifest(i)->id == 3 && strstr(inspect_dir(i), "savepoints/nightly"));
	inspect_close(i);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	if (t.faults)
		fail_msg("%s: %s", t.file, t.what);
	EXPECT(out.savepoints == 2 && t.checkpoints == 4 && t.intact == 4 && t.notes == 1);
	snprintf(path, sizeof path, RIG_DIR "/savepoints/nightly/parts/%s", r.last.file[0].name);
	EXPECT_OK(fs_sim_flip(r.sim, path, 99 * 8, &r.e), &r.e);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	EXPECT(t.faults && !strncmp(t.file, "savepoints/nightly/parts/", 25) && t.intact == 3);
	EXPECT(out.chosen == 3 && out.chosen_intact);
	rig_close(&r);
}

TEST(inv33_the_text_beside_a_savepoint_is_the_one_it_was_taken_of)
{
	static const char path[] = RIG_DIR "/savepoints/nightly/job.json";
	struct rig r;
	struct told t;
	struct dir_result out;
	small(&r, true);
	save(&r, "nightly");
	EXPECT_OK(fs_write_new(r.fs, path, RIG_JOB, strlen(RIG_JOB), &r.e), &r.e);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	if (t.faults)
		fail_msg("%s: %s", t.file, t.what);
	for (uint64_t at = 0; at < strlen(RIG_JOB); at++) {
		EXPECT_OK(fs_sim_flip(r.sim, path, at * 8 + at % 8, &r.e), &r.e);
		expect_found(&r, path, "byte", at);
		EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
		EXPECT(!strcmp(t.file, "savepoints/nightly/job.json") && t.intact == 4);
		EXPECT_OK(fs_sim_flip(r.sim, path, at * 8 + at % 8, &r.e), &r.e);
	}
	rig_close(&r);
}

/* A start without a sink that commits goes past it, and its fence says so. */
TEST(inv16_a_quarantined_manifest_that_cannot_be_read_is_a_note)
{
	struct rig r;
	struct told t;
	struct dir_result out;
	struct store_options o = {.dir = RIG_DIR, .retain = 3, .job_text = RIG_JOB, .falls_back = true,
				  .job_len = strlen(RIG_JOB), .new_lineage = 0xfeed0001, .pid = 1,
				  .new_uuid = "01234567-89ab-4cde-8f01-23456789abcd",
				  .verify = VERIFY_LENGTHS};
	small(&r, true);
	EXPECT_OK(fs_sim_flip(r.sim, RIG_DIR "/manifest/00000000000000000004", 999, &r.e), &r.e);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	EXPECT(t.faults == 1 && !out.chosen && out.best == 2);
	store_close(r.store);
	EXPECT_OK(store_open(&r.store, r.fs, &r.mem, &o, &r.start, &r.e), &r.e);
	EXPECT(r.start.fell_back);
	EXPECT_OK(store_own(r.store, &r.start, &r.e), &r.e);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	if (t.faults)
		fail_msg("%s: %s", t.file, t.what);
	EXPECT(t.notes >= 1 && out.chosen == 2 && out.chosen_intact);
	rig_close(&r);
}

TEST(what_nobody_names_is_a_note)
{
	struct rig r;
	struct told t;
	struct dir_result out;
	small(&r, true);
	EXPECT_OK(fs_write_new(r.fs, RIG_DIR "/parts/feed0001-2-1-00000000000000000009.part", "x", 1,
			       &r.e), &r.e);
	EXPECT_OK(fs_write_new(r.fs, RIG_DIR "/parts/notes.txt", "x", 1, &r.e), &r.e);
	EXPECT_OK(fs_write_new(r.fs, RIG_DIR "/manifest/tmp-00000000000000000002-77", "x", 1, &r.e),
		  &r.e);
	EXPECT_OK(check(&r, &t, &out, &r.e), &r.e);
	EXPECT(!t.faults && t.notes == 2 && t.intact == 3);
	rig_close(&r);
}

TEST(inv31_inv32_faults_of_memory_and_disk_are_no_verdict)
{
	struct rig r;
	small(&r, true);
	for (int io = 0; io < 2; io++)
		for (uint64_t n = 1;; n++) {
			struct told t;
			struct dir_result out;
			struct err e = {OK};
			size_t used = r.mem.used_bytes;
			uint64_t faults = fs_sim_faults(r.sim);
			r.mem.fail_at = io ? 0 : r.mem.calls + n;
			fs_sim_fault_at(r.sim, io ? fs_sim_count(r.sim) + n : 0, E_IO, false);
			enum rc rc = check(&r, &t, &out, &e);
			bool hit = io ? fs_sim_faults(r.sim) > faults : r.mem.calls >= r.mem.fail_at;
			r.mem.fail_at = 0;
			fs_sim_fault_at(r.sim, 0, OK, false);
			EXPECT(rc == OK || rc == (io ? E_IO : E_NO_MEMORY));
			if (rc == OK && (out.corrupt || out.missing || out.version))
				fail_msg("operation %llu: %s: %s", (unsigned long long)n, t.file, t.what);
			EXPECT(r.mem.used_bytes == used);
			if (!hit)
				break;
		}
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inv33_every_flipped_byte_of_every_file_of_a_small_directory_is_found),
		T(inv33_every_truncation_of_every_file_of_a_small_directory_is_found),
		T(a_file_that_is_gone_is_missing),
		T(inv17_a_committed_file_taken_away_is_no_fault),
		T(one_bad_file_leaves_the_checkpoints_that_do_not_need_it),
		T(a_wrong_number_of_keys_is_a_fault_though_every_byte_is_as_written),
		T(a_savepoint_is_read_by_its_name_and_checked_with_the_rest),
		T(inv33_the_text_beside_a_savepoint_is_the_one_it_was_taken_of),
		T(inv16_a_quarantined_manifest_that_cannot_be_read_is_a_note),
		T(what_nobody_names_is_a_note),
		T(inv31_inv32_faults_of_memory_and_disk_are_no_verdict),
	};
	return RUN(tests);
}
