/* test_listener.c - programs that are told of checkpoints hear each fact once and in order, and
 * nothing that they do holds up or harms whoever tells them (inv 35). */
#include "jobs/listener.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <unistd.h>

struct world {
	struct mem mem;
	struct loop *loop;
	struct log log;
	FILE *said;
	struct json_doc *doc;
	struct spec spec;
	struct listener *l;
	char dir[64], out[96];
};

static void on_idle(void *arg)
{
	struct world *w = arg;
	loop_stop(w->loop);
}

/* Each program is a script for /bin/sh; "$1" is a file of the test's. */
static void world_open(struct world *w, const char *complete, const char *aborted,
		       uint64_t limit_us)
{
	struct err e = {0};
	struct bytes text;
	const char *scripts[] = {complete, aborted, complete};
	const struct json **who[] = {&w->spec.checkpoint.on_complete, &w->spec.checkpoint.on_abort,
				     &w->spec.checkpoint.on_restore};
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	strcpy(w->dir, "/tmp/weir-test-XXXXXX");
	EXPECT(mkdtemp(w->dir));
	snprintf(w->out, sizeof w->out, "%s/heard", w->dir);
	EXPECT_OK(loop_open(&w->loop, &w->mem, &e), &e);
	w->said = tmpfile();
	EXPECT(w->said);
	w->log = (struct log){.to = w->said, .clock = clock_real()};
	bytes_init(&text, &w->mem);
	bytes_put_text(&text, "{");
	for (int i = 0; i < 3; i++)
		bytes_printf(&text, "%s\"%d\": [\"/bin/sh\", \"-c\", \"%s\", \"sh\", \"%s\"]",
			     i ? "," : "", i, scripts[i] ? scripts[i] : "", w->out);
	bytes_put_text(&text, "}");
	EXPECT_OK(json_parse(&w->doc, bytes_text(&text), text.len, &w->mem, NULL, &e), &e);
	bytes_close(&text);
	w->spec.name = "j";
	w->spec.folder = (char *)"";
	for (int i = 0; i < 3; i++) {
		char name[2] = {(char)('0' + i), 0};
		*who[i] = scripts[i] ? json_get(json_root(w->doc), name) : NULL;
	}
	struct listener_options o = {.loop = w->loop, .spec = &w->spec, .dir = "the/dir",
				     .log = &w->log, .mem = &w->mem, .limit_us = limit_us,
				     .idle = on_idle, .arg = w};
	EXPECT_OK(listener_open(&w->l, &o, &e), &e);
}

static void world_close(struct world *w)
{
	listener_close(w->l);
	loop_close(w->loop);
	json_close(w->doc);
	fclose(w->said);
	unlink(w->out);
	EXPECT(rmdir(w->dir) == 0);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static void run(struct world *w)
{
	if (!listener_is_idle(w->l))
		loop_run(w->loop);
	EXPECT(listener_is_idle(w->l));
}

static void completed(struct world *w, uint64_t id)
{
	struct checkpoint_record r = {.id = id, .kind = CO_PERIODIC, .completed = true, .keys = 7};
	listener_checkpoint(w->l, &r);
}

static char *text_of(FILE *f, char text[65536])
{
	rewind(f);
	text[fread(text, 1, 65535, f)] = '\0';
	return text;
}

static char *heard(struct world *w, char text[65536])
{
	FILE *f = fopen(w->out, "r");
	text[0] = '\0';
	if (f) {
		text_of(f, text);
		fclose(f);
	}
	return text;
}

#define WRITES "cat >> $1"

TEST(a_job_that_names_nobody_has_no_listener)
{
	struct world w;
	world_open(&w, NULL, NULL, 1);
	EXPECT(!w.l && listener_is_idle(NULL));
	completed(&w, 1);
	listener_committed(w.l, 1);
	listener_restored(w.l, &(struct job_recovery){.restored = true}, 1);
	world_close(&w);
}

TEST(a_completed_checkpoint_is_told_when_it_is_committed_and_each_once_in_order)
{
	struct world w;
	char text[65536];
	world_open(&w, WRITES, WRITES, 60000000);
	completed(&w, 7);
	EXPECT(listener_is_idle(w.l));
	completed(&w, 8);
	listener_committed(w.l, 8); /* and 7, which it subsumes */
	struct checkpoint_record r = {.id = 9, .kind = CO_MANUAL, .error = "no \"space\""};
	listener_checkpoint(w.l, &r);
	struct job_recovery rec = {.restored = true, .checkpoint = 6, .keys = 3};
	listener_restored(w.l, &rec, 2);
	rec.restored = false;
	listener_restored(w.l, &rec, 3);
	run(&w);
	heard(&w, text);
	const char *want[] = {"{\"event\":\"completed\",\"job\":\"j\",\"dir\":\"the/dir\",",
			      "\"checkpoint\":7,",
			      "\"checkpoint\":8,", "\"event\":\"aborted\"", "\"checkpoint\":9,",
			      "\"kind\":\"manual\"", "\"error\":\"no \\\"space\\\"\"",
			      "\"event\":\"restored\"", "\"checkpoint\":6,\"attempt\":2"};
	char *at = text;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		char *found = strstr(at, want[i]);
		if (!found)
			fail_msg("no %s behind %s", want[i], at);
		at = found;
	}
	unsigned lines = 0;
	for (char *c = text; *c; c++)
		lines += *c == '\n';
	EXPECT(lines == 4);
	world_close(&w);
}

TEST(it_gets_no_descriptor_of_ours_but_three)
{
	struct world w;
	char text[65536];
	int ours = dup(1); /* not close-on-exec */
	world_open(&w, "ls /proc/self/fd | tr '\\\\n' ' ' >> $1", NULL, 60000000);
	completed(&w, 1);
	listener_committed(w.l, 1);
	run(&w);
	EXPECT(!strcmp(heard(&w, text), "0 1 2 3 ")); /* 3: the folder that ls reads */
	close(ours);
	world_close(&w);
}

/* None of them reads its input, and one never ends. */
TEST(inv35_what_fails_or_hangs_is_a_warning_and_the_next_one_is_told)
{
	struct world w;
	char text[65536];
	world_open(&w, "exit 3", "echo here; sleep 1000", 50000);
	completed(&w, 1);
	listener_committed(w.l, 1);
	listener_checkpoint(w.l, &(struct checkpoint_record){.id = 2, .error = "x"});
	completed(&w, 3);
	listener_committed(w.l, 3);
	run(&w);
	text_of(w.said, text);
	char *one = strstr(text, "on_complete: it ended with exit code 3");
	char *two = strstr(text, "on_abort: it was killed");
	EXPECT(one && two && one < two && strstr(two, "on_complete: it ended with exit code 3"));
	EXPECT(strstr(text, "here")); /* what it prints goes where the log goes */
	world_close(&w);
	world_open(&w, "cat > /dev/null; kill -9 $$", NULL, 60000000);
	completed(&w, 1);
	listener_committed(w.l, 1);
	run(&w);
	EXPECT(strstr(text_of(w.said, text), "it died of signal 9"));
	world_close(&w);
}

TEST(a_program_that_is_not_there_is_a_warning)
{
	struct world w;
	char text[65536];
	struct err e = {0};
	world_open(&w, WRITES, NULL, 60000000);
	struct json_doc *doc;
	const char *job = "{\"p\": \"no/such\"}";
	EXPECT_OK(json_parse(&doc, job, strlen(job), &w.mem, NULL, &e), &e);
	listener_close(w.l);
	w.spec.checkpoint.on_complete = json_get(json_root(doc), "p");
	w.spec.folder = w.dir;
	struct listener_options o = {.loop = w.loop, .spec = &w.spec, .dir = "d", .log = &w.log,
				     .mem = &w.mem, .limit_us = 1, .idle = on_idle, .arg = &w};
	EXPECT_OK(listener_open(&w.l, &o, &e), &e);
	completed(&w, 1);
	listener_committed(w.l, 1);
	run(&w);
	text_of(w.said, text);
	EXPECT(strstr(text, "on_complete: cannot start") && strstr(text, w.dir));
	json_close(doc);
	world_close(&w);
}

TEST(inv35_facts_that_nobody_takes_are_bounded)
{
	struct world w;
	char text[65536];
	world_open(&w, WRITES, WRITES, 60000000);
	listener_restored(w.l, &(struct job_recovery){.restored = true, .checkpoint = 5}, 1);
	for (uint64_t id = 1; id <= 3 * LISTENER_QUEUE; id++) {
		completed(&w, id);
		listener_committed(w.l, id);
	}
	size_t used = atomic_load(&w.mem.used_bytes);
	EXPECT(used < LISTENER_QUEUE * 1024 + 65536);
	run(&w);
	heard(&w, text);
	EXPECT(strstr(text, "\"event\":\"restored\"")); /* one kind does not drive out another */
	EXPECT(!strstr(text, "\"checkpoint\":1,") && strstr(text, "\"checkpoint\":192,"));
	EXPECT(strstr(text_of(w.said, text), "slower than the checkpoints"));
	world_close(&w);
}

TEST(what_was_never_committed_is_never_told)
{
	struct world w;
	char text[65536];
	world_open(&w, WRITES, NULL, 60000000);
	for (uint64_t id = 1; id <= 3 * CO_CONCURRENT_MAX; id++)
		completed(&w, id);
	EXPECT(listener_is_idle(w.l));
	completed(&w, 100);
	listener_committed(w.l, 3 * CO_CONCURRENT_MAX);
	run(&w);
	EXPECT(!strstr(heard(&w, text), "\"checkpoint\":100,"));
	world_close(&w);
}

TEST(one_that_runs_is_killed_with_the_job)
{
	struct world w;
	world_open(&w, "sleep 1000", NULL, 60000000);
	completed(&w, 1);
	completed(&w, 2);
	listener_committed(w.l, 2);
	struct err e = {0};
	struct loop_timer *t;
	EXPECT_OK(loop_timer_open(&t, w.loop, on_idle, &w, &e), &e);
	loop_timer_set(t, 20000);
	loop_run(w.loop);
	EXPECT(!listener_is_idle(w.l));
	loop_timer_close(&t);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_job_that_names_nobody_has_no_listener),
		T(a_completed_checkpoint_is_told_when_it_is_committed_and_each_once_in_order),
		T(it_gets_no_descriptor_of_ours_but_three),
		T(inv35_what_fails_or_hangs_is_a_warning_and_the_next_one_is_told),
		T(a_program_that_is_not_there_is_a_warning),
		T(inv35_facts_that_nobody_takes_are_bounded),
		T(what_was_never_committed_is_never_told),
		T(one_that_runs_is_killed_with_the_job),
	};
	return RUN(tests);
}
