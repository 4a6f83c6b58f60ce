/* secrets.h - what a job needs and nobody is to see, by reference:
 *
 *     "secrets": { "API_TOKEN": "env:TOKEN_OF_THE_API", "DB": "file:/run/secrets/db" }
 *
 * The job file says where a secret stands, never what it is. Its value is fetched by the process
 * that runs the job, when it starts, and is given to the job's programs (on_complete and its
 * sisters) in their environment, under its name. It stands in no file of weir's, in no answer and
 * no message. Threads: one owner. */
#pragma once
#include "base/env.h"
#include "base/secret.h"

#define SECRET_MAX (64u << 10) /* bytes; by feel: certificates fit */

struct spec;
/* The environment of this process with the job's secrets, as execve wants it, in *envp; NULL where
 * the job has none. E_NOT_FOUND, E_PERMISSION, E_INVALID, E_LIMIT: the reference that cannot be
 * followed, by its name. Freed by secrets_close, which wipes what it holds. */
struct secrets {
	char **envp;
	char *text[SECRETS_MAX]; /* "NAME=value" */
	size_t len[SECRETS_MAX];
	unsigned n;
	struct mem *mem;
};
RC secrets_open(struct secrets *s, const struct spec *spec, struct fs *fs, struct mem *mem,
		struct err *e);
void secrets_close(struct secrets *s); /* legal on the empty value */
