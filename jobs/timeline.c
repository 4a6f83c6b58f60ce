/* timeline.c - see timeline.h. */
#include "jobs/timeline.h"

#include <string.h>

static const char *const names[SPAN_KINDS] = {"letter", "channel", "freeze", "slices", "pack",
					      "prepare", "ack", "part", "sync", "link", "commit"};

const char *span_name(enum span_kind k)
{
	return names[k];
}

uint64_t timeline_total(const struct timeline *t)
{
	const uint64_t at[] = {t->acked, t->packed, t->sealed, t->linked, t->committed};
	uint64_t total = 0;
	for (size_t i = 0; i < sizeof at / sizeof *at; i++)
		if (at[i] > total)
			total = at[i];
	return total;
}

/* ---- the path ---- */

/* Spans in the order found: from the end back to 0. */
struct path {
	struct span *span;
	uint32_t n, most;
	uint64_t to; /* where the next one ends */
};

/* The stretch before p->to, from `from` on. An instant after what follows it counts as that. */
static void back(struct path *p, enum span_kind kind, uint32_t task, uint32_t other, uint64_t from)
{
	if (from > p->to)
		from = p->to;
	if (p->n < p->most)
		p->span[p->n] = (struct span){kind, task, other, from, p->to};
	p->n++;
	p->to = from;
}

static uint32_t last_acked(const struct timeline *t)
{
	uint32_t last = 0;
	for (uint32_t i = 1; i < t->n_tasks; i++)
		if (t->task[i].acked > t->task[last].acked)
			last = i;
	return last;
}

/* From this task's acknowledgement back to its freeze. */
static void back_own(struct path *p, const struct timeline *t, uint32_t i)
{
	const struct timeline_task *x = &t->task[i];
	const uint64_t rows = x->packed > x->encoded ? x->packed : x->encoded;
	const uint64_t done = rows > x->frozen ? rows : x->frozen;
	back(p, SPAN_ACK, i, i, x->prepared > done ? x->prepared : done);
	if (x->prepared > done)
		back(p, SPAN_PREPARE, i, i, done);
	if (x->packed)
		back(p, SPAN_PACK, i, i, x->encoded);
	if (x->encoded)
		back(p, SPAN_SLICES, i, i, x->frozen);
}

static void reverse(struct span *s, uint32_t n)
{
	for (uint32_t i = 0; i < n / 2; i++) {
		struct span x = s[i];
		s[i] = s[n - 1 - i];
		s[n - 1 - i] = x;
	}
}

uint32_t timeline_path(const struct timeline *t, struct span *span, uint32_t most)
{
	struct path p = {.span = span, .most = most, .to = timeline_total(t)};
	if (t->committed)
		back(&p, SPAN_COMMIT, TIMELINE_NONE, TIMELINE_NONE, t->linked);
	if (t->linked)
		back(&p, SPAN_LINK, TIMELINE_NONE, TIMELINE_NONE, t->sealed);
	if (t->sealed)
		back(&p, SPAN_SYNC, TIMELINE_NONE, TIMELINE_NONE, t->packed);
	if (t->packed)
		back(&p, SPAN_PART, TIMELINE_NONE, TIMELINE_NONE, t->acked);
	uint32_t i = t->n_tasks ? last_acked(t) : TIMELINE_NONE;
	if (i != TIMELINE_NONE)
		back_own(&p, t, i);
	/* Upstream, at most once through each task: a file may say anything. */
	for (uint32_t steps = 0; i != TIMELINE_NONE && steps < t->n_tasks; steps++) {
		const struct timeline_task *x = &t->task[i];
		back(&p, SPAN_FREEZE, i, i, x->aligned);
		uint32_t from = x->last < t->n_tasks ? x->last : TIMELINE_NONE;
		if (from != TIMELINE_NONE)
			back(&p, SPAN_CHANNEL, from, i, t->task[from].frozen);
		else
			back(&p, SPAN_LETTER, i, i, 0);
		i = from;
	}
	if (p.to)
		back(&p, SPAN_LETTER, TIMELINE_NONE, TIMELINE_NONE, 0);
	if (p.n <= most)
		reverse(span, p.n);
	return p.n;
}

/* ---- as JSON ---- */

/* The instants of a task, and of the checkpoint, by name. */
struct instant {
	const char *key;
	size_t offset;
};
#define TASK_INSTANT(name) {#name, offsetof(struct timeline_task, name)}
#define INSTANT(name) {#name, offsetof(struct timeline, name)}
static const struct instant task_instants[] = {TASK_INSTANT(first),   TASK_INSTANT(aligned),
					       TASK_INSTANT(frozen),  TASK_INSTANT(encoded),
					       TASK_INSTANT(packed),  TASK_INSTANT(prepared),
					       TASK_INSTANT(acked)};
static const struct instant instants[] = {INSTANT(acked), INSTANT(packed), INSTANT(sealed),
					  INSTANT(linked), INSTANT(committed)};

static void put_instants(struct json_out *o, const void *of, const struct instant *k, size_t n)
{
	for (size_t i = 0; i < n; i++)
		jout_kv_uint(o, k[i].key, *(const uint64_t *)((const char *)of + k[i].offset));
}

void timeline_put(struct json_out *o, const struct timeline *t)
{
	jout_object(o);
	jout_kv_uint(o, "id", t->id);
	jout_kv_string(o, "kind", t->kind);
	jout_kv_string(o, "trigger", t->trigger);
	jout_kv_int(o, "wall_us", t->wall_us);
	jout_kv_bool(o, "completed", t->completed);
	put_instants(o, t, instants, sizeof instants / sizeof *instants);
	jout_key(o, "tasks");
	jout_array(o);
	for (uint32_t i = 0; i < t->n_tasks; i++) {
		const struct timeline_task *x = &t->task[i];
		jout_object(o);
		jout_kv_string(o, "stage", x->stage);
		jout_kv_uint(o, "subtask", x->subtask);
		put_instants(o, x, task_instants, sizeof task_instants / sizeof *task_instants);
		if (x->last != TIMELINE_NONE)
			jout_kv_uint(o, "last", x->last);
		jout_object_end(o);
	}
	jout_array_end(o);
	jout_object_end(o);
}

static bool is_uint(const struct json *v, uint64_t most)
{
	return v && json_kind(v) == JSON_INT && json_int(v) >= 0 && (uint64_t)json_int(v) <= most;
}

static bool get_instants(void *of, const struct json *v, const struct instant *k, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct json *x = json_get(v, k[i].key);
		if (!is_uint(x, INT64_MAX))
			return false;
		*(uint64_t *)((char *)of + k[i].offset) = (uint64_t)json_int(x);
	}
	return true;
}

/* NULL: it is none, or has a NUL within. */
static const char *text_of(const struct json *v, const char *key)
{
	const struct json *x = json_get(v, key);
	size_t len;
	if (!x || json_kind(x) != JSON_STRING)
		return NULL;
	const char *s = json_string(x, &len);
	return strlen(s) == len ? s : NULL;
}

static bool get_task(struct timeline_task *x, const struct json *v)
{
	if (json_kind(v) != JSON_OBJECT)
		return false;
	const struct json *last = json_get(v, "last"), *subtask = json_get(v, "subtask");
	*x = (struct timeline_task){.stage = text_of(v, "stage"), .last = TIMELINE_NONE};
	if (!x->stage || !is_uint(subtask, UINT32_MAX) || (last && !is_uint(last, UINT32_MAX - 1)))
		return false;
	x->subtask = (uint32_t)json_int(subtask);
	if (last)
		x->last = (uint32_t)json_int(last);
	return get_instants(x, v, task_instants, sizeof task_instants / sizeof *task_instants);
}

static bool get_all(struct timeline *t, const struct json *v, struct mem *mem, struct err *e)
{
	if (json_kind(v) != JSON_OBJECT)
		return false;
	const struct json *id = json_get(v, "id"), *wall = json_get(v, "wall_us");
	const struct json *done = json_get(v, "completed"), *tasks = json_get(v, "tasks");
	t->kind = text_of(v, "kind");
	t->trigger = text_of(v, "trigger");
	if (!t->kind || !t->trigger || !is_uint(id, INT64_MAX) || !wall ||
	    json_kind(wall) != JSON_INT || !done || json_kind(done) != JSON_BOOL || !tasks ||
	    json_kind(tasks) != JSON_ARRAY || json_count(tasks) >= TIMELINE_NONE)
		return false;
	t->id = (uint64_t)json_int(id);
	t->wall_us = json_int(wall);
	t->completed = json_bool(done);
	if (!get_instants(t, v, instants, sizeof instants / sizeof *instants))
		return false;
	t->n_tasks = (uint32_t)json_count(tasks);
	t->task = mem_get(mem, (t->n_tasks + 1) * sizeof *t->task);
	if (!t->task) {
		ERR(e, E_NO_MEMORY, "no memory for the timeline of checkpoint %llu",
		    (unsigned long long)t->id);
		return false;
	}
	for (uint32_t i = 0; i < t->n_tasks; i++)
		if (!get_task(&t->task[i], json_item(tasks, i)))
			return false;
	return true;
}

RC timeline_get(struct timeline *t, const char *line, size_t len, struct mem *mem, struct err *e)
{
	*t = (struct timeline){0};
	if (json_parse(&t->doc, line, len, mem, NULL, e) != OK)
		return e->code;
	if (get_all(t, json_root(t->doc), mem, e))
		return OK;
	if (e->code == OK)
		ERR(e, E_CORRUPT, "this is not the timeline of a checkpoint");
	timeline_close(t, mem);
	return e->code;
}

void timeline_close(struct timeline *t, struct mem *mem)
{
	mem_put(mem, t->task);
	json_close(t->doc);
	*t = (struct timeline){0};
}
