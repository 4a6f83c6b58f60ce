/* remove.c - how a file goes that a sweep has condemned: a small one at once, a large one piece by
 * piece from its end, and its name last. See store.h, SWEEP_CUT_BYTES.
 * Why pieces: to free a gigabyte is one transaction of the file system, which every fsync waits
 * for; 16 MiB at a time it is many, and a publication goes first between them. A crash leaves a
 * shorter file under a name that nobody names: the next sweep goes on with it.
 * Only parts: a manifest is whole or not there. And those only when all that is small is gone. */
#include "base/check.h"
#include "checkpoint/store_parts.h"

enum rc sweep_remove(struct store *s, struct storage st, const char *name, const char *why,
		     bool *gone, struct err *e)
{
	uint64_t step = s->o.cut_bytes ? s->o.cut_bytes : SWEEP_CUT_BYTES, size_bytes, cut;
	char path[LAYOUT_PATH_MAX];
	struct err text = {OK};
	*gone = true;
	enum rc rc = storage_size(st, name, &size_bytes, &text);
	bool large = rc == OK && st.folder == s->parts.folder && size_bytes > step;
	if (large && s->sweep.at != SWEEP_LARGE) {
		s->sweep.large = s->sweep.large < s->sweep.i ? s->sweep.large : s->sweep.i;
		return OK;
	}
	if (large && (cut = storage_shrink(st, name, step))) {
		s->sweep.cutting = s->sweep.cutting ? s->sweep.cutting : size_bytes;
		s->freed += cut;
		*gone = false;
		return OK;
	}
	if (rc == OK)
		rc = storage_remove(st, name, &text);
	if (rc != OK)
		return rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", text.text);
	s->freed += size_bytes;
	if (s->sweep.ear.hear && layout_path(path, st.folder, NULL, name))
		s->sweep.ear.hear(s->sweep.ear.arg, path,
				  s->sweep.cutting ? s->sweep.cutting : size_bytes, why);
	s->sweep.cutting = 0;
	return OK;
}

uint64_t store_freed(const struct store *s)
{
	return s->freed;
}

void store_sweep_tells(struct store *s, struct sweep_ear ear)
{
	s->sweep.ear = ear;
}
