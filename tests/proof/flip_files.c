/* flip_files.c - see flip_files.h. */
#include "tests/proof/flip_files.h"

#include "base/check.h"
#include "checkpoint/verify.h"
#include "runtime/inspect.h"
#include "runtime/keys_decode.h"
#include "state/run.h"
#include "tests/sim/scenario.h"

#include <inttypes.h>
#include <stdlib.h>

#define NAME "keep"

enum { PART_ENDS = 64 + 40 }; /* header and end mark of a part (docs/FORMAT.md) */

/* ---- a directory ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* Bytes of the file that m names, header and end mark included. */
static uint64_t bytes_named(const struct manifest *m, uint32_t file)
{
	uint64_t bytes = PART_ENDS;
	for (uint32_t i = 0; i < m->n_ops; i++) {
		const struct manifest_op *op = &m->op[i];
		for (uint32_t k = 0; k < op->n_keyed; k++)
			for (uint32_t r = 0; r < op->keyed[k].n_runs; r++)
				bytes += op->keyed[k].run[r].ref.file == file ? op->keyed[k].run[r].ref.bytes : 0;
		for (uint32_t k = 0; k < op->n_sections; k++)
			bytes += op->section[k].ref.file == file ? op->section[k].ref.bytes : 0;
	}
	return bytes;
}

/* The manifest that names most of the part. (What nobody names any more nobody reads.) */
static bool find_owner(struct flip_set *s, struct flip_file *f)
{
	uint64_t most = 0;
	for (size_t i = 0; i < s->n_manifests; i++)
		for (uint32_t k = 0; k < s->manifest[i].n_files; k++) {
			const struct manifest *m = &s->manifest[i];
			if (strcmp(m->file[k].name, base_name(f->path)) || bytes_named(m, k) <= most)
				continue;
			most = bytes_named(m, k);
			f->m = m;
			f->at = k;
		}
	f->whole = most == f->len;
	return most;
}

static void add_manifest(struct flip_set *s, struct world *w, struct flip_file *f)
{
	struct err e = {0};
	struct manifest *m = &s->manifest[s->n_manifests];
	if (!layout_slot_parse(base_name(f->path), &f->slot))
		return;
	f->kind = FLIP_MANIFEST;
	manifest_init(m, &s->mem);
	if (manifest_decode(m, &s->mem, f->slot, f->data, f->len, &e) != OK)
		world_fail(w, "%s: %s", f->path, e.text);
	s->n_manifests++;
	s->fences += m->slot_kind == SLOT_FENCE;
	s->savepoints += strstr(f->path, "/savepoints/") != NULL;
}

static void sort_files(struct flip_set *s, struct world *w)
{
	for (size_t i = 0; i < s->image.n; i++) {
		if (!s->image.file[i].data || !s->image.file[i].len)
			continue;
		struct flip_file *f = &s->file[s->n++];
		*f = (struct flip_file){.path = s->image.file[i].path, .data = s->image.file[i].data,
					.len = s->image.file[i].len, .kind = FLIP_OTHER};
		if (strstr(f->path, "/manifest/"))
			add_manifest(s, w, f);
		s->ledgers += strstr(f->path, "/audit/") != NULL;
		s->pieces += strstr(f->path, ".weir-pending/") != NULL;
	}
	for (size_t i = 0; i < s->n; i++)
		if (strstr(s->file[i].path, "/parts/") && find_owner(s, &s->file[i])) {
			s->file[i].kind = FLIP_PART;
			s->merged += strstr(s->file[i].path, "-m") != NULL;
		}
}

/* Prepared and not committed yet, with merged files, and the savepoint made. */
static bool is_wanted(struct world *w)
{
	struct image now = {.n = 0};
	bool piece = false, merged = false, saved = false;
	image_add(&now, w, WORLD_DIR);
	image_add(&now, w, WORLD_OUT);
	for (size_t i = 0; i < now.n; i++) {
		const char *path = now.file[i].path;
		piece |= strstr(path, ".weir-pending/") && now.file[i].data && now.file[i].len;
		merged |= strstr(path, "/parts/") && strstr(path, "-m");
		saved |= strstr(path, "/savepoints/" NAME "/manifest/") != NULL;
	}
	image_close(&now);
	return piece && merged && saved;
}

/* False: that job came to its end before. */
static bool run_until_wanted(struct world *w)
{
	struct err e = {0};
	struct job_ask ask = {.kind = ASK_SAVEPOINT, .request = 1, .name = NAME};
	WORLD_CHECK(w, world_start(w, 2) == WORLD_RUNNING);
	while (w->completed < 2)
		WORLD_CHECK(w, world_run(w, 20) == WORLD_PAUSED);
	WORLD_CHECK(w, job_ask(w->job, &ask, &e) == OK);
	while (world_run(w, 30) == WORLD_PAUSED)
		if (is_wanted(w))
			return true;
	return false;
}

static bool make_one(struct flip_set *s, uint64_t seed)
{
	struct scenario sc;
	struct world *w = calloc(1, sizeof *w);
	struct rng r;
	bool text = seed % 2;
	*s = (struct flip_set){.n = 0};
	mem_init(&s->mem, 0);
	rng_seed(&r, seed);
	scenario_open(&sc, text ? SCENARIO_UNION : SCENARIO_KEYS, &r,
		      (struct scenario_size){.lines = 90, .lines_a_second = text ? 300 : 60,
					     .rows = 600});
	char *audit = strstr(sc.job, "\"audit\":false");
	if (audit)
		memcpy(audit, "\"audit\": true", strlen("\"audit\": true"));
	snprintf(s->job, sizeof s->job, "%s", sc.job);
	world_open(w, seed, s->job);
	scenario_files(&sc, w);
	bool made = run_until_wanted(w);
	if (made) {
		image_add(&s->image, w, WORLD_DIR);
		image_add(&s->image, w, WORLD_OUT);
		sort_files(s, w);
		image_add(&s->image, w, "in"); /* so that the job can go on; nobody damages it */
		WORLD_CHECK(w, s->fences && s->savepoints && s->merged && s->ledgers && s->pieces);
	}
	world_crash(w, false);
	world_close(w);
	scenario_close(&sc);
	free(w);
	return made;
}

void flips_make(struct flip_set *s, uint64_t seed)
{
	while (!make_one(s, seed))
		seed += 1000;
}

void flips_close(struct flip_set *s)
{
	for (size_t i = 0; i < s->n_manifests; i++)
		manifest_close(&s->manifest[i]);
	image_close(&s->image);
	CHECK(s->mem.used_bytes == 0);
}

/* ---- one file as a storage ---- */

static enum rc one_open(void *self, const char *path, int *handle, uint64_t *size_bytes,
			struct err *e)
{
	const struct flip_file *f = self;
	(void)path, (void)e;
	*handle = 1;
	*size_bytes = f->len;
	return OK;
}

static enum rc one_read(void *self, int handle, void *to, size_t len, uint64_t off, size_t *got,
			struct err *e)
{
	const struct flip_file *f = self;
	(void)handle, (void)e;
	*got = off >= f->len ? 0 : len < f->len - off ? len : (size_t)(f->len - off);
	if (*got)
		memcpy(to, f->data + off, *got);
	return OK;
}

static enum rc one_close(void *self, int *handle, struct err *e)
{
	(void)self, (void)e;
	*handle = -1;
	return OK;
}

static struct storage one(const struct flip_file *f)
{
	static const struct storage_ops ops = {
		.name = "one", .open = one_open, .read = one_read, .close = one_close};
	return (struct storage){&ops, (void *)(uintptr_t)f, "state", "parts"};
}

/* ---- the readers ---- */

enum rc flips_read_manifest(struct flip_set *s, const struct flip_file *f, struct err *e)
{
	struct manifest m;
	manifest_init(&m, &s->mem);
	enum rc rc = manifest_decode(&m, &s->mem, f->slot, f->data, f->len, e);
	manifest_close(&m);
	return rc;
}

enum rc flips_read_hash(struct flip_set *s, const struct flip_file *f, struct err *e)
{
	struct manifest only = {.file = &f->m->file[f->at], .n_files = 1};
	struct verify_result r;
	enum rc rc = verify_manifest(one(f), &s->mem, &only, VERIFY_HASHES, &r, e);
	if (rc == OK && r.verdict != VERIFY_INTACT)
		rc = ERR(e, E_CORRUPT, "its hash is another");
	return rc;
}

/* state NULL: bytes that only their operator reads. */
static enum rc read_rows(struct flip_set *s, const struct inspect_state *state,
			 const struct block_view *v, struct err *e)
{
	struct run_block b = {0};
	struct key_field field[KEY_FIELDS_MAX];
	uint32_t len;
	if (!state)
		return OK;
	enum rc rc = run_block_open(&b, &state->shape, &s->mem, e);
	if (rc == OK)
		rc = run_decode(&b, v->raw, v->len, e);
	for (uint32_t row = 0; rc == OK && row < b.rows; row++) {
		const uint8_t *key = run_key(&b, row, &len);
		if (!key_fields(&state->key, key, len, field))
			rc = ERR(e, E_CORRUPT, "a key is malformed");
	}
	run_block_close(&b);
	return rc;
}

static enum rc read_section(struct flip_set *s, struct part_reader *part,
			    const struct section_ref *ref, const struct inspect_state *state,
			    struct err *e)
{
	struct section_reader *section;
	struct block_view v = {0};
	enum rc rc = section_open(&section, part, ref, 0, UINT64_MAX, e);
	do
		rc = rc == OK ? section_next(section, &v, e) : rc;
	while (rc == OK && v.raw && (rc = read_rows(s, state, &v, e)) == OK);
	section_close(section);
	return rc;
}

static enum rc read_op(struct flip_set *s, const struct flip_file *f, struct part_reader *part,
		       const struct manifest_op *op, struct err *e)
{
	enum rc rc = OK;
	for (uint32_t k = 0; rc == OK && k < op->n_keyed; k++) {
		struct inspect_state state;
		rc = inspect_state_of(op, &op->keyed[k], &state, e);
		for (uint32_t i = 0; rc == OK && i < op->keyed[k].n_runs; i++)
			if (op->keyed[k].run[i].ref.file == f->at)
				rc = read_section(s, part, &op->keyed[k].run[i].ref, &state, e);
	}
	for (uint32_t i = 0; rc == OK && i < op->n_sections; i++)
		if (op->section[i].ref.file == f->at)
			rc = read_section(s, part, &op->section[i].ref, NULL, e);
	return rc;
}

enum rc flips_read_blocks(struct flip_set *s, const struct flip_file *f, struct err *e)
{
	struct part_reader *part;
	enum rc rc = part_reader_open(&part, one(f), &s->mem, &f->m->file[f->at], e);
	for (uint32_t i = 0; rc == OK && i < f->m->n_ops; i++)
		rc = read_op(s, f, part, &f->m->op[i], e);
	part_reader_close(part);
	return rc;
}
