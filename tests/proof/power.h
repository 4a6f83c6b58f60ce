/* power.h - a real ext4 file system in an image on a loop device, whose power fails at a chosen
 * file operation (EXT4_IOC_SHUTDOWN): what the simulated disk claims is tried on the kernel's.
 * What a world (tests/sim/world.h) does goes through `fs`, which counts operations and cuts before
 * the cut_at-th; from then on all answer E_CRASHED, as the world's own simulated disk does, which
 * goes down together with it and is otherwise empty.
 * Mounts stand in a namespace of this process alone, on a tmpfs, and the loop device detaches
 * itself: however the process ends, nothing of it is left. Needs root. Threads: one. */
#pragma once
#include "base/fs.h"
#include "tests/sim/world.h"

#define POWER_HANDLES 256

/* What of the journal is lost: what was not yet committed is in memory alone, and all data that was
 * not written back. */
enum power_cut { POWER_LOG_LOST, POWER_LOG_FLUSHED };

struct power {
	struct fs fs;
	struct fs_real real;
	struct world *w;      /* whose files are on it */
	char device[32];      /* of the loop; "": none is attached */
	bool mounted, down;
	uint64_t ops, cut_at; /* cut_at 0: never */
	enum power_cut how;
	int handle[POWER_HANDLES]; /* open now; -1: free */
	uint8_t *image;       /* an empty file system */
	size_t image_size;
};

/* False: not here, and why. */
bool power_open(struct power *p, char why[256]);
/* A file system as mkfs made it; nothing is planned. */
void power_fresh(struct power *p);
/* The world's files are here from now on. */
void power_world(struct power *p, struct world *w);
/* The power comes back: all of before is closed, the device attached anew, its journal replayed. */
void power_back(struct power *p);
void power_close(struct power *p);
