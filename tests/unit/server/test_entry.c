/* test_entry.c - an entry reads back as it was, and nothing else reads as an entry. */
#include "server/entry.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/rng.h"
#include "tests/lib/test.h"

#include <inttypes.h>
#include <stdlib.h>

static struct mem mem;
static struct err err;

static int begin(void **state)
{
	(void)state;
	mem_init(&mem, 0);
	err_clear(&err);
	return 0;
}

static int end(void **state)
{
	(void)state;
	EXPECT(atomic_load(&mem.used_bytes) == 0);
	return 0;
}

/* Borrows its texts: for entry_encode and entry_copy only. */
static struct entry sample(void)
{
	static char error[] = "source 'a\"b'[2]: \\ line\nbreak \x01 \xE2\x82\xAC",
		    file[] = "/home/m\xC3\xA9/\"job\" 1.json", set[] = "checkpoint.interval=\"1s\"",
		    restore[] = "/data/jobs/x/savepoints/\xC3\xA9@17",
		    job[] = "{ \"name\": \"x\",\n\t\"pipeline\": [] } \xFF\xC3( \x7F";
	return (struct entry){
		.name = "word-count_1", .standing = STANDING_FAILED, .code = E_IO, .error = error,
		.erase = true, .submitted_wall_us = 1790000000000000, .since_wall_us = -5,
		.exit = 255, .file = file, .parallelism = UINT32_MAX, .set = {set, set}, .n_sets = 2,
		.restore = restore, .rewind = true, .claim = true,
		.job = job, .job_len = strlen(job),
	};
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void expect_same(const struct entry *a, const struct entry *b)
{
	EXPECT(!strcmp(a->name, b->name) && a->standing == b->standing && a->code == b->code);
	EXPECT(same_text(a->error, b->error) && same_text(a->file, b->file));
	EXPECT(a->erase == b->erase && a->parallelism == b->parallelism);
	EXPECT(same_text(a->restore, b->restore) && a->rewind == b->rewind && a->claim == b->claim);
	EXPECT(a->exit == b->exit);
	EXPECT(a->submitted_wall_us == b->submitted_wall_us && a->since_wall_us == b->since_wall_us);
	EXPECT(a->n_sets == b->n_sets);
	for (unsigned i = 0; i < a->n_sets; i++)
		EXPECT(same_text(a->set[i], b->set[i]));
	EXPECT(a->job_len == b->job_len && !memcmp(a->job, b->job, a->job_len));
	EXPECT(b->job[b->job_len] == '\0');
}

static void encode(const struct entry *en, struct bytes *b)
{
	bytes_init(b, &mem);
	EXPECT_OK(entry_encode(en, b, &err), &err);
}

static void expect_round_trip(const struct entry *en)
{
	struct bytes b;
	struct entry back;
	encode(en, &b);
	EXPECT_OK(entry_decode(&back, b.data, b.len, &mem, &err), &err);
	expect_same(en, &back);
	entry_close(&back);
	bytes_close(&b);
}

/* An entry with these facts, and its sums as they should be. */
static void forge(struct bytes *b, const char *facts, const char *job)
{
	bytes_init(b, &mem);
	bytes_printf(b, "weir-entry 1 %08zu %016" PRIx64 " %08zu %016" PRIx64 "\n%s%s", strlen(facts),
		     checksum64(facts, strlen(facts)), strlen(job), checksum64(job, strlen(job)), facts,
		     job);
}

static enum rc decode_rc(const uint8_t *data, size_t len)
{
	struct entry en;
	err_clear(&err);
	enum rc rc = entry_decode(&en, data, len, &mem, &err);
	if (rc == OK)
		entry_close(&en);
	else
		EXPECT(err.code == rc && err.text[0] && !en.job);
	return rc;
}

TEST(odd_texts_round_trip)
{
	struct entry en = sample();
	expect_round_trip(&en);
	en = (struct entry){.name = "a", .job = "", .job_len = 0};
	expect_round_trip(&en);
	for (enum standing s = STANDING_RUNNING; s <= STANDING_REMOVED; s++) {
		enum standing back;
		en.standing = s;
		expect_round_trip(&en);
		EXPECT(standing_parse(standing_name(s), &back) && back == s);
	}
	for (enum rc code = OK; code <= E_CRASHED; code++) {
		en.code = code;
		expect_round_trip(&en);
	}
}

TEST(a_job_of_a_mebibyte_of_anything_but_nul_round_trips)
{
	struct rng r;
	size_t len = 1 << 20;
	char *job = malloc(len + 1);
	rng_seed(&r, 4);
	for (size_t i = 0; i < len; i++)
		job[i] = (char)(1 + rng_below(&r, 255));
	struct entry en = {.name = "big", .job = job, .job_len = len};
	expect_round_trip(&en);
	free(job);
}

TEST(the_most_sets_there_may_be_round_trip)
{
	struct entry en = sample();
	for (en.n_sets = 0; en.n_sets < ENTRY_SETS_MAX; en.n_sets++)
		en.set[en.n_sets] = en.file;
	expect_round_trip(&en);
}

TEST(what_cannot_be_read_back_is_not_written)
{
	static const char *const names[] = {"", "../x", "a b", "a.b", "a/b", "n\xC3\xA9"};
	struct bytes b;
	bytes_init(&b, &mem);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct entry en = sample();
		snprintf(en.name, sizeof en.name, "%s", names[i]);
		EXPECT(entry_encode(&en, &b, NULL) == E_INVALID && !b.len);
	}
	struct entry en = sample();
	char odd[] = "a\xFF", nul[] = "a\0b";
	en.file = odd;
	EXPECT(entry_encode(&en, &b, NULL) == E_INVALID && !b.len);
	en = sample();
	en.set[1] = odd;
	EXPECT(entry_encode(&en, &b, NULL) == E_INVALID && !b.len);
	en = sample();
	en.job = nul;
	en.job_len = 3;
	EXPECT(entry_encode(&en, &b, NULL) == E_INVALID && !b.len);
	en.job = calloc(1, ENTRY_TEXT_MAX);
	memset(en.job, 'x', ENTRY_TEXT_MAX);
	en.job_len = ENTRY_TEXT_MAX;
	EXPECT(entry_encode(&en, &b, NULL) == E_INVALID && !b.len);
	free(en.job);
	/* What is for people's eyes is mended instead. */
	en = sample();
	en.error = odd;
	EXPECT_OK(entry_encode(&en, &b, &err), &err);
	struct entry back;
	EXPECT_OK(entry_decode(&back, b.data, b.len, &mem, &err), &err);
	EXPECT(!strcmp(back.error, "a\xEF\xBF\xBD"));
	entry_close(&back);
	bytes_close(&b);
}

TEST(any_byte_changed_in_any_of_some_ways_is_corrupt)
{
	static const uint8_t ways[] = {0x01, 0x20, 0x80, 0xFF, 0x10};
	struct entry en = sample();
	struct bytes b;
	encode(&en, &b);
	for (size_t i = 0; i < b.len; i++)
		for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
			b.data[i] ^= ways[w];
			EXPECT(decode_rc(b.data, b.len) == E_CORRUPT);
			b.data[i] ^= ways[w];
		}
	EXPECT(decode_rc(b.data, b.len) == OK);
	bytes_close(&b);
}

TEST(cut_or_grown_at_any_length_is_corrupt)
{
	struct entry en = sample();
	struct bytes b;
	encode(&en, &b);
	for (size_t len = 0; len < b.len; len++) {
		/* A copy of its own size, so that the sanitizer sees a step too far. */
		uint8_t *cut = malloc(len + !len);
		memcpy(cut, b.data, len);
		EXPECT(decode_rc(cut, len) == E_CORRUPT);
		free(cut);
	}
	for (int i = 0; i < 3; i++) {
		bytes_put_u8(&b, i ? 'x' : '\n');
		EXPECT(decode_rc(b.data, b.len) == E_CORRUPT);
	}
	bytes_close(&b);
}

TEST(facts_that_no_weir_writes_are_refused_though_their_sum_is_right)
{
#define REST "\"submitted_wall_us\":1,\"since_wall_us\":2"
	static const char *const wrong[] = {
		"", "\n", "{}\n", "[]\n", "7\n", "{\n", "\xFF\n",
		"{\"name\":\"x\",\"standing\":\"running\"," REST "}", /* no line feed */
		"{\"name\":\"x\",\"standing\":\"running\"," REST "}}\n",
		"{\"standing\":\"running\"," REST "}\n",
		"{\"name\":\"x\"," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"since_wall_us\":2}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"submitted_wall_us\":2}\n",
		"{\"name\":\"../x\",\"standing\":\"running\"," REST "}\n",
		"{\"name\":\"\",\"standing\":\"running\"," REST "}\n",
		"{\"name\":\"x\\u0000y\",\"standing\":\"running\"," REST "}\n",
		"{\"name\":3,\"standing\":\"running\"," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"RUNNING\"," REST "}\n",
		"{\"name\":\"x\",\"standing\":null," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"code\":\"E_WHAT\"," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"error\":5," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"error\":\"a\\u0000\"," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"erase\":1," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"since_wall_us\":2.5,\"submitted_wall_us\":2}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"parallelism\":-1," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"failed\",\"exit\":0," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"failed\",\"exit\":256," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"parallelism\":0," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"parallelism\":4294967296," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"set\":\"a=1\"," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"set\":[\"a=1\",2]," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"set\":[\"a\\u0000\"]," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"later\":true," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"restore\":7," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"rewind\":true," REST "}\n",
		"{\"name\":\"x\",\"standing\":\"running\",\"restore\":\"7\",\"claim\":1," REST "}\n",
		"{\"name\":\"x\",\"name\":\"x\",\"standing\":\"running\"," REST "}\n",
	};
	struct bytes b;
	forge(&b, "{\"name\":\"x\",\"standing\":\"running\"," REST "}\n", "job");
	EXPECT(decode_rc(b.data, b.len) == OK);
	bytes_close(&b);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		forge(&b, wrong[i], "job");
		if (decode_rc(b.data, b.len) != E_CORRUPT)
			fail_msg("passed: %s", wrong[i]);
		bytes_close(&b);
	}
	char *many = malloc(1 << 16);
	int n = sprintf(many, "{\"name\":\"x\",\"standing\":\"running\"," REST ",\"set\":[\"\"");
	for (int i = 0; i < ENTRY_SETS_MAX; i++)
		n += sprintf(many + n, ",\"a=%d\"", i);
	sprintf(many + n, "]}\n");
	forge(&b, many, "job");
	EXPECT(decode_rc(b.data, b.len) == E_CORRUPT);
	bytes_close(&b);
	free(many);
}

TEST(another_version_is_named)
{
	struct entry en = sample();
	struct bytes b;
	encode(&en, &b);
	b.data[11] = '2';
	EXPECT(decode_rc(b.data, b.len) == E_CORRUPT && strstr(err.text, "of version 2"));
	memcpy(b.data + 11, "437 ", 4);
	EXPECT(decode_rc(b.data, b.len) == E_CORRUPT && strstr(err.text, "of version 437"));
	bytes_close(&b);
}

TEST(a_head_needs_only_what_it_says)
{
	struct entry en = sample(), back;
	struct bytes b;
	size_t need, facts;
	encode(&en, &b);
	EXPECT_OK(entry_decode_head(&back, b.data, 0, b.len, &need, &mem, &err), &err);
	EXPECT(need == 65 && !back.name[0]);
	EXPECT_OK(entry_decode_head(&back, b.data, need, b.len, &facts, &mem, &err), &err);
	EXPECT(facts > need && facts + en.job_len == b.len);
	EXPECT_OK(entry_decode_head(&back, b.data, facts - 1, b.len, &need, &mem, &err), &err);
	EXPECT(need == facts);
	EXPECT_OK(entry_decode_head(&back, b.data, facts, b.len, &need, &mem, &err), &err);
	EXPECT(!need && !back.job && back.job_len == en.job_len && !strcmp(back.file, en.file));
	entry_close(&back);
	/* All of it: the description is looked at, though not kept. */
	b.data[b.len - 1] ^= 1;
	EXPECT(entry_decode_head(&back, b.data, b.len, b.len, &need, &mem, NULL) == E_CORRUPT);
	EXPECT(entry_decode_head(&back, b.data, facts, b.len + 1, &need, &mem, NULL) == E_CORRUPT);
	bytes_close(&b);
}

TEST(inv31_any_allocation_may_fail)
{
	struct entry en = sample();
	uint64_t failed = 0;
	for (uint64_t n = 1, more = 1; more; n++) {
		struct mem own;
		mem_init(&own, 0);
		own.fail_at = n;
		struct bytes b;
		struct entry copy, back;
		err_clear(&err);
		bytes_init(&b, &own);
		enum rc rc = entry_copy(&copy, &en, &own, &err);
		if (rc == OK)
			rc = entry_set_error(&copy, E_TIMEOUT, "later", &err);
		if (rc == OK)
			rc = entry_encode(&copy, &b, &err);
		if (rc == OK && (rc = entry_decode(&back, b.data, b.len, &own, &err)) == OK) {
			expect_same(&copy, &back);
			entry_close(&back);
		}
		EXPECT(rc == OK || (rc == E_NO_MEMORY && err.code == rc));
		failed += rc != OK;
		more = atomic_load(&own.calls) >= n;
		entry_close(&copy);
		bytes_close(&b);
		EXPECT(atomic_load(&own.used_bytes) == 0);
	}
	EXPECT(failed > 10);
}

int main(void)
{
#define E(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		E(odd_texts_round_trip),
		E(a_job_of_a_mebibyte_of_anything_but_nul_round_trips),
		E(the_most_sets_there_may_be_round_trip),
		E(what_cannot_be_read_back_is_not_written),
		E(any_byte_changed_in_any_of_some_ways_is_corrupt),
		E(cut_or_grown_at_any_length_is_corrupt),
		E(facts_that_no_weir_writes_are_refused_though_their_sum_is_right),
		E(another_version_is_named),
		E(a_head_needs_only_what_it_says),
		E(inv31_any_allocation_may_fail),
	};
	return RUN(tests);
}
