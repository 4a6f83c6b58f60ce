/* allow.h - what the jobs of a server may touch: folders they read, write, run programs from and
 * take secrets from, and names of the environment. Beside those a job has its own directory, no
 * more. Said by who starts the server (`--allow-read` and its sisters, the block `allow` of the
 * configuration), and held in three places: a submission is checked by its text alone, so that a
 * fault has its line and cure (allow_check); the job's process confines its file system to these
 * folders (allow_roots, adr/0023); and Landlock confines the process itself. Owns its texts.
 * Threads: made by one, then read only. */
#pragma once
#include "base/roots.h"
#include "jobs/spec.h"

enum allow_kind { ALLOW_READ, ALLOW_WRITE, ALLOW_RUN, ALLOW_SECRETS, ALLOW_ENV, ALLOW_KINDS };
#define ALLOW_MAX 32 /* of one kind; by feel */

struct allow {
	bool landlock; /* false: it is not asked for */
	bool confines; /* false: jobs may do whatever their user may */
	char *item[ALLOW_KINDS][ALLOW_MAX]; /* plain paths; of ALLOW_ENV, names */
	unsigned n[ALLOW_KINDS];
	struct mem *mem;
};

void allow_init(struct allow *a, struct mem *mem);
void allow_close(struct allow *a); /* legal on the empty value */
/* "read": the key in a configuration, and what stands behind `--allow-`. */
const char *allow_kind_name(enum allow_kind k);
/* One more; from now on it confines. What is there already is no fault. E_INVALID: no absolute
 * path, no name; E_LIMIT: over ALLOW_MAX. */
RC allow_add(struct allow *a, enum allow_kind k, const char *text, struct err *e);

/* The block `allow` of a configuration, or what allow_write wrote: its table, and all it says. */
extern const struct opt_def allow_opts[];
RC allow_read(struct allow *a, const struct json *v, struct err *e);
void allow_write(const struct allow *a, struct json_out *o); /* an object */

/* Each path, program and secret of the job that it may not touch is a fault in ds. */
void allow_check(const struct allow *a, const struct spec *s, struct diags *ds);
bool allow_has_env(const struct allow *a, const char *name);

/* Landlock (landlock.h) for a process of this server: the same folders, and `own` of it to read and
 * write, which end with NULL. */
RC allow_landlock(const struct allow *a, const char *const *own, bool *is_on, struct err *e);

/* The folders, opened, and the job's own directory, which is there (NULL: none). rs borrows nothing
 * of a. E_NOT_FOUND, E_INVALID: one is no folder; E_REFUSED: this kernel cannot. */
RC allow_roots(const struct allow *a, const char *own, struct roots *rs, struct err *e);
