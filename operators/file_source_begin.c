/* file_source_begin.c - before the fence: which files, which splits, and whether they are the same
 * files still. Everything that can refuse, refuses here. See file_source.h. */
#include "operators/file_listing.h"

#include "base/planted.h"
#include "operators/file_source.h"

#include <stdio.h>

/* ---- a restored start: are they the same? ---- */

/* The runs of one file: [from, end) of a settled list. */
struct runs {
	uint32_t from, end;
};

/* The furthest byte of the file that lines are known to be counted before; 0: none. */
static uint64_t counted_of(const struct splits *s, struct runs of)
{
	uint64_t counted = 0;
	for (uint32_t i = of.from; i < of.end; i++)
		if (s->run[i].next > counted)
			counted = s->run[i].next;
	return counted;
}

static RC tail_check(struct fs *fs, int fd, const struct split_file *f, const struct split_run *r,
		     uint8_t *scratch, struct err *e)
{
	uint64_t start = split_start(f->bound, f->splits, r->first);
	uint64_t from = file_tail_begin(start, r->next);
	size_t len = (size_t)(r->next - from), got;
	enum rc rc = fs_pread(fs, fd, scratch, len, from, &got, e);
	if (rc != OK)
		return rc;
	if (got != len || file_tail_hash(scratch, len) != r->tail)
		return file_changed(e, f->path, r->next);
	return OK;
}

static RC open_file_check(struct fs *fs, int fd, const struct splits *s, struct runs of,
			  uint8_t *scratch, struct err *e)
{
	const struct split_file *f = &s->file[s->run[of.from].file];
	uint64_t head = 0, counted = counted_of(s, of);
	if (file_is_whole(fs, fd, f->path, f->bound, counted, e) != OK)
		return e->code;
	if (f->has_head) {
		if (file_head_hash(fs, fd, f->path, f->bound, &head, e) != OK)
			return e->code;
		if (head != f->head)
			return file_changed(e, f->path, counted ? counted : HEAD_BYTES);
	}
	for (uint32_t i = of.from; i < of.end; i++)
		if (s->run[i].next && tail_check(fs, fd, f, &s->run[i], scratch, e) != OK)
			return e->code;
	return OK;
}

static RC file_check(const struct file_source_conf *c, struct fs *fs, const struct splits *s,
		     struct runs of, uint8_t *scratch, struct err *e)
{
	const struct split_file *f = &s->file[s->run[of.from].file];
	char full[PATH_TEXT_MAX], n[COMMAS_TEXT];
	struct fs_stat st;
	struct err why = {OK};
	int fd = -1;
	if (path_join(c->base_dir, f->path, full, e) != OK)
		return e->code;
	enum rc rc = fs_stat(fs, full, &st, &why);
	if (rc == E_NOT_FOUND)
		return ERR(e, E_CHANGED, "%s is gone, and was not read to its end: %s is the next byte",
			   f->path, number_text(run_begin(s, &s->run[of.from]), n));
	if (rc == OK && st.kind != FS_FILE)
		return ERR(e, E_CHANGED, "%s is not a regular file any more", f->path);
	if (rc == OK)
		rc = fs_open(fs, full, FS_READ, &fd, &why);
	if (rc != OK)
		return ERR(e, rc, "%s cannot be read: %s", f->path, why.text);
	rc = open_file_check(fs, fd, s, of, scratch, e);
	(void)!fs_close(fs, &fd, NULL); /* nothing was written */
	return rc;
}

static RC splits_restore(const struct file_source_conf *c, struct op_begin *b, struct splits *s,
			 struct err *e)
{
	for (uint32_t i = 0; i < b->n_old; i++)
		if (splits_decode(s, b->old[i].data, b->old[i].len, e) != OK)
			return e->code;
	if (splits_settle(s, e) != OK)
		return e->code;
	if (s->pattern && strcmp(s->pattern, c->path))
		return ERR(e, E_REFUSED,
			   "path was '%s' when this job began and is '%s' now: change it back, or begin "
			   "again with --fresh",
			   s->pattern, c->path);
	for (uint32_t i = 0; i < s->n_runs && PLANTED(split_begins_again_at_a_rescale); i++)
		s->run[i].next = b->parallelism == b->n_old ? s->run[i].next : 0;
	uint8_t *scratch = mem_get_aligned(b->mem, 64, TAIL_BYTES);
	if (!scratch)
		return ERR(e, E_NO_MEMORY, "no memory to compare files");
	enum rc rc = OK;
	for (struct runs of = {0, 0}; of.from < s->n_runs && rc == OK; of.from = of.end) {
		for (of.end = of.from + 1; of.end < s->n_runs &&
					   s->run[of.end].file == s->run[of.from].file;)
			of.end++;
		rc = file_check(c, b->fs, s, of, scratch, e);
	}
	mem_put(b->mem, scratch);
	return rc;
}

/* ---- for the recovery report ---- */

static void says(const struct file_source_conf *c, const struct splits *s, struct op_begin *b)
{
	char bytes[COMMAS_TEXT], from[COMMAS_TEXT];
	const struct split_run *r = s->run;
	number_text(splits_left(s), bytes);
	if (!s->n_runs)
		snprintf(b->says, sizeof b->says, "%s: %s", c->path,
			 b->restored ? "all of it was read" : "empty");
	else if (!b->restored && s->n_files == 1)
		snprintf(b->says, sizeof b->says, "%s, %s bytes", s->file[0].path, bytes);
	else if (!b->restored)
		snprintf(b->says, sizeof b->says, "%s: %u files, %s bytes", c->path, s->n_files, bytes);
	else if (s->n_runs == 1 && run_end(s, r) == s->file[r->file].bound)
		snprintf(b->says, sizeof b->says, "%s from byte %s", s->file[r->file].path,
			 number_text(run_begin(s, r), from));
	else if (s->n_files == 1)
		snprintf(b->says, sizeof b->says, "%s from %u places, %s bytes left", s->file[0].path,
			 s->n_runs, bytes);
	else
		snprintf(b->says, sizeof b->says, "%s from byte %s and %u more file%s, %s bytes left",
			 s->file[r->file].path, number_text(run_begin(s, r), from), s->n_files - 1,
			 s->n_files == 2 ? "" : "s", bytes);
}

RC file_source_begin(const void *conf, struct op_begin *b, struct err *e)
{
	const struct file_source_conf *c = conf;
	struct splits all, share;
	splits_init(&all, b->mem, b->max_parallelism);
	splits_init(&share, b->mem, b->max_parallelism);
	/* A stage that the chosen checkpoint does not know begins like a fresh one. */
	enum rc rc = b->restored && b->n_old ? splits_restore(c, b, &all, e)
					     : files_list(b->fs, c->base_dir, c->path, &all, e);
	for (uint32_t i = 0; i < b->parallelism && rc == OK; i++) {
		rc = splits_assign(&all, i, b->parallelism, &share, e);
		splits_encode(&share, 0, &b->fresh[i]);
		if (rc == OK && !bytes_ok(&b->fresh[i]))
			rc = ERR(e, E_NO_MEMORY, "no memory for a list of files");
		splits_close(&share);
	}
	b->reads_nothing = rc == OK && !all.n_runs;
	if (rc == OK)
		says(c, &all, b);
	splits_close(&all);
	return rc;
}
