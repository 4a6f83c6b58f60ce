/* catalogue.c - versions of entries: written, read, dropped; and the names of their files. See
 * catalogue.h for the order of things, and catalogue_open.c for a start. */
#include "server/catalogue_in.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { VERSION_DIGITS = 20 };

/* --- names --- */
bool catalogue_path(char to[CATALOGUE_PATH_MAX], const char *folder, const char *name)
{
	int n = snprintf(to, CATALOGUE_PATH_MAX, "%s/%s", folder, name);
	return n >= 0 && n < CATALOGUE_PATH_MAX;
}

void catalogue_file_name(char to[CATALOGUE_FILE_MAX], const char *name, uint64_t version)
{
	snprintf(to, CATALOGUE_FILE_MAX, "%s.%020" PRIu64, name, version);
}

void catalogue_temporary_name(char to[CATALOGUE_FILE_MAX], const char *name, uint64_t version)
{
	snprintf(to, CATALOGUE_FILE_MAX, "tmp-%020" PRIu64 "-%s", version, name);
}

bool catalogue_file_parse(const char *file, char name[ENTRY_NAME_MAX + 1], uint64_t *version)
{
	char same[CATALOGUE_FILE_MAX];
	const char *dot = strchr(file, '.');
	size_t len = dot ? (size_t)(dot - file) : 0;
	if (!len || len > ENTRY_NAME_MAX)
		return false;
	memcpy(name, file, len);
	name[len] = '\0';
	/* Too large a number, a sign, a blank: none of them writes itself as it stood. */
	*version = strtoull(dot + 1, NULL, 10);
	catalogue_file_name(same, name, *version);
	return entry_name_ok(name) && *version && !strcmp(file, same);
}

bool catalogue_is_temporary(const char *file)
{
	const char *digits = file + 4;
	return !strncmp(file, "tmp-", 4) && strspn(digits, "0123456789") == VERSION_DIGITS &&
	       digits[VERSION_DIGITS] == '-' && entry_name_ok(digits + VERSION_DIGITS + 1);
}

static bool below_data(const char *data, const char *folder, const char *name, const char *ending,
		       char *to, size_t size)
{
	int n = snprintf(to, size, "%s/%s/%s%s", data, folder, name, ending);
	return n >= 0 && (size_t)n < size;
}

bool catalogue_job_dir(const char *data, const char *name, char *to, size_t size)
{
	return below_data(data, "jobs", name, "", to, size);
}

bool catalogue_log(const char *data, const char *name, char *to, size_t size)
{
	return below_data(data, "logs", name, ".log", to, size);
}

RC catalogue_unlink(struct fs *fs, const char *path, struct err *e)
{
	struct err why = {OK};
	enum rc rc = fs_unlink(fs, path, &why);
	return rc == OK || rc == E_NOT_FOUND ? OK : ERR(e, rc, "%s", why.text);
}

uint64_t catalogue_pid(struct fs *fs, const char *path)
{
	uint8_t *text = NULL;
	size_t len;
	uint64_t pid = 0;
	if (fs_read_all(fs, path, 4096, &text, &len, NULL) == OK)
		pid = strtoull((const char *)text, NULL, 10);
	mem_put(fs->mem, text);
	return pid;
}

static enum rc named(const char *name, struct err *e)
{
	if (entry_name_ok(name))
		return OK;
	return ERR(e, E_INVALID, "'%.80s' is no name of a job: [A-Za-z0-9_-], at most %d", name,
		   ENTRY_NAME_MAX);
}

/* Path of a version; catalogue_open has seen that it fits. */
static void version_path(const struct catalogue *c, const char *name, uint64_t version,
			 char to[CATALOGUE_PATH_MAX])
{
	char file[CATALOGUE_FILE_MAX];
	catalogue_file_name(file, name, version);
	CHECK(catalogue_path(to, c->dir, file));
}

/* --- reading --- */
RC catalogue_read(struct catalogue *c, const char *name, uint64_t version, struct entry *en,
		  struct err *e)
{
	char path[CATALOGUE_PATH_MAX];
	uint8_t *data;
	size_t len;
	*en = (struct entry){.mem = NULL};
	enum rc rc = named(name, e);
	if (rc != OK)
		return rc;
	size_t at;
	const struct known *k = known_find(c, name, &at) ? c->known[at] : NULL;
	if (!version && !k)
		return ERR(e, E_NOT_FOUND, "job '%s' was removed", name);
	if (k && (!version || version == k->high))
		version = k->version ? k->version : k->high; /* above it a put has failed */
	version_path(c, name, version, path);
	rc = fs_read_all(c->fs, path, ENTRY_TEXT_MAX, &data, &len, e);
	if (rc != OK)
		return rc;
	struct err why = {OK};
	rc = entry_decode(en, data, len, c->mem, &why);
	mem_put(c->fs->mem, data);
	if (rc == OK && strcmp(en->name, name)) {
		rc = ERR(&why, E_CORRUPT, "it is of job '%s'", en->name);
		entry_close(en);
	}
	return rc == OK ? OK : ERR(e, rc, "'%s': %s", path, why.text);
}

/* --- writing --- */
/* A temporary of this name is what an earlier try, or a start, could not remove: nobody's. */
static enum rc write_temporary(struct catalogue *c, const char *path, const struct bytes *b,
			       struct err *e)
{
	struct err why = {OK};
	enum rc rc = fs_write_new(c->fs, path, b->data, b->len, &why);
	if (rc == E_EXISTS && (rc = catalogue_unlink(c->fs, path, e)) == OK)
		return fs_write_new(c->fs, path, b->data, b->len, e);
	return rc == OK ? OK : ERR(e, rc, "%s", why.text);
}

/* *may_stand: whether the version may be there now. */
static enum rc write_version(struct catalogue *c, const char *name, uint64_t version,
			     const struct bytes *b, bool *may_stand, struct err *e)
{
	char file[CATALOGUE_FILE_MAX], temporary[CATALOGUE_PATH_MAX], path[CATALOGUE_PATH_MAX];
	catalogue_temporary_name(file, name, version);
	CHECK(catalogue_path(temporary, c->dir, file));
	version_path(c, name, version, path);
	enum rc rc = write_temporary(c, temporary, b, e);
	*may_stand = rc == OK;
	if (rc == OK)
		rc = fs_rename_new(c->fs, temporary, path, e);
	if (rc != OK)
		(void)!fs_unlink(c->fs, temporary, NULL);
	return rc == OK ? fs_sync_dir(c->fs, c->dir, e) : rc;
}

/* Whether a put may follow *version: what stands is what the caller knows. */
static enum rc may_follow(const struct known *k, const char *name, uint64_t version, struct err *e)
{
	if (!k && version)
		return ERR(e, E_NOT_FOUND, "job '%s' was removed", name);
	if (!k || (!version && !k->version && !k->corrupt))
		return OK;
	if (version != k->high)
		return ERR(e, E_EXISTS, "job '%s' stands in version %" PRIu64 ", not %" PRIu64, name,
			   k->high, version);
	return k->high < UINT64_MAX ? OK : ERR(e, E_LIMIT, "job '%s' has had its last version", name);
}

/* en in b; without a description of its own, with that of the version before. */
static enum rc encode(struct catalogue *c, const struct entry *en, const struct known *k,
		      struct bytes *b, struct err *e)
{
	struct entry before, whole = *en;
	if (en->job)
		return entry_encode(en, b, e);
	if (!k->version && !k->corrupt)
		return ERR(e, E_INVALID, "job '%s' has no description", k->name);
	struct err why = {OK};
	enum rc rc = catalogue_read(c, k->name, k->high, &before, &why);
	if (rc == E_CORRUPT && en->standing == STANDING_REMOVED) {
		whole.job_len = 0; /* so that what cannot be read can be removed */
		return entry_encode(&whole, b, e);
	}
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	whole.job = before.job;
	whole.job_len = before.job_len;
	rc = entry_encode(&whole, b, e);
	entry_close(&before);
	return rc;
}

/* What the version that stands now has superseded. What stays is left to the next start. */
static void unlink_below(struct catalogue *c, struct known *k)
{
	char path[CATALOGUE_PATH_MAX];
	for (uint64_t v = k->low; v < k->high; v++) {
		version_path(c, k->name, v, path);
		if (catalogue_unlink(c->fs, path, NULL) != OK)
			k->stray = true;
	}
	k->low = k->high;
}

RC catalogue_put(struct catalogue *c, const struct entry *en, uint64_t *version, struct err *e)
{
	size_t at;
	bool may_stand = false;
	enum rc rc = named(en->name, e);
	if (rc != OK)
		return rc;
	bool is_known = known_find(c, en->name, &at);
	rc = may_follow(is_known ? c->known[at] : NULL, en->name, *version, e);
	if (rc == OK && !is_known)
		rc = known_add(c, en->name, at, e);
	if (rc != OK)
		return rc;
	struct known *k = c->known[at];
	struct bytes b;
	bytes_init(&b, c->mem);
	rc = encode(c, en, k, &b, e);
	if (rc == OK)
		rc = write_version(c, k->name, k->high + 1, &b, &may_stand, e);
	bytes_close(&b);
	if (may_stand) {
		*version = ++k->high;
		k->low = k->low ? k->low : k->high;
	}
	if (rc == OK) {
		k->version = k->high;
		k->corrupt = false;
		unlink_below(c, k);
	} else if (may_stand && rc != E_EXISTS && !k->version && !k->corrupt) {
		/* Whoever asked for a new job hears that there is none; best that there be none. */
		char path[CATALOGUE_PATH_MAX];
		version_path(c, k->name, k->high, path);
		(void)!fs_unlink(c->fs, path, NULL);
	} else if (!k->high) {
		known_remove(c, at);
	}
	return rc;
}

/* --- dropping --- */
/* Versions that only a listing knows of, but for the highest. */
static enum rc unlink_strays(struct catalogue *c, const struct known *k, struct err *e)
{
	struct fs_names l;
	enum rc rc = fs_list(c->fs, c->dir, &l, e);
	for (size_t i = 0; rc == OK && i < l.n; i++) {
		char name[ENTRY_NAME_MAX + 1], path[CATALOGUE_PATH_MAX];
		uint64_t version;
		if (!catalogue_file_parse(l.name[i], name, &version) || strcmp(name, k->name) ||
		    version >= k->high || !catalogue_path(path, c->dir, l.name[i]))
			continue;
		rc = catalogue_unlink(c->fs, path, e);
	}
	fs_names_close(&l);
	return rc;
}

RC catalogue_drop(struct catalogue *c, const char *name, struct err *e)
{
	char path[CATALOGUE_PATH_MAX];
	size_t at;
	enum rc rc = named(name, e);
	if (rc != OK || !known_find(c, name, &at))
		return rc;
	struct known *k = c->known[at];
	if (k->stray)
		rc = unlink_strays(c, k, e);
	for (uint64_t v = k->low; rc == OK && v < k->high; v++) {
		version_path(c, name, v, path);
		rc = catalogue_unlink(c->fs, path, e);
	}
	/* Also when nothing was unlinked here: a put's unlinks are not durable yet. */
	if (rc == OK)
		rc = fs_sync_dir(c->fs, c->dir, e);
	if (rc != OK)
		return rc;
	version_path(c, name, k->high, path);
	rc = catalogue_unlink(c->fs, path, e);
	if (rc == OK)
		rc = fs_sync_dir(c->fs, c->dir, e);
	if (rc == OK)
		known_remove(c, at);
	return rc;
}
