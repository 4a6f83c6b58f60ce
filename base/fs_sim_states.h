/* fs_sim_states.h - every legal state of the simulated disk after a power cut, one after the other.
 * Why beside fs_sim_crash, which draws one: "in every legal state of the disk" (inv 28) is a claim
 * about all of them, and the one that loses work is often one in thousands.
 *
 * A state answers questions, each with few answers:
 *   of each change of a directory not yet synced: lost, or kept (a rename has one answer, and of
 *   one name the earlier is kept with the later);
 *   of each file written since its last sync, its length: that of the disk, of the cache, one byte
 *   less, the middle, the shortest and longest it had, each border of a block between;
 *   of each of its blocks written since: that of the disk, of the cache, or torn after the first
 *   sector, in the middle, before the last.
 * Where the combinations are few, all are made. Where they are many: none kept, all kept; each
 * answer alone against either; the first so many kept; the first so many changes of directories
 * with all files' bytes; each pair lost, each pair kept; then combinations drawn by a seed.
 * Equal disks come of many combinations (a file whose name is lost may hold anything): fs_sim_hash
 * tells. Threads: one. */
#pragma once
#include "base/fs_sim.h"

/* *to, open and used by nobody, becomes a copy: as a kill -9 would leave it. */
void fs_sim_copy(struct fs_sim *to, const struct fs_sim *from);
/* Of all names, which of them are one file, and all bytes, as they are read now. */
uint64_t fs_sim_hash(const struct fs_sim *s);

struct fs_sim_states;
/* Of *from as it is now; borrowed, not to change until the end. at_most: of large numbers of
 * combinations so many are made. */
void fs_sim_states_open(struct fs_sim_states **st, const struct fs_sim *from, uint64_t at_most,
			uint64_t seed);
void fs_sim_states_close(struct fs_sim_states **st); /* legal on NULL */
/* How many there are (UINT64_MAX: as many, or more), and how many will be made. */
uint64_t fs_sim_states_all(const struct fs_sim_states *st);
uint64_t fs_sim_states_made(const struct fs_sim_states *st);
/* The next one: *to becomes that disk. False: that were all. */
bool fs_sim_states_next(struct fs_sim_states *st, struct fs_sim *to);
/* Of the one just made: what of *from it has lost. */
void fs_sim_states_tell(const struct fs_sim_states *st, FILE *to);
