/* server_world_in.h - shared by server_world.c (loop, server), server_http.c (the client's side)
 * and server_process.c (the wire and the job's process) only. */
#pragma once
#include "tests/lib/instead.h"
#include "tests/sim/server_world.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdlib.h>

/* The linker's seam has no argument for the world: there is one at a time. */
extern struct server_world *the_world;

static inline void *server_world_get(size_t size)
{
	void *p = calloc(1, size);
	CHECK(p);
	return p;
}

/* A dead server tells nobody anything. */
bool server_world_is_dead(void);

/* A step of the process; false: there is none that can go on. */
bool server_process_step(struct server_world *sw);
/* Of its START nothing is needed any more. */
void server_process_forget(struct server_world *sw);
