/* flip_files.h - the files of a real job's directory, and for each kind the code that reads it: a
 * damaged file is given to that code alone, so that millions can be tried.
 *   manifests   checkpoints, fences, savepoints: manifest_decode
 *   parts       changed and merged runs, sources' states: by the hash over the file as a manifest
 *               has it (verify.h); and without it, by header, sections, blocks and rows
 *   entries     of the server's catalogue: entry_decode
 * What is read through the whole directory (ledgers, pieces, job.json too) is not here. */
#pragma once
#include "tests/sim/disk_image.h"

#include "checkpoint/manifest.h"

enum flip_kind { FLIP_MANIFEST, FLIP_PART, FLIP_OTHER };

struct flip_file {
	const char *path; /* of the image */
	uint8_t *data;
	size_t len;
	enum flip_kind kind;
	uint64_t slot;            /* of a manifest */
	const struct manifest *m; /* of a part: one that names it */
	uint32_t at;              /* as this file of its files */
	bool whole;               /* each byte of it: no other one needs some that m does not */
};

struct flip_set {
	struct mem mem;
	struct image image;
	struct flip_file file[IMAGE_FILES];
	size_t n;
	struct manifest manifest[IMAGE_FILES];
	size_t n_manifests;
	uint32_t fences, savepoints, merged, ledgers, pieces;
	char job[2048];
};

/* The directory of a job of that seed, in the middle of its life: with a savepoint, merged files,
 * a ledger and pieces that are not committed. Texts or numbers as keys. */
void flips_make(struct flip_set *s, uint64_t seed);
void flips_close(struct flip_set *s);

/* What the readers say of a file as it stands in memory: OK, or why not. Of blocks the rows are
 * decoded, and their keys, as a restore does. */
enum rc flips_read_manifest(struct flip_set *s, const struct flip_file *f, struct err *e);
enum rc flips_read_hash(struct flip_set *s, const struct flip_file *f, struct err *e);
enum rc flips_read_blocks(struct flip_set *s, const struct flip_file *f, struct err *e);
