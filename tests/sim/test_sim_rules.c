/* test_sim_rules.c - the rules that every schedule is held to notice what they are for: in the
 * middle of a job's life somebody does one thing that must not be, in a process of its own, which
 * must end there and say which rule it was. */
#include "tests/sim/committed.h"
#include "tests/sim/rules.h"
#include "tests/sim/scenario.h"

#include "base/check.h"
#include "checkpoint/retention.h"
#include "checkpoint/slots.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct fix {
	struct scenario s;
	struct world w;
	struct rules *rules;
	struct manifest top; /* the newest checkpoint */
	char path[512];      /* what is done something to */
};

/* A job that was killed after some checkpoints, with prepared files that its newest one lists. */
static void fix_open(struct fix *f, enum scenario_kind k)
{
	struct rng r;
	struct world *w = &f->w;
	struct err e = {0};
	struct slot_list l;
	rng_seed(&r, 5);
	scenario_open(&f->s, k, &r, (struct scenario_size){.lines = 60, .lines_a_second = 400});
	world_open(w, 5, f->s.job);
	scenario_files(&f->s, w);
	f->rules = rules_open(w);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	while (w->completed < 5)
		WORLD_CHECK(w, world_run(w, 1) == WORLD_PAUSED);
	world_crash(w, false);
	WORLD_CHECK(w, slots_list(slots_in(w->fs, WORLD_DIR), &w->mem, &l, &e) == OK && l.n);
	WORLD_CHECK(w, slots_read(slots_in(w->fs, WORLD_DIR), &w->mem, l.slot[l.n - 1], &f->top, &e) ==
			       OK);
	slot_list_close(&l);
	WORLD_CHECK(w, f->top.n_files && f->top.n_intents && f->top.n_retained);
}

static void write_file(struct fix *f, const char *path, const void *data, size_t len)
{
	struct err e = {0};
	WORLD_CHECK(&f->w, fs_write_new(f->w.fs, path, data, len, &e) == OK);
}

static const char *part(struct fix *f)
{
	snprintf(f->path, sizeof f->path, WORLD_DIR "/parts/%s", f->top.file[0].name);
	return f->path;
}

static const char *slot(struct fix *f, uint64_t number)
{
	snprintf(f->path, sizeof f->path, WORLD_DIR "/manifest/%020" PRIu64, number);
	return f->path;
}

static void unlink_it(struct fix *f, const char *path)
{
	struct err e = {0};
	if (fs_unlink(f->w.fs, path, &e) != OK)
		_exit(2);
}

static void write_into(struct fix *f, const char *path)
{
	struct err e = {0};
	int fd;
	if (fs_open(f->w.fs, path, FS_WRITE, &fd, &e) != OK ||
	    fs_pwrite(f->w.fs, fd, "x", 1, 0, &e) != OK)
		_exit(2);
}

/* The newest manifest under a temporary name, and that linked as another slot. */
static void publish_again(struct fix *f, uint64_t as, uint64_t id, uint64_t epoch, bool synced)
{
	struct err e = {0};
	struct bytes text;
	int fd;
	const char *temporary = WORLD_DIR "/manifest/tmp-00000000000000000001-999";
	bytes_init(&text, &f->w.mem);
	if (as <= f->top.parent)
		f->top.parent = f->top.n_retained = 0;
	f->top.slot = as;
	f->top.id = id;
	f->top.epoch = epoch;
	f->top.top_id = id;
	if (manifest_encode(&f->top, &text, &e) != OK)
		_exit(2);
	if (synced)
		write_file(f, temporary, text.data, text.len);
	else if (fs_open(f->w.fs, temporary, FS_CREATE, &fd, &e) != OK ||
		 fs_pwrite(f->w.fs, fd, text.data, text.len, 0, &e) != OK)
		_exit(2);
	if (fs_link(f->w.fs, temporary, slot(f, as), &e) != OK)
		_exit(2);
}

/* ---- what must not be ---- */

static void a_kept_part_is_unlinked(struct fix *f)
{
	unlink_it(f, part(f));
}

static void a_kept_part_is_written_to(struct fix *f)
{
	write_into(f, part(f));
}

static void a_part_that_is_gone_is_made_again(struct fix *f)
{
	const char *name = WORLD_DIR "/parts/0-1-1-1.part";
	write_file(f, name, "a", 1);
	unlink_it(f, name);
	write_file(f, name, "b", 1);
}

static void a_fence_is_unlinked(struct fix *f)
{
	unlink_it(f, slot(f, 1));
}

static void the_newest_slot_is_unlinked(struct fix *f)
{
	unlink_it(f, slot(f, f->top.slot));
}

static void a_retained_slot_is_unlinked(struct fix *f)
{
	unlink_it(f, slot(f, f->top.retained[0]));
}

static void a_checkpoint_is_published_twice(struct fix *f)
{
	publish_again(f, f->top.slot + 1, f->top.id, f->top.epoch, true);
}

static void a_checkpoint_of_another_epoch_is_published(struct fix *f)
{
	publish_again(f, f->top.slot + 1, f->top.id + 1, f->top.epoch + 1, true);
}

static void a_slot_below_the_newest_is_linked(struct fix *f)
{
	publish_again(f, 2, f->top.id + 1, f->top.epoch, true);
}

static void a_manifest_is_linked_before_it_is_synced(struct fix *f)
{
	publish_again(f, f->top.slot + 1, f->top.id + 1, f->top.epoch, false);
}

static void a_published_manifest_is_written_to(struct fix *f)
{
	write_into(f, slot(f, f->top.slot));
}

static void what_no_checkpoint_lists_is_committed(struct fix *f)
{
	struct err e = {0};
	char from[512];
	snprintf(from, sizeof from, "%s.other", f->top.intent[0].from);
	write_file(f, from, "word,n\n", 7);
	(void)!fs_rename_new(f->w.fs, from, WORLD_OUT "/part-x.csv", &e);
}

static const char *a_final_file(struct fix *f)
{
	struct fs_names names;
	struct err e = {0};
	f->path[0] = '\0';
	if (fs_list(f->w.fs, WORLD_OUT, &names, &e) != OK)
		_exit(2);
	for (size_t i = 0; i < names.n; i++)
		if (!strncmp(names.name[i], "part-", 5))
			snprintf(f->path, sizeof f->path, WORLD_OUT "/%s", names.name[i]);
	fs_names_close(&names);
	return f->path;
}

static void a_committed_file_is_unlinked(struct fix *f)
{
	unlink_it(f, a_final_file(f));
}

static void a_committed_file_is_written_to(struct fix *f)
{
	write_into(f, a_final_file(f));
}

static void what_is_still_to_be_committed_is_unlinked(struct fix *f)
{
	for (uint32_t i = 0; i < f->top.n_intents; i++) {
		struct fs_sim_look l;
		if (fs_sim_peek(f->w.disk, f->top.intent[i].from, &l))
			unlink_it(f, f->top.intent[i].from);
	}
}

static void a_single_file_grows_by_nobodys_leave(struct fix *f)
{
	struct err e = {0};
	struct fs_sim_look l;
	int fd;
	if (!fs_sim_peek(f->w.disk, WORLD_OUT "/all.csv", &l) ||
	    fs_open(f->w.fs, WORLD_OUT "/all.csv", FS_WRITE, &fd, &e) != OK)
		_exit(2);
	(void)!fs_pwrite(f->w.fs, fd, "x", 1, l.size + 100000, &e);
}

static void what_never_stood_is_called_complete(struct fix *f)
{
	rules_completed(f->rules, f->top.id + 1);
}

static void who_was_fenced_goes_on(struct fix *f)
{
	struct world *w = &f->w;
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	uint64_t completed = w->completed;
	world_host(w, 1);
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	world_host(w, 0);
	WORLD_CHECK(w, world_run(w, UINT64_MAX) == WORLD_HALTED && w->completed == completed);
	write_file(f, WORLD_DIR "/anything", "x", 1);
	rules_halted(f->rules, 0);
}

static void a_sync_that_failed_is_tried_again(struct fix *f)
{
	struct err e = {0};
	struct fs_sim_fault fault = {.at = 1, .code = E_IO, .on = FS_SIM_SYNCS, .persistent = true};
	int fd;
	if (fs_open(f->w.fs, WORLD_DIR "/parts/0-9-9-9.part", FS_CREATE, &fd, &e) != OK ||
	    fs_pwrite(f->w.fs, fd, "x", 1, 0, &e) != OK)
		_exit(2);
	fs_sim_fault(f->w.disk, &fault);
	if (fs_sync(f->w.fs, fd, &e) != E_IO)
		_exit(2);
	fs_sim_fault_at(f->w.disk, 0, OK, false);
	(void)!fs_sync(f->w.fs, fd, &e);
}

/* The rule it names; "": it noticed nothing. */
static void said_by(enum scenario_kind k, void (*what)(struct fix *f), char said[512])
{
	int pipes[2], status;
	char line[512] = "";
	fflush(NULL);
	CHECK(pipe(pipes) == 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		struct fix *f = calloc(1, sizeof *f);
		fix_open(f, k);
		CHECK(dup2(pipes[1], STDERR_FILENO) >= 0);
		what(f);
		_exit(0);
	}
	close(pipes[1]);
	FILE *from = fdopen(pipes[0], "r");
	said[0] = '\0';
	while (fgets(line, sizeof line, from))
		if (!said[0] && strstr(line, "SIM_SEED"))
			snprintf(said, 512, "%s", line);
	fclose(from);
	CHECK(waitpid(pid, &status, 0) == pid);
	if (!said[0])
		snprintf(said, 512, "not noticed (status %d)\n", status);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		snprintf(said, 512, "the test could not do it\n");
}

TEST(each_rule_notices_what_it_forbids)
{
	static const struct {
		const char *what, *rule;
		void (*does)(struct fix *f);
		bool single;
	} all[] = {
#define WHAT(f, rule) {#f, rule, f, false}
		WHAT(a_kept_part_is_unlinked, "inv 12"),
		WHAT(a_kept_part_is_written_to, "inv 12"),
		WHAT(a_part_that_is_gone_is_made_again, "inv 11"),
		WHAT(a_fence_is_unlinked, "inv 13"),
		WHAT(the_newest_slot_is_unlinked, "inv 12"),
		WHAT(a_retained_slot_is_unlinked, "inv 12"),
		WHAT(a_checkpoint_is_published_twice, "inv 10"),
		WHAT(a_checkpoint_of_another_epoch_is_published, "inv 26"),
		WHAT(a_slot_below_the_newest_is_linked, "inv 11"),
		WHAT(a_manifest_is_linked_before_it_is_synced, "inv 1"),
		WHAT(what_no_checkpoint_lists_is_committed, "inv 1"),
		WHAT(a_published_manifest_is_written_to, "inv 12"),
		WHAT(a_committed_file_is_unlinked, "committed file"),
		WHAT(a_committed_file_is_written_to, "inv 12"),
		WHAT(what_is_still_to_be_committed_is_unlinked, "inv 12"),
		WHAT(what_never_stood_is_called_complete, "inv 1"),
		WHAT(who_was_fenced_goes_on, "inv 27"),
		WHAT(a_sync_that_failed_is_tried_again, "inv 32"),
		{"a_single_file_grows_by_nobodys_leave", "inv 1",
		 a_single_file_grows_by_nobodys_leave, true},
	};
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		char said[512];
		said_by(all[i].single ? SCENARIO_ONE_FILE : SCENARIO_WORDS, all[i].does, said);
		printf("%s: %s", all[i].what, said);
		EXPECT(strstr(said, all[i].rule));
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	const struct CMUnitTest tests[] = {
		T(each_rule_notices_what_it_forbids),
	};
	return RUN(tests);
}
