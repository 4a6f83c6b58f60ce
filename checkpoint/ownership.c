/* ownership.c - taking a job's directory: the look, which changes nothing, and the fence.
 * Happy path: lock, list, read the top and what it lists, verify the chosen checkpoint; the caller
 * checks everything that can refuse; then the top is made durable and the fence linked after it.
 * The lock is a convenience on one host; the fence decides. See store.h. */
#include "base/check.h"
#include "checkpoint/store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LOOK_TRIES = 8, LOCK_TEXT = 21, JOB_MAX = 16 << 20 };

/* --- owner.lock --- */
static uint64_t pid_in(const char *text)
{
	return strtoull(text, NULL, 10);
}

static enum rc refused_by_lock(struct store *s, const char *path, struct err *e)
{
	uint8_t *text = NULL;
	size_t len;
	struct fs_stat st = {0};
	char since[64] = "";
	uint64_t pid = 0;
	if (fs_read_all(s->fs, path, 4096, &text, &len, NULL) == OK)
		pid = pid_in((const char *)text);
	mem_put(s->fs->mem, text);
	if (fs_stat(s->fs, path, &st, NULL) == OK) {
		time_t at = (time_t)(st.mtime_us / 1000000);
		struct tm utc;
		if (gmtime_r(&at, &utc))
			strftime(since, sizeof since, " since %Y-%m-%d %H:%M:%S UTC", &utc);
	}
	return ERR(e, E_REFUSED,
		   "'%s' is in use by process %llu%s: stop it first, or use another --dir",
		   s->dir, (unsigned long long)pid, since);
}

/* Takes the lock, remembers who had it, writes who has it. */
static enum rc take_lock(struct store *s, struct err *e)
{
	char path[LAYOUT_PATH_MAX], text[LOCK_TEXT + 1] = "";
	struct err why = {OK};
	size_t got = 0;
	struct fs_stat st;
	if (!layout_path(path, s->dir, NULL, "owner.lock"))
		return ERR(e, E_INVALID, "the path of '%s' is too long", s->dir);
	enum rc rc = fs_lock(s->fs, path, &s->lock_fd, &why);
	if (rc == E_REFUSED)
		return refused_by_lock(s, path, e);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (fs_pread(s->fs, s->lock_fd, text, LOCK_TEXT, 0, &got, NULL) == OK)
		s->previous_pid = pid_in(text);
	if (got && fs_fstat(s->fs, s->lock_fd, &st, NULL) == OK)
		s->previous_seen_us = st.mtime_us;
	/* A convenience: when it cannot be written, messages lack a number. */
	snprintf(text, sizeof text, "%-20llu\n", (unsigned long long)s->o.pid);
	(void)!fs_pwrite(s->fs, s->lock_fd, text, LOCK_TEXT, 0, NULL);
	return OK;
}

/* --- the look --- */
static enum rc read_slot(struct store *s, struct known *k, struct err *e)
{
	if (k->m)
		return OK;
	struct manifest *m = mem_get(s->mem, sizeof *m);
	if (!m)
		return ERR(e, E_NO_MEMORY, "no memory for a manifest");
	enum rc rc = slots_read(s->fs, s->mem, s->dir, k->slot, m, e);
	if (rc != OK) {
		if (rc == E_CORRUPT || rc == E_REFUSED)
			k->is = SLOT_UNREADABLE;
		mem_put(s->mem, m);
		return rc;
	}
	k->m = m;
	k->is = m->slot_kind == SLOT_FENCE ? SLOT_IS_FENCE : SLOT_IS_CHECKPOINT;
	if (m->top_id > s->top_id)
		s->top_id = m->top_id;
	return OK;
}

/* Finds the newest manifest. One that is there and cannot be read is an error: what it says is not
 * known, and older ones may be long dead. With fresh the line it belongs to ends here, so the
 * newest readable one serves for the job's identity. */
static enum rc read_top(struct store *s, struct err *e)
{
	struct err first = {OK};
	for (size_t i = s->n_known; i-- > 0;) {
		struct err why = {OK};
		enum rc rc = read_slot(s, &s->known[i], &why);
		if (rc == OK) {
			s->top = s->known[i].m;
			return OK;
		}
		if (rc != E_CORRUPT || !s->o.fresh) {
			ERR(e, rc, "%s", why.text);
			return rc == E_CORRUPT ? err_in(e, "the newest checkpoint cannot be read") : rc;
		}
		s->unreadable = true;
		ERR(&first, rc, "%s", why.text);
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
	enum rc rc = k ? read_slot(s, k, &why) : E_NOT_FOUND;
	if (rc == E_CORRUPT || rc == E_REFUSED || rc == E_NOT_FOUND) {
		s->unreadable = true;
		return OK;
	}
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
	enum rc rc = fs_list(s->fs, s->parts_dir, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	for (size_t i = 0; i < names.n; i++) {
		struct part_name is;
		if (!layout_part_parse(names.name[i], &is))
			continue;
		parts++;
		if (is.checkpoint_id > s->top_id)
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

/* The checkpoint a start goes on from, or NULL with OK: from nothing. */
static enum rc choose(struct store *s, const struct manifest **chosen, struct err *e)
{
	const struct manifest *t = s->top;
	*chosen = NULL;
	if (!t || s->o.fresh)
		return OK;
	if (t->slot_kind == SLOT_CHECKPOINT)
		*chosen = t;
	if (t->slot_kind == SLOT_CHECKPOINT || t->parent == SLOT_NONE)
		return OK;
	struct known *k = store_find(s, t->parent);
	if (!k || k->is != SLOT_IS_CHECKPOINT) {
		char name[LAYOUT_NAME_MAX + 1];
		layout_slot(name, t->parent);
		return ERR(e, E_CORRUPT, "the newest checkpoint, '%s/%s', %s", s->manifest_dir, name,
			   k && k->is != SLOT_IS_FENCE ? "cannot be read" : "is missing");
	}
	*chosen = k->m;
	return OK;
}

static bool top_moved(struct store *s)
{
	struct slot_list l;
	bool moved = slots_list(s->fs, s->mem, s->dir, &l, NULL) == OK &&
		     (l.n ? l.slot[l.n - 1] : SLOT_NONE) != s->top_slot;
	slot_list_close(&l);
	return moved;
}

static enum rc verify_chosen(struct store *s, const struct manifest *m, struct verify_result *r,
			     struct err *e)
{
	enum rc rc = verify_manifest(s->fs, s->mem, s->dir, m, s->o.verify, r, e);
	if (rc != OK || r->verdict == VERIFY_INTACT)
		return rc;
	return ERR(e, E_CORRUPT, "'%s/%s' %s; checkpoint %llu needs it", s->parts_dir, r->file,
		   r->verdict == VERIFY_MISSING ? "is missing" : "is not what was written",
		   (unsigned long long)m->id);
}

static void tell(struct store *s, const struct manifest *chosen, struct store_start *out)
{
	const struct manifest *t = s->top;
	bool goes_on = t && !s->o.fresh;
	out->chosen = chosen;
	out->final = chosen && chosen->final;
	out->existed = s->n_known > 0;
	out->next_id = s->top_id + 1;
	out->lineage = goes_on ? t->lineage : s->o.new_lineage;
	memcpy(out->uuid, t ? t->uuid : s->new_uuid, UUID_TEXT);
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
	const struct manifest *chosen = NULL;
	struct slot_list l;
	store_forget_all(s);
	*out = (struct store_start){0};
	enum rc rc = slots_list(s->fs, s->mem, s->dir, &l, e);
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
		rc = choose(s, &chosen, e);
	if (rc == OK && chosen)
		rc = verify_chosen(s, chosen, &out->verified, e);
	if (rc == OK)
		tell(s, chosen, out);
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
static enum rc look(struct store *s, struct store_start *out, struct err *e)
{
	for (int tries = 0;; tries++) {
		struct err why = {OK};
		enum rc rc = look_once(s, out, &why);
		if (rc == OK)
			return OK;
		bool verdict = rc == E_CORRUPT || rc == E_NOT_FOUND;
		if (!verdict || tries == LOOK_TRIES || !top_moved(s)) {
			/* not found, and the log has not moved: a listed slot without a file */
			return ERR(e, rc == E_NOT_FOUND ? E_CORRUPT : rc, "%s", why.text);
		}
	}
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
	enum rc rc = OK;
	int n = snprintf(s->dir, sizeof s->dir, "%s", o->dir);
	if (n < 0 || n >= LAYOUT_PATH_MAX ||
	    !layout_path(s->manifest_dir, o->dir, NULL, LAYOUT_MANIFEST) ||
	    !layout_path(s->parts_dir, o->dir, NULL, LAYOUT_PARTS))
		rc = ERR(e, E_INVALID, "the path of '%s' is too long", o->dir);
	if (rc == OK && (rc = fs_mkdir_all(fs, s->dir, e)) != OK)
		err_in(e, "the directory '%s' cannot be used", s->dir);
	if (rc == OK)
		rc = take_lock(s, e);
	if (rc == OK) {
		see_previous(s);
		rc = look(s, out, e);
	}
	if (rc != OK)
		goto fail;
	*out_s = s;
	return OK;
fail:
	store_close(s);
	return rc;
}

/* --- the fence --- */

/* a (may be NULL) and one more, larger slot when it is not SLOT_NONE, as m's own list. */
static uint64_t *slots_and(struct manifest *m, const uint64_t *a, uint32_t n, uint64_t more,
			   uint32_t *to_n)
{
	uint64_t *list = manifest_alloc(m, ((size_t)n + 1) * sizeof *list);
	*to_n = 0;
	if (!list)
		return NULL;
	if (n)
		memcpy(list, a, n * sizeof *list);
	if (more != SLOT_NONE)
		list[n++] = more;
	*to_n = n;
	return list;
}

/* What stood alive stays so until a checkpoint is published above the fence. */
static enum rc make_fence(struct store *s, const struct manifest *chosen, struct manifest *m,
			  struct err *e)
{
	const struct manifest *t = s->top;
	m->slot_kind = SLOT_FENCE;
	m->slot = m->epoch = s->top_slot + 1;
	m->parent = chosen ? chosen->slot : SLOT_NONE;
	m->lineage = s->lineage;
	m->top_id = s->top_id;
	memcpy(m->uuid, s->uuid, UUID_TEXT);
	if (!t)
		return OK;
	uint64_t self = t->slot_kind == SLOT_CHECKPOINT ? t->slot : SLOT_NONE;
	m->retained = slots_and(m, t->retained, t->n_retained, self, &m->n_retained);
	m->pinned = slots_and(m, t->pinned, t->n_pinned, SLOT_NONE, &m->n_pinned);
	uint64_t *q = manifest_alloc(m, (t->n_quarantined + s->n_known) * sizeof *q);
	if (!m->retained || !m->pinned || !q)
		return ERR(e, E_NO_MEMORY, "no memory for a fence");
	m->quarantined = q;
	for (uint32_t i = 0; i < t->n_quarantined; i++)
		q[m->n_quarantined++] = t->quarantined[i];
	for (size_t i = 0; i < s->n_known; i++) /* unreadable ones above the newest readable */
		if (s->known[i].slot > t->slot)
			q[m->n_quarantined++] = s->known[i].slot;
	return OK;
}

/* Both in s->dir, whose own name was made durable before: one sync for the two. */
static enum rc make_dirs(struct store *s, struct err *e)
{
	enum rc rc = fs_mkdir(s->fs, s->manifest_dir, NULL, e);
	if (rc == OK)
		rc = fs_mkdir(s->fs, s->parts_dir, NULL, e);
	if (rc == OK)
		rc = fs_sync_dir(s->fs, s->dir, e);
	return rc == OK ? store_make_durable(s, e) : rc;
}

/* Puts the job's text into job.json. Missing for a moment when it is replaced: the next start then
 * has no text of before, which is all that is lost. */
static enum rc write_job(struct store *s, struct err *e)
{
	char path[LAYOUT_PATH_MAX], temporary[LAYOUT_PATH_MAX], name[LAYOUT_NAME_MAX + 1];
	if (!s->o.job_text || (s->job_before && s->job_before_len == s->o.job_len &&
			       !memcmp(s->job_before, s->o.job_text, s->o.job_len)))
		return OK;
	enum rc rc;
	struct err why;
	do { /* whoever lost the race for our slot may have left a name like ours */
		err_clear(&why);
		layout_temporary(name, s->epoch, s->seq++);
		if (!layout_path(path, s->dir, NULL, "job.json") ||
		    !layout_path(temporary, s->manifest_dir, NULL, name))
			return ERR(e, E_INVALID, "the path of '%s' is too long", s->dir);
		rc = fs_write_new(s->fs, temporary, s->o.job_text, s->o.job_len, &why);
	} while (rc == E_EXISTS && s->seq < 1000);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (s->job_before)
		rc = fs_unlink(s->fs, path, e);
	if (rc == OK)
		rc = fs_rename_new(s->fs, temporary, path, e);
	if (rc == OK)
		rc = fs_sync_dir(s->fs, s->dir, e);
	return rc;
}

/* Somebody was faster. Nothing of ours is visible: look again, and let the caller check again. */
static enum rc lost_race(struct store *s, struct store_start *out, const struct err *why,
			 struct err *e)
{
	if (++s->lost >= STORE_TRIES)
		return store_died(s, E_FENCED, why, e);
	enum rc rc = look(s, out, e);
	return rc == OK ? ERR(e, E_EXISTS, "%s; looked again", why->text) : rc;
}

enum rc store_make_durable(struct store *s, struct err *e)
{
	enum rc rc = store_dead(s, e);
	return rc == OK && s->top_slot != SLOT_NONE ? slots_durable(s->fs, s->dir, s->top_slot, e) : rc;
}

enum rc store_own(struct store *s, struct store_start *out, struct err *e)
{
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	CHECK(!s->epoch && !out->final);
	struct manifest fence;
	struct err why = {OK};
	manifest_init(&fence, s->mem);
	rc = make_dirs(s, &why);
	if (rc == OK)
		rc = make_fence(s, out->chosen, &fence, &why);
	if (rc == OK)
		rc = store_link(s, &fence, &why);
	if (rc == E_FENCED || rc == E_NOT_FOUND) { /* taken; or the top was retired under our eyes */
		rc = lost_race(s, out, &why, e);
		goto done;
	}
	/* What was tried just before in the same folder worked: only links are refused. fs_real says so
	 * in its text for the codes that have no class of their own. */
	if (rc == E_PERMISSION || (rc != OK && strstr(why.text, "without hard links")))
		rc = ERR(e, E_REFUSED, "'%s' cannot hold checkpoints: its file system makes no hard "
			 "links (%s); use --dir on a local Linux file system (ext4, xfs, btrfs, tmpfs)",
			 s->dir, why.text);
	else if (rc != OK)
		rc = store_died(s, rc, &why, e);
	if (rc != OK)
		goto done;
	s->epoch = out->epoch = s->top->epoch;
	rc = write_job(s, e);
done:
	manifest_close(&fence);
	return rc;
}
