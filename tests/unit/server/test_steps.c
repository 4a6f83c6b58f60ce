/* test_steps.c - when a step session ends by itself: a virtual clock, and a process that is a
 * wire's end. Timers, child, wire and answers are replaced at the linker (tests/CMakeLists.txt). */
#include "server/server_in.h"

#include "jobs/job_text.h"
#include "tests/lib/instead.h"
#include "tests/lib/test.h"

struct loop_timer {
	void (*on)(void *arg);
	void *arg;
	uint64_t at_us;
	bool open;
};
struct http_request {
	unsigned status; /* 0: it waits */
	enum rc rc;
};

/* The linker's seam has no argument for it. One session at a time. */
static struct {
	struct mem mem;
	struct server s;
	struct loop_timer timer;
	struct wire_config wire;
	uint64_t now_us;
	unsigned asked, kills;
	struct spec spec;
} w;

INSTEAD(RC, loop_timer_open, struct loop_timer **t, struct loop *l, void (*on)(void *arg),
	void *arg, struct err *e)
{
	(void)l;
	(void)e;
	w.timer = (struct loop_timer){on, arg, UINT64_MAX, true};
	*t = &w.timer;
	return OK;
}

INSTEAD(void, loop_timer_set, struct loop_timer *t, uint64_t after_us)
{
	t->at_us = w.now_us + after_us;
}

INSTEAD(void, loop_timer_close, struct loop_timer **t)
{
	w.timer.open = false;
	*t = NULL;
}

INSTEAD(RC, loop_child_start, struct loop_child **c, struct loop *l, const char *file,
	char *const argv[], char *const envp[], const int *fd, unsigned n_fds,
	void (*gone)(void *arg, int status, int signal), void *arg, struct err *e)
{
	*c = (struct loop_child *)&w;
	return l || !file || !argv || envp || !fd || !n_fds || !gone || !arg || !e ? E_INVALID : OK;
}

INSTEAD(void, loop_child_kill, struct loop_child *c, int number)
{
	w.kills += c && number;
}

INSTEAD(void, loop_child_close, struct loop_child **c)
{
	*c = NULL;
}

INSTEAD(RC, wire_pair, int fd[2], struct err *e)
{
	fd[0] = fd[1] = -1;
	return e ? OK : E_INVALID;
}

INSTEAD(RC, wire_open, struct wire **to, const struct wire_config *c, struct err *e)
{
	w.wire = *c;
	*to = (struct wire *)&w;
	return e ? OK : E_INVALID;
}

INSTEAD(void, wire_send, struct wire *to, enum wire_kind kind, const struct bytes *body)
{
	w.asked += to && body && kind == WIRE_STEP;
}

INSTEAD(void, wire_close, struct wire **to)
{
	*to = NULL;
}

INSTEAD(const char *, http_body, const struct http_request *r, size_t *len)
{
	*len = 0;
	return r ? "" : NULL;
}

INSTEAD(void, http_set_context, struct http_request *r, void *context)
{
	(void)r;
	(void)context;
}

INSTEAD(void, api_answer, struct http_request *r, unsigned status, struct bytes *json)
{
	EXPECT(!r->status && bytes_ok(json));
	r->status = status;
}

INSTEAD(void, api_fail, struct http_request *r, const struct err *e)
{
	EXPECT(!r->status);
	r->status = api_status(e->code);
	r->rc = e->code;
}

INSTEAD(RC, submit_check, struct server *s, const struct entry *en, struct job_text *t,
	struct err *e)
{
	*t = (struct job_text){.spec = &w.spec};
	return s && en->job_len && e ? OK : E_INVALID;
}

INSTEAD(void, job_text_close, struct job_text *t)
{
	t->spec = NULL;
}

/* ---- the world ---- */

static void ask(struct http_request *r, enum step_do what, uint64_t id)
{
	static const struct route routes[STEP_DOS] = {
		[STEP_DO_OPEN] = {.what = API_STEP, .step = STEP_DO_OPEN},
		[STEP_DO_NEXT] = {.what = API_STEP, .step = STEP_DO_NEXT},
		[STEP_DO_END] = {.what = API_STEP, .step = STEP_DO_END},
	};
	const struct api_call c = {.route = &routes[what], .what = API_STEP, .id = id};
	*r = (struct http_request){0};
	steps_do(&w.s, r, &c);
}

static void process_answers(void)
{
	w.wire.frame(w.wire.arg, WIRE_STEPPED, "{}", 2);
}

/* Whether the session is still there when so much time has gone by. */
static bool lives_for(uint64_t us)
{
	w.now_us += us;
	if (w.timer.open && w.timer.at_us <= w.now_us)
		w.timer.on(w.timer.arg);
	return w.timer.open;
}

static void begin(struct http_request *opened)
{
	memset(&w, 0, sizeof w);
	mem_init(&w.mem, 0);
	w.spec.name = "example";
	w.s.mem = &w.mem;
	w.s.o.program = "weir";
	ask(opened, STEP_DO_OPEN, 0);
	EXPECT(!opened->status && w.asked == 1);
}

static void end(void)
{
	struct err e = {.code = E_STOPPED};
	steps_close(&w.s, &e);
	EXPECT(!w.timer.open && w.mem.used_bytes == 0);
}

TEST(one_that_nobody_asks_ends_after_its_time_and_not_before)
{
	struct http_request r;
	begin(&r);
	process_answers();
	EXPECT(r.status == 201);
	EXPECT(lives_for(STEPS_IDLE_US - 1));
	EXPECT(!lives_for(1) && w.kills == 1);
	ask(&r, STEP_DO_NEXT, 1);
	EXPECT(r.rc == E_NOT_FOUND);
	end();
}

TEST(each_answer_begins_the_time_anew)
{
	struct http_request r;
	begin(&r);
	process_answers();
	for (unsigned i = 0; i < 5; i++) {
		EXPECT(lives_for(STEPS_IDLE_US - 1));
		ask(&r, STEP_DO_NEXT, 1);
		process_answers();
		EXPECT(r.status == 200);
	}
	EXPECT(!lives_for(STEPS_IDLE_US));
	end();
}

TEST(one_that_does_not_answer_is_ended_and_who_waits_is_told)
{
	struct http_request r, more;
	begin(&r);
	EXPECT(lives_for(STEPS_PATIENCE_US - 1));
	EXPECT(!lives_for(1) && r.rc == E_TIMEOUT && w.kills == 1);
	end();
	/* With an answer outstanding it is patience that counts, however long it was idle. */
	begin(&r);
	process_answers();
	ask(&r, STEP_DO_NEXT, 1);
	ask(&more, STEP_DO_NEXT, 1);
	EXPECT(lives_for(STEPS_PATIENCE_US - 1));
	process_answers();
	EXPECT(r.status == 200 && !more.status);
	EXPECT(!lives_for(1) && more.rc == E_TIMEOUT);
	end();
}

TEST(one_that_is_ended_leaves_no_timer)
{
	struct http_request r;
	begin(&r);
	process_answers();
	ask(&r, STEP_DO_END, 1);
	EXPECT(r.status == 200 && !w.timer.open && w.kills == 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_that_nobody_asks_ends_after_its_time_and_not_before),
		T(each_answer_begins_the_time_anew),
		T(one_that_does_not_answer_is_ended_and_who_waits_is_told),
		T(one_that_is_ended_leaves_no_timer),
	};
	return RUN(tests);
}
