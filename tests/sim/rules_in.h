/* rules_in.h - the model that rules.c holds each change against: shared with rules_names.c (which
 * names were ever used, and for what) only. */
#pragma once
#include "tests/sim/rules.h"

#include "base/check.h"
#include "checkpoint/retention.h"

#include <inttypes.h>
#include <stdlib.h>

#define PATH 128 /* as the disk cuts them in what it tells */

/* A name that was used. */
struct name {
	char path[PATH];
	uint64_t ino;       /* 0: it was never safe, and a power cut took it: it may be used again */
	bool safe, gone;    /* no power cut takes it; it was removed or renamed */
	bool sealed;        /* published or committed: its file never changes again */
	uint64_t kept_by;   /* the newest slot that keeps this part */
};

struct slot {
	bool there, safe, gone;
	struct manifest m;
};

struct rules {
	struct world *w;
	struct mem mem;
	struct name *name;
	size_t n_names, names_cap;
	uint32_t *place;    /* of a name by its hash: index + 1 */
	size_t n_places;
	size_t *fresh;      /* names that are not safe yet */
	size_t n_fresh, fresh_cap;
	struct slot *slot;  /* by number */
	uint64_t n_slots;
	uint64_t newest, safe, fence; /* slots; 0: none */
	uint64_t id, safe_id;         /* highest checkpoint id, and of those safe */
	struct {
		uint64_t taken, changes; /* operation that found a slot taken; changes since */
	} host[WORLD_HOSTS];
	struct rules_seen seen;
};

enum place { ELSEWHERE, SLOT, TEMPORARY, PART, AUDIT, PENDING, FINAL, SINGLE };

/* number: of a slot; NULL: not asked. */
enum place place_of(const struct rules *r, const char *path, uint64_t *number);

void names_open(struct rules *r);
void names_close(struct rules *r);
struct name *name_find(const struct rules *r, const char *path); /* NULL: nobody had it */
/* Somebody gives it to a file. */
struct name *name_take(struct rules *r, const char *path, uint64_t ino);
void name_gone(struct rules *r, const char *path);
void names_look(struct rules *r); /* some folder was synced */
void names_cut(struct rules *r);  /* the power was cut */
