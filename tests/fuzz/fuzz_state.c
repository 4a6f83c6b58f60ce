/* fuzz_state.c - small states of operators: what a source still has to read (first byte even), and
 * a section's header. What is accepted is encoded, and reads as the same; divided among any number
 * of subtasks it is still all there. */
#include "checkpoint/section.h"
#include "operators/splits.h"
#include "tests/fuzz/fuzz.h"

static void divided(const struct splits *s, struct mem *mem)
{
	struct err e = {OK};
	for (uint32_t parallelism = 1; parallelism <= 5; parallelism++) {
		uint64_t left = 0;
		for (uint32_t i = 0; i < parallelism; i++) {
			struct splits part;
			splits_init(&part, mem, s->max_parallelism);
			HOLDS_RC(splits_assign(s, i, parallelism, &part, &e), &e, false);
			left += splits_left(&part);
			splits_close(&part);
		}
		HOLDS(left == splits_left(s));
	}
}

static void splits(const uint8_t *data, size_t size, struct mem *mem)
{
	struct splits s, again;
	struct bytes a, b;
	struct err e = {OK};
	splits_init(&s, mem, 128);
	splits_init(&again, mem, 128);
	bytes_init(&a, mem);
	bytes_init(&b, mem);
	enum rc rc = splits_decode(&s, data, size, &e);
	HOLDS_RC(rc, &e, rc == E_CORRUPT || rc == E_REFUSED);
	if (rc == OK) {
		rc = splits_settle(&s, &e);
		HOLDS_RC(rc, &e, rc == E_CORRUPT);
	}
	if (rc == OK) {
		splits_encode(&s, 0, &a);
		HOLDS_RC(splits_decode(&again, a.data, a.len, &e), &e, false);
		HOLDS_RC(splits_settle(&again, &e), &e, false);
		splits_encode(&again, 0, &b);
		HOLDS(fuzz_same(&a, &b));
		divided(&s, mem);
	}
	bytes_close(&a);
	bytes_close(&b);
	splits_close(&s);
	splits_close(&again);
}

static void section(const uint8_t *data, size_t size, struct mem *mem)
{
	struct section s, again;
	struct bytes a, b;
	struct err e = {OK};
	struct reader r = reader_of(data, size);
	enum rc rc = section_get(&r, &s, &e);
	HOLDS_RC(rc, &e, rc == E_CORRUPT || rc == E_REFUSED);
	bytes_init(&a, mem);
	bytes_init(&b, mem);
	if (rc == OK) {
		section_put(&a, &s);
		r = reader_of(a.data, a.len);
		HOLDS_RC(section_get(&r, &again, &e), &e, false);
		HOLDS(!reader_left(&r));
		section_put(&b, &again);
		HOLDS(fuzz_same(&a, &b));
	}
	bytes_close(&a);
	bytes_close(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	uint8_t which = fuzz_byte(&data, &size);
	uint8_t *copy = malloc(size ? size : 1);
	HOLDS(copy);
	if (size)
		memcpy(copy, data, size);
	fuzz_open(&mem);
	(which % 2 ? section : splits)(copy, size, &mem);
	free(copy);
	fuzz_close(&mem);
	return 0;
}
