/* fs_sim.h - a disk in memory that may lose what was not synced: the other side of the file seam.
 * Why: "for a crash at every file operation, in every legal state of the disk after it" (inv 28)
 * can only be tried on a disk whose losses are chosen by a seed.
 *
 * What a power cut keeps (fs_sim_crash: decided by the seed alone; fs_sim_states.h: one after the
 * other, all of it):
 *  - what fs_sync or fs_sync_dir made durable: always (and never a mixture of it with older bytes);
 *  - of a file, each 4 KiB block written since its last sync: whole, torn or not at all; its
 *    length: old, new or between, or any that it had since, when it was cut; where the length is
 *    ahead of the data there are zeros, and so there may be where it was cut. A block that was
 *    written several times since the sync survives in its newest form or not at all;
 *  - of directories, any subset of the changes not yet synced, except that the changes of one name
 *    keep their order, and the halves of a rename persist together. The content of a new file may
 *    be durable while its name is not, and the other way round.
 * A sync that fails leaves the blocks it was to write lost or not, as the power cut will decide; a
 * later sync that succeeds does not bring them back, though reads still show them (as Linux does).
 * A failed fs_sync_dir loses nothing: names wait for the next one.
 *
 * Not here: symbolic links, permissions, memory mapping, blocks that reach the disk out of their
 * own accord between two syncs and are overwritten later.
 * Paths: "/", "." and the working directory are one root. Time: mtime is the operation number.
 * Owns: the whole disk, in memory outside of any budget, so that "fail the n-th allocation" counts
 * only the code under test. Threads: any; each operation is one step. Determinism: the same calls
 * and seeds give the same disk, lists and trace hash; no pointer decides anything. */
#pragma once
#include "base/fs.h"
#include "base/rng.h"

#include <stdio.h>

struct fs_sim;

/* *s is the caller's; mem serves fs_list and fs_read_all (as fs->mem), not the disk. */
RC fs_sim_open(struct fs_sim **s, struct mem *mem, struct err *e);
void fs_sim_close(struct fs_sim **s); /* legal on NULL */
struct fs *fs_sim_fs(struct fs_sim *s);

/* Operations begun so far: the numbers below count from 1 for the life of the disk, whatever
 * crashes. */
uint64_t fs_sim_count(const struct fs_sim *s);
/* Whether operation n was of a kind that changes cache or disk. A crash at another (read, stat,
 * list, close, opening to read) leaves what a crash at the next change leaves: an enumeration may
 * skip it. */
bool fs_sim_was_change(const struct fs_sim *s, uint64_t n);

/* Operation n and all after it return E_CRASHED and change nothing, until fs_sim_crash or
 * fs_sim_kill. 0: none. */
void fs_sim_crash_at(struct fs_sim *s, uint64_t n);
/* The same, but operation n is performed first; its caller does not learn that. */
void fs_sim_crash_after(struct fs_sim *s, uint64_t n);
/* Whether the crash that was asked for has come. */
bool fs_sim_crashed(const struct fs_sim *s);

/* The power is cut and comes back: the disk is one that the rules above allow. Handles of before
 * answer E_CRASHED, locks are gone, planned crashes and faults are forgotten; operations go on. */
void fs_sim_crash(struct fs_sim *s, struct rng *r);
/* kill -9, of the host's processes: handles and locks are gone; every write survives, synced or
 * not, and stays as unsynced as it was. */
void fs_sim_kill(struct fs_sim *s);

/* What operations are, as far as faults ask; several at once. */
enum fs_sim_kind {
	FS_SIM_SPACE = 1 << 0,  /* needs space: create, write, sync, link, rename, mkdir, lock */
	FS_SIM_OPENS = 1 << 1,  /* takes a descriptor: open, create, lock, list, sync_dir */
	FS_SIM_NAMES = 1 << 2,  /* goes by a path, so it may not be permitted */
	FS_SIM_LOOKS = 1 << 3,  /* changes nothing: open, read, stat, fstat, list */
	FS_SIM_READS = 1 << 4,
	FS_SIM_WRITES = 1 << 5,
	FS_SIM_SYNCS = 1 << 6,  /* of files */
	FS_SIM_CLOSES = 1 << 7,
	FS_SIM_LINKS = 1 << 8,
};
/* Of operation n, which has been. */
unsigned fs_sim_kinds(const struct fs_sim *s, uint64_t n);

enum fs_sim_how {
	FAULT_FAILS, /* a write has written its first half, a close closes, else nothing is done */
	FAULT_AFTER, /* it is done, and its success reported as this error: a lost answer */
	FAULT_SHORT, /* a read gives half of what there is, and success */
};
struct fs_sim_fault {
	uint64_t at;     /* operation n; 0: none */
	bool persistent; /* and all after it, until another fault is asked for */
	unsigned on;     /* enum fs_sim_kind: those that it finds; 0: any */
	enum rc code;
	enum fs_sim_how how;
};
/* The fault to come; one at a time. */
void fs_sim_fault(struct fs_sim *s, const struct fs_sim_fault *f);
/* Operation n fails with this code. E_NO_SPACE hits only what needs space; any other code hits
 * whatever operation n is. (s, 0, OK, false): no fault any more. */
void fs_sim_fault_at(struct fs_sim *s, uint64_t n, enum rc code, bool persistent);
/* Once, but operation n is done. */
void fs_sim_fault_after(struct fs_sim *s, uint64_t n, enum rc code);
uint64_t fs_sim_faults(const struct fs_sim *s); /* failures given out so far */

/* Whether a sync or close of this file failed, and it was not written again since, nor read anew
 * from the disk: nobody may count on it (inv 1, 32). */
bool fs_sim_is_doubtful(struct fs_sim *s, const char *path);
/* How often such a file was synced again, or given another name. */
uint64_t fs_sim_trusted_doubtful(const struct fs_sim *s);

/* Bytes of file content, in whole blocks, beyond which there is E_NO_SPACE; 0: no limit. */
void fs_sim_capacity(struct fs_sim *s, uint64_t bytes);
uint64_t fs_sim_used_bytes(const struct fs_sim *s);

/* Flips one bit of a file, on the medium and in the cache (inv 33). E_NOT_FOUND; E_INVALID beyond
 * the end. Not counted as an operation. */
RC fs_sim_flip(struct fs_sim *s, const char *path, uint64_t bit, struct err *e);

/* The calls from here on are of another host's processes (0 at first), over the same disk as by a
 * network file system: hosts do not see each other's locks, and a kill ends only one's own. */
void fs_sim_host(struct fs_sim *s, uint32_t host);

/* What an operation has just done to the disk, whatever its caller will hear. */
enum fs_sim_did { FS_SIM_MADE, FS_SIM_WROTE, FS_SIM_CUT, FS_SIM_SYNCED, FS_SIM_LINKED,
		  FS_SIM_RENAMED, FS_SIM_REMOVED, FS_SIM_DIR_SYNCED,
		  FS_SIM_TAKEN /* no change: a link or rename found its new name taken */ };
struct fs_sim_change {
	enum fs_sim_did did;
	uint64_t n;           /* the operation */
	uint32_t host;        /* whose it was */
	const char *path;     /* of a handle: as it was opened, cut to 127 bytes */
	const char *to;       /* LINKED, RENAMED */
	uint64_t ino, off, len; /* of the file; off, len: WROTE; CUT: len is what is left */
};
/* The calls from here on are of somebody who only looks: they are not counted, no fault or crash
 * finds them and the trace does not tell, so that who looks more often sees the same schedule. */
void fs_sim_aside(struct fs_sim *s, bool aside);
/* Each change from now on, as it happens: who watches may look (fs_sim_peek, and
 * fs_sim_states.h), and nothing else. */
void fs_sim_watch(struct fs_sim *s, void (*fn)(void *arg, const struct fs_sim_change *c),
		  void *arg);
/* A file as it stands, without an operation. False: there is none. */
struct fs_sim_look {
	const uint8_t *data;  /* borrowed until the next operation */
	size_t size;
	uint64_t ino;
	bool content_is_safe, name_is_safe; /* no power cut takes it */
};
bool fs_sim_peek(struct fs_sim *s, const char *path, struct fs_sim_look *l);

/* A hash of all operations so far with their arguments and results (inv 38). */
uint64_t fs_sim_trace_hash(const struct fs_sim *s);
/* Each operation from now on as a line, to see what a failing seed did; NULL: none. Borrowed. */
void fs_sim_trace(struct fs_sim *s, FILE *to);
