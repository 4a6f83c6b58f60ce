/* fs_sim.c - planned crashes and faults, handles and the trace of the simulated file system. See
 * fs_sim.h; what each operation does is in fs_sim_ops.c, the disk itself in fs_sim_disk.c. */
#include "base/fs_sim_core.h"

#include "base/hash.h"

#include <string.h>

static enum rc crashed(struct op *o)
{
	if (o->e && o->e_is_ours)
		err_clear(o->e);
	return ERR(o->e, E_CRASHED, "%s '%s': crashed by a test at operation %llu", o->doing,
		   o->what, (unsigned long long)o->n);
}

static enum rc injected(struct op *o)
{
	o->s->faults++;
	return ERR(o->e, o->s->fault.code, "%s '%s': %s (by a test, at operation %llu)", o->doing,
		   o->what, err_says(o->s->fault.code), (unsigned long long)o->n);
}

static uint16_t kinds_of(const char *doing)
{
	static const struct {
		const char *doing;
		uint16_t kinds;
	} all[] = {
		{"create", FS_SIM_SPACE | FS_SIM_OPENS | FS_SIM_NAMES},
		{"open", FS_SIM_OPENS | FS_SIM_NAMES | FS_SIM_LOOKS},
		{"read", FS_SIM_LOOKS | FS_SIM_READS},
		{"write", FS_SIM_SPACE | FS_SIM_WRITES},
		{"truncate", 0},
		{"sync", FS_SIM_SPACE | FS_SIM_SYNCS},
		{"close", FS_SIM_CLOSES},
		{"fstat", FS_SIM_LOOKS},
		{"stat", FS_SIM_NAMES | FS_SIM_LOOKS},
		{"link", FS_SIM_SPACE | FS_SIM_NAMES | FS_SIM_LINKS},
		{"rename", FS_SIM_SPACE | FS_SIM_NAMES},
		{"unlink", FS_SIM_NAMES},
		{"rmdir", FS_SIM_NAMES},
		{"mkdir", FS_SIM_SPACE | FS_SIM_NAMES},
		{"sync_dir", FS_SIM_SPACE | FS_SIM_OPENS | FS_SIM_NAMES},
		{"list", FS_SIM_OPENS | FS_SIM_NAMES | FS_SIM_LOOKS},
		{"lock", FS_SIM_SPACE | FS_SIM_OPENS | FS_SIM_NAMES},
	};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!strcmp(all[i].doing, doing))
			return all[i].kinds;
	CHECK(false);
}

static bool is_hit(const struct fs_sim_fault *f, uint64_t n, unsigned kinds)
{
	return f->at && (f->at == n || (f->persistent && f->at < n)) && (!f->on || f->on & kinds);
}

static void begin_locked(struct op *o, const char *doing, const char *what, bool needs_space,
			 struct err *e)
{
	struct fs_sim *s = o->s;
	o->doing = doing;
	snprintf(o->what, sizeof o->what, "%s", what);
	o->n = s->aside ? 0 : ++s->ops;
	o->detail = 0;
	o->changes = needs_space;
	o->e = e;
	o->e_is_ours = e && e->code == OK;
	o->rc = OK;
	o->hit = false;
	if (s->aside) {
		o->rc = s->down ? crashed(o) : OK;
		return;
	}
	s->down |= s->crash_at == o->n;
	s->kinds = disk_grown(&s->disk, s->kinds, &s->kinds_cap, (size_t)o->n + 1, sizeof *s->kinds);
	s->kinds[o->n] = kinds_of(doing);
	o->hit = is_hit(&s->fault, o->n, s->kinds[o->n]);
	if (s->down)
		o->rc = crashed(o);
	else if (o->hit && s->fault.how == FAULT_FAILS)
		o->rc = injected(o);
}

void op_begin(struct op *o, struct fs *fs, const char *doing, const char *what,
	      bool needs_space, struct err *e)
{
	o->s = sim_of(fs);
	lock_take(&o->s->lock);
	begin_locked(o, doing, what, needs_space, e);
}

enum rc op_end(struct op *o)
{
	struct fs_sim *s = o->s;
	enum rc rc = o->rc;
	if (!o->n) {
		lock_drop(&s->lock);
		return rc;
	}
	if (s->crash_after == o->n && !s->down) {
		s->down = true;
		o->rc = crashed(o);
	}
	if (o->hit && s->fault.how == FAULT_AFTER && o->rc == OK)
		o->rc = injected(o);
	uint64_t facts[] = {s->trace_hash, o->n, hash_bytes(o->doing, strlen(o->doing)),
			    hash_bytes(o->what, strlen(o->what)), o->detail, (uint64_t)o->rc};
	s->trace_hash = hash_bytes(facts, sizeof facts);
	s->changed = disk_grown(&s->disk, s->changed, &s->changed_cap, (size_t)o->n + 1, 1);
	s->changed[o->n] = o->changes;
	if (s->trace)
		fprintf(s->trace, "%6llu %-8s %s %s\n", (unsigned long long)o->n, o->doing, o->what,
			o->rc == OK ? "" : err_name(o->rc));
	rc = o->rc;
	lock_drop(&s->lock);
	return rc;
}

void op_fail(struct op *o, int errnum)
{
	if (o->rc == OK)
		o->rc = err_errno(o->e, errnum, "%s '%s'", o->doing, o->what);
}

void op_did(const struct op *o, enum fs_sim_did did, const char *to, const struct inode *f,
	    uint64_t off, uint64_t len)
{
	if (o->s->watch)
		o->s->watch(o->s->watch_arg, &(struct fs_sim_change){
			.did = did, .n = o->n, .host = o->s->host, .path = o->what, .to = to,
			.ino = f ? f->ino : 0, .off = off, .len = len});
}

bool op_is_told(const struct op *o)
{
	return !o->n || (o->s->crash_after != o->n && !(o->hit && o->s->fault.how == FAULT_AFTER));
}

bool op_is_short(struct op *o)
{
	bool cut = o->rc == OK && o->hit && o->s->fault.how == FAULT_SHORT;
	o->s->faults += cut;
	return cut;
}

int64_t op_now_us(const struct op *o)
{
	return (int64_t)o->n;
}

/* Handles. */

static struct handle *handle_find(struct fs_sim *s, int fd)
{
	for (size_t i = 0; i < s->handles_n; i++)
		if (s->handle[i].fd == fd)
			return &s->handle[i];
	CHECK(fd > 0 && fd < s->first_fd_now); /* else: used after close, or never opened */
	return NULL;
}

int sim_handle_add(struct fs_sim *s, struct inode *f, const char *path, bool writes, bool locks)
{
	s->handle = disk_grown(&s->disk, s->handle, &s->handles_cap, s->handles_n + 1,
			       sizeof *s->handle);
	struct handle *h = &s->handle[s->handles_n++];
	*h = (struct handle){.fd = ++s->last_fd, .ino = f->ino, .host = s->host, .writes = writes,
			     .locks = locks};
	snprintf(h->path, sizeof h->path, "%s", path);
	f->handles++;
	return h->fd;
}

void sim_handle_drop(struct fs_sim *s, struct handle *h)
{
	struct inode *f = disk_inode(&s->disk, h->ino);
	disk_release(&s->disk, f);
	*h = s->handle[--s->handles_n];
}

bool sim_is_locked(const struct fs_sim *s, const struct inode *f)
{
	for (size_t i = 0; i < s->handles_n; i++)
		if (s->handle[i].locks && s->handle[i].ino == f->ino && s->handle[i].host == s->host)
			return true;
	return false;
}

void op_begin_fd(struct op *o, struct fs *fs, const char *doing, int fd, bool needs_space,
		 struct handle **h, struct inode **f, struct err *e)
{
	o->s = sim_of(fs);
	lock_take(&o->s->lock);
	*h = handle_find(o->s, fd);
	*f = *h ? disk_inode(&o->s->disk, (*h)->ino) : NULL;
	begin_locked(o, doing, *h ? (*h)->path : "(opened before the crash)", needs_space, e);
	if (!*h && o->rc == OK)
		o->rc = crashed(o);
}

/* What tests hold in their hands. */

enum rc fs_sim_open(struct fs_sim **out, struct mem *mem, struct err *e)
{
	struct fs_sim *s = *out = mem_get_aligned(mem, _Alignof(struct fs_sim), sizeof *s);
	if (!s)
		return ERR(e, E_NO_MEMORY, "a simulated disk");
	memset(s, 0, sizeof *s);
	s->fs.ops = &fs_sim_ops;
	s->fs.mem = mem;
	lock_init(&s->lock);
	disk_init(&s->disk);
	return OK;
}

void fs_sim_close(struct fs_sim **out)
{
	struct fs_sim *s = *out;
	*out = NULL;
	if (!s)
		return;
	mem_put(&s->disk.mem, s->handle);
	mem_put(&s->disk.mem, s->changed);
	mem_put(&s->disk.mem, s->kinds);
	disk_close(&s->disk);
	lock_close(&s->lock);
	mem_put(s->fs.mem, s);
}

struct fs *fs_sim_fs(struct fs_sim *s)
{
	return &s->fs;
}

uint64_t fs_sim_count(const struct fs_sim *s)
{
	return s->ops;
}

bool fs_sim_was_change(const struct fs_sim *s, uint64_t n)
{
	return n && n <= s->ops && s->changed[n];
}

void fs_sim_crash_at(struct fs_sim *s, uint64_t n)
{
	s->crash_at = n;
}

void fs_sim_crash_after(struct fs_sim *s, uint64_t n)
{
	s->crash_after = n;
}

bool fs_sim_crashed(const struct fs_sim *s)
{
	return s->down;
}

/* These processes are dead; nothing that was planned for them concerns the next. */
static void forget_processes(struct fs_sim *s, bool all)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->handles_n; i++)
		if (!all && s->handle[i].host != s->host)
			s->handle[kept++] = s->handle[i];
		else
			disk_inode(&s->disk, s->handle[i].ino)->handles--;
	s->handles_n = kept;
	disk_collect(&s->disk);
	s->first_fd_now = s->last_fd + 1;
	s->crash_at = s->crash_after = 0;
	s->fault = (struct fs_sim_fault){0};
	s->down = false;
}

void fs_sim_crash(struct fs_sim *s, struct rng *r)
{
	struct disk_chance chance;
	lock_take(&s->lock);
	disk_chance_init(&chance, &s->disk, r);
	disk_power_cut(&s->disk, &chance.chooser);
	forget_processes(s, true);
	disk_check(&s->disk);
	lock_drop(&s->lock);
}

void fs_sim_kill(struct fs_sim *s)
{
	lock_take(&s->lock);
	forget_processes(s, false);
	disk_check(&s->disk);
	lock_drop(&s->lock);
}

unsigned fs_sim_kinds(const struct fs_sim *s, uint64_t n)
{
	return n && n <= s->ops ? s->kinds[n] : 0;
}

void fs_sim_fault(struct fs_sim *s, const struct fs_sim_fault *f)
{
	s->fault = *f;
}

void fs_sim_fault_at(struct fs_sim *s, uint64_t n, enum rc code, bool persistent)
{
	s->fault = (struct fs_sim_fault){.at = n, .code = code, .persistent = persistent,
					 .on = code == E_NO_SPACE ? FS_SIM_SPACE : 0};
}

void fs_sim_fault_after(struct fs_sim *s, uint64_t n, enum rc code)
{
	s->fault = (struct fs_sim_fault){.at = n, .code = code, .how = FAULT_AFTER};
}

uint64_t fs_sim_faults(const struct fs_sim *s)
{
	return s->faults;
}

bool fs_sim_is_doubtful(struct fs_sim *s, const char *path)
{
	const struct inode *f = disk_find(&s->disk, path);
	return f && disk_is_doubtful(f);
}

uint64_t fs_sim_trusted_doubtful(const struct fs_sim *s)
{
	return s->trusted_doubtful;
}

void fs_sim_capacity(struct fs_sim *s, uint64_t bytes)
{
	s->disk.capacity_bytes = bytes;
}

uint64_t fs_sim_used_bytes(const struct fs_sim *s)
{
	return disk_used_bytes(&s->disk);
}

enum rc fs_sim_flip(struct fs_sim *s, const char *path, uint64_t bit, struct err *e)
{
	struct inode *f = disk_find(&s->disk, path);
	if (!f || f->kind != FS_FILE)
		return ERR(e, E_NOT_FOUND, "flip: no file '%s'", path);
	if (bit / 8 >= f->now.size)
		return ERR(e, E_INVALID, "flip: '%s' has %zu bytes", path, f->now.size);
	uint8_t mask = (uint8_t)(1u << bit % 8);
	f->now.data[bit / 8] ^= mask;
	if (bit / 8 < f->safe.size)
		f->safe.data[bit / 8] ^= mask;
	return OK;
}

void fs_sim_host(struct fs_sim *s, uint32_t host)
{
	s->host = host;
}

uint64_t fs_sim_trace_hash(const struct fs_sim *s)
{
	return s->trace_hash;
}

void fs_sim_trace(struct fs_sim *s, FILE *to)
{
	s->trace = to;
}

void fs_sim_watch(struct fs_sim *s, void (*fn)(void *arg, const struct fs_sim_change *c), void *arg)
{
	s->watch = fn;
	s->watch_arg = arg;
}

bool fs_sim_peek(struct fs_sim *s, const char *path, struct fs_sim_look *l)
{
	char name[DISK_NAME];
	struct inode *dir = disk_find_parent(&s->disk, path, name);
	struct inode *f = dir ? disk_child(&s->disk, dir, name) : NULL;
	if (!f || f->kind != FS_FILE)
		return false;
	*l = (struct fs_sim_look){.data = f->now.data, .size = f->now.size, .ino = f->ino,
				  .content_is_safe = disk_is_synced(f),
				  .name_is_safe = !disk_is_pending(&s->disk, dir, name)};
	return true;
}

void fs_sim_aside(struct fs_sim *s, bool aside)
{
	s->aside = aside;
}
