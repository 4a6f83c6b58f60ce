/* fuzz_part.c - part files, and restoring from them: two bytes (the form of the state, how it is
 * restored), then a file. Its checksums, lengths and names are put right first, and a manifest is
 * made that names all its sections as runs of one chain: so that what stands behind the checksums
 * is looked at, as if the writer had been wrong (inv 33, 34). */
#include "base/fs_sim.h"
#include "base/hash.h"
#include "checkpoint/part.h"
#include "checkpoint/part_format.h"
#include "runtime/restore.h"
#include "runtime/walk.h"
#include "tests/fuzz/fuzz.h"

#define RUNS_MAX 8

static void store_u32(uint8_t *to, uint32_t v)
{
	memcpy(to, &v, sizeof v);
}

static void store_u64(uint8_t *to, uint64_t v)
{
	memcpy(to, &v, sizeof v);
}

static void mend_ends(uint8_t *file, size_t size)
{
	memcpy(file, part_magic, 8);
	uint8_t *end = file + size - PART_END;
	store_u64(file + 56, checksum64(file, 56));
	memcpy(end, end_magic, 8);
	store_u32(end + 12, 0);
	store_u64(end + 16, size);
	store_u64(end + 24, 0);
	store_u64(end + 32, checksum64(end, 32));
}

static void mend_blocks(uint8_t *file, size_t size)
{
	for (size_t at = PART_HEADER; at + BLOCK_HEADER <= size - PART_END; at++)
		if (!memcmp(file + at, "WBLK", 4)) {
			uint32_t packed = load_u32(file + at + 4);
			if (packed <= size - PART_END - at - BLOCK_HEADER)
				store_u64(file + at + 8,
					  checksum64(file + at + 16, BLOCK_HEADER - 16 + packed));
		}
}

/* The record at `at`: its index's checksums are those of the blocks it points to. */
static bool mend_record(uint8_t *file, size_t size, size_t at, struct section_ref *ref)
{
	uint8_t *record = file + at;
	uint32_t length = load_u32(record + 4), head = load_u32(record + 20);
	uint32_t n = load_u32(record + 24);
	if (length < RECORD_FIXED || length > size - PART_END - at ||
	    RECORD_FIXED + (uint64_t)head + (uint64_t)n * INDEX_ENTRY > length)
		return false;
	*ref = (struct section_ref){.offset = at, .length = length, .bytes = length,
				    .rows = load_u64(record + 32)};
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *entry = record + RECORD_FIXED + head + (size_t)i * INDEX_ENTRY;
		uint64_t offset = load_u64(entry);
		ref->bytes += BLOCK_HEADER + load_u32(entry + 8);
		if (offset < size && size - offset >= BLOCK_HEADER)
			store_u64(entry + 40, load_u64(file + offset + 8));
	}
	ref->checksum = checksum64(record + 16, length - 16);
	store_u64(record + 8, ref->checksum);
	return true;
}

static uint32_t mend_all(uint8_t *file, size_t size, struct section_ref *ref)
{
	uint32_t n = 0;
	mend_ends(file, size);
	mend_blocks(file, size);
	for (size_t at = PART_HEADER; at + RECORD_FIXED <= size - PART_END && n < RUNS_MAX; at++)
		if (!memcmp(file + at, record_magic, 4))
			n += mend_record(file, size, at, &ref[n]);
	return n;
}

/* Each section by itself, through its blocks and the rows in them. */
static void read_sections(struct fs *fs, struct mem *mem, const struct part_file *f,
			  const struct section_ref *ref, uint32_t n, const struct keyed_shape *shape)
{
	struct part_reader *r = NULL;
	struct run_block rows = {0};
	struct err e = {OK};
	enum rc rc = part_reader_open(&r, parts_in(fs, "job"), mem, f, &e);
	HOLDS_RC(rc, &e, rc == E_CORRUPT || rc == E_REFUSED);
	HOLDS(run_block_open(&rows, shape, mem, &e) == OK);
	for (uint32_t i = 0; r && i < n; i++) {
		struct section_reader *s = NULL;
		struct block_view b = {.raw = (const uint8_t *)""};
		err_clear(&e);
		rc = section_open(&s, r, &ref[i], 0, UINT64_MAX, &e);
		HOLDS_RC(rc, &e, rc == E_CORRUPT || rc == E_REFUSED);
		while (s && b.raw) {
			err_clear(&e);
			rc = section_next(s, &b, &e);
			HOLDS_RC(rc, &e, rc == E_CORRUPT);
			if (rc == OK && b.raw) {
				err_clear(&e);
				rc = run_decode(&rows, b.raw, b.len, &e);
				HOLDS_RC(rc, &e, rc == E_CORRUPT && rows.rows == 0);
			}
		}
		section_close(s);
	}
	run_block_close(&rows);
	part_reader_close(r);
}

static void restore(struct fs *fs, struct mem *mem, const struct manifest *m,
		    const struct keyed_shape *shape, uint8_t how)
{
	struct keyed_config config = {*shape, 0, UINT64_MAX, NULL, mem};
	struct keyed *k = NULL;
	struct restored out;
	struct err e = {OK};
	uint64_t rows = 0;
	for (uint32_t i = 0; i < m->op[0].keyed[0].n_runs; i++)
		rows += m->op[0].keyed[0].run[i].ref.rows;
	uint64_t expected = how & 1 && rows < 4096 ? rows : how & 2 ? 1 : 0;
	HOLDS(keyed_open(&k, &config, &e) == OK);
	enum rc rc = restore_stretches(1 + how % 3, false, fs, mem, "job/parts", m,
				       &m->op[0].keyed[0], shape, 0, UINT64_MAX, expected, k, &out,
				       &e);
	HOLDS_RC(rc, &e, rc == E_CORRUPT || rc == E_REFUSED);
	if (rc == OK)
		HOLDS(keyed_count(k) == out.keys && out.keys <= out.rows_read &&
		      out.rows_read <= rows);
	keyed_close(k);
}

static void manifest_make(struct manifest *m, struct mem *mem, const struct part_file *f,
			  const struct section_ref *ref, uint32_t n, const struct keyed_shape *shape,
			  uint8_t how)
{
	manifest_init(m, mem);
	struct manifest_op *op = manifest_add_op(m, "count", "keyed_sum", 1);
	struct manifest_keyed *k = manifest_add_keyed(m, op);
	HOLDS(op && k);
	m->id = 1;
	op->max_parallelism = 128;
	k->hash_id = shape_hash_id(shape);
	for (uint32_t i = 0; i < n; i++) {
		struct manifest_run *run = manifest_add_run(m, k);
		HOLDS(run);
		*run = (struct manifest_run){.ref = ref[i], .hash_last = UINT64_MAX,
					     .delta = i && how & 4};
		run->ref.file = manifest_file(m, f);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t form = fuzz_byte(&data, &size), how = fuzz_byte(&data, &size);
	struct keyed_shape shape = {.form = form & 1 ? KEY_BYTES : KEY_FIX8,
				    .value_bytes = form & 2 ? 16 : 8,
				    .hash_id = form & 1 && form & 4 ? HASH_XXH3_64 : 0};
	struct section_ref ref[RUNS_MAX];
	struct part_file f = {.length = size, .epoch = 1};
	struct fs_sim *sim = NULL;
	struct manifest m;
	struct mem mem;
	struct err e = {OK};
	if (size < PART_HEADER + PART_END)
		return 0;
	uint8_t *file = malloc(size);
	HOLDS(file);
	memcpy(file, data, size);
	uint32_t n = mend_all(file, size, ref);
	struct part_name is = {.lineage = load_u32(file + 16), .attempt = load_u32(file + 20),
			       .epoch = load_u64(file + 24), .checkpoint_id = load_u64(file + 32),
			       .merge = load_u32(file + 40)};
	layout_part(f.name, &is);
	f.hash = checksum64(file, size);
	fuzz_open(&mem);
	HOLDS(fs_sim_open(&sim, &mem, &e) == OK);
	struct fs *fs = fs_sim_fs(sim);
	char path[LAYOUT_PATH_MAX];
	snprintf(path, sizeof path, "job/parts/%s", f.name);
	HOLDS(fs_mkdir_all(fs, "job/parts", &e) == OK);
	HOLDS(fs_write_new(fs, path, file, size, &e) == OK);
	read_sections(fs, &mem, &f, ref, n, &shape);
	manifest_make(&m, &mem, &f, ref, n, &shape, how);
	restore(fs, &mem, &m, &shape, how);
	manifest_close(&m);
	fs_sim_close(&sim);
	free(file);
	fuzz_close(&mem);
	return 0;
}
