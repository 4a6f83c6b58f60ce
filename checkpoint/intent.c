/* intent.c - see intent.h: how one is packed and named, and renames. Appends: intent_append.c. */
#include "checkpoint/intent_parts.h"

#include "base/hash.h"
#include "base/planted.h"

#include <stdio.h>

static void put_string(struct bytes *to, const char *s)
{
	size_t n = strlen(s);
	bytes_put_u16(to, (uint16_t)n);
	bytes_put(to, s, n + 1);
}

void intent_put(struct bytes *to, const struct intent *in)
{
	put_string(to, in->sink);
	bytes_put_u8(to, (uint8_t)in->kind);
	put_string(to, in->from);
	put_string(to, in->to);
	bytes_put_u64(to, in->offset);
	bytes_put_u64(to, in->length);
	bytes_put_u64(to, in->hash);
}

static char *take_string(struct reader *r)
{
	uint16_t n = reader_u16(r);
	const uint8_t *s = reader_take(r, (size_t)n + 1);
	return s && s[n] == '\0' ? (char *)s : NULL;
}

bool intent_next(struct reader *r, struct intent *in)
{
	if (!reader_left(r))
		return false;
	char *sink = take_string(r);
	in->kind = reader_u8(r);
	in->from = take_string(r);
	in->to = take_string(r);
	in->offset = reader_u64(r);
	in->length = reader_u64(r);
	in->hash = reader_u64(r);
	if (r->failed || !sink || strlen(sink) >= sizeof in->sink || !in->from || !in->to)
		return false;
	strcpy(in->sink, sink);
	return true;
}

const char *intent_kind_name(enum intent_kind k)
{
	static const char *const names[] = {"unknown", "rename", "append"};
	return names[k];
}

static enum intent_kind kind_of(const char *name)
{
	for (enum intent_kind k = INTENT_RENAME; k <= INTENT_APPEND; k++)
		if (!strcmp(name, intent_kind_name(k)))
			return k;
	return INTENT_UNKNOWN;
}

struct intent intent_of(const struct manifest *m, uint32_t i)
{
	const struct manifest_intent *mi = &m->intent[i];
	struct intent in = {.kind = kind_of(mi->kind), .from = (char *)mi->from, .to = (char *)mi->to,
			    .offset = mi->offset, .length = mi->length, .hash = mi->hash,
			    .file_end = mi->offset + mi->length};
	snprintf(in.sink, sizeof in.sink, "%s", mi->sink);
	if (in.kind != INTENT_APPEND)
		return in;
	for (uint32_t k = 0; k < m->n_intents; k++) {
		const struct manifest_intent *o = &m->intent[k];
		if (kind_of(o->kind) != INTENT_APPEND || strcmp(o->to, mi->to))
			continue;
		if (o->offset + o->length > in.file_end)
			in.file_end = o->offset + o->length;
	}
	return in;
}

enum rc intent_sync_dir_of(struct fs *fs, const char *path, struct err *e)
{
	char dir[INTENT_PATH_MAX];
	fs_dirname(path, dir, sizeof dir);
	return fs_sync_dir(fs, dir, e);
}

enum rc intent_sync_dirs(struct fs *fs, const struct intent *in, struct err *e)
{
	return intent_sync_dir_of(fs, in->to, e) == OK ? intent_sync_dir_of(fs, in->from, e) : e->code;
}

static RC file_hash(struct fs *fs, const char *path, uint64_t length, uint64_t *hash, struct err *e)
{
	int fd;
	if (fs_open(fs, path, FS_READ, &fd, e) != OK)
		return e->code;
	struct checksum sum;
	checksum_begin(&sum);
	enum { PIECE = 64 << 10 };
	uint8_t *piece = mem_get(fs->mem, PIECE);
	enum rc rc = piece ? OK : ERR(e, E_NO_MEMORY, "%s: no memory to read it", path);
	uint64_t at = 0;
	while (rc == OK) {
		size_t got;
		rc = fs_pread(fs, fd, piece, PIECE, at, &got, e);
		if (rc != OK || !got)
			break;
		checksum_add(&sum, piece, got);
		at += got;
	}
	mem_put(fs->mem, piece);
	struct err ignored = {0};
	if (fs_close(fs, &fd, rc == OK ? e : &ignored) != OK && rc == OK)
		rc = e->code;
	if (rc == OK)
		*hash = at == length ? checksum_end(&sum) : ~checksum_end(&sum);
	return rc;
}

enum rc intent_verify(struct fs *fs, const struct intent *in, struct err *e)
{
	uint64_t hash;
	struct err why = {0};
	enum rc rc = file_hash(fs, in->from, in->length, &hash, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	return hash == in->hash ? OK : ERR(e, E_CORRUPT, "'%s' is not what was prepared", in->from);
}

/* Both names stand: a crash between link and unlink, or somebody else's file. */
static RC settle_both(struct fs *fs, const struct intent *in, struct err *e)
{
	uint64_t a, b;
	if (file_hash(fs, in->from, in->length, &a, e) != OK ||
	    file_hash(fs, in->to, in->length, &b, e) != OK)
		return e->code;
	if (a != in->hash || b != in->hash)
		return ERR(e, E_CORRUPT,
			   "%s and %s both exist and differ from what was prepared: one of them is not "
			   "weir's; move it away",
			   in->from, in->to);
	return fs_unlink(fs, in->from, e);
}

RC intent_folder_gone(const struct intent *in, const char *dir, struct err *e)
{
	return ERR(e, E_REFUSED,
		   "the folder %s is gone, so it cannot be told whether %s was committed: is the disk "
		   "mounted? If its files were all taken away, make the folder again (mkdir -p) and start "
		   "again",
		   dir, in->to);
}

/* The folder of prepared files is made before the first of them and never removed: without it (a
 * disk that is not mounted, a folder moved away) nothing can be said of what stood in it. */
enum rc intent_folder_is_there(struct fs *fs, const struct intent *in, struct err *e)
{
	char dir[INTENT_PATH_MAX];
	struct fs_stat st;
	struct err local = {0};
	fs_dirname(in->from, dir, sizeof dir);
	enum rc rc = fs_stat(fs, dir, &st, &local);
	if (rc == E_NOT_FOUND)
		return intent_folder_gone(in, dir, e);
	if (rc != OK)
		*e = local;
	return rc;
}

enum rc intent_look(struct fs *fs, const char *path, bool *gone, struct fs_stat *st, struct err *e)
{
	struct err why = {0};
	enum rc rc = fs_stat(fs, path, st, &why);
	*gone = rc == E_NOT_FOUND;
	if (*gone)
		*st = (struct fs_stat){0};
	return rc == OK || *gone ? OK : ERR(e, rc, "%s", why.text);
}

static RC settle_rename(struct fs *fs, const struct intent *in, enum intent_outcome *out,
			struct err *e)
{
	*out = INTENT_COMMITTED;
	struct err local = {0};
	if (PLANTED(rename_replaces) && fs_stat(fs, in->from, &(struct fs_stat){0}, NULL) == OK)
		(void)!fs_unlink(fs, in->to, NULL);
	enum rc rc = fs_rename_new(fs, in->from, in->to, &local);
	if (rc == E_NOT_FOUND) {
		/* Gone means done, but only where it would be if it were not: in a folder that is there. */
		struct fs_stat st;
		if (intent_folder_is_there(fs, in, e) != OK)
			return e->code;
		*out = fs_stat(fs, in->to, &st, NULL) == E_NOT_FOUND ? INTENT_TAKEN : INTENT_WAS_DONE;
	} else if (rc == E_EXISTS) {
		*out = INTENT_WAS_DONE;
		if (settle_both(fs, in, e) != OK)
			return e->code;
	} else if (rc != OK) {
		*e = local;
		return rc;
	}
	if (PLANTED(no_sync_of_output_dir))
		return OK;
	/* Also when it was done: its directories may still owe their sync to a crash. */
	return intent_sync_dirs(fs, in, e);
}

/* ---- either ---- */

RC intent_step(struct fs *fs, const struct intent *in, struct intent_work *w, bool *done,
	       struct err *e)
{
	enum rc rc;
	*done = false;
	switch (in->kind) {
	case INTENT_RENAME:
		*done = true;
		return settle_rename(fs, in, &w->out, e);
	case INTENT_APPEND:
		rc = intent_append_step(fs, in, w, done, e);
		break;
	default:
		rc = ERR(e, E_REFUSED, "sink '%s' prepared %s in a way that this version does not know",
			 in->sink, in->to);
	}
	if (rc != OK || *done)
		intent_work_close(fs, w);
	return rc;
}

void intent_work_close(struct fs *fs, struct intent_work *w)
{
	mem_put(fs->mem, w->sum);
	w->sum = NULL;
}

RC intent_settle(struct fs *fs, const struct intent *in, enum intent_outcome *out, struct err *e)
{
	struct intent_work w = {0};
	for (bool done = false; !done;)
		if (intent_step(fs, in, &w, &done, e) != OK)
			return e->code;
	*out = w.out;
	return OK;
}

RC intent_shows(struct fs *fs, const struct intent *in, bool *pending, bool *committed,
		struct err *e)
{
	bool gone;
	struct fs_stat st;
	*pending = *committed = false;
	if (intent_look(fs, in->from, &gone, &st, e) != OK)
		return e->code;
	*pending = !gone;
	if (intent_look(fs, in->to, &gone, &st, e) != OK)
		return e->code;
	*committed = !gone && (in->kind == INTENT_RENAME || st.size_bytes > in->offset);
	return OK;
}
