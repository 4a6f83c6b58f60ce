/* audit.h - proves from the files alone what a job did with its records, interval by interval: each
 * edge received what was sent, each stage's count law held, each sink kept what it was given, and
 * every committed piece is the one that was written.
 * Reads the newest manifest, the ledger it names by length and hash (ledger.h), the older ledgers
 * that one names, and the sinks' files. Believes none of them alone: sums are kept at both ends of
 * each edge and by the sinks themselves; what differs is told, with the interval it is in.
 * What a consumer took away is no fault: it is counted. Changes nothing; no lock. */
#pragma once
#include "base/fs.h"
#include "checkpoint/manifest.h"

struct audit_report {
	/* Called for each fault found; the text is borrowed. */
	void (*fault)(void *arg, const char *text);
	void *arg;
	uint64_t faults;
	uint64_t intervals, from_id, to_id; /* looked at, each between two checkpoints */
	uint64_t edges, records;            /* records: received over all edges in them */
	uint64_t pieces, pieces_gone, piece_bytes;
	bool hashed;                        /* records' hashes too, not only their numbers */
};

/* Of the line that ends in m, a checkpoint of dir. E_NOT_FOUND: it was not audited. Other errors:
 * something could not be read; what is there and wrong is a fault, not an error. */
RC audit_check(struct fs *fs, struct mem *mem, const char *dir, const struct manifest *m,
	       struct audit_report *r, struct err *e);

/* The ledgers alone: are they there, and what was written? Nothing, where it was not audited. */
RC audit_ledgers(struct fs *fs, struct mem *mem, const char *dir, const struct manifest *m,
		 struct audit_report *r, struct err *e);
