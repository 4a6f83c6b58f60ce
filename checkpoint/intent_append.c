/* intent_append.c - settling an append: see intent.h. */
#include "checkpoint/intent_parts.h"

#include "base/hash.h"

/*   LOOK -> VERIFY (is from what was prepared?) -> COPY -> SYNC -> DROP
 *        -> PROVE (from is gone: does to hold its bytes?) -----> DROP
 *        -> DROP (both are gone: taken)
 * The staged file goes last, when its bytes are durable in their place: until then a start does it
 * all again. */
enum { LOOK, VERIFY, COPY, SYNC, DROP, PROVE };

RC intent_length_fits(const char *path, bool gone, uint64_t size_bytes, uint64_t first,
		      uint64_t end, struct err *e)
{
	unsigned long long size = size_bytes, least = first, most = end;
	if (gone && first)
		return ERR(e, E_REFUSED,
			   "%s is gone, and weir has committed %llu bytes to it: one file only ever grows, so "
			   "it cannot be taken away while there is more to come; put it back",
			   path, least);
	if (size_bytes < first)
		return ERR(e, E_REFUSED,
			   "%s has %llu bytes, and weir has committed %llu to it: somebody cut it; put back "
			   "what was cut off", path, size, least);
	if (size_bytes > end)
		return ERR(e, E_REFUSED,
			   "%s has %llu bytes, and weir wrote at most %llu of them: somebody else wrote to it; "
			   "cut it to what is weir's (truncate -s %llu) or move it away",
			   path, size, most, most);
	return OK;
}

static RC append_look(struct fs *fs, const struct intent *in, struct intent_work *w, struct err *e)
{
	bool from_gone, to_gone;
	struct fs_stat from, to;
	if (intent_look(fs, in->from, &from_gone, &from, e) != OK ||
	    intent_look(fs, in->to, &to_gone, &to, e) != OK)
		return e->code;
	if (from_gone && intent_folder_is_there(fs, in, e) != OK)
		return e->code;
	if (in->length > UINT64_MAX - in->offset)
		return ERR(e, E_CORRUPT, "%s: no file has %llu bytes from byte %llu on", in->to,
			   (unsigned long long)in->length, (unsigned long long)in->offset);
	if (from_gone && to_gone) {
		w->out = INTENT_TAKEN;
		w->phase = DROP;
		return OK;
	}
	/* Those listed before it are settled: it is not shorter than this one's own offset. */
	uint64_t least = from_gone ? in->offset + in->length : in->offset;
	if (intent_length_fits(in->to, to_gone, to.size_bytes, least, in->file_end, e) != OK)
		return e->code;
	bool whole = to.size_bytes >= in->offset + in->length;
	w->out = whole ? INTENT_WAS_DONE : INTENT_COMMITTED;
	w->phase = from_gone ? PROVE : VERIFY;
	if (!from_gone && from.size_bytes != in->length)
		return ERR(e, E_CORRUPT, "%s has %llu bytes, and %llu were prepared", in->from,
			   (unsigned long long)from.size_bytes, (unsigned long long)in->length);
	return OK;
}

static size_t step_bytes(const struct intent *in, const struct intent_work *w)
{
	uint64_t left = in->length - w->at;
	return left < INTENT_STEP_BYTES ? (size_t)left : INTENT_STEP_BYTES;
}

/* A file that was there a moment ago is not: an owner of before, who was only paused, has done what
 * is being done. */
static void look_again(struct fs *fs, struct intent_work *w)
{
	intent_work_close(fs, w);
	w->at = 0;
	w->phase = LOOK;
}

/* The next bytes of the file at path, whose byte `first` is the prepared one number 0. *data is the
 * caller's (fs->mem), also on an error. Phase LOOK: it is gone. */
static RC step_read(struct fs *fs, const char *path, uint64_t first, const struct intent *in,
		    struct intent_work *w, uint8_t **data, struct err *e)
{
	size_t len = step_bytes(in, w), got = 0;
	int fd;
	*data = mem_get_aligned(fs->mem, 64, INTENT_STEP_BYTES);
	if (!*data)
		return ERR(e, E_NO_MEMORY, "%s: no memory to read it", path);
	struct err why = {0};
	enum rc rc = fs_open(fs, path, FS_READ, &fd, &why);
	if (rc == E_NOT_FOUND) {
		look_again(fs, w);
		return OK;
	}
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	rc = fs_pread(fs, fd, *data, len, first + w->at, &got, e);
	if (rc == OK && got < len)
		rc = ERR(e, E_CORRUPT, "%s became shorter while it was read", path);
	(void)!fs_close(fs, &fd, NULL); /* it was only read */
	return rc;
}

static RC sum_begin(struct fs *fs, struct intent_work *w, struct err *e)
{
	w->sum = mem_get_aligned(fs->mem, _Alignof(struct checksum), sizeof *w->sum);
	if (!w->sum)
		return ERR(e, E_NO_MEMORY, "no memory to read what was prepared");
	checksum_begin(w->sum);
	return OK;
}

/* One step of reading; then `next`, if the content is what was prepared. */
static RC append_read(struct fs *fs, const struct intent *in, struct intent_work *w,
		      const char *path, uint64_t first, int next, struct err *e)
{
	uint8_t *data = NULL;
	if (!w->sum && sum_begin(fs, w, e) != OK)
		return e->code;
	enum rc rc = step_read(fs, path, first, in, w, &data, e);
	if (rc == OK && w->phase != LOOK) {
		size_t len = step_bytes(in, w);
		checksum_add(w->sum, data, len);
		w->at += len;
	}
	mem_put(fs->mem, data);
	if (rc != OK || w->phase == LOOK || w->at < in->length)
		return rc;
	if (checksum_end(w->sum) != in->hash)
		return ERR(e, E_CORRUPT, "%s does not hold what was prepared for %s", path, in->to);
	intent_work_close(fs, w);
	w->at = 0;
	w->phase = next;
	return OK;
}

static RC open_to(struct fs *fs, const struct intent *in, int *fd, struct err *e)
{
	struct err why = {0};
	enum rc rc = fs_open(fs, in->to, FS_WRITE, fd, &why);
	if (rc == E_NOT_FOUND && !in->offset)
		return fs_open(fs, in->to, FS_CREATE, fd, e);
	if (rc == E_NOT_FOUND)
		return intent_length_fits(in->to, true, 0, in->offset, in->file_end, e);
	return rc == OK ? OK : ERR(e, rc, "%s", why.text);
}

static RC append_copy(struct fs *fs, const struct intent *in, struct intent_work *w, struct err *e)
{
	uint8_t *data = NULL;
	int fd = -1;
	size_t len = step_bytes(in, w);
	enum rc rc = step_read(fs, in->from, 0, in, w, &data, e);
	if (rc == OK && w->phase == LOOK) {
		mem_put(fs->mem, data);
		return OK;
	}
	if (rc == OK)
		rc = open_to(fs, in, &fd, e);
	if (rc == OK)
		rc = fs_pwrite(fs, fd, data, len, in->offset + w->at, e);
	w->at += len;
	if (rc == OK && w->at % INTENT_SYNC_BYTES == 0)
		rc = fs_sync(fs, fd, e);
	mem_put(fs->mem, data);
	struct err ignored = {0};
	if (fs_close(fs, &fd, rc == OK ? e : &ignored) != OK && rc == OK)
		rc = e->code;
	if (w->at == in->length)
		w->phase = SYNC;
	return rc;
}

static RC append_sync(struct fs *fs, const struct intent *in, struct intent_work *w, struct err *e)
{
	int fd;
	if (open_to(fs, in, &fd, e) != OK)
		return e->code;
	enum rc rc = fs_sync(fs, fd, e);
	struct err ignored = {0};
	if (fs_close(fs, &fd, rc == OK ? e : &ignored) != OK && rc == OK)
		rc = e->code;
	if (rc == OK)
		rc = intent_sync_dir_of(fs, in->to, e);
	w->phase = DROP;
	return rc;
}

static RC append_drop(struct fs *fs, const struct intent *in, bool *done, struct err *e)
{
	struct err why = {0};
	enum rc rc = fs_unlink(fs, in->from, &why);
	if (rc != OK && rc != E_NOT_FOUND)
		return ERR(e, rc, "%s", why.text);
	*done = true;
	return intent_sync_dirs(fs, in, e);
}

enum rc intent_append_step(struct fs *fs, const struct intent *in, struct intent_work *w,
			   bool *done, struct err *e)
{
	switch (w->phase) {
	case LOOK:
		return append_look(fs, in, w, e);
	case VERIFY:
		return append_read(fs, in, w, in->from, 0, COPY, e);
	case PROVE:
		return append_read(fs, in, w, in->to, in->offset, DROP, e);
	case COPY:
		return append_copy(fs, in, w, e);
	case SYNC:
		return append_sync(fs, in, w, e);
	default:
		return append_drop(fs, in, done, e);
	}
}
