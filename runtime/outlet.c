/* outlet.c - see outlet.h. */
#include "runtime/outlet.h"

#include "base/check.h"
#include "base/hash.h"
#include "runtime/pool.h"
#include "runtime/record_checksum.h"

struct selection {
	uint32_t n;
	uint16_t row[BATCH_ROWS];
};

const char *edge_kind_name(enum edge_kind k)
{
	static const char *const names[] = {"forward", "hash", "rebalance", "broadcast"};
	return names[k];
}

static bool parts_rows(const struct edge *g)
{
	return g->kind == EDGE_HASH && g->n > 1;
}

static bool owners_fill(struct edge *g, struct mem *mem)
{
	g->owner = mem_get(mem, g->max_parallelism * sizeof *g->owner);
	for (uint32_t i = 0; g->owner && i < g->max_parallelism; i++)
		g->owner[i] = (uint16_t)group_owner(i, g->n, g->max_parallelism);
	return g->owner != NULL;
}

RC outlet_open(struct outlet *o, struct edge *edge, uint32_t n_edges, struct pool *pool,
	       struct mem *mem, struct err *e)
{
	*o = (struct outlet){.edge = edge, .n_edges = n_edges, .pool = pool, .mem = mem};
	keys_init(&o->keys, mem);
	uint32_t most = 0;
	bool enough = true;
	for (uint32_t i = 0; i < n_edges; i++) {
		if (!parts_rows(&edge[i]))
			continue;
		enough = enough && owners_fill(&edge[i], mem);
		if (edge[i].n > most)
			most = edge[i].n;
	}
	if (most)
		o->pick = mem_get(mem, most * sizeof *o->pick);
	if (enough && (o->pick || !most))
		return OK;
	outlet_close(o);
	return ERR(e, E_NO_MEMORY, "no memory for an exchange of %u", most);
}

void outlet_close(struct outlet *o)
{
	if (!o->mem)
		return;
	keys_close(&o->keys);
	for (uint32_t i = 0; i < o->n_edges; i++) {
		mem_put(o->mem, o->edge[i].owner);
		o->edge[i].owner = NULL;
	}
	mem_put(o->mem, o->pick);
	*o = (struct outlet){0};
}

bool outlet_has_room(struct outlet *o)
{
	for (uint32_t i = 0; i < o->n_edges; i++)
		for (uint32_t c = 0; c < o->edge[i].n; c++)
			if (!channel_has_room(o->edge[i].to[c]))
				return false;
	return true;
}

static void channel_send(struct channel *ch, struct batch *b)
{
	struct item it = {.kind = ITEM_BATCH, .batch = b};
	CHECK(channel_try_push(ch, &it));
}

static RC no_memory(struct err *e)
{
	return ERR(e, E_NO_MEMORY, "no memory to send a batch");
}

static void pick_rows(struct edge *g, const struct batch *b, struct selection *pick)
{
	const uint64_t *hash = (const uint64_t *)b->hash->i64;
	for (uint32_t c = 0; c < g->n; c++)
		pick[c].n = 0;
	uint32_t n = batch_count(b);
	for (uint32_t i = 0; i < n; i++) {
		uint16_t row = b->selected ? b->sel[i] : (uint16_t)i;
		struct selection *p = &pick[g->owner[hash_group(hash[row], g->max_parallelism)]];
		p->row[p->n++] = row;
	}
}

static RC send_picked(struct outlet *o, struct edge *g, struct batch *b, struct err *e)
{
	pick_rows(g, b, o->pick);
	uint32_t all = batch_count(b);
	for (uint32_t c = 0; c < g->n; c++) {
		const struct selection *p = &o->pick[c];
		if (!p->n)
			continue;
		struct batch *x = batch_share(o->pool, b);
		if (!x)
			return no_memory(e);
		if (p->n < all) {
			x->selected = true;
			x->n_sel = p->n;
			memcpy(x->sel, p->row, p->n * sizeof *p->row);
		}
		if (x->selected && x->n_sel * 8 < x->rows * 7 && batch_compact(x, o->pool, e) != OK) {
			batch_drop(&x);
			return e->code;
		}
		channel_send(g->to[c], x);
	}
	return OK;
}

static RC send_copy(struct outlet *o, struct channel *ch, const struct batch *b, struct err *e)
{
	struct batch *x = batch_share(o->pool, b);
	if (!x)
		return no_memory(e);
	channel_send(ch, x);
	return OK;
}

/* The last receiver of the last edge gets the batch itself; all others share its columns. */
static RC edge_send(struct outlet *o, struct edge *g, struct batch **b, bool last, struct err *e)
{
	uint32_t c = 0;
	if (parts_rows(g))
		return send_picked(o, g, *b, e);
	if (g->kind == EDGE_REBALANCE)
		c = g->turn++ % g->n;
	if (g->kind == EDGE_BROADCAST)
		for (; c + 1 < g->n; c++)
			if (send_copy(o, g->to[c], *b, e) != OK)
				return e->code;
	if (!last)
		return send_copy(o, g->to[c], *b, e);
	channel_send(g->to[c], *b);
	*b = NULL;
	return OK;
}

/* What goes to every subtask is received by each. */
static void count_sent(struct edge *g, uint32_t records, uint64_t hash)
{
	uint32_t times = g->kind == EDGE_BROADCAST ? g->n : 1;
	g->sent.n += (uint64_t)records * times;
	g->sent.hash += hash * times;
}

RC outlet_send(struct outlet *o, struct batch **b, uint32_t *bad_row, struct err *e)
{
	uint32_t records = batch_count(*b);
	o->records += records;
	if (!records) {
		batch_drop(b);
		return OK;
	}
	/* All edges of a job are audited, or none: one sum is for all. */
	uint64_t hash = o->n_edges && o->edge[0].audit ? record_checksum(*b) : 0;
	for (uint32_t i = 0; i < o->n_edges; i++) {
		struct edge *g = &o->edge[i];
		/* Two edges may be keyed differently: a hash is for one of them. */
		if (g->kind == EDGE_HASH) {
			column_drop((*b)->hash);
			(*b)->hash = NULL;
			o->keys.clips = g->clips;
			o->keys.hash_id = g->hash_id;
			if (keys_hash(&o->keys, g->key, *b, o->pool, bad_row, e) != OK)
				return e->code;
		}
		if (edge_send(o, g, b, i + 1 == o->n_edges, e) != OK)
			return e->code;
		count_sent(g, records, hash);
	}
	batch_drop(b);
	return OK;
}

void outlet_settle(struct outlet *o)
{
	for (uint32_t i = 0; i < o->n_edges; i++)
		for (uint32_t c = 0; c < o->edge[i].n; c++)
			channel_settle(o->edge[i].to[c]);
}

void outlet_mark(struct outlet *o, const struct item *mark)
{
	for (uint32_t i = 0; i < o->n_edges; i++)
		for (uint32_t c = 0; c < o->edge[i].n; c++) {
			struct item it = *mark;
			CHECK(channel_try_push(o->edge[i].to[c], &it));
		}
}
