/* fence.c - the second half of taking a job's directory: the top is made durable and the fence
 * linked after it; from then on nobody of before publishes. See store.h; the first half is
 * look.c. */
#include "base/check.h"
#include "base/planted.h"
#include "base/together.h"
#include "checkpoint/store_parts.h"

#include <inttypes.h>

/* Takes l's slots into memory of m. */
static uint64_t *own_slots(struct manifest *m, const struct slot_set *l, uint32_t *n)
{
	*n = l->n;
	return manifest_copy(m, l->slot, l->n * sizeof *l->slot);
}

/* Whether the fence goes on listing what top has in quarantine. */
static enum rc stays_evidence(struct store *s, uint64_t slot, bool *stays, struct err *e)
{
	struct known *k = store_find(s, slot);
	struct err why = {OK};
	*stays = true;
	if (retention_is_evidence(s->top, s->o.drops_evidence, slot))
		return OK;
	enum rc rc = k ? store_read_slot(s, k, &why) : E_NOT_FOUND;
	*stays = rc == E_CORRUPT || rc == E_REFUSED; /* nobody knows what it names */
	return *stays || rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

/* What top says is bad, and what the look found; not what is gone on from: that was mended. */
static enum rc quarantined(struct store *s, const struct manifest *chosen, struct slot_set *l,
			   struct err *e)
{
	enum rc rc = OK;
	for (uint32_t i = 0; i < s->top->n_quarantined && rc == OK; i++) {
		bool stays;
		rc = stays_evidence(s, s->top->quarantined[i], &stays, e);
		if (rc == OK && stays)
			rc = slot_set_add(l, s->mem, s->top->quarantined[i], e);
	}
	for (uint32_t i = 0; i < s->bad.n && rc == OK; i++)
		rc = slot_set_add(l, s->mem, s->bad.slot[i], e);
	if (chosen)
		slot_set_remove(l, chosen->slot);
	return rc;
}

/* What stood alive stays so until a checkpoint is published above the fence. */
static enum rc retained(struct store *s, const struct manifest *chosen, const struct slot_set *bad,
			struct slot_set *l, struct err *e)
{
	const struct manifest *t = s->top;
	enum rc rc = OK;
	for (uint32_t i = 0; i < t->n_retained && rc == OK; i++)
		rc = slot_set_add(l, s->mem, t->retained[i], e);
	if (t->slot_kind == SLOT_CHECKPOINT && rc == OK)
		rc = slot_set_add(l, s->mem, t->slot, e);
	if (chosen && rc == OK)
		rc = slot_set_add(l, s->mem, chosen->slot, e);
	for (uint32_t i = 0; i < bad->n; i++)
		slot_set_remove(l, bad->slot[i]);
	return rc;
}

static void accept(struct manifest *m, const uint32_t *lineage, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!manifest_accepts(m, lineage[i]))
			m->accepts[m->n_accepts++] = lineage[i];
}

/* Those of before stay: the sweep must know whose the files are that an import left. */
static enum rc accepted(const struct store *s, struct manifest *m, struct err *e)
{
	const struct manifest *t = s->top;
	uint32_t before = t ? t->n_accepts : 0;
	m->accepts = manifest_alloc(m, (before + s->plan.n_accepts + 1) * sizeof *m->accepts);
	if (!m->accepts)
		return ERR(e, E_NO_MEMORY, "no memory for a fence");
	accept(m, before ? t->accepts : NULL, before);
	accept(m, s->plan.accepts, s->plan.n_accepts);
	return OK;
}

static enum rc make_fence(struct store *s, const struct manifest *chosen, struct manifest *m,
			  struct err *e)
{
	const struct manifest *t = s->top;
	struct slot_set bad = {0}, kept = {0};
	m->slot_kind = SLOT_FENCE;
	m->slot = m->epoch = s->top_slot + 1;
	if (PLANTED(epoch_not_raised) && t)
		m->epoch = t->epoch;
	m->parent = chosen ? chosen->slot : SLOT_NONE;
	m->lineage = s->lineage;
	m->top_id = s->top_id;
	memcpy(m->uuid, s->uuid, UUID_TEXT);
	enum rc rc = store_promise(s, m, e);
	if (rc == OK)
		rc = accepted(s, m, e);
	if (rc != OK || !t)
		return rc;
	rc = quarantined(s, chosen, &bad, e);
	if (rc == OK)
		rc = retained(s, chosen, &bad, &kept, e);
	if (rc == OK)
		rc = store_pinned(s, t, m, e);
	if (rc == OK) {
		m->quarantined = own_slots(m, &bad, &m->n_quarantined);
		m->retained = own_slots(m, &kept, &m->n_retained);
		if (!m->quarantined || !m->retained)
			rc = ERR(e, E_NO_MEMORY, "no memory for a fence");
	}
	slot_set_close(&bad, s->mem);
	slot_set_close(&kept, s->mem);
	return rc;
}

/* Both in s->dir, and durable before the fence stands in one of them. E_REFUSED: a file has the
 * name (E_EXISTS would say that the log has moved). */
static enum rc make_dirs(struct store *s, struct err *e)
{
	struct err why = {OK};
	enum rc rc = fs_mkdir(s->fs, s->manifest_dir, NULL, &why);
	if (rc == OK)
		rc = fs_mkdir(s->fs, s->parts_dir, NULL, &why);
	return rc == OK ? OK : ERR(e, rc == E_EXISTS ? E_REFUSED : rc, "%s", why.text);
}

/* Not for moves back, after which the look is taken once more. */
static bool writes_job(const struct store *s)
{
	return s->o.job_text && s->promise != TODO_BACK &&
	       !(s->job_before && s->job_before_len == s->o.job_len &&
		 !memcmp(s->job_before, s->o.job_text, s->o.job_len));
}

/* The job's text under a name that is nobody's yet, durable: whoever owns gives it its own. */
static enum rc write_job(struct store *s, struct err *e)
{
	char name[LAYOUT_NAME_MAX + 1], path[LAYOUT_PATH_MAX];
	enum rc rc;
	struct err why;
	do { /* whoever lost the race for our slot may have left a name like ours */
		err_clear(&why);
		layout_temporary(name, s->top_slot + 1, s->seq++);
		if (!layout_path(path, s->manifest_dir, NULL, name))
			return ERR(e, E_INVALID, "the path of '%s' is too long", s->dir);
		rc = fs_write_new(s->fs, path, s->o.job_text, s->o.job_len, &why);
	} while (rc == E_EXISTS && s->seq < STORE_OWN_SEQ / 2);
	if (rc != OK)
		return ERR(e, rc == E_EXISTS ? E_LIMIT : rc, "%s", why.text);
	memcpy(s->job_temporary, path, sizeof path);
	return OK;
}

/* A parent that must not be opened holds nothing that we made. */
static enum rc parent_durable(struct store *s, struct err *e)
{
	struct err why = {OK};
	enum rc rc = fs_sync_dir(s->fs, s->parent, &why);
	return rc == OK || (rc == E_PERMISSION && !s->made) ? OK : ERR(e, rc, "%s", why.text);
}

/* What is believed, or stood on, from now on; the order among these does not matter. */
enum durable { DURABLE_PARENT, DURABLE_SLOT, DURABLE_SLOTS, DURABLE_PARTS, DURABLE_DIR,
	       DURABLE_JOB };
struct durables {
	struct store *s;
	enum durable what[DURABLE_JOB + 1];
	size_t n;
};

static void add_durable(struct durables *d, enum durable what, bool needed)
{
	if (needed)
		d->what[d->n++] = what;
}

static enum rc make_one_durable(void *arg, size_t i, struct err *e)
{
	const struct durables *d = arg;
	struct store *s = d->s;
	switch (d->what[i]) {
	case DURABLE_PARENT:
		return parent_durable(s, e);
	case DURABLE_SLOT:
		return slots_harden(s->slots, s->top_slot, e);
	case DURABLE_SLOTS:
		return storage_settle(s->slots, e);
	case DURABLE_PARTS:
		return storage_settle(s->parts, e);
	case DURABLE_DIR:
		return fs_sync_dir(s->fs, s->dir, e);
	case DURABLE_JOB:
		return write_job(s, e);
	}
	CHECK(!"one more to make durable");
	return OK;
}

static enum rc make_durable(struct store *s, bool owns, struct err *e)
{
	struct durables d = {.s = s};
	bool stands = s->top_slot != SLOT_NONE, named = strcmp(s->dir, "/") && strcmp(s->dir, ".");
	add_durable(&d, DURABLE_PARENT, named);
	add_durable(&d, DURABLE_SLOT, stands);
	add_durable(&d, DURABLE_SLOTS, stands);
	add_durable(&d, DURABLE_PARTS, stands);
	add_durable(&d, DURABLE_DIR, owns);
	add_durable(&d, DURABLE_JOB, owns && writes_job(s));
	return together(s->fs, make_one_durable, &d, d.n, e);
}

/* Somebody was faster. Nothing of ours is visible: look again, and let the caller check again. */
static enum rc lost_race(struct store *s, struct store_start *out, const struct err *why,
			 struct err *e)
{
	if (++s->lost >= STORE_TRIES)
		return store_died(s, E_FENCED, why, e);
	enum rc rc = store_look(s, out, e);
	return rc == OK ? ERR(e, E_EXISTS, "%s; looked again", why->text) : rc;
}

enum rc store_make_durable(struct store *s, struct err *e)
{
	enum rc rc = store_dead(s, e);
	return rc == OK ? make_durable(s, false, e) : rc;
}

/* A slot may also be free because it was filled and swept while we looked: by an owner who is
 * alive, where the lock does not hold (another host). Then newer ones stand, and a fence below
 * them fences nobody. tests/model/takeover.pml is the proof that this look is enough, where a
 * list is what stood at one moment. A directory is listed in pieces: with retain 1 such an owner
 * may link M+1 where the list has passed, and sweep M before it comes there, so that it shows
 * neither. Hence twice: for both lists to miss, he would have to do so in each of them. */
static enum rc is_above_all(struct store *s, struct err *e)
{
	enum rc rc = OK;
	for (int look = 0; look < 2 && rc == OK; look++) {
		struct slot_list l;
		rc = slots_list(s->slots, s->mem, &l, e);
		if (rc == OK && l.n && l.slot[l.n - 1] > s->top->slot)
			rc = ERR(e, E_FENCED, "'%s': slot %" PRIu64 " was swept when its fence was linked",
				 s->dir, s->top->slot);
		slot_list_close(&l);
	}
	return rc;
}

/* Missing for a moment when it is replaced: the next start then has no text of before, which is all
 * that is lost. */
static enum rc replace_job(struct store *s, const char *path, bool stands, struct err *e)
{
	struct err gone = {OK};
	enum rc rc = stands ? fs_unlink(s->fs, path, &gone) : OK;
	if (rc != OK && rc != E_NOT_FOUND)
		return ERR(e, rc, "%s", gone.text);
	return fs_rename_new(s->fs, s->job_temporary, path, e);
}

/* Where the lock does not hold, an owner of before us may name his text after our look: ours takes
 * its place. And one after us may have named his, and swept ours: then the log tells. */
static enum rc name_job(struct store *s, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = OK;
	struct err why = {OK};
	if (!*s->job_temporary)
		return OK;
	if (!layout_path(path, s->dir, NULL, "job.json"))
		return ERR(e, E_INVALID, "the path of '%s' is too long", s->dir);
	rc = replace_job(s, path, s->job_before, &why);
	if (rc == E_EXISTS || rc == E_NOT_FOUND) {
		struct err log = {OK};
		if (is_above_all(s, &log) != OK)
			return store_died(s, log.code, &log, e);
	}
	if (rc == E_EXISTS) {
		err_clear(&why);
		rc = replace_job(s, path, true, &why);
	}
	*s->job_temporary = '\0';
	if (rc == OK)
		return fs_sync_dir(s->fs, s->dir, e);
	return ERR(e, rc == E_EXISTS ? E_REFUSED : rc, "%s", why.text);
}

enum rc store_own(struct store *s, struct store_start *out, struct err *e)
{
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	CHECK(!s->epoch && !s->o.looks);
	struct manifest fence;
	struct err why = {OK};
	manifest_init(&fence, s->mem);
	*s->job_temporary = '\0';
	s->seq = 0;
	rc = make_dirs(s, &why);
	if (rc == OK)
		rc = make_durable(s, true, &why);
	if (rc == OK)
		rc = make_fence(s, out->chosen, &fence, &why);
	bool links = rc == OK;
	if (rc == OK)
		rc = store_link(s, &fence, &why);
	if (rc == OK)
		rc = is_above_all(s, &why);
	if (rc == E_FENCED || rc == E_NOT_FOUND) { /* taken; or the top was retired under our eyes */
		rc = lost_race(s, out, &why, e);
		goto done;
	}
	/* What was tried just before in the same folder worked: only links are refused. fs_real says so
	 * in its text for the codes that have no class of their own. */
	if ((links && rc == E_PERMISSION) || (rc != OK && strstr(why.text, "without hard links")))
		rc = ERR(e, E_REFUSED, "'%s' cannot hold checkpoints: its file system makes no hard "
			 "links (%s); use --dir on a local Linux file system (ext4, xfs, btrfs, tmpfs)",
			 s->dir, why.text);
	else if (rc != OK)
		rc = store_died(s, rc, &why, e);
	if (rc != OK && s->dead == OK && *s->job_temporary)
		(void)!fs_unlink(s->fs, s->job_temporary, NULL); /* ours, and never to be named */
	if (rc != OK)
		goto done;
	s->epoch = out->epoch = s->top->epoch;
	s->seq = STORE_OWN_SEQ;
	rc = name_job(s, e);
done:
	manifest_close(&fence);
	return rc;
}
