/* gc.c - what a sweep would remove, told and not done: `weir gc --dry-run`. The facts and the
 * verdicts are the sweep's own (retention.c), so the two cannot disagree. See store.h. */
#include "base/check.h"
#include "checkpoint/store_parts.h"

#include <stdio.h>
#include <stdlib.h>

struct teller {
	struct store *s;
	struct sweep_ear ear;
};

static enum rc tell(const struct teller *t, struct storage st, const char *name, const char *why,
		    struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	uint64_t size_bytes;
	struct err ignored = {OK};
	if (!layout_path(path, st.folder, NULL, name))
		return ERR(e, E_INVALID, "the path of '%s' is too long", name);
	enum rc rc = storage_size(st, name, &size_bytes, &ignored);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc == OK)
		t->ear.hear(t->ear.arg, path, size_bytes, why);
	return rc == OK ? OK : ERR(e, rc, "%s", ignored.text);
}

/* As the sweep's first steps do, but all are kept in memory. */
enum rc store_read_all(struct store *s, struct err *e)
{
	for (size_t i = 0; i < s->n_known; i++) {
		struct err why = {OK};
		enum rc rc = s->known[i].is == SLOT_UNREAD ? store_read_slot(s, &s->known[i], &why) : OK;
		if (rc != OK && rc != E_CORRUPT && rc != E_REFUSED && rc != E_NOT_FOUND)
			return ERR(e, rc, "%s", why.text);
		s->missing |= rc == E_NOT_FOUND;
	}
	return OK;
}

static enum rc tell_slots(const struct teller *t, const struct retention_facts *f, struct err *e)
{
	enum rc rc = OK;
	for (size_t i = 0; i < t->s->n_known && rc == OK; i++) {
		const struct known *k = &t->s->known[i];
		char name[LAYOUT_NAME_MAX + 1];
		layout_slot(name, k->slot);
		if (retention_slot(f, k->slot, k->is == SLOT_IS_CHECKPOINT ? k->m : NULL) == FATE_REMOVE)
			rc = tell(t, t->s->slots, name, SWEEP_WHY_SLOT, e);
	}
	return rc;
}

static enum rc tell_names(const struct teller *t, const struct retention_facts *f,
			  struct storage st,
			  enum fate (*fate)(const struct retention_facts *, const char *),
			  const char *why, struct err *e)
{
	struct fs_names names;
	struct err absent = {OK};
	enum rc rc = storage_list(st, &names, &absent);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", absent.text);
	for (size_t i = 0; i < names.n && rc == OK; i++)
		if (fate(f, names.name[i]) == FATE_REMOVE)
			rc = tell(t, st, names.name[i], why, e);
	fs_names_close(&names);
	return rc;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What counts as dropped once the slots that go are gone: their names too. *list is the
 * caller's. */
static enum rc dropped_then(struct store *s, struct retention_facts *f, const char ***list,
			    struct err *e)
{
	size_t n = s->n_dropped;
	for (size_t i = 0; i < s->n_known; i++)
		n += s->known[i].m ? s->known[i].m->n_files : 0;
	*list = mem_get(s->mem, (n + 1) * sizeof **list);
	if (!*list)
		return ERR(e, E_NO_MEMORY, "no memory for a list of names");
	for (n = 0; n < s->n_dropped; n++)
		(*list)[n] = s->dropped[n];
	for (size_t i = 0; i < s->n_known; i++) {
		const struct known *k = &s->known[i];
		bool goes = k->is == SLOT_IS_CHECKPOINT &&
			    retention_slot(f, k->slot, k->m) == FATE_REMOVE;
		for (uint32_t j = 0; goes && j < k->m->n_files; j++)
			(*list)[n++] = k->m->file[j].name;
	}
	qsort(*list, n, sizeof **list, by_text);
	f->dropped = *list;
	f->n_dropped = n;
	return OK;
}

enum rc store_gc_plan(struct store *s, uint32_t attempt, struct sweep_ear ear, struct err *e)
{
	struct teller t = {s, ear};
	struct retention_facts f;
	const char **dropped = NULL;
	enum rc rc = store_dead(s, e);
	if (rc != OK || !s->top)
		return rc;
	sweep_close(s);
	rc = store_read_all(s, e);
	if (rc == OK)
		rc = sweep_facts(s, s->epoch ? s->epoch : s->top_slot + 1, &f, e);
	f.attempt = attempt;
	if (rc == OK)
		rc = dropped_then(s, &f, &dropped, e);
	if (rc == OK)
		rc = tell_slots(&t, &f, e);
	if (rc == OK)
		rc = tell_names(&t, &f, s->parts, retention_part, SWEEP_WHY_PART, e);
	if (rc == OK)
		rc = tell_names(&t, &f, s->slots, retention_temporary, SWEEP_WHY_TEMPORARY, e);
	mem_put(s->mem, dropped);
	return rc;
}
