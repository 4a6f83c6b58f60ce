/* disk_image.h - the files of a world's disk, kept, to be put onto another one as often as one
 * wants to damage them. */
#pragma once
#include "tests/sim/world.h"

enum { IMAGE_FILES = 128 };

struct image {
	struct {
		char path[224];
		uint8_t *data; /* NULL: a folder */
		size_t len;
		bool named; /* for who keeps it: by a checkpoint that is kept */
	} file[IMAGE_FILES];
	size_t n;
	bool committed; /* likewise: what the newest checkpoint prepared */
};

/* All below this folder, if it is there. */
void image_add(struct image *im, struct world *w, const char *dir);
/* Onto the disk of a world. */
void image_put(const struct image *im, struct world *w);
void image_close(struct image *im); /* legal on the zeroed one */
