/* test_file_source_real.c - the file source as it is shipped, on the real file system, with the
 * bytes lane on a thread of its own: megabytes, long lines, many small files, what is no file. */
#define op_emit op_driver_emit
#define file_source_begin real_file_source_begin
#define file_source_produce real_file_source_produce
#define file_source_event real_file_source_event
#define file_source_next real_file_source_next
#define file_source_tail real_file_source_tail
#define file_source_ops real_file_source_ops
#include "operators/file_source_begin.c"
#include "operators/file_source_cut.c"

#include "operators/file_source.c"

#include "base/hash.h"
#include "base/rng.h"
#include "tests/unit/operators/op_driver.h"

#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

/* An order-independent sum over (place, bytes) of lines. */
struct sum {
	uint64_t lines, hash;
};

static void sum_add(struct sum *s, uint64_t at, const void *line, size_t len)
{
	s->lines++;
	s->hash += hash_bytes(line, len) ^ splitmix64(at);
}

void op_driver_emit(struct op_ctx *ctx, struct batch **b)
{
	struct op_driver *d = ctx->task;
	for (uint32_t i = 0; i < (*b)->rows; i++) {
		const struct strview *v = &(*b)->col[0]->str[i];
		sum_add(d->user, (uint64_t)(*b)->origin.at->i64[i], column_str((*b)->col[0], v), v->len);
	}
	batch_drop(b);
}

static char dir[64];
static struct mem mem;
static struct fs_real real;

/* Lines of random lengths, at most max bytes each; the sum of what is in it. */
static void text_make(const char *name, size_t size, uint32_t max, uint64_t seed, struct sum *want)
{
	char path[256];
	struct rng r;
	struct err e = {OK};
	char *text = malloc(size + 1);
	rng_seed(&r, seed);
	size_t from = 0;
	for (size_t i = 0; i < size; from = i) {
		size_t len = rng_below(&r, max);
		len = len < size - i ? len : size - i;
		for (size_t k = 0; k < len; k++)
			text[i++] = (char)('a' + (k * 7 + seed) % 26);
		sum_add(want, from, text + from, i - from);
		if (i < size)
			text[i++] = '\n';
	}
	snprintf(path, sizeof path, "%s/%s", dir, name);
	EXPECT_OK(fs_write_new(&real.fs, path, text, size, &e), &e);
	free(text);
}

struct lane {
	struct ioqueue *io;
	_Atomic bool stop;
};

static void *lane_main(void *arg)
{
	struct lane *l = arg;
	while (!atomic_load(&l->stop))
		if (!ioqueue_step(l->io, LANE_BYTES))
			sched_yield();
	return NULL;
}

static enum rc begin(struct planned *p, uint32_t parallelism, struct bytes *state, struct err *e)
{
	struct op_begin b = {.mem = &mem, .fs = &real.fs, .stage = "stage", .uuid = "u",
			     .parallelism = parallelism, .max_parallelism = 128, .fresh = state};
	p->plan.max_parallelism = 128;
	return real_file_source_ops.begin(p->plan.conf, &b, e);
}

static void read_all(const char *pattern, uint32_t parallelism, struct sum *got)
{
	char options[256];
	struct err e = {OK};
	struct planned p;
	struct bytes state[4];
	struct lane lane = {0};
	pthread_t thread;
	snprintf(options, sizeof options, "{\"path\":\"%s/%s\"}", dir, pattern);
	if (!plan_stage(&p, &real_file_source_ops, options, NULL, &mem, &e))
		fail_msg("%s", e.text);
	for (uint32_t i = 0; i < parallelism; i++)
		bytes_init(&state[i], &mem);
	EXPECT_OK(begin(&p, parallelism, state, &e), &e);
	EXPECT_OK(ioqueue_open(&lane.io, &real.fs, &mem, &e), &e);
	EXPECT(!pthread_create(&thread, NULL, lane_main, &lane));
	struct op_driver d[4];
	uint32_t ended = 0;
	for (uint32_t i = 0; i < parallelism; i++) {
		driver_init(&d[i], &real_file_source_ops, p.plan.conf, lane.io, &mem);
		d[i].ctx.max_parallelism = 128;
		d[i].user = got;
		EXPECT_OK(driver_start(&d[i], &state[i], &e), &e);
	}
	while (ended < parallelism) {
		ended = 0;
		for (uint32_t i = 0; i < parallelism; i++) {
			driver_letters(&d[i]);
			enum op_result r = d[i].ops->produce(d[i].self, &d[i].ctx);
			if (r == OP_FAILED)
				fail_msg("%s", d[i].ctx.error.text);
			ended += r == OP_DONE;
		}
	}
	EXPECT(mem.peak_bytes < 32 << 20);
	while (!ioqueue_is_idle(lane.io))
		sched_yield();
	atomic_store(&lane.stop, true);
	pthread_join(thread, NULL);
	for (uint32_t i = 0; i < parallelism; i++) {
		driver_close(&d[i]);
		bytes_close(&state[i]);
	}
	ioqueue_close(lane.io);
	plan_close(&p, &mem);
	EXPECT(mem.used_bytes == 0);
}

static void expect_same(const char *pattern, const struct sum *want)
{
	for (uint32_t p = 1; p <= 4; p++) {
		struct sum got = {0};
		read_all(pattern, p, &got);
		if (got.lines != want->lines || got.hash != want->hash)
			fail_msg("%s, parallelism %u: %llu lines, want %llu", pattern, p,
				 (unsigned long long)got.lines, (unsigned long long)want->lines);
	}
}

TEST(megabytes_in_splits_come_whole)
{
	struct sum want = {0};
	text_make("big.txt", (11 << 20) + 12345, 120, 1, &want);
	expect_same("big.txt", &want);
}

TEST(lines_longer_than_blocks_and_splits_come_whole)
{
	struct sum want = {0};
	text_make("long.txt", 9 << 20, 900000, 2, &want);
	expect_same("long.txt", &want);
}

TEST(many_small_files_come_whole)
{
	struct sum want = {0};
	struct err e = {OK};
	char path[256];
	snprintf(path, sizeof path, "%s/many", dir);
	EXPECT_OK(fs_mkdir(&real.fs, path, NULL, &e), &e);
	for (int i = 0; i < 2000; i++) {
		char name[64];
		snprintf(name, sizeof name, "many/%d.txt", i);
		text_make(name, (size_t)i % 97, 20, (uint64_t)i, &want);
	}
	expect_same("many", &want);
	expect_same("many/*.txt", &want);
}

TEST(what_is_no_regular_file_or_may_not_be_read_is_refused)
{
	const struct {
		const char *name, *says;
		enum rc want;
	} cases[] = {{"fifo", "neither a regular file nor a folder", E_INVALID},
		     {"closed", "cannot be read", E_PERMISSION}};
	char path[256], options[300];
	struct err e = {OK};
	snprintf(path, sizeof path, "%s/fifo", dir);
	EXPECT(!mkfifo(path, 0600));
	snprintf(path, sizeof path, "%s/closed", dir);
	EXPECT_OK(fs_write_new(&real.fs, path, "x\n", 2, &e), &e);
	EXPECT(!chmod(path, 0));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct planned p;
		struct bytes state;
		if (i == 1 && !geteuid())
			continue; /* root may read everything */
		bytes_init(&state, &mem);
		err_clear(&e);
		snprintf(options, sizeof options, "{\"path\":\"%s/%s\"}", dir, cases[i].name);
		EXPECT(plan_stage(&p, &real_file_source_ops, options, NULL, &mem, &e));
		EXPECT(begin(&p, 1, &state, &e) == cases[i].want);
		EXPECT(strstr(e.text, cases[i].says) && strstr(e.text, cases[i].name));
		bytes_close(&state);
		plan_close(&p, &mem);
	}
}

int main(void)
{
	snprintf(dir, sizeof dir, "/tmp/weir-source-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	mem_init(&mem, 0);
	fs_real_init(&real, &mem);
	const struct CMUnitTest tests[] = {
		T(megabytes_in_splits_come_whole),
		T(lines_longer_than_blocks_and_splits_come_whole),
		T(many_small_files_come_whole),
		T(what_is_no_regular_file_or_may_not_be_read_is_refused),
	};
	int failed = RUN(tests);
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return failed + (system(command) != 0);
}
