/* chain.h - the chain of runs of one keyed state while the next manifest is put together. Pure.
 *
 *   carried from the base manifest -> cut where a subtask wrote everything -> merged runs put in
 *   the place of what they merge -> new runs on top -> the manifest
 *
 * For any hash, the entries that cover it stand bottom to top (DESIGN 7). After a rescale the
 * chains of several old subtasks stand side by side; cutting a range splits entries, it never
 * touches files. Owns its array; borrows the manifests and files its links come from. Threads: one
 * owner. */
#pragma once
#include "checkpoint/manifest.h"

struct chain_link {
	struct section_ref ref;       /* .file is not read: the file is `file` */
	const struct part_file *file; /* NULL: inline, then run is from `from` */
	const struct manifest *from;  /* carried from here; NULL: new */
	const struct manifest_run *run;
	uint64_t lo, hi;              /* both inclusive */
	bool delta;
};

struct chain {
	struct mem *mem;
	struct chain_link *link;
	uint32_t n, cap;
};

void chain_init(struct chain *c, struct mem *mem);
void chain_close(struct chain *c); /* legal on the empty value */
/* Every run of k, bottom to top. */
RC chain_carry(struct chain *c, const struct manifest *from, const struct manifest_keyed *k,
	       struct err *e);
/* Takes [lo, hi] out of every entry. */
RC chain_cut(struct chain *c, uint64_t lo, uint64_t hi, struct err *e);
RC chain_push(struct chain *c, const struct section_ref *ref, const struct part_file *file,
	      uint64_t lo, uint64_t hi, bool delta, struct err *e);
/* The numbers of the links that cover part of [lo, hi], bottom first; returns how many (may exceed
 * max). */
uint32_t chain_within(const struct chain *c, uint64_t lo, uint64_t hi, uint32_t *links,
		      uint32_t max);
/* Replaces, for [lo, hi], the links that stand for exactly these runs (file name, offset), in order
 * and with nothing else of that range between, by one run; ref NULL: by nothing. False: the chain
 * is another by now, nothing was done. */
RC chain_replace(struct chain *c, const struct manifest *inputs, const struct manifest_keyed *k,
		 const struct section_ref *ref, const struct part_file *file, uint64_t lo, uint64_t hi,
		 bool delta, bool *done, struct err *e);
/* Rows of all links: what a restore would read. A link covering part of its run counts whole. */
uint64_t chain_rows(const struct chain *c);
/* Writes the links into k of m, their files too. */
RC chain_write(const struct chain *c, struct manifest *m, struct manifest_keyed *k, struct err *e);
