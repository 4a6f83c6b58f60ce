/* slots.c - see slots.h. */
#include "checkpoint/slots.h"

struct storage slots_in(struct fs *fs, const char *dir)
{
	return storage_dir(fs, dir, LAYOUT_MANIFEST);
}

enum rc slots_list(struct storage st, struct mem *mem, struct slot_list *l, struct err *e)
{
	*l = (struct slot_list){.mem = mem};
	struct fs_names names;
	struct err why = {OK};
	enum rc rc = storage_list(st, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	l->slot = mem_get(mem, names.n * sizeof *l->slot);
	if (!l->slot)
		rc = ERR(e, E_NO_MEMORY, "no memory for the names in '%s/%s'", st.dir, st.folder);
	for (size_t i = 0; i < names.n && l->slot; i++) /* 20 digits: sorted names, sorted numbers */
		if (layout_slot_parse(names.name[i], &l->slot[l->n]))
			l->n++;
	fs_names_close(&names);
	return rc;
}

void slot_list_close(struct slot_list *l)
{
	if (l->mem)
		mem_put(l->mem, l->slot);
	*l = (struct slot_list){.mem = l->mem};
}

enum rc slots_read(struct storage st, struct mem *mem, uint64_t slot, struct manifest *m,
		   struct err *e)
{
	manifest_init(m, mem);
	char name[LAYOUT_NAME_MAX + 1];
	struct blob b;
	layout_slot(name, slot);
	enum rc rc = storage_get(st, name, MANIFEST_MAX, &b, e);
	if (rc != OK)
		return rc;
	rc = manifest_decode(m, mem, slot, b.data, b.len, e);
	blob_close(&b);
	return rc == OK ? OK : err_in(e, "'%s/%s/%s'", st.dir, st.folder, name);
}

enum rc slots_harden(struct storage st, uint64_t slot, struct err *e)
{
	char name[LAYOUT_NAME_MAX + 1];
	layout_slot(name, slot);
	return storage_harden(st, name, e);
}

enum rc slots_publish(struct storage st, uint64_t slot, uint64_t epoch, const void *data,
		      size_t len, uint64_t *seq, struct err *e)
{
	char name[LAYOUT_NAME_MAX + 1];
	struct err why = {OK};
	layout_slot(name, slot);
	switch (storage_put(st, name, data, len, epoch, seq, &why)) {
	case PUT_DONE:
		return OK;
	case PUT_TAKEN:
		return ERR(e, E_FENCED, "%s", why.text);
	case PUT_UNKNOWN:
		return ERR(e, why.code == E_CRASHED ? E_CRASHED : E_UNKNOWN_OUTCOME, "%s", why.text);
	case PUT_FAILED:
		break;
	}
	return ERR(e, why.code, "%s", why.text);
}
