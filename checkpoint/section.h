/* section.h - what one section of a part file is: whose state, of which kind, in which form.
 * Why so much in a header: a section found in ten years must say by itself what it holds, and what
 * it needs to be read (unknown required features are refused by name).
 * Layout: docs/FORMAT.md, "Section record". Pure: bytes in, values out. */
#pragma once
#include "base/bytes.h"
#include "base/err.h"
#include "base/schema.h"

enum section_kind {
	SECTION_KEYED = 1, /* a run of rows sorted by (hash, key) */
	SECTION_TIMERS,
	SECTION_SPLITS,    /* a source's work */
	SECTION_COUNTERS,
	SECTION_INTENTS,   /* a sink's prepared pieces */
	SECTION_OPERATOR,  /* anything else of one operator */
};
#define SECTION_KINDS 7 /* one more than the last */
const char *section_kind_name(enum section_kind k); /* "keyed" */
bool section_kind_parse(const char *name, enum section_kind *k);

enum row_ops { ROWS_PUT = 1, ROWS_DELETE = 2 }; /* bits: which operations rows may carry */

#define SECTION_NAME_MAX 127 /* bytes of a stage id, a state name, an operator type */

struct section {
	char stage[SECTION_NAME_MAX + 1];   /* the stage's id */
	char state[SECTION_NAME_MAX + 1];   /* the state's name within it; may be empty */
	char op_type[SECTION_NAME_MAX + 1]; /* "keyed_sum" */
	enum section_kind kind;
	uint32_t state_version; /* of the operator type's encoding */
	uint32_t subtask;
	uint32_t lineage;
	uint32_t attempt;
	uint64_t epoch, checkpoint_id; /* when it was written */
	uint64_t base_id;              /* changes since that checkpoint; 0: everything */
	struct schema key, value;      /* n = 0 where there is none */
	uint32_t hash_id;              /* enum hash_id; 0 where rows have no hash */
	uint64_t hash_first, hash_last; /* the range it covers, both ends included */
	uint32_t row_ops;              /* enum row_ops bits */
	uint32_t codec;                /* enum codec asked for; each block says its own */
	uint64_t features;             /* required to read it; bits this version knows: none */
};

/* Where a section stands. The part writer gives it, the manifest keeps it. */
#define SECTION_INLINE UINT32_MAX
struct section_ref {
	uint32_t file;     /* index into manifest.file, or SECTION_INLINE; its maker sets it */
	uint32_t length;   /* of the section record: header and index */
	uint64_t offset;   /* of the section record in the file */
	uint64_t checksum; /* of the section record: through its index, of every block */
	uint64_t rows;
	uint64_t bytes;    /* blocks and record, as they stand in the file */
};

/* Appends the header's bytes. */
void section_put(struct bytes *to, const struct section *s);
/* Reads what section_put wrote. E_CORRUPT; E_REFUSED naming a feature this version lacks. */
RC section_get(struct reader *r, struct section *s, struct err *e);
