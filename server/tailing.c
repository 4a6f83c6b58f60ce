/* tailing.c - see tailing.h. */
#include "server/server_in.h"

#include "server/tail.h"

#include <stdio.h>
#include <string.h>

struct tailing {
	struct tailing *next;
	struct managed *m;
	char stage[ROUTE_STAGE_MAX + 1];
	bool believed; /* nothing was known of the job's stages when it was asked for */
	struct feed feed;
};

static bool is_read(const struct managed *m)
{
	for (const struct tailing *t = m->tailings; t; t = t->next)
		if (feed_is_watched(&t->feed))
			return true;
	return false;
}

void tailing_ask(struct managed *m, bool on)
{
	struct bytes body;
	if (!m->wire || (on && !is_read(m)))
		return;
	bytes_init(&body, m->s->mem);
	watch_write(on, &body);
	wire_send(m->wire, WIRE_TAIL, &body);
	bytes_close(&body);
}

/* One that nobody reads any more stays: the next reader of that sink finds it. */
static void on_watched(void *arg, bool anybody)
{
	struct tailing *t = arg;
	if (anybody || !is_read(t->m))
		tailing_ask(t->m, anybody);
}

static bool is_text(const struct json *v, const char *text)
{
	size_t len;
	return v && json_kind(v) == JSON_STRING && !strcmp(json_string(v, &len), text);
}

/* Whether that stage prints, as the facts say. */
static RC check_facts(const struct managed *m, const struct json_doc *facts, const char *stage,
		      struct err *e)
{
	const struct json *stages = json_get(json_root(facts), "stages");
	size_t n = stages && json_kind(stages) == JSON_ARRAY ? json_count(stages) : 0;
	for (size_t i = 0; i < n; i++) {
		const struct json *v = json_item(stages, i);
		if (!is_text(json_get(v, "id"), stage))
			continue;
		if (is_text(json_get(v, "type"), "print_sink"))
			return OK;
		return ERR(e, E_REFUSED, "stage '%s' is no print_sink: only what one writes can be read "
			   "here", stage);
	}
	return ERR(e, E_NOT_FOUND, "job '%s' has no stage '%s'", m->entry.name, stage);
}

/* Without facts everything is believed until they come (tailing_facts). */
static RC check_stage(const struct managed *m, const char *stage, struct err *e)
{
	struct json_doc *doc = NULL;
	if (!m->facts)
		return OK;
	if (json_parse(&doc, m->facts, strlen(m->facts), m->s->mem, NULL, e) != OK)
		return e->code;
	enum rc rc = check_facts(m, doc, stage, e);
	json_close(doc);
	return rc;
}

static void ask_facts(struct managed *m)
{
	struct bytes ask;
	bytes_init(&ask, m->s->mem);
	bytes_put_text(&ask, "{}");
	wire_send(m->wire, WIRE_ASK, &ask);
	bytes_close(&ask);
}

static void end_with(struct tailing *t, const struct err *why)
{
	struct bytes text;
	bytes_init(&text, t->m->s->mem);
	api_error(&text, why);
	feed_tell(&t->feed, "error", &text);
	bytes_close(&text);
	feed_close(&t->feed);
}

void tailing_facts(struct managed *m)
{
	for (struct tailing *t = m->tailings; t; t = t->next) {
		struct err e = {0};
		if (t->believed && feed_is_watched(&t->feed) && check_stage(m, t->stage, &e) != OK)
			end_with(t, &e);
		t->believed = false;
	}
}

static struct tailing *find(struct managed *m, const char *stage)
{
	struct tailing *t = m->tailings;
	while (t && strcmp(t->stage, stage) != 0)
		t = t->next;
	return t;
}

/* E_LIMIT: as many as a job may have of print_sinks that can be read. */
static RC make(struct managed *m, const char *stage, struct tailing **out, struct err *e)
{
	unsigned n = 0;
	for (const struct tailing *t = m->tailings; t; t = t->next)
		n++;
	if (n == TAIL_SINKS_MAX)
		return ERR(e, E_LIMIT, "%d sinks of this job are read already", TAIL_SINKS_MAX);
	struct tailing *t = *out = mem_get(m->s->mem, sizeof *t);
	if (!t)
		return ERR(e, E_NO_MEMORY, "no memory to read along");
	t->m = m;
	snprintf(t->stage, sizeof t->stage, "%s", stage);
	t->feed = (struct feed){.mem = m->s->mem, .event_id = &m->s->event_id, .watched = on_watched,
				.arg = t};
	t->next = m->tailings;
	m->tailings = t;
	return OK;
}

void tailing_add(struct managed *m, struct http_request *r, const char *stage)
{
	struct err e = {0};
	struct tailing *t = find(m, stage);
	if (!m->wire)
		ERR(&e, E_REFUSED, "job '%s' is %s: nothing is printed now", m->entry.name,
		    life_state_name(managed_state(m)));
	if (e.code != OK || check_stage(m, stage, &e) != OK ||
	    (!t && make(m, stage, &t, &e) != OK)) {
		api_fail(r, &e);
		return;
	}
	if (feed_add(&t->feed, r, 0, &e) != OK)
		return;
	feed_beat(&t->feed); /* so that the header goes before there is a row */
	if (!m->facts) {
		t->believed = true;
		ask_facts(m);
	}
}

RC tailing_heard(struct managed *m, const char *body, size_t len, struct err *e)
{
	struct json_doc *doc = NULL;
	struct bytes line;
	size_t ignored;
	if (json_parse(&doc, body, len, m->s->mem, NULL, e) != OK)
		return e->code;
	const struct json *stage = json_get(json_root(doc), "stage");
	bool is = stage && json_kind(stage) == JSON_STRING;
	struct tailing *t = is ? find(m, json_string(stage, &ignored)) : NULL;
	if (t) {
		bytes_init(&line, m->s->mem);
		bytes_put(&line, body, len);
		feed_tell(&t->feed, "rows", &line);
		bytes_close(&line);
	}
	json_close(doc);
	return is ? OK : ERR(e, E_INVALID, "rows of no stage");
}

void tailing_beat(struct managed *m)
{
	for (struct tailing *t = m->tailings; t; t = t->next)
		feed_beat(&t->feed);
}

void tailing_close(struct tailing **list, struct mem *mem)
{
	struct tailing *t;
	while ((t = *list)) {
		*list = t->next;
		feed_close(&t->feed);
		mem_put(mem, t);
	}
}
