/* inspect.c - finding the checkpoint that is asked for, and its keyed states. See inspect.h. */
#include "runtime/inspect.h"

#include "base/check.h"
#include "checkpoint/retention.h"
#include "checkpoint/slots.h"

#include <inttypes.h>
#include <stdlib.h>

enum { OPEN_TRIES = 8 }; /* by feel: the log may move on under a reader that often */

struct inspect {
	struct env *env;
	struct manifest m;
	bool live; /* the newest manifest listed it when it was opened */
	char dir[LAYOUT_PATH_MAX], parts_dir[LAYOUT_PATH_MAX];
};

const struct manifest *inspect_manifest(const struct inspect *i)
{
	return &i->m;
}

const char *inspect_dir(const struct inspect *i)
{
	return i->dir;
}

const char *inspect_parts_dir(const struct inspect *i)
{
	return i->parts_dir;
}

struct env *inspect_env(const struct inspect *i)
{
	return i->env;
}

/* --- the log --- */

/* The newest manifest, or empty (slot 0) where the log is. *l: every slot. */
static RC read_top(struct inspect *i, struct slot_list *l, struct manifest *top, struct err *e)
{
	struct mem *mem = i->env->mem;
	manifest_init(top, mem);
	if (slots_list(slots_in(i->env->fs, i->dir), mem, l, e) != OK)
		return e->code;
	return l->n ? slots_read(slots_in(i->env->fs, i->dir), mem, l->slot[l->n - 1], top, e) : OK;
}

RC inspect_still(struct inspect *i, bool *there, struct err *e)
{
	char name[LAYOUT_NAME_MAX + 1], path[LAYOUT_PATH_MAX];
	struct fs_stat st;
	struct err why = {OK};
	layout_slot(name, i->m.slot);
	*there = false;
	if (!layout_path(path, i->dir, LAYOUT_MANIFEST, name))
		return ERR(e, E_INVALID, "the path of '%s' is too long", i->dir);
	enum rc rc = fs_stat(i->env->fs, path, &st, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	*there = true;
	if (!i->live)
		return OK;
	struct slot_list l;
	struct manifest top;
	rc = read_top(i, &l, &top, &why);
	if (rc == OK && top.slot)
		*there = retention_lists(&top, i->m.slot) || top.parent == i->m.slot;
	manifest_close(&top);
	slot_list_close(&l);
	return rc == E_NO_MEMORY ? ERR(e, rc, "%s", why.text) : OK;
}

enum rc inspect_verdict(struct inspect *i, enum rc rc, const struct err *why, struct err *e)
{
	bool there = true;
	struct err ignored = {OK};
	if (rc == OK)
		return OK;
	if ((rc == E_CORRUPT || rc == E_NOT_FOUND) && inspect_still(i, &there, &ignored) == OK &&
	    !there)
		return ERR(e, E_NOT_FOUND, "checkpoint %" PRIu64 " of '%s' was retired while it was read",
			   i->m.id, i->dir);
	return ERR(e, rc, "%s", why->text);
}

/* --- opening --- */

static RC inspect_new(struct inspect **out, struct env *env, const char *dir, struct err *e)
{
	struct inspect *i = *out = mem_get(env->mem, sizeof *i);
	if (!i)
		return ERR(e, E_NO_MEMORY, "no memory to read '%s'", dir);
	i->env = env;
	manifest_init(&i->m, env->mem);
	if (layout_path(i->parts_dir, dir, NULL, LAYOUT_PARTS)) { /* longer than dir: that fits too */
		memcpy(i->dir, dir, strlen(dir) + 1);
		return OK;
	}
	inspect_close(i);
	*out = NULL;
	return ERR(e, E_INVALID, "the path of '%.100s...' is too long", dir);
}

void inspect_close(struct inspect *i)
{
	if (!i)
		return;
	manifest_close(&i->m);
	mem_put(i->env->mem, i);
}

/* *gone: what the log named is not there; it may have moved on. */
static RC open_newest_once(struct inspect *i, bool *gone, struct err *e)
{
	struct slot_list l = {0};
	struct manifest top;
	uint64_t wanted = SLOT_NONE;
	enum rc rc = read_top(i, &l, &top, e);
	*gone = rc == E_NOT_FOUND;
	if (rc == E_CORRUPT || rc == E_REFUSED)
		err_in(e, "the newest manifest cannot be read (--at ID reads an older one)");
	if (rc == OK && !l.n)
		rc = ERR(e, E_NOT_FOUND, "'%s' has no checkpoint yet", i->dir);
	if (rc == OK && top.slot_kind == SLOT_CHECKPOINT) {
		i->m = top;
		manifest_init(&top, i->env->mem);
	} else if (rc == OK && top.parent == SLOT_NONE) {
		rc = ERR(e, E_NOT_FOUND, "'%s' has no checkpoint yet in its newest line (it was begun "
			 "with --fresh); weir checkpoints %s shows what there is", i->dir, i->dir);
	} else if (rc == OK) {
		wanted = top.parent;
	}
	manifest_close(&top);
	slot_list_close(&l);
	if (wanted == SLOT_NONE)
		return rc;
	rc = slots_read(slots_in(i->env->fs, i->dir), i->env->mem, wanted, &i->m, e);
	*gone = rc == E_NOT_FOUND;
	return rc;
}

static RC open_newest(struct inspect *i, struct err *e)
{
	for (int tries = 0;; tries++) {
		struct err why = {OK};
		bool gone;
		enum rc rc = open_newest_once(i, &gone, &why);
		i->live = rc == OK;
		if (rc == OK)
			return OK;
		if (!gone)
			return ERR(e, rc, "%s", why.text);
		if (tries == OPEN_TRIES) /* it stood still: the file is missing */
			return ERR(e, E_CORRUPT, "%s", why.text);
	}
}

static bool is_wanted(const struct manifest *m, uint64_t id, const char *name)
{
	return m->slot_kind == SLOT_CHECKPOINT &&
	       (name ? m->name && !strcmp(m->name, name) : m->id == id);
}

/* Appends "3, 4, 5": what could have been asked for, the newest few. */
static void tell_ids(struct bytes *said, const struct manifest *m, unsigned *n)
{
	enum { SHOWN = 8 };
	if (m->slot_kind != SLOT_CHECKPOINT || (*n)++ > SHOWN)
		return;
	if (*n > SHOWN)
		bytes_put_text(said, ", ...");
	else
		bytes_printf(said, "%s%" PRIu64 "%s%s%s", *n > 1 ? ", " : "", m->id, m->name ? " ('" : "",
			     m->name ? m->name : "", m->name ? "')" : "");
}

static RC not_there(const struct inspect *i, const char *at, struct bytes *said, struct err *e)
{
	return ERR(e, E_NOT_FOUND, "'%s' has no checkpoint %s%s%s (any more); it has: %.300s", i->dir,
		   at[0] >= '0' && at[0] <= '9' ? "" : "named '", at,
		   at[0] >= '0' && at[0] <= '9' ? "" : "'", said->len ? bytes_text(said) : "none");
}

/* Newest first: what is asked for is rarely old. A manifest that cannot be read is passed over,
 * unless nothing else answers. */
static RC open_wanted(struct inspect *i, const char *at, uint64_t id, const char *name,
		      struct err *e)
{
	struct slot_list l = {0};
	struct manifest top;
	struct err why = {OK}, unread = {OK};
	struct bytes said;
	unsigned n = 0;
	bool found = false;
	bytes_init(&said, i->env->mem);
	enum rc rc = read_top(i, &l, &top, &why);
	bool top_reads = rc == OK;
	if (rc != E_CORRUPT && rc != E_REFUSED && rc != E_NOT_FOUND && rc != OK)
		ERR(e, rc, "%s", why.text);
	else
		rc = OK;
	for (size_t k = l.n; rc == OK && !found && k-- > 0;) {
		err_clear(&why);
		enum rc got = slots_read(slots_in(i->env->fs, i->dir), i->env->mem, l.slot[k], &i->m, &why);
		if (got == E_NO_MEMORY || got == E_IO)
			rc = ERR(e, got, "%s", why.text);
		else if (got != OK && got != E_NOT_FOUND)
			ERR(&unread, got, "%s", why.text);
		if (got != OK)
			continue;
		found = is_wanted(&i->m, id, name);
		if (found)
			break;
		tell_ids(&said, &i->m, &n);
		manifest_close(&i->m);
	}
	i->live = found && top_reads && retention_lists(&top, i->m.slot);
	if (rc == OK && !found)
		rc = unread.code ? ERR(e, unread.code, "%s", unread.text) : not_there(i, at, &said, e);
	manifest_close(&top);
	slot_list_close(&l);
	bytes_close(&said);
	return rc;
}

/* Where a savepoint of this name stands as a directory of its own, i goes there. */
static RC enter_savepoint(struct inspect *i, const char *name, bool *there, struct err *e)
{
	char folder[LAYOUT_PATH_MAX], inside[LAYOUT_PATH_MAX], probe[LAYOUT_PATH_MAX];
	struct fs_stat st;
	struct err why = {OK};
	*there = false;
	if (strchr(name, '/') || name[0] == '.' || !layout_path(folder, i->dir, NULL, "savepoints") ||
	    !layout_path(inside, folder, NULL, name) ||
	    !layout_path(probe, inside, NULL, LAYOUT_MANIFEST))
		return OK;
	enum rc rc = fs_stat(i->env->fs, probe, &st, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	*there = true;
	memcpy(i->dir, inside, sizeof i->dir);
	CHECK(layout_path(i->parts_dir, inside, NULL, LAYOUT_PARTS)); /* shorter than the probe */
	return OK;
}

RC inspect_open(struct inspect **out, struct env *env, const char *dir, const char *at,
		struct err *e)
{
	if (inspect_new(out, env, dir, e) != OK)
		return e->code;
	struct inspect *i = *out;
	char *end = NULL;
	uint64_t id = at ? strtoull(at, &end, 10) : 0;
	bool is_id = at && at[0] >= '0' && at[0] <= '9' && !*end, savepoint = false;
	enum rc rc = OK;
	if (at && !is_id)
		rc = enter_savepoint(i, at, &savepoint, e);
	if (rc == OK)
		rc = !at || savepoint ? open_newest(i, e) : open_wanted(i, at, id, is_id ? NULL : at, e);
	if (rc != OK) {
		inspect_close(i);
		*out = NULL;
	}
	return rc;
}

RC inspect_open_slot(struct inspect **out, struct env *env, const char *dir, struct manifest *m,
		     bool live, struct err *e)
{
	if (inspect_new(out, env, dir, e) != OK)
		return e->code;
	(*out)->m = *m;
	(*out)->live = live;
	manifest_init(m, env->mem);
	return OK;
}

/* --- keyed states --- */

RC inspect_state_of(const struct manifest_op *op, const struct manifest_keyed *k,
		    struct inspect_state *s, struct err *e)
{
	uint32_t field[KEY_FIELDS_MAX];
	*s = (struct inspect_state){.op = op, .keyed = k};
	if (k->key.n > KEY_FIELDS_MAX || k->value.n < 1 || k->value.n > 2)
		return ERR(e, E_REFUSED, "stage '%s' has keys of %u fields and values of %u, which this "
			   "weir does not know", op->id, k->key.n, k->value.n);
	for (uint32_t f = 0; f < k->value.n; f++)
		if (k->value.field[f].type == T_STRING || k->value.field[f].type == T_BOOL)
			return ERR(e, E_REFUSED, "stage '%s' has values that are no numbers, which this weir "
				   "does not know", op->id);
	for (uint32_t f = 0; f < k->key.n; f++)
		field[f] = f;
	key_spec_set(&s->key, &k->key, field, k->key.n);
	if (!shape_hash_fits(s->key.form, k->hash_id))
		return ERR(e, E_REFUSED, "stage '%s' has keys placed by hash %u, which is not for keys of "
			   "their kind", op->id, k->hash_id);
	s->shape = (struct keyed_shape){.form = s->key.form, .value_bytes = 8 * k->value.n,
					.hash_id = (enum hash_id)k->hash_id};
	return OK;
}

RC inspect_find(const struct inspect *i, const char *stage, struct inspect_state *s, struct err *e)
{
	struct bytes said;
	const struct manifest_op *found = NULL;
	uint32_t n = 0;
	bytes_init(&said, i->env->mem);
	for (uint32_t o = 0; o < i->m.n_ops; o++) {
		const struct manifest_op *op = &i->m.op[o];
		if (!op->n_keyed)
			continue;
		bytes_printf(&said, "%s%s", n++ ? ", " : "", op->id);
		if (!stage || !strcmp(op->id, stage))
			found = op;
	}
	enum rc rc = OK;
	if (!n)
		rc = ERR(e, E_NOT_FOUND, "checkpoint %" PRIu64 " has no keyed state", i->m.id);
	else if (!found)
		rc = ERR(e, E_NOT_FOUND, "checkpoint %" PRIu64 " has no keyed state of a stage '%s'; it "
			 "has: %.300s", i->m.id, stage, bytes_text(&said));
	else if (!stage && n > 1)
		rc = ERR(e, E_USAGE, "say of which stage; checkpoint %" PRIu64 " has keyed state of: "
			 "%.300s", i->m.id, bytes_text(&said));
	bytes_close(&said);
	return rc == OK ? inspect_state_of(found, &found->keyed[0], s, e) : rc;
}
