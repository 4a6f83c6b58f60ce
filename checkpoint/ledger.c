/* ledger.c - see ledger.h. */
#include "checkpoint/ledger.h"

#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/layout.h"
#include "checkpoint/manifest_format.h"

#include <inttypes.h>
#include <stdio.h>

struct ledger {
	struct fs *fs;
	struct mem *mem;
	char dir[LAYOUT_PATH_MAX];
	uint32_t lineage;
	uint64_t epoch;
	uint32_t seq; /* of the file */
	int fd;
	char name[LAYOUT_NAME_MAX + 1];
	uint64_t length;
	struct checksum sum;
};

RC ledger_open(struct ledger **to, struct fs *fs, struct mem *mem, const char *dir,
	       uint32_t lineage, uint64_t epoch, struct err *e)
{
	struct ledger *l = *to = mem_get(mem, sizeof *l);
	if (!l)
		return ERR(e, E_NO_MEMORY, "no memory for the audit's ledger");
	*l = (struct ledger){.fs = fs, .mem = mem, .lineage = lineage, .epoch = epoch, .fd = -1};
	if (layout_path(l->dir, dir, NULL, LAYOUT_AUDIT))
		return OK;
	ledger_close(l);
	*to = NULL;
	return ERR(e, E_INVALID, "the path of '%s' is too long", dir);
}

void ledger_close(struct ledger *l)
{
	if (!l)
		return;
	(void)!fs_close(l->fs, &l->fd, NULL); /* what was asked of it was synced */
	mem_put(l->mem, l);
}

/* ---- lines ---- */

static void put_ops(struct json_out *o, const struct manifest *m, const char *const *law)
{
	jout_key(o, "ops");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_ops; i++) {
		jout_object(o);
		jout_kv_string(o, "id", m->op[i].id);
		put_text(o, "law", law ? law[i] : NULL);
		counts_put_op(o, &m->op[i]);
		jout_object_end(o);
	}
	jout_array_end(o);
}

/* Those that the checkpoint before it did not list: its own interval's, and of aborted ones. */
static bool is_new(const struct manifest_intent *x, const struct manifest *base)
{
	for (uint32_t i = 0; base && i < base->n_intents; i++)
		if (!strcmp(base->intent[i].to, x->to) && base->intent[i].offset == x->offset)
			return false;
	return true;
}

static void put_pieces(struct json_out *o, const struct manifest *m, const struct manifest *base)
{
	jout_key(o, "pieces");
	jout_array(o);
	for (uint32_t i = 0; i < m->n_intents; i++) {
		const struct manifest_intent *x = &m->intent[i];
		if (!is_new(x, base))
			continue;
		jout_object(o);
		jout_kv_string(o, "sink", x->sink);
		jout_kv_string(o, "to", x->to);
		if (!strcmp(x->kind, "append"))
			jout_kv_uint(o, "off", x->offset);
		jout_kv_uint(o, "len", x->length);
		jout_kv_hex64(o, "hash", x->hash);
		jout_object_end(o);
	}
	jout_array_end(o);
}

static void put_totals(struct bytes *to, const struct manifest *m, const struct manifest *base,
		       const char *const *law, bool begins)
{
	struct json_out o;
	jout_begin(&o, to, false);
	jout_object(&o);
	jout_kv_uint(&o, "id", m->id);
	if (begins)
		jout_kv_bool(&o, "begins", true);
	else
		put_uint(&o, "parent", base ? base->id : 0);
	put_ops(&o, m, law);
	counts_put_edges(&o, m);
	if (!begins)
		put_pieces(&o, m, base);
	jout_object_end(&o);
	bytes_put_u8(to, '\n');
}

/* ---- the file ---- */

static void put_head(struct bytes *to, const struct ledger *l, const struct manifest *base)
{
	struct json_out o;
	char lineage[9];
	snprintf(lineage, sizeof lineage, "%08" PRIx32, l->lineage);
	jout_begin(&o, to, false);
	jout_object(&o);
	jout_kv_uint(&o, "ledger", 1);
	jout_kv_string(&o, "lineage", lineage);
	jout_kv_uint(&o, "epoch", l->epoch);
	if (base && base->ledger.file)
		ledger_put(&o, "before", &base->ledger);
	jout_object_end(&o);
	bytes_put_u8(to, '\n');
	if (base)
		put_totals(to, base, NULL, NULL, true);
}

static RC begin(struct ledger *l, struct err *e)
{
	char path[LAYOUT_PATH_MAX];
	snprintf(l->name, sizeof l->name, "%08" PRIx32 "-%" PRIu64 "-%" PRIu32 ".jsonl", l->lineage,
		 l->epoch, l->seq++);
	l->length = 0;
	checksum_begin(&l->sum);
	if (!layout_path(path, l->dir, NULL, l->name))
		return ERR(e, E_INVALID, "the path of '%s' is too long", l->dir);
	if (fs_mkdir_all(l->fs, l->dir, e) != OK ||
	    fs_open(l->fs, path, FS_CREATE, &l->fd, e) != OK)
		return e->code;
	return fs_sync_dir(l->fs, l->dir, e);
}

static RC append(struct ledger *l, const struct bytes *text, struct err *e)
{
	if (!bytes_ok(text))
		return ERR(e, E_NO_MEMORY, "no memory for a line of the audit's ledger");
	if (fs_pwrite(l->fs, l->fd, text->data, text->len, l->length, e) != OK)
		return e->code;
	l->length += text->len;
	checksum_add(&l->sum, text->data, text->len);
	return fs_sync(l->fs, l->fd, e);
}

RC ledger_append(struct ledger *l, struct manifest *m, const struct manifest *base,
		 const char *const *law, struct err *e)
{
	struct bytes text;
	enum rc rc = OK;
	bytes_init(&text, l->mem);
	if (l->fd < 0) {
		rc = begin(l, e);
		put_head(&text, l, base);
	}
	put_totals(&text, m, base, law, false);
	if (rc == OK)
		rc = append(l, &text, e);
	bytes_close(&text);
	char *name = rc == OK ? manifest_text(m, l->name) : NULL;
	if (rc == OK && !name)
		rc = ERR(e, E_NO_MEMORY, "no memory for a manifest");
	if (rc != OK) {
		(void)!fs_close(l->fs, &l->fd, NULL); /* abandoned: the next line begins another (inv 32) */
		return err_in(e, "the audit's ledger");
	}
	m->ledger = (struct manifest_ledger){name, l->length, checksum_end(&l->sum)};
	return OK;
}
