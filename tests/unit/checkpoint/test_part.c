/* test_part.c - part files: what is written is read, and nothing else is ever believed. */
#include "job.h"

#include "base/fs.h"
#include "base/rng.h"

static const struct part_name name7 = {.lineage = 0xfeed0001, .attempt = 2, .epoch = 5,
				       .checkpoint_id = 7};

struct disk {
	struct mem mem;
	struct fs_sim *sim;
	struct fs *fs;
	struct err e;
};

static void disk_open(struct disk *d)
{
	memset(d, 0, sizeof *d);
	mem_init(&d->mem, 0);
	EXPECT_OK(fs_sim_open(&d->sim, &d->mem, &d->e), &d->e);
	d->fs = fs_sim_fs(d->sim);
	EXPECT_OK(fs_mkdir(d->fs, "parts", NULL, &d->e), &d->e);
}

static void disk_close(struct disk *d)
{
	fs_sim_close(&d->sim);
	EXPECT(d->mem.used_bytes == 0);
}

/* Reads sections within a hash range and compares with what write_part wrote. */
static enum rc read_and_compare(struct disk *d, const struct part_file *file,
				const struct section_ref *ref, uint32_t n_sections,
				uint32_t first, uint32_t n_blocks, struct err *e)
{
	struct part_reader *r = NULL;
	uint8_t want[3001];
	enum rc rc = part_reader_open(&r, storage_dir(d->fs, "parts", NULL), &d->mem, file, e);
	for (uint32_t no = 0; rc == OK && no < n_sections; no++) {
		struct section_reader *s = NULL;
		struct block_view b;
		rc = section_open(&s, r, &ref[no], block_hash(first),
				  block_hash(first + n_blocks) - 1, e);
		for (uint32_t i = first; rc == OK && i < first + n_blocks; i++) {
			rc = section_next(s, &b, e);
			if (rc != OK)
				break;
			size_t len = block_bytes(no, i, want);
			EXPECT(b.raw && b.len == len && !memcmp(b.raw, want, len));
			EXPECT(b.rows == i + 1 && b.first_hash == block_hash(i));
		}
		if (rc == OK)
			rc = section_next(s, &b, e);
		if (rc == OK) {
			EXPECT(!b.raw);
			EXPECT(section_head(s)->subtask == no && section_head(s)->epoch == 5);
			EXPECT(!strcmp(section_head(s)->stage, "count"));
			EXPECT(schema_find(&section_head(s)->value, "n") == 0);
			EXPECT(section_head(s)->value.field[0].nullable);
		}
		section_close(s);
	}
	part_reader_close(r);
	return rc;
}

TEST(interleaved_sections_are_read_back_in_every_codec)
{
	struct disk d;
	disk_open(&d);
	for (int codec = CODEC_NONE; codec <= CODEC_LZ4HC; codec++) {
		struct part_name n = name7;
		n.merge = (uint32_t)codec;
		struct part_file file;
		struct section_ref ref[3];
		EXPECT_OK(write_part(d.fs, &d.mem, "parts", &n, codec, 3, 5, &file, ref, &d.e), &d.e);
		EXPECT(ref[2].rows == 1 + 2 + 3 + 4 + 5);
		EXPECT_OK(read_and_compare(&d, &file, ref, 3, 0, 5, &d.e), &d.e);
		EXPECT_OK(read_and_compare(&d, &file, ref, 3, 2, 2, &d.e), &d.e);
		struct fs_stat st;
		char path[LAYOUT_PATH_MAX];
		layout_path(path, "parts", NULL, file.name);
		EXPECT_OK(fs_stat(d.fs, path, &st, &d.e), &d.e);
		EXPECT(st.size_bytes == file.length && file.epoch == 5);
	}
	disk_close(&d);
}

TEST(section_sizes_add_up_to_the_file)
{
	struct disk d;
	disk_open(&d);
	struct part_file file;
	struct section_ref ref[3];
	EXPECT_OK(write_part(d.fs, &d.mem, "parts", &name7, CODEC_LZ4, 3, 4, &file, ref, &d.e), &d.e);
	EXPECT(64 + ref[0].bytes + ref[1].bytes + ref[2].bytes + 40 == file.length);
	disk_close(&d);
}

TEST(nothing_is_on_disk_before_the_first_block)
{
	struct disk d;
	disk_open(&d);
	struct part_writer_options o = {.parts = storage_dir(d.fs, "parts", NULL), .name = name7,
					.codec = CODEC_LZ4};
	struct part_writer *w;
	struct part_file file;
	uint64_t before = fs_sim_count(d.sim);
	EXPECT_OK(part_writer_open(&w, &d.mem, &o, &d.e), &d.e);
	EXPECT(!part_exists(w) && part_object(w).handle < 0);
	EXPECT_OK(part_finish(w, &file, &d.e), &d.e);
	EXPECT_OK(part_seal(w, &d.e), &d.e);
	part_writer_close(w);
	EXPECT(file.length == 0 && fs_sim_count(d.sim) == before);
	disk_close(&d);
}

TEST(a_large_part_goes_out_in_bounded_writes)
{
	struct disk d;
	disk_open(&d);
	struct part_writer_options o = {.parts = storage_dir(d.fs, "parts", NULL), .name = name7,
					.codec = CODEC_NONE};
	struct part_writer *w;
	enum { RAW = 200 << 10, BLOCKS = 20 };
	uint8_t *raw = mem_get(&d.mem, RAW);
	fill_rows(raw, RAW, 1);
	EXPECT_OK(part_writer_open(&w, &d.mem, &o, &d.e), &d.e);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint64_t written = part_written_bytes(w), count = fs_sim_count(d.sim);
		EXPECT_OK(part_append(w, 9, raw, RAW, 1, i, i, &d.e), &d.e);
		uint64_t more = part_written_bytes(w) - written;
		EXPECT(more % PART_WRITE_MAX == 0 && more / PART_WRITE_MAX <= 1);
		EXPECT(fs_sim_count(d.sim) - count <= 2); /* create, and one write */
		EXPECT(part_bytes(w) - part_written_bytes(w) < PART_WRITE_MAX);
	}
	struct section head = head_of(&name7, "count", 0);
	struct section_ref ref;
	struct part_file file;
	EXPECT_OK(part_end_section(w, 9, &head, &ref, &d.e), &d.e);
	EXPECT_OK(part_finish(w, &file, &d.e), &d.e);
	EXPECT(file.length == part_written_bytes(w) && file.length > (uint64_t)RAW * BLOCKS);
	EXPECT_OK(part_seal(w, &d.e), &d.e);
	part_writer_close(w);
	mem_put(&d.mem, raw);
	disk_close(&d);
}

TEST(a_name_is_never_reused)
{
	struct disk d;
	disk_open(&d);
	struct part_file file;
	struct section_ref ref[1];
	EXPECT_OK(write_part(d.fs, &d.mem, "parts", &name7, CODEC_LZ4, 1, 1, &file, ref, &d.e), &d.e);
	EXPECT(write_part(d.fs, &d.mem, "parts", &name7, CODEC_LZ4, 1, 1, &file, ref, &d.e) ==
	       E_EXISTS);
	disk_close(&d);
}

/* Any error is fine but "read well"; the reader must see it before it hands out other bytes. */
TEST(inv33_every_flipped_byte_is_detected)
{
	struct disk d;
	disk_open(&d);
	struct part_file file;
	struct section_ref ref[2];
	char path[LAYOUT_PATH_MAX];
	EXPECT_OK(write_part(d.fs, &d.mem, "parts", &name7, CODEC_LZ4, 2, 3, &file, ref, &d.e), &d.e);
	layout_path(path, "parts", NULL, file.name);
	for (uint64_t at = 0; at < file.length; at++) {
		struct err e = {OK};
		uint64_t bit = at * 8 + splitmix64(at) % 8;
		EXPECT_OK(fs_sim_flip(d.sim, path, bit, &d.e), &d.e);
		enum rc rc = read_and_compare(&d, &file, ref, 2, 0, 3, &e);
		if (rc != E_CORRUPT && rc != E_REFUSED)
			fail_msg("byte %llu: %s", (unsigned long long)at, err_name(rc));
		EXPECT(strstr(e.text, file.name));
		EXPECT_OK(fs_sim_flip(d.sim, path, bit, &d.e), &d.e);
	}
	EXPECT_OK(read_and_compare(&d, &file, ref, 2, 0, 3, &d.e), &d.e);
	disk_close(&d);
}

TEST(every_truncation_is_detected)
{
	struct disk d;
	disk_open(&d);
	struct part_file file;
	struct section_ref ref[2];
	char path[LAYOUT_PATH_MAX];
	uint8_t *data;
	size_t len;
	EXPECT_OK(write_part(d.fs, &d.mem, "parts", &name7, CODEC_LZ4, 2, 2, &file, ref, &d.e), &d.e);
	layout_path(path, "parts", NULL, file.name);
	EXPECT_OK(fs_read_all(d.fs, path, 1 << 20, &data, &len, &d.e), &d.e);
	for (size_t cut = 0; cut < len; cut += cut < 200 || len - cut < 200 ? 1 : 61) {
		struct err e = {OK};
		struct part_file shorter = file;
		EXPECT_OK(fs_unlink(d.fs, path, &d.e), &d.e);
		EXPECT_OK(fs_write_new(d.fs, path, data, cut, &d.e), &d.e);
		EXPECT(read_and_compare(&d, &file, ref, 2, 0, 2, &e) == E_CORRUPT);
		err_clear(&e); /* even when the manifest were wrong in the same way */
		shorter.length = cut;
		EXPECT(read_and_compare(&d, &shorter, ref, 2, 0, 2, &e) == E_CORRUPT);
	}
	EXPECT_OK(fs_unlink(d.fs, path, &d.e), &d.e);
	struct err e = {OK};
	EXPECT(read_and_compare(&d, &file, ref, 2, 0, 2, &e) == E_CORRUPT);
	EXPECT(strstr(e.text, "missing"));
	mem_put(&d.mem, data);
	disk_close(&d);
}

TEST(hostile_references_are_refused)
{
	struct disk d;
	disk_open(&d);
	struct part_file file;
	struct section_ref ref[2];
	EXPECT_OK(write_part(d.fs, &d.mem, "parts", &name7, CODEC_LZ4, 2, 2, &file, ref, &d.e), &d.e);
	struct section_ref bad[] = {ref[0], ref[0], ref[0], ref[0], ref[0], ref[0], ref[0]};
	bad[0].offset = UINT64_MAX - 4;
	bad[1].length = UINT32_MAX;
	bad[2].length = 0;
	bad[3].offset = 0;
	bad[4].checksum++;
	bad[5].rows++;
	bad[6].offset = ref[1].offset;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = {OK};
		EXPECT(read_and_compare(&d, &file, &bad[i], 1, 0, 2, &e) == E_CORRUPT);
	}
	disk_close(&d);
}

TEST(inv32_any_failing_operation_fails_the_part_for_good)
{
	for (uint64_t n = 1;; n++) {
		struct disk d;
		disk_open(&d);
		struct part_file file;
		struct section_ref ref[2];
		fs_sim_fault_at(d.sim, fs_sim_count(d.sim) + n, E_IO, false);
		enum rc rc = write_part(d.fs, &d.mem, "parts", &name7, CODEC_LZ4, 2, 3, &file, ref, &d.e);
		bool hit = fs_sim_faults(d.sim);
		EXPECT(hit ? rc == E_IO : rc == OK);
		disk_close(&d);
		if (!hit) {
			EXPECT(n > 4); /* create, write, sync, close */
			break;
		}
	}
}

TEST(inv31_any_failing_allocation_is_an_error_without_a_leak)
{
	struct disk d;
	disk_open(&d);
	struct part_file file;
	struct section_ref ref[2];
	struct part_name n = name7;
	bool failed = true;
	for (uint64_t at = 1; failed; at++) {
		n.checkpoint_id = 100 + at;
		d.mem.fail_at = d.mem.calls + at;
		struct err e = {OK};
		enum rc rc = write_part(d.fs, &d.mem, "parts", &n, CODEC_LZ4HC, 2, 3, &file, ref, &e);
		failed = d.mem.calls >= d.mem.fail_at;
		EXPECT(failed ? rc == E_NO_MEMORY : rc == OK);
	}
	failed = true;
	for (uint64_t at = 1; failed; at++) {
		d.mem.fail_at = d.mem.calls + at;
		struct err e = {OK};
		enum rc rc = read_and_compare(&d, &file, ref, 2, 0, 3, &e);
		failed = d.mem.calls >= d.mem.fail_at;
		EXPECT(failed ? rc == E_NO_MEMORY : rc == OK);
	}
	d.mem.fail_at = 0;
	disk_close(&d);
}

TEST(the_first_error_stands)
{
	struct disk d;
	disk_open(&d);
	struct part_writer_options o = {.parts = storage_dir(d.fs, "nowhere", NULL), .name = name7,
					.codec = CODEC_LZ4};
	struct part_writer *w;
	struct part_file file;
	struct err first = {OK}, again = {OK};
	EXPECT_OK(part_writer_open(&w, &d.mem, &o, &d.e), &d.e);
	EXPECT(part_append(w, 0, "x", 1, 1, 0, 0, &first) == E_NOT_FOUND);
	EXPECT(part_append(w, 0, "x", 1, 1, 0, 0, &again) == E_NOT_FOUND);
	EXPECT(!strcmp(first.text, again.text));
	EXPECT(part_finish(w, &file, NULL) == E_NOT_FOUND);
	EXPECT(part_seal(w, NULL) == E_NOT_FOUND);
	part_writer_close(w);
	disk_close(&d);
}

TEST(an_inline_section_is_one_block)
{
	struct disk d;
	disk_open(&d);
	struct section_reader *s;
	struct block_view b;
	EXPECT_OK(section_open_inline(&s, &d.mem, "abc", 3, 2, 5, 9, &d.e), &d.e);
	EXPECT(!section_head(s));
	EXPECT_OK(section_next(s, &b, &d.e), &d.e);
	EXPECT(b.len == 3 && b.rows == 2 && b.first_hash == 5 && !memcmp(b.raw, "abc", 3));
	EXPECT_OK(section_next(s, &b, &d.e), &d.e);
	EXPECT(!b.raw);
	section_close(s);
	disk_close(&d);
}

/* A payload whose declared length lies: the checksum is right, the length is not. */
TEST(inv34_a_block_never_unpacks_beyond_what_it_declares)
{
	struct mem mem;
	mem_init(&mem, 0);
	struct err e = {OK};
	struct packer p;
	struct bytes packed, raw;
	bytes_init(&packed, &mem);
	bytes_init(&raw, &mem);
	uint8_t rows[1000] = {0};
	EXPECT_OK(packer_init(&p, &mem, CODEC_LZ4, &e), &e);
	struct block b = {.section_no = 1, .rows = 3};
	EXPECT_OK(block_pack(&p, NULL, &b, rows, sizeof rows, &packed, &e), &e);
	EXPECT(b.codec == CODEC_LZ4 && b.packed_len < 100);
	uint32_t lies[] = {0, 1, 999, 1001, BLOCK_RAW_MAX, BLOCK_RAW_MAX + 1, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		struct block lie = b;
		struct err why = {OK};
		lie.raw_len = lies[i];
		memcpy(packed.data + 28, &lies[i], 4);
		lie.checksum = checksum64(packed.data + 16, packed.len - 16);
		memcpy(packed.data + 8, &lie.checksum, 8);
		EXPECT(block_unpack(packed.data, packed.len, &lie, &raw, &why) == E_CORRUPT);
	}
	bytes_close(&packed);
	bytes_close(&raw);
	packer_close(&p);
	EXPECT(mem.used_bytes == 0);
}

/* After a block that hardly became shorter the next 15 like it are stored as they are, then one is
 * tried again; blocks of another kind, and those without a kind, are not concerned. */
TEST(blocks_like_one_that_lz4_does_not_shorten_are_stored_as_they_are)
{
	struct mem mem;
	struct err e = {OK};
	struct packer p;
	struct packer_rest bad = {0}, good = {0};
	struct bytes to, raw;
	struct rng r;
	mem_init(&mem, 0);
	rng_seed(&r, 3);
	bytes_init(&to, &mem);
	bytes_init(&raw, &mem);
	uint8_t noise[4096], zero[4096] = {0};
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = i < 600 ? 0 : (uint8_t)rng_next(&r); /* LZ4 makes it a seventh shorter */
	EXPECT_OK(packer_init(&p, &mem, CODEC_LZ4, &e), &e);
	for (int i = 0; i < 40; i++) {
		struct block b = {.section_no = 1, .rows = 3}, g = b, n = b;
		bytes_clear(&to);
		EXPECT_OK(block_pack(&p, &bad, &b, noise, sizeof noise, &to, &e), &e);
		EXPECT(b.codec == (i % 16 ? CODEC_NONE : CODEC_LZ4));
		EXPECT_OK(block_unpack(to.data, to.len, &b, &raw, &e), &e);
		EXPECT(raw.len == sizeof noise && !memcmp(raw.data, noise, raw.len));
		bytes_clear(&to);
		EXPECT_OK(block_pack(&p, &good, &g, zero, sizeof zero, &to, &e), &e);
		EXPECT(g.codec == CODEC_LZ4);
		bytes_clear(&to);
		EXPECT_OK(block_pack(&p, NULL, &n, noise, sizeof noise, &to, &e), &e);
		EXPECT(n.codec == CODEC_LZ4);
	}
	bytes_close(&to);
	bytes_close(&raw);
	packer_close(&p);
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(interleaved_sections_are_read_back_in_every_codec),
		T(section_sizes_add_up_to_the_file),
		T(nothing_is_on_disk_before_the_first_block),
		T(a_large_part_goes_out_in_bounded_writes),
		T(a_name_is_never_reused),
		T(inv33_every_flipped_byte_is_detected),
		T(every_truncation_is_detected),
		T(hostile_references_are_refused),
		T(inv32_any_failing_operation_fails_the_part_for_good),
		T(inv31_any_failing_allocation_is_an_error_without_a_leak),
		T(the_first_error_stands),
		T(an_inline_section_is_one_block),
		T(inv34_a_block_never_unpacks_beyond_what_it_declares),
		T(blocks_like_one_that_lz4_does_not_shorten_are_stored_as_they_are),
	};
	return RUN(tests);
}
