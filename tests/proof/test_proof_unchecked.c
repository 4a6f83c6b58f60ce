/* test_proof_unchecked.c - what holds when no checksum does (inv 33, 34): its own are all the
 * same number (the linker puts those below in the place of the real ones), so what is damaged is
 * not noticed by them and reaches the code behind. Bits and bytes of all files of a small directory
 * are changed, and words to values at the ends; then
 *   readers      the code that reads that file alone; what a damaged manifest names, too
 *   directories  the whole of it is looked at, as `weir fsck` does
 *   starts       the job goes on from it, whatever comes out of it
 * Nothing crashes, reads outside (ASan), hangs, leaks, or takes more memory than a budget.
 * Argument: one of these; none: all. A failure prints its case: WEIR_CASE="starts 17". */
#include "tests/proof/flip_files.h"

#include "base/check.h"
#include "base/hash.h"
#include "runtime/inspect_dir.h"
#include "tests/lib/proof.h"
#include "tests/lib/test.h"

/* In a sample one case in so many, and in a proof. */
#ifdef __SANITIZE_ADDRESS__
#define ONE_IN_READERS 6
#define PROOF_SLOWER 4
#else
#define ONE_IN_READERS 24
#define PROOF_SLOWER 1
#endif
#define ONE_IN_DIRECTORIES 200
#define ONE_IN_STARTS 400
#define PROOF_ONE_IN_DIRECTORIES (20 * PROOF_SLOWER)
#define PROOF_ONE_IN_STARTS (40 * PROOF_SLOWER)
#define SEEDS 12
/* No file here has a block of more than some KiB; one that says so may have 32 MiB (inv 34). */
#define BUDGET_BYTES (96u << 20)

uint64_t __wrap_checksum64(const void *data, size_t len);
uint64_t __wrap_checksum64(const void *data, size_t len)
{
	(void)data, (void)len;
	return 7;
}

uint64_t __wrap_checksum_end(const struct checksum *c);
uint64_t __wrap_checksum_end(const struct checksum *c)
{
	(void)c;
	return 7;
}

/* ---- damage ---- */

enum { A_BIT, A_BYTE, A_WORD_OF_4, A_WORD_OF_8, A_FEW_BYTES, WAYS };

/* Changes some bytes from `at` on; *before has what stood there. How many. */
static size_t damage(uint8_t *data, size_t len, size_t at, unsigned way, struct rng *r,
		     uint8_t before[8])
{
	static const uint64_t ends[] = {0, 1, 0x7fffffff, 0x80000000, UINT32_MAX, INT64_MAX,
					UINT64_MAX, 0xffff, 0x100000000};
	uint64_t value = rng_below(r, 3) ? ends[rng_below(r, ARRAY_LEN(ends))] : rng_next(r);
	size_t n = way == A_WORD_OF_4 ? 4 : way == A_WORD_OF_8 || way == A_FEW_BYTES ? 8 : 1;
	if (n > len - at)
		n = len - at;
	memcpy(before, data + at, n);
	if (way == A_BIT)
		data[at] ^= (uint8_t)(1u << rng_below(r, 8));
	else if (way == A_FEW_BYTES) /* of a text: what may stand there */
		for (size_t i = 0; i < 2 && i < n; i++)
			data[at + i] = (uint8_t)"0129,:\"{}[]-e.tn "[rng_below(r, 17)];
	else
		memcpy(data + at, &value, n);
	return n;
}

/* ---- readers ---- */

static const char *asked_case;

struct run {
	struct flip_set *s;
	struct proof p;
	uint64_t believed; /* damaged, and read without an error */
};

static void expect_modest(struct run *run, enum rc rc, size_t used, uint64_t n)
{
	struct mem *mem = &run->s->mem;
	if (rc == E_NO_MEMORY || mem->used_bytes != used)
		fail_msg("WEIR_CASE=\"readers %" PRIu64 "\": %s, %zu bytes more than before", n,
			 err_name(rc), (size_t)(mem->used_bytes - used));
}

/* The parts that a damaged manifest names, read as it says. */
static enum rc read_named(struct flip_set *s, const struct manifest *m)
{
	enum rc worst = OK;
	for (size_t i = 0; i < s->n; i++)
		for (uint32_t k = 0; s->file[i].kind == FLIP_PART && k < m->n_files; k++) {
			const char *name = strrchr(s->file[i].path, '/') + 1;
			struct flip_file f = s->file[i];
			struct err e = {0};
			if (strcmp(m->file[k].name, name))
				continue;
			f.m = m;
			f.at = k;
			enum rc rc = flips_read_blocks(s, &f, &e);
			worst = rc == E_NO_MEMORY || worst == OK ? rc : worst;
		}
	return worst;
}

static enum rc read_one(struct flip_set *s, const struct flip_file *f)
{
	struct manifest m;
	struct bytes again;
	struct err e = {0};
	if (f->kind == FLIP_PART)
		return flips_read_blocks(s, f, &e);
	manifest_init(&m, &s->mem);
	bytes_init(&again, &s->mem);
	enum rc rc = manifest_decode(&m, &s->mem, f->slot, f->data, f->len, &e);
	if (rc == OK && (rc = read_named(s, &m)) != E_NO_MEMORY)
		rc = manifest_encode(&m, &again, &e); /* as it is carried on */
	bytes_close(&again);
	manifest_close(&m);
	return rc;
}

static void read_damaged(struct run *run, struct flip_file *f)
{
	for (size_t at = 0; at < f->len; at++)
		for (unsigned way = 0; way < WAYS; way++) {
			uint8_t before[8];
			struct rng r;
			uint64_t n = run->p.of;
			bool takes = proof_takes(&run->p);
			if (asked_case ? n != strtoull(asked_case, NULL, 10) : !takes)
				continue;
			rng_seed(&r, n);
			size_t used = run->s->mem.used_bytes;
			size_t len = damage(f->data, f->len, at, way, &r, before);
			enum rc rc = read_one(run->s, f);
			memcpy(f->data + at, before, len);
			expect_modest(run, rc, used, n);
			run->believed += rc == OK;
		}
}

TEST(inv33_inv34_readers_of_what_no_checksum_guards_are_safe)
{
	struct run run = {.s = malloc(sizeof *run.s)};
	proof_open_large(&run.p, "damage that no checksum finds, readers", ONE_IN_READERS,
			 PROOF_SLOWER);
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		flips_make(run.s, seed);
		run.s->mem.limit_bytes = BUDGET_BYTES;
		for (size_t i = 0; i < run.s->n; i++)
			if (run.s->file[i].kind != FLIP_OTHER)
				read_damaged(&run, &run.s->file[i]);
		flips_close(run.s);
	}
	free(run.s);
	proof_close(&run.p);
	printf("%" PRIu64 " of them were believed\n", run.believed);
	EXPECT(asked_case || (run.p.done > 30000 && run.believed > 3000));
}

/* ---- all of a directory ---- */

static void on_fault(void *arg, const struct inspect_fault *f)
{
	uint64_t *faults = arg;
	(void)f;
	++*faults;
}

static void on_note(void *arg, const char *file, const char *what)
{
	(void)arg, (void)file, (void)what;
}

static void on_checkpoint(void *arg, const struct dir_checkpoint *c)
{
	(void)arg, (void)c;
}

struct ends {
	uint64_t of[WORLD_PAUSED + 1];
};

/* Looks at the directory, or goes on from it. */
static void live_with(struct flip_set *s, uint64_t n, bool starts, struct ends *c)
{
	struct world *w = calloc(1, sizeof *w);
	struct err e = {0};
	world_open(w, n + 1, s->job);
	image_put(&s->image, w);
	w->mem.limit_bytes = w->mem.used_bytes + BUDGET_BYTES;
	if (starts) {
		enum world_end end = world_process(w, 1 + (unsigned)(n % 3));
		c->of[end]++;
		if (end == WORLD_FAILED && (w->error.code == E_NO_MEMORY || !w->error.text[0]))
			world_fail(w, "WEIR_CASE=\"starts %" PRIu64 "\": %s", n, w->error.text);
		world_exit(w);
	} else {
		uint64_t faults = 0;
		struct dir_listener to = {&faults, on_fault, on_note, on_checkpoint};
		struct dir_result r;
		enum rc rc = inspect_dir_check(&w->env, WORLD_DIR, &to, &r, &e);
		if (rc != OK)
			world_fail(w, "WEIR_CASE=\"directories %" PRIu64 "\": %s", n, e.text);
		c->of[faults ? WORLD_FAILED : WORLD_FINISHED]++;
	}
	w->mem.limit_bytes = 0;
	world_close(w);
	free(w);
}

static void each_of_a_directory(struct proof *p, bool starts, struct ends *c)
{
	struct flip_set *s = malloc(sizeof *s);
	for (uint64_t seed = 1; seed <= 2; seed++) {
		flips_make(s, seed);
		for (size_t i = 0; i < s->n; i++)
			for (size_t at = 0; at < s->file[i].len; at++)
				for (unsigned way = 0; way < WAYS; way++) {
					uint8_t before[8];
					struct rng r;
					uint64_t n = p->of;
					bool takes = proof_takes(p);
					if (asked_case ? n != strtoull(asked_case, NULL, 10) : !takes)
						continue;
					rng_seed(&r, n);
					size_t len = damage(s->file[i].data, s->file[i].len, at, way, &r, before);
					live_with(s, n, starts, c);
					memcpy(s->file[i].data + at, before, len);
				}
		flips_close(s);
	}
	free(s);
}

TEST(inv33_inv34_who_looks_at_a_directory_that_no_checksum_guards_is_safe)
{
	struct ends c = {0};
	struct proof p;
	proof_open_large(&p, "damage that no checksum finds, directories", ONE_IN_DIRECTORIES,
			 PROOF_ONE_IN_DIRECTORIES);
	each_of_a_directory(&p, false, &c);
	proof_close(&p);
	printf("%" PRIu64 " with faults, %" PRIu64 " without\n", c.of[WORLD_FAILED],
	       c.of[WORLD_FINISHED]);
	EXPECT(asked_case || (c.of[WORLD_FAILED] && c.of[WORLD_FINISHED]));
}

TEST(inv33_inv34_a_start_from_what_no_checksum_guards_ends)
{
	struct ends c = {0};
	struct proof p;
	proof_open_large(&p, "damage that no checksum finds, starts", ONE_IN_STARTS,
			 PROOF_ONE_IN_STARTS);
	each_of_a_directory(&p, true, &c);
	proof_close(&p);
	printf("%" PRIu64 " finished, %" PRIu64 " failed or were refused, %" PRIu64 " halted\n",
	       c.of[WORLD_FINISHED], c.of[WORLD_FAILED], c.of[WORLD_HALTED]);
	EXPECT(asked_case || (c.of[WORLD_FAILED] && c.of[WORLD_FINISHED]));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		struct CMUnitTest test;
	} all[] = {
		{"readers", T(inv33_inv34_readers_of_what_no_checksum_guards_are_safe)},
		{"directories", T(inv33_inv34_who_looks_at_a_directory_that_no_checksum_guards_is_safe)},
		{"starts", T(inv33_inv34_a_start_from_what_no_checksum_guards_ends)},
	};
	struct CMUnitTest tests[ARRAY_LEN(all)];
	const char *which = argc > 1 ? argv[1] : getenv("WEIR_CASE");
	size_t n = 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 && which)
		asked_case = strchr(which, ' ');
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!which || !strncmp(which, all[i].name, strcspn(which, " ")))
			tests[n++] = all[i].test;
	CHECK(n);
	return _cmocka_run_group_tests("unchecked", tests, n, NULL, NULL);
}
