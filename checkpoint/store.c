/* store.c - what an owner does in its directory, and what it remembers of it. See store.h. */
#include "checkpoint/store.h"

#include "base/check.h"
#include "base/planted.h"
#include "checkpoint/store_parts.h"

enum rc store_dead(struct store *s, struct err *e)
{
	return s->dead == OK ? OK : ERR(e, s->dead, "%s", s->why.text);
}

enum rc store_died(struct store *s, enum rc rc, const struct err *why, struct err *e)
{
	bool fenced = rc == E_FENCED && !PLANTED(fenced_and_goes_on);
	if (fenced || rc == E_UNKNOWN_OUTCOME || rc == E_CRASHED) {
		s->dead = rc;
		s->why = *why;
	}
	return ERR(e, rc, "%s", why->text);
}

/* --- what is known --- */
struct known *store_find(struct store *s, uint64_t slot)
{
	size_t low = 0, high = s->n_known;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (s->known[mid].slot < slot)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->n_known && s->known[low].slot == slot ? &s->known[low] : NULL;
}

static bool reserve_known(struct store *s)
{
	if (s->n_known < s->cap_known)
		return true;
	size_t cap = s->cap_known ? s->cap_known * 2 : 16;
	struct known *grown = mem_resize(s->mem, s->known, cap * sizeof *grown);
	if (!grown)
		return false;
	s->known = grown;
	s->cap_known = cap;
	return true;
}

enum rc store_add(struct store *s, uint64_t slot, struct manifest *m, struct err *e)
{
	CHECK(slot > s->top_slot);
	if (!reserve_known(s))
		return ERR(e, E_NO_MEMORY, "no memory for the slots of '%s'", s->dir);
	s->known[s->n_known++] = (struct known){
		.slot = slot,
		.m = m,
		.is = !m                               ? SLOT_UNREAD
		      : m->slot_kind == SLOT_FENCE ? SLOT_IS_FENCE
						   : SLOT_IS_CHECKPOINT,
	};
	s->top_slot = slot;
	return OK;
}

static void forget_manifest(struct store *s, struct known *k)
{
	if (!k->m)
		return;
	manifest_close(k->m);
	mem_put(s->mem, k->m);
	k->m = NULL;
}

void store_forget_slot(struct store *s, struct known *k)
{
	forget_manifest(s, k);
	size_t i = (size_t)(k - s->known);
	memmove(k, k + 1, (s->n_known - i - 1) * sizeof *k);
	s->n_known--;
}

void store_forget_all(struct store *s)
{
	for (size_t i = 0; i < s->n_known; i++)
		forget_manifest(s, &s->known[i]);
	s->n_known = 0;
	s->top = NULL;
	s->top_slot = SLOT_NONE;
	s->top_id = 0;
	s->missing = false;
	mem_put(s->fs->mem, s->job_before);
	s->job_before = NULL;
	s->job_before_len = 0;
	s->bad.n = 0;
	s->n_passed = 0;
	err_clear(&s->bad_err);
	s->not_kept = s->carries = s->todo_back = false;
	s->promise = TODO_NONE;
	s->promise_slot = SLOT_NONE;
	s->todo_at = 0;
	manifest_close(&s->plan);
}

const struct manifest **store_live(struct store *s, size_t *n)
{
	const struct manifest **live = mem_get(s->mem, (s->n_known + 1) * sizeof *live);
	*n = 0;
	for (size_t i = 0; live && i < s->n_known; i++)
		if (s->known[i].is == SLOT_IS_CHECKPOINT && s->known[i].m &&
		    (retention_lists(s->top, s->known[i].slot) || s->known[i].slot == s->top->parent))
			live[(*n)++] = s->known[i].m;
	return live;
}

void store_check(const struct store *s)
{
	for (size_t i = 1; i < s->n_known; i++)
		CHECK(s->known[i - 1].slot < s->known[i].slot);
	CHECK(!s->n_known || s->known[s->n_known - 1].slot == s->top_slot);
	CHECK(!s->epoch || (s->top && s->top->epoch == s->epoch && s->top->slot == s->top_slot));
}

/* --- publishing --- */
enum rc store_link(struct store *s, struct manifest *m, struct err *e)
{
	struct bytes text;
	bytes_init(&text, s->mem);
	struct manifest *own = mem_get(s->mem, sizeof *own);
	if (own)
		manifest_init(own, s->mem);
	enum rc rc = own && reserve_known(s) ? manifest_encode(m, &text, e)
					     : ERR(e, E_NO_MEMORY, "no memory for a manifest");
	/* Read back before anybody relies on it: what we cannot read must not become the newest. */
	if (rc == OK) {
		struct err why = {OK};
		rc = manifest_decode(own, s->mem, m->slot, text.data, text.len, &why);
		if (rc != OK)
			rc = ERR(e, rc == E_CORRUPT ? E_LIMIT : rc,
				 "a manifest could not be read again: %s", why.text);
	}
	if (rc == OK)
		rc = slots_publish(s->slots, m->slot, m->epoch, text.data, text.len, &s->seq, e);
	bytes_close(&text);
	if (rc != OK) {
		if (own)
			manifest_close(own);
		mem_put(s->mem, own);
		return rc;
	}
	enum rc added = store_add(s, m->slot, own, e);
	CHECK(added == OK); /* room was made above */
	s->top = own;
	if (m->top_id > s->top_id)
		s->top_id = m->top_id;
	return OK;
}

/* Whether m names a file that top does not: then parts/ holds a name that may not be durable. */
static bool names_new_file(const struct manifest *top, const struct manifest *m)
{
	for (uint32_t i = 0; i < m->n_files; i++) {
		bool old = false;
		for (uint32_t j = 0; j < top->n_files && !old; j++)
			old = !strcmp(top->file[j].name, m->file[i].name);
		if (!old)
			return true;
	}
	return false;
}

static enum rc fill_in(struct store *s, struct manifest *m, struct err *e)
{
	const struct manifest *t = s->top;
	m->slot_kind = SLOT_CHECKPOINT;
	memcpy(m->uuid, s->uuid, UUID_TEXT);
	m->lineage = s->lineage;
	m->epoch = s->epoch;
	m->slot = s->top_slot + 1;
	m->parent = t->slot_kind == SLOT_CHECKPOINT ? t->slot : t->parent;
	m->top_id = m->id;
	size_t n_live;
	const struct manifest **live = store_live(s, &n_live);
	struct retention r = {.count = s->o.retain, .age_us = s->o.retain_age_us,
			      .now_wall_us = m->wall_us};
	m->retained = manifest_alloc(m, (n_live + 1) * sizeof *m->retained);
	m->quarantined = manifest_copy(m, t->quarantined, t->n_quarantined * sizeof *m->quarantined);
	m->accepts = manifest_copy(m, t->accepts, t->n_accepts * sizeof *m->accepts);
	m->n_accepts = t->n_accepts;
	const struct known *p = m->parent == SLOT_NONE ? NULL : store_find(s, m->parent);
	if (p && p->m) /* a line's first checkpoint says it itself */
		m->origin = p->m->origin;
	bool good = live && m->retained && m->quarantined && m->accepts;
	if (good)
		m->n_retained = retention_keep(t, live, n_live, m->parent, &r, m->retained);
	m->n_quarantined = t->n_quarantined;
	mem_put(s->mem, live);
	return good ? store_pinned(s, t, m, e) : ERR(e, E_NO_MEMORY, "no memory for a manifest");
}

enum rc store_publish(struct store *s, struct manifest *m, struct err *e)
{
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	CHECK(s->epoch && m->id > s->top_id);
	store_check(s);
	struct err why = {OK};
	rc = fill_in(s, m, &why);
	if (rc == OK && names_new_file(s->top, m) && !PLANTED(no_dir_fsync_after_the_part))
		rc = storage_settle(s->parts, &why);
	if (rc == OK)
		rc = store_link(s, m, &why);
	return rc == OK ? OK : store_died(s, rc, &why, e);
}

enum rc store_newest(struct store *s, struct manifest *m, struct err *e)
{
	manifest_init(m, s->mem);
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	CHECK(s->epoch);
	uint64_t slot = s->top->slot_kind == SLOT_CHECKPOINT ? s->top->slot : s->top->parent;
	if (slot == SLOT_NONE)
		return OK;
	rc = slots_read(s->slots, s->mem, slot, m, e);
	struct verify_result r;
	if (rc == OK)
		rc = verify_manifest(s->parts, s->mem, m, store_depth(s, m), &r, e);
	if (rc == OK && r.verdict != VERIFY_INTACT)
		rc = ERR(e, E_CORRUPT, "'%s/%s' %s; checkpoint %llu needs it", s->parts_dir, r.file,
			 r.verdict == VERIFY_MISSING ? "is missing" : "is not what was written",
			 (unsigned long long)m->id);
	if (rc != OK)
		manifest_close(m);
	return rc == E_NOT_FOUND ? E_CORRUPT : rc;
}

enum rc store_drop_name(struct store *s, const char *name, struct err *e)
{
	size_t low = 0, high = s->n_dropped;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int c = strcmp(s->dropped[mid], name);
		if (!c)
			return OK;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (s->n_dropped == s->cap_dropped) {
		size_t cap = s->cap_dropped ? s->cap_dropped * 2 : 16;
		char **grown = mem_resize(s->mem, s->dropped, cap * sizeof *grown);
		if (!grown)
			return ERR(e, E_NO_MEMORY, "no memory for a name");
		s->dropped = grown;
		s->cap_dropped = cap;
	}
	char *own = mem_string(s->mem, name);
	if (!own)
		return ERR(e, E_NO_MEMORY, "no memory for a name");
	memmove(s->dropped + low + 1, s->dropped + low, (s->n_dropped - low) * sizeof *s->dropped);
	s->dropped[low] = own;
	s->n_dropped++;
	return OK;
}

enum rc store_discard(struct store *s, const char *part_name, struct err *e)
{
	struct part_name is;
	enum rc rc = store_dead(s, e);
	if (rc != OK)
		return rc;
	CHECK(layout_part_parse(part_name, &is) && is.epoch == s->epoch);
	return store_drop_name(s, part_name, e);
}

uint64_t store_slot(const struct store *s)
{
	return s->top_slot;
}

const struct manifest *store_top(const struct store *s)
{
	return s->top;
}

const char *store_dir(const struct store *s)
{
	return s->dir;
}

const char *store_parts_dir(const struct store *s)
{
	return s->parts_dir;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	sweep_close(s);
	store_forget_all(s);
	mem_put(s->mem, s->known);
	for (size_t i = 0; i < s->n_dropped; i++)
		mem_put(s->mem, s->dropped[i]);
	mem_put(s->mem, s->dropped);
	mem_put(s->mem, s->passed);
	slot_set_close(&s->bad, s->mem);
	slot_set_close(&s->pins, s->mem);
	slot_set_close(&s->unpins, s->mem);
	slot_set_close(&s->exporting, s->mem);
	(void)!fs_close(s->fs, &s->lock_fd, NULL); /* the lock goes with it; nothing rests on it */
	mem_put(s->mem, s);
}
