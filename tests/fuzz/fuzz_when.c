/* fuzz_when.c - the texts of a job that are compiled by themselves: a trigger's condition, and an
 * invariant (first byte: which). What compiles can be computed, of any counts. */
#include "jobs/checks.h"
#include "jobs/job_text.h"
#include "jobs/when.h"
#include "tests/fuzz/fuzz.h"

#define HEAD "{\"name\":\"j\",\"checkpoint\":{\"interval\":\"1s\","
#define TAIL                                                                                       \
	"},\"pipeline\":["                                                                         \
	"{\"id\":\"gen-1\",\"type\":\"generator_source\",\"rows\":9,"                              \
	"\"fields\":{\"k\":\"i\",\"x\":\"i / 2.0\"}},"                                             \
	"{\"id\":\"words\",\"type\":\"map\",\"set\":{\"z\":\"k+1\",\"s\":\"cast(k as text)\"}},"  \
	"{\"id\":\"count\",\"type\":\"keyed_sum\",\"key\":\"k\",\"value\":\"z\",\"as\":\"n\"},"    \
	"{\"id\":\"out\",\"type\":\"blackhole_sink\"}]}"

static __int128 value_of(void *arg, enum check_what what, uint32_t stage, uint32_t word)
{
	int64_t n = *(const int64_t *)arg;
	return (__int128)n * (what == CHECK_SUM ? INT64_MAX : 1) + stage + word;
}

static void computed(const struct plan *p, struct mem *mem)
{
	static const int64_t some[] = {0, 1, -1, 1000000, INT64_MAX, INT64_MIN};
	struct err e = {OK};
	struct when_eval *x = NULL;
	if (p->when)
		HOLDS_RC(when_eval_open(&x, p->when, mem, &e), &e, false);
	for (size_t i = 0; i < ARRAY_LEN(some); i++) {
		int64_t n = some[i];
		struct when_now now = {n, n, n, n, .seconds_since = (double)n};
		struct check_values v = {.of = value_of, .arg = &n};
		struct check_sides sides;
		for (uint32_t k = 0; k < WHEN_VALUES_MAX; k++)
			now.value[k] = n;
		for (uint32_t k = 0; k < WHEN_TAPS_MAX; k++)
			now.passed[k] = i & 1;
		err_clear(&e);
		if (x)
			HOLDS(!(when_holds(x, &now, &e) && e.code != OK));
		for (uint32_t c = 0; c < checks_count(p->checks); c++) {
			err_clear(&e);
			bool holds = check_holds(p->checks, c, &v, &sides, &e);
			HOLDS(holds == (e.code == OK) && sides.text);
		}
	}
	when_eval_close(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	struct fs_real fs;
	struct err e = {OK};
	struct job_text t = {0};
	struct bytes b;
	struct json_out o;
	bool when = fuzz_byte(&data, &size) % 2 == 0;
	char *text = fuzz_text(data, size);
	fuzz_open(&mem);
	fs_real_init(&fs, &mem);
	struct env env = {.fs = &fs.fs, .mem = &mem};
	bytes_init(&b, &mem);
	bytes_put_text(&b, HEAD);
	bytes_put_text(&b, when ? "\"trigger\":{\"when\":" : "\"invariants\":[");
	jout_begin(&o, &b, false);
	jout_string(&o, text);
	bytes_put_text(&b, when ? "}" : "]");
	bytes_put_text(&b, TAIL);
	struct job_text_source from = {.file = "/f/job.json", .text = bytes_text(&b), .len = b.len};
	enum rc rc = job_text_parse(&t, &env, &from, &e);
	HOLDS_RC(rc, &e, rc == E_INVALID && t.ds.errors > 0);
	for (unsigned i = 0; i < t.ds.n; i++)
		HOLDS(t.ds.d[i].at.offset + t.ds.d[i].at.len <= b.len);
	if (t.plan)
		computed(t.plan, &mem);
	job_text_close(&t);
	bytes_close(&b);
	free(text);
	fuzz_close(&mem);
	return 0;
}
