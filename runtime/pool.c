/* pool.c - see pool.h. */
#include "runtime/pool.h"

#include "base/check.h"
#include "runtime/batch.h"

/* Views of up to 12 bytes are read 16 at a time, so a text has some readable bytes behind its
 * end. */
#define TEXT_SLACK 64

/* One kind of thing: what the owner holds, and what others gave back. `next` links both. */
struct shelf {
	void *free;                 /* owner's */
	_Alignas(64) _Atomic(void *) returned;
	uint64_t made;              /* owner's; destroyed ones subtracted at close */
	_Atomic uint64_t destroyed; /* large texts are freed by whoever drops them */
};

struct pool {
	struct mem *mem;
	uint32_t rows;
	struct shelf narrow, wide, texts, batches;
};


#define SHELF(type, field)                                                                         \
	static type *field##_take(struct shelf *s)                                                 \
	{                                                                                          \
		if (!s->free)                                                                      \
			s->free = atomic_exchange_explicit(&s->returned, NULL, memory_order_acquire); \
		type *x = s->free;                                                                 \
		if (x)                                                                             \
			s->free = x->next;                                                         \
		return x;                                                                          \
	}                                                                                          \
	static void field##_return(struct shelf *s, type *x)                                       \
	{                                                                                          \
		void *top = atomic_load_explicit(&s->returned, memory_order_relaxed);              \
		do                                                                                 \
			x->next = top;                                                             \
		while (!atomic_compare_exchange_weak_explicit(&s->returned, &top, x,               \
							      memory_order_release,                \
							      memory_order_relaxed));              \
	}                                                                                          \
	static uint64_t field##_at_home(const struct shelf *s)                                     \
	{                                                                                          \
		uint64_t n = 0;                                                                    \
		for (type *x = s->free; x; x = x->next)                                            \
			n++;                                                                       \
		for (type *x = atomic_load(&s->returned); x; x = x->next)                          \
			n++;                                                                       \
		return n;                                                                          \
	}
SHELF(struct column, column)
SHELF(struct text, text)
SHELF(struct batch, batch)

RC pool_open(struct pool **p, struct mem *mem, struct err *e)
{
	*p = mem_get_aligned(mem, 64, sizeof **p);
	if (!*p)
		return ERR(e, E_NO_MEMORY, "no memory for a pool of batches");
	memset(*p, 0, sizeof **p);
	(*p)->mem = mem;
	(*p)->rows = BATCH_ROWS;
	return OK;
}

uint32_t pool_rows(const struct pool *p)
{
	return p->rows;
}

void pool_set_rows(struct pool *p, uint32_t rows)
{
	CHECK(rows > 0 && rows <= BATCH_ROWS);
	p->rows = rows;
}

static uint64_t shelf_alive(const struct shelf *s)
{
	return s->made - atomic_load(&s->destroyed);
}

uint64_t pool_out(const struct pool *p)
{
	return shelf_alive(&p->narrow) + shelf_alive(&p->wide) + shelf_alive(&p->texts) +
	       shelf_alive(&p->batches) - column_at_home(&p->narrow) - column_at_home(&p->wide) -
	       text_at_home(&p->texts) - batch_at_home(&p->batches);
}

void pool_close(struct pool *p)
{
	if (!p)
		return;
	CHECK(pool_out(p) == 0);
	struct column *c;
	while ((c = column_take(&p->narrow)) || (c = column_take(&p->wide)))
		mem_put(p->mem, c);
	struct text *t;
	while ((t = text_take(&p->texts)))
		mem_put(p->mem, t);
	struct batch *b;
	while ((b = batch_take(&p->batches)))
		mem_put(p->mem, b);
	mem_put(p->mem, p);
}

static struct column *column_make(struct pool *p, bool wide)
{
	size_t head = (sizeof(struct column) + 63) / 64 * 64;
	struct column *c = mem_get_aligned(p->mem, 64, head + BATCH_ROWS * (wide ? 16 : 8));
	if (!c)
		return NULL;
	memset(c, 0, head);
	c->home = p;
	c->wide = wide;
	c->data = (char *)c + head;
	return c;
}

struct column *pool_column(struct pool *p, enum type type)
{
	bool wide = type == T_STRING;
	struct shelf *s = wide ? &p->wide : &p->narrow;
	struct column *c = column_take(s);
	if (!c) {
		c = column_make(p, wide);
		if (!c)
			return NULL;
		s->made++;
	}
	atomic_store_explicit(&c->refs, 1, memory_order_relaxed);
	c->type = type;
	c->rows = 0;
	c->n_texts = 0;
	c->has_valid = false;
	return c;
}

void column_drop_last(struct column *c)
{
	for (uint32_t i = 0; i < c->n_texts; i++)
		text_drop(c->text[i]);
	c->n_texts = 0;
	column_return(c->wide ? &c->home->wide : &c->home->narrow, c);
}

int column_text_add(struct column *c, struct text *t)
{
	for (uint32_t i = 0; i < c->n_texts; i++)
		if (c->text[i] == t)
			return (int)i;
	if (c->n_texts == COLUMN_TEXTS_MAX)
		return -1;
	c->text[c->n_texts] = text_share(t);
	return (int)c->n_texts++;
}

static struct text *text_make(struct pool *p, uint32_t cap)
{
	size_t head = (sizeof(struct text) + 63) / 64 * 64;
	struct text *t = mem_get_aligned(p->mem, 64, head + cap + TEXT_SLACK);
	if (!t)
		return NULL;
	memset(t, 0, head);
	t->home = p;
	t->cap = cap;
	t->data = (uint8_t *)t + head;
	memset(t->data + cap, 0, TEXT_SLACK);
	return t;
}

struct text *pool_text(struct pool *p, uint32_t size)
{
	struct text *t = size <= TEXT_BYTES ? text_take(&p->texts) : NULL;
	if (!t) {
		t = text_make(p, size <= TEXT_BYTES ? TEXT_BYTES : size);
		if (!t)
			return NULL;
		p->texts.made++;
	}
	atomic_store_explicit(&t->refs, 1, memory_order_relaxed);
	t->used = 0;
	return t;
}

void text_drop_last(struct text *t)
{
	struct pool *p = t->home;
	if (t->cap <= TEXT_BYTES) {
		text_return(&p->texts, t);
		return;
	}
	mem_put(p->mem, t);
	atomic_fetch_add(&p->texts.destroyed, 1);
}

struct batch *pool_batch(struct pool *p)
{
	struct batch *b = batch_take(&p->batches);
	if (!b) {
		b = mem_get(p->mem, sizeof *b);
		if (!b)
			return NULL;
		b->home = p;
		p->batches.made++;
	}
	b->rows = b->n_cols = b->n_sel = 0;
	b->selected = false;
	b->hash = NULL;
	b->origin = (struct origin){0};
	return b;
}

void batch_drop(struct batch **b)
{
	struct batch *x = *b;
	if (!x)
		return;
	for (uint32_t i = 0; i < x->n_cols; i++)
		column_drop(x->col[i]);
	column_drop(x->hash);
	column_drop(x->origin.at);
	x->n_cols = 0;
	x->hash = x->origin.at = NULL;
	batch_return(&x->home->batches, x);
	*b = NULL;
}
