/* test_outlook.c - what is written of an outlook is what is read, whatever else stands there. */
#include "jobs/outlook.h"

#include "tests/lib/test.h"

static struct mem mem;
static struct err e;

static void read_of(const char *text, struct outlook *o)
{
	struct json_doc *doc;
	EXPECT_OK(json_parse(&doc, text, strlen(text), &mem, NULL, &e), &e);
	outlook_read(o, json_root(doc));
	json_close(doc);
}

TEST(what_is_written_is_read)
{
	struct outlook out = {.bottleneck = "\"count\" is\nthe bottleneck", .n_forecasts = 2,
			      .cpu_us = 1, .resident_bytes = 2, .memory_bytes = 3,
			      .memory_limit_bytes = 4, .room_bytes = INT64_MAX, .restored = 41}, in;
	struct bytes text;
	struct json_out o;
	snprintf(out.forecast[0], FORECAST_TEXT, "the disk is full");
	snprintf(out.forecast[1], FORECAST_TEXT, "all input is read");
	bytes_init(&text, &mem);
	jout_begin(&o, &text, false);
	jout_object(&o);
	outlook_write(&out, &o);
	jout_object_end(&o);
	read_of(bytes_text(&text), &in);
	EXPECT(!memcmp(&in, &out, sizeof in));
	bytes_close(&text);
	EXPECT(!mem.used_bytes);
}

TEST(what_is_missing_or_of_another_kind_is_not_known)
{
	static const char *const odd[] = {
		"[]", "{}", "{\"bottleneck\": 7, \"forecasts\": {}, \"process\": []}",
		"{\"bottleneck\": null, \"forecasts\": [1, null], \"process\": {\"cpu_us\": -1}}",
	};
	struct outlook o;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		read_of(odd[i], &o);
		EXPECT(!o.bottleneck[0] && !o.cpu_us && !o.resident_bytes && !o.forecast[0][0]);
	}
	read_of("{\"forecasts\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\"]}", &o);
	EXPECT(o.n_forecasts == OUTLOOK_FORECASTS && !strcmp(o.forecast[3], "d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_is_written_is_read),
		T(what_is_missing_or_of_another_kind_is_not_known),
	};
	mem_init(&mem, 0);
	return RUN(tests);
}
