/* audit_in.h - inside the audit: a line of the ledger, and who reads them (audit_lines.c) and looks
 * at what they say (audit.c: the laws; audit_pieces.c: the sinks' files). */
#pragma once
#include "checkpoint/audit.h"

/* A line: what a checkpoint counted since the lineage began, and its interval's pieces. */
struct audit_line {
	struct manifest m;      /* id, ops (with counts), edges, intents: the pieces */
	const char **law;       /* of each op; NULL: none. Owned by m */
	uint64_t parent;
	bool begins;            /* the totals a file begins with */
};
void audit_line_close(struct audit_line *l); /* legal on the empty value */

struct audit {
	struct fs *fs;
	struct mem *mem;
	const char *dir;
	struct audit_report *r;
	uint32_t lineage;
	uint64_t begin_id;      /* what came later is in the ledger; valid once lines were read */
	struct bytes names;     /* folders of sinks, each NUL-terminated; then see audit_pieces.c */
	struct bytes known;     /* final names of all pieces, likewise */
};

void audit_fault(struct audit *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Calls on for each line of the line of checkpoints that ends in m, oldest first: before is the one
 * it follows. Faults of the files themselves are told. */
RC audit_lines(struct audit *a, const struct manifest *m,
	       RC (*on)(struct audit *a, const struct audit_line *before,
			const struct audit_line *now, struct err *e),
	       struct err *e);

/* audit_pieces.c */
RC audit_pieces(struct audit *a, const struct audit_line *now, struct err *e);
/* Files in the sinks' folders that look like pieces of this lineage and are in no line. */
RC audit_strangers(struct audit *a, struct err *e);
