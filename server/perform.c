/* perform.c - what a life decides is done here: entries are saved, processes started, told and
 * killed, files erased, askers answered. No opinions: the outcome of each goes back to the life.
 *
 *   SAVE   put, with the new description or the one it has -> SAVED | SAVE_FAILED
 *   SPAWN  read the entry -> process_start
 *   ERASE, DROP  files, then the entry -> ERASED | ERASE_FAILED; dropped, the job is forgotten */
#include "server/server_in.h"

#include "base/check.h"

/* ---- saving ---- */

/* The new entry is what stands, or never will. */
static void next_over(struct managed *m, bool stands)
{
	if (stands) {
		entry_close(&m->entry);
		m->entry = *m->next;
		mem_put(m->s->mem, m->entry.job); /* the file keeps it */
		m->entry.job = NULL;
		m->entry.job_len = 0;
	} else {
		entry_close(m->next);
	}
	mem_put(m->s->mem, m->next);
	m->next = NULL;
}

static void put_save(struct managed *m);
static void read_to_spawn(struct managed *m);

/* Not written, it is with the next SAVE; a server that crashes before would ask for it again. */
static void forgot(void *arg, struct clerk_answer *a)
{
	struct managed *m = arg;
	m->version = a->version;
	m->forgetting = false;
	if (a->error.code != OK)
		log_job(m->s->o.log, LOG_WARN, m->entry.name, "%s", a->error.text);
	if (m->save_waits) {
		m->save_waits = false;
		put_save(m);
	}
	if (m->spawn_waits) {
		m->spawn_waits = false;
		read_to_spawn(m);
	}
}

static void forget_restore(struct managed *m)
{
	struct clerk_answer a = {.version = m->version};
	m->forgets_later = false;
	m->forgetting = true;
	if (clerk_put(m->s->clerk, &m->entry, m->version, forgot, m, &a.error) != OK)
		forgot(m, &a);
}

void managed_restored(struct managed *m)
{
	if (!m->entry.restore)
		return;
	entry_forget_restore(&m->entry);
	m->forgets_later = m->saving;
	if (!m->saving)
		forget_restore(m);
}

static void saved(void *arg, struct clerk_answer *a)
{
	struct managed *m = arg;
	struct life_event ev = {.kind = a->error.code == OK ? LIFE_EV_SAVED : LIFE_EV_SAVE_FAILED,
				.error = &a->error};
	const struct err *why = &m->save->error;
	struct err e = {0};
	m->version = a->version;
	m->saving = false;
	if (m->saving_next && a->error.code == OK)
		m->forgets_later = false; /* the new one says what it goes on from */
	if (m->saving_next)
		next_over(m, a->error.code == OK);
	if (a->error.code == OK) {
		m->entry.standing = m->save->standing;
		m->entry.erase = m->save->erase;
		m->entry.since_wall_us = m->save_wall_us;
		if (m->entry.standing == STANDING_FINISHED || m->entry.standing == STANDING_CANCELLED)
			process_forget(m);
		if (entry_set_error(&m->entry, why->code, why->code == OK ? NULL : why->text, &e) != OK)
			log_job(m->s->o.log, LOG_WARN, m->entry.name, "%s", e.text);
	}
	if (m->saving_next)
		submit_saved(m, &a->error);
	m->saving_next = false;
	if (m->forgets_later)
		forget_restore(m);
	managed_heard(m, &ev);
}

/* Without a description of its own the entry keeps the one it has. */
static void put_save(struct managed *m)
{
	const struct life_do *d = m->save;
	m->saving = true;
	m->saving_next = m->next != NULL;
	struct entry en = m->next ? *m->next : m->entry;
	struct clerk_answer a = {.version = m->version};
	en.standing = d->standing;
	en.erase = d->erase;
	en.code = d->error.code;
	en.error = d->error.code == OK ? NULL : (char *)m->save->error.text;
	en.exit = d->standing == STANDING_FAILED && m->exit > 0 ? m->exit : 0;
	en.since_wall_us = m->save_wall_us;
	if (clerk_put(m->s->clerk, &en, m->version, saved, m, &a.error) != OK)
		saved(m, &a);
}

static void do_save(struct managed *m, const struct life_do *d)
{
	*m->save = *d;
	m->save_wall_us = clock_wall_us(m->s->env->clock);
	m->save_waits = m->forgetting;
	if (!m->save_waits)
		put_save(m);
}

/* A replacement that will not be. */
static void do_answer(struct managed *m, const struct life_do *d)
{
	if (m->next && !m->saving_next && d->action == m->next_action && d->error.code != OK) {
		next_over(m, false);
		submit_saved(m, &d->error);
	}
	if (d->action == m->stop.request)
		m->stop = (struct job_ask){0};
	actions_over(&m->s->actions, &m->feed, d->action, &d->error, m->checkpoint,
		     NULL);
}

/* ---- starting ---- */

static void spawn_read(void *arg, struct clerk_answer *a)
{
	struct managed *m = arg;
	struct life_event ev = {.kind = LIFE_EV_SPAWN_FAILED, .error = &a->error,
				.random = rng_next(m->s->env->rng)};
	m->spawning = false;
	if (m->kill_spawn && a->error.code == OK)
		ERR(&a->error, E_STOPPED, "it was killed before it began");
	if (a->error.code == OK)
		process_start(m, &a->entry);
	else
		managed_heard(m, &ev);
}

static void read_to_spawn(struct managed *m)
{
	struct clerk_answer a = {0};
	if (clerk_read(m->s->clerk, m->entry.name, m->version, spawn_read, m, &a.error) != OK)
		spawn_read(m, &a);
}

static void do_spawn(struct managed *m, const struct life_do *d)
{
	*m->spawn = *d;
	m->spawning = true;
	m->kill_spawn = m->stop_spawn = m->up = false;
	m->exit = -1;
	m->spawn_waits = m->forgetting;
	if (!m->spawn_waits)
		read_to_spawn(m);
}

/* ---- removing ---- */

static void erased(void *arg, struct clerk_answer *a)
{
	struct managed *m = arg;
	struct life_event ev = {.kind = LIFE_EV_ERASED};
	if (a->error.code != OK) {
		m->dropping = false; /* its life tries again, and may be asked to meanwhile */
		ev.kind = LIFE_EV_ERASE_FAILED;
		ev.error = &a->error;
	}
	managed_heard(m, &ev);
}

static void do_erase(struct managed *m, const struct life_do *d)
{
	struct clerk_answer a = {0};
	if (clerk_erase(m->s->clerk, m->entry.name, d->removing, erased, m, &a.error) != OK)
		erased(m, &a);
}

static void do_drop(struct managed *m)
{
	struct clerk_answer a = {0};
	m->dropping = true;
	if (clerk_drop(m->s->clerk, m->entry.name, erased, m, &a.error) != OK)
		erased(m, &a);
}

/* ---- one after the other ---- */

static void perform_one(struct managed *m, const struct life_do *d)
{
	switch (d->kind) {
	case LIFE_SAVE:
		do_save(m, d);
		break;
	case LIFE_SPAWN:
		do_spawn(m, d);
		break;
	case LIFE_TELL_STOP:
		process_tell_stop(m);
		break;
	case LIFE_KILL:
		process_kill(m);
		break;
	case LIFE_ERASE:
		do_erase(m, d);
		break;
	case LIFE_DROP:
		do_drop(m);
		break;
	case LIFE_ANSWER:
		do_answer(m, d);
		break;
	case LIFE_TELL:
		managed_tell(m);
		break;
	}
}

static void on_timer(void *arg)
{
	managed_heard(arg, &(struct life_event){.kind = LIFE_EV_TICK});
}

static void set_timer(struct managed *m)
{
	uint64_t at = life_wake_at(m->life), now = clock_mono_us(m->s->env->clock);
	struct err ignored = {0};
	if (at == UINT64_MAX) {
		if (m->timer)
			loop_timer_off(m->timer);
		return;
	}
	if (!m->timer && loop_timer_open(&m->timer, m->s->loop, on_timer, m, &ignored) != OK)
		return; /* the next event sets it */
	loop_timer_set(m->timer, at > now ? at - now : 0);
}

/* Who still watches is told. */
static void forget(struct managed *m)
{
	struct server *s = m->s;
	struct bytes data;
	char log[SERVER_PATH_MAX];
	bytes_init(&data, s->mem);
	bytes_put_text(&data, "{}");
	feed_tell(&m->feed, "removed", &data);
	bytes_close(&data);
	if (catalogue_log(s->o.dir, m->entry.name, log, sizeof log))
		log_tails_end(&s->tails, log);
	server_take_out(m);
}

void managed_perform(struct managed *m)
{
	struct server *s = m->s;
	struct life_do d;
	if (m->performing)
		return;
	m->performing = true;
	while (life_next(m->life, &d))
		perform_one(m, &d);
	m->performing = false;
	set_timer(m);
	if (life_state(m->life) == LIFE_REMOVED)
		forget(m);
	server_maybe_over(s);
}

RC managed_event(struct managed *m, const struct life_event *ev, struct err *e)
{
	if (life_event(m->life, clock_mono_us(m->s->env->clock), ev, e) != OK)
		return e->code;
	managed_perform(m);
	return OK;
}

void managed_heard(struct managed *m, const struct life_event *ev)
{
	struct err refused = {0};
	if (managed_event(m, ev, &refused) != OK)
		log_job(m->s->o.log, LOG_WARN, m->entry.name, "%s", refused.text);
}
