/* lines.h - chosen entries of a group of slots that stand in lines (table.h), to two columns.
 * Why apart: with nearly every entry of a table owed this is what a snapshot costs its task; whole
 * lines are copied, and what is not chosen of them is overwritten by what follows. Pure. */
#pragma once
#include "base/cpu.h"

#include <stdint.h>

/* line: the group's first. chosen: a bit a slot. Returns how many; up to LINE_SLOTS numbers behind
 * those are overwritten in each column. level: of simd_have(), or less. */
uint32_t lines_put(const uint8_t *line, uint64_t chosen, uint64_t *key, uint64_t *value,
		   enum simd level);
