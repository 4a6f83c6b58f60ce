/* export.c - see export.h. */
#include "jobs/export.h"

#include "base/check.h"
#include "checkpoint/slots.h"
#include "runtime/bundle.h"

#include <stdio.h>
#include <string.h>

bool savepoint_path(char to[LAYOUT_PATH_MAX], const char *dir, const char *name)
{
	return layout_path(to, dir, SAVEPOINTS, name);
}

RC savepoint_slot(struct fs *fs, struct mem *mem, const char *dir, const char *name, uint64_t *slot,
		  struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	struct slot_list l;
	*slot = SLOT_NONE;
	if (!savepoint_path(path, dir, name))
		return ERR(e, E_INVALID, "the path of '%s' is too long", dir);
	enum rc rc = slots_list(slots_in(fs, path), mem, &l, e);
	if (rc == OK && l.n)
		*slot = l.slot[l.n - 1];
	slot_list_close(&l);
	return rc;
}

RC savepoint_is_there(struct fs *fs, struct mem *mem, const char *dir, const char *name,
		      bool *there, struct err *e)
{
	uint64_t slot;
	enum rc rc = savepoint_slot(fs, mem, dir, name, &slot, e);
	*there = slot != SLOT_NONE;
	return rc;
}

RC savepoints_count(struct fs *fs, struct mem *mem, const char *dir, uint32_t *n,
		    char some[SAVEPOINT_TEXT], struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	struct fs_names l;
	struct err why = {0};
	size_t at = 0;
	*n = 0;
	some[0] = '\0';
	if (!layout_path(path, dir, NULL, SAVEPOINTS))
		return ERR(e, E_INVALID, "the path of '%s' is too long", dir);
	enum rc rc = fs_list(fs, path, &l, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	for (size_t i = 0; i < l.n && rc == OK; i++) {
		bool there = false;
		rc = savepoint_is_there(fs, mem, dir, l.name[i], &there, e);
		if (rc != OK || !there)
			continue;
		if (*n < 3 && at < SAVEPOINT_TEXT)
			at += (size_t)snprintf(some + at, SAVEPOINT_TEXT - at, "%s%s", *n ? ", " : "",
					       l.name[i]);
		if ((*n)++ == 3 && at < SAVEPOINT_TEXT)
			snprintf(some + at, SAVEPOINT_TEXT - at, ", ...");
	}
	fs_names_close(&l);
	return rc;
}

/* Another checkpoint's by this name was made first: it stays. */
static RC look_before(struct export_job *x, struct fs *fs, struct err *e)
{
	uint64_t slot;
	if (savepoint_slot(fs, x->mem, x->o.dir, x->from.name, &slot, e) != OK)
		return e->code;
	x->done_before = slot == x->from.slot;
	if (slot == SLOT_NONE || x->done_before)
		return OK;
	return ERR(e, E_EXISTS, "there is a savepoint '%s' of another checkpoint", x->from.name);
}

/* ---- the number in its part's name ---- */

/* Above all numbers of merges, and by epoch of who exports: no name is used twice (inv 11), and a
 * later owner knows what an earlier one left. */
#define EXPORTS      0x80000000u
#define EXPORTS_EACH 64u /* of one process, in turn */

static uint32_t part_number(uint64_t epoch, uint32_t number)
{
	return EXPORTS | (uint32_t)((epoch * EXPORTS_EACH + number % EXPORTS_EACH) & ~EXPORTS);
}

static bool is_left_part(const struct export_job *x, const char *name)
{
	struct part_name is;
	uint32_t mine = part_number(x->o.epoch, EXPORTS_EACH - 1);
	return layout_part_parse(name, &is) && is.merge >= EXPORTS && is.merge <= mine;
}

/* Whoever still had it on its way into the slot fails there, and tries again. */
static bool is_left_temporary(const char *name)
{
	uint64_t epoch, seq;
	return layout_temporary_parse(name, &epoch, &seq);
}

/* ---- folders, and what an earlier try left ---- */

static RC make_folders(struct export_job *x, struct fs *fs, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	if (!layout_path(path, x->dir, NULL, LAYOUT_MANIFEST))
		return ERR(e, E_INVALID, "the path of '%s' is too long", x->dir);
	if (fs_mkdir_all(fs, path, e) != OK || fs_mkdir_all(fs, x->parts, e) != OK)
		return e->code;
	if (fs_list(fs, path, &x->temporaries, e) != OK)
		return e->code;
	return fs_list(fs, x->parts, &x->old, e);
}

static void clear(const char *path, struct fs *fs, struct err *e)
{
	if (fs_unlink(fs, path, e) == E_NOT_FOUND)
		err_clear(e);
}

/* False: there are no more. */
static bool clear_one(struct export_job *x, struct fs *fs, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	size_t parts = x->old.n;
	while (x->at < parts + x->temporaries.n) {
		size_t i = x->at++;
		const char *name = i < parts ? x->old.name[i] : x->temporaries.name[i - parts];
		bool is_left = i < parts ? is_left_part(x, name) : is_left_temporary(name);
		if (!is_left || !layout_path(path, x->dir, i < parts ? LAYOUT_PARTS : LAYOUT_MANIFEST,
					     name))
			continue;
		clear(path, fs, e);
		return true;
	}
	return false;
}

/* For who reads it; a restore does not need it. */
static RC write_job(struct export_job *x, struct fs *fs, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	if (!x->job_text || !layout_path(path, x->dir, NULL, "job.json"))
		return OK;
	clear(path, fs, e);
	return e->code == OK ? fs_write_new(fs, path, x->job_text, strlen(x->job_text), e) : e->code;
}

static bool prepare_step(struct io_job *job, struct fs *fs)
{
	struct export_job *x = CONTAINER_OF(job, struct export_job, prepare);
	struct err *e = &job->error;
	switch (x->stage) {
	case 0:
		job->rc = look_before(x, fs, e);
		break;
	case 1:
		job->rc = x->done_before ? OK : make_folders(x, fs, e);
		break;
	case 2:
		if (!x->done_before && clear_one(x, fs, e)) {
			job->rc = e->code;
			return job->rc != OK; /* once more */
		}
		break;
	default:
		job->rc = x->done_before ? OK : write_job(x, fs, e);
	}
	return job->rc != OK || x->stage++ == 3;
}

/* ---- the part ---- */

static bool write_step(struct io_job *job, struct fs *fs)
{
	struct export_job *x = CONTAINER_OF(job, struct export_job, write);
	bool done = false;
	(void)fs;
	if (x->done_before)
		return true;
	if (atomic_load_explicit(&x->dropped, memory_order_relaxed))
		job->rc = ERR(&job->error, E_STOPPED, "the attempt ends");
	else
		job->rc = bundle_step(x->bundle, x->o.io, &done, &job->error);
	return done || job->rc != OK;
}

/* ---- the link ---- */

/* The slot is this savepoint's and nobody else's: who finds it taken finds his own work done. That,
 * and an outcome that is not known, says nothing of the job's directory, and must not end it. */
static RC link_slot(struct export_job *x, struct fs *fs, struct err *e)
{
	struct manifest *m = bundle_manifest(x->bundle);
	struct bytes text;
	struct err why = {0};
	uint64_t seq = (uint64_t)x->o.number << 32;
	bool there = false;
	bytes_init(&text, x->mem);
	enum rc rc = manifest_encode(m, &text, &why);
	if (rc == OK)
		rc = slots_publish(slots_in(fs, x->dir), m->slot, m->epoch, text.data, text.len,
				   &seq, &why);
	bytes_close(&text);
	if (rc == E_FENCED) {
		rc = savepoint_is_there(fs, x->mem, x->o.dir, x->from.name, &there, e);
		return rc != OK || there ? rc : ERR(e, E_IO, "%s", why.text);
	}
	return rc == OK ? OK : ERR(e, rc == E_UNKNOWN_OUTCOME ? E_IO : rc, "%s", why.text);
}

/* The next manifest need not list its checkpoint any more; one that does all the same does no
 * harm. */
static void end_pin(struct export_job *x, struct err *ignored)
{
	if (x->o.store && store_exporting(x->o.store, x->from.slot, false, ignored) != OK)
		err_clear(ignored);
}

static bool publish_step(struct io_job *job, struct fs *fs)
{
	struct export_job *x = CONTAINER_OF(job, struct export_job, publish);
	struct err *e = &job->error, ignored = {0};
	if (x->done_before) {
		end_pin(x, &ignored);
		return true;
	}
	switch (x->stage++) {
	case 4:
		job->rc = bundle_seal(x->bundle, e);
		break;
	case 5:
		job->rc = fs_sync_dir(fs, x->parts, e);
		break;
	case 6:
		job->rc = fs_sync_dir(fs, x->dir, e);
		break;
	default:
		job->rc = link_slot(x, fs, e);
		if (job->rc == OK && bundle_manifest(x->bundle)->n_files)
			x->bytes = bundle_manifest(x->bundle)->file[0].length;
		if (job->rc == OK)
			end_pin(x, &ignored);
		return true;
	}
	return job->rc != OK;
}

/* ---- its life ---- */

static void set_jobs(struct export_job *x)
{
	x->prepare.class = IO_SYNC;
	x->prepare.step = prepare_step;
	x->prepare.then = &x->write;
	x->write.class = IO_MERGE;
	x->write.step = write_step;
	x->write.then = &x->publish;
	x->publish.class = IO_SYNC;
	x->publish.step = publish_step;
	x->publish.reply = x->o.reply;
	x->publish.mail.kind = x->o.kind;
}

RC export_open(struct export_job **out, const struct export_options *o, const struct manifest *m,
	       struct err *e)
{
	CHECK(m->name && m->slot_kind == SLOT_CHECKPOINT);
	struct export_job *x = *out = mem_get(o->env->mem, sizeof *x);
	if (!x)
		return ERR(e, E_NO_MEMORY, "no memory for savepoint '%s'", m->name);
	x->o = *o;
	x->mem = o->env->mem;
	if (!savepoint_path(x->dir, o->dir, m->name) ||
	    !layout_path(x->parts, x->dir, NULL, LAYOUT_PARTS) ||
	    !layout_path(x->from_parts, o->dir, NULL, LAYOUT_PARTS)) {
		ERR(e, E_INVALID, "the path of savepoint '%s' in '%s' is too long", m->name, o->dir);
		goto fail;
	}
	if (o->job_text && !(x->job_text = mem_string(x->mem, o->job_text))) {
		ERR(e, E_NO_MEMORY, "no memory for savepoint '%s'", m->name);
		goto fail;
	}
	struct bundle_options b = {.fs = o->env->fs, .mem = x->mem, .from_dir = x->from_parts,
				   .to_dir = x->parts, .merge = part_number(o->epoch, o->number)};
	if (manifest_clone(&x->from, m, x->mem, e) != OK || bundle_open(&x->bundle, &b, m, e) != OK)
		goto fail;
	set_jobs(x);
	return OK;
fail:
	export_close(x);
	*out = NULL;
	return e->code;
}

void export_submit(struct export_job *x)
{
	ioqueue_submit(x->o.io, &x->prepare);
}

void export_drop(struct export_job *x)
{
	atomic_store_explicit(&x->dropped, true, memory_order_relaxed);
}

void export_close(struct export_job *x)
{
	if (!x)
		return;
	bundle_close(x->bundle);
	fs_names_close(&x->old);
	fs_names_close(&x->temporaries);
	manifest_close(&x->from);
	mem_put(x->mem, x->job_text);
	mem_put(x->mem, x);
}
