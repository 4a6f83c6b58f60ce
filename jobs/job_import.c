/* job_import.c - a start from a checkpoint of another directory (COORDINATOR 16): looked at,
 * promised in our fence, brought in, and published as the first checkpoint of a line that begins
 * here, before any task exists. From then on it is an ordinary base.
 *
 *   look there ─> look here ─> checks ─> fence ─> (claim: a fence there) ─> files ─> publish
 *                                          └ a crash until there: the next start does it again ┘
 *
 * What the source's sinks had prepared for it comes along where it lies in our sinks' folders, and
 * is settled as ever; elsewhere it is the source's own, and must be committed already. */
#include "jobs/job_in.h"

#include "checkpoint/import.h"
#include "checkpoint/slots.h"

#include <inttypes.h>
#include <stdio.h>

struct job_import {
	struct import_source from;
	struct manifest m;      /* from's, as it is published here; its id is still the source's */
	bool claim;
	bool named;             /* by id or name; else the newest of the moment it was looked at */
	struct store *claimed;  /* the source's log, owned by us */
	struct store_start there;
	struct import_tally tally;
};

const struct manifest *job_import_manifest(const struct job *j)
{
	return &j->import->m;
}

const char *job_import_parts(const struct job *j)
{
	return j->import->from.parts_dir;
}

void job_import_close(struct job *j)
{
	struct job_import *im = j->import;
	if (!im)
		return;
	store_close(im->claimed);
	manifest_close(&im->m);
	import_close(&im->from);
	mem_put(j->mem, im);
	j->import = NULL;
}

/* ---- the look ---- */

static RC look_there(struct job *j, const char *path, const struct store_want *want, uint64_t slot,
		     bool claim, struct err *e)
{
	struct job_import *im = j->import = mem_get(j->mem, sizeof *im);
	struct fs_stat here, there;
	struct fs *fs = j->o.env->fs;
	if (!im)
		return ERR(e, E_NO_MEMORY, "no memory for an import");
	manifest_init(&im->m, j->mem);
	im->claim = claim;
	im->named = want->by != WANT_NEWEST;
	if (import_look(&im->from, fs, j->mem, path, want, slot, e) != OK)
		return e->code;
	if (fs_stat(fs, path, &there, e) != OK)
		return e->code;
	struct err ignored = {0}; /* not there yet: another one */
	if (fs_stat(fs, j->o.dir, &here, &ignored) == OK && here.inode == there.inode &&
	    here.device == there.device)
		return ERR(e, E_REFUSED, "'%s' is the job's own directory: --restore ID or NAME says which "
			   "of its checkpoints to start from", path);
	return OK;
}

static bool is_taken(const struct job_import *im, uint32_t lineage)
{
	return im->from.m.lineage == lineage || manifest_accepts(&im->from.m, lineage);
}

/* What was moved aside for an import is brought back, before anything else is decided. */
static RC bring_back(struct job *j, struct err *e)
{
	uint32_t moved = 0;
	bool done = false;
	enum rc rc = store_own(j->store, &j->start, e);
	while (rc == OK && !done) {
		rc = store_todo_step(j->store, &done, e);
		moved += rc == OK && !done;
	}
	if (rc == OK && j->o.log)
		log_line(j->o.log, LOG_WARN, "an import that was begun here is given up: the %" PRIu32
			 " file%s moved aside for it %s back", moved, moved == 1 ? "" : "s",
			 moved == 1 ? "is" : "are");
	return rc;
}

/* The look, until nothing is to be undone first. */
static RC look_here(struct job *j, struct store_options *so, struct err *e)
{
	for (;;) {
		enum rc rc = store_open(&j->store, j->o.env->fs, j->mem, so, &j->start, e);
		if (rc != OK)
			return rc;
		while (rc == OK && j->start.undoes) {
			rc = bring_back(j, e);
			if (rc == OK)
				break;
			if (rc == E_EXISTS && !j->start.epoch) { /* the log has moved: *start is new */
				err_clear(e);
				rc = OK;
			}
		}
		if (rc != OK || !j->start.undoes)
			return rc;
		store_close(j->store);
		j->store = NULL;
	}
}

/* As an import, whose line has a lineage of its own. */
static RC open_for_import(struct job *j, struct store_options *so, struct err *e)
{
	struct job_import *im = j->import;
	j->origin = im->from.origin; /* a look after a lost race may come when im is done with */
	so->want = (struct store_want){.by = WANT_IMPORT, .origin = &j->origin};
	while (is_taken(im, so->new_lineage))
		so->new_lineage++;
	return look_here(j, so, e);
}

/* By a name that is not kept here: perhaps there is a savepoint's directory. */
static RC open_by_name(struct job *j, struct store_options *so, struct err *e)
{
	const struct job_import_want *w = &j->o.import;
	struct err why = {0};
	enum rc rc = look_here(j, so, &why);
	if (rc == OK)
		return OK;
	if (rc == E_NOT_FOUND && look_there(j, w->path, &w->want, SLOT_NONE, w->claim, e) == OK)
		return open_for_import(j, so, e);
	if (rc != E_NOT_FOUND || e->code != E_NOT_FOUND)
		return e->code != OK ? e->code : ERR(e, rc, "%s", why.text);
	err_clear(e);
	return ERR(e, rc, "%s; nor is there a savepoint '%s'", why.text, w->path);
}

/* What an owner before us promised and did not finish. */
static RC look_again(struct job *j, struct err *e)
{
	const struct manifest_todo *t = j->start.todo;
	struct store_want newest = {.by = WANT_NEWEST};
	const char *source = t->source ? t->source : "?";
	if (look_there(j, source, &newest, t->slot, t->claim, e) == OK &&
	    memcmp(j->import->from.origin.uuid, t->uuid, UUID_TEXT))
		ERR(e, E_NOT_FOUND, "'%s' is another job's now", source);
	if (e->code == OK || (e->code != E_NOT_FOUND && e->code != E_CORRUPT))
		return e->code;
	struct err why = *e;
	err_clear(e);
	char cure[160];
	if (j->start.below_id)
		snprintf(cure, sizeof cure, "go on from its own with --restore %" PRIu64 "%s",
			 j->start.below_id, t->n ? ", and what was moved aside comes back" : "");
	else
		snprintf(cure, sizeof cure, "%s with --fresh", t->n ? "begin anew" : "restore another one, "
			 "or begin anew");
	return ERR(e, why.code, "taking over the state in '%s' was begun in '%s' and cannot be "
		   "finished: %.400s. Put it back; or %s", source, j->o.dir, why.text, cure);
}

enum rc job_look(struct job *j, struct store_options *so, struct err *e)
{
	const struct job_import_want *w = &j->o.import;
	enum rc rc;
	if (w->path && so->want.by == WANT_NAME) {
		rc = open_by_name(j, so, e);
	} else if (w->path) {
		rc = look_there(j, w->path, &w->want, SLOT_NONE, w->claim, e);
		rc = rc == OK ? open_for_import(j, so, e) : rc;
	} else {
		rc = look_here(j, so, e);
		if (rc == OK && j->start.imports)
			rc = look_again(j, e);
	}
	const struct manifest_todo *left = rc == OK ? j->start.left : NULL;
	if (left && j->o.log)
		log_line(j->o.log, LOG_WARN, "%" PRIu32 " file%s moved aside for the state in '%s' stay%s "
			 "there: '%s', ...", left->n, left->n == 1 ? "" : "s",
			 left->source ? left->source : "?", left->n == 1 ? "s" : "", left->move[0].to);
	return rc;
}

/* ---- before the fence ---- */

/* Whose files are ours: after each look, for what it says is borrowed for a moment only. */
static RC keep_accepts(struct job *j, struct err *e)
{
	const struct manifest *from = j->import ? &j->import->from.m : NULL;
	uint32_t n = 0, most = j->start.n_accepts + (from ? from->n_accepts + 1 : 0);
	uint32_t *own = mem_get(j->mem, (most + 1) * sizeof *own);
	if (!own)
		return ERR(e, E_NO_MEMORY, "no memory for a list of lineages");
	for (uint32_t i = 0; i < j->start.n_accepts; i++)
		own[n++] = j->start.accepts[i];
	for (uint32_t i = 0; from && i < from->n_accepts; i++)
		own[n++] = from->accepts[i];
	if (from)
		own[n++] = from->lineage;
	mem_put(j->mem, j->accepts);
	j->accepts = own;
	j->n_accepts = n;
	return OK;
}

/* Whether the piece lies in the folder of the sink that listed it, as our plan has it, and is to
 * become a file of it. */
static bool is_in_our_folder(const struct job *j, const struct intent *in)
{
	const struct plan_stage *st = plan_find(j->o.plan, in->sink);
	char folder[INTENT_PATH_MAX], to[INTENT_PATH_MAX];
	if (!st || !st->p.commits || !st->p.path)
		return false;
	snprintf(folder, sizeof folder, "%s", st->p.path);
	if (in->kind == INTENT_APPEND)
		fs_dirname(st->p.path, folder, sizeof folder);
	fs_dirname(in->to, to, sizeof to);
	size_t n = strlen(folder);
	bool to_fits = in->kind == INTENT_APPEND ? !strcmp(in->to, st->p.path) : !strcmp(to, folder);
	return to_fits && !strncmp(in->from, folder, n) && in->from[n] == '/' &&
	       !strstr(in->from + n, "/../");
}

/* A foreign manifest moves no file outside the folders our job writes to (inv 36). */
static RC take_intent(struct job *j, const struct manifest *from, uint32_t i, struct manifest *m,
		      struct err *e)
{
	struct intent in = intent_of(from, i);
	struct intent_place here;
	bool there = false;
	if (job_intent_find(j, &in, &here, e) != OK)
		return e->code;
	if (!is_in_our_folder(j, &in)) {
		if (job_sees(j, in.from, &there, e) != OK)
			return e->code;
		/* Committed, then; unless its whole folder is out of sight (inv 15, 19). */
		return there ? ERR(e, E_REFUSED, "checkpoint %" PRIu64 " of '%s' has prepared output "
				   "that is not committed yet ('%s'): start its job there once more, or "
				   "restore a savepoint", from->id, j->import->from.dir, in.from)
			     : intent_folder_is_there(j->o.env->fs, &in, e);
	}
	struct manifest_intent *own = &m->intent[m->n_intents++];
	own->from = manifest_text(m, in.from);
	own->to = manifest_text(m, in.to);
	return own->from && own->to ? OK : ERR(e, E_NO_MEMORY, "no memory for an import");
}

static RC make_manifest(struct job *j, struct err *e)
{
	struct job_import *im = j->import;
	const struct manifest *from = &im->from.m;
	struct manifest *m = &im->m;
	manifest_close(m);
	if (manifest_clone(m, from, j->mem, e) != OK)
		return e->code;
	m->kind = CHECKPOINT_INITIAL;
	m->name = NULL;
	m->figures.trigger = "import";
	m->ledger = (struct manifest_ledger){0}; /* its audit stays there; ours begins */
	m->origin = im->from.origin;
	m->origin.claimed = im->claim;
	m->n_intents = 0;
	for (uint32_t i = 0; i < from->n_intents; i++) {
		m->intent[m->n_intents] = m->intent[i];
		if (take_intent(j, from, i, m, e) != OK)
			return e->code;
	}
	return OK;
}

/* Holds the source's lock from here on: its job must not run. */
static RC open_claimed(struct job *j, struct err *e)
{
	struct job_import *im = j->import;
	struct store_options so = {
		.dir = im->from.dir, .commits = true, .retain = 1, .new_uuid = j->start.uuid,
		.want = {.by = WANT_ID, .id = im->from.m.id}, .claims_as = j->start.uuid,
		.pid = j->o.pid, .verify = VERIFY_LENGTHS};
	enum rc rc = store_open(&im->claimed, j->o.env->fs, j->mem, &so, &im->there, e);
	if (rc != OK && (rc != E_NOT_FOUND || im->named))
		return err_in(e, "taking over");
	/* Nobody asked to leave behind what came after the look: its output would come twice, and its
	 * checkpoints would be removed. */
	if (rc != OK || (im->there.rewinds && !im->named)) {
		err_clear(e);
		return ERR(e, E_REFUSED, "'%s' has gone on since its checkpoint %" PRIu64 " was looked at: "
			   "give --restore and --claim again to take over the newest, or say which: "
			   "--restore %s@ID", im->from.dir, im->from.m.id, im->from.dir);
	}
	if (im->there.chosen->slot != im->from.m.slot)
		return ERR(e, E_REFUSED, "'%s' has changed while it was looked at: start again",
			   im->from.dir);
	return OK;
}

enum rc job_import_check(struct job *j, struct err *e)
{
	struct job_import *im = j->import;
	if (im && j->start.imported) {
		if (j->o.log)
			log_line(j->o.log, LOG_INFO, "'%s' was restored here before: going on from there "
				 "(again from it: --fresh)", im->from.dir);
		job_import_close(j);
		im = NULL;
	}
	/* somebody else has taken our directory since */
	if ((im && !j->start.imports) || j->start.undoes)
		return ERR(e, E_REFUSED, "'%s' has changed while it was looked at: start again", j->o.dir);
	if (keep_accepts(j, e) != OK || !im)
		return e->code;
	if (import_may_take(&im->from, j->o.env->fs, j->mem, j->start.uuid, e) != OK ||
	    make_manifest(j, e) != OK)
		return e->code;
	return im->claim && !im->claimed ? open_claimed(j, e) : OK;
}

enum rc job_import_plan(struct job *j, const struct manifest_todo *moves, struct err *e)
{
	const struct import_source *x = &j->import->from;
	struct manifest_todo t = {.kind = TODO_IMPORT, .claim = j->import->claim, .source = x->dir,
				  .slot = x->m.slot, .lineage = x->m.lineage, .move = moves->move,
				  .n = moves->n};
	memcpy(t.uuid, x->m.uuid, UUID_TEXT);
	return store_plan_import(j->store, &t, j->accepts, j->n_accepts, e);
}

/* ---- after it ---- */

static RC claim(struct job *j, struct err *e)
{
	struct job_import *im = j->import;
	struct manifest_todo t = {.kind = TODO_CLAIMED, .slot = im->from.m.slot,
				  .source = j->o.import.here ? j->o.import.here : j->o.dir,
				  .lineage = j->start.lineage};
	memcpy(t.uuid, j->start.uuid, UUID_TEXT);
	if (store_plan_import(im->claimed, &t, NULL, 0, e) != OK)
		return e->code;
	enum rc rc = store_own(im->claimed, &im->there, e);
	if (rc != E_EXISTS)
		return rc == OK ? OK : err_in(e, "taking over '%s'", im->from.dir);
	err_clear(e);
	return ERR(e, E_REFUSED, "'%s' was started while it was taken over: stop it there, and start "
		   "again", im->from.dir);
}

/* A slot goes, durably, before its files do: while it stands nothing of them was cut short, and
 * whoever cuts them later finds a second name and leaves the bytes alone. */
static RC still_stands(struct job *j, struct err *e)
{
	const struct import_source *x = &j->import->from;
	struct slot_list l;
	bool there = false;
	enum rc rc = slots_list(slots_in(j->o.env->fs, x->dir), j->mem, &l, e);
	for (size_t i = 0; rc == OK && i < l.n && !there; i++)
		there = l.slot[i] == x->m.slot;
	slot_list_close(&l);
	if (rc == OK && !there)
		return ERR(e, E_NOT_FOUND, "checkpoint %" PRIu64 " of '%s' was retired while it was "
			   "brought here: `weir pin` it there first, or restore a savepoint", x->m.id,
			   x->dir);
	return rc;
}

static RC bring_files(struct job *j, struct err *e)
{
	struct job_import *im = j->import;
	struct verify_result r;
	for (uint32_t i = 0; i < im->m.n_files; i++) {
		struct err why = {0};
		enum rc rc = store_import_file(j->store, im->from.parts_dir, &im->m, i, &im->tally, &why);
		if (rc != OK)
			return ERR(e, rc, "restoring from '%s': %.600s%s", im->from.dir, why.text,
				   rc == E_NOT_FOUND ? " (it was removed while it was read)" : "");
	}
	if (still_stands(j, e) != OK)
		return e->code;
	if (!im->tally.copied && !im->tally.there)
		return OK; /* the very files that were verified */
	if (verify_manifest(parts_in(j->o.env->fs, j->o.dir), j->mem, &im->m, VERIFY_HASHES, &r,
			    e) != OK)
		return e->code;
	return r.verdict == VERIFY_INTACT
		       ? OK
		       : ERR(e, E_CORRUPT, "'%s/%s' is not what '%s' holds under that name: move it away "
			     "and start again", j->parts_dir, r.file, im->from.parts_dir);
}

/* Above every id there and here (inv 10). */
static uint64_t first_id(const struct job *j)
{
	const struct manifest *m = &j->import->from.m;
	uint64_t id = j->start.next_id;
	id = m->top_id >= id ? m->top_id + 1 : id;
	for (uint32_t i = 0; i < m->n_files; i++) {
		struct part_name is;
		if (layout_part_parse(m->file[i].name, &is) && is.checkpoint_id >= id)
			id = is.checkpoint_id + 1;
	}
	return id;
}

/* Best effort: what is left there is in nobody's way. */
static void retire(struct job *j, const char *dir)
{
	struct err why = {0};
	if (import_retire(j->o.env->fs, j->mem, dir, j->start.uuid, &why) != OK && j->o.log)
		log_line(j->o.log, LOG_WARN, "not all files of '%s', which was taken over, could be "
			 "removed; remove it by hand: %s", dir, why.text);
}

/* Its owner was killed between its first checkpoint and the end of that: the claim stands in the
 * fence which that checkpoint, the newest, was published under. */
void job_retire_left(struct job *j)
{
	const struct manifest *m = j->start.chosen;
	struct manifest fence;
	struct err ignored = {0};
	if (!m || !m->origin.claimed || j->recovery.imported ||
	    slots_read(slots_in(j->o.env->fs, j->o.dir), j->mem, m->epoch, &fence, &ignored) != OK)
		return;
	if (fence.todo.kind == TODO_IMPORT && fence.todo.claim && fence.todo.source)
		retire(j, fence.todo.source);
	manifest_close(&fence);
}

enum rc job_import_do(struct job *j, struct err *e)
{
	struct job_import *im = j->import;
	if (!im)
		return OK;
	if ((im->claim && claim(j, e) != OK) || bring_files(j, e) != OK)
		return e->code;
	struct job_recovery *r = &j->recovery;
	r->imported = im->m.id;
	snprintf(r->imported_from, sizeof r->imported_from, "%s", im->from.dir);
	r->linked = im->tally.linked + im->tally.there;
	r->copied = im->tally.copied;
	im->m.id = first_id(j);
	if (store_publish(j->store, &im->m, e) != OK)
		return e->code;
	store_close(im->claimed); /* and lets go of its lock */
	im->claimed = NULL;
	if (im->claim)
		retire(j, im->from.dir);
	j->start.next_id = im->m.id + 1;
	j->start.chosen = store_top(j->store);
	j->start.verified = im->from.verified;
	if (j->o.log)
		log_line(j->o.log, LOG_INFO, "the state of checkpoint %" PRIu64 " of '%s' is checkpoint "
			 "%" PRIu64 " here%s; %u file%s linked, %u copied", r->imported, im->from.dir,
			 j->start.chosen->id, im->claim ? ", and that directory is taken over" : "",
			 r->linked, r->linked == 1 ? "" : "s", r->copied);
	job_import_close(j);
	const struct manifest *m = j->start.chosen;
	return job_keep(j, &m, e); /* what is dropped by name, of the one published here */
}
