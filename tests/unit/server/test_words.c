/* test_words.c - what server and job process say to each other survives the way, and what is no
 * word is refused as a whole. */
#include "server/words.h"
#include "tests/lib/test.h"

#include <string.h>

struct fix {
	struct mem mem;
	struct bytes b;
	struct err e;
};

static void open_fix(struct fix *f)
{
	mem_init(&f->mem, 0);
	bytes_init(&f->b, &f->mem);
	f->e = (struct err){0};
}

static void close_fix(struct fix *f)
{
	bytes_close(&f->b);
	EXPECT(f->mem.used_bytes == 0);
}

static const char *body(struct fix *f)
{
	return (const char *)f->b.data;
}

static struct restart_state some_restarts(void)
{
	struct restart_state s = {.restarts = 7, .delay_us = 1500000, .running_since_us = 123456789012,
				  .n_failed = 70};
	for (uint64_t i = 0; i < RESTART_FAILURES_MAX; i++)
		s.failed_us[i] = 1000000000 + i * i;
	return s;
}

TEST(a_start_arrives_as_it_was_sent)
{
	struct fix f;
	struct word_start got;
	char job[] = "{\"name\":\"a\",\n\t\"x\":\"\\\\ \\u0001 \xC3\xA9\"}";
	struct word_start sent = {.entry = {.name = "a-b_9", .file = "/a \"b\"/c.json", .job = job,
					    .job_len = sizeof job - 1, .parallelism = 3,
					    .set = {"checkpoint.interval=1s", "x=\n"}, .n_sets = 2},
				  .dir = "/data/jobs/a", .log = "/data/logs/a.log",
				  .config_file = "c.json", .config = "{}",
				  .allow = {.confines = true, .n[ALLOW_WRITE] = 2, .n[ALLOW_ENV] = 1,
					    .item[ALLOW_WRITE] = {"/w/1", "/w/\"2"},
					    .item[ALLOW_ENV] = {"HOME"}},
				  .log_json = true, .restarts = some_restarts(),
				  .lock_wait_us = 30000000};
	open_fix(&f);
	start_write(&sent, &f.b);
	EXPECT_OK(start_read(&got, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(!strcmp(got.entry.name, "a-b_9") && !strcmp(got.entry.file, sent.entry.file));
	EXPECT(got.entry.job_len == sizeof job - 1 && !strcmp(got.entry.job, job));
	EXPECT(got.entry.parallelism == 3 && got.entry.n_sets == 2);
	EXPECT(!strcmp(got.entry.set[1], "x=\n") && !strcmp(got.dir, sent.dir));
	EXPECT(!strcmp(got.log, sent.log) && !strcmp(got.config, "{}"));
	EXPECT(!memcmp(&got.restarts, &sent.restarts, sizeof sent.restarts));
	EXPECT(got.lock_wait_us == 30000000 && got.log_json);
	EXPECT(got.allow.confines && !got.allow.landlock);
	EXPECT(got.allow.n[ALLOW_WRITE] == 2 && !strcmp(got.allow.item[ALLOW_WRITE][1], "/w/\"2"));
	EXPECT(got.allow.n[ALLOW_ENV] == 1 && !got.allow.n[ALLOW_READ]);
	start_close(&got, &f.mem);
	close_fix(&f);
}

TEST(what_may_be_absent_stays_absent)
{
	struct fix f;
	struct word_start got, sent = {.entry = {.name = "a", .job = "{}", .job_len = 2},
				       .dir = "d", .log = "l"};
	open_fix(&f);
	start_write(&sent, &f.b);
	EXPECT_OK(start_read(&got, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(!got.entry.file && !got.config && !got.config_file && !got.entry.n_sets);
	EXPECT(!got.log_json);
	start_close(&got, &f.mem);
	close_fix(&f);
}

TEST(a_start_that_says_nothing_of_folders_confines_nobody)
{
	struct fix f;
	struct word_start got, sent = {.entry = {.name = "a", .job = "{}", .job_len = 2}, .dir = "/d",
				       .log = "/l"};
	open_fix(&f);
	start_write(&sent, &f.b);
	EXPECT_OK(start_read(&got, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(!got.allow.confines);
	start_close(&got, &f.mem);
	close_fix(&f);
}

TEST(a_failure_and_an_end_carry_their_error_and_its_class)
{
	struct fix f;
	struct word_failed failed = {.restarts = some_restarts(), .after_us = 77}, heard;
	struct word_ended ended = {.ended = LIFE_ENDED_STOPPED, .unsaved_stop = true, .exit = 1}, end;
	open_fix(&f);
	ERR(&failed.error, E_NO_SPACE, "disk \"full\"\n");
	failed_write(&failed, &f.b);
	EXPECT_OK(failed_read(&heard, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(heard.error.code == E_NO_SPACE && !strcmp(heard.error.text, failed.error.text));
	EXPECT(heard.after_us == 77);
	EXPECT(!memcmp(&heard.restarts, &failed.restarts, sizeof heard.restarts));
	bytes_clear(&f.b);
	ERR(&ended.error, E_TIMEOUT, "late");
	ended_write(&ended, &f.b);
	EXPECT_OK(ended_read(&end, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(end.ended == LIFE_ENDED_STOPPED && end.unsaved_stop && end.exit == 1);
	EXPECT(end.error.code == E_TIMEOUT && !strcmp(end.error.text, "late"));
	close_fix(&f);
}

TEST(small_words_arrive)
{
	struct fix f;
	uint64_t n = 0;
	bool on = false;
	struct word_answer a, sent = {.request = 12, .checkpoint = 99};
	open_fix(&f);
	up_write(41, &f.b);
	EXPECT_OK(up_read(&n, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(n == 41);
	bytes_clear(&f.b);
	watch_write(true, &f.b);
	EXPECT_OK(watch_read(&on, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(on);
	bytes_clear(&f.b);
	answer_write(&sent, &f.b);
	EXPECT_OK(answer_read(&a, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(a.request == 12 && a.checkpoint == 99 && a.error.code == OK);
	close_fix(&f);
}

TEST(a_step_is_one_that_its_process_knows)
{
	struct fix f;
	struct word_step got;
	open_fix(&f);
	for (unsigned i = 0; i < STEP_DOS; i++) {
		struct word_step sent = {(enum step_do)i, UINT64_C(1) << i};
		bytes_clear(&f.b);
		step_write(&sent, &f.b);
		enum rc rc = step_read(&got, body(&f), f.b.len, &f.mem, &f.e);
		if (i == STEP_DO_END)
			EXPECT(rc == E_INVALID);
		else
			EXPECT(rc == OK && got.what == sent.what && got.n == sent.n);
		f.e = (struct err){0};
	}
	close_fix(&f);
}

static bool same_ask(const struct job_ask *a, const struct job_ask *b)
{
	return a->kind == b->kind && a->request == b->request && a->full == b->full &&
	       a->drain == b->drain && a->savepoint == b->savepoint && a->dry_run == b->dry_run &&
	       !strcmp(a->name, b->name) && a->id == b->id;
}

TEST(whatever_may_be_asked_arrives_as_it_was_asked)
{
	struct fix f;
	struct job_ask got, sent[] = {
		{.kind = ASK_CHECKPOINT, .request = UINT64_C(1) << 31, .full = true},
		{.kind = ASK_SAVEPOINT, .request = 2, .name = "before-v2"},
		{.kind = ASK_PIN, .request = 3, .id = UINT64_C(1) << 62},
		{.kind = ASK_UNPIN, .request = 4, .id = 1},
		{.kind = ASK_GC, .request = 5, .dry_run = true},
		{.kind = ASK_STOP, .drain = true, .savepoint = true}};
	open_fix(&f);
	memset(sent[5].name, 'x', ASK_NAME_MAX);
	for (size_t i = 0; i < sizeof sent / sizeof *sent; i++) {
		bytes_clear(&f.b);
		request_write(&sent[i], &f.b);
		EXPECT_OK(request_read(&got, body(&f), f.b.len, &f.mem, &f.e), &f.e);
		EXPECT(same_ask(&got, &sent[i]));
		for (size_t len = 0; len < f.b.len; len++) {
			f.e = (struct err){0};
			EXPECT(request_read(&got, body(&f), len, &f.mem, &f.e) == E_INVALID);
		}
		f.e = (struct err){0};
	}
	close_fix(&f);
}

TEST(a_key_that_is_wanted_and_its_row_arrive)
{
	struct fix f;
	struct word_lookup l, asked = {.request = 9, .stage = "count", .n_keys = 4,
				       .key = {"a \"b\"", "", "\xC3\xA9\n", "\x7F\x80\xFE\xFF\xC3"}};
	struct word_found w, said = {.request = 9, .row = "{\"k\":\"a \\\"\",\"sum\":0.1}",
				     .subtask = 3, .records = 1u << 31, .barrier = 41, .wall_us = 1790000000000000};
	open_fix(&f);
	lookup_write(&asked, &f.b);
	EXPECT_OK(lookup_read(&l, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(l.request == 9 && !strcmp(l.stage, "count") && l.n_keys == 4);
	for (unsigned i = 0; i < 4; i++)
		EXPECT(!strcmp(l.key[i], asked.key[i]));
	lookup_close(&l);
	bytes_clear(&f.b);
	found_write(&said, &f.b);
	EXPECT_OK(found_read(&w, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(w.request == 9 && w.error.code == OK && !strcmp(w.row, said.row) && w.subtask == 3);
	EXPECT(w.records == said.records && w.barrier == 41 && w.wall_us == said.wall_us);
	found_close(&w);
	said.row = NULL;
	ERR(&said.error, E_TIMEOUT, "busy");
	bytes_clear(&f.b);
	found_write(&said, &f.b);
	EXPECT_OK(found_read(&w, body(&f), f.b.len, &f.mem, &f.e), &f.e);
	EXPECT(w.error.code == E_TIMEOUT && !strcmp(w.error.text, "busy") && !w.row);
	found_close(&w);
	close_fix(&f);
}

TEST(a_row_that_is_no_object_and_a_key_of_too_many_texts_are_no_words)
{
	struct fix f;
	struct word_found w, said = {.request = 9};
	struct word_lookup l;
	const char *const rows[] = {"", "[1]", "{", "1"};
	open_fix(&f);
	for (unsigned i = 0; i < 4; i++) {
		said.row = rows[i];
		bytes_clear(&f.b);
		found_write(&said, &f.b);
		EXPECT(found_read(&w, body(&f), f.b.len, &f.mem, &f.e) == E_INVALID);
		err_clear(&f.e);
	}
	bytes_clear(&f.b);
	bytes_put_text(&f.b, "{\"request\":1,\"stage\":\"s\",\"key\":[");
	for (unsigned i = 0; i <= KEY_FIELDS_MAX; i++)
		bytes_put_text(&f.b, i ? ",\"k\"" : "\"k\"");
	bytes_put_text(&f.b, "]}");
	EXPECT(lookup_read(&l, body(&f), f.b.len, &f.mem, &f.e) == E_INVALID);
	static const char *const odd[] = {"1", "\"\xE2\x82\xAC\"", "\"\xC4\x80\"", "[\"k\"]"};
	for (unsigned i = 0; i < 4; i++) {
		bytes_clear(&f.b);
		bytes_printf(&f.b, "{\"request\":1,\"stage\":\"s\",\"key\":[\"k\",%s]}", odd[i]);
		err_clear(&f.e);
		EXPECT(lookup_read(&l, body(&f), f.b.len, &f.mem, &f.e) == E_INVALID);
	}
	close_fix(&f);
}

TEST(a_name_longer_than_a_savepoint_has_is_no_word)
{
	struct fix f;
	struct job_ask got, sent = {.kind = ASK_SAVEPOINT, .request = 1};
	open_fix(&f);
	memset(sent.name, 'x', ASK_NAME_MAX);
	bytes_printf(&f.b, "{\"ask\":\"savepoint\",\"request\":1,\"full\":false,\"drain\":false,"
		     "\"savepoint\":false,\"dry_run\":false,\"name\":\"%sx\",\"id\":0}", sent.name);
	EXPECT(request_read(&got, body(&f), f.b.len, &f.mem, &f.e) == E_INVALID);
	close_fix(&f);
}

/* Cut anywhere, or with one member gone or of another kind, it is refused, and nothing leaks. */
TEST(what_is_no_word_is_refused_as_a_whole)
{
	struct fix f;
	struct word_start got, sent = {.entry = {.name = "a", .job = "{}", .job_len = 2},
				       .dir = "d", .log = "l"};
	struct word_ended end;
	static const char *const no_end[] = {
		"", "{}", "[]", "null", "{\"ended\":\"gone\"}",
		"{\"ended\":\"failed\",\"unsaved_stop\":1,\"exit\":1,\"code\":\"E_IO\",\"error\":\"\"}",
		"{\"ended\":\"failed\",\"unsaved_stop\":true,\"exit\":-1,\"code\":\"E_IO\",\"error\":\"\"}",
		"{\"ended\":\"failed\",\"unsaved_stop\":true,\"exit\":1,\"code\":\"E_ODD\",\"error\":\"\"}",
		"{\"ended\":\"failed\",\"unsaved_stop\":true,\"exit\":1,\"code\":\"E_IO\",\"error\":5}"};
	open_fix(&f);
	start_write(&sent, &f.b);
	for (size_t len = 0; len < f.b.len; len++) {
		f.e = (struct err){0};
		EXPECT(start_read(&got, body(&f), len, &f.mem, &f.e) == E_INVALID);
		start_close(&got, &f.mem);
	}
	for (size_t i = 0; i < sizeof no_end / sizeof *no_end; i++) {
		f.e = (struct err){0};
		EXPECT(ended_read(&end, no_end[i], strlen(no_end[i]), &f.mem, &f.e) == E_INVALID);
	}
	close_fix(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_start_arrives_as_it_was_sent),
		T(a_start_that_says_nothing_of_folders_confines_nobody),
		T(what_may_be_absent_stays_absent),
		T(a_failure_and_an_end_carry_their_error_and_its_class),
		T(small_words_arrive),
		T(a_step_is_one_that_its_process_knows),
		T(whatever_may_be_asked_arrives_as_it_was_asked),
		T(a_key_that_is_wanted_and_its_row_arrive),
		T(a_row_that_is_no_object_and_a_key_of_too_many_texts_are_no_words),
		T(a_name_longer_than_a_savepoint_has_is_no_word),
		T(what_is_no_word_is_refused_as_a_whole),
	};
	return RUN(tests);
}
