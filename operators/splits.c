/* splits.c - see splits.h. */
#include "operators/splits.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- the cut: frozen, states depend on it ---- */

uint32_t split_count(uint64_t bound, uint32_t max_parallelism)
{
	uint64_t n = bound / SPLIT_BYTES_MIN;
	n = n < max_parallelism ? n : max_parallelism;
	return n ? (uint32_t)n : 1;
}

uint64_t split_start(uint64_t bound, uint32_t n, uint32_t k)
{
	return (uint64_t)((unsigned __int128)bound * k / n);
}

uint32_t split_at(uint64_t bound, uint32_t n, uint64_t offset)
{
	CHECK(offset < bound);
	uint32_t k = (uint32_t)((unsigned __int128)offset * n / bound);
	while (k + 1 < n && split_start(bound, n, k + 1) <= offset)
		k++;
	while (split_start(bound, n, k) > offset)
		k--;
	return k;
}

/* ---- the list ---- */

void splits_init(struct splits *s, struct mem *mem, uint32_t max_parallelism)
{
	*s = (struct splits){.mem = mem, .max_parallelism = max_parallelism};
}

void splits_close(struct splits *s)
{
	for (uint32_t i = 0; i < s->n_files; i++)
		mem_put(s->mem, s->file[i].path);
	mem_put(s->mem, s->file);
	mem_put(s->mem, s->run);
	mem_put(s->mem, s->pattern);
	splits_init(s, s->mem, s->max_parallelism);
}

RC splits_set_pattern(struct splits *s, const char *pattern, struct err *e)
{
	mem_put(s->mem, s->pattern);
	s->pattern = mem_string(s->mem, pattern);
	return s->pattern ? OK : ERR(e, E_NO_MEMORY, "no memory for a list of files");
}

static bool array_room(struct mem *mem, void **array, uint32_t n, uint32_t *cap, size_t size)
{
	if (n < *cap)
		return true;
	uint32_t more = *cap ? *cap * 2 : 16;
	void *grown = mem_resize(mem, *array, more * size);
	if (!grown)
		return false;
	*array = grown;
	*cap = more;
	return true;
}

RC splits_add_file(struct splits *s, const char *path, uint64_t bound, uint32_t *index,
		   struct err *e)
{
	char *copy = mem_string(s->mem, path);
	if (!copy ||
	    !array_room(s->mem, (void **)&s->file, s->n_files, &s->files_cap, sizeof *s->file)) {
		mem_put(s->mem, copy);
		return ERR(e, E_NO_MEMORY, "no memory for a list of files");
	}
	*index = s->n_files++;
	s->file[*index] = (struct split_file){
		.path = copy, .bound = bound, .splits = split_count(bound, s->max_parallelism)};
	return OK;
}

RC splits_add_run(struct splits *s, const struct split_run *r, struct err *e)
{
	CHECK(r->file < s->n_files && r->first < r->end && r->end <= s->file[r->file].splits);
	if (!array_room(s->mem, (void **)&s->run, s->n_runs, &s->runs_cap, sizeof *s->run))
		return ERR(e, E_NO_MEMORY, "no memory for a list of files");
	s->run[s->n_runs++] = *r;
	return OK;
}

uint64_t splits_left(const struct splits *s)
{
	uint64_t left = 0;
	for (uint32_t i = 0; i < s->n_runs; i++)
		left += run_end(s, &s->run[i]) - run_begin(s, &s->run[i]);
	return left;
}

/* ---- settling ---- */

static int by_path(const void *a, const void *b, void *files)
{
	const struct split_file *f = files;
	return strcmp(f[*(const uint32_t *)a].path, f[*(const uint32_t *)b].path);
}

static int by_place(const void *a, const void *b)
{
	const struct split_run *x = a, *y = b;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static RC file_unite(struct split_file *into, const struct split_file *f, struct err *e)
{
	if (into->bound != f->bound || (into->has_head && f->has_head && into->head != f->head))
		return ERR(e, E_CORRUPT, "two states of a source disagree about '%s'", f->path);
	if (f->has_head) {
		into->has_head = true;
		into->head = f->head;
	}
	return OK;
}

/* Files in the order of their paths, each path once; runs follow them. order and number: scratch.
 * */
static RC files_settle(struct splits *s, uint32_t *order, uint32_t *number,
		       struct split_file *sorted, struct err *e)
{
	for (uint32_t i = 0; i < s->n_files; i++)
		order[i] = i;
	qsort_r(order, s->n_files, sizeof *order, by_path, s->file);
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->n_files; i++) {
		struct split_file *f = &s->file[order[i]];
		if (n && !strcmp(sorted[n - 1].path, f->path)) {
			if (file_unite(&sorted[n - 1], f, e) != OK)
				return e->code;
		} else {
			sorted[n++] = *f;
		}
		number[order[i]] = n - 1;
	}
	/* From here on nothing fails: paths that are in sorted[] move, the others go. */
	for (uint32_t i = 0; i < s->n_files; i++)
		if (sorted[number[i]].path != s->file[i].path)
			mem_put(s->mem, s->file[i].path);
	for (uint32_t i = 0; i < s->n_runs; i++)
		s->run[i].file = number[s->run[i].file];
	memcpy(s->file, sorted, n * sizeof *sorted);
	s->n_files = n;
	return OK;
}

static RC runs_settle(struct splits *s, struct err *e)
{
	if (!s->n_runs)
		return OK;
	qsort(s->run, s->n_runs, sizeof *s->run, by_place);
	uint32_t n = 1;
	for (uint32_t i = 1; i < s->n_runs; i++) {
		struct split_run *last = &s->run[n - 1], *r = &s->run[i];
		if (last->file == r->file && last->end > r->first)
			return ERR(e, E_CORRUPT, "two states of a source hold the same part of '%s'",
				   s->file[r->file].path);
		if (last->file == r->file && last->end == r->first && !r->next)
			last->end = r->end;
		else
			s->run[n++] = *r;
	}
	s->n_runs = n;
	return OK;
}

RC splits_settle(struct splits *s, struct err *e)
{
	if (!s->n_files)
		return OK;
	uint32_t *order = mem_get(s->mem, s->n_files * sizeof *order);
	uint32_t *number = mem_get(s->mem, s->n_files * sizeof *number);
	struct split_file *sorted = mem_get(s->mem, s->n_files * sizeof *sorted);
	enum rc rc;
	if (!order || !number || !sorted)
		rc = ERR(e, E_NO_MEMORY, "no memory for a list of files");
	else
		rc = files_settle(s, order, number, sorted, e);
	mem_put(s->mem, order);
	mem_put(s->mem, number);
	mem_put(s->mem, sorted);
	return rc == OK ? runs_settle(s, e) : rc;
}

/* ---- assignment ---- */

/* Walks all remaining splits in order and says whose each is: the subtask in whose share of the
 * bytes the split's middle lies. */
struct sharing {
	uint64_t total, before;
	uint32_t parallelism;
};

static uint32_t share_next(struct sharing *h, uint64_t bytes)
{
	uint64_t middle = h->before + bytes / 2;
	h->before += bytes;
	uint32_t s = (uint32_t)((unsigned __int128)middle * h->parallelism / (h->total ? h->total : 1));
	return s < h->parallelism ? s : h->parallelism - 1;
}

/* The part of run r that belongs to the subtask, if any; h moves behind r. Assigned splits are
 * neighbours because share_next never goes back. */
static bool share_of_run(const struct splits *s, const struct split_run *r, struct sharing *h,
			 uint32_t subtask, struct split_run *part)
{
	const struct split_file *f = &s->file[r->file];
	*part = (struct split_run){.file = r->file};
	for (uint32_t k = r->first; k < r->end; k++) {
		uint64_t from = k == r->first ? run_begin(s, r) : split_start(f->bound, f->splits, k);
		if (share_next(h, split_start(f->bound, f->splits, k + 1) - from) != subtask)
			continue;
		if (!part->end) {
			part->first = k;
			part->next = k == r->first ? r->next : 0;
			part->tail = k == r->first ? r->tail : 0;
		}
		part->end = k + 1;
	}
	return part->end != 0;
}

/* How many subtasks get anything. */
static uint32_t sharers_count(const struct splits *s, uint32_t parallelism)
{
	struct sharing h = {.total = splits_left(s), .parallelism = parallelism};
	uint32_t n = 0, last = UINT32_MAX;
	for (uint32_t i = 0; i < s->n_runs; i++) {
		const struct split_run *r = &s->run[i];
		const struct split_file *f = &s->file[r->file];
		for (uint32_t k = r->first; k < r->end; k++) {
			uint64_t from = k == r->first ? run_begin(s, r)
						      : split_start(f->bound, f->splits, k);
			uint32_t owner =
				share_next(&h, split_start(f->bound, f->splits, k + 1) - from);
			n += owner != last;
			last = owner;
		}
	}
	return n;
}

RC splits_assign(const struct splits *s, uint32_t subtask, uint32_t parallelism, struct splits *to,
		 struct err *e)
{
	struct sharing h = {.total = splits_left(s), .parallelism = parallelism};
	to->max_parallelism = s->max_parallelism;
	to->sharers = sharers_count(s, parallelism);
	if (s->pattern && splits_set_pattern(to, s->pattern, e) != OK)
		return e->code;
	uint32_t last = UINT32_MAX;
	to->total = subtask || s->total < h.total ? 0 : s->total - h.total;
	for (uint32_t i = 0; i < s->n_runs; i++) {
		struct split_run part;
		if (!share_of_run(s, &s->run[i], &h, subtask, &part))
			continue;
		const struct split_file *f = &s->file[part.file];
		uint32_t number = to->n_files - 1;
		if (part.file != last) {
			if (splits_add_file(to, f->path, f->bound, &number, e) != OK)
				return e->code;
			to->file[number].has_head = f->has_head;
			to->file[number].head = f->head;
		}
		last = part.file;
		part.file = number;
		if (splits_add_run(to, &part, e) != OK)
			return e->code;
	}
	to->total += splits_left(to);
	return OK;
}

/* ---- the state ---- */

enum { SPLIT_HAS_HEAD = 1 };

static uint32_t common_prefix(const char *a, const char *b)
{
	uint32_t n = 0;
	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static void file_encode(const struct splits *s, uint32_t from, uint32_t end, const char *before,
			struct bytes *to)
{
	const struct split_file *f = &s->file[s->run[from].file];
	uint32_t shared = common_prefix(before, f->path);
	size_t rest = strlen(f->path) - shared;
	bytes_put_u16(to, (uint16_t)shared);
	bytes_put_u16(to, (uint16_t)rest);
	bytes_put(to, f->path + shared, rest);
	bytes_put_u64(to, f->bound);
	bytes_put_u8(to, f->has_head ? SPLIT_HAS_HEAD : 0);
	if (f->has_head)
		bytes_put_u64(to, f->head);
	bytes_put_u32(to, end - from);
	for (uint32_t i = from; i < end; i++) {
		const struct split_run *r = &s->run[i];
		bytes_put_u32(to, r->first);
		bytes_put_u32(to, r->end);
		bytes_put_u64(to, r->next);
		if (r->next)
			bytes_put_u64(to, r->tail);
	}
}

void splits_encode(const struct splits *s, uint32_t from, struct bytes *to)
{
	const char *pattern = s->pattern ? s->pattern : "";
	uint32_t n_files = 0;
	for (uint32_t i = from; i < s->n_runs; i++)
		n_files += i == from || s->run[i].file != s->run[i - 1].file;
	bytes_put_u32(to, SPLITS_VERSION);
	bytes_put_u32(to, s->max_parallelism);
	bytes_put_u32(to, s->sharers);
	bytes_put_u64(to, s->total);
	bytes_put_u32(to, n_files);
	bytes_put_u16(to, (uint16_t)strlen(pattern));
	bytes_put_text(to, pattern);
	const char *before = "";
	for (uint32_t i = from, end; i < s->n_runs; i = end) {
		for (end = i + 1; end < s->n_runs && s->run[end].file == s->run[i].file;)
			end++;
		file_encode(s, i, end, before, to);
		before = s->file[s->run[i].file].path;
	}
}

/* Paths are bounded by those of the system (4096 with the NUL). */
enum { PATH_BYTES = 4096 };

static bool text_take(struct reader *r, char *to, size_t shared, size_t len)
{
	const uint8_t *p = reader_take(r, len);
	if (!p || shared + len >= PATH_BYTES || memchr(p, '\0', len))
		return false;
	memcpy(to + shared, p, len);
	to[shared + len] = '\0';
	return true;
}

static bool run_take(struct reader *r, const struct split_file *f, struct split_run *run)
{
	run->first = reader_u32(r);
	run->end = reader_u32(r);
	run->next = reader_u64(r);
	run->tail = run->next ? reader_u64(r) : 0;
	if (r->failed || run->first >= run->end || run->end > f->splits)
		return false;
	return !run->next || (run->next > split_start(f->bound, f->splits, run->first) &&
			      run->next < split_start(f->bound, f->splits, run->first + 1));
}

static RC file_decode(struct splits *to, struct reader *r, char *path, struct err *e)
{
	uint16_t shared = reader_u16(r), rest = reader_u16(r);
	if (shared > strlen(path) || !text_take(r, path, shared, rest))
		return ERR(e, E_CORRUPT, "a source's state has a torn path");
	uint64_t bound = reader_u64(r);
	uint8_t flags = reader_u8(r);
	uint64_t head = flags & SPLIT_HAS_HEAD ? reader_u64(r) : 0;
	uint32_t n_runs = reader_u32(r), number;
	if (r->failed || flags & ~SPLIT_HAS_HEAD)
		return ERR(e, E_CORRUPT, "a source's state has a torn file");
	if (splits_add_file(to, path, bound, &number, e) != OK)
		return e->code;
	to->file[number].has_head = flags & SPLIT_HAS_HEAD;
	to->file[number].head = head;
	for (uint32_t i = 0; i < n_runs; i++) {
		struct split_run run = {.file = number};
		if (!run_take(r, &to->file[number], &run))
			return ERR(e, E_CORRUPT, "a source's state has a torn split of '%s'", path);
		if (splits_add_run(to, &run, e) != OK)
			return e->code;
	}
	return OK;
}

RC splits_decode(struct splits *to, const void *state, size_t len, struct err *e)
{
	struct reader r = reader_of(state, len);
	char path[PATH_BYTES] = "";
	uint32_t version = reader_u32(&r);
	if (!r.failed && (!version || version > SPLITS_VERSION))
		return ERR(e, E_REFUSED, "a source's state has version %" PRIu32 ", this weir reads %d",
			   version, SPLITS_VERSION);
	uint32_t max_parallelism = reader_u32(&r);
	uint32_t sharers = reader_u32(&r);
	uint64_t total = version > 1 ? reader_u64(&r) : 0, left = splits_left(to);
	uint32_t n_files = reader_u32(&r);
	uint16_t pattern_len = reader_u16(&r);
	if (r.failed || !text_take(&r, path, 0, pattern_len))
		return ERR(e, E_CORRUPT, "a source's state is torn");
	if (max_parallelism != to->max_parallelism)
		return ERR(e, E_REFUSED,
			   "max_parallelism was %" PRIu32 " when the source was cut into splits, and is "
			   "%" PRIu32 " now",
			   max_parallelism, to->max_parallelism);
	to->sharers = sharers;
	if (splits_set_pattern(to, path, e) != OK)
		return e->code;
	path[0] = '\0';
	for (uint32_t i = 0; i < n_files; i++)
		if (file_decode(to, &r, path, e) != OK)
			return e->code;
	left = splits_left(to) - left;
	to->total += total > left ? total : left;
	return reader_left(&r) ? ERR(e, E_CORRUPT, "a source's state is longer than it says") : OK;
}
