/* fuzz_words.c - what servers read that was written before: entries of the catalogue, and the
 * frames between a server and its job processes (first byte: which). What is accepted is written,
 * and reads as the same. */
#include "base/hash.h"
#include "server/words.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>

/* Facts as a line, then the description; the first line is put right around them. */
static void entry(const char *data, size_t size, struct mem *mem, struct bytes *to)
{
	const char *line = memchr(data, '\n', size);
	size_t facts = line ? (size_t)(line - data) + 1 : size, need;
	struct entry en, head;
	struct bytes b;
	struct err e = {OK};
	bytes_init(&b, mem);
	bytes_printf(&b, "weir-entry 1 %08zu %016" PRIx64 " %08zu %016" PRIx64 "\n", facts,
		     checksum64(data, facts), size - facts, checksum64(data + facts, size - facts));
	bytes_put(&b, data, size);
	enum rc rc = entry_decode(&en, b.data, b.len, mem, &e);
	HOLDS_RC(rc, &e, rc == E_CORRUPT);
	HOLDS(entry_decode_head(&head, b.data, b.len, b.len, &need, mem, NULL) == rc && !need);
	if (rc == OK) {
		HOLDS(!strcmp(head.name, en.name) && head.standing == en.standing);
		HOLDS_RC(entry_encode(&en, to, &e), &e, false);
		entry_close(&head);
		entry_close(&en);
	}
	bytes_close(&b);
}

static enum rc frame(unsigned which, const char *body, size_t len, struct mem *mem,
		     struct bytes *to, struct err *e)
{
	union {
		struct word_start start;
		struct word_answer answer;
		struct word_failed failed;
		struct word_ended ended;
		struct job_ask ask;
		uint64_t checkpoint;
		bool on;
	} w;
	enum rc rc;
	memset(&w, 0, sizeof w);
	switch (which) {
	case 0:
		if ((rc = start_read(&w.start, body, len, mem, e)) == OK)
			start_write(&w.start, to);
		start_close(&w.start, mem);
		return rc;
	case 1:
		if ((rc = answer_read(&w.answer, body, len, mem, e)) == OK) {
			answer_write(&w.answer, to);
			answer_close(&w.answer, mem);
		}
		return rc;
	case 2:
		if ((rc = failed_read(&w.failed, body, len, mem, e)) == OK)
			failed_write(&w.failed, to);
		return rc;
	case 3:
		if ((rc = ended_read(&w.ended, body, len, mem, e)) == OK)
			ended_write(&w.ended, to);
		return rc;
	case 4:
		if ((rc = request_read(&w.ask, body, len, mem, e)) == OK)
			request_write(&w.ask, to);
		return rc;
	case 5:
		if ((rc = up_read(&w.checkpoint, body, len, mem, e)) == OK)
			up_write(w.checkpoint, to);
		return rc;
	default:
		if ((rc = watch_read(&w.on, body, len, mem, e)) == OK)
			watch_write(w.on, to);
		return rc;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem mem;
	struct bytes a, b;
	struct err e = {OK};
	unsigned which = fuzz_byte(&data, &size) % 8;
	char *text = fuzz_text(data, size);
	fuzz_open(&mem);
	bytes_init(&a, &mem);
	bytes_init(&b, &mem);
	if (which == 7) {
		entry(text, size, &mem, &a);
		struct entry en;
		if (a.len) {
			HOLDS_RC(entry_decode(&en, a.data, a.len, &mem, &e), &e, false);
			HOLDS(entry_encode(&en, &b, &e) == OK && fuzz_same(&a, &b));
			entry_close(&en);
		}
	} else {
		enum rc rc = frame(which, text, size, &mem, &a, &e);
		HOLDS_RC(rc, &e, rc != E_NO_MEMORY && e.text[0]);
		if (rc == OK) {
			HOLDS_RC(frame(which, (char *)a.data, a.len, &mem, &b, &e), &e, false);
			HOLDS(fuzz_same(&a, &b));
		}
	}
	bytes_close(&a);
	bytes_close(&b);
	free(text);
	fuzz_close(&mem);
	return 0;
}
