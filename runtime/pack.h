/* pack.h - the bridge from a task's state to a checkpoint's sections: the packing side.
 *
 *   task: chunks of rows ──pack_submit──> bytes lane: sort, columns, LZ4, checksum -> the part file
 *         the end        ──pack_end─────> section records; letter back; then the task acknowledges
 *   control: all have acknowledged ──pack_finish──> the file's end; then seal and publish (jobs/)
 *
 * One part file a checkpoint, opened by whoever packs first. After pack_abandon(id) what still
 * comes for id is dropped.
 * Threads: submit and end from tasks; finish and abandon from the control thread; everything inside
 * runs on the bytes lane only. */
#pragma once
#include "runtime/part_share.h"
#include "runtime/snap.h"

struct packing;

struct packing_options {
	struct mem *mem;
	struct fs *fs;
	struct ioqueue *io;
	const char *parts_dir; /* borrowed; exists */
	uint32_t lineage, attempt;
	uint64_t epoch;
	enum codec codec;
};
RC packing_open(struct packing **p, const struct packing_options *o, struct err *e);
/* The queue is idle. Unfinished parts are closed and left for the sweep. NULL is legal. */
void packing_close(struct packing *p);

/* Touches up to n chunks of pool on the bytes lane, so that the task's first snapshots do not pay
 * for fresh pages. Threads: the pool's owner. Without memory it does less. */
void pack_warm(struct packing *p, struct chunk_pool *pool, uint32_t n, struct waker *waker);

/* Per subtask and checkpoint, what the lane keeps between chunks. Made by pack_begin on the task's
 * thread, closed by the lane when the end job is done. waker (may be NULL) is woken whenever chunks
 * went back. NULL: no memory. */
struct pack;
struct pack *pack_begin(struct packing *p, struct snap *s, const struct keyed_shape *shape,
			struct waker *waker);
/* Takes the chunk (or list, when its stream is CHUNK_SAVED). E_NO_MEMORY: c stays. */
RC pack_submit(struct pack *k, struct chunk *c, struct err *e);
/* The last of this pack: when it is done `reply` gets a letter of this kind (a struct pack_done, to
 * be given to pack_done_close), and s->run, s->rc and s->error are final. Takes k. */
struct pack_done {
	struct mail mail;
	struct snap *snap;
};
void pack_end(struct pack *k, struct mailbox *reply, int kind);
void pack_done_close(struct pack_done *d);

/* A section that is no run: bytes as they are. */
struct pack_blob {
	struct section head;
	const void *data;          /* borrowed until the letter is back */
	size_t len;
	struct section_ref ref;    /* out */
};

/* The part of id: finished, its writer handed over. A letter of `kind` when done. */
struct pack_finish {
	struct io_job job;
	struct packing *packing;
	uint64_t id;
	struct pack_blob *blob;    /* added before the end; the caller's, set after init */
	uint32_t n_blobs;
	/* out: */
	struct part_share *part;    /* the caller's now; NULL when nothing was packed */
	struct part_file file;      /* length 0: there is no file */
};
void pack_finish_init(struct pack_finish *f, struct packing *p, uint64_t id, struct mailbox *reply,
		      int kind);
/* The same job for an abandoned one: whatever there is of it is closed, later chunks are dropped.
 * out: file.name, to be discarded, if there was one. */
void pack_abandon_init(struct pack_finish *f, struct packing *p, uint64_t id, struct mailbox *reply,
		       int kind);
