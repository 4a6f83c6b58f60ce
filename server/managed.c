/* managed.c - the table of a server's jobs, by name. A job that is over and of which nobody asks
 * anything is a few hundred bytes: a life is made when it has something to live. */
#include "server/server_in.h"

#include "base/schema.h"

#include <stdlib.h>
#include <string.h>

/* The place where name stands or belongs. */
static size_t place(const struct server *s, const char *name)
{
	size_t low = 0, high = s->n_jobs;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(s->job[mid]->entry.name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

struct managed *server_find(const struct server *s, const char *name)
{
	size_t at = place(s, name);
	return at < s->n_jobs && !strcmp(s->job[at]->entry.name, name) ? s->job[at] : NULL;
}

static void on_watched(void *arg, bool anybody)
{
	struct managed *m = arg;
	struct bytes body;
	if (!m->wire)
		return;
	bytes_init(&body, m->s->mem);
	watch_write(anybody, &body);
	wire_send(m->wire, WIRE_WATCH, &body);
	bytes_close(&body);
}

struct managed *server_add(struct server *s, const char *name)
{
	if (s->n_jobs == s->cap_jobs) {
		size_t cap = s->cap_jobs ? s->cap_jobs * 2 : 64;
		struct managed **more = mem_resize(s->mem, s->job, cap * sizeof(struct managed *));
		if (!more)
			return NULL;
		s->job = more;
		s->cap_jobs = cap;
	}
	struct managed *m = mem_get(s->mem, sizeof *m);
	if (!m)
		return NULL;
	m->s = s;
	m->entry.mem = s->mem;
	m->feed = (struct feed){.mem = s->mem, .event_id = &s->event_id, .watched = on_watched,
				.arg = m};
	snprintf(m->entry.name, sizeof m->entry.name, "%s", name);
	size_t at = place(s, name);
	memmove(s->job + at + 1, s->job + at, (s->n_jobs - at) * sizeof s->job[0]);
	s->job[at] = m;
	s->n_jobs++;
	return m;
}

void managed_free(struct managed *m)
{
	struct mem *mem = m->s->mem;
	feed_close(&m->feed);
	loop_timer_close(&m->timer);
	loop_timer_close(&m->show_timer);
	life_close(m->life);
	mem_put(mem, m->save);
	mem_put(mem, m->spawn);
	entry_close(&m->entry);
	if (m->next) {
		entry_close(m->next);
		mem_put(mem, m->next);
	}
	mem_put(mem, m->facts);
	mem_put(mem, m->outlook);
	recoveries_close(&m->recoveries, mem);
	process_forget(m);
	tailing_close(&m->tailings, mem);
	live_close(&m->live);
	while (asker_take(&m->submitter, mem) || asker_take(&m->showers, mem))
		;
	mem_put(mem, m);
}

void server_take_out(struct managed *m)
{
	struct server *s = m->s;
	size_t at = place(s, m->entry.name);
	CHECK(at < s->n_jobs && s->job[at] == m && !m->child && !m->reading);
	s->n_jobs--;
	memmove(s->job + at, s->job + at + 1, (s->n_jobs - at) * sizeof s->job[0]);
	managed_free(m);
}

enum life_state managed_state(const struct managed *m)
{
	static const enum life_state at_rest[] = {
		[STANDING_RUNNING] = LIFE_STARTING,     [STANDING_STOPPED] = LIFE_STOPPED,
		[STANDING_CANCELLED] = LIFE_CANCELLED,  [STANDING_FINISHED] = LIFE_FINISHED,
		[STANDING_FAILED] = LIFE_FAILED,        [STANDING_REMOVED] = LIFE_REMOVING,
	};
	return m->life ? life_state(m->life) : at_rest[m->entry.standing];
}

bool managed_has_process(const struct managed *m)
{
	return m->child || m->spawning || (m->life && life_has_process(m->life));
}

size_t server_running(const struct server *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_jobs; i++)
		n += !life_is_final(managed_state(s->job[i]));
	return n;
}

RC managed_live(struct managed *m, struct err *e)
{
	struct err was = {.code = m->entry.code};
	if (m->life)
		return OK;
	snprintf(was.text, sizeof was.text, "%s", m->entry.error ? m->entry.error : "");
	if (!m->save)
		m->save = mem_get(m->s->mem, sizeof *m->save);
	if (!m->spawn)
		m->spawn = mem_get(m->s->mem, sizeof *m->spawn);
	if (!m->save || !m->spawn)
		return ERR(e, E_NO_MEMORY, "no memory for the life of job '%s'", m->entry.name);
	return life_open(&m->life, m->entry.name, m->entry.standing, m->entry.erase, &was, m->s->mem,
			 e);
}

RC server_no_job(const struct server *s, const char *name, struct err *e)
{
	const char **names = mem_get(s->mem, (s->n_jobs + 1) * sizeof(char *));
	const char *close = NULL;
	for (size_t i = 0; names && i < s->n_jobs; i++)
		names[i] = s->job[i]->entry.name;
	if (names)
		close = closest_name(name, names, s->n_jobs);
	mem_put(s->mem, names);
	if (close)
		return ERR(e, E_NOT_FOUND, "there is no job '%s'; did you mean '%s'?", name, close);
	return ERR(e, E_NOT_FOUND, "there is no job '%s' (weir list shows all)", name);
}
