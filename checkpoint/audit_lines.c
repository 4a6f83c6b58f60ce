/* audit_lines.c - the ledger's files as one row of checkpoints: found from the manifest backwards,
 * handed out forwards. A line counts if a later one that counts calls it its parent; others are of
 * checkpoints that were never published. */
#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/audit_in.h"
#include "checkpoint/layout.h"
#include "checkpoint/ledger.h"
#include "checkpoint/manifest_format.h"

#include <stdlib.h>

#define LEDGER_MAX (1u << 30) /* bytes of one, by feel: a line takes some hundred */
#define LEDGERS_MAX 100000u   /* one an epoch */

void audit_line_close(struct audit_line *l)
{
	if (l->m.mem)
		manifest_close(&l->m);
	*l = (struct audit_line){0};
}

/* ---- one line ---- */

static void get_ops(struct decoder *d, const struct json *o, struct audit_line *l)
{
	const struct json *list = mget(d, o, "ops", JSON_ARRAY, MUST);
	size_t n = mget_count(list);
	if (n > OPS_MAX)
		WRONG(d, "'ops' lists more than %d operators", OPS_MAX);
	l->law = d->rc == OK ? manifest_alloc(&l->m, (n + 1) * sizeof *l->law) : NULL;
	if (!l->law)
		mget_no_memory(d);
	for (size_t i = 0; i < n && d->rc == OK; i++) {
		const struct json *v = json_item(list, i);
		if (!ONLY(d, v, "an operator", "id", "law", "counts"))
			return;
		const char *id = mget_text(d, v, "id", MUST, SECTION_NAME_MAX);
		const char *law = mget_text(d, v, "law", MAY, 16);
		struct manifest_op *op = d->rc == OK ? manifest_add_op(&l->m, id, "", 1) : NULL;
		if (!op) {
			mget_no_memory(d);
			return;
		}
		l->law[i] = law && law[0] ? law : NULL;
		counts_get_op(d, v, op);
	}
}

static void get_pieces(struct decoder *d, const struct json *o, struct manifest *m)
{
	const struct json *list = mget(d, o, "pieces", JSON_ARRAY, MAY);
	for (size_t i = 0; i < mget_count(list) && d->rc == OK; i++) {
		const struct json *v = json_item(list, i);
		if (!ONLY(d, v, "a piece", "sink", "to", "off", "len", "hash"))
			return;
		struct manifest_intent x = {
			.sink = mget_text(d, v, "sink", MUST, SECTION_NAME_MAX),
			.to = mget_text(d, v, "to", MUST, PATH_MAX_BYTES),
			.offset = mget_uint(d, v, "off", MAY, UINT64_MAX),
			.length = mget_uint(d, v, "len", MUST, UINT64_MAX),
			.hash = mget_hex(d, v, "hash", MUST, 16, 0),
			.kind = json_get(v, "off") ? "append" : "rename",
		};
		struct manifest_intent *own = manifest_add_intent(m);
		if (own)
			*own = x;
		else
			mget_no_memory(d);
	}
}

static RC line_parse(struct audit *a, const char *text, size_t len, struct audit_line *l,
		     struct err *e)
{
	struct json_doc *doc;
	*l = (struct audit_line){0};
	if (json_parse(&doc, text, len, a->mem, NULL, e) != OK)
		return e->code == E_NO_MEMORY ? e->code : (e->code = E_CORRUPT);
	manifest_init(&l->m, a->mem);
	struct decoder d = {.m = &l->m, .e = e};
	const struct json *o = json_root(doc);
	if (ONLY(&d, o, "a line", "id", "parent", "begins", "ops", "edges", "pieces")) {
		l->m.id = mget_uint(&d, o, "id", MUST, UINT64_MAX);
		l->parent = mget_uint(&d, o, "parent", MAY, UINT64_MAX);
		l->begins = mget_true(&d, o, "begins");
		get_ops(&d, o, l);
		counts_get_edges(&d, o);
		get_pieces(&d, o, &l->m);
	}
	json_close(doc);
	if (d.rc != OK)
		audit_line_close(l);
	return d.rc;
}

/* ---- one file ---- */

struct ledger_file {
	struct manifest_ledger place;
	char name[LAYOUT_NAME_MAX + 1];
	uint8_t *text;
	size_t len;       /* as far as it is named */
	size_t *line;     /* where each counting line begins, oldest first */
	size_t n;
};

static void file_close(struct audit *a, struct ledger_file *f)
{
	mem_put(a->mem, f->text);
	free(f->line);
	f->text = NULL;
	f->line = NULL;
}

static size_t line_len(const struct ledger_file *f, size_t at)
{
	const uint8_t *end = memchr(f->text + at, '\n', f->len - at);
	return end ? (size_t)(end - (f->text + at)) : f->len - at;
}

/* Its bytes, if they are those that were named. E_CORRUPT: they are not (told). */
static RC file_read(struct audit *a, struct ledger_file *f, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	size_t len = 0;
	struct err why = {0};
	if (!layout_path(path, a->dir, LAYOUT_AUDIT, f->name))
		return ERR(e, E_INVALID, "the path of '%s' is too long", a->dir);
	enum rc rc = fs_read_all(a->fs, path, LEDGER_MAX, &f->text, &len, &why);
	if (rc == E_NOT_FOUND || rc == E_CORRUPT) {
		audit_fault(a, "%s/%s: %s", LAYOUT_AUDIT, f->name,
			    rc == E_NOT_FOUND ? "is missing" : why.text);
		return E_CORRUPT;
	}
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	f->len = f->place.length;
	if (len < f->len || checksum64(f->text, f->len) != f->place.hash) {
		audit_fault(a, "%s/%s is not what was written: its first %llu bytes have another sum",
			    LAYOUT_AUDIT, f->name, (unsigned long long)f->place.length);
		return E_CORRUPT;
	}
	return OK;
}

/* What the head says of the ledger before it; file NULL: there is none. */
static RC file_head(struct audit *a, struct ledger_file *f, struct manifest_ledger *before,
		    char name[LAYOUT_NAME_MAX + 1], struct err *e)
{
	struct json_doc *doc;
	struct manifest m;
	struct err why = {0};
	if (json_parse(&doc, (const char *)f->text, line_len(f, 0), a->mem, NULL, &why) != OK) {
		audit_fault(a, "%s/%s: its head: %s", LAYOUT_AUDIT, f->name, why.text);
		return E_CORRUPT;
	}
	manifest_init(&m, a->mem);
	struct decoder d = {.m = &m, .e = &why};
	const struct json *o = json_root(doc);
	if (ONLY(&d, o, "a head", "ledger", "lineage", "epoch", "before")) {
		if (mget_uint(&d, o, "ledger", MUST, UINT32_MAX) != 1)
			WRONG(&d, "another version than 1");
		if (mget_hex(&d, o, "lineage", MUST, 8, 0) != a->lineage)
			WRONG(&d, "another lineage than the checkpoint's");
		ledger_get(&d, o, "before");
	}
	json_close(doc);
	*before = m.ledger;
	name[0] = '\0';
	if (m.ledger.file && strlen(m.ledger.file) <= LAYOUT_NAME_MAX)
		memcpy(name, m.ledger.file, strlen(m.ledger.file) + 1);
	before->file = NULL; /* m's; name says it */
	manifest_close(&m);
	if (d.rc == E_CORRUPT)
		audit_fault(a, "%s/%s: its head: %s", LAYOUT_AUDIT, f->name, why.text);
	return d.rc == OK || d.rc == E_CORRUPT ? d.rc : ERR(e, d.rc, "%s", why.text);
}

/* The lines that count, from the last one backwards. */
static RC file_lines(struct audit *a, struct ledger_file *f, struct err *e)
{
	size_t all = 0, at = 0;
	for (size_t i = 0; i < f->len; i++)
		all += f->text[i] == '\n';
	size_t *begin = malloc((all + 1) * sizeof *begin);
	f->line = begin;
	if (!begin)
		return ERR(e, E_NO_MEMORY, "no memory for the lines of a ledger");
	for (size_t i = 0; i < all; i++) {
		begin[i] = at;
		at += line_len(f, at) + 1;
	}
	uint64_t wanted = 0;
	size_t keep = all;
	for (size_t i = all; i-- > 1;) { /* the first one is the head */
		struct audit_line l;
		struct err why = {0};
		const char *text = (const char *)f->text + begin[i];
		if (line_parse(a, text, line_len(f, begin[i]), &l, &why) != OK) {
			audit_fault(a, "%s/%s: line %zu: %s", LAYOUT_AUDIT, f->name, i + 1, why.text);
			return E_CORRUPT;
		}
		if (i + 1 == all || l.m.id == wanted) {
			begin[--keep] = begin[i];
			wanted = l.begins ? UINT64_MAX : l.parent;
		}
		audit_line_close(&l);
	}
	f->n = all - keep;
	memmove(begin, begin + keep, f->n * sizeof *begin);
	return OK;
}

/* ---- all of them ---- */

struct ledger_files {
	struct ledger_file *file; /* newest first */
	size_t n, cap;
};

static struct ledger_file *add_file(struct ledger_files *l, const struct manifest_ledger *place,
				    const char *name)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 8;
		struct ledger_file *more = realloc(l->file, cap * sizeof *more);
		if (!more)
			return NULL;
		l->file = more;
		l->cap = cap;
	}
	struct ledger_file *f = &l->file[l->n++];
	*f = (struct ledger_file){.place = *place};
	memcpy(f->name, name, strlen(name) + 1);
	f->place.file = NULL;
	return f;
}

/* Only one file's text is held at a time. */
static RC find_files(struct audit *a, const struct manifest *m, struct ledger_files *l,
		     struct err *e)
{
	struct manifest_ledger place = m->ledger;
	char name[LAYOUT_NAME_MAX + 1];
	if (strlen(m->ledger.file) > LAYOUT_NAME_MAX)
		return ERR(e, E_CORRUPT, "the name of the ledger is too long");
	memcpy(name, m->ledger.file, strlen(m->ledger.file) + 1);
	while (name[0]) {
		struct ledger_file *f = l->n < LEDGERS_MAX ? add_file(l, &place, name) : NULL;
		if (!f)
			return ERR(e, E_NO_MEMORY, "no memory for the names of ledgers");
		enum rc rc = file_read(a, f, e);
		if (rc == OK)
			rc = file_head(a, f, &place, name, e);
		if (rc == E_CORRUPT)
			name[0] = '\0'; /* what is before it cannot be found; what is after is looked at */
		mem_put(a->mem, f->text);
		f->text = NULL;
		if (rc == E_CORRUPT)
			l->n--;
		else if (rc != OK)
			return rc;
	}
	return OK;
}

RC audit_lines(struct audit *a, const struct manifest *m,
	       RC (*on)(struct audit *a, const struct audit_line *before,
			const struct audit_line *now, struct err *e),
	       struct err *e)
{
	struct ledger_files l = {0};
	struct audit_line before = {0}, now;
	enum rc rc = find_files(a, m, &l, e);
	bool any = false;
	for (size_t i = l.n; i-- > 0 && rc == OK;) {
		struct ledger_file *f = &l.file[i];
		rc = file_read(a, f, e);
		if (rc == OK)
			rc = file_lines(a, f, e);
		for (size_t k = 0; rc == OK && k < f->n; k++) {
			rc = line_parse(a, (const char *)f->text + f->line[k], line_len(f, f->line[k]), &now,
					e);
			if (rc != OK)
				break;
			if (!any)
				a->begin_id = now.begins ? now.m.id : now.parent;
			rc = on(a, any ? &before : NULL, &now, e);
			audit_line_close(&before);
			before = now;
			any = true;
		}
		file_close(a, f);
		if (rc == E_CORRUPT && a->r->faults)
			rc = OK; /* told */
	}
	if (rc == OK && any)
		rc = on(a, &before, NULL, e);
	audit_line_close(&before);
	free(l.file);
	return rc;
}
