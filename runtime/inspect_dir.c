/* inspect_dir.c - see inspect_dir.h. The log first, from which all else follows. */
#include "checkpoint/retention.h"
#include "runtime/inspect_dir_in.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { COUNTED = 8 }; /* of so many newest checkpoints the keys are counted: by feel */

/* --- telling --- */

static void tell(struct look *k, const struct inspect_fault *f)
{
	char file[LAYOUT_PATH_MAX + 64];
	uint32_t *const by_kind[] = {[FAULT_MISSING] = &k->out->missing,
				     [FAULT_CORRUPT] = &k->out->corrupt,
				     [FAULT_UNREADABLE] = &k->out->unreadable,
				     [FAULT_VERSION] = &k->out->version};
	++*by_kind[f->kind];
	snprintf(file, sizeof file, "%s%s", k->prefix, f->file);
	k->to->fault(k->to->arg,
		     &(struct inspect_fault){.kind = f->kind, .file = file, .what = f->what});
}

static void on_fault(void *arg, const struct inspect_fault *f)
{
	tell(arg, f);
}

void look_fault(struct look *k, enum fault_kind kind, const char *file, const char *fmt, ...)
{
	char what[ERR_TEXT_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	tell(k, &(struct inspect_fault){.kind = kind, .file = file, .what = what});
}

void look_note(struct look *k, const char *name, const char *fmt, ...)
{
	char what[ERR_TEXT_MAX], file[LAYOUT_PATH_MAX + 64];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(file, sizeof file, "%s%s", k->prefix, name);
	k->to->note(k->to->arg, file, what);
}

static void slot_file(char to[LAYOUT_NAME_MAX + 16], uint64_t slot)
{
	char name[LAYOUT_NAME_MAX + 1];
	layout_slot(name, slot);
	snprintf(to, LAYOUT_NAME_MAX + 16, LAYOUT_MANIFEST "/%s", name);
}

/* --- the log --- */

static struct slot_fact *fact_of(const struct look *k, uint64_t slot)
{
	size_t from = 0, to = k->n;
	while (from < to) {
		size_t mid = from + (to - from) / 2;
		if (k->fact[mid].slot < slot)
			from = mid + 1;
		else
			to = mid;
	}
	return from < k->n && k->fact[from].slot == slot ? &k->fact[from] : NULL;
}

/* Names of parts, for what is told of those nobody names. */
static void note_names(struct look *k, const struct manifest *m)
{
	for (uint32_t i = 0; i < m->n_files; i++)
		bytes_put(&k->named, m->file[i].name, strlen(m->file[i].name) + 1);
}

static enum fault_kind kind_of(enum rc rc)
{
	return rc == E_CORRUPT ? FAULT_CORRUPT : rc == E_REFUSED ? FAULT_VERSION : FAULT_UNREADABLE;
}

/* Reads every manifest once, newest first; keeps the newest readable one, and facts of each. */
static RC read_log(struct look *k, const struct slot_list *l)
{
	k->n = l->n;
	k->fact = mem_get(k->env->mem, (l->n + 1) * sizeof *k->fact);
	if (!k->fact)
		return ERR(k->e, E_NO_MEMORY, "no memory for %zu manifests", l->n);
	for (size_t i = 0; i < l->n; i++)
		k->fact[i] = (struct slot_fact){.slot = l->slot[i]};
	for (size_t i = l->n; i-- > 0;) {
		struct slot_fact *f = &k->fact[i];
		struct manifest m;
		struct err why = {OK};
		f->rc = slots_read(slots_in(k->env->fs, k->dir), k->env->mem, f->slot, &m, &why);
		if (f->rc == E_NO_MEMORY)
			return ERR(k->e, f->rc, "%s", why.text);
		char file[LAYOUT_NAME_MAX + 16];
		slot_file(file, f->slot);
		k->out->manifests++;
		if (f->rc != OK) {
			if (f->rc != E_NOT_FOUND && !f->quarantined)
				look_fault(k, kind_of(f->rc), file, "%s", why.text);
			continue;
		}
		k->out->bytes += m.size_bytes;
		f->fence = m.slot_kind == SLOT_FENCE;
		f->id = m.id;
		f->epoch = m.epoch;
		note_names(k, &m);
		if (k->top.slot && memcmp(m.uuid, k->top.uuid, UUID_TEXT))
			look_fault(k, FAULT_CORRUPT, file, "it is another job's: %s, the newest manifest is "
				   "%s's", m.uuid, k->top.uuid);
		if (k->top.slot) {
			manifest_close(&m);
			continue;
		}
		k->top = m;
		k->top_reads = i + 1 == l->n;
		for (uint32_t q = 0; q < m.n_quarantined; q++) {
			struct slot_fact *bad = fact_of(k, m.quarantined[q]);
			if (bad)
				bad->quarantined = true;
		}
	}
	return bytes_ok(&k->named) ? OK : ERR(k->e, E_NO_MEMORY, "no memory for %zu manifests", l->n);
}

bool look_moved(struct look *k)
{
	struct slot_list l;
	struct err why = {OK};
	bool moved = slots_list(slots_in(k->env->fs, k->dir), k->env->mem, &l, &why) != OK || !l.n ||
		     l.slot[l.n - 1] != k->fact[k->n - 1].slot;
	slot_list_close(&l);
	return moved;
}

/* A slot that the newest manifest counts on. Where a newer one stands that cannot be read, it may
 * have been retired since. */
static void expect_slot(struct look *k, uint64_t slot, const char *as)
{
	char file[LAYOUT_NAME_MAX + 16];
	struct slot_fact *f = fact_of(k, slot);
	if ((f && f->rc != E_NOT_FOUND) || !k->top_reads || look_moved(k))
		return;
	slot_file(file, slot);
	look_fault(k, FAULT_MISSING, file, "is missing; slot %" PRIu64 " %s it", k->top.slot, as);
}

/* Fences are never removed, so the epoch of whatever was published has one; a savepoint's own
 * directory holds none. */
static void check_epochs(struct look *k)
{
	char file[LAYOUT_NAME_MAX + 16];
	bool exported = k->n == 1 && k->top.slot_kind == SLOT_CHECKPOINT &&
			k->top.kind == CHECKPOINT_SAVEPOINT;
	uint64_t told = SLOT_NONE;
	for (size_t i = 0; i < k->n && !exported; i++) {
		const struct slot_fact *f = &k->fact[i], *fence = fact_of(k, f->epoch);
		if (f->rc != OK || f->epoch == told || (fence && (fence->rc != OK || fence->fence)) ||
		    slots_has(k->top.quarantined, k->top.n_quarantined, f->epoch))
			continue;
		told = f->epoch;
		slot_file(file, f->epoch);
		look_fault(k, fence ? FAULT_CORRUPT : FAULT_MISSING, file, "slot %" PRIu64 " was written "
			   "by epoch %" PRIu64 ", whose fence %s", f->slot, f->epoch,
			   fence ? "this is not" : "is missing");
	}
}

static void check_log(struct look *k)
{
	const struct manifest *t = &k->top;
	uint64_t last = 0;
	char file[LAYOUT_NAME_MAX + 16];
	for (uint32_t i = 0; i < t->n_retained; i++)
		expect_slot(k, t->retained[i], "retains");
	for (uint32_t i = 0; i < t->n_pinned; i++)
		expect_slot(k, t->pinned[i], "pins");
	if (t->slot_kind == SLOT_FENCE && t->parent != SLOT_NONE)
		expect_slot(k, t->parent, "goes on from");
	slot_file(file, t->slot);
	if (t->todo.kind == TODO_REPAIR)
		look_note(k, file, "a repair went back: the next run looks for what was committed since");
	else if (t->todo.kind != TODO_NONE)
		look_note(k, file, "a rewind, fallback or import was begun and may not be finished: the "
			  "next start finishes it first");
	check_epochs(k);
	for (size_t i = 0; i < k->n; i++) {
		struct slot_fact *f = &k->fact[i];
		f->live = retention_lists(t, f->slot) ||
			  (t->slot_kind == SLOT_FENCE && t->parent == f->slot);
		/* Above a manifest that cannot be read nothing says what is dead. */
		f->live |= !k->top_reads && f->rc == OK;
		if (f->rc != OK || f->fence)
			continue;
		slot_file(file, f->slot);
		if (f->id <= last)
			look_fault(k, FAULT_CORRUPT, file, "checkpoint %" PRIu64 " comes after %" PRIu64
				   ": ids rise for the life of a directory (inv 10)", f->id, last);
		last = f->id;
	}
}

/* --- checkpoints --- */

/* left: so many are newer. */
static RC check_one(struct look *k, size_t at, size_t left, uint64_t chosen)
{
	const struct slot_fact *f = &k->fact[at];
	struct manifest m;
	struct inspect *i = NULL;
	struct err why = {OK};
	struct dir_checkpoint c = {.dir = k->prefix, .chosen = f->slot == chosen};
	enum rc rc = slots_read(slots_in(k->env->fs, k->dir), k->env->mem, f->slot, &m, &why);
	if (rc == E_NO_MEMORY)
		return ERR(k->e, rc, "%s", why.text);
	if (rc != OK) /* retired since it was read first */
		return OK;
	rc = inspect_open_slot(&i, k->env, k->dir, &m, k->top_reads, k->e);
	if (rc == OK)
		rc = inspect_check(i, k->seen, left < COUNTED, on_fault, k, &c.checked, k->e);
	c.m = i ? inspect_manifest(i) : NULL;
	if (rc == OK && !c.checked.retired)
		rc = look_pieces(k, c.m, at + 1 == k->n || c.chosen, &c.torn);
	if (rc == OK && !left)
		rc = look_ledgers(k, c.m);
	c.intact = rc == OK && !c.checked.faults && !c.checked.retired && !c.torn;
	k->out->files += c.checked.files;
	k->out->sections += c.checked.sections;
	k->out->blocks += c.checked.blocks;
	k->out->bytes += c.checked.bytes;
	k->out->rows += c.checked.rows;
	if (rc == OK && !c.checked.retired) {
		k->out->checkpoints++;
		k->out->intact += c.intact;
		if (c.intact && !*k->prefix)
			k->out->best = c.m->id;
		if (c.chosen && !*k->prefix) {
			k->out->chosen = c.m->id;
			k->out->chosen_intact = c.intact;
		}
		k->to->checkpoint(k->to->arg, &c);
	}
	manifest_close(&m);
	inspect_close(i);
	return rc;
}

static RC check_all(struct look *k)
{
	size_t left = 0;
	uint64_t chosen = !k->top_reads                           ? SLOT_NONE
			  : k->top.slot_kind == SLOT_CHECKPOINT ? k->top.slot
								: k->top.parent;
	for (size_t i = 0; i < k->n; i++)
		left += k->fact[i].live && k->fact[i].rc == OK && !k->fact[i].fence &&
			!k->fact[i].quarantined;
	for (size_t i = 0; i < k->n; i++) {
		const struct slot_fact *f = &k->fact[i];
		char file[LAYOUT_NAME_MAX + 16];
		slot_file(file, f->slot);
		if (f->quarantined)
			look_note(k, file, "is quarantined: a start found it corrupt and went past it");
		if (!f->live || f->rc != OK || f->fence || f->quarantined)
			continue;
		if (check_one(k, i, --left, chosen) != OK)
			return k->e->code;
	}
	return OK;
}

/* --- a directory --- */

static RC look_log(struct look *k)
{
	struct slot_list l;
	enum rc rc = slots_list(slots_in(k->env->fs, k->dir), k->env->mem, &l, k->e);
	manifest_init(&k->top, k->env->mem);
	bytes_init(&k->named, k->env->mem);
	if (rc == OK && !l.n)
		rc = ERR(k->e, E_NOT_FOUND, "'%s' has no checkpoint yet", k->dir);
	if (rc == OK)
		rc = read_log(k, &l);
	if (rc == OK && k->top.slot)
		check_log(k);
	if (rc == OK)
		rc = check_all(k);
	if (rc == OK)
		rc = look_around(k);
	slot_list_close(&l);
	manifest_close(&k->top);
	bytes_close(&k->named);
	mem_put(k->env->mem, k->fact);
	return rc;
}

static RC look_savepoint(const struct look *of, const char *name)
{
	char dir[LAYOUT_PATH_MAX], prefix[LAYOUT_PATH_MAX];
	struct err why = {OK};
	struct look k = {.env = of->env, .dir = dir, .prefix = prefix, .to = of->to, .out = of->out,
			 .seen = of->seen, .e = &why};
	snprintf(prefix, sizeof prefix, "savepoints/%s/", name);
	if (!layout_path(dir, of->dir, "savepoints", name))
		return OK;
	of->out->savepoints++;
	enum rc rc = look_log(&k);
	if (rc == E_NOT_FOUND)
		look_note(&k, "", "holds no savepoint yet: it was not finished, and is begun anew");
	else if (rc != OK && rc != E_NO_MEMORY)
		look_fault(&k, FAULT_UNREADABLE, "", "%s", why.text);
	return rc == E_NO_MEMORY ? ERR(of->e, rc, "%s", why.text) : OK;
}

static RC look_savepoints(const struct look *k)
{
	char path[LAYOUT_PATH_MAX];
	struct fs_names names;
	struct err why = {OK};
	if (!layout_path(path, k->dir, NULL, "savepoints"))
		return OK;
	enum rc rc = fs_list(k->env->fs, path, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(k->e, rc, "%s", why.text);
	for (size_t i = 0; i < names.n && rc == OK; i++)
		rc = look_savepoint(k, names.name[i]);
	fs_names_close(&names);
	return rc;
}

RC inspect_dir_check(struct env *env, const char *dir, const struct dir_listener *to,
		     struct dir_result *out, struct err *e)
{
	struct check_seen seen;
	struct look k = {.env = env, .dir = dir, .prefix = "", .to = to, .out = out, .seen = &seen,
			 .e = e};
	*out = (struct dir_result){0};
	check_seen_init(&seen, env->mem);
	enum rc rc = look_log(&k);
	check_seen_close(&seen);
	if (rc == OK) { /* files of a savepoint have the names of others in another folder */
		check_seen_init(&seen, env->mem);
		rc = look_savepoints(&k);
		check_seen_close(&seen);
	}
	return rc;
}
