/* fuzz.h - what each fuzz target stands on: a bounded memory, and a word for what must hold.
 * A target is one file with one function of bytes, which any bytes may be given to. What it claims
 * is more than "does not crash": what was accepted is written and read again, and compared.
 * Under clang each is a program of libFuzzer's (`make fuzz`); under gcc all of them are in one,
 * which plays the corpora and mutates them by a seed (replay.c).
 * Threads: one. */
#pragma once
#include "base/bytes.h"
#include "base/check.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>

/* libFuzzer's name for it; in the replay each target has one of its own (CMakeLists.txt). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An input has some kB: what asks for more than this believed a length in it (inv 34). */
#define FUZZ_MEMORY ((size_t)64 << 20)

#define HOLDS(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);  \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* Nothing but what is wrong with the input may be said of it. */
#define HOLDS_RC(call, e, allowed)                                                                 \
	do {                                                                                       \
		enum rc rc_ = (call);                                                              \
		if (rc_ != OK && !(allowed)) {                                                     \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, err_name(rc_),      \
				(e)->text);                                                        \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static inline void fuzz_open(struct mem *m)
{
	mem_init(m, FUZZ_MEMORY);
}

/* Nothing leaks, whatever was wrong. */
static inline void fuzz_close(struct mem *m)
{
	HOLDS(m->used_bytes == 0);
}

/* The first byte, taken off; 0 when there is none. */
static inline uint8_t fuzz_byte(const uint8_t **data, size_t *size)
{
	if (!*size)
		return 0;
	--*size;
	return *(*data)++;
}

/* A NUL-terminated copy, of its own allocation: what is read behind it is seen. Free it. */
static inline char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	HOLDS(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static inline bool fuzz_same(const struct bytes *a, const struct bytes *b)
{
	return bytes_ok(a) && bytes_ok(b) && a->len == b->len &&
	       (!a->len || !memcmp(a->data, b->data, a->len));
}
