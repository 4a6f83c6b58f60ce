/* test_manifest_features.c - the keys that set a required feature: counts, origin, todo, checks.
 * Read back whole, refused when they lie, and absent they change no byte. */
#include "job.h"

#include <stdlib.h>

/* A checkpoint with every key of every feature. */
static void make_full(struct manifest *m, struct mem *mem)
{
	make_checkpoint(m, mem, 30, NULL, NULL, 0);
	m->slot_kind = SLOT_CHECKPOINT;
	memcpy(m->uuid, TEST_UUID, UUID_TEXT);
	m->lineage = 0xfeed0001;
	m->epoch = 1;
	m->slot = 12;
	m->parent = 11;
	m->top_id = 30;
	for (int i = 0; i < 3; i++)
		m->op[i].counted = true;
	m->op[1].in = UINT64_MAX;
	m->op[1].out = 7;
	m->op[1].skipped = 1;
	m->op[1].keys = 5204;
	*manifest_add_sum(m, &m->op[1]) = (struct manifest_sum){"n", -5 * ((__int128)1 << 70)};
	*manifest_add_sum(m, &m->op[1]) = (struct manifest_sum){"total", ((__int128)1 << 126) + 3};
	*manifest_add_edge(m) = (struct manifest_edge){
		.from = "lines", .to = "count", .sent = {100, 0x8000000000000001},
		.received = {100, 0x8000000000000001}};
	*manifest_add_edge(m) = (struct manifest_edge){
		.from = "count", .to = "out", .input = 3, .sent = {9, 5}, .received = {8, 0}};
	*manifest_add_check(m) = (struct manifest_check){"sum(count.n) = records_out(lines)", -1, 1};
	m->origin = (struct manifest_origin){.lineage = 0xbeef0001, .id = 7, .slot = 9,
					     .claimed = true};
	memcpy(m->origin.uuid, TEST_UUID, UUID_TEXT);
	m->ledger = (struct manifest_ledger){"feed0001-1.jsonl", 4096, 0x1234};
	m->accepts = manifest_alloc(m, 2 * sizeof *m->accepts);
	m->accepts[0] = 0xbeef0001;
	m->accepts[1] = 0x00000002;
	m->n_accepts = 2;
}

static void make_todo(struct manifest *m, struct mem *mem, enum todo_kind kind)
{
	manifest_init(m, mem);
	m->slot_kind = SLOT_FENCE;
	m->slot = m->epoch = 13;
	m->parent = 11;
	m->lineage = 0xfeed0001;
	m->top_id = 30;
	memcpy(m->uuid, TEST_UUID, UUID_TEXT);
	m->todo.kind = kind;
	m->todo.slot = 12;
	if (kind == TODO_IMPORT || kind == TODO_CLAIMED) {
		m->todo.source = "../other/savepoints/a";
		m->todo.lineage = 0xbeef0001;
		memcpy(m->todo.uuid, TEST_UUID, UUID_TEXT);
		return;
	}
	for (int i = 0; i < 5; i++) {
		struct manifest_move *x = manifest_add_move(m);
		x->from = i & 1 ? "out/part-1" : "out/.weir-pending/u/p";
		x->to = i & 1 ? "out/.superseded/13/part-1" : "out/.superseded/13/p";
	}
}

static void expect_fixed_point(struct manifest *m, struct mem *mem, struct manifest *read)
{
	struct bytes a, b;
	struct err e = {OK};
	bytes_init(&a, mem);
	bytes_init(&b, mem);
	EXPECT_OK(manifest_encode(m, &a, &e), &e);
	EXPECT_OK(manifest_decode(read, mem, m->slot, a.data, a.len, &e), &e);
	EXPECT(manifest_features(read) == manifest_features(m));
	EXPECT_OK(manifest_encode(read, &b, &e), &e);
	EXPECT(a.len == b.len && !memcmp(a.data, b.data, a.len));
	bytes_close(&a);
	bytes_close(&b);
}

TEST(counts_origin_and_checks_are_read_back_whole)
{
	struct mem mem;
	struct manifest m, r;
	mem_init(&mem, 0);
	make_full(&m, &mem);
	EXPECT(manifest_features(&m) == (FEATURE_COUNTS | FEATURE_ORIGIN | FEATURE_CHECKS));
	expect_fixed_point(&m, &mem, &r);
	const struct manifest_op *op = manifest_find_op(&r, "count");
	EXPECT(op->counted && op->in == UINT64_MAX && op->out == 7 && op->skipped == 1);
	EXPECT(op->keys == 5204 && op->n_sums == 2 && !strcmp(op->sum[1].field, "total"));
	EXPECT(op->sum[0].sum == -5 * ((__int128)1 << 70));
	EXPECT(op->sum[1].sum == ((__int128)1 << 126) + 3);
	EXPECT(r.op[0].counted && !r.op[0].in && !r.op[0].n_sums);
	const struct manifest_edge *x = manifest_find_edge(&r, "count", "out", 3);
	EXPECT(r.n_edges == 2 && x && x->sent.n == 9 && x->sent.hash == 5);
	EXPECT(x->received.n == 8 && x->received.hash == 0);
	x = manifest_find_edge(&r, "lines", "count", 0);
	EXPECT(x && x->received.n == 100 && x->received.hash == 0x8000000000000001);
	EXPECT(r.n_checks == 1 && r.check[0].left == -1 && r.check[0].right == 1);
	EXPECT(r.origin.id == 7 && r.origin.slot == 9 && r.origin.claimed);
	EXPECT(r.origin.lineage == 0xbeef0001 && !strcmp(r.origin.uuid, TEST_UUID));
	EXPECT(!strcmp(r.ledger.file, "feed0001-1.jsonl") && r.ledger.length == 4096);
	EXPECT(manifest_accepts(&r, 0xfeed0001) && manifest_accepts(&r, 2) && !manifest_accepts(&r, 3));
	manifest_close(&m);
	manifest_close(&r);
	EXPECT(mem.used_bytes == 0);
}

TEST(each_kind_of_todo_is_read_back_whole)
{
	struct mem mem;
	mem_init(&mem, 0);
	for (enum todo_kind k = TODO_NONE; k < TODO_KINDS; k++) {
		struct manifest m, r;
		make_todo(&m, &mem, k);
		EXPECT(manifest_features(&m) == (k == TODO_NONE ? 0 : FEATURE_PROMISE));
		expect_fixed_point(&m, &mem, &r);
		EXPECT(r.todo.kind == k);
		if (k == TODO_REWIND || k == TODO_FALLBACK) {
			EXPECT(r.todo.slot == 12 && r.todo.n == 5);
			EXPECT(!strcmp(r.todo.move[1].to, "out/.superseded/13/part-1"));
		}
		if (k == TODO_IMPORT || k == TODO_CLAIMED) {
			EXPECT(!strcmp(r.todo.source, "../other/savepoints/a"));
			EXPECT(r.todo.lineage == 0xbeef0001 && !strcmp(r.todo.uuid, TEST_UUID));
		}
		manifest_close(&m);
		manifest_close(&r);
	}
	EXPECT(mem.used_bytes == 0);
}

TEST(a_move_of_a_part_of_a_file_is_read_back_whole_and_needs_its_feature)
{
	struct mem mem;
	struct manifest m, r;
	struct bytes text;
	struct err e = {OK};
	mem_init(&mem, 0);
	make_todo(&m, &mem, TODO_REWIND);
	m.todo.move[0].how = MOVE_TAIL;
	m.todo.move[2].how = MOVE_BACK;
	m.todo.move[2].at = 1ull << 40;
	EXPECT(manifest_features(&m) == (FEATURE_PROMISE | FEATURE_TAILS));
	expect_fixed_point(&m, &mem, &r);
	EXPECT(r.todo.move[0].how == MOVE_TAIL && !r.todo.move[0].at);
	EXPECT(r.todo.move[1].how == MOVE_NAME && !r.todo.move[1].at);
	EXPECT(r.todo.move[2].how == MOVE_BACK && r.todo.move[2].at == 1ull << 40);
	EXPECT(!move_is_same(&r.todo.move[0], &r.todo.move[2]));
	manifest_close(&r);
	/* Of a fallback's nobody could tell whether it was made. */
	m.todo.kind = TODO_FALLBACK;
	bytes_init(&text, &mem);
	EXPECT_OK(manifest_encode(&m, &text, &e), &e);
	EXPECT(manifest_decode(&r, &mem, m.slot, text.data, text.len, &e) == E_CORRUPT);
	bytes_close(&text);
	manifest_close(&m);
	EXPECT(mem.used_bytes == 0);
}

/* Their cost: what counts add to a checkpoint of four stages (W5's is 30 ms long). */
TEST(counts_of_four_stages_are_less_than_a_kilobyte)
{
	struct mem mem;
	struct manifest m;
	struct bytes a, b;
	struct err e = {OK};
	mem_init(&mem, 0);
	bytes_init(&a, &mem);
	bytes_init(&b, &mem);
	make_checkpoint(&m, &mem, 30, NULL, NULL, 0);
	m.slot_kind = SLOT_CHECKPOINT;
	memcpy(m.uuid, TEST_UUID, UUID_TEXT);
	m.epoch = 1;
	m.slot = 12;
	m.top_id = 30;
	EXPECT_OK(manifest_encode(&m, &a, &e), &e);
	EXPECT(load_u64(a.data + 40) == 0); /* nothing counted: what every weir reads */
	for (int i = 0; i < 3; i++) {
		m.op[i].counted = true;
		m.op[i].in = m.op[i].out = 123456789012;
		m.op[i].keys = 10000000;
	}
	for (int i = 0; i < 2; i++)
		*manifest_add_edge(&m) = (struct manifest_edge){
			.from = m.op[i].id, .to = m.op[i + 1].id, .sent = {123456789012, 0},
			.received = {123456789012, 0}};
	EXPECT_OK(manifest_encode(&m, &b, &e), &e);
	if (b.len - a.len > 500)
		fail_msg("%zu bytes more", b.len - a.len);
	manifest_close(&m);
	bytes_close(&a);
	bytes_close(&b);
}

/* A body under a right header, with the feature word it says. */
static enum rc decode_at(struct mem *mem, const char *body, uint64_t slot, uint64_t features,
			 struct err *e)
{
	struct bytes b;
	struct manifest m;
	size_t len = strlen(body);
	bytes_init(&b, mem);
	bytes_put(&b, "WEIRMANI", 8);
	bytes_put_u16(&b, 1);
	bytes_put_u16(&b, 0x0102);
	bytes_put_u32(&b, 64);
	bytes_put_u64(&b, len);
	bytes_put_u64(&b, checksum64(body, len));
	bytes_put_u64(&b, slot);
	bytes_put_u64(&b, features);
	bytes_put_u64(&b, 0);
	bytes_put_u64(&b, checksum64(b.data, 56));
	bytes_put(&b, body, len);
	enum rc rc = manifest_decode(&m, mem, slot, b.data, b.len, e);
	manifest_close(&m);
	bytes_close(&b);
	return rc;
}

static enum rc decode_body(struct mem *mem, const char *body, uint64_t features, struct err *e)
{
	return decode_at(mem, body, 9, features, e);
}

#define WHO "\"uuid\":\"" TEST_UUID "\",\"lineage\":\"00000001\","
#define OPS(more) "\"ops\":[{\"id\":\"a\",\"type\":\"map\",\"max_par\":4" more "},{\"id\":\"b\"," \
	"\"type\":\"map\",\"max_par\":4}],"
#define CHECKPOINT(op, more) "{\"is\":\"checkpoint\"," WHO "\"epoch\":1,\"top_id\":7," OPS(op) \
	"\"id\":7,\"attempt\":1,\"wall_us\":1,\"job\":\"0000000000000000\",\"figures\":{}" more "}"
#define FENCE(more) "{\"is\":\"fence\"," WHO "\"epoch\":9" more "}"
#define INT128 "\"00000000000000000000000000000001\""
#define EDGE(more) "{\"from\":\"a\",\"to\":\"b\"" more "}"

TEST(inv34_hostile_keys_are_refused)
{
	static const struct {
		const char *body;
		uint64_t features;
		enum rc rc;
	} rows[] = {
		{CHECKPOINT("", ""), 0, OK},
		{CHECKPOINT(",\"counts\":{}", ""), 1, OK},
		{CHECKPOINT("", ",\"edges\":[" EDGE(",\"sent\":1") "]"), 1, OK},
		{FENCE(",\"todo\":{\"kind\":\"rewind\"}"), 4, OK},
		{FENCE(",\"accepts\":[\"00000002\"]"), 2, OK},
		/* the word and the body must agree, both ways */
		{CHECKPOINT("", ""), 1, E_CORRUPT},
		{CHECKPOINT(",\"counts\":{}", ""), 0, E_CORRUPT},
		{CHECKPOINT(",\"counts\":{}", ""), 3, E_CORRUPT},
		{FENCE(",\"todo\":{\"kind\":\"rewind\"}"), 0, E_CORRUPT},
		{CHECKPOINT(",\"counts\":[]", ""), 1, E_CORRUPT},
		{CHECKPOINT(",\"counts\":{\"in\":-1}", ""), 1, E_CORRUPT},
		{CHECKPOINT(",\"counts\":{\"in\":1.5}", ""), 1, E_CORRUPT},
		{CHECKPOINT(",\"counts\":{\"more\":1}", ""), 1, E_CORRUPT},
		{CHECKPOINT(",\"counts\":{\"sums\":{\"n\":1}}", ""), 1, E_CORRUPT},
		{CHECKPOINT(",\"counts\":{\"sums\":{\"n\":\"1\"}}", ""), 1, E_CORRUPT},
		{CHECKPOINT(",\"counts\":{\"sums\":{\"\":" INT128 "}}", ""), 1, E_CORRUPT},
		{CHECKPOINT("", ",\"edges\":[]"), 1, E_CORRUPT},
		{CHECKPOINT("", ",\"edges\":[" EDGE("") "]"), 1, E_CORRUPT},
		{CHECKPOINT("", ",\"edges\":[{\"from\":\"a\",\"to\":\"c\",\"sent\":1}]"), 1, E_CORRUPT},
		{CHECKPOINT("", ",\"edges\":[" EDGE(",\"sent\":1") "," EDGE(",\"sent\":2") "]"), 1,
		 E_CORRUPT},
		{CHECKPOINT("", ",\"edges\":[" EDGE(",\"sent\":1,\"input\":4000000000") "]"), 1, E_CORRUPT},
		{CHECKPOINT("", ",\"audit\":{\"file\":\"../../x\",\"len\":1,\"hash\":"
				"\"0000000000000000\"}"), 1, E_CORRUPT},
		{CHECKPOINT("", ",\"audit\":{\"file\":\"\",\"len\":1,\"hash\":"
				"\"0000000000000000\"}"), 1, E_CORRUPT},
		{CHECKPOINT("", ",\"checks\":[{\"text\":\"a = b\",\"left\":" INT128 "}]"), 8, E_CORRUPT},
		{CHECKPOINT("", ",\"checks\":[]"), 8, E_CORRUPT},
		{CHECKPOINT("", ",\"origin\":{\"uuid\":\"x\",\"lineage\":\"00000002\",\"id\":1,"
				"\"slot\":1}"), 2, E_CORRUPT},
		{CHECKPOINT("", ",\"origin\":{\"uuid\":\"" TEST_UUID "\",\"lineage\":\"00000002\","
				"\"id\":0,\"slot\":1}"), 2, E_CORRUPT},
		{CHECKPOINT("", ",\"todo\":{\"kind\":\"rewind\"}"), 4, E_CORRUPT}, /* a fence's */
		{FENCE(",\"origin\":{}"), 2, E_CORRUPT},
		{FENCE(",\"accepts\":[]"), 2, E_CORRUPT},
		{FENCE(",\"accepts\":[\"00000001\"]"), 2, E_CORRUPT}, /* its own */
		{FENCE(",\"accepts\":[\"00000002\",\"00000002\"]"), 2, E_CORRUPT},
		{FENCE(",\"accepts\":[\"2\"]"), 2, E_CORRUPT},
		{FENCE(",\"accepts\":[2]"), 2, E_CORRUPT},
		{FENCE(",\"todo\":{}"), 4, E_CORRUPT},
		{FENCE(",\"todo\":[]"), 4, E_CORRUPT},
		{FENCE(",\"todo\":{\"kind\":\"rewind\",\"slot\":9}"), 4, E_CORRUPT},
		{FENCE(",\"todo\":{\"kind\":\"rewind\",\"moves\":[]}"), 4, E_CORRUPT},
		{FENCE(",\"todo\":{\"kind\":\"rewind\",\"moves\":[{\"from\":\"a\"}]}"), 4, E_CORRUPT},
		{FENCE(",\"todo\":{\"kind\":\"rewind\",\"moves\":[{\"from\":\"a\",\"to\":\"a\"}]}"), 4,
		 E_CORRUPT},
		{FENCE(",\"todo\":{\"kind\":\"rewind\",\"moves\":[{\"from\":\"a\",\"to\":\"b\","
		       "\"by\":1}]}"), 4, E_CORRUPT},
		{FENCE(",\"todo\":{\"kind\":\"import\",\"uuid\":\"no\"}"), 4, E_CORRUPT},
		{FENCE(",\"retained\":[[1,3],5]"), 16, OK},
		{FENCE(",\"pinned\":[1,[3,8]]"), 16, OK},
		{FENCE(",\"retained\":[1,2,3]"), 0, OK},
		{FENCE(",\"retained\":[1,2,3]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[1,3],5]"), 0, E_CORRUPT},
		{FENCE(",\"retained\":[[1,3],3]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[2,[1,4]]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[0,3]]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[1,9]]"), 16, E_CORRUPT}, /* its own */
		{FENCE(",\"retained\":[[1,2]]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[4,1]]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[1]]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[1,2,3]]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[1,\"8\"]]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[1,-1]]"), 16, E_CORRUPT},
		{FENCE(",\"retained\":[[1,[2,3]]]"), 16, E_CORRUPT},
	};
	struct mem mem;
	mem_init(&mem, 64 << 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = {OK};
		enum rc rc = decode_body(&mem, rows[i].body, rows[i].features, &e);
		if (rc != rows[i].rc)
			fail_msg("%s (features %llu): %s %s", rows[i].body,
				 (unsigned long long)rows[i].features, err_name(rc), e.text);
	}
	EXPECT(mem.used_bytes == 0);
}

/* Ten thousand slots, a fence's in between each 1,000: as short as ten. */
TEST(a_long_list_of_slots_stands_as_stretches_and_a_short_one_slot_by_slot)
{
	enum { LONG = 10000 };
	struct mem mem;
	struct manifest m, r;
	struct err e = {OK};
	mem_init(&mem, 0);
	for (uint32_t n = 63; n <= LONG; n = n < 66 ? n + 1 : n == 66 ? LONG : n + 1) {
		make_todo(&m, &mem, TODO_NONE);
		m.retained = manifest_alloc(&m, n * sizeof *m.retained);
		m.n_retained = n;
		for (uint32_t i = 0; i < n; i++)
			m.retained[i] = 1 + i + i / 1000;
		m.slot = m.epoch = LONG * 2;
		expect_fixed_point(&m, &mem, &r);
		EXPECT(manifest_features(&m) == (n > 64 ? FEATURE_STRETCHES : 0));
		EXPECT(r.n_retained == n && !memcmp(r.retained, m.retained, n * sizeof *m.retained));
		EXPECT(n <= 64 || r.size_bytes < 512);
		manifest_close(&m);
		manifest_close(&r);
	}
	/* What asks for more memory than any list needs is refused before it is believed (inv 34). */
	mem_init(&mem, 64 << 20);
	EXPECT(decode_at(&mem, "{\"is\":\"fence\"," WHO "\"epoch\":4611686018427387904,\"retained\":"
			 "[[1,4611686018427387903]]}", 1ull << 62, 16, &e) == E_CORRUPT);
	EXPECT(strstr(e.text, "more than") && mem.used_bytes == 0);
}

TEST(inv33_every_flipped_byte_of_the_new_keys_is_detected)
{
	struct mem mem;
	struct err e = {OK};
	mem_init(&mem, 0);
	for (int i = 0; i < 2; i++) {
		struct manifest m, r;
		struct bytes a;
		bytes_init(&a, &mem);
		if (i)
			make_todo(&m, &mem, TODO_FALLBACK);
		else
			make_full(&m, &mem);
		EXPECT_OK(manifest_encode(&m, &a, &e), &e);
		for (size_t at = 0; at < a.len; at++) {
			struct err why = {OK};
			a.data[at] ^= (uint8_t)(1u << at % 8);
			EXPECT(manifest_decode(&r, &mem, m.slot, a.data, a.len, &why) == E_CORRUPT);
			a.data[at] ^= (uint8_t)(1u << at % 8);
		}
		manifest_close(&m);
		bytes_close(&a);
	}
	EXPECT(mem.used_bytes == 0);
}

TEST(inv31_any_failing_allocation_is_an_error_without_a_leak)
{
	struct mem mem;
	struct err e = {OK};
	mem_init(&mem, 0);
	for (int i = 0; i < 2; i++) {
		struct manifest m, r;
		struct bytes a;
		bytes_init(&a, &mem);
		if (i)
			make_todo(&m, &mem, TODO_FALLBACK);
		else
			make_full(&m, &mem);
		EXPECT_OK(manifest_encode(&m, &a, &e), &e);
		size_t used = mem.used_bytes;
		bool failed = true;
		for (uint64_t n = 1; failed; n++) {
			struct err why = {OK};
			mem.fail_at = mem.calls + n;
			enum rc rc = manifest_decode(&r, &mem, m.slot, a.data, a.len, &why);
			failed = mem.calls >= mem.fail_at;
			mem.fail_at = 0;
			EXPECT(failed ? rc == E_NO_MEMORY : rc == OK);
			if (rc == OK)
				manifest_close(&r);
			EXPECT(mem.used_bytes == used);
		}
		manifest_close(&m);
		bytes_close(&a);
	}
	EXPECT(mem.used_bytes == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(counts_origin_and_checks_are_read_back_whole),
		T(each_kind_of_todo_is_read_back_whole),
		T(a_move_of_a_part_of_a_file_is_read_back_whole_and_needs_its_feature),
		T(counts_of_four_stages_are_less_than_a_kilobyte),
		T(inv34_hostile_keys_are_refused),
		T(a_long_list_of_slots_stands_as_stretches_and_a_short_one_slot_by_slot),
		T(inv33_every_flipped_byte_of_the_new_keys_is_detected),
		T(inv31_any_failing_allocation_is_an_error_without_a_leak),
	};
	return RUN(tests);
}
