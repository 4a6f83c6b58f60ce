/* fuzz_lines.c - text sources: a file of any bytes, read by some subtasks with tiny splits and
 * blocks, cut off and restored where a seed says; each line comes once, as a naive reader finds it.
 * Before the file: a byte of options, one of the seed. And the cutter of lines itself, at each
 * level, against one that looks at byte after byte. */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/operators/source_world.h"

/* As the levels of this machine cut it, room lines at a time. */
static void cut(const char *text, uint32_t size, uint32_t limit, uint32_t room, enum simd level)
{
	struct text t = {.data = calloc(1, size + 64)};
	static struct strview v[BATCH_ROWS];
	static int64_t at[BATCH_ROWS];
	memcpy(t.data, text, size);
	struct lines l = {.simd = level, .data = t.data, .end = size, .stop = size, .limit = limit};
	uint32_t from = 0;
	struct column c = {.n_texts = 1, .text = {&t}};
	for (;;) {
		uint32_t n = lines_cut(&l, v, at, 1000, room);
		for (uint32_t i = 0; i < n; i++) {
			const char *end = memchr(text + from, '\n', size - from);
			HOLDS(end);
			uint32_t len = (uint32_t)(end - text) - from;
			uint32_t whole = len;
			len -= len && text[from + len - 1] == '\r';
			HOLDS(at[i] == 1000 + (int64_t)from && v[i].len == len && len <= limit);
			HOLDS(!memcmp(column_str(&c, &v[i]), text + from, len));
			from += whole + 1;
		}
		if (n < room)
			break;
	}
	HOLDS(l.pos == from);
	if (!l.too_long && lines_cut_last(&l, v, at, 1000)) {
		uint32_t len = size - from;
		len -= len && text[from + len - 1] == '\r';
		HOLDS(v[0].len == len && !memcmp(column_str(&c, &v[0]), text + from, len));
	} else if (!l.too_long) {
		HOLDS(from == size);
	} else { /* the line that begins here is over the limit */
		const char *end = memchr(text + from, '\n', size - from);
		HOLDS((end ? (uint32_t)(end - text) : size) - from > limit);
	}
	free(t.data);
}

static void leave_out_long(struct world *w)
{
	size_t kept = 0;
	for (size_t i = 0; i < w->want.n; i++) {
		struct got *g = &w->want.v[i];
		if (g->len <= w->record_limit) {
			w->want.v[kept++] = *g;
			continue;
		}
		free(g->text);
		free((char *)g->name);
	}
	w->want.n = kept;
}

static void read_all(const char *text, size_t size, uint8_t options, uint8_t seed)
{
	struct world w;
	struct attempt a;
	struct err e = {OK};
	enum rc rc = OK;
	bool ended = false;
	char why[512];
	world_open(&w, seed);
	w.mem.limit_bytes = FUZZ_MEMORY;
	w.skip = options & 0x80;
	if (w.skip)
		w.record_limit = 4 + (options & 15);
	world_file(&w, "in", text, size);
	leave_out_long(&w);
	world_plan(&w, "{\"path\":\"in\"}");
	for (int attempt = 0; attempt < 40 && !ended; attempt++) {
		uint32_t parallelism = 1 + (uint32_t)rng_below(&w.rng, 1 + options % SUBTASKS_MAX);
		HOLDS_RC(attempt_open(&w, &a, parallelism, &e), &e, false);
		uint64_t steps = attempt < 3 && options & 0x40 ? rng_below(&w.rng, 200) : 1000000;
		ended = attempt_steps(&w, &a, steps, &rc, &e);
		HOLDS_RC(rc, &e, false);
		HOLDS_RC(attempt_snapshot(&w, &a, &e), &e, false);
		if (!ended && rng_below(&w.rng, 2)) /* what came after the snapshot is lost */
			attempt_steps(&w, &a, rng_below(&w.rng, 60), &rc, &e);
		HOLDS_RC(rc, &e, false);
		attempt_close(&w, &a);
	}
	HOLDS(ended);
	if (!gots_are_equal(&w.out, &w.want, why, sizeof why)) {
		fprintf(stderr, "%s\n", why);
		HOLDS(!"each line once");
	}
	world_close(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t options = fuzz_byte(&data, &size), seed = fuzz_byte(&data, &size);
	if (size > 4096)
		return 0;
	char *text = fuzz_text(data, size);
	static const uint32_t limits[] = {4, 20, 1 << 20};
	for (enum simd level = SIMD_BASE; level <= simd_have(); level++)
		for (size_t i = 0; i < ARRAY_LEN(limits); i++)
			cut(text, (uint32_t)size, limits[i], i ? 1 + seed % 9 : BATCH_ROWS, level);
	read_all(text, size, options, seed);
	free(text);
	return 0;
}
