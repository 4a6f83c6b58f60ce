/* storage_mem.c - see storage_mem.h. */
#include "checkpoint/storage_mem.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

/* A handle is an index into object[]: elements never go. */
struct kept {
	char *path;
	uint8_t *data;
	size_t len, cap, synced; /* bytes; synced of them are durable */
	bool there, durable;     /* the name: as it is seen, and as a crash leaves it for certain */
};

struct storage_mem {
	struct mem own, *names;
	struct kept *object;
	size_t n, cap;
	uint64_t count, crash_at, fault_at;
	bool crash_after, fault_after, crashed;
	enum rc fault;
};

/* --- what goes wrong --- */
static enum rc crashed(struct storage_mem *m, const char *what, struct err *e)
{
	m->crashed = true;
	return ERR(e, E_CRASHED, "'%s': the process is gone", what);
}

static enum rc enter(struct storage_mem *m, const char *what, struct err *e)
{
	uint64_t n = ++m->count;
	if (m->crashed || (m->crash_at == n && !m->crash_after))
		return crashed(m, what, e);
	if (m->fault_at == n && !m->fault_after)
		return ERR(e, m->fault, "'%s': refused", what);
	return OK;
}

/* The answer to what was done. */
static enum rc leave(struct storage_mem *m, const char *what, struct err *e)
{
	if (m->crash_at == m->count && m->crash_after)
		return crashed(m, what, e);
	if (m->fault_at == m->count && m->fault_after)
		return ERR(e, m->fault, "'%s': no answer", what);
	return OK;
}

/* --- objects --- */
static struct kept *find(struct storage_mem *m, const char *path)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->object[i].there && !strcmp(m->object[i].path, path))
			return &m->object[i];
	return NULL;
}

static struct kept *add(struct storage_mem *m, const char *path)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? m->cap * 2 : 32;
		m->object = mem_resize(&m->own, m->object, m->cap * sizeof *m->object);
		CHECK(m->object);
	}
	struct kept *k = &m->object[m->n++];
	*k = (struct kept){.path = mem_string(&m->own, path), .there = true};
	CHECK(k->path);
	return k;
}

static void put_bytes(struct storage_mem *m, struct kept *k, const void *from, size_t len,
		      uint64_t off)
{
	CHECK(off <= k->len); /* front to back */
	if (off + len > k->cap) {
		k->cap = (off + len) * 2;
		k->data = mem_resize(&m->own, k->data, k->cap);
		CHECK(k->data);
	}
	memcpy(k->data + off, from, len);
	k->len = off + len > k->len ? off + len : k->len;
}

static bool stands_in(const char *path, const char *folder)
{
	size_t n = strlen(folder);
	return !strncmp(path, folder, n) && path[n] == '/' && !strchr(path + n + 1, '/');
}

static enum put_outcome mem_put_object(void *self, const struct put *p, struct err *e)
{
	struct storage_mem *m = self;
	if (enter(m, p->path, e) != OK)
		return e->code == E_CRASHED ? PUT_UNKNOWN : PUT_FAILED;
	bool taken = find(m, p->path);
	if (!taken) {
		struct kept *k = add(m, p->path);
		put_bytes(m, k, p->data, p->len, 0);
		k->synced = k->len;
		k->durable = true;
	}
	if (leave(m, p->path, e) != OK)
		return PUT_UNKNOWN;
	if (taken)
		ERR(e, E_EXISTS, "'%s' was taken by another process", p->path);
	return taken ? PUT_TAKEN : PUT_DONE;
}

static enum rc get_object(void *self, const char *path, size_t limit_bytes, struct blob *b,
			  struct err *e)
{
	struct storage_mem *m = self;
	enum rc rc = enter(m, path, e);
	struct kept *k = rc == OK ? find(m, path) : NULL;
	if (rc == OK && !k)
		return ERR(e, E_NOT_FOUND, "'%s' is not there", path);
	if (rc == OK && k->len > limit_bytes)
		return ERR(e, E_CORRUPT, "'%s' is too large", path);
	if (rc == OK)
		rc = leave(m, path, e);
	if (rc != OK)
		return rc;
	*b = (struct blob){mem_get(m->names, k->len + 1), k->len, m->names};
	if (!b->data)
		return ERR(e, E_NO_MEMORY, "no memory for '%s'", path);
	memcpy(b->data, k->data, k->len);
	return OK;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum rc list_objects(void *self, const char *folder, struct fs_names *l, struct err *e)
{
	struct storage_mem *m = self;
	enum rc rc = enter(m, folder, e);
	*l = (struct fs_names){.mem = m->names};
	if (rc == OK && !(l->name = mem_get(m->names, (m->n + 1) * sizeof *l->name)))
		rc = ERR(e, E_NO_MEMORY, "no memory for the names in '%s'", folder);
	for (size_t i = 0; i < m->n && rc == OK; i++) {
		if (!m->object[i].there || !stands_in(m->object[i].path, folder))
			continue;
		l->name[l->n] = mem_string(m->names, strrchr(m->object[i].path, '/') + 1);
		if (l->name[l->n])
			l->n++;
		else
			rc = ERR(e, E_NO_MEMORY, "no memory for the names in '%s'", folder);
	}
	if (rc == OK)
		rc = leave(m, folder, e);
	if (rc != OK)
		fs_names_close(l);
	else
		qsort(l->name, l->n, sizeof *l->name, by_text);
	return rc;
}

static enum rc remove_object(void *self, const char *path, struct err *e)
{
	struct storage_mem *m = self;
	enum rc rc = enter(m, path, e);
	struct kept *k = rc == OK ? find(m, path) : NULL;
	if (rc == OK && !k)
		return ERR(e, E_NOT_FOUND, "'%s' is not there", path);
	if (rc != OK)
		return rc;
	k->there = false;
	return leave(m, path, e);
}

static enum rc size_of(void *self, const char *path, uint64_t *size_bytes, struct err *e)
{
	struct storage_mem *m = self;
	enum rc rc = enter(m, path, e);
	struct kept *k = rc == OK ? find(m, path) : NULL;
	if (rc == OK && !k)
		return ERR(e, E_NOT_FOUND, "'%s' is not there", path);
	if (rc != OK)
		return rc;
	*size_bytes = k->len;
	return leave(m, path, e);
}

static enum rc settle_folder(void *self, const char *folder, struct err *e)
{
	struct storage_mem *m = self;
	enum rc rc = enter(m, folder, e);
	for (size_t i = 0; i < m->n && rc == OK; i++)
		if (stands_in(m->object[i].path, folder))
			m->object[i].durable = m->object[i].there;
	return rc == OK ? leave(m, folder, e) : rc;
}

static enum rc harden_object(void *self, const char *path, struct err *e)
{
	struct storage_mem *m = self;
	enum rc rc = enter(m, path, e);
	struct kept *k = rc == OK ? find(m, path) : NULL;
	if (rc == OK && !k)
		return ERR(e, E_NOT_FOUND, "'%s' is not there", path);
	if (rc != OK)
		return rc;
	k->synced = k->len;
	return leave(m, path, e);
}

/* --- piece by piece --- */
static enum rc create_object(void *self, const char *path, int *handle, struct err *e)
{
	struct storage_mem *m = self;
	enum rc rc = enter(m, path, e);
	if (rc == OK && find(m, path))
		return ERR(e, E_EXISTS, "'%s' is there already", path);
	if (rc != OK)
		return rc;
	add(m, path);
	rc = leave(m, path, e);
	*handle = rc == OK ? (int)m->n - 1 : -1;
	return rc;
}

static enum rc open_object(void *self, const char *path, int *handle, uint64_t *size_bytes,
			   struct err *e)
{
	struct storage_mem *m = self;
	enum rc rc = enter(m, path, e);
	struct kept *k = rc == OK ? find(m, path) : NULL;
	if (rc == OK && !k)
		return ERR(e, E_NOT_FOUND, "'%s' is not there", path);
	if (rc == OK)
		rc = leave(m, path, e);
	if (rc != OK)
		return rc;
	*handle = (int)(k - m->object);
	*size_bytes = k->len;
	return OK;
}

static enum rc write_object(void *self, int handle, const void *from, size_t len, uint64_t off,
			    struct err *e)
{
	struct storage_mem *m = self;
	struct kept *k = &m->object[handle];
	enum rc rc = enter(m, k->path, e);
	if (rc != OK)
		return rc;
	put_bytes(m, k, from, len, off);
	return leave(m, k->path, e);
}

static enum rc read_object(void *self, int handle, void *to, size_t len, uint64_t off, size_t *got,
			   struct err *e)
{
	struct storage_mem *m = self;
	struct kept *k = &m->object[handle];
	enum rc rc = enter(m, k->path, e);
	if (rc != OK)
		return rc;
	size_t left = off < k->len ? k->len - (size_t)off : 0;
	*got = len < left ? len : left;
	if (*got)
		memcpy(to, k->data + off, *got);
	return leave(m, k->path, e);
}

static enum rc sync_object(void *self, int handle, struct err *e)
{
	struct storage_mem *m = self;
	struct kept *k = &m->object[handle];
	enum rc rc = enter(m, k->path, e);
	if (rc != OK)
		return rc;
	k->synced = k->len;
	return leave(m, k->path, e);
}

static enum rc close_object(void *self, int *handle, struct err *e)
{
	struct storage_mem *m = self;
	const char *path = m->object[*handle].path;
	*handle = -1;
	enum rc rc = enter(m, path, e);
	return rc == OK ? leave(m, path, e) : rc;
}

/* --- for tests --- */
struct storage_mem *storage_mem_open(struct mem *names)
{
	struct storage_mem *m = malloc(sizeof *m);
	if (!m)
		return NULL;
	memset(m, 0, sizeof *m);
	mem_init(&m->own, 0);
	m->names = names;
	return m;
}

void storage_mem_close(struct storage_mem *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++) {
		mem_put(&m->own, m->object[i].path);
		mem_put(&m->own, m->object[i].data);
	}
	mem_put(&m->own, m->object);
	free(m);
}

uint64_t storage_mem_count(const struct storage_mem *m)
{
	return m->count;
}

void storage_mem_crash_at(struct storage_mem *m, uint64_t n, bool after)
{
	m->crash_at = n;
	m->crash_after = after;
}

bool storage_mem_crashed(const struct storage_mem *m)
{
	return m->crashed;
}

void storage_mem_crash(struct storage_mem *m, struct rng *r)
{
	for (size_t i = 0; i < m->n; i++) {
		struct kept *k = &m->object[i];
		if (k->there != k->durable)
			k->there = rng_below(r, 2);
		if (k->len > k->synced)
			k->len = k->synced + rng_below(r, k->len - k->synced + 1);
		k->durable = k->there;
		k->synced = k->len;
	}
	storage_mem_kill(m);
}

void storage_mem_kill(struct storage_mem *m)
{
	m->crashed = false;
	m->crash_at = m->fault_at = 0;
}

void storage_mem_fault_at(struct storage_mem *m, uint64_t n, enum rc code, bool after)
{
	m->fault_at = n;
	m->fault = code;
	m->fault_after = after;
}

enum rc storage_mem_flip(struct storage_mem *m, const char *path, uint64_t bit, struct err *e)
{
	struct kept *k = find(m, path);
	if (!k || bit / 8 >= k->len)
		return ERR(e, E_NOT_FOUND, "'%s' has no such bit", path);
	k->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	return OK;
}

struct storage storage_mem_at(struct storage_mem *m, const char *dir, const char *folder)
{
	static const struct storage_ops ops = {
		.name = "mem",
		.put = mem_put_object,
		.get = get_object,
		.list = list_objects,
		.remove = remove_object,
		.size = size_of,
		.settle = settle_folder,
		.harden = harden_object,
		.create = create_object,
		.open = open_object,
		.write = write_object,
		.read = read_object,
		.sync = sync_object,
		.close = close_object,
	};
	return (struct storage){&ops, m, dir, folder};
}
