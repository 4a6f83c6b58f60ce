/* catalogue_open.c - a start of the catalogue: what stands is found, believed and made durable, and
 * the list of its names, by which a put knows what it may not write over. See catalogue.h.
 * Cost: one listing, and for each job one open, fstat, read and close. */
#include "server/catalogue_in.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The head of an entry, and for nearly all jobs the whole; by feel. */
enum { HEAD_BYTES = 16 << 10, LOCK_TEXT = 21 };

/* --- the list of names --- */
bool known_find(const struct catalogue *c, const char *name, size_t *at)
{
	size_t lo = 0, hi = c->n_known;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = strcmp(c->known[mid]->name, name);
		if (!cmp) {
			*at = mid;
			return true;
		}
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return false;
}

RC known_add(struct catalogue *c, const char *name, size_t at, struct err *e)
{
	if (c->n_known == c->cap_known) {
		size_t cap = c->cap_known ? c->cap_known * 2 : 64;
		struct known **grown = mem_resize(c->mem, c->known, cap * sizeof(struct known *));
		if (!grown)
			return ERR(e, E_NO_MEMORY, "no memory for the names of jobs");
		c->known = grown;
		c->cap_known = cap;
	}
	struct known *k = mem_get(c->mem, sizeof *k + strlen(name) + 1);
	if (!k)
		return ERR(e, E_NO_MEMORY, "no memory for the name of a job");
	strcpy(k->name, name);
	memmove(c->known + at + 1, c->known + at, (c->n_known - at) * sizeof(struct known *));
	c->known[at] = k;
	c->n_known++;
	return OK;
}

void known_remove(struct catalogue *c, size_t at)
{
	mem_put(c->mem, c->known[at]);
	c->n_known--;
	memmove(c->known + at, c->known + at + 1, (c->n_known - at) * sizeof(struct known *));
}

/* --- what the listing says --- */
static enum rc take_name(struct catalogue *c, const char *file, struct err *e)
{
	char name[ENTRY_NAME_MAX + 1], path[CATALOGUE_PATH_MAX];
	uint64_t version;
	if (catalogue_file_parse(file, name, &version)) {
		size_t at;
		enum rc rc = known_find(c, name, &at) ? OK : known_add(c, name, at, e);
		if (rc != OK)
			return rc;
		struct known *k = c->known[at];
		if (version > k->high)
			k->high = k->low = version;
		return OK;
	}
	/* A put that did not get far. One that cannot be removed harms nobody: see write_temporary. */
	if (catalogue_is_temporary(file)) {
		if (catalogue_path(path, c->dir, file))
			(void)!fs_unlink(c->fs, path, NULL);
		return OK;
	}
	c->n_foreign++;
	if (!c->foreign && !(c->foreign = mem_string(c->mem, file)))
		return ERR(e, E_NO_MEMORY, "no memory for the names of jobs");
	return OK;
}

/* --- the newest version of a name --- */
static enum rc read_open(struct catalogue *c, const struct known *k, int fd, uint8_t *head,
			 struct entry *en, struct err *e)
{
	struct fs_stat st;
	uint8_t *all = NULL;
	size_t got, need;
	enum rc rc = fs_fstat(c->fs, fd, &st, e);
	if (rc != OK)
		return rc;
	if (st.kind != FS_FILE || st.size_bytes > ENTRY_TEXT_MAX)
		return ERR(e, E_CORRUPT, "it is no regular file of at most %u bytes", ENTRY_TEXT_MAX);
	size_t size = (size_t)st.size_bytes, len = size < HEAD_BYTES ? size : HEAD_BYTES;
	rc = fs_pread(c->fs, fd, head, len, 0, &got, e);
	if (rc == OK && got != len)
		rc = ERR(e, E_IO, "it became shorter while it was read");
	if (rc == OK)
		rc = entry_decode_head(en, head, len, size, &need, c->mem, e);
	if (rc == OK && need) {
		if (!(all = mem_get(c->mem, size)))
			return ERR(e, E_NO_MEMORY, "no memory for its %zu bytes", size);
		rc = fs_pread(c->fs, fd, all, size, 0, &got, e);
		if (rc == OK && got != size)
			rc = ERR(e, E_IO, "it became shorter while it was read");
		if (rc == OK)
			rc = entry_decode_head(en, all, size, size, &need, c->mem, e);
		mem_put(c->mem, all);
	}
	if (rc == OK && strcmp(en->name, k->name)) {
		rc = ERR(e, E_CORRUPT, "it is of job '%s'", en->name);
		entry_close(en);
	}
	return rc;
}

/* Of what is corrupt, too, something is known: its name, and why. */
static enum rc read_newest(struct catalogue *c, struct known *k, uint8_t *head,
			   struct catalogue_found *f, struct err *e)
{
	char file[CATALOGUE_FILE_MAX], path[CATALOGUE_PATH_MAX];
	struct err why = {OK};
	int fd;
	*f = (struct catalogue_found){.version = k->high};
	catalogue_file_name(file, k->name, k->high);
	if (!catalogue_path(path, c->dir, file))
		return ERR(e, E_INVALID, "the path of '%s' is too long", c->dir);
	enum rc rc = fs_open(c->fs, path, FS_READ, &fd, e);
	if (rc != OK)
		return rc;
	rc = read_open(c, k, fd, head, &f->entry, &why);
	(void)!fs_close(c->fs, &fd, NULL); /* nothing was written */
	if (rc == OK) {
		k->version = k->high;
		return OK;
	}
	if (rc != E_CORRUPT)
		return ERR(e, rc, "'%s': %s", path, why.text);
	err_in(&why, "'%s'", path);
	k->corrupt = f->corrupt = true;
	f->entry = (struct entry){.mem = c->mem};
	snprintf(f->entry.name, sizeof f->entry.name, "%s", k->name);
	return entry_set_error(&f->entry, E_CORRUPT, why.text, e);
}

/* Unlinks what newer, whole versions supersede. What cannot be is left to the next start. */
static void remove_superseded(struct catalogue *c, const struct fs_names *l)
{
	for (size_t i = 0; i < l->n; i++) {
		char name[ENTRY_NAME_MAX + 1], path[CATALOGUE_PATH_MAX];
		uint64_t version;
		size_t at;
		if (!catalogue_file_parse(l->name[i], name, &version) || !known_find(c, name, &at))
			continue;
		struct known *k = c->known[at];
		if (version == k->high)
			continue;
		if (k->corrupt || !catalogue_path(path, c->dir, l->name[i]) ||
		    catalogue_unlink(c->fs, path, NULL) != OK)
			k->stray = true;
	}
}

static enum rc find_all(struct catalogue *c, void (*found)(void *arg, struct catalogue_found *f),
			void *arg, struct err *e)
{
	struct fs_names l = {.mem = c->mem};
	uint8_t *head = NULL;
	/* What is read below is believed, and what it supersedes is unlinked: so it must be there
	 * after a power cut too, whoever was killed before his own fsync. */
	enum rc rc = fs_sync_dir(c->fs, c->dir, e);
	if (rc == OK)
		rc = fs_list(c->fs, c->dir, &l, e);
	for (size_t i = 0; rc == OK && i < l.n; i++)
		rc = take_name(c, l.name[i], e);
	if (rc == OK && !(head = mem_get_aligned(c->mem, 16, HEAD_BYTES)))
		rc = ERR(e, E_NO_MEMORY, "no memory to read entries");
	for (size_t i = 0; rc == OK && i < c->n_known; i++) {
		struct catalogue_found f;
		rc = read_newest(c, c->known[i], head, &f, e);
		if (rc == OK && found)
			found(arg, &f);
		entry_close(&f.entry);
	}
	if (rc == OK && l.n > c->n_known)
		remove_superseded(c, &l);
	mem_put(c->mem, head);
	fs_names_close(&l);
	return rc;
}

/* --- the lock --- */
static enum rc take_lock(struct catalogue *c, uint64_t pid, struct err *e)
{
	char path[CATALOGUE_PATH_MAX], text[LOCK_TEXT + 1];
	struct err why = {OK};
	if (!catalogue_path(path, c->data, "server.lock"))
		return ERR(e, E_INVALID, "the path of '%s' is too long", c->data);
	enum rc rc = fs_lock(c->fs, path, &c->lock_fd, &why);
	if (rc == E_REFUSED)
		return ERR(e, rc,
			   "'%s' is served by process %" PRIu64 ": stop it first, or use another --dir",
			   c->data, catalogue_pid(c->fs, path));
	if (rc != OK)
		return ERR(e, rc, "%s", why.text);
	/* A convenience: when it cannot be written, messages lack a number. */
	snprintf(text, sizeof text, "%-20" PRIu64 "\n", pid);
	(void)!fs_pwrite(c->fs, c->lock_fd, text, LOCK_TEXT, 0, NULL);
	return OK;
}

static enum rc make_folders(struct catalogue *c, struct err *e)
{
	static const char *const folders[] = {"catalogue", "jobs", "logs"};
	char path[CATALOGUE_PATH_MAX];
	enum rc rc = fs_mkdir_all(c->fs, c->data, e);
	for (size_t i = 0; rc == OK && i < ARRAY_LEN(folders); i++) {
		if (!catalogue_path(path, c->data, folders[i]))
			return ERR(e, E_INVALID, "the path of '%s' is too long", c->data);
		rc = fs_mkdir(c->fs, path, NULL, e);
	}
	/* Always: who made them may have been killed before this. */
	return rc == OK ? fs_sync_dir(c->fs, c->data, e) : rc;
}

RC catalogue_open(struct catalogue **out, struct env *env, const char *data, uint64_t pid,
		  void (*found)(void *arg, struct catalogue_found *f), void *arg, struct err *e)
{
	char dir[CATALOGUE_PATH_MAX];
	*out = NULL;
	if (!catalogue_path(dir, data, "catalogue"))
		return ERR(e, E_INVALID, "the path of '%.80s...' is too long", data);
	struct catalogue *c = mem_get(env->mem, sizeof *c);
	if (!c)
		return ERR(e, E_NO_MEMORY, "no memory for a catalogue");
	*c = (struct catalogue){.env = env, .fs = env->fs, .mem = env->mem, .lock_fd = -1};
	c->data = mem_string(c->mem, data);
	c->dir = mem_string(c->mem, dir);
	enum rc rc = OK;
	if (!c->data || !c->dir)
		rc = ERR(e, E_NO_MEMORY, "no memory for a catalogue");
	if (rc == OK)
		rc = make_folders(c, e);
	if (rc == OK)
		rc = take_lock(c, pid, e);
	if (rc == OK)
		rc = find_all(c, found, arg, e);
	if (rc != OK)
		catalogue_close(c);
	else
		*out = c;
	return rc;
}

void catalogue_close(struct catalogue *c)
{
	if (!c)
		return;
	(void)!fs_close(c->fs, &c->lock_fd, NULL);
	for (size_t i = 0; i < c->n_known; i++)
		mem_put(c->mem, c->known[i]);
	mem_put(c->mem, c->known);
	mem_put(c->mem, c->foreign);
	mem_put(c->mem, c->data);
	mem_put(c->mem, c->dir);
	mem_put(c->mem, c);
}

size_t catalogue_foreign(const struct catalogue *c, const char **one)
{
	*one = c->foreign;
	return c->n_foreign;
}
