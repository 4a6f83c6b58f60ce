/* rules.c - see rules.h. */
#include "tests/sim/committed.h"
#include "tests/sim/rules_in.h"

#include "base/hash.h"

/* ---- what a slot keeps ---- */

static const struct manifest *at(const struct rules *r, uint64_t slot)
{
	return slot && slot < r->n_slots && r->slot[slot].m.mem ? &r->slot[slot].m : NULL;
}

/* Those that `top` keeps, one after the other, from i = 0 on; NULL: no more. */
static const struct manifest *kept_next(const struct rules *r, uint64_t top, uint32_t *i)
{
	const struct manifest *m = at(r, top);
	while (m) {
		uint32_t k = (*i)++;
		uint64_t slot;
		if (k == 0)
			slot = m->slot_kind == SLOT_FENCE ? m->parent : top;
		else if (k <= m->n_retained)
			slot = m->retained[k - 1];
		else if (k <= m->n_retained + m->n_pinned)
			slot = m->pinned[k - 1 - m->n_retained];
		else if (k <= m->n_retained + m->n_pinned + m->n_quarantined)
			slot = m->quarantined[k - 1 - m->n_retained - m->n_pinned];
		else
			return NULL;
		if (at(r, slot))
			return at(r, slot);
	}
	return NULL;
}

static bool keeps_slot(const struct rules *r, uint64_t top, uint64_t slot)
{
	const struct manifest *m;
	for (uint32_t i = 0; (m = kept_next(r, top, &i)) != NULL;)
		if (m->slot == slot)
			return true;
	return slot == top;
}

static void part_path(const struct rules *r, const char *name, char to[PATH])
{
	snprintf(to, PATH, "%s/parts/%s", r->w->dir, name);
}

static void mark_kept(struct rules *r, uint64_t top)
{
	const struct manifest *m;
	char path[PATH];
	for (uint32_t i = 0; (m = kept_next(r, top, &i)) != NULL;)
		for (uint32_t f = 0; f < m->n_files; f++) {
			part_path(r, m->file[f].name, path);
			struct name *x = name_find(r, path);
			if (!x)
				world_fail(r->w, "slot %" PRIu64 " names '%s', which nobody made", m->slot,
					   path);
			x->kept_by = top;
		}
}

static void not_kept(const struct rules *r, const char *path, const char *did)
{
	const struct name *x = name_find(r, path);
	if (x && x->kept_by && x->kept_by >= r->safe)
		world_fail(r->w, "inv 12: '%s' is %s, and slot %" PRIu64 " (newest %" PRIu64
			   ", safe %" PRIu64 ") keeps it", path, did, x->kept_by, r->newest, r->safe);
}

/* ---- publications ---- */

/* inv 1: what a manifest that is being published names. */
static void file_is_whole(const struct rules *r, const char *path, uint64_t length, uint64_t hash,
			  const char *by)
{
	struct fs_sim_look l;
	if (!fs_sim_peek(r->w->disk, path, &l))
		world_fail(r->w, "inv 1: %s names '%s', which is not there", by, path);
	if (l.size != length || checksum64(l.data, l.size) != hash)
		world_fail(r->w, "inv 1: %s names '%s', which is another file", by, path);
	if (!l.content_is_safe || !l.name_is_safe)
		world_fail(r->w, "inv 1: %s names '%s', whose %s is not synced", by, path,
			   l.content_is_safe ? "name" : "content");
}

static bool lists_intent(const struct manifest *m, const struct manifest_intent *in)
{
	for (uint32_t i = 0; m && i < m->n_intents; i++)
		if (!strcmp(m->intent[i].from, in->from) && !strcmp(m->intent[i].to, in->to) &&
		    m->intent[i].offset == in->offset && m->intent[i].length == in->length)
			return true;
	return false;
}

static bool names_file(const struct manifest *m, const char *name)
{
	for (uint32_t i = 0; m && i < m->n_files; i++)
		if (!strcmp(m->file[i].name, name))
			return true;
	return false;
}

static void checkpoint_linked(struct rules *r, const struct manifest *m)
{
	char by[40], path[PATH];
	const struct manifest *parent = at(r, m->parent);
	snprintf(by, sizeof by, "checkpoint %" PRIu64, m->id);
	if (m->id <= r->id)
		world_fail(r->w, "inv 10: %s is published after %" PRIu64, by, r->id);
	if (!r->fence || m->epoch != r->fence)
		world_fail(r->w, "inv 26: %s of epoch %" PRIu64 " is published under fence %" PRIu64, by,
			   m->epoch, r->fence);
	for (uint32_t i = 0; i < m->n_files; i++) {
		part_path(r, m->file[i].name, path);
		struct fs_sim_look l;
		if (!names_file(parent, m->file[i].name))
			file_is_whole(r, path, m->file[i].length, m->file[i].hash, by);
		else if (!fs_sim_peek(r->w->disk, path, &l) || l.size != m->file[i].length)
			world_fail(r->w, "inv 12: %s names '%s', which is gone", by, path);
	}
	for (uint32_t i = 0; i < m->n_intents; i++) {
		const struct manifest_intent *in = &m->intent[i];
		if (!lists_intent(parent, in)) /* else its parent's: it may have been committed */
			file_is_whole(r, in->from, in->length, in->hash, by);
	}
	check_manifest(r->w, m, parent && parent->slot_kind == SLOT_CHECKPOINT ? parent : NULL);
	r->id = m->id;
	r->seen.checkpoints++;
}

static void slot_linked(struct rules *r, const char *path, uint64_t number)
{
	struct err e = {0};
	struct fs_sim_look l = {0};
	if (number <= r->newest)
		world_fail(r->w, "inv 10: slot %" PRIu64 " is linked after %" PRIu64, number, r->newest);
	CHECK(fs_sim_peek(r->w->disk, path, &l));
	if (!l.content_is_safe)
		world_fail(r->w, "inv 1: '%s' is linked before its content is synced", path);
	if (number >= r->n_slots) {
		uint64_t n = number < 32 ? 64 : 2 * number;
		r->slot = realloc(r->slot, n * sizeof *r->slot);
		memset(r->slot + r->n_slots, 0, (n - r->n_slots) * sizeof *r->slot);
		r->n_slots = n;
	}
	struct slot *s = &r->slot[number];
	manifest_close(&s->m); /* of one that a power cut took */
	*s = (struct slot){.there = true};
	if (manifest_decode(&s->m, &r->mem, number, l.data, l.size, &e) != OK)
		world_fail(r->w, "slot %" PRIu64 " cannot be read: %s", number, e.text);
	if (s->m.slot_kind == SLOT_FENCE) {
		if (s->m.epoch != number)
			world_fail(r->w, "fence %" PRIu64 " is of epoch %" PRIu64, number, s->m.epoch);
		r->fence = number;
		r->seen.fences++;
	} else {
		checkpoint_linked(r, &s->m);
	}
	r->newest = number;
	mark_kept(r, number);
}

static void slots_look(struct rules *r)
{
	char path[PATH];
	for (uint64_t i = r->safe + 1; i <= r->newest; i++) {
		struct fs_sim_look l;
		struct slot *s = &r->slot[i];
		snprintf(path, sizeof path, "%s/manifest/%020" PRIu64, r->w->dir, i);
		if (!s->there || !fs_sim_peek(r->w->disk, path, &l) || !l.name_is_safe)
			continue;
		s->safe = true;
		r->safe = i;
		if (s->m.slot_kind == SLOT_CHECKPOINT && s->m.id > r->safe_id)
			r->safe_id = s->m.id;
	}
}

/* ---- commits and removals ---- */

/* The intent of a safe slot that this is the commit of. */
static const struct manifest_intent *intent_to(const struct rules *r, const char *from,
					       const char *to, uint64_t off, uint64_t len)
{
	for (uint64_t n = r->safe; n; n--) {
		const struct manifest *m = r->slot[n].safe ? at(r, n) : NULL;
		for (uint32_t i = 0; m && i < m->n_intents; i++) {
			const struct manifest_intent *in = &m->intent[i];
			if (!strcmp(in->to, to) && (!from || !strcmp(in->from, from)) &&
			    (from || (in->offset <= off && off + len <= in->offset + in->length)))
				return in;
		}
	}
	return NULL;
}

static void committed(struct rules *r, const char *from, const char *to)
{
	if (!intent_to(r, from, to, 0, 0))
		world_fail(r->w, "inv 1: '%s' is committed, and no checkpoint that is durable lists it",
			   to);
	r->seen.commits++;
}

/* Whether its bytes stand where they belong, so that what was prepared may go. */
static bool is_committed(const struct rules *r, const struct manifest_intent *in)
{
	struct fs_sim_look l;
	if (!fs_sim_peek(r->w->disk, in->to, &l) || !l.content_is_safe)
		return false;
	if (strcmp(in->kind, "append"))
		return true;
	return in->offset + in->length <= l.size &&
	       checksum64(l.data + in->offset, in->length) == in->hash;
}

static void pending_removed(const struct rules *r, const char *path)
{
	for (uint64_t n = r->newest; n && n >= r->safe; n--) {
		const struct manifest *m = r->slot[n].there ? at(r, n) : NULL;
		if (m && m->slot_kind == SLOT_FENCE)
			m = at(r, m->parent);
		for (uint32_t i = 0; m && i < m->n_intents; i++)
			if (!strcmp(m->intent[i].from, path) && !is_committed(r, &m->intent[i]))
				world_fail(r->w, "inv 12: '%s' goes, and checkpoint %" PRIu64
					   " may still have to commit it", path, m->id);
	}
}

static void slot_removed(struct rules *r, uint64_t number)
{
	struct slot *s = &r->slot[number];
	if (number >= r->n_slots || !s->there)
		world_fail(r->w, "slot %" PRIu64 " goes, and was never there", number);
	if (s->m.slot_kind == SLOT_FENCE)
		world_fail(r->w, "inv 13: the fence in slot %" PRIu64 " goes", number);
	if (keeps_slot(r, r->newest, number) || keeps_slot(r, r->safe, number))
		world_fail(r->w, "inv 12: slot %" PRIu64 " goes, and the newest keeps it", number);
	s->there = false;
	s->gone = true;
}

/* ---- each change ---- */

static void made(struct rules *r, const char *from, const char *path, uint64_t ino)
{
	uint64_t number;
	enum place place = place_of(r, path, &number);
	if (place == ELSEWHERE)
		return;
	if (place == SINGLE) /* who took it away gets another */
		return;
	struct name *x = name_take(r, path, ino), *before = from ? name_find(r, from) : NULL;
	if (place == SLOT || place == FINAL) {
		x->sealed = true;
		if (before)
			before->sealed = true; /* handles are known by the name they were opened by */
	}
	if (place == SLOT)
		slot_linked(r, path, number);
	if (place == FINAL)
		committed(r, from ? from : "", path);
}

static void written(struct rules *r, const struct fs_sim_change *c)
{
	const struct name *x = name_find(r, c->path);
	enum place place = place_of(r, c->path, NULL);
	if (place == PART)
		not_kept(r, c->path, "written to");
	if (x && x->sealed && x->ino == c->ino)
		world_fail(r->w, "inv 12: '%s' is written to, and was published", c->path);
	if (place == SINGLE && c->did == FS_SIM_WROTE &&
	    !intent_to(r, NULL, c->path, c->off, c->len))
		world_fail(r->w, "inv 1: bytes %" PRIu64 " to %" PRIu64 " of '%s' are written, and no "
			   "checkpoint that is durable lists them", c->off, c->off + c->len, c->path);
}

static void removed(struct rules *r, const char *path, bool renamed)
{
	uint64_t number;
	enum place place = place_of(r, path, &number);
	r->seen.removals++;
	if (place == FINAL || place == SINGLE)
		world_fail(r->w, "the committed file '%s' goes", path);
	if (place == SLOT)
		slot_removed(r, number);
	if (place == PART)
		not_kept(r, path, "unlinked");
	if (place == PENDING && !renamed)
		pending_removed(r, path);
	name_gone(r, path);
}

/* inv 32: the cache may have dropped what a failed sync was to write; the next one succeeds. */
static void no_failed_sync_is_trusted(const struct rules *r, const char *path)
{
	if (fs_sim_trusted_doubtful(r->w->disk))
		world_fail(r->w, "inv 32: '%s', or a file just before it, was synced again or named "
			   "though its sync or close had failed", path);
}

static void on_change(void *arg, const struct fs_sim_change *c)
{
	struct rules *r = arg;
	r->seen.changes++;
	r->host[c->host].changes++;
	no_failed_sync_is_trusted(r, c->path);
	switch (c->did) {
	case FS_SIM_MADE:
		made(r, NULL, c->path, c->ino);
		break;
	case FS_SIM_LINKED:
		made(r, c->path, c->to, c->ino);
		break;
	case FS_SIM_RENAMED:
		made(r, c->path, c->to, c->ino);
		removed(r, c->path, true);
		break;
	case FS_SIM_WROTE:
	case FS_SIM_CUT:
		written(r, c);
		break;
	case FS_SIM_REMOVED:
		removed(r, c->path, false);
		break;
	case FS_SIM_DIR_SYNCED:
		names_look(r);
		slots_look(r);
		break;
	case FS_SIM_TAKEN:
		if (place_of(r, c->to, NULL) == SLOT && r->w->job && r->w->host == c->host) {
			r->host[c->host].taken = c->n;
			r->host[c->host].changes = 0;
			r->seen.taken++;
		}
		break;
	case FS_SIM_SYNCED:
		break;
	}
}

/* ---- from outside ---- */

void rules_cut(struct rules *r)
{
	char path[PATH];
	struct fs_sim_look l;
	names_cut(r);
	r->newest = r->safe = r->fence = 0;
	r->id = r->safe_id;
	for (uint64_t i = 1; i < r->n_slots; i++) {
		struct slot *s = &r->slot[i];
		snprintf(path, sizeof path, "%s/manifest/%020" PRIu64, r->w->dir, i);
		s->there = fs_sim_peek(r->w->disk, path, &l);
		if (!s->there)
			continue;
		s->safe = true;
		s->gone = false;
		r->newest = r->safe = i;
		if (s->m.slot_kind == SLOT_FENCE)
			r->fence = i;
		else if (s->m.id > r->id)
			r->id = r->safe_id = s->m.id;
	}
	mark_kept(r, r->newest);
	memset(r->host, 0, sizeof r->host);
}

static uint64_t received(const struct manifest *m, const char *stage)
{
	uint64_t n = 0;
	for (uint32_t i = 0; m && i < m->n_edges; i++)
		n += strcmp(m->edge[i].to, stage) ? 0 : m->edge[i].received.n;
	return n;
}

static const struct manifest *checkpoint_of(const struct rules *r, uint64_t id)
{
	for (uint64_t n = r->newest; n; n--)
		if (at(r, n) && r->slot[n].m.slot_kind == SLOT_CHECKPOINT && r->slot[n].m.id == id)
			return at(r, n);
	return NULL;
}

uint64_t rules_received(const struct rules *r, const char *stage, uint64_t id)
{
	const struct manifest *m = id ? checkpoint_of(r, id) : at(r, r->newest);
	if (m && m->slot_kind == SLOT_FENCE)
		m = at(r, m->parent);
	if (id && !m)
		world_fail(r->w, "there never was a checkpoint %" PRIu64, id);
	return received(m, stage);
}

void rules_halted(struct rules *r, uint32_t host)
{
	if (r->host[host].taken && r->host[host].changes)
		world_fail(r->w, "inv 27: it found its slot taken at operation %" PRIu64
			   ", and changed the disk %" PRIu64 " times after that",
			   r->host[host].taken, r->host[host].changes);
	r->host[host].taken = 0;
}

void rules_completed(struct rules *r, uint64_t id)
{
	const struct manifest *m = checkpoint_of(r, id);
	if (!m || !r->slot[m->slot].safe)
		world_fail(r->w, "inv 1: checkpoint %" PRIu64 " is complete, and no durable slot holds it",
			   id);
}

const struct rules_seen *rules_seen(const struct rules *r)
{
	return &r->seen;
}

struct rules *rules_open(struct world *w)
{
	struct rules *r = calloc(1, sizeof *r);
	r->w = w;
	mem_init(&r->mem, 0);
	names_open(r);
	fs_sim_watch(w->disk, on_change, r);
	return r;
}

void rules_close(struct rules *r)
{
	fs_sim_watch(r->w->disk, NULL, NULL);
	for (uint64_t i = 0; i < r->n_slots; i++)
		manifest_close(&r->slot[i].m);
	CHECK(r->mem.used_bytes == 0);
	free(r->slot);
	names_close(r);
	free(r);
}
