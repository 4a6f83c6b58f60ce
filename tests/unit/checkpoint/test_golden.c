/* test_golden.c - files of released versions: read for ever, and of this version written alike.
 * tests/golden/checkpoint-v1/ was written by this program, run from the top folder with
 * WEIR_WRITE_GOLDEN=1; it only ever adds files (FS_CREATE), for a released one never changes.
 * What LZ4 makes of bytes may differ between its versions: that file is read, not compared. */
#include "life.h"

#include <stdlib.h>

#define GOLDEN "tests/golden/checkpoint-v1"
static const char *const plain_part = "feed0001-5-2-00000000000000000007.part";

struct golden {
	struct mem mem;
	struct fs_real real;
	struct fs_sim *sim;
	struct fs *made; /* a disk in memory with what this version writes */
	struct err e;
	struct part_file file[2];
	struct section_ref ref[2][2];
};

/* The fixed input: two parts (raw, LZ4), a checkpoint that names them, a fence above it. */
static void make_files(struct golden *g)
{
	struct bytes b;
	struct manifest m;
	uint64_t lists[] = {6, 7}, quarantined[] = {2};
	bytes_init(&b, &g->mem);
	EXPECT_OK(fs_mkdir_all(g->made, GOLDEN "/parts", &g->e), &g->e);
	EXPECT_OK(fs_mkdir_all(g->made, GOLDEN "/manifest", &g->e), &g->e);
	for (uint32_t i = 0; i < 2; i++) {
		struct part_name n = {.lineage = 0xfeed0001, .attempt = 2, .epoch = 5,
				      .checkpoint_id = 7, .merge = i};
		EXPECT_OK(write_part(g->made, &g->mem, GOLDEN "/parts", &n, i ? CODEC_LZ4 : CODEC_NONE,
				     2, 2, &g->file[i], g->ref[i], &g->e), &g->e);
	}
	struct section_ref refs[] = {g->ref[0][0], g->ref[1][1]};
	make_checkpoint(&m, &g->mem, 7, g->file, refs, 2);
	m.slot_kind = SLOT_CHECKPOINT;
	memcpy(m.uuid, TEST_UUID, UUID_TEXT);
	m.lineage = 0xfeed0001;
	m.slot = 8;
	m.parent = 7;
	m.epoch = 5;
	m.attempt = 2;
	m.top_id = 7;
	m.kind = CHECKPOINT_SAVEPOINT;
	m.name = "before \"v2\"";
	m.retained = lists;
	m.n_retained = 2;
	m.op[1].ended[0] = true;
	m.op[1].keyed[0].run[0].hash_last = 0x7fffffffffffffff;
	m.intent[0].offset = UINT64_MAX;
	/* LZ4's length and hash are not this format's: what is compared names fixed ones. */
	m.file[1].length = 5000;
	m.file[1].hash = 0x0123456789abcdef;
	m.op[1].keyed[0].run[1].ref = (struct section_ref){.file = 1, .length = 300, .offset = 4000,
							   .checksum = 1, .rows = 3, .bytes = 900};
	EXPECT_OK(manifest_encode(&m, &b, &g->e), &g->e);
	EXPECT_OK(fs_write_new(g->made, GOLDEN "/manifest/00000000000000000008", b.data, b.len, &g->e),
		  &g->e);
	manifest_close(&m);
	bytes_clear(&b);
	manifest_init(&m, &g->mem);
	m.slot_kind = SLOT_FENCE;
	m.slot = m.epoch = 9;
	m.parent = 8;
	m.lineage = 0xfeed0001;
	m.top_id = 7;
	memcpy(m.uuid, TEST_UUID, UUID_TEXT);
	m.retained = lists;
	m.n_retained = 2;
	m.quarantined = quarantined;
	m.n_quarantined = 1;
	EXPECT_OK(manifest_encode(&m, &b, &g->e), &g->e);
	EXPECT_OK(fs_write_new(g->made, GOLDEN "/manifest/00000000000000000009", b.data, b.len, &g->e),
		  &g->e);
	bytes_close(&b);
}

static void golden_open(struct golden *g)
{
	memset(g, 0, sizeof *g);
	mem_init(&g->mem, 0);
	fs_real_init(&g->real, &g->mem);
	EXPECT_OK(fs_sim_open(&g->sim, &g->mem, &g->e), &g->e);
	g->made = fs_sim_fs(g->sim);
	make_files(g);
}

static void golden_close(struct golden *g)
{
	fs_sim_close(&g->sim);
	EXPECT(g->mem.used_bytes == 0);
}

static void read_file(struct fs *fs, const char *path, uint8_t **data, size_t *len)
{
	struct err e = {OK};
	EXPECT_OK(fs_read_all(fs, path, 1 << 20, data, len, &e), &e);
}

static void write_golden(struct golden *g)
{
	static const char *const folders[] = {LAYOUT_PARTS, LAYOUT_MANIFEST};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		struct fs_names names;
		char path[LAYOUT_PATH_MAX];
		layout_path(path, GOLDEN, NULL, folders[i]);
		EXPECT_OK(fs_mkdir_all(&g->real.fs, path, &g->e), &g->e);
		EXPECT_OK(fs_list(g->made, path, &names, &g->e), &g->e);
		for (size_t j = 0; j < names.n; j++) {
			uint8_t *data;
			size_t len;
			layout_path(path, GOLDEN, folders[i], names.name[j]);
			read_file(g->made, path, &data, &len);
			EXPECT_OK(fs_write_new(&g->real.fs, path, data, len, &g->e), &g->e);
			mem_put(&g->mem, data);
		}
		fs_names_close(&names);
	}
}

static void expect_same(struct golden *g, const char *path)
{
	uint8_t *want, *made;
	size_t want_len, made_len;
	read_file(&g->real.fs, path, &want, &want_len);
	read_file(g->made, path, &made, &made_len);
	if (want_len != made_len || memcmp(want, made, want_len))
		fail_msg("%s is written differently now: a new format needs a new version", path);
	mem_put(&g->mem, want);
	mem_put(&g->mem, made);
}

TEST(inv39_this_version_writes_what_it_wrote)
{
	struct golden g;
	golden_open(&g);
	char path[LAYOUT_PATH_MAX];
	layout_path(path, GOLDEN, LAYOUT_PARTS, plain_part);
	expect_same(&g, path);
	expect_same(&g, GOLDEN "/manifest/00000000000000000008");
	expect_same(&g, GOLDEN "/manifest/00000000000000000009");
	golden_close(&g);
}

static void expect_part(struct golden *g, const struct part_file *file,
			const struct section_ref *ref)
{
	struct part_reader *r;
	uint8_t want[3001];
	EXPECT_OK(part_reader_open(&r, parts_in(&g->real.fs, GOLDEN), &g->mem, file, &g->e), &g->e);
	for (uint32_t no = 0; no < 2; no++) {
		struct section_reader *s;
		struct block_view b;
		EXPECT_OK(section_open(&s, r, &ref[no], 0, UINT64_MAX, &g->e), &g->e);
		for (uint32_t i = 0; i < 2; i++) {
			size_t len = block_bytes(no, i, want);
			EXPECT_OK(section_next(s, &b, &g->e), &g->e);
			EXPECT(b.len == len && !memcmp(b.raw, want, len) && b.rows == i + 1);
		}
		section_close(s);
	}
	part_reader_close(r);
}

/* References and lengths as they were when the files were written: numbers, not computed here. */
TEST(inv39_parts_of_version_1_are_read)
{
	struct golden g;
	golden_open(&g);
	const struct part_file plain = {.name = "feed0001-5-2-00000000000000000007.part",
					.length = 7473, .epoch = 5};
	const struct section_ref plain_ref[] = {
		{.length = 269, .offset = 6895, .checksum = 0x78ac0ce55e686115, .rows = 3, .bytes = 3367},
		{.length = 269, .offset = 7164, .checksum = 0x547d291d47bf39f9, .rows = 3, .bytes = 4002}};
	const struct part_file lz4 = {.name = "feed0001-5-2-00000000000000000007-m1.part",
				      .length = 4497, .epoch = 5};
	const struct section_ref lz4_ref[] = {
		{.length = 269, .offset = 3919, .checksum = 0xf1dc978287ce9b2f, .rows = 3, .bytes = 2863},
		{.length = 269, .offset = 4188, .checksum = 0xb35eae00c921554e, .rows = 3, .bytes = 1530}};
	expect_part(&g, &plain, plain_ref);
	expect_part(&g, &lz4, lz4_ref);
	golden_close(&g);
}

TEST(inv39_manifests_of_version_1_are_read)
{
	struct golden g;
	struct manifest m;
	golden_open(&g);
	EXPECT_OK(slots_read(slots_in(&g.real.fs, GOLDEN), &g.mem, 8, &m, &g.e), &g.e);
	EXPECT(m.id == 7 && m.parent == 7 && m.epoch == 5 && m.attempt == 2 && m.n_files == 2);
	EXPECT(m.kind == CHECKPOINT_SAVEPOINT && !strcmp(m.name, "before \"v2\""));
	EXPECT(!strcmp(m.file[0].name, plain_part) && m.file[1].hash == 0x0123456789abcdef);
	EXPECT(m.op[1].keyed[0].run[0].hash_last == 0x7fffffffffffffff && m.op[1].ended[0]);
	EXPECT(m.op[1].keyed[0].run[1].delta && m.op[1].keyed[0].run[1].ref.bytes == 900);
	EXPECT(m.op[0].section[0].kind == SECTION_SPLITS && m.op[0].section[0].ref.bytes == 90);
	EXPECT(m.intent[0].offset == UINT64_MAX && m.figures.keys == 5204);
	manifest_close(&m);
	EXPECT_OK(slots_read(slots_in(&g.real.fs, GOLDEN), &g.mem, 9, &m, &g.e), &g.e);
	EXPECT(m.slot_kind == SLOT_FENCE && m.parent == 8);
	EXPECT(m.retained[1] == 7 && m.quarantined[0] == 2);
	manifest_close(&m);
	golden_close(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {T(inv39_this_version_writes_what_it_wrote),
					   T(inv39_parts_of_version_1_are_read),
					   T(inv39_manifests_of_version_1_are_read)};
	if (getenv("WEIR_WRITE_GOLDEN")) {
		struct golden g;
		golden_open(&g);
		write_golden(&g);
		for (int i = 0; i < 2; i++) {
			printf("length %llu\n", (unsigned long long)g.file[i].length);
			for (int no = 0; no < 2; no++)
				printf("{.length = %u, .offset = %llu, .checksum = 0x%llx, .rows = %llu, "
				       ".bytes = %llu}\n", g.ref[i][no].length,
				       (unsigned long long)g.ref[i][no].offset,
				       (unsigned long long)g.ref[i][no].checksum,
				       (unsigned long long)g.ref[i][no].rows,
				       (unsigned long long)g.ref[i][no].bytes);
		}
		golden_close(&g);
		return 0;
	}
	return RUN(tests);
}
