/* test_history_find.c - what became of one checkpoint: its newest whole line, whatever a crash has
 * cut. */
#include "server/history.h"

#include "base/fs_sim.h"
#include "tests/lib/test.h"

struct world {
	struct mem mem;
	struct fs_sim *sim;
	struct env env;
	struct bytes to;
	struct err e;
};

/* text NULL: there is no such file. */
static void begin(struct world *w, const char *text)
{
	memset(w, 0, sizeof *w);
	mem_init(&w->mem, 0);
	EXPECT_OK(fs_sim_open(&w->sim, &w->mem, &w->e), &w->e);
	w->env = (struct env){.fs = fs_sim_fs(w->sim), .mem = &w->mem};
	EXPECT_OK(fs_mkdir_all(w->env.fs, "d", &w->e), &w->e);
	if (text)
		EXPECT_OK(fs_write_new(w->env.fs, "d/history.jsonl", text, strlen(text), &w->e), &w->e);
	bytes_init(&w->to, &w->mem);
}

static void end(struct world *w)
{
	bytes_close(&w->to);
	fs_sim_close(&w->sim);
	EXPECT(atomic_load(&w->mem.used_bytes) == 0);
}

static void finds(const char *text, uint64_t id, const char *line)
{
	struct world w;
	begin(&w, text);
	EXPECT_OK(history_find(&w.env, "d", id, &w.to, &w.e), &w.e);
	if (strcmp(w.to.len ? bytes_text(&w.to) : "", line))
		fail_msg("%llu: %s", (unsigned long long)id, bytes_text(&w.to));
	end(&w);
}

TEST(the_newest_whole_line_of_the_id_is_found)
{
	static const char text[] = "{\"id\":1,\"state\":\"aborted\"}\n"
				   "{\"id\":10,\"state\":\"completed\"}\n"
				   "{\"id\":1,\"state\":\"completed\"}\n"
				   "{\"id\":11,\"state\":\"completed\"}\n";
	finds(text, 1, "{\"id\":1,\"state\":\"completed\"}");
	finds(text, 10, "{\"id\":10,\"state\":\"completed\"}");
	finds(text, 11, "{\"id\":11,\"state\":\"completed\"}");
	finds(text, 2, "");
	finds(text, 111, "");
	finds(text, UINT64_MAX, "");
}

TEST(what_a_crash_has_cut_is_passed_over)
{
	finds("{\"id\":3,\"a\":1}\n{\"id\":3,\"a\":2}", 3, "{\"id\":3,\"a\":1}"); /* unended */
	finds("{\"id\":3,\"a\":1}\n{\"id\":3,\"a\"\n", 3, "{\"id\":3,\"a\":1}");  /* half a line */
	finds("{\"id\":3,\"a\":1}\n\n\n{\"id\":3,\n", 3, "{\"id\":3,\"a\":1}");
	finds("\"id\":3,}\n{\"id\":3,\"a\":1}\n", 3, "{\"id\":3,\"a\":1}");      /* its front is gone */
	finds("{\"id\":3,", 3, "");
	finds("\n", 3, "");
	finds("", 3, "");
}

TEST(no_history_is_no_fault)
{
	finds(NULL, 1, "");
}

TEST(without_memory_it_says_so)
{
	unsigned failures = 0;
	for (uint64_t at = 1;; at++) {
		struct world w;
		begin(&w, "{\"id\":1,\"a\":1}\n");
		uint64_t calls = atomic_load(&w.mem.calls);
		w.mem.fail_at = calls + at;
		enum rc rc = history_find(&w.env, "d", 1, &w.to, &w.e);
		bool failed = atomic_load(&w.mem.calls) >= w.mem.fail_at;
		w.mem.fail_at = 0;
		/* A line that could not be looked at is one that is not there, never a wrong one. */
		EXPECT(rc == OK || rc == E_NO_MEMORY);
		EXPECT(!w.to.len || !strcmp(bytes_text(&w.to), "{\"id\":1,\"a\":1}"));
		failures += rc != OK;
		end(&w);
		if (!failed)
			break;
	}
	EXPECT(failures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_newest_whole_line_of_the_id_is_found),
		T(what_a_crash_has_cut_is_passed_over),
		T(no_history_is_no_fault),
		T(without_memory_it_says_so),
	};
	return RUN(tests);
}
