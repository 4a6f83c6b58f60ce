/* part_format.h - the fixed places of a part file, shared by its writer and its reader only.
 * Layout: docs/FORMAT.md, "Part file". */
#pragma once
#include "base/bytes.h"

#define PART_VERSION 1
#define PART_BYTE_ORDER 0x0102
#define PART_HEADER 64
#define PART_END 40
#define RECORD_FIXED 48           /* of a section record, before the section header */
#define RECORD_MAX (64u << 20)    /* a million blocks */
#define INDEX_ENTRY 48

static const char part_magic[8] = {'W', 'E', 'I', 'R', 'P', 'A', 'R', 'T'};
static const char end_magic[8] = {'W', 'E', 'I', 'R', 'E', 'N', 'D', 0};
static const char record_magic[4] = {'W', 'S', 'E', 'C'};
