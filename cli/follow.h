/* follow.h - `weir submit --wait`: a job at a server, watched to its end as `weir run` would show
 * it.
 * Threads: control thread. */
#pragma once
#include "cli/remote.h"

/* Until the job r->job is over: *exit is what `weir run` would have exited with. E_STOPPED: SIGINT
 * or SIGTERM ended the watching, the job goes on. E_UNREACHABLE: the server is gone.
 * E_NOT_FOUND: the job was removed meanwhile. */
RC follow(struct remote *r, int *exit, struct err *e);
