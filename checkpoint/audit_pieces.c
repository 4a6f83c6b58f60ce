/* audit_pieces.c - the sinks' files beside the ledger: each is the one that was written, or was
 * taken away; and there is no other that looks like one. */
#include "base/bytes.h"
#include "base/check.h"
#include "base/hash.h"
#include "checkpoint/audit_in.h"
#include "checkpoint/layout.h"
#include "checkpoint/slots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PIECE_STEP (1u << 20)

static bool list_has(const struct bytes *list, const char *text)
{
	for (size_t at = 0; at < list->len; at += strlen((const char *)list->data + at) + 1)
		if (!strcmp((const char *)list->data + at, text))
			return true;
	return false;
}

static RC list_add(struct bytes *list, const char *text, struct err *e)
{
	bytes_put(list, text, strlen(text) + 1);
	return bytes_ok(list) ? OK : ERR(e, E_NO_MEMORY, "no memory for the names of pieces");
}

/* length bytes at offset of the open file; *got: how many there are. */
static RC sum_of(struct audit *a, int fd, const struct manifest_intent *x, uint64_t *got,
		 uint64_t *hash, struct err *e)
{
	uint8_t *buffer = mem_get(a->mem, PIECE_STEP);
	struct checksum sum;
	enum rc rc = buffer ? OK : ERR(e, E_NO_MEMORY, "no memory to read a piece");
	checksum_begin(&sum);
	for (*got = 0; rc == OK && *got < x->length;) {
		uint64_t left = x->length - *got;
		size_t n = 0, want = left < PIECE_STEP ? (size_t)left : PIECE_STEP;
		rc = fs_pread(a->fs, fd, buffer, want, x->offset + *got, &n, e);
		if (rc != OK || !n)
			break;
		checksum_add(&sum, buffer, n);
		*got += n;
	}
	*hash = checksum_end(&sum);
	mem_put(a->mem, buffer);
	return rc;
}

static RC check_piece(struct audit *a, const struct audit_line *now,
		      const struct manifest_intent *x, struct err *e)
{
	struct err why = {0};
	struct fs_stat st = {0};
	uint64_t got = 0, hash = 0;
	int fd = -1;
	enum rc rc = fs_open(a->fs, x->to, FS_READ, &fd, &why);
	a->r->pieces++;
	if (rc == E_NOT_FOUND) {
		a->r->pieces_gone++;
		return OK;
	}
	if (rc == OK)
		rc = fs_fstat(a->fs, fd, &st, &why);
	if (rc == OK)
		rc = sum_of(a, fd, x, &got, &hash, &why);
	(void)!fs_close(a->fs, &fd, NULL);
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	a->r->piece_bytes += got;
	/* A file that grows by its intents goes on behind this one's; others are one piece. */
	bool is_alone = strcmp(x->kind, "append") != 0;
	if (got < x->length || (is_alone && st.size_bytes != x->length))
		audit_fault(a, "%s, a piece of '%s' of checkpoint %" PRIu64 ", has %" PRIu64 " bytes; "
			    "%" PRIu64 " were written", x->to, x->sink, now->m.id,
			    is_alone ? st.size_bytes : got, x->length);
	else if (hash != x->hash)
		audit_fault(a, "%s, a piece of '%s' of checkpoint %" PRIu64 ", is not what was written",
			    x->to, x->sink, now->m.id);
	return OK;
}

RC audit_pieces(struct audit *a, const struct audit_line *now, struct err *e)
{
	for (uint32_t i = 0; i < now->m.n_intents; i++) {
		const struct manifest_intent *x = &now->m.intent[i];
		char folder[LAYOUT_PATH_MAX];
		if (check_piece(a, now, x, e) != OK || list_add(&a->known, x->to, e) != OK)
			return e->code;
		fs_dirname(x->to, folder, sizeof folder);
		if (!list_has(&a->names, folder) && list_add(&a->names, folder, e) != OK)
			return e->code;
	}
	return OK;
}

/* The highest checkpoint there is by now: a job that runs has gone on since. */
static uint64_t newest_now(struct audit *a)
{
	struct slot_list l = {0};
	struct manifest m;
	struct err why = {0};
	uint64_t id = 0;
	if (slots_list(slots_in(a->fs, a->dir), a->mem, &l, &why) == OK && l.n &&
	    slots_read(slots_in(a->fs, a->dir), a->mem, l.slot[l.n - 1], &m, &why) == OK) {
		id = m.top_id;
		manifest_close(&m);
	}
	slot_list_close(&l);
	return id;
}

/* "part-<lineage>-<checkpoint>-...": of a checkpoint that the ledger covers, or of one that is not
 * there. */
static bool is_ours(struct audit *a, const char *name)
{
	char begin[32];
	int n = snprintf(begin, sizeof begin, "part-%08" PRIx32 "-", a->lineage);
	if (strncmp(name, begin, (size_t)n))
		return false;
	uint64_t id = strtoull(name + n, NULL, 10);
	return id > a->begin_id && (id <= a->r->to_id || id > newest_now(a));
}

static int by_name(const void *x, const void *y)
{
	return strcmp(*(const char *const *)x, *(const char *const *)y);
}

RC audit_strangers(struct audit *a, struct err *e)
{
	size_t n = 0, i = 0;
	for (size_t at = 0; at < a->known.len; at++)
		n += !a->known.data[at];
	const char **known = mem_get(a->mem, (n + 1) * sizeof *known);
	if (!known)
		return ERR(e, E_NO_MEMORY, "no memory for the names of pieces");
	for (size_t at = 0; at < a->known.len; at += strlen(known[i++]) + 1)
		known[i] = (const char *)a->known.data + at;
	qsort(known, n, sizeof *known, by_name);
	enum rc rc = OK;
	for (size_t at = 0; at < a->names.len && rc == OK;) {
		const char *folder = (const char *)a->names.data + at;
		struct fs_names l = {0};
		struct err why = {0};
		rc = fs_list(a->fs, folder, &l, &why);
		for (size_t k = 0; rc == OK && k < l.n; k++) {
			char path[LAYOUT_PATH_MAX];
			const char *p = path;
			if (!is_ours(a, l.name[k]) || !layout_path(path, folder, NULL, l.name[k]))
				continue;
			if (!bsearch(&p, known, n, sizeof *known, by_name))
				audit_fault(a, "%s is no piece of any checkpoint: nobody wrote it", path);
		}
		fs_names_close(&l);
		rc = rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
		at += strlen(folder) + 1;
	}
	mem_put(a->mem, known);
	return rc;
}
