/* layout.c - see layout.h. A name is parsed by writing it again: only what we write is ours. */
#include "checkpoint/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { SLOT_DIGITS = 20 };

void layout_slot(char to[LAYOUT_NAME_MAX + 1], uint64_t slot)
{
	snprintf(to, LAYOUT_NAME_MAX + 1, "%020" PRIu64, slot);
}

void layout_temporary(char to[LAYOUT_NAME_MAX + 1], uint64_t epoch, uint64_t seq)
{
	snprintf(to, LAYOUT_NAME_MAX + 1, "tmp-%020" PRIu64 "-%" PRIu64, epoch, seq);
}

void layout_part(char to[LAYOUT_NAME_MAX + 1], const struct part_name *n)
{
	char merge[16] = "";
	if (n->merge)
		snprintf(merge, sizeof merge, "-m%" PRIu32, n->merge);
	snprintf(to, LAYOUT_NAME_MAX + 1, "%08" PRIx32 "-%" PRIu64 "-%" PRIu32 "-%020" PRIu64 "%s.part",
		 n->lineage, n->epoch, n->attempt, n->checkpoint_id, merge);
}

/* Decimal digits at *at, as far as they go; stops before an overflow. */
static uint64_t take_digits(const char **at)
{
	uint64_t v = 0;
	while (**at >= '0' && **at <= '9') {
		uint64_t digit = (uint64_t)(**at - '0');
		if (v > (UINT64_MAX - digit) / 10)
			break;
		v = v * 10 + digit;
		++*at;
	}
	return v;
}

static uint32_t take_hex8(const char **at)
{
	uint32_t v = 0;
	for (int i = 0; i < 8; i++, ++*at) {
		char c = **at;
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint32_t)(c - 'a' + 10);
		else
			break;
	}
	return v;
}

bool layout_slot_parse(const char *name, uint64_t *slot)
{
	const char *at = name;
	*slot = take_digits(&at);
	return *slot && at - name == SLOT_DIGITS && !*at; /* there may be thousands of them */
}

bool layout_temporary_parse(const char *name, uint64_t *epoch, uint64_t *seq)
{
	char again[LAYOUT_NAME_MAX + 1];
	*epoch = *seq = 0;
	if (strncmp(name, "tmp-", 4))
		return false;
	const char *at = name + 4;
	*epoch = take_digits(&at);
	at += *at == '-';
	*seq = take_digits(&at);
	layout_temporary(again, *epoch, *seq);
	return !strcmp(name, again);
}

bool layout_part_parse(const char *name, struct part_name *n)
{
	char again[LAYOUT_NAME_MAX + 1];
	const char *at = name;
	*n = (struct part_name){.lineage = take_hex8(&at)};
	at += *at == '-';
	n->epoch = take_digits(&at);
	at += *at == '-';
	uint64_t attempt = take_digits(&at);
	at += *at == '-';
	n->checkpoint_id = take_digits(&at);
	uint64_t merge = 0;
	if (at[0] == '-' && at[1] == 'm') {
		at += 2;
		merge = take_digits(&at);
	}
	if (attempt > UINT32_MAX || merge > UINT32_MAX)
		return false;
	n->attempt = (uint32_t)attempt;
	n->merge = (uint32_t)merge;
	layout_part(again, n);
	return !strcmp(name, again);
}

bool layout_path(char to[LAYOUT_PATH_MAX], const char *dir, const char *folder, const char *name)
{
	int n = folder ? snprintf(to, LAYOUT_PATH_MAX, "%s/%s/%s", dir, folder, name)
		       : snprintf(to, LAYOUT_PATH_MAX, "%s/%s", dir, name);
	return n >= 0 && n < LAYOUT_PATH_MAX;
}
