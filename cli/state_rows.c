/* state_rows.c - the words of `weir state` that give rows: get, scan, export, diff. */
#include "cli/job_dir.h"
#include "cli/state.h"
#include "operators/state_lines.h"

#include "operators/keys_text.h"

#include <inttypes.h>

static const char *format_of(const struct args *a)
{
	return args_text(a, "--format", args_has(a, "--json") ? "jsonl" : "csv");
}

static enum rc to_stdout(void *to, const void *data, size_t len, struct err *e)
{
	return fwrite(data, 1, len, to) == len ? OK : ERR(e, E_IO, "standard output cannot be written");
}

/* Rows on their way to lines, until there are enough or one cannot be written. */
struct passing {
	struct state_lines lines;
	uint64_t left;
	enum rc rc;
	struct err *e;
	uint64_t by_kind[3];
};

static bool pass(struct passing *p, enum diff_kind k, const struct inspect_row *was,
		 const struct inspect_row *is)
{
	if (!p->left)
		return false;
	p->left--;
	p->by_kind[k]++;
	p->rc = state_lines_put(&p->lines, k, was, is, p->e);
	return p->rc == OK;
}

static bool on_row(void *arg, const struct inspect_row *r)
{
	return pass(arg, DIFF_CHANGED, NULL, r);
}

static bool on_diff(void *arg, enum diff_kind k, const struct inspect_row *was,
		    const struct inspect_row *is)
{
	return pass(arg, k, was, is);
}

/* --- get --- */

static RC get(struct cli *c, const struct args *a, struct inspect *i, struct err *e)
{
	struct inspect_state s;
	struct bytes key;
	uint64_t value[2] = {0};
	bool found = false;
	struct passing p = {.left = 1, .e = e};
	if (inspect_find(i, args_text(a, "--stage", NULL), &s, e) != OK)
		return e->code;
	bytes_init(&key, c->env->mem);
	enum rc rc = key_from_text(&s.keyed->key, a->place[2], &key, e);
	if (rc == OK)
		rc = inspect_get(i, &s, key.data, (uint32_t)key.len, value, &found, e);
	if (rc == OK && !found)
		rc = ERR(e, E_NOT_FOUND, "stage '%s' has no key '%.200s' in checkpoint %" PRIu64, s.op->id,
			 a->place[2], inspect_manifest(i)->id);
	if (rc == OK)
		rc = state_lines_open(&p.lines, c->env->mem, &s, format_of(a), false, to_stdout, c->out.to,
				      e);
	if (rc == OK) {
		struct inspect_row r = {.key = key.data, .key_len = (uint32_t)key.len,
					.value = (const uint8_t *)value};
		on_row(&p, &r);
		rc = p.rc == OK ? state_lines_end(&p.lines, e) : p.rc;
	}
	state_lines_close(&p.lines);
	bytes_close(&key);
	return rc;
}

static int with_checkpoint(struct cli *c, const struct args *a,
			   RC (*run)(struct cli *c, const struct args *a, struct inspect *i,
				     struct err *e))
{
	struct inspect *i = NULL;
	struct err e = {0};
	enum rc rc = state_open(c, a, &i, &e);
	if (rc == OK)
		rc = run(c, a, i, &e);
	inspect_close(i);
	return rc == OK ? 0 : cli_fail(c, &e);
}

int state_get(struct cli *c, const struct args *a)
{
	return args_has(a, "--live") ? state_live(c, a) : with_checkpoint(c, a, get);
}

/* --- scan, export --- */

static RC scan_to(struct cli *c, const struct args *a, struct inspect *i, const char *format,
		  line_write *write, void *to, uint64_t *rows, struct err *e)
{
	struct inspect_state s;
	struct bytes after;
	const char *text = args_text(a, "--after", NULL);
	struct passing p = {.left = (uint64_t)args_number(a, "--limit", INT64_MAX), .e = e};
	if (inspect_find(i, args_text(a, "--stage", NULL), &s, e) != OK)
		return e->code;
	bytes_init(&after, c->env->mem);
	enum rc rc = text ? key_from_text(&s.keyed->key, text, &after, e) : OK;
	if (rc == OK)
		rc = state_lines_open(&p.lines, c->env->mem, &s, format, false, write, to, e);
	if (rc == OK)
		rc = inspect_scan(i, &s, text ? (after.data ? after.data : (const void *)"") : NULL,
				  (uint32_t)after.len, on_row, &p, e);
	if (rc == OK)
		rc = p.rc;
	if (rc == OK)
		rc = state_lines_end(&p.lines, e);
	*rows = p.lines.lines;
	state_lines_close(&p.lines);
	bytes_close(&after);
	return rc;
}

static RC scan(struct cli *c, const struct args *a, struct inspect *i, struct err *e)
{
	uint64_t rows;
	return scan_to(c, a, i, format_of(a), to_stdout, c->out.to, &rows, e);
}

int state_scan(struct cli *c, const struct args *a)
{
	return with_checkpoint(c, a, scan);
}

struct export_file {
	struct fs *fs;
	int fd;
	uint64_t at;
};

static enum rc to_file(void *to, const void *data, size_t len, struct err *e)
{
	struct export_file *f = to;
	enum rc rc = fs_pwrite(f->fs, f->fd, data, len, f->at, e);
	f->at += len;
	return rc;
}

static const char *export_format(const struct args *a)
{
	const char *end = strrchr(a->place[2], '.');
	bool jsonl = end && (!strcmp(end, ".jsonl") || !strcmp(end, ".json"));
	return args_text(a, "--format", jsonl || args_has(a, "--json") ? "jsonl" : "csv");
}

/* A file that is there is never written over, and a half written one does not stay. */
static RC export_rows(struct cli *c, const struct args *a, struct inspect *i, struct err *e)
{
	struct export_file f = {.fs = c->env->fs, .fd = -1};
	struct err why = {OK};
	uint64_t rows = 0;
	char n[PAINT_TEXT], b[PAINT_TEXT];
	enum rc rc = fs_open(f.fs, a->place[2], FS_CREATE, &f.fd, &why);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	rc = scan_to(c, a, i, export_format(a), to_file, &f, &rows, e);
	if (rc == OK)
		rc = fs_sync(f.fs, f.fd, e);
	enum rc closed = fs_close(f.fs, &f.fd, rc == OK ? e : NULL);
	rc = rc == OK ? closed : rc;
	if (rc != OK)
		(void)!fs_unlink(f.fs, a->place[2], NULL); /* ours, made a moment ago */
	else
		fprintf(c->err.to, "%s of checkpoint %" PRIu64 " in %s, %s\n", text_many(rows, "row", n),
			inspect_manifest(i)->id, a->place[2], text_bytes(f.at, b));
	return rc;
}

int state_export(struct cli *c, const struct args *a)
{
	return with_checkpoint(c, a, export_rows);
}

/* --- diff --- */

static RC open_two(struct cli *c, const struct args *a, struct inspect *i[2], struct err *e)
{
	if (job_dir_check(c->env, a->place[1], "state diff", e) != OK)
		return e->code;
	for (int n = 0; n < 2; n++)
		if (inspect_open(&i[n], c->env, a->place[1], a->place[2 + n], e) != OK)
			return e->code;
	return OK;
}

static RC diff(struct cli *c, const struct args *a, struct inspect *const i[2], struct err *e)
{
	struct inspect_state s;
	const char *stage = args_text(a, "--stage", NULL);
	char n[3][PAINT_TEXT];
	struct passing p = {.left = (uint64_t)args_number(a, "--limit", INT64_MAX), .e = e};
	if (inspect_find(i[1], stage, &s, e) != OK ||
	    state_lines_open(&p.lines, c->env->mem, &s, format_of(a), true, to_stdout, c->out.to, e) !=
		    OK)
		return e->code;
	enum rc rc = inspect_diff(i[0], i[1], stage, on_diff, &p, e);
	if (rc == OK)
		rc = p.rc;
	if (rc == OK)
		rc = state_lines_end(&p.lines, e);
	state_lines_close(&p.lines);
	if (rc == OK && !args_has(a, "--json")) {
		fflush(c->out.to);
		fprintf(c->err.to, "%s added, %s removed, %s changed from checkpoint %" PRIu64
			" to %" PRIu64 "%s\n", text_count(p.by_kind[DIFF_ADDED], n[0]),
			text_count(p.by_kind[DIFF_REMOVED], n[1]),
			text_count(p.by_kind[DIFF_CHANGED], n[2]), inspect_manifest(i[0])->id,
			inspect_manifest(i[1])->id, p.left ? "" : " (--limit)");
	}
	return rc;
}

int state_diff(struct cli *c, const struct args *a)
{
	struct inspect *i[2] = {NULL};
	struct err e = {0};
	enum rc rc = open_two(c, a, i, &e);
	if (rc == OK)
		rc = diff(c, a, i, &e);
	inspect_close(i[0]);
	inspect_close(i[1]);
	return rc == OK ? 0 : cli_fail(c, &e);
}
