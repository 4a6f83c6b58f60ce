/* directory.c - what must be true of a directory, held against what directory_read.c reads. See
 * directory.h. */
#include "tests/lib/directory.h"

#include "base/check.h"
#include "base/hash.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PENDING ".weir-pending/"

void directory_open(struct directory *d, struct fs_sim *sim, const char *dir, const char *out,
		    const char *job_text, void (*fault)(void *arg, const char *text), void *arg)
{
	*d = (struct directory){.sim = sim, .dir = dir, .out = out, .job_text = job_text,
				.fault = fault, .arg = arg};
	mem_init(&d->mem, 0);
	d->m = calloc(DIR_SLOTS, sizeof *d->m);
}

static void forget_manifests(struct directory *d)
{
	for (uint32_t i = 0; i < d->n; i++)
		dir_manifest_close(d, &d->m[i]);
	d->n = 0;
}

void directory_close(struct directory *d)
{
	forget_manifests(d);
	free(d->m);
	free(d->made);
	CHECK(d->mem.used_bytes == 0);
	*d = (struct directory){0};
}

/* ---- which manifests count ---- */

static bool stands_in(uint64_t (*list)[2], uint32_t n, uint64_t slot)
{
	for (uint32_t i = 0; i < n; i++)
		if (list[i][0] <= slot && slot <= list[i][1])
			return true;
	return false;
}

/* By what the newest one says: itself, what it lists, and what a fence goes on from. */
static bool is_live(const struct dir_manifest *top, const struct dir_manifest *m)
{
	return !m->is_fence && (m == top || stands_in(top->kept, top->kept_n, m->slot) ||
				stands_in(top->quarantined, top->quarantined_n, m->slot) ||
				(top->is_fence && top->parent == m->slot));
}

static const struct dir_manifest *newest(const struct directory *d)
{
	return d->n ? &d->m[d->n - 1] : NULL;
}

/* Of which a power cut takes nothing. */
static const struct dir_manifest *newest_durable(const struct directory *d)
{
	for (uint32_t i = d->n; i-- > 0;) {
		struct fs_sim_look l;
		char path[2 * DIR_NAME];
		snprintf(path, sizeof path, "%s/manifest/%020" PRIu64, d->dir, d->m[i].slot);
		if (fs_sim_peek(d->sim, path, &l) && l.name_is_safe && l.content_is_safe)
			return &d->m[i];
	}
	return NULL;
}

static struct dir_manifest *find_slot(struct directory *d, uint64_t slot)
{
	for (uint32_t i = 0; i < d->n; i++)
		if (d->m[i].slot == slot)
			return &d->m[i];
	return NULL;
}

static bool names_part(const struct dir_manifest *m, const char *name)
{
	for (uint32_t i = 0; i < m->files; i++)
		if (!strcmp(m->file[i].name, name))
			return true;
	return false;
}

/* The slot of a manifest that names it and counts; 0: none. */
static uint64_t part_is_named(const struct directory *d, const struct dir_manifest *top,
			      const char *name)
{
	for (uint32_t i = 0; top && i < d->n; i++)
		if (is_live(top, &d->m[i]) && names_part(&d->m[i], name))
			return d->m[i].slot;
	return 0;
}

static const struct dir_intent *find_intent(const struct directory *d,
					    const struct dir_manifest *top, const char *path,
					    bool is_target)
{
	for (uint32_t i = 0; top && i < d->n; i++)
		for (uint32_t k = 0; is_live(top, &d->m[i]) && k < d->m[i].intents; k++)
			if (!strcmp(is_target ? d->m[i].intent[k].to : d->m[i].intent[k].from, path))
				return &d->m[i].intent[k];
	return NULL;
}

/* ---- names ---- */

/* What follows folder/below/ in path; NULL: it is elsewhere. */
static const char *within(const char *path, const char *folder, const char *below)
{
	size_t n = strlen(folder), m = strlen(below);
	if (strncmp(path, folder, n) || path[n] != '/' || strncmp(path + n + 1, below, m))
		return NULL;
	return path + n + 1 + m;
}

static bool slot_of(const char *name, uint64_t *slot)
{
	char *end;
	if (!name || strlen(name) != 20 || !isdigit((unsigned char)*name))
		return false;
	*slot = strtoull(name, &end, 10);
	return !*end;
}

static bool is_committed_name(const char *name)
{
	return name && !strncmp(name, "part-", 5) && !strchr(name, '/');
}

static uint64_t epoch_in(const char *part)
{
	unsigned long long epoch = 0;
	return sscanf(part, "%*8[0-9a-f]-%llu-", &epoch) == 1 ? epoch : 0;
}

static struct dir_name *find_name(struct directory *d, const char *path)
{
	for (size_t i = 0; i < d->made_n; i++)
		if (!strcmp(d->made[i].path, path))
			return &d->made[i];
	return NULL;
}

static struct dir_name *add_name(struct directory *d, const char *path, uint64_t n)
{
	if (d->made_n == d->made_cap) {
		d->made_cap = d->made_cap ? 2 * d->made_cap : 256;
		d->made = realloc(d->made, d->made_cap * sizeof *d->made);
	}
	struct dir_name *x = &d->made[d->made_n++];
	*x = (struct dir_name){.n = n};
	snprintf(x->path, sizeof x->path, "%s", path);
	return x;
}

static bool hash_of(const struct directory *d, const char *path, uint64_t *hash, uint64_t *len)
{
	struct fs_sim_look l;
	if (!fs_sim_peek(d->sim, path, &l))
		return false;
	*hash = checksum64(l.data, l.size);
	*len = l.size;
	return true;
}

/* ---- each change ---- */

static void saw_made(struct directory *d, const struct fs_sim_change *c)
{
	if (!within(c->path, d->dir, "parts/") && !within(c->path, d->out, PENDING))
		return;
	const struct dir_name *before = find_name(d, c->path);
	if (before)
		directory_fault(d, "'%s' is made at operation %" PRIu64 ", and was at %" PRIu64
				" (inv 11)", c->path, c->n, before->n);
	else
		add_name(d, c->path, c->n);
}

static void saw_slot(struct directory *d, const struct fs_sim_change *c, uint64_t slot)
{
	struct fs_sim_look l;
	struct dir_manifest m;
	if (find_slot(d, slot) || d->n == DIR_SLOTS) {
		directory_fault(d, "slot %" PRIu64 " is taken twice", slot);
		return;
	}
	if (!dir_manifest_read(d, &m, slot, false)) {
		dir_manifest_close(d, &m);
		return;
	}
	uint32_t at = d->n++;
	for (; at && d->m[at - 1].slot > slot; at--)
		d->m[at] = d->m[at - 1];
	d->m[at] = m;
	if (m.is_fence)
		d->epoch[c->host] = slot;
	if (fs_sim_peek(d->sim, c->to, &l) && !l.content_is_safe)
		directory_fault(d, "manifest %" PRIu64 " is linked and not synced (inv 1)", slot);
	dir_manifest_verify(d, slot);
}

static void saw_committed(struct directory *d, const struct fs_sim_change *c)
{
	uint64_t hash = 0, len = 0;
	struct dir_name *before = find_name(d, c->to);
	const struct dir_intent *x = find_intent(d, newest_durable(d), c->to, true);
	if (!hash_of(d, c->to, &hash, &len))
		return;
	if (!x || x->hash != hash || x->len != len)
		directory_fault(d, "'%s' is committed, and no durable manifest says so (inv 1, 17)",
				c->to);
	if (before && before->hash != hash)
		directory_fault(d, "'%s' is committed again with another content (inv 11)", c->to);
	if (!before)
		add_name(d, c->to, c->n)->hash = hash;
}

static void saw_part_go(struct directory *d, const struct fs_sim_change *c, const char *name)
{
	uint64_t by = part_is_named(d, newest_durable(d), name);
	if (by)
		directory_fault(d, "parts/%s is removed, and manifest %" PRIu64 " names it (inv 13)", name,
				by);
	if (epoch_in(name) > d->epoch[c->host])
		directory_fault(d, "parts/%s is removed by an older epoch, %" PRIu64 " (inv 13)", name,
				d->epoch[c->host]);
}

static void saw_slot_go(struct directory *d, uint64_t slot)
{
	struct dir_manifest *m = find_slot(d, slot);
	const struct dir_manifest *top = newest_durable(d);
	if (!m)
		return;
	if (m->is_fence)
		directory_fault(d, "manifest %" PRIu64 " is a fence, and removed (inv 13)", slot);
	else if (!top || top->slot < slot || is_live(top, m))
		directory_fault(d, "manifest %" PRIu64 " is removed, and counts (inv 13)", slot);
	dir_manifest_close(d, m);
	memmove(m, m + 1, (size_t)(&d->m[--d->n] - m) * sizeof *m);
}

static void saw_pending_go(struct directory *d, const char *path)
{
	struct fs_sim_look l;
	const struct dir_intent *x = find_intent(d, newest_durable(d), path, false);
	if (!x)
		return;
	bool done = x->appends && fs_sim_peek(d->sim, x->to, &l) && l.size >= x->off + x->len &&
		    checksum64(l.data + x->off, x->len) == x->hash && l.content_is_safe;
	if (!done)
		directory_fault(d, "'%s' is removed, and is to be committed (inv 12)", path);
}

static void saw_removed(struct directory *d, const struct fs_sim_change *c)
{
	const char *part = within(c->path, d->dir, "parts/");
	uint64_t slot;
	if (part)
		saw_part_go(d, c, part);
	else if (slot_of(within(c->path, d->dir, "manifest/"), &slot))
		saw_slot_go(d, slot);
	else if (within(c->path, d->out, PENDING))
		saw_pending_go(d, c->path);
	else if (is_committed_name(within(c->path, d->out, "")))
		directory_fault(d, "'%s' is committed, and removed (inv 12)", c->path);
}

static void saw_written(struct directory *d, const struct fs_sim_change *c)
{
	const char *part = within(c->path, d->dir, "parts/");
	uint64_t by = part ? part_is_named(d, newest(d), part) : 0;
	if (by)
		directory_fault(d, "parts/%s is written to, and manifest %" PRIu64 " names it (inv 12)",
				part, by);
	for (uint32_t i = 0; i < d->n; i++)
		if (d->m[i].ino == c->ino)
			directory_fault(d, "manifest %" PRIu64 " is written to (inv 12)", d->m[i].slot);
}

void directory_saw(void *arg, const struct fs_sim_change *c)
{
	struct directory *d = arg;
	uint64_t slot;
	switch (c->did) {
	case FS_SIM_MADE:
		saw_made(d, c);
		break;
	case FS_SIM_LINKED:
	case FS_SIM_RENAMED:
		if (slot_of(within(c->to, d->dir, "manifest/"), &slot))
			saw_slot(d, c, slot);
		else if (is_committed_name(within(c->to, d->out, "")))
			saw_committed(d, c);
		else if (find_name(d, c->path)) /* put aside by a rewind, or a fallback */
			find_name(d, c->path)->hash = 0;
		break;
	case FS_SIM_REMOVED:
		saw_removed(d, c);
		break;
	case FS_SIM_WROTE:
	case FS_SIM_CUT:
		saw_written(d, c);
		break;
	default:
		break;
	}
}

/* ---- at an instant ---- */

static void list(const struct directory *d, const char *folder, struct fs_names *names)
{
	struct err e = {0};
	if (fs_list(fs_sim_fs(d->sim), folder, names, &e) != OK)
		*names = (struct fs_names){0};
}

static void read_slots(struct directory *d)
{
	struct fs_names names;
	char path[2 * DIR_NAME];
	uint64_t slot;
	forget_manifests(d);
	snprintf(path, sizeof path, "%s/manifest", d->dir);
	list(d, path, &names);
	for (size_t i = 0; i < names.n && d->n < DIR_SLOTS; i++) { /* ascending */
		if (!slot_of(names.name[i], &slot))
			continue;
		if (dir_manifest_read(d, &d->m[d->n], slot, false))
			d->n++;
		else
			dir_manifest_close(d, &d->m[d->n]);
	}
	fs_names_close(&names);
}

static void look_at_intent(struct directory *d, uint64_t slot, const struct dir_intent *x)
{
	struct fs_sim_look l;
	uint64_t hash, len;
	if (hash_of(d, x->from, &hash, &len) && hash == x->hash && len == x->len)
		return;
	if (x->appends && fs_sim_peek(d->sim, x->to, &l) && l.size >= x->off + x->len &&
	    checksum64(l.data + x->off, x->len) == x->hash)
		return;
	if (!x->appends && hash_of(d, x->to, &hash, &len) && hash == x->hash && len == x->len)
		return;
	directory_fault(d, "manifest %" PRIu64 ": '%s' is to become '%s', and neither is there "
			"(inv 12)", slot, x->from, x->to);
}

static void look_at_kept(struct directory *d, const struct dir_manifest *top)
{
	for (uint32_t i = 0; i < top->kept_n; i++)
		for (uint64_t slot = top->kept[i][0]; slot <= top->kept[i][1]; slot++)
			if (!find_slot(d, slot))
				directory_fault(d, "manifest %" PRIu64 " is kept and missing (inv 12)", slot);
}

void directory_look(struct directory *d)
{
	read_slots(d);
	d->looks++;
	const struct dir_manifest *top = newest(d), *base = top;
	if (!top)
		return;
	look_at_kept(d, top);
	for (uint32_t i = 0; i < d->n; i++)
		if (is_live(top, &d->m[i]))
			dir_manifest_verify(d, d->m[i].slot);
	if (top->is_fence)
		base = find_slot(d, top->parent);
	for (uint32_t i = 0; base && i < base->intents; i++)
		look_at_intent(d, base->slot, &base->intent[i]);
	for (size_t i = 0; i < d->made_n; i++) {
		uint64_t hash, len;
		if (d->made[i].hash && hash_of(d, d->made[i].path, &hash, &len) &&
		    hash != d->made[i].hash)
			directory_fault(d, "'%s' is committed, and has changed (inv 12)", d->made[i].path);
	}
}

/* ---- when all is done ---- */

static void tidy_manifests(struct directory *d)
{
	struct fs_names names;
	char path[2 * DIR_NAME];
	uint64_t slot;
	snprintf(path, sizeof path, "%s/manifest", d->dir);
	list(d, path, &names);
	for (size_t i = 0; i < names.n; i++) {
		const struct dir_manifest *m =
			slot_of(names.name[i], &slot) ? find_slot(d, slot) : NULL;
		if (!m)
			directory_fault(d, "manifest/%s is left over (inv 14)", names.name[i]);
		else if (!m->is_fence && !is_live(newest(d), m))
			directory_fault(d, "manifest/%s is retired and still there (inv 14)",
					names.name[i]);
	}
	fs_names_close(&names);
}

static void tidy_parts(struct directory *d)
{
	struct fs_names names;
	char path[2 * DIR_NAME];
	snprintf(path, sizeof path, "%s/parts", d->dir);
	list(d, path, &names);
	for (size_t i = 0; i < names.n; i++)
		if (!part_is_named(d, newest(d), names.name[i]))
			directory_fault(d, "parts/%s is an orphan (inv 14)", names.name[i]);
	fs_names_close(&names);
}

static void tidy_pending(struct directory *d)
{
	struct fs_names jobs, files;
	char pending[2 * DIR_NAME], path[4 * DIR_NAME];
	snprintf(pending, sizeof pending, "%s/.weir-pending", d->out);
	list(d, pending, &jobs);
	for (size_t i = 0; i < jobs.n; i++) {
		snprintf(path, sizeof path, "%s/%s", pending, jobs.name[i]);
		list(d, path, &files);
		if (files.n)
			directory_fault(d, "%s/%s is left over (inv 14)", path, files.name[0]);
		fs_names_close(&files);
	}
	fs_names_close(&jobs);
}

void directory_tidy(struct directory *d)
{
	if (!d->n)
		return;
	tidy_manifests(d);
	tidy_parts(d);
	tidy_pending(d);
	for (size_t i = 0; i < d->made_n; i++) {
		struct fs_sim_look l;
		if (d->made[i].hash && !fs_sim_peek(d->sim, d->made[i].path, &l))
			directory_fault(d, "'%s' is committed, and gone (inv 12)", d->made[i].path);
	}
}
