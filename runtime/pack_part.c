/* pack_part.c - the part of one checkpoint as a whole: begun by whoever packs first, finished or
 * abandoned by the control thread. See pack.h. */
#include "runtime/pack_in.h"

#include "base/check.h"

#include <stdio.h>

void part_build_close(struct packing *p, struct part_build *b)
{
	part_share_drop(b->part);
	mem_put(p->o.mem, b);
}

enum rc part_build_find(struct packing *p, uint64_t id, struct part_build **out, struct err *e)
{
	for (struct part_build *b = p->builds; b; b = b->next)
		if (b->id == id) {
			*out = b;
			return OK;
		}
	struct part_build *b = mem_get(p->o.mem, sizeof *b);
	if (!b)
		return ERR(e, E_NO_MEMORY, "no memory for a part file");
	b->id = id;
	struct part_writer_options o = {
		.parts = storage_dir(p->o.fs, p->o.parts_dir, NULL),
		.name = {.lineage = p->o.lineage, .attempt = p->o.attempt, .epoch = p->o.epoch,
			 .checkpoint_id = id},
		.codec = p->o.codec,
	};
	if (part_share_open(&b->part, p->o.mem, &o, e) != OK) {
		mem_put(p->o.mem, b);
		return e->code;
	}
	b->next = p->builds;
	p->builds = b;
	*out = b;
	return OK;
}

static struct part_build *part_build_take(struct packing *p, uint64_t id)
{
	for (struct part_build **at = &p->builds; *at; at = &(*at)->next)
		if ((*at)->id == id) {
			struct part_build *b = *at;
			*at = b->next;
			return b;
		}
	return NULL;
}

bool pack_is_over(const struct packing *p, uint64_t id)
{
	return id_ranges_have(&p->over, id);
}

#define BLOB_BLOCK (128u << 10)

/* Blocks of one section rise in "hash": a blob's are numbered. */
static RC blob_write(struct part_build *b, struct pack_blob *x, struct err *e)
{
	uint32_t section = b->sections++;
	const uint8_t *data = x->data;
	for (size_t at = 0, n = 0; at < x->len; at += BLOB_BLOCK, n++) {
		size_t len = x->len - at < BLOB_BLOCK ? x->len - at : BLOB_BLOCK;
		if (part_append(part_share_writer(b->part), section, data + at, len, 1, n, n, e) != OK)
			return e->code;
	}
	return part_end_section(part_share_writer(b->part), section, &x->head, &x->ref, e);
}

static RC blobs_write(struct pack_finish *f, struct err *e)
{
	struct part_build *b;
	for (uint32_t i = 0; i < f->n_blobs; i++)
		if (part_build_find(f->packing, f->id, &b, e) != OK || blob_write(b, &f->blob[i], e) != OK)
			return e->code;
	return OK;
}

static bool pack_finish_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct pack_finish *f = CONTAINER_OF(job, struct pack_finish, job);
	job->rc = blobs_write(f, &job->error);
	struct part_build *b = part_build_take(f->packing, f->id);
	id_ranges_add(&f->packing->over, f->id);
	if (!b)
		return true;
	if (job->rc == OK)
		job->rc = part_finish(part_share_writer(b->part), &f->file, &job->error);
	if (job->rc != OK && part_exists(part_share_writer(b->part)))
		snprintf(f->file.name, sizeof f->file.name, "%s",
			 part_writer_name(part_share_writer(b->part)));
	if (job->rc == OK) {
		f->part = b->part;
		b->part = NULL;
	}
	part_build_close(f->packing, b);
	return true;
}

static bool pack_abandon_step(struct io_job *job, struct fs *fs)
{
	(void)fs;
	struct pack_finish *f = CONTAINER_OF(job, struct pack_finish, job);
	struct part_build *b = part_build_take(f->packing, f->id);
	id_ranges_add(&f->packing->over, f->id);
	if (!b)
		return true;
	if (part_exists(part_share_writer(b->part)))
		snprintf(f->file.name, sizeof f->file.name, "%s",
			 part_writer_name(part_share_writer(b->part)));
	part_build_close(f->packing, b);
	return true;
}

static void whole_init(struct pack_finish *f, struct packing *p, uint64_t id, struct mailbox *reply,
		       int kind, bool (*step)(struct io_job *, struct fs *))
{
	*f = (struct pack_finish){.packing = p, .id = id};
	f->job.class = IO_PACK;
	f->job.step = step;
	f->job.reply = reply;
	f->job.mail.kind = kind;
}

void pack_finish_init(struct pack_finish *f, struct packing *p, uint64_t id, struct mailbox *reply,
		      int kind)
{
	whole_init(f, p, id, reply, kind, pack_finish_step);
}

void pack_abandon_init(struct pack_finish *f, struct packing *p, uint64_t id, struct mailbox *reply,
		       int kind)
{
	whole_init(f, p, id, reply, kind, pack_abandon_step);
}
