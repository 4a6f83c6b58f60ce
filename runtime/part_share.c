/* part_share.c - see part_share.h. */
#include "runtime/part_share.h"

#include "base/check.h"

struct part_share {
	struct mem *mem;
	struct part_writer *writer;
	_Atomic uint32_t refs;
	uint64_t asked_bytes;  /* bytes lane: written when the last sync was asked for */
	bool sealed;           /* durability lane */
	enum rc rc;            /* durability lane: of the first sync that failed */
	struct err error;
};

struct part_sync {
	struct io_job job;
	struct part_share *share;
	struct object object;  /* read on the bytes lane, where it is made */
};

RC part_share_open(struct part_share **out, struct mem *mem, const struct part_writer_options *o,
		   struct err *e)
{
	struct part_share *s = *out = mem_get(mem, sizeof *s);
	if (!s)
		return ERR(e, E_NO_MEMORY, "no memory for a part file");
	s->mem = mem;
	atomic_init(&s->refs, 1);
	if (part_writer_open(&s->writer, mem, o, e) == OK)
		return OK;
	mem_put(mem, s);
	*out = NULL;
	return e->code;
}

void part_share_drop(struct part_share *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	part_writer_close(s->writer);
	mem_put(s->mem, s);
}

struct part_writer *part_share_writer(struct part_share *s)
{
	return s->writer;
}

static bool part_sync_step(struct io_job *job, struct fs *fs)
{
	struct part_sync *y = CONTAINER_OF(job, struct part_sync, job);
	struct part_share *s = y->share;
	(void)fs; /* the object knows where it is */
	/* Sealed meanwhile: publishing goes before this in the lane, and synced all of it. */
	if (!s->sealed && s->rc == OK)
		s->rc = object_sync(&y->object, &s->error);
	return true;
}

static void part_sync_finished(struct io_job *job)
{
	struct part_sync *y = CONTAINER_OF(job, struct part_sync, job);
	struct part_share *s = y->share;
	struct mem *mem = s->mem;
	mem_put(mem, y);
	part_share_drop(s);
}

void part_share_grew(struct part_share *s, struct ioqueue *io)
{
	uint64_t written = part_written_bytes(s->writer);
	if (written - s->asked_bytes < PART_SYNC_EVERY)
		return;
	struct part_sync *y = mem_get(s->mem, sizeof *y);
	if (!y)
		return; /* the seal syncs all of it */
	s->asked_bytes = written;
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	*y = (struct part_sync){.share = s, .object = part_object(s->writer)};
	y->job.class = IO_SYNC;
	y->job.step = part_sync_step;
	y->job.finished = part_sync_finished;
	ioqueue_submit(io, &y->job);
}

RC part_share_seal(struct part_share *s, struct err *e)
{
	if (s->rc != OK) {
		*e = s->error;
		return s->rc;
	}
	s->sealed = true;
	return part_seal(s->writer, e);
}
