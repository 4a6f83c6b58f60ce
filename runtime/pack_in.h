/* pack_in.h - the inside of the packer, shared by pack.c (one subtask's runs) and pack_part.c (the
 * part as a whole) only. Everything here belongs to the bytes lane. */
#pragma once
#include "runtime/id_ranges.h"
#include "runtime/pack.h"

/* A checkpoint's part while it is written. */
struct part_build {
	struct part_build *next;
	uint64_t id;
	uint32_t sections;         /* numbers given so far */
	struct part_share *part;
};

struct packing {
	struct packing_options o;
	struct part_build *builds;
	struct id_ranges over;     /* finished or abandoned */
	struct run_scratch scratch; /* of whichever chunk is being sorted; its pages stay warm */
};

/* pack_part.c */
/* The part of id, begun if it is not yet. */
RC part_build_find(struct packing *p, uint64_t id, struct part_build **out, struct err *e);
void part_build_close(struct packing *p, struct part_build *b);
/* id was finished or abandoned: what still comes for it is dropped. */
bool pack_is_over(const struct packing *p, uint64_t id);
