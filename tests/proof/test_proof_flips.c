/* test_proof_flips.c - each single bit of each file of a checkpoint directory changed, one at a
 * time, is noticed by the code that reads that file (inv 33): flip_files.h says which. By the
 * hash of a whole file and, apart from that, without it.
 * Argument: manifests, hashes, blocks, entries, directories; none: all. A failure prints seed, file
 * and bit. With checksums switched off: test_proof_unchecked.c. */
#include "tests/proof/flip_files.h"

#include "base/check.h"
#include "base/fs_sim.h"
#include "runtime/inspect_dir.h"
#include "server/entry.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

/* Directories, each of another seed: as many as ten million bits take. */
#define SEEDS 96
#define ONE_IN 8
/* Of the bits of a directory, in a sample and in a proof: the whole of it is read for each. */
#define ONE_IN_DIRECTORY 100
#define PROOF_ONE_IN_DIRECTORY 16

typedef enum rc reader(struct flip_set *s, const struct flip_file *f, struct err *e);

static void flip(uint8_t *data, uint64_t bit)
{
	data[bit / 8] ^= (uint8_t)(1u << bit % 8);
}

static void expect_noticed(enum rc rc, const struct err *e, uint64_t seed, const char *path,
			   uint64_t bit)
{
	/* Of a later version: also not believed. */
	if ((rc != E_CORRUPT && rc != E_REFUSED) || !e->text[0])
		fail_msg("seed %" PRIu64 ", %s, bit %" PRIu64 ": %s: %s", seed, path, bit, err_name(rc),
			 e->text);
}

static void each_bit(struct proof *p, enum flip_kind kind, reader *read)
{
	struct flip_set *s = malloc(sizeof *s);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		flips_make(s, seed);
		for (size_t i = 0; i < s->n; i++) {
			struct flip_file *f = &s->file[i];
			struct err e = {0};
			if (f->kind != kind || (read == flips_read_blocks && !f->whole))
				continue;
			EXPECT_OK(read(s, f, &e), &e);
			for (uint64_t bit = 0; bit < f->len * 8; bit++) {
				if (!proof_takes(p))
					continue;
				flip(f->data, bit);
				e = (struct err){0};
				enum rc rc = read(s, f, &e);
				flip(f->data, bit);
				expect_noticed(rc, &e, seed, f->path, bit);
			}
		}
		flips_close(s);
	}
	free(s);
}

static void enumerate(const char *what, enum flip_kind kind, reader *read, uint64_t least)
{
	struct proof p;
	proof_open(&p, what, ONE_IN);
	each_bit(&p, kind, read);
	proof_close(&p);
	EXPECT(p.done >= least);
}

TEST(inv33_each_bit_of_a_manifest)
{
	enumerate("flipped bits, manifests", FLIP_MANIFEST, flips_read_manifest, 700000);
}

TEST(inv33_each_bit_of_a_part_by_its_hash)
{
	enumerate("flipped bits, part files by their hash", FLIP_PART, flips_read_hash, 150000);
}

TEST(inv33_each_bit_of_a_part_by_sections_and_blocks)
{
	enumerate("flipped bits, part files by sections and blocks", FLIP_PART, flips_read_blocks,
		  150000);
}

/* ---- the catalogue ---- */

static const struct entry_case {
	enum standing standing;
	const char *error;
	size_t job_len;
} entry_cases[] = {
	{STANDING_RUNNING, NULL, 3000},
	{STANDING_FAILED, "source 'a': 'in/x.txt' is not there", 700},
	{STANDING_REMOVED, NULL, 1},
	{STANDING_STOPPED, NULL, 20000},
};

static void each_bit_of_an_entry(struct proof *p, const struct entry_case *c)
{
	struct mem mem;
	struct bytes b;
	struct err e = {0};
	char error[64], file[] = "/jobs/count.json", set[] = "parallelism=3";
	struct entry en = {.name = "count", .standing = c->standing, .file = file, .set = {set},
			   .n_sets = 1, .submitted_wall_us = 1790000000000000, .job_len = c->job_len};
	struct rng r;
	mem_init(&mem, 0);
	rng_seed(&r, c->job_len);
	en.job = malloc(c->job_len + 1);
	for (size_t i = 0; i < c->job_len; i++)
		en.job[i] = (char)(1 + rng_below(&r, 255));
	en.job[c->job_len] = '\0';
	if (c->error) {
		snprintf(error, sizeof error, "%s", c->error);
		en.error = error;
		en.code = E_NOT_FOUND;
	}
	bytes_init(&b, &mem);
	EXPECT_OK(entry_encode(&en, &b, &e), &e);
	for (uint64_t bit = 0; bit < b.len * 8; bit++) {
		struct entry got;
		if (!proof_takes(p))
			continue;
		flip(b.data, bit);
		e = (struct err){0};
		enum rc rc = entry_decode(&got, b.data, b.len, &mem, &e);
		flip(b.data, bit);
		expect_noticed(rc, &e, 0, "an entry", bit);
	}
	bytes_close(&b);
	free(en.job);
	EXPECT(mem.used_bytes == 0);
}

TEST(inv33_each_bit_of_a_catalogue_entry)
{
	struct proof p;
	proof_open(&p, "flipped bits, catalogue entries", ONE_IN);
	for (size_t i = 0; i < ARRAY_LEN(entry_cases); i++)
		each_bit_of_an_entry(&p, &entry_cases[i]);
	proof_close(&p);
	EXPECT(p.done > 10000);
}

/* ---- the whole directory ---- */

struct found {
	uint32_t faults;
};

static void on_fault(void *arg, const struct inspect_fault *f)
{
	struct found *x = arg;
	x->faults += f->kind == FAULT_CORRUPT || f->kind == FAULT_MISSING || f->kind == FAULT_VERSION;
}

static void on_note(void *arg, const char *file, const char *what)
{
	(void)arg, (void)file, (void)what;
}

static void on_checkpoint(void *arg, const struct dir_checkpoint *c)
{
	(void)arg, (void)c;
}

static uint32_t look(struct world *w)
{
	struct found x = {0};
	struct dir_listener to = {&x, on_fault, on_note, on_checkpoint};
	struct dir_result r;
	struct err e = {0};
	if (inspect_dir_check(&w->env, WORLD_DIR, &to, &r, &e) != OK)
		world_fail(w, "%s", e.text);
	return x.faults;
}

/* Not history and the lock's text; not what is no checkpoint's: pieces and parts begun. */
static bool is_data(const struct flip_set *s, const struct flip_file *f)
{
	if (f->kind != FLIP_OTHER || strstr(f->path, "/audit/") || strstr(f->path, "/job.json"))
		return true;
	for (size_t i = 0; i < s->n_manifests; i++)
		for (uint32_t k = 0; k < s->manifest[i].n_intents; k++)
			if (!strcmp(s->manifest[i].intent[k].from, f->path))
				return true;
	return false;
}

static void each_bit_of_a_directory(struct proof *p, uint64_t seed)
{
	struct flip_set *s = malloc(sizeof *s);
	struct world *w = malloc(sizeof *w);
	struct err e = {0};
	flips_make(s, seed);
	world_open(w, seed, s->job);
	image_put(&s->image, w);
	EXPECT(look(w) == 0);
	for (size_t i = 0; i < s->n; i++)
		for (uint64_t bit = 0; is_data(s, &s->file[i]) && bit < s->file[i].len * 8; bit++) {
			if (!proof_takes(p))
				continue;
			EXPECT_OK(fs_sim_flip(w->disk, s->file[i].path, bit, &e), &e);
			if (!look(w))
				fail_msg("seed %" PRIu64 ", %s, bit %" PRIu64, seed, s->file[i].path, bit);
			EXPECT_OK(fs_sim_flip(w->disk, s->file[i].path, bit, &e), &e);
		}
	world_close(w);
	flips_close(s);
	free(w);
	free(s);
}

TEST(inv33_bits_of_all_files_are_seen_by_who_looks_at_the_directory)
{
	struct proof p;
	proof_open_large(&p, "flipped bits, all of a directory", ONE_IN_DIRECTORY,
			 PROOF_ONE_IN_DIRECTORY);
	for (uint64_t seed = 1; seed <= 2; seed++)
		each_bit_of_a_directory(&p, seed);
	proof_close(&p);
	EXPECT(p.done > 1000);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct CMUnitTest test;
	} all[] = {
		{"manifests", T(inv33_each_bit_of_a_manifest)},
		{"hashes", T(inv33_each_bit_of_a_part_by_its_hash)},
		{"blocks", T(inv33_each_bit_of_a_part_by_sections_and_blocks)},
		{"entries", T(inv33_each_bit_of_a_catalogue_entry)},
		{"directories", T(inv33_bits_of_all_files_are_seen_by_who_looks_at_the_directory)},
	};
	struct CMUnitTest tests[ARRAY_LEN(all)];
	size_t n = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (argc < 2 || !strcmp(argv[1], all[i].name))
			tests[n++] = all[i].test;
	CHECK(n);
	return _cmocka_run_group_tests("flips", tests, n, NULL, NULL);
}
