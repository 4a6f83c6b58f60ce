/* test_events.c - server-sent events come out whole, wherever the stream was cut. */
#include "tests/lib/test.h"

#include "cli/events.h"

struct heard {
	struct bytes text; /* "name=data;" */
	unsigned n, enough; /* enough: after so many */
};

static bool on(void *arg, const char *event, const char *data, size_t len)
{
	struct heard *h = arg;
	EXPECT(strlen(data) == len);
	bytes_printf(&h->text, "%s=%s;", event, data);
	return ++h->n != h->enough;
}

static struct mem mem;

static bool hear(struct heard *h, const char *text, size_t piece, unsigned enough)
{
	struct events ev;
	bool go_on = true;
	*h = (struct heard){.enough = enough};
	bytes_init(&h->text, &mem);
	events_init(&ev, on, h, &mem);
	for (size_t at = 0, len = strlen(text); go_on && at < len; at += piece)
		go_on = events_take(&ev, text + at, len - at < piece ? len - at : piece);
	EXPECT(!ev.failed);
	events_close(&ev);
	return go_on;
}

static void hears(const char *text, const char *expected)
{
	for (size_t piece = 1; piece <= strlen(text); piece++) {
		struct heard h;
		EXPECT(hear(&h, text, piece, 0));
		assert_string_equal(bytes_text(&h.text), expected);
		bytes_close(&h.text);
	}
	EXPECT(mem.used_bytes == 0);
}

TEST(events_come_in_order_and_comments_are_none)
{
	hears("id: 1\nevent: job\ndata: {\"a\": 1}\n\n: still here\n\nevent:action\ndata:x\n\n",
	      "job={\"a\": 1};action=x;");
}

TEST(lines_may_end_with_cr_lf_and_data_may_have_several)
{
	hears("event: job\r\ndata: a\r\ndata: b\r\ndata\r\n\r\n", "job=a\nb\n;");
}

TEST(without_a_name_it_is_a_message_and_without_data_it_is_nothing)
{
	hears("data: x\n\nevent: job\n\nretry: 5\ndata: y\nevents: no\ndatax: no\n\n",
	      "message=x;message=y;");
}

TEST(what_the_end_cuts_is_dropped)
{
	hears("data: x\n\nevent: job\ndata: y\n", "message=x;");
}

TEST(nothing_comes_after_enough)
{
	struct heard h;
	EXPECT(!hear(&h, "data: x\n\ndata: y\n\n", 100, 1));
	assert_string_equal(bytes_text(&h.text), "message=x;");
	bytes_close(&h.text);
}

TEST(an_event_without_an_end_has_a_bound)
{
	struct heard h = {0};
	struct events ev;
	char block[4096];
	uint64_t sent = 0;
	memset(block, 'x', sizeof block);
	events_init(&ev, on, &h, &mem);
	while (events_take(&ev, block, sizeof block))
		sent += sizeof block;
	EXPECT(ev.failed && sent <= EVENT_MAX);
	events_close(&ev);
	events_init(&ev, on, &h, &mem);
	sent = 0;
	memcpy(block, "data:", 5);
	block[sizeof block - 1] = '\n';
	while (events_take(&ev, block, sizeof block))
		sent += sizeof block;
	/* six bytes of each line are no data */
	EXPECT(ev.failed && sent <= EVENT_MAX + EVENT_MAX / 256);
	events_close(&ev);
	EXPECT(mem.used_bytes == 0);
}

TEST(without_memory_it_fails_and_gives_back_what_it_had)
{
	static const char text[] = "event: job\ndata: {\"a\": 1}\n\n";
	for (uint64_t n = 1;; n++) {
		struct mem short_of;
		struct heard h = {0};
		struct events ev;
		mem_init(&short_of, 0);
		short_of.fail_at = n;
		bytes_init(&h.text, &mem);
		events_init(&ev, on, &h, &short_of);
		bool went = events_take(&ev, text, strlen(text));
		bool told = h.n == 1;
		EXPECT(went != ev.failed);
		events_close(&ev);
		bytes_close(&h.text);
		EXPECT(short_of.used_bytes == 0);
		if (short_of.calls < n) {
			EXPECT(told && went);
			return;
		}
	}
}

int main(void)
{
	mem_init(&mem, 0);
	const struct CMUnitTest tests[] = {
		T(events_come_in_order_and_comments_are_none),
		T(lines_may_end_with_cr_lf_and_data_may_have_several),
		T(without_a_name_it_is_a_message_and_without_data_it_is_nothing),
		T(what_the_end_cuts_is_dropped),
		T(nothing_comes_after_enough),
		T(an_event_without_an_end_has_a_bound),
		T(without_memory_it_fails_and_gives_back_what_it_had),
	};
	return RUN(tests);
}
