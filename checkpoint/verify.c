/* verify.c - see verify.h. */
#include "checkpoint/verify.h"

#include "base/hash.h"
#include "base/planted.h"

/* The hash of a whole file, read in pieces through buf of PART_WRITE_MAX bytes. */
static enum rc hash_file(struct object *o, uint64_t length, uint8_t *buf, uint64_t *hash,
			 struct err *e)
{
	struct checksum sum;
	checksum_begin(&sum);
	for (uint64_t off = 0; off < length;) {
		size_t want = length - off < PART_WRITE_MAX ? (size_t)(length - off) : PART_WRITE_MAX;
		size_t got;
		enum rc rc = object_read(o, buf, want, off, &got, e);
		if (rc != OK)
			return rc;
		if (!got)
			break; /* shorter than a moment ago: the hash will say so */
		checksum_add(&sum, buf, got);
		off += got;
	}
	*hash = checksum_end(&sum);
	return OK;
}

static enum rc verify_file(struct storage parts, const struct part_file *f, enum verify_depth depth,
			   const struct verify_memo *memo, struct verify_result *r, struct err *e)
{
	struct object o;
	uint64_t size_bytes, hash = f->hash;
	struct err why = {OK};
	enum rc rc = storage_open(parts, f->name, &o, &size_bytes, &why);
	if (rc == E_NOT_FOUND) {
		r->verdict = VERIFY_MISSING;
		return OK;
	}
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	if (size_bytes != f->length)
		r->verdict = VERIFY_CORRUPT;
	else if (depth == VERIFY_HASHES)
		rc = hash_file(&o, f->length, memo->buf, &hash, e);
	if (rc == OK && hash != f->hash && !PLANTED(hash_of_a_file_not_compared))
		r->verdict = VERIFY_CORRUPT;
	if (rc == OK && depth == VERIFY_HASHES && r->verdict == VERIFY_INTACT)
		r->bytes += f->length;
	(void)!object_close(&o, NULL); /* nothing was written */
	return rc;
}

void verify_memo_close(struct verify_memo *memo, struct mem *mem)
{
	mem_put(mem, memo->file);
	mem_put(mem, memo->buf);
	*memo = (struct verify_memo){0};
}

/* Where f stands in memo, or would. */
static size_t memo_place(const struct verify_memo *memo, const struct part_file *f)
{
	size_t low = 0, high = memo->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(memo->file[mid].name, f->name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* By what was promised of it, too: two manifests may disagree. */
static bool memo_has(const struct verify_memo *memo, const struct part_file *f)
{
	size_t at = memo_place(memo, f);
	return at < memo->n && !strcmp(memo->file[at].name, f->name) &&
	       memo->file[at].length == f->length && memo->file[at].hash == f->hash;
}

/* Without memory it is read again: no fault. */
static void memo_add(struct verify_memo *memo, struct mem *mem, const struct part_file *f)
{
	size_t at = memo_place(memo, f);
	if (memo->n == memo->cap) {
		size_t cap = memo->cap ? memo->cap * 2 : 64;
		struct part_file *grown = mem_resize(mem, memo->file, cap * sizeof *grown);
		if (!grown)
			return;
		memo->file = grown;
		memo->cap = cap;
	}
	memmove(memo->file + at + 1, memo->file + at, (memo->n - at) * sizeof *memo->file);
	memo->file[at] = *f;
	memo->n++;
}

enum rc verify_manifest_once(struct storage parts, struct mem *mem, const struct manifest *m,
			     enum verify_depth depth, struct verify_memo *memo,
			     struct verify_result *r, struct err *e)
{
	*r = (struct verify_result){.verdict = VERIFY_INTACT};
	bool reads = depth == VERIFY_HASHES && m->n_files;
	if (reads && !memo->buf && !(memo->buf = mem_get(mem, PART_WRITE_MAX)))
		return ERR(e, E_NO_MEMORY, "no memory to verify with");
	enum rc rc = OK;
	for (uint32_t i = 0; i < m->n_files && rc == OK && r->verdict == VERIFY_INTACT; i++) {
		if (!memo_has(memo, &m->file[i])) {
			rc = verify_file(parts, &m->file[i], depth, memo, r, e);
			if (rc == OK && r->verdict == VERIFY_INTACT)
				memo_add(memo, mem, &m->file[i]);
		}
		r->files++;
		if (r->verdict != VERIFY_INTACT)
			memcpy(r->file, m->file[i].name, sizeof r->file);
	}
	for (uint32_t o = 0; o < m->n_ops; o++) {
		r->sections += m->op[o].n_sections;
		for (uint32_t k = 0; k < m->op[o].n_keyed; k++)
			r->sections += m->op[o].keyed[k].n_runs;
	}
	return rc;
}

enum rc verify_manifest(struct storage parts, struct mem *mem, const struct manifest *m,
			enum verify_depth depth, struct verify_result *r, struct err *e)
{
	struct verify_memo memo = {0};
	enum rc rc = verify_manifest_once(parts, mem, m, depth, &memo, r, e);
	verify_memo_close(&memo, mem);
	return rc;
}
