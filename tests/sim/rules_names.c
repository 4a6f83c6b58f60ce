/* rules_names.c - the names that were ever used in a job's directory and its output's folder:
 * whose they are, whether a power cut takes them, and that none is used twice (inv 11). See
 * rules_in.h. */
#include "tests/sim/rules_in.h"

#include "base/hash.h"

static bool under(const char *path, const char *dir, const char *folder, const char **rest)
{
	size_t n = strlen(dir), k = strlen(folder);
	if (strncmp(path, dir, n) || path[n] != '/' || strncmp(path + n + 1, folder, k))
		return false;
	*rest = path + n + 1 + k;
	return true;
}

enum place place_of(const struct rules *r, const char *path, uint64_t *number)
{
	const char *rest;
	uint64_t ignored;
	if (under(path, r->w->dir, "manifest/", &rest))
		return layout_slot_parse(rest, number ? number : &ignored) ? SLOT : TEMPORARY;
	if (under(path, r->w->dir, "parts/", &rest))
		return PART;
	if (under(path, r->w->dir, "audit/", &rest))
		return AUDIT;
	if (under(path, r->w->out, ".weir-pending/", &rest))
		return PENDING;
	if (under(path, r->w->out, "all.csv", &rest))
		return SINGLE;
	if (under(path, r->w->out, "", &rest) && rest[0] != '.')
		return FINAL;
	return ELSEWHERE;
}

static size_t place_in(const struct rules *r, const char *path)
{
	size_t at = hash_bytes(path, strlen(path)) & (r->n_places - 1);
	while (r->place[at] && strcmp(r->name[r->place[at] - 1].path, path))
		at = (at + 1) & (r->n_places - 1);
	return at;
}

struct name *name_find(const struct rules *r, const char *path)
{
	uint32_t i = r->place[place_in(r, path)];
	return i ? &r->name[i - 1] : NULL;
}

static void names_grow(struct rules *r)
{
	if (r->n_names < r->n_places / 2)
		return;
	free(r->place);
	r->n_places *= 2;
	r->place = calloc(r->n_places, sizeof *r->place);
	for (size_t i = 0; i < r->n_names; i++)
		r->place[place_in(r, r->name[i].path)] = (uint32_t)i + 1;
}

static void *grown(void *p, size_t *cap, size_t need, size_t one_bytes)
{
	if (need <= *cap)
		return p;
	*cap = need < 64 ? 64 : 2 * need;
	p = realloc(p, *cap * one_bytes);
	CHECK(p);
	return p;
}

/* Of an epoch that nobody has yet: who begins it removes what another left of his try. */
static bool is_a_try(const struct rules *r, const char *path)
{
	const char *rest;
	uint64_t epoch, seq;
	return under(path, r->w->dir, "manifest/", &rest) &&
	       layout_temporary_parse(rest, &epoch, &seq) && epoch > r->fence;
}

/* inv 11: a name belongs to one file for ever. */
struct name *name_take(struct rules *r, const char *path, uint64_t ino)
{
	struct name *x = name_find(r, path);
	if (x && x->ino && x->ino != ino && !(x->gone && is_a_try(r, path)))
		world_fail(r->w, "inv 11: the name '%s' is used again, for another file", path);
	if (!x) {
		names_grow(r);
		r->name = grown(r->name, &r->names_cap, r->n_names + 1, sizeof *r->name);
		x = &r->name[r->n_names++];
		*x = (struct name){0};
		snprintf(x->path, sizeof x->path, "%s", path);
		r->place[place_in(r, path)] = (uint32_t)r->n_names;
	}
	x->sealed &= x->ino == ino;
	x->ino = ino;
	x->gone = false;
	if (!x->safe) {
		r->fresh = grown(r->fresh, &r->fresh_cap, r->n_fresh + 1, sizeof *r->fresh);
		r->fresh[r->n_fresh++] = (size_t)(x - r->name);
	}
	return x;
}

void name_gone(struct rules *r, const char *path)
{
	struct name *x = name_find(r, path);
	if (x)
		x->gone = true;
}

/* Some folder was synced. */
void names_look(struct rules *r)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->n_fresh; i++) {
		struct name *x = &r->name[r->fresh[i]];
		struct fs_sim_look l;
		if (x->ino && !x->gone)
			x->safe = fs_sim_peek(r->w->disk, x->path, &l) && l.name_is_safe;
		if (!x->safe && x->ino)
			r->fresh[kept++] = r->fresh[i];
	}
	r->n_fresh = kept;
}

void names_cut(struct rules *r)
{
	struct fs_sim_look l;
	for (size_t i = 0; i < r->n_names; i++) {
		struct name *x = &r->name[i];
		bool there = fs_sim_peek(r->w->disk, x->path, &l);
		if (!there && x->safe && !x->gone && x->ino)
			world_fail(r->w, "'%s' was safe and is gone", x->path);
		if (there)
			x->safe = true;
		else if (!x->safe)
			x->ino = 0;
		x->gone = !there;
		x->kept_by = 0;
	}
	r->n_fresh = 0;
}

void names_open(struct rules *r)
{
	r->n_places = 256;
	r->place = calloc(r->n_places, sizeof *r->place);
}

void names_close(struct rules *r)
{
	free(r->fresh);
	free(r->place);
	free(r->name);
}
