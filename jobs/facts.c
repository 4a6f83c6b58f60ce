/* facts.c - see facts.h. One table a struct says how its members are called in JSON, so that what
 * is written and what is read cannot differ. */
#include "jobs/facts.h"

#include "base/check.h"

#include <unistd.h>

#define STAGES_TEXT "stages"
#define LATENCY_TEXT "latency"

/* What fits of it, never half a character: half of one would grow on its way through JSON. */
static void put_text(char *to, size_t size, const char *text, size_t len)
{
	size_t n = len < size ? len : size - 1;
	while (n < len && n && ((unsigned char)text[n] & 0xC0) == 0x80)
		n--;
	memcpy(to, text, n);
	to[n] = '\0';
}

#define PUT(to, text) put_text((to), sizeof(to), (text), strlen(text))

/* ---- taking ---- */

static void take_checkpoint(struct facts_checkpoint *c, const struct checkpoint_record *r)
{
	*c = (struct facts_checkpoint){
		.id = r->id, .bytes_written = r->bytes_written, .state_bytes = r->state_bytes,
		.keys_changed = r->keys_changed, .align_us = r->align_us, .sync_us_max = r->sync_us_max,
		.total_us = r->total_us, .wall_us = r->wall_us, .full = r->full};
	PUT(c->kind, co_kind_name(r->kind));
}

static void take_checkpoints(struct facts *f, const struct job *j)
{
	size_t n;
	const struct checkpoint_record *r = job_history(j, &n);
	f->completed = job_completed(j);
	f->failed = job_failed_checkpoints(j);
	while (n-- && !f->full.id) {
		if (!r[n].completed)
			continue;
		if (!f->last.id)
			take_checkpoint(&f->last, &r[n]);
		if (r[n].full)
			take_checkpoint(&f->full, &r[n]);
	}
}

static void take_tasks(struct facts_stage *s, const struct job *j, const struct plan_stage *st)
{
	for (uint32_t i = 0; i < st->parallelism; i++) {
		struct job_task_totals t;
		job_task_totals(j, st->first_task + i, &t);
		s->records_in += t.records_in;
		s->records_out += t.records_out;
		s->records_skipped += t.records_skipped;
		s->busy_us += t.busy_us;
		s->idle_us += t.idle_us;
		s->backpressured_us += t.backpressured_us;
		if (t.busy_us > s->busy_us_max)
			s->busy_us_max = t.busy_us;
		s->keys += t.keys;
		s->state_bytes += t.state_bytes;
		s->work_done += t.work_done;
		s->work_total += t.work_total;
	}
}

/* at[i]: where stage i of the plan stands among the facts. */
static void take_stage(struct facts_stage *s, const struct job *j, const struct plan_stage *st,
		       const uint32_t *at)
{
	PUT(s->id, st->spec->id);
	PUT(s->type, st->ops->name);
	s->role = st->ops->role;
	s->parallelism = st->parallelism;
	s->keyed = st->p.keyed;
	s->paced = s->role == OP_SOURCE && opt_has(st->spec->json, "rate");
	s->n_inputs = st->spec->n_inputs;
	for (uint32_t i = 0; i < s->n_inputs && i < FACTS_INPUTS_MAX; i++)
		s->input[i] = at[st->spec->inputs[i].stage];
	take_tasks(s, j, st);
	if (st->p.latency)
		latency_figures(st->p.latency, st->parallelism, &s->latency);
}

static void take_life(struct facts *f, const struct job *j)
{
	const struct err *error = job_failure(j);
	PUT(f->name, job_plan(j)->spec->name);
	PUT(f->dir, job_dir(j));
	PUT(f->state, job_state_name(job_state(j)));
	if (error->code != OK)
		PUT(f->error, error->text);
	f->attempt = job_attempt_number(j);
	f->pid = (uint64_t)getpid();
	if (job_state(j) == JOB_WAITING && job_wait_until(j) > f->now_us)
		f->wait_us = job_wait_until(j) - f->now_us;
	f->bounded = job_plan(j)->bounded;
	f->restored = job_recovery(j)->restored;
	f->recovery_us = job_recovery_us(j);
}

RC facts_take(struct facts *f, const struct job *j, uint64_t started_us, struct clock *clock,
	      struct mem *mem, struct err *e)
{
	const struct plan *p = job_plan(j);
	*f = (struct facts){.mem = mem, .now_us = clock_mono_us(clock),
			    .wall_us = clock_wall_us(clock), .started_us = started_us};
	uint32_t *at = mem_get(mem, (p->n_stages + 1) * sizeof *at);
	f->stage = mem_get(mem, (p->n_stages + 1) * sizeof *f->stage);
	if (!at || !f->stage) {
		mem_put(mem, at);
		facts_close(f);
		return ERR(e, E_NO_MEMORY, "no memory for the facts of %u stages", p->n_stages);
	}
	f->n_stages = p->n_stages;
	for (uint32_t i = 0; i < p->n_stages; i++)
		at[p->order[i]] = i;
	for (uint32_t i = 0; i < p->n_stages; i++)
		take_stage(&f->stage[i], j, &p->stage[p->order[i]], at);
	take_life(f, j);
	take_checkpoints(f, j);
	mem_put(mem, at);
	return OK;
}

void facts_close(struct facts *f)
{
	if (f->mem)
		mem_put(f->mem, f->stage);
	*f = (struct facts){0};
}

/* ---- as JSON ---- */

enum member_kind { MEMBER_U64, MEMBER_U32, MEMBER_I64, MEMBER_BOOL, MEMBER_TEXT };

struct member {
	const char *name;
	enum member_kind kind;
	size_t offset, size; /* size: of a text's array */
};

#define MEMBER(type, field, of_kind) \
	{#field, of_kind, offsetof(struct type, field), sizeof((struct type *)NULL)->field}

static const struct member of_facts[] = {
	MEMBER(facts, name, MEMBER_TEXT),
	MEMBER(facts, dir, MEMBER_TEXT),
	MEMBER(facts, state, MEMBER_TEXT),
	MEMBER(facts, attempt, MEMBER_U32),
	MEMBER(facts, pid, MEMBER_U64),
	MEMBER(facts, now_us, MEMBER_U64),
	MEMBER(facts, wall_us, MEMBER_I64),
	MEMBER(facts, started_us, MEMBER_U64),
	MEMBER(facts, wait_us, MEMBER_U64),
	MEMBER(facts, bounded, MEMBER_BOOL),
	MEMBER(facts, restored, MEMBER_BOOL),
	MEMBER(facts, recovery_us, MEMBER_U64),
	MEMBER(facts, completed, MEMBER_U64),
	MEMBER(facts, failed, MEMBER_U64),
	MEMBER(facts, error, MEMBER_TEXT),
};

static const struct member of_checkpoint[] = {
	MEMBER(facts_checkpoint, id, MEMBER_U64),
	MEMBER(facts_checkpoint, kind, MEMBER_TEXT),
	MEMBER(facts_checkpoint, bytes_written, MEMBER_U64),
	MEMBER(facts_checkpoint, state_bytes, MEMBER_U64),
	MEMBER(facts_checkpoint, keys_changed, MEMBER_U64),
	MEMBER(facts_checkpoint, align_us, MEMBER_U64),
	MEMBER(facts_checkpoint, sync_us_max, MEMBER_U64),
	MEMBER(facts_checkpoint, total_us, MEMBER_U64),
	MEMBER(facts_checkpoint, wall_us, MEMBER_I64),
	MEMBER(facts_checkpoint, full, MEMBER_BOOL),
};

static const struct member of_latency[] = {
	MEMBER(latency_figures, records, MEMBER_U64),
	MEMBER(latency_figures, p50_us, MEMBER_U64),
	MEMBER(latency_figures, p99_us, MEMBER_U64),
	MEMBER(latency_figures, p99_9_us, MEMBER_U64),
	MEMBER(latency_figures, max_us, MEMBER_U64),
};

static const struct member of_stage[] = {
	MEMBER(facts_stage, id, MEMBER_TEXT),
	MEMBER(facts_stage, type, MEMBER_TEXT),
	MEMBER(facts_stage, role, MEMBER_U32),
	MEMBER(facts_stage, parallelism, MEMBER_U32),
	MEMBER(facts_stage, n_inputs, MEMBER_U32),
	MEMBER(facts_stage, records_in, MEMBER_U64),
	MEMBER(facts_stage, records_out, MEMBER_U64),
	MEMBER(facts_stage, records_skipped, MEMBER_U64),
	MEMBER(facts_stage, busy_us, MEMBER_U64),
	MEMBER(facts_stage, idle_us, MEMBER_U64),
	MEMBER(facts_stage, backpressured_us, MEMBER_U64),
	MEMBER(facts_stage, busy_us_max, MEMBER_U64),
	MEMBER(facts_stage, keyed, MEMBER_BOOL),
	MEMBER(facts_stage, paced, MEMBER_BOOL),
	MEMBER(facts_stage, keys, MEMBER_U64),
	MEMBER(facts_stage, state_bytes, MEMBER_U64),
	MEMBER(facts_stage, work_done, MEMBER_U64),
	MEMBER(facts_stage, work_total, MEMBER_U64),
};

static void write_member(const struct member *m, const void *of, struct json_out *o)
{
	const void *p = (const char *)of + m->offset;
	jout_key(o, m->name);
	switch (m->kind) {
	case MEMBER_U64:
		jout_uint(o, *(const uint64_t *)p);
		break;
	case MEMBER_U32:
		jout_uint(o, *(const uint32_t *)p);
		break;
	case MEMBER_I64:
		jout_int(o, *(const int64_t *)p);
		break;
	case MEMBER_BOOL:
		jout_bool(o, *(const bool *)p);
		break;
	case MEMBER_TEXT:
		jout_string(o, p);
		break;
	}
}

static void write_members(const struct member *m, size_t n, const void *of, struct json_out *o)
{
	for (size_t i = 0; i < n; i++)
		write_member(&m[i], of, o);
}

/* A number over 2^63 is a string of digits (jout_uint). */
static RC read_u64(const struct json *v, const char *name, uint64_t *to, struct err *e)
{
	if (json_kind(v) == JSON_INT && json_int(v) >= 0) {
		*to = (uint64_t)json_int(v);
		return OK;
	}
	if (json_kind(v) != JSON_STRING)
		return ERR(e, E_INVALID, "'%s' is no number from 0 on", name);
	size_t len;
	const char *digits = json_string(v, &len);
	uint64_t n = 0;
	for (size_t i = 0; i < len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)digits[i] - '0';
		if (digit > 9 || n > (UINT64_MAX - digit) / 10)
			return ERR(e, E_INVALID, "'%s' is no number of 64 bits", name);
		n = n * 10 + digit;
	}
	*to = n;
	return len ? OK : ERR(e, E_INVALID, "'%s' is an empty number", name);
}

static RC read_text(const struct json *v, const struct member *m, char *to, struct err *e)
{
	size_t len = 0;
	const char *text = json_kind(v) == JSON_STRING ? json_string(v, &len) : NULL;
	if (!text || memchr(text, '\0', len))
		return ERR(e, E_INVALID, "'%s' is no text", m->name);
	put_text(to, m->size, text, len);
	return OK;
}

static RC read_member(const struct json *v, const struct member *m, void *of, struct err *e)
{
	void *to = (char *)of + m->offset;
	uint64_t n = 0;
	if (!v)
		return ERR(e, E_INVALID, "'%s' is missing", m->name);
	switch (m->kind) {
	case MEMBER_U64:
		return read_u64(v, m->name, to, e);
	case MEMBER_U32:
		if (read_u64(v, m->name, &n, e) != OK)
			return e->code;
		if (n > UINT32_MAX)
			return ERR(e, E_INVALID, "'%s' is no number of 32 bits", m->name);
		*(uint32_t *)to = (uint32_t)n;
		return OK;
	case MEMBER_I64:
		if (json_kind(v) != JSON_INT)
			return ERR(e, E_INVALID, "'%s' is no whole number", m->name);
		*(int64_t *)to = json_int(v);
		return OK;
	case MEMBER_BOOL:
		if (json_kind(v) != JSON_BOOL)
			return ERR(e, E_INVALID, "'%s' is neither true nor false", m->name);
		*(bool *)to = json_bool(v);
		return OK;
	case MEMBER_TEXT:
		return read_text(v, m, to, e);
	}
	return OK;
}

static RC read_members(const struct json *v, const struct member *m, size_t n, void *of,
		       struct err *e)
{
	if (!v || json_kind(v) != JSON_OBJECT)
		return ERR(e, E_INVALID, "no object");
	for (size_t i = 0; i < n; i++)
		if (read_member(json_get(v, m[i].name), &m[i], of, e) != OK)
			return e->code;
	return OK;
}

/* null: there is none. */
static void write_checkpoint(const char *key, const struct facts_checkpoint *c, struct json_out *o)
{
	jout_key(o, key);
	if (!c->id) {
		jout_null(o);
		return;
	}
	jout_object(o);
	write_members(of_checkpoint, ARRAY_LEN(of_checkpoint), c, o);
	jout_object_end(o);
}

static RC read_checkpoint(const struct json *v, const char *key, struct facts_checkpoint *c,
			  struct err *e)
{
	const struct json *at = json_get(v, key);
	if (at && json_kind(at) == JSON_NULL)
		return OK;
	if (read_members(at, of_checkpoint, ARRAY_LEN(of_checkpoint), c, e) != OK)
		return err_in(e, "'%s'", key);
	return OK;
}

/* null: nothing was measured. */
static void write_latency(const struct latency_figures *l, struct json_out *o)
{
	jout_key(o, LATENCY_TEXT);
	if (!l->records) {
		jout_null(o);
		return;
	}
	jout_object(o);
	write_members(of_latency, ARRAY_LEN(of_latency), l, o);
	jout_object_end(o);
}

static RC read_latency(const struct json *v, struct latency_figures *l, struct err *e)
{
	const struct json *at = json_get(v, LATENCY_TEXT);
	if (at && json_kind(at) == JSON_NULL)
		return OK;
	if (read_members(at, of_latency, ARRAY_LEN(of_latency), l, e) != OK)
		return err_in(e, "'" LATENCY_TEXT "'");
	return OK;
}

static uint32_t inputs_held(const struct facts_stage *s)
{
	return s->n_inputs < FACTS_INPUTS_MAX ? s->n_inputs : FACTS_INPUTS_MAX;
}

static void write_stage(const struct facts_stage *s, struct json_out *o)
{
	jout_object(o);
	write_members(of_stage, ARRAY_LEN(of_stage), s, o);
	write_latency(&s->latency, o);
	jout_key(o, "input");
	jout_array(o);
	for (uint32_t i = 0; i < inputs_held(s); i++)
		jout_uint(o, s->input[i]);
	jout_array_end(o);
	jout_object_end(o);
}

/* Whoever draws the graph relies on it: each stage reads stages before it, and no other number
 * stands for one. */
static RC read_stage(const struct json *v, uint32_t at, struct facts_stage *s, struct err *e)
{
	if (read_members(v, of_stage, ARRAY_LEN(of_stage), s, e) != OK ||
	    read_latency(v, &s->latency, e) != OK)
		return e->code;
	if (s->role > OP_SINK)
		return ERR(e, E_INVALID, "'role' %u is none", s->role);
	if (!s->parallelism || s->parallelism > SPEC_MAX_PARALLELISM)
		return ERR(e, E_INVALID, "'parallelism' %u is none", s->parallelism);
	const struct json *input = json_get(v, "input");
	if (!input || json_kind(input) != JSON_ARRAY || json_count(input) != inputs_held(s))
		return ERR(e, E_INVALID, "'input' is no list of %u stages", inputs_held(s));
	for (uint32_t i = 0; i < inputs_held(s); i++) {
		const struct json *n = json_item(input, i);
		if (json_kind(n) != JSON_INT || json_int(n) < 0 || json_int(n) >= at)
			return ERR(e, E_INVALID, "'input' names no stage before it");
		s->input[i] = (uint32_t)json_int(n);
	}
	return OK;
}

void facts_write(const struct facts *f, struct json_out *o)
{
	jout_object(o);
	write_members(of_facts, ARRAY_LEN(of_facts), f, o);
	write_checkpoint("last", &f->last, o);
	write_checkpoint("full", &f->full, o);
	jout_key(o, STAGES_TEXT);
	jout_array(o);
	for (uint32_t i = 0; i < f->n_stages; i++)
		write_stage(&f->stage[i], o);
	jout_array_end(o);
	jout_object_end(o);
}

static RC read_stages(struct facts *f, const struct json *v, struct err *e)
{
	const struct json *stages = json_get(v, STAGES_TEXT);
	if (!stages || json_kind(stages) != JSON_ARRAY || json_count(stages) > SPEC_STAGES_MAX)
		return ERR(e, E_INVALID, "'" STAGES_TEXT "' is no list of at most %d", SPEC_STAGES_MAX);
	f->stage = mem_get(f->mem, (json_count(stages) + 1) * sizeof *f->stage);
	if (!f->stage)
		return ERR(e, E_NO_MEMORY, "no memory for %zu stages", json_count(stages));
	f->n_stages = (uint32_t)json_count(stages);
	for (uint32_t i = 0; i < f->n_stages; i++)
		if (read_stage(json_item(stages, i), i, &f->stage[i], e) != OK)
			return err_in(e, "stage %u", i);
	return OK;
}

RC facts_read(struct facts *f, const struct json *v, struct mem *mem, struct err *e)
{
	*f = (struct facts){.mem = mem};
	if (read_members(v, of_facts, ARRAY_LEN(of_facts), f, e) != OK ||
	    read_checkpoint(v, "last", &f->last, e) != OK ||
	    read_checkpoint(v, "full", &f->full, e) != OK || read_stages(f, v, e) != OK) {
		facts_close(f);
		return err_in(e, "facts of a job");
	}
	return OK;
}
