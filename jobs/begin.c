/* begin.c - see begin.h. */
#include "jobs/begin.h"

#include "base/planted.h"

#include "jobs/evolve.h"
#include "jobs/leftovers.h"

#include <stdio.h>

/* ---- is it ours ---- */

RC begin_same_job(const struct plan *p, const char *before, size_t len, const char *dir,
		  struct err *e)
{
	struct json_doc *doc = NULL;
	struct err ignored = {0}; /* a text that does not read says nothing: the state decides */
	if (!before || json_parse(&doc, before, len, p->mem, NULL, &ignored) != OK)
		return OK;
	const struct json *name = json_kind(json_root(doc)) == JSON_OBJECT
					  ? json_get(json_root(doc), "name")
					  : NULL;
	enum rc rc = OK;
	if (name && json_kind(name) == JSON_STRING && strcmp(json_string(name, NULL), p->spec->name))
		rc = ERR(e, E_REFUSED,
			 "'%s' is the directory of job '%s', and this is job '%s': take another --dir; a "
			 "job that was only renamed goes on under its old name: --set name=%s",
			 dir, json_string(name, NULL), p->spec->name, json_string(name, NULL));
	json_close(doc);
	return rc;
}

/* ---- does it fit ---- */

/* An unchanged job's manifest lists exactly its stages and their subtasks (inv 2): one that is
 * missing would begin from nothing as if it were new. */
static RC fit_set(const struct plan *p, const struct manifest *m, struct err *e)
{
	if (m->job_hash != p->job_hash || PLANTED(missing_section_accepted))
		return OK;
	for (uint32_t i = 0; i < p->n_stages; i++) {
		const struct plan_stage *st = &p->stage[i];
		const struct manifest_op *op = manifest_find_op(m, st->spec->id);
		if (!op || op->parallelism != st->parallelism)
			return ERR(e, E_CORRUPT, "checkpoint %llu has %u subtasks of stage '%s'; the job it "
				   "is of has %u", (unsigned long long)m->id, op ? op->parallelism : 0,
				   st->spec->id, st->parallelism);
	}
	if (m->n_ops != p->n_stages)
		return ERR(e, E_CORRUPT, "checkpoint %llu lists %u stages; the job it is of has %u",
			   (unsigned long long)m->id, m->n_ops, p->n_stages);
	return OK;
}

RC begin_fits(const struct plan *p, const struct manifest *m, struct err *e)
{
	struct evolution ev;
	if (fit_set(p, m, e) != OK || evolve(&ev, p, m, NULL, 0, p->mem, e) != OK)
		return e->code;
	enum rc rc = evolution_check(&ev, m, e);
	evolution_close(&ev);
	return rc;
}

struct keyed_shape begin_shape(const struct plan_stage *st, const struct manifest *m)
{
	struct keyed_shape shape = st->shape;
	const struct manifest_op *op = m ? manifest_find_op(m, st->spec->id) : NULL;
	if (op && op->n_keyed)
		shape.hash_id = (enum hash_id)op->keyed[0].hash_id;
	return shape;
}

/* ---- who gets what ---- */

/* The bytes of a section that is no run: inline, or its blocks one behind the other. */
static RC section_bytes(struct env *env, const struct manifest *m, const struct manifest_section *s,
			const char *parts_dir, struct bytes *to, struct err *e)
{
	if (s->ref.file == SECTION_INLINE) {
		bytes_put(to, s->data, s->ref.bytes);
		return bytes_ok(to) ? OK : ERR(e, E_NO_MEMORY, "no memory for a state");
	}
	struct part_reader *part = NULL;
	struct section_reader *section = NULL;
	struct block_view v = {0};
	enum rc rc = part_reader_open(&part, storage_dir(env->fs, parts_dir, NULL), env->mem,
				      &m->file[s->ref.file], e);
	if (rc == OK)
		rc = section_open(&section, part, &s->ref, 0, UINT64_MAX, e);
	while (rc == OK && (rc = section_next(section, &v, e)) == OK && v.raw)
		bytes_put(to, v.raw, v.len);
	if (rc == OK && !bytes_ok(to))
		rc = ERR(e, E_NO_MEMORY, "no memory for a state");
	section_close(section);
	part_reader_close(part);
	return rc;
}

static RC old_states(struct env *env, const struct manifest *m, const struct manifest_op *op,
		     const char *parts_dir, struct bytes *old, struct err *e)
{
	for (uint32_t i = 0; i < op->n_sections; i++) {
		const struct manifest_section *s = &op->section[i];
		if (s->subtask >= op->parallelism)
			return ERR(e, E_CORRUPT, "stage '%s': a section of subtask %u of %u", op->id,
				   s->subtask, op->parallelism);
		if (section_bytes(env, m, s, parts_dir, &old[s->subtask], e) != OK)
			return e->code;
	}
	return OK;
}

static void bytes_close_all(struct bytes *b, uint32_t n, struct mem *mem)
{
	for (uint32_t i = 0; b && i < n; i++)
		bytes_close(&b[i]);
	mem_put(mem, b);
}

static struct bytes *bytes_of(uint32_t n, struct mem *mem)
{
	struct bytes *b = mem_get(mem, (n ? n : 1) * sizeof *b);
	for (uint32_t i = 0; b && i < n; i++)
		bytes_init(&b[i], mem);
	return b;
}

static struct intent *intents_of(const struct manifest *m, struct mem *mem)
{
	struct intent *in = mem_get(mem, (m->n_intents + 1) * sizeof *in);
	for (uint32_t i = 0; in && i < m->n_intents; i++)
		in[i] = intent_of(m, i);
	return in;
}

static RC begin_stage(struct begun *b, uint32_t i, struct env *env, const struct plan *p,
		      const struct manifest *m, const char *parts_dir, struct op_begin *ob,
		      struct err *e)
{
	const struct plan_stage *st = &p->stage[i];
	struct begun_stage *bs = &b->stage[i];
	const struct manifest_op *op = m ? manifest_find_op(m, st->spec->id) : NULL;
	bs->n = st->parallelism;
	bs->state = bytes_of(bs->n, b->mem);
	ob->n_old = op && op->n_sections ? op->parallelism : 0;
	struct bytes *old = bytes_of(ob->n_old, b->mem);
	enum rc rc = bs->state && old ? OK : ERR(e, E_NO_MEMORY, "no memory for the job's states");
	if (rc == OK && ob->n_old)
		rc = old_states(env, m, op, parts_dir, old, e);
	ob->stage = st->spec->id;
	ob->restored = op != NULL;
	ob->old = old;
	ob->parallelism = st->parallelism;
	ob->max_parallelism = st->p.max_parallelism;
	ob->fresh = bs->state;
	ob->says[0] = '\0';
	ob->reads_nothing = false;
	if (rc == OK && st->ops->begin)
		rc = st->ops->begin(st->p.conf, ob, e);
	memcpy(bs->says, ob->says, sizeof bs->says);
	bs->reads_nothing = ob->reads_nothing;
	bytes_close_all(old, ob->n_old, b->mem);
	return rc == OK ? OK : err_in(e, "stage '%s'", st->spec->id);
}

RC begin_stages(struct begun *b, struct env *env, const struct plan *p, const struct manifest *m,
		const char *parts_dir, const struct begin_line *line, struct err *e)
{
	*b = (struct begun){.mem = env->mem, .n = p->n_stages};
	bytes_init(&b->orphans, env->mem);
	b->stage = mem_get(env->mem, (p->n_stages + 1) * sizeof *b->stage);
	struct intent *intents = m ? intents_of(m, env->mem) : NULL;
	struct op_begin ob = {.mem = env->mem, .fs = env->fs, .uuid = line->uuid,
			      .lineage = line->lineage, .accepts = line->accepts,
			      .n_accepts = line->n_accepts, .intents = intents,
			      .goes_back = line->goes_back, .todo = line->todo,
			      .n_intents = m ? m->n_intents : 0};
	bytes_init(&ob.orphans, env->mem);
	enum rc rc = b->stage && (intents || !m) ? OK : ERR(e, E_NO_MEMORY, "no memory for the states");
	for (uint32_t i = 0; i < p->n_stages && rc == OK; i++)
		rc = begin_stage(b, i, env, p, m, parts_dir, &ob, e);
	if (rc == OK && m)
		rc = leftovers_list(&ob, m, e);
	if (rc == OK && !bytes_ok(&ob.orphans))
		rc = ERR(e, E_NO_MEMORY, "no memory for the states");
	b->orphans = ob.orphans;
	mem_put(env->mem, intents);
	if (rc != OK)
		begun_close(b);
	return rc;
}

void begun_close(struct begun *b)
{
	if (!b->mem)
		return;
	for (uint32_t i = 0; b->stage && i < b->n; i++)
		bytes_close_all(b->stage[i].state, b->stage[i].n, b->mem);
	mem_put(b->mem, b->stage);
	bytes_close(&b->orphans);
	*b = (struct begun){0};
}

bool begun_is_empty(const struct begun *b, const struct plan *p)
{
	for (uint32_t i = 0; i < b->n; i++)
		if (p->stage[i].ops->role == OP_SOURCE && !b->stage[i].reads_nothing)
			return false;
	return true;
}

/* ---- what changed in the job file ---- */

static size_t line_len(const char *at, const char *end)
{
	const char *nl = memchr(at, '\n', (size_t)(end - at));
	return (size_t)((nl ? nl : end) - at);
}

static bool text_has_line(const char *text, const char *end, const char *line, size_t len)
{
	while (text < end) {
		size_t n = line_len(text, end);
		if (n == len && !memcmp(text, line, len))
			return true;
		text += n + 1;
	}
	return false;
}

static void lines_only_in(const char *a, size_t a_len, const char *b, size_t b_len, char sign,
			  struct bytes *to)
{
	const char *end = a + a_len;
	while (a < end) {
		size_t n = line_len(a, end);
		if (n && !text_has_line(b, b + b_len, a, n))
			bytes_printf(to, "  %c %.*s\n", sign, (int)(n < 200 ? n : 200), a);
		a += n + 1;
	}
}

void job_difference(const char *before, size_t before_len, const char *after, size_t after_len,
		    struct bytes *to)
{
	lines_only_in(before, before_len, after, after_len, '-', to);
	lines_only_in(after, after_len, before, before_len, '+', to);
}
