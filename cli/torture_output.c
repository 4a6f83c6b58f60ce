/* torture_output.c - see torture_output.h. */
#include "cli/torture_output.h"

#include "base/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_BYTES = 1 << 20, PATH_BYTES = 4096 }; /* by feel */

/* ---- which files ---- */

/* Names hold numbers, padded or not: part-...-9.csv stands before part-...-10.csv. */
static int by_number(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

static enum rc add(struct torture_output *o, const char *path, struct err *e)
{
	o->path[o->n] = mem_string(o->mem, path);
	if (!o->path[o->n])
		return ERR(e, E_NO_MEMORY, "no memory for a path");
	o->n++;
	return OK;
}

static enum rc list_folder(struct torture_output *o, struct fs *fs, const char *folder,
			   struct err *e)
{
	char path[PATH_BYTES];
	struct fs_names l;
	enum rc rc = fs_list(fs, folder, &l, e);
	if (rc == OK && l.n && !(o->path = mem_get(o->mem, l.n * sizeof *o->path)))
		rc = ERR(e, E_NO_MEMORY, "no memory for the names of files");
	for (size_t i = 0; rc == OK && i < l.n; i++) {
		if (l.name[i][0] == '.')
			continue;
		int n = snprintf(path, sizeof path, "%s/%s", folder, l.name[i]);
		rc = n < PATH_BYTES ? add(o, path, e)
				    : ERR(e, E_INVALID, "a path in '%.80s...' is too long", folder);
	}
	fs_names_close(&l);
	if (rc == OK && o->n)
		qsort(o->path, o->n, sizeof *o->path, by_number);
	return rc;
}

RC torture_output_list(struct torture_output *o, struct fs *fs, const char *path, bool single,
		       struct err *e)
{
	struct fs_stat st;
	struct err why = {OK};
	*o = (struct torture_output){.mem = fs->mem};
	enum rc rc = fs_stat(fs, path, &st, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (!single)
		return list_folder(o, fs, path, e);
	o->path = mem_get(o->mem, sizeof *o->path);
	return o->path ? add(o, path, e) : ERR(e, E_NO_MEMORY, "no memory for a path");
}

void torture_output_close(struct torture_output *o)
{
	if (!o->mem)
		return;
	for (size_t i = 0; i < o->n; i++)
		mem_put(o->mem, o->path[i]);
	mem_put(o->mem, o->path);
	*o = (struct torture_output){0};
}

/* ---- records ---- */

struct reading {
	const struct torture_format *format;
	torture_record_fn *fn;
	void *arg;
	struct torture_place at;
	bool header_is_due;
	bool quoted;    /* the byte looked at next stands between quotes */
	size_t looked;  /* at so many bytes of the unfinished record */
};

/* Takes whole records off the front; how many bytes they were. */
static size_t take(struct reading *r, const char *text, size_t len)
{
	size_t begin = 0;
	for (size_t i = r->looked; i < len; i++) {
		if (r->format->quotes && text[i] == '"')
			r->quoted = !r->quoted;
		if (text[i] != '\n' || r->quoted)
			continue;
		r->at.len = (uint32_t)(i - begin);
		if (!r->header_is_due)
			r->fn(r->arg, text + begin, i - begin, &r->at);
		r->header_is_due = false;
		r->at.off += i + 1 - begin;
		begin = i + 1;
	}
	r->looked = len - begin;
	return begin;
}

static enum rc read_file(struct reading *r, struct fs *fs, int fd, struct bytes *text,
			 struct err *e)
{
	uint64_t off = 0;
	for (;;) {
		size_t got;
		if (!bytes_reserve(text, READ_BYTES))
			return ERR(e, E_NO_MEMORY, "no memory for a record of %zu bytes", text->len);
		enum rc rc = fs_pread(fs, fd, text->data + text->len, READ_BYTES, off, &got, e);
		if (rc != OK || !got)
			return rc;
		off += got;
		text->len += got;
		size_t taken = take(r, (const char *)text->data, text->len);
		memmove(text->data, text->data + taken, text->len - taken);
		text->len -= taken;
	}
}

static enum rc read_one(const struct torture_output *o, size_t i, struct fs *fs,
			const struct torture_format *f, struct reading *r, struct err *e)
{
	struct bytes text;
	int fd;
	enum rc rc = fs_open(fs, o->path[i], FS_READ, &fd, e);
	if (rc != OK)
		return rc;
	bytes_init(&text, o->mem);
	rc = read_file(r, fs, fd, &text, e);
	if (rc == OK && text.len && !f->torn_tail)
		rc = ERR(e, E_CORRUPT, "'%s' is committed, but its last record is cut off", o->path[i]);
	bytes_close(&text);
	(void)!fs_close(fs, &fd, NULL); /* only read */
	return rc;
}

RC torture_output_each(const struct torture_output *o, struct fs *fs,
		       const struct torture_format *f, torture_record_fn *fn, void *arg,
		       struct err *e)
{
	enum rc rc = OK;
	for (size_t i = 0; rc == OK && i < o->n; i++) {
		struct reading r = {.format = f, .fn = fn, .arg = arg, .at.file = (uint32_t)i,
				    .header_is_due = f->header};
		rc = read_one(o, i, fs, f, &r, e);
	}
	return rc;
}

void torture_output_again(const struct torture_output *o, struct fs *fs,
			  const struct torture_place *at, char *to, size_t size)
{
	size_t got = 0, len = at->len < size - 1 ? at->len : size - 1;
	int fd;
	if (fs_open(fs, o->path[at->file], FS_READ, &fd, NULL) == OK) {
		(void)!fs_pread(fs, fd, to, len, at->off, &got, NULL);
		(void)!fs_close(fs, &fd, NULL);
	}
	to[got] = '\0';
	for (size_t i = 0; i < got; i++)
		if ((unsigned char)to[i] < ' ')
			to[i] = '?';
}
