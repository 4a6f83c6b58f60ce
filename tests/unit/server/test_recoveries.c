/* test_recoveries.c - the newest hundred are kept, oldest first, each with its cause. */
#include "server/recoveries.h"

#include "tests/lib/test.h"

static struct mem mem;

static void add(struct recoveries *rs, unsigned n, const char *cause, struct bytes *line)
{
	char body[64];
	snprintf(body, sizeof body, "{\"checkpoint\":%u}", n);
	recoveries_add(rs, body, strlen(body), cause, &mem, line);
}

static struct json_doc *written(const struct recoveries *rs, struct bytes *text)
{
	struct json_out o;
	struct json_doc *doc;
	struct err e = {0};
	bytes_init(text, &mem);
	jout_begin(&o, text, false);
	recoveries_write(rs, &o);
	EXPECT_OK(json_parse(&doc, (const char *)text->data, text->len, &mem, NULL, &e), &e);
	return doc;
}

TEST(the_newest_are_kept_oldest_first)
{
	struct recoveries rs = {0};
	struct bytes line, text;
	for (unsigned n = 1; n <= RECOVERIES_KEPT + 37; n++) {
		bytes_init(&line, &mem);
		add(&rs, n, NULL, &line);
		bytes_close(&line);
		struct json_doc *doc = written(&rs, &text);
		const struct json *list = json_get(json_root(doc), "recoveries");
		unsigned kept = n < RECOVERIES_KEPT ? n : RECOVERIES_KEPT;
		EXPECT(json_count(list) == kept);
		for (unsigned i = 0; i < kept; i++)
			EXPECT(json_int(json_get(json_item(list, i), "checkpoint")) == n - kept + 1 + i);
		json_close(doc);
		bytes_close(&text);
	}
	recoveries_close(&rs, &mem);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_cause_is_told_as_text_or_as_not_known)
{
	struct recoveries rs = {0};
	struct bytes line[3], text;
	static const char *const causes[] = {NULL, "", "it said \"no\"\n"};
	static const char *const lines[] = {
		"{\"cause\":null,\"checkpoint\":0}", "{\"cause\":null,\"checkpoint\":1}",
		"{\"cause\":\"it said \\\"no\\\"\\n\",\"checkpoint\":2}"};
	for (unsigned i = 0; i < 3; i++) {
		bytes_init(&line[i], &mem);
		add(&rs, i, causes[i], &line[i]);
		if (strcmp(bytes_text(&line[i]), lines[i]))
			fail_msg("%s", bytes_text(&line[i]));
		bytes_close(&line[i]);
	}
	struct json_doc *doc = written(&rs, &text);
	const struct json *last = json_item(json_get(json_root(doc), "recoveries"), 2);
	EXPECT(!strcmp(json_string(json_get(last, "cause"), NULL), causes[2]));
	json_close(doc);
	bytes_close(&text);
	recoveries_close(&rs, &mem);
	EXPECT(mem.used_bytes == 0);
}

TEST(without_memory_one_is_forgotten_and_the_others_stay)
{
	for (uint64_t at = 1; at < 6; at++) {
		struct recoveries rs = {0};
		struct bytes line, text;
		bytes_init(&line, &mem);
		add(&rs, 1, "first", &line);
		bytes_close(&line);
		mem.fail_at = atomic_load(&mem.calls) + at;
		bytes_init(&line, &mem);
		add(&rs, 2, "second", &line);
		bytes_close(&line);
		mem.fail_at = 0;
		struct json_doc *doc = written(&rs, &text);
		const struct json *list = json_get(json_root(doc), "recoveries");
		EXPECT(json_count(list) == 1 || json_count(list) == 2);
		EXPECT(json_int(json_get(json_item(list, 0), "checkpoint")) == 1);
		json_close(doc);
		bytes_close(&text);
		recoveries_close(&rs, &mem);
		EXPECT(mem.used_bytes == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_newest_are_kept_oldest_first),
		T(a_cause_is_told_as_text_or_as_not_known),
		T(without_memory_one_is_forgotten_and_the_others_stay),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
