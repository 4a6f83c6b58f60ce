/* roots.h - the folders that somebody may touch, each kept open, and files opened beneath them.
 * Why: what a submitted job names is a stranger's text. A path that was looked at when the job came
 * in may lead elsewhere when it is opened: a part of it is a symbolic link now. So a root is opened
 * once, and each name beneath it is resolved by the kernel in one step, which leaves the root by no
 * "..", by no absolute link and by none of the links of /proc (openat2, Linux 5.6).
 *
 *     roots_add(&rs, "/srv/in", ROOT_READ, e)
 *     roots_open(&rs, "/srv/in/2026/a.txt", ROOT_READ, O_RDONLY, 0, "open", &fd, e)
 *
 * "." and ".." are taken out of a path by its text alone, before it is looked for: "/srv/in/x/../a"
 * is "/srv/in/a", whatever x is. A hard link is no way that could be seen: who may make one in a
 * root to a file outside of it (fs.protected_hardlinks) has put that file into the root.
 * Owns: descriptors and texts. Threads: roots_add by one, before all others; the rest by any. */
#pragma once
#include "base/err.h"
#include "base/mem.h"

#include <stddef.h>

/* What may be done beneath a root: any of the bits. */
enum {
	ROOT_READ = 1 << 0,
	ROOT_WRITE = 1 << 1,
	ROOT_RUN = 1 << 2,    /* programs */
	ROOT_SECRET = 1 << 3, /* files that hold a secret: nothing else reads them there */
};

#define ROOTS_MAX 160       /* four kinds of 32 (jobs/allow.h), and room for our own */
#define ROOT_PATH_MAX 4096
#define ROOT_NAME_MAX 256

struct root {
	char *path; /* as it was given, plain */
	char *real; /* without symbolic links: it is known by both names */
	unsigned may;
	int fd;
};

struct roots {
	struct root r[ROOTS_MAX];
	unsigned n;
	struct mem *mem;
	const char *cure[4]; /* of each bit: what lets a path be in a root; or NULL */
};

/* path without ".", "..", "//" and a '/' at its end. E_INVALID: it is relative, or too long. */
RC path_plain(char to[ROOT_PATH_MAX], const char *path, struct err *e);
/* What stands behind folder in path, "" for the folder itself; NULL: path is not in it. Both are
 * plain. */
const char *path_below(const char *folder, const char *path);

/* Whether this kernel can do it; else E_REFUSED, which says what can be done. */
RC roots_supported(struct err *e);
void roots_init(struct roots *rs, struct mem *mem);
void roots_close(struct roots *rs); /* legal on the empty value */
/* A folder that exists: E_NOT_FOUND, E_INVALID (no folder, relative), E_LIMIT, E_PERMISSION. */
RC roots_add(struct roots *rs, const char *path, unsigned may, struct err *e);
/* The deepest root that this plain path lies in, and that may; *below is what stands behind it.
 * NULL: there is none. */
const struct root *roots_find(const struct roots *rs, const char *plain, unsigned may,
			      const char **below);

/* open() beneath a root that may; flags and mode are open()'s, close-on-exec added. E_PERMISSION:
 * it is in no root, or leads out of it. `doing` begins the text of other errors: "open". */
RC roots_open(const struct roots *rs, const char *path, unsigned may, int flags, unsigned mode,
	      const char *doing, int *fd, struct err *e);
/* The folder that path is in, opened with O_PATH, and its last part, for the calls that act on a
 * name and follow no link: "." where path is a root. */
RC roots_enter(const struct roots *rs, const char *path, unsigned may, const char *doing, int *dir,
	       char name[ROOT_NAME_MAX], struct err *e);
