/* catalogue_in.h - what the catalogue's files share: its list of names, its paths. server/ only.
 * catalogue_open.c finds what stands, catalogue.c writes and reads versions, catalogue_erase.c
 * removes a job's files. */
#pragma once
#include "server/catalogue.h"

#define CATALOGUE_PATH_MAX 4096
#define CATALOGUE_FILE_MAX (ENTRY_NAME_MAX + 32) /* "tmp-", a version, '-' or '.', a name, NUL */

/* A name, and which of its versions may stand. */
struct known {
	uint64_t version; /* the newest that stands whole, 0: none that we know of */
	uint64_t high;    /* the highest that may stand: a put that failed may have left it */
	uint64_t low;     /* the lowest that a put has yet to remove */
	bool corrupt;     /* high was found and cannot be read */
	bool stray;       /* versions below low stand too */
	char name[];
};

struct catalogue {
	struct env *env;
	struct fs *fs;
	struct mem *mem;
	char *data, *dir;      /* "<data>", "<data>/catalogue" */
	int lock_fd;
	struct known **known;  /* by name */
	size_t n_known, cap_known;
	size_t n_foreign;
	char *foreign;         /* one of them */
};

/* The index of name in known, or where it would stand. */
bool known_find(const struct catalogue *c, const char *name, size_t *at);
RC known_add(struct catalogue *c, const char *name, size_t at, struct err *e);
void known_remove(struct catalogue *c, size_t at);

/* False: too long. */
bool catalogue_path(char to[CATALOGUE_PATH_MAX], const char *folder, const char *name);
void catalogue_file_name(char to[CATALOGUE_FILE_MAX], const char *name, uint64_t version);
/* The reverse, of exactly such a name. */
bool catalogue_file_parse(const char *file, char name[ENTRY_NAME_MAX + 1], uint64_t *version);
void catalogue_temporary_name(char to[CATALOGUE_FILE_MAX], const char *name, uint64_t version);
bool catalogue_is_temporary(const char *file);
/* unlink, for which it is as well when it was gone. */
RC catalogue_unlink(struct fs *fs, const char *path, struct err *e);
/* The pid a lock file names; 0: none. */
uint64_t catalogue_pid(struct fs *fs, const char *path);
