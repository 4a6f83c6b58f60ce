/* run_socket.h - a `weir run` on a socket in its directory: what its job tells goes to those who
 * watch, what they ask goes to its drive. A convenience: a run that cannot have it runs without.
 * Threads: control thread. */
#pragma once
#include "cli/cli.h"
#include "jobs/drive.h"

struct run_socket;
/* d, j, dir are borrowed. NULL and a line in the log when it cannot be had. */
struct run_socket *run_socket_open(struct cli *c, struct log *log, struct loop *l, struct drive *d,
				   struct job *j, const char *dir, const char *file);
/* What happened. All legal on NULL. */
void run_socket_record(struct run_socket *s, const struct checkpoint_record *r);
void run_socket_failed(struct run_socket *s, const struct err *e);
void run_socket_recovered(struct run_socket *s, const char *lines);
void run_socket_answered(struct run_socket *s, uint64_t request, const struct checkpoint_record *r,
			 const char *found, const struct err *why);
void run_socket_stopping(struct run_socket *s);
/* The last words; error NULL: it ended as it was asked to. */
void run_socket_ended(struct run_socket *s, int exit, const struct err *error);
void run_socket_close(struct run_socket *s);
