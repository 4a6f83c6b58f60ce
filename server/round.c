/* round.c - every running job is asked for its facts at once, for who wants to know of all: a
 * scrape, and the list with facts. Answered when the last process has said them, or after
 * SERVER_FACTS_WAIT_US with what is there. Who asks meanwhile joins the round under way. */
#include "server/server_in.h"

#include "server/metrics.h"

#include <string.h>

/* ---- metrics ---- */

static void put_host(struct server *s, struct metrics *m)
{
	const char *names[LIFE_REMOVED]; /* what is removed is not there */
	uint64_t in[LIFE_REMOVED + 1] = {0};
	struct http_counts counts = http_counts(s->http);
	for (uint32_t i = 0; i < LIFE_REMOVED; i++)
		names[i] = life_state_name((enum life_state)i);
	for (size_t i = 0; i < s->n_jobs; i++)
		in[managed_state(s->job[i])]++;
	metrics_host(m, &(struct metrics_host){
		.version = s->o.version, .started_wall_us = s->started_wall_us,
		.connections = counts.connections, .requests = counts.requests,
		.refused = counts.refused, .state = names, .in_state = in, .n_states = LIFE_REMOVED});
}

static void put_managed(struct managed *m, struct metrics *to)
{
	struct json_doc *doc = NULL;
	struct facts f;
	struct err ignored = {0}; /* a job whose facts make no sense is there without them */
	struct mem *mem = m->s->mem;
	bool has = m->facts &&
		   json_parse(&doc, m->facts, strlen(m->facts), mem, NULL, &ignored) == OK &&
		   facts_read(&f, json_root(doc), mem, &ignored) == OK;
	metrics_job(to, &(struct metrics_job){
		.name = m->entry.name, .state = life_state_name(managed_state(m)),
		.since_wall_us = managed_since(m), .now_wall_us = clock_wall_us(m->s->env->clock),
		.attempts = m->life ? life_attempts(m->life) : 0, .checkpoint = m->checkpoint,
		.facts = has ? &f : NULL, .outlook = m->outlook});
	if (has)
		facts_close(&f);
	json_close(doc);
}

/* One text for all who asked for it. */
static void answer_scrapers(struct server *s)
{
	struct err e = {0};
	struct metrics m;
	struct bytes text;
	struct http_request *r;
	if (!s->scrapers)
		return;
	bytes_init(&text, s->mem);
	if (metrics_begin(&m, s->mem, &e) == OK) {
		put_host(s, &m);
		for (size_t i = 0; i < s->n_jobs; i++)
			put_managed(s->job[i], &m);
		metrics_end(&m, &text);
	} else {
		text.failed = true;
	}
	while ((r = asker_take(&s->scrapers, s->mem)))
		metrics_answer(r, &text);
	bytes_close(&text);
}

/* ---- the round ---- */

static void round_over(struct server *s)
{
	struct http_request *r;
	s->round_waits = 0;
	for (size_t i = 0; i < s->n_jobs; i++)
		s->job[i]->in_round = false;
	if (s->round_timer)
		loop_timer_off(s->round_timer);
	answer_scrapers(s);
	while ((r = asker_take(&s->listers, s->mem)))
		server_list(s, r, true);
}

static void on_round_timer(void *arg)
{
	round_over(arg);
}

void round_heard(struct managed *m)
{
	if (!m->in_round)
		return;
	m->in_round = false;
	if (!--m->s->round_waits)
		round_over(m->s);
}

static void ask_all(struct server *s)
{
	struct bytes ask;
	bytes_init(&ask, s->mem);
	bytes_put_text(&ask, "{}");
	for (size_t i = 0; i < s->n_jobs; i++) {
		struct managed *m = s->job[i];
		if (!m->wire || !m->up)
			continue;
		m->in_round = true;
		s->round_waits++;
	}
	/* What cannot be sent to is gone, and told so in a turn of its own. */
	for (size_t i = 0; i < s->n_jobs; i++)
		if (s->job[i]->in_round)
			wire_send(s->job[i]->wire, WIRE_ASK, &ask);
	bytes_close(&ask);
}

void server_round(struct server *s, struct asker **list, struct http_request *r)
{
	struct err e = {0};
	if (!s->round_timer &&
	    loop_timer_open(&s->round_timer, s->loop, on_round_timer, s, &e) != OK) {
		api_fail(r, &e);
		return;
	}
	if (!asker_add(list, r, s->mem)) {
		ERR(&e, E_NO_MEMORY, "no memory for a request");
		api_fail(r, &e);
		return;
	}
	if (s->round_waits)
		return;
	ask_all(s);
	if (s->round_waits)
		loop_timer_set(s->round_timer, SERVER_FACTS_WAIT_US);
	else
		round_over(s);
}

void round_close(struct server *s)
{
	round_over(s);
	loop_timer_close(&s->round_timer);
}
