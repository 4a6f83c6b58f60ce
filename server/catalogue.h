/* catalogue.h - which jobs there are, durably: one file a job, of which every version has a name of
 * its own, so that a crash at any operation leaves the old one or the new one.
 *
 *   <data>/server.lock                 one server a data directory
 *   <data>/catalogue/<name>.<version, 20 digits>
 *   <data>/catalogue/tmp-<version, 20 digits>-<name>
 *   <data>/jobs/<name>/                the job's directory, as of `weir run --dir`
 *   <data>/logs/<name>.log[.1]
 *
 *   <data>/jobs/<name>.erased/         one that is being removed; a name no job can have
 *
 *   put:   temporary -> fsync -> rename to the next version, refusing to replace -> fsync folder
 *          -> unlink the version before (not synced: the highest one counts)
 *   open:  fsync folder -> list -> read the highest of each name -> unlink what is below it. The
 *          fsync first: the start believes what it read, so that must outlast the unlinks that
 *          follow, and whatever the server then says
 *   erase: hold owner.lock -> rename jobs/<name> to <name>.erased -> fsync jobs/ -> remove at
 *          leisure: no half of a directory ever stands under the job's name
 *   drop:  unlink all but the highest -> fsync folder -> unlink the highest -> fsync folder. In one
 *          go a power cut might keep the unlink of the highest only: an older one would return
 *
 * inv 1  what catalogue_put returned OK for is what a start finds, whatever crashed since
 * inv 2  a start finds each job in the version before or after a put that did not return
 * inv 3  a read error is an error, never an absent job
 * A newest version that cannot be read as one is not removed, nor are those below it, but by drop
 * and by a put that supersedes it.
 * Owns its lock and a list of names; entries are the caller's. Threads: one at a time (the clerk's;
 * before it begins, the control thread's), but for catalogue_is_free: any. */
#pragma once
#include "base/env.h"
#include "server/entry.h"

struct catalogue;

struct catalogue_found {
	struct entry entry;  /* without its description (job NULL): see catalogue_read */
	uint64_t version;
	bool corrupt;        /* only the name is known, and entry.error says why */
};

/* Makes the folders if need be, takes server.lock (E_REFUSED with the pid of its holder), removes
 * temporaries and superseded versions, and calls `found` for each job, in the order of names; the
 * entry is closed after the call, unless `found` took it and emptied f->entry. A description of
 * more than 12 KiB is not verified here but by catalogue_read. */
RC catalogue_open(struct catalogue **c, struct env *env, const char *data, uint64_t pid,
		  void (*found)(void *arg, struct catalogue_found *f), void *arg, struct err *e);
void catalogue_close(struct catalogue *c); /* legal on NULL */
/* How many names in catalogue/ are none of its own, and one of them (NULL: none). They are left
 * alone; worth a line in the log. */
size_t catalogue_foreign(const struct catalogue *c, const char **one);

/* Durable when it returns OK: as a version higher than *version (0: a new job), which it then sets.
 * en->job NULL: the description of the version before is carried over (E_CORRUPT when it cannot be
 * read; a REMOVED one then has none). E_EXISTS: something of that name stands there, or a higher
 * version than *version. E_NOT_FOUND: it was dropped. On any other error the version before stands,
 * or this one: call again with *version as it is now, raised past what may stand (a new job may
 * also be put with 0 again). */
RC catalogue_put(struct catalogue *c, const struct entry *en, uint64_t *version, struct err *e);
/* The whole entry. The caller's. version: as found, or as the last put has set it; 0: the newest,
 * for who cannot know whether a put comes before the read. E_NOT_FOUND: there is none. */
RC catalogue_read(struct catalogue *c, const char *name, uint64_t version, struct entry *en,
		  struct err *e);
/* The job's files: everything under jobs/<name>; with logs, those too. Durable when OK; may be
 * repeated, and must be until OK before the job is started again or dropped. E_REFUSED: a process
 * still holds its owner.lock. Symbolic links are removed, not followed. */
RC catalogue_erase(struct catalogue *c, const char *name, bool logs, struct err *e);
/* The entry itself, every version. Durable when OK; may be repeated. */
RC catalogue_drop(struct catalogue *c, const char *name, struct err *e);
/* Holders of owner.lock of a job: waits for nothing. OK: free; E_REFUSED names the pid. Any
 * thread. */
RC catalogue_is_free(struct catalogue *c, const char *name, struct err *e);
/* "<data>/jobs/<name>" and "<data>/logs/<name>.log"; false: too long. */
bool catalogue_job_dir(const char *data, const char *name, char *to, size_t size);
bool catalogue_log(const char *data, const char *name, char *to, size_t size);
