/* server.h - `weir serve`: many jobs, each in a process of its own, under one durable catalogue,
 * behind HTTP on a Unix socket and, where it is asked for, on a TCP port.
 *
 *   socket -> api (routes) -> jobs (a life each: pure) -> clerk (files), children (processes)
 *
 * It holds no job state it cannot rebuild from its directory; kill it, and the next one goes on.
 * Threads: the caller's is the control thread; the clerk has one for the catalogue's files. */
#pragma once
#include "base/env.h"
#include "base/log.h"
#include "server/door.h"

#define SERVER_SOCKET "weir.sock"
#define SERVER_JOBS_MAX 1000 /* processes at once */

struct allow;

struct server_options {
	struct env *env;
	struct log *log;
	const char *dir;         /* the data directory; made if need be */
	const char *config;      /* a file with defaults for jobs; NULL: none */
	const char *program;     /* what a job process runs: this binary, with the verb `job` */
	const char *version;
	uint64_t started_us;     /* monotonic time the process began */
	uint64_t stop_limit_us;  /* how long a SIGTERM waits for the jobs */
	struct door_options door;
	const struct allow *allow; /* what jobs may touch, beside what the configuration says; with a
	                            * door they may touch nothing else. Borrowed. NULL: nothing said */
	/* It answers from now on, at url too (NULL: on its socket only). */
	void (*ready)(void *arg, unsigned jobs, unsigned running, const char *url);
	void *arg;
};

/* Until SIGINT or SIGTERM has stopped every job with a checkpoint (a second one: at once).
 * E_REFUSED: another server has the directory. */
RC server_run(const struct server_options *o, struct err *e);
