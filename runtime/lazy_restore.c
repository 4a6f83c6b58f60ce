/* lazy_restore.c - see lazy_restore.h.
 *
 * A load is a job of the bytes lane and the letter that brings its rows. What the two sides know of
 * each other:
 *   lane: fetched, a bit a stretch whose rows demand brings: the background leaves them out;
 *         reached, how far the background's rows have gone out: what lies below, or has begun,
 *         demand does not fetch (its answer says so)
 *   task: wanted, the same bits from asking to the answer: the background's letter does not
 *         make these ready; passed, the stretches that it has made ready
 * Letters come in the order of the lane's steps, so what a letter says of all before it holds. */
#include "runtime/lazy_restore.h"

#include "base/check.h"
#include "runtime/lazy_stream.h"

#define LOADS 4u /* the first is demand's; of the others one is read, one filled in */
#define DEMAND 0u
#define TEXT_BYTES (256u << 10) /* of keys in one letter, about */
#define DEMAND_EVERY 4u         /* letters of the background to one of demand, by feel */

struct load {
	struct io_job job;
	struct lazy *l;
	struct run_block block; /* the rows */
	struct bytes text;
	bool begun;
	bool fetched;           /* demand: false: the background has these rows, or will */
	bool last;              /* all of the stretch, or of everything, has come */
	uint32_t stretch;       /* demand */
	uint32_t from, to;      /* background: complete now, but for what demand brings */
};

struct lazy {
	struct lazy_options o;
	struct key_stretches st;
	struct load load[LOADS];
	_Atomic bool dropped;
	/* the lane's */
	struct lazy_runs runs;
	struct lazy_stream all, some; /* background, demand */
	uint64_t *fetched;
	uint32_t reached, told;       /* told: up to where letters made stretches complete */
	bool broken;                  /* a step failed: its letter tells, nothing more is read */
	/* the task's */
	uint64_t *wanted;
	uint32_t passed, flying, credit;
	bool demanding, read, over;   /* read: the background has come to the end */
	struct restored out;
};

static bool bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> (i % 64) & 1;
}

static void set_bit(uint64_t *bits, uint32_t i, bool on)
{
	uint64_t b = 1ull << (i % 64);
	bits[i / 64] = on ? bits[i / 64] | b : bits[i / 64] & ~b;
}

/* ---- the lane ---- */

static void copy_rows(struct load *d, const struct run_block *b, uint32_t from, uint32_t to)
{
	struct run_block *x = &d->block;
	uint32_t n = to - from, at = x->rows;
	const size_t value = x->shape.value_bytes;
	memcpy(x->hash + at, b->hash + from, n * sizeof *x->hash);
	memcpy(x->op + at, b->op + from, n);
	memcpy(x->value + at * value, b->value + from * value, n * value);
	if (x->shape.form == KEY_FIX8) {
		memcpy(x->fix8 + at, b->fix8 + from, n * sizeof *x->fix8);
	} else {
		uint32_t first = b->key_at[from], base = (uint32_t)d->text.len;
		for (uint32_t i = 0; i <= n; i++)
			x->key_at[at + i] = base + (b->key_at[from + i] - first);
		if (!bytes_reserve(&d->text, b->key_at[to] - first + 1)) /* also of one empty key */
			return;
		bytes_put(&d->text, b->text + first, b->key_at[to] - first);
		x->text = d->text.data;
	}
	x->rows += n;
}

static bool is_full(const struct load *d)
{
	return d->block.rows == RUN_BLOCK_ROWS || d->text.len >= TEXT_BYTES;
}

/* How many rows of the span, from its first one, belong to one stretch, and to which. */
static uint32_t rows_of_stretch(const struct lazy *l, const struct merge_span *span,
				uint32_t *which)
{
	uint64_t lo, hi;
	uint32_t to = span->from;
	*which = key_stretch(&l->st, span->block->hash[to]);
	key_stretch_hashes(&l->st, *which, &lo, &hi);
	while (to < span->to && span->block->hash[to] <= hi)
		to++;
	return to - span->from;
}

/* As many of the span's rows as there is room for; the background leaves out what demand
 * brings. */
static void take_rows(struct lazy *l, struct load *d, struct merge_span *span, bool background)
{
	while (span->from < span->to && !is_full(d)) {
		uint32_t stretch = d->stretch, n = span->to - span->from;
		uint32_t room = RUN_BLOCK_ROWS - d->block.rows;
		if (background) {
			n = rows_of_stretch(l, span, &stretch);
			l->reached = stretch + 1;
		}
		bool leave = background && bit(l->fetched, stretch);
		if (!leave && n > room)
			n = room;
		if (!leave)
			copy_rows(d, span->block, span->from, span->from + n);
		span->from += n;
	}
}

static RC no_memory_for_keys(struct err *e)
{
	return ERR(e, E_NO_MEMORY, "no memory for keys on their way into a table");
}

/* Whether the load is finished: it is full, or there is no more. */
static bool read_on(struct lazy *l, struct load *d, struct lazy_stream *st, bool background)
{
	struct io_job *job = &d->job;
	enum lazy_did did = LAZY_ROWS;
	while (did == LAZY_ROWS) {
		take_rows(l, d, &st->span, background);
		if (!bytes_ok(&d->text))
			job->rc = no_memory_for_keys(&job->error);
		if (is_full(d) || job->rc != OK)
			return true;
		job->rc = lazy_stream_step(st, &did, &job->error);
		if (job->rc != OK)
			return true;
	}
	d->last = did == LAZY_END;
	return d->last;
}

static bool fetch_step(struct lazy *l, struct load *d)
{
	uint64_t lo, hi;
	if (!d->begun) {
		d->begun = true;
		d->fetched = d->stretch >= l->reached;
		if (!d->fetched)
			return true;
		set_bit(l->fetched, d->stretch, true);
		key_stretch_hashes(&l->st, d->stretch, &lo, &hi);
		lazy_stream_seek(&l->some, lo, hi);
	}
	return read_on(l, d, &l->some, false);
}

/* Rows of the last stretch may still follow, so it is not complete, unless nothing follows. */
static bool background_step(struct lazy *l, struct load *d)
{
	if (!read_on(l, d, &l->all, true))
		return false;
	if (d->job.rc != OK)
		return true;
	if (d->last)
		l->reached = l->st.n;
	d->from = l->told;
	d->to = d->last ? l->st.n : l->reached ? l->reached - 1 : 0;
	l->told = d->to;
	return true;
}

static bool load_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct load *d = CONTAINER_OF(job, struct load, job);
	struct lazy *l = d->l;
	if (l->broken || atomic_load_explicit(&l->dropped, memory_order_relaxed)) {
		job->rc = ERR(&job->error, E_STOPPED, "the attempt ends");
		return true;
	}
	bool done = d == &l->load[DEMAND] ? fetch_step(l, d) : background_step(l, d);
	l->broken = job->rc != OK;
	return done;
}

static void close_files(struct lazy *l)
{
	lazy_stream_close(&l->all);
	lazy_stream_close(&l->some);
	lazy_runs_close(&l->runs);
}

static bool close_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	close_files(CONTAINER_OF(job, struct load, job)->l);
	return true;
}

/* ---- the task ---- */

static void submit(struct lazy *l, struct load *d)
{
	d->block.rows = 0;
	d->last = false;
	bytes_clear(&d->text);
	d->job.mail.kind = l->o.kind;
	l->flying++;
	ioqueue_submit(l->o.io, &d->job);
}

static uint32_t stretches_for(uint64_t keys)
{
	uint32_t n = 1;
	while (n < LAZY_STRETCHES_MAX && keys / n > RUN_BLOCK_ROWS)
		n *= 2;
	return n;
}

static RC open_loads(struct lazy *l, struct err *e)
{
	for (uint32_t i = 0; i < LOADS; i++) {
		struct load *d = &l->load[i];
		d->l = l;
		d->job.class = i == DEMAND ? IO_READ : IO_RESTORE;
		d->job.step = load_step;
		d->job.reply = l->o.reply;
		bytes_init(&d->text, l->o.mem);
		if (run_block_open(&d->block, &l->o.shape, l->o.mem, e) != OK)
			return e->code;
	}
	return OK;
}

RC lazy_open(struct lazy **out, const struct lazy_options *o, struct err *e)
{
	struct lazy *l = *out = mem_get(o->mem, sizeof *l);
	if (!l)
		return ERR(e, E_NO_MEMORY, "no memory to restore");
	l->o = *o;
	if (keyed_lazy_begin(o->k, o->expected, o->m->id, stretches_for(o->expected), e) != OK)
		goto fail;
	l->st = keyed_stretches(o->k);
	size_t words = l->st.n / 64 + 1;
	l->fetched = mem_get(o->mem, words * sizeof *l->fetched);
	l->wanted = mem_get(o->mem, words * sizeof *l->wanted);
	if (!l->fetched || !l->wanted) {
		ERR(e, E_NO_MEMORY, "no memory to restore");
		goto fail;
	}
	if (lazy_runs_open(&l->runs, o->fs, o->mem, o->parts_dir, o->m, o->s, o->hash_first,
			   o->hash_last, e) != OK ||
	    lazy_stream_open(&l->all, &l->runs, o->s, &l->o.shape, e) != OK ||
	    lazy_stream_open(&l->some, &l->runs, o->s, &l->o.shape, e) != OK ||
	    open_loads(l, e) != OK)
		goto fail;
	lazy_stream_seek(&l->all, o->hash_first, o->hash_last);
	for (uint32_t i = 0; i < o->s->n_runs; i++)
		if (o->s->run[i].hash_first <= o->hash_last && o->s->run[i].hash_last >= o->hash_first)
			o->s->run[i].delta ? l->out.delta_runs++ : l->out.full_runs++;
	l->credit = DEMAND_EVERY;
	return OK;
fail:
	lazy_close(l);
	*out = NULL;
	return e->code;
}

void lazy_begin(struct lazy *l)
{
	for (uint32_t i = DEMAND + 1; i < LOADS; i++)
		submit(l, &l->load[i]);
}

bool lazy_want(struct lazy *l, uint32_t stretch)
{
	struct load *d = &l->load[DEMAND];
	if (l->demanding || l->read || l->credit < DEMAND_EVERY || atomic_load(&l->dropped))
		return false;
	l->demanding = true;
	l->credit = 0;
	d->begun = false;
	d->stretch = stretch;
	set_bit(l->wanted, stretch, true);
	submit(l, d);
	return true;
}

/* What a load brought makes these stretches ready. */
static void take_demand(struct lazy *l, struct load *d)
{
	if (d->fetched && !d->last) {
		submit(l, d);
		return;
	}
	l->demanding = false;
	set_bit(l->wanted, d->stretch, false);
	if (d->fetched || d->stretch < l->passed)
		keyed_loaded(l->o.k, d->stretch);
}

static void take_background(struct lazy *l, struct load *d)
{
	for (uint32_t i = d->from; i < d->to; i++)
		if (!bit(l->wanted, i))
			keyed_loaded(l->o.k, i);
	l->passed = d->to;
	l->credit++;
	if (d->last)
		l->read = true;
	if (!l->read)
		submit(l, d);
}

RC lazy_take(struct lazy *l, struct mail *m, struct err *e)
{
	struct load *d = CONTAINER_OF(CONTAINER_OF(m, struct io_job, mail), struct load, job);
	CHECK(d->l == l && l->flying);
	l->flying--;
	if (d->job.step == close_step) {
		l->over = true;
		return OK;
	}
	if (atomic_load(&l->dropped))
		return OK;
	if (d->job.rc != OK)
		*e = d->job.error;
	if (d->job.rc != OK || keyed_load_rows(l->o.k, &d->block, 0, d->block.rows, e) != OK) {
		lazy_drop(l);
		return e->code;
	}
	l->out.keys += d->block.rows;
	if (d == &l->load[DEMAND])
		take_demand(l, d);
	else
		take_background(l, d);
	if (!l->read || l->flying)
		return OK;
	CHECK(keyed_is_whole(l->o.k));
	l->out.rows_read = l->all.rows_read;
	l->out.bytes_read = l->all.bytes_read;
	d->job.step = close_step;
	d->job.class = IO_RESTORE;
	submit(l, d);
	return OK;
}

bool lazy_is_over(const struct lazy *l)
{
	return l->over;
}

bool lazy_is_flying(const struct lazy *l)
{
	return l->flying != 0;
}

void lazy_drop(struct lazy *l)
{
	atomic_store_explicit(&l->dropped, true, memory_order_relaxed);
}

const struct restored *lazy_restored(const struct lazy *l)
{
	return &l->out;
}

void lazy_close(struct lazy *l)
{
	if (!l)
		return;
	CHECK(!l->flying);
	close_files(l);
	for (uint32_t i = 0; i < LOADS; i++) {
		run_block_close(&l->load[i].block);
		bytes_close(&l->load[i].text);
	}
	mem_put(l->o.mem, l->fetched);
	mem_put(l->o.mem, l->wanted);
	mem_put(l->o.mem, l);
}
