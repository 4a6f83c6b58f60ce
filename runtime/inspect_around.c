/* inspect_around.c - what stands beside the checkpoints of a directory: pieces of sinks, job.json,
 * files that nobody names. See inspect_dir.h. */
#include "base/hash.h"
#include "base/json.h"
#include "checkpoint/audit.h"
#include "checkpoint/ledger.h"
#include "runtime/inspect_dir_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { JOB_MAX = 16 << 20, PIECE_READ = 256 << 10 };

/* --- pieces of sinks --- */

enum piece_is { PIECE_ABSENT, PIECE_GOOD, PIECE_BAD, PIECE_UNREAD };

/* The hash over [off, off + length) of a file. */
static RC hash_of(struct fs *fs, int fd, uint64_t off, uint64_t length, uint8_t *buf,
		  uint64_t *hash, struct err *e)
{
	struct checksum sum;
	checksum_begin(&sum);
	for (uint64_t at = 0; at < length;) {
		size_t want = length - at < PIECE_READ ? (size_t)(length - at) : PIECE_READ, got;
		if (fs_pread(fs, fd, buf, want, off + at, &got, e) != OK)
			return e->code;
		if (!got)
			break; /* shorter: the hash says so */
		checksum_add(&sum, buf, got);
		at += got;
	}
	*hash = checksum_end(&sum);
	return OK;
}

static enum piece_is piece_at(struct look *k, const char *path, const struct manifest_intent *t,
			      bool whole, struct err *why)
{
	struct fs *fs = k->env->fs;
	struct fs_stat st;
	int fd;
	uint64_t hash = 0, off = whole ? 0 : t->offset;
	enum rc rc = fs_open(fs, path, FS_READ, &fd, why);
	if (rc == E_NOT_FOUND)
		return PIECE_ABSENT;
	if (rc != OK)
		return PIECE_UNREAD;
	uint8_t *buf = mem_get(k->env->mem, t->length < PIECE_READ ? t->length + 1 : PIECE_READ);
	rc = buf ? fs_fstat(fs, fd, &st, why) : ERR(why, E_NO_MEMORY, "no memory to read '%s'", path);
	bool fits = rc == OK && st.kind == FS_FILE &&
		    (whole ? st.size_bytes == t->length : st.size_bytes >= off + t->length);
	if (fits)
		rc = hash_of(fs, fd, off, t->length, buf, &hash, why);
	mem_put(k->env->mem, buf);
	(void)!fs_close(fs, &fd, NULL); /* nothing was written */
	k->out->bytes += rc == OK && fits ? t->length : 0;
	return rc != OK ? PIECE_UNREAD : fits && hash == t->hash ? PIECE_GOOD : PIECE_BAD;
}

static void tell_piece(struct look *k, const char *path, enum piece_is is, const char *as,
		       const struct manifest *m, const struct manifest_intent *t,
		       const struct err *why)
{
	if (is == PIECE_UNREAD)
		look_fault(k, FAULT_UNREADABLE, path, "%s", why->text);
	if (is == PIECE_BAD)
		look_fault(k, FAULT_CORRUPT, path, "is not what sink '%s' %s for checkpoint %" PRIu64 ": "
			   "%" PRIu64 " bytes with hash %016" PRIx64, t->sink, as, m->id, t->length,
			   t->hash);
}

/* Pending, committed, or both for a moment. Neither: somebody took the committed file away, which
 * is no fault (inv 17). */
static RC look_piece(struct look *k, const struct manifest *m, const struct manifest_intent *t,
		     bool newest, bool *torn)
{
	struct err from_why = {OK}, to_why = {OK};
	bool renamed = !strcmp(t->kind, "rename");
	enum piece_is from = piece_at(k, t->from, t, true, &from_why);
	enum piece_is to = piece_at(k, t->to, t, renamed, &to_why);
	if (from_why.code == E_NO_MEMORY || to_why.code == E_NO_MEMORY)
		return ERR(k->e, E_NO_MEMORY, "no memory to read what sinks wrote");
	k->out->pieces++;
	*torn |= from == PIECE_BAD;
	tell_piece(k, t->from, from, "prepared", m, t, &from_why);
	/* Of a file that is appended to, no piece is judged before it is in. */
	if (renamed || from == PIECE_ABSENT)
		tell_piece(k, t->to, to, "committed", m, t, &to_why);
	if (newest && from == PIECE_ABSENT && to == PIECE_ABSENT)
		look_note(k, "", "%s is not there: committed, and taken away since? (checkpoint %" PRIu64
			  ", sink '%s')", t->to, m->id, t->sink);
	return OK;
}

RC look_pieces(struct look *k, const struct manifest *m, bool newest, bool *torn)
{
	*torn = false;
	for (uint32_t i = 0; i < m->n_intents; i++)
		if (look_piece(k, m, &m->intent[i], newest, torn) != OK)
			return k->e->code;
	return OK;
}

/* --- the audit's ledgers --- */

static void on_ledger(void *arg, const char *text)
{
	look_fault(arg, FAULT_CORRUPT, LAYOUT_AUDIT, "%s", text);
}

/* They are only ever appended to: where the checkpoint was retired meanwhile, its part of them
 * still stands. */
RC look_ledgers(struct look *k, const struct manifest *m)
{
	struct audit_report r = {.fault = on_ledger, .arg = k};
	struct err why = {OK};
	enum rc rc = audit_ledgers(k->env->fs, k->env->mem, k->dir, m, &r, &why);
	if (rc == E_NO_MEMORY)
		return ERR(k->e, rc, "%s", why.text);
	if (rc != OK)
		look_fault(k, FAULT_UNREADABLE, LAYOUT_AUDIT, "%s", why.text);
	return OK;
}

/* --- job.json --- */

/* A start writes it behind its fence, and its first checkpoint is of that text: only under a fence
 * may it be another one. */
static RC look_job(struct look *k)
{
	char path[LAYOUT_PATH_MAX];
	uint8_t *text = NULL;
	size_t len;
	struct err why = {OK};
	struct json_doc *doc = NULL;
	if (!layout_path(path, k->dir, NULL, "job.json"))
		return OK;
	enum rc rc = fs_read_all(k->env->fs, path, JOB_MAX, &text, &len, &why);
	if (rc == E_NO_MEMORY)
		return ERR(k->e, rc, "%s", why.text);
	if (rc == E_NOT_FOUND) {
		if (!*k->prefix) /* beside a savepoint it is for who reads it */
			look_note(k, "job.json", "is not there: a start has no text of before to compare with");
		return OK;
	}
	if (rc != OK) {
		look_fault(k, FAULT_UNREADABLE, "job.json", "%s", why.text);
		return OK;
	}
	bool same = checksum64(text, len) == k->top.job_hash;
	rc = json_parse(&doc, (const char *)text, len, k->env->mem, NULL, &why);
	if (rc != OK && rc != E_NO_MEMORY)
		look_fault(k, FAULT_CORRUPT, "job.json", "%s", why.text);
	else if (k->top_reads && k->top.slot_kind == SLOT_CHECKPOINT && !same &&
		 !look_moved(k))
		look_fault(k, FAULT_CORRUPT, "job.json", "is not the text that checkpoint %" PRIu64
			   " was taken of%s", k->top.id,
			   *k->prefix ? " (a restore does not need it: it may be removed)" : "");
	json_close(doc);
	mem_put(k->env->fs->mem, text);
	k->out->bytes += len;
	return rc == E_NO_MEMORY ? ERR(k->e, rc, "%s", why.text) : OK;
}

/* --- names --- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Pointers to the named files, sorted; NULL: no memory. */
static const char **names_sorted(struct look *k, size_t *n)
{
	*n = 0;
	for (size_t i = 0; i < k->named.len; i++)
		*n += !k->named.data[i];
	const char **list = mem_get(k->env->mem, (*n + 1) * sizeof *list);
	const char *at = (const char *)k->named.data;
	for (size_t i = 0; list && i < *n; i++, at += strlen(at) + 1)
		list[i] = at;
	if (list && *n)
		qsort(list, *n, sizeof *list, by_text);
	return list;
}

static RC look_parts(struct look *k)
{
	char path[LAYOUT_PATH_MAX];
	struct fs_names names;
	struct err why = {OK};
	size_t n, orphans = 0, strange = 0;
	uint64_t bytes = 0;
	if (!layout_path(path, k->dir, NULL, LAYOUT_PARTS))
		return OK;
	enum rc rc = fs_list(k->env->fs, path, &names, &why);
	if (rc == E_NOT_FOUND)
		return OK;
	if (rc != OK)
		return ERR(k->e, rc, "%s", why.text);
	const char **named = names_sorted(k, &n);
	for (size_t i = 0; named && i < names.n; i++) {
		const char *name = names.name[i];
		struct part_name is;
		struct fs_stat st;
		if (n && bsearch(&name, named, n, sizeof *named, by_text))
			continue;
		if (!layout_part_parse(name, &is)) {
			strange++;
			continue;
		}
		orphans++;
		if (layout_path(path, k->dir, LAYOUT_PARTS, name) &&
		    fs_stat(k->env->fs, path, &st, NULL) == OK)
			bytes += st.size_bytes;
	}
	if (orphans)
		look_note(k, LAYOUT_PARTS, "%zu file%s of %" PRIu64 " bytes in all that no manifest names: "
			  "of a running checkpoint or merge, or left by a crash; a later sweep takes them",
			  orphans, orphans == 1 ? "" : "s", bytes);
	if (strange)
		look_note(k, LAYOUT_PARTS, "%zu name%s that weir did not make: left alone", strange,
			  strange == 1 ? "" : "s");
	rc = named ? OK : ERR(k->e, E_NO_MEMORY, "no memory for the names in '%s'", path);
	mem_put(k->env->mem, named);
	fs_names_close(&names);
	return rc;
}

RC look_around(struct look *k)
{
	enum rc rc = look_job(k);
	return rc == OK ? look_parts(k) : rc;
}
