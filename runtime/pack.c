/* pack.c - see pack.h. */
#include "runtime/pack_in.h"

#include "base/check.h"

/* One run being written: a stream of ordered chunks, or one list of saved ones. */
struct run_build {
	struct run_writer *writer;
	uint32_t section;
	bool open;                 /* the section has blocks that want a record */
};

struct pack_job;

struct pack {
	struct packing *packing;
	struct snap *snap;
	struct keyed_shape shape;
	struct run_build ordered, saved;
	struct pack_done *done;
	struct pack_job *end;      /* made at the beginning, so that ending cannot fail */
	struct mailbox *reply;
	struct waker *waker;       /* the task's: there is room for chunks again */
};

/* One chunk or list; with no chunk: the end. */
struct pack_job {
	struct io_job job;
	struct pack *pack;
	struct chunk *list, *unsorted; /* unsorted: the next of the list to be sorted */
	bool fed;
};

RC packing_open(struct packing **p, const struct packing_options *o, struct err *e)
{
	*p = mem_get(o->mem, sizeof **p);
	if (!*p)
		return ERR(e, E_NO_MEMORY, "no memory for the packer");
	(*p)->o = *o;
	return OK;
}

void packing_close(struct packing *p)
{
	if (!p)
		return;
	for (struct part_build *b = p->builds, *next; b; b = next) {
		next = b->next;
		part_build_close(p, b);
	}
	run_scratch_close(&p->scratch);
	mem_put(p->o.mem, p);
}

/* ---- fresh pages ---- */

struct pack_warm {
	struct io_job job;
	struct mem *mem;
	struct chunk *next;
	struct waker *waker; /* a snapshot may wait for what is being warmed */
};

static bool pack_warm_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct pack_warm *w = CONTAINER_OF(job, struct pack_warm, job);
	struct chunk *c = w->next;
	if (!c)
		return true;
	w->next = c->next;
	memset(c->data, 0, c->size_bytes);
	chunk_put(c);
	if (w->waker)
		waker_wake(w->waker);
	return !w->next;
}

static void pack_warm_finished(struct io_job *job)
{
	struct pack_warm *w = CONTAINER_OF(job, struct pack_warm, job);
	chunk_put_list(w->next); /* a halted lane warmed none of them */
	if (w->next && w->waker)
		waker_wake(w->waker);
	mem_put(w->mem, w);
}

void pack_warm(struct packing *p, struct chunk_pool *pool, uint32_t n, struct waker *waker)
{
	struct pack_warm *w = mem_get(p->o.mem, sizeof *w);
	if (!w)
		return;
	w->mem = p->o.mem;
	w->waker = waker;
	w->job.class = IO_PACK;
	w->job.step = pack_warm_step;
	w->job.finished = pack_warm_finished;
	for (struct chunk *c; n && (c = chunk_get(pool)); n--) {
		c->next = w->next;
		w->next = c;
	}
	ioqueue_submit(p->o.io, &w->job);
}

/* ---- one subtask's runs ---- */

static void pack_close(struct pack *k)
{
	struct mem *mem = k->packing->o.mem;
	run_writer_close(k->ordered.writer);
	run_writer_close(k->saved.writer);
	mem_put(mem, k);
}

static RC add_run(struct pack *k, const struct section_ref *ref, struct err *e)
{
	struct snap *s = k->snap;
	struct snap_run *run = mem_resize(s->mem, s->run, (s->n_runs + 1) * sizeof *run);
	if (!run)
		return ERR(e, E_NO_MEMORY, "no memory for a run");
	run[s->n_runs++] = (struct snap_run){.ref = *ref, .delta = !s->full};
	s->run = run;
	return OK;
}

/* Closes the section of r: what follows is another run. */
static RC run_build_end(struct pack *k, struct part_build *b, struct run_build *r, struct err *e)
{
	if (!r->open)
		return OK;
	r->open = false;
	struct section_ref ref;
	if (part_end_section(part_share_writer(b->part), r->section, &k->snap->head, &ref, e) != OK)
		return e->code;
	return add_run(k, &ref, e);
}

static RC run_build_block(struct pack *k, struct part_build *b, struct run_build *r,
			  const struct run_out *out, struct err *e)
{
	if (!out->rows)
		return OK;
	if (!r->open) {
		r->section = b->sections++;
		r->open = true;
	}
	if (part_append(part_share_writer(b->part), r->section, out->bytes, out->len, out->rows,
			out->first_hash, out->last_hash, e) != OK)
		return e->code;
	part_share_grew(b->part, k->packing->o.io);
	return OK;
}

/* At most one block's work; *did says whether what was fed is consumed. */
static RC run_build_step(struct pack *k, struct part_build *b, struct run_build *r, bool *consumed,
			 struct err *e)
{
	struct run_out out;
	switch (run_step(r->writer, &out)) {
	case RUN_NEED:
		*consumed = true;
		return OK;
	case RUN_BLOCK:
		return run_build_block(k, b, r, &out, e);
	case RUN_BREAK:
		if (run_build_block(k, b, r, &out, e) != OK)
			return e->code;
		return run_build_end(k, b, r, e);
	}
	return OK;
}

static RC run_build_finish(struct pack *k, struct part_build *b, struct run_build *r, struct err *e)
{
	struct run_out out;
	if (r->writer && run_finish(r->writer, &out) == RUN_BLOCK &&
	    run_build_block(k, b, r, &out, e) != OK)
		return e->code;
	return run_build_end(k, b, r, e);
}

static RC pack_ready(struct pack *k, struct run_build *r, struct err *e)
{
	struct mem *mem = k->packing->o.mem;
	struct run_scratch *scratch = &k->packing->scratch;
	if (!scratch->mem && run_scratch_open(scratch, &k->shape, mem, e) != OK)
		return e->code;
	scratch->shape = k->shape;
	return r->writer ? OK : run_writer_open(&r->writer, &k->shape, mem, e);
}

/* One step of one chunk or list: sort a chunk, or write a block. *consumed when it is through. */
static RC pack_chunk_step(struct pack_job *j, bool *consumed, struct err *e)
{
	struct pack *k = j->pack;
	bool saved = j->list->stream == CHUNK_SAVED;
	struct run_build *r = saved ? &k->saved : &k->ordered;
	if (pack_ready(k, r, e) != OK)
		return e->code;
	if (j->unsorted) {
		/* The scratch is this job's until it is finished: the lane has one for this class. */
		if (j->list->next)
			run_sort(&k->packing->scratch, j->unsorted);
		else
			run_order(&k->packing->scratch, j->list);
		j->unsorted = j->unsorted->next;
		return OK;
	}
	struct part_build *b;
	if (part_build_find(k->packing, k->snap->barrier.id, &b, e) != OK)
		return e->code;
	if (!j->fed) {
		run_feed(r->writer, j->list);
		j->fed = true;
	}
	if (run_build_step(k, b, r, consumed, e) != OK || !*consumed)
		return e->code;
	return saved ? run_build_finish(k, b, r, e) : OK;
}

static RC pack_end_step(struct pack *k, struct err *e)
{
	if (!k->ordered.writer)
		return OK;
	struct part_build *b;
	if (part_build_find(k->packing, k->snap->barrier.id, &b, e) != OK)
		return e->code;
	return run_build_finish(k, b, &k->ordered, e);
}

static bool pack_job_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct pack_job *j = CONTAINER_OF(job, struct pack_job, job);
	struct pack *k = j->pack;
	struct snap *s = k->snap;
	bool consumed = false;
	/* The first fault stands for the whole pack: what follows is only given back. */
	if (s->rc == OK && !pack_is_over(k->packing, s->barrier.id)) {
		s->rc = j->list ? pack_chunk_step(j, &consumed, &s->error)
				: pack_end_step(k, &s->error);
		if (j->list && s->rc == OK && !consumed)
			return false;
	}
	return true;
}

/* The lane's last touch of a chunk's job. */
static void pack_chunk_finished(struct io_job *job)
{
	struct pack_job *j = CONTAINER_OF(job, struct pack_job, job);
	struct mem *mem = j->pack->packing->o.mem;
	struct waker *waker = j->pack->waker;
	chunk_put_list(j->list);
	mem_put(mem, j);
	if (waker)
		waker_wake(waker);
}

/* Of the end's: the pack is closed, and the task gets its letter. */
static void pack_end_finished(struct io_job *job)
{
	struct pack_job *j = CONTAINER_OF(job, struct pack_job, job);
	struct pack *k = j->pack;
	struct pack_done *d = k->done;
	struct mailbox *reply = k->reply;
	struct mem *mem = k->packing->o.mem;
	pack_close(k);
	mem_put(mem, j);
	mailbox_put(reply, &d->mail);
}

static struct pack_job *pack_job_new(struct pack *k, struct chunk *list)
{
	struct pack_job *j = mem_get(k->packing->o.mem, sizeof *j);
	if (!j)
		return NULL;
	j->pack = k;
	j->list = j->unsorted = list;
	j->job.class = IO_PACK;
	j->job.step = pack_job_step;
	j->job.finished = list ? pack_chunk_finished : pack_end_finished;
	return j;
}

struct pack *pack_begin(struct packing *p, struct snap *s, const struct keyed_shape *shape,
			struct waker *waker)
{
	struct pack *k = mem_get(p->o.mem, sizeof *k);
	if (!k)
		return NULL;
	k->packing = p;
	k->snap = s;
	k->shape = *shape;
	k->waker = waker;
	k->done = mem_get(s->mem, sizeof *k->done);
	k->end = pack_job_new(k, NULL);
	if (!k->done || !k->end) {
		mem_put(s->mem, k->done);
		mem_put(p->o.mem, k->end);
		mem_put(p->o.mem, k);
		return NULL;
	}
	k->done->snap = s;
	return k;
}

RC pack_submit(struct pack *k, struct chunk *c, struct err *e)
{
	struct pack_job *j = pack_job_new(k, c);
	if (!j)
		return ERR(e, E_NO_MEMORY, "no memory to pack a snapshot");
	ioqueue_submit(k->packing->o.io, &j->job);
	return OK;
}

void pack_end(struct pack *k, struct mailbox *reply, int kind)
{
	k->done->mail.kind = kind;
	k->reply = reply;
	ioqueue_submit(k->packing->o.io, &k->end->job);
}

void pack_done_close(struct pack_done *d)
{
	mem_put(d->snap->mem, d);
}
