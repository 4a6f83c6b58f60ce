/* test_live.c - each look at a running job's key is answered once, whatever its job says: nothing,
 * too late, twice, what it was not asked; and whoever asks may have gone, or memory. */
#include "server/live.h"

#include "server/asker.h"
#include "tests/unit/server/http_rig.h"

#define ASKED_MAX 64

static const char row[] = "{\"k\":1,\"sum\":7}";

struct world {
	struct clock clock; /* first: it stands still unless a test moves it */
	uint64_t now_us;
	struct rig g;
	struct fs_real fs;
	struct rng rng;
	struct env env;
	struct reads reads;
	struct live *live;
	struct live_config with;
	enum rc refuses;          /* with what the job refuses to be asked; OK: it does not */
	uint64_t takes_us;        /* how long it takes to ask */
	uint64_t asked[ASKED_MAX];
	unsigned n;
	struct client client[ASKED_MAX];
	char said[65536];
};

static uint64_t mono_us(struct clock *c)
{
	return ((struct world *)c)->now_us;
}

static int64_t wall_us(struct clock *c)
{
	return (int64_t)((struct world *)c)->now_us;
}

static RC ask_job(void *arg, const struct word_lookup *l, struct err *e)
{
	struct world *w = arg;
	EXPECT(!strcmp(l->stage, "sum") && l->n_keys == 1 && !strcmp(l->key[0], "1"));
	w->now_us += w->takes_us;
	if (w->refuses != OK)
		return ERR(e, w->refuses, "not now");
	CHECK(w->n < ASKED_MAX);
	w->asked[w->n++] = l->request;
	return OK;
}

static bool dir_of(void *arg, char *to, size_t size)
{
	struct world *w = arg;
	return (size_t)snprintf(to, size, "%s/nowhere", w->g.root) < size;
}

static void begin(struct world *w)
{
	memset(w, 0, sizeof *w);
	w->clock = (struct clock){.mono_us = mono_us, .wall_us = wall_us};
	w->now_us = 1000000;
	rig_open_with(&w->g, "", &(struct http_config){.gone = asker_gone});
	fs_real_init(&w->fs, &w->g.mem);
	rng_seed(&w->rng, 1);
	w->env = (struct env){.clock = &w->clock, .fs = &w->fs.fs, .mem = &w->g.mem, .rng = &w->rng};
	w->reads = (struct reads){.loop = w->g.loop, .env = &w->env};
	w->with = (struct live_config){.loop = w->g.loop, .env = &w->env, .reads = &w->reads,
				       .ask = ask_job, .dir = dir_of, .arg = w};
}

static void end(struct world *w)
{
	live_close(&w->live);
	reads_close(&w->reads);
	rig_close(&w->g);
}

/* A client's request, which its host hands on. */
static struct http_request *comes(struct world *w, unsigned i)
{
	w->g.n_kept = 0;
	client_open(&w->client[i], &w->g);
	client_say(&w->g, &w->client[i], "GET /keep HTTP/1.1\r\nHost: h\r\n\r\n");
	EXPECT(rig_wait(&w->g, rig_has_kept, &w->g));
	http_set_context(w->g.kept[0], NULL);
	return w->g.kept[0];
}

static void look(struct world *w, unsigned i, enum api_live live)
{
	const struct api_call c = {.what = API_STATE, .stage = "sum", .key = {"1"}, .n_keys = 1,
				   .live = live};
	EXPECT(live_is(&c));
	live_answer(&w->live, &w->with, comes(w, i), &c);
}

static int hears(struct world *w, unsigned i)
{
	int status = client_hear(&w->g, &w->client[i], w->said, sizeof w->said);
	client_close(&w->client[i]);
	return status;
}

static struct word_found found(uint64_t request)
{
	return (struct word_found){.request = request, .row = row, .subtask = 2, .records = 9,
				   .wall_us = 5};
}

TEST(what_the_job_says_is_the_answer_of_the_one_who_asked_for_it)
{
	struct world w;
	begin(&w);
	for (unsigned i = 0; i < 3; i++)
		look(&w, i, LIVE_IF_IT_CAN);
	struct word_found f = found(w.asked[1]);
	f.barrier = 41;
	live_heard(w.live, &f);
	EXPECT(hears(&w, 1) == 200);
	EXPECT(strstr(w.said, "{\"stage\":\"sum\",\"live\":true,\"at\":41,\"wall_us\":5,\"rows\":["
			      "{\"k\":1,\"sum\":7}],\"more\":false,\"subtask\":2,\"records\":9}"));
	f = found(w.asked[0]);
	live_heard(w.live, &f);
	EXPECT(hears(&w, 0) == 200 && strstr(w.said, "\"at\":null"));
	f = (struct word_found){.request = w.asked[2]};
	ERR(&f.error, E_NOT_FOUND, "no such key now");
	live_heard(w.live, &f);
	EXPECT(hears(&w, 2) == 404 && strstr(w.said, "no such key now"));
	end(&w);
}

TEST(what_nobody_waits_for_is_dropped)
{
	struct world w;
	begin(&w);
	struct word_found f = found(1);
	live_heard(NULL, &f);
	live_gone(NULL, "it has ended");
	look(&w, 0, LIVE_ONLY);
	look(&w, 1, LIVE_ONLY);
	f = found(w.asked[1] + 1);
	live_heard(w.live, &f);
	f = found(w.asked[0]);
	live_heard(w.live, &f);
	live_heard(w.live, &f); /* said twice */
	EXPECT(hears(&w, 0) == 200);
	client_close(&w.client[1]); /* gone before it is answered */
	EXPECT(rig_wait(&w.g, rig_is_empty, &w.g));
	f = found(w.asked[1]);
	live_heard(w.live, &f);
	look(&w, 2, LIVE_ONLY); /* not answered with anything before */
	rig_turns(&w.g, 5);
	EXPECT(!client_has_answer(&w.client[2]));
	f = found(w.asked[2]);
	live_heard(w.live, &f);
	EXPECT(hears(&w, 2) == 200);
	end(&w);
}

TEST(where_the_job_says_nothing_its_directory_is_read_or_it_is_said_why)
{
	static const enum rc why[] = {E_REFUSED, E_TIMEOUT, E_CORRUPT};
	static const int only[] = {409, 503, 500};
	struct world w;
	begin(&w);
	for (unsigned i = 0; i < 3; i++) {
		w.refuses = why[i];
		look(&w, 0, LIVE_ONLY);
		EXPECT(hears(&w, 0) == only[i] && strstr(w.said, "not now"));
		look(&w, 0, LIVE_IF_IT_CAN);
		(void)hears(&w, 0);
		EXPECT(strstr(w.said, "nowhere") && !strstr(w.said, "not now")); /* where it was read */
	}
	w.refuses = E_NOT_FOUND; /* no such stage: not in a checkpoint either */
	look(&w, 0, LIVE_IF_IT_CAN);
	EXPECT(hears(&w, 0) == 404 && strstr(w.said, "not now"));
	EXPECT(w.n == 0);
	end(&w);
}

TEST(more_than_may_wait_are_refused_and_those_are_answered_when_the_job_goes)
{
	struct world w;
	begin(&w);
	for (unsigned i = 0; i < LIVE_MAX; i++)
		look(&w, i, LIVE_ONLY);
	look(&w, LIVE_MAX, LIVE_IF_IT_CAN);
	EXPECT(hears(&w, LIVE_MAX) == 503 && strstr(w.said, "E_LIMIT"));
	client_close(&w.client[3]);
	live_gone(w.live, "its process has just ended");
	for (unsigned i = 0; i < LIVE_MAX; i++)
		EXPECT(i == 3 || (hears(&w, i) == 409 && strstr(w.said, "has just ended")));
	look(&w, 0, LIVE_ONLY); /* there is room again */
	live_close(&w.live);
	EXPECT(hears(&w, 0) >= 500 && strstr(w.said, "the server has stopped"));
	end(&w);
}

TEST(a_job_is_asked_for_no_more_than_so_many_keys_a_second)
{
	struct world w;
	unsigned refused = 0, asked = 0;
	begin(&w);
	for (unsigned i = 0; i < LIVE_A_SECOND / 5; i++) {
		w.n = 0;
		look(&w, 0, LIVE_IF_IT_CAN);
		if (w.n) {
			struct word_found f = found(w.asked[0]);
			live_heard(w.live, &f);
		}
		asked += w.n;
		refused += hears(&w, 0) == 503;
	}
	EXPECT(asked + refused == LIVE_A_SECOND / 5 && asked <= LIVE_A_SECOND / 10 + 1);
	w.now_us += 1000000;
	w.n = 0;
	look(&w, 0, LIVE_ONLY);
	EXPECT(w.n == 1);
	live_gone(w.live, "over");
	EXPECT(hears(&w, 0) == 409);
	end(&w);
}

TEST(a_job_that_says_nothing_is_not_waited_for)
{
	struct world w;
	begin(&w);
	w.takes_us = LIVE_PATIENCE_US; /* no more is left to wait */
	look(&w, 0, LIVE_ONLY);
	EXPECT(hears(&w, 0) == 503 && strstr(w.said, "E_TIMEOUT") && w.n == 1);
	struct word_found f = found(w.asked[0]);
	live_heard(w.live, &f); /* too late */
	end(&w);
}

TEST(each_look_survives_the_loss_of_one_allocation)
{
	struct world w;
	bool more = true;
	begin(&w);
	for (uint64_t n = 1; more; n++) {
		const struct api_call c = {.what = API_STATE, .stage = "sum", .key = {"1"},
					   .n_keys = 1, .live = LIVE_ONLY};
		struct http_request *r = comes(&w, 0);
		w.n = 0;
		live_close(&w.live);
		w.g.mem.fail_at = w.g.mem.calls + n;
		live_answer(&w.live, &w.with, r, &c);
		if (w.n) {
			struct word_found f = found(w.asked[0]);
			live_heard(w.live, &f);
		}
		more = w.g.mem.calls >= w.g.mem.fail_at;
		w.g.mem.fail_at = 0;
		int status = hears(&w, 0);
		EXPECT(status == 200 || status == 503);
		EXPECT(more || status == 200);
	}
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_the_job_says_is_the_answer_of_the_one_who_asked_for_it),
		T(what_nobody_waits_for_is_dropped),
		T(where_the_job_says_nothing_its_directory_is_read_or_it_is_said_why),
		T(more_than_may_wait_are_refused_and_those_are_answered_when_the_job_goes),
		T(a_job_is_asked_for_no_more_than_so_many_keys_a_second),
		T(a_job_that_says_nothing_is_not_waited_for),
		T(each_look_survives_the_loss_of_one_allocation),
	};
	return RUN(tests);
}
