/* replay.c - the fuzz targets without clang: fuzz_replay TARGET runs every file of its corpus and
 * of its former crashers, then mutations of them, drawn by a seed.
 * What fails is left in a file that `fuzz_replay TARGET FILE` runs again. */
#include "base/rng.h"
#include "tests/fuzz/fuzz.h"
#include "tests/lib/proof.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUT_MAX 65536
#define FOLDER "tests/fuzz"

#define T(name) int fuzz_one_##name(const uint8_t *data, size_t size);
FUZZ_TARGETS
#undef T

static const struct target {
	const char *name;
	int (*one)(const uint8_t *data, size_t size);
} targets[] = {
#define T(name) {#name, fuzz_one_##name},
	FUZZ_TARGETS
#undef T
};

struct input {
	uint8_t *data;
	size_t size;
	char name[300];
};
struct inputs {
	struct input *v;
	size_t n;
};

/* What is being tried, where the parent finds it: a sanitizer may end the process at any place. */
struct trying {
	size_t size;
	uint8_t data[INPUT_MAX];
};

static void run(const struct target *t, struct trying *now, const uint8_t *data, size_t size)
{
	now->size = size;
	if (size)
		memcpy(now->data, data, size);
	t->one(data, size);
}

static bool read_file(const char *path, struct input *in)
{
	FILE *f = fopen(path, "r");
	if (!f)
		return false;
	in->data = malloc(INPUT_MAX);
	in->size = in->data ? fread(in->data, 1, INPUT_MAX, f) : 0;
	fclose(f);
	snprintf(in->name, sizeof in->name, "%s", path);
	return in->data;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct input *)a)->name, ((const struct input *)b)->name);
}

static void read_folder(const char *kind, const char *target, struct inputs *to)
{
	char path[300];
	snprintf(path, sizeof path, FOLDER "/%s/%s", kind, target);
	DIR *d = opendir(path);
	for (struct dirent *f; d && (f = readdir(d));) {
		struct input in;
		snprintf(path, sizeof path, FOLDER "/%s/%s/%s", kind, target, f->d_name);
		if (f->d_name[0] == '.' || !read_file(path, &in))
			continue;
		to->v = realloc(to->v, (to->n + 1) * sizeof *to->v);
		HOLDS(to->v);
		to->v[to->n++] = in;
	}
	if (d)
		closedir(d);
	if (to->n) /* whatever order the folder has them in, a seed means the same */
		qsort(to->v, to->n, sizeof *to->v, by_name);
}

/* --- mutations --- */
static size_t part_of(struct rng *r, size_t size, size_t *from)
{
	*from = size ? rng_below(r, size) : 0;
	return size ? 1 + rng_below(r, size - *from < 64 ? size - *from : 64) : 0;
}

/* Puts n bytes in at `at`; returns the new size. */
static size_t insert(uint8_t *d, size_t size, size_t at, const uint8_t *from, size_t n)
{
	if (size + n > INPUT_MAX)
		return size;
	memmove(d + at + n, d + at, size - at);
	memcpy(d + at, from, n);
	return size + n;
}

static size_t change(struct rng *r, uint8_t *d, size_t size, const struct inputs *all)
{
	static const uint64_t ends[] = {0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000,
					0xFFFFFFFF, INT64_MAX, UINT64_MAX};
	const struct input *other = &all->v[rng_below(r, all->n)];
	uint8_t piece[64];
	size_t at, n = part_of(r, size, &at), width = (size_t)1 << rng_below(r, 4);
	uint64_t end = ends[rng_below(r, ARRAY_LEN(ends))];
	switch (rng_below(r, 9)) {
	case 0:
		if (size)
			d[at] ^= (uint8_t)(1u << rng_below(r, 8));
		return size;
	case 1:
		if (size)
			d[at] = (uint8_t)rng_next(r);
		return size;
	case 2: /* a number at its ends */
		if (size >= width)
			memcpy(d + rng_below(r, size - width + 1), &end, width);
		return size;
	case 3: /* or near what it is */
		if (size)
			d[at] = (uint8_t)(d[at] + rng_below(r, 9) - 4);
		return size;
	case 4:
		memmove(d + at, d + at + n, size - at - n);
		return size - n;
	case 5: /* the same again */
		memcpy(piece, d + at, n);
		return insert(d, size, size ? rng_below(r, size) : 0, piece, n);
	case 6: /* some of another */
		n = part_of(r, other->size, &at);
		return insert(d, size, size ? rng_below(r, size + 1) : 0, other->data + at, n);
	case 7: /* its end is another's */
		n = part_of(r, other->size, &at);
		at = size < at ? size : at;
		n = other->size - (other->size < at ? other->size : at);
		memcpy(d + at, other->data + (other->size - n), n);
		return at + n;
	default: /* a sign of some grammar */
		piece[0] = (uint8_t)"{}[]()\"\\,:'-+.%*/\n\r\0 &=<>0e9"[rng_below(r, 29)];
		return insert(d, size, at, piece, 1);
	}
}

static void mutate(const struct target *t, struct trying *now, const struct inputs *all,
		   uint64_t many)
{
	uint64_t seed = proof_seed();
	char what[80];
	uint8_t *d = malloc(INPUT_MAX), *exact;
	HOLDS(d);
	for (uint64_t i = 0; i < many; i++) {
		struct rng r;
		rng_seed(&r, splitmix64(seed) + i);
		const struct input *in = &all->v[rng_below(&r, all->n)];
		size_t size = in->size;
		memcpy(d, in->data, size);
		for (uint64_t n = 1 + rng_below(&r, 6); n; n--)
			size = change(&r, d, size, all);
		exact = malloc(size ? size : 1); /* what is read behind it is seen */
		HOLDS(exact);
		memcpy(exact, d, size);
		run(t, now, exact, size);
		free(exact);
	}
	free(d);
	snprintf(what, sizeof what, "fuzz, %s: mutations", t->name);
	proof_line(what, many, many);
}

static int play(const struct target *t, struct trying *now)
{
	struct inputs all = {0};
	read_folder("corpus", t->name, &all);
	if (all.n < 8) {
		fprintf(stderr, FOLDER "/corpus/%s has %zu files: it tries hardly anything\n", t->name,
			all.n);
		return 1;
	}
	size_t corpus = all.n;
	read_folder("crashers", t->name, &all);
	for (size_t i = 0; i < all.n; i++)
		run(t, now, all.v[i].data, all.v[i].size);
	printf("%s: %zu files, %zu former crashers\n", t->name, corpus, all.n - corpus);
	mutate(t, now, &all, proof_many(FUZZ_MUTATIONS, 2 * FUZZ_MUTATIONS, 50 * FUZZ_MUTATIONS));
	for (size_t i = 0; i < all.n; i++)
		free(all.v[i].data);
	free(all.v);
	return 0;
}

/* In a process of its own; what it died of is kept. */
static int play_apart(const struct target *t)
{
	char path[200];
	int status = 0;
	struct trying *now = mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	HOLDS(now != MAP_FAILED);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0)
		exit(play(t, now));
	HOLDS(child > 0 && waitpid(child, &status, 0) == child);
	if (status == 0)
		return 0;
	snprintf(path, sizeof path, "%s/weir-fuzz-%s-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
		 t->name, (int)child);
	FILE *f = fopen(path, "w");
	if (f) {
		fwrite(now->data, 1, now->size, f);
		fclose(f);
	}
	fprintf(stderr, "seed %" PRIu64 "; its last input is kept: fuzz_replay %s %s\n", proof_seed(),
		t->name, path);
	return 1;
}

int main(int argc, char **argv)
{
	const struct target *t = NULL;
	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		if (argc > 1 && !strcmp(argv[1], targets[i].name))
			t = &targets[i];
	if (!t) {
		fprintf(stderr, "usage: fuzz_replay TARGET [FILE]...; targets:");
		for (size_t i = 0; i < ARRAY_LEN(targets); i++)
			fprintf(stderr, " %s", targets[i].name);
		fprintf(stderr, "\n");
		return 2;
	}
	setenv("CMOCKA_TEST_ABORT", "1", 1); /* helpers of unit tests abort, outside of one */
	for (int i = 2; i < argc; i++) {
		struct input in;
		if (!read_file(argv[i], &in)) {
			fprintf(stderr, "%s cannot be read\n", argv[i]);
			return 2;
		}
		in.data = realloc(in.data, in.size ? in.size : 1);
		t->one(in.data, in.size);
		free(in.data);
	}
	return argc > 2 ? 0 : play_apart(t);
}
