/* facts_json.c - facts as JSON and back: see facts.h. One table a struct says how its members are
 * called, so that what is written and what is read cannot differ. */
#include "jobs/facts_in.h"

#include "base/check.h"

#define STAGES_TEXT "stages"
#define SUBTASKS_TEXT "subtasks"
#define EDGES_TEXT "edges"
#define LATENCY_TEXT "latency"

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

static const struct member of_subtask[] = {
	MEMBER(facts_subtask, records_in, MEMBER_U64),
	MEMBER(facts_subtask, records_out, MEMBER_U64),
	MEMBER(facts_subtask, busy_us, MEMBER_U64),
	MEMBER(facts_subtask, idle_us, MEMBER_U64),
	MEMBER(facts_subtask, backpressured_us, MEMBER_U64),
	MEMBER(facts_subtask, keys, MEMBER_U64),
	MEMBER(facts_subtask, state_bytes, MEMBER_U64),
};

static const struct member of_edge[] = {
	MEMBER(facts_edge, from, MEMBER_U32),
	MEMBER(facts_edge, to, MEMBER_U32),
	MEMBER(facts_edge, records, MEMBER_U64),
	MEMBER(facts_edge, queued, MEMBER_U32),
	MEMBER(facts_edge, room, MEMBER_U32),
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
	facts_put_text(to, m->size, text, len);
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

static void write_subtasks(const struct facts_subtask *t, uint32_t n, struct json_out *o)
{
	jout_key(o, SUBTASKS_TEXT);
	jout_array(o);
	for (uint32_t i = 0; t && i < n; i++) {
		jout_object(o);
		write_members(of_subtask, ARRAY_LEN(of_subtask), &t[i], o);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void write_stage(const struct facts_stage *s, const struct facts_subtask *t,
			struct json_out *o)
{
	jout_object(o);
	write_members(of_stage, ARRAY_LEN(of_stage), s, o);
	write_latency(&s->latency, o);
	jout_key(o, "input");
	jout_array(o);
	for (uint32_t i = 0; i < inputs_held(s); i++)
		jout_uint(o, s->input[i]);
	jout_array_end(o);
	write_subtasks(t, s->parallelism, o);
	jout_object_end(o);
}

static void write_edges(const struct facts *f, struct json_out *o)
{
	jout_key(o, EDGES_TEXT);
	jout_array(o);
	for (uint32_t i = 0; i < f->n_edges; i++) {
		jout_object(o);
		write_members(of_edge, ARRAY_LEN(of_edge), &f->edge[i], o);
		jout_object_end(o);
	}
	jout_array_end(o);
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
		write_stage(&f->stage[i], facts_subtasks(f, i), o);
	jout_array_end(o);
	write_edges(f, o);
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

/* All stages have theirs, or none has. */
static RC read_subtasks(struct facts *f, const struct json *v, struct err *e)
{
	const struct json *stages = json_get(v, STAGES_TEXT), *list;
	size_t n = 0, wanted = 0;
	for (uint32_t i = 0; i < f->n_stages; i++) {
		list = json_get(json_item(stages, i), SUBTASKS_TEXT);
		if (!list || json_kind(list) != JSON_ARRAY)
			return ERR(e, E_INVALID, "stage %u: '" SUBTASKS_TEXT "' is no list", i);
		if (json_count(list) && json_count(list) != f->stage[i].parallelism)
			return ERR(e, E_INVALID, "stage %u: '" SUBTASKS_TEXT "' is no list of %u", i,
				   f->stage[i].parallelism);
		n += json_count(list);
		wanted += f->stage[i].parallelism;
	}
	if (!n)
		return OK;
	if (n != wanted || n > FACTS_SUBTASKS_MAX)
		return ERR(e, E_INVALID, "'" SUBTASKS_TEXT "' of some stages, or of too many");
	f->subtask = mem_get(f->mem, n * sizeof *f->subtask);
	if (!f->subtask)
		return ERR(e, E_NO_MEMORY, "no memory for %zu subtasks", n);
	struct facts_subtask *to = f->subtask;
	for (uint32_t i = 0; i < f->n_stages; i++) {
		list = json_get(json_item(stages, i), SUBTASKS_TEXT);
		for (size_t k = 0; k < json_count(list); k++, to++)
			if (read_members(json_item(list, k), of_subtask, ARRAY_LEN(of_subtask), to, e) != OK)
				return err_in(e, "stage %u: subtask %zu", i, k);
	}
	return OK;
}

static RC read_edges(struct facts *f, const struct json *v, struct err *e)
{
	const struct json *edges = json_get(v, EDGES_TEXT);
	if (!edges || json_kind(edges) != JSON_ARRAY || json_count(edges) > FACTS_EDGES_MAX)
		return ERR(e, E_INVALID, "'" EDGES_TEXT "' is no list of at most %d", FACTS_EDGES_MAX);
	f->edge = mem_get(f->mem, (json_count(edges) + 1) * sizeof *f->edge);
	if (!f->edge)
		return ERR(e, E_NO_MEMORY, "no memory for %zu edges", json_count(edges));
	f->n_edges = (uint32_t)json_count(edges);
	for (uint32_t i = 0; i < f->n_edges; i++) {
		struct facts_edge *g = &f->edge[i];
		if (read_members(json_item(edges, i), of_edge, ARRAY_LEN(of_edge), g, e) != OK)
			return err_in(e, "edge %u", i);
		if (g->from >= g->to || g->to >= f->n_stages)
			return ERR(e, E_INVALID, "edge %u: 'from' and 'to' are no stages in their order", i);
	}
	return OK;
}

RC facts_read(struct facts *f, const struct json *v, struct mem *mem, struct err *e)
{
	*f = (struct facts){.mem = mem};
	if (read_members(v, of_facts, ARRAY_LEN(of_facts), f, e) != OK ||
	    read_checkpoint(v, "last", &f->last, e) != OK ||
	    read_checkpoint(v, "full", &f->full, e) != OK || read_stages(f, v, e) != OK ||
	    read_subtasks(f, v, e) != OK || read_edges(f, v, e) != OK) {
		facts_close(f);
		return err_in(e, "facts of a job");
	}
	return OK;
}
