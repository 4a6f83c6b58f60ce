/* room.h - an array that grows where it stands.
 * Why: a large array that is allocated anew to grow has to be copied, and all of it is touched for
 * the first time once more, which on a virtual machine costs far more than the copying (adr/0026).
 * Here only what is added is new: a small array is copied, a large one has address space ahead of
 * it; where that is used up, pages change their addresses, not their memory.
 * Owns its memory, which counts for the budget when it is asked for. One owner; what is not new
 * may be touched ahead by any thread (room_touch). */
#pragma once
#include "base/mem.h"

struct room {
	struct mem *mem;
	uint8_t *at;     /* 64-byte aligned; NULL: nothing is there */
	size_t bytes;    /* all zero where nobody has written */
	size_t reserved; /* of address space; 0: the allocator's memory */
	bool huge;
};

#define ROOM_HUGE_BYTES ((size_t)2 << 20)

/* huge: in huge pages where it is large, and counted in whole ones. Quicker to find one's way in,
 * but each is cleared as a whole by whoever touches it first. */
void room_init(struct room *r, struct mem *mem, bool huge);
/* At least this many bytes, at another address perhaps. Never less than there were. False when
 * memory is short: then all is as it was. */
bool room_grow(struct room *r, size_t bytes);
void room_close(struct room *r); /* legal on the zeroed one; can be used again */
/* Asks the system for the memory of [from, from + bytes) now, so that whoever writes there first
 * does not wait for it. Changes nothing of it, and no harm is done if it is gone by now. False:
 * not here, or this system does not do such a thing. */
bool room_touch(uint8_t *from, size_t bytes);
