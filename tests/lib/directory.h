/* directory.h - a job's directory, read after docs/FORMAT.md by another hand than checkpoint/, and
 * held to what must be true of it (inv 1-3, 11-14).
 *
 *   directory_saw    each change of the simulated disk, as it happens: who may remove, write, name
 *   directory_look   at any instant between processes: what is named is there, and whole
 *   directory_tidy   after a checkpoint and its sweep: nothing else is there
 *
 * Why by another hand: a mistake in how lengths, hashes or lists are read would be made on both
 * sides.
 * Shared with the product are the checksum's function, the reading of JSON and the file seam.
 * Owns its memory, outside of what a world counts. Threads: one. */
#pragma once
#include "base/fs_sim.h"

#define DIR_NAME 128
#define DIR_SLOTS 128 /* in one directory at once, by feel */
#define DIR_HOSTS 4

/* A file that a manifest names. */
struct dir_file {
	char name[DIR_NAME];
	uint64_t len, hash;
};

struct dir_intent {
	char from[2 * DIR_NAME], to[2 * DIR_NAME];
	bool appends;
	uint64_t off, len, hash;
};

struct dir_manifest {
	uint64_t slot, ino;
	bool is_fence, is_final;
	uint64_t id, parent, epoch;
	struct dir_file *file;
	uint32_t files;
	struct dir_intent *intent;
	uint32_t intents;
	uint64_t (*kept)[2]; /* stretches of slots: retained, pinned, quarantined */
	uint32_t kept_n;
	uint64_t (*quarantined)[2];
	uint32_t quarantined_n;
};

struct dir_name {
	char path[2 * DIR_NAME];
	uint64_t n, hash; /* the operation that made it; of a committed file: its content */
};

struct directory {
	struct fs_sim *sim;
	const char *dir, *out; /* borrowed, as job_text */
	const char *job_text;  /* its pipeline names the operators; NULL: not looked at */
	/* Told of each fault, in words; does it return, looking goes on. */
	void (*fault)(void *arg, const char *text);
	void *arg;
	/* private */
	struct mem mem;
	struct dir_manifest *m; /* ascending by slot */
	uint32_t n;
	struct dir_name *made;  /* each name ever made in parts/ and .weir-pending/, and committed */
	size_t made_n, made_cap;
	uint64_t epoch[DIR_HOSTS]; /* of each host's newest fence */
	uint64_t looks, files_read, sections_read;
};

void directory_open(struct directory *d, struct fs_sim *sim, const char *dir, const char *out,
		    const char *job_text, void (*fault)(void *arg, const char *text), void *arg);
void directory_close(struct directory *d);

/* For fs_sim_watch, or to be called by who watches; arg is the struct directory. */
void directory_saw(void *arg, const struct fs_sim_change *c);
/* Reads all of it. After a crash, before the next process: what is remembered is renewed. */
void directory_look(struct directory *d);
/* After directory_look. */
void directory_tidy(struct directory *d);

/* ---- directory_read.c ---- */

void directory_fault(struct directory *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* False: told, or (quiet) not. *m is to be closed in either case. */
bool dir_manifest_read(struct directory *d, struct dir_manifest *m, uint64_t slot, bool quiet);
void dir_manifest_close(struct directory *d, struct dir_manifest *m);
/* Operators against the job's, files against their lengths and hashes, sections and blocks against
 * their checksums. */
void dir_manifest_verify(struct directory *d, uint64_t slot);
