/* sink_piece.h - a file that holds one subtask's records of one interval between two barriers, or
 * with `roll` some of them.
 *
 *   pending   <folder>/.weir-pending/<uuid>/<epoch>-<attempt>-<stage>-<subtask>-<counter>.csv
 *   final     <path>/part-<lineage>-<checkpoint>-<epoch>-<subtask>-<part>.csv; or, of a single
 *             file, a place in it
 *
 *   OPEN --first write--> written by the bytes lane --barrier or size: piece_seal--> SEALED --its
 *   tail job, then its sync job (file, close, directory)--> SYNCED --committed()--> freed
 *
 * Names are never reused (inv 11); a job that failed is never tried again (inv 32): the lane
 * remembers the first error and gives it to whatever comes after.
 * Owns: its paths and its descriptor. Threads: `lane` belongs to the lanes while a job of the piece
 * is under way, the rest to the task; at most one lane works on a piece at a time. */
#pragma once
#include "base/hash.h"
#include "checkpoint/intent.h"
#include "runtime/ioqueue.h"

#ifndef SINK_SYNC_BYTES /* a test compiles all of the sink with small numbers */
#define SINK_SYNC_BYTES (4u << 20) /* DESIGN 2.3: large files are synced as they are written */
#define SINK_WRITE_BYTES (256u << 10) /* a step of the bytes lane (ioqueue.h) */
#endif

struct piece {
	struct piece *next;
	char *pending, *final, *pending_dir;
	uint64_t length, hash;   /* of what was handed over so far; hash once sealed */
	uint64_t offset;         /* of a sealed piece of a single file: its place there */
	uint64_t checkpoint;     /* whose barrier came behind it; 0: none yet */
	bool sealed;             /* complete: nothing more is added */
	uint64_t unsynced;       /* bytes handed over since the last sync */
	bool syncing;            /* nothing is written meanwhile */
	bool ending;             /* its tail was submitted */
	bool synced;
	uint32_t unsent;         /* buffers of it that are full but not submitted */
	struct checksum sum;
	struct {
		struct fs *fs;
		int fd;
		unsigned step;
		enum rc rc;
		struct err error;
	} lane;
	struct io_job early;     /* a sync in the middle */
	struct io_job tail;      /* comes behind all writes, and before `sync` */
	struct io_job sync;
};

/* The kinds of its letters, counted from the owner's first one. */
enum { PIECE_EARLY, PIECE_TAIL, PIECE_SYNCED, PIECE_LETTERS };

/* The paths are taken (mem). NULL: no memory, nothing was taken. */
struct piece *piece_open(struct mem *mem, char *pending, char *pending_dir, int kind,
			 struct mailbox *reply);
/* No job of it is under way. The file stays as it is. Legal on NULL. */
void piece_close(struct piece *p, struct mem *mem);

/* Writes of buffers, in the order they were handed over. */
struct piece_write {
	struct io_job job;
	struct piece *piece;
	uint8_t *data;
	size_t len, done;
	uint64_t off;
};
void piece_write_init(struct piece_write *w, int kind, struct mailbox *reply);
