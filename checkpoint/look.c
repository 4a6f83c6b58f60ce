/* look.c - the first half of taking a job's directory: the look, which changes nothing.
 * Happy path: lock, list, read the top and what it lists, verify the chosen checkpoint; the caller
 * checks everything that can refuse; then fence.c. The lock is a convenience on one host; the fence
 * decides. See store.h. */
#include "base/check.h"
#include "base/planted.h"
#include "checkpoint/store_parts.h"

#include <stdio.h>

enum { LOOK_TRIES = 8, JOB_MAX = 16 << 20 };

/* --- the look --- */
enum rc store_read_slot(struct store *s, struct known *k, struct err *e)
{
	if (k->m)
		return OK;
	struct manifest *m = mem_get(s->mem, sizeof *m);
	if (!m)
		return ERR(e, E_NO_MEMORY, "no memory for a manifest");
	enum rc rc = slots_read(s->slots, s->mem, k->slot, m, e);
	if (rc != OK) {
		if (rc == E_CORRUPT || rc == E_REFUSED) {
			k->is = SLOT_UNREADABLE;
			k->unreadable = rc;
		}
		mem_put(s->mem, m);
		return rc;
	}
	k->m = m;
	k->is = m->slot_kind == SLOT_FENCE ? SLOT_IS_FENCE : SLOT_IS_CHECKPOINT;
	if (m->top_id > s->top_id)
		s->top_id = m->top_id;
	return OK;
}

static bool may_pass_unread(const struct store *s)
{
	return s->o.fresh || (s->o.falls_back && (!s->o.commits || s->o.want.by != WANT_NEWEST));
}

/* Finds the newest manifest. One that is there and cannot be read is an error for a job with a
 * committing sink: what it prepared is not known, and may have been committed (inv 16). Without
 * such a sink the newest readable one stands in for it; so it does with fresh, where the line ends
 * here and it serves for the job's identity only. */
static enum rc read_top(struct store *s, struct err *e)
{
	struct err first = {OK};
	for (size_t i = s->n_known; i-- > 0;) {
		struct err why = {OK};
		enum rc rc = store_read_slot(s, &s->known[i], &why);
		if (rc == OK) {
			s->top = s->known[i].m;
			return OK;
		}
		if (rc == E_CORRUPT && !may_pass_unread(s)) {
			ERR(e, rc, "%s. What it prepared may be committed, so weir does not go back by "
			    "itself: 'weir fsck --repair %s' does", why.text, s->dir);
			return err_in(e, "the newest checkpoint cannot be read");
		}
		if (rc != E_CORRUPT && !(rc == E_IO && PLANTED(read_error_is_passed_over)))
			return ERR(e, rc, "%s", why.text);
		ERR(&first, rc, "%s", why.text);
		rc = store_bad(s, &s->known[i], &why, e);
		if (rc != OK)
			return rc;
	}
	if (s->n_known)
		return ERR(e, E_CORRUPT, "no manifest can be read, so whose state this is is unknown: "
			   "%s; move '%s' away to begin anew", first.text, s->dir);
	return OK;
}

/* Reads a slot that top counts on. Absent or unreadable: noted, for nothing near it is deleted. */
static enum rc read_listed(struct store *s, uint64_t slot, struct err *e)
{
	struct known *k = store_find(s, slot);
	struct err why = {OK};
	enum rc rc = k ? store_read_slot(s, k, &why) : E_NOT_FOUND;
	s->missing |= rc == E_NOT_FOUND;
	if (rc == E_CORRUPT || rc == E_REFUSED || rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (memcmp(k->m->uuid, s->top->uuid, UUID_TEXT))
		return ERR(e, E_CORRUPT, "'%s': slots %llu and %llu are of different jobs", s->dir,
			   (unsigned long long)slot, (unsigned long long)s->top->slot);
	return OK;
}

static enum rc read_line(struct store *s, struct err *e)
{
	const struct manifest *t = s->top;
	enum rc rc = t && t->parent && t->slot_kind == SLOT_FENCE ? read_listed(s, t->parent, e) : OK;
	for (uint32_t i = 0; t && rc == OK && i < t->n_retained; i++)
		rc = read_listed(s, t->retained[i], e);
	for (uint32_t i = 0; t && rc == OK && i < t->n_pinned; i++)
		rc = read_listed(s, t->pinned[i], e);
	return rc;
}

/* Ids in names count, published or not (inv 10); names without any manifest are nobody's state. */
static enum rc read_part_names(struct store *s, struct err *e)
{
	struct fs_names names;
	struct err why = {OK};
	size_t parts = 0;
	enum rc rc = storage_list(s->parts, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	for (size_t i = 0; i < names.n; i++) {
		struct part_name is;
		if (!layout_part_parse(names.name[i], &is))
			continue;
		parts++;
		if (is.checkpoint_id > s->top_id && !PLANTED(ids_in_names_do_not_count))
			s->top_id = is.checkpoint_id;
	}
	fs_names_close(&names);
	if (parts && !s->n_known)
		return ERR(e, E_CORRUPT, "'%s' holds %zu files, but '%s' holds no manifest: whose state "
			   "this is is unknown; move '%s' away to begin anew", s->parts_dir, parts,
			   s->manifest_dir, s->dir);
	return OK;
}

static enum rc read_job(struct store *s, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	struct err why = {OK};
	if (!layout_path(path, s->dir, NULL, "job.json"))
		return ERR(e, E_INVALID, "the path of '%s' is too long", s->dir);
	enum rc rc = fs_read_all(s->fs, path, JOB_MAX, &s->job_before, &s->job_before_len, &why);
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

static bool top_moved(struct store *s)
{
	struct slot_list l;
	bool moved = slots_list(s->slots, s->mem, &l, NULL) == OK &&
		     (l.n ? l.slot[l.n - 1] : SLOT_NONE) != s->top_slot;
	slot_list_close(&l);
	return moved;
}

static void tell(struct store *s, struct store_start *out)
{
	const struct manifest *chosen = out->chosen;
	const struct manifest *t = s->top;
	bool goes_on = t && (out->undoes || (!s->o.fresh && (!out->imports || out->todo)));
	out->final = chosen && chosen->final && s->promise == TODO_NONE;
	out->existed = s->n_known > 0;
	out->next_id = s->top_id + 1;
	/* A line that began above chosen, and has no checkpoint, is given up for chosen's own. */
	const struct manifest *line = chosen && chosen->lineage != t->lineage ? chosen : t;
	out->lineage = goes_on ? line->lineage : s->o.new_lineage;
	memcpy(out->uuid, t ? t->uuid : s->new_uuid, UUID_TEXT);
	if (goes_on) {
		out->accepts = line->accepts;
		out->n_accepts = line->n_accepts;
	}
	for (size_t i = s->n_known; !chosen && i-- > 0 && !out->below_slot;)
		if (s->known[i].is == SLOT_IS_CHECKPOINT) {
			out->below_slot = s->known[i].slot;
			out->below_id = s->known[i].m->id;
		}
	out->job_before = (const char *)s->job_before;
	out->job_before_len = s->job_before_len;
	out->previous_pid = s->previous_pid;
	out->previous_seen_us = s->previous_seen_us;
	s->lineage = out->lineage;
	memcpy(s->uuid, out->uuid, UUID_TEXT);
}

static enum rc look_once(struct store *s, struct store_start *out, struct err *e)
{
	struct slot_list l;
	store_forget_all(s);
	*out = (struct store_start){0};
	enum rc rc = slots_list(s->slots, s->mem, &l, e);
	for (size_t i = 0; rc == OK && i < l.n; i++)
		rc = store_add(s, l.slot[i], NULL, e);
	slot_list_close(&l);
	if (rc == OK)
		rc = read_top(s, e);
	if (rc == OK)
		rc = read_line(s, e);
	if (rc == OK)
		rc = read_part_names(s, e);
	if (rc == OK)
		rc = read_job(s, e);
	if (rc == OK)
		rc = store_choose(s, out, e);
	if (rc == OK)
		tell(s, out);
	return rc;
}

/* Its last sign of life: whatever a running owner touches. */
static void see_previous(struct store *s)
{
	static const char *const touched[] = {LAYOUT_MANIFEST, LAYOUT_PARTS, "history.jsonl"};
	for (size_t i = 0; i < ARRAY_LEN(touched) && s->previous_pid; i++) {
		char path[LAYOUT_PATH_MAX];
		struct fs_stat st;
		if (layout_path(path, s->dir, NULL, touched[i]) &&
		    fs_stat(s->fs, path, &st, NULL) == OK && st.mtime_us > s->previous_seen_us)
			s->previous_seen_us = st.mtime_us;
	}
}

/* A verdict against what is there counts only if the top is still what it was: an owner on another
 * host may have retired what we were reading. */
enum rc store_look(struct store *s, struct store_start *out, struct err *e)
{
	for (int tries = 0;; tries++) {
		struct err why = {OK};
		enum rc rc = look_once(s, out, &why);
		if (rc == OK)
			return OK;
		bool verdict = rc == E_CORRUPT || rc == E_NOT_FOUND;
		if (!verdict || tries == LOOK_TRIES || !top_moved(s)) {
			/* not found, and the log has not moved: a listed slot without a file */
			bool listed = rc == E_NOT_FOUND && !s->not_kept;
			return ERR(e, listed ? E_CORRUPT : rc, "%s", why.text);
		}
	}
}

/* The directory, whose own name is made durable with all else that must be before the fence: as
 * fs_mkdir_all does it, but for the last step. */
static enum rc make_dir(struct store *s, struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	fs_dirname(s->dir, s->parent, sizeof s->parent);
	enum rc rc = fs_stat(s->fs, s->dir, &st, &why);
	if (rc == OK)
		return st.kind == FS_DIR ? OK : ERR(e, E_EXISTS, "'%s' is not a directory", s->dir);
	if (rc != E_NOT_FOUND)
		return ERR(e, rc, "%s", why.text);
	s->made = true;
	rc = strcmp(s->parent, ".") ? fs_mkdir_all(s->fs, s->parent, e) : OK;
	return rc == OK ? fs_mkdir(s->fs, s->dir, NULL, e) : rc;
}

enum rc store_open(struct store **out_s, struct fs *fs, struct mem *mem,
		   const struct store_options *o, struct store_start *out, struct err *e)
{
	*out_s = NULL;
	*out = (struct store_start){0};
	CHECK(o->retain >= 1 && strlen(o->new_uuid) == UUID_TEXT - 1);
	struct store *s = mem_get(mem, sizeof *s);
	if (!s)
		return ERR(e, E_NO_MEMORY, "no memory to open '%s'", o->dir);
	s->fs = fs;
	s->mem = mem;
	s->o = *o;
	s->lock_fd = -1;
	memcpy(s->new_uuid, o->new_uuid, UUID_TEXT);
	manifest_init(&s->plan, mem);
	s->slots = o->slots.ops ? o->slots : slots_in(fs, s->dir);
	s->parts = o->parts.ops ? o->parts : parts_in(fs, s->dir);
	enum rc rc = OK;
	int n = snprintf(s->dir, sizeof s->dir, "%s", o->dir);
	if (n < 0 || n >= LAYOUT_PATH_MAX ||
	    !layout_path(s->manifest_dir, o->dir, NULL, LAYOUT_MANIFEST) ||
	    !layout_path(s->parts_dir, o->dir, NULL, LAYOUT_PARTS))
		rc = ERR(e, E_INVALID, "the path of '%s' is too long", o->dir);
	if (rc == OK && !o->looks && (rc = make_dir(s, e)) != OK)
		err_in(e, "the directory '%s' cannot be used", s->dir);
	if (rc == OK)
		rc = store_take_lock(s, e);
	if (rc == OK) {
		see_previous(s);
		rc = o->repairs ? OK : store_look(s, out, e);
	}
	if (rc != OK)
		goto fail;
	*out_s = s;
	return OK;
fail:
	store_close(s);
	return rc;
}
