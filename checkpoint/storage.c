/* storage.c - the door to whatever keeps manifests and parts. See storage.h. */
#include "checkpoint/storage.h"

#include "base/planted.h"

#include "base/check.h"

#include <string.h>

void blob_close(struct blob *b)
{
	if (b->mem)
		mem_put(b->mem, b->data);
	*b = (struct blob){0};
}

enum rc storage_path(struct storage st, const char *name, char to[LAYOUT_PATH_MAX], struct err *e)
{
	bool fits = true;
	if (name)
		fits = layout_path(to, st.dir, st.folder, name);
	else if (st.folder)
		fits = layout_path(to, st.dir, NULL, st.folder);
	else if ((fits = strlen(st.dir) < LAYOUT_PATH_MAX))
		memcpy(to, st.dir, strlen(st.dir) + 1);
	return fits ? OK : ERR(e, E_INVALID, "the path of '%s' is too long", st.dir);
}

enum put_outcome storage_put(struct storage st, const char *name, const void *data, size_t len,
			     uint64_t epoch, uint64_t *seq, struct err *e)
{
	char path[LAYOUT_PATH_MAX], folder[LAYOUT_PATH_MAX];
	if (storage_path(st, name, path, e) != OK || storage_path(st, NULL, folder, e) != OK)
		return PUT_FAILED;
	struct put p = {folder, path, data, len, epoch, seq};
	enum put_outcome out = st.ops->put(st.self, &p, e);
	CHECK(out == PUT_DONE || e->code != OK);
	return out;
}

enum rc storage_get(struct storage st, const char *name, size_t limit_bytes, struct blob *b,
		    struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = storage_path(st, name, path, e);
	*b = (struct blob){0};
	return rc == OK ? st.ops->get(st.self, path, limit_bytes, b, e) : rc;
}

enum rc storage_list(struct storage st, struct fs_names *l, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = storage_path(st, NULL, path, e);
	*l = (struct fs_names){0};
	return rc == OK ? st.ops->list(st.self, path, l, e) : rc;
}

uint64_t storage_shrink(struct storage st, const char *name, uint64_t step_bytes)
{
	char path[LAYOUT_PATH_MAX];
	struct err ignored = {OK};
	return st.ops->shrink && storage_path(st, name, path, &ignored) == OK
		       ? st.ops->shrink(st.self, path, step_bytes)
		       : 0;
}

enum rc storage_remove(struct storage st, const char *name, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = storage_path(st, name, path, e);
	return rc == OK ? st.ops->remove(st.self, path, e) : rc;
}

enum rc storage_size(struct storage st, const char *name, uint64_t *size_bytes, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = storage_path(st, name, path, e);
	*size_bytes = 0;
	return rc == OK ? st.ops->size(st.self, path, size_bytes, e) : rc;
}

enum rc storage_settle(struct storage st, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = storage_path(st, NULL, path, e);
	return rc == OK ? st.ops->settle(st.self, path, e) : rc;
}

enum rc storage_harden(struct storage st, const char *name, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = storage_path(st, name, path, e);
	return rc == OK ? st.ops->harden(st.self, path, e) : rc;
}

enum rc storage_create(struct storage st, const char *name, struct object *o, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = storage_path(st, name, path, e);
	*o = (struct object){st.ops, st.self, -1};
	return rc == OK ? st.ops->create(st.self, path, &o->handle, e) : rc;
}

enum rc storage_open(struct storage st, const char *name, struct object *o, uint64_t *size_bytes,
		     struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	enum rc rc = storage_path(st, name, path, e);
	*o = (struct object){st.ops, st.self, -1};
	*size_bytes = 0;
	return rc == OK ? st.ops->open(st.self, path, &o->handle, size_bytes, e) : rc;
}

enum rc object_write(struct object *o, const void *from, size_t len, uint64_t off, struct err *e)
{
	return o->ops->write(o->self, o->handle, from, len, off, e);
}

enum rc object_read(struct object *o, void *to, size_t len, uint64_t off, size_t *got,
		    struct err *e)
{
	*got = 0;
	return o->ops->read(o->self, o->handle, to, len, off, got, e);
}

enum rc object_sync(struct object *o, struct err *e)
{
	return PLANTED(no_fsync_of_the_part) ? OK : o->ops->sync(o->self, o->handle, e);
}

enum rc object_close(struct object *o, struct err *e)
{
	return o->handle < 0 ? OK : o->ops->close(o->self, &o->handle, e);
}
