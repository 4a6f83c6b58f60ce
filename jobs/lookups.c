/* lookups.c - see lookups.h. */
#include "jobs/lookups.h"

#include "jobs/job_in.h"
#include "operators/keys_text.h"
#include "operators/state_json.h"
#include "runtime/letters.h"
#include "runtime/lookup.h"

#include <inttypes.h>

enum look_state { LOOK_FREE, LOOK_ASKED, LOOK_LATE };

struct look {
	enum look_state state;
	struct lookup letter;
	struct bytes key;
	const struct plan_stage *stage;
	uint32_t subtask;
	uint64_t by_us;
	uint64_t request;
	void (*found)(void *arg, const struct job_found *f);
	void *arg;
};

struct lookups {
	struct mailbox back;
	uint32_t busy; /* looks that are not FREE */
	struct look look[LOOKUPS_MAX];
};

static RC open_lookups(struct job *j, struct err *e)
{
	if (j->lookups)
		return OK;
	struct lookups *ls = j->lookups = mem_get_aligned(j->mem, _Alignof(struct lookups), sizeof *ls);
	if (!ls)
		return ERR(e, E_NO_MEMORY, "no memory for a look at the state");
	memset(ls, 0, sizeof *ls);
	mailbox_init(&ls->back, j->o.waker);
	return OK;
}

/* ---- answering ---- */

static void look_free(struct lookups *ls, struct look *x)
{
	bytes_close(&x->key);
	x->state = LOOK_FREE;
	ls->busy--;
}

static const char *put_row(const struct look *x, struct bytes *row, struct err *e)
{
	const struct op_plan *p = &x->stage->p;
	struct json_out o;
	jout_begin(&o, row, false);
	enum rc rc = state_json(&p->key_schema, &p->value_schema, x->key.data, x->letter.len,
				x->letter.value, &o, e);
	if (rc == OK && bytes_reserve(row, 1))
		return bytes_text(row);
	if (rc == OK)
		ERR(e, E_NO_MEMORY, "no memory for a row of the state");
	return NULL;
}

/* The letter is back. */
static void answer(struct job *j, struct look *x)
{
	const struct lookup *l = &x->letter;
	const char *stage = x->stage->spec->id;
	uint64_t now_us = job_now_us(j);
	struct bytes row;
	struct job_found f = {.request = x->request, .subtask = x->subtask,
			      .records = l->records, .barrier = l->barrier,
			      .wall_us = clock_wall_us(j->o.env->clock) - (int64_t)(now_us - l->at_us)};
	bytes_init(&row, j->mem);
	if (l->said == LOOKUP_FOUND)
		f.row = put_row(x, &row, &f.error);
	else if (l->said == LOOKUP_ABSENT)
		ERR(&f.error, E_NOT_FOUND, "stage '%s' has no such key now: its subtask %u looked, after "
		    "%" PRIu64 " records", stage, x->subtask, l->records);
	else
		ERR(&f.error, E_REFUSED, "stage '%s'[%u] has just ended", stage, x->subtask);
	x->found(x->arg, &f);
	bytes_close(&row);
}

static void give_up(struct look *x, const struct err *why)
{
	struct job_found f = {.request = x->request, .error = *why};
	x->found(x->arg, &f);
}

static void take_back(struct job *j)
{
	struct lookups *ls = j->lookups;
	for (struct mail *m = mailbox_take_all(&ls->back), *next; m; m = next) {
		next = m->next;
		struct look *x = CONTAINER_OF(CONTAINER_OF(m, struct lookup, mail), struct look, letter);
		CHECK(x->state != LOOK_FREE);
		if (x->state == LOOK_ASKED)
			answer(j, x);
		look_free(ls, x);
	}
}

void lookups_step(struct job *j, uint64_t *wake_at_us)
{
	struct lookups *ls = j->lookups;
	struct err late = {0};
	if (!ls || !ls->busy)
		return;
	take_back(j);
	uint64_t now_us = job_now_us(j);
	for (uint32_t i = 0; i < LOOKUPS_MAX; i++) {
		struct look *x = &ls->look[i];
		if (x->state != LOOK_ASKED)
			continue;
		if (x->by_us > now_us) {
			*wake_at_us = x->by_us < *wake_at_us ? x->by_us : *wake_at_us;
			continue;
		}
		x->state = LOOK_LATE;
		ERR(&late, E_TIMEOUT, "stage '%s'[%u] is busy: it has not looked for %u ms",
		    x->stage->spec->id, x->subtask, LOOKUP_PATIENCE_US / 1000);
		give_up(x, &late);
		err_clear(&late);
	}
}

void lookups_attempt_over(struct job *j)
{
	struct lookups *ls = j->lookups;
	struct err gone = {0};
	if (!ls)
		return;
	take_back(j);
	ERR(&gone, E_REFUSED, "the job's attempt has just ended");
	for (uint32_t i = 0; i < LOOKUPS_MAX; i++) {
		struct look *x = &ls->look[i];
		if (x->state == LOOK_ASKED)
			give_up(x, &gone);
		if (x->state != LOOK_FREE)
			look_free(ls, x);
	}
}

void lookups_close(struct job *j)
{
	struct lookups *ls = j->lookups;
	for (uint32_t i = 0; ls && i < LOOKUPS_MAX; i++)
		if (ls->look[i].state != LOOK_FREE)
			look_free(ls, &ls->look[i]);
	mem_put(j->mem, ls);
	j->lookups = NULL;
}

/* ---- asking ---- */

static RC find_stage(const struct job *j, const char *id, const struct plan_stage **st,
		     struct err *e)
{
	const struct plan *p = j->o.plan;
	const char *keyed[FIELDS_MAX];
	size_t n = 0;
	*st = plan_find(p, id);
	if (*st && (*st)->p.keyed)
		return OK;
	for (uint32_t i = 0; i < p->n_stages && n < ARRAY_LEN(keyed); i++)
		if (p->stage[i].p.keyed)
			keyed[n++] = p->stage[i].spec->id;
	const char *close = closest_name(id, keyed, n);
	if (!*st)
		return ERR(e, E_NOT_FOUND, "the job has no stage '%s'%s%s%s", id,
			   close ? "; did you mean '" : "", close ? close : "", close ? "'?" : "");
	return ERR(e, E_NOT_FOUND, "stage '%s' keeps nothing under keys%s%s%s", id,
		   n ? "; '" : "", n ? keyed[0] : "", n ? "' does" : "");
}

static RC may_look(const struct job *j, struct err *e)
{
	if (j->state != JOB_RUNNING || !j->attempt)
		return ERR(e, E_REFUSED, "no attempt is running: the job is %s", job_state_name(j->state));
	if (attempt_is_closing(j->attempt))
		return ERR(e, E_REFUSED, "the job's attempt is ending");
	return OK;
}

static RC is_answering(const struct lookups *ls, const struct plan_stage *st, uint32_t subtask,
		       struct err *e)
{
	for (uint32_t i = 0; i < LOOKUPS_MAX; i++) {
		const struct look *x = &ls->look[i];
		if (x->state == LOOK_LATE && x->stage == st && x->subtask == subtask)
			return ERR(e, E_TIMEOUT, "stage '%s'[%u] is busy: it has not answered an earlier "
				   "question yet", st->spec->id, subtask);
	}
	return OK;
}

static RC take_place(struct lookups *ls, struct look **x, struct err *e)
{
	uint32_t i = 0;
	if (ls->busy == LOOKUPS_MAX)
		return ERR(e, E_LIMIT, "%u keys are being looked up already: ask again in a moment",
			   LOOKUPS_MAX);
	while (ls->look[i].state != LOOK_FREE)
		i++;
	*x = &ls->look[i];
	return OK;
}

static RC take_key(const struct plan_stage *st, const struct job_lookup *l, struct bytes *key,
		   struct err *e)
{
	if (key_from_texts(&st->p.key_schema, l->key, l->n_keys, key, e) != OK)
		return e->code;
	if (key->len > KEY_BYTES_MAX)
		return ERR(e, E_USAGE, "a key of %zu bytes; keys may have %u", key->len, KEY_BYTES_MAX);
	/* A key without bytes stands somewhere too. */
	return bytes_reserve(key, 16) ? OK : ERR(e, E_NO_MEMORY, "no memory for a key");
}

/* Whose key it is: hash -> group -> subtask, as an exchange routes records. */
static uint32_t owner_of(const struct job *j, const struct plan_stage *st, const struct bytes *key,
			 uint64_t *hash)
{
	const struct task_config *c = task_config(attempt_task(j->attempt, st->first_task));
	*hash = shape_hash(&c->shape, key->data, key->len);
	return group_owner(hash_group(*hash, c->max_parallelism), c->parallelism, c->max_parallelism);
}

static void put(struct job *j, struct look *x)
{
	struct lookups *ls = j->lookups;
	struct task *t = attempt_task(j->attempt, x->stage->first_task + x->subtask);
	x->letter.mail.kind = LETTER_LOOKUP;
	x->letter.reply = &ls->back;
	x->letter.key = x->key.data;
	x->letter.len = (uint32_t)x->key.len;
	x->state = LOOK_ASKED;
	ls->busy++;
	mailbox_put(task_mailbox(t), &x->letter.mail);
}

RC job_look_up(struct job *j, const struct job_lookup *l, struct err *e)
{
	struct look *x = NULL, want = {.request = l->request, .found = l->found, .arg = l->arg};
	if (may_look(j, e) != OK || find_stage(j, l->stage, &want.stage, e) != OK ||
	    open_lookups(j, e) != OK || take_place(j->lookups, &x, e) != OK)
		return e->code;
	bytes_init(&want.key, j->mem);
	enum rc rc = take_key(want.stage, l, &want.key, e);
	if (rc == OK) {
		want.subtask = owner_of(j, want.stage, &want.key, &want.letter.hash);
		want.by_us = job_now_us(j) + LOOKUP_PATIENCE_US;
		rc = is_answering(j->lookups, want.stage, want.subtask, e);
	}
	if (rc != OK) {
		bytes_close(&want.key);
		return rc;
	}
	*x = want;
	put(j, x);
	return OK;
}
