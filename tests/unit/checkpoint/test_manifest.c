/* test_manifest.c - manifests: small, read back whole, and believed only when all of it can be. */
#include "job.h"

#include "checkpoint/base64.h"

#include <stdlib.h>

static struct part_file file_of(uint64_t id, uint32_t merge)
{
	struct part_name n = {.lineage = 0xfeed0001, .attempt = 1, .epoch = 1, .checkpoint_id = id,
			      .merge = merge};
	struct part_file f = {.length = 100000 + id, .hash = splitmix64(id), .epoch = 1};
	layout_part(f.name, &n);
	return f;
}

/* A checkpoint as the store would fill it in, with a chain of n_runs. */
static void make_published(struct manifest *m, struct mem *mem, uint32_t n_runs)
{
	struct part_file files[16];
	struct section_ref refs[16];
	for (uint32_t i = 0; i < n_runs; i++) {
		files[i] = file_of(20 + i, 0);
		refs[i] = (struct section_ref){.offset = 50000 + i, .length = 400 + i, .rows = 100,
					       .checksum = splitmix64(i), .bytes = 20000};
	}
	make_checkpoint(m, mem, 30, files, refs, n_runs);
	m->slot_kind = SLOT_CHECKPOINT;
	memcpy(m->uuid, TEST_UUID, UUID_TEXT);
	m->lineage = 0xfeed0001;
	m->epoch = 1;
	m->slot = 12;
	m->parent = 11;
	m->top_id = 30;
	m->retained = manifest_alloc(m, 2 * sizeof *m->retained);
	m->retained[0] = 10;
	m->retained[1] = 11;
	m->n_retained = 2;
}

TEST(a_manifest_is_read_back_whole)
{
	struct mem mem;
	struct err e = {OK};
	struct manifest m, r;
	struct bytes a, b;
	mem_init(&mem, 0);
	bytes_init(&a, &mem);
	bytes_init(&b, &mem);
	make_published(&m, &mem, 3);
	m.op[1].keyed[0].run[1].hash_first = 0x1000;
	m.op[1].keyed[0].run[1].hash_last = 0xffffffff00000000;
	m.op[0].ended[0] = true;
	m.final = true;
	m.kind = CHECKPOINT_FINAL;
	m.intent[0].offset = UINT64_MAX;
	EXPECT_OK(manifest_encode(&m, &a, &e), &e);
	EXPECT_OK(manifest_decode(&r, &mem, 12, a.data, a.len, &e), &e);
	EXPECT(r.slot == 12 && r.parent == 11 && r.id == 30 && r.epoch == 1 && r.final);
	EXPECT(r.kind == CHECKPOINT_FINAL && r.lineage == 0xfeed0001 && r.size_bytes == a.len);
	EXPECT(r.n_retained == 2 && r.retained[1] == 11 && r.n_files == 3 && r.n_ops == 3);
	const struct manifest_op *op = manifest_find_op(&r, "count");
	EXPECT(op && op->n_keyed == 1 && op->keyed[0].n_runs == 3 && op->max_parallelism == 128);
	EXPECT(schema_equal(&op->keyed[0].key, &m.op[1].keyed[0].key));
	EXPECT(schema_equal(&op->keyed[0].value, &m.op[1].keyed[0].value));
	const struct manifest_run *run = &op->keyed[0].run[1];
	EXPECT(run->delta && run->hash_first == 0x1000 && run->hash_last == 0xffffffff00000000);
	EXPECT(!memcmp(&run->ref, &m.op[1].keyed[0].run[1].ref, sizeof run->ref));
	EXPECT(r.op[0].ended[0] && !r.op[1].ended[0]);
	EXPECT(r.op[0].section[0].kind == SECTION_SPLITS && r.op[0].section[0].ref.bytes == 90);
	EXPECT(!memcmp(r.op[0].section[0].data, m.op[0].section[0].data, 90));
	EXPECT(r.n_intents == 1 && r.intent[0].offset == UINT64_MAX && r.intent[0].length == 1234);
	EXPECT(!strcmp(r.intent[0].to, "counts/part-1-7.csv") && r.figures.total_us == 3100);
	/* And a fixed point: encoding what was decoded gives the same bytes. */
	EXPECT_OK(manifest_encode(&r, &b, &e), &e);
	EXPECT(a.len == b.len && !memcmp(a.data, b.data, a.len));
	manifest_close(&m);
	manifest_close(&r);
	bytes_close(&a);
	bytes_close(&b);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_manifest_in_which_nothing_changed_is_small)
{
	struct mem mem;
	struct err e = {OK};
	struct manifest m;
	struct bytes a;
	mem_init(&mem, 0);
	bytes_init(&a, &mem);
	make_published(&m, &mem, 8);
	EXPECT_OK(manifest_encode(&m, &a, &e), &e);
	if (a.len >= 3584)
		fail_msg("%zu bytes", a.len);
	manifest_close(&m);
	bytes_close(&a);
}

TEST(a_fence_is_read_back)
{
	struct mem mem;
	struct err e = {OK};
	struct manifest m, r;
	struct bytes a;
	uint64_t lists[] = {3, 5, 6};
	mem_init(&mem, 0);
	bytes_init(&a, &mem);
	manifest_init(&m, &mem);
	m.slot_kind = SLOT_FENCE;
	m.slot = m.epoch = 7;
	m.parent = 6;
	m.lineage = 1;
	m.top_id = 9;
	memcpy(m.uuid, TEST_UUID, UUID_TEXT);
	m.retained = lists;
	m.n_retained = 3;
	m.quarantined = lists;
	m.n_quarantined = 1;
	EXPECT_OK(manifest_encode(&m, &a, &e), &e);
	EXPECT_OK(manifest_decode(&r, &mem, 7, a.data, a.len, &e), &e);
	EXPECT(r.slot_kind == SLOT_FENCE && r.parent == 6 && r.top_id == 9 && r.n_retained == 3);
	EXPECT(r.quarantined[0] == 3 && r.n_pinned == 0);
	manifest_close(&r);
	struct err why = {OK};
	EXPECT(manifest_decode(&r, &mem, 8, a.data, a.len, &why) == E_CORRUPT); /* another's name */
	manifest_close(&m);
	bytes_close(&a);
	EXPECT(mem.used_bytes == 0);
}

TEST(inv33_every_flipped_byte_and_every_truncation_is_detected)
{
	struct mem mem;
	struct err e = {OK};
	struct manifest m, r;
	struct bytes a;
	mem_init(&mem, 0);
	bytes_init(&a, &mem);
	make_published(&m, &mem, 2);
	EXPECT_OK(manifest_encode(&m, &a, &e), &e);
	for (size_t i = 0; i < a.len; i++) {
		struct err why = {OK};
		a.data[i] ^= (uint8_t)(1u << splitmix64(i) % 8);
		enum rc rc = manifest_decode(&r, &mem, 12, a.data, a.len, &why);
		EXPECT(rc == E_CORRUPT && why.text[0]);
		a.data[i] ^= (uint8_t)(1u << splitmix64(i) % 8);
		err_clear(&why);
		EXPECT(manifest_decode(&r, &mem, 12, a.data, i, &why) == E_CORRUPT);
	}
	bytes_put_u8(&a, ' ');
	EXPECT(manifest_decode(&r, &mem, 12, a.data, a.len, &e) == E_CORRUPT);
	manifest_close(&m);
	bytes_close(&a);
	EXPECT(mem.used_bytes == 0);
}

/* Puts a header with right checksums around any body. */
static void wrap(struct bytes *to, uint64_t slot, const char *body, uint16_t version,
		 uint64_t features)
{
	size_t len = strlen(body);
	bytes_clear(to);
	bytes_put(to, "WEIRMANI", 8);
	bytes_put_u16(to, version);
	bytes_put_u16(to, 0x0102);
	bytes_put_u32(to, 64);
	bytes_put_u64(to, len);
	bytes_put_u64(to, checksum64(body, len));
	bytes_put_u64(to, slot);
	bytes_put_u64(to, features);
	bytes_put_u64(to, 0);
	bytes_put_u64(to, checksum64(to->data, 56));
	bytes_put(to, body, len);
}

#define WHO "\"uuid\":\"" TEST_UUID "\",\"lineage\":\"00000001\","
#define HEAD "\"is\":\"checkpoint\"," WHO "\"epoch\":1,\"top_id\":7,"
#define TAIL "\"id\":7,\"attempt\":1,\"wall_us\":1,\"job\":\"0000000000000000\",\"figures\":{}"
#define FILES "\"files\":[{\"name\":\"00000001-1-1-00000000000000000007.part\",\"len\":1000," \
	      "\"hash\":\"0000000000000000\",\"epoch\":1}],"
#define OPS "\"ops\":[{\"id\":\"a\",\"type\":\"map\",\"max_par\":128}],"
#define OP4 "\"ops\":[{\"id\":\"a\",\"type\":\"map\",\"max_par\":4,"
#define KEYED(run) HEAD FILES OP4 "\"keyed\":[{\"hash\":1,\"key\":{\"k\":\"int64\"}," \
	      "\"chain\":[{" run "}]}]}]," TAIL
#define SUM_300 "\"len\":100,\"sum\":\"0000000000000000\",\"bytes\":300"
#define RUN_OK "\"at\":500,\"len\":100,\"sum\":\"0000000000000000\",\"bytes\":300"

static enum rc decode_body(struct mem *mem, const char *body, struct err *e)
{
	struct bytes b;
	struct manifest m;
	bytes_init(&b, mem);
	wrap(&b, 9, body, 1, 0);
	enum rc rc = manifest_decode(&m, mem, 9, b.data, b.len, e);
	manifest_close(&m);
	bytes_close(&b);
	return rc;
}

TEST(inv34_hostile_bodies_are_refused)
{
	static const char *const good[] = {
		"{" HEAD OPS TAIL "}",
		"{" HEAD FILES OPS TAIL "}",
		"{" KEYED(RUN_OK) "}",
		"{" KEYED("\"data\":\"AAAA\",\"rows\":1") "}",
		"{\"is\":\"fence\"," WHO "\"epoch\":9}",
	};
	static const char *const bad[] = {
		"", "[]", "{}", "null", "{\"is\":1}", "{\"is\":\"both\"}", "{" HEAD OPS TAIL "} ,",
		"{" HEAD OPS TAIL ",\"unknown\":1}",
		"{" HEAD OPS TAIL ",\"epoch\":1}",                       /* twice */
		"{" HEAD TAIL "}",                                       /* no operators */
		"{" HEAD "\"ops\":[]," TAIL "}",
		"{" HEAD "\"ops\":{}," TAIL "}",
		"{" HEAD "\"ops\":[1]," TAIL "}",
		"{" HEAD "\"ops\":[{\"id\":\"a\",\"type\":\"map\"}]," TAIL "}",
		"{" HEAD "\"ops\":[{\"id\":\"\",\"type\":\"map\",\"max_par\":1}]," TAIL "}",
		"{" HEAD "\"ops\":[{\"id\":\"a\\u0000b\",\"type\":\"map\",\"max_par\":1}]," TAIL "}",
		"{" HEAD "\"ops\":[{\"id\":\"a\",\"type\":\"m\",\"max_par\":1},"
			 "{\"id\":\"a\",\"type\":\"m\",\"max_par\":1}]," TAIL "}",
		"{" HEAD OP4 "\"par\":5}]," TAIL "}",
		"{" HEAD OP4 "\"par\":0}]," TAIL "}",
		"{" HEAD "\"ops\":[{\"id\":\"a\",\"type\":\"map\",\"max_par\":4000000000,"
			 "\"par\":4000000000}]," TAIL "}",
		"{" HEAD OP4 "\"ended\":[1]}]," TAIL "}",
		"{" HEAD OP4 "\"ended\":[0,0]}]," TAIL "}",
		"{" HEAD "\"files\":[{\"name\":\"../../etc/passwd\",\"len\":1000,"
			 "\"hash\":\"0000000000000000\",\"epoch\":1}]," OPS TAIL "}",
		"{" HEAD "\"files\":[{\"name\":\"00000001-2-1-00000000000000000007.part\",\"len\":1000,"
			 "\"hash\":\"0000000000000000\",\"epoch\":2}]," OPS TAIL "}", /* a later epoch */
		"{" HEAD "\"files\":[{\"name\":\"00000001-1-1-00000000000000000007.part\",\"len\":10,"
			 "\"hash\":\"0000000000000000\",\"epoch\":1}]," OPS TAIL "}",
		"{" HEAD "\"files\":[{\"name\":\"00000001-1-1-00000000000000000007.part\",\"len\":1000,"
			 "\"hash\":\"000000000000000\",\"epoch\":1}]," OPS TAIL "}",
		"{" KEYED("\"f\":1," RUN_OK) "}",                        /* no such file */
		"{" KEYED("\"f\":-1," RUN_OK) "}",
		"{" KEYED("\"at\":900,\"len\":100,\"sum\":\"0000000000000000\",\"bytes\":300") "}",
		"{" KEYED("\"at\":500,\"len\":100,\"sum\":\"0000000000000000\",\"bytes\":99") "}",
		"{" KEYED("\"at\":500,\"len\":100,\"sum\":\"0000000000000000\",\"bytes\":537") "}",
		"{" KEYED("\"at\":\"18446744073709551615\"," SUM_300) "}",
		"{" KEYED("\"at\":\"18446744073709551616\"," SUM_300) "}",
		"{" KEYED("\"at\":\"500\",\"len\":100,\"sum\":\"0000000000000000\",\"bytes\":300") "}",
		"{" KEYED("\"data\":\"AAAA\"," RUN_OK) "}",
		"{" KEYED("\"data\":\"AAA\"") "}",
		"{" KEYED("\"data\":\"AA=A\"") "}",
		"{" KEYED("\"data\":\"AAB=\"") "}",
		"{" KEYED(RUN_OK ",\"lo\":\"0000000000000002\",\"hi\":\"0000000000000001\"") "}",
		"{" KEYED(RUN_OK ",\"delta\":1") "}",
		"{" HEAD "\"retained\":[9]," OPS TAIL "}",               /* itself */
		"{" HEAD "\"retained\":[3,3]," OPS TAIL "}",
		"{" HEAD "\"retained\":[4,3]," OPS TAIL "}",
		"{" HEAD "\"retained\":[0]," OPS TAIL "}",
		"{" HEAD "\"parent\":9," OPS TAIL "}",
		"{\"is\":\"fence\"," WHO "\"epoch\":8}",
		"{\"is\":\"fence\"," WHO "\"epoch\":9,\"id\":1}",
		"{\"is\":\"fence\",\"uuid\":\"01234567\",\"lineage\":\"00000001\",\"epoch\":9}",
		"{\"is\":\"fence\",\"lineage\":\"00000001\",\"epoch\":9}",
	};
	struct mem mem;
	mem_init(&mem, 64 << 20);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct err e = {OK};
		EXPECT_OK(decode_body(&mem, good[i], &e), &e);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = {OK};
		enum rc rc = decode_body(&mem, bad[i], &e);
		if (rc != E_CORRUPT)
			fail_msg("%s: %s", bad[i], err_name(rc));
		EXPECT(e.text[0]);
	}
	EXPECT(mem.used_bytes == 0);
}

TEST(inv39_later_versions_and_features_are_refused_by_name)
{
	struct mem mem;
	struct bytes b;
	struct manifest m;
	struct err e = {OK};
	mem_init(&mem, 0);
	bytes_init(&b, &mem);
	wrap(&b, 9, "{" HEAD OPS TAIL "}", 2, 0);
	EXPECT(manifest_decode(&m, &mem, 9, b.data, b.len, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "format 2"));
	err_clear(&e);
	wrap(&b, 9, "{" HEAD OPS TAIL "}", 1, FEATURES_KNOWN + 1);
	EXPECT(manifest_decode(&m, &mem, 9, b.data, b.len, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "feature 6"));
	err_clear(&e);
	wrap(&b, 9, "{" HEAD OPS TAIL "}", 1, 1u << 17 | FEATURE_COUNTS);
	EXPECT(manifest_decode(&m, &mem, 9, b.data, b.len, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "feature 17"));
	err_clear(&e);
	wrap(&b, 9, "{\"is\":\"fence\"," WHO "\"epoch\":9,\"todo\":{\"kind\":\"dance\"}}", 1,
	     FEATURE_PROMISE);
	EXPECT(manifest_decode(&m, &mem, 9, b.data, b.len, &e) == E_REFUSED);
	EXPECT(strstr(e.text, "'dance'"));
	bytes_close(&b);
}

/* Random edits under right checksums: nothing crashes or takes memory beyond a bound, and what is
 * accepted can be encoded again. */
TEST(inv33_edited_bodies_do_not_crash)
{
	struct mem mem;
	struct err e = {OK};
	struct manifest m, r;
	struct bytes a, b;
	uint64_t seed = 20241121, accepted = 0;
	mem_init(&mem, 0);
	bytes_init(&a, &mem);
	bytes_init(&b, &mem);
	make_published(&m, &mem, 3);
	EXPECT_OK(manifest_encode(&m, &a, &e), &e);
	manifest_close(&m);
	mem.limit_bytes = 16 << 20;
	char *body = malloc(a.len);
	for (uint64_t i = 0; i < 4000; i++) {
		size_t len = a.len - 64;
		memcpy(body, a.data + 64, len);
		body[len] = '\0';
		for (uint64_t edits = 1 + splitmix64(seed + i) % 3; edits; edits--) {
			uint64_t r1 = splitmix64(seed ^ (i * 7 + edits));
			body[r1 % len] = "0123456789\"{}[]:,-eatf"[(r1 >> 32) % 22];
		}
		struct err why = {OK};
		wrap(&b, 12, body, 1, 0);
		enum rc rc = manifest_decode(&r, &mem, 12, b.data, b.len, &why);
		if (rc == OK) {
			struct bytes again;
			accepted++;
			bytes_init(&again, &mem);
			EXPECT_OK(manifest_encode(&r, &again, &e), &e);
			bytes_close(&again);
			manifest_close(&r);
		} else if (rc != E_CORRUPT) {
			fail_msg("seed %llu, edit %llu: %s", (unsigned long long)seed,
				 (unsigned long long)i, err_name(rc));
		}
	}
	EXPECT(accepted > 10 && accepted < 4000);
	free(body);
	bytes_close(&a);
	bytes_close(&b);
	EXPECT(mem.used_bytes == 0);
}

TEST(inv31_any_failing_allocation_is_an_error_without_a_leak)
{
	struct mem mem;
	struct manifest m, r;
	struct bytes a;
	mem_init(&mem, 0);
	bytes_init(&a, &mem);
	make_published(&m, &mem, 8);
	size_t held = mem.used_bytes;
	bool failed = true;
	for (uint64_t at = 1; failed; at++) {
		struct err why = {OK};
		mem.fail_at = mem.calls + at;
		enum rc rc = manifest_encode(&m, &a, &why);
		failed = mem.calls >= mem.fail_at;
		EXPECT(failed ? rc == E_NO_MEMORY : rc == OK);
		if (failed) {
			bytes_close(&a);
			EXPECT(mem.used_bytes == held);
		}
	}
	held = mem.used_bytes;
	failed = true;
	for (uint64_t at = 1; failed; at++) {
		struct err why = {OK};
		mem.fail_at = mem.calls + at;
		enum rc rc = manifest_decode(&r, &mem, 12, a.data, a.len, &why);
		failed = mem.calls >= mem.fail_at;
		if (failed && rc != E_NO_MEMORY)
			fail_msg("allocation %llu: %s %s", (unsigned long long)at, err_name(rc), why.text);
		EXPECT(failed || rc == OK);
		manifest_close(&r);
		EXPECT(mem.used_bytes == held);
	}
	bytes_close(&a);
	manifest_close(&m);
	EXPECT(mem.used_bytes == 0);
}

TEST(a_carried_chain_keeps_only_the_files_it_names)
{
	struct mem mem;
	struct err e = {OK};
	struct manifest old, m;
	mem_init(&mem, 0);
	make_published(&old, &mem, 8);
	make_checkpoint(&m, &mem, 31, NULL, NULL, 0);
	struct part_file fresh = file_of(31, 0);
	EXPECT(manifest_file(&m, &fresh) == 0); /* named by nothing yet */
	const struct manifest_keyed *from = &old.op[1].keyed[0];
	for (uint32_t i = 5; i < 8; i++)
		EXPECT_OK(manifest_carry_run(&m, &m.op[1].keyed[0], &old, &from->run[i], &e), &e);
	EXPECT(m.n_files == 4);
	manifest_prune_files(&m);
	EXPECT(m.n_files == 3);
	for (uint32_t i = 0; i < 3; i++) {
		const struct manifest_run *run = &m.op[1].keyed[0].run[i];
		EXPECT(!strcmp(m.file[run->ref.file].name, old.file[from->run[5 + i].ref.file].name));
	}
	struct manifest_run in = {.ref = {.file = SECTION_INLINE, .bytes = 3, .rows = 1},
				  .hash_last = 9, .data = (const uint8_t *)"abc"};
	EXPECT_OK(manifest_carry_run(&m, &m.op[1].keyed[0], &old, &in, &e), &e);
	EXPECT(m.op[1].keyed[0].run[3].data != in.data);
	EXPECT(manifest_inline_bytes(&m) == 93);
	manifest_close(&old);
	manifest_close(&m);
	EXPECT(mem.used_bytes == 0);
}

TEST(base64_is_the_rfcs)
{
	static const char *const pairs[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
					       {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
					       {"foobar", "Zm9vYmFy"}};
	struct mem mem;
	struct bytes b;
	uint8_t back[16];
	mem_init(&mem, 0);
	bytes_init(&b, &mem);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		size_t len = strlen(pairs[i][0]);
		bytes_clear(&b);
		base64_put(&b, pairs[i][0], len);
		EXPECT(!strcmp(bytes_text(&b), pairs[i][1]));
		EXPECT(base64_size(pairs[i][1], strlen(pairs[i][1])) == len);
		EXPECT(base64_get(back, pairs[i][1], strlen(pairs[i][1])));
		EXPECT(!memcmp(back, pairs[i][0], len));
	}
	EXPECT(!base64_get(back, "Zh==", 4)); /* bits beyond the last byte */
	EXPECT(!base64_get(back, "Z===", 4));
	EXPECT(!base64_get(back, "Zg", 2));
	EXPECT(!base64_get(back, "Z g=", 4));
	bytes_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_manifest_is_read_back_whole),
		T(a_manifest_in_which_nothing_changed_is_small),
		T(a_fence_is_read_back),
		T(inv33_every_flipped_byte_and_every_truncation_is_detected),
		T(inv34_hostile_bodies_are_refused),
		T(inv39_later_versions_and_features_are_refused_by_name),
		T(inv33_edited_bodies_do_not_crash),
		T(inv31_any_failing_allocation_is_an_error_without_a_leak),
		T(a_carried_chain_keeps_only_the_files_it_names),
		T(base64_is_the_rfcs),
	};
	return RUN(tests);
}
