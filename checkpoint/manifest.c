/* manifest.c - a manifest in memory: its arena and how it is put together. See manifest.h. */
#include "checkpoint/manifest.h"

#include "base/check.h"

/* The arena: blocks of memory that are only ever freed together. Lists that grow leave their old
 * copy behind, which at most doubles what is used. */
struct arena_block {
	struct arena_block *older;
	size_t used, size;
	_Alignas(16) uint8_t data[];
};
enum { ARENA_BLOCK = 8192 }; /* an ordinary manifest fits two */

static const char *const checkpoint_kinds[CHECKPOINT_KINDS] = {
	[CHECKPOINT_INITIAL] = "initial", [CHECKPOINT_PERIODIC] = "periodic",
	[CHECKPOINT_STOP] = "stop",       [CHECKPOINT_FINAL] = "final",
	[CHECKPOINT_MANUAL] = "manual",   [CHECKPOINT_SAVEPOINT] = "savepoint",
};

const char *checkpoint_kind_name(enum checkpoint_kind k)
{
	return (unsigned)k < CHECKPOINT_KINDS ? checkpoint_kinds[k] : "?";
}

void manifest_init(struct manifest *m, struct mem *mem)
{
	*m = (struct manifest){.mem = mem, .kind = CHECKPOINT_PERIODIC};
}

void manifest_close(struct manifest *m)
{
	for (struct arena_block *b = m->blocks, *older; b; b = older) {
		older = b->older;
		mem_put(m->mem, b);
	}
	manifest_init(m, m->mem);
}

void *manifest_alloc(struct manifest *m, size_t size_bytes)
{
	size_t want = (size_bytes + 15) & ~(size_t)15;
	struct arena_block *b = m->blocks;
	if (!b || b->size - b->used < want) {
		size_t size = want > ARENA_BLOCK ? want : ARENA_BLOCK;
		b = mem_get(m->mem, sizeof *b + size);
		if (!b)
			return NULL;
		b->size = size;
		b->older = m->blocks;
		m->blocks = b;
	}
	void *p = b->data + b->used;
	b->used += want;
	return p;
}

void *manifest_copy(struct manifest *m, const void *data, size_t len)
{
	void *p = manifest_alloc(m, len);
	if (p && len)
		memcpy(p, data, len);
	return p;
}

char *manifest_text(struct manifest *m, const char *text)
{
	return manifest_copy(m, text, strlen(text) + 1);
}

/* Makes room for one more after n elements; lists are doubled at powers of two. NULL: no memory. */
static void *grown(struct manifest *m, void *list, uint32_t n, size_t size)
{
	if (n & (n - 1) || (n && n < 4))
		return list;
	size_t cap = n ? (size_t)n * 2 : 4;
	void *more = n == UINT32_MAX ? NULL : manifest_alloc(m, cap * size);
	if (more && n)
		memcpy(more, list, n * size);
	return more;
}

#define ADD(m, list, n)                                                                            \
	({                                                                                         \
		void *more_ = grown(m, list, n, sizeof *(list));                                   \
		if (more_)                                                                         \
			(list) = more_;                                                            \
		more_ ? &(list)[(n)++] : NULL;                                                     \
	})

struct part_file *manifest_add_file(struct manifest *m)
{
	return ADD(m, m->file, m->n_files);
}

struct manifest_op *manifest_add_op(struct manifest *m, const char *id, const char *type,
				    uint32_t parallelism)
{
	bool *ended = manifest_alloc(m, parallelism * sizeof *ended);
	const char *own_id = manifest_text(m, id), *own_type = manifest_text(m, type);
	if (!ended || !own_id || !own_type)
		return NULL;
	struct manifest_op *op = ADD(m, m->op, m->n_ops);
	if (op)
		*op = (struct manifest_op){.id = own_id, .type = own_type, .ended = ended,
					   .parallelism = parallelism};
	return op;
}

struct manifest_keyed *manifest_add_keyed(struct manifest *m, struct manifest_op *op)
{
	struct manifest_keyed *k = ADD(m, op->keyed, op->n_keyed);
	if (k)
		k->name = "";
	return k;
}

struct manifest_run *manifest_add_run(struct manifest *m, struct manifest_keyed *k)
{
	return ADD(m, k->run, k->n_runs);
}

struct manifest_section *manifest_add_section(struct manifest *m, struct manifest_op *op)
{
	struct manifest_section *s = ADD(m, op->section, op->n_sections);
	if (s)
		s->name = "";
	return s;
}

struct manifest_intent *manifest_add_intent(struct manifest *m)
{
	return ADD(m, m->intent, m->n_intents);
}

struct manifest_sum *manifest_add_sum(struct manifest *m, struct manifest_op *op)
{
	return ADD(m, op->sum, op->n_sums);
}

struct manifest_edge *manifest_add_edge(struct manifest *m)
{
	return ADD(m, m->edge, m->n_edges);
}

struct manifest_check *manifest_add_check(struct manifest *m)
{
	return ADD(m, m->check, m->n_checks);
}

struct manifest_move *manifest_add_move(struct manifest *m)
{
	return ADD(m, m->todo.move, m->todo.n);
}

uint32_t manifest_file(struct manifest *m, const struct part_file *f)
{
	for (uint32_t i = 0; i < m->n_files; i++)
		if (!strcmp(m->file[i].name, f->name))
			return i;
	struct part_file *own = manifest_add_file(m);
	if (!own)
		return UINT32_MAX;
	*own = *f;
	return m->n_files - 1;
}

enum rc manifest_carry_run(struct manifest *m, struct manifest_keyed *k,
			   const struct manifest *from, const struct manifest_run *run,
			   struct err *e)
{
	struct manifest_run copy = *run;
	if (run->ref.file == SECTION_INLINE) {
		copy.data = manifest_copy(m, run->data, run->ref.bytes);
		if (!copy.data)
			return ERR(e, E_NO_MEMORY, "no memory for a manifest");
	} else {
		CHECK(run->ref.file < from->n_files);
		copy.ref.file = manifest_file(m, &from->file[run->ref.file]);
		if (copy.ref.file == UINT32_MAX)
			return ERR(e, E_NO_MEMORY, "no memory for a manifest");
	}
	struct manifest_run *own = manifest_add_run(m, k);
	if (!own)
		return ERR(e, E_NO_MEMORY, "no memory for a manifest");
	*own = copy;
	return OK;
}

/* Calls visit for the reference of each run and section. */
static void each_ref(struct manifest *m,
		     void (*visit)(struct manifest *, struct section_ref *, void *), void *arg)
{
	for (uint32_t o = 0; o < m->n_ops; o++) {
		struct manifest_op *op = &m->op[o];
		for (uint32_t k = 0; k < op->n_keyed; k++)
			for (uint32_t i = 0; i < op->keyed[k].n_runs; i++)
				visit(m, &op->keyed[k].run[i].ref, arg);
		for (uint32_t i = 0; i < op->n_sections; i++)
			visit(m, &op->section[i].ref, arg);
	}
}

/* arg: for each file, whether something names it; later, its new number. */
static void mark_file(struct manifest *m, struct section_ref *ref, void *arg)
{
	if (ref->file != SECTION_INLINE) {
		CHECK(ref->file < m->n_files);
		((uint64_t *)arg)[ref->file] = 1;
	}
}

static void renumber_file(struct manifest *m, struct section_ref *ref, void *arg)
{
	(void)m;
	if (ref->file != SECTION_INLINE)
		ref->file = (uint32_t)((uint64_t *)arg)[ref->file];
}

void manifest_prune_files(struct manifest *m)
{
	uint64_t *to = manifest_alloc(m, m->n_files * sizeof *to);
	if (!to)
		return; /* a name too many is harmless: it only lives longer */
	each_ref(m, mark_file, to);
	uint32_t n = 0;
	for (uint32_t i = 0; i < m->n_files; i++) {
		if (!to[i])
			continue;
		m->file[n] = m->file[i];
		to[i] = n++;
	}
	m->n_files = n;
	each_ref(m, renumber_file, to);
}

const struct manifest_op *manifest_find_op(const struct manifest *m, const char *id)
{
	for (uint32_t i = 0; i < m->n_ops; i++)
		if (!strcmp(m->op[i].id, id))
			return &m->op[i];
	return NULL;
}

const struct manifest_edge *manifest_find_edge(const struct manifest *m, const char *from,
					       const char *to, uint32_t input)
{
	for (uint32_t i = 0; i < m->n_edges; i++)
		if (m->edge[i].input == input && !strcmp(m->edge[i].from, from) &&
		    !strcmp(m->edge[i].to, to))
			return &m->edge[i];
	return NULL;
}

bool manifest_accepts(const struct manifest *m, uint32_t lineage)
{
	bool is = lineage == m->lineage;
	for (uint32_t i = 0; i < m->n_accepts && !is; i++)
		is = m->accepts[i] == lineage;
	return is;
}

uint64_t manifest_features(const struct manifest *m)
{
	uint64_t counts = m->n_edges || m->ledger.file ? FEATURE_COUNTS : 0;
	for (uint32_t i = 0; i < m->n_ops && !counts; i++)
		counts = m->op[i].counted ? FEATURE_COUNTS : 0;
	uint64_t tails = 0;
	for (uint32_t i = 0; i < m->todo.n && !tails; i++)
		tails = m->todo.move[i].how != MOVE_NAME ? FEATURE_TAILS : 0;
	return counts | tails | (m->origin.id || m->n_accepts ? FEATURE_ORIGIN : 0) |
	       (m->todo.kind != TODO_NONE ? FEATURE_PROMISE : 0) | (m->n_checks ? FEATURE_CHECKS : 0) |
	       (m->stretches ? FEATURE_STRETCHES : 0);
}

static void add_inline(struct manifest *m, struct section_ref *ref, void *arg)
{
	(void)m;
	if (ref->file == SECTION_INLINE)
		*(uint64_t *)arg += ref->bytes;
}

uint64_t manifest_inline_bytes(const struct manifest *m)
{
	uint64_t bytes = 0;
	each_ref((struct manifest *)m, add_inline, &bytes); /* add_inline changes nothing in it */
	return bytes;
}
