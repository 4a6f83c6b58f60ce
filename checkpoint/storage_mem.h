/* storage_mem.h - objects in memory, that forget what was not settled: the storage of tests.
 * Why beside fs_sim: it is what an object store will look like from above. A put is one step with
 * one winner; there are no links, no temporaries and no folders to make; an answer may be lost.
 *
 * What a crash keeps (storage_mem_crash), decided by the seed:
 *  - what was put (PUT_DONE), settled, or hardened: always;
 *  - a name that was created or removed since its folder was settled: there or not;
 *  - of an object, what was written since it was synced: a part of it, or none.
 * Owns: all of it, outside of any budget. Threads: one. Determinism: the same calls and seeds give
 * the same objects. */
#pragma once
#include "base/rng.h"
#include "checkpoint/storage.h"

struct storage_mem;
/* NULL: no memory. names: serves storage_list and storage_get. */
struct storage_mem *storage_mem_open(struct mem *names);
void storage_mem_close(struct storage_mem *m); /* legal on NULL */
/* dir and folder are borrowed by what is returned. */
struct storage storage_mem_at(struct storage_mem *m, const char *dir, const char *folder);

uint64_t storage_mem_count(const struct storage_mem *m); /* operations begun so far */
/* Operation n and all after it return E_CRASHED, until storage_mem_crash. Operation n is done
 * first if `after`: its caller does not learn that. 0: none. */
void storage_mem_crash_at(struct storage_mem *m, uint64_t n, bool after);
bool storage_mem_crashed(const struct storage_mem *m);
/* The process is gone, and what the rules above allow is left. Objects of before are closed. */
void storage_mem_crash(struct storage_mem *m, struct rng *r);
/* The process is gone, and nothing else: what it did stands, settled or not. */
void storage_mem_kill(struct storage_mem *m);
/* Operation n fails with this code; done first if `after`: then a put's answer is lost, and says
 * PUT_UNKNOWN. */
void storage_mem_fault_at(struct storage_mem *m, uint64_t n, enum rc code, bool after);
/* Flips one bit of an object (inv 33). E_NOT_FOUND: no such one, or it is shorter. */
RC storage_mem_flip(struct storage_mem *m, const char *path, uint64_t bit, struct err *e);
